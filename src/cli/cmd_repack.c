/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool max, json;
};

static const struct cli_option options[] = {
	{ 0, "max", OPT_FLAG, offsetof(struct values, max), NULL,
	  "code everything anew, as small as it gets; slow" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_repack = {
	.args = "",
	.options = options,
	.text = "Stores in less room what was added with 'strata add --fast' or the setting\n"
		"store.mode=fast: tensors as differences from their earlier versions where these\n"
		"are smaller. No version changes. add and commit wait while it runs.",
	.examples = "strata repack\n"
		    "after a training run whose checkpoints were added fast\n"
		    "strata repack --max\n"
		    "before a repository is put away\n",
};

static void show_text(const strata_repack_result *r)
{
	if (!r->objects) {
		puts("nothing to repack");
		return;
	}
	printf("repacked %s object%s\npacks    %s -> %s\nstored   %s -> %s\n",
	       human_number(r->objects).s, plural(r->objects), human_number(r->packs_before).s,
	       human_number(r->packs_after).s, human_bytes(r->bytes_before).s,
	       human_bytes(r->bytes_after).s);
}

static void show_json(struct cli *c, const strata_repack_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_u64(j, "objects", r->objects);
	jk_u64(j, "packs_before", r->packs_before);
	jk_u64(j, "packs_after", r->packs_after);
	jk_u64(j, "bytes_before", r->bytes_before);
	jk_u64(j, "bytes_after", r->bytes_after);
	strata_json_end_object(j);
	cli_emit(c);
}

int cmd_repack(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_repack_options o = { 0 };
	strata_repack_result result;
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc != STRATA_OK)
		return rc;
	o.max = v.max;
	rc = strata_repack(c->repo, &o, &result, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.json)
		show_json(c, &result);
	else if (!c->g.quiet)
		show_text(&result);
	return STRATA_OK;
}
