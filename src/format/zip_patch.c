/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of a ZIP archive after bytes of stored members were overwritten in place. A CRC-32 lies
 *
 *	in the directory entry		at 16
 *	in the local header		at 14; 0 when it follows the data, as flag bit 3 says
 *	in the data descriptor		behind the data: "PK\7\10" or not, CRC-32, both sizes in
 *					4 bytes each or in 8
 *
 * The sizes tell which of its four forms a descriptor has, since it does not say.
 */
#include "format/zip.h"

#include "base/file.h"
#include "tensor/quote.h"

#include <zlib.h>

#define DESCRIPTOR_SIG 0x08074b50u
#define LOCAL_LEN 30
#define ENTRY_CRC 16
#define LOCAL_CRC 14
#define DESCRIPTOR_MAX 24
#define DESCRIPTOR_MIN 12
#define BLOCK ((size_t)256 * 1024)

struct fix { /* what to write for one member; places are offsets in the file, 0 for none */
	const struct st_zip_member *m;
	uint64_t local, descriptor;
	uint32_t crc;
};

struct patch {
	const struct st_source *src;
	const struct st_zip *z;
	const struct st_zip_member **by_data; /* all members in the file's order */
	struct fix *fixes;
	size_t n, cap;
	struct st_err *e;
};

static int by_data(const void *pa, const void *pb)
{
	const struct st_zip_member *const *a = pa, *const *b = pb;

	return ((*a)->data > (*b)->data) - ((*a)->data < (*b)->data);
}

static int sort_members(struct patch *p)
{
	p->by_data = st_calloc(p->z->n, sizeof(struct st_zip_member *), p->e);
	if (!p->by_data)
		return p->e->code;
	for (size_t i = 0; i < p->z->n; i++)
		p->by_data[i] = &p->z->members[i];
	qsort(p->by_data, p->z->n, sizeof(*p->by_data), by_data);
	return ST_OK;
}

/* The last member whose data begin at or before off, or p->z->n. */
static size_t member_at(const struct patch *p, uint64_t off)
{
	size_t low = 0, high = p->z->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (p->by_data[mid]->data <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : p->z->n;
}

/* Which form the descriptor at b has, of which n bytes may be one: where its CRC-32 is, or -1. */
static int descriptor_crc(const uint8_t *b, size_t n, const struct st_zip_member *m)
{
	for (int sig = 4; sig >= 0; sig -= 4) {
		const uint8_t *s = b + sig + 4;

		if (sig && st_get32(b) != DESCRIPTOR_SIG)
			continue;
		if (n >= (size_t)sig + 20 && st_get64(s) == m->csize && st_get64(s + 8) == m->usize)
			return sig;
		if (n >= (size_t)sig + 12 && st_get32(s) == m->csize && st_get32(s + 4) == m->usize)
			return sig;
	}
	return -1;
}

static int find_descriptor(struct patch *p, size_t i, struct fix *f)
{
	const struct st_zip_member *m = f->m;
	uint64_t at = m->data + m->csize, next;
	uint8_t b[DESCRIPTOR_MAX] = { 0 };
	struct st_quote q;
	size_t n;
	int crc;

	/* Members are in the directory's order, so the first one's entry begins it. */
	next = i + 1 < p->z->n ? p->by_data[i + 1]->local : p->z->members[0].central;
	n = next - at < sizeof(b) ? (size_t)(next - at) : sizeof(b);
	if (n < DESCRIPTOR_MIN)
		return ST_OK;
	if (st_source_read(p->src, b, n, at, p->e) != ST_OK)
		return p->e->code;
	crc = descriptor_crc(b, n, m);
	if (crc < 0)
		return st_fail(p->e, ST_EREFUSED,
			       "member %s has something else at offset %" PRIu64
			       " than the data descriptor that its flags promise",
			       st_quote(&q, m->name, m->name_len), at);
	f->descriptor = at + (unsigned)crc;
	return ST_OK;
}

/* by_data[i] is to get a checksum: finds out where. */
static int plan_member(struct patch *p, size_t i)
{
	const struct st_zip_member *m = p->by_data[i];
	uint8_t h[LOCAL_LEN];
	struct fix *f;
	bool later;

	if (p->n && p->fixes[p->n - 1].m == m)
		return ST_OK;
	if (st_grow(&p->fixes, &p->cap, p->n + 1, p->e) != ST_OK ||
	    st_source_read(p->src, h, sizeof(h), m->local, p->e) != ST_OK)
		return p->e->code;
	f = &p->fixes[p->n++];
	*f = (struct fix){ .m = m };
	later = st_get16(h + 6) & 8;
	if (!later || st_get32(h + LOCAL_CRC) != 0)
		f->local = m->local + LOCAL_CRC;
	return later || (m->flags & 8) ? find_descriptor(p, i, f) : ST_OK;
}

static int plan_run(struct patch *p, const struct st_run *run)
{
	const struct st_zip_member *m;
	size_t i = member_at(p, run->off);
	struct st_quote q;
	uint64_t left;

	if (run->n == 0)
		return ST_OK;
	m = i < p->z->n ? p->by_data[i] : NULL;
	left = m && run->off - m->data < m->csize ? m->csize - (run->off - m->data) : 0;
	if (left == 0)
		return st_fail(p->e, ST_EREFUSED,
			       "offset %" PRIu64 " is in no member's data: not to be overwritten",
			       run->off);
	if (run->n > left)
		return st_fail(p->e, ST_EREFUSED,
			       "%" PRIu64 " bytes at offset %" PRIu64
			       " reach beyond the data of member %s: not to be overwritten",
			       run->n, run->off, st_quote(&q, m->name, m->name_len));
	if (m->method != ST_ZIP_STORED || (m->flags & 1))
		return st_fail(p->e, ST_EREFUSED,
			       "member %s at offset %" PRIu64
			       " is compressed or encrypted: not to be overwritten in place",
			       st_quote(&q, m->name, m->name_len), m->local);
	return plan_member(p, i);
}

static int compute(struct patch *p)
{
	uint8_t *b = st_malloc(BLOCK, p->e);
	uint64_t at, left;
	size_t n;

	for (size_t i = 0; b && i < p->n; i++) {
		struct fix *f = &p->fixes[i];

		at = f->m->data;
		for (left = f->m->csize; left; left -= n, at += n) {
			n = left < BLOCK ? (size_t)left : BLOCK;
			if (st_source_read(p->src, b, n, at, p->e) != ST_OK)
				goto out;
			f->crc = (uint32_t)crc32(f->crc, b, (uInt)n);
		}
	}
out:
	free(b);
	return p->e->code;
}

static int put(const struct patch *p, int fd, uint64_t at, uint32_t crc)
{
	uint8_t b[4];

	st_put32(b, crc);
	return st_pwrite_full(fd, b, sizeof(b), at, p->src->name, p->e);
}

static int write_all(const struct patch *p, int fd)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct fix *f = &p->fixes[i];

		if ((f->local && put(p, fd, f->local, f->crc) != ST_OK) ||
		    (f->descriptor && put(p, fd, f->descriptor, f->crc) != ST_OK) ||
		    put(p, fd, f->m->central + ENTRY_CRC, f->crc) != ST_OK)
			return p->e->code;
	}
	return ST_OK;
}

static int plan(struct patch *p, const struct st_run *runs, size_t n)
{
	if (sort_members(p) != ST_OK)
		return p->e->code;
	for (size_t i = 0; i < n; i++)
		if (plan_run(p, &runs[i]) != ST_OK)
			return p->e->code;
	return ST_OK;
}

int st_zip_patch(int fd, const struct st_source *src, const struct st_run *runs, size_t n,
		 uint64_t limit, struct st_err *e)
{
	struct st_zip z;
	struct patch p = { .src = src, .z = &z, .e = e };

	if (st_zip_open(&z, src, limit, e) != ST_OK)
		return e->code;
	if (plan(&p, runs, n) == ST_OK && compute(&p) == ST_OK)
		(void)write_all(&p, fd);
	free(p.fixes);
	free(p.by_data);
	st_zip_release(&z);
	return e->code;
}
