/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: someone else who works on the tree. The shell command MEDDLE_DO runs once, at
 * MEDDLE_AT: "moved PATH" or "removed PATH", right after a file is moved to a path that ends so or
 * is removed there; "moving PATH", right before; "written", when a file's content is there and its
 * place is not yet taken.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int renameat2(int od, const char *from, int nd, const char *to, unsigned flags);

static void meddle(const char *when, const char *path)
{
	const char *at = getenv("MEDDLE_AT"), *what = getenv("MEDDLE_DO");
	size_t n = strlen(when), len = strlen(path);
	char command[4096];

	if (!at || !what || strncmp(at, when, n) != 0 || (at[n] && at[n] != ' '))
		return;
	at += n + (at[n] == ' ');
	if (len < strlen(at) || strcmp(path + len - strlen(at), at) != 0)
		return;
	snprintf(command, sizeof(command), "%s", what);
	unsetenv("MEDDLE_AT");
	unsetenv("LD_PRELOAD");
	if (system(command) != 0)
		abort();
}

int renameat2(int od, const char *from, int nd, const char *to, unsigned flags)
{
	long rc;

	meddle("moving", to);
	rc = syscall(SYS_renameat2, od, from, nd, to, flags);
	if (rc == 0)
		meddle("moved", to);
	return (int)rc;
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
	long rc = syscall(SYS_unlinkat, AT_FDCWD, path, 0);

	if (rc == 0)
		meddle("removed", path);
	return (int)rc;
}

int futimens(int fd, const struct timespec times[2])
{
	meddle("written", "");
	return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}
