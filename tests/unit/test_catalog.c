/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "meta/catalog.h"
#include "scratch_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct fixture {
	char dir[64], path[96];
	struct st_catalog *cat;
};

static struct fixture fx;

static void reopen(void)
{
	struct st_err e = { 0 };

	st_catalog_close(fx.cat);
	if (st_catalog_open(&fx.cat, fx.path, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static int setup(void **state)
{
	(void)state;
	fx = (struct fixture){ .dir = "/tmp/st-catalog-XXXXXX" };
	assert_non_null(mkdtemp(fx.dir));
	snprintf(fx.path, sizeof(fx.path), "%s/catalog.db", fx.dir);
	reopen();
	return 0;
}

static int teardown(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	st_catalog_close(fx.cat);
	return st_remove_tree(fx.dir, &e);
}

/* A well spread id for each n. */
static struct st_oid oid(uint64_t n)
{
	struct st_oid id;

	st_oid_of(&id, &n, sizeof(n));
	return id;
}

static int try_sql(const char *text)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open(fx.path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static void sql(const char *text)
{
	if (try_sql(text) != SQLITE_OK)
		fail_msg("%s", text);
}

static void label(const char *version, uint64_t commit)
{
	struct st_oid id = oid(commit);
	struct st_err e = { 0 };

	ok(st_catalog_version_add(fx.cat, version, &id, &e), &e);
}

static void test_pos_and_index(void **state)
{
	struct st_oplog_pos pos, want = { .seq = 3, .end = 4711, .hash = oid(1) };
	struct st_oid tree = oid(2), got;
	struct st_err e = { 0 };
	bool found;

	(void)state;
	ok(st_catalog_pos(fx.cat, &pos, &e), &e);
	assert_int_equal(pos.seq + pos.end, 0);
	assert_true(st_oid_is_zero(&pos.hash));
	ok(st_catalog_index_tree(fx.cat, &got, &found, &e), &e);
	assert_false(found);
	ok(st_catalog_set_pos(fx.cat, &want, &e), &e);
	ok(st_catalog_set_index_tree(fx.cat, &tree, &e), &e);
	reopen();
	ok(st_catalog_pos(fx.cat, &pos, &e), &e);
	assert_memory_equal(&pos, &want, sizeof(pos));
	ok(st_catalog_index_tree(fx.cat, &got, &found, &e), &e);
	assert_true(found && st_oid_eq(&got, &tree));
}

struct list {
	char text[1024];
	size_t stop_after, n;
};

static int list_ref(void *arg, const char *name, const char *value, struct st_err *e)
{
	struct list *l = arg;
	struct st_buf b;
	bool found;

	/* a query inside a query */
	st_buf_init(&b, 4096);
	assert_int_equal(st_catalog_ref_get(fx.cat, name, &b, &found, e), ST_OK);
	assert_true(found && b.len == strlen(value) && memcmp(b.p, value, b.len) == 0);
	st_buf_release(&b);
	strcat(l->text, name);
	strcat(l->text, " ");
	return ++l->n == l->stop_after ? ST_ENO : ST_OK;
}

static void test_refs(void **state)
{
	static const char *const names[] = { "tags/a",	 "heads/main", "HEAD",
					     "heads/b%", "heads/B",    "headsx" };
	struct list l = { 0 };
	struct st_err e = { 0 };
	struct st_buf b;
	bool found;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		ok(st_catalog_ref_set(fx.cat, names[i], "x", &e), &e);
	ok(st_catalog_ref_set(fx.cat, "HEAD", "ref:heads/main", &e), &e);
	ok(st_catalog_ref_each(fx.cat, "heads/", list_ref, &l, &e), &e);
	assert_string_equal(l.text, "heads/B heads/b% heads/main ");
	l = (struct list){ .stop_after = 2 };
	ok(st_catalog_ref_each(fx.cat, "", list_ref, &l, &e), &e);
	assert_string_equal(l.text, "HEAD heads/B ");
	ok(st_catalog_ref_set(fx.cat, "heads/B", NULL, &e), &e);
	ok(st_catalog_ref_set(fx.cat, "heads/none", NULL, &e), &e);
	st_buf_init(&b, 4096);
	ok(st_catalog_ref_get(fx.cat, "heads/B", &b, &found, &e), &e);
	assert_false(found);
	ok(st_catalog_ref_get(fx.cat, "HEAD", &b, &found, &e), &e);
	assert_true(found);
	assert_string_equal(st_buf_cstr(&b, &e), "ref:heads/main");
	st_buf_release(&b);
}

/* Two are enough. */
static int append_label(void *arg, const char *label, struct st_err *e)
{
	char *out = arg;

	(void)e;
	strcat(strcat(out, label), " ");
	return strlen(out) > 4 ? ST_ENO : ST_OK;
}

static void test_versions(void **state)
{
	struct st_oid a = oid(1), b = oid(2), got;
	struct st_err e = { 0 };
	char label[32], seen[32] = "";
	uint64_t n;
	bool found;

	(void)state;
	ok(st_catalog_version_of(fx.cat, &a, label, &e), &e);
	assert_string_equal(label, "");
	ok(st_catalog_version_add(fx.cat, "v1", &a, &e), &e);
	ok(st_catalog_version_add(fx.cat, "v2", &b, &e), &e);
	ok(st_catalog_version_add(fx.cat, "v3", &a, &e), &e);
	ok(st_catalog_version_add(fx.cat, "v1", &a, &e), &e);
	assert_int_equal(st_catalog_version_add(fx.cat, "v1", &b, &e), ST_EREFUSED);
	st_err_clear(&e);
	ok(st_catalog_version_count(fx.cat, &n, &e), &e);
	assert_int_equal(n, 3);
	ok(st_catalog_version_each(fx.cat, append_label, seen, &e), &e);
	assert_string_equal(seen, "v3 v2 ");
	ok(st_catalog_version_of(fx.cat, &a, label, &e), &e);
	assert_string_equal(label, "v1");
	ok(st_catalog_version_get(fx.cat, "v3", &got, &found, &e), &e);
	assert_true(found && st_oid_eq(&got, &a));
	ok(st_catalog_version_get(fx.cat, "v4", &got, &found, &e), &e);
	assert_false(found);
}

static void add_commit(uint64_t n, uint64_t generation, int64_t time_ns, const char *version,
		       size_t nparents)
{
	struct st_oid parents[8];
	struct st_commit_row row = { .id = oid(n),
				     .tree = oid(n + 1000000),
				     .time_ns = time_ns,
				     .generation = generation,
				     .author = "Ada <a@b>",
				     .message = "message",
				     .version = version,
				     .parents = parents,
				     .nparents = nparents };
	struct st_origin lineage[3];
	size_t origins = n < 100 ? n % 4 : 0; /* few have any */
	struct st_err e = { 0 };

	for (size_t i = 0; i < nparents; i++)
		parents[i] = oid(n + 2000000 + i);
	for (size_t i = 0; i < origins; i++)
		lineage[i] = (struct st_origin){ oid(n + 3000000 + i), i ? "adapter-of" : "" };
	row.lineage = lineage;
	row.nlineage = origins;
	ok(st_catalog_commit_add(fx.cat, &row, &e), &e);
}

struct rows {
	size_t n, stop_after;
	struct st_oid ids[16];
	char versions[64];
	size_t nparents;
	struct st_oid last_parent;
	size_t nlineage;
	struct st_oid last_origin;
};

static int see_row(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct rows *r = arg;

	(void)e;
	if (r->n < COUNT(r->ids))
		r->ids[r->n] = row->id;
	assert_string_equal(row->author, "Ada <a@b>");
	assert_string_equal(row->message, "message");
	if (strlen(r->versions) < 50) {
		strcat(r->versions, row->version);
		strcat(r->versions, ",");
	}
	r->nparents = row->nparents;
	if (row->nparents)
		r->last_parent = row->parents[row->nparents - 1];
	r->nlineage = row->nlineage;
	for (size_t i = 0; i < row->nlineage; i++) {
		assert_string_equal(row->lineage[i].kind, i ? "adapter-of" : "");
		r->last_origin = row->lineage[i].commit;
	}
	return ++r->n == r->stop_after ? ST_ENO : ST_OK;
}

static void test_commits(void **state)
{
	struct st_oid want, low = oid(4), high = oid(5), swap;
	struct st_err e = { 0 };
	struct rows r = { 0 };

	(void)state;
	if (st_oid_cmp(&low, &high) > 0) {
		swap = low;
		low = high;
		high = swap;
	}
	add_commit(1, 1, -5, "", 0);
	add_commit(2, 2, 10, "v2", 1);
	add_commit(3, 3, 7, "", 8);
	add_commit(4, 3, 9, "", 1);
	add_commit(5, 3, 9, "", 1);
	add_commit(5, 3, 9, "", 1);
	label("v1", 1);
	label("v2", 2);
	label("v9", 1);
	ok(st_catalog_commit_each(fx.cat, see_row, &r, &e), &e);
	assert_int_equal(r.n, 5);
	assert_true(st_oid_eq(&r.ids[0], &high) && st_oid_eq(&r.ids[1], &low));
	want = oid(3);
	assert_true(st_oid_eq(&r.ids[2], &want));
	want = oid(1);
	assert_true(st_oid_eq(&r.ids[4], &want));
	assert_string_equal(r.versions, ",,,v2,v1,");
	r = (struct rows){ .stop_after = 2 };
	ok(st_catalog_commit_each(fx.cat, see_row, &r, &e), &e);
	assert_int_equal(r.n, 2);
	r = (struct rows){ 0 };
	want = oid(3);
	ok(st_catalog_commit_get(fx.cat, &want, see_row, &r, &e), &e);
	assert_int_equal(r.nparents, 8);
	want = oid(3 + 2000000 + 7);
	assert_true(st_oid_eq(&r.last_parent, &want));
	assert_int_equal(r.nlineage, 3);
	want = oid(3 + 3000000 + 2);
	assert_true(st_oid_eq(&r.last_origin, &want));
	assert_int_equal(st_catalog_commit_get(fx.cat, &want, see_row, &r, &e), ST_ENOTFOUND);
}

static void test_bad_lineage(void **state)
{
	static const char *const bad[] = {
		"x'00'",
		"zeroblob(32)",
		"zeroblob(34)",
		"CAST(printf('%040d', 0) AS BLOB)",
	};
	struct st_oid id = oid(1);

	(void)state;
	add_commit(1, 1, 0, "", 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[200];
		struct st_err e = { 0 };
		struct rows r = { 0 };

		snprintf(text, sizeof(text), "UPDATE commits SET lineage = %s", bad[i]);
		sql(text);
		if (st_catalog_commit_get(fx.cat, &id, see_row, &r, &e) != ST_ECORRUPT)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(e.msg, "lineage cut short"));
	}
}

/* A version given before its commit is known is found all the same. */
static void test_version_first(void **state)
{
	struct st_oid id = oid(1);
	struct st_err e = { 0 };
	struct rows r = { 0 };

	(void)state;
	ok(st_catalog_version_add(fx.cat, "v1", &id, &e), &e);
	add_commit(1, 1, 0, "", 0);
	ok(st_catalog_commit_get(fx.cat, &id, see_row, &r, &e), &e);
	assert_string_equal(r.versions, "v1,");
}

static void test_commit_prefix(void **state)
{
	struct st_oid out[8], one = oid(7);
	char hex[ST_OID_HEX + 1];
	struct st_err e = { 0 };
	size_t n;

	(void)state;
	for (uint64_t i = 0; i < 300; i++)
		add_commit(i, 1, 0, "", 0);
	st_oid_hex(&one, hex);
	for (size_t len = 6; len <= ST_OID_HEX; len++) {
		ok(st_catalog_commit_prefix(fx.cat, hex, len, out, &n, &e), &e);
		assert_int_equal(n, 1);
		assert_true(st_oid_eq(&out[0], &one));
	}
	hex[3] = (char)(hex[3] >= 'a' ? hex[3] - 32 : hex[3]);
	ok(st_catalog_commit_prefix(fx.cat, hex, 7, out, &n, &e), &e);
	assert_int_equal(n, 1);
	hex[ST_OID_HEX - 1] = hex[ST_OID_HEX - 1] == '0' ? '1' : '0';
	ok(st_catalog_commit_prefix(fx.cat, hex, ST_OID_HEX, out, &n, &e), &e);
	assert_int_equal(n, 0);
	ok(st_catalog_commit_prefix(fx.cat, "", 0, out, &n, &e), &e);
	assert_int_equal(n, 0);
	ok(st_catalog_commit_prefix(fx.cat, "12z", 3, out, &n, &e), &e);
	assert_int_equal(n, 0);
	n = 0;
	for (const char *c = "0123456789abcdef"; *c; c++) {
		size_t k;

		ok(st_catalog_commit_prefix(fx.cat, c, 1, out, &k, &e), &e);
		assert_int_equal(k, 8); /* of about 19 */
		for (size_t i = 0; i < k; i++) {
			st_oid_hex(&out[i], hex);
			assert_int_equal(hex[0], *c);
		}
	}
}

static struct st_loc loc(uint64_t n, uint8_t depth, uint64_t offset)
{
	struct st_loc l = { .id = oid(n),
			    .kind = 1,
			    .width = 4,
			    .depth = depth,
			    .offset = offset,
			    .raw = 100,
			    .stored = 50,
			    .head = (uint32_t)n };

	if (depth)
		l.base = oid(n + 500);
	return l;
}

static int64_t add_pack(uint64_t n)
{
	struct st_oid id = oid(n);
	struct st_err e = { 0 };
	int64_t key;

	ok(st_catalog_pack_add(fx.cat, &id, 1000 + n, n, &key, &e), &e);
	return key;
}

static void add_loc(int64_t key, struct st_loc l)
{
	struct st_err e = { 0 };

	ok(st_catalog_loc_add(fx.cat, key, &l, &e), &e);
}

static void expect_loc(uint64_t n, unsigned kind, const struct st_oid *pack, unsigned depth)
{
	struct st_oid id = oid(n), base = oid(n + 500);
	struct st_err e = { 0 };
	struct st_loc l;
	bool found;

	ok(st_catalog_loc_find(fx.cat, &id, kind, &l, &found, &e), &e);
	assert_int_equal(found, pack != NULL);
	if (!pack)
		return;
	assert_true(st_oid_eq(&l.pack, pack) && st_oid_eq(&l.id, &id));
	assert_int_equal(l.depth, depth);
	assert_int_equal(l.kind, kind);
	assert_int_equal(st_oid_is_zero(&l.base), depth == 0);
	assert_true(depth == 0 || st_oid_eq(&l.base, &base));
	assert_int_equal(l.raw, 100);
	assert_int_equal(l.head, n);
}

static int count_loc(void *arg, const struct st_loc *l, struct st_err *e)
{
	struct st_loc *last = arg;

	(void)e;
	assert_true(!st_oid_eq(&last->pack, &l->pack) || last->offset < l->offset);
	last->head++;
	last->offset = l->offset;
	last->pack = l->pack;
	return ST_OK;
}

static int count_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct st_oid id = oid(row->objects);

	(void)e;
	assert_true(st_oid_eq(&row->id, &id));
	assert_int_equal(row->size, 1000 + row->objects);
	++*(size_t *)arg;
	return ST_OK;
}

static void test_locations(void **state)
{
	struct st_oid p1 = oid(101), p2 = oid(102), p3 = oid(103);
	int64_t k1 = add_pack(101), k2 = add_pack(102), k3 = add_pack(103);
	struct st_err e = { 0 };
	struct st_loc l = loc(1, 2, 64), last = { 0 };
	size_t packs = 0;
	bool known;

	(void)state;
	assert_int_equal(add_pack(102), k2);
	assert_true(k1 < k2 && k2 < k3);
	expect_loc(1, 1, NULL, 0);
	add_loc(k1, l);
	add_loc(k1, l);
	add_loc(k2, loc(1, 1, 64));
	add_loc(k3, loc(1, 2, 64));
	add_loc(k1, loc(2, 0, 128));
	add_loc(k3, loc(2, 0, 128));
	l = loc(2, 1, 256);
	l.kind = 2;
	add_loc(k2, l);
	expect_loc(1, 1, &p2, 1); /* lowest depth */
	expect_loc(1, 2, NULL, 0);
	expect_loc(2, 1, &p3, 0); /* newest pack */
	expect_loc(2, 2, &p2, 1);
	expect_loc(501, 1, NULL, 0); /* known as a base only */
	ok(st_catalog_loc_each(fx.cat, NULL, count_loc, &last, &e), &e);
	assert_int_equal(last.head, 6);
	last = (struct st_loc){ 0 };
	ok(st_catalog_loc_each(fx.cat, &p1, count_loc, &last, &e), &e);
	assert_int_equal(last.head, 2);
	ok(st_catalog_pack_remove(fx.cat, &p2, &e), &e);
	ok(st_catalog_pack_remove(fx.cat, &p2, &e), &e);
	expect_loc(1, 1, &p3, 2);
	expect_loc(2, 2, NULL, 0);
	ok(st_catalog_pack_known(fx.cat, &p2, &known, &e), &e);
	assert_false(known);
	ok(st_catalog_pack_known(fx.cat, &p3, &known, &e), &e);
	assert_true(known);
	ok(st_catalog_pack_each(fx.cat, count_pack, &packs, &e), &e);
	assert_int_equal(packs, 2);
	l = loc(9, 0, (uint64_t)1 << 63);
	assert_int_equal(st_catalog_loc_add(fx.cat, k1, &l, &e), ST_ELIMIT);
}

static void test_transactions(void **state)
{
	struct st_oid pack = oid(101);
	struct st_err e = { 0 };

	(void)state;
	ok(st_catalog_begin(fx.cat, &e), &e);
	add_loc(add_pack(101), loc(1, 0, 64));
	st_catalog_rollback(fx.cat);
	expect_loc(1, 1, NULL, 0);
	st_catalog_rollback(fx.cat); /* nothing open: nothing happens */
	ok(st_catalog_begin(fx.cat, &e), &e);
	add_loc(add_pack(101), loc(1, 0, 64));
	ok(st_catalog_commit(fx.cat, &e), &e);
	reopen();
	expect_loc(1, 1, &pack, 0);
}

/* A burst sees one state; outside it and after it, what others have committed. */
static void test_burst(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;
	bool found;

	(void)state;
	ok(st_catalog_ref_set(fx.cat, "HEAD", "x", &e), &e);
	ok(st_catalog_read_begin(fx.cat, &e), &e);
	ok(st_catalog_read_begin(fx.cat, &e), &e);
	st_buf_init(&b, 4096);
	ok(st_catalog_ref_get(fx.cat, "HEAD", &b, &found, &e), &e);
	assert_true(found);
	assert_int_equal(try_sql("UPDATE refs SET value = 'y'"), SQLITE_BUSY);
	st_catalog_read_end(fx.cat);
	assert_int_equal(try_sql("UPDATE refs SET value = 'y'"), SQLITE_BUSY);
	st_catalog_read_end(fx.cat);
	assert_int_equal(try_sql("UPDATE refs SET value = 'y'"), SQLITE_OK);
	st_buf_clear(&b);
	ok(st_catalog_ref_get(fx.cat, "HEAD", &b, &found, &e), &e);
	assert_string_equal(st_buf_cstr(&b, &e), "y");
	st_buf_release(&b);
	ok(st_catalog_begin(fx.cat, &e), &e); /* in a transaction there is nothing to do */
	ok(st_catalog_read_begin(fx.cat, &e), &e);
	st_catalog_read_end(fx.cat);
	ok(st_catalog_commit(fx.cat, &e), &e);
}

static void fill(bool backwards)
{
	static struct st_op_ref ref = { .name = "heads/main", .value = "x" };
	const struct st_op op = { .seq = 1,
				  .time_ns = 5,
				  .verb = "commit",
				  .why = "w",
				  .who = "Ada <a@b>",
				  .refs = &ref,
				  .nrefs = 1 };
	struct st_oplog_pos pos = { .seq = 1, .end = 200, .hash = oid(8) };
	struct st_oid gone = oid(99);
	struct st_err e = { 0 };
	int64_t a, b;

	if (backwards) { /* other numbers for ids and names, and traces of a pack that went */
		add_loc(add_pack(99), loc(77, 1, 64));
		ok(st_catalog_pack_remove(fx.cat, &gone, &e), &e);
		ok(st_catalog_ref_set(fx.cat, "tags/t", "y", &e), &e);
		b = add_pack(102);
		add_loc(b, loc(3, 2, 64));
		a = add_pack(101);
		add_loc(a, loc(2, 1, 128));
		add_loc(a, loc(1, 0, 64));
		ok(st_catalog_op_add(fx.cat, &op, &pos, &e), &e);
		add_commit(2, 2, 6, "", 1);
		add_commit(1, 1, 5, "", 0);
	} else {
		add_commit(1, 1, 5, "", 0);
		add_commit(2, 2, 6, "", 1);
		a = add_pack(101);
		b = add_pack(102);
		add_loc(a, loc(1, 0, 64));
		add_loc(a, loc(2, 1, 128));
		add_loc(b, loc(3, 2, 64));
		ok(st_catalog_op_add(fx.cat, &op, &pos, &e), &e);
		ok(st_catalog_op_add(fx.cat, &op, &pos, &e), &e);
		ok(st_catalog_ref_set(fx.cat, "tags/t", "y", &e), &e);
	}
	label("v1", 1);
	ok(st_catalog_set_pos(fx.cat, &pos, &e), &e);
}

static struct st_oid digest(void)
{
	struct st_err e = { 0 };
	struct st_oid d;

	ok(st_catalog_digest(fx.cat, &d, &e), &e);
	ok(st_catalog_check(fx.cat, &e), &e);
	return d;
}

static void test_digest(void **state)
{
	static const char *const changes[] = {
		"UPDATE refs SET value = 'z'",
		"UPDATE versions SET label = 'v2'",
		"UPDATE commits SET message = 'other' WHERE generation = 1",
		"UPDATE commits SET parents = zeroblob(32) WHERE generation = 2",
		"UPDATE commits SET lineage = x'00' WHERE generation = 2",
		"UPDATE names SET name = 'Eve' WHERE name LIKE 'Ada%'",
		"UPDATE packs SET size = size + 1 WHERE objects = 101",
		"UPDATE locs SET offset = 65 WHERE offset = 64 AND depth = 0",
		"UPDATE locs SET base = NULL WHERE depth = 2",
		"DELETE FROM locs WHERE depth = 1",
		"UPDATE state SET index_tree = zeroblob(32)",
		"UPDATE state SET end = 201",
		"UPDATE ops SET why = 'v'",
		"UPDATE moves SET new = 'v'",
		"UPDATE objects SET state = 2 WHERE oid = (SELECT min(oid) FROM objects)",
	};
	struct st_oid first, other, d;

	(void)state;
	fill(false);
	first = digest();
	teardown(NULL);
	setup(NULL);
	fill(true);
	other = digest();
	assert_true(st_oid_eq(&first, &other));
	for (size_t i = 0; i < COUNT(changes); i++) {
		sql(changes[i]);
		d = digest();
		if (st_oid_eq(&d, &other))
			fail_msg("not seen: %s", changes[i]);
		other = d;
	}
}

static void test_op_row(void **state)
{
	sqlite3_stmt *s;
	sqlite3 *db;

	(void)state;
	fill(false);
	assert_int_equal(sqlite3_open(fx.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT m.new, w.name, v.name, why, time, end FROM ops "
				   "JOIN names w ON w.nid = who JOIN names v ON v.nid = verb "
				   "JOIN moves m ON m.seq = ops.seq",
				   -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), "x");
	assert_string_equal((const char *)sqlite3_column_text(s, 1), "Ada <a@b>");
	assert_string_equal((const char *)sqlite3_column_text(s, 2), "commit");
	assert_int_equal(sqlite3_column_int64(s, 4), 5);
	assert_int_equal(sqlite3_column_int64(s, 5), 200);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static void expect_corrupt(const char *what)
{
	struct st_err e = { 0 };
	struct st_catalog *c;

	if (st_catalog_open(&c, fx.path, &e) != ST_ECORRUPT)
		fail_msg("%s: %d %s", what, e.code, e.msg);
	assert_null(c);
}

static void write_file(const void *p, size_t n)
{
	int fd = open(fx.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, p, n), (ssize_t)n);
	close(fd);
}

static void fresh(void)
{
	st_catalog_close(fx.cat);
	fx.cat = NULL;
	unlink(fx.path);
	reopen();
	fill(false);
	st_catalog_close(fx.cat);
	fx.cat = NULL;
}

static void test_damaged_files(void **state)
{
	static const char *const edits[] = {
		"PRAGMA user_version = 99", "PRAGMA application_id = 1", "DROP TABLE locs",
		"CREATE TABLE more(x)",	    "DELETE FROM state",
	};
	char text[8192] =
		"not a database, but long enough to be taken for one ......................";
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		fresh();
		sql(edits[i]);
		expect_corrupt(edits[i]);
	}
	write_file(text, sizeof(text));
	expect_corrupt("text");
	unlink(fx.path);
	sql("CREATE TABLE another(x)");
	expect_corrupt("another program's database");
	fresh();
	assert_int_equal(stat(fx.path, &st), 0);
	assert_int_equal(truncate(fx.path, st.st_size / 2), 0);
	expect_corrupt("cut in half");
	write_file("", 0); /* an empty file is a new database */
	reopen();
}

/* Every page overwritten in turn: an error or a catalogue, never a crash, and check sees it. */
static void test_damaged_pages(void **state)
{
	uint8_t noise[4096];
	struct stat st;
	off_t page;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 31 + 7);
	for (page = 1; page == 1 || page < st.st_size / 4096; page++) {
		struct st_err e = { 0 };
		struct st_catalog *c;
		struct st_oid d;
		int fd, rc;

		fresh();
		assert_int_equal(stat(fx.path, &st), 0);
		fd = open(fx.path, O_WRONLY);
		assert_int_equal(pwrite(fd, noise, sizeof(noise), page * 4096), sizeof(noise));
		close(fd);
		rc = st_catalog_open(&c, fx.path, &e);
		if (rc == ST_OK)
			rc = st_catalog_check(c, &e);
		if (rc != ST_ECORRUPT)
			fail_msg("page %d: %d %s", (int)page, rc, e.msg);
		st_err_clear(&e);
		if (c)
			(void)!st_catalog_digest(c, &d, &e);
		st_catalog_close(c);
	}
}

static void test_broken_links(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	fill(false);
	ok(st_catalog_check(fx.cat, &e), &e);
	sql("DELETE FROM packs WHERE objects = 101");
	assert_int_equal(st_catalog_check(fx.cat, &e), ST_ECORRUPT);
}

static void test_memory(void **state)
{
	struct st_err e = { 0 };
	struct st_catalog *c;
	struct st_oid id = oid(1);

	(void)state;
	ok(st_catalog_open(&c, ":memory:", &e), &e);
	ok(st_catalog_version_add(c, "v1", &id, &e), &e);
	st_catalog_close(c);
}

static void *many_threads(void *arg)
{
	struct st_err e = { 0 };
	uint64_t base = *(uint64_t *)arg;

	for (uint64_t i = 0; i < 200; i++) {
		struct st_loc l = loc(base + i, 0, 64 + base + i);
		bool found = false;

		if (st_catalog_loc_add(fx.cat, 1, &l, &e) != ST_OK ||
		    st_catalog_loc_find(fx.cat, &l.id, 1, &l, &found, &e) != ST_OK || !found)
			return "failed";
	}
	return NULL;
}

static void test_threads(void **state)
{
	uint64_t base[4] = { 0, 10000, 20000, 30000 };
	struct st_err e = { 0 };
	pthread_t t[4];
	void *failed;

	(void)state;
	assert_int_equal(add_pack(101), 1);
	ok(st_catalog_begin(fx.cat, &e), &e);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, many_threads, &base[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	ok(st_catalog_commit(fx.cat, &e), &e);
}

static int count_row(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	(void)e;
	assert_int_equal(row->nparents, 1);
	++*(size_t *)arg;
	return ST_OK;
}

static void test_many(void **state)
{
	enum {
		LOCS = 20000,
		COMMITS = 5000
	};
	struct st_err e = { 0 };
	struct st_oid id;
	struct st_loc l;
	size_t n = 0;
	bool found;

	(void)state;
	ok(st_catalog_begin(fx.cat, &e), &e);
	add_pack(101);
	for (uint64_t i = 0; i < LOCS; i++) {
		l = loc(i, 0, 64 + i * 300);
		ok(st_catalog_loc_add(fx.cat, 1, &l, &e), &e);
	}
	for (uint64_t i = 0; i < COMMITS; i++)
		add_commit(i, i + 1, (int64_t)i, "v1234", 1);
	ok(st_catalog_commit(fx.cat, &e), &e);
	reopen();
	for (uint64_t i = 0; i < LOCS; i++) {
		id = oid(i * 7919 % LOCS);
		ok(st_catalog_loc_find(fx.cat, &id, 1, &l, &found, &e), &e);
		assert_true(found);
		assert_int_equal(l.offset, 64 + i * 7919 % LOCS * 300);
	}
	ok(st_catalog_commit_each(fx.cat, count_row, &n, &e), &e);
	assert_int_equal(n, COMMITS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pos_and_index), T(test_refs),	      T(test_versions),
		T(test_bad_lineage),   T(test_commits),	      T(test_version_first),
		T(test_commit_prefix), T(test_locations),     T(test_transactions),
		T(test_burst),	       T(test_digest),	      T(test_op_row),
		T(test_damaged_files), T(test_damaged_pages), T(test_broken_links),
		T(test_memory),	       T(test_threads),	      T(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
