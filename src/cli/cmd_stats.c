/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool json;
};

static const struct cli_option options[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_stats = {
	.args = "[REV]",
	.options = options,
	.text = "Shows what the versions hold and what storing them takes: the bytes of all\n"
		"files of every version (logical), the bytes of the objects behind them, each\n"
		"counted once (stored), and their ratio; then the same by coding and by type of\n"
		"element. With REV of that version alone.",
	.examples = "strata stats\n"
		    "the whole history\n"
		    "strata stats v2\n"
		    "one version\n",
};

static const struct column columns[] = {
	{ "", false, COLOR_NONE },	 { "objects", true, COLOR_NONE },
	{ "logical", true, COLOR_NONE }, { "stored", true, COLOR_NONE },
	{ "ratio", true, COLOR_NONE },
};

static int text_tally(struct cli *c, const char *title, const strata_tally *t, size_t n,
		      strata_error *err)
{
	struct column own[5];
	struct table table;
	size_t i;
	int rc;

	if (n == 0)
		return STRATA_OK;
	memcpy(own, columns, sizeof(own));
	own[0].title = title;
	table_init(&table, own, 5);
	for (i = 0; i < n; i++) {
		table_text(&table, t[i].name);
		table_text(&table, human_number(t[i].objects).s);
		table_text(&table, human_bytes(t[i].logical).s);
		table_text(&table, human_bytes(t[i].stored).s);
		table_text(&table, t[i].stored ? human_ratio(t[i].logical, t[i].stored).s : "");
	}
	fputc('\n', stdout);
	rc = table_print(&table, c, err);
	table_release(&table);
	return rc;
}

struct stats {
	struct cli *c;
	strata_error *err;
	int rc;
};

static int show_text(void *arg, const strata_stats *s)
{
	struct stats *x = arg;

	printf("versions  %s\n", human_number(s->versions).s);
	printf("objects   %s in %s pack%s\n", human_number(s->objects).s, human_number(s->packs).s,
	       plural(s->packs));
	printf("logical   %s\n", human_bytes(s->logical_bytes).s);
	printf("stored    %s", human_bytes(s->stored_bytes).s);
	if (s->stored_bytes)
		printf("  (%s)", human_ratio(s->logical_bytes, s->stored_bytes).s);
	printf("\ndepth     %u\n", s->max_depth);
	printf("on disk   %s\n", human_bytes(s->disk_bytes).s);
	x->rc = text_tally(x->c, "coding", s->by_coding, s->ncodings, x->err);
	if (x->rc == STRATA_OK)
		x->rc = text_tally(x->c, "type", s->by_dtype, s->ndtypes, x->err);
	return cli_stop(x->c);
}

static void json_tally(strata_json *j, const char *key, const strata_tally *t, size_t n)
{
	size_t i;

	strata_json_key(j, key);
	strata_json_object(j);
	for (i = 0; i < n; i++) {
		strata_json_key(j, t[i].name);
		strata_json_object(j);
		jk_u64(j, "objects", t[i].objects);
		jk_u64(j, "logical_bytes", t[i].logical);
		jk_u64(j, "stored_bytes", t[i].stored);
		strata_json_end_object(j);
	}
	strata_json_end_object(j);
}

static int show_json(void *arg, const strata_stats *s)
{
	struct stats *x = arg;
	strata_json *j = x->c->json;

	strata_json_object(j);
	jk_u64(j, "versions", s->versions);
	jk_u64(j, "objects", s->objects);
	jk_u64(j, "packs", s->packs);
	jk_u64(j, "logical_bytes", s->logical_bytes);
	jk_u64(j, "stored_bytes", s->stored_bytes);
	strata_json_key(j, "ratio");
	if (s->stored_bytes)
		strata_json_real(j, s->ratio);
	else
		strata_json_null(j);
	jk_u64(j, "max_depth", s->max_depth);
	jk_u64(j, "disk_bytes", s->disk_bytes);
	json_tally(j, "by_coding", s->by_coding, s->ncodings);
	json_tally(j, "by_dtype", s->by_dtype, s->ndtypes);
	strata_json_end_object(j);
	return cli_emit(x->c);
}

int cmd_stats(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct stats x = { .c = c, .err = err };
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc == STRATA_OK)
		rc = strata_stats_get(c->repo, a.n ? a.v[0] : NULL, v.json ? show_json : show_text,
				      &x, err);
	return rc == STRATA_OK ? x.rc : rc;
}
