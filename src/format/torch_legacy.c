/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch before 1.6 (doc/format/torch.md): pickles one behind the other, then the storages.
 *
 *	offset 0	pickle of the number 0x1950a86a20f9469cfc6c
 *			pickle of the number 1001, the version
 *			pickle of {protocol_version, little_endian, type_sizes}
 *			pickle of the object, which names storages by persistent ids
 *			pickle of the list of the storages' keys
 *			for each key: i64 number of elements, and the elements
 *
 * Numbers and elements are little-endian whatever machine wrote them: a big-endian one swaps as it
 * writes and says little_endian False, which readers ignore. How large an element is only the
 * object tells, so a key that it does not name ends the reading.
 */
#include "format/torch.h"

#include "tensor/quote.h"

#define VERSION 1001
#define SMALL_PICKLE ((uint64_t)1 << 16) /* memory for a pickle of a number or two */
#define SMALL_STEPS 1000
#define KEY_STEPS ((uint64_t)1 << 27)
#define COUNT_BYTES 8

static const uint8_t magic[10] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };
static const char magic_text[] = "L119547037146038801333356L\n.";

/* PROTO, perhaps FRAME, then LONG1 of ten bytes and STOP; or protocols 0 and 1, in digits. */
bool st_torch_is_legacy(const uint8_t *p, size_t len)
{
	size_t at = 2;

	if (len >= sizeof(magic_text) - 1 && memcmp(p, magic_text, sizeof(magic_text) - 1) == 0)
		return true;
	if (len < 2 || p[0] != 0x80)
		return false;
	if (len > at && p[at] == 0x95)
		at += 9;
	return len >= at + 2 + sizeof(magic) + 1 && p[at] == 0x8a && p[at + 1] == sizeof(magic) &&
	       memcmp(p + at + 2, magic, sizeof(magic)) == 0 && p[at + 2 + sizeof(magic)] == '.';
}

/* A pickle at *off of something small; *off is left behind it. */
static int skip_small(struct st_pickle *pk, const struct st_source *src, uint64_t *off,
		      struct st_err *e)
{
	struct st_pickle_limits lim = { .memory = SMALL_PICKLE, .steps = SMALL_STEPS };
	int rc = st_pickle_parse(pk, src, *off, src->size, &lim, e);

	if (rc == ST_OK)
		*off = pk->end;
	return rc;
}

/* Magic number, version and system; *off is left at the object. */
static int read_head(const struct st_source *src, uint64_t *off, struct st_err *e)
{
	struct st_pickle pk;
	uint64_t at;
	int rc = ST_OK;

	for (unsigned i = 0; i < 3 && rc == ST_OK; i++) {
		at = *off;
		rc = skip_small(&pk, src, off, e);
		if (rc == ST_OK && i == 1 && (pk.root->kind != ST_PK_INT || pk.root->i != VERSION))
			rc = st_fail(e, ST_EFORMAT, "the version at offset %" PRIu64 " is not 1001",
				     at);
		st_pickle_release(&pk);
	}
	return rc;
}

/* The storage that an element of the list of keys means. */
static int find_storage(struct st_torch *t, const struct st_pk *key, struct st_torch_storage **out)
{
	struct st_torch_storage *s;
	struct st_quote q;
	uint64_t i;

	if ((key->kind != ST_PK_STR && key->kind != ST_PK_BYTES) || !key->str.p)
		return st_fail(t->e, ST_EFORMAT,
			       "the storage key at offset %" PRIu64 " is no string", key->at);
	st_quote(&q, key->str.p, key->str.len);
	if (!st_map_get(&t->by_key, key->str.p, key->str.len, &i))
		return st_fail(t->e, ST_EFORMAT,
			       "storage %s, listed at offset %" PRIu64
			       ", is not of the object: its element size is not known",
			       q.s, key->at);
	s = &t->storages[i];
	if (s->found)
		return st_fail(t->e, ST_EFORMAT, "storage %s is listed again at offset %" PRIu64,
			       q.s, key->at);
	if (!s->elsize)
		return st_fail(t->e, ST_EFORMAT,
			       "storage %s, named at offset %" PRIu64 ", is of an unknown class",
			       q.s, s->at);
	*out = s;
	return ST_OK;
}

/* Its elements at *off, which is left behind them. */
static int take_storage(struct st_torch *t, struct st_torch_storage *s, uint64_t *off)
{
	uint64_t size = t->src->size, numel, bytes;
	uint8_t count[COUNT_BYTES];
	struct st_quote q;
	int rc = st_source_read(t->src, count, sizeof(count), *off, t->e);

	st_quote(&q, s->key, s->key_len);
	if (rc != ST_OK)
		return st_wrap(t->e, "size of storage %s", q.s);
	numel = st_get64(count);
	if (numel != s->numel)
		return st_fail(t->e, ST_EFORMAT,
			       "storage %s at offset %" PRIu64 " has %" PRIu64
			       " elements, the object says %" PRIu64,
			       q.s, *off, numel, s->numel);
	*off += COUNT_BYTES;
	bytes = numel * s->elsize; /* checked when collected */
	if (bytes > size - *off)
		return st_fail(t->e, ST_EFORMAT,
			       "storage %s: %" PRIu64 " bytes at offset %" PRIu64
			       " reach past the end of the file at %" PRIu64,
			       q.s, bytes, *off, size);
	s->found = true;
	s->offset = *off;
	s->nbytes = bytes;
	*off += bytes;
	return ST_OK;
}

static int take_storages(struct st_torch *t, const struct st_pickle *keys)
{
	const struct st_pk *list = keys->root;
	uint64_t off = keys->end;
	struct st_torch_storage *s = NULL;
	struct st_quote q;
	int rc = ST_OK;

	if (list->kind != ST_PK_LIST && list->kind != ST_PK_TUPLE)
		return st_fail(t->e, ST_EFORMAT,
			       "the pickle that ends at offset %" PRIu64
			       " is no list of storage keys",
			       keys->end);
	for (size_t i = 0; i < list->seq.n && rc == ST_OK; i++) {
		rc = find_storage(t, list->seq.v[i], &s);
		if (rc == ST_OK)
			rc = take_storage(t, s, &off);
	}
	for (size_t i = 0; i < t->n && rc == ST_OK; i++) {
		s = &t->storages[i];
		if (!s->found && !s->meta)
			rc = st_fail(t->e, ST_EFORMAT,
				     "storage %s, named at offset %" PRIu64
				     ", is not in the list of keys",
				     st_quote(&q, s->key, s->key_len), s->at);
	}
	return rc;
}

static int read_storages(struct st_torch *t)
{
	struct st_pickle_limits lim = { .memory = t->limit / 2, .steps = KEY_STEPS };
	struct st_pickle keys;
	int rc = st_pickle_parse(&keys, t->src, t->pk->end, t->src->size, &lim, t->e);

	if (rc == ST_OK)
		rc = take_storages(t, &keys);
	st_pickle_release(&keys);
	return rc;
}

int st_torch_legacy(struct st_layout *l, const struct st_source *src, uint64_t limit,
		    struct st_err *e)
{
	struct st_torch t = { .l = l, .src = src, .in_file = true, .limit = limit, .e = e };
	struct st_pickle pk;
	uint64_t off = 0;
	int rc = read_head(src, &off, e);

	if (rc != ST_OK)
		return rc;
	rc = st_torch_load(&t, &pk, off, src->size);
	if (rc == ST_OK)
		rc = read_storages(&t);
	if (rc == ST_OK)
		rc = st_torch_walk(&t, pk.root);
	st_torch_release(&t);
	return rc;
}
