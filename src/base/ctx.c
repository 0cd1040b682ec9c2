/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ctx.h"

#include <stdarg.h>
#include <stdio.h>

void st_warn(const struct st_ctx *c, const char *fmt, ...)
{
	char msg[sizeof(((struct st_err *)0)->msg)];
	va_list ap;

	if (!c->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	c->warn(c->arg, msg);
}

void st_progress(const struct st_ctx *c, const char *what, uint64_t done, uint64_t total,
		 bool bytes, bool last)
{
	const struct st_progress p = {
		.what = what,
		.done = done,
		.total = total,
		.bytes = bytes,
		.last = last,
	};

	if (c->progress)
		c->progress(c->arg, &p);
}

int st_check_cancel(const struct st_ctx *c, struct st_err *e)
{
	if (c->cancelled && c->cancelled(c->arg))
		return st_fail(e, ST_EBUSY, "interrupted");
	return ST_OK;
}
