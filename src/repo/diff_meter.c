/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/diff_meter.h"

#define WHAT "compare"

static void forward_warn(void *arg, const char *msg)
{
	const struct st_meter *m = arg;

	m->outer->warn(m->outer->arg, msg);
}

static bool forward_cancelled(void *arg)
{
	const struct st_meter *m = arg;

	return m->outer->cancelled(m->outer->arg);
}

static void add_progress(void *arg, const struct st_progress *p)
{
	struct st_meter *m = arg;
	uint64_t part = p->done > p->total ? p->done : p->total;

	st_progress(m->outer, WHAT, m->before + p->done, m->before + part + m->after, true, false);
	if (p->last)
		m->before += p->done;
}

void st_meter_init(struct st_meter *m, const struct st_ctx *outer, uint64_t total)
{
	*m = (struct st_meter){ .ctx = *outer, .outer = outer, .after = total };
	m->ctx.arg = m;
	m->ctx.warn = outer->warn ? forward_warn : NULL;
	m->ctx.progress = outer->progress ? add_progress : NULL;
	m->ctx.cancelled = outer->cancelled ? forward_cancelled : NULL;
}

void st_meter_next(struct st_meter *m, uint64_t bytes)
{
	m->after -= bytes < m->after ? bytes : m->after;
}

void st_meter_end(struct st_meter *m)
{
	st_progress(m->outer, WHAT, m->before, m->before, true, true);
}
