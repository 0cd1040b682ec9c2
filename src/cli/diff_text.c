/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_print.h"
#include "cli/tensors.h"

#define WIDTH DIFF_WIDTH
#define NAME_MIN 16

/* ---- what belongs to one path ---- */

static int by_path(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	int c = strcmp(a->path, b->path);

	return c ? c : a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int by_section(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static struct item *sort_items(const struct diff_collect *k, bool tensors, size_t *n)
{
	size_t all = k->nfiles + k->nsettings + k->ntensors, at = 0;
	struct item *v = reallocarray(NULL, all + 1, sizeof(*v));

	if (!v)
		return NULL;
	for (size_t i = 0; i < k->nfiles; i++, at++)
		v[at] = (struct item){ k->files[i].path, ITEM_FILE, i, at, 0 };
	for (size_t i = 0; i < k->nsettings; i++, at++)
		v[at] = (struct item){ k->settings[i].path, ITEM_SETTING, i, at, 0 };
	for (size_t i = 0; tensors && i < k->ntensors; i++, at++)
		v[at] = (struct item){ k->tensors[i].path, ITEM_TENSOR, i, at, 0 };
	*n = at;
	if (at)
		qsort(v, at, sizeof(*v), by_path);
	for (size_t i = 0; i < at; i++)
		v[i].first = i && strcmp(v[i].path, v[i - 1].path) == 0 ? v[i - 1].first : v[i].seq;
	if (at)
		qsort(v, at, sizeof(*v), by_section);
	return v;
}

/* ---- figures ---- */

enum {
	COL_MARK,
	COL_NAME,
	COL_CHANGED,
	COL_MAD,
	COL_REL,
	COL_MAX,
	COL_COSINE,
	COL_ROWS,
	COL_RANK,
	NCOLS
};

static const struct column columns[NCOLS] = {
	[COL_MARK] = { NULL, false, COLOR_BOLD },
	[COL_NAME] = { "tensor", false, COLOR_NAME },
	[COL_CHANGED] = { "changed", true, COLOR_NONE },
	[COL_MAD] = { "D", true, COLOR_NONE },
	[COL_REL] = { "rel L2", true, COLOR_NONE },
	[COL_MAX] = { "max", true, COLOR_NONE },
	[COL_COSINE] = { "cosine", true, COLOR_NONE },
	[COL_ROWS] = { "rows", true, COLOR_NONE },
	[COL_RANK] = { "rank", true, COLOR_NONE },
};

/* With the shape of the change beside them, two figures make room. */
static unsigned hidden_columns(const struct diff_view *v)
{
	return v->rank ? 1U << COL_MAX | 1U << COL_COSINE : 1U << COL_ROWS | 1U << COL_RANK;
}

static const char *mark_of(const struct printing *p, const strata_diff_entry *t)
{
	static const char *const marks[][3] = {
		{ "changed", "M", "M*" }, { "renamed", "R", "R*" },   { "reshaped", "S", "S*" },
		{ "retyped", "T", "T*" }, { "unchanged", "=", "=*" }, { "added", "A", "A*" },
		{ "removed", "D", "D*" },
	};
	bool above = p->v->epsilon && t->change_point;

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strcmp(t->status, marks[i][0]) == 0)
			return marks[i][1 + above];
	return "?";
}

static human rank_text(const strata_diff_figures *f)
{
	human h;

	if (!f->rank)
		snprintf(h.s, sizeof(h.s), "-");
	else
		snprintf(h.s, sizeof(h.s), "%s%" PRIu64, f->rank_more ? ">" : "", f->rank);
	return h;
}

uint64_t diff_elements(const strata_diff_entry *t)
{
	const strata_diff_tensor *x = t->b ? t->b : t->a;
	uint64_t n = t->figures ? t->figures->numel + t->figures->nonfinite : 0;

	if (n)
		return n;
	n = 1; /* of a type that is no number */
	for (unsigned i = 0; i < x->ndim; i++)
		n *= x->shape[i];
	return n;
}

static void fill_cells(human cell[NCOLS], const struct printing *p, const strata_diff_entry *t)
{
	const strata_diff_figures *f = t->figures;

	snprintf(cell[COL_MARK].s, sizeof(cell->s), "%s", mark_of(p, t));
	cell[COL_NAME].s[0] = 0;
	cell[COL_CHANGED] = diff_share(f->changed, diff_elements(t));
	cell[COL_MAD] = diff_number(f->mad);
	cell[COL_REL] = diff_number(f->rel_l2);
	cell[COL_MAX] = diff_number(f->max_abs);
	cell[COL_COSINE] = diff_cosine(f->cosine);
	cell[COL_ROWS] = diff_share(f->rows_changed, f->rows);
	cell[COL_RANK] = rank_text(f);
}

static const strata_diff_entry *tensor_at(const struct printing *p, size_t i)
{
	return p->items[i].kind == ITEM_TENSOR ? &p->k->tensors[p->items[i].i] : NULL;
}

static bool has_figures(const strata_diff_entry *t)
{
	/* What was renamed and nothing else is told in words. */
	return t && t->figures &&
	       (strcmp(t->status, "renamed") != 0 || t->figures->changed || t->figures->mad > 0);
}

/* Columns that are left for the name. */
static size_t name_room(const struct printing *p, unsigned hidden)
{
	size_t width[NCOLS] = { 0 }, used = 0, w;
	human cell[NCOLS];

	for (size_t k = 0; k < NCOLS; k++)
		width[k] = columns[k].title && k != COL_NAME ? strlen(columns[k].title) : 0;
	for (size_t i = 0; i < p->n; i++) {
		if (!has_figures(tensor_at(p, i)))
			continue;
		fill_cells(cell, p, tensor_at(p, i));
		for (size_t k = 0; k < NCOLS; k++) {
			w = strlen(cell[k].s);
			width[k] = w > width[k] ? w : width[k];
		}
	}
	for (size_t k = 0; k < NCOLS; k++)
		if (k != COL_NAME && !(hidden >> k & 1))
			used += width[k] + 2;
	return used + NAME_MIN < WIDTH ? WIDTH - used : NAME_MIN;
}

static void put_name(struct table *t, const char *s, size_t len, size_t room)
{
	char *name = diff_short(s, len, room);

	if (name)
		table_text(t, name);
	else
		t->failed = true;
	free(name);
}

/* In a table of several files a tensor's name follows its file's. */
static void put_tensor(struct table *t, const struct printing *p, const strata_diff_entry *en,
		       size_t room)
{
	const strata_diff_tensor *x = en->b ? en->b : en->a;
	bool files = p->v->sorted && p->k->total.files > 1;
	char *whole = NULL;
	int n;

	if (!files) {
		put_name(t, x->name, x->name_len, room);
		return;
	}
	n = asprintf(&whole, "%s::%.*s", en->path, (int)x->name_len, x->name);
	if (n < 0)
		t->failed = true;
	else
		put_name(t, whole, (size_t)n, room);
	free(n < 0 ? NULL : whole);
}

static int figures(struct printing *p)
{
	unsigned hidden = hidden_columns(p->v);
	size_t room = name_room(p, hidden);
	human cell[NCOLS];
	struct table t;
	int rc;

	table_init(&t, columns, NCOLS);
	t.hidden = hidden;
	for (size_t i = 0; i < p->n; i++) {
		const strata_diff_entry *en = tensor_at(p, i);

		if (!has_figures(en))
			continue;
		fill_cells(cell, p, en);
		for (size_t k = 0; k < NCOLS; k++) {
			if (k == COL_NAME)
				put_tensor(&t, p, en, room);
			else
				table_text(&t, cell[k].s);
		}
	}
	rc = table_print(&t, p->c, p->err);
	table_release(&t);
	return rc;
}

/* ---- words ---- */

static void type_text(char *out, size_t room, const strata_diff_tensor *x, bool dtype, bool shape)
{
	const strata_tensor t = { .ndim = x->ndim, .shape = x->shape };
	int n = dtype ? snprintf(out, room, "%s%s", x->dtype, shape ? " " : "") : 0;

	if (shape)
		tensor_shape(out + n, room - (size_t)n, &t);
}

/* The word, the name, and what is to be said of it: behind the name, or below it. */
static void line_of_words(const struct printing *p, const char *word, const strata_diff_tensor *x,
			  const char *detail)
{
	size_t d = text_width(detail, strlen(detail)), w;
	char *name = diff_short(x->name, x->name_len, WIDTH - 11);

	w = name ? text_width(name, strlen(name)) : 0;
	printf("%-9s  %s%s%s", word, color_on(p->c, COLOR_NAME), name ? name : "?",
	       color_off(p->c, COLOR_NAME));
	if (*detail && 11 + w + 2 + d <= WIDTH)
		printf("  %s", detail);
	else if (*detail)
		printf("\n%11s%s", "", detail);
	fputc('\n', stdout);
	free(name);
}

static void renamed(const struct printing *p, const strata_diff_entry *t)
{
	char *old = diff_short(t->a->name, t->a->name_len, WIDTH - 15), *text = NULL;

	if (old && asprintf(&text, "was %s", old) < 0)
		text = NULL;
	line_of_words(p, "renamed", t->b, text ? text : "");
	if (*t->note)
		printf("%11s%s\n", "", t->note);
	free(old);
	free(text);
}

static void reshaped_text(char *out, size_t room, const strata_diff_entry *t)
{
	bool types = strcmp(t->a->dtype, t->b->dtype) != 0;
	bool shapes = t->a->ndim != t->b->ndim ||
		      (t->a->ndim &&
		       memcmp(t->a->shape, t->b->shape, t->a->ndim * sizeof(*t->a->shape)) != 0);
	char from[160], to[160];

	type_text(from, sizeof(from), t->a, types || !shapes, shapes);
	type_text(to, sizeof(to), t->b, types || !shapes, shapes);
	snprintf(out, room, "%s -> %s%s%s", from, to, *t->note ? ", " : "", t->note);
}

#define GROUPS 32
#define GROUP_MIN 4 /* from so many on that say the same one line is enough */

struct groups { /* what many tensors have in common: "f32 -> bf16, rounded to bf16" */
	struct group {
		char text[400];
		uint64_t n;
		bool told;
	} g[GROUPS];
	size_t n;
};

static struct group *group_of(struct groups *all, const char *text)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->g[i].text, text) == 0)
			return &all->g[i];
	return NULL;
}

static void count_groups(const struct printing *p, struct groups *all)
{
	char text[400];
	struct group *g;

	for (size_t i = 0; i < p->n; i++) {
		const strata_diff_entry *t = tensor_at(p, i);

		if (!t || strcmp(t->status, "retyped") != 0)
			continue;
		reshaped_text(text, sizeof(text), t);
		g = group_of(all, text);
		if (!g && all->n < GROUPS) {
			g = &all->g[all->n++];
			snprintf(g->text, sizeof(g->text), "%s", text);
		}
		if (g)
			g->n++;
	}
}

static void reshaped(const struct printing *p, const strata_diff_entry *t, struct groups *all)
{
	char text[400];
	struct group *g;

	reshaped_text(text, sizeof(text), t);
	g = strcmp(t->status, "retyped") == 0 ? group_of(all, text) : NULL;
	if (!g || g->n < GROUP_MIN) {
		line_of_words(p, t->status, t->b, text);
	} else if (!g->told) {
		printf("%-9s  %s tensors  %s\n", t->status, human_number(g->n).s, text);
		g->told = true;
	}
}

static void word(const struct printing *p, const strata_diff_entry *t, struct groups *all)
{
	const strata_diff_tensor *x = t->b ? t->b : t->a;
	char text[240];

	if (!t->a || !t->b) {
		type_text(text, sizeof(text), x, true, true);
		line_of_words(p, t->status, x, text);
	} else if (strcmp(t->status, "renamed") == 0) {
		renamed(p, t);
	} else if (strcmp(t->status, "reshaped") == 0 || strcmp(t->status, "retyped") == 0) {
		reshaped(p, t, all);
	}
	if (t->figures && t->figures->nonfinite) {
		snprintf(text, sizeof(text), "%s of %s elements",
			 human_number(t->figures->nonfinite).s, human_number(diff_elements(t)).s);
		line_of_words(p, "nonfinite", x, text);
	}
}

static void words(const struct printing *p)
{
	struct groups all = { 0 };

	count_groups(p, &all);
	for (size_t i = 0; i < p->n && !cli_stop(p->c); i++)
		if (tensor_at(p, i))
			word(p, tensor_at(p, i), &all);
}

/* ---- files ---- */

static void size_and_id(uint64_t size, const char *id)
{
	human h = human_id(id);

	printf("%s%s%s", human_bytes(size).s, *h.s ? " " : "", h.s);
}

void diff_heading(const struct cli *c, const char *path, const strata_diff_file *f)
{
	char *a = f && f->a_path ? name_quoted(f->a_path, strlen(f->a_path)) : NULL;
	char *b = name_quoted(path, strlen(path));
	size_t wide = a && b ? text_width(a, strlen(a)) + 4 + text_width(b, strlen(b)) : 0;

	fputs(color_on(c, COLOR_BOLD), stdout);
	if (a)
		printf("%s%s-> ", a, wide > WIDTH ? "\n" : " ");
	printf("%s%s", b ? b : "?", color_off(c, COLOR_BOLD));
	if (f && (strcmp(f->status, "added") == 0 || strcmp(f->status, "removed") == 0))
		printf(": %s%s%s", f->status, *diff_mode(f) ? ", " : "", diff_mode(f));
	else if (f && *diff_mode(f))
		printf(": %s", diff_mode(f));
	free(a);
	free(b);
}

/* Are tensors told one by one? Those of a file that is new or gone as a whole only with --all. */
static bool by_tensor(const struct printing *p, const strata_diff_file *f)
{
	bool one_sided = f && f->model &&
			 (strcmp(f->status, "added") == 0 || strcmp(f->status, "removed") == 0);

	for (size_t i = 0; one_sided && i < p->n; i++)
		if (tensor_at(p, i) && strcmp(tensor_at(p, i)->status, f->status) != 0)
			return true;
	return p->v->all || !one_sided;
}

/* Of a file of which nothing else is told: below a path, which may be long. */
static void sizes(const struct printing *p, const strata_diff_file *f)
{
	bool both = strcmp(f->status, "added") != 0 && strcmp(f->status, "removed") != 0;
	uint64_t tensors = 0;

	for (size_t i = 0; i < p->n; i++)
		tensors += p->items[i].kind == ITEM_TENSOR;
	if (both && *f->a_id && strcmp(f->a_id, f->b_id) == 0)
		return;
	if ((p->n > 1 && (!tensors || by_tensor(p, f))) || (f->model && p->v->sorted))
		return;
	fputs("\n  ", stdout);
	if (strcmp(f->status, "added") != 0)
		size_and_id(f->a_size, f->a_id);
	if (both)
		fputs(" -> ", stdout);
	if (strcmp(f->status, "removed") != 0)
		size_and_id(f->b_size, f->b_id);
	if (tensors)
		printf(", %s tensor%s", human_number(tensors).s, plural(tensors));
}

static int section(struct printing *p, bool first)
{
	const strata_diff_file *f = NULL;
	int rc;

	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].kind == ITEM_FILE)
			f = &p->k->files[p->items[i].i];
	if (!first)
		fputc('\n', stdout);
	diff_heading(p->c, p->items[0].path, f);
	if (f)
		sizes(p, f);
	fputc('\n', stdout);
	for (size_t i = 0; i < p->n && !cli_stop(p->c); i++)
		if (p->items[i].kind == ITEM_SETTING)
			diff_print_setting(p->c, &p->k->settings[p->items[i].i]);
	if (!by_tensor(p, f))
		return STRATA_OK;
	rc = figures(p);
	if (rc == STRATA_OK)
		words(p);
	return rc;
}

/* The next section of items, and behind it. */
static size_t section_end(const struct item *v, size_t first, size_t n)
{
	size_t i = first + 1;

	while (i < n && v[i].first == v[first].first)
		i++;
	return i;
}

static int sections(struct printing *p, const struct item *v, size_t n)
{
	size_t end;
	int rc = STRATA_OK;

	for (size_t i = 0; rc == STRATA_OK && i < n && !cli_stop(p->c); i = end) {
		end = section_end(v, i, n);
		p->items = v + i;
		p->n = end - i;
		rc = p->v->stat ? diff_stat_section(p, i == 0) : section(p, i == 0);
	}
	return rc;
}

/* In the order in which they were sorted, all files together. */
static int one_table(struct printing *p)
{
	struct item *v = reallocarray(NULL, p->k->ntensors + 1, sizeof(*v));
	int rc;

	if (!v)
		return cli_fail(p->err, STRATA_ENOMEM, "out of memory for the listing");
	for (size_t i = 0; i < p->k->ntensors; i++)
		v[i] = (struct item){ p->k->tensors[i].path, ITEM_TENSOR, i, i, 0 };
	p->items = v;
	p->n = p->k->ntensors;
	if (p->k->nfiles && p->n)
		fputc('\n', stdout);
	rc = figures(p);
	if (rc == STRATA_OK)
		words(p);
	free(v);
	return rc;
}

int diff_text(const struct diff_collect *k, const struct diff_view *v, strata_error *err)
{
	struct printing p = { .k = k, .v = v, .c = k->c, .err = err };
	size_t n;
	struct item *items = sort_items(k, !v->sorted, &n);
	int rc;

	if (!items)
		return cli_fail(err, STRATA_ENOMEM, "out of memory for the listing");
	rc = sections(&p, items, n);
	if (rc == STRATA_OK && v->sorted)
		rc = one_table(&p);
	free(items);
	if (rc == STRATA_OK)
		diff_totals(k, v);
	return rc;
}
