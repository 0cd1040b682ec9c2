/* SPDX-License-Identifier: Apache-2.0 */
/* What the description of a merge says, and the merge done over from it. */
#include "repo/merge_state.h"
#include "repo/rewind.h"

static int load_description(struct st_repo *r, const char *rev, struct st_oid *id,
			    struct st_commit *c, struct st_merge_desc *d, struct st_err *e)
{
	struct st_buf b;
	int rc = st_resolve(r, rev, strlen(rev), id, e);

	*c = (struct st_commit){ 0 };
	st_merge_desc_init(d);
	if (rc == ST_OK)
		rc = st_repo_commit_load(r, id, c, e);
	if (rc == ST_OK && st_oid_is_zero(&c->merge))
		return st_fail(e, ST_ENOTFOUND,
			       c->nparents > 1 ?
				       "%.100s is a merge that does not say how it was made" :
				       "%.100s is no merge",
			       rev);
	if (rc != ST_OK)
		return rc;
	st_merge_desc_release(d);
	st_buf_init(&b, ST_MERGED_MAX);
	rc = st_odb_get(r->odb, &c->merge, &b, e);
	if (rc == ST_OK)
		rc = st_merge_desc_parse(d, b.p, b.len, e);
	st_buf_release(&b);
	return rc;
}

struct texts { /* ids in hex; NULL: zero */
	char (*hex)[ST_OID_HEX + 1];
	const char **v;
};

static int to_text(struct texts *t, const struct st_oid *ids, size_t n, struct st_err *e)
{
	t->hex = st_calloc(n, sizeof(*t->hex), e);
	t->v = st_calloc(n, sizeof(*t->v), e);
	if (!t->hex || !t->v)
		return e->code;
	for (size_t i = 0; i < n; i++) {
		st_oid_hex(&ids[i], t->hex[i]);
		t->v[i] = st_oid_is_zero(&ids[i]) ? NULL : t->hex[i];
	}
	return ST_OK;
}

static void free_texts(struct texts *t)
{
	free(t->hex);
	free(t->v);
}

static int tell_item(const struct st_merge_item *it,
		     int (*cb)(void *arg, const strata_merge_input *i), void *arg, struct st_err *e)
{
	struct texts sides = { 0 }, base = { 0 };
	strata_merge_input in = {
		.path = it->path, .name = it->name, .kind = it->kind, .how = it->how
	};
	int rc = to_text(&sides, it->sides, it->nsides, e);

	if (rc == ST_OK)
		rc = to_text(&base, &it->base, 1, e);
	if (rc == ST_OK) {
		in.base = base.v[0];
		in.sides = sides.v;
		in.nsides = it->nsides;
		rc = cb(arg, &in) ? ST_ENO : ST_OK;
	}
	free_texts(&sides);
	free_texts(&base);
	return rc;
}

static int tell(const struct st_commit *c, const struct st_merge_desc *d,
		int (*info)(void *arg, const strata_merge_info *i),
		int (*cb)(void *arg, const strata_merge_input *i), void *arg, struct st_err *e)
{
	struct texts parents = { 0 }, bases = { 0 };
	char id[ST_OID_HEX + 1];
	strata_merge_info i = { .id = id,
				.nparents = d->nparents,
				.nbases = d->nbases,
				.seed = d->seed,
				.items = d->nitems };
	int rc = to_text(&parents, d->parents, d->nparents, e);

	if (rc == ST_OK)
		rc = to_text(&bases, d->bases, d->nbases, e);
	st_oid_hex(&c->merge, id);
	i.parents = parents.v;
	i.bases = bases.v;
	if (rc == ST_OK && info && info(arg, &i) != 0)
		rc = ST_ENO;
	for (size_t k = 0; rc == ST_OK && cb && k < d->nitems; k++)
		rc = tell_item(&d->items[k], cb, arg, e);
	free_texts(&parents);
	free_texts(&bases);
	return rc;
}

int st_verb_merge_show(struct st_repo *r, const char *rev,
		       int (*info)(void *arg, const strata_merge_info *i),
		       int (*cb)(void *arg, const strata_merge_input *i), void *arg,
		       struct st_err *e)
{
	struct st_merge_desc d;
	struct st_commit c;
	struct st_oid id;
	int rc = st_repo_refresh_to_read(r, e);

	if (rc != ST_OK)
		return rc;
	rc = load_description(r, rev, &id, &c, &d, e);
	if (rc == ST_OK)
		rc = tell(&c, &d, info, cb, arg, e);
	st_merge_desc_release(&d);
	st_commit_release(&c);
	return rc;
}

struct comparing {
	const struct st_weave *w;
	int (*cb)(void *arg, const char *path);
	void *arg;
	strata_replay_result *res;
};

static int differs(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct comparing *k = arg;

	(void)e;
	if (st_weave_by_hand(k->w, c->path)) /* as it is, wherever it is from */
		return ST_OK;
	k->res->differing++;
	if (k->cb)
		(void)k->cb(k->arg, c->path);
	return ST_OK;
}

/* Files that somebody removed are none of the version's. */
static void count(const struct st_merge_desc *d, const struct st_index *was,
		  strata_replay_result *res)
{
	const char *last = "";
	bool hand = false;

	for (size_t i = 0; i < d->nitems; i++) {
		bool first = strcmp(d->items[i].path, last) != 0;

		hand = (first ? false : hand);
		if (first)
			res->made++;
		last = d->items[i].path;
		if (!hand && strcmp(d->items[i].how, "by hand") == 0) {
			hand = true;
			res->made--;
			res->by_hand += st_index_find(was, last, strlen(last), NULL) != NULL;
		}
	}
}

static int replay(struct st_repo *r, const struct st_commit *c, struct st_merge_desc *d,
		  struct comparing *k, struct st_err *e)
{
	struct st_index was;
	struct st_weave w = { .r = r, .d = d, .hand = &was };
	int rc;

	st_index_init(&was);
	rc = st_rewind_index(r, &c->tree, &was, e);
	count(d, &was, k->res);
	if (rc == ST_OK)
		rc = st_weave_init(&w, e);
	if (rc == ST_OK)
		rc = st_weave_run(&w, e);
	k->w = &w;
	k->res->files = was.nrows;
	if (rc == ST_OK)
		rc = st_compare_indexes(&was, &w.target, differs, k, e);
	/* what nothing decides is not what was merged then */
	if (rc == ST_OK && w.open && !k->res->differing)
		k->res->differing = 1;
	k->w = NULL;
	st_weave_release(&w);
	st_index_release(&was);
	return rc;
}

static int replay_one(struct st_repo *r, const char *rev, struct comparing *k, struct st_err *e)
{
	struct st_merge_desc d;
	struct st_commit c;
	struct st_oid id;
	int rc = load_description(r, rev, &id, &c, &d, e);

	if (rc == ST_OK)
		rc = replay(r, &c, &d, k, e);
	st_merge_desc_release(&d);
	st_commit_release(&c);
	return rc;
}

int st_verb_merge_replay(struct st_repo *r, const char *rev, int (*cb)(void *arg, const char *path),
			 void *arg, strata_replay_result *res, struct st_err *e)
{
	struct comparing k = { .cb = cb, .arg = arg, .res = res };
	int rc = st_repo_lock_gc(r, ST_GC_USE, e); /* nothing that it reads may go */

	*res = (strata_replay_result){ 0 };
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = replay_one(r, rev, &k, e);
	st_repo_unlock_gc(r);
	return rc;
}
