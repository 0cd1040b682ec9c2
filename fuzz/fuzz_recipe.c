/* SPDX-License-Identifier: Apache-2.0 */
/* A recipe is read or refused; what is read says a method for every slice that its parser takes. */
#include "merge/recipe.h"
#include "merge/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct st_mrecipe *r, size_t slice, struct st_arena *arena)
{
	static const char name[] = "model.layers.3.mlp.weight";
	const struct st_mrecipe_at at = { slice, { name, sizeof(name) - 1 }, 0.25, NULL };
	struct st_err e = { 0 };
	struct st_spec spec;
	struct st_buf text;
	size_t order[2] = { 0, SIZE_MAX };
	char *s;

	st_buf_init(&text, 1 << 16);
	if (st_mrecipe_spec(r, &at, order, 2, &text, &e) == ST_OK) {
		s = st_buf_cstr(&text, &e);
		/* values may be out of their range, but never no text of a method */
		if (s && st_spec_parse(&spec, arena, s, &e) != ST_OK)
			ST_BUG_ON(e.code != ST_EUSAGE);
	}
	st_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };
	struct st_arena arena;
	struct st_mrecipe r;

	st_arena_init(&arena);
	if (st_mrecipe_parse(&r, data, size, "recipe", &e) == ST_OK)
		for (size_t i = 0; i < r.n && i < 16; i++)
			ask(&r, i, &arena);
	else
		ST_BUG_ON(!*e.msg);
	st_mrecipe_release(&r);
	st_arena_release(&arena);
	return 0;
}
