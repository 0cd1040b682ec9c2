/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/accept.h"
#include "cli/commands.h"
#include "cli/conflicts.h"
#include "cli/merge_end.h"
#include "cli/merge_files.h"
#include "cli/versions.h"
#include "cli/went.h"

struct values {
	bool forward_only, no_forward, unrelated, nonfinite, edit, carry_on, abort, json;
	const char *message, *method, *seed, *accept, *replay, *recipe, *out;
	struct cli_list rules;
};

static const struct cli_option options[] = {
	{ 0, "method", OPT_TEXT, offsetof(struct values, method), "M",
	  "how tensors that several changed are joined, as in ties:density=0.5" },
	{ 0, "rule", OPT_LIST, offsetof(struct values, rules), "GLOB=M",
	  "the same for those whose names, or PATH::NAME, match; the first counts" },
	{ 0, "seed", OPT_TEXT, offsetof(struct values, seed), "N",
	  "of methods that draw random numbers (0 if not said)" },
	{ 0, "accept-if", OPT_TEXT, offsetof(struct values, accept), "CMD",
	  "run CMD in a folder of the merged files; unless it exits 0 nothing changes" },
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "the message, instead of one that says what was merged" },
	{ 'e', "edit", OPT_FLAG, offsetof(struct values, edit), NULL,
	  "change that message in an editor first" },
	{ 0, "no-ff", OPT_FLAG, offsetof(struct values, no_forward), NULL,
	  "make a version even where going forward is enough" },
	{ 0, "ff-only", OPT_FLAG, offsetof(struct values, forward_only), NULL,
	  "only go forward, never make a version" },
	{ 0, "allow-unrelated", OPT_FLAG, offsetof(struct values, unrelated), NULL,
	  "also what has no version in common" },
	{ 0, "allow-nonfinite", OPT_FLAG, offsetof(struct values, nonfinite), NULL,
	  "methods may read NaN and infinity" },
	{ 0, "continue", OPT_FLAG, offsetof(struct values, carry_on), NULL,
	  "end the merge under way with a version" },
	{ 0, "abort", OPT_FLAG, offsetof(struct values, abort), NULL,
	  "take the merge under way back" },
	{ 0, "replay", OPT_TEXT, offsetof(struct values, replay), "REV",
	  "make the merge REV over; exit status 0 if every byte comes out the same" },
	{ 0, "recipe", OPT_TEXT, offsetof(struct values, recipe), "FILE",
	  "merge model files as a YAML recipe of mergekit says; needs no repository" },
	{ 'o', "output", OPT_TEXT, offsetof(struct values, out), "OUT",
	  "the new model, with --recipe" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print JSON instead of text: conflicts, then one object that sums up" },
	{ 0 },
};

const struct cli_doc doc_merge = {
	.args = "REV...",
	.options = options,
	.text = "Brings what REV has into the branch that is checked out. Where REV's history\n"
		"continues the branch's, the branch moves to REV; else a version with both as\n"
		"parents is made, or with all, of several. The working tree follows.\n"
		"\n"
		"What changed on one side since the version that both come from, or in the same\n"
		"way on both, is taken as it is: files, tensors of models, keys of JSON and YAML,\n"
		"lines of text. Tensors that several sides changed are joined by a method, if\n"
		"--rule, --method, or the settings merge.rules ('GLOB=M GLOB=M ...') and\n"
		"merge.method name one (ours, theirs and base also where shapes differ or one\n"
		"side removed the tensor); the rest are conflicts. Then no version is made (exit\n"
		"status 1): index and working tree hold the merge with this branch's values for\n"
		"them, 'strata status' lists them, 'strata resolve' decides, --continue ends the\n"
		"merge, --abort takes it back. Text files hold both sides between markers: edit,\n"
		"then 'strata add'.\n"
		"\n"
		"Methods: ours, theirs, base, linear, fedavg, slerp, task-arithmetic, ties,\n"
		"dare-linear, dare-ties, della, breadcrumbs, model-stock, fisher, lora; with\n"
		"parameters, slerp:t=0.3, or over the layers, slerp:t=0..0.5..1. fisher weighs by\n"
		"the fisher.safetensors that each version has beside the model; its own tensors\n"
		"want another rule, 'fisher.safetensors::*=linear:normalize=0' (their sum). lora\n"
		"adds to this branch's tensors the adapter that REV has beside the model, as PEFT\n"
		"writes it, where that is all that REV did to them and has factors for them; for\n"
		"others the next rule counts.\n"
		"\n"
		"Local changes stay where the merge has the same file; where they would be\n"
		"overwritten, and with staged changes, nothing is done (exit status 7). Of\n"
		"several newest versions that both come from, the base is made of all. What has\n"
		"no version in common is refused without --allow-unrelated. 'strata undo' takes\n"
		"a merge back.\n"
		"\n"
		"With --recipe no version is made: models in local directories and files are\n"
		"merged into OUT, a file where the base_model (or the first model) is one, else a\n"
		"new directory. mergekit's linear, slerp, task_arithmetic, ties, dare_ties,\n"
		"dare_linear, della, della_linear, breadcrumbs, breadcrumbs_ties, model_stock and\n"
		"passthrough are understood, with weights over layers, filters and slices.",
	.examples = "strata merge wider\n"
		    "take over what was done on branch wider\n"
		    "strata merge wider --method linear\n"
		    "the mean of tensors that both changed\n"
		    "strata merge tuned --rule '*=lora' --method theirs\n"
		    "this branch's weights with the adapter of tuned, rounded once\n"
		    "strata merge wider --rule '*.mlp.*=ties:density=0.5' --rule '*=ours'\n"
		    "a method for some, this branch's values for the others\n"
		    "strata merge wider --accept-if './evaluate.sh .'\n"
		    "only if the merged model is good enough\n"
		    "strata merge --recipe ties.yml -o merged\n"
		    "a recipe of mergekit\n",
};

static const char *result_of(const strata_merge_result *r)
{
	return r->conflicts ? "conflicts" :
	       r->made	    ? "merged" :
	       r->moved	    ? "fast-forward" :
			      "up-to-date";
}

static void show_json(struct cli *c, const strata_merge_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_text(j, "result", result_of(r));
	jk_text(j, "branch", *r->branch ? r->branch : NULL);
	jk_text(j, "commit", r->commit);
	jk_text(j, "version", *r->version ? r->version : NULL);
	jk_text(j, "old_commit", *r->old_commit ? r->old_commit : NULL);
	jk_text(j, "old_version", *r->old_version ? r->old_version : NULL);
	jk_text(j, "base", *r->base ? r->base : NULL);
	jk_bool(j, "several_bases", r->several_bases);
	jk_u64(j, "conflicts", r->conflicts);
	jk_u64(j, "taken", r->taken);
	jk_u64(j, "blended", r->blended);
	went_json(j, &r->files);
	strata_json_end_object(j);
	cli_emit(c);
}

static void show_made(struct cli *c, const strata_merge_result *r)
{
	version_made(c, r->version, r->commit, r->branch, r->message);
	putchar('\n');
	version_counts(&r->counts, &r->tensors);
	if (r->blended)
		printf("  joined   %s tensor%s\n", human_number(r->blended).s, plural(r->blended));
	if (!*r->branch)
		went_hint(c);
}

static int show(struct cli *c, const strata_merge_result *r, strata_error *err)
{
	human old = human_id(r->old_commit);

	if (r->several_bases)
		printf("several versions are the newest that all come from, %s one of them: where "
		       "they\ndiffer, what one of them changed counts\n",
		       human_id(r->base).s);
	if (r->conflicts)
		return conflicts_show(c, NULL, err);
	if (!r->moved) {
		puts("already up to date");
		return STRATA_OK;
	}
	if (r->made) {
		show_made(c, r);
		return STRATA_OK;
	}
	if (*r->old_commit)
		printf("fast-forward from %s%s%s\n", r->old_version, *r->old_version ? " " : "",
		       old.s);
	return went_head(c, &r->files, err);
}

static int take_message(void *arg, const char *message)
{
	*(char **)arg = strdup(message);
	return 0;
}

static int edit(struct cli *c, const struct cli_args *a, const char *start, char **text,
		strata_error *err)
{
	char *own = NULL;
	int rc = STRATA_OK;

	if (!start)
		rc = strata_merge_message(c->repo, a->v, a->n, take_message, &own, err);
	if (rc == STRATA_OK && !start && !own)
		rc = cli_fail(err, STRATA_ENOMEM, "out of memory");
	if (rc == STRATA_OK)
		rc = cli_edit(c, start ? start : own, "The message of the new version.", text, err);
	free(own);
	if (rc == STRATA_OK && !**text)
		rc = cli_fail(err, STRATA_ENO, "no message, no version");
	return rc;
}

static int merge(struct cli *c, const struct cli_args *a, const struct values *v,
		 strata_merge_options *o, strata_error *err)
{
	struct accept accept = { .c = c, .command = v->accept };
	strata_merge_result result;
	strata_head_info head;
	char *text = NULL;
	int rc = STRATA_OK;

	if (v->accept) {
		o->accept = accept_run;
		o->arg = &accept;
		o->accept_text = v->accept;
	}
	if (v->edit) {
		o->expect = &head;
		rc = strata_head(c->repo, &head, err);
		if (rc == STRATA_OK)
			rc = edit(c, a, v->message, &text, err);
		o->message = text;
	}
	if (rc == STRATA_OK)
		rc = strata_merge(c->repo, a->v, a->n, o, &result, err);
	if (rc != STRATA_OK && text)
		cli_edit_kept(c, err);
	free(text);
	if (rc != STRATA_OK)
		return rc;
	if (v->json && result.conflicts)
		rc = conflicts_json(c, err);
	if (v->json)
		show_json(c, &result);
	else if (!c->g.quiet)
		rc = show(c, &result, err);
	if (rc == STRATA_OK && result.conflicts)
		rc = merge_begun(c, result.conflicts, err);
	return rc;
}

static int show_differing(void *arg, const char *path)
{
	struct cli *c = arg;

	if (c->json || c->g.quiet)
		return cli_stop(c);
	fputs("differs  ", stdout);
	name_put(stdout, path);
	fputc('\n', stdout);
	return cli_stop(c);
}

static int replay(struct cli *c, const struct values *v, strata_error *err)
{
	strata_replay_result r;
	strata_json *j = c->json;
	int rc = strata_merge_replay(c->repo, v->replay, show_differing, c, &r, err);

	if (rc != STRATA_OK)
		return rc;
	if (v->json) {
		strata_json_object(j);
		jk_text(j, "kind", "replay");
		jk_bool(j, "same", !r.differing);
		jk_u64(j, "files", r.files);
		jk_u64(j, "made", r.made);
		jk_u64(j, "by_hand", r.by_hand);
		jk_u64(j, "differing", r.differing);
		strata_json_end_object(j);
		cli_emit(c);
	} else if (!c->g.quiet && !r.differing) {
		printf("the same, bit for bit: %s file%s", human_number(r.files).s,
		       plural(r.files));
		if (r.by_hand)
			printf(", of which %s settled by hand and taken as %s",
			       r.by_hand == 1 ? "one was" : human_number(r.by_hand).s,
			       r.by_hand == 1 ? "it is" : "they are");
		fputc('\n', stdout);
	}
	return r.differing ? cli_fail(err, STRATA_ENO, "%s file%s came out otherwise",
				      human_number(r.differing).s, plural(r.differing)) :
			     STRATA_OK;
}

/* Options that say how versions are brought together, but --seed and --allow-nonfinite. */
static bool says_how(const struct values *v)
{
	return v->forward_only || v->no_forward || v->unrelated || v->edit || v->method ||
	       v->rules.n;
}

/* --continue, --abort and --replay know how already. */
static int check_alone(const struct values *v, strata_error *err)
{
	bool how = says_how(v) || v->seed || v->nonfinite;

	if (v->carry_on + v->abort + (v->replay != NULL) > 1)
		return cli_fail(err, STRATA_EUSAGE,
				"--continue, --abort and --replay exclude each other");
	if (v->carry_on && how)
		return cli_fail(err, STRATA_EUSAGE,
				"merge --continue goes with -m, --accept-if and --json alone");
	if ((v->abort || v->replay) && (how || v->message || v->accept))
		return cli_fail(err, STRATA_EUSAGE, "merge --%s goes with --json alone",
				v->abort ? "abort" : "replay");
	return STRATA_OK;
}

/* Of all other options only --seed, --allow-nonfinite and --json go with --recipe. */
static int by_recipe(struct cli *c, const struct values *v, const struct cli_args *a,
		     strata_error *err)
{
	strata_merge_recipe_options o = { .recipe = v->recipe,
					  .allow_nonfinite = v->nonfinite,
					  .out = v->out };
	bool others = says_how(v) || v->carry_on || v->abort || v->message || v->accept ||
		      v->replay;

	if (a->n)
		return cli_fail(err, STRATA_EUSAGE, "merge --recipe takes no REV");
	if (others)
		return cli_fail(err, STRATA_EUSAGE,
				"merge --recipe goes with -o, --seed, "
				"--allow-nonfinite and --json alone");
	if (v->seed && !parse_number(v->seed, &o.seed))
		return cli_fail(err, STRATA_EUSAGE, "--seed: '%s' is no number", v->seed);
	return merge_recipe(c, &o, v->json, err);
}

int cmd_merge(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_merge_options o = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);
	bool alone = v.carry_on || v.abort || v.replay;

	if (rc == STRATA_OK && v.recipe)
		return by_recipe(c, &v, &a, err);
	if (rc == STRATA_OK && v.out)
		rc = cli_fail(err, STRATA_EUSAGE, "merge: -o goes with --recipe");
	if (rc == STRATA_OK && !c->repo)
		rc = cli_fail(err, STRATA_ENOREPO,
			      "not inside a repository ('strata init' makes one)");
	if (rc == STRATA_OK)
		rc = cli_count(c, &a, alone ? 0 : 1, alone ? 0 : SIZE_MAX, err);
	if (rc == STRATA_OK)
		rc = check_alone(&v, err);
	if (rc == STRATA_OK)
		rc = accept_check(v.accept, err);
	if (rc == STRATA_OK && v.forward_only && v.no_forward)
		rc = cli_fail(err, STRATA_EUSAGE, "--ff-only and --no-ff exclude each other");
	if (rc == STRATA_OK && v.seed && !parse_number(v.seed, &o.seed))
		rc = cli_fail(err, STRATA_EUSAGE, "--seed: '%s' is no number", v.seed);
	if (rc != STRATA_OK)
		return rc;
	if (v.replay)
		return replay(c, &v, err);
	if (v.carry_on)
		return merge_end(c, v.message, v.accept, v.json, err);
	if (v.abort)
		return merge_take_back(c, v.json, err);
	o.forward_only = v.forward_only;
	o.no_forward = v.no_forward;
	o.unrelated = v.unrelated;
	o.nonfinite = v.nonfinite;
	o.method = v.method;
	o.rules = v.rules.v;
	o.nrules = v.rules.n;
	o.message = v.message;
	return merge(c, &a, &v, &o, err);
}
