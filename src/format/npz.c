/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .npz (doc/format/npz.md): a ZIP archive, of which each member NAME.npy is a .npy file and makes
 * the tensor NAME. Stored members are runs of the file; deflated ones are only read through zlib.
 * Of each member the head is read, and nothing else. Other members are glue.
 */
#include "format/format.h"

#include "format/numpy.h"
#include "format/zip.h"
#include "tensor/quote.h"

#define SUFFIX ".npy"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)

#define LOCAL_NAME_LEN 26 /* in a local header */
#define LOCAL_NAME 30

static bool is_npy(const char *name, size_t len)
{
	return len >= SUFFIX_LEN && memcmp(name + len - SUFFIX_LEN, SUFFIX, SUFFIX_LEN) == 0;
}

/* Is the first member's name a .npy file's, as far as the head shows it? */
static bool begins_with_npy(const uint8_t *p, size_t len)
{
	size_t n;

	if (len < LOCAL_NAME)
		return false;
	n = st_get16(p + LOCAL_NAME_LEN);
	return n <= len - LOCAL_NAME && is_npy((const char *)p + LOCAL_NAME, n);
}

static int probe(const uint8_t *p, size_t len, uint64_t size, const char *path)
{
	bool named = st_npy_named(path, ".npz");

	(void)size;
	if (len >= 4 && memcmp(p, "PK\3\4", 4) == 0) {
		if (named)
			return 90;
		return begins_with_npy(p, len) ? 80 : 0;
	}
	if (len >= 4 && memcmp(p, "PK\5\6", 4) == 0) /* no members at all */
		return named ? 90 : 0;
	return named ? 10 : 0;
}

struct parser {
	struct st_layout *l;
	const struct st_source *src;
	struct st_buf config; /* members of the object "config" so far */
	struct st_jw w;
	bool any; /* of them */
	struct st_err *e;
};

static int place(struct parser *p, struct st_tensor *t, const struct st_zip_member *m,
		 uint64_t data)
{
	struct st_packed *packed;

	if (m->method == ST_ZIP_STORED) {
		t->where = ST_IN_FILE;
		t->offset = m->data + data; /* both inside the file */
		return ST_OK;
	}
	packed = st_arena_alloc(&p->l->arena, sizeof(*packed), p->e);
	if (!packed)
		return p->e->code;
	*packed = (struct st_packed){
		.offset = m->data, .csize = m->csize, .usize = m->usize, .crc = m->crc
	};
	t->where = ST_PACKED;
	t->packed = packed;
	t->offset = data;
	return ST_OK;
}

static int add_tensor(struct parser *p, const struct st_zip_member *m, const struct st_np_array *a,
		      uint64_t data)
{
	struct st_tensor *t = st_layout_add(p->l, p->e);
	int rc;

	if (!t)
		return p->e->code;
	t->name_len = m->name_len - SUFFIX_LEN;
	t->name = st_arena_dup(&p->l->arena, m->name, t->name_len, p->e);
	if (!t->name)
		return p->e->code;
	rc = st_np_tensor(t, a, &p->l->arena, p->e);
	return rc == ST_OK ? place(p, t, m, data) : rc;
}

/* What the tensor cannot say: the type of an opaque one, and that there is none. */
static int add_config(struct parser *p, const struct st_zip_member *m, const struct st_np_array *a,
		      const char *descr)
{
	if (a->type.dtype != ST_OPAQUE)
		return ST_OK;
	if (!p->any) {
		st_jw_key(&p->w, "config");
		st_jw_object(&p->w);
		p->any = true;
	}
	st_jw_keyn(&p->w, m->name, m->name_len - SUFFIX_LEN);
	st_npy_config(&p->w, a, descr);
	return p->e->code;
}

static int parse_array(struct parser *p, const struct st_zip_member *m)
{
	struct st_arena scratch; /* of descr: a thousandfold packed head may not stay */
	struct st_np_array a;
	struct st_source s;
	const char *descr;
	uint64_t data;
	int rc = st_zip_member_open(&s, p->src, m, p->e);

	if (rc != ST_OK)
		return rc;
	st_arena_init(&scratch);
	rc = st_npy_load(&a, &data, &descr, &scratch, &s, p->e);
	st_source_close(&s);
	if (rc == ST_OK)
		rc = add_config(p, m, &a, descr);
	st_arena_release(&scratch);
	return rc == ST_OK && !a.type.object ? add_tensor(p, m, &a, data) : rc;
}

/* What the archive says of a member names it already. */
static int blame(const struct st_zip_member *m, struct st_err *e)
{
	struct st_quote q;

	if (e->code == ST_EFORMAT && strncmp(e->msg, "member ", 7) == 0)
		return e->code;
	return st_wrap(e, "in member %s at offset %" PRIu64, st_quote(&q, m->name, m->name_len),
		       m->local);
}

static int parse_members(struct parser *p, const struct st_zip *z)
{
	for (size_t i = 0; i < z->n; i++) {
		const struct st_zip_member *m = &z->members[i];

		if (is_npy(m->name, m->name_len) && parse_array(p, m) != ST_OK)
			return blame(m, p->e);
	}
	return ST_OK;
}

static int write_metadata(struct parser *p, const struct st_zip *z)
{
	if (p->any)
		st_jw_close_object(&p->w);
	if (z->oddity) {
		st_jw_key(&p->w, "oddity");
		st_jw_string(&p->w, z->oddity);
	}
	st_jw_close_object(&p->w);
	if (p->e->code == ST_OK && (p->any || z->oddity)) {
		p->l->metadata = st_arena_dup(&p->l->arena, p->config.p, p->config.len, p->e);
		p->l->metadata_len = p->config.len;
	}
	return p->e->code;
}

static int parse_archive(struct parser *p, const struct st_zip *z, uint64_t limit)
{
	int rc;

	/* It grows by doubling and is copied once. */
	st_buf_init(&p->config, limit / 4 < SIZE_MAX ? (size_t)(limit / 4) : SIZE_MAX);
	st_jw_init(&p->w, &p->config, false, p->e);
	st_jw_object(&p->w);
	rc = parse_members(p, z);
	if (rc == ST_OK)
		rc = write_metadata(p, z);
	st_buf_release(&p->config);
	return rc;
}

static int parse(struct st_layout *out, const struct st_source *src, uint64_t limit,
		 struct st_err *e)
{
	struct parser p = { .l = out, .src = src, .e = e };
	struct st_zip z;
	int rc = st_zip_open(&z, src, limit, e);

	if (rc != ST_OK)
		return rc;
	rc = parse_archive(&p, &z, limit);
	st_zip_release(&z);
	return rc;
}

const struct st_format st_format_npz = {
	.name = "npz",
	.about = "NumPy .npz: a ZIP archive of .npy files",
	.probe = probe,
	.parse = parse,
	.patch = st_zip_patch,
};
