/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensors.h"

enum {
	COL_ID,
	COL_DTYPE,
	COL_SHAPE,
	COL_BYTES,
	COL_PATH,
	COL_NAME,
	NCOLS
};

static const struct column columns[NCOLS] = {
	[COL_ID] = { NULL, false, COLOR_ID },	  [COL_DTYPE] = { NULL, false, COLOR_NONE },
	[COL_SHAPE] = { NULL, true, COLOR_NONE }, [COL_BYTES] = { NULL, true, COLOR_NONE },
	[COL_PATH] = { NULL, false, COLOR_DIM },  [COL_NAME] = { NULL, false, COLOR_NAME },
};

void tensor_table(struct table *t)
{
	table_init(t, columns, NCOLS);
}

void tensor_shape(char *out, size_t room, const strata_tensor *x)
{
	size_t at = (size_t)snprintf(out, room, "[");
	unsigned i;

	for (i = 0; i < x->ndim && at + 32 < room; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%" PRIu64, i ? ", " : "",
				       x->shape[i]);
	snprintf(out + at, room - at, "%s]", i < x->ndim ? ", ..." : "");
}

void tensor_row(struct table *t, const strata_tensor *x)
{
	char shape[512];

	tensor_shape(shape, sizeof(shape), x);
	table_text(t, human_id(x->id).s);
	table_text(t, x->dtype);
	table_text(t, shape);
	table_text(t, human_bytes(x->nbytes).s);
	table_name(t, x->path, strlen(x->path));
	table_name(t, x->name, x->name_len);
}

int tensor_print(struct table *t, struct cli *c, strata_error *err)
{
	bool one = true, ids = false;
	size_t i;

	for (i = 0; i + NCOLS <= t->ncells; i += NCOLS) {
		one = one && strcmp(t->cells[i + COL_PATH], t->cells[COL_PATH]) == 0;
		ids = ids || *t->cells[i + COL_ID];
	}
	t->hidden = (one ? 1u << COL_PATH : 0u) | (ids ? 0u : 1u << COL_ID);
	return table_print(t, c, err);
}

void tensor_json(strata_json *j, const strata_tensor *x)
{
	jk_name(j, "path", x->path);
	strata_json_name(j, "name", x->name, x->name_len);
	jk_text(j, "dtype", x->dtype);
	jk_shape(j, x);
	jk_u64(j, "nbytes", x->nbytes);
	jk_text(j, "id", *x->id ? x->id : NULL);
	strata_json_key(j, "offset");
	if (x->has_offset)
		strata_json_u64(j, x->offset);
	else
		strata_json_null(j);
}
