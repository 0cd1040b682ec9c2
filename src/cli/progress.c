/* SPDX-License-Identifier: Apache-2.0 */
/* The one progress line: on a terminal, from the second second on, ten times a second. */
#include "cli/text.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST 1.0
#define PAUSE 0.1

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

static human amount(const strata_progress *p, uint64_t n)
{
	return p->bytes ? human_bytes(n) : human_number(n);
}

static void paint(struct cli *c, const strata_progress *p, double seconds)
{
	double rate = (double)p->done / seconds;
	size_t room = columns(), at;
	char line[256];

	room = room < sizeof(line) ? room : sizeof(line);
	at = (size_t)snprintf(line, room, "%s  %s", p->what, amount(p, p->done).s);
	if (p->total && p->done <= p->total && at < room)
		at += (size_t)snprintf(line + at, room - at, " of %s  %u%%", amount(p, p->total).s,
				       (unsigned)(100.0 * (double)p->done / (double)p->total));
	if (at < room)
		at += (size_t)snprintf(line + at, room - at, "  %s/s", amount(p, (uint64_t)rate).s);
	if (p->total > p->done && rate > 0 && at < room)
		snprintf(line + at, room - at, "  %s left",
			 human_seconds((double)(p->total - p->done) / rate).s);
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	c->progress.drawn = true;
}

void cli_progress_clear(struct cli *c)
{
	if (c->progress.drawn)
		fputs("\r\033[K", stderr);
	c->progress.drawn = false;
}

void cli_progress_show(void *arg, const strata_progress *p)
{
	struct cli *c = arg;
	struct cli_progress *s = &c->progress;
	double t;

	if (!s->on)
		return;
	t = now();
	if (strncmp(s->what, p->what, sizeof(s->what) - 1) != 0) {
		snprintf(s->what, sizeof(s->what), "%s", p->what);
		s->started = t;
		s->painted = 0;
	}
	if (p->last) {
		cli_progress_clear(c);
		s->what[0] = 0;
	} else if (t - s->started >= FIRST && t - s->painted >= PAUSE) {
		s->painted = t;
		paint(c, p, t - s->started);
	}
}
