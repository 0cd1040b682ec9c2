/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reflist.h"

void ref_table(struct table *t)
{
	static const struct column columns[] = {
		{ NULL, false, COLOR_NAME },
		{ NULL, false, COLOR_BOLD },
		{ NULL, false, COLOR_ID },
		{ NULL, false, COLOR_NONE },
	};

	table_init(t, columns, sizeof(columns) / sizeof(*columns));
}

static void first_line(struct table *t, const char *s)
{
	size_t n = strcspn(s, "\n");
	char *line = strndup(s, n), *p;

	for (p = line; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	table_text(t, line ? line : "");
	free(line);
}

void ref_cells(struct table *t, const struct ref_row *row, const char *mark)
{
	char *name = name_quoted(row->name, strlen(row->name)), *shown = NULL;

	if (!name || asprintf(&shown, "%s%s", mark, name) < 0)
		shown = NULL;
	table_text(t, shown ? shown : "");
	free(shown);
	free(name);
	table_text(t, row->version);
	table_text(t, *row->commit ? human_id(row->commit).s : "");
	first_line(t, row->message);
}

static void text_or_null(strata_json *j, const char *key, const char *s)
{
	jk_text(j, key, *s ? s : NULL);
}

void ref_json(strata_json *j, const struct ref_row *row)
{
	text_or_null(j, "commit", row->commit);
	text_or_null(j, "version", row->version);
	text_or_null(j, "author", row->author);
	text_or_null(j, "time", row->time);
	/* what a version says may be empty, what nobody said is null */
	jk_text(j, "message", *row->time ? row->message : NULL);
}

void ref_deleted(const struct ref_row *row)
{
	printf("deleted %s ", row->kind);
	name_put(stdout, row->name);
	printf(" (was %s%s%s)\n", row->version, *row->version ? " " : "", human_id(row->commit).s);
}
