/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first SIGINT or SIGTERM asks the operation to stop, so that it can release what it holds;
 * the second ends the process, which every operation survives too. The flag is the one mutable
 * global of the program: a signal handler can reach nothing else.
 */
#include "cli/cli.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void on_signal(int sig)
{
	asked = sig;
}

void cli_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	/* Resetting lets the second one kill. */
	sa.sa_flags = (int)(SA_RESTART | SA_RESETHAND);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sa.sa_flags = 0;
	sigaction(SIGPIPE, &sa, NULL);
	/* A file that may not grow is an error of write, which says of which file. */
	sigaction(SIGXFSZ, &sa, NULL);
}

bool cli_interrupted(void *arg)
{
	(void)arg;
	return asked != 0;
}

static void die_of(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

void cli_die_of_signal(void)
{
	if (asked)
		die_of(asked);
}

void cli_die_of_pipe(void)
{
	die_of(SIGPIPE);
}
