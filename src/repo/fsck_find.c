/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who needs what is faulty: one walk through the versions, newest first, for all faults at once.
 * Files and trees that need nothing faulty are remembered, so a long history costs no more than
 * its changes.
 */
#include "repo/fsck.h"

#include <stdio.h>

#define LISTED 5
#define MAX_LEVELS 4096

struct version {
	struct st_oid id, tree;
	char label[ST_OID_HEX + 1]; /* "v12", else the commit's hash */
};

struct finder {
	struct st_fsck *f;
	struct st_fsck_place *places;
	struct st_map ids, packs; /* -> number of the fault */
	size_t open;		  /* objects that no version is found for yet */
	struct version *versions;
	size_t n, cap;
	const char *label;  /* of the version in hand */
	struct st_map seen; /* whole packs' faults that it was counted for */
	struct st_map clean;
	struct st_buf path;
	uint64_t hits;
};

static int settle(struct finder *d, struct st_fsck_place *at, struct st_err *e)
{
	at->version = st_arena_dup(&d->f->text, d->label, strlen(d->label), e);
	at->path = st_arena_dup(&d->f->text, d->path.len ? (const char *)d->path.p : "",
				d->path.len, e);
	return e->code;
}

static int hit_pack(struct finder *d, const struct st_oid *pack, uint64_t i, struct st_err *e)
{
	struct st_fsck_place *at = &d->places[i];
	size_t used = strlen(at->list);
	bool had;

	d->hits++;
	if (!at->path && settle(d, at, e) != ST_OK)
		return e->code;
	if (!*d->label || st_map_put(&d->seen, pack->b, ST_OID_LEN, 1, &had, NULL, e) != ST_OK ||
	    had)
		return e->code;
	if (++at->versions <= LISTED)
		snprintf(at->list + used, sizeof(at->list) - used, "%s%.20s", used ? ", " : "",
			 d->label);
	else if (at->versions == LISTED + 1)
		snprintf(at->list + used, sizeof(at->list) - used, " and others");
	return ST_OK;
}

static int check(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		 struct st_err *e)
{
	struct finder *d = arg;
	uint64_t i;

	if (st_map_get(&d->ids, it->id.b, ST_OID_LEN, &i) && !d->places[i].path) {
		d->hits++;
		d->open--;
		if (settle(d, &d->places[i], e) != ST_OK)
			return e->code;
	}
	if (loc && st_map_get(&d->packs, loc->pack.b, ST_OID_LEN, &i))
		return hit_pack(d, &loc->pack, i, e);
	return ST_OK;
}

static int check_bad(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		     const struct st_err *why, struct st_err *e)
{
	(void)why;
	return check(arg, it, loc, e);
}

static int probe(struct finder *d, const struct st_oid *id, enum st_mark_role role,
		 struct st_err *e)
{
	struct st_mark m;
	int rc;

	st_mark_init(&m, d->f->r);
	m.arg = d;
	m.live = check;
	m.bad = check_bad;
	rc = st_mark_push(&m, id, role, e);
	if (rc == ST_OK)
		rc = st_mark_run(&m, e);
	st_mark_release(&m);
	return rc;
}

static bool is_clean(const struct finder *d, const struct st_oid *id)
{
	return st_map_get(&d->clean, id->b, ST_OID_LEN, NULL);
}

static int note_clean(struct finder *d, const struct st_oid *id, uint64_t hits, struct st_err *e)
{
	if (d->hits != hits)
		return ST_OK;
	return st_map_put(&d->clean, id->b, ST_OID_LEN, 1, NULL, NULL, e);
}

static int probe_file(struct finder *d, const struct st_oid *id, struct st_err *e)
{
	uint64_t hits = d->hits;
	int rc = is_clean(d, id) ? ST_OK : probe(d, id, ST_ROLE_FILE, e);

	return rc == ST_OK ? note_clean(d, id, hits, e) : rc;
}

static int find_in_tree(struct finder *d, const struct st_oid *id, unsigned level,
			struct st_err *e);

static int find_in_entry(struct finder *d, const struct st_tree_entry *en, unsigned level,
			 struct st_err *e)
{
	size_t len = d->path.len;
	int rc = len ? st_buf_addch(&d->path, '/', e) : ST_OK;

	if (rc == ST_OK)
		rc = st_buf_add(&d->path, en->name, en->name_len, e);
	if (rc == ST_OK)
		rc = en->mode == ST_MODE_DIR ? find_in_tree(d, &en->id, level + 1, e) :
					       probe_file(d, &en->id, e);
	d->path.len = len;
	return rc;
}

/* A tree that cannot be read hides what lies below it. */
static int find_in_tree(struct finder *d, const struct st_oid *id, unsigned level, struct st_err *e)
{
	struct st_err why = { 0 };
	uint64_t hits = d->hits;
	struct st_tree t;
	size_t i;
	int rc;

	if (is_clean(d, id) || level > MAX_LEVELS)
		return ST_OK;
	rc = probe(d, id, ST_ROLE_DATA, e);
	if (rc != ST_OK)
		return rc;
	rc = st_repo_tree_load(d->f->r, id, &t, &why);
	if (rc != ST_OK) {
		if (st_is_damage(rc))
			return ST_OK;
		*e = why;
		return rc;
	}
	for (i = 0; rc == ST_OK && i < t.n; i++)
		rc = find_in_entry(d, &t.entries[i], level, e);
	st_tree_release(&t);
	return rc == ST_OK ? note_clean(d, id, hits, e) : rc;
}

static int find_in_config(struct finder *d, const struct version *v, struct st_err *e)
{
	struct st_err why = { 0 };
	struct st_commit c;
	int rc = st_repo_commit_load(d->f->r, &v->id, &c, &why);

	if (rc != ST_OK)
		return ST_OK; /* which is a fault of its own */
	if (c.config_name && !st_oid_is_zero(&c.config)) {
		rc = st_buf_addstr(&d->path, c.config_name, e);
		if (rc == ST_OK)
			rc = probe(d, &c.config, ST_ROLE_DATA, e);
		d->path.len = 0;
	}
	st_commit_release(&c);
	return rc;
}

static int find_in_version(struct finder *d, const struct version *v, struct st_err *e)
{
	int rc = st_check_cancel(&d->f->r->ctx, e);

	d->label = v->label;
	st_map_release(&d->seen);
	st_map_init(&d->seen);
	d->path.len = 0;
	if (rc == ST_OK)
		rc = probe(d, &v->id, ST_ROLE_COMMIT_ONLY, e);
	if (rc == ST_OK)
		rc = find_in_config(d, v, e);
	return rc == ST_OK ? find_in_tree(d, &v->tree, 0, e) : rc;
}

static int take_version(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct finder *d = arg;
	struct version *v;

	if (st_grow(&d->versions, &d->cap, d->n + 1, e) != ST_OK)
		return e->code;
	v = &d->versions[d->n++];
	v->id = row->id;
	v->tree = row->tree;
	if (row->version[0])
		snprintf(v->label, sizeof(v->label), "%s", row->version);
	else
		st_oid_hex(&row->id, v->label);
	return ST_OK;
}

static int find_staged(struct finder *d, struct st_err *e)
{
	struct st_oid tree;
	bool found;
	int rc = st_catalog_index_tree(d->f->r->cat, &tree, &found, e);

	d->label = "";
	return rc == ST_OK && found && !st_oid_is_zero(&tree) ? find_in_tree(d, &tree, 0, e) : rc;
}

static int take_faults(struct finder *d, struct st_err *e)
{
	const struct st_fsck *f = d->f;
	int rc = ST_OK;
	bool had;
	size_t i;

	for (i = 0; rc == ST_OK && i < f->n; i++) {
		const struct st_fsck_fault *x = &f->queue[i];

		if (x->whole) {
			rc = st_map_put(&d->packs, x->pack.b, ST_OID_LEN, i, NULL, NULL, e);
		} else if (!st_oid_is_zero(&x->id)) {
			rc = st_map_put(&d->ids, x->id.b, ST_OID_LEN, i, &had, NULL, e);
			d->open += !had;
		}
	}
	return rc;
}

/* Several faults of one object have one place. */
static void share(struct finder *d)
{
	const struct st_fsck *f = d->f;
	uint64_t from;
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (!f->queue[i].whole &&
		    st_map_get(&d->ids, f->queue[i].id.b, ST_OID_LEN, &from) && from != i)
			d->places[i] = d->places[from];
		if (!d->places[i].path)
			d->places[i].version = d->places[i].path = "";
	}
}

static int search(struct finder *d, struct st_err *e)
{
	size_t i;
	int rc = take_faults(d, e);

	if (rc != ST_OK || d->f->blind || (!d->open && !d->packs.count))
		return rc;
	rc = st_catalog_commit_each(d->f->r->cat, take_version, d, e);
	for (i = 0; rc == ST_OK && i < d->n && (d->open || d->packs.count); i++)
		rc = find_in_version(d, &d->versions[i], e);
	d->path.len = 0;
	if (rc == ST_OK && (d->open || d->packs.count))
		rc = find_staged(d, e);
	return rc;
}

int st_fsck_find(struct st_fsck *f, struct st_fsck_place *places, struct st_err *e)
{
	struct finder d = { .f = f, .places = places };
	int rc;

	st_map_init(&d.ids);
	st_map_init(&d.packs);
	st_map_init(&d.seen);
	st_map_init(&d.clean);
	st_buf_init(&d.path, (size_t)1 << 20);
	rc = search(&d, e);
	share(&d);
	st_map_release(&d.ids);
	st_map_release(&d.packs);
	st_map_release(&d.seen);
	st_map_release(&d.clean);
	st_buf_release(&d.path);
	free(d.versions);
	return rc;
}
