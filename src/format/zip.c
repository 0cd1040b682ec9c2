/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZIP archives (doc/format/zip.md), found from their end:
 *
 *	for each member:
 *		local header	"PK\3\4", 30 bytes; lengths of name and extra fields at 26, 28
 *		data		stored or deflated
 *		descriptor	CRC-32 and sizes again, when flag bit 3 is set
 *	directory	for each member an entry "PK\1\2" of 46 bytes, name, extra fields, comment
 *	zip64 end	"PK\6\6" of 56 bytes and more: count, size and offset of the directory
 *	zip64 locator	"PK\6\7", 20 bytes: where the zip64 end is
 *	end		"PK\5\6", 22 bytes and a comment
 *
 * The zip64 records are there when a number does not fit the end record, or always. In an entry a
 * number of 32 bits that does not fit is all ones, and the extra field 0x0001 has it in 64.
 * Everything is little-endian.
 */
#include "format/zip.h"

#include "tensor/quote.h"

#include <stdarg.h>
#include <stdio.h>

#define LOCAL_SIG 0x04034b50u
#define ENTRY_SIG 0x02014b50u
#define END_SIG 0x06054b50u
#define END64_SIG 0x06064b50u
#define LOCATOR_SIG 0x07064b50u

#define LOCAL_LEN 30u
#define ENTRY_LEN 46u
#define END_LEN 22u
#define END64_LEN 56u
#define LOCATOR_LEN 20u
#define MAX16 0xffffu
#define MAX32 0xffffffffu

#define SCAN 4096      /* bytes at a time, searching for the end record */
#define LOCAL_AHEAD 96 /* of a local header's extra fields, read along with its name */

/* What a member takes besides its name, rounded up: itself, its slots in the table of names while
 * that grows, its span. */
#define MEMBER_COST 320
/* A name lies in the directory as read, in the arena and in the table of names. */
#define NAME_COPIES 3

struct reader {
	struct st_zip *z;
	const struct st_source *src;
	uint64_t dir, dir_len, n; /* the directory: offset, bytes, entries */
	uint64_t end;		  /* of what may be directory: the first of the end records */
	uint8_t *local;		  /* room for a local header with all that can belong to it */
	struct st_err *e;
};

/* Notes the first of the things that other readers may take otherwise. */
__attribute__((format(printf, 2, 3))) static int odd(struct reader *r, const char *fmt, ...)
{
	char text[384];
	va_list ap;

	if (r->z->oddity)
		return ST_OK;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->z->oddity = st_arena_dup(&r->z->arena, text, strlen(text), r->e);
	return r->z->oddity ? ST_OK : r->e->code;
}

/* The last end record, as every reader takes it: the comment of an earlier one may hold it. */
static int find_end(const struct reader *r, uint64_t *at)
{
	uint64_t size = r->src->size, low, from, top;
	uint8_t b[SCAN + 3];

	if (size < END_LEN)
		return st_fail(r->e, ST_EFORMAT,
			       "%" PRIu64 " bytes at offset 0 are too few for a ZIP archive", size);
	low = size > END_LEN + MAX16 ? size - END_LEN - MAX16 : 0;
	for (top = size - END_LEN + 1; top > low; top = from) {
		from = top - low > SCAN ? top - SCAN : low;
		if (st_source_read(r->src, b, (size_t)(top - from) + 3, from, r->e) != ST_OK)
			return r->e->code;
		for (size_t i = (size_t)(top - from); i-- > 0;)
			if (b[i] == 'P' && st_get32(b + i) == END_SIG) {
				*at = from + i;
				return ST_OK;
			}
	}
	return st_fail(r->e, ST_EFORMAT,
		       "no end of a ZIP directory between offset %" PRIu64
		       " and the end at %" PRIu64,
		       low, size);
}

static int split(const struct reader *r, uint64_t at)
{
	return st_fail(
		r->e, ST_EFORMAT,
		"the archive is split over several disks, says the record at offset %" PRIu64, at);
}

/* A number of the end record and its twin in the zip64 one. */
static bool agree(uint64_t narrow, uint64_t all_ones, uint64_t wide)
{
	return narrow == all_ones || narrow == wide;
}

/* The zip64 end record at `at`, behind which comes its locator. The end record b may have said
 * everything already, and must then have said the same. */
static int read_end64(struct reader *r, uint64_t at, uint64_t locator, const uint8_t *b)
{
	uint8_t w[END64_LEN];
	uint64_t len;

	if (at > locator || locator - at < END64_LEN)
		return st_fail(r->e, ST_EFORMAT,
			       "the locator at offset %" PRIu64
			       " puts the zip64 end record at %" PRIu64 ", where none fits",
			       locator, at);
	if (st_source_read(r->src, w, sizeof(w), at, r->e) != ST_OK)
		return r->e->code;
	len = st_get64(w + 4);
	if (st_get32(w) != END64_SIG || len < END64_LEN - 12 || len > locator - at - 12)
		return st_fail(r->e, ST_EFORMAT, "no zip64 end record at offset %" PRIu64, at);
	if (st_get32(w + 16) || st_get32(w + 20) || st_get64(w + 24) != st_get64(w + 32))
		return split(r, at);
	r->n = st_get64(w + 32);
	r->dir_len = st_get64(w + 40);
	r->dir = st_get64(w + 48);
	r->end = at;
	if (!agree(st_get16(b + 10), MAX16, r->n) || !agree(st_get32(b + 12), MAX32, r->dir_len) ||
	    !agree(st_get32(b + 16), MAX32, r->dir))
		return st_fail(r->e, ST_EFORMAT,
			       "the zip64 end record at offset %" PRIu64
			       " contradicts the end record at %" PRIu64,
			       at, locator + LOCATOR_LEN);
	if (len < locator - at - 12)
		return odd(r,
			   "bytes between the zip64 end record at offset %" PRIu64
			   " and its locator",
			   at);
	return ST_OK;
}

static int read_end(struct reader *r)
{
	uint8_t b[END_LEN], l[LOCATOR_LEN];
	uint64_t at, behind, comment;

	if (find_end(r, &at) != ST_OK || st_source_read(r->src, b, sizeof(b), at, r->e) != ST_OK)
		return r->e->code;
	behind = r->src->size - at - END_LEN;
	comment = st_get16(b + 20);
	if (comment > behind)
		return st_fail(r->e, ST_EFORMAT,
			       "the comment of %" PRIu64
			       " bytes of the end record at offset %" PRIu64 " exceeds the file",
			       comment, at);
	if (comment < behind && odd(r, "%" PRIu64 " bytes after the end record at offset %" PRIu64,
				    behind - comment, at) != ST_OK)
		return r->e->code;
	if (at >= LOCATOR_LEN) {
		if (st_source_read(r->src, l, sizeof(l), at - LOCATOR_LEN, r->e) != ST_OK)
			return r->e->code;
		if (st_get32(l) == LOCATOR_SIG)
			return st_get32(l + 4) || st_get32(l + 16) > 1 ?
				       split(r, at - LOCATOR_LEN) :
				       read_end64(r, st_get64(l + 8), at - LOCATOR_LEN, b);
	}
	if (st_get16(b + 4) || st_get16(b + 6) || st_get16(b + 8) != st_get16(b + 10))
		return split(r, at);
	r->n = st_get16(b + 10);
	r->dir_len = st_get32(b + 12);
	r->dir = st_get32(b + 16);
	r->end = at;
	return ST_OK;
}

/* The directory lies in the file, and the number of its entries may size an allocation. */
static int check_directory(struct reader *r, uint64_t limit)
{
	uint64_t need, names;

	if (r->dir > r->end || r->dir_len > r->end - r->dir)
		return st_fail(r->e, ST_EFORMAT,
			       "the directory of %" PRIu64 " bytes at offset %" PRIu64
			       " reaches beyond its end record at offset %" PRIu64,
			       r->dir_len, r->dir, r->end);
	if (r->n > r->dir_len / ENTRY_LEN)
		return st_fail(r->e, ST_EFORMAT,
			       "the directory of %" PRIu64 " bytes at offset %" PRIu64
			       " has no room for %" PRIu64 " entries",
			       r->dir_len, r->dir, r->n);
	if (!st_mul_u64(r->n, MEMBER_COST, &need) || !st_mul_u64(r->dir_len, NAME_COPIES, &names) ||
	    !st_add_u64(need, names, &need) || need > limit)
		return st_fail(r->e, ST_ELIMIT,
			       "the directory of %" PRIu64 " entries at offset %" PRIu64
			       " asks for more than the %" PRIu64 " bytes of memory allowed",
			       r->n, r->dir, limit);
	if (r->dir_len < r->end - r->dir)
		return odd(r,
			   "%" PRIu64
			   " bytes between the directory and its end record at offset %" PRIu64,
			   r->end - r->dir - r->dir_len, r->end);
	return ST_OK;
}

/* Numbers that the zip64 field may hold, in its order. */
enum {
	USIZE,
	CSIZE,
	OFFSET,
	DISK,
	NWIDE
};

/* The extra field 0x0001; NULL with *why when the fields are no fields, or when it comes twice. */
static const uint8_t *find_zip64(const uint8_t *x, size_t len, size_t *n, const char **why)
{
	const uint8_t *found = NULL;
	size_t i = 0, k;

	*why = NULL;
	for (; len - i >= 4; i += 4 + k) { /* up to three bytes of padding may follow */
		k = st_get16(x + i + 2);
		if (k > len - i - 4) {
			*why = "an extra field that reaches beyond its header";
			return NULL;
		}
		if (st_get16(x + i) != 1)
			continue;
		if (found) {
			*why = "two zip64 fields";
			return NULL;
		}
		found = x + i + 4;
		*n = k;
	}
	return found;
}

/* Replaces what is all ones by what the zip64 field says; without one it stands as it is. NULL, or
 * what is wrong. */
static const char *widen(const uint8_t *x, size_t len, uint64_t *v, size_t count)
{
	static const struct {
		uint64_t all_ones;
		size_t bytes;
	} of[NWIDE] = { { MAX32, 8 }, { MAX32, 8 }, { MAX32, 8 }, { MAX16, 4 } };
	const char *why;
	size_t n, at = 0;
	const uint8_t *p = find_zip64(x, len, &n, &why);

	for (size_t i = 0; p && i < count; i++) {
		if (v[i] != of[i].all_ones)
			continue;
		if (of[i].bytes > n - at)
			return "a zip64 field that is too short";
		v[i] = of[i].bytes == 8 ? st_get64(p + at) : st_get32(p + at);
		at += of[i].bytes;
	}
	return why;
}

/* Why a name could mislead who takes it for a path, or NULL. */
static const char *name_trouble(const char *s, size_t len)
{
	size_t start = 0;

	if (len == 0)
		return "has no name";
	if (memchr(s, 0, len))
		return "has a NUL in its name";
	if (s[0] == '/' || (len > 1 && s[1] == ':'))
		return "has an absolute path for its name";
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] == '\\')
			return "has a backslash in its name";
		if (i < len && s[i] != '/')
			continue;
		if (i - start == 2 && s[start] == '.' && s[start + 1] == '.')
			return "has \"..\" in its name";
		start = i + 1;
	}
	return NULL;
}

static int add_name(struct reader *r, struct st_zip_member *m, const uint8_t *name, size_t len)
{
	struct st_zip *z = r->z;
	const char *trouble;
	struct st_quote q;
	uint64_t old;
	bool had;

	m->name = st_arena_dup(&z->arena, name, len, r->e);
	if (!m->name)
		return r->e->code;
	m->name_len = len;
	if (st_map_put(&z->names, m->name, len, (uint64_t)(m - z->members), &had, &old, r->e) !=
	    ST_OK)
		return r->e->code;
	if (had)
		return st_fail(r->e, ST_EFORMAT,
			       "the name %s at offset %" PRIu64
			       " stands already at offset %" PRIu64,
			       st_quote(&q, m->name, len), m->central + ENTRY_LEN,
			       z->members[old].central + ENTRY_LEN);
	trouble = name_trouble(m->name, len);
	if (trouble)
		return odd(r, "member %s at offset %" PRIu64 " %s", st_quote(&q, m->name, len),
			   m->central, trouble);
	return ST_OK;
}

/* Sizes and places of an entry d with its fields, as far as the entry alone tells them. */
static int read_numbers(struct reader *r, struct st_zip_member *m, const uint8_t *d)
{
	size_t name = st_get16(d + 28), extra = st_get16(d + 30);
	uint64_t v[NWIDE];
	const char *why;

	m->flags = st_get16(d + 8);
	m->method = st_get16(d + 10);
	m->crc = st_get32(d + 16);
	v[CSIZE] = st_get32(d + 20);
	v[USIZE] = st_get32(d + 24);
	v[OFFSET] = st_get32(d + 42);
	v[DISK] = st_get16(d + 34);
	why = widen(d + ENTRY_LEN + name, extra, v, NWIDE);
	if (why)
		return st_fail(r->e, ST_EFORMAT, "the entry at offset %" PRIu64 " has %s",
			       m->central, why);
	if (v[DISK])
		return split(r, m->central);
	m->csize = v[CSIZE];
	m->usize = v[USIZE];
	m->local = v[OFFSET];
	/* Encrypted data begin with a header of their own. */
	if (m->method == ST_ZIP_STORED && !(m->flags & 1) && m->csize != m->usize)
		return st_fail(r->e, ST_EFORMAT,
			       "the entry at offset %" PRIu64 " stores %" PRIu64
			       " bytes in %" PRIu64,
			       m->central, m->usize, m->csize);
	return ST_OK;
}

static int no_entry(const struct reader *r, size_t at)
{
	uint64_t gap = r->end - r->dir - r->dir_len;

	if (at == 0 && gap)
		return st_fail(r->e, ST_EFORMAT,
			       "no directory entry at offset %" PRIu64 ": offsets may be %" PRIu64
			       " too small, as in a self-extracting archive",
			       r->dir, gap);
	return st_fail(r->e, ST_EFORMAT, "no directory entry at offset %" PRIu64, r->dir + at);
}

/* The entry at *at of the directory d of len bytes. */
static int read_entry(struct reader *r, struct st_zip_member *m, const uint8_t *d, size_t len,
		      size_t *at)
{
	const uint8_t *p = d + *at;
	size_t left = len - *at, need = ENTRY_LEN;

	m->central = r->dir + *at;
	if (left < ENTRY_LEN || st_get32(p) != ENTRY_SIG)
		return no_entry(r, *at);
	need += (size_t)st_get16(p + 28) + st_get16(p + 30) + st_get16(p + 32);
	if (need > left)
		return st_fail(r->e, ST_EFORMAT,
			       "the entry of %zu bytes at offset %" PRIu64
			       " reaches beyond the directory's end at offset %" PRIu64,
			       need, m->central, r->dir + len);
	*at += need;
	if (read_numbers(r, m, p) != ST_OK)
		return r->e->code;
	return add_name(r, m, p + ENTRY_LEN, st_get16(p + 28));
}

static int read_entries(struct reader *r, const uint8_t *d, size_t len)
{
	struct st_zip *z = r->z;
	size_t at = 0;

	while (z->n < r->n) {
		if (read_entry(r, &z->members[z->n], d, len, &at) != ST_OK)
			return r->e->code;
		z->n++;
	}
	if (at < len)
		return st_fail(r->e, ST_EFORMAT,
			       "the directory's %" PRIu64 " entries end at offset %" PRIu64
			       ", the directory itself at %" PRIu64,
			       r->n, r->dir + at, r->dir + len);
	return ST_OK;
}

static int read_directory(struct reader *r)
{
	size_t len, room;
	uint64_t bytes;
	uint8_t *d;

	if (!st_mul_u64(r->n, sizeof(*r->z->members), &bytes))
		bytes = UINT64_MAX;
	if (st_size(r->dir_len, &len, r->e) != ST_OK || st_size(bytes, &room, r->e) != ST_OK)
		return r->e->code;
	d = st_malloc(len, r->e);
	if (!d)
		return r->e->code;
	r->z->members = st_arena_alloc(&r->z->arena, room, r->e);
	if (r->z->members && st_source_read(r->src, d, len, r->dir, r->e) == ST_OK)
		(void)read_entries(r, d, len);
	free(d);
	return r->e->code;
}

/* Fields of a local header, in which a writer that did not yet know leaves zeros for bit 3. */
static bool sizes_differ(const struct st_zip_member *m, const uint8_t *h, const uint64_t *v)
{
	bool later = st_get16(h + 6) & 8;
	uint32_t crc = st_get32(h + 14);

	if (!(later && crc == 0) && crc != m->crc)
		return true;
	for (size_t i = USIZE; i <= CSIZE; i++) {
		if (later && (v[i] == 0 || v[i] == MAX32))
			continue;
		if (v[i] != (i == USIZE ? m->usize : m->csize))
			return true;
	}
	return false;
}

/* What of a local header h, of which `have` bytes were read, contradicts the directory; or NULL. */
static const char *difference(struct reader *r, const struct st_zip_member *m, size_t have)
{
	const uint8_t *h = r->local;
	size_t name = st_get16(h + 26), extra = st_get16(h + 28);
	uint64_t v[2] = { [USIZE] = st_get32(h + 22), [CSIZE] = st_get32(h + 18) };
	const char *why = NULL;

	if (name != m->name_len || memcmp(h + LOCAL_LEN, m->name, name) != 0)
		return "another name";
	if (st_get16(h + 8) != m->method)
		return "another method";
	if ((st_get16(h + 6) ^ m->flags) & (1u | 8u | 0x800u))
		return "other flags";
	if (v[USIZE] == MAX32 || v[CSIZE] == MAX32) {
		if (have < LOCAL_LEN + name + extra &&
		    st_source_read(r->src, r->local, LOCAL_LEN + name + extra, m->local, r->e) !=
			    ST_OK)
			return NULL;
		why = widen(h + LOCAL_LEN + name, extra, v, 2);
	}
	return why ? why : sizes_differ(m, h, v) ? "another CRC-32 or size" : NULL;
}

static int read_local(struct reader *r, struct st_zip_member *m)
{
	uint64_t room = m->local < r->dir ? r->dir - m->local : 0, head;
	size_t have = LOCAL_LEN + m->name_len + LOCAL_AHEAD;
	const char *what;
	struct st_quote q;

	if (room < have)
		have = (size_t)room;
	if (have >= LOCAL_LEN && st_source_read(r->src, r->local, have, m->local, r->e) != ST_OK)
		return r->e->code;
	if (have < LOCAL_LEN || st_get32(r->local) != LOCAL_SIG)
		return st_fail(r->e, ST_EFORMAT, "member %s has no local header at offset %" PRIu64,
			       st_quote(&q, m->name, m->name_len), m->local);
	head = (uint64_t)LOCAL_LEN + st_get16(r->local + 26) + st_get16(r->local + 28);
	if (head > room || m->csize > room - head)
		return st_fail(r->e, ST_EFORMAT,
			       "member %s of %" PRIu64 " bytes at offset %" PRIu64
			       " reaches into the directory at offset %" PRIu64,
			       st_quote(&q, m->name, m->name_len), m->csize, m->local, r->dir);
	m->data = m->local + head;
	what = difference(r, m, have);
	if (what)
		return odd(r, "the local header of member %s at offset %" PRIu64 " has %s",
			   st_quote(&q, m->name, m->name_len), m->local, what);
	return r->e->code;
}

static int read_locals(struct reader *r)
{
	r->local = st_malloc(LOCAL_LEN + 2 * MAX16 + LOCAL_AHEAD, r->e);
	if (!r->local)
		return r->e->code;
	for (size_t i = 0; i < r->z->n; i++)
		if (read_local(r, &r->z->members[i]) != ST_OK)
			break;
	free(r->local);
	return r->e->code;
}

static int by_local(const void *pa, const void *pb)
{
	const struct st_zip_member *const *a = pa, *const *b = pb;

	return ((*a)->local > (*b)->local) - ((*a)->local < (*b)->local);
}

/* No byte belongs to two members. */
static int check_overlap(struct reader *r)
{
	const struct st_zip_member **v, *a, *b;
	struct st_quote qa, qb;
	size_t n = r->z->n, i;

	if (n == 0)
		return ST_OK;
	v = st_calloc(n, sizeof(struct st_zip_member *), r->e);
	if (!v)
		return r->e->code;
	for (i = 0; i < n; i++)
		v[i] = &r->z->members[i];
	qsort(v, n, sizeof(*v), by_local);
	for (i = 1; i < n; i++) {
		a = v[i - 1];
		b = v[i];
		if (b->local < a->data + a->csize) {
			st_fail(r->e, ST_EFORMAT, "members %s and %s overlap at offset %" PRIu64,
				st_quote(&qa, a->name, a->name_len),
				st_quote(&qb, b->name, b->name_len), b->local);
			break;
		}
	}
	if (v[0]->local && r->e->code == ST_OK)
		(void)odd(r, "%" PRIu64 " bytes at offset 0 before the first member", v[0]->local);
	free(v);
	return r->e->code;
}

int st_zip_open(struct st_zip *z, const struct st_source *src, uint64_t limit, struct st_err *e)
{
	struct reader r = { .z = z, .src = src, .e = e };

	*z = (struct st_zip){ 0 };
	st_arena_init(&z->arena);
	st_map_init(&z->names);
	if (read_end(&r) == ST_OK && check_directory(&r, limit) == ST_OK &&
	    read_directory(&r) == ST_OK && read_locals(&r) == ST_OK && check_overlap(&r) == ST_OK)
		return ST_OK;
	st_zip_release(z);
	return e->code;
}

void st_zip_release(struct st_zip *z)
{
	st_map_release(&z->names);
	st_arena_release(&z->arena);
	*z = (struct st_zip){ 0 };
}

const struct st_zip_member *st_zip_find(const struct st_zip *z, const char *name, size_t len)
{
	uint64_t i;

	return st_map_get(&z->names, name, len, &i) ? &z->members[i] : NULL;
}
