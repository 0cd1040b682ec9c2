/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/outfile.h"

#include "base/file.h"
#include "repo/repo.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define UNIQUE 6    /* characters that st_file_temp adds */
#define STEM 200    /* bytes of the file's name in that of its temporary */
#define ATTEMPTS 16 /* at a name whose file another process took for abandoned */

/* One part further from `at`, which has no link in it and is taken; NULL: no memory. */
static char *step(char *at, const char *name, size_t n, bool follow, struct st_err *e)
{
	char *part, *next, *real = NULL, *slash = strrchr(at, '/');

	if (n == 0 || (n == 1 && *name == '.'))
		return at;
	if (n == 2 && name[0] == '.' && name[1] == '.') {
		slash[slash == at ? 1 : 0] = 0;
		return at;
	}
	part = strndup(name, n);
	next = part ? st_path_join(at, part, e) : NULL;
	if (!part)
		st_nomem(e, n);
	if (next && follow)
		real = realpath(next, NULL);
	free(part);
	free(at);
	if (real)
		free(next);
	return real ? real : next;
}

static bool is_inside(char *at)
{
	for (;;) {
		char *slash = strrchr(at, '/');

		if (st_repo_owns(at))
			return true;
		if (!slash || !at[1])
			return false;
		slash[slash == at ? 1 : 0] = 0;
	}
}

int st_outfile_allowed(const char *path, bool follow, struct st_err *e)
{
	char *at = *path == '/' ? st_strdup("/", e) : realpath(".", NULL);
	const char *p = path;

	if (!at && e->code == ST_OK)
		return st_fail_os(e, "the current directory");
	while (at && *p) {
		size_t n = strcspn(p, "/"), gap = strspn(p + n, "/");

		at = step(at, p, n, follow || p[n + gap], e);
		p += n + gap;
	}
	if (at && is_inside(at))
		st_fail(e, ST_EREFUSED,
			"%s lies in a repository's own directory, where only strata writes: name "
			"another place",
			path);
	free(at);
	return e->code;
}

/* ".st-tmp-NAME-": the caller's. */
static char *prefix_of(const char *path, struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	char *out = NULL;

	if (asprintf(&out, ST_TEMP_PREFIX "%.*s-", STEM, slash ? slash + 1 : path) < 0) {
		st_nomem(e, STEM);
		return NULL;
	}
	return out;
}

/* Whoever writes holds a lock on it, so what is not locked belongs to nobody. */
static void remove_abandoned(const char *path)
{
	struct st_err e = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return;
	if (st_lock(fd, ST_LOCK_EXCLUSIVE, false, path, &e) == ST_OK && fstat(fd, &st) == 0 &&
	    (S_ISDIR(st.st_mode) ? st_remove_tree(path, &e) : unlink(path)) != 0)
		st_err_clear(&e); /* it only takes room */
	close(fd);
}

static void sweep(const char *dir, const char *prefix)
{
	size_t n = strlen(prefix);
	struct st_err e = { 0 };
	struct dirent *de;
	DIR *d = opendir(dir);

	while (d && (de = readdir(d))) {
		char *path;

		if (strncmp(de->d_name, prefix, n) != 0 || strlen(de->d_name) != n + UNIQUE)
			continue;
		path = st_path_join(dir, de->d_name, &e);
		if (path)
			remove_abandoned(path);
		free(path);
	}
	if (d)
		closedir(d);
}

/* A file's unique name becomes the directory's; what makes the same name in between fails. */
static int make_dir(int *fd, char **path, const char *dir, const char *prefix, struct st_err *e)
{
	int rc = st_file_temp(fd, path, dir, prefix, e);

	if (rc != ST_OK)
		return rc;
	close(*fd);
	*fd = -1;
	if (unlink(*path) != 0 || mkdir(*path, 0777) != 0)
		return st_fail_os(e, "make directory %s", *path);
	return st_open_read(fd, *path, O_DIRECTORY, e);
}

static void drop_temp(struct st_outfile *o)
{
	struct st_err e = { 0 };

	if (o->temp && (o->directory ? st_remove_tree(o->temp, &e) : unlink(o->temp)) != 0)
		st_err_clear(&e);
	free(o->temp);
	o->temp = NULL;
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

/* Between making and locking it, another process may take it for abandoned: then once more. */
static int make_temp(struct st_outfile *o, const char *prefix, struct st_err *e)
{
	struct stat st;
	int rc;

	for (int i = 0; i < ATTEMPTS; i++) {
		rc = o->directory ? make_dir(&o->fd, &o->temp, o->dir, prefix, e) :
				    st_file_temp(&o->fd, &o->temp, o->dir, prefix, e);
		if (rc == ST_OK)
			rc = st_lock(o->fd, ST_LOCK_EXCLUSIVE, true, o->temp, e);
		if (rc != ST_OK)
			return st_wrap(e, "write %s", o->path);
		if (fstat(o->fd, &st) == 0 && st.st_nlink > 0 && access(o->temp, F_OK) == 0)
			return ST_OK;
		drop_temp(o);
	}
	return st_fail(e, ST_EBUSY, "another process writes to %s", o->path);
}

static int open_temp(struct st_outfile *o, struct st_err *e)
{
	char *prefix;
	int rc;

	o->dir = st_path_dir(o->path, e);
	prefix = o->dir ? prefix_of(o->path, e) : NULL;
	if (!prefix)
		return e->code;
	sweep(o->dir, prefix);
	rc = make_temp(o, prefix, e);
	free(prefix);
	return rc;
}

int st_outfile_open(struct st_outfile *o, const char *path, struct st_err *e)
{
	struct stat st;

	*o = (struct st_outfile){ .path = path, .fd = -1 };
	if (!*path)
		return st_fail(e, ST_EUSAGE, "'' is no name for a file");
	if (st_outfile_allowed(path, false, e) != ST_OK)
		return e->code;
	if (lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return st_fail(e, ST_EUSAGE, "%s is a directory: name a file", path);
		if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
			return st_fail(e, ST_EUSAGE, "%s is not a regular file", path);
		o->replaces = true;
	}
	return open_temp(o, e);
}

static bool is_empty(const char *path)
{
	struct dirent *de;
	DIR *d = opendir(path);
	bool empty = d != NULL;

	while (d && empty && (de = readdir(d)))
		empty = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

int st_outfile_open_dir(struct st_outfile *o, const char *path, struct st_err *e)
{
	struct stat st;

	*o = (struct st_outfile){ .path = path, .fd = -1, .directory = true };
	if (!*path)
		return st_fail(e, ST_EUSAGE, "'' is no name for a directory");
	if (st_outfile_allowed(path, false, e) != ST_OK)
		return e->code;
	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return st_fail(e, ST_EREFUSED,
			       "%s is a file, and the model takes a directory: name a new one",
			       path);
	if (lstat(path, &st) == 0 && !is_empty(path))
		return st_fail(e, ST_EREFUSED, "%s is not empty: name a new directory", path);
	return open_temp(o, e);
}

static int keep_mode(const struct st_outfile *o, struct st_err *e)
{
	struct stat st;

	if (stat(o->path, &st) == 0 && S_ISREG(st.st_mode) && fchmod(o->fd, st.st_mode & 07777) < 0)
		return st_fail_os(e, "set the mode of the new %s", o->path);
	return ST_OK;
}

int st_outfile_commit(struct st_outfile *o, struct st_err *e)
{
	int rc = o->replaces ? keep_mode(o, e) : ST_OK;

	if (rc == ST_OK && o->replaces && fsync(o->fd) != 0)
		rc = st_fail_os(e, "flush %s", o->path);
	if (rc == ST_OK && rename(o->temp, o->path) != 0)
		rc = st_fail_os(e, "rename %s to %s", o->temp, o->path);
	if (rc != ST_OK)
		return rc;
	free(o->temp);
	o->temp = NULL;
	return o->replaces ? st_fsync_dir(o->dir, e) : ST_OK;
}

void st_outfile_close(struct st_outfile *o)
{
	drop_temp(o);
	free(o->dir);
	o->dir = NULL;
}
