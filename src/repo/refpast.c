/* SPDX-License-Identifier: Apache-2.0 */
/* REV@{N} and REV@{DATE}: where a ref was, N moves ago or at a time. */
#include "repo/moves.h"

#include "base/file.h"
#include "base/timefmt.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

struct past {
	bool by_time, found;
	uint64_t n; /* moves ago */
	int64_t at; /* or the time */
	uint64_t seen;
	char commit[STRATA_HEX]; /* "": there was none then */
	char before[STRATA_HEX]; /* of the oldest move seen */
};

static int on_move(void *arg, const strata_ref_move *m)
{
	struct past *p = arg;
	int64_t when = 0;
	bool hit = p->seen == p->n;

	if (p->by_time)
		hit = st_time_parse(m->time, strlen(m->time), &when) && when <= p->at;
	p->seen++;
	snprintf(p->before, sizeof(p->before), "%s", m->old_commit ? m->old_commit : "");
	if (hit) {
		p->found = true;
		snprintf(p->commit, sizeof(p->commit), "%s", m->commit ? m->commit : "");
	}
	return hit;
}

bool st_date_parse(const char *s, bool end, int64_t *ns)
{
	struct tm tm = { .tm_isdst = -1 };
	int used = 0;
	time_t t;

	if (strcmp(s, "now") == 0 || strcmp(s, "yesterday") == 0) {
		*ns = st_now_ns() - (*s == 'y' ? (int64_t)86400 * 1000000000 : 0);
		return true;
	}
	if (st_time_parse(s, strlen(s), ns))
		return true;
	if (strspn(s, "0123456789-") != strlen(s) ||
	    sscanf(s, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 ||
	    s[used] || tm.tm_year < 1970 || tm.tm_year > 2200 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	tm.tm_mday += end; /* the beginning of the next day */
	t = mktime(&tm);
	*ns = (int64_t)t * 1000000000 - end;
	return t != (time_t)-1;
}

static int take_what(struct past *p, const char *rev, const char *what, struct st_err *e)
{
	size_t n = strlen(what);

	if (n && n < 10 && strspn(what, "0123456789") == n) {
		p->n = strtoull(what, NULL, 10);
		return ST_OK;
	}
	p->by_time = true;
	if (st_date_parse(what, true, &p->at))
		return ST_OK;
	return st_fail(e, ST_EUSAGE,
		       "'%.200s': between the braces stands a number of moves (main@{2}), "
		       "'yesterday', or a date as 2026-11-20 or 2026-11-20T08:00:00Z",
		       rev);
}

/* No name is the branch that is checked out. */
static int name_of(struct st_repo *r, const char *rev, size_t len, char ref[300], struct st_err *e)
{
	struct st_head head;
	int rc;

	if (len == 1 && rev[0] == '@')
		snprintf(ref, 300, "HEAD");
	else if (len && len < 300)
		snprintf(ref, 300, "%.*s", (int)len, rev);
	else if (len)
		return st_fail(e, ST_ENOTFOUND, "unknown revision '%.200s...'", rev);
	if (len)
		return ST_OK;
	rc = st_repo_head(r, &head, e);
	if (rc == ST_OK && head.detached)
		snprintf(ref, 300, "HEAD");
	else if (rc == ST_OK)
		snprintf(ref, 300, "heads/%s", head.branch);
	return rc;
}

int st_resolve_past(struct st_repo *r, const char *rev, const char *braces, struct st_oid *out,
		    struct st_err *e)
{
	struct past p = { .n = 0 };
	char ref[300], what[64];
	size_t n = strlen(braces);
	int rc;

	if (n < 4 || braces[n - 1] != '}' || n - 3 >= sizeof(what))
		return st_fail(e, ST_EUSAGE, "'%.200s' is not a revision", rev);
	snprintf(what, sizeof(what), "%.*s", (int)(n - 3), braces + 2);
	rc = take_what(&p, rev, what, e);
	if (rc == ST_OK)
		rc = name_of(r, rev, (size_t)(braces - rev), ref, e);
	if (rc == ST_OK)
		rc = st_verb_reflog(r, ref, 0, on_move, &p, e);
	if (rc == ST_ENO && e->code == ST_OK)
		rc = ST_OK;
	if (rc == ST_OK && !p.found && !p.by_time && p.n == p.seen) { /* before the first move */
		p.found = true;
		memcpy(p.commit, p.before, sizeof(p.commit));
	}
	if (rc == ST_OK && !(p.found && st_oid_parse(out, p.commit, strlen(p.commit))))
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%.200s': it pointed nowhere then; 'strata reflog' lists its %" PRIu64
			     " move%s",
			     rev, p.seen, p.seen == 1 ? "" : "s");
	return rc;
}
