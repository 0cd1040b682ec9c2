/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/accept.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int accept_check(const char *command, strata_error *err)
{
	return command && !command[strspn(command, " \t\r\n")] ?
		       cli_fail(err, STRATA_EUSAGE, "--accept-if: the command is empty") :
		       STRATA_OK;
}

int accept_run(void *arg, const char *dir)
{
	const struct accept *a = arg;
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO); /* results are strata's own */
		if (chdir(dir) == 0)
			execl("/bin/sh", "sh", "-c", a->command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
