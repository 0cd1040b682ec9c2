/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a killed command left of the files that it was writing into the working tree. While it
 * writes, .strata/writing names their directories, each ended by a 0 byte; who finds that file
 * while nobody can be writing knows where to look, and no other command has to look anywhere.
 * The file only helps to tidy up: without it, or where it cannot be written, all else is the same.
 */
#include "repo/repo.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD "writing"
#define RECORD_MAX ((size_t)1 << 20) /* of names; directories beyond are not looked into */
#define DIGITS 16

void st_left_name(const char *path, char name[ST_LEFT_NAME])
{
	char hex[ST_OID_HEX + 1];
	struct st_oid id;

	st_oid_of(&id, path, strlen(path));
	st_oid_hex(&id, hex);
	snprintf(name, ST_LEFT_NAME, ST_WORK_TEMP "%.*s", DIGITS, hex);
}

static bool is_ours(const char *name)
{
	size_t n = strlen(ST_WORK_TEMP);

	return strncmp(name, ST_WORK_TEMP, n) == 0 && strlen(name + n) == DIGITS &&
	       strspn(name + n, "0123456789abcdef") == DIGITS;
}

int st_left_remove(const char *tmp, struct st_err *e)
{
	int fd = open(tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc = ST_OK;

	if (fd < 0 && errno == ENOENT)
		return ST_OK;
	if (fd >= 0)
		rc = st_lock(fd, ST_LOCK_EXCLUSIVE, false, "another process writes that file", e);
	if (rc == ST_OK && unlink(tmp) != 0 && errno != ENOENT)
		rc = st_fail_os(e, "remove %s", tmp);
	if (fd >= 0)
		close(fd);
	return rc;
}

void st_left_note(struct st_repo *r, struct st_stage_row *const *rows, size_t n)
{
	struct st_err ignored = { 0 };
	char *record = st_repo_path(r, RECORD, &ignored);
	const char *last = NULL, *slash;
	size_t len, last_len = 0;
	struct st_buf b;
	int rc = record ? ST_OK : ST_ENOMEM;

	st_buf_init(&b, RECORD_MAX);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		slash = strrchr(rows[i]->path, '/');
		len = slash ? (size_t)(slash - rows[i]->path) : 0;
		if (last && len == last_len && memcmp(last, rows[i]->path, len) == 0)
			continue; /* rows are sorted */
		last = rows[i]->path;
		last_len = len;
		if (b.len + len + 1 > RECORD_MAX)
			break;
		rc = st_buf_add(&b, last, len, &ignored);
		if (rc == ST_OK)
			rc = st_buf_addch(&b, 0, &ignored);
	}
	if (rc == ST_OK && b.len)
		rc = st_file_replace(record, b.p, b.len, false, &ignored);
	st_buf_release(&b);
	free(record);
}

void st_left_forget(struct st_repo *r)
{
	struct st_err ignored = { 0 };
	char *record = st_repo_path(r, RECORD, &ignored);

	if (record)
		unlink(record);
	free(record);
}

/* The record may be hostile. A directory behind a link is no longer the one that was written to. */
static DIR *open_dir(struct st_repo *r, const char *dir)
{
	struct st_err ignored = { 0 };
	char *full = *dir ? st_work_path(r, dir, &ignored) : st_strdup(r->work, &ignored);
	bool away = true;
	DIR *d = NULL;
	int fd = -1;

	if (*dir && (!full || !st_index_path_valid(dir, strlen(dir)) ||
		     st_behind_link(r, dir, &away, &ignored) != ST_OK || away)) {
		free(full);
		return NULL;
	}
	if (full)
		fd = open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !(d = fdopendir(fd)))
		close(fd);
	free(full);
	return d;
}

static void sweep_dir(struct st_repo *r, const char *dir)
{
	DIR *d = open_dir(r, dir);
	struct st_err ignored = { 0 };
	struct dirent *de;
	char *rel, *full;

	while (d && (de = readdir(d))) {
		if (!is_ours(de->d_name))
			continue;
		rel = *dir ? st_path_join(dir, de->d_name, &ignored) :
			     st_strdup(de->d_name, &ignored);
		full = rel ? st_work_path(r, rel, &ignored) : NULL;
		if (full && st_left_remove(full, &ignored) != ST_OK)
			st_err_clear(&ignored); /* it may be gone, a directory, or in use */
		free(full);
		free(rel);
	}
	if (d)
		closedir(d);
}

void st_left_sweep(struct st_repo *r)
{
	struct st_err ignored = { 0 };
	char *record = st_repo_path(r, RECORD, &ignored);
	const char *p, *end;
	struct st_buf b;

	st_buf_init(&b, RECORD_MAX);
	if (record && access(record, F_OK) == 0) {
		if (st_file_slurp(&b, record, &ignored) == ST_OK)
			for (p = (const char *)b.p; b.len && (end = memchr(p, 0, b.len)); p = end) {
				sweep_dir(r, p);
				b.len -= (size_t)(++end - p);
			}
		unlink(record);
	}
	st_buf_release(&b);
	free(record);
}
