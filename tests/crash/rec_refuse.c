/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that change files where the recorder cannot see what they write. */
#include "recorder.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int __dprintf_chk(int fd, int flag, const char *fmt, ...);
int __vdprintf_chk(int fd, int flag, const char *fmt, va_list ap);

static void refuse_fd(const char *what, int fd)
{
	char path[PATH_MAX];
	struct stat st;

	if (rec_fd_inside(fd, &st) && rec_fd_path(fd, path))
		rec_unsupported_locked(what, path);
}

static bool rebuilt_by_sqlite(int fd)
{
	char path[PATH_MAX];
	size_t n;

	if (!rec_fd_path(fd, path))
		return false;
	n = strlen(path);
	return n >= 4 && strcmp(path + n - 4, "-shm") == 0;
}

static void *do_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	int kind = flags & (MAP_SHARED | MAP_PRIVATE);

	rec_active();
	if (fd >= 0 && !(flags & MAP_ANONYMOUS) && kind != MAP_PRIVATE && (prot & PROT_WRITE) &&
	    !rebuilt_by_sqlite(fd))
		refuse_fd("shared writable mmap", fd);
	return (void *)rec.syscall(SYS_mmap, at, len, prot, flags, fd, off);
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return do_mmap(at, len, prot, flags, fd, off);
}

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t off)
{
	return do_mmap(at, len, prot, flags, fd, off);
}

static FILE *check_stream(const char *what, const char *mode, FILE *f)
{
	int saved = errno;

	if (f && strpbrk(mode, "wa+"))
		refuse_fd(what, fileno(f));
	errno = saved;
	return f;
}

FILE *fopen(const char *path, const char *mode)
{
	rec_active();
	return check_stream("fopen for writing", mode, rec.fopen(path, mode));
}

FILE *fopen64(const char *path, const char *mode)
{
	rec_active();
	return check_stream("fopen for writing", mode, rec.fopen(path, mode));
}

FILE *freopen(const char *path, const char *mode, FILE *f)
{
	rec_active();
	return check_stream("freopen for writing", mode, rec.freopen(path, mode, f));
}

FILE *freopen64(const char *path, const char *mode, FILE *f)
{
	rec_active();
	return check_stream("freopen for writing", mode, rec.freopen(path, mode, f));
}

FILE *fdopen(int fd, const char *mode)
{
	rec_active();
	return check_stream("fdopen for writing", mode, rec.fdopen(fd, mode));
}

int vdprintf(int fd, const char *fmt, va_list ap)
{
	refuse_fd("dprintf", fd);
	return rec.vdprintf(fd, fmt, ap);
}

int dprintf(int fd, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}

int __vdprintf_chk(int fd, int flag, const char *fmt, va_list ap)
{
	(void)flag;
	return vdprintf(fd, fmt, ap);
}

int __dprintf_chk(int fd, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, fmt);
	n = vdprintf(fd, fmt, ap);
	va_end(ap);
	return n;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	rec_active();
	if (request == FICLONE || request == FICLONERANGE || request == FIDEDUPERANGE)
		refuse_fd("clone ioctl", fd);
	return (int)rec.syscall(SYS_ioctl, fd, request, arg);
}

/* Raw calls bypass everything above, so those that could change a file spoil the recording. */
static bool changes_files(long n)
{
	static const long calls[] = {
		SYS_write,    SYS_pwrite64,	  SYS_writev,	      SYS_pwritev,
		SYS_pwritev2, SYS_ftruncate,	  SYS_truncate,	      SYS_fallocate,
		SYS_renameat, SYS_renameat2,	  SYS_linkat,	      SYS_symlinkat,
		SYS_unlinkat, SYS_mkdirat,	  SYS_mknodat,	      SYS_copy_file_range,
		SYS_openat2,  SYS_io_uring_setup, SYS_io_uring_enter, SYS_sendfile,
		SYS_splice,
#ifdef SYS_rename
		SYS_rename,   SYS_link,		  SYS_symlink,	      SYS_unlink,
		SYS_mkdir,    SYS_rmdir,	  SYS_creat,
#endif
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == n)
			return true;
	return false;
}

long syscall(long n, ...)
{
	long a[6];
	char text[32];
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (rec_active() && changes_files(n)) {
		snprintf(text, sizeof(text), "number %ld", n);
		rec_unsupported_locked("raw syscall()", text);
	}
	return rec.syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}
