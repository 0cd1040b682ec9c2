/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

struct values {
	bool json;
};

static const struct cli_option options[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_version = {
	.args = "",
	.options = options,
	.text = "Shows the version of strata. With -v also the formats and codings this build\n"
		"knows and the libraries it was made with; --json always shows them.",
	.examples = "strata version -v\n"
		    "what to put into a bug report\n",
};

static void show_json(struct cli *c)
{
	const char *const *libs = strata_library_versions();
	const char *const *features = strata_features();
	strata_json *j = c->json;
	size_t n = 0;

	while (features[n])
		n++;
	strata_json_object(j);
	jk_text(j, "version", strata_version_string());
	jk_strings(j, "features", features, n);
	strata_json_key(j, "libraries");
	strata_json_object(j);
	for (; libs[0]; libs += 2)
		jk_text(j, libs[0], libs[1]);
	strata_json_end_object(j);
	strata_json_end_object(j);
	cli_emit(c);
}

static void show_more(void)
{
	const char *const *libs = strata_library_versions();
	const char *const *f = strata_features();

	fputs("features ", stdout);
	for (; *f; f++)
		printf(" %s", *f);
	fputs("\nlibraries", stdout);
	for (; libs[0]; libs += 2)
		printf(" %s %s%s", libs[0], libs[1], libs[2] ? "," : "");
	fputc('\n', stdout);
}

int cmd_version(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.json) {
		show_json(c);
		return STRATA_OK;
	}
	printf("strata %s\n", strata_version_string());
	if (c->g.verbose)
		show_more();
	return STRATA_OK;
}
