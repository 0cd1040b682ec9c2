/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a part of a pack. The first byte says which: 'H' header, 'E' entry, 'I' index,
 * 'T' trailer, and anything else is a whole pack. A part that is accepted must encode to the same
 * bytes; every object of a pack that is accepted must be refused or have its hash.
 */
#include "store/odb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the object whose id is zeros. */
static void parse_entry(const uint8_t *p, size_t n)
{
	static const struct st_oid id, manifest = { { 1 } };
	struct st_err e = { 0 };
	struct st_entry en;
	struct st_buf b;

	if (st_entry_parse(&en, &id, &manifest, p, n, &e) != ST_OK)
		return;
	st_buf_init(&b, n);
	ST_BUG_ON(st_entry_put(&b, &en, &e) != ST_OK);
	ST_BUG_ON(b.len != n || memcmp(b.p, p, n) != 0);
	st_buf_release(&b);
	st_entry_release(&en);
}

static bool same_rows(const struct st_pack_index *x, const struct st_pack_index *y)
{
	for (size_t i = 0; i < x->n && x->n == y->n; i++) {
		const struct st_index_row *a = &x->rows[i], *b = &y->rows[i];

		if (!st_oid_eq(&a->id, &b->id) || !st_oid_eq(&a->base, &b->base) ||
		    a->kind != b->kind || a->width != b->width || a->depth != b->depth ||
		    a->flags != b->flags || a->offset != b->offset || a->raw != b->raw ||
		    a->stored != b->stored || a->head != b->head || a->nframes != b->nframes)
			return false;
	}
	return x->n == y->n && x->stored == y->stored;
}

/* The first 8 bytes say where it lies. A base that is in the pack may be named by its id, too, so
 * what is put may be shorter. */
static void parse_index(const uint8_t *p, size_t n)
{
	struct st_pack_index x, again;
	struct st_err e = { 0 };
	struct st_buf b;

	if (n < 8 || st_pack_index_parse(&x, p + 8, n - 8, st_get64(p), &e) != ST_OK)
		return;
	st_buf_init(&b, n);
	ST_BUG_ON(st_pack_index_put(&b, x.rows, x.n, &e) != ST_OK);
	ST_BUG_ON(st_pack_index_parse(&again, b.p, b.len, st_get64(p), &e) != ST_OK);
	ST_BUG_ON(!same_rows(&x, &again));
	st_pack_index_release(&again);
	st_buf_release(&b);
	st_pack_index_release(&x);
}

static void parse_trailer(const uint8_t *p, size_t n)
{
	uint8_t again[ST_PACK_TRAILER];
	struct st_pack_trailer t;
	struct st_err e = { 0 };

	if (n < ST_PACK_TRAILER + 8)
		return;
	if (st_pack_trailer_parse(&t, p, st_get64(p + ST_PACK_TRAILER), &e) != ST_OK)
		return;
	st_pack_trailer_put(again, &t);
	ST_BUG_ON(memcmp(again, p, sizeof(again)) != 0);
}

static int ignore(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		  struct st_err *e)
{
	(void)arg;
	(void)id;
	(void)offset;
	(void)what;
	(void)e;
	return ST_OK;
}

static void read_all(struct st_odb *o, const struct st_pack_index *x)
{
	for (size_t i = 0; i < x->n && i < 64; i++) {
		struct st_err e = { 0 };
		struct st_oid id;
		struct st_buf b;

		st_buf_init(&b, (size_t)1 << 22);
		if (st_odb_get(o, &x->rows[i].id, &b, &e) == ST_OK) {
			st_oid_of(&id, b.p, b.len);
			ST_BUG_ON(!st_oid_eq(&id, &x->rows[i].id));
		}
		st_buf_release(&b);
	}
}

static void use_pack(struct st_odb *o, const struct st_oid *pack)
{
	struct st_pack_index x;
	struct st_err e = { 0 };
	uint64_t len, bytes = 0;

	if (st_odb_pack_index(o, pack, &x, &len, &e) == ST_OK) {
		ST_BUG_ON(st_odb_learn_pack(o, pack, &e) != ST_OK);
		read_all(o, &x);
		st_pack_index_release(&x);
	}
	st_err_clear(&e);
	ST_BUG_ON(st_odb_scrub_pack(o, pack, ignore, NULL, &bytes, &e) != ST_OK);
}

/* Under the name that its own trailer asks for. */
static void whole_pack(const uint8_t *p, size_t n)
{
	char name[ST_PACK_NAME_LEN + 1];
	struct st_catalog *cat = NULL;
	struct st_store *s = NULL;
	struct st_blob *b = NULL;
	struct st_odb *o = NULL;
	struct st_err e = { 0 };
	struct st_oid pack;

	if (n < ST_PACK_TRAILER)
		return;
	memcpy(pack.b, p + n - ST_PACK_TRAILER + 16, ST_OID_LEN);
	st_pack_name(&pack, name);
	if (st_store_mem_new(&s, &e) == ST_OK && st_store_create(s, &b, &e) == ST_OK &&
	    st_blob_write(b, p, n, 0, &e) == ST_OK && st_blob_publish(b, name, &e) == ST_OK &&
	    st_catalog_open(&cat, ":memory:", &e) == ST_OK && st_odb_open(&o, s, cat, &e) == ST_OK)
		use_pack(o, &pack);
	st_odb_close(o);
	st_catalog_close(cat);
	st_store_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_err e = { 0 };

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'H':
		if (st_pack_header_parse(data + 1, size - 1, &e) != ST_OK)
			ST_BUG_ON(e.code != ST_ECORRUPT);
		break;
	case 'E':
		parse_entry(data + 1, size - 1);
		break;
	case 'I':
		parse_index(data + 1, size - 1);
		break;
	case 'T':
		parse_trailer(data + 1, size - 1);
		break;
	default:
		whole_pack(data, size);
	}
	return 0;
}
