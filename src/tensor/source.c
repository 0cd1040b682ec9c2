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

static int part_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
		      struct st_err *e)
{
	return st_source_read(s->mem, buf, n, s->off + off, e);
}

static const struct st_source_ops part_ops = { .pread = part_pread };

void st_source_init_part(struct st_source *s, const struct st_source *src, uint64_t off,
			 uint64_t size)
{
	*s = (struct st_source){
		.ops = &part_ops, .size = size, .name = src->name, .fd = -1, .mem = src, .off = off
	};
}

void st_spool_init(struct st_spool *s, size_t room, const char *dir)
{
	*s = (struct st_spool){ .fd = -1, .room = room, .dir = dir };
	st_buf_init(&s->mem, room);
}

static int to_file(struct st_spool *s, struct st_err *e)
{
	char *path;
	int rc = st_file_temp(&s->fd, &path, s->dir, ST_TEMP_PREFIX, e);

	if (rc != ST_OK)
		return rc;
	if (unlink(path) != 0)
		rc = st_fail_os(e, "remove %s", path);
	free(path);
	if (rc == ST_OK)
		rc = st_write_full(s->fd, s->mem.p, s->mem.len, "a temporary file", e);
	st_buf_release(&s->mem);
	return rc;
}

int st_spool_add(struct st_spool *s, const void *p, size_t n, struct st_err *e)
{
	int rc = ST_OK;

	if (s->fd < 0 && n > s->room - s->mem.len)
		rc = to_file(s, e);
	if (rc == ST_OK)
		rc = s->fd < 0 ? st_buf_add(&s->mem, p, n, e) :
				 st_write_full(s->fd, p, n, "a temporary file", e);
	if (rc == ST_OK)
		s->size += n;
	return rc;
}

void st_spool_source(const struct st_spool *s, struct st_source *out, const char *name)
{
	if (s->fd < 0)
		st_source_init_mem(out, s->mem.p, s->size, name);
	else
		st_source_init_fd(out, s->fd, s->size, name);
}

void st_spool_release(struct st_spool *s)
{
	st_buf_release(&s->mem);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
