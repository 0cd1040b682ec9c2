/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/lines3.h"

#include "diff/settings.h"

struct hunk { /* lines [a, a + na) of the base became [b, b + nb) */
	size_t a, na, b, nb;
};

struct version {
	const struct st_text *text;
	size_t *line; /* where each begins; one more at the end */
	size_t n;
	struct hunk *hunks;
	size_t nhunks, cap, at; /* at: the first that is not used yet */
	struct st_err *e;
};

struct span {
	size_t from, to; /* lines */
};

static int split(struct version *v, struct st_err *e)
{
	const char *p = v->text->p, *nl;
	size_t at = 0, n = 1;

	for (size_t i = 0; i < v->text->len; i++)
		n += p[i] == '\n';
	v->line = st_calloc(n + 1, sizeof(*v->line), e);
	if (!v->line)
		return e->code;
	while (at < v->text->len) {
		v->line[v->n++] = at;
		nl = memchr(p + at, '\n', v->text->len - at);
		at = nl ? (size_t)(nl - p) + 1 : v->text->len;
	}
	v->line[v->n] = v->text->len;
	return ST_OK;
}

static int on_hunk(void *arg, size_t a, size_t na, size_t b, size_t nb)
{
	struct version *v = arg;

	if (st_grow(&v->hunks, &v->cap, v->nhunks + 1, v->e) != ST_OK)
		return 1;
	v->hunks[v->nhunks++] = (struct hunk){ a, na, b, nb };
	return 0;
}

static int compare(const struct version *base, struct version *v, struct st_err *e)
{
	int rc;

	v->e = e;
	rc = st_lines_diff(base->text->p, base->text->len, v->text->p, v->text->len, on_hunk, v, e);
	return e->code != ST_OK ? (int)e->code : rc;
}

static struct span bytes(const struct version *v, struct span lines)
{
	return (struct span){ v->line[lines.from], v->line[lines.to] };
}

static int put(const struct version *v, struct span lines, struct st_buf *out, struct st_err *e)
{
	struct span b = bytes(v, lines);

	return st_buf_add(out, (const char *)v->text->p + b.from, b.to - b.from, e);
}

static bool same(const struct version *a, struct span la, const struct version *b, struct span lb)
{
	struct span x = bytes(a, la), y = bytes(b, lb);

	return x.to - x.from == y.to - y.from &&
	       (x.to == x.from || memcmp((const char *)a->text->p + x.from,
					 (const char *)b->text->p + y.from, x.to - x.from) == 0);
}

/* A marker begins a line, whatever came before. */
static int mark(struct st_buf *out, const char *sign, const char *label, struct st_err *e)
{
	int rc = ST_OK;

	if (out->len && out->p[out->len - 1] != '\n')
		rc = st_buf_addch(out, '\n', e);
	if (rc != ST_OK)
		return rc;
	return label ? st_buf_addf(out, e, "%s %s\n", sign, label) :
		       st_buf_addf(out, e, "%s\n", sign);
}

/* Takes the hunks that touch what lies before *end, which they move. */
static void take(struct version *v, size_t *end)
{
	while (v->at < v->nhunks && v->hunks[v->at].a <= *end) {
		const struct hunk *h = &v->hunks[v->at++];

		if (h->a + h->na > *end)
			*end = h->a + h->na;
	}
}

/* The line of v that line `a` of the base, which no hunk before v->at holds, became. */
static size_t shifted(const struct version *v, size_t at, size_t a)
{
	const struct hunk *h = at ? &v->hunks[at - 1] : NULL;

	return h ? a - (h->a + h->na) + h->b + h->nb : a;
}

struct merging {
	struct version base, ours, theirs;
	struct st_buf *out;
	size_t conflicts;
};

static int put_conflict(struct merging *m, struct span b, struct span o, struct span t,
			struct st_err *e)
{
	int rc = mark(m->out, "<<<<<<<", m->ours.text->label, e);

	m->conflicts++;
	if (rc == ST_OK)
		rc = put(&m->ours, o, m->out, e);
	if (rc == ST_OK)
		rc = mark(m->out, "|||||||", m->base.text->label, e);
	if (rc == ST_OK)
		rc = put(&m->base, b, m->out, e);
	if (rc == ST_OK)
		rc = mark(m->out, "=======", NULL, e);
	if (rc == ST_OK)
		rc = put(&m->theirs, t, m->out, e);
	return rc == ST_OK ? mark(m->out, ">>>>>>>", m->theirs.text->label, e) : rc;
}

static int settle(struct merging *m, struct span b, struct span o, struct span t, struct st_err *e)
{
	if (same(&m->ours, o, &m->base, b))
		return put(&m->theirs, t, m->out, e);
	if (same(&m->theirs, t, &m->base, b) || same(&m->ours, o, &m->theirs, t))
		return put(&m->ours, o, m->out, e);
	return put_conflict(m, b, o, t, e);
}

static size_t next_of(const struct version *v)
{
	return v->at < v->nhunks ? v->hunks[v->at].a : SIZE_MAX;
}

/* From the first hunk on, everything that touches it, and so on: one region. */
static int region(struct merging *m, size_t *done, struct st_err *e)
{
	size_t from = next_of(&m->ours) < next_of(&m->theirs) ? next_of(&m->ours) :
								next_of(&m->theirs);
	size_t o_at = m->ours.at, t_at = m->theirs.at, end = from, before;
	struct span b, o, t;
	int rc = put(&m->base, (struct span){ *done, from }, m->out, e);

	do {
		before = end;
		take(&m->ours, &end);
		take(&m->theirs, &end);
	} while (end != before);
	b = (struct span){ from, end };
	o = (struct span){ shifted(&m->ours, o_at, from), shifted(&m->ours, m->ours.at, end) };
	t = (struct span){ shifted(&m->theirs, t_at, from),
			   shifted(&m->theirs, m->theirs.at, end) };
	*done = end;
	return rc == ST_OK ? settle(m, b, o, t, e) : rc;
}

static int merge(struct merging *m, struct st_err *e)
{
	size_t done = 0;
	int rc = split(&m->base, e);

	if (rc == ST_OK)
		rc = split(&m->ours, e);
	if (rc == ST_OK)
		rc = split(&m->theirs, e);
	if (rc == ST_OK)
		rc = compare(&m->base, &m->ours, e);
	if (rc == ST_OK)
		rc = compare(&m->base, &m->theirs, e);
	while (rc == ST_OK && (m->ours.at < m->ours.nhunks || m->theirs.at < m->theirs.nhunks))
		rc = region(m, &done, e);
	return rc == ST_OK ? put(&m->base, (struct span){ done, m->base.n }, m->out, e) : rc;
}

int st_lines_merge(const struct st_text *base, const struct st_text *ours,
		   const struct st_text *theirs, struct st_buf *out, size_t *conflicts,
		   struct st_err *e)
{
	struct merging m = { .base = { .text = base },
			     .ours = { .text = ours },
			     .theirs = { .text = theirs },
			     .out = out };
	int rc = merge(&m, e);

	*conflicts = m.conflicts;
	free(m.base.line);
	free(m.ours.line);
	free(m.theirs.line);
	free(m.ours.hunks);
	free(m.theirs.hunks);
	return rc;
}
