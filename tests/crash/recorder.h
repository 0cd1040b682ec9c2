/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the crash recorder; recorder.c says what it is and how its log lies. Every interposed
 * function makes the real call by its number, between rec_enter() and rec_leave() where it changes
 * something below the root.
 */
#ifndef ST_TESTS_CRASH_RECORDER_H
#define ST_TESTS_CRASH_RECORDER_H

/* The fortified headers would turn the functions defined here into inline wrappers. */
#undef _FORTIFY_SOURCE

/* The interposed functions must stay visible, also when built with -fvisibility=hidden. */
#pragma GCC visibility push(default)

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(hidden)

enum op {
	OP_CREATE = 1,	/* dir, name, ino; a = mode; dir 0 for an unnamed temporary file */
	OP_MKDIR,	/* dir, name, ino; a = mode */
	OP_SYMLINK,	/* dir, name, ino; data = target */
	OP_LINK,	/* dir, name, ino */
	OP_UNLINK,	/* dir, name, ino */
	OP_RMDIR,	/* dir, name, ino */
	OP_RENAME,	/* dir, name to dir2, name2; ino; a = renameat2 flags */
	OP_WRITE,	/* ino; a = offset; data */
	OP_TRUNCATE,	/* ino; a = size */
	OP_ZERO,	/* ino; a = offset, b = length; grows the file */
	OP_ZERO_KEEP,	/* the same, never grows the file */
	OP_FSYNC,	/* ino */
	OP_SYNC,	/* everything */
	OP_CHMOD,	/* ino; a = mode */
	OP_UNSUPPORTED, /* name = what, data = path */
};

struct event {
	enum op op;
	uint64_t ino, dir, dir2, a, b;
	const char *name, *name2;
	const void *data;
	size_t len;
};

/* A directory entry: its directory and its last component. */
struct where {
	bool in; /* the directory is the root or below it */
	uint64_t dir;
	uint64_t ino; /* what the entry names (a link itself, not its target), or 0 */
	char name[NAME_MAX + 1];
};

/*
 * The one piece of global state: a preloaded library has no caller to own it. All but the mutex is
 * constant after start().
 */
struct recorder {
	pthread_once_t once;
	pthread_mutex_t lock;
	bool on;
	int log;
	char root[PATH_MAX];
	size_t root_len;
	long (*syscall)(long, ...);
	int (*mkostemps)(char *, int, int);
	char *(*mkdtemp)(char *);
	FILE *(*fopen)(const char *, const char *);
	FILE *(*freopen)(const char *, const char *, FILE *);
	FILE *(*fdopen)(int, const char *);
	int (*vdprintf)(int, const char *, va_list);
};
extern struct recorder rec;

/* True when recording; every interposed function asks this, or rec_fd_inside(), before all else. */
bool rec_active(void);

/* One call at a time, over all recorded processes; errno is kept. */
void rec_enter(void);
void rec_leave(void);

/* Both only between rec_enter() and rec_leave(). */
void rec_emit(const struct event *ev);
void rec_unsupported(const char *what, const char *path);
void rec_unsupported_locked(const char *what, const char *path); /* enters and leaves itself */

/* The path of a descriptor, also of an unlinked file (with " (deleted)" behind it). */
bool rec_fd_path(int fd, char path[PATH_MAX]);
/* True when fd is a regular file or a directory below the root; st is then filled in. */
bool rec_fd_inside(int fd, struct stat *st);
/* The same for the file that path leads to, links followed. */
bool rec_target_inside(int dirfd, const char *path, struct stat *st);
void rec_locate(struct where *w, int dirfd, const char *path);
/* Locates and, inside the root, enters; the caller leaves when this is true. */
bool rec_enter_where(struct where *w, int dirfd, const char *path);
/* The test cannot go on: says why and exits with 126. */
_Noreturn void rec_die(const char *what);

#pragma GCC visibility pop
#endif
