/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/merge_files.h"
#include "cli/text.h"

struct values {
	const char *base, *method, *seed, *out;
	struct cli_list rules, fisher, adapters;
	bool nonfinite, json;
};

static const struct cli_option options[] = {
	{ 0, "base", OPT_TEXT, offsetof(struct values, base), "FILE",
	  "the model that all others come from" },
	{ 0, "method", OPT_TEXT, offsetof(struct values, method), "METHOD",
	  "how to merge what several changed, as ties:density=0.5" },
	{ 0, "rule", OPT_LIST, offsetof(struct values, rules), "GLOB=METHOD",
	  "the same for tensors that match; the first such rule counts" },
	{ 0, "fisher", OPT_LIST, offsetof(struct values, fisher), "FILE",
	  "a model's Fisher diagonal, once for each, in their order" },
	{ 0, "adapter", OPT_LIST, offsetof(struct values, adapters), "DIR",
	  "an adapter of PEFT's for method lora; a file beside its configuration" },
	{ 0, "seed", OPT_TEXT, offsetof(struct values, seed), "N", "of random methods; 0" },
	{ 0, "allow-nonfinite", OPT_FLAG, offsetof(struct values, nonfinite), NULL,
	  "merge weights that are infinite or NaN, too" },
	{ 'o', "output", OPT_TEXT, offsetof(struct values, out), "OUT",
	  "the new model, which may be one of the old ones" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print JSON lines instead of text" },
	{ 0 },
};

const struct cli_doc doc_merge_file = {
	.args = "MODEL...",
	.options = options,
	.text = "Merges models that are plain files; no repository is needed. The first is ours:\n"
		"the result has its format, types and file names.\n"
		"\n"
		"With --base each tensor is looked at three ways: what no model or only one\n"
		"changed, or all in the same way, is taken as it is, bit for bit. What several\n"
		"changed goes to the first --rule that matches its name, else to --method; where\n"
		"there is none it is a conflict: they are listed, nothing is written, exit status\n"
		"1. Without --base every tensor goes to a method, and all models must have the\n"
		"same tensors.\n"
		"\n"
		"Methods: ours, theirs, base, linear, fedavg, slerp, task-arithmetic, ties,\n"
		"dare-linear, dare-ties, della, breadcrumbs, model-stock, fisher, lora; parameters\n"
		"follow a colon (density=0.5), one number for all models, one for each (1/0.5) or\n"
		"points over the layers (0..0.5..1). The same seed gives the same bytes.\n"
		"\n"
		"Method lora adds adapters of low rank to one model: each --adapter is a folder as\n"
		"PEFT writes it, or the file of its tensors beside adapter_config.json, which says\n"
		"alpha and rank. lora:scale=0.5 adds half of it, 1/0.5 is one for each adapter.\n"
		"\n"
		"A model is a file, an index file with its shards, or a directory that holds one.\n"
		"Of the last two OUT is a new directory; what lies beside the model comes along.\n"
		"OUT appears complete or not at all. -v lists what became of each tensor.",
	.examples =
		"strata merge-file --base base.pt a.pt b.pt --method ties:density=0.5 -o ab.pt\n"
		"two fine-tunes of one base\n"
		"strata merge-file a.pt b.pt --method slerp:t=0.5 -o half.pt\n"
		"half way between two models\n"
		"strata merge-file model --method lora --adapter tuned -o model-tuned\n"
		"a model with an adapter that PEFT trained\n",
};

static int read_options(const struct values *v, const struct cli_args *a,
			strata_merge_files_options *o, strata_error *err)
{
	if (!v->out)
		return cli_fail(err, STRATA_EUSAGE, "merge-file wants -o OUT");
	*o = (strata_merge_files_options){ .models = a->v,
					   .nmodels = a->n,
					   .base = v->base,
					   .method = v->method,
					   .rules = v->rules.v,
					   .nrules = v->rules.n,
					   .fisher = v->fisher.v,
					   .nfisher = v->fisher.n,
					   .adapters = v->adapters.v,
					   .nadapters = v->adapters.n,
					   .allow_nonfinite = v->nonfinite,
					   .out = v->out };
	if (v->seed && !parse_number(v->seed, &o->seed))
		return cli_fail(err, STRATA_EUSAGE, "--seed: '%s' is no number", v->seed);
	return STRATA_OK;
}

int cmd_merge_file(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_merge_files_result result = { 0 };
	strata_merge_files_options o;
	struct values v = { 0 };
	struct merge_files m = { .c = c };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc == STRATA_OK)
		rc = read_options(&v, &a, &o, err);
	if (rc != STRATA_OK)
		return rc;
	m.json = v.json;
	rc = strata_merge_files(&o, &c->options, merge_files_tensor, &m, &result, err);
	return merge_files_end(&m, rc, v.out, &result, err);
}
