/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *setting(const char *option, const char *name)
{
	const char *v = option ? option : getenv(name);

	return v && *v ? v : NULL;
}

static int choose_color(struct cli *c, strata_error *err)
{
	const char *when = c->g.color ? c->g.color : "auto", *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool terminal = !(no && *no) && term && strcmp(term, "dumb") != 0;

	if (strcmp(when, "always") == 0) {
		c->color = c->color_err = true;
	} else if (strcmp(when, "never") == 0) {
		c->color = c->color_err = false;
	} else if (strcmp(when, "auto") == 0) {
		c->color = terminal && isatty(STDOUT_FILENO);
		c->color_err = terminal && isatty(STDERR_FILENO);
	} else {
		return cli_fail(err, STRATA_EUSAGE, "--color is auto, always or never, not '%s'",
				when);
	}
	return STRATA_OK;
}

static int choose_budget(struct cli *c, strata_error *err)
{
	const char *jobs = setting(c->g.jobs, "STRATA_JOBS");
	const char *memory = setting(c->g.memory, "STRATA_MEMORY");
	uint64_t n = 0;

	if (jobs && (!parse_number(jobs, &n) || n > 4096))
		return cli_fail(err, STRATA_EUSAGE, "'%s' is not a number of threads", jobs);
	c->options.jobs = (unsigned)n;
	if (memory && (!parse_size(memory, &c->options.memory) || c->options.memory == 0))
		return cli_fail(err, STRATA_EUSAGE,
				"'%s' is not a size (64M, 2G, or a number of bytes)", memory);
	return STRATA_OK;
}

int cli_apply_globals(struct cli *c, strata_error *err)
{
	int rc = choose_color(c, err);

	if (rc == STRATA_OK)
		rc = choose_budget(c, err);
	c->options.arg = c;
	c->options.warn = cli_warn;
	c->options.progress = cli_progress_show;
	c->options.cancelled = cli_interrupted;
	c->progress.on = !c->g.quiet && isatty(STDERR_FILENO);
	return rc;
}

/* --repo may also name the directory that holds .strata; a relative one counts from -C's. */
static int settle_repo(struct cli *c, strata_error *err)
{
	const char *dir = setting(c->g.repo, "STRATA_DIR");
	struct stat st;
	char *path;

	c->g.repo = NULL;
	if (!dir)
		return STRATA_OK;
	path = cli_alloc(c, PATH_MAX, 1, err);
	if (!path)
		return err->code;
	if (snprintf(path, PATH_MAX, "%s/.strata", dir) >= PATH_MAX)
		return cli_fail(err, STRATA_EUSAGE, "--repo: the path is too long");
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		snprintf(path, PATH_MAX, "%s", dir);
	c->g.repo = path;
	return STRATA_OK;
}

static int change_directory(struct cli *c, strata_error *err)
{
	size_t i;

	for (i = 0; i < c->g.dirs.n; i++)
		if (*c->g.dirs.v[i] && chdir(c->g.dirs.v[i]) != 0)
			return cli_fail(err, STRATA_EUSAGE, "-C %s: %s", c->g.dirs.v[i],
					strerror(errno));
	return STRATA_OK;
}

int cli_unknown_command(const char *word, strata_error *err)
{
	static const char *const others[][2] = {
		{ "reset", "restore --staged" },
		{ "move", "mv" },
		{ "unstage", "restore --staged" },
		{ "history", "log" },
		{ "remove", "rm" },
		{ "stage", "add" },
	};
	/* Git's, which are none here: what is spelled like them does something else */
	static const char *const none[] = { "am", "lfs", "pack", "push", "stash" };
	const char *names[64], *near = NULL;
	bool known = false;
	size_t n = 0, i;

	for (i = 0; i < sizeof(none) / sizeof(*none); i++)
		known = known || strcmp(word, none[i]) == 0;
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(word, others[i][0]) == 0)
			near = others[i][1];
	for (i = 0; cli_commands[i].name && n < 64; i++)
		if (cli_commands[i].group != GROUP_HIDDEN)
			names[n++] = cli_commands[i].name;
	if (!near && !known)
		near = strata_nearest(word, names, n);
	if (near)
		return cli_fail(err, STRATA_EUSAGE, "unknown command '%s'; did you mean '%s'?",
				word, near);
	return cli_fail(err, STRATA_EUSAGE, "unknown command '%s'; 'strata help' lists them", word);
}

static int run_command(struct cli *c, int argc, char **argv, strata_error *err)
{
	int rc;

	c->command = cli_find(argv[0]);
	if (!c->command)
		return cli_unknown_command(argv[0], err);
	rc = c->command->run(c, argc, argv, err);
	if (rc != STRATA_ENO || !c->g.help)
		return rc;
	cli_help_command(c, c->command, stdout);
	return STRATA_OK;
}

static int run(struct cli *c, int argc, char **argv, strata_error *err)
{
	char version[] = "version", *words[] = { version, NULL };
	int at = argc, rc = cli_parse_globals(c, argc, argv, &at, err);

	if (rc == STRATA_OK)
		rc = change_directory(c, err);
	if (rc == STRATA_OK)
		rc = settle_repo(c, err);
	if (rc == STRATA_OK)
		rc = cli_apply_globals(c, err);
	if (rc != STRATA_OK)
		return rc;
	if (c->g.version)
		return run_command(c, 1, words, err);
	if (at < argc && !c->g.help)
		return run_command(c, argc - at, argv + at, err);
	if (at < argc && (c->command = cli_find(argv[at]))) {
		cli_help_command(c, c->command, stdout);
		return STRATA_OK;
	}
	cli_help_all(c, c->g.help ? stdout : stderr);
	return c->g.help ? STRATA_OK : cli_fail(err, STRATA_EUSAGE, "no command given");
}

static void report(struct cli *c, const strata_error *err)
{
	const char *on = c->color_err ? "\033[31m" : "", *off = c->color_err ? "\033[m" : "";

	cli_progress_clear(c);
	if (!err->message[0])
		return;
	fprintf(stderr, "%sstrata:%s ", on, off);
	cli_put_safe(stderr, err->message);
	if (c->g.verbose && err->where)
		fprintf(stderr, " (%s, at %s)", strata_code_name(err->code), err->where);
	fputc('\n', stderr);
}

/* Descriptors 0 to 2 are always open, so that no repository file becomes standard output. */
static bool have_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	struct cli c = { 0 };
	strata_error err = { 0 }, late = { 0 };
	int rc;

	if (!have_standard_files())
		return 5;
	cli_catch_signals();
	c.json = strata_json_new();
	rc = c.json ? run(&c, argc, argv, &err) : cli_fail(&err, STRATA_ENOMEM, "out of memory");
	strata_close(c.repo);
	if (cli_flush(&c, &late) != STRATA_OK && !cli_interrupted(NULL)) {
		if (c.write_errno == EPIPE && !c.pager)
			cli_die_of_pipe();
		if (c.write_errno != EPIPE && (rc == STRATA_OK || rc == STRATA_ENO)) {
			err = late;
			rc = late.code;
		}
	}
	cli_pager_wait(&c);
	if (rc != STRATA_OK)
		report(&c, &err);
	cli_progress_clear(&c);
	strata_json_free(c.json);
	while (c.nheap)
		free(c.heap[--c.nheap]);
	if (rc != STRATA_OK || c.stopped)
		cli_die_of_signal();
	return rc == STRATA_OK ? 0 : err.exit_status ? err.exit_status : strata_code_exit(rc);
}
