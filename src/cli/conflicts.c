/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/conflicts.h"
#include "cli/tensors.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#define MOST 100 /* lines */

struct showing {
	struct cli *c;
	uint64_t n;
	bool merging;
	bool tokens; /* one that is not decided is of a vocabulary, whose tokenizer is there */
};

static void show_left(const strata_merge_state *s)
{
	const bool pick = s->of && strcmp(s->verb, "cherry-pick") == 0;

	printf(pick ? "Cherry-picking" : s->of ? "Reverting" : "Merging");
	if (s->of)
		printf(" %s", s->of_version ? s->of_version : human_id(s->of).s);
	if (s->open)
		printf(": %s of %s conflict%s left\n", human_number(s->open).s,
		       human_number(s->conflicts).s, plural(s->conflicts));
	else
		printf(": all conflicts are decided; 'strata %s --continue' ends it\n", s->verb);
}

static int show_state(void *arg, const strata_merge_state *s)
{
	struct showing *k = arg;

	k->merging = s->under_way;
	if (!s->under_way)
		return 0;
	if (s->aborting)
		printf("A %s was being taken back: 'strata %s --abort' ends that.\n", s->verb,
		       s->verb);
	else if (s->cut)
		printf("A %s was interrupted: 'strata %s --continue' goes on with it, 'strata %s "
		       "--abort' takes it back.\n",
		       s->verb, s->verb, s->verb);
	else
		show_left(s);
	if (s->open && !k->c->g.quiet)
		printf("  %s(strata resolve GLOB --ours|--theirs|--method M decides, strata %s "
		       "--abort takes back)%s\n",
		       color_on(k->c, COLOR_DIM), s->verb, color_off(k->c, COLOR_DIM));
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

/* ---- what each version has ---- */

#define VALUE 40 /* bytes of a value on a line */

static void show_value(const strata_conflict_side *s)
{
	char text[VALUE + 1];
	size_t n = s->value_len <= VALUE ? s->value_len : VALUE - 3;

	while (n && n < s->value_len && ((unsigned char)s->value[n] & 0xc0) == 0x80)
		n--; /* whole characters only */
	memcpy(text, s->value, n);
	text[n] = 0;
	cli_put_safe(stdout, text);
	if (n < s->value_len || s->more)
		fputs("...", stdout);
}

/* Whose beginning says little. */
static bool is_long_list(const strata_conflict_side *s)
{
	return s->value_len > VALUE && (*s->value == '{' || *s->value == '[');
}

static void show_side(const strata_conflict_side *s)
{
	char shape[512];

	if (s->files) {
		printf("a directory of %s file%s", human_number(s->files).s, plural(s->files));
	} else if (s->dtype) {
		const strata_tensor t = { .ndim = s->ndim, .shape = s->shape };

		tensor_shape(shape, sizeof(shape), &t);
		cli_put_safe(stdout, s->dtype);
		printf(" %s", shape);
	} else if (s->value && !is_long_list(s)) {
		show_value(s);
	} else {
		fputs(human_bytes(s->size).s, stdout);
	}
}

static bool same_type(const strata_conflict_side *a, const strata_conflict_side *b)
{
	return a->dtype && b->dtype && strcmp(a->dtype, b->dtype) == 0 && a->ndim == b->ndim &&
	       (!a->ndim || memcmp(a->shape, b->shape, a->ndim * sizeof(*a->shape)) == 0);
}

/* Have all that have it a tensor of one type and shape? Then its figures say more. */
static bool is_one_type(const strata_conflict_side *const v[3])
{
	const strata_conflict_side *first = v[0] ? v[0] : v[1] ? v[1] : v[2];

	for (size_t i = 0; i < 3; i++)
		if (v[i] && !same_type(first, v[i]))
			return false;
	return true;
}

/* All that have it have the same text or file. */
static bool is_one_content(const strata_conflict *x, const strata_conflict_side *const v[3])
{
	const char *const ids[] = { x->base, x->ours, x->theirs };
	const char *first = x->base ? x->base : x->ours ? x->ours : x->theirs;

	for (size_t i = 0; i < 3; i++)
		if ((v[i] && v[i]->dtype) || (ids[i] && strcmp(ids[i], first) != 0))
			return false;
	return true;
}

/* Of a state that an older program wrote it is not known. */
static bool is_directory_known(const strata_conflict *x, const strata_conflict_side *const v[3])
{
	bool known = false;

	for (size_t i = 0; i < 3; i++)
		known = known || (v[i] && v[i]->files);
	for (size_t i = 0; i < x->nmore; i++)
		known = known || (x->more_have[i] && x->more_have[i]->files);
	return known;
}

static void show_whose(const char *whose, size_t side, const strata_conflict_side *s,
		       const char **before)
{
	printf("%s%s ", *before, whose);
	if (side > 1)
		printf("%zu: ", side);
	if (s)
		show_side(s);
	else
		fputs("removed it", stdout);
	*before = ", ";
}

static void show_held(const strata_conflict *x)
{
	static const char *const whose[] = { "base", "ours", "theirs" };
	const strata_conflict_side *const v[] = { x->base_has, x->our_has, x->their_has };
	const bool directory = is_directory_known(x, v);
	const bool several = (v[0] != NULL) + (v[1] != NULL) + (v[2] != NULL) > 1;
	const bool brief = !directory &&
			   (x->places || (several && (is_one_type(v) || is_one_content(x, v))));
	/* who has a directory there did not remove the file alone */
	const bool removed = v[0] && (directory || strcmp(x->kind, "file/directory") != 0);
	const char *before = "  ";

	if (x->places)
		printf("  %s place%s", human_number(x->places).s, plural(x->places));
	for (size_t i = 0; i < 3; i++)
		if (v[i] ? !brief : removed)
			show_whose(whose[i], i == 2 ? x->side : 0, v[i], &before);
	for (size_t i = 0; i < x->nmore; i++)
		if (x->more_have[i] ? !brief : removed)
			show_whose("theirs", x->more_sides[i], x->more_have[i], &before);
}

static void show_figures(const strata_conflict *x)
{
	const uint64_t all = x->numel + x->nonfinite;

	fputs("  ", stdout);
	if (x->numel) /* else nothing is known but that it is not finite */
		printf("D %.3g, ", x->mad);
	if (isfinite(x->cosine)) /* one of them may be zero */
		printf("cosine %.4f, ", x->cosine);
	printf("%s of %s changed", human_number(x->changed).s, human_number(all).s);
	if (x->nonfinite)
		printf(", %s not finite", human_number(x->nonfinite).s);
}

static bool lies_in(const char *root, const char *dir, size_t len, const char *name)
{
	char *full = NULL;
	bool yes;

	if (asprintf(&full, "%s/%.*s/%s", root, (int)len, dir, name) < 0)
		return false;
	yes = access(full, F_OK) == 0;
	free(full);
	return yes;
}

/* In the working tree, beside the file or in a folder above? Without one there is no union. */
static bool has_tokenizer(const struct cli *c, const char *path)
{
	static const char *const names[] = { "tokenizer.json", "vocab.json", "vocab.txt",
					     "added_tokens.json" };
	bool any = false;

	for (size_t n = strlen(path); n && !any;) {
		while (n && path[--n] != '/')
			;
		for (size_t i = 0; !any && i < sizeof(names) / sizeof(*names); i++)
			any = lies_in(strata_workdir(c->repo), path, n, names[i]);
	}
	return any;
}

static int show_one(void *arg, const strata_conflict *x)
{
	struct showing *k = arg;

	if (!x->how && !k->tokens && strcmp(x->kind, "vocabulary") == 0)
		k->tokens = has_tokenizer(k->c, x->path);
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
	show_held(x);
	if (x->has_figures)
		show_figures(x);
	fputc('\n', stdout);
	return cli_stop(k->c);
}

int conflicts_show(struct cli *c, bool *merging, strata_error *err)
{
	struct showing k = { .c = c };
	int rc = strata_merge_conflicts(c->repo, show_state, show_one, &k, err);

	if (rc == STRATA_OK && k.n > MOST)
		printf("  and %s more\n", human_number(k.n - MOST).s);
	if (merging)
		*merging = k.merging;
	if (rc == STRATA_OK && k.tokens && !c->g.quiet)
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

static void put_side(strata_json *j, const char *key, const strata_conflict_side *s)
{
	strata_json_key(j, key);
	if (!s) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	jk_text(j, "dtype", s->dtype);
	if (s->dtype) {
		const strata_tensor t = { .ndim = s->ndim, .shape = s->shape };

		jk_shape(j, &t);
	} else {
		jk_text(j, "shape", NULL);
	}
	jk_text(j, "value", s->value);
	jk_u64(j, "size", s->size);
	if (s->files)
		jk_u64(j, "files", s->files);
	else
		jk_text(j, "files", NULL);
	strata_json_end_object(j);
}

/* Of several versions what others have that are not `theirs`. */
static void put_more(strata_json *j, const strata_conflict *x)
{
	strata_json_key(j, "more");
	strata_json_array(j);
	for (size_t i = 0; i < x->nmore; i++) {
		strata_json_object(j);
		jk_u64(j, "side", x->more_sides[i]);
		put_side(j, "has", x->more_have[i]);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
}

static void put_held(strata_json *j, const strata_conflict *x)
{
	strata_json_key(j, "has");
	if (!x->base_has && !x->our_has && !x->their_has) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	put_side(j, "base", x->base_has);
	put_side(j, "ours", x->our_has);
	put_side(j, "theirs", x->their_has);
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
	jk_u64(j, "side", x->side);
	put_names(j, x);
	put_held(j, x);
	put_more(j, x);
	if (x->places)
		jk_u64(j, "places", x->places);
	else
		jk_text(j, "places", NULL);
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
