/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/conflicts.h"

struct values {
	bool ours, theirs, base, json;
	const char *method, *from, *side;
};

static const struct cli_option options[] = {
	{ 0, "ours", OPT_FLAG, offsetof(struct values, ours), NULL,
	  "as the branch that is checked out has it" },
	{ 0, "theirs", OPT_FLAG, offsetof(struct values, theirs), NULL,
	  "as the version that is merged has it" },
	{ 0, "side", OPT_TEXT, offsetof(struct values, side), "N",
	  "the same of the N-th version, where several are merged" },
	{ 0, "base", OPT_FLAG, offsetof(struct values, base), NULL,
	  "as the version that both come from has it" },
	{ 0, "method", OPT_TEXT, offsetof(struct values, method), "M",
	  "joined by a method, as in linear or ties:density=0.5" },
	{ 0, "from", OPT_TEXT, offsetof(struct values, from), "REV", "as this version has it" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_resolve = {
	.args = "GLOB...",
	.options = options,
	.text = "Decides conflicts of the merge that is under way: those whose tensor, key or file\n"
		"a glob matches, or whose PATH::NAME. 'strata status' lists them. The files are\n"
		"made anew, in the index and in the working tree, so that they can be tried before\n"
		"'strata merge --continue' makes the version. What was decided can be decided\n"
		"otherwise until then.\n"
		"\n"
		"A file that was edited instead is decided by 'strata add'.\n"
		"\n"
		"Exit status 7: no merge is under way, or a file that would be written has\n"
		"changes.",
	.examples = "strata resolve 'layers.*' --theirs\n"
		    "these tensors as the other branch has them\n"
		    "strata resolve '*' --method linear\n"
		    "the mean, of all that is in conflict\n",
};

static int choose(const struct values *v, strata_settle_options *o, char side[32],
		  strata_error *err)
{
	int n = v->ours + v->theirs + v->base + (v->method != NULL) + (v->from != NULL) +
		(v->side != NULL);
	uint64_t which;

	if (n != 1)
		return cli_fail(err, STRATA_EUSAGE,
				"say how, once: --ours, --theirs, --side N, --base, --method M or "
				"--from REV");
	if (v->side && (!parse_number(v->side, &which) || which > 99))
		return cli_fail(err, STRATA_EUSAGE, "--side: '%s' is no such number", v->side);
	if (v->side)
		snprintf(side, 32, "theirs %" PRIu64, which);
	o->from = v->from;
	o->how = v->ours ? "ours" : v->theirs ? "theirs" : v->base ? "base" : v->method;
	if (v->side)
		o->how = side;
	return STRATA_OK;
}

int cmd_resolve(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_settle_options o = { 0 };
	uint64_t settled, open;
	char side[32];
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc == STRATA_OK)
		rc = choose(&v, &o, side, err);
	if (rc == STRATA_OK)
		rc = strata_settle(c->repo, a.v, a.n, &o, &settled, &open, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.json) {
		strata_json_object(c->json);
		jk_u64(c->json, "decided", settled);
		jk_u64(c->json, "left", open);
		strata_json_end_object(c->json);
		cli_emit(c);
	} else if (!c->g.quiet) {
		printf("%s decided, %s left%s\n", human_number(settled).s, human_number(open).s,
		       open ? "" : ": 'strata merge --continue' ends the merge");
	}
	return STRATA_OK;
}
