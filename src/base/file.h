/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads and writes that retry on EINTR, atomic replacement, directories. */
#ifndef ST_BASE_FILE_H
#define ST_BASE_FILE_H

#include "base/buf.h"

#include <sys/stat.h>
#include <sys/types.h>

/* Paths joined by one '/'; the result is the caller's. An empty dir gives name alone. */
ST_MUST char *st_path_join(const char *dir, const char *name, struct st_err *e);
/* The directory that path lies in, "." if it says none; the result is the caller's. */
ST_MUST char *st_path_dir(const char *path, struct st_err *e);
/* O_RDONLY | O_CLOEXEC plus flags; -1 is mapped to st_fail_os with the path. */
ST_MUST int st_open_read(int *fd, const char *path, int flags, struct st_err *e);
/* Whole file, as far as out->max allows (ST_ELIMIT beyond); appended to out, which a failure leaves
 * as it was. */
ST_MUST int st_file_slurp(struct st_buf *out, const char *path, struct st_err *e);
/* Exactly n bytes at off; a shorter file is ST_ECHANGED, naming what. */
ST_MUST int st_pread_full(int fd, void *buf, size_t n, uint64_t off, const char *what,
			  struct st_err *e);
/* Up to n bytes; *got < n only at the end of the file. */
ST_MUST int st_pread_some(int fd, void *buf, size_t n, uint64_t off, size_t *got, const char *what,
			  struct st_err *e);
ST_MUST int st_write_full(int fd, const void *buf, size_t n, const char *what, struct st_err *e);
ST_MUST int st_pwrite_full(int fd, const void *buf, size_t n, uint64_t off, const char *what,
			   struct st_err *e);
/*
 * Room for the first n bytes of a file that is to be written: a full disk is ST_ENOSPC before
 * anything is, and writing is faster where blocks are there. The size does not change; a file
 * system that cannot is fine.
 */
ST_MUST int st_file_reserve(int fd, uint64_t n, const char *what, struct st_err *e);
ST_MUST int st_fsync_dir(const char *dir, struct st_err *e);
/* Directory and its missing parents, 0777 less umask; an existing one is fine. */
ST_MUST int st_mkdirs(const char *dir, struct st_err *e);
/* rename(2), but -1 with EEXIST where something is at `to`, as far as the file system can tell. */
int st_rename_new(const char *from, const char *to);
/* Begins the name of every temporary file that st_file_replace may leave behind when killed. */
#define ST_TEMP_PREFIX ".st-tmp-"
/* Atomic: temp file beside, write, fsync when durable, rename, fsync directory when durable. The
 * permission bits of a file that was there are kept. A link at path is replaced, not followed. */
ST_MUST int st_file_replace(const char *path, const void *p, size_t n, bool durable,
			    struct st_err *e);
/*
 * A new file "<dir>/<prefix>" and six characters that make it unique, opened read-write, 0666 less
 * umask; *path is the caller's.
 */
ST_MUST int st_file_temp(int *fd, char **path, const char *dir, const char *prefix,
			 struct st_err *e);
/* Removes a directory tree, never following links; a missing one is fine. At most 256 levels below
 * dir (ST_ELIMIT), since each holds a file descriptor. */
ST_MUST int st_remove_tree(const char *dir, struct st_err *e);
/* Bytes free to this user on the file system of path. */
ST_MUST int st_free_space(const char *path, uint64_t *bytes, struct st_err *e);

/* flock on an open file; without wait a held lock is ST_EBUSY naming what. EINTR retries. */
enum st_lock_mode {
	ST_LOCK_SHARED,
	ST_LOCK_EXCLUSIVE
};
ST_MUST int st_lock(int fd, enum st_lock_mode mode, bool wait, const char *what, struct st_err *e);
void st_unlock(int fd);

/*
 * Has another process the file open for writing, or mapped so? Then its time stamps prove little:
 * the kernel sets them when a write begins, and for a mapping not at each store. fd is open for
 * reading only. False also where the file system, or the file's owner, keeps that from being known.
 */
bool st_open_for_writing(int fd);

static inline int64_t st_mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static inline int64_t st_ctime_ns(const struct stat *st)
{
	return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

int64_t st_now_ns(void); /* wall clock */

#endif
