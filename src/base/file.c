/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define SLURP_STEP ((size_t)64 * 1024)

char *st_path_join(const char *dir, const char *name, struct st_err *e)
{
	size_t nd = strlen(dir), nn = strlen(name);
	bool slash = nd && dir[nd - 1] != '/';
	char *p = st_malloc(nd + slash + nn + 1, e);

	if (!p)
		return NULL;
	memcpy(p, dir, nd);
	if (slash)
		p[nd] = '/';
	memcpy(p + nd + slash, name, nn + 1);
	return p;
}

int st_open_read(int *fd, const char *path, int flags, struct st_err *e)
{
	do
		*fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? st_fail_os(e, "open %s", path) : ST_OK;
}

/* One read at off, or at the file's position for off < 0; -1 with errno. */
static ssize_t read_once(int fd, void *buf, size_t n, off_t off)
{
	ssize_t got;

	do
		got = off < 0 ? read(fd, buf, n) : pread(fd, buf, n, off);
	while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t write_once(int fd, const void *buf, size_t n, off_t off)
{
	ssize_t put;

	do
		put = off < 0 ? write(fd, buf, n) : pwrite(fd, buf, n, off);
	while (put < 0 && errno == EINTR);
	return put;
}

/* Bytes to ask for next; 0 when the buffer may hold no more. */
static size_t slurp_room(const struct st_buf *out, size_t start, const struct stat *st)
{
	size_t have = out->len - start, left = out->max - out->len, want = SLURP_STEP;

	/* One byte more than the file has, so that the end shows in the same call. */
	if (st->st_size > 0 && (uint64_t)st->st_size >= have)
		want = (size_t)((uint64_t)st->st_size - have) + 1;
	return want < left ? want : left;
}

static int slurp_fd(struct st_buf *out, int fd, const char *path, struct st_err *e)
{
	size_t start = out->len, room;
	struct stat st;
	ssize_t got;
	char probe;

	if (fstat(fd, &st) < 0)
		return st_fail_os(e, "stat %s", path);
	for (;;) {
		room = slurp_room(out, start, &st);
		if (st_buf_room(out, room, e) != ST_OK)
			return st_wrap(e, "read %s", path);
		if (room)
			got = read_once(fd, out->p + out->len, room, -1);
		else
			got = read_once(fd, &probe, 1, -1);
		if (got < 0)
			return st_fail_os(e, "read %s", path);
		if (got == 0)
			return ST_OK;
		if (!room)
			return st_fail(e, ST_ELIMIT, "%s: larger than the limit of %zu bytes", path,
				       out->max - start);
		out->len += (size_t)got;
	}
}

int st_file_slurp(struct st_buf *out, const char *path, struct st_err *e)
{
	size_t start = out->len;
	int fd, rc;

	/* opening a FIFO that nobody writes to must not wait for ever; reading one may wait */
	if (st_open_read(&fd, path, O_NONBLOCK, e) != ST_OK)
		return e->code;
	(void)fcntl(fd, F_SETFL, 0);
	rc = slurp_fd(out, fd, path, e);
	if (rc != ST_OK)
		out->len = start;
	close(fd);
	return rc;
}

int st_pread_some(int fd, void *buf, size_t n, uint64_t off, size_t *got, const char *what,
		  struct st_err *e)
{
	ssize_t k;

	/* No file reaches beyond INT64_MAX, and the kernel refuses a range that does. */
	if (off > INT64_MAX)
		n = 0;
	else if (n > INT64_MAX - off)
		n = (size_t)(INT64_MAX - off);
	for (*got = 0; *got < n; *got += (size_t)k) {
		k = read_once(fd, (char *)buf + *got, n - *got, (off_t)(off + *got));
		if (k < 0)
			return st_fail_os(e, "read %s", what);
		if (k == 0)
			break;
	}
	return ST_OK;
}

int st_pread_full(int fd, void *buf, size_t n, uint64_t off, const char *what, struct st_err *e)
{
	size_t got;

	if (st_pread_some(fd, buf, n, off, &got, what, e) != ST_OK)
		return e->code;
	if (got < n)
		return st_fail(e, ST_ECHANGED,
			       "%s: %zu bytes at offset %" PRIu64 " where %zu should be", what, got,
			       off, n);
	return ST_OK;
}

static int write_loop(int fd, const char *p, size_t n, off_t off, const char *what,
		      struct st_err *e)
{
	ssize_t k;

	for (; n; p += k, n -= (size_t)k, off += off < 0 ? 0 : k) {
		k = write_once(fd, p, n, off);
		if (k < 0)
			return st_fail_os(e, "write %s", what);
		if (k == 0)
			return st_fail(e, ST_EIO, "write %s: nothing was written", what);
	}
	return ST_OK;
}

int st_write_full(int fd, const void *buf, size_t n, const char *what, struct st_err *e)
{
	return write_loop(fd, buf, n, -1, what, e);
}

int st_pwrite_full(int fd, const void *buf, size_t n, uint64_t off, const char *what,
		   struct st_err *e)
{
	if (off > INT64_MAX || n > INT64_MAX - off)
		return st_fail(e, ST_ELIMIT, "write %s: no file reaches offset %" PRIu64, what,
			       off);
	return write_loop(fd, buf, n, (off_t)off, what, e);
}

int st_file_reserve(int fd, uint64_t n, const char *what, struct st_err *e)
{
	int rc;

	if (n == 0 || n > INT64_MAX)
		return ST_OK;
	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n);
	while (rc < 0 && errno == EINTR);
	return rc < 0 && (errno == ENOSPC || errno == EDQUOT) ? st_fail_os(e, "write %s", what) :
								ST_OK;
}

static int fsync_retry(int fd)
{
	int rc;

	do
		rc = fsync(fd);
	while (rc < 0 && errno == EINTR);
	return rc;
}

int st_fsync_dir(const char *dir, struct st_err *e)
{
	int fd, rc = ST_OK;

	if (st_open_read(&fd, dir, O_DIRECTORY, e) != ST_OK)
		return e->code;
	/* Some file systems cannot sync a directory and say so with EINVAL. */
	if (fsync_retry(fd) < 0 && errno != EINVAL)
		rc = st_fail_os(e, "sync directory %s", dir);
	close(fd);
	return rc;
}

/* 0 also when dir is a directory already; else -1 and errno of mkdir. */
static int mkdir_one(const char *dir)
{
	struct stat st;
	int saved;

	if (mkdir(dir, 0777) == 0)
		return 0;
	saved = errno;
	if (saved != ENOENT && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	errno = saved;
	return -1;
}

int st_rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	/* a file system, or a kernel, that cannot do without replacing */
	return errno == EINVAL || errno == ENOSYS ? rename(from, to) : -1;
}

int st_mkdirs(const char *dir, struct st_err *e)
{
	char *path, *p;
	int rc = ST_OK;

	if (mkdir_one(dir) == 0)
		return ST_OK;
	if (errno != ENOENT)
		return st_fail_os(e, "create directory %s", dir);
	path = st_strdup(dir, e);
	if (!path)
		return e->code;
	for (p = path + strspn(path, "/"); rc == ST_OK && (p = strchr(p, '/')); p++) {
		*p = 0;
		if (mkdir_one(path) < 0)
			rc = st_fail_os(e, "create directory %s", path);
		*p = '/';
	}
	if (rc == ST_OK && mkdir_one(path) < 0)
		rc = st_fail_os(e, "create directory %s", path);
	free(path);
	return rc;
}

char *st_path_dir(const char *path, struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	if (!slash)
		return st_strdup(".", e);
	dir = st_strdup(path, e);
	if (dir)
		dir[slash == path ? 1 : slash - path] = 0;
	return dir;
}

static int fill_temp(int fd, const char *path, const void *p, size_t n, bool durable,
		     struct st_err *e)
{
	struct stat st;

	if (stat(path, &st) == 0 && fchmod(fd, st.st_mode & 07777) < 0)
		return st_fail_os(e, "set the mode of the new %s", path);
	if (st_write_full(fd, p, n, path, e) != ST_OK)
		return e->code;
	if (durable && fsync_retry(fd) < 0)
		return st_fail_os(e, "sync %s", path);
	return ST_OK;
}

int st_file_replace(const char *path, const void *p, size_t n, bool durable, struct st_err *e)
{
	char *dir = st_path_dir(path, e), *temp = NULL;
	int fd, rc;

	if (!dir)
		return e->code;
	rc = st_file_temp(&fd, &temp, dir, ST_TEMP_PREFIX, e);
	if (rc != ST_OK) {
		free(dir);
		return st_wrap(e, "write %s", path);
	}
	rc = fill_temp(fd, path, p, n, durable, e);
	if (close(fd) < 0 && rc == ST_OK)
		rc = st_fail_os(e, "write %s", path);
	if (rc == ST_OK && rename(temp, path) < 0)
		rc = st_fail_os(e, "rename %s to %s", temp, path);
	if (rc != ST_OK)
		unlink(temp);
	else if (durable)
		rc = st_fsync_dir(dir, e);
	free(temp);
	free(dir);
	return rc;
}

int64_t st_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int st_free_space(const char *path, uint64_t *bytes, struct st_err *e)
{
	struct statvfs v;
	int rc;

	do
		rc = statvfs(path, &v);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return st_fail_os(e, "free space at %s", path);
	if (!st_mul_u64(v.f_bavail, v.f_frsize, bytes))
		*bytes = UINT64_MAX;
	return ST_OK;
}

int st_lock(int fd, enum st_lock_mode mode, bool wait, const char *what, struct st_err *e)
{
	int op = mode == ST_LOCK_EXCLUSIVE ? LOCK_EX : LOCK_SH, rc;

	do
		rc = flock(fd, wait ? op : op | LOCK_NB);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return ST_OK;
	if (errno == EWOULDBLOCK)
		return st_fail(e, ST_EBUSY, "%s is locked by another process", what);
	return st_fail_os(e, "lock %s", what);
}

void st_unlock(int fd)
{
	while (flock(fd, LOCK_UN) < 0 && errno == EINTR)
		;
}

/* A file system of another machine refuses leases for reasons of its own. */
static bool is_local(int fd)
{
	static const unsigned long local[] = { EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC,
					       BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
					       TMPFS_MAGIC,	  OVERLAYFS_SUPER_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		if ((unsigned long)fs.f_type == local[i])
			return true;
	return false;
}

bool st_open_for_writing(int fd)
{
	/* Who opens the file while the lease is held waits, and the holder gets a signal: one that
	 * by default does nothing. */
	if (fcntl(fd, F_SETSIG, SIGURG) != 0)
		return false;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN && is_local(fd);
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}
