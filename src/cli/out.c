/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

int cli_fail(strata_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	*err = (strata_error){ .code = code, .exit_status = strata_code_exit(code) };
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return code;
}

bool cli_is_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void *cli_alloc(struct cli *c, size_t n, size_t size, strata_error *err)
{
	void *p = c->nheap < sizeof(c->heap) / sizeof(*c->heap) ? calloc(n ? n : 1, size) : NULL;

	if (!p) {
		cli_fail(err, STRATA_ENOMEM, "out of memory");
		return NULL;
	}
	c->heap[c->nheap++] = p;
	return p;
}

static void note_failure(struct cli *c, bool failed)
{
	if (failed && !c->write_failed) {
		c->write_failed = true;
		c->write_errno = errno;
	}
}

bool cli_grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 64;
	void **v = array, *p;

	if (need <= *cap)
		return true;
	while (want < need)
		want *= 2;
	p = reallocarray(*v, want, size);
	if (!p)
		return false;
	*v = p;
	*cap = want;
	return true;
}

int cli_stop(struct cli *c)
{
	note_failure(c, ferror(stdout));
	c->stopped = c->stopped || cli_interrupted(c);
	return c->write_failed || c->stopped;
}

int cli_flush(struct cli *c, strata_error *err)
{
	note_failure(c, fflush(stdout) != 0 || ferror(stdout));
	if (!c->write_failed)
		return STRATA_OK;
	return cli_fail(err, c->write_errno == ENOSPC ? STRATA_ENOSPC : STRATA_EIO,
			"standard output: %s", strerror(c->write_errno));
}

void cli_warn(void *arg, const char *message)
{
	struct cli *c = arg;
	const char *on = c->color_err ? "\033[33m" : "", *off = c->color_err ? "\033[m" : "";

	cli_progress_clear(c);
	fprintf(stderr, "strata: %swarning:%s ", on, off);
	cli_put_safe(stderr, message);
	fputc('\n', stderr);
}
