/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification, from what everything else rests on: the operation log, the catalogue, every
 * stored byte against its checksum, then that all a version needs is there. With FULL also that
 * it decodes.
 */
#include "repo/fsck.h"

#include <stdio.h>

static int log_fault(void *arg, uint64_t offset, const char *what, struct st_err *e)
{
	return st_fsck_fault(arg, NULL, NULL, offset, false, e,
			     "operation log: %s: bring .strata/ops back from a backup, and until "
			     "then keep .strata/catalog.db, which still knows the history",
			     what);
}

static int check_log(struct st_fsck *f, struct st_err *e)
{
	uint64_t records, known = f->r->pos.seq, faults = f->n + f->left_out;
	struct st_err why = { 0 };
	char what[100];
	int rc = st_oplog_verify(f->r->log, &records, log_fault, f, &why);

	if (rc == ST_OK && (records >= known || f->n + f->left_out > faults || f->r->log_lost))
		return ST_OK;
	if (rc == ST_OK) { /* damage at the end looks like an operation that was never whole */
		snprintf(what, sizeof(what), "operation %" PRIu64 " cannot be read any more",
			 known);
		return log_fault(f, f->r->pos.end, what, e);
	}
	if (st_is_damage(rc))
		return st_fsck_fault(f, NULL, NULL, 0, false, e, "operation log: %s", why.msg);
	*e = why;
	return rc;
}

/* A failure that damage of the catalogue explains becomes a fault, and ends what needs the
 * catalogue. */
static int blind(struct st_fsck *f, int rc, struct st_err *e)
{
	struct st_err why = *e;

	if (!st_is_damage(rc))
		return rc;
	st_err_clear(e);
	f->blind = true;
	return st_fsck_fault(f, NULL, NULL, 0, false, e, "catalogue: %s%s", why.msg,
			     strstr(why.msg, ST_CATALOG_ANEW) ? "" : " (" ST_CATALOG_ANEW ")");
}

struct packs {
	struct st_pack_row *rows;
	size_t n, cap;
	uint64_t bytes;
};

static int take_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct packs *p = arg;

	if (st_grow(&p->rows, &p->cap, p->n + 1, e) != ST_OK)
		return e->code;
	p->rows[p->n++] = *row;
	p->bytes += row->size;
	return ST_OK;
}

static int index_readable(struct st_fsck *f, const struct st_oid *pack, struct st_err *e)
{
	struct st_pack_index x;
	uint64_t len;
	int rc = st_odb_pack_index(f->r->odb, pack, &x, &len, e);

	if (rc == ST_OK)
		st_pack_index_release(&x);
	return rc;
}

/* The catalogue knows what lies in a pack whose own index cannot be read: it must not be thrown
 * away. */
static int may_rebuild(struct st_fsck *f, bool *may, struct st_err *e)
{
	struct packs p = { 0 };
	size_t i;
	int rc = st_catalog_pack_each(f->r->cat, take_pack, &p, e);

	*may = true;
	for (i = 0; rc == ST_OK && *may && i < p.n; i++) {
		struct st_err why = { 0 };

		rc = index_readable(f, &p.rows[i].id, &why);
		*may = rc == ST_OK;
		if (st_is_damage(rc))
			rc = st_fsck_fault(f, NULL, &p.rows[i].id, 0, false, e,
					   "the catalogue was not made anew, because this pack "
					   "cannot be read: %s",
					   why.msg);
		else if (rc != ST_OK)
			*e = why;
	}
	free(p.rows);
	return rc;
}

static int rebuild(struct st_fsck *f, struct st_err *e)
{
	struct st_err why = { 0 };
	struct st_oid before, after;
	uint64_t seq = f->r->pos.seq;
	bool sound, may = true, lost = f->r->log_lost;
	int rc = st_catalog_check(f->r->cat, &why);

	if (rc == ST_OK)
		rc = st_catalog_digest(f->r->cat, &before, &why);
	sound = rc == ST_OK;
	rc = ST_OK;
	if (sound)
		rc = may_rebuild(f, &may, e);
	else
		st_warn(&f->r->ctx, "the catalogue was damaged: %s", why.msg);
	if (rc != ST_OK || !may)
		return rc;
	st_err_clear(&why);
	rc = st_repo_rebuild(f->r, &why);
	if (rc == ST_ECORRUPT && f->r->cat) /* the old one is still in use */
		return st_fsck_fault(f, NULL, NULL, 0, false, e,
				     "the catalogue was not made anew: %s", why.msg);
	if (rc != ST_OK)
		*e = why;
	if (rc == ST_OK)
		rc = st_catalog_digest(f->r->cat, &after, e);
	if (rc == ST_OK && !lost && f->r->pos.seq < seq)
		return st_fsck_fault(f, NULL, NULL, f->r->pos.end, false, e,
				     "the operation log has lost operation %" PRIu64 "; the "
				     "catalogue that knew it is kept as .strata/" ST_CATALOG_LOST,
				     seq);
	if (rc != ST_OK || !sound || lost || f->r->pos.seq != seq || st_oid_eq(&before, &after))
		return rc;
	return st_fsck_fault(f, NULL, NULL, 0, false, e,
			     "the catalogue differed from log and packs; it was made anew");
}

struct index_cmp {
	const struct st_pack_index *x;
	size_t at;
	bool differs;
};

static int compare_row(void *arg, const struct st_loc *l, struct st_err *e)
{
	struct index_cmp *c = arg;
	const struct st_index_row *w = &c->x->rows[c->at];

	(void)e;
	c->differs = c->at >= c->x->n || !st_oid_eq(&w->id, &l->id) || w->kind != l->kind ||
		     w->width != l->width || w->depth != l->depth || w->offset != l->offset ||
		     w->raw != l->raw || w->stored != l->stored || w->head != l->head ||
		     !st_oid_eq(&w->base, &l->base);
	c->at++;
	return c->differs ? ST_ENO : ST_OK;
}

static int compare_index(struct st_fsck *f, const struct st_oid *pack, struct st_err *e)
{
	struct st_pack_index x;
	struct index_cmp c = { .x = &x };
	uint64_t len;
	int rc = st_odb_pack_index(f->r->odb, pack, &x, &len, e);

	if (rc != ST_OK)
		return rc;
	rc = st_catalog_loc_each(f->r->cat, pack, compare_row, &c, e);
	f->res->objects += x.n;
	if (rc == ST_OK && (c.differs || c.at != x.n))
		rc = st_fsck_fault(f, NULL, pack, 0, false, e,
				   "the catalogue does not say what this pack's index says "
				   "('strata fsck --rebuild' makes it anew)");
	st_pack_index_release(&x);
	return rc;
}

struct scrub {
	struct st_fsck *f;
	const struct st_oid *pack;
};

static int scrub_fault(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		       struct st_err *e)
{
	const struct scrub *s = arg;

	return st_fsck_fault(s->f, id && !st_oid_is_zero(id) ? id : NULL, s->pack, offset, false, e,
			     "%s", what);
}

static int check_pack(struct st_fsck *f, const struct st_oid *pack, struct st_err *e)
{
	struct scrub s = { f, pack };
	struct st_err why = { 0 };
	uint64_t bytes = 0;
	int rc;

	rc = compare_index(f, pack, &why); /* without a sound index there is nothing to scrub by */
	if (rc == ST_OK)
		rc = st_odb_scrub_pack(f->r->odb, pack, scrub_fault, &s, &bytes, &why);
	f->res->bytes += bytes;
	if (rc == ST_OK)
		return ST_OK;
	if (!st_is_damage(rc)) {
		*e = why;
		return rc;
	}
	if (st_map_put(&f->lost, pack->b, ST_OID_LEN, 1, NULL, NULL, e) != ST_OK)
		return e->code;
	return st_fsck_fault(f, NULL, pack, 0, true, e, "%s", why.msg);
}

static int check_packs(struct st_fsck *f, struct st_err *e)
{
	struct packs p = { 0 };
	uint64_t done = 0;
	size_t i;
	int rc = st_catalog_pack_each(f->r->cat, take_pack, &p, e);

	if (rc != ST_OK)
		rc = blind(f, rc, e);
	f->res->packs = p.n;
	for (i = 0; rc == ST_OK && i < p.n; i++) {
		rc = st_check_cancel(&f->r->ctx, e);
		if (rc == ST_OK)
			rc = check_pack(f, &p.rows[i].id, e);
		done += p.rows[i].size;
		st_progress(&f->r->ctx, "fsck", done, p.bytes, true, false);
	}
	free(p.rows);
	return rc;
}

/* Depths that fall from object to base are what excludes a circle. */
static int check_entry(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		       struct st_err *e)
{
	struct st_fsck *f = arg;
	struct st_loc base;
	bool found;
	int rc;

	(void)it;
	if (loc->depth > ST_MAX_DEPTH)
		return st_fsck_fault(f, &loc->id, &loc->pack, loc->offset, false, e,
				     "%u differences deep, more than %d", loc->depth, ST_MAX_DEPTH);
	if (loc->kind != ST_ENTRY_DATA || st_oid_is_zero(&loc->base))
		return ST_OK;
	rc = st_catalog_loc_find(f->r->cat, &loc->base, ST_ENTRY_DATA, &base, &found, e);
	if (rc == ST_OK && found && base.depth >= loc->depth)
		rc = st_fsck_fault(f, &loc->id, &loc->pack, loc->offset, false, e,
				   "its base is %u differences deep and itself %u", base.depth,
				   loc->depth);
	return rc;
}

static int unreachable(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		       const struct st_err *why, struct st_err *e)
{
	struct st_fsck *f = arg;

	if (st_map_get(&f->faulty, it->id.b, ST_OID_LEN, NULL) ||
	    (loc && st_map_get(&f->lost, loc->pack.b, ST_OID_LEN, NULL)))
		return ST_OK;
	return st_fsck_fault(f, &it->id, loc ? &loc->pack : NULL, loc ? loc->offset : 0, false, e,
			     "%s", why->msg);
}

/* The file of a merge under way: no catalogue made anew helps it. */
static int mark_merge(struct st_fsck *f, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_mark_merge(&f->mark, &why);

	if (st_is_damage(rc))
		return st_fsck_fault(f, NULL, NULL, 0, false, e, "%s", why.msg);
	*e = why;
	return rc;
}

static int check_reachable(struct st_fsck *f, struct st_err *e)
{
	int rc;

	f->mark.what = "fsck";
	f->mark.arg = f;
	f->mark.live = check_entry;
	f->mark.bad = unreachable;
	rc = st_mark_history(&f->mark, e);
	if (rc == ST_OK)
		rc = st_mark_staged(&f->mark, e);
	if (rc == ST_OK)
		rc = mark_merge(f, e);
	if (rc == ST_OK)
		rc = st_mark_run(&f->mark, e);
	return rc == ST_OK ? ST_OK : blind(f, rc, e);
}

static int check_catalog(struct st_fsck *f, struct st_err *e)
{
	int rc = st_catalog_check(f->r->cat, e);

	if (rc == ST_OK)
		rc = st_catalog_version_count(f->r->cat, &f->res->versions, e);
	return rc == ST_OK ? ST_OK : blind(f, rc, e);
}

static int check_all(struct st_fsck *f, struct st_err *e)
{
	int rc = ST_OK;

	if (f->r->log_lost && f->r->pos.seq == 0)
		rc = st_fsck_fault(f, NULL, NULL, 0, false, e,
				   "the operation log is empty, but there are packs: bring "
				   ".strata/ops back from a backup");
	else if (f->r->log_lost)
		rc = st_fsck_fault(f, NULL, NULL, f->r->pos.end, false, e,
				   "the operation log has lost operation %" PRIu64 "%s",
				   f->r->pos.seq,
				   f->flags & STRATA_FSCK_REBUILD ?
					   "" :
					   " ('strata fsck --rebuild' gives it up)");
	if (rc == ST_OK && (f->flags & STRATA_FSCK_REBUILD))
		rc = rebuild(f, e);
	if (rc == ST_OK)
		rc = check_log(f, e);
	if (rc == ST_OK)
		rc = check_catalog(f, e);
	if (rc == ST_OK && !f->blind)
		rc = check_packs(f, e);
	if (rc == ST_OK && !f->blind)
		rc = check_reachable(f, e);
	if (rc == ST_OK && !f->blind && (f->flags & STRATA_FSCK_FULL))
		rc = st_fsck_full(f, e);
	return rc == ST_OK ? st_fsck_flush(f, e) : rc;
}

int st_verb_fsck(struct st_repo *r, unsigned flags, int (*cb)(void *arg, const strata_fault *f),
		 void *arg, strata_fsck_result *res, struct st_err *e)
{
	struct st_fsck f = { .r = r, .flags = flags, .cb = cb, .arg = arg, .res = res };
	int rc;

	*res = (strata_fsck_result){ 0 };
	st_mark_init(&f.mark, r);
	st_arena_init(&f.text);
	st_map_init(&f.faulty);
	st_map_init(&f.lost);
	rc = st_repo_refresh_to_read(r, e);
	if (rc == ST_OK)
		rc = check_all(&f, e);
	st_staged_check(r);
	st_progress(&r->ctx, "fsck", 0, 0, false, true);
	st_mark_release(&f.mark);
	st_arena_release(&f.text);
	st_map_release(&f.faulty);
	st_map_release(&f.lost);
	free(f.queue);
	if (rc == ST_OK && res->faults)
		rc = st_fail(e, ST_ENO, "%" PRIu64 " fault%s found", res->faults,
			     res->faults == 1 ? "" : "s");
	return rc;
}
