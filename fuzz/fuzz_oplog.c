/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation log. An input that begins with '{' is one operation's JSON, which must encode to
 * the same bytes if it parses; any other is a log file: replayed, verified, and appended to, after
 * which it must hold what it held and one operation more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "meta/oplog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void operation(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_arena a;
	struct st_buf b;
	struct st_op op;

	st_arena_init(&a);
	st_buf_init(&b, size);
	if (st_op_parse(&op, &a, data, size, &e) == ST_OK &&
	    (st_op_encode(&b, &op, &e) != ST_OK || b.len != size || memcmp(b.p, data, size) != 0))
		abort();
	st_buf_release(&b);
	st_arena_release(&a);
}

static int count(void *arg, const struct st_op *op, const struct st_oplog_pos *at, struct st_err *e)
{
	(void)e;
	if (op->seq != at->seq)
		abort();
	++*(uint64_t *)arg;
	return ST_OK;
}

static int fault(void *arg, uint64_t offset, const char *what, struct st_err *e)
{
	(void)e;
	(void)offset;
	(void)what;
	++*(uint64_t *)arg;
	return ST_OK;
}

static void use(struct st_oplog *l)
{
	struct st_oplog_pos pos = { 0 }, again = { 0 };
	uint64_t n = 0, m = 0, sound, faults = 0;
	struct st_op op = { .why = "more" };
	struct st_err e = { 0 };
	int rc = st_oplog_replay(l, &pos, count, &n, &e);

	st_err_clear(&e);
	if (st_oplog_verify(l, &sound, fault, &faults, &e) == ST_OK && rc == ST_OK && sound != n)
		abort();
	st_err_clear(&e);
	if (rc != ST_OK || st_oplog_lock(l, 0, &e) != ST_OK)
		return;
	if (st_oplog_append(l, &pos, &op, &e) != ST_OK ||
	    st_oplog_replay(l, &again, count, &m, &e) != ST_OK || m != n + 1 ||
	    again.end != pos.end)
		abort();
	st_oplog_unlock(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_oplog *l = NULL;
	struct st_err e = { 0 };
	char path[64];
	int fd;

	if (size > 0 && data[0] == '{') {
		operation(data, size);
		return 0;
	}
	fd = memfd_create("oplog", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size && st_oplog_open(&l, path, &e) == ST_OK)
		use(l);
	st_oplog_close(l);
	close(fd);
	return 0;
}
