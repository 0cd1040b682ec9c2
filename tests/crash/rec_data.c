/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that change what files hold, and those that make it durable. */
#include "recorder.h"

#include <linux/fs.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static void note_sync_flags(int fd, const struct stat *st, bool dsync)
{
	long fl = rec.syscall(SYS_fcntl, fd, F_GETFL);

	if (dsync || (fl >= 0 && (fl & O_DSYNC)))
		rec_emit(&(struct event){ .op = OP_FSYNC, .ino = st->st_ino });
}

/*
 * Where n bytes just written lie: at < 0 means at the file position before the call. A descriptor
 * opened with O_APPEND appends whatever offset the caller names.
 */
static uint64_t written_at(int fd, long n, off_t at)
{
	long fl = rec.syscall(SYS_fcntl, fd, F_GETFL);
	struct stat st;

	if (fl >= 0 && (fl & O_APPEND) && fstat(fd, &st) == 0)
		return (uint64_t)(st.st_size - n);
	return at >= 0 ? (uint64_t)at : (uint64_t)(lseek(fd, 0, SEEK_CUR) - n);
}

static void note_write(int fd, const struct stat *st, const void *p, long n, off_t at)
{
	int saved = errno;

	if (n > 0) {
		rec_emit(&(struct event){ .op = OP_WRITE,
					  .ino = st->st_ino,
					  .data = p,
					  .len = (size_t)n,
					  .a = written_at(fd, n, at) });
		note_sync_flags(fd, st, false);
	}
	errno = saved;
}

static void note_writev(int fd, const struct stat *st, const struct iovec *iov, int cnt, long n,
			off_t at)
{
	char *buf = n > 0 ? malloc((size_t)n) : NULL;
	size_t done = 0;

	if (n <= 0)
		return;
	if (!buf)
		rec_die("out of memory");
	for (int i = 0; i < cnt && done < (size_t)n; i++) {
		size_t k = iov[i].iov_len < (size_t)n - done ? iov[i].iov_len : (size_t)n - done;

		memcpy(buf + done, iov[i].iov_base, k);
		done += k;
	}
	note_write(fd, st, buf, n, at);
	free(buf);
}

ssize_t write(int fd, const void *p, size_t n)
{
	struct stat st;
	long rc;

	if (!rec_fd_inside(fd, &st))
		return rec.syscall(SYS_write, fd, p, n);
	rec_enter();
	rc = rec.syscall(SYS_write, fd, p, n);
	note_write(fd, &st, p, rc, -1);
	rec_leave();
	return rc;
}

static ssize_t do_pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct stat st;
	long rc;

	if (!rec_fd_inside(fd, &st))
		return rec.syscall(SYS_pwrite64, fd, p, n, at);
	rec_enter();
	rc = rec.syscall(SYS_pwrite64, fd, p, n, at);
	note_write(fd, &st, p, rc, at);
	rec_leave();
	return rc;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return do_pwrite(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return do_pwrite(fd, p, n, at);
}

/* at -1 and flags 0 are what writev() means in terms of pwritev2(). */
static ssize_t do_writev(int fd, const struct iovec *iov, int cnt, off_t at, int flags)
{
	struct stat st;
	long rc;

	if (!rec_fd_inside(fd, &st))
		return rec.syscall(SYS_pwritev2, fd, iov, cnt, at, 0L, flags);
	rec_enter();
	rc = rec.syscall(SYS_pwritev2, fd, iov, cnt, at, 0L, flags);
	note_writev(fd, &st, iov, cnt, rc, at);
	if (rc > 0 && (flags & (RWF_DSYNC | RWF_SYNC)))
		note_sync_flags(fd, &st, true);
	rec_leave();
	return rc;
}

ssize_t writev(int fd, const struct iovec *iov, int cnt)
{
	return do_writev(fd, iov, cnt, -1, 0);
}

ssize_t pwritev(int fd, const struct iovec *iov, int cnt, off_t at)
{
	return do_writev(fd, iov, cnt, at, 0);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int cnt, off64_t at)
{
	return do_writev(fd, iov, cnt, at, 0);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int cnt, off_t at, int flags)
{
	return do_writev(fd, iov, cnt, at, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *iov, int cnt, off64_t at, int flags)
{
	return do_writev(fd, iov, cnt, at, flags);
}

/* The kernel copied n bytes into fd without our seeing them; the file itself says what they are. */
static void note_copied(int fd, const struct stat *st, long n, off_t at)
{
	char link[64], *buf;
	int rd;
	long got;

	if (n <= 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	buf = malloc((size_t)n);
	rd = (int)rec.syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
	if (!buf || rd < 0)
		rec_die("read back");
	at = (off_t)written_at(fd, n, at);
	got = rec.syscall(SYS_pread64, rd, buf, (size_t)n, at);
	if (got == n)
		note_write(fd, st, buf, n, at);
	else
		rec_unsupported("copy not read back", "");
	rec.syscall(SYS_close, rd);
	free(buf);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	struct stat st;
	off64_t at = out_at ? *out_at : -1;
	long rc;

	if (!rec_fd_inside(out, &st))
		return rec.syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
	rec_enter();
	rc = rec.syscall(SYS_copy_file_range, in, in_at, out, out_at, n, flags);
	note_copied(out, &st, rc, at);
	rec_leave();
	return rc;
}

static ssize_t do_sendfile(int out, int in, off_t *at, size_t n)
{
	struct stat st;
	long rc;

	if (!rec_fd_inside(out, &st))
		return rec.syscall(SYS_sendfile, out, in, at, n);
	rec_enter();
	rc = rec.syscall(SYS_sendfile, out, in, at, n);
	note_copied(out, &st, rc, -1);
	rec_leave();
	return rc;
}

ssize_t sendfile(int out, int in, off_t *at, size_t n)
{
	return do_sendfile(out, in, at, n);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t n)
{
	return do_sendfile(out, in, at, n);
}

ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	struct stat st;
	off64_t at = out_at ? *out_at : -1;
	long rc;

	if (!rec_fd_inside(out, &st))
		return rec.syscall(SYS_splice, in, in_at, out, out_at, n, flags);
	rec_enter();
	rc = rec.syscall(SYS_splice, in, in_at, out, out_at, n, flags);
	note_copied(out, &st, rc, at);
	rec_leave();
	return rc;
}

static void note_size(const struct stat *st, off_t size)
{
	rec_emit(&(struct event){ .op = OP_TRUNCATE, .ino = st->st_ino, .a = (uint64_t)size });
}

static int do_ftruncate(int fd, off_t size)
{
	struct stat st;
	int rc;

	if (!rec_fd_inside(fd, &st))
		return (int)rec.syscall(SYS_ftruncate, fd, size);
	rec_enter();
	rc = (int)rec.syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		note_size(&st, size);
	rec_leave();
	return rc;
}

int ftruncate(int fd, off_t size)
{
	return do_ftruncate(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return do_ftruncate(fd, size);
}

static int do_truncate(const char *path, off_t size)
{
	struct stat st;
	int rc;

	if (!rec_active() || !rec_target_inside(AT_FDCWD, path, &st))
		return (int)rec.syscall(SYS_truncate, path, size);
	rec_enter();
	rc = (int)rec.syscall(SYS_truncate, path, size);
	if (rc == 0)
		note_size(&st, size);
	rec_leave();
	return rc;
}

int truncate(const char *path, off_t size)
{
	return do_truncate(path, size);
}

int truncate64(const char *path, off64_t size)
{
	return do_truncate(path, size);
}

static int do_fallocate(int fd, int mode, off_t at, off_t len)
{
	const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
			  FALLOC_FL_UNSHARE_RANGE;
	struct stat st;
	int rc;

	if (!rec_fd_inside(fd, &st))
		return (int)rec.syscall(SYS_fallocate, fd, mode, at, len);
	rec_enter();
	rc = (int)rec.syscall(SYS_fallocate, fd, mode, at, len);
	if (rc == 0 && (mode & ~known))
		rec_unsupported("fallocate that moves data", "");
	else if (rc == 0 && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		rec_emit(&(struct event){ .op = mode & FALLOC_FL_KEEP_SIZE ? OP_ZERO_KEEP : OP_ZERO,
					  .ino = st.st_ino,
					  .a = (uint64_t)at,
					  .b = (uint64_t)len });
	else if (rc == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && at + len > st.st_size)
		note_size(&st, at + len);
	rec_leave();
	return rc;
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	return do_fallocate(fd, mode, at, len);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
	return do_fallocate(fd, mode, at, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	return do_fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return do_fallocate(fd, 0, at, len) == 0 ? 0 : errno;
}

static int do_fsync(long call, int fd)
{
	struct stat st;
	int rc;

	if (!rec_fd_inside(fd, &st))
		return (int)rec.syscall(call, fd);
	rec_enter();
	rc = (int)rec.syscall(call, fd);
	if (rc == 0)
		rec_emit(&(struct event){ .op = OP_FSYNC, .ino = st.st_ino });
	rec_leave();
	return rc;
}

int fsync(int fd)
{
	return do_fsync(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return do_fsync(SYS_fdatasync, fd);
}

void sync(void)
{
	bool on = rec_active();

	if (on)
		rec_enter();
	rec.syscall(SYS_sync);
	if (on)
		rec_emit(&(struct event){ .op = OP_SYNC });
	if (on)
		rec_leave();
}

int syncfs(int fd)
{
	struct stat st;
	int rc;

	if (!rec_fd_inside(fd, &st))
		return (int)rec.syscall(SYS_syncfs, fd);
	rec_enter();
	rc = (int)rec.syscall(SYS_syncfs, fd);
	if (rc == 0)
		rec_emit(&(struct event){ .op = OP_SYNC });
	rec_leave();
	return rc;
}
