/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int st_fail_(struct st_err *e, const char *where, enum st_code code, int os, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (e->code != ST_OK)
		return e->code;
	if (os == ENOSPC || os == EDQUOT)
		code = ST_ENOSPC;
	else if (os == EMFILE || os == ENFILE)
		code = ST_ELIMIT;
	e->code = code;
	e->os = os;
	e->where = where;
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (os != 0 && n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", strerror(os));
	return e->code;
}

int st_wrap(struct st_err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	int n;

	if (e->code == ST_OK)
		return ST_OK;
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %.700s", old);
	return e->code;
}

void st_err_clear(struct st_err *e)
{
	memset(e, 0, sizeof(*e));
}

int st_err_named_path(struct st_err *e)
{
	if (e->code == ST_EIO && (e->os == ENOENT || e->os == ENOTDIR))
		e->code = ST_ENOTFOUND;
	return e->code;
}

const char *st_code_name(enum st_code code)
{
	switch (code) {
#define ST_CODE_NAME(code, value, name, status, http, py) \
	case code:                                        \
		return name;
		ST_CODE_TABLE(ST_CODE_NAME)
#undef ST_CODE_NAME
	}
	return "unknown";
}

int st_code_exit(enum st_code code)
{
	switch (code) {
#define ST_CODE_EXIT(code, value, name, status, http, py) \
	case code:                                        \
		return status;
		ST_CODE_TABLE(ST_CODE_EXIT)
#undef ST_CODE_EXIT
	}
	return 9;
}

void st_bug_(const char *where, const char *what)
{
	fprintf(stderr, "strata: bug at %s: %s\n", where, what);
	abort();
}
