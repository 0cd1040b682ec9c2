/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

#include <math.h>

#define SHOWN_SAME 8

struct values {
	bool fast, json;
	const char *limit;
};

static const struct cli_option options[] = {
	{ 'n', "limit", OPT_TEXT, offsetof(struct values, limit), "N",
	  "at most N candidates (3 if not said)" },
	{ 0, "fast", OPT_FLAG, offsetof(struct values, fast), NULL,
	  "estimate only: read a few values of each tensor and measure nothing" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a candidate" },
	{ 0 },
};

const struct cli_doc doc_parent = {
	.args = "FILE",
	.options = options,
	.text = "Says which known version a model file most likely comes from, by its weights\n"
		"alone. FILE is any model file, the index file of a sharded model, or a directory\n"
		"with one of these; tensors may have other names or another floating-point type\n"
		"than in the version. All versions that a branch, a tag or HEAD reaches are known.\n"
		"\n"
		"Candidates come nearest first. The distance is 0 for equal and 1 for unrelated\n"
		"weights: the 'parameters' of 'strata distance' between the two, over all\n"
		"elements. With --fast it is estimated from a few values of each tensor, and '~'\n"
		"says so. Where several versions have the same model, the oldest is named and the\n"
		"others are listed behind it. The answer is a proposal: 'strata diff' shows what\n"
		"differs, 'strata commit --lineage' records what is true.\n"
		"\n"
		"Ends with status 1 when no version resembles FILE.",
	.examples = "strata parent ~/downloads/model.safetensors\n"
		    "where a file comes from\n"
		    "strata parent --fast -n 10 --json checkpoint.pt\n"
		    "the ten nearest versions, estimated\n",
};

struct listing {
	struct cli *c;
	const char *path; /* of the candidate at hand */
};

static void put_place(const struct listing *l, const strata_parent_place *p)
{
	human id = human_id(p->commit);

	if (*p->version)
		cli_put_safe(stdout, p->version);
	else
		fputs(id.s, stdout);
	if (strcmp(p->path, l->path) != 0) {
		putchar(':');
		name_put(stdout, p->path);
	}
}

static void put_same(const struct listing *l, const strata_parent_candidate *c)
{
	size_t n = c->nsame < SHOWN_SAME ? c->nsame : SHOWN_SAME;

	if (!n)
		return;
	fputs("  same in ", stdout);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", stdout);
		put_place(l, &c->same[i]);
	}
	if (c->nsame > n)
		printf(" and %s more", human_number(c->nsame - n).s);
	putchar('\n');
}

/* Six digits behind the point, or three that count. */
static void put_distance(double d)
{
	printf(d == 0 || d >= 0.001 ? "%.6f" : "%.3g", d);
}

static int show(void *arg, const strata_parent_candidate *c)
{
	struct listing *l = arg;
	human id = human_id(c->place.commit);

	l->path = c->place.path;
	if (*c->place.version)
		printf("%s%s%s ", color_on(l->c, COLOR_BOLD), c->place.version,
		       color_off(l->c, COLOR_BOLD));
	printf("%s%s%s  ", color_on(l->c, COLOR_ID), id.s, color_off(l->c, COLOR_ID));
	name_put(stdout, c->place.path);
	fputs(c->measured ? "  distance " : "  distance ~", stdout);
	put_distance(c->measured ? c->distance : c->estimated);
	printf("  (%s of %s tensor%s identical", human_number(c->identical).s,
	       human_number(c->tensors).s, plural(c->tensors));
	if (c->matched < c->tensors)
		printf(", %s without a counterpart", human_number(c->tensors - c->matched).s);
	puts(")");
	put_same(l, c);
	return cli_stop(l->c);
}

static void place_json(strata_json *j, const strata_parent_place *p)
{
	jk_text(j, "commit", p->commit);
	jk_text(j, "version", *p->version ? p->version : NULL);
	jk_name(j, "path", p->path);
}

static int show_json(void *arg, const strata_parent_candidate *c)
{
	struct listing *l = arg;
	strata_json *j = l->c->json;

	strata_json_object(j);
	place_json(j, &c->place);
	strata_json_key(j, "distance");
	c->measured ? strata_json_real(j, c->distance) : strata_json_null(j);
	strata_json_key(j, "estimated");
	strata_json_real(j, c->estimated);
	jk_u64(j, "identical", c->identical);
	jk_u64(j, "matched", c->matched);
	jk_u64(j, "tensors", c->tensors);
	jk_u64(j, "same_count", c->nsame);
	strata_json_key(j, "same");
	strata_json_array(j);
	for (size_t i = 0; i < c->nsame && i < STRATA_PARENT_SAME; i++) {
		strata_json_object(j);
		place_json(j, &c->same[i]);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
	strata_json_end_object(j);
	return cli_emit(l->c);
}

int cmd_parent(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct listing l = { .c = c };
	strata_parent_options o = { 0 };
	strata_parent_result res;
	struct values v = { 0 };
	struct cli_args a;
	uint64_t limit = 0;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	if (rc == STRATA_OK && v.limit &&
	    (!parse_number(v.limit, &limit) || limit < 1 || limit > 100))
		rc = cli_fail(err, STRATA_EUSAGE, "-n %s: 1 to 100 candidates", v.limit);
	if (rc != STRATA_OK)
		return rc;
	o.limit = (size_t)limit;
	o.fast = v.fast;
	rc = strata_parent(c->repo, a.v[0], &o, &c->options, v.json ? show_json : show, &l, &res,
			   err);
	if (rc != STRATA_OK || res.found || c->stopped)
		return rc;
	if (res.versions == 0)
		return cli_fail(err, STRATA_ENO, "there is no version yet");
	return cli_fail(err, STRATA_ENO, "no known version resembles it: %s version%s looked at",
			human_number(res.versions).s, plural(res.versions));
}
