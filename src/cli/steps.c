/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/steps.h"

#include "cli/diff_text.h"

#include <math.h>

#define WIDTH 80

void step_json_name(strata_json *j, const strata_tensor_step *s)
{
	jk_name(j, "path", s->path);
	strata_json_name(j, "name", s->name, s->name_len);
}

static void count(strata_json *j, const char *key, const strata_diff_figures *f, uint64_t n)
{
	strata_json_key(j, key);
	f ? strata_json_u64(j, n) : strata_json_null(j);
}

void step_json_figures(strata_json *j, const strata_tensor_step *s)
{
	static const char *const keys[] = { "mad", "l2", "cosine" };
	const strata_diff_figures *f = s->figures;
	const double values[] = { f ? f->mad : NAN, f ? f->l2 : NAN, f ? f->cosine : NAN };

	jk_text(j, "status", s->status);
	count(j, "changed", f, f ? f->changed : 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		strata_json_key(j, keys[i]);
		f ? strata_json_real(j, values[i]) : strata_json_null(j);
	}
	count(j, "nonfinite", f, f ? f->nonfinite : 0);
}

void steps_json(strata_json *j, const strata_tensor_step *s, size_t n)
{
	strata_json_key(j, "steps");
	strata_json_array(j);
	for (size_t i = 0; i < n; i++) {
		strata_json_object(j);
		step_json_name(j, &s[i]);
		step_json_figures(j, &s[i]);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
}

static const char *mark(const strata_tensor_step *s)
{
	return *s->status == 'a' ? "A" : *s->status == 'r' ? "D" : "M";
}

/* Those of one path. The name comes last and has what is left of the line. */
static int print_path(struct cli *c, const strata_tensor_step *s, size_t n, bool values,
		      strata_error *err)
{
	static const struct column columns[] = {
		{ NULL, false, COLOR_NONE }, { NULL, false, COLOR_BOLD },
		{ NULL, true, COLOR_NONE },  { NULL, true, COLOR_NONE },
		{ NULL, true, COLOR_NONE },  { NULL, false, COLOR_NAME },
	};
	static const struct column titled[] = {
		{ NULL, false, COLOR_NONE },	{ NULL, false, COLOR_BOLD },
		{ "D", true, COLOR_NONE },	{ "L2", true, COLOR_NONE },
		{ "cosine", true, COLOR_NONE }, { "tensor", false, COLOR_NAME },
	};
	size_t room = WIDTH - 4 - 3 - (values ? 30 : 0);
	struct table t;
	int rc;

	table_init(&t, values ? titled : columns, 6);
	t.hidden = values ? 0 : 1U << 2 | 1U << 3 | 1U << 4;
	for (size_t i = 0; i < n; i++) {
		const strata_diff_figures *f = s[i].figures;
		char *name = diff_short(s[i].name, s[i].name_len, room);

		table_text(&t, "  ");
		table_text(&t, mark(&s[i]));
		table_text(&t, f ? diff_number(f->mad).s : "-");
		table_text(&t, f ? diff_number(f->l2).s : "-");
		table_text(&t, f ? diff_cosine(f->cosine).s : "-");
		table_name(&t, name ? name : "", name ? strlen(name) : 0);
		t.failed = t.failed || !name;
		free(name);
	}
	rc = table_print(&t, c, err);
	table_release(&t);
	return rc;
}

int steps_print(struct cli *c, const strata_tensor_step *s, size_t n, bool values,
		strata_error *err)
{
	size_t i, end;
	int rc = STRATA_OK;

	for (i = 0; rc == STRATA_OK && i < n; i = end) {
		for (end = i + 1; end < n && strcmp(s[end].path, s[i].path) == 0; end++)
			;
		fputs("  ", stdout);
		name_put(stdout, s[i].path);
		fputc('\n', stdout);
		rc = print_path(c, s + i, end - i, values, err);
	}
	return rc;
}
