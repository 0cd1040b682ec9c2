/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded recorder for the crash tests: under LD_PRELOAD it writes every call that changes the
 * tree below ST_CRASH_ROOT to the file ST_CRASH_LOG, in the order in which the calls happened.
 * replay.py turns that log into the states a kill or a power cut could have left.
 *
 * Files are named by inode number and directory entries by (directory inode, name), so duplicated
 * descriptors, relative paths and inherited descriptors need no bookkeeping here. An inode number
 * is used again only after the last link and descriptor of its file are gone, so in a totally
 * ordered log it always means one file. The order comes from one mutex per process and one fcntl
 * lock on the log between processes; both are held from before a call until it is in the log.
 *
 * What cannot be recorded (a shared writable mapping, stdio output, names that cross the root, a
 * raw syscall()) is logged as OP_UNSUPPORTED, and the replayer refuses such a recording. Mappings
 * of files that end in "-shm" are exempt: SQLite rebuilds its WAL index after every crash. Time
 * stamps, owners and extended attributes are not recorded. Call failures change nothing and are
 * not logged. A page mapped read-only and made writable afterwards goes unseen here; replay.py
 * compares the replayed end with the real one and so catches that and any call missed.
 *
 * Log record, fields in the machine's byte order:
 *	u32 magic "STCR", u32 op, u64 ino, u64 dir, u64 dir2, u64 a, u64 b,
 *	u32 name bytes, u32 name2 bytes, u64 data bytes, then name, name2, data
 */
#include "recorder.h"

#include <dlfcn.h>

#define MAGIC 0x52435453u

struct header {
	uint32_t magic, op;
	uint64_t ino, dir, dir2, a, b;
	uint32_t name, name2;
	uint64_t len;
};

struct recorder rec = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .log = -1 };

_Noreturn void rec_die(const char *what)
{
	char msg[PATH_MAX + 64];
	int n = snprintf(msg, sizeof(msg), "crash recorder: %s: %s\n", what, strerror(errno));

	if (n > 0)
		rec.syscall(SYS_write, 2, msg, (size_t)n);
	_exit(126);
}

static void fork_lock(void)
{
	pthread_mutex_lock(&rec.lock);
}

static void fork_unlock(void)
{
	pthread_mutex_unlock(&rec.lock);
}

static void *find(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		_exit(126);
	return p;
}

static void find_calls(void)
{
	*(void **)&rec.syscall = find("syscall");
	*(void **)&rec.mkostemps = find("mkostemps");
	*(void **)&rec.mkdtemp = find("mkdtemp");
	*(void **)&rec.fopen = find("fopen");
	*(void **)&rec.freopen = find("freopen");
	*(void **)&rec.fdopen = find("fdopen");
	*(void **)&rec.vdprintf = find("vdprintf");
}

/*
 * Recording starts here and not at the first call: a sanitizer's runtime calls us before the
 * environment can be read.
 */
__attribute__((constructor)) static void start(void)
{
	const char *root = getenv("ST_CRASH_ROOT"), *log = getenv("ST_CRASH_LOG");
	int saved = errno, low;

	pthread_once(&rec.once, find_calls);
	if (!root || !log)
		return;

	if (!realpath(root, rec.root))
		rec_die(root);
	rec.root_len = strlen(rec.root);
	low = (int)rec.syscall(SYS_openat, AT_FDCWD, log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC,
			       0600);
	if (low < 0)
		rec_die(log);
	/* Programs close or reuse low descriptors; keep the log out of their way. */
	rec.log = (int)rec.syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, 900);
	if (rec.log < 0)
		rec.log = low;
	else
		rec.syscall(SYS_close, low);
	pthread_atfork(fork_lock, fork_unlock, fork_unlock);
	rec.on = true;
	errno = saved;
}

bool rec_active(void)
{
	pthread_once(&rec.once, find_calls);
	return rec.on;
}

void rec_enter(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int saved = errno;

	pthread_mutex_lock(&rec.lock);
	while (rec.syscall(SYS_fcntl, rec.log, F_SETLKW, &fl) < 0)
		if (errno != EINTR)
			rec_die("lock log");
	errno = saved;
}

void rec_leave(void)
{
	struct flock fl = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	int saved = errno;

	rec.syscall(SYS_fcntl, rec.log, F_SETLK, &fl);
	pthread_mutex_unlock(&rec.lock);
	errno = saved;
}

static void put(const void *p, size_t n)
{
	const char *s = p;

	while (n > 0) {
		long w = rec.syscall(SYS_write, rec.log, s, n);

		if (w < 0 && errno != EINTR)
			rec_die("write log");
		if (w > 0) {
			s += w;
			n -= (size_t)w;
		}
	}
}

void rec_emit(const struct event *ev)
{
	struct header h = { .magic = MAGIC,
			    .op = ev->op,
			    .ino = ev->ino,
			    .dir = ev->dir,
			    .dir2 = ev->dir2,
			    .a = ev->a,
			    .b = ev->b,
			    .len = ev->len };
	int saved = errno;

	h.name = ev->name ? (uint32_t)strlen(ev->name) : 0;
	h.name2 = ev->name2 ? (uint32_t)strlen(ev->name2) : 0;
	put(&h, sizeof(h));
	put(ev->name, h.name);
	put(ev->name2, h.name2);
	put(ev->data, ev->len);
	errno = saved;
}

void rec_unsupported(const char *what, const char *path)
{
	rec_emit(&(struct event){
		.op = OP_UNSUPPORTED, .name = what, .data = path, .len = strlen(path) });
}

void rec_unsupported_locked(const char *what, const char *path)
{
	rec_enter();
	rec_unsupported(what, path);
	rec_leave();
}

static bool rec_below_root(const char *path)
{
	return strncmp(path, rec.root, rec.root_len) == 0 &&
	       (path[rec.root_len] == '/' || path[rec.root_len] == '\0');
}

bool rec_fd_path(int fd, char path[PATH_MAX])
{
	char link[64];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = rec.syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_MAX - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return true;
}

bool rec_fd_inside(int fd, struct stat *st)
{
	char path[PATH_MAX];
	int saved = errno;
	bool in = rec_active() && fd >= 0 && rec_fd_path(fd, path) && rec_below_root(path) &&
		  fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));

	errno = saved;
	return in;
}

/* Splits path and opens its directory; a path too long to split fails in the real call as well. */
static int open_parent(int dirfd, const char *path, char name[NAME_MAX + 1])
{
	char buf[PATH_MAX];
	const char *parent = ".", *last;
	size_t n = strlen(path);
	char *slash;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n == 0 || n >= sizeof(buf))
		return -1;
	memcpy(buf, path, n);
	buf[n] = '\0';

	slash = strrchr(buf, '/');
	last = slash ? slash + 1 : buf;
	if (strlen(last) > NAME_MAX)
		return -1;
	memcpy(name, last, strlen(last) + 1);
	if (slash == buf)
		parent = "/";
	else if (slash)
		parent = buf;
	if (slash)
		*slash = '\0';
	return (int)rec.syscall(SYS_openat, dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

void rec_locate(struct where *w, int dirfd, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	int saved = errno, fd;

	memset(w, 0, sizeof(*w));
	fd = path ? open_parent(dirfd, path, w->name) : -1;
	if (fd >= 0 && rec_fd_path(fd, full) && fstat(fd, &st) == 0) {
		w->in = rec_below_root(full);
		w->dir = st.st_ino;
		if (fstatat(fd, w->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			w->ino = st.st_ino;
	}
	if (fd >= 0)
		rec.syscall(SYS_close, fd);
	errno = saved;
}

bool rec_enter_where(struct where *w, int dirfd, const char *path)
{
	if (!rec_active())
		return false;
	rec_locate(w, dirfd, path);
	if (!w->in)
		return false;
	rec_enter();
	rec_locate(w, dirfd, path);
	return true;
}

bool rec_target_inside(int dirfd, const char *path, struct stat *st)
{
	int saved = errno;
	int fd = (int)rec.syscall(SYS_openat, dirfd, path, O_PATH | O_CLOEXEC, 0);
	bool in = fd >= 0 && rec_fd_inside(fd, st);

	if (fd >= 0)
		rec.syscall(SYS_close, fd);
	errno = saved;
	return in;
}
