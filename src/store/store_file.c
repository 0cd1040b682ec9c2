/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs as files of one directory. A pack being written is "tmp-XXXXXX" there, under an exclusive
 * flock that dies with its writer, so that what a dead one left can be told from what is in use.
 * Reading keeps a few files open, the least recently used of which gives way.
 */
#include "store/store_kinds.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_OPEN 64
#define WRITEBACK ((uint64_t)32 << 20)

struct open_file {
	char *name; /* NULL: free */
	int fd;
	unsigned users;
	uint64_t used; /* clock of the last use */
	bool gone;     /* removed or replaced: closed when the last user leaves */
};

struct file_store {
	struct st_store base;
	char *dir;
	pthread_mutex_t lock; /* guards what follows */
	struct open_file files[MAX_OPEN];
	uint64_t clock;
};

struct file_blob {
	struct st_blob base;
	int fd;
	char *path;
	uint64_t started; /* writing back to the disk has been started up to here */
};

static struct file_store *file_store(struct st_store *s)
{
	ST_BUG_ON(s->ops != &st_store_file_ops);
	return (struct file_store *)s;
}

static struct file_blob *file_blob(struct st_blob *b)
{
	ST_BUG_ON(b->store->ops != &st_store_file_ops);
	return (struct file_blob *)b;
}

static void close_file(struct open_file *f)
{
	close(f->fd);
	free(f->name);
	*f = (struct open_file){ .fd = -1 };
}

static int open_pack(struct file_store *s, const char *name, int *fd, struct st_err *e)
{
	char *path = st_path_join(s->dir, name, e);

	*fd = -1;
	if (!path)
		return e->code;
	do
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (*fd < 0 && errno == EINTR);
	if (*fd < 0 && errno == ENOENT)
		st_fail(e, ST_ENOTFOUND, "there is no such pack");
	else if (*fd < 0)
		st_fail_os(e, "open");
	free(path);
	return e->code;
}

/* A free place, made free by closing the least recently used if need be; NULL: all are in use. */
static struct open_file *free_place(struct file_store *s)
{
	struct open_file *best = NULL, *f;

	for (f = s->files; f < s->files + MAX_OPEN; f++) {
		if (!f->name)
			return f;
		if (f->users == 0 && (!best || f->used < best->used))
			best = f;
	}
	if (best)
		close_file(best);
	return best;
}

static struct open_file *find_open(struct file_store *s, const char *name)
{
	for (struct open_file *f = s->files; f < s->files + MAX_OPEN; f++)
		if (f->name && !f->gone && strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

/* An open pack. *place is to be given back to leave(), NULL when the descriptor is the caller's. */
static int enter(struct file_store *s, const char *name, struct open_file **place, int *fd,
		 struct st_err *e)
{
	struct open_file *f;
	char *copy;

	pthread_mutex_lock(&s->lock);
	f = find_open(s, name);
	if (!f && open_pack(s, name, fd, e) == ST_OK) {
		copy = st_strdup(name, e);
		f = copy ? free_place(s) : NULL;
		if (f)
			*f = (struct open_file){ .name = copy, .fd = *fd };
		else
			free(copy);
		if (e->code != ST_OK)
			close(*fd);
	}
	if (f) {
		f->users++;
		f->used = ++s->clock;
		*fd = f->fd;
	}
	pthread_mutex_unlock(&s->lock);
	*place = f;
	return e->code;
}

static void leave(struct file_store *s, struct open_file *f, int fd)
{
	if (!f) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (--f->users == 0 && f->gone)
		close_file(f);
	pthread_mutex_unlock(&s->lock);
}

/* The file that name stood for is not to be read any more. */
static void forget(struct file_store *s, const char *name)
{
	struct open_file *f;

	pthread_mutex_lock(&s->lock);
	f = find_open(s, name);
	if (f && f->users == 0)
		close_file(f);
	else if (f)
		f->gone = true;
	pthread_mutex_unlock(&s->lock);
}

static int read_exactly(int fd, void *buf, size_t n, uint64_t off, struct st_err *e)
{
	size_t got;
	int rc = st_pread_some(fd, buf, n, off, &got, "pack", e);

	if (rc == ST_OK && got < n)
		rc = st_fail(e, ST_ECORRUPT, "%zu bytes at offset %" PRIu64 " where %zu should be",
			     got, off, n);
	return rc;
}

static int file_pread(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
		      struct st_err *e)
{
	struct file_store *fs = file_store(s);
	struct open_file *place;
	int fd, rc = enter(fs, name, &place, &fd, e);

	if (rc != ST_OK)
		return rc;
	rc = read_exactly(fd, buf, n, off, e);
	leave(fs, place, fd);
	return rc;
}

static int file_size(struct st_store *s, const char *name, uint64_t *out, struct st_err *e)
{
	struct file_store *fs = file_store(s);
	struct open_file *place;
	struct stat st;
	int fd, rc = enter(fs, name, &place, &fd, e);

	if (rc != ST_OK)
		return rc;
	if (fstat(fd, &st) != 0)
		rc = st_fail_os(e, "stat");
	else
		*out = (uint64_t)st.st_size;
	leave(fs, place, fd);
	return rc;
}

static void release_blob(struct file_blob *b)
{
	if (b->fd >= 0)
		close(b->fd); /* which lets the lock go */
	free(b->path);
	free(b);
}

/* A locked temporary file. A cleaner may see it in the moment before it is locked and take it away;
 * then it has no name left, and another one is made. */
static int make_temp(struct file_blob *b, const char *dir, struct st_err *e)
{
	struct stat st = { .st_nlink = 0 };

	while (st.st_nlink == 0) {
		if (b->fd >= 0)
			close(b->fd);
		free(b->path);
		b->path = NULL;
		b->fd = -1;
		if (st_file_temp(&b->fd, &b->path, dir, ST_BLOB_TEMP, e) != ST_OK)
			return e->code;
		if (st_lock(b->fd, ST_LOCK_EXCLUSIVE, true, b->path, e) != ST_OK)
			return e->code;
		if (fstat(b->fd, &st) != 0)
			return st_fail_os(e, "stat %s", b->path);
	}
	return ST_OK;
}

static int file_create(struct st_store *s, struct st_blob **out, struct st_err *e)
{
	struct file_blob *b = st_calloc(1, sizeof(*b), e);
	int rc;

	if (!b)
		return e->code;
	b->base.store = s;
	b->fd = -1;
	rc = make_temp(b, file_store(s)->dir, e);
	if (rc != ST_OK) {
		if (b->path)
			unlink(b->path);
		release_blob(b);
		return rc;
	}
	*out = &b->base;
	return ST_OK;
}

static int file_write(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct file_blob *fb = file_blob(b);
	int rc = st_pwrite_full(fb->fd, p, n, off, fb->path, e);

	/* So that the sync at the end finds most of the work done. Only advice: it may fail. */
	if (rc == ST_OK && off >= fb->started && off + n - fb->started >= WRITEBACK) {
		(void)sync_file_range(fb->fd, (off_t)fb->started, (off_t)(off + n - fb->started),
				      SYNC_FILE_RANGE_WRITE);
		fb->started = off + n;
	}
	return rc;
}

static int file_reread(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e)
{
	return read_exactly(file_blob(b)->fd, p, n, off, e);
}

static int file_truncate(struct st_blob *b, uint64_t size, struct st_err *e)
{
	struct file_blob *fb = file_blob(b);
	int rc;

	do
		rc = ftruncate(fb->fd, (off_t)size);
	while (rc != 0 && errno == EINTR);
	return rc == 0 ? ST_OK : st_fail_os(e, "truncate %s", fb->path);
}

static int file_sync(struct st_blob *b, struct st_err *e)
{
	struct file_blob *fb = file_blob(b);
	int rc;

	do
		rc = fsync(fb->fd);
	while (rc != 0 && errno == EINTR);
	return rc == 0 ? ST_OK : st_fail_os(e, "sync %s", fb->path);
}

static void file_discard(struct st_blob *b)
{
	struct file_blob *fb = file_blob(b);

	unlink(fb->path);
	release_blob(fb);
}

static int file_publish(struct st_blob *b, const char *name, struct st_err *e)
{
	struct file_store *s = file_store(b->store);
	struct file_blob *fb = file_blob(b);
	char *path = st_path_join(s->dir, name, e);
	int rc = e->code;

	if (path && rename(fb->path, path) != 0)
		rc = st_fail_os(e, "rename %s to %s", fb->path, path);
	if (rc != ST_OK) {
		file_discard(b);
	} else {
		forget(s, name);
		release_blob(fb);
		rc = st_fsync_dir(s->dir, e);
	}
	free(path);
	return rc;
}

static int file_remove(struct st_store *s, const char *name, struct st_err *e)
{
	struct file_store *fs = file_store(s);
	char *path = st_path_join(fs->dir, name, e);

	if (!path)
		return e->code;
	if (unlink(path) != 0 && errno != ENOENT)
		st_fail_os(e, "remove");
	free(path);
	forget(fs, name);
	return e->code;
}

/* Calls cb for every regular file; one that vanishes meanwhile is passed over. */
static int each_file(struct file_store *s,
		     int (*cb)(void *arg, int dir, const char *name, const struct stat *st,
			       struct st_err *e),
		     void *arg, struct st_err *e)
{
	struct dirent *d;
	struct stat st;
	DIR *dir = opendir(s->dir);
	int rc = ST_OK;

	if (!dir)
		return st_fail_os(e, "open directory %s", s->dir);
	while (rc == ST_OK && (errno = 0, d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno != ENOENT)
				rc = st_fail_os(e, "stat %s/%s", s->dir, d->d_name);
		} else if (S_ISREG(st.st_mode)) {
			rc = cb(arg, dirfd(dir), d->d_name, &st, e);
		}
	}
	if (rc == ST_OK && errno != 0)
		rc = st_fail_os(e, "read directory %s", s->dir);
	closedir(dir);
	return rc;
}

static bool is_temp(const char *name)
{
	return strncmp(name, ST_BLOB_TEMP, strlen(ST_BLOB_TEMP)) == 0;
}

struct lister {
	int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e);
	void *arg;
};

static int list_one(void *arg, int dir, const char *name, const struct stat *st, struct st_err *e)
{
	struct lister *l = arg;

	(void)dir;
	if (is_temp(name))
		return ST_OK;
	return l->cb(l->arg, name, (uint64_t)st->st_size, st_mtime_ns(st), e);
}

static int file_list(struct st_store *s,
		     int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
			       struct st_err *e),
		     void *arg, struct st_err *e)
{
	struct lister l = { cb, arg };

	return each_file(file_store(s), list_one, &l, e);
}

struct cleaner {
	int64_t before_ns;
	uint64_t *removed;
};

/* Unlinks by name while holding the lock: a writer that was about to take it finds its file
 * nameless, and one that has published meanwhile has taken that name away. */
static int clean_one(void *arg, int dir, const char *name, const struct stat *st, struct st_err *e)
{
	struct cleaner *c = arg;
	struct st_err busy = { 0 };
	int fd;

	if (!is_temp(name) || st_mtime_ns(st) >= c->before_ns)
		return ST_OK;
	fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? ST_OK : st_fail_os(e, "open %s", name);
	if (st_lock(fd, ST_LOCK_EXCLUSIVE, false, name, &busy) == ST_OK) {
		if (unlinkat(dir, name, 0) == 0)
			*c->removed += (uint64_t)st->st_size;
		else if (errno != ENOENT)
			st_fail_os(e, "remove %s", name);
	} else if (busy.code != ST_EBUSY) {
		*e = busy;
	}
	close(fd);
	return e->code;
}

static int file_clean(struct st_store *s, int64_t before_ns, uint64_t *removed, struct st_err *e)
{
	struct cleaner c = { before_ns, removed };

	return each_file(file_store(s), clean_one, &c, e);
}

static void file_free(struct st_store *s)
{
	struct file_store *fs = file_store(s);

	for (size_t i = 0; i < MAX_OPEN; i++)
		if (fs->files[i].name)
			close_file(&fs->files[i]);
	pthread_mutex_destroy(&fs->lock);
	free(fs->dir);
	free(fs);
}

const struct st_store_ops st_store_file_ops = {
	.scheme = "file",
	.pread = file_pread,
	.size = file_size,
	.create = file_create,
	.write = file_write,
	.reread = file_reread,
	.truncate = file_truncate,
	.sync = file_sync,
	.publish = file_publish,
	.discard = file_discard,
	.remove = file_remove,
	.list = file_list,
	.clean = file_clean,
	.free = file_free,
};

int st_store_file_new(struct st_store **out, const char *dir, struct st_err *e)
{
	struct file_store *s;

	*out = NULL;
	if (st_mkdirs(dir, e) != ST_OK)
		return e->code;
	s = st_calloc(1, sizeof(*s), e);
	if (!s)
		return e->code;
	s->base.ops = &st_store_file_ops;
	pthread_mutex_init(&s->lock, NULL); /* glibc's never fails */
	s->dir = st_strdup(dir, e);
	if (!s->dir) {
		file_free(&s->base);
		return e->code;
	}
	s->base.where = s->dir;
	*out = &s->base;
	return ST_OK;
}
