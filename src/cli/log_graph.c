/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_graph.h"

#include "cli/graph.h"
#include "cli/text.h"

/* Lines drawn from one version. A merge of more is drawn as one of so many. */
#define LINKS_MAX 64

struct node {
	char id[STRATA_HEX];
	bool shown;
	size_t off; /* of its links */
	uint32_t n;
};

struct nodes { /* in the order of the log: children before parents */
	struct node *v;
	size_t n, cap;
	char (*parents)[STRATA_HEX]; /* of v[i]: off, n */
	size_t nparents, parents_cap;
	uint32_t *by_id; /* sorted */
	bool failed;	 /* out of memory */
};

struct log_graph {
	struct cli *c;
	struct graph g;
	struct nodes all;
	uint32_t *links; /* of all.v[i], once they are resolved: off, n */
	size_t nlinks, links_cap;
};

static int out_of_memory(strata_error *err)
{
	return cli_fail(err, STRATA_ENOMEM, "out of memory");
}

static void nodes_release(struct nodes *x)
{
	free(x->v);
	free(x->parents);
	free(x->by_id);
	*x = (struct nodes){ 0 };
}

/* ---- the shape of the history ---- */

static int collect(void *arg, const strata_version *v)
{
	struct nodes *x = arg;
	size_t i, n = v->nparents < LINKS_MAX ? v->nparents : LINKS_MAX;
	struct node *d;

	x->failed = x->n >= UINT32_MAX || !cli_grow(&x->v, &x->cap, x->n + 1, sizeof(*x->v)) ||
		    !cli_grow(&x->parents, &x->parents_cap, x->nparents + n, sizeof(*x->parents));
	if (x->failed)
		return 1;
	d = &x->v[x->n++];
	*d = (struct node){ .shown = true, .off = x->nparents, .n = (uint32_t)n };
	memcpy(d->id, v->commit, STRATA_HEX);
	for (i = 0; i < n; i++)
		memcpy(x->parents[x->nparents++], v->parents[i], STRATA_HEX);
	return 0;
}

static int by_id(const void *a, const void *b, void *nodes)
{
	const struct node *v = nodes;
	const uint32_t *x = a, *y = b;

	return strcmp(v[*x].id, v[*y].id);
}

static int nodes_read(struct nodes *x, strata_repo *r, const strata_log_options *o,
		      strata_error *err)
{
	int rc = strata_log(r, o, collect, x, err);
	size_t i;

	if (rc != STRATA_OK)
		return rc;
	x->by_id = x->failed ? NULL : calloc(x->n + 1, sizeof(*x->by_id));
	if (!x->by_id)
		return out_of_memory(err);
	for (i = 0; i < x->n; i++)
		x->by_id[i] = (uint32_t)i;
	qsort_r(x->by_id, x->n, sizeof(*x->by_id), by_id, x->v);
	return STRATA_OK;
}

/* x->n if it is not among them */
static size_t find(const struct nodes *x, const char *id)
{
	size_t lo = 0, hi = x->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(x->v[x->by_id[mid]].id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n && strcmp(x->v[x->by_id[lo]].id, id) == 0 ? x->by_id[lo] : x->n;
}

static bool all_known(const struct nodes *x)
{
	size_t i;

	for (i = 0; i < x->nparents; i++)
		if (find(x, x->parents[i]) == x->n)
			return false;
	return true;
}

/* ---- links: parents, bridged over what is not shown ---- */

struct set {
	uint32_t v[LINKS_MAX];
	size_t n;
};

static void set_add(struct set *s, uint32_t x)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->v[i] == x)
			return;
	if (s->n < LINKS_MAX)
		s->v[s->n++] = x;
}

static bool links_to(const struct log_graph *g, uint32_t from, uint32_t to)
{
	const struct node *d = &g->all.v[from];
	size_t i;

	for (i = 0; i < d->n; i++)
		if (g->links[d->off + i] == to)
			return true;
	return false;
}

/* What another one of the set comes from needs no line of its own. */
static void set_thin(const struct log_graph *g, struct set *s)
{
	size_t i, k, n = 0;

	for (i = 0; i < s->n; i++) {
		for (k = 0; k < s->n && !links_to(g, s->v[k], s->v[i]);)
			k++;
		if (k == s->n)
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

static bool link_node(struct log_graph *g, struct node *d)
{
	struct set s = { .n = 0 };
	size_t i, k, p;

	for (i = 0; i < d->n; i++) {
		const struct node *parent;

		p = find(&g->all, g->all.parents[d->off + i]);
		if (p == g->all.n)
			continue; /* outside of the range */
		parent = &g->all.v[p];
		if (parent->shown)
			set_add(&s, (uint32_t)p);
		for (k = 0; !parent->shown && k < parent->n; k++)
			set_add(&s, g->links[parent->off + k]);
	}
	if (!d->shown)
		set_thin(g, &s);
	if (!cli_grow(&g->links, &g->links_cap, g->nlinks + s.n, sizeof(*g->links)))
		return false;
	memcpy(g->links + g->nlinks, s.v, s.n * sizeof(*s.v));
	d->off = g->nlinks;
	d->n = (uint32_t)s.n;
	g->nlinks += s.n;
	return true;
}

/* Oldest first, so that the links of a parent are there before they are asked for. */
static int link_all(struct log_graph *g, strata_error *err)
{
	size_t i;

	if (!cli_grow(&g->links, &g->links_cap, 1, sizeof(*g->links)))
		return out_of_memory(err);
	for (i = g->all.n; i-- > 0;)
		if (!link_node(g, &g->all.v[i]))
			return out_of_memory(err);
	return STRATA_OK;
}

/* Where parents are missing from what is shown, all of the range says what lies between. */
static int read_shape(struct log_graph *g, const strata_log_options *o, strata_error *err)
{
	const strata_log_options all = { .revs = o->revs, .nrevs = o->nrevs, .all = o->all };
	strata_log_options shown = *o;
	struct nodes some = { 0 };
	size_t i;
	int rc;

	shown.limit = 0;
	shown.files = shown.values = false;
	rc = nodes_read(&some, g->c->repo, &shown, err);
	if (rc == STRATA_OK && all_known(&some)) {
		g->all = some;
		return link_all(g, err);
	}
	if (rc == STRATA_OK)
		rc = nodes_read(&g->all, g->c->repo, &all, err);
	for (i = 0; rc == STRATA_OK && i < g->all.n; i++)
		g->all.v[i].shown = find(&some, g->all.v[i].id) < some.n;
	if (rc == STRATA_OK)
		rc = link_all(g, err);
	nodes_release(&some);
	return rc;
}

int log_graph_new(struct log_graph **out, struct cli *c, const strata_log_options *o,
		  strata_error *err)
{
	struct log_graph *g = calloc(1, sizeof(*g));
	int rc;

	*out = NULL;
	if (!g)
		return out_of_memory(err);
	g->c = c;
	graph_init(&g->g);
	rc = read_shape(g, o, err);
	if (rc == STRATA_OK)
		*out = g;
	else
		log_graph_free(g);
	return rc;
}

void log_graph_free(struct log_graph *g)
{
	if (!g)
		return;
	graph_release(&g->g);
	nodes_release(&g->all);
	free(g->links);
	free(g);
}

/* ---- printing ---- */

static void put_margin(struct log_graph *g, bool text)
{
	static const enum color colors[] = { COLOR_BAD, COLOR_GOOD, COLOR_ID, COLOR_NAME };
	const char *row = graph_row(&g->g);
	size_t i, n = text ? strlen(row) : graph_trim(row);

	for (i = 0; i < n; i++) {
		enum color k = row[i] == ' ' || row[i] == '*' ? COLOR_NONE : colors[i / 2 % 4];

		printf("%s%c%s", color_on(g->c, k), row[i], color_off(g->c, k));
	}
}

static bool advance(struct log_graph *g, const strata_version *v)
{
	size_t i = find(&g->all, v->commit);
	const struct node *d = &g->all.v[i];

	/* One that came since the shape was read stands alone. */
	return i < g->all.n ? graph_next(&g->g, (uint32_t)i, g->links + d->off, d->n) :
			      graph_next(&g->g, UINT32_MAX, NULL, 0);
}

/* The star stands beside the first line of the text that is not empty. */
static bool put_beside(struct log_graph *g, const strata_version *v, const char *text)
{
	size_t n;

	if (*text == '\n') {
		put_margin(g, false);
		fputc('\n', stdout);
		graph_apart(&g->g);
		text++;
	}
	if (!advance(g, v))
		return false;
	while (graph_before(&g->g)) {
		put_margin(g, false);
		fputc('\n', stdout);
	}
	for (; *text; text += n) {
		n = strcspn(text, "\n") + 1;
		put_margin(g, text[0] != '\n');
		fwrite(text, 1, n, stdout);
	}
	while (graph_pending(&g->g)) {
		put_margin(g, false);
		fputc('\n', stdout);
	}
	return true;
}

int log_graph_show(struct log_graph *g, const strata_version *v,
		   int (*show)(void *arg, const strata_version *v), void *arg, strata_error *err)
{
	FILE *out = stdout;
	char *text = NULL;
	size_t len;
	bool fine;
	int rc;

	/* In the GNU library stdout is a variable like any other. */
	stdout = open_memstream(&text, &len);
	if (!stdout) {
		stdout = out;
		return out_of_memory(err);
	}
	rc = show(arg, v);
	fine = fclose(stdout) == 0;
	stdout = out;
	if (fine && !err->code)
		fine = put_beside(g, v, text);
	free(text);
	if (!fine)
		return out_of_memory(err);
	return rc ? rc : cli_stop(g->c);
}
