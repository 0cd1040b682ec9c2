/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/txn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct trepo t;

static struct st_repo *again(void)
{
	struct st_ctx ctx = { .jobs = 1, .memory = (uint64_t)32 << 20 };
	struct st_err e = { 0 };
	struct st_repo *r;

	return st_repo_open(&r, ".strata", &ctx, &e) == ST_OK ? r : NULL;
}

static int add_and_commit(struct st_repo *r, const char *path)
{
	strata_commit_options o = { .message = path };
	strata_commit_result cres;
	strata_add_result ares;
	struct st_err e = { 0 };
	int rc = st_verb_add(r, &path, 1, 0, NULL, NULL, &ares, &e);

	return rc == ST_OK ? st_verb_commit(r, &o, &cres, &e) : rc;
}

static void child(unsigned who)
{
	struct st_repo *r = again();
	char name[32];
	int rc = r ? ST_OK : ST_EIO;

	for (unsigned i = 0; rc == ST_OK && i < 5; i++) {
		snprintf(name, sizeof(name), "p%u-%u", who, i);
		tr_random(&t, name, who * 100 + i, 5000);
		rc = add_and_commit(r, name);
		/* another's commit may have taken our file along */
		rc = rc == ST_ENO || rc == ST_EBUSY ? ST_OK : rc;
	}
	st_repo_close(r);
	_exit(rc == ST_OK ? 0 : 1);
}

static int count(void *arg, const strata_file *f)
{
	(void)f;
	++*(unsigned *)arg;
	return 0;
}

/* Several processes at once: each succeeds or is told that it is busy, and nothing is lost. */
static void at_once(void **state)
{
	struct st_err e = { 0 };
	unsigned files = 0;
	int status;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		if (fork() == 0)
			child(i);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	tr_reopen(&t);
	tr_version(&t);
	assert_int_equal(st_verb_ls(t.r, NULL, count, &files, &e), ST_OK);
	assert_int_equal(files, 15);
	tr_sound(&t);
}

/* Killed at whatever point: the repository opens and the same command then succeeds. */
static void killed(void **state)
{
	struct timespec nap = { 0 };
	struct st_buf want;
	int status;
	pid_t pid;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		tr_random(&t, "big", i, (size_t)3 << 20);
		pid = fork();
		if (pid == 0)
			_exit(add_and_commit(again(), "big") == ST_OK ? 0 : 1);
		nap.tv_nsec = (long)i * 4000000;
		assert_int_equal(nanosleep(&nap, NULL), 0);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		tr_reopen(&t);
		tr_version(&t);
		tr_read(&t, "big", &want);
		tr_check(&t, "HEAD:big", &want);
		st_buf_release(&want);
	}
	tr_sound(&t);
}

/* A ref that moved since it was read: busy, and nothing is published. */
static void moved(void **state)
{
	struct st_op_ref ref = { .name = "heads/main", .old = NULL, .value = "x" };
	struct st_err e = { 0 };
	struct st_txn txn;

	(void)state;
	tr_text(&t, "a", "one");
	tr_version(&t);
	assert_int_equal(st_txn_begin(&txn, t.r, "test", &e), ST_OK);
	txn.op.refs = &ref;
	txn.op.nrefs = 1;
	assert_int_equal(st_txn_publish(&txn, false, NULL, &e), ST_EBUSY);
	txn.op.refs = NULL;
	st_txn_end(&txn);
}

/* The index lock is waited for, and not for ever. */
static void locked(void **state)
{
	struct st_err e = { 0 };
	struct st_repo *other;

	(void)state;
	assert_int_equal(st_config_set_file(".strata/config", "core.lockTimeout", "0", &e), ST_OK);
	tr_reopen(&t);
	other = again();
	assert_non_null(other);
	assert_int_equal(st_repo_lock_index(other, &e), ST_OK);
	assert_int_equal(st_repo_lock_index(t.r, &e), ST_EBUSY);
	st_repo_unlock_index(other);
	e = (struct st_err){ 0 };
	assert_int_equal(st_repo_lock_index(t.r, &e), ST_OK);
	st_repo_unlock_index(t.r);
	assert_int_equal(st_repo_lock_gc(other, ST_GC_USE, &e), ST_OK);
	assert_int_equal(st_repo_lock_gc(t.r, ST_GC_USE, &e), ST_OK);
	st_repo_unlock_gc(t.r);
	assert_int_equal(st_repo_lock_gc(t.r, ST_GC_REMOVE, &e), ST_EBUSY);
	st_repo_close(other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(at_once, &t),
		TR_TEST(killed, &t),
		TR_TEST(moved, &t),
		TR_TEST(locked, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
