/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first and only process of the emulated machine: runs every program named in /programs, says
 * how each ended, and switches the machine off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define OFF 0x8900 /* Bochs ends when this port is told so */

static void say_flags(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "flags", 5) || !strncmp(line, "model name", 10))
			printf("emulate: %s", line);
	if (f)
		fclose(f);
}

static int run(char *program)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = { program, NULL };

		dup2(STDOUT_FILENO, STDERR_FILENO);
		execv(program, argv);
		perror(program);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void switch_off(void)
{
	tcdrain(STDOUT_FILENO);
	if (ioperm(OFF, 1, 1) == 0)
		for (const char *p = "Shutdown"; *p; p++)
			outb((unsigned char)*p, OFF);
	perror("emulate: switching off");
	for (;;)
		pause();
}

int main(void)
{
	char program[256];
	FILE *list;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/proc", 0755);
	mkdir("/tmp", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	say_flags();
	list = fopen("/programs", "r");
	while (list && fgets(program, sizeof(program), list)) {
		program[strcspn(program, "\n")] = '\0';
		printf("emulate: run %s\n", program);
		printf("emulate: end %s %d\n", program, run(program));
	}
	printf("emulate: all done\n");
	switch_off();
}
