/* SPDX-License-Identifier: Apache-2.0 */
/* merge --continue and --abort, and what status shows of a merge. */
#include "repo/merge_state.h"
#include "repo/rewind.h"

#include "base/file.h"

/* ---- going on ---- */

struct remarking {
	struct st_marked *v;
	size_t n, cap;
	struct st_arena arena;
};

static int keep_text(void *arg, const char *path, const struct st_buf *text, struct st_err *e)
{
	struct remarking *k = arg;
	struct st_marked *x;
	int rc = st_grow(&k->v, &k->cap, k->n + 1, e);

	if (rc != ST_OK)
		return rc;
	x = &k->v[k->n++];
	*x = (struct st_marked){ .path = st_arena_dup(&k->arena, path, strlen(path), e) };
	st_buf_init(&x->text, text->max);
	return x->path ? st_buf_add(&x->text, text->p, text->len, e) : (int)e->code;
}

static bool is_marked(void *arg, const char *path)
{
	const struct st_merge_desc *d = arg;

	for (size_t i = 0; i < d->nitems; i++)
		if (!d->items[i].name_len && !d->items[i].how &&
		    strcmp(d->items[i].path, path) == 0)
			return true;
	return false;
}

/* The texts with markers that the step was to write. */
static int mark_again(struct st_repo *r, struct st_merging *m, struct remarking *k,
		      struct st_err *e)
{
	struct st_weave w = { .r = r,
			      .d = &m->d,
			      .wanted = is_marked,
			      .wanted_arg = &m->d,
			      .marked = keep_text,
			      .marked_arg = k };
	int rc = st_weave_init(&w, e);

	if (rc == ST_OK)
		rc = st_weave_run(&w, e);
	st_weave_release(&w);
	return rc;
}

/* A step that was cut off is done over: what it was to make of the index is stored. What somebody
 * wrote into its files since is not. */
static int go_on(struct st_txn *t, struct st_merging *m, struct st_err *e)
{
	bool first = st_oid_eq(&t->index.tree, &m->before);
	struct st_step_files f = { .how = "move them away, or 'strata restore' those that this "
					  "branch has; then 'strata merge --continue' goes on" };
	struct remarking k = { 0 };
	strata_checkout_result res = { 0 };
	struct st_index target;
	struct st_map looked;
	char why[40];
	int rc;

	st_merging_why(m, ST_MERGE_BEGUN, NULL, why, sizeof(why));
	st_arena_init(&k.arena);
	st_index_init(&target);
	st_map_init(&looked);
	rc = st_rewind_index(t->r, &m->after, &target, e);
	if (rc == ST_OK && first)
		rc = mark_again(t->r, m, &k, e);
	if (rc == ST_OK)
		rc = st_marked_look(t->r, &t->index, k.v, k.n, e);
	if (rc == ST_OK)
		rc = st_marked_own(t->r, m, &t->index, NULL, &looked, &f.also, &f.nalso, e);
	f.marked = k.v;
	f.nmarked = k.n;
	if (rc == ST_OK)
		rc = st_merge_step(t, m, &target, &f, first ? why : "resolve", &res, e);
	for (size_t i = 0; i < k.n; i++)
		st_buf_release(&k.v[i].text);
	free(k.v);
	free(f.also);
	st_map_release(&looked);
	st_arena_release(&k.arena);
	st_index_release(&target);
	return rc;
}

struct ending { /* of the merge under way */
	struct st_txn t;
	struct st_merging m;
	bool there;
};

/* To be closed after a failure too. */
static int open_merge(struct ending *x, struct st_repo *r, struct st_err *e)
{
	int rc = st_txn_begin(&x->t, r, "merge", e);

	if (rc == ST_OK)
		rc = st_txn_index(&x->t, e);
	if (rc == ST_OK)
		rc = st_merging_load(r, &x->m, &x->there, e);
	if (rc == ST_OK && !x->there)
		rc = st_merging_none(e);
	if (rc == ST_OK)
		x->t.op.verb = x->t.op.why = st_merging_kind_name(x->m.kind);
	return rc;
}

static void close_merge(struct ending *x)
{
	st_txn_end(&x->t);
	if (x->there)
		st_merging_release(&x->m);
}

static int finish_step(struct st_repo *r, struct st_err *e)
{
	struct ending x = { .there = false };
	int rc = open_merge(&x, r, e);

	if (rc == ST_OK && x.m.aborting)
		rc = st_merging_whole(&x.m, &x.t.index, e);
	else if (rc == ST_OK && st_merging_cut(&x.m, &x.t.index))
		rc = go_on(&x.t, &x.m, e);
	close_merge(&x);
	return rc;
}

int st_verb_merge_continue(struct st_repo *r, const strata_merge_options *o,
			   strata_commit_result *res, struct st_err *e)
{
	int rc = finish_step(r, e);

	return rc == ST_OK ? st_merge_commit(r, o, res, e) : rc;
}

/* ---- going back ---- */

static int name_files(struct st_step_files *f, const struct st_merging *m, struct st_err *e)
{
	f->also = st_calloc(m->d.nitems, sizeof(*f->also), e);
	f->left = f->also ? st_calloc(m->nstaged, sizeof(*f->left), e) : NULL;
	if (!f->left)
		return e->code;
	for (size_t i = 0; i < m->d.nitems; i++)
		if (!f->nalso || strcmp(f->also[f->nalso - 1].path, m->d.items[i].path) != 0)
			f->also[f->nalso++].path = m->d.items[i].path;
	return ST_OK;
}

/* Files that only hands staged, before the last step too: until then the merge had left them as
 * they are in `target`. */
static void name_left(struct st_step_files *f, const struct st_merging *m,
		      const struct st_index *target)
{
	for (size_t i = 0; i < m->nstaged; i++) {
		const struct st_merge_staged *s = &m->staged[i];
		const struct st_stage_row *row = st_index_find(target, s->path, s->path_len, NULL);

		if (row ? st_oid_eq(&row->id, &s->id) && (!s->has_mode || s->mode == row->mode) :
			  st_oid_is_zero(&s->id))
			f->left[f->nleft++] = s->path;
	}
}

static int take_back(struct st_txn *t, struct st_merging *m, strata_checkout_result *res,
		     struct st_err *e)
{
	struct st_step_files f = { .force = true, .last = true };
	struct st_index target, cut;
	char why[40];
	int rc = name_files(&f, m, e);

	st_index_init(&target);
	st_index_init(&cut);
	if (rc == ST_OK)
		rc = st_rewind_index(t->r, &m->before, &target, e);
	if (rc == ST_OK)
		rc = st_rewind_index(t->r, &m->after, &cut, e);
	if (rc == ST_OK)
		name_left(&f, m, &target);
	if (rc == ST_OK && st_merging_cut(m, &t->index))
		f.cut = &cut;
	else
		f.made = &cut;
	m->aborting = true;
	st_merging_why(m, ST_MERGE_ABORT, NULL, why, sizeof(why));
	if (rc == ST_OK)
		rc = st_merge_step(t, m, &target, &f, why, res, e);
	if (rc == ST_OK)
		rc = st_merging_drop(t->r, e);
	st_index_release(&cut);
	st_index_release(&target);
	free(f.left);
	free(f.also);
	return rc;
}

int st_verb_merge_abort(struct st_repo *r, strata_checkout_result *res, struct st_err *e)
{
	struct ending x = { .there = false };
	int rc = open_merge(&x, r, e);

	*res = (strata_checkout_result){ 0 };
	if (rc == ST_OK)
		rc = take_back(&x.t, &x.m, res, e);
	close_merge(&x);
	return rc;
}

/* ---- looking ---- */

static const char *hex_of(const struct st_oid *id, char hex[ST_OID_HEX + 1])
{
	if (!id || st_oid_is_zero(id))
		return NULL;
	st_oid_hex(id, hex);
	return hex;
}

static const char *name_of(const struct st_merge_item *it, size_t i)
{
	return it->names && it->names[i].len ? it->names[i].text : NULL;
}

_Static_assert(ST_MERGE_VALUE == STRATA_CONFLICT_VALUE, "as the header says");

static const strata_conflict_side *side_of(const struct st_merge_item *it, size_t i,
					   strata_conflict_side *out)
{
	const struct st_merge_held *h = it->held ? &it->held[i] : NULL;

	if (!h || !h->there)
		return NULL;
	*out = (strata_conflict_side){ .dtype = h->dtype,
				       .ndim = (unsigned)h->ndim,
				       .shape = h->shape,
				       .value = h->value,
				       .value_len = h->value_len,
				       .more = h->more,
				       .size = h->size,
				       .files = h->files };
	return out;
}

static int tell_item(const struct st_merging *m, const struct st_merge_item *it,
		     const struct st_index *x, int (*cb)(void *arg, const strata_conflict *c),
		     void *arg)
{
	char hex[3][ST_OID_HEX + 1];
	strata_conflict_side has[ST_THREE_SIDES + 1];
	const strata_conflict_side *more[ST_THREE_SIDES];
	size_t numbers[ST_THREE_SIDES];
	const size_t other = st_merge_item_other(it);
	strata_conflict c = { .path = it->path,
			      .name = it->name,
			      .kind = it->kind,
			      .how = it->how,
			      .base = hex_of(&it->base, hex[0]),
			      .ours = hex_of(&it->sides[0], hex[1]),
			      .theirs = hex_of(&it->sides[other], hex[2]),
			      .side = other,
			      .base_name = name_of(it, 0),
			      .our_name = name_of(it, 1),
			      .their_name = name_of(it, other + 1),
			      .base_has = side_of(it, 0, &has[0]),
			      .our_has = side_of(it, 1, &has[1]),
			      .their_has = side_of(it, other + 1, &has[other + 1]),
			      .more_sides = numbers,
			      .more_have = more,
			      .places = it->places,
			      .has_figures = it->has_figures,
			      .numel = it->numel,
			      .changed = it->changed,
			      .nonfinite = it->nonfinite,
			      .mad = it->mad,
			      .l2 = it->l2,
			      .max_abs = it->max_abs,
			      .cosine = it->cosine };

	for (size_t i = other + 1; it->held && i < it->nsides; i++)
		if (st_merge_item_changed(it, i)) {
			numbers[c.nmore] = i;
			more[c.nmore++] = side_of(it, i + 1, &has[i + 1]);
		}
	if (!c.how && st_merging_settled(m, it, x))
		c.how = "by hand";
	return cb(arg, &c) ? ST_ENO : ST_OK;
}

static int tell_state(struct st_repo *r, const struct st_merging *m, const struct st_index *x,
		      int (*state)(void *arg, const strata_merge_state *s), void *arg,
		      struct st_err *e)
{
	char(*hex)[ST_OID_HEX + 1] = st_calloc(m->d.nparents, sizeof(*hex), e);
	const char **parents = st_calloc(m->d.nparents, sizeof(*parents), e);
	char of[ST_OID_HEX + 1], label[32] = "";
	strata_merge_state s = { .under_way = true,
				 .verb = st_merging_kind_name(m->kind),
				 .of = hex_of(&m->of, of),
				 .cut = m->aborting || st_merging_cut(m, x),
				 .aborting = m->aborting,
				 .open = st_merging_open(m, x),
				 .conflicts = m->d.nitems,
				 .message = m->message,
				 .accept_text = m->accept,
				 .parents = parents,
				 .nparents = m->kind == ST_MERGING_MERGE ? m->d.nparents : 1 };
	int rc = hex && parents ? ST_OK : (int)e->code;

	if (rc == ST_OK && s.of)
		rc = st_catalog_version_of(r->cat, &m->of, label, e);
	s.of_version = *label ? label : NULL;
	for (size_t i = 0; rc == ST_OK && i < m->d.nparents; i++) {
		st_oid_hex(&m->d.parents[i], hex[i]);
		parents[i] = hex[i];
	}
	if (rc == ST_OK && state(arg, &s) != 0)
		rc = ST_ENO;
	free(hex);
	free(parents);
	return rc;
}

int st_verb_conflicts(struct st_repo *r, int (*state)(void *arg, const strata_merge_state *s),
		      int (*cb)(void *arg, const strata_conflict *c), void *arg, struct st_err *e)
{
	static const strata_merge_state no = { 0 };
	struct st_merging m;
	struct st_index x;
	bool there = false;
	int rc = st_repo_refresh_to_read(r, e);

	if (rc == ST_OK)
		rc = st_merging_load(r, &m, &there, e);
	if (rc != ST_OK)
		return rc;
	if (!there)
		return state && state(arg, &no) ? ST_ENO : ST_OK;
	rc = st_staged_load(r, &x, e);
	if (rc == ST_OK && state)
		rc = tell_state(r, &m, &x, state, arg, e);
	for (size_t i = 0; rc == ST_OK && cb && i < m.d.nitems; i++)
		rc = tell_item(&m, &m.d.items[i], &x, cb, arg);
	st_index_release(&x);
	st_merging_release(&m);
	return rc;
}
