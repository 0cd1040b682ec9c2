/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

void table_init(struct table *t, const struct column *columns, size_t n)
{
	*t = (struct table){ .columns = columns, .ncolumns = n };
}

void table_release(struct table *t)
{
	size_t i;

	for (i = 0; i < t->ncells; i++)
		free(t->cells[i]);
	free(t->cells);
}

static void take_cell(struct table *t, char *s)
{
	if (!s || !cli_grow(&t->cells, &t->cap, t->ncells + 1, sizeof(*t->cells))) {
		t->failed = true;
		free(s);
		return;
	}
	t->cells[t->ncells++] = s;
}

void table_text(struct table *t, const char *s)
{
	take_cell(t, strdup(s));
}

void table_name(struct table *t, const char *s, size_t len)
{
	take_cell(t, name_quoted(s, len));
}

static size_t cell_width(const char *s)
{
	return text_width(s, strlen(s));
}

static void measure(const struct table *t, size_t *width)
{
	size_t i, w, k;

	for (k = 0; k < t->ncolumns; k++)
		width[k] = t->columns[k].title ? strlen(t->columns[k].title) : 0;
	for (i = 0; i < t->ncells; i++) {
		w = cell_width(t->cells[i]);
		k = i % t->ncolumns;
		if (w > width[k])
			width[k] = w;
	}
}

static void pad(size_t n)
{
	for (; n; n--)
		fputc(' ', stdout);
}

static bool is_hidden(const struct table *t, size_t k)
{
	return k < TABLE_HIDES && t->hidden >> k & 1;
}

static const char *cell(const struct table *t, char *const *cells, size_t k)
{
	const char *title = t->columns[k].title;

	if (is_hidden(t, k))
		return "";
	return cells ? cells[k] : title ? title : "";
}

/* cells NULL: the headings. Nothing is filled up with blanks behind the last text of a row. */
static void print_row(const struct table *t, const struct cli *c, char *const *cells,
		      const size_t *width)
{
	size_t k, end = t->ncolumns, w, gap = 0;

	while (end && !*cell(t, cells, end - 1))
		end--;
	for (k = 0; k < end; k++) {
		const struct column *col = &t->columns[k];
		const char *s = cell(t, cells, k);
		enum color paint = cells ? col->color : COLOR_DIM;

		if (is_hidden(t, k))
			continue;
		w = cell_width(s);
		pad(gap + (col->right ? width[k] - w : 0));
		gap = 2 + (col->right ? 0 : width[k] - w);
		if (*s)
			printf("%s%s%s", color_on(c, paint), s, color_off(c, paint));
	}
	fputc('\n', stdout);
}

int table_print(struct table *t, struct cli *c, strata_error *err)
{
	size_t *width = t->failed ? NULL : calloc(t->ncolumns, sizeof(*width));
	bool titles = false;

	if (!width)
		return cli_fail(err, STRATA_ENOMEM, "out of memory for the listing");
	measure(t, width);
	for (size_t i = 0; i < t->ncolumns; i++)
		titles = titles || t->columns[i].title;
	if (titles && t->ncells)
		print_row(t, c, NULL, width);
	for (size_t i = 0; i + t->ncolumns <= t->ncells && !cli_stop(c); i += t->ncolumns)
		print_row(t, c, t->cells + i, width);
	free(width);
	return STRATA_OK;
}
