/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/conflicts.h"

struct values {
	bool ours, theirs, base, nonfinite, json;
	const char *method, *from, *side, *vocab;
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
	{ 0, "vocab", OPT_TEXT, offsetof(struct values, vocab), "union",
	  "a row for every token of both; rows both changed go by --theirs, --method" },
	{ 0, "allow-nonfinite", OPT_FLAG, offsetof(struct values, nonfinite), NULL,
	  "methods may read NaN and infinity, until the merge ends" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_resolve = {
	.args = "GLOB...",
	.options = options,
	.text = "Decides conflicts of the merge, cherry-pick or revert that is under way: those\n"
		"whose tensor, key or file a glob matches, or whose PATH::NAME. 'strata status'\n"
		"lists them. The files are made anew, in the index and in the working tree, so that\n"
		"they can be tried before --continue makes the version. What was decided can be\n"
		"decided otherwise until then. Theirs is the version that is merged or\n"
		"cherry-picked, or of a revert the one before that is taken back.\n"
		"\n"
		"--method goes for conflicts that a method can join, and leaves others that a glob\n"
		"matches. --vocab union joins vocabularies that grew on both sides, by token: the\n"
		"tokenizer's files, the tensors with a row a token, and what configurations say of\n"
		"them, of one folder all at once. Tokens of this branch keep their ids, those that\n"
		"only the other one has come behind them. Rows that both changed are this branch's,\n"
		"or as --theirs or --method says.\n"
		"\n"
		"A file that was edited instead is decided by 'strata add', and stays as it was\n"
		"staged, as do files without conflicts: only its own path decides it anew.\n"
		"\n"
		"Exit status 7: no merge is under way, or a file that would be written has\n"
		"changes, or was staged by hand.",
	.examples = "strata resolve 'layers.*' --theirs\n"
		    "these tensors as the other branch has them\n"
		    "strata resolve '*' --method linear\n"
		    "the mean, of all tensors that a method can join\n"
		    "strata resolve '*embed*' --vocab union\n"
		    "the tokens of both vocabularies\n",
};

/* Rows that both changed are ours's unless something else is said. */
static int choose_union(const struct values *v, strata_settle_options *o, char **text,
			strata_error *err)
{
	if (strcmp(v->vocab, "union") != 0)
		return cli_fail(err, STRATA_EUSAGE, "--vocab: 'union' is all there is, not '%s'",
				v->vocab);
	if (v->base || v->from || v->side || v->ours + v->theirs + (v->method != NULL) > 1)
		return cli_fail(err, STRATA_EUSAGE,
				"--vocab union goes with --ours, --theirs or --method M");
	if (asprintf(text, "union %s", v->theirs ? "theirs" : v->method ? v->method : "ours") < 0)
		return cli_fail(err, STRATA_ENOMEM, "out of memory");
	o->how = *text;
	return STRATA_OK;
}

static int choose(const struct values *v, strata_settle_options *o, char side[32], char **text,
		  strata_error *err)
{
	int n = v->ours + v->theirs + v->base + (v->method != NULL) + (v->from != NULL) +
		(v->side != NULL);
	uint64_t which;

	if (v->vocab)
		return choose_union(v, o, text, err);
	if (n != 1)
		return cli_fail(err, STRATA_EUSAGE,
				"say how, once: --ours, --theirs, --side N, --base, --method M or "
				"--from REV, or --vocab union");
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

static int show_end(void *arg, const strata_merge_state *s)
{
	(void)arg;
	if (s->under_way)
		printf(": 'strata %s --continue' ends the %s", s->verb, s->verb);
	return 0;
}

int cmd_resolve(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_settle_options o = { 0 };
	uint64_t settled, open;
	char side[32], *text = NULL;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc == STRATA_OK)
		rc = choose(&v, &o, side, &text, err);
	o.nonfinite = v.nonfinite;
	if (rc == STRATA_OK)
		rc = strata_settle(c->repo, a.v, a.n, &o, &settled, &open, err);
	free(text);
	if (rc != STRATA_OK)
		return rc;
	if (v.json) {
		strata_json_object(c->json);
		jk_u64(c->json, "decided", settled);
		jk_u64(c->json, "left", open);
		strata_json_end_object(c->json);
		cli_emit(c);
	} else if (!c->g.quiet) {
		printf("%s decided, %s left", human_number(settled).s, human_number(open).s);
		if (!open)
			rc = strata_merge_conflicts(c->repo, show_end, NULL, NULL, err);
		putchar('\n');
	}
	return rc;
}
