/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* $PAGER, else less if there is one; NULL: no pager. */
static const char *choose(void)
{
	const char *pager = getenv("PAGER");

	if (pager)
		return *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
	return access("/usr/bin/less", X_OK) == 0 || access("/bin/less", X_OK) == 0 ? "less" : NULL;
}

static void run(const char *pager, const int fds[2])
{
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if (!getenv("LESS"))
		setenv("LESS", "FRX", 1);
	execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
	_exit(127);
}

void cli_pager_start(struct cli *c)
{
	const char *pager = isatty(STDOUT_FILENO) ? choose() : NULL;
	int fds[2];
	pid_t pid;

	if (!pager || c->pager || pipe(fds) != 0)
		return;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run(pager, fds);
	close(fds[0]);
	if (pid > 0 && dup2(fds[1], STDOUT_FILENO) >= 0)
		c->pager = pid;
	close(fds[1]);
	/* The pager has the keyboard; what it does not want, it closes. */
	if (c->pager)
		signal(SIGINT, SIG_IGN);
}

void cli_pager_wait(struct cli *c)
{
	int status;

	if (!c->pager)
		return;
	close(STDOUT_FILENO);
	while (waitpid(c->pager, &status, 0) < 0 && errno == EINTR)
		continue;
	c->pager = 0;
}
