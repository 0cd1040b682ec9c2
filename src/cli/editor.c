/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)1 << 20)

/* The user's choice, or NULL when there is none and nobody sits at a terminal. */
static const char *choose(void)
{
	static const char *const names[] = { "STRATA_EDITOR", "VISUAL", "EDITOR" };
	const char *v;
	size_t i;

	for (i = 0; i < 3; i++) {
		v = getenv(names[i]);
		if (v && *v)
			return v;
	}
	return isatty(STDIN_FILENO) ? "vi" : NULL;
}

bool cli_can_edit(void)
{
	return choose() != NULL;
}

static int write_start(const char *path, const char *start, const char *why, strata_error *err)
{
	FILE *f = fopen(path, "we");
	const char *p;
	bool bol = true;

	if (!f)
		return cli_fail(err, STRATA_EIO, "%s: %s", path, strerror(errno));
	fprintf(f, "%s\n\n# ", start);
	for (p = why; *p; p++) {
		if (bol && p != why)
			fputs("# ", f);
		fputc(*p, f);
		bol = *p == '\n';
	}
	fputs("\n# Lines that begin with '#' are left out; an empty text stops the command.\n", f);
	if (fclose(f) != 0)
		return cli_fail(err, STRATA_EIO, "%s: %s", path, strerror(errno));
	return STRATA_OK;
}

static int run(const char *editor, const char *path, strata_error *err)
{
	char script[4096];
	int status = 0;
	pid_t pid;
	void (*old)(int);

	if ((size_t)snprintf(script, sizeof(script), "%s \"$1\"", editor) >= sizeof(script))
		return cli_fail(err, STRATA_EUSAGE, "the editor's command is too long");
	old = signal(SIGINT, SIG_IGN);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGXFSZ, SIG_DFL);
		execl("/bin/sh", "sh", "-c", script, editor, path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	signal(SIGINT, old);
	if (pid < 0 || status != 0)
		return cli_fail(err, STRATA_EREFUSED, "the editor '%s' failed; your text is in %s",
				editor, path);
	return STRATA_OK;
}

/* Without comment lines, blank lines at either end and white space at line ends; in place. text
 * ends with a newline, so that what is written never passes what is read. */
static void strip(char *text)
{
	char *in, *out = text, *eol, *next, *kept = text;

	for (in = text; *in; in = next) {
		eol = in + strcspn(in, "\n");
		next = eol + 1;
		if (*in == '#')
			continue;
		while (eol > in && strchr(" \t\r", eol[-1]))
			eol--;
		if (eol == in && out == text)
			continue;
		memmove(out, in, (size_t)(eol - in));
		out += eol - in;
		if (eol != in)
			kept = out;
		*out++ = '\n';
	}
	*kept = 0;
}

static int read_text(const char *path, char **text, strata_error *err)
{
	FILE *f = fopen(path, "re");
	char *p = f ? calloc(1, TEXT_MAX + 2) : NULL;
	size_t n;

	if (!p) {
		cli_fail(err, f ? STRATA_ENOMEM : STRATA_EIO, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return err->code;
	}
	n = fread(p, 1, TEXT_MAX + 1, f);
	fclose(f);
	if (n > TEXT_MAX || memchr(p, 0, n)) {
		free(p);
		return cli_fail(err, STRATA_EUSAGE, "%s: not a text of at most 1 MiB", path);
	}
	if (n && p[n - 1] != '\n')
		p[n] = '\n';
	strip(p);
	*text = p;
	return STRATA_OK;
}

void cli_edit_kept(struct cli *c, strata_error *err)
{
	size_t n = strlen(err->message);

	if (err->code == STRATA_EBUSY)
		snprintf(err->message + n, sizeof(err->message) - n,
			 "; your text is in %s/COMMIT_EDITMSG", strata_repo_dir(c->repo));
}

int cli_edit(struct cli *c, const char *start, const char *why, char **text, strata_error *err)
{
	const char *editor = choose();
	char path[4200];
	int rc;

	*text = NULL;
	if (!editor)
		return cli_fail(err, STRATA_EUSAGE,
				"no message: give -m MESSAGE (there is no terminal for an editor, "
				"and neither STRATA_EDITOR, VISUAL nor EDITOR is set)");
	snprintf(path, sizeof(path), "%s/COMMIT_EDITMSG", strata_repo_dir(c->repo));
	rc = write_start(path, start, why, err);
	if (rc == STRATA_OK)
		rc = run(editor, path, err);
	if (rc == STRATA_OK)
		rc = read_text(path, text, err);
	return rc;
}
