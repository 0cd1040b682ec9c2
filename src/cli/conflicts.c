/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/conflicts.h"

#include <math.h>
#include <string.h>

#define MOST 100 /* lines */

struct showing {
	struct cli *c;
	uint64_t n;
	bool vocabulary; /* one of them is */
};

static int show_state(void *arg, const strata_merge_state *s)
{
	struct showing *k = arg;

	if (!s->under_way)
		return 0;
	if (s->aborting)
		puts("A merge was being taken back: 'strata merge --abort' ends that.");
	else if (s->cut)
		puts("A merge was interrupted: 'strata merge --continue' goes on with it, 'strata "
		     "merge --abort' takes it back.");
	else if (s->open)
		printf("Merging: %s of %s conflict%s left\n", human_number(s->open).s,
		       human_number(s->conflicts).s, plural(s->conflicts));
	else
		puts("Merging: all conflicts are decided; 'strata merge --continue' ends it");
	if (s->open && !k->c->g.quiet)
		printf("  %s(strata resolve GLOB --ours|--theirs|--method M decides, strata merge "
		       "--abort takes back)%s\n",
		       color_on(k->c, COLOR_DIM), color_off(k->c, COLOR_DIM));
	return 0;
}

/* What others call it than the line does; of what came under one name, what it was. */
static void show_names(const strata_conflict *x)
{
	const bool came = !x->base_name;
	const struct {
		const char *whose, *name;
	} v[] = { { "base", x->base_name },
		  { "ours was", came ? x->our_name : NULL },
		  { came ? "theirs was" : "theirs", x->their_name } };
	const char *shown = *x->name ? x->name : x->path, *before = "  ";

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		if (!v[i].name || strcmp(v[i].name, shown) == 0)
			continue;
		printf("%s%s%s ", before, v[i].whose, came ? "" : ":");
		name_put(stdout, v[i].name);
		before = ", ";
	}
}

static void show_figures(const strata_conflict *x)
{
	const uint64_t all = x->numel + x->nonfinite;

	fputs("  ", stdout);
	if (x->numel || !all) /* else nothing is known but that it is not finite */
		printf("D %.3g, ", x->mad);
	if (isfinite(x->cosine)) /* one of them may be zero */
		printf("cosine %.4f, ", x->cosine);
	printf("%s of %s changed", human_number(x->changed).s, human_number(all).s);
	if (x->nonfinite)
		printf(", %s not finite", human_number(x->nonfinite).s);
}

static int show_one(void *arg, const strata_conflict *x)
{
	struct showing *k = arg;

	k->vocabulary = k->vocabulary || (!x->how && strcmp(x->kind, "vocabulary") == 0);
	if (x->how || k->n++ >= MOST)
		return cli_stop(k->c);
	printf("  %s%-13s  ", color_on(k->c, COLOR_BAD), x->kind);
	name_put(stdout, x->path);
	if (*x->name) {
		fputs("::", stdout);
		name_put(stdout, x->name);
	}
	fputs(color_off(k->c, COLOR_BAD), stdout);
	show_names(x);
	if (x->has_figures)
		show_figures(x);
	fputc('\n', stdout);
	return cli_stop(k->c);
}

int conflicts_show(struct cli *c, strata_error *err)
{
	struct showing k = { .c = c };
	int rc = strata_merge_conflicts(c->repo, show_state, show_one, &k, err);

	if (rc == STRATA_OK && k.n > MOST)
		printf("  and %s more\n", human_number(k.n - MOST).s);
	if (rc == STRATA_OK && k.vocabulary && !c->g.quiet)
		printf("  %s(strata resolve GLOB --vocab union joins vocabularies by token)%s\n",
		       color_on(c, COLOR_DIM), color_off(c, COLOR_DIM));
	return rc;
}

static void put_real(strata_json *j, const char *key, double v)
{
	strata_json_key(j, key);
	strata_json_real(j, v);
}

static void put_name(strata_json *j, const char *key, const char *name)
{
	if (name)
		jk_name(j, key, name);
	else
		jk_text(j, key, NULL);
}

static void put_names(strata_json *j, const strata_conflict *x)
{
	strata_json_key(j, "names");
	if (!x->base_name && !x->our_name && !x->their_name) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	put_name(j, "base", x->base_name);
	put_name(j, "ours", x->our_name);
	put_name(j, "theirs", x->their_name);
	strata_json_end_object(j);
}

static int emit_one(void *arg, const strata_conflict *x)
{
	struct showing *k = arg;
	strata_json *j = k->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "conflict");
	jk_name(j, "path", x->path);
	jk_name(j, "name", x->name);
	jk_text(j, "type", x->kind);
	jk_text(j, "how", x->how);
	jk_text(j, "base", x->base);
	jk_text(j, "ours", x->ours);
	jk_text(j, "theirs", x->theirs);
	put_names(j, x);
	strata_json_key(j, "figures");
	if (x->has_figures) {
		strata_json_object(j);
		jk_u64(j, "numel", x->numel);
		jk_u64(j, "changed", x->changed);
		put_real(j, "mad", x->mad);
		put_real(j, "l2", x->l2);
		put_real(j, "max_abs", x->max_abs);
		put_real(j, "cosine", x->cosine);
		jk_u64(j, "nonfinite", x->nonfinite);
		strata_json_end_object(j);
	} else {
		strata_json_null(j);
	}
	strata_json_end_object(j);
	return cli_emit(k->c);
}

int conflicts_json(struct cli *c, strata_error *err)
{
	struct showing k = { .c = c };

	return strata_merge_conflicts(c->repo, NULL, emit_one, &k, err);
}
