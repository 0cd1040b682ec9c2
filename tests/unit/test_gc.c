/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static const strata_gc_options now = { 0 }, later = { .prune_age_seconds = 86400 };

static int try_gc(struct trepo *t, const strata_gc_options *o, strata_gc_result *res)
{
	struct st_err e = { 0 };
	int rc = st_verb_gc(t->r, o, res, &e);

	if (rc != ST_OK)
		print_message("gc: %s\n", e.msg);
	return rc;
}

static strata_gc_result gc(struct trepo *t, const strata_gc_options *o)
{
	strata_gc_result res;

	assert_int_equal(try_gc(t, o, &res), ST_OK);
	assert_int_equal(res.packs_after, o->dry_run ? res.packs_after : tr_packs(t));
	return res;
}

/* A file that was staged and taken out again goes; what versions need does not. */
static void unneeded_goes(void **state)
{
	strata_gc_options dry = { .dry_run = true };
	strata_gc_result res, would;
	struct st_buf keep;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_random(&t, "keep", 1, 3 * MIB);
	tr_read(&t, "keep", &keep);
	tr_add(&t, "keep");
	tr_commit(&t, NULL);
	tr_random(&t, "drop", 2, 2 * MIB);
	tr_add(&t, "drop");
	tr_rm_cached(&t, "drop");

	res = gc(&t, &later); /* too young */
	assert_int_equal(res.removed_objects, 0);
	assert_true(res.bytes_after >= 5 * MIB);

	would = gc(&t, &dry);
	assert_true(would.bytes_before >= 5 * MIB);
	assert_true(would.bytes_after < 4 * MIB);
	assert_int_equal(gc(&t, &dry).removed_objects, would.removed_objects);

	res = gc(&t, &now);
	assert_true(res.ran);
	assert_int_equal(res.removed_objects, would.removed_objects);
	assert_int_equal(res.packs_after, would.packs_after);
	assert_true(res.removed_bytes >= 2 * MIB && res.removed_bytes < 5 * MIB / 2);
	assert_true(res.bytes_after < 4 * MIB);
	tr_check(&t, "v1:keep", &keep);
	tr_sound(&t);
	res = gc(&t, &now);
	assert_int_equal(res.removed_objects, 0);
	assert_int_equal(res.bytes_before, res.bytes_after);
	tr_reopen(&t);
	tr_check(&t, "v1:keep", &keep);
	st_buf_release(&keep);
	tr_close(&t);
}

/* A version stored as the difference from a file that was only ever staged. */
static void bases_stay(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	strata_gc_result res;
	struct st_oid id;
	struct st_loc loc;
	struct st_buf want;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 2, 2 * MIB, 7);
	tr_random(&t, "drop", 1,
		  4 * MIB); /* in the base's pack, which is written anew without it */
	tr_add(&t, NULL);
	tr_model(&t, "m.safetensors", seeds, 2, 2 * MIB, 8);
	tr_read(&t, "m.safetensors", &want);
	tr_add(&t, NULL);
	tr_rm_cached(&t, "drop");
	tr_commit(&t, NULL);
	st_oid_of(&id, want.p + want.len - 2 * MIB, 2 * MIB); /* t1, the last tensor */
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	assert_int_equal(loc.depth, 1);
	res = gc(&t, &now);
	assert_true(res.removed_bytes > 4 * MIB);
	tr_check(&t, "v1:m.safetensors", &want);
	tr_sound(&t);
	st_buf_release(&want);
	tr_close(&t);
}

/*
 * gc may leave a dead tensor, stored as a difference, in a pack that is mostly alive. When the
 * same file is added again, add finds that tensor: so its base, in another pack, must be there
 * still.
 */
static void revived(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	struct st_buf m, big;
	struct st_loc loc, base;
	struct st_oid id;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_model(&t, "n.safetensors", seeds, 2, 2 * MIB, 7);
	tr_add(&t, NULL);
	tr_random(&t, "big", 9, 12 * MIB);
	tr_read(&t, "big", &big);
	tr_model(&t, "m.safetensors", seeds, 2, 2 * MIB, 8);
	tr_read(&t, "m.safetensors", &m);
	tr_add(&t, NULL);
	st_oid_of(&id, m.p + m.len - 2 * MIB, 2 * MIB);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	assert_int_equal(loc.depth, 1);
	tr_loc(&t, &loc.base, ST_ENTRY_DATA, &base);
	assert_false(st_oid_eq(&base.pack, &loc.pack));
	tr_rm_cached(&t, "n.safetensors");
	tr_rm_cached(&t, "m.safetensors");
	tr_commit(&t, NULL);
	gc(&t, &now);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc); /* not worth writing the pack anew */
	tr_sound(&t);
	tr_add(&t, "m.safetensors");
	tr_commit(&t, NULL);
	tr_check(&t, "v2:m.safetensors", &m);
	tr_check(&t, "v1:big", &big);
	tr_sound(&t);
	st_buf_release(&m);
	st_buf_release(&big);
	tr_close(&t);
}

/* Replaying the log reads the commits it names, also those that nothing leads to any more. */
static void log_stays_readable(void **state)
{
	struct st_op op = { .verb = "test", .why = "test", .ncommits = 1 };
	const struct st_oid *packs;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct st_commit c;
	struct st_oid v1, id;
	struct st_buf b;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_write(&t, "a", "a", 1);
	tr_version(&t);
	assert_int_equal(st_resolve(t.r, "v1", 2, &v1, &e), ST_OK);
	assert_int_equal(st_repo_commit_load(t.r, &v1, &c, &e), ST_OK);
	c.message = "of a branch that was deleted";
	st_buf_init(&b, MIB);
	assert_int_equal(st_commit_encode(&b, &c, &e), ST_OK);
	assert_int_equal(st_writer_new(&w, t.r->odb, &t.r->ctx, &e), ST_OK);
	assert_int_equal(st_writer_put(w, NULL, b.p, b.len, &id, &e), ST_OK);
	assert_int_equal(st_writer_seal(w, &packs, &op.npacks_added, &e), ST_OK);
	op.packs_added = (struct st_oid *)packs;
	op.commits = &id;
	assert_int_equal(st_repo_publish(t.r, &op, NULL, NULL, &e), ST_OK);
	st_writer_free(w);
	gc(&t, &now);
	assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
	tr_reopen(&t);
	tr_sound(&t);
	st_commit_release(&c);
	st_buf_release(&b);
	tr_close(&t);
}

/* Removed, added again (the pack has the same name), and the catalogue lost. */
static void removed_and_added_again(void **state)
{
	struct st_buf want;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_random(&t, "file", 1, MIB / 2);
	tr_read(&t, "file", &want);
	tr_add(&t, "file");
	tr_rm_cached(&t, "file");
	gc(&t, &now);
	tr_add(&t, "file");
	tr_commit(&t, NULL);
	tr_check(&t, "v1:file", &want);
	assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
	tr_check(&t, "v1:file", &want);
	tr_sound(&t);
	st_buf_release(&want);
	tr_close(&t);
}

static void every_version_restores(void **state)
{
	uint64_t seeds[3] = { 1, 2, 3 };
	struct st_buf want[6];
	struct trepo t;
	char spec[128];

	(void)state;
	tr_open(&t);
	for (unsigned i = 0; i < 6; i++) {
		seeds[i % 3] = i + 10;
		tr_model(&t, "m.safetensors", seeds, 3, MIB + 4096, i + 1);
		tr_random(&t, "other", i, 20000);
		tr_read(&t, "m.safetensors", &want[i]);
		tr_add(&t, NULL);
		tr_random(&t, "unused", i + 100, MIB / 2);
		tr_add(&t, "unused");
		tr_rm_cached(&t, "unused");
		tr_path(&t, "unused", spec, sizeof(spec));
		assert_int_equal(unlink(spec), 0);
		tr_commit(&t, NULL);
		if (i == 3)
			gc(&t, &now);
	}
	gc(&t, &now);
	assert_true(tr_packs(&t) <= 20);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 6; i++) {
			snprintf(spec, sizeof(spec), "v%u:m.safetensors", i + 1);
			tr_check(&t, spec, &want[i]);
		}
		tr_sound(&t);
		assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
	}
	for (unsigned i = 0; i < 6; i++)
		st_buf_release(&want[i]);
	tr_close(&t);
}

static void orphans_go(void **state)
{
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_orphan(&t);
	assert_int_equal(tr_packs(&t), 1);
	gc(&t, &later);
	assert_int_equal(tr_packs(&t), 1);
	gc(&t, &now);
	assert_int_equal(tr_packs(&t), 0);
	tr_close(&t);
}

static void copy_file(const char *from, const char *to)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, (size_t)64 << 20);
	assert_int_equal(st_file_slurp(&b, from, &e), ST_OK);
	assert_int_equal(st_file_replace(to, b.p, b.len, false, &e), ST_OK);
	st_buf_release(&b);
}

/* Killed after the operation and before the old file was deleted: the log says that it may go. */
static void removed_pack_goes(void **state)
{
	char path[256], aside[256];
	struct stat st;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_random(&t, "drop", 2, 1000);
	tr_add(&t, "drop");
	tr_pack_path(&t, 0, path, sizeof(path));
	tr_rm_cached(&t, "drop");
	tr_path(&t, "aside", aside, sizeof(aside));
	copy_file(path, aside);
	gc(&t, &now);
	assert_int_not_equal(stat(path, &st), 0);
	copy_file(aside, path);
	gc(&t, &later);
	assert_int_not_equal(stat(path, &st), 0);
	tr_close(&t);
}

static void leftovers_go(void **state)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	char pack[256], stale[256], fresh[256];
	struct stat st;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_write(&t, ".strata/packs/tmp-abcdef", "x", 1);
	tr_write(&t, ".strata/.st-tmp-stale", "x", 1);
	tr_write(&t, ".strata/.st-tmp-fresh", "x", 1);
	tr_path(&t, ".strata/packs/tmp-abcdef", pack, sizeof(pack));
	tr_path(&t, ".strata/.st-tmp-stale", stale, sizeof(stale));
	tr_path(&t, ".strata/.st-tmp-fresh", fresh, sizeof(fresh));
	assert_int_equal(utimensat(AT_FDCWD, stale, old, 0), 0);
	gc(&t, &later);
	assert_int_not_equal(stat(pack, &st), 0);
	assert_int_not_equal(stat(stale, &st), 0);
	assert_int_equal(stat(fresh, &st), 0);
	tr_close(&t);
}

static void automatic_merges(void **state)
{
	const strata_gc_options o = { .automatic = true };
	strata_gc_result res;
	struct st_buf want;
	struct trepo t;
	char text[32], spec[32];

	(void)state;
	tr_open(&t);
	assert_false(gc(&t, &o).ran);
	tr_random(&t, "unused", 1, 50000);
	tr_add(&t, "unused");
	tr_rm_cached(&t, "unused");
	for (int i = 0; i < 60; i++) { /* each makes two packs; commits tidy up */
		snprintf(text, sizeof(text), "content %d", i);
		tr_write(&t, "file", text, strlen(text));
		tr_add(&t, "file");
		tr_commit(&t, NULL);
	}
	assert_true(tr_packs(&t) <= 52);
	st_buf_init(&want, 100);
	for (int i = 0; i < 60; i++) {
		struct st_err e = { 0 };

		st_buf_clear(&want);
		assert_int_equal(st_buf_addf(&want, &e, "content %d", i), ST_OK);
		snprintf(spec, sizeof(spec), "v%d:file", i + 1);
		tr_check(&t, spec, &want);
	}
	st_buf_release(&want);
	tr_sound(&t);
	res = gc(&t, &now); /* the merged packs lost nothing so far */
	assert_true(res.removed_bytes >= 50000);
	tr_sound(&t);
	tr_close(&t);
}

/* The name of the largest pack. */
static void largest(const struct trepo *t, char name[128])
{
	char dir[256], path[600];
	struct dirent *de;
	struct stat st;
	off_t most = -1;
	DIR *d;

	tr_path(t, ".strata/packs", dir, sizeof(dir));
	d = opendir(dir);
	assert_non_null(d);
	while ((de = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (de->d_name[0] == '.' || stat(path, &st) != 0 || st.st_size <= most)
			continue;
		most = st.st_size;
		snprintf(name, 128, "%.127s", de->d_name);
	}
	closedir(d);
}

/* What a commit costs must not grow with what was there before it. */
static void automatic_leaves_large(void **state)
{
	const strata_gc_options o = { .automatic = true };
	char text[32], before[128], after[128];
	struct trepo t;
	size_t packs;

	(void)state;
	tr_open(&t);
	tr_random(&t, "large", 1, MIB);
	tr_add(&t, "large");
	tr_commit(&t, NULL);
	largest(&t, before);
	for (int i = 0; i < 120; i++) { /* two packs each: tidied up four times */
		snprintf(text, sizeof(text), "content %d", i);
		tr_write(&t, "file", text, strlen(text));
		tr_add(&t, "file");
		tr_commit(&t, NULL);
		packs = tr_packs(&t);
		assert_true(packs <= 52);
	}
	largest(&t, after);
	assert_string_equal(before, after);
	while ((packs = tr_packs(&t)) <= 50) {
		snprintf(text, sizeof(text), "more %zu", packs);
		tr_write(&t, "file", text, strlen(text));
		tr_add(&t, "file");
	}
	assert_true(gc(&t, &o).ran);
	assert_true(tr_packs(&t) >= 2 && tr_packs(&t) <= 5);
	largest(&t, after);
	assert_string_equal(before, after);
	tr_sound(&t);
	gc(&t, &now); /* asked for, all of them become few */
	tr_sound(&t);
	tr_close(&t);
}

static void waits_for_writers(void **state)
{
	strata_gc_options o = { .automatic = true };
	struct st_err e = { 0 };
	strata_gc_result res;
	char path[256], text[32];
	struct trepo t;
	int fd;

	(void)state;
	tr_open(&t);
	tr_write(&t, ".strata/config", "[core]\n\tlockTimeout = 0\n", 25 - 1);
	tr_reopen(&t);
	tr_path(&t, ".strata/lock", path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(st_lock(fd, ST_LOCK_SHARED, false, "test", &e), ST_OK);
	assert_int_equal(try_gc(&t, &now, &res), ST_EBUSY);
	for (int i = 0; i < 52; i++) {
		snprintf(text, sizeof(text), "content %d", i);
		tr_write(&t, "file", text, strlen(text));
		tr_add(&t, "file");
	}
	assert_int_equal(try_gc(&t, &o, &res), ST_OK);
	assert_false(res.ran);
	o.dry_run = true;
	assert_int_equal(try_gc(&t, &o, &res), ST_OK);
	assert_true(res.ran);
	assert_int_equal(res.packs_after, 1);
	close(fd);
	o.dry_run = false;
	assert_int_equal(try_gc(&t, &o, &res), ST_OK);
	assert_true(res.ran);
	assert_int_equal(tr_packs(&t), 1);
	tr_close(&t);
}

/* Another gc comes between marking and the lock: what was marked lies elsewhere now. */
struct intruder {
	struct trepo *t;
	unsigned calls;
};

static bool intrude(void *arg)
{
	struct intruder *x = arg;
	struct st_ctx ctx = { .jobs = 1, .memory = (uint64_t)64 << 20 };
	struct st_err e = { 0 };
	strata_gc_result res;
	struct st_repo *r;

	if (++x->calls != 5)
		return false;
	assert_int_equal(st_repo_open(&r, x->t->r->dir, &ctx, &e), ST_OK);
	assert_int_equal(st_verb_gc(r, &now, &res, &e), ST_OK);
	assert_true(res.removed_bytes > MIB);
	st_repo_close(r);
	return false;
}

static void two_at_once(void **state)
{
	struct intruder x = { 0 };
	struct st_ctx ctx;
	struct st_buf want;
	struct trepo t;

	(void)state;
	tr_open(&t);
	tr_random(&t, "keep", 1, MIB / 2);
	tr_random(&t, "drop", 2, MIB);
	tr_read(&t, "keep", &want);
	tr_add(&t, NULL);
	tr_rm_cached(&t, "drop");
	tr_commit(&t, NULL);
	x.t = &t;
	ctx = t.r->ctx;
	t.r->ctx.arg = &x;
	t.r->ctx.cancelled = intrude;
	t.r->ctx.warn = NULL;
	gc(&t, &now);
	t.r->ctx = ctx;
	assert_true(x.calls > 5);
	tr_check(&t, "v1:keep", &want);
	tr_sound(&t);
	st_buf_release(&want);
	tr_close(&t);
}

#define ROUNDS 12

/* In a child: adds and commits, and looks again at what it committed before. */
static void work_beside(const char *repo, const char *work, int who)
{
	struct st_ctx ctx = { .jobs = 1, .memory = (uint64_t)64 << 20 };
	strata_commit_options o = { .message = "beside", .allow_empty = true };
	char path[256], text[64];
	const char *paths[] = { path };
	strata_commit_result done;
	strata_add_result added;
	struct st_repo *r;
	struct st_err e;
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "%s/by%d", work, who);
	for (int i = 0; i < ROUNDS; i++) {
		e = (struct st_err){ 0 };
		snprintf(text, sizeof(text), "round %d of %d", i, who);
		f = fopen(path, "wb");
		if (!f || fputs(text, f) == EOF || fclose(f) != 0)
			_exit(1);
		rc = st_repo_open(&r, repo, &ctx, &e);
		if (rc == ST_OK)
			rc = st_verb_add(r, paths, 1, 0, NULL, NULL, &added, &e);
		if (rc == ST_OK)
			rc = st_verb_commit(r, &o, &done, &e);
		if (rc != ST_OK && rc != ST_EBUSY) {
			fprintf(stderr, "by%d: %d %s\n", who, rc, e.msg);
			_exit(1);
		}
		st_repo_close(r);
	}
	_exit(0);
}

static void beside_others(void **state)
{
	struct trepo t;
	pid_t pids[3];
	int status;

	(void)state;
	tr_open(&t);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			work_beside(t.r->dir, t.dir, i);
	}
	for (int i = 0; i < 10; i++) {
		strata_gc_result res;
		int rc = try_gc(&t, &now, &res);

		assert_true(rc == ST_OK || rc == ST_EBUSY);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	gc(&t, &now);
	tr_sound(&t);
	assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
	tr_close(&t);
}

/* What is needed cannot be known: nothing may go. */
static void refuses_when_damaged(void **state)
{
	struct st_oid commit, tree;
	struct st_err e = { 0 };
	strata_gc_result res;
	struct st_loc loc;
	char path[256];
	struct trepo t;
	size_t packs;

	(void)state;
	tr_open(&t);
	tr_random(&t, "drop", 1, 1000);
	tr_add(&t, "drop");
	tr_rm_cached(&t, "drop");
	tr_write(&t, "file", "x", 1);
	tr_add(&t, "file");
	tr_commit(&t, NULL);
	assert_int_equal(st_resolve(t.r, "v1", 2, &commit, &e), ST_OK);
	assert_int_equal(st_repo_commit_tree(t.r, &commit, &tree, &e), ST_OK);
	tr_loc(&t, &tree, ST_ENTRY_DATA, &loc);
	tr_loc_path(&t, &loc, path, sizeof(path));
	tr_flip(path, loc.offset + 3, 1);
	packs = tr_packs(&t);
	assert_int_equal(try_gc(&t, &now, &res), ST_ECORRUPT);
	assert_int_equal(tr_packs(&t), packs);
	tr_close(&t);
}

static void bad_age(void **state)
{
	const strata_gc_options o = { .prune_age_seconds = -1 };
	const strata_gc_options ages = { .prune_age_seconds = INT64_MAX };
	strata_gc_result res;
	struct trepo t;

	(void)state;
	tr_open(&t);
	assert_int_equal(try_gc(&t, &o, &res), ST_EUSAGE);
	assert_int_equal(try_gc(&t, &ages, &res), ST_OK);
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unneeded_goes),
		cmocka_unit_test(bases_stay),
		cmocka_unit_test(revived),
		cmocka_unit_test(log_stays_readable),
		cmocka_unit_test(removed_and_added_again),
		cmocka_unit_test(every_version_restores),
		cmocka_unit_test(orphans_go),
		cmocka_unit_test(removed_pack_goes),
		cmocka_unit_test(leftovers_go),
		cmocka_unit_test(automatic_merges),
		cmocka_unit_test(automatic_leaves_large),
		cmocka_unit_test(waits_for_writers),
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(beside_others),
		cmocka_unit_test(refuses_when_damaged),
		cmocka_unit_test(bad_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
