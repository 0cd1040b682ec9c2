/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, gathered and handed out. */
#include "repo/fsck.h"

#include <stdarg.h>
#include <stdio.h>

int st_fsck_fault(struct st_fsck *f, const struct st_oid *id, const struct st_oid *pack,
		  uint64_t offset, bool whole, struct st_err *e, const char *fmt, ...)
{
	struct st_fsck_fault x = { .offset = offset, .whole = whole };
	char text[1024];
	va_list ap;

	f->res->faults++;
	if (id && st_map_put(&f->faulty, id->b, ST_OID_LEN, 1, NULL, NULL, e) != ST_OK)
		return e->code;
	if (f->n >= ST_FSCK_QUEUE) {
		f->left_out++;
		return ST_OK;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (id)
		x.id = *id;
	if (pack)
		x.pack = *pack;
	x.what = st_arena_dup(&f->text, text, strlen(text), e);
	if (!x.what || st_grow(&f->queue, &f->cap, f->n + 1, e) != ST_OK)
		return e->code;
	f->queue[f->n++] = x;
	return ST_OK;
}

static void describe(const struct st_fsck_fault *x, const struct st_fsck_place *at, char *out,
		     size_t size)
{
	if (!x->whole || !at->versions)
		snprintf(out, size, "%s", x->what);
	else if (at->versions == 1)
		snprintf(out, size, "%s; %s needs it", x->what, at->list);
	else
		snprintf(out, size, "%s; %" PRIu64 " versions need it: %s", x->what, at->versions,
			 at->list);
}

static int hand_out(struct st_fsck *f, const struct st_fsck_fault *x,
		    const struct st_fsck_place *at)
{
	char object[ST_OID_HEX + 1] = "", pack[ST_PACK_NAME_LEN + 1] = "", what[1300];
	strata_fault out = { .object = object, .pack = pack, .what = what };

	if (!st_oid_is_zero(&x->id))
		st_oid_hex(&x->id, object);
	if (!st_oid_is_zero(&x->pack))
		st_pack_name(&x->pack, pack);
	describe(x, at, what, sizeof(what));
	out.offset = x->offset;
	out.version = at->version;
	out.path = at->path;
	return f->cb(f->arg, &out) ? ST_ENO : ST_OK;
}

static int hand_out_all(struct st_fsck *f, const struct st_fsck_place *places)
{
	const struct st_fsck_place nowhere = { .version = "", .path = "" };
	struct st_fsck_fault more = { 0 };
	char text[64];
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < f->n; i++)
		rc = hand_out(f, &f->queue[i], &places[i]);
	if (rc == ST_OK && f->left_out) {
		snprintf(text, sizeof(text), "and %" PRIu64 " more faults", f->left_out);
		more.what = text;
		rc = hand_out(f, &more, &nowhere);
	}
	return rc;
}

int st_fsck_flush(struct st_fsck *f, struct st_err *e)
{
	struct st_fsck_place *places;
	int rc = ST_OK;

	if (!f->n)
		return ST_OK;
	places = st_calloc(f->n, sizeof(*places), e);
	if (!places)
		return e->code;
	if (f->cb)
		rc = st_fsck_find(f, places, e);
	if (rc == ST_OK && f->cb)
		rc = hand_out_all(f, places);
	free(places);
	f->n = 0;
	f->left_out = 0;
	st_arena_release(&f->text);
	return rc;
}

struct covering {
	struct st_fsck *f;
	bool covered;
};

static int cover(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		 struct st_err *e)
{
	struct covering *c = arg;

	(void)e;
	c->covered = st_map_get(&c->f->faulty, it->id.b, ST_OID_LEN, NULL) ||
		     st_map_get(&c->f->lost, loc->pack.b, ST_OID_LEN, NULL);
	return c->covered ? ST_ENO : ST_OK;
}

/* What the walk itself stumbles over was reported by the walk over everything. */
static int cover_bad(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		     const struct st_err *why, struct st_err *e)
{
	struct covering *c = arg;

	(void)why;
	if (loc)
		return cover(arg, it, loc, e);
	c->covered = st_map_get(&c->f->faulty, it->id.b, ST_OID_LEN, NULL);
	return c->covered ? ST_ENO : ST_OK;
}

int st_fsck_covered(struct st_fsck *f, const struct st_oid *id, enum st_mark_role role,
		    bool *covered, struct st_err *e)
{
	struct covering c = { .f = f };
	struct st_mark m;
	int rc;

	st_mark_init(&m, f->r);
	m.arg = &c;
	m.live = cover;
	m.bad = cover_bad;
	rc = st_mark_push(&m, id, role, e);
	if (rc == ST_OK)
		rc = st_mark_run(&m, e);
	st_mark_release(&m);
	*covered = c.covered;
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}
