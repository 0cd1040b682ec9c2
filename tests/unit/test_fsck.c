/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"
#include "zip_fixture.h"

#include "base/file.h"
#include "model/manifest.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MIB ((size_t)1 << 20)

static struct tfaults faults;

static void sound(void **state)
{
	strata_fsck_result res;
	struct trepo t;

	(void)state;
	tr_open(&t);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_OK);
	tr_random(&t, "file", 1, 3 * MIB);
	tr_version(&t);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_OK);
	assert_int_equal(res.versions, 1);
	assert_int_equal(res.packs, tr_packs(&t));
	assert_true(res.objects > 3 * MIB / 256 / 1024);
	assert_true(res.bytes > 3 * MIB);
	tr_sound(&t);
	tr_close(&t);
}

/* v1 and v2 differ in one tensor; the flipped bit is in the one that only v2 has. */
static void names_object_and_version(void **state)
{
	const uint64_t one[] = { 1, 2 }, two[] = { 1, 3 };
	char path[256], hex[ST_OID_HEX + 1], pack[ST_PACK_NAME_LEN + 1];
	struct st_buf v1, v2, got;
	strata_fsck_result res;
	struct st_loc loc;
	struct st_oid id;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_path(&t, "dir", path, sizeof(path));
	assert_int_equal(mkdir(path, 0755), 0);
	tr_model(&t, "dir/m.safetensors", one, 2, MIB + 400, 0);
	tr_read(&t, "dir/m.safetensors", &v1);
	tr_version(&t);
	tr_model(&t, "dir/m.safetensors", two, 2, MIB + 400, 0);
	tr_read(&t, "dir/m.safetensors", &v2);
	tr_version(&t);
	tr_commit(&t, NULL); /* v3 has the same files */

	st_oid_of(&id, v2.p + v2.len - (MIB + 400), MIB + 400);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	tr_loc_path(&t, &loc, path, sizeof(path));
	tr_flip(path, loc.offset + 5000, 0x10);

	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	assert_int_equal(res.faults, 1);
	assert_int_equal(faults.n, 1);
	st_oid_hex(&id, hex);
	st_pack_name(&loc.pack, pack);
	assert_string_equal(faults.first[0].object, hex);
	assert_string_equal(faults.first[0].pack, pack);
	assert_int_equal(faults.first[0].offset, loc.offset); /* its first frame */
	assert_string_equal(faults.first[0].version, "v3");
	assert_string_equal(faults.first[0].path, "dir/m.safetensors");
	/* The long check adds nothing: the file that cannot be rebuilt is explained by the
	 * tensor. */
	assert_int_equal(tr_fsck(&t, STRATA_FSCK_FULL, &faults, &res), ST_ENO);
	assert_int_equal(res.faults, 1);

	tr_check(&t, "v1:dir/m.safetensors", &v1);
	assert_int_equal(tr_cat(&t, "v2:dir/m.safetensors", &got), ST_ECORRUPT);
	st_buf_release(&got);
	st_buf_release(&v1);
	st_buf_release(&v2);
	tr_close(&t);
}

/* Whatever byte of a pack changes, fsck says so, and says it of this pack. */
static void every_byte_counts(void **state)
{
	char path[256];
	strata_fsck_result res;
	struct st_err e = { 0 };
	struct st_buf b;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_random(&t, "a", 1, 300);
	tr_write(&t, "b", "constant", 8);
	tr_version(&t);
	tr_pack_path(&t, 0, path, sizeof(path));
	st_buf_init(&b, MIB);
	assert_int_equal(st_file_slurp(&b, path, &e), ST_OK);
	for (size_t i = 0; i < b.len; i += i < 80 || i + 80 > b.len ? 1 : 13) {
		tr_flip(path, i, (unsigned char)(1U << i % 8));
		if (tr_fsck(&t, 0, &faults, &res) != ST_ENO)
			print_error("byte %zu of %zu\n", i, b.len);
		assert_true(res.faults >= 1);
		assert_non_null(strstr(path, faults.first[0].pack));
		tr_flip(path, i, (unsigned char)(1U << i % 8));
	}
	tr_sound(&t);
	st_buf_release(&b);
	tr_close(&t);
}

static void missing_pack(void **state)
{
	char path[256];
	struct st_buf a, got;
	strata_fsck_result res;
	struct st_loc loc;
	struct st_oid id;
	struct trepo t;
	size_t i, whole = 0;

	(void)state;
	tr_open(&t);
	tr_random(&t, "a", 1, 1000);
	tr_read(&t, "a", &a);
	tr_version(&t);
	tr_random(&t, "b", 2, 1000);
	tr_add(&t, "b");
	tr_commit(&t, NULL);
	tr_commit(&t, NULL);
	tr_file_id(&t, "v2", "b", &id);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	tr_loc_path(&t, &loc, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	tr_reopen(&t);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	for (i = 0; i < faults.n; i++)
		whole += strstr(path, faults.first[i].pack) != NULL && *faults.first[i].pack;
	assert_int_equal(whole, 1);
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.first[0].version, "v3");
	assert_non_null(strstr(faults.first[0].what, "2 versions need it: v3, v2"));
	tr_check(&t, "v1:a", &a);
	assert_int_not_equal(tr_cat(&t, "v3:b", &got), ST_OK);
	st_buf_release(&got);
	/* The catalogue is all that still knows what the pack held: it stays. */
	assert_int_equal(tr_fsck(&t, STRATA_FSCK_REBUILD, &faults, &res), ST_ENO);
	tr_reopen(&t);
	tr_check(&t, "v1:a", &a);
	st_buf_release(&a);
	tr_close(&t);
}

static void catalogue_made_anew(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	strata_fsck_result res;
	char path[256];
	struct st_buf want;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 2, MIB, 0);
	tr_read(&t, "m.safetensors", &want);
	tr_version(&t);

	assert_int_equal(tr_fsck(&t, STRATA_FSCK_REBUILD, &faults, &res), ST_OK);
	assert_int_equal(t.warnings, 0);

	tr_sql(&t, "DELETE FROM locs WHERE oid = (SELECT min(oid) FROM locs)");
	tr_reopen(&t);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	assert_int_equal(tr_fsck(&t, STRATA_FSCK_REBUILD, &faults, &res), ST_ENO);
	assert_int_equal(res.faults, 1);
	assert_non_null(strstr(faults.first[0].what, "catalogue differed"));
	tr_sound(&t);

	tr_path(&t, ".strata/catalog.db", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	tr_reopen(&t);
	tr_sound(&t);
	tr_check(&t, "v1:m.safetensors", &want);
	st_buf_release(&want);
	tr_close(&t);
}

/* The stored bytes are sound, and still no tensor comes back. */
static void missing_base(void **state)
{
	const uint64_t seeds[] = { 1 };
	char sql[300], hex[ST_OID_HEX + 1];
	strata_fsck_result res;
	struct st_loc loc;
	struct st_oid id;
	struct st_buf b;
	struct trepo t;
	size_t i;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 1, 2 * MIB, 7);
	tr_add(&t, NULL);
	tr_model(&t, "m.safetensors", seeds, 1, 2 * MIB, 8);
	tr_read(&t, "m.safetensors", &b);
	tr_version(&t);
	st_oid_of(&id, b.p + b.len - 2 * MIB, 2 * MIB);
	st_buf_release(&b);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	assert_int_equal(loc.depth, 1);

	st_oid_hex(&id, hex);
	snprintf(sql, sizeof(sql),
		 "UPDATE locs SET depth = 9 WHERE oid = (SELECT oid FROM objects WHERE id = x'%s')",
		 hex);
	tr_sql(&t, sql);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	for (i = 0; i < faults.n && !strstr(faults.first[i].what, "9 differences deep"); i++)
		;
	assert_true(i < faults.n);
	assert_string_equal(faults.first[i].object, hex);
	assert_int_equal(tr_fsck(&t, STRATA_FSCK_REBUILD, &faults, &res), ST_ENO);
	tr_sound(&t);

	st_oid_hex(&loc.base, hex);
	snprintf(sql, sizeof(sql),
		 "DELETE FROM locs WHERE oid = (SELECT oid FROM objects WHERE id = x'%s')", hex);
	tr_sql(&t, sql);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	for (i = 0; i < faults.n && strcmp(faults.first[i].object, hex) != 0; i++)
		;
	assert_true(i < faults.n);
	assert_string_equal(faults.first[i].version, "v1");
	assert_string_equal(faults.first[i].path, "m.safetensors");
	tr_close(&t);
}

static void damaged_log(void **state)
{
	strata_fsck_result res;
	char path[256];
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_write(&t, "a", "a", 1);
	tr_version(&t);
	tr_path(&t, ".strata/ops", path, sizeof(path));
	tr_flip(path, 32 + 40, 1); /* in the first record's payload */
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_ENO);
	assert_non_null(strstr(faults.first[0].what, "operation log"));
	tr_flip(path, 32 + 40, 1);
	tr_sound(&t);
	tr_close(&t);
}

/* Each stored byte is as it was written; only the long check sees that the recipe is another
 * file's. */
static void false_recipe(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	struct st_op op = { .verb = "test", .why = "test" };
	struct st_oid file, manifest, other;
	struct st_err e = { 0 };
	const struct st_oid *packs;
	strata_fsck_result res;
	char hex[ST_OID_HEX + 1];
	struct st_writer *w;
	struct st_buf b;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 2, MIB, 0);
	tr_read(&t, "m.safetensors", &b);
	tr_version(&t);
	tr_file_id(&t, "v1", "m.safetensors", &file);
	assert_int_equal(st_odb_recipe(t.r->odb, &file, &manifest, &e), ST_OK);
	st_oid_of(&other, "other", 5);
	assert_int_equal(st_writer_new(&w, t.r->odb, &t.r->ctx, &e), ST_OK);
	assert_int_equal(st_writer_recipe(w, &other, &manifest, &e), ST_OK);
	assert_int_equal(st_writer_seal(w, &packs, &op.npacks_added, &e), ST_OK);
	op.packs_added = (struct st_oid *)packs;
	assert_int_equal(st_repo_publish(t.r, &op, NULL, NULL, &e), ST_OK);
	st_writer_free(w);
	assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_OK);
	assert_int_equal(tr_fsck(&t, STRATA_FSCK_FULL, &faults, &res), ST_ENO);
	assert_int_equal(faults.n, 1);
	st_oid_hex(&other, hex);
	assert_string_equal(faults.first[0].object, hex);
	assert_string_equal(faults.first[0].version, "");
	st_buf_release(&b);
	tr_close(&t);
}

/* ---- logical ids ---- */

static int keep(void *arg, const void *p, size_t n, struct st_oid *id, struct st_err *e)
{
	return st_writer_put(arg, NULL, p, n, id, e);
}

/* Makes a stored ordinary file a model, by a manifest of these segments. */
static void plant(struct trepo *t, const struct st_oid *file, const char *format,
		  const struct st_segment *segs, size_t n)
{
	struct st_op op = { .verb = "test", .why = "test" };
	struct st_manifest_writer mw;
	struct st_err e = { 0 };
	const struct st_oid *packs;
	struct st_writer *w;
	struct st_oid root;

	assert_int_equal(st_writer_new(&w, t->r->odb, &t->r->ctx, &e), ST_OK);
	assert_int_equal(st_manifest_writer_init(&mw, format, keep, w, &e), ST_OK);
	for (size_t i = 0; i < n; i++)
		if (st_manifest_writer_add(&mw, &segs[i], &e) != ST_OK)
			fail_msg("%s", e.msg);
	assert_int_equal(st_manifest_writer_finish(&mw, NULL, NULL, 0, &root, &e), ST_OK);
	st_manifest_writer_release(&mw);
	assert_int_equal(st_writer_recipe(w, file, &root, &e), ST_OK);
	assert_int_equal(st_writer_seal(w, &packs, &op.npacks_added, &e), ST_OK);
	op.packs_added = (struct st_oid *)packs;
	assert_int_equal(st_repo_publish(t->r, &op, NULL, NULL, &e), ST_OK);
	st_writer_free(w);
}

static void says(const strata_fault *f, const struct st_oid *file, const char *path,
		 const char *what)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(file, hex);
	assert_string_equal(f->object, hex);
	assert_string_equal(f->version, "v1");
	assert_string_equal(f->path, path);
	if (!strstr(f->what, what))
		fail_msg("%s", f->what);
}

/* 2 x 3 elements of 4 bytes, with and without their true ids in each way that tensors lie. */
static void false_ids(void **state)
{
	static const uint64_t s32[] = { 3, 2 }, s6[] = { 6 }, s2[] = { 2 };
	static const int64_t t13[] = { 1, 3 };
	static const unsigned char order[] = { 0, 3, 1, 4, 2, 5 };
	unsigned char bytes[24], turned[24], swapped[24];
	struct st_oid file, turned_id, swapped_id, part_id;
	strata_fsck_result res;
	struct trepo t;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		turned[i] = bytes[order[i / 4] * 4 + i % 4];
		swapped[i] = bytes[i / 4 * 4 + 3 - i % 4];
	}
	st_oid_of(&turned_id, turned, 24);
	st_oid_of(&swapped_id, swapped, 24);
	st_oid_of(&part_id, bytes + 8, 8);
	st_oid_of(&file, bytes, 24);
	for (unsigned lie = 0; lie < 2; lie++) {
		struct st_view v[] = {
			{ "turned", 6, ST_F32, 2, s32, t13, false, 0, 24, turned_id },
			{ "big\n", 4, ST_F32, 1, s6, NULL, true, 0, 24, swapped_id },
			{ "part", 4, ST_F32, 1, s2, NULL, false, 8, 8, part_id },
			{ "all", 3, ST_F32, 1, s6, NULL, false, 0, 24, file },
		};
		struct st_segment seg = { .size = 24, .id = file, .views = v, .nviews = 4 };

		if (lie) {
			v[0].id = file; /* as if no one had turned it */
			v[1].id.b[5] ^= 1;
			v[2].id = file;
		}
		tr_open(&t);
		tr_write(&t, "w.dat", bytes, sizeof(bytes));
		tr_version(&t);
		plant(&t, &file, "torch", &seg, 1);
		assert_int_equal(tr_fsck(&t, 0, &faults, &res), ST_OK);
		assert_int_equal(tr_fsck(&t, STRATA_FSCK_FULL, &faults, &res),
				 lie ? ST_ENO : ST_OK);
		assert_int_equal(faults.n, lie ? 3 : 0);
		if (lie) {
			says(&faults.first[0], &file, "w.dat",
			     "tensor \"turned\": its bytes have the id ");
			says(&faults.first[1], &file, "w.dat", "tensor \"big\\x0a\": ");
			says(&faults.first[2], &file, "w.dat", "tensor \"part\": ");
		}
		tr_close(&t);
	}
}

/* An archive that is an ordinary file to add, since its first member is none of NumPy's. */
static void make_archive(struct trepo *t, const float *values, struct st_buf *out)
{
	static const char head[] = "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, "
				   "'shape': (4,), }";
	char npy[128 + 16];
	const struct zip_spec members[] = {
		{ .name = "read.me", .data = "weights" },
		{ .name = "w.npy", .data = npy, .how = DEFLATE, .len = sizeof(npy) },
	};
	struct zip_archive a;

	memset(npy, ' ', 128);
	memcpy(npy, head, sizeof(head) - 1);
	npy[127] = '\n';
	memcpy(npy + 128, values, 16);
	a = zip_build(members, 2);
	tr_write(t, "w.dat", a.b.p, a.b.len);
	*out = a.b;
}

static void false_detached(void **state)
{
	static const float values[] = { 1, 2, 3, 4 };
	static const uint64_t four[] = { 4 }, two[] = { 2 };
	static const struct {
		const char *name, *format, *why; /* NULL: true */
		bool lie, other_shape;
	} rows[] = {
		{ "w", "npz", NULL, false, false },
		{ "w", "npz", "tensor \"w\": its bytes have the id ", true, false },
		{ "u", "npz", "tensor \"u\": its manifest has it, the file does not", false,
		  false },
		{ "w", "npz", "says another type or shape", false, true },
		{ "w", "npy", "its format's parser refuses it: ", false, false },
		{ "w", "later", NULL, true, false }, /* by another strata: not to be judged */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_view v = { .name = rows[i].name,
				     .name_len = 1,
				     .dtype = ST_F32,
				     .ndim = 1,
				     .shape = rows[i].other_shape ? two : four,
				     .nbytes = rows[i].other_shape ? 8 : 16 };
		struct st_segment segs[2] = { { 0 },
					      { .detached = true, .views = &v, .nviews = 1 } };
		strata_fsck_result res;
		struct st_buf b;
		struct trepo t;

		tr_open(&t);
		make_archive(&t, values, &b);
		tr_version(&t);
		st_oid_of(&v.id, values, sizeof(values));
		v.id.b[31] ^= rows[i].lie;
		st_oid_of(&segs[0].id, b.p, b.len);
		segs[0].size = b.len;
		plant(&t, &segs[0].id, rows[i].format, segs, 2);
		if (tr_fsck(&t, STRATA_FSCK_FULL, &faults, &res) != (rows[i].why ? ST_ENO : ST_OK))
			fail_msg("row %zu: %zu faults, %s", i, faults.n, faults.first[0].what);
		assert_int_equal(faults.n, rows[i].why ? 1 : 0);
		if (rows[i].why)
			says(&faults.first[0], &segs[0].id, "w.dat", rows[i].why);
		assert_int_equal(t.warnings, strcmp(rows[i].format, "later") == 0);
		st_buf_release(&b);
		tr_close(&t);
	}
}

static int stop_at_once(void *arg, const strata_fault *f)
{
	(void)f;
	++*(int *)arg;
	return 1;
}

static void caller_stops(void **state)
{
	struct st_err e = { 0 };
	strata_fsck_result res;
	char path[256];
	struct trepo t;
	int calls = 0;

	(void)state;
	tr_open(&t);
	tr_write(&t, "a", "a", 1);
	tr_version(&t);
	tr_pack_path(&t, 0, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	tr_pack_path(&t, 1, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	tr_reopen(&t);
	assert_int_equal(st_verb_fsck(t.r, 0, stop_at_once, &calls, &res, &e), ST_ENO);
	assert_int_equal(e.code, ST_OK);
	assert_int_equal(calls, 1);
	assert_int_equal(st_verb_fsck(t.r, 0, NULL, NULL, &res, &e), ST_ENO);
	assert_string_equal(e.msg, "2 faults found");
	tr_close(&t);
}

static bool cancel(void *arg)
{
	(void)arg;
	return true;
}

static void interrupted(void **state)
{
	struct st_err e = { 0 };
	strata_fsck_result res;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_write(&t, "a", "a", 1);
	tr_version(&t);
	t.r->ctx.cancelled = cancel;
	assert_int_equal(st_verb_fsck(t.r, 0, NULL, NULL, &res, &e), ST_EBUSY);
	t.r->ctx.cancelled = NULL;
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound),
		cmocka_unit_test(names_object_and_version),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(missing_pack),
		cmocka_unit_test(catalogue_made_anew),
		cmocka_unit_test(missing_base),
		cmocka_unit_test(damaged_log),
		cmocka_unit_test(false_recipe),
		cmocka_unit_test(false_ids),
		cmocka_unit_test(false_detached),
		cmocka_unit_test(caller_stops),
		cmocka_unit_test(interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
