/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/source.h"

#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

int st_source_read(const struct st_source *s, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	if (off > s->size || n > s->size - off)
		return st_fail(e, ST_EFORMAT, "need %zu bytes at offset %" PRIu64 " of %" PRIu64, n,
			       off, s->size);
	if (n == 0)
		return ST_OK;
	return s->ops->pread(s, buf, n, off, e);
}

void st_source_close(struct st_source *s)
{
	if (s->ops && s->ops->close)
		s->ops->close(s);
	*s = (struct st_source){ .fd = -1 };
}

static int fd_pread(const struct st_source *s, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	return st_pread_full(s->fd, buf, n, off, s->name, e);
}

static void file_close(struct st_source *s)
{
	close(s->fd);
}

static const struct st_source_ops fd_ops = { .pread = fd_pread };
static const struct st_source_ops file_ops = { .pread = fd_pread, .close = file_close };

void st_source_init_fd(struct st_source *s, int fd, uint64_t size, const char *name)
{
	*s = (struct st_source){ .ops = &fd_ops, .size = size, .name = name, .fd = fd };
}

static const char *kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

/* Asked before open, which may block on a FIFO, start a device, and cannot open a socket; and again
 * after it, since another process may have put something else there in between. */
static int check_kind(int rc, const struct stat *st, const char *path, struct st_err *e)
{
	if (rc != 0)
		return st_fail_os(e, "%s", path);
	if (!S_ISREG(st->st_mode))
		return st_fail(e, ST_EFORMAT, "%s is %s, not a regular file", path,
			       kind_of(st->st_mode));
	return ST_OK;
}

int st_source_open_file(struct st_source *s, const char *path, struct st_err *e)
{
	struct stat st;
	int fd, rc;

	*s = (struct st_source){ .fd = -1 };
	rc = check_kind(stat(path, &st), &st, path, e);
	if (rc != ST_OK)
		return rc;
	rc = st_open_read(&fd, path, O_NONBLOCK | O_NOCTTY, e);
	if (rc != ST_OK)
		return rc;
	rc = check_kind(fstat(fd, &st), &st, path, e);
	if (rc != ST_OK) {
		close(fd);
		return rc;
	}
	*s = (struct st_source){
		.ops = &file_ops, .size = (uint64_t)st.st_size, .name = path, .fd = fd
	};
	return ST_OK;
}

static int mem_pread(const struct st_source *s, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	(void)e;
	memcpy(buf, (const uint8_t *)s->mem + off, n);
	return ST_OK;
}

static const struct st_source_ops mem_ops = { .pread = mem_pread };

void st_source_init_mem(struct st_source *s, const void *p, uint64_t size, const char *name)
{
	*s = (struct st_source){ .ops = &mem_ops, .size = size, .name = name, .fd = -1, .mem = p };
}
