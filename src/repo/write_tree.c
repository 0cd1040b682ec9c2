/* SPDX-License-Identifier: Apache-2.0 */
/* Files from objects, each written beside its target and renamed. */
#include "repo/repo.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct out {
	int fd;
	const char *path;
	uint64_t at;
};

static int write_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct out *o = arg;

	ST_BUG_ON(off != o->at);
	o->at += n;
	return st_write_full(o->fd, p, n, o->path, e);
}

/*
 * Directories above a target, one after the other: a link in their place would lead out of the
 * tree.
 */
static int make_parents(const struct st_target *t, struct st_err *e)
{
	size_t root = strlen(t->full) - strlen(t->path);
	char *full = st_strdup(t->full, e), *slash;
	struct stat st;

	if (!full)
		return e->code;
	for (slash = full + root; (slash = strchr(slash, '/')) && e->code == ST_OK; slash++) {
		*slash = 0;
		if (lstat(full, &st) == 0) {
			if (!S_ISDIR(st.st_mode))
				st_fail(e, ST_EREFUSED,
					"%s is in the way of directory of %s: move it away",
					full + root, t->path);
		} else if (mkdir(full, 0777) != 0 && errno != EEXIST) {
			st_fail_os(e, "make directory %s", full + root);
		}
		*slash = '/';
	}
	free(full);
	return e->code;
}

static int write_content(struct st_repo *r, const struct st_target *t, struct st_codec_state *codec,
			 int fd, struct st_err *e)
{
	struct out o = { .fd = fd, .path = t->path };
	const uint8_t *small = NULL;
	struct st_vfile *f;
	int rc = st_vfile_open(&f, r, &t->row->id, e);

	if (rc != ST_OK)
		return rc;
	if (st_vfile_size(f) != t->row->size)
		rc = st_fail(e, ST_ECORRUPT, "the stored file has %" PRIu64 " bytes, not %" PRIu64,
			     st_vfile_size(f), t->row->size);
	if (rc == ST_OK && codec) {
		small = st_vfile_small(f, codec, e);
		rc = e->code;
	}
	if (rc == ST_OK)
		rc = small ? st_write_full(fd, small, (size_t)st_vfile_size(f), t->path, e) :
			     st_vfile_stream(f, 0, st_vfile_size(f), write_piece, &o, e);
	st_vfile_close(f);
	return rc;
}

static int write_link(struct st_repo *r, const struct st_target *t, const char *tmp,
		      struct st_err *e)
{
	struct st_buf b;
	char *target;
	int rc;

	st_buf_init(&b, 1 << 16);
	rc = st_odb_get(r->odb, &t->row->id, &b, e);
	target = rc == ST_OK ? st_buf_cstr(&b, e) : NULL;
	if (target && (unlink(tmp) != 0 || symlink(target, tmp) != 0))
		st_fail_os(e, "make link %s", t->path);
	st_buf_release(&b);
	return e->code;
}

/* What umask leaves of 0777, without changing the process's: from the temporary file's own mode. */
static int set_exec(int fd, bool exec, struct st_err *e)
{
	struct stat st;
	mode_t m;

	if (!exec)
		return ST_OK;
	if (fstat(fd, &st) != 0)
		return st_fail_os(e, "stat");
	m = st.st_mode & 0666;
	m |= (m & 0444) >> 2;
	return fchmod(fd, m) == 0 ? ST_OK : st_fail_os(e, "chmod");
}

static char *parent_of(const char *path, struct st_err *e)
{
	char *dir = st_strdup(path, e), *slash = dir ? strrchr(dir, '/') : NULL;

	if (slash)
		slash[slash == dir ? 1 : 0] = 0;
	return dir;
}

/*
 * The name depends on the target alone, so that a run after a kill finds and replaces what the
 * killed one left.
 */
static int open_temp(const struct st_target *t, const char *dir, int *fd, char **tmp,
		     struct st_err *e)
{
	char name[ST_LEFT_NAME];
	int rc;

	st_left_name(t->path, name);
	*tmp = st_path_join(dir, name, e);
	if (!*tmp)
		return e->code;
	rc = st_left_remove(*tmp, e);
	if (rc != ST_OK)
		return rc;
	*fd = open(*tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (*fd < 0)
		return errno == EEXIST ? st_fail(e, ST_EBUSY, "another process writes that file") :
					 st_fail_os(e, "make a file in %s", dir);
	return st_lock(*fd, ST_LOCK_EXCLUSIVE, false, "another process writes that file", e);
}

/* A directory is no obstacle while no file lies below it. */
static void remove_empty_dirs(const char *full)
{
	struct st_err ignored = { 0 };
	DIR *d = opendir(full);
	struct dirent *de;
	char *sub;

	while (d && (de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		sub = st_path_join(full, de->d_name, &ignored);
		if (!sub || (rmdir(sub) != 0 && errno != ENOTEMPTY && errno != EEXIST)) {
			free(sub);
			break; /* a file: no need to look further */
		}
		if (access(sub, F_OK) == 0)
			remove_empty_dirs(sub);
		free(sub);
	}
	if (d)
		closedir(d);
	rmdir(full);
}

static int move(const char *tmp, const struct st_target *t)
{
	if (!t->seen.asked || t->seen.there)
		return rename(tmp, t->full);
	return st_rename_new(tmp, t->full);
}

static int put_in_place(const char *tmp, const struct st_target *t, struct st_err *e)
{
	int rc = st_seen_check(&t->seen, t->full, t->path, e);

	if (rc != ST_OK || move(tmp, t) == 0)
		return rc;
	if (errno == EISDIR || errno == EEXIST) {
		remove_empty_dirs(t->full);
		rc = st_seen_check(&t->seen, t->full, t->path, e);
		if (rc != ST_OK || move(tmp, t) == 0)
			return rc;
	}
	return st_fail_os(e, "rename to %s", t->path);
}

/*
 * The kernel's own time stamps are its clock's last tick, so two writes within one have the same.
 * With one from the precise clock whatever is written later has another.
 */
static int stamp(const struct st_target *t, const char *tmp, int fd, struct stat *st,
		 struct st_err *e)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	bool link = t->row->mode == ST_MODE_LINK;

	if (!link && clock_gettime(CLOCK_REALTIME, &times[1]) == 0)
		(void)futimens(fd, times); /* where it cannot, the tick has to do */
	if ((link ? lstat(tmp, st) : fstat(fd, st)) != 0)
		return st_fail_os(e, "%s", t->path);
	return ST_OK;
}

/* The move gave the file another ctime. A file with anything else that is new was changed in its
 * place: it is not what was written. */
static void take_ctime(const char *full, struct stat *st)
{
	struct stat now;

	if (lstat(full, &now) == 0 && now.st_ino == st->st_ino && now.st_dev == st->st_dev &&
	    now.st_size == st->st_size && st_mtime_ns(&now) == st_mtime_ns(st))
		*st = now;
}

int st_write_file(struct st_repo *r, const struct st_target *t, struct st_codec_state *codec,
		  struct stat *st, struct st_err *e)
{
	char *dir = NULL, *tmp = NULL;
	int fd = -1, rc = make_parents(t, e);

	if (rc == ST_OK && !(dir = parent_of(t->full, e)))
		rc = e->code;
	if (rc == ST_OK)
		rc = open_temp(t, dir, &fd, &tmp, e);
	if (rc == ST_OK && t->row->mode == ST_MODE_LINK)
		rc = write_link(r, t, tmp, e);
	else if (rc == ST_OK && t->text)
		rc = st_write_full(fd, t->text->p, t->text->len, t->path, e);
	else if (rc == ST_OK)
		rc = write_content(r, t, codec, fd, e);
	if (rc == ST_OK)
		rc = set_exec(fd, t->row->mode == ST_MODE_EXEC, e);
	if (rc == ST_OK)
		rc = stamp(t, tmp, fd, st, e);
	if (fd >= 0 && close(fd) != 0 && rc == ST_OK)
		rc = st_fail_os(e, "close %s", t->path);
	if (rc == ST_OK)
		rc = put_in_place(tmp, t, e);
	if (rc == ST_OK)
		take_ctime(t->full, st);
	if (rc != ST_OK && rc != ST_EBUSY && tmp)
		unlink(tmp);
	free(tmp);
	free(dir);
	return rc == ST_OK ? ST_OK : st_wrap(e, "write %s", t->path);
}

struct way {
	const char *root;
	bool (*going)(void *arg, const char *path);
	void *arg;
};

static bool is_going(const struct way *w, const char *path)
{
	return w->going && w->going(w->arg, path);
}

/* The first file below directory rel that stays; NULL when there is none. */
static char *staying(const struct way *w, const char *rel, struct st_err *e)
{
	char *full = st_path_join(w->root, rel, e), *sub, *found = NULL;
	DIR *d = full ? opendir(full) : NULL;
	struct dirent *de;
	struct stat st;

	if (full && !d)
		st_fail_os(e, "read directory %s", full);
	free(full);
	while (d && !found && e->code == ST_OK && (de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		sub = st_path_join(rel, de->d_name, e);
		if (!sub)
			break;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode)) {
			found = staying(w, sub, e);
		} else if (!is_going(w, sub)) {
			found = sub;
			sub = NULL;
		}
		free(sub);
	}
	if (d)
		closedir(d);
	return found;
}

int st_write_blocked(const char *root, const char *path, bool (*going)(void *arg, const char *path),
		     void *arg, char **by, struct st_err *e)
{
	struct way w = { root, going, arg };
	char *full = st_path_join(root, path, e), *rel, *slash;
	struct stat st;

	*by = NULL;
	if (!full)
		return e->code;
	rel = full + strlen(full) - strlen(path);
	for (slash = rel; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
			continue;
		if (lstat(full, &st) == 0 && !is_going(&w, rel))
			*by = st_strdup(rel, e);
		free(full); /* whatever it is, nothing of the tree lies below it */
		return e->code;
	}
	if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
		*by = staying(&w, path, e);
	free(full);
	return e->code;
}
