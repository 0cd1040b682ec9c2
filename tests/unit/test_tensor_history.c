/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/* What the catalogue says of tensors' history equals what trees and manifests say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "scratch_fixture.h"

#include "model/manifest.h"
#include "repo/tensor_history.h"

#include <stdio.h>

static struct trepo t;

static struct st_oid digest(void)
{
	struct st_err e = { 0 };
	struct st_oid id;

	ok(st_catalog_digest(t.r->cat, &id, &e), &e);
	return id;
}

static void rebuilds_equal(void)
{
	struct st_err e = { 0 };
	struct st_oid before = digest(), after;

	ok(st_catalog_check(t.r->cat, &e), &e);
	ok(st_repo_rebuild(t.r, &e), &e);
	after = digest();
	assert_true(st_oid_eq(&before, &after));
}

/* ---- rows of one commit ---- */

struct row {
	char path[64], name[128];
	int64_t origin, value;
	struct st_oid id;
};

struct rows {
	struct row v[64];
	size_t n;
	int64_t slot; /* looked for */
};

static int take_slot(void *arg, const struct st_slot_row *s, struct st_err *e)
{
	struct rows *r = arg;

	(void)e;
	if (s->slot != r->slot)
		return ST_OK;
	assert_int_equal(strlen(s->name), s->name_len);
	snprintf(r->v[r->n].path, sizeof(r->v->path), "%s", s->path);
	snprintf(r->v[r->n].name, sizeof(r->v->name), "%s", s->name);
	return ST_ENO;
}

static int take_change(void *arg, const struct st_change_row *c, struct st_err *e)
{
	struct rows *r = arg;
	struct row *x = &r->v[r->n];

	assert_in_range(r->n, 0, 63);
	r->slot = c->slot;
	ok(st_catalog_slot_each(t.r->cat, NULL, take_slot, r, e), e);
	x->origin = c->origin;
	x->value = c->value;
	if (c->value)
		ok(st_catalog_value(t.r->cat, c->value, &x->id, e), e);
	r->n++;
	return ST_OK;
}

static int64_t key_of(const struct st_oid *id)
{
	struct st_err e = { 0 };
	int64_t key;
	bool found;

	ok(st_catalog_commit_key(t.r->cat, id, &key, &found, &e), &e);
	assert_true(found);
	return key;
}

static void rows_of(struct rows *r, const struct st_oid *commit)
{
	struct st_err e = { 0 };

	*r = (struct rows){ 0 };
	ok(st_catalog_change_each(t.r->cat, key_of(commit), take_change, r, &e), &e);
}

static const struct row *row_of(const struct rows *r, const char *path, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].path, path) == 0 && strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	return NULL;
}

/* ---- the law ---- */

static bool same(const struct ttensor *a, const struct ttensor *b)
{
	return a && b ? st_oid_eq(&a->id, &b->id) : a == b;
}

/* What must stand in the catalogue of this tensor; false: nothing. */
static bool expected(const struct thistory *h, const struct tversion *v, const struct ttensor *x,
		     int64_t *origin, const struct ttensor **now)
{
	bool had = false, differs = v->nparents == 0;

	*now = th_find(v, x->path, x->name);
	*origin = 0;
	for (size_t i = 0; i < v->nparents; i++) {
		const struct ttensor *was = th_find(&h->v[v->parents[i]], x->path, x->name);

		had = had || was;
		if (!same(*now, was))
			differs = true;
		else if (*origin == 0)
			*origin = (int64_t)i + 1;
	}
	if (*origin == 0 && !had)
		*origin = -1;
	return differs;
}

static size_t check_tensors(const struct thistory *h, const struct tversion *v,
			    const struct tversion *of, const struct rows *r)
{
	size_t n = 0;

	for (size_t i = 0; i < of->n; i++) {
		const struct ttensor *x = &of->tensors[i], *now;
		const struct row *row = row_of(r, x->path, x->name);
		int64_t origin;

		if (!expected(h, v, x, &origin, &now)) {
			assert_null(row);
			continue;
		}
		assert_non_null(row);
		assert_int_equal(row->origin, origin);
		assert_int_equal(row->value == 0, !now);
		if (now)
			assert_true(st_oid_eq(&row->id, &now->id));
		n++;
	}
	return n;
}

static void check_version(const struct thistory *h, size_t i)
{
	const struct tversion *v = &h->v[i];
	struct rows r;
	size_t n, gone = 0;

	rows_of(&r, &v->id);
	n = check_tensors(h, v, v, &r);
	for (size_t k = 0; k < v->nparents; k++)
		(void)check_tensors(h, v, &h->v[v->parents[k]], &r);
	for (size_t k = 0; k < r.n; k++)
		gone += r.v[k].value == 0;
	assert_int_equal(n + gone, r.n);
}

static void equals_replay(void **state)
{
	struct thistory *h = calloc(1, sizeof(*h));
	size_t merges = 0;

	(void)state;
	assert_non_null(h);
	th_random(h, &t, 200, 42);
	for (size_t i = 0; i < h->n; i++) {
		check_version(h, i);
		merges += h->v[i].nparents > 1;
		for (size_t k = 0; k < h->v[i].nparents; k++)
			assert_true(key_of(&h->v[i].id) > key_of(&h->v[h->v[i].parents[k]].id));
	}
	assert_in_range(merges, 10, 100);
	rebuilds_equal();
	for (size_t i = 0; i < h->n; i++)
		check_version(h, i);
	tr_sound(&t);
	th_release(h);
}

/* ---- cases ---- */

static void commit(const struct st_oid *parent, const char *ref, bool number, struct st_oid *id)
{
	tr_add(&t, NULL);
	th_commit(&t, parent, parent ? 1 : 0, ref, number, id);
}

static int64_t origin_of(const struct st_oid *commit_id, const char *path, const char *name)
{
	struct rows r;
	const struct row *row;

	rows_of(&r, commit_id);
	row = row_of(&r, path, name);
	return row ? row->value ? row->origin : row->origin + 100 : 50; /* gone: + 100; none: 50 */
}

/* A name may be a file in one version and a directory, or no model, in another. */
static void changes_of_kind(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	struct st_oid a, b, c, d;

	(void)state;
	tr_model(&t, "m.safetensors", seeds, 2, 64, 0);
	commit(NULL, "heads/main", true, &a);
	assert_int_equal(origin_of(&a, "m.safetensors", "t0"), -1);
	assert_int_equal(rename("m.safetensors", "x"), 0);
	assert_int_equal(mkdir("m.safetensors", 0777), 0);
	assert_int_equal(rename("x", "m.safetensors/n.safetensors"), 0);
	commit(&a, "heads/main", true, &b);
	assert_int_equal(origin_of(&b, "m.safetensors", "t0"), 100);
	assert_int_equal(origin_of(&b, "m.safetensors", "t1"), 100);
	assert_int_equal(origin_of(&b, "m.safetensors/n.safetensors", "t1"), -1);
	tr_text(&t, "m.safetensors/n.safetensors", "no model at all");
	commit(&b, "heads/main", true, &c);
	assert_int_equal(origin_of(&c, "m.safetensors/n.safetensors", "t1"), 100);
	assert_int_equal(chmod("m.safetensors/n.safetensors", 0755), 0);
	commit(&c, "heads/main", true, &d);
	assert_int_equal(origin_of(&d, "m.safetensors/n.safetensors", "t1"), 50);
	rebuilds_equal();
}

static int see_change(void *arg, const char *path, const struct st_view *v,
		      const struct st_segment *seg, uint64_t seg_off, struct st_err *e)
{
	unsigned *n = arg;

	(void)e;
	(void)seg_off;
	assert_string_equal(path, "m.safetensors");
	assert_int_equal(v->nbytes, 64);
	assert_true(st_oid_eq(&v->id, &seg->id));
	++*n;
	return ST_OK;
}

/* Of many tensors one changes: the pages that stay the same are not looked into. */
static void watch(void *arg, const struct st_progress *p)
{
	struct st_progress *kept = arg;

	if (p->last)
		kept->last = true;
	else if (strcmp(p->what, "record tensors") == 0 && p->done > kept->done)
		kept->done = p->done;
}

/* A model of very many tensors takes seconds to record, and its commit says how far it is. */
static void tells_how_far(void **state)
{
	struct st_progress told = { 0 };
	struct st_ctx before = t.r->ctx;
	uint64_t seeds[600];
	struct st_oid a;

	(void)state;
	for (size_t i = 0; i < 600; i++)
		seeds[i] = i + 1;
	tr_model(&t, "m.safetensors", seeds, 600, 64, 0);
	t.r->ctx = (struct st_ctx){
		.jobs = 2, .memory = before.memory, .arg = &told, .progress = watch
	};
	commit(NULL, "heads/main", true, &a);
	t.r->ctx = before;
	assert_int_equal(told.done, 512);
	assert_true(told.last);
}

static void changed_pages_alone(void **state)
{
	struct st_err e = { 0 };
	struct st_tensor_changes x;
	struct st_commit c;
	struct st_oid a, b;
	uint64_t seeds[3000];
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		seeds[i] = i + 1;
	tr_model(&t, "m.safetensors", seeds, 3000, 64, 0);
	commit(NULL, "heads/main", true, &a);
	seeds[1500] = 77777;
	tr_model(&t, "m.safetensors", seeds, 3000, 64, 0);
	commit(&a, "heads/main", true, &b);
	assert_int_equal(origin_of(&b, "m.safetensors", "t1500"), 0);
	ok(st_repo_commit_load(t.r, &b, &c, &e), &e);
	st_tensor_changes_init(&x);
	x.seen = see_change;
	x.arg = &seen;
	ok(st_tensor_changes_find(&x, t.r, &c, &e), &e);
	assert_int_equal(x.n, 1);
	assert_int_equal(seen, 1);
	st_tensor_changes_release(&x);
	st_commit_release(&c);
	rebuilds_equal();
}

static int count_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		      uint64_t seg_off, struct st_err *e)
{
	uint64_t *n = arg;

	(void)e;
	(void)seg;
	if (strcmp(v->name, "t1500") == 0)
		n[1] = seg_off;
	n[0]++;
	return ST_OK;
}

/* The tensors of pages that are left out do not come, and the others' offsets stay. */
static void pages_left_out(void **state)
{
	const struct st_manifest *m;
	uint64_t seeds[3000], all[2] = { 0 }, some[2] = { 0 }, out[2] = { 0 };
	struct st_err e = { 0 };
	struct st_vfile *f;
	struct st_map skip;
	struct st_oid id;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		seeds[i] = i + 1;
	tr_model(&t, "m.safetensors", seeds, 3000, 64, 0);
	tr_version(&t);
	tr_file_id(&t, "HEAD", "m.safetensors", &id);
	ok(st_vfile_open(&f, t.r, &id, &e), &e);
	m = st_vfile_manifest(f);
	assert_true(m->npages >= 3);
	ok(st_vfile_views(f, count_view, all, &e), &e);
	assert_int_equal(all[0], 3000);
	st_map_init(&skip);
	ok(st_map_put(&skip, m->pages[0].id.b, ST_OID_LEN, 1, NULL, NULL, &e), &e);
	ok(st_vfile_views_but(f, &skip, count_view, some, &e), &e);
	assert_int_equal(some[0], 3000 - m->pages[0].tensors);
	assert_int_equal(some[1], all[1]);
	for (size_t i = 1; i < m->npages; i++)
		ok(st_map_put(&skip, m->pages[i].id.b, ST_OID_LEN, 1, NULL, NULL, &e), &e);
	ok(st_vfile_views_but(f, &skip, count_view, out, &e), &e);
	assert_int_equal(out[0], 0);
	st_map_release(&skip);
	st_vfile_close(f);
}

static int take_traced(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	(void)e;
	*(bool *)arg = row->traced;
	return ST_OK;
}

static bool traced(const struct st_oid *id)
{
	struct st_err e = { 0 };
	bool yes;

	ok(st_catalog_commit_get(t.r->cat, id, take_traced, &yes, &e), &e);
	return yes;
}

/* gc takes the tree of a version without a number that nothing refers to; numbered ones stay. */
static void after_gc(void **state)
{
	const strata_gc_options o = { 0 };
	const uint64_t one[] = { 1, 2 }, two[] = { 1, 3 }, three[] = { 4, 5 };
	struct st_err e = { 0 };
	struct st_oid a, b, c;
	strata_gc_result res;

	(void)state;
	tr_model(&t, "m.safetensors", one, 2, 64, 0);
	commit(NULL, "heads/main", true, &a);
	tr_model(&t, "m.safetensors", three, 2, 64, 0);
	commit(&a, NULL, false, &b);
	tr_model(&t, "m.safetensors", two, 2, 64, 0);
	commit(&a, "heads/main", true, &c);
	assert_true(traced(&a) && traced(&b) && traced(&c));
	ok(st_verb_gc(t.r, &o, &res, &e), &e);
	assert_true(res.removed_objects > 0);
	rebuilds_equal();
	assert_true(traced(&a) && !traced(&b) && traced(&c));
	assert_int_equal(origin_of(&c, "m.safetensors", "t1"), 0);
	assert_int_equal(origin_of(&c, "m.safetensors", "t0"), 50);
	tr_sound(&t);
	assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
}

/* A pack damaged after the fact costs the history of what lay in it, and no more. */
static void damaged(void **state)
{
	const uint64_t one[] = { 1, 2 }, two[] = { 1, 3 };
	struct st_err e = { 0 };
	struct st_oid a, b, file, root;
	struct st_loc loc;
	char path[256];

	(void)state;
	tr_model(&t, "m.safetensors", one, 2, 64, 0);
	commit(NULL, "heads/main", true, &a);
	tr_model(&t, "m.safetensors", two, 2, 64, 0);
	commit(&a, "heads/main", true, &b);
	tr_file_id(&t, "main", "m.safetensors", &file);
	ok(st_odb_recipe(t.r->odb, &file, &root, &e), &e);
	tr_loc(&t, &root, ST_ENTRY_DATA, &loc);
	tr_loc_path(&t, &loc, path, sizeof(path));
	tr_reopen(&t);
	tr_flip(path, loc.offset + loc.stored / 2 + 64, 0xff);
	tr_reopen(&t);
	ok(st_repo_rebuild(t.r, &e), &e);
	assert_true(traced(&a) && !traced(&b));
	assert_int_equal(origin_of(&a, "m.safetensors", "t1"), -1);
	assert_int_equal(origin_of(&b, "m.safetensors", "t1"), 50);
	tr_flip(path, loc.offset + loc.stored / 2 + 64, 0xff);
	tr_reopen(&t);
	ok(st_repo_rebuild(t.r, &e), &e);
	assert_true(traced(&b));
	assert_int_equal(origin_of(&b, "m.safetensors", "t1"), 0);
}

/* 10,000 versions; the ids of their tensors are known from packs in any case. */
static uint64_t size_of_catalog(const char *path, bool changes)
{
	struct st_commit_row row = { .author = "a", .message = "", .version = "", .traced = true };
	struct st_loc loc = { .kind = 1, .raw = 64, .stored = 64, .head = 13 };
	struct st_err e = { 0 };
	struct st_catalog *cat;
	char name[16];
	int64_t slot, pack;
	struct stat st;

	ok(st_catalog_open(&cat, path, &e), &e);
	ok(st_catalog_begin(cat, &e), &e);
	ok(st_catalog_pack_add(cat, &row.id, 1, 1, &pack, &e), &e);
	for (uint64_t i = 0; i < 30000; i++) {
		st_oid_of(&row.id, &i, sizeof(i));
		row.generation = i / 3 + 1;
		if (i % 3 == 0)
			ok(st_catalog_commit_add(cat, &row, &e), &e);
		loc.id = row.id;
		loc.offset = i * 64;
		ok(st_catalog_loc_add(cat, pack, &loc, &e), &e);
		if (!changes)
			continue;
		snprintf(name, sizeof(name), "t%" PRIu64, i * 101 % 300);
		ok(st_catalog_slot(cat, "m", name, strlen(name), &slot, &e), &e);
		ok(st_catalog_change_add(cat, (int64_t)(i / 3) + 1, slot, 0, &loc.id, &e), &e);
	}
	ok(st_catalog_commit(cat, &e), &e);
	st_catalog_close(cat);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void stays_small(void **state)
{
	uint64_t with = size_of_catalog("with.db", true);
	uint64_t without = size_of_catalog("without.db", false);

	(void)state;
	assert_in_range((with - without) / 10000, 30, 120); /* bytes a version */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(equals_replay, &t),  TR_TEST(changes_of_kind, &t),
		TR_TEST(tells_how_far, &t),  TR_TEST(changed_pages_alone, &t),
		TR_TEST(pages_left_out, &t), TR_TEST(after_gc, &t),
		TR_TEST(damaged, &t),	     TR_TEST(stays_small, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
