/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints (doc/format/torch.md). Since 1.6 a ZIP archive, all members under one
 * directory, whose name is the file's:
 *
 *	<prefix>/data.pkl		the object, a pickle
 *	<prefix>/byteorder		"little" or "big"; absent before 2.1, then little
 *	<prefix>/data/<key>		a storage: the raw elements of one or more tensors, stored
 *	<prefix>/version, .data/serialization_id, .format_version, .storage_alignment
 *	<prefix>/constants.pkl, constants/<key>, code/	of TorchScript only
 *
 * Only the directory, the local headers and the pickles are read. Of the two other forms, stacked
 * pickles are in torch_legacy.c; a plain pickle has no storages at all.
 */
#include "format/format.h"
#include "format/torch.h"
#include "format/zip.h"

#include "tensor/quote.h"

#include <stdio.h>
#include <strings.h>

#define MEMBER_BYTES 256 /* of a directory's entry, in its array and in the map of names */
#define MAX_STEPS ((uint64_t)1 << 27) /* opcodes of one pickle */

/* ---- recognising ---- */

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && memcmp(s + n - t, tail, t) == 0;
}

static bool is_named(const char *path)
{
	static const char *const tails[] = { ".pt", ".pth", ".bin", ".ckpt", ".jit", ".ptl" };
	size_t n = path ? strlen(path) : 0;

	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		size_t t = strlen(tails[i]);

		if (n > t && strcasecmp(path + n - t, tails[i]) == 0)
			return true;
	}
	return false;
}

#define LOCAL_HEADER 30

/* Is the first member one of those that PyTorch writes first? Its name may go on behind the bytes
 * that probe sees; then the header tells, which PyTorch's archiver makes as no other does. */
static bool is_torch_member(const uint8_t *p, size_t len)
{
	static const char *const tails[] = { "/data.pkl",	 "/version",	   "/byteorder",
					     "/.format_version", "/constants.pkl", "/data/0",
					     "/constants/0" };
	static const uint8_t made_like[8] = { 0, 0, 8, 8, 0, 0, 0, 0 };
	const char *name = (const char *)p + LOCAL_HEADER;
	size_t n;

	if (len < LOCAL_HEADER)
		return false;
	n = st_get16(p + 26);
	if (n > len - LOCAL_HEADER)
		return memcmp(p + 4, made_like, sizeof(made_like)) == 0;
	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++)
		if (ends_with(name, n, tails[i]))
			return true;
	return false;
}

static bool is_zip(const uint8_t *p, size_t len)
{
	return len >= 4 && memcmp(p, "PK\3\4", 4) == 0;
}

static bool is_pickle(const uint8_t *p, size_t len)
{
	return len >= 2 && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5;
}

static int probe(const uint8_t *p, size_t len, uint64_t size, const char *path)
{
	bool named = is_named(path);

	(void)size;
	if (st_torch_is_legacy(p, len))
		return 100;
	if (is_zip(p, len))
		return is_torch_member(p, len) ? 80 : named ? 60 : 0;
	return named && is_pickle(p, len) ? 40 : 0;
}

/* ---- one pickle ---- */

int st_torch_load(struct st_torch *t, struct st_pickle *pk, uint64_t off, uint64_t end)
{
	/* Most for the nodes; the rest for the set of those seen, then for the layout. */
	struct st_pickle_limits lim = { .memory = t->limit - t->limit / 4, .steps = MAX_STEPS };
	int rc;

	t->pk = pk;
	t->limit -= lim.memory;
	st_map_init(&t->by_key);
	rc = st_pickle_parse(pk, t->src, off, end, &lim, t->e);
	return rc == ST_OK ? st_torch_collect(t) : rc;
}

void st_torch_release(struct st_torch *t)
{
	if (t->pk)
		st_pickle_release(t->pk);
	st_map_release(&t->by_key);
	free(t->storages);
}

/* ---- the ZIP form ---- */

struct archive {
	struct st_layout *l;
	const struct st_source *src;
	struct st_zip zip;
	const char *prefix; /* with its '/' */
	size_t prefix_len;
	bool big_endian;
	uint64_t limit;
	struct st_buf name; /* of the member looked for */
	struct st_err *e;
};

/* All members lie in the directory of the first one. */
static int find_prefix(struct archive *a)
{
	const struct st_zip_member *m = a->zip.members;
	const char *slash = a->zip.n ? memchr(m->name, '/', m->name_len) : NULL;
	struct st_quote q;

	if (!slash)
		return st_fail(a->e, ST_EFORMAT,
			       "the archive's first member, in the directory at offset %" PRIu64
			       ", is in no directory",
			       a->zip.n ? m->central : 0);
	a->prefix = m->name;
	a->prefix_len = (size_t)(slash - m->name) + 1;
	for (size_t i = 1; i < a->zip.n; i++) {
		m = &a->zip.members[i];
		if (m->name_len < a->prefix_len || memcmp(m->name, a->prefix, a->prefix_len) != 0)
			return st_fail(a->e, ST_EFORMAT,
				       "member %s in the directory at offset %" PRIu64
				       " lies outside %s",
				       st_quote(&q, m->name, m->name_len), m->central,
				       "the directory of the first one");
	}
	return ST_OK;
}

static int fold(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static int by_folded(const struct st_zip_member *a, const struct st_zip_member *b)
{
	size_t both = a->name_len < b->name_len ? a->name_len : b->name_len;

	for (size_t i = 0; i < both; i++)
		if (fold(a->name[i]) != fold(b->name[i]))
			return fold(a->name[i]) < fold(b->name[i]) ? -1 : 1;
	return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* The elements point into one array: what is equal stays in the directory's order. */
static int by_folded_stable(const void *pa, const void *pb)
{
	const struct st_zip_member *a = *(const struct st_zip_member *const *)pa;
	const struct st_zip_member *b = *(const struct st_zip_member *const *)pb;
	int c = by_folded(a, b);

	return c ? c : (a > b) - (a < b);
}

/* PyTorch finds members whatever their case, the first that fits: of two such it may load the one
 * that is not meant here. */
static int check_case(const struct archive *a)
{
	const struct st_zip_member **order = st_calloc(a->zip.n, sizeof(*order), a->e);
	struct st_quote q, r;

	if (!order)
		return a->e->code;
	for (size_t i = 0; i < a->zip.n; i++)
		order[i] = &a->zip.members[i];
	if (a->zip.n)
		qsort(order, a->zip.n, sizeof(*order), by_folded_stable);
	for (size_t i = 1; i < a->zip.n && a->e->code == ST_OK; i++)
		if (by_folded(order[i - 1], order[i]) == 0)
			st_fail(a->e, ST_EFORMAT,
				"members %s and %s, in the directory at offset %" PRIu64
				", differ in nothing but case",
				st_quote(&q, order[i - 1]->name, order[i - 1]->name_len),
				st_quote(&r, order[i]->name, order[i]->name_len),
				order[i]->central);
	free(order);
	return a->e->code;
}

/* <prefix>/<dir><key>; *m NULL: there is none. */
static int find_member(struct archive *a, const struct st_zip_member **m, const char *dir,
		       const char *key, size_t key_len)
{
	st_buf_clear(&a->name);
	if (st_buf_add(&a->name, a->prefix, a->prefix_len, a->e) != ST_OK ||
	    st_buf_addstr(&a->name, dir, a->e) != ST_OK ||
	    st_buf_add(&a->name, key, key_len, a->e) != ST_OK)
		return a->e->code;
	*m = st_zip_find(&a->zip, (const char *)a->name.p, a->name.len);
	return ST_OK;
}

static int read_byteorder(struct archive *a)
{
	const struct st_zip_member *m;
	struct st_buf b;
	int rc = find_member(a, &m, "byteorder", "", 0);

	if (rc != ST_OK || !m)
		return rc;
	st_buf_init(&b, 16);
	rc = m->usize > b.max ? ST_EFORMAT : st_zip_load(&b, a->src, m, a->e);
	if (rc == ST_OK) {
		a->big_endian = b.len == 3 && memcmp(b.p, "big", 3) == 0;
		if (!a->big_endian && (b.len != 6 || memcmp(b.p, "little", 6) != 0))
			rc = ST_EFORMAT;
	}
	st_buf_release(&b);
	if (rc == ST_EFORMAT && a->e->code == ST_OK)
		st_fail(a->e, ST_EFORMAT,
			"the record byteorder at offset %" PRIu64 " says neither little nor big",
			m->data);
	return rc;
}

static int pack(struct archive *a, const struct st_zip_member *m, const struct st_packed **out)
{
	struct st_packed *p = st_arena_alloc(&a->l->arena, sizeof(*p), a->e);

	if (!p)
		return a->e->code;
	*p = (struct st_packed){
		.offset = m->data, .csize = m->csize, .usize = m->usize, .crc = m->crc
	};
	*out = p;
	return ST_OK;
}

/* Where TorchScript and torch.package keep storages, too. */
static int find_storage(struct archive *a, const struct st_zip_member **m, const char *dir,
			const struct st_torch_storage *s)
{
	const char *const dirs[] = { dir, "", ".data/" };
	int rc = ST_OK;

	*m = NULL;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs) && rc == ST_OK && !*m; i++)
		rc = find_member(a, m, dirs[i], s->key, s->key_len);
	return rc;
}

static int check_storage(struct archive *a, const struct st_zip_member *m,
			 struct st_torch_storage *s)
{
	struct st_quote q;

	if (!s->elsize && s->numel && m->usize % s->numel == 0 && m->usize / s->numel <= UINT32_MAX)
		s->elsize = (unsigned)(m->usize / s->numel);
	if (!s->elsize && s->numel)
		return st_fail(a->e, ST_EFORMAT,
			       "storage %s: %" PRIu64 " bytes at offset %" PRIu64
			       " are not %" PRIu64 " elements",
			       st_quote(&q, s->key, s->key_len), m->usize, m->data, s->numel);
	/* Not to wrap: st_torch_collect checked the product, or it is usize. */
	if (s->numel * s->elsize > m->usize)
		return st_fail(a->e, ST_EFORMAT,
			       "storage %s: %" PRIu64 " bytes at offset %" PRIu64
			       " are too few for %" PRIu64 " elements of %u",
			       st_quote(&q, s->key, s->key_len), m->usize, m->data, s->numel,
			       s->elsize);
	return ST_OK;
}

static int fill_storage(struct archive *a, struct st_torch_storage *s, const char *dir)
{
	const struct st_zip_member *m;
	struct st_quote q;
	int rc = find_storage(a, &m, dir, s);

	if (rc != ST_OK)
		return rc;
	if (!m && s->meta)
		return ST_OK;
	if (!m)
		return st_fail(a->e, ST_EFORMAT,
			       "storage %s, named at offset %" PRIu64
			       " of the pickle, is not in the archive",
			       st_quote(&q, s->key, s->key_len), s->at);
	rc = check_storage(a, m, s);
	if (rc == ST_OK && m->method != ST_ZIP_STORED)
		rc = pack(a, m, &s->packed);
	if (rc != ST_OK)
		return rc;
	s->found = true;
	s->big_endian = a->big_endian;
	s->offset = s->packed ? 0 : m->data;
	s->nbytes = m->usize;
	return ST_OK;
}

/* An element of constants.pkl, which the code knows as CONSTANTS.c<i>. */
static int add_constant(struct st_torch *t, const struct st_pk *node, size_t i)
{
	struct st_torch_value v;
	bool is;
	int rc = st_torch_value_of(t, node, &is, &v);

	for (size_t k = 0; rc == ST_OK && is && k < v.n; k++) {
		struct st_tensor *out = st_layout_add(t->l, t->e);
		char name[64];

		if (!out)
			return t->e->code;
		*out = v.parts[k].tensor;
		out->name_len = (size_t)snprintf(name, sizeof(name), "CONSTANTS.c%zu%s", i,
						 v.parts[k].suffix);
		out->name = st_arena_dup(&t->l->arena, name, out->name_len, t->e);
		rc = t->e->code;
	}
	return rc;
}

static int walk_constants(struct st_torch *t, const struct st_pk *root)
{
	int rc = ST_OK;

	if (root->kind != ST_PK_TUPLE && root->kind != ST_PK_LIST)
		return ST_OK;
	for (size_t i = 0; i < root->seq.n && rc == ST_OK; i++)
		rc = add_constant(t, root->seq.v[i], i);
	return rc;
}

/* The pickle in src, which is the file from off on, or the inflated member. */
static int walk_pickle(struct archive *a, struct st_torch *t, uint64_t off, uint64_t size,
		       bool constants)
{
	struct st_pickle pk;
	int rc = st_torch_load(t, &pk, off, off + size);

	for (size_t i = 0; i < t->n && rc == ST_OK; i++)
		rc = fill_storage(a, &t->storages[i], constants ? "constants/" : "data/");
	if (rc == ST_OK)
		rc = constants ? walk_constants(t, pk.root) : st_torch_walk(t, pk.root);
	st_torch_release(t);
	return rc;
}

static int walk_member(struct archive *a, const struct st_zip_member *m, bool constants)
{
	struct st_torch t = {
		.l = a->l, .src = a->src, .oddity = a->zip.oddity, .limit = a->limit, .e = a->e
	};
	struct st_source inflated;
	struct st_quote q;
	int rc;

	if (m->method == ST_ZIP_STORED && !(m->flags & 1)) {
		t.in_file = true;
		return walk_pickle(a, &t, m->data, m->usize, constants);
	}
	rc = pack(a, m, &t.packed);
	if (rc == ST_OK)
		rc = st_zip_member_open(&inflated, a->src, m, a->e);
	if (rc == ST_OK) {
		t.src = &inflated;
		rc = walk_pickle(a, &t, 0, m->usize, constants);
		st_source_close(&inflated);
	}
	return rc == ST_OK ? rc : st_wrap(a->e, "in member %s", st_quote(&q, m->name, m->name_len));
}

static int walk_archive(struct archive *a)
{
	const struct st_zip_member *object, *constants;
	int rc = find_prefix(a);

	if (rc == ST_OK)
		rc = check_case(a);
	if (rc == ST_OK)
		rc = read_byteorder(a);
	if (rc == ST_OK)
		rc = find_member(a, &object, "data.pkl", "", 0);
	if (rc == ST_OK)
		rc = find_member(a, &constants, "constants.pkl", "", 0);
	if (rc != ST_OK)
		return rc;
	if (!object)
		return st_fail(a->e, ST_EFORMAT,
			       "the archive, whose directory is at offset %" PRIu64
			       ", has no member data.pkl",
			       a->zip.members->central);
	rc = walk_member(a, object, false);
	if (rc == ST_OK && constants)
		rc = walk_member(a, constants, true);
	return rc;
}

static int parse_zip(struct st_layout *l, const struct st_source *src, uint64_t limit,
		     struct st_err *e)
{
	struct archive a = { .l = l, .src = src, .e = e };
	int rc = st_zip_open(&a.zip, src, limit, e);
	uint64_t used;

	if (rc != ST_OK)
		return rc;
	used = a.zip.arena.total + a.zip.n * MEMBER_BYTES;
	a.limit = used < limit ? limit - used : 0;
	st_buf_init(&a.name, (size_t)1 << 18); /* names of members are below 2^16 */
	rc = walk_archive(&a);
	st_buf_release(&a.name);
	st_zip_release(&a.zip);
	return rc;
}

/* ---- a plain pickle ---- */

/* Without a storage to its name: arrays, or tensors that were pickled whole. */
static int parse_plain(struct st_layout *l, const struct st_source *src, uint64_t limit,
		       struct st_err *e)
{
	struct st_torch t = { .l = l, .src = src, .in_file = true, .limit = limit, .e = e };
	struct st_pickle pk;
	int rc = st_torch_load(&t, &pk, 0, src->size);

	if (rc == ST_OK)
		rc = st_torch_walk(&t, pk.root);
	st_torch_release(&t);
	return rc;
}

static int parse(struct st_layout *out, const struct st_source *src, uint64_t limit,
		 struct st_err *e)
{
	size_t len = src->size < ST_PROBE_LEN ? (size_t)src->size : ST_PROBE_LEN;
	uint8_t head[ST_PROBE_LEN];
	int rc = st_source_read(src, head, len, 0, e);

	if (rc != ST_OK)
		return rc;
	out->size = src->size;
	if (st_torch_is_legacy(head, len))
		return st_torch_legacy(out, src, limit, e);
	if (is_zip(head, len))
		return parse_zip(out, src, limit, e);
	if (is_pickle(head, len))
		return parse_plain(out, src, limit, e);
	return st_fail(e, ST_EFORMAT, "neither an archive nor a pickle begins at offset 0");
}

/* Only archives have checksums. */
static int patch(int fd, const struct st_source *src, const struct st_run *runs, size_t n,
		 uint64_t limit, struct st_err *e)
{
	uint8_t head[4] = { 0 };
	size_t len = src->size < sizeof(head) ? (size_t)src->size : sizeof(head);
	int rc = st_source_read(src, head, len, 0, e);

	if (rc != ST_OK || !is_zip(head, len))
		return rc;
	return st_zip_patch(fd, src, runs, n, limit, e);
}

const struct st_format st_format_torch = {
	.name = "torch",
	.about = "PyTorch: a pickle, and storages in a ZIP archive or behind it",
	.probe = probe,
	.parse = parse,
	.patch = patch,
};
