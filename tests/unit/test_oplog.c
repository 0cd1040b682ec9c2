/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "meta/oplog.h"

#define HEAD_LEN 32
#define REC_HEAD 24

struct fixture {
	char dir[64], path[96];
	struct st_oplog *log;
	struct st_oplog_pos pos;
};

static struct fixture fx;

static int setup(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	fx = (struct fixture){ .dir = "/tmp/st-oplog-XXXXXX" };
	assert_non_null(mkdtemp(fx.dir));
	snprintf(fx.path, sizeof(fx.path), "%s/ops", fx.dir);
	assert_int_equal(st_oplog_create(fx.path, &e), ST_OK);
	assert_int_equal(st_oplog_open(&fx.log, fx.path, &e), ST_OK);
	return 0;
}

static int teardown(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	st_oplog_close(fx.log);
	return st_remove_tree(fx.dir, &e);
}

static void append(const char *why)
{
	struct st_op op = { .verb = "test", .why = why, .who = "me" };
	struct st_err e = { 0 };

	assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
	if (st_oplog_append(fx.log, &fx.pos, &op, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(op.seq, fx.pos.seq);
	st_oplog_unlock(fx.log);
}

static uint64_t size_of(void)
{
	struct stat st;

	assert_int_equal(stat(fx.path, &st), 0);
	return (uint64_t)st.st_size;
}

struct seen {
	uint64_t n, last_seq, stop_at;
	char whys[4096];
};

static int see(void *arg, const struct st_op *op, const struct st_oplog_pos *at, struct st_err *e)
{
	struct seen *s = arg;

	assert_int_equal(op->seq, at->seq);
	if (s->stop_at && op->seq == s->stop_at)
		return st_fail(e, ST_EREFUSED, "stop");
	s->n++;
	s->last_seq = op->seq;
	if (strlen(s->whys) + strlen(op->why) + 2 < sizeof(s->whys)) {
		strcat(s->whys, op->why);
		strcat(s->whys, " ");
	}
	return ST_OK;
}

static int replay(struct seen *s, struct st_oplog_pos *pos, struct st_err *e)
{
	*s = (struct seen){ 0 };
	return st_oplog_replay(fx.log, pos, see, s, e);
}

static void expect(const char *whys)
{
	struct st_oplog_pos pos = { 0 };
	struct st_err e = { 0 };
	struct seen s;

	if (replay(&s, &pos, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_string_equal(s.whys, whys);
	assert_int_equal(pos.seq, fx.pos.seq);
	assert_int_equal(pos.end, fx.pos.end);
	assert_true(st_oid_eq(&pos.hash, &fx.pos.hash));
}

static void test_append_and_replay(void **state)
{
	struct st_oplog_pos first, pos = { 0 };
	struct st_err e = { 0 };
	struct seen s;
	bool newer;

	(void)state;
	expect("");
	assert_int_equal(st_oplog_newer(fx.log, &fx.pos, &newer, &e), ST_OK);
	assert_false(newer);
	append("a");
	first = fx.pos;
	append("bb");
	append("ccc");
	expect("a bb ccc ");
	assert_int_equal(fx.pos.seq, 3);
	assert_int_equal(fx.pos.end, size_of());
	assert_int_equal(fx.pos.end % 8, 0);
	assert_int_equal(st_oplog_newer(fx.log, &first, &newer, &e), ST_OK);
	assert_true(newer);
	assert_int_equal(st_oplog_newer(fx.log, &fx.pos, &newer, &e), ST_OK);
	assert_false(newer);

	assert_int_equal(replay(&s, &first, &e), ST_OK);
	assert_string_equal(s.whys, "bb ccc ");
	/* a callback that fails leaves pos before the record it refused */
	s = (struct seen){ .stop_at = 2 };
	assert_int_equal(st_oplog_replay(fx.log, &pos, see, &s, &e), ST_EREFUSED);
	assert_int_equal(pos.seq, 1);
}

static void test_create_and_open(void **state)
{
	struct st_err e = { 0 };
	struct st_oplog *l;
	char path[128];
	int fd;

	(void)state;
	assert_int_equal(size_of(), HEAD_LEN);
	assert_int_equal(st_oplog_create(fx.path, &e), ST_EIO); /* exists */
	st_err_clear(&e);
	snprintf(path, sizeof(path), "%s/none", fx.dir);
	assert_int_equal(st_oplog_open(&l, path, &e), ST_ENOTFOUND);
	assert_null(l);
	st_err_clear(&e);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "STRAOPS2", 8), 8);
	close(fd);
	assert_int_equal(st_oplog_open(&l, path, &e), ST_ECORRUPT);
	assert_null(l);
}

static void overwrite(uint64_t off, const void *p, size_t n)
{
	int fd = open(fx.path, O_WRONLY);

	assert_int_equal(pwrite(fd, p, n, (off_t)off), (ssize_t)n);
	close(fd);
}

static uint8_t byte_at(uint64_t off)
{
	int fd = open(fx.path, O_RDONLY);
	uint8_t b;

	assert_int_equal(pread(fd, &b, 1, (off_t)off), 1);
	close(fd);
	return b;
}

/* A record cut anywhere is dropped, by readers and by the next append. */
static void test_torn_tail(void **state)
{
	struct st_oplog_pos before, after;
	struct st_err e = { 0 };
	uint64_t full, n;
	uint8_t *all;
	int fd;

	(void)state;
	append("a");
	before = fx.pos;
	append("torn");
	after = fx.pos;
	full = after.end;
	all = malloc(full);
	fd = open(fx.path, O_RDONLY);
	assert_int_equal(pread(fd, all, full, 0), (ssize_t)full);
	close(fd);
	for (n = before.end; n < full; n++) {
		bool newer;

		overwrite(0, all, full);
		assert_int_equal(truncate(fx.path, (off_t)n), 0);
		fx.pos = before;
		expect("a ");
		/* who has seen the record misses it */
		assert_int_equal(st_oplog_newer(fx.log, &after, &newer, &e), ST_ECORRUPT);
		st_err_clear(&e);
		append("next");
		expect("a next ");
		assert_int_equal(size_of(), fx.pos.end);
	}
	/* a tail of full length whose bytes did not all arrive */
	for (n = before.end; n < full; n += 8) {
		overwrite(0, all, full);
		assert_int_equal(truncate(fx.path, (off_t)full), 0);
		overwrite(n, "\0\0\0\0\0\0\0\0", 8);
		if (memcmp(all + n, "\0\0\0\0\0\0\0\0", 8) == 0)
			continue;
		fx.pos = before;
		if (n < before.end + REC_HEAD) { /* the rest proves what its header said */
			fx.pos = after;
			expect("a torn ");
			continue;
		}
		expect("a ");
		append("next");
		expect("a next ");
	}
	free(all);
}

/* Any bit of what a record says, if that is not the last one: damage, and it says where. */
static void test_damage(void **state)
{
	struct st_oplog_pos first;
	char where[64];

	(void)state;
	append("a");
	first = fx.pos;
	append("bb");
	append("ccc");
	snprintf(where, sizeof(where), "record 1 at offset %d is damaged", HEAD_LEN);
	for (uint64_t off = HEAD_LEN + REC_HEAD; off < first.end; off++) {
		uint8_t good = byte_at(off), bad = good ^ 1;
		struct st_oplog_pos pos = { 0 };
		struct st_err e = { 0 };
		struct seen s;

		overwrite(off, &bad, 1);
		if (replay(&s, &pos, &e) != ST_ECORRUPT || !strstr(e.msg, where))
			fail_msg("offset %d: %d %s", (int)off, e.code, e.msg);
		assert_int_equal(s.n, 0);
		st_err_clear(&e);
		/* nor does an append cut it off */
		assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
		pos = (struct st_oplog_pos){ 0 };
		assert_int_equal(st_oplog_append(fx.log, &pos, &(struct st_op){ 0 }, &e),
				 ST_ECORRUPT);
		st_oplog_unlock(fx.log);
		overwrite(off, &good, 1);
	}
	expect("a bb ccc ");
}

struct faults {
	size_t n;
	uint64_t offset;
};

static int note_fault(void *arg, uint64_t offset, const char *what, struct st_err *e)
{
	struct faults *f = arg;

	(void)e;
	assert_non_null(what);
	f->n++;
	f->offset = offset;
	return ST_OK;
}

static void verify(uint64_t records, size_t faults, uint64_t offset)
{
	struct st_err e = { 0 };
	struct faults f = { 0 };
	uint64_t n;

	assert_int_equal(st_oplog_verify(fx.log, &n, note_fault, &f, &e), ST_OK);
	assert_int_equal(n, records);
	assert_int_equal(f.n, faults);
	if (faults)
		assert_int_equal(f.offset, offset);
}

/* What a header says the rest proves: it is read all the same, first, between and last, and with
 * any length in the padded room. */
static void test_headless(void **state)
{
	static const char *const names[] = {
		"a", "bb", "cc3", "ddd4", "eeee5", "fffff6", "g777777"
	};
	struct st_oplog_pos at[8] = { { 0 } };
	size_t n = sizeof(names) / sizeof(*names);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		append(names[i]);
		at[i + 1] = fx.pos;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t begin = i ? at[i].end : HEAD_LEN;

		for (uint64_t off = begin; off < begin + REC_HEAD; off++) {
			uint8_t good = byte_at(off), bad = good ^ 0x10;
			struct st_arena arena;
			struct st_err e = { 0 };
			struct st_op op;

			overwrite(off, &bad, 1);
			fx.pos = at[n];
			expect("a bb cc3 ddd4 eeee5 fffff6 g777777 ");
			verify(n, 1, begin);
			st_arena_init(&arena);
			assert_int_equal(st_oplog_read(fx.log, i + 1, i ? begin : 0, &op, &arena,
						       &e),
					 ST_OK);
			assert_string_equal(op.why, names[i]);
			st_arena_release(&arena);
			overwrite(off, &good, 1);
		}
	}
	append("next");
	expect("a bb cc3 ddd4 eeee5 fffff6 g777777 next ");
}

static void test_verify(void **state)
{
	struct st_oplog_pos first, second, third;
	uint8_t good, bad;

	(void)state;
	verify(0, 0, 0);
	append("a");
	first = fx.pos;
	append("bb");
	second = fx.pos;
	append("ccc");
	third = fx.pos;
	append("dddd");
	verify(4, 0, 0);
	good = byte_at(first.end + REC_HEAD + 10);
	bad = good ^ 4;
	overwrite(first.end + REC_HEAD + 10, &bad, 1);
	verify(3, 1, first.end);
	overwrite(first.end + REC_HEAD + 10, &good, 1);
	good = byte_at(first.end + 5); /* its header: the rest tells */
	bad = good ^ 4;
	overwrite(first.end + 5, &bad, 1);
	verify(4, 1, first.end);
	overwrite(first.end + 5, &good, 1);
	good = byte_at(second.end - 1); /* the hash that the next one builds on */
	bad = good ^ 4;
	overwrite(second.end - 1, &bad, 1);
	verify(2, 2, second.end);
	overwrite(second.end - 1, &good, 1);
	good = byte_at(fx.pos.end - 1); /* the last one, whole */
	bad = good ^ 4;
	overwrite(fx.pos.end - 1, &bad, 1);
	verify(3, 1, third.end);
	overwrite(fx.pos.end - 1, &good, 1);
	assert_int_equal(truncate(fx.path, (off_t)fx.pos.end - 1), 0);
	verify(3, 0, 0);
}

/* A log that repeats a record, or one of another log: sequence and chain do not match. */
static void test_foreign_record(void **state)
{
	struct st_oplog_pos first, pos = { 0 };
	struct st_err e = { 0 };
	uint8_t rec[512];
	struct seen s;
	size_t n;
	int fd;

	(void)state;
	append("a");
	first = fx.pos;
	n = (size_t)first.end - HEAD_LEN;
	fd = open(fx.path, O_RDONLY);
	assert_int_equal(pread(fd, rec, n, HEAD_LEN), (ssize_t)n);
	close(fd);
	overwrite(first.end, rec,
		  n); /* number 1 again, where 2 belongs: a tail that is none of ours */
	assert_int_equal(replay(&s, &pos, &e), ST_OK);
	assert_int_equal(s.n, 1);
	append("b");
	expect("a b ");
	overwrite(fx.pos.end, rec, n);
	append("c");
	expect("a b c ");
}

static void test_behind(void **state)
{
	struct st_oplog_pos stale = { 0 };
	struct st_err e = { 0 };

	(void)state;
	append("a");
	assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
	assert_int_equal(st_oplog_append(fx.log, &stale, &(struct st_op){ 0 }, &e), ST_EBUSY);
	assert_int_equal(stale.seq, 0);
	st_oplog_unlock(fx.log);
	expect("a ");
}

static void test_unknown_pos(void **state)
{
	struct st_oplog_pos wrong[4];
	struct seen s;
	bool newer;

	(void)state;
	append("a");
	for (size_t i = 0; i < 4; i++)
		wrong[i] = fx.pos;
	wrong[0].hash.b[0] ^= 1;
	wrong[1].end += 8;
	wrong[2].end -= 8;
	wrong[3].seq = 0;
	for (size_t i = 0; i < 4; i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_oplog_newer(fx.log, &wrong[i], &newer, &e), ST_ECORRUPT);
		st_err_clear(&e);
		assert_int_equal(replay(&s, &wrong[i], &e), ST_ECORRUPT);
	}
}

static void test_lock(void **state)
{
	struct st_oplog *other;
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_oplog_open(&other, fx.path, &e), ST_OK);
	assert_int_equal(st_oplog_lock(other, 0, &e), ST_OK);
	assert_int_equal(st_oplog_lock(fx.log, 20, &e), ST_EBUSY);
	assert_non_null(strstr(e.msg, fx.path));
	st_err_clear(&e);
	st_oplog_unlock(other);
	assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
	st_oplog_unlock(fx.log);
	st_oplog_unlock(fx.log);
	assert_int_equal(st_oplog_lock(other, 0, &e), ST_OK);
	st_oplog_close(other); /* gives it up */
	assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
	st_oplog_unlock(fx.log);
}

/* Several processes append 50 operations each, replaying before every one. */
static void appender(const char *path)
{
	struct st_oplog_pos pos = { 0 };
	struct st_op op = { .why = "x" };
	struct st_err e = { 0 };
	struct st_oplog *l;
	struct seen s = { 0 };
	int rc = st_oplog_open(&l, path, &e);

	for (int i = 0; rc == ST_OK && i < 50; i++) {
		rc = st_oplog_replay(l, &pos, see, &s, &e); /* without the lock */
		if (rc == ST_OK)
			rc = st_oplog_lock(l, 60000, &e);
		if (rc == ST_OK)
			rc = st_oplog_replay(l, &pos, see, &s, &e);
		if (rc == ST_OK)
			rc = st_oplog_append(l, &pos, &op, &e);
		st_oplog_unlock(l);
	}
	if (rc != ST_OK)
		fprintf(stderr, "# %s\n", e.msg);
	_exit(rc == ST_OK ? 0 : 1);
}

static void test_processes(void **state)
{
	struct st_oplog_pos pos = { 0 };
	struct st_err e = { 0 };
	struct seen s;
	int status;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			appender(fx.path);
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(replay(&s, &pos, &e), ST_OK);
	assert_int_equal(s.n, 200);
	verify(200, 0, 0);
}

/* A write that fails half way leaves the log as it was. */
static void test_full(void **state)
{
	struct rlimit old, small;
	struct st_op op = { .why = "too much" };
	struct st_err e = { 0 };
	uint64_t before;

	(void)state;
	append("a");
	before = size_of();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = before + 40;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(st_oplog_lock(fx.log, 0, &e), ST_OK);
	assert_int_equal(st_oplog_append(fx.log, &fx.pos, &op, &e), ST_EIO);
	st_oplog_unlock(fx.log);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(size_of(), before);
	expect("a ");
	append("b");
	expect("a b ");
}

static void test_read_only(void **state)
{
	struct st_oplog_pos pos = { 0 };
	struct st_err e = { 0 };
	struct st_oplog *l;
	struct seen s = { 0 };
	int status;

	(void)state;
	append("a");
	assert_int_equal(chmod(fx.path, 0444), 0);
	assert_int_equal(chmod(fx.dir, 0755), 0);
	if (fork() == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		if (st_oplog_open(&l, fx.path, &e) != ST_OK ||
		    st_oplog_replay(l, &pos, see, &s, &e) != ST_OK || s.n != 1 ||
		    st_oplog_lock(l, 0, &e) != ST_OK ||
		    st_oplog_append(l, &pos, &(struct st_op){ 0 }, &e) != ST_EIO)
			_exit(1);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_append_and_replay), T(test_create_and_open),
		T(test_torn_tail),	   T(test_damage),
		T(test_headless),	   T(test_verify),
		T(test_foreign_record),	   T(test_behind),
		T(test_unknown_pos),	   T(test_lock),
		T(test_processes),	   T(test_full),
		T(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
