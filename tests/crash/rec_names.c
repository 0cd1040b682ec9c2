/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make, move and remove names, open() first of all; and file modes. */
#include "recorder.h"

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);

static void note_create(const struct where *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		rec_emit(&(struct event){ .op = OP_CREATE,
					  .dir = w->dir,
					  .name = w->name,
					  .ino = st.st_ino,
					  .a = st.st_mode & 07777 });
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	bool tmp = (flags & O_TMPFILE) == O_TMPFILE;
	struct where w;
	struct stat st;
	bool existed, named;
	int fd;

	if (!rec_active() || !(flags & (O_CREAT | O_TRUNC | O_TMPFILE)))
		return (int)rec.syscall(SYS_openat, dirfd, path, flags, mode);
	rec_locate(&w, dirfd, path);
	existed = rec_target_inside(dirfd, path, &st);
	if (!w.in && !existed)
		return (int)rec.syscall(SYS_openat, dirfd, path, flags, mode);

	rec_enter();
	existed = rec_target_inside(dirfd, path, &st);
	fd = (int)rec.syscall(SYS_openat, dirfd, path, flags, mode);
	named = existed && !tmp;
	if (fd >= 0 && tmp)
		note_create(&(struct where){ .in = true }, fd);
	else if (fd >= 0 && !named)
		note_create(&w, fd);
	else if (fd >= 0 && (flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY &&
		 S_ISREG(st.st_mode))
		rec_emit(&(struct event){ .op = OP_TRUNCATE, .ino = st.st_ino });
	rec_leave();
	return fd;
}

static mode_t mode_arg(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(ap, int) : 0;
}

#define DEFINE_OPEN(fn)                                      \
	int fn(const char *path, int flags, ...)             \
	{                                                    \
		va_list ap;                                  \
		va_start(ap, flags);                         \
		mode_t mode = mode_arg(flags, ap);           \
		va_end(ap);                                  \
		return do_open(AT_FDCWD, path, flags, mode); \
	}
#define DEFINE_OPENAT(fn)                                   \
	int fn(int dirfd, const char *path, int flags, ...) \
	{                                                   \
		va_list ap;                                 \
		va_start(ap, flags);                        \
		mode_t mode = mode_arg(flags, ap);          \
		va_end(ap);                                 \
		return do_open(dirfd, path, flags, mode);   \
	}

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dirfd, const char *path, int flags)
{
	return do_open(dirfd, path, flags, 0);
}

int __openat64_2(int dirfd, const char *path, int flags)
{
	return do_open(dirfd, path, flags, 0);
}

int creat(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* The template is filled in by the call, so its place is known only afterwards. */
static int do_mkostemps(char *template, int suffix, int flags)
{
	struct where w;
	int fd;

	if (!rec_active())
		return rec.mkostemps(template, suffix, flags);
	rec_enter();
	fd = rec.mkostemps(template, suffix, flags);
	if (fd >= 0) {
		rec_locate(&w, AT_FDCWD, template);
		if (w.in)
			note_create(&w, fd);
	}
	rec_leave();
	return fd;
}

int mkstemp(char *t)
{
	return do_mkostemps(t, 0, 0);
}
int mkstemp64(char *t)
{
	return do_mkostemps(t, 0, 0);
}
int mkostemp(char *t, int flags)
{
	return do_mkostemps(t, 0, flags);
}
int mkostemp64(char *t, int flags)
{
	return do_mkostemps(t, 0, flags);
}
int mkstemps(char *t, int suffix)
{
	return do_mkostemps(t, suffix, 0);
}
int mkstemps64(char *t, int suffix)
{
	return do_mkostemps(t, suffix, 0);
}
int mkostemps(char *t, int suffix, int flags)
{
	return do_mkostemps(t, suffix, flags);
}
int mkostemps64(char *t, int suffix, int flags)
{
	return do_mkostemps(t, suffix, flags);
}

char *mkdtemp(char *template)
{
	struct where w;
	char *p;

	if (!rec_active())
		return rec.mkdtemp(template);
	rec_enter();
	p = rec.mkdtemp(template);
	if (p) {
		rec_locate(&w, AT_FDCWD, p);
		if (w.in)
			rec_emit(&(struct event){ .op = OP_MKDIR,
						  .dir = w.dir,
						  .name = w.name,
						  .ino = w.ino,
						  .a = 0700 });
	}
	rec_leave();
	return p;
}

static int do_rename(int od, const char *from, int nd, const char *to, unsigned flags)
{
	struct where a = { .in = false }, b = { .in = false };
	int rc;

	if (rec_active()) {
		rec_locate(&a, od, from);
		rec_locate(&b, nd, to);
	}
	if (!a.in && !b.in)
		return (int)rec.syscall(SYS_renameat2, od, from, nd, to, flags);
	rec_enter();
	rec_locate(&a, od, from);
	rc = (int)rec.syscall(SYS_renameat2, od, from, nd, to, flags);
	if (rc == 0 && a.in && b.in)
		rec_emit(&(struct event){ .op = OP_RENAME,
					  .ino = a.ino,
					  .dir = a.dir,
					  .dir2 = b.dir,
					  .name = a.name,
					  .name2 = b.name,
					  .a = flags });
	else if (rc == 0)
		rec_unsupported("rename across the root", from);
	rec_leave();
	return rc;
}

int rename(const char *from, const char *to)
{
	return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int od, const char *from, int nd, const char *to)
{
	return do_rename(od, from, nd, to, 0);
}

int renameat2(int od, const char *from, int nd, const char *to, unsigned flags)
{
	return do_rename(od, from, nd, to, flags);
}

int linkat(int od, const char *from, int nd, const char *to, int flags)
{
	struct where w;
	int rc;

	if (!rec_enter_where(&w, nd, to))
		return (int)rec.syscall(SYS_linkat, od, from, nd, to, flags);
	rc = (int)rec.syscall(SYS_linkat, od, from, nd, to, flags);
	if (rc == 0) {
		rec_locate(&w, nd, to);
		rec_emit(&(struct event){
			.op = OP_LINK, .ino = w.ino, .dir = w.dir, .name = w.name });
	}
	rec_leave();
	return rc;
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *target, int dirfd, const char *path)
{
	struct where w;
	int rc;

	if (!rec_enter_where(&w, dirfd, path))
		return (int)rec.syscall(SYS_symlinkat, target, dirfd, path);
	rc = (int)rec.syscall(SYS_symlinkat, target, dirfd, path);
	if (rc == 0) {
		rec_locate(&w, dirfd, path);
		rec_emit(&(struct event){ .op = OP_SYMLINK,
					  .ino = w.ino,
					  .dir = w.dir,
					  .name = w.name,
					  .data = target,
					  .len = strlen(target) });
	}
	rec_leave();
	return rc;
}

int symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	struct where w;
	int rc;

	if (!rec_enter_where(&w, dirfd, path))
		return (int)rec.syscall(SYS_unlinkat, dirfd, path, flags);
	rc = (int)rec.syscall(SYS_unlinkat, dirfd, path, flags);
	if (rc == 0)
		rec_emit(&(struct event){ .op = flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK,
					  .ino = w.ino,
					  .dir = w.dir,
					  .name = w.name });
	rec_leave();
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
	int rc = unlinkat(AT_FDCWD, path, 0);

	return rc < 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : rc;
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct where w;
	struct stat st;
	int rc;

	if (!rec_enter_where(&w, dirfd, path))
		return (int)rec.syscall(SYS_mkdirat, dirfd, path, mode);
	rc = (int)rec.syscall(SYS_mkdirat, dirfd, path, mode);
	if (rc == 0 && fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		rec_emit(&(struct event){ .op = OP_MKDIR,
					  .ino = st.st_ino,
					  .dir = w.dir,
					  .name = w.name,
					  .a = st.st_mode & 07777 });
	rec_leave();
	return rc;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	struct where w;
	int rc = (int)rec.syscall(SYS_mknodat, dirfd, path, mode, (unsigned)dev);

	if (rc == 0 && rec_active()) {
		rec_locate(&w, dirfd, path);
		if (w.in)
			rec_unsupported_locked("mknod", path);
	}
	return rc;
}

int mknod(const char *path, mode_t mode, dev_t dev)
{
	return mknodat(AT_FDCWD, path, mode, dev);
}

int mkfifo(const char *path, mode_t mode)
{
	return mknodat(AT_FDCWD, path, S_IFIFO | (mode & 07777), 0);
}

int fchmod(int fd, mode_t mode)
{
	struct stat st;
	int rc;

	if (!rec_fd_inside(fd, &st))
		return (int)rec.syscall(SYS_fchmod, fd, mode);
	rec_enter();
	rc = (int)rec.syscall(SYS_fchmod, fd, mode);
	if (rc == 0)
		rec_emit(&(struct event){ .op = OP_CHMOD, .ino = st.st_ino, .a = mode & 07777 });
	rec_leave();
	return rc;
}

/* Links have no mode: AT_SYMLINK_NOFOLLOW fails on them, as in the C library. */
int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
	struct stat st;
	int rc;

	if (flags & ~AT_SYMLINK_NOFOLLOW) {
		errno = EINVAL;
		return -1;
	}
	if (flags && fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (!rec_active() || !rec_target_inside(dirfd, path, &st))
		return (int)rec.syscall(SYS_fchmodat, dirfd, path, mode);
	rec_enter();
	rc = (int)rec.syscall(SYS_fchmodat, dirfd, path, mode);
	if (rc == 0)
		rec_emit(&(struct event){ .op = OP_CHMOD, .ino = st.st_ino, .a = mode & 07777 });
	rec_leave();
	return rc;
}

int chmod(const char *path, mode_t mode)
{
	return fchmodat(AT_FDCWD, path, mode, 0);
}
