/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of ZIP members: a part of the file, or inflated on the way. */
#include "format/zip.h"

#include "tensor/quote.h"

#include <pthread.h>
#include <zlib.h>

#define BLOCK ((size_t)32 * 1024)
#define LOAD_STEP ((size_t)256 * 1024)
/* DEFLATE spends at least two bits on a match of 258 bytes. */
#define MAX_RATIO 1032
/* Flags: encrypted, a patch, strongly encrypted, header masked. */
#define UNREADABLE (1u | 1u << 5 | 1u << 6 | 1u << 13)

struct inflater {
	const struct st_source *src;
	struct st_packed p;
	const struct st_zip_member *m; /* for messages; NULL: a range that has no name */
	pthread_mutex_t lock;	       /* of all that follows */
	z_stream z;
	uint64_t in, out; /* bytes read from src and given out, since the start */
	uint32_t crc;	  /* of the latter */
	bool stale;	  /* a failure left the state in between: start again */
	uint8_t buf[BLOCK], skipped[BLOCK];
};

/* More input, when all of it was used and there is more. */
static int refill(struct inflater *f, struct st_err *e)
{
	uint64_t left = f->p.csize - f->in;
	size_t n = left < BLOCK ? (size_t)left : BLOCK;

	if (f->z.avail_in || n == 0)
		return ST_OK;
	if (st_source_read(f->src, f->buf, n, f->p.offset + f->in, e) != ST_OK)
		return e->code;
	f->in += n;
	f->z.next_in = f->buf;
	f->z.avail_in = (uInt)n;
	return ST_OK;
}

static int inflate_failed(const struct inflater *f, int zrc, struct st_err *e)
{
	uint64_t at = f->p.offset + f->in - f->z.avail_in;

	if (zrc == Z_MEM_ERROR)
		return st_nomem(e, BLOCK);
	if (zrc == Z_BUF_ERROR) /* nothing is left to read */
		return st_fail(e, ST_EFORMAT, "DEFLATE data end too early at offset %" PRIu64, at);
	return st_fail(e, ST_EFORMAT, "bad DEFLATE data before offset %" PRIu64 ": %s", at,
		       f->z.msg ? f->z.msg : "no such stream");
}

/* Up to n bytes; fewer only at the end of the stream, which *ended tells. */
static int inflate_some(struct inflater *f, uint8_t *to, size_t n, size_t *got, bool *ended,
			struct st_err *e)
{
	int zrc = Z_OK;

	*ended = false;
	f->z.next_out = to;
	f->z.avail_out = (uInt)n;
	while (f->z.avail_out && zrc != Z_STREAM_END) {
		if (refill(f, e) != ST_OK)
			return e->code;
		zrc = inflate(&f->z, Z_NO_FLUSH);
		if (zrc != Z_OK && zrc != Z_STREAM_END)
			return inflate_failed(f, zrc, e);
	}
	*ended = zrc == Z_STREAM_END;
	*got = n - f->z.avail_out;
	return ST_OK;
}

/* All usize bytes were given out: so must be the data, and they must be what was packed. */
static int finish(struct inflater *f, struct st_err *e)
{
	uint64_t used;
	size_t got;
	uint8_t more;
	bool ended;

	if (inflate_some(f, &more, 1, &got, &ended, e) != ST_OK)
		return e->code;
	if (got)
		return st_fail(e, ST_EFORMAT,
			       "DEFLATE data at offset %" PRIu64 " inflate to more than %" PRIu64
			       " bytes",
			       f->p.offset, f->p.usize);
	used = f->in - f->z.avail_in;
	if (used != f->p.csize)
		return st_fail(e, ST_EFORMAT,
			       "DEFLATE data at offset %" PRIu64 " end at %" PRIu64 ", %" PRIu64
			       " bytes before they should",
			       f->p.offset, f->p.offset + used, f->p.csize - used);
	if (f->p.crc && f->p.crc != f->crc)
		return st_fail(e, ST_EFORMAT,
			       "DEFLATE data at offset %" PRIu64 " have the CRC-32 %08" PRIx32
			       ", not %08" PRIx32,
			       f->p.offset, f->crc, f->p.crc);
	return ST_OK;
}

/* The next n bytes. */
static int take(struct inflater *f, uint8_t *to, size_t n, struct st_err *e)
{
	size_t want, got;
	bool ended;

	while (n) {
		want = n < (size_t)1 << 30 ? n : (size_t)1 << 30; /* uInt is narrower than size_t */
		if (inflate_some(f, to, want, &got, &ended, e) != ST_OK)
			return e->code;
		if (f->p.crc)
			f->crc = (uint32_t)crc32(f->crc, to, (uInt)got);
		f->out += got;
		if (got < want || (ended && f->out < f->p.usize))
			return st_fail(e, ST_EFORMAT,
				       "DEFLATE data at offset %" PRIu64 " inflate to %" PRIu64
				       " bytes, not %" PRIu64,
				       f->p.offset, f->out, f->p.usize);
		to += got;
		n -= got;
	}
	return ST_OK;
}

static int rewind_to_start(struct inflater *f, struct st_err *e)
{
	if (inflateReset(&f->z) != Z_OK)
		return st_fail(e, ST_EBUG, "zlib does not start again");
	f->z.avail_in = 0;
	f->in = f->out = 0;
	f->crc = 0;
	f->stale = false;
	return ST_OK;
}

static int read_at(struct inflater *f, uint8_t *buf, size_t n, uint64_t off, struct st_err *e)
{
	uint64_t gap;

	if ((f->stale || off < f->out) && rewind_to_start(f, e) != ST_OK)
		return e->code;
	f->stale = true;
	while (f->out < off) {
		gap = off - f->out;
		if (take(f, f->skipped, gap < BLOCK ? (size_t)gap : BLOCK, e) != ST_OK)
			return e->code;
	}
	if (take(f, buf, n, e) != ST_OK || (f->out == f->p.usize && finish(f, e) != ST_OK))
		return e->code;
	f->stale = false;
	return ST_OK;
}

static int inflate_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			 struct st_err *e)
{
	struct inflater *f = (struct inflater *)s->mem;
	struct st_quote q;
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = read_at(f, buf, n, off, e);
	pthread_mutex_unlock(&f->lock);
	if (rc == ST_EFORMAT && f->m)
		return st_wrap(e, "member %s", st_quote(&q, f->m->name, f->m->name_len));
	return rc;
}

static void inflate_close(struct st_source *s)
{
	struct inflater *f = (struct inflater *)s->mem;

	inflateEnd(&f->z);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct st_source_ops inflate_ops = { .pread = inflate_pread, .close = inflate_close };

static int check_packed(const struct st_source *src, const struct st_packed *p, struct st_err *e)
{
	if (p->offset > src->size || p->csize > src->size - p->offset)
		return st_fail(e, ST_EFORMAT,
			       "%" PRIu64 " bytes of DEFLATE data at offset %" PRIu64
			       " exceed the %" PRIu64 " bytes of the file",
			       p->csize, p->offset, src->size);
	if (p->usize / MAX_RATIO > p->csize || (p->csize == 0 && p->usize))
		return st_fail(e, ST_EFORMAT,
			       "%" PRIu64 " bytes of DEFLATE data at offset %" PRIu64
			       " cannot inflate to %" PRIu64 " bytes",
			       p->csize, p->offset, p->usize);
	return ST_OK;
}

int st_inflate_open(struct st_source *out, const struct st_source *src, const struct st_packed *p,
		    struct st_err *e)
{
	struct inflater *f;
	int rc;

	*out = (struct st_source){ .fd = -1 };
	if (check_packed(src, p, e) != ST_OK)
		return e->code;
	f = st_calloc(1, sizeof(*f), e);
	if (!f)
		return e->code;
	f->src = src;
	f->p = *p;
	if (inflateInit2(&f->z, -MAX_WBITS) != Z_OK) {
		free(f);
		return st_nomem(e, BLOCK);
	}
	if (pthread_mutex_init(&f->lock, NULL) != 0) {
		inflateEnd(&f->z);
		free(f);
		return st_nomem(e, sizeof(f->lock));
	}
	*out = (struct st_source){
		.ops = &inflate_ops, .size = p->usize, .name = src->name, .fd = -1, .mem = f
	};
	/* No read will reach the last byte of nothing. No data at all are fine for it, too. */
	rc = p->usize == 0 && p->csize ? finish(f, e) : ST_OK;
	if (rc != ST_OK)
		st_source_close(out);
	return rc;
}

static int member_inflate(struct st_source *out, const struct st_source *src,
			  const struct st_zip_member *m, struct st_err *e)
{
	struct st_packed p = { m->data, m->csize, m->usize, m->crc };
	struct st_quote q;

	if (st_inflate_open(out, src, &p, e) != ST_OK)
		return st_wrap(e, "member %s", st_quote(&q, m->name, m->name_len));
	((struct inflater *)out->mem)->m = m;
	return ST_OK;
}

int st_zip_member_open(struct st_source *out, const struct st_source *src,
		       const struct st_zip_member *m, struct st_err *e)
{
	struct st_quote q;

	*out = (struct st_source){ .fd = -1 };
	if (m->flags & UNREADABLE)
		return st_fail(e, ST_EFORMAT, "member %s at offset %" PRIu64 " is encrypted",
			       st_quote(&q, m->name, m->name_len), m->local);
	if (m->method == ST_ZIP_STORED)
		st_source_init_part(out, src, m->data, m->usize);
	else if (m->method == ST_ZIP_DEFLATED)
		return member_inflate(out, src, m, e);
	else
		return st_fail(e, ST_EFORMAT,
			       "member %s at offset %" PRIu64
			       " has compression method %u; strata reads 0 and 8",
			       st_quote(&q, m->name, m->name_len), m->local, m->method);
	return ST_OK;
}

/* Room is made as the bytes come, since the size of deflated ones is only what the archive says. */
static int load(struct st_buf *b, const struct st_source *s, uint32_t *crc, struct st_err *e)
{
	uint64_t at = 0;
	size_t n;

	for (; at < s->size; at += n) {
		n = s->size - at < LOAD_STEP ? (size_t)(s->size - at) : LOAD_STEP;
		if (st_buf_room(b, n, e) != ST_OK ||
		    st_source_read(s, b->p + b->len, n, at, e) != ST_OK)
			return e->code;
		if (crc)
			*crc = (uint32_t)crc32(*crc, b->p + b->len, (uInt)n);
		b->len += n;
	}
	return ST_OK;
}

int st_zip_load(struct st_buf *b, const struct st_source *src, const struct st_zip_member *m,
		struct st_err *e)
{
	size_t before = b->len;
	struct st_source s;
	struct st_quote q;
	uint32_t crc = 0;
	bool stored = m->method == ST_ZIP_STORED; /* the inflater compares by itself */

	if (m->usize > b->max - before)
		return st_fail(e, ST_ELIMIT,
			       "member %s of %" PRIu64 " bytes at offset %" PRIu64
			       " exceeds the limit of %zu",
			       st_quote(&q, m->name, m->name_len), m->usize, m->local,
			       b->max - before);
	if (st_zip_member_open(&s, src, m, e) != ST_OK)
		return e->code;
	if (load(b, &s, stored ? &crc : NULL, e) == ST_OK && stored && m->crc && crc != m->crc)
		st_fail(e, ST_EFORMAT,
			"member %s at offset %" PRIu64 " has the CRC-32 %08" PRIx32
			", not %08" PRIx32,
			st_quote(&q, m->name, m->name_len), m->data, crc, m->crc);
	st_source_close(&s);
	if (e->code != ST_OK)
		b->len = before;
	return e->code;
}
