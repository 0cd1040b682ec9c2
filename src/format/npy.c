/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .npy (doc/format/npy.md): a head, which numpy.c describes, then one array. What lies behind the
 * array is no damage, NumPy reads over it. An array of objects is a pickle and no tensor.
 */
#include "format/format.h"

#include "format/numpy.h"

#define NAME "array"
#define CONFIG_MAX ((size_t)1 << 20) /* a head is at most a few times 10,000 bytes */

static int probe(const uint8_t *p, size_t len, uint64_t size, const char *path)
{
	size_t n = strlen(ST_NPY_MAGIC);

	(void)size;
	if (len >= n && memcmp(p, ST_NPY_MAGIC, n) == 0)
		return 90;
	/* Its name says what it should be: parse tells the damage. */
	return st_npy_named(path, ".npy") ? 10 : 0;
}

static int write_config(struct st_layout *out, const struct st_np_array *a, const char *descr,
			struct st_err *e)
{
	struct st_buf b;
	struct st_jw w;

	st_buf_init(&b, CONFIG_MAX);
	st_jw_init(&w, &b, false, e);
	st_jw_object(&w);
	st_jw_key(&w, "config");
	st_npy_config(&w, a, descr);
	st_jw_close_object(&w);
	if (e->code == ST_OK) {
		out->metadata = st_arena_dup(&out->arena, b.p, b.len, e);
		out->metadata_len = b.len;
	}
	st_buf_release(&b);
	return e->code;
}

static int parse(struct st_layout *out, const struct st_source *src, uint64_t limit,
		 struct st_err *e)
{
	struct st_np_array a;
	struct st_tensor *t;
	const char *descr;
	uint64_t data;
	int rc;

	if (limit < st_npy_head_max())
		return st_fail(e, ST_ELIMIT,
			       "the header at offset 0 may take more than the %" PRIu64
			       " bytes of memory allowed",
			       limit);
	rc = st_npy_load(&a, &data, &descr, &out->arena, src, e);
	if (rc == ST_OK)
		rc = write_config(out, &a, descr, e);
	if (rc != ST_OK || a.type.object)
		return rc;
	t = st_layout_add(out, e);
	if (!t)
		return e->code;
	t->name = NAME;
	t->name_len = strlen(NAME);
	t->where = ST_IN_FILE;
	t->offset = data;
	return st_np_tensor(t, &a, &out->arena, e);
}

const struct st_format st_format_npy = {
	.name = "npy",
	.about = "NumPy .npy: one array behind a short head",
	.probe = probe,
	.parse = parse,
};
