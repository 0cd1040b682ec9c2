/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heat map: a row a layer, a column a kind of tensor within it. A layer is a name up to its
 * first number ("model.layers.7"), or all but its last part where it has none; the kind is the rest
 * without ".weight". Where that makes too many columns, numbers within the kind become "*" and a
 * cell stands for several tensors; too many rows are joined with their neighbours.
 */
#include "cli/diff_html_parts.h"

#include <ctype.h>
#include <math.h>

#define MAX_COLUMNS 40
#define DENSE_COLUMNS 22
#define MANY_TENSORS 2000
#define MANY_ROWS 128 /* when there are many tensors */
#define MAX_ROWS 1000
#define STEPS 10

struct span {
	const char *s;
	size_t n;
};

struct item {
	size_t entry;
	struct span path, layer, kind;
	size_t row, column;
};

enum what {
	SAME,
	CHANGED,
	UNLIKE, /* no figures: another shape */
	ADDED,
	REMOVED,
	NWHAT
};

struct cell {
	size_t n[NWHAT], total;
	size_t top; /* the entry that changed most */
	double rel; /* how much, by rank_of */
};

struct map {
	struct html *h;
	struct item *items; /* by row */
	size_t n;
	char *kinds; /* where the items' kinds lie */
	size_t rows, columns;
	bool joined; /* a row is several layers */
	const struct item **row_first, **row_last;
	struct span *column_names;
	struct cell *cells;
	double low, high; /* log10, of the colours */
};

/* ---- names ---- */

static bool separates(char c)
{
	return c == '.' || c == '/' || c == ':';
}

static size_t part_end(const char *s, size_t n, size_t at)
{
	while (at < n && !separates(s[at]))
		at++;
	return at;
}

/* "7", or with loose also "layer7" and "layer_7". */
static bool numbered(const char *s, size_t n, bool loose)
{
	size_t digits = 0;

	while (digits < n && isdigit((unsigned char)s[n - 1 - digits]))
		digits++;
	return digits && (loose || digits == n);
}

/* Where the layer's part of a name ends; n when it is all of it. */
static size_t layer_length(const char *s, size_t n)
{
	size_t at, end, last = n;
	int loose;

	for (loose = 0; loose < 2; loose++)
		for (at = 0; (end = part_end(s, n, at)) < n; at = end + 1)
			if (numbered(s + at, end - at, loose))
				return end;
	for (at = 0; (end = part_end(s, n, at)) < n; at = end + 1)
		last = end;
	return last;
}

static struct span without_weight(struct span k)
{
	static const char w[] = ".weight";
	size_t n = sizeof(w) - 1;

	if (k.n > n && memcmp(k.s + k.n - n, w, n) == 0)
		k.n -= n;
	return k;
}

/* The parts that are numbers become one character. Returns the length; out has room for k.n. */
static size_t starred(char *out, struct span k)
{
	size_t at = 0, end, n = 0;

	for (; at < k.n; at = end) {
		end = part_end(k.s, k.n, at);
		if (numbered(k.s + at, end - at, false)) {
			out[n++] = '*';
		} else {
			memcpy(out + n, k.s + at, end - at);
			n += end - at;
		}
		if (end < k.n)
			out[n++] = k.s[end++];
	}
	return n;
}

static int compare_runs(const char *a, size_t na, const char *b, size_t nb)
{
	for (; na > 1 && *a == '0'; a++)
		na--;
	for (; nb > 1 && *b == '0'; b++)
		nb--;
	return na != nb ? (na < nb ? -1 : 1) : memcmp(a, b, na);
}

static size_t digits_at(struct span x, size_t at)
{
	size_t end = at;

	while (end < x.n && isdigit((unsigned char)x.s[end]))
		end++;
	return end - at;
}

/* Numbers by their value: layer 9 comes before layer 10. */
static int natural(struct span a, struct span b)
{
	size_t i = 0, j = 0, na, nb;
	int c;

	while (i < a.n && j < b.n) {
		na = digits_at(a, i);
		nb = digits_at(b, j);
		if (na && nb)
			c = compare_runs(a.s + i, na, b.s + j, nb);
		else
			c = (unsigned char)a.s[i] - (unsigned char)b.s[j];
		if (c)
			return c;
		i += na && nb ? na : 1;
		j += na && nb ? nb : 1;
	}
	if (i < a.n || j < b.n)
		return i < a.n ? 1 : -1;
	/* "1" and "01" are not one */
	c = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_kind(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return natural(a->kind, b->kind);
}

static int by_layer(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	int c = natural(a->path, b->path);

	c = c ? c : natural(a->layer, b->layer);
	return c ? c : (a->column > b->column) - (a->column < b->column);
}

/* ---- rows and columns ---- */

static void read_items(struct map *m)
{
	const struct diff_page *d = m->h->d;
	size_t i;

	for (i = 0; i < m->n; i++) {
		const strata_diff_tensor *t = entry_tensor(&d->tensors[i]);
		size_t at = layer_length(t->name, t->name_len);
		struct item *x = &m->items[i];

		*x = (struct item){ .entry = i };
		x->path = (struct span){ d->tensors[i].path, strlen(d->tensors[i].path) };
		x->layer = (struct span){ t->name, at };
		if (at < t->name_len)
			x->kind = (struct span){ t->name + at + 1, t->name_len - at - 1 };
		else
			x->kind = (struct span){ "", 0 };
		x->kind = without_weight(x->kind);
	}
}

/* Numbers the items' kinds in natural order; returns how many there are. */
static size_t number_columns(struct map *m)
{
	size_t i, c = 0;

	qsort(m->items, m->n, sizeof(*m->items), by_kind);
	for (i = 0; i < m->n; i++) {
		c += i && by_kind(&m->items[i - 1], &m->items[i]) != 0;
		m->items[i].column = c;
	}
	return c + 1;
}

static bool star_kinds(struct map *m)
{
	size_t i, room = 1, at = 0;

	for (i = 0; i < m->n; i++)
		room += m->items[i].kind.n;
	m->kinds = malloc(room);
	if (!m->kinds)
		return false;
	for (i = 0; i < m->n; i++) {
		size_t n = starred(m->kinds + at, m->items[i].kind);

		m->items[i].kind = (struct span){ m->kinds + at, n };
		at += n;
	}
	return true;
}

struct popular {
	size_t column, n;
};

static int by_popularity(const void *x, const void *y)
{
	const struct popular *a = x, *b = y;

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return (a->column > b->column) - (a->column < b->column);
}

/* Keeps the columns with most tensors, in their order; the others become one. Items are by kind. */
static bool join_columns(struct map *m, size_t columns)
{
	struct popular *p = calloc(columns, sizeof(*p));
	size_t *to = calloc(columns, sizeof(*to));
	size_t i, c = 0;

	if (!p || !to) {
		free(p);
		free(to);
		return false;
	}
	for (i = 0; i < columns; i++)
		p[i].column = i;
	for (i = 0; i < m->n; i++)
		p[m->items[i].column].n++;
	qsort(p, columns, sizeof(*p), by_popularity);
	for (i = 0; i + 1 < MAX_COLUMNS; i++)
		to[p[i].column] = 1;
	for (i = 0; i < columns; i++)
		to[i] = to[i] ? c++ : MAX_COLUMNS - 1;
	for (i = 0; i < m->n; i++) {
		m->items[i].column = to[m->items[i].column];
		if (m->items[i].column == MAX_COLUMNS - 1)
			m->items[i].kind = (struct span){ "others", 6 };
	}
	free(p);
	free(to);
	return true;
}

static bool make_columns(struct map *m)
{
	size_t i, columns = number_columns(m);

	if (columns > MAX_COLUMNS || m->n > MANY_TENSORS) {
		if (!star_kinds(m))
			return false;
		columns = number_columns(m);
	}
	if (columns > MAX_COLUMNS) {
		if (!join_columns(m, columns))
			return false;
		columns = MAX_COLUMNS;
	}
	m->columns = columns;
	m->column_names = calloc(columns, sizeof(*m->column_names));
	for (i = 0; m->column_names && i < m->n; i++)
		m->column_names[m->items[i].column] = m->items[i].kind;
	return m->column_names;
}

static bool same_layer(const struct item *a, const struct item *b)
{
	return natural(a->path, b->path) == 0 && natural(a->layer, b->layer) == 0;
}

static bool make_rows(struct map *m)
{
	size_t limit = m->n > MANY_TENSORS ? MANY_ROWS : MAX_ROWS, layers = 1, join, i, r = 0;

	qsort(m->items, m->n, sizeof(*m->items), by_layer);
	for (i = 1; i < m->n; i++)
		layers += !same_layer(&m->items[i - 1], &m->items[i]);
	join = (layers + limit - 1) / limit;
	m->rows = (layers + join - 1) / join;
	m->joined = join > 1;
	m->row_first = calloc(m->rows, sizeof(*m->row_first));
	m->row_last = calloc(m->rows, sizeof(*m->row_last));
	if (!m->row_first || !m->row_last)
		return false;
	for (i = 0; i < m->n; i++) {
		struct item *x = &m->items[i];

		r += i && !same_layer(x - 1, x);
		x->row = r / join;
		if (!m->row_first[x->row])
			m->row_first[x->row] = x;
		m->row_last[x->row] = x;
	}
	return true;
}

/* ---- cells ---- */

static enum what what_of(const strata_diff_entry *t)
{
	if (!t->a)
		return ADDED;
	if (!t->b)
		return REMOVED;
	if (strcmp(t->status, "unchanged") == 0)
		return SAME;
	if (!t->figures)
		return strcmp(t->status, "renamed") == 0 ? SAME : UNLIKE;
	return t->figures->changed || t->figures->mad > 0 ? CHANGED : SAME;
}

/* What is undefined counts as most, but where nothing moved: 0.0 is now -0.0. */
static double rank_of(const strata_diff_figures *f)
{
	if (f->mad == 0)
		return 0;
	return isnan(f->rel_l2) ? INFINITY : f->rel_l2;
}

static void add_to_cell(struct map *m, const struct item *x)
{
	struct cell *c = &m->cells[x->row * m->columns + x->column];
	const strata_diff_entry *t = &m->h->d->tensors[x->entry];
	enum what w = what_of(t);
	double rel = w == CHANGED ? rank_of(t->figures) : w == SAME ? -2 : -1;

	if (!c->total || rel > c->rel) {
		c->rel = rel;
		c->top = x->entry;
	}
	c->n[w]++;
	c->total++;
	if (rel > 0 && isfinite(rel)) {
		m->low = fmin(m->low, log10(rel));
		m->high = fmax(m->high, log10(rel));
	}
}

static bool make_cells(struct map *m)
{
	size_t i;

	m->cells = calloc(m->rows * m->columns, sizeof(*m->cells));
	if (!m->cells)
		return false;
	m->low = INFINITY;
	m->high = -INFINITY;
	for (i = 0; i < m->n; i++)
		add_to_cell(m, &m->items[i]);
	if (m->low > m->high) {
		m->low = -5;
		m->high = 0;
	}
	/* Half decades, and never less than one decade from end to end. */
	m->low = floor(m->low * 2) / 2;
	m->high = ceil(m->high * 2) / 2;
	if (m->high - m->low < 1)
		m->high = m->low + 1;
	return true;
}

static int step_of(const struct map *m, double rel)
{
	double at = (log10(rel) - m->low) / (m->high - m->low) * STEPS;

	return at >= STEPS - 1 ? STEPS - 1 : at > 0 ? (int)at : 0;
}

static void put_figures(struct html *h, const strata_diff_entry *t)
{
	const strata_diff_figures *f = t->figures;

	h_printf(h, "\n%s", t->status);
	if (f)
		h_printf(h, ", %s of the elements\nrelative L2 %s, D %s",
			 percent_text(f->changed, f->numel).s, number_text(f->rel_l2, 3).s,
			 number_text(f->mad, 3).s);
}

static void put_title(struct html *h, const struct cell *c)
{
	static const char *const words[NWHAT] = { "unchanged", "changed", "of another shape",
						  "added", "removed" };
	const strata_diff_entry *t = &h->d->tensors[c->top];
	const strata_diff_tensor *x = entry_tensor(t);
	const char *comma = "";
	int w;

	if (c->total > 1) {
		h_printf(h, "%zu tensors: ", c->total);
		for (w = 0; w < NWHAT; w++) {
			if (!c->n[w])
				continue;
			h_printf(h, "%s%zu %s", comma, c->n[w], words[w]);
			comma = ", ";
		}
		h_put(h, "\nmost of all ");
	}
	h_name(h, x->name, x->name_len);
	put_figures(h, t);
}

static void put_cell(struct map *m, const struct cell *c)
{
	struct html *h = m->h;
	bool changed = c->n[CHANGED], apart = c->n[UNLIKE] || (c->n[ADDED] && c->n[REMOVED]);
	const char *class, *text;
	char step[16];

	if (!c->total) {
		h_put(h, "<td class=\"none\"></td>");
		return;
	}
	snprintf(step, sizeof(step), "h%d", changed && c->rel > 0 ? step_of(m, c->rel) : 0);
	class = changed	      ? (c->rel > 0 ? step : "same") :
		apart	      ? "unlike" :
		c->n[ADDED]   ? "plus" :
		c->n[REMOVED] ? "minus" :
				"same";
	text = apart ? "\u2260" : c->n[ADDED] ? "+" : c->n[REMOVED] ? "\u2212" : "\u00b7";
	h_printf(h, "<td class=\"%s\" title=\"", class);
	put_title(h, c);
	h_printf(h, "\"><a href=\"#t%zu\">%s</a></td>", c->top,
		 changed ? number_text(h->d->tensors[c->top].figures->rel_l2, 0).s : text);
}

/* ---- the table ---- */

static void put_layer(struct map *m, const struct item *x, bool path)
{
	struct html *h = m->h;

	if (path) {
		h_path(h, x->path.s);
		h_put(h, " \u203a ");
	}
	h_label(h, x->layer.s, x->layer.n);
}

static void put_row(struct map *m, size_t r)
{
	struct html *h = m->h;
	const struct item *first = m->row_first[r], *last = m->row_last[r];
	bool path = h->many && m->joined;
	size_t c;

	if (h->many && !m->joined && (r == 0 || natural(first->path, m->row_first[r - 1]->path))) {
		h_printf(h, "<tr><th class=\"path\" colspan=\"%zu\" scope=\"colgroup\">",
			 m->columns + 1);
		h_path(h, first->path.s);
		h_put(h, "</th></tr>\n");
	}
	h_put(h, "<tr><th scope=\"row\"><div>");
	put_layer(m, first, path);
	if (!same_layer(first, last)) {
		h_put(h, " \u2013 ");
		put_layer(m, last, path);
	}
	h_put(h, "</div></th>");
	for (c = 0; c < m->columns; c++)
		put_cell(m, &m->cells[r * m->columns + c]);
	h_put(h, "</tr>\n");
}

static void put_legend(struct map *m)
{
	struct html *h = m->h;
	int i, digits = m->high - m->low < 3 ? 2 : 0;

	h_put(h, "<p class=\"legend\" id=\"scale\"><span>relative L2 from:</span>");
	for (i = 0; i < STEPS; i++)
		h_printf(h, " <span class=\"h%d\">%s</span>", i,
			 number_text(pow(10, m->low + i * (m->high - m->low) / STEPS), digits).s);
	h_put(h, "<br><span class=\"same\">\u00b7</span> unchanged "
		 "<span class=\"plus\">+</span> added <span class=\"minus\">\u2212</span> removed "
		 "<span class=\"unlike\">\u2260</span> another shape</p>\n");
}

static void put_map(struct map *m)
{
	struct html *h = m->h;
	size_t i;

	h_put(h, "<section aria-labelledby=\"map\">\n<h2 id=\"map\">Layers by change</h2>\n");
	put_legend(m);
	h_printf(h,
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"map\">\n"
		 "<table class=\"heat%s\" aria-describedby=\"scale\">\n<thead><tr>"
		 "<th scope=\"col\">layer</th>",
		 m->columns > DENSE_COLUMNS ? " dense" : "");
	for (i = 0; i < m->columns; i++) {
		h_put(h, "<th scope=\"col\"><span>");
		if (m->column_names[i].n)
			h_name(h, m->column_names[i].s, m->column_names[i].n);
		else
			h_put(h, "(itself)");
		h_put(h, "</span></th>");
	}
	h_put(h, "</tr></thead>\n<tbody>\n");
	for (i = 0; i < m->rows; i++)
		put_row(m, i);
	h_put(h, "</tbody>\n</table>\n</div>\n</section>\n");
}

void html_heat_map(struct html *h)
{
	struct map m = { .h = h, .n = h->d->ntensors };

	if (!m.n)
		return;
	m.items = calloc(m.n, sizeof(*m.items));
	if (m.items)
		read_items(&m);
	if (m.items && make_columns(&m) && make_rows(&m) && make_cells(&m))
		put_map(&m);
	else
		h->nomem = true;
	free(m.items);
	free(m.kinds);
	free(m.row_first);
	free(m.row_last);
	free(m.column_names);
	free(m.cells);
}
