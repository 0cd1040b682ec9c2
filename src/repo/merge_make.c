/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/change.h"

#include "base/canon.h"
#include "base/file.h"
#include "base/utf8.h"
#include "repo/count.h"
#include "repo/merge_base.h"
#include "repo/moves.h"
#include "repo/rewind.h"

#include <stdio.h>

struct making {
	struct st_merge_job *j;
	struct st_txn t;
	struct st_merging m;
	struct st_weave w;
	struct st_rules rules;
	struct st_index head;
	strata_policy policy;
	struct st_buf message;
	struct st_marked *marked;
	size_t nmarked, cap;
	char *name, *email;
	struct st_oid id;
};

/* ---- rules ---- */

int st_merge_rules(struct st_repo *r, const char *method, const char *const *rules, size_t nrules,
		   struct st_rules *out, struct st_err *e)
{
	const char *set = st_config_get(&r->config, "merge.rules");
	const char *dflt = method ? method : st_config_get(&r->config, "merge.method");
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < nrules; i++)
		rc = st_rules_add(out, rules[i], e);
	while (rc == ST_OK && set && *(set += strspn(set, " \t"))) {
		size_t n = strcspn(set, " \t");
		char *one = st_memdup(set, n + 1, e);

		if (!one)
			return e->code;
		one[n] = 0;
		rc = st_rules_add(out, one, e);
		if (rc != ST_OK)
			st_wrap(e, "setting merge.rules");
		free(one);
		set += n;
	}
	if (rc == ST_OK && dflt && *dflt) {
		rc = st_rules_default(out, dflt, e);
		if (rc != ST_OK && !method)
			st_wrap(e, "setting merge.method");
	}
	return rc;
}

/* Those of the settings are for other models too. */
int st_merge_rules_used(const struct st_rules *rules, const char *const *given, size_t n,
			struct st_err *e)
{
	for (size_t i = 0; i < n && i < rules->n; i++)
		if (!rules->v[i].used)
			return st_fail(
				e, ST_ENOTFOUND,
				"rule '%.200s' decides about no tensor: it matches none that "
				"several sides changed, rules before it match them, or its method "
				"is none for them",
				given[i]);
	return ST_OK;
}

/* Settings are for merges: what one version changed is not to be averaged unasked. */
static int change_rules(const strata_merge_options *o, struct st_rules *out, struct st_err *e)
{
	int rc = o->method ? st_rules_default(out, o->method, e) : ST_OK;

	return rc == ST_OK && o->method ? st_spec_check_choice(&out->dflt, 2, e) : rc;
}

/* ---- messages ---- */

int st_merge_title(const struct st_head *head, const char *const *revs, size_t n,
		   struct st_buf *out, struct st_err *e)
{
	int rc = st_buf_addstr(out, "Merge ", e);

	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = st_buf_addf(out, e, "%s%s",
				 i == 0	    ? "" :
				 i + 1 == n ? " and " :
					      ", ",
				 revs[i]);
	if (rc == ST_OK && !head->detached)
		rc = st_buf_addf(out, e, " into %s", head->branch);
	return rc;
}

/* ---- the lines ---- */

static int find_base(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	struct st_merge_desc *d = &k->m.d;
	struct st_oid *found = NULL;
	size_t n = 0;
	int rc = st_merge_bases_of_all(j->r, d->parents, d->nparents, &found, &n, e);

	if (rc == ST_OK && n) {
		d->bases = st_arena_alloc(&d->arena, n * sizeof(*d->bases), e);
		d->nbases = d->bases ? n : 0;
		if (d->bases)
			memcpy(d->bases, found, n * sizeof(*d->bases));
		st_oid_hex(&found[0], j->res->base);
		j->res->several_bases = n > 1;
		rc = e->code;
	}
	free(found);
	if (rc != ST_OK || n)
		return rc;
	if (j->o->unrelated)
		return ST_OK;
	return st_fail(e, ST_EREFUSED,
		       "%.200s and %.200s have no version in common: --allow-unrelated merges them "
		       "even so, as if both had added everything",
		       j->head.detached ? "HEAD" : j->head.branch, j->revs[0]);
}

static int take_parents(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	struct st_merge_desc *d = &k->m.d;

	if (j->o->seed > ST_CANON_INT_MAX)
		return st_fail(e, ST_EUSAGE, "--seed: at most 2^53");
	d->parents = st_arena_alloc(&d->arena, (j->n + 1) * sizeof(*d->parents), e);
	if (!d->parents)
		return e->code;
	d->parents[0] = j->head.commit;
	memcpy(d->parents + 1, j->ids, j->n * sizeof(*j->ids));
	d->nparents = j->n + 1;
	d->seed = j->o->seed;
	d->nonfinite = j->o->nonfinite;
	return find_base(k, e);
}

static int take_change(struct making *k, struct st_err *e)
{
	struct st_change *x = k->j->change;
	struct st_merge_desc *d = &k->m.d;
	int rc = st_change_load(x, &k->t, e);

	if (rc != ST_OK)
		return rc;
	d->parents = st_arena_alloc(&d->arena, 2 * sizeof(*d->parents), e);
	d->bases = st_arena_alloc(&d->arena, sizeof(*d->bases), e);
	if (!d->parents || !d->bases)
		return e->code;
	d->parents[0] = k->j->head.commit;
	d->parents[1] = x->theirs;
	d->nparents = 2;
	d->bases[0] = x->base;
	d->nbases = !st_oid_is_zero(&x->base);
	d->nonfinite = k->j->o->nonfinite;
	k->m.kind = x->z.what == STRATA_REVERT ? ST_MERGING_REVERT : ST_MERGING_CHERRY_PICK;
	k->m.of = x->z.rev;
	k->m.bump = x->z.o->bump;
	return ST_OK;
}

static int say(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;

	if (j->change)
		return st_renew_say(&j->change->z, &k->message, e);
	return j->o->message ? st_buf_addstr(&k->message, j->o->message, e) :
			       st_merge_title(&j->head, j->revs, j->n, &k->message, e);
}

static int take_message(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	int rc = say(k, e);
	const char *text = rc == ST_OK ? st_buf_cstr(&k->message, e) : NULL;

	if (!text)
		return e->code;
	if (!text[strspn(text, " \t\r\n")] || !st_utf8_valid(text, strlen(text)))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	k->m.message = text;
	k->m.accept = j->o->accept_text;
	return ST_OK;
}

/* ---- files ---- */

static int keep_marked(void *arg, const char *path, const struct st_buf *text, struct st_err *e)
{
	struct making *k = arg;
	struct st_marked *x;
	int rc = st_grow(&k->marked, &k->cap, k->nmarked + 1, e);

	if (rc != ST_OK)
		return rc;
	x = &k->marked[k->nmarked];
	*x = (struct st_marked){ .path = st_arena_dup(&k->w.arena, path, strlen(path), e) };
	st_buf_init(&x->text, text->max);
	if (!x->path)
		return e->code;
	k->nmarked++;
	return st_buf_add(&x->text, text->p, text->len, e);
}

static int weave(struct making *k, struct st_err *e)
{
	const strata_merge_options *o = k->j->o;
	int rc = k->j->change ?
			 change_rules(o, &k->rules, e) :
			 st_merge_rules(k->j->r, o->method, o->rules, o->nrules, &k->rules, e);

	k->w = (struct st_weave){ .r = k->j->r,
				  .t = &k->t,
				  .d = &k->m.d,
				  .rules = &k->rules,
				  .marked = keep_marked,
				  .marked_arg = k };
	if (rc == ST_OK)
		rc = st_weave_init(&k->w, e);
	if (rc == ST_OK)
		rc = st_weave_run(&k->w, e);
	if (rc == ST_OK)
		rc = st_weave_agree(&k->w, &k->w.target, e);
	if (rc == ST_OK)
		rc = st_merge_rules_used(&k->rules, o->rules, o->nrules, e);
	return rc;
}

static int load(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	struct st_oid tree, seen = j->head.commit;
	int rc = st_repo_head(j->r, &j->head, e);

	/* What is to be merged was told from what HEAD had then. */
	if (rc == ST_OK && !j->change && !st_oid_eq(&j->head.commit, &seen))
		rc = st_fail(e, ST_EBUSY, "%s moved meanwhile: merge again",
			     j->head.detached ? "HEAD" : j->head.branch);
	if (rc == ST_OK)
		rc = st_head_expect(j->r, &j->head, j->o->expect, e);
	if (rc == ST_OK && j->change)
		rc = st_change_find(j->change, &j->head, e);
	if (rc == ST_OK)
		rc = st_repo_commit_tree(j->r, &j->head.commit, &tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(j->r, &tree, &k->head, e);
	if (rc == ST_OK && !st_oid_eq(&tree, &k->t.index.tree))
		rc = st_fail(e, ST_EREFUSED,
			     "there are staged changes: 'strata commit' keeps them, 'strata reset' "
			     "unstages them");
	k->m.before = tree;
	if (rc == ST_OK)
		rc = j->change ? take_change(k, e) : take_parents(k, e);
	return rc == ST_OK ? take_message(k, e) : rc;
}

/* ---- with conflicts ---- */

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* Would it be lost if the file were written, or is something in the way of that? */
static int look_at(struct making *k, struct st_stage_row *row, struct st_lost *lost,
		   struct st_err *e)
{
	enum st_work_state state;
	bool refreshed = false;
	char *by = NULL;
	int rc = st_work_check(k->j->r, row, &state, &refreshed, e);

	if (rc == ST_OK && state == ST_WORK_MISSING)
		rc = st_write_blocked(k->j->r->work, row->path, NULL, NULL, &by, e);
	if (rc == ST_OK && by)
		rc = st_fail(e, ST_EREFUSED, "'%s' is in the way of '%s': move it away", by,
			     row->path);
	if (rc == ST_OK && (state == ST_WORK_CHANGED || state == ST_WORK_TYPE))
		st_lost_add(lost, row->path);
	free(by);
	return rc;
}

/* The files of an item, which may be a directory on this side. */
static int look_at_all(struct making *k, const struct st_merge_item *it, struct st_lost *lost,
		       struct st_err *e)
{
	struct st_index *x = &k->t.index;
	size_t at;
	int rc = ST_OK;

	(void)st_index_find(x, it->path, it->path_len, &at);
	for (;
	     rc == ST_OK && at < x->nrows && strncmp(x->rows[at].path, it->path, it->path_len) == 0;
	     at++)
		if (is_below(x->rows[at].path, it->path))
			rc = look_at(k, &x->rows[at], lost, e);
	return rc;
}

/* A file with a conflict is written when that is decided, and when the merge is taken back: what it
 * holds must be in a version. */
static int check_clean(struct making *k, struct st_err *e)
{
	const struct st_merge_desc *d = &k->m.d;
	struct st_lost lost = { 0 };
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < d->nitems; i++)
		if (i == 0 || strcmp(d->items[i].path, d->items[i - 1].path) != 0)
			rc = look_at_all(k, &d->items[i], &lost, e);
	return rc == ST_OK ? st_lost_refuse(&lost,
					    "'strata add' and 'strata commit' keep them, 'strata "
					    "restore' discards them",
					    e) :
			     rc;
}

static int begin_merge(struct making *k, struct st_err *e)
{
	const struct st_step_files f = { .exact = true,
					 .marked = k->marked,
					 .nmarked = k->nmarked };
	struct st_merge_job *j = k->j;
	char why[200];
	int rc = st_marked_look(j->r, &k->t.index, k->marked, k->nmarked, e);

	if (rc == ST_OK)
		rc = check_clean(k, e);
	if (rc == ST_OK)
		rc = st_merging_stage(&k->m, &k->w.target, e);
	j->res->conflicts = k->w.open;
	j->res->taken = k->w.tensors_taken;
	j->res->blended = k->w.tensors_blended;
	st_merging_why(&k->m, ST_MERGE_BEGUN, j->change ? j->change->z.label : j->revs[0], why,
		       sizeof(why));
	return rc == ST_OK ? st_merge_step(&k->t, &k->m, &k->w.target, &f, why, &j->res->files, e) :
			     rc;
}

/* ---- without ---- */

int st_merging_fill(struct st_writer *w, const struct st_merging *m, struct st_commit *c,
		    struct st_err *e)
{
	const struct st_merge_desc *d = &m->d;
	struct st_buf b;
	int rc;

	c->parents = d->parents;
	c->nparents = m->kind == ST_MERGING_MERGE ? d->nparents : 1;
	if (m->kind != ST_MERGING_MERGE)
		return ST_OK;
	st_buf_init(&b, ST_MERGED_MAX);
	rc = st_merge_desc_encode(&b, d, e);
	if (rc == ST_OK)
		rc = st_writer_put_big(w, b.p, b.len, &c->merge, e);
	st_buf_release(&b);
	return rc;
}

/* A version that is cherry-picked was made by whom, and how, it was there. */
static void take_author(struct st_commit *c, const struct st_commit *of)
{
	c->author_name = of->author_name;
	c->author_email = of->author_email;
	c->params = of->params;
	c->nparams = of->nparams;
	c->config_name = of->config_name;
	c->config = of->config;
}

static int write_commit(struct making *k, struct st_err *e)
{
	struct st_commit c = { .tree = k->t.index.tree,
			       .time_ns = st_now_ns(),
			       .author_name = k->name,
			       .author_email = k->email,
			       .message = k->m.message };
	int rc = st_merging_fill(k->t.w, &k->m, &c, e);

	if (rc == ST_OK && k->m.kind == ST_MERGING_CHERRY_PICK)
		take_author(&c, &k->j->change->z.commit);
	return rc == ST_OK ? st_txn_store(&k->t, &c, &k->id, e) : rc;
}

static int publish(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	char why[200];
	int rc;

	snprintf(why, sizeof(why), "%s %.150s", st_merging_kind_name(k->m.kind),
		 j->change ? j->change->z.label : j->revs[0]);
	k->t.op.why = why;
	rc = st_txn_commit(&k->t, &j->head, true, &k->id, e);
	k->t.op.why = k->t.op.verb;
	if (rc != ST_OK)
		return rc;
	st_oid_hex(&k->id, j->res->commit);
	snprintf(j->res->version, sizeof(j->res->version), "%s", k->t.label);
	return ST_OK;
}

static void written(void *arg, struct st_stage_row *row, const struct stat *st)
{
	(void)arg;
	(void)row;
	(void)st;
}

int st_merge_ask(struct st_repo *r, struct st_index *x, int (*accept)(void *arg, const char *dir),
		 void *arg, struct st_err *e)
{
	char *dir = st_repo_path(r, ST_ASKED_DIR, e);
	struct st_stage_row **rows = st_calloc(x->nrows, sizeof(*rows), e);
	int rc = dir && rows ? st_remove_tree(dir, e) : (int)e->code;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++)
		rows[i] = &x->rows[i];
	if (rc == ST_OK)
		rc = st_mkdirs(dir, e);
	if (rc == ST_OK)
		rc = st_write_files(r, dir, rows, NULL, x->nrows, written, NULL, e);
	if (rc == ST_OK && accept(arg, dir) != 0)
		rc = st_fail(e, ST_ENO, "the merged version was not accepted: nothing has changed");
	if (dir) {
		struct st_err later = { 0 };

		if (st_remove_tree(dir, &later) != ST_OK)
			st_warn(&r->ctx, "%s", later.msg);
	}
	free(rows);
	free(dir);
	return rc;
}

static strata_bump asked(const struct making *k)
{
	return k->j->change ? k->j->change->z.o->bump : STRATA_BUMP_DERIVED;
}

static void take_step(struct making *k, const struct st_totals *n)
{
	const strata_file_counts *f = &n->files;
	struct st_bumped step;

	if (k->policy != STRATA_SEMVER)
		return;
	step = st_bump_choose(asked(k), false, &n->differing, f->added + f->changed + f->removed);
	k->t.number.bump = step.bump;
	if (k->j->change)
		k->j->change->step = step;
}

/* Nothing stands in the way: what was made can be read from here on. */
static int ready(void *arg, struct st_err *e)
{
	struct making *k = arg;
	const strata_merge_options *o = k->j->o;
	strata_merge_result *res = k->j->res;
	struct st_totals n;
	int rc = st_txn_flush(&k->t, e);

	if (rc == ST_OK && o->accept)
		rc = st_merge_ask(k->j->r, &k->w.target, o->accept, o->arg, e);
	if (rc == ST_OK)
		rc = st_staged_mark_models(k->j->r, &k->w.target, e);
	if (rc == ST_OK)
		rc = st_count_changes(k->j->r, &k->head, &k->w.target, &n, e);
	if (rc != ST_OK)
		return rc;
	res->counts = n.files;
	res->tensors = n.tensors;
	take_step(k, &n);
	return ST_OK;
}

static int make_version(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	struct st_local_files local = { .spare = true,
					.refuse = true,
					.ready = ready,
					.slow = j->o->accept != NULL,
					.arg = k };
	int rc = st_repo_identity(j->r, &k->name, &k->email, e);

	if (rc == ST_OK)
		rc = st_checkout_index(j->r, &k->t.index, &k->w.target, &local, &j->res->files, e);
	if (rc == ST_OK) {
		st_rewind_keep_stats(&k->w.target, &k->t.index);
		rc = st_rewind_take(&k->t, &k->w.target, e);
	}
	if (rc == ST_OK)
		rc = st_staged_write_trees(j->r, &k->t.index, k->t.w, e);
	if (rc == ST_OK)
		rc = write_commit(k, e);
	if (rc == ST_OK)
		rc = publish(k, e);
	if (rc != ST_OK)
		return rc;
	j->res->moved = j->res->made = true;
	j->res->taken = k->w.tensors_taken;
	j->res->blended = k->w.tensors_blended;
	snprintf(j->res->message, sizeof(j->res->message), "%.*s",
		 (int)strcspn(k->m.message, "\r\n"), k->m.message);
	return ST_OK;
}

/* A merge says at least that it was one. */
static int check_any(struct making *k, struct st_err *e)
{
	const struct st_change *x = k->j->change;

	if (!x || !st_indexes_same(&k->head, &k->w.target))
		return ST_OK;
	return st_change_none(x, e);
}

static int make(struct making *k, struct st_err *e)
{
	struct st_merge_job *j = k->j;
	int rc = st_txn_begin(&k->t, j->r, j->change ? st_renewals[j->change->z.what] : "merge", e);

	if (rc == ST_OK)
		rc = st_bump_check(&j->r->config, asked(k), &k->policy, e);
	if (rc == ST_OK)
		rc = st_txn_index(&k->t, e);
	if (rc == ST_OK)
		rc = load(k, e);
	if (rc == ST_OK)
		rc = weave(k, e);
	if (rc == ST_OK && !k->w.open)
		rc = check_any(k, e);
	if (rc != ST_OK)
		return rc;
	return k->w.open ? begin_merge(k, e) : make_version(k, e);
}

int st_merge_make(struct st_merge_job *j, struct st_err *e)
{
	struct making k = { .j = j };
	int rc;

	st_merging_init(&k.m);
	st_rules_init(&k.rules);
	st_index_init(&k.head);
	st_buf_init(&k.message, 1 << 24);
	rc = make(&k, e);
	st_txn_end(&k.t);
	st_weave_release(&k.w);
	for (size_t i = 0; i < k.nmarked; i++)
		st_buf_release(&k.marked[i].text);
	free(k.marked);
	st_merging_release(&k.m);
	st_rules_release(&k.rules);
	st_index_release(&k.head);
	st_buf_release(&k.message);
	free(k.name);
	free(k.email);
	return rc;
}
