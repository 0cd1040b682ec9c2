/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte planes of numbers on their own, each as it is, as one byte, by its frequencies (rans.h) or
 * by zstd, whichever a sample says is smallest. The sign of a bf16, f32 or f64 goes to the other
 * end first, so that a byte holds nothing but exponent. Groups of 256 elements that are all zero
 * bits are left out: an optimizer's state has many.
 */
#include "codec/codec_state.h"
#include "codec/planes_kernel.h"

#include "base/rd.h"

#include <string.h>

#define GROUP 256
#define MIN_ELEMENTS 512
#define SAMPLE ((size_t)16 * 1024)
#define PIECES 8
#define MAX_WIDTH 8

enum method {
	PLANE_RAW,
	PLANE_CONST,
	PLANE_RANS,
	PLANE_ZSTD,
	NMETHODS
};

static bool turns(enum st_num num)
{
	return num == ST_NUM_BF16 || num == ST_NUM_F32 || num == ST_NUM_F64;
}

static uint64_t load(const uint8_t *p, unsigned w)
{
	return w == 1 ? *p : w == 2 ? st_get16(p) : w == 4 ? st_get32(p) : st_get64(p);
}

static inline __attribute__((always_inline)) uint64_t turn(uint64_t v, unsigned w)
{
	return w == 2 ? (v << 1 | v >> 15) & 0xffff :
	       w == 4 ? (v << 1 | v >> 31) & 0xffffffff :
			v << 1 | v >> 63;
}

static inline __attribute__((always_inline)) uint64_t turn_back(uint64_t v, unsigned w)
{
	return w == 2 ? (v >> 1 | v << 15) & 0xffff :
	       w == 4 ? (v >> 1 | v << 31) & 0xffffffff :
			v >> 1 | v << 63;
}

/* NULL: none beside this file. */
static const struct st_planes_kernel *kernel_of(const struct st_rans_model *m)
{
	switch (m->vectors) {
#if defined(__x86_64__)
	case ST_VECTORS_AVX512:
		return &st_planes_kernel_avx512;
	case ST_VECTORS_AVX2:
		return &st_planes_kernel_avx2;
#endif
	default:
		return NULL;
	}
}

/* Byte k of n numbers at p. */
static inline __attribute__((always_inline)) void gather_w(uint8_t *out, const uint8_t *p, size_t n,
							   unsigned w, unsigned k, bool turned)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = load(p + i * w, w);

		out[i] = (uint8_t)((turned ? turn(v, w) : v) >> 8 * k);
	}
}

static void gather(const struct st_rans_model *m, uint8_t *out, const uint8_t *p, size_t n,
		   unsigned w, unsigned k, bool turned)
{
	const struct st_planes_kernel *kernel = kernel_of(m);

	if (kernel) {
		size_t done = kernel->gather(out, p, n, w, k, turned);

		out += done;
		p += done * w;
		n -= done;
	}
	if (w == 1)
		memcpy(out, p, n);
	else if (w == 2 && turned)
		gather_w(out, p, n, 2, k, true);
	else if (w == 2)
		gather_w(out, p, n, 2, k, false);
	else if (w == 4 && turned)
		gather_w(out, p, n, 4, k, true);
	else if (w == 4)
		gather_w(out, p, n, 4, k, false);
	else
		gather_w(out, p, n, 8, k, turned);
}

static inline __attribute__((always_inline)) void scatter_w(uint8_t *out,
							    const uint8_t *const *planes, size_t n,
							    unsigned w, bool turned)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;

		for (unsigned k = 0; k < w; k++)
			v |= (uint64_t)planes[k][i] << 8 * k;
		if (turned)
			v = turn_back(v, w);
		if (w == 2)
			st_put16(out + i * 2, (uint16_t)v);
		else if (w == 4)
			st_put32(out + i * 4, (uint32_t)v);
		else
			st_put64(out + i * 8, v);
	}
}

static void scatter(const struct st_rans_model *m, uint8_t *out, const uint8_t *const *from,
		    size_t n, unsigned w, bool turned)
{
	const uint8_t *planes[MAX_WIDTH] = { 0 };
	const struct st_planes_kernel *kernel = kernel_of(m);
	size_t done = 0;

	if (kernel)
		done = kernel->scatter(out, from, n, w, turned);
	for (unsigned k = 0; k < w; k++)
		planes[k] = from[k] + done;
	out += done * w;
	n -= done;
	if (w == 1)
		memcpy(out, planes[0], n);
	else if (w == 2 && turned)
		scatter_w(out, planes, n, 2, true);
	else if (w == 2)
		scatter_w(out, planes, n, 2, false);
	else if (w == 4 && turned)
		scatter_w(out, planes, n, 4, true);
	else if (w == 4)
		scatter_w(out, planes, n, 4, false);
	else
		scatter_w(out, planes, n, 8, turned);
}

/* ---- encoding ---- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* A byte a group: is it there? Returns how many elements are. */
static size_t find_groups(const uint8_t *p, size_t m, unsigned w, uint8_t *group)
{
	size_t there = 0, n;

	for (size_t at = 0, g = 0; at < m; at += n, g++) {
		n = m - at < GROUP ? m - at : GROUP;
		group[g] = !all_zero(p + at * w, n * w);
		if (group[g])
			there += n;
	}
	return there;
}

static void plane_of(const struct st_rans_model *model, const struct st_frame_in *in, size_t m,
		     const uint8_t *group, bool gaps, unsigned k, uint8_t *out)
{
	bool turned = turns(in->number);
	size_t n;

	if (!gaps) {
		gather(model, out, in->raw, m, in->width, k, turned);
		return;
	}
	for (size_t at = 0, g = 0; at < m; at += n, g++) {
		n = m - at < GROUP ? m - at : GROUP;
		if (!group[g])
			continue;
		gather(model, out, in->raw + at * in->width, n, in->width, k, turned);
		out += n;
	}
}

/* Pieces spread over the plane. */
static size_t take_sample(const uint8_t *plane, size_t n, uint8_t *out)
{
	size_t piece = SAMPLE / PIECES;

	if (n <= SAMPLE) {
		memcpy(out, plane, n);
		return n;
	}
	for (size_t i = 0; i < PIECES; i++)
		memcpy(out + i * piece, plane + (n - piece) / (PIECES - 1) * i, piece);
	return SAMPLE;
}

static enum method choose(struct st_codec_state *s, ZSTD_CCtx *enc, const uint8_t *plane, size_t n)
{
	uint8_t sample[SAMPLE], coded[SAMPLE];
	uint32_t counts[ST_RANS_SYMBOLS] = { 0 };
	size_t len = take_sample(plane, n, sample), z;
	uint64_t bytes;

	if (plane[0] == plane[n - 1] && memcmp(plane, plane + 1, n - 1) == 0)
		return PLANE_CONST;
	for (size_t i = 0; i < len; i++)
		counts[sample[i]]++;
	bytes = st_rans_entropy(&s->work->model, counts, ST_RANS_SYMBOLS) >> 19;
	z = ZSTD_compressCCtx(enc, coded, sizeof(coded), sample, len, 1);
	if (!ZSTD_isError(z) && z < len - len / 64 && z + z / 16 < bytes)
		return PLANE_ZSTD;
	return bytes < len - len / 64 ? PLANE_RANS : PLANE_RAW;
}

static void put_rans(struct st_codec_work *w, const uint8_t *plane, size_t n, struct st_put *o)
{
	uint8_t *len;
	size_t z;

	memset(w->ctx, 0, n);
	st_rans_count(&w->model, plane, w->ctx, n);
	st_rans_counted(&w->model, w->counts, ST_RANS_SYMBOLS);
	st_rans_fit(&w->model, w->counts, ST_RANS_SYMBOLS);
	st_rans_put_model(&w->model, o);
	len = st_put_room(o, 4);
	if (!len)
		return;
	z = st_rans_encode(&w->model, plane, w->ctx, n, o->p + o->at, o->cap - o->at);
	st_put32(len, (uint32_t)z);
	o->full = o->full || z == 0;
	o->at += z;
}

static int put_plane(struct st_codec_state *s, const uint8_t *plane, size_t n, int level,
		     struct st_put *o, struct st_err *e)
{
	ZSTD_CCtx *enc = st_codec_enc(s, e);
	size_t at = o->at;
	enum method how = enc ? choose(s, enc, plane, n) : PLANE_RAW;

	if (!enc)
		return e->code;
	st_put_u8(o, how);
	if (how == PLANE_CONST)
		st_put_u8(o, plane[0]);
	else if (how == PLANE_RANS)
		put_rans(s->work, plane, n, o);
	else if (how == PLANE_ZSTD && st_codec_put_zstd(s, o, plane, n, level, e) != ST_OK)
		return e->code;
	if (how == PLANE_RAW || o->full || o->at - at > n) { /* the sample was not typical */
		*o = (struct st_put){ .p = o->p, .cap = o->cap, .at = at };
		st_put_u8(o, PLANE_RAW);
		st_put_bytes(o, plane, n);
	}
	return ST_OK;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	size_t m = in->n / in->width, there, ngroups = (m + GROUP - 1) / GROUP;
	struct st_codec_work *w = st_codec_work(s, e);
	struct st_put o = { .p = out, .cap = cap };
	int rc = ST_OK;

	if (!w)
		return e->code;
	if (m < MIN_ELEMENTS)
		return ST_ENO;
	there = find_groups(in->raw, m, in->width, w->group);
	st_put_u8(&o, in->number);
	st_put_u8(&o, there < m);
	if (there < m)
		rc = st_codec_put_block(s, &o, w->group, ngroups, e);
	st_put_bytes(&o, in->raw + m * in->width, in->n % in->width);
	for (unsigned k = 0; rc == ST_OK && k < in->width && there; k++) {
		plane_of(&w->model, in, m, w->group, there < m, k, w->sym);
		rc = put_plane(s, w->sym, there, in->level, &o, e);
	}
	*len = o.at;
	return rc != ST_OK ? rc : o.full ? ST_ENO : ST_OK;
}

/* Of the same blocks that st_delta_estimate looks at. A plane's number is its context. */
uint64_t st_planes_estimate(struct st_codec_state *s, const struct st_frame_in *in)
{
	struct st_codec_work *work = s->work;
	size_t m = in->n / in->width, step = st_sample_step(m);
	uint64_t sum = 0;

	for (size_t at = 0; at + GROUP <= m; at += step) {
		const uint8_t *p = in->raw + at * in->width;

		if (all_zero(p, GROUP * in->width))
			continue;
		for (unsigned k = 0; k < in->width; k++) {
			gather(&work->model, work->sym, p, GROUP, in->width, k, turns(in->number));
			memset(work->ctx, (int)k, GROUP);
			st_rans_count(&work->model, work->sym, work->ctx, GROUP);
		}
	}
	st_rans_counted(&work->model, work->counts, ST_RANS_SYMBOLS);
	for (unsigned k = 0; k < in->width; k++)
		sum += st_rans_entropy(&work->model, work->counts[k], ST_RANS_SYMBOLS);
	return sum >> 16;
}

/* ---- decoding ---- */

static int get_rans(struct st_codec_work *w, struct st_rd *r, uint8_t *out, size_t n)
{
	const uint8_t *p;
	uint32_t len;

	if (st_rans_get_model(&w->model, ST_RANS_SYMBOLS, r) != ST_OK)
		return r->err->code;
	len = st_rd_u32(r);
	p = st_rd_bytes(r, len);
	memset(w->ctx, 0, n);
	return p ? st_rans_decode(&w->model, p, len, w->ctx, out, n, r->err) : (int)r->err->code;
}

/* The plane, borrowed from the stream or written to room. */
static const uint8_t *get_plane(struct st_codec_state *s, struct st_rd *r, uint8_t *room, size_t n)
{
	unsigned how = st_rd_u8(r);

	if (how == PLANE_RAW)
		return st_rd_bytes(r, n);
	if (how >= NMETHODS)
		st_fail(r->err, ST_ECORRUPT, "a plane stored by method %u", how);
	if (st_rd_ok(r) && how == PLANE_CONST)
		memset(room, st_rd_u8(r), n);
	else if (st_rd_ok(r) && how == PLANE_RANS)
		(void)!get_rans(s->work, r, room, n);
	else if (st_rd_ok(r))
		(void)!st_codec_get_zstd(s, r, room, n);
	return st_rd_ok(r) ? room : NULL;
}

static void spread(const struct st_rans_model *model, uint8_t *raw,
		   const uint8_t *const planes[MAX_WIDTH], size_t m, unsigned w,
		   const uint8_t *group, bool turned)
{
	const uint8_t *now[MAX_WIDTH];
	size_t n;

	memcpy(now, planes, sizeof(now));
	for (size_t at = 0, g = 0; at < m; at += n, g++) {
		n = m - at < GROUP ? m - at : GROUP;
		if (!group[g]) {
			memset(raw + at * w, 0, n * w);
			continue;
		}
		scatter(model, raw + at * w, now, n, w, turned);
		for (unsigned k = 0; k < w; k++)
			now[k] += n;
	}
}

static int get_groups(struct st_codec_state *s, struct st_rd *r, size_t m, bool gaps, size_t *there)
{
	uint8_t *group = s->work->group;
	size_t ngroups = (m + GROUP - 1) / GROUP, n;

	*there = m;
	if (!gaps)
		return ST_OK;
	if (st_codec_get_block(s, r, group, ngroups) != ST_OK)
		return r->err->code;
	for (size_t g = 0; g < ngroups; g++) {
		n = g + 1 < ngroups ? GROUP : m - g * GROUP;
		if (group[g] > 1)
			return st_fail(r->err, ST_ECORRUPT, "group %zu says %u", g, group[g]);
		*there -= group[g] ? 0 : n;
	}
	return ST_OK;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	const uint8_t *planes[MAX_WIDTH] = { 0 }, *tail;
	size_t m = n / width, there;
	uint8_t *room = st_codec_plane_room(s, e);
	unsigned number, gaps;
	struct st_rd r;

	(void)base;
	(void)base_n;
	if (!room || !st_codec_work(s, e))
		return e->code;
	st_rd_init(&r, p, len, e);
	number = st_rd_u8(&r);
	gaps = st_rd_u8(&r);
	if (st_rd_ok(&r) && (gaps > 1 || !st_num_fits(number, width)))
		return st_fail(e, ST_ECORRUPT, "numbers of kind %u in %u bytes", number, width);
	if (!st_rd_ok(&r) || get_groups(s, &r, m, gaps, &there) != ST_OK)
		return e->code;
	tail = st_rd_bytes(&r, n % width);
	for (unsigned k = 0; k < width && there && st_rd_ok(&r); k++)
		planes[k] = get_plane(s, &r, room + k * m, there);
	st_rd_end(&r);
	if (!st_rd_ok(&r))
		return e->code;
	memcpy(raw + m * width, tail, n % width);
	if (!gaps && m > 0)
		scatter(&s->work->model, raw, planes, m, width, turns(number));
	else if (gaps)
		spread(&s->work->model, raw, planes, m, width, s->work->group, turns(number));
	return ST_OK;
}

const struct st_codec st_codec_planes = {
	.name = "planes",
	.coding = ST_CODING_PLANES,
	.encode = encode,
	.decode = decode,
};
