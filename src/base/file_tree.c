/* SPDX-License-Identifier: Apache-2.0 */
/* The directory entries of file.h: temporary names and the removal of whole trees. */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TEMP_LETTERS 6
#define TEMP_TRIES 100
#define TREE_DEPTH 256 /* each level holds a file descriptor */

static void random_letters(char *out, unsigned try)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	uint64_t r;
	size_t i;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = ((uint64_t)st_now_ns() ^ (uint64_t)getpid() << 32) * 0x9e3779b97f4a7c15 + try;
	for (i = 0; i < TEMP_LETTERS; i++, r /= sizeof(set) - 1)
		out[i] = set[r % (sizeof(set) - 1)];
}

int st_file_temp(int *fd, char **path, const char *dir, const char *prefix, struct st_err *e)
{
	size_t np = strlen(prefix);
	char *base = NULL, *full;
	unsigned try;

	*path = NULL;
	*fd = -1;
	base = st_malloc(np + TEMP_LETTERS + 1, e);
	if (!base)
		return e->code;
	memcpy(base, prefix, np);
	memset(base + np, 'X', TEMP_LETTERS);
	base[np + TEMP_LETTERS] = 0;
	full = st_path_join(dir, base, e);
	free(base);
	if (!full)
		return e->code;
	for (try = 0; *fd < 0 && try < TEMP_TRIES; try++) {
		random_letters(full + strlen(full) - TEMP_LETTERS, try);
		*fd = open(full, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (*fd < 0 && errno != EEXIST && errno != EINTR)
			break;
	}
	if (*fd < 0) {
		st_fail_os(e, "create %s", full);
		free(full);
		return e->code;
	}
	*path = full;
	return ST_OK;
}

static int remove_dir(int parent, const char *name, const char *root, unsigned depth,
		      struct st_err *e);

static int remove_entry(int dir, const struct dirent *d, const char *root, unsigned depth,
			struct st_err *e)
{
	/* unlink first: it costs one call, and never follows what it finds. */
	if (d->d_type != DT_DIR) {
		if (unlinkat(dir, d->d_name, 0) == 0 || errno == ENOENT)
			return ST_OK;
		if (errno != EISDIR)
			return st_fail_os(e, "remove %s below %s", d->d_name, root);
	}
	return remove_dir(dir, d->d_name, root, depth + 1, e);
}

/* One pass over the entries; *removed counts them. */
static int remove_entries(DIR *d, const char *root, unsigned depth, uint64_t *removed,
			  struct st_err *e)
{
	struct dirent *ent;
	int rc;

	*removed = 0;
	rewinddir(d);
	while ((errno = 0, ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		rc = remove_entry(dirfd(d), ent, root, depth, e);
		if (rc != ST_OK)
			return rc;
		++*removed;
	}
	return errno ? st_fail_os(e, "list a directory below %s", root) : ST_OK;
}

static int remove_dir(int parent, const char *name, const char *root, unsigned depth,
		      struct st_err *e)
{
	uint64_t removed;
	int fd, rc;
	DIR *d;

	if (depth > TREE_DEPTH)
		return st_fail(e, ST_ELIMIT, "remove %s: more than %d directories deep", root,
			       TREE_DEPTH);
	fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? ST_OK : st_fail_os(e, "open %s to remove it", name);
	d = fdopendir(fd);
	if (!d) {
		st_fail_os(e, "list %s", name);
		close(fd);
		return e->code;
	}
	/* Again until nothing is found: removing under a listing may make it skip entries. */
	do
		rc = remove_entries(d, root, depth, &removed, e);
	while (rc == ST_OK && removed);
	closedir(d);
	if (rc == ST_OK && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = st_fail_os(e, "remove directory %s", name);
	return rc;
}

int st_remove_tree(const char *dir, struct st_err *e)
{
	return remove_dir(AT_FDCWD, dir, dir, 0, e);
}
