/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: conflicts of the merge under way are decided, and the files made that follow from it. */
#include "repo/merge_state.h"
#include "repo/rewind.h"

#include <stdio.h>

struct settling {
	struct st_repo *r;
	const char *const *globs;
	size_t nglobs;
	const strata_settle_options *o;
	struct st_txn t;
	struct st_merging m;
	bool there;
	struct st_weave w;
	struct st_buf how;
	struct st_map paths; /* of files to make */
	uint64_t settled;
};

static bool matches(const char *glob, const char *text, size_t len)
{
	size_t n = strlen(glob);

	return (n == len && memcmp(glob, text, n) == 0) || st_glob_match(glob, n, text, len);
}

/* A file's path, a tensor's or key's name, or both with "::" between them. */
static int means(const char *glob, const struct st_merge_item *it, bool *yes, struct st_err *e)
{
	struct st_buf both;
	int rc;

	*yes = matches(glob, it->path, it->path_len) ||
	       (it->name_len && matches(glob, it->name, it->name_len));
	if (*yes || !it->name_len)
		return ST_OK;
	st_buf_init(&both, 1 << 20);
	rc = st_buf_add(&both, it->path, it->path_len, e);
	if (rc == ST_OK)
		rc = st_buf_addstr(&both, "::", e);
	if (rc == ST_OK)
		rc = st_buf_add(&both, it->name, it->name_len, e);
	*yes = rc == ST_OK && matches(glob, (const char *)both.p, both.len);
	st_buf_release(&both);
	return rc;
}

static int say_how(struct settling *s, struct st_err *e)
{
	const strata_settle_options *o = s->o;
	struct st_choice c;
	struct st_oid id;
	char hex[ST_OID_HEX + 1];
	int rc;

	if (!o->how == !o->from)
		return st_fail(e, ST_EUSAGE,
			       "say how: --ours, --theirs, --base, --method or --from");
	if (o->from) {
		rc = st_resolve(s->r, o->from, strlen(o->from), &id, e);
		if (rc != ST_OK)
			return rc;
		st_oid_hex(&id, hex);
		rc = st_buf_addf(&s->how, e, "from %s", hex);
		return rc == ST_OK && !st_buf_cstr(&s->how, e) ? (int)e->code : rc;
	}
	rc = st_choice_parse(&c, &s->m.d.arena, o->how, s->m.d.nparents, e);
	if (rc == ST_OK && c.how == ST_HOW_HAND)
		rc = st_fail(e, ST_EUSAGE, "what is settled by hand is staged with 'strata add'");
	if (rc == ST_OK)
		rc = c.how == ST_HOW_METHOD ? st_spec_text(&c.spec, &s->how, e) :
					      st_buf_addstr(&s->how, o->how, e);
	return rc == ST_OK && !st_buf_cstr(&s->how, e) ? (int)e->code : rc;
}

static int choose(struct settling *s, struct st_err *e)
{
	const char *how = st_arena_dup(&s->m.d.arena, s->how.p, s->how.len, e);
	bool yes;
	int rc = how ? ST_OK : (int)e->code;

	for (size_t g = 0; rc == ST_OK && g < s->nglobs; g++) {
		size_t hits = 0;

		for (size_t i = 0; rc == ST_OK && i < s->m.d.nitems; i++) {
			struct st_merge_item *it = &s->m.d.items[i];

			rc = means(s->globs[g], it, &yes, e);
			if (rc != ST_OK || !yes)
				continue;
			hits++;
			s->settled++;
			it->how = how;
			rc = st_map_put(&s->paths, it->path, it->path_len, 1, NULL, NULL, e);
		}
		if (rc == ST_OK && !hits)
			rc = st_fail(e, ST_ENOTFOUND,
				     "'%s' matches no conflict: 'strata status' lists them",
				     s->globs[g]);
	}
	return rc;
}

static bool is_wanted(void *arg, const char *path)
{
	return st_map_get(&((struct settling *)arg)->paths, path, strlen(path), NULL);
}

/* The index with the files that were made anew. */
static int join(struct settling *s, struct st_index *out, struct st_err *e)
{
	const struct st_index *now = &s->t.index, *made = &s->w.target;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < now->nrows; i++)
		if (!is_wanted(s, now->rows[i].path))
			rc = st_index_add(out, &now->rows[i], e);
	for (size_t i = 0; rc == ST_OK && i < made->nrows; i++)
		rc = st_index_add(out, &made->rows[i], e);
	return rc == ST_OK ? st_index_sort(out, e) : rc;
}

/* Files with conflict markers are written even where ours stays. */
static int list_also(struct settling *s, struct st_step_files *f, struct st_err *e)
{
	f->also = st_calloc(s->m.d.nitems, sizeof(*f->also), e);
	if (!f->also)
		return e->code;
	for (size_t i = 0; i < s->m.d.nitems; i++)
		if (!s->m.d.items[i].name_len && is_wanted(s, s->m.d.items[i].path))
			f->also[f->nalso++] = s->m.d.items[i].path;
	return ST_OK;
}

static int make_files(struct settling *s, struct st_err *e)
{
	struct st_step_files f = { 0 };
	strata_checkout_result res = { 0 };
	struct st_index target;
	char why[200];
	int rc;

	st_index_init(&target);
	s->w = (struct st_weave){
		.r = s->r, .t = &s->t, .d = &s->m.d, .wanted = is_wanted, .wanted_arg = s
	};
	rc = st_weave_init(&s->w, e);
	if (rc == ST_OK)
		rc = st_weave_run(&s->w, e);
	if (rc == ST_OK)
		rc = join(s, &target, e);
	if (rc == ST_OK)
		rc = st_merging_stage(&s->m, &target, e);
	if (rc == ST_OK)
		rc = list_also(s, &f, e);
	f.force = f.nalso > 0; /* markers */
	snprintf(why, sizeof(why), "resolve %.150s", s->globs[0]);
	if (rc == ST_OK)
		rc = st_merge_step(&s->t, &s->m, &target, &f, why, &res, e);
	free(f.also);
	st_index_release(&target);
	return rc;
}

static int settle(struct settling *s, struct st_err *e)
{
	int rc = st_txn_begin(&s->t, s->r, "resolve", e);

	if (rc == ST_OK)
		rc = st_txn_index(&s->t, e);
	if (rc == ST_OK)
		rc = st_merging_load(s->r, &s->m, &s->there, e);
	if (rc == ST_OK && !s->there)
		rc = st_fail(e, ST_EREFUSED, "no merge is under way");
	if (rc == ST_OK && (s->m.aborting || st_merging_cut(&s->m, &s->t.index)))
		rc = st_fail(e, ST_EREFUSED,
			     "a merge was interrupted: 'strata merge --continue' goes on with it, "
			     "'strata merge --abort' takes it back");
	if (rc == ST_OK)
		st_merging_take_hands(&s->m, &s->t.index);
	if (rc == ST_OK)
		rc = say_how(s, e);
	if (rc == ST_OK)
		rc = choose(s, e);
	return rc == ST_OK ? make_files(s, e) : rc;
}

int st_verb_settle(struct st_repo *r, const char *const *globs, size_t n,
		   const strata_settle_options *o, uint64_t *settled, uint64_t *open,
		   struct st_err *e)
{
	struct settling s = { .r = r, .globs = globs, .nglobs = n, .o = o };
	int rc;

	st_buf_init(&s.how, 1 << 20);
	st_map_init(&s.paths);
	rc = settle(&s, e);
	*settled = s.settled;
	*open = 0;
	for (size_t i = 0; s.there && i < s.m.d.nitems; i++)
		*open += !s.m.d.items[i].how;
	st_txn_end(&s.t);
	st_weave_release(&s.w);
	if (s.there)
		st_merging_release(&s.m);
	st_map_release(&s.paths);
	st_buf_release(&s.how);
	return rc;
}
