/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

#define DEFAULT_AGE "2w"

struct values {
	const char *prune;
	bool dry_run, automatic, json;
};

static const struct cli_option options[] = {
	{ 0, "prune", OPT_TEXT, offsetof(struct values, prune), "AGE",
	  "let go what was unneeded for AGE: 30m, 12h, 14d, 2w (if not said), now" },
	{ 'n', "dry-run", OPT_FLAG, offsetof(struct values, dry_run), NULL,
	  "only say what would be removed" },
	{ 0, "auto", OPT_FLAG, offsetof(struct values, automatic), NULL,
	  "do nothing unless there are many small packs" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_gc = {
	.args = "",
	.options = options,
	.text = "Removes stored objects that no version, branch, staged file or recent operation\n"
		"needs, and merges small packs into large ones. What a version needs is never\n"
		"removed. Other commands may run at the same time.",
	.examples = "strata gc\n"
		    "tidy up\n"
		    "strata gc --prune=now --dry-run\n"
		    "how much could go\n",
};

static void show_text(const strata_gc_result *r, bool dry_run)
{
	if (!r->ran && !dry_run) {
		puts("nothing to tidy up");
		return;
	}
	printf("%s %s object%s, %s\n", dry_run ? "would remove" : "removed",
	       human_number(r->removed_objects).s, plural(r->removed_objects),
	       human_bytes(r->removed_bytes).s);
	if (!dry_run)
		printf("packs    %s -> %s\nstored   %s -> %s\n", human_number(r->packs_before).s,
		       human_number(r->packs_after).s, human_bytes(r->bytes_before).s,
		       human_bytes(r->bytes_after).s);
}

static void show_json(struct cli *c, const strata_gc_result *r, bool dry_run)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_bool(j, "ran", r->ran);
	jk_bool(j, "dry_run", dry_run);
	jk_u64(j, "removed_objects", r->removed_objects);
	jk_u64(j, "removed_bytes", r->removed_bytes);
	jk_u64(j, "packs_before", r->packs_before);
	jk_u64(j, "packs_after", r->packs_after);
	jk_u64(j, "bytes_before", r->bytes_before);
	jk_u64(j, "bytes_after", r->bytes_after);
	strata_json_end_object(j);
	cli_emit(c);
}

int cmd_gc(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_gc_options o = { 0 };
	strata_gc_result result;
	struct values v = { .prune = DEFAULT_AGE };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc == STRATA_OK && !parse_age(v.prune, &o.prune_age_seconds))
		rc = cli_fail(err, STRATA_EUSAGE,
			      "--prune is an age as 30m, 12h, 14d or 2w, or now; not '%s'",
			      v.prune);
	if (rc != STRATA_OK)
		return rc;
	o.dry_run = v.dry_run;
	o.automatic = v.automatic;
	rc = strata_gc(c->repo, &o, &result, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.json)
		show_json(c, &result, v.dry_run);
	else if (!c->g.quiet)
		show_text(&result, v.dry_run);
	return STRATA_OK;
}
