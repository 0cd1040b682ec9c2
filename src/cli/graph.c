/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/graph.h"

#include "cli/cli.h"

void graph_init(struct graph *g)
{
	*g = (struct graph){ 0 };
}

static void drop_rows(struct graph *g)
{
	size_t i;

	for (i = 0; i < g->nrows; i++)
		free(g->rows[i]);
	g->nrows = g->at = 0;
}

void graph_release(struct graph *g)
{
	drop_rows(g);
	free(g->rows);
	free(g->lanes);
	graph_init(g);
}

/* A row of spaces, wide enough for one column more than there are; NULL: out of memory. */
static char *new_row(struct graph *g)
{
	size_t width = 2 * (g->n + 2);
	char *row = malloc(width + 1);

	if (!row || !cli_grow(&g->rows, &g->rows_cap, g->nrows + 1, sizeof(*g->rows))) {
		free(row);
		return NULL;
	}
	memset(row, ' ', width);
	row[width] = 0;
	g->rows[g->nrows++] = row;
	return row;
}

/* Columns from..to go straight down. */
static void straight(char *row, size_t from, size_t to)
{
	for (; from < to; from++)
		row[2 * from] = '|';
}

static bool all_straight(struct graph *g, char **row)
{
	*row = new_row(g);
	if (!*row)
		return false;
	straight(*row, 0, g->n);
	return true;
}

/* g->n if there is none */
static size_t find_lane(const struct graph *g, uint32_t id, size_t except)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (i != except && g->lanes[i] == id)
			return i;
	return g->n;
}

static bool insert_lane(struct graph *g, size_t at, uint32_t id)
{
	if (!cli_grow(&g->lanes, &g->cap, g->n + 1, sizeof(*g->lanes)))
		return false;
	memmove(g->lanes + at + 1, g->lanes + at, (g->n - at) * sizeof(*g->lanes));
	g->lanes[at] = id;
	g->n++;
	return true;
}

static void remove_lane(struct graph *g, size_t at)
{
	g->n--;
	memmove(g->lanes + at, g->lanes + at + 1, (g->n - at) * sizeof(*g->lanes));
}

/* From column i to column j < i: `|/`, or `| |_|/` and `|/| |`. Without keep column i ends. */
static bool edge_left(struct graph *g, size_t i, size_t j, bool keep)
{
	char *row = new_row(g);
	size_t k;

	if (!row)
		return false;
	straight(row, 0, keep ? g->n : i);
	for (k = i + 1; !keep && k < g->n; k++)
		row[2 * k - 1] = '/';
	row[2 * i - 1] = '/';
	for (k = j + 1; k + 1 < i; k++)
		row[2 * k + 1] = '_';
	if (!keep)
		remove_lane(g, i);
	if (i - j == 1)
		return true;
	if (!all_straight(g, &row))
		return false;
	row[2 * j + 1] = '/';
	return true;
}

/* From column i, which stays, to column j > i: `|\|`, or `|\|_| |` and `| | |\|`. */
static bool edge_right(struct graph *g, size_t i, size_t j)
{
	char *row;
	size_t k;

	if (!all_straight(g, &row))
		return false;
	row[2 * i + 1] = '\\';
	for (k = i + 1; k + 1 < j; k++)
		row[2 * k + 1] = '_';
	if (j - i == 1)
		return true;
	if (!all_straight(g, &row))
		return false;
	row[2 * j - 1] = '\\';
	return true;
}

static bool edge(struct graph *g, size_t i, size_t j)
{
	return j < i ? edge_left(g, i, j, true) : edge_right(g, i, j);
}

/* A new column to the right of i, which leads to id. */
static bool branch_off(struct graph *g, size_t i, uint32_t id)
{
	char *row = new_row(g);
	size_t k;

	if (!row)
		return false;
	straight(row, 0, i + 1);
	for (k = i; k < g->n; k++)
		row[2 * k + 1] = '\\';
	return insert_lane(g, i + 1, id);
}

/* Nothing follows in column i: those to the right of it move over. */
static bool end_lane(struct graph *g, size_t i)
{
	char *row;
	size_t k;

	g->ended = i + 1 == g->n;
	if (!g->ended) {
		row = new_row(g);
		if (!row)
			return false;
		straight(row, 0, i);
		for (k = i + 1; k < g->n; k++)
			row[2 * k - 1] = '/';
	}
	remove_lane(g, i);
	return true;
}

/* Column i and the one that leads to the same parent become one: the left of both. */
static bool join(struct graph *g, size_t i, uint32_t parent)
{
	size_t j = find_lane(g, parent, i);

	g->lanes[i] = parent;
	return j < i ? edge_left(g, i, j, false) : edge_left(g, j, i, false);
}

static bool is_new(const struct graph *g, const uint32_t *parents, size_t k)
{
	size_t i;

	for (i = 0; i < k; i++)
		if (parents[i] == parents[k])
			return false;
	return find_lane(g, parents[k], g->n) == g->n;
}

static bool again(const uint32_t *parents, size_t k)
{
	size_t i;

	for (i = 0; i < k; i++)
		if (parents[i] == parents[k])
			return true;
	return false;
}

/*
 * The lines from column i to the parents. The first one that no column leads to yet takes over
 * column i, the others get columns beside it, the last one first, so that they stand in order.
 */
static bool leave(struct graph *g, size_t i, const uint32_t *parents, size_t n)
{
	size_t k, heir = n, first = n;

	for (k = n; k-- > 0;)
		if (is_new(g, parents, k))
			heir = k;
	if (g->n > GRAPH_LANES_MAX)
		heir = n;
	for (k = 0; k < n; k++) {
		size_t j = find_lane(g, parents[k], i);

		if (j == g->n || again(parents, k))
			continue;
		if (heir == n && first == n)
			first = k; /* where column i itself ends */
		else if (!edge(g, i, j))
			return false;
	}
	if (first < n)
		return join(g, i, parents[first]);
	if (heir == n)
		return end_lane(g, i);
	for (k = n; k-- > heir + 1;)
		if (g->n <= GRAPH_LANES_MAX && is_new(g, parents, k) &&
		    !branch_off(g, i, parents[k]))
			return false;
	g->lanes[i] = parents[heir];
	return true;
}

static bool measure(struct graph *g)
{
	size_t i, w;
	char *row;

	if (!all_straight(g, &row))
		return false;
	g->width = 0;
	for (i = 0; i < g->nrows; i++) {
		w = graph_trim(g->rows[i]) + 1;
		if (w > g->width)
			g->width = w;
	}
	for (i = 0; i < g->nrows; i++) {
		w = strlen(g->rows[i]);
		if (w > g->width) {
			g->rows[i][g->width] = 0;
			continue;
		}
		row = realloc(g->rows[i], g->width + 1);
		if (!row)
			return false;
		memset(row + w, ' ', g->width - w);
		row[g->width] = 0;
		g->rows[i] = row;
	}
	return true;
}

bool graph_next(struct graph *g, uint32_t id, const uint32_t *parents, size_t n)
{
	size_t i = find_lane(g, id, g->n);
	bool apart = g->ended && i == g->n;
	char *row;

	drop_rows(g);
	g->ended = false;
	if (apart && !all_straight(g, &row))
		return false;
	if (i == g->n && !insert_lane(g, i, id))
		return false;
	if (!all_straight(g, &row))
		return false;
	row[2 * i] = '*';
	g->star = g->nrows - 1;
	return leave(g, i, parents, n) && measure(g);
}

const char *graph_row(struct graph *g)
{
	const char *row = g->nrows ? g->rows[g->at] : "";

	if (g->at + 1 < g->nrows)
		g->at++;
	return row;
}

bool graph_before(const struct graph *g)
{
	return g->at < g->star;
}

bool graph_pending(const struct graph *g)
{
	return g->at + 1 < g->nrows;
}

size_t graph_trim(const char *row)
{
	size_t n = strlen(row);

	while (n && row[n - 1] == ' ')
		n--;
	return n;
}

void graph_apart(struct graph *g)
{
	g->ended = false;
}
