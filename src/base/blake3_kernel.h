/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_BASE_BLAKE3_KERNEL_H
#define ST_BASE_BLAKE3_KERNEL_H

/*
 * The compression function over ST_B3_LANES inputs at once, lane i of every vector being word j
 * of input i. A SIMD file defines ST_B3_LANES, ST_B3_TARGET, the type vec and the functions
 * rot16, rot8, load_block and store_cvs, then includes this file; without them it is the
 * portable kernel of one lane.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	B3_BLOCK = 64,
	B3_CHUNK = 1024,
	B3_MAX_LANES = 16,
};

enum b3_flag {
	B3_CHUNK_START = 1,
	B3_CHUNK_END = 2,
	B3_PARENT = 4,
	B3_ROOT = 8,
};

/*
 * What the inputs of one kernel call have in common. Each is `blocks` >= 1 whole blocks in
 * memory.
 */
struct st_blake3_job {
	uint64_t counter; /* of lane 0 */
	uint64_t step;	  /* counter of lane i is counter + i * step */
	size_t blocks;
	uint32_t flags;	   /* of every block */
	uint32_t first;	   /* more flags of the first block */
	uint32_t last;	   /* more flags of the last block */
	uint32_t last_len; /* bytes that count in the last block, 0 to 64; the rest of it is zero */
};

/*
 * Hashes lane inputs in[0..lanes) into out, 32 bytes a lane. out may overlap the inputs:
 * everything is read before the first byte is written.
 */
typedef void st_blake3_kernel(const uint8_t *const *in, const struct st_blake3_job *job,
			      uint8_t *out);

st_blake3_kernel st_blake3_kernel_sse41;  /* 4 lanes, x86-64 only */
st_blake3_kernel st_blake3_kernel_avx2;	  /* 8 lanes, x86-64 only */
st_blake3_kernel st_blake3_kernel_avx512; /* 16 lanes, x86-64 only */

#ifndef ST_B3_LANES

#define ST_B3_LANES 1
#define ST_B3_TARGET

typedef uint32_t vec;

static inline void rot16(vec *x)
{
	*x = *x >> 16 | *x << 16;
}

static inline void rot8(vec *x)
{
	*x = *x >> 8 | *x << 24;
}

static inline void load_block(vec m[16], const uint8_t *const *in, size_t at)
{
	const uint8_t *p = in[0] + at;

	for (size_t i = 0; i < 16; i++, p += 4)
		m[i] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		       (uint32_t)p[3] << 24;
}

static inline void store_cvs(const vec h[8], uint8_t *out)
{
	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(h[i / 4] >> 8 * (i % 4));
}

#endif /* ST_B3_LANES */

/*
 * Inlined whole, so that every index into v and m is a constant and the state stays in
 * registers.
 */
#define B3_INLINE static inline __attribute__((always_inline, unused)) ST_B3_TARGET
#define B3_IV(i) ((vec){ 0 } + b3_iv[i])

static const uint32_t b3_iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Row r is the message permutation applied r times. */
static const uint8_t b3_order[7][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
	{ 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 },
	{ 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
	{ 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 },
	{ 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
	{ 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 },
};

B3_INLINE void b3_mix(vec *a, vec *b, vec *c, vec *d, const vec *x, const vec *y)
{
	*a += *b + *x;
	*d ^= *a;
	rot16(d);
	*c += *d;
	*b ^= *c;
	*b = *b >> 12 | *b << 20;
	*a += *b + *y;
	*d ^= *a;
	rot8(d);
	*c += *d;
	*b ^= *c;
	*b = *b >> 7 | *b << 25;
}

B3_INLINE void b3_round(vec v[16], const vec m[16], const uint8_t s[16])
{
	b3_mix(&v[0], &v[4], &v[8], &v[12], &m[s[0]], &m[s[1]]);
	b3_mix(&v[1], &v[5], &v[9], &v[13], &m[s[2]], &m[s[3]]);
	b3_mix(&v[2], &v[6], &v[10], &v[14], &m[s[4]], &m[s[5]]);
	b3_mix(&v[3], &v[7], &v[11], &v[15], &m[s[6]], &m[s[7]]);
	b3_mix(&v[0], &v[5], &v[10], &v[15], &m[s[8]], &m[s[9]]);
	b3_mix(&v[1], &v[6], &v[11], &v[12], &m[s[10]], &m[s[11]]);
	b3_mix(&v[2], &v[7], &v[8], &v[13], &m[s[12]], &m[s[13]]);
	b3_mix(&v[3], &v[4], &v[9], &v[14], &m[s[14]], &m[s[15]]);
}

/* t holds the counter's low and high words, the length and the flags. */
B3_INLINE void b3_compress(vec h[8], const vec m[16], const vec t[4])
{
	vec v[16] = {
		h[0],	  h[1],	    h[2],     h[3],	h[4], h[5], h[6], h[7],
		B3_IV(0), B3_IV(1), B3_IV(2), B3_IV(3), t[0], t[1], t[2], t[3],
	};

	b3_round(v, m, b3_order[0]);
	b3_round(v, m, b3_order[1]);
	b3_round(v, m, b3_order[2]);
	b3_round(v, m, b3_order[3]);
	b3_round(v, m, b3_order[4]);
	b3_round(v, m, b3_order[5]);
	b3_round(v, m, b3_order[6]);
	h[0] = v[0] ^ v[8];
	h[1] = v[1] ^ v[9];
	h[2] = v[2] ^ v[10];
	h[3] = v[3] ^ v[11];
	h[4] = v[4] ^ v[12];
	h[5] = v[5] ^ v[13];
	h[6] = v[6] ^ v[14];
	h[7] = v[7] ^ v[15];
}

B3_INLINE void b3_counters(vec t[4], const struct st_blake3_job *job)
{
	uint32_t lo[ST_B3_LANES], hi[ST_B3_LANES];

	for (size_t i = 0; i < ST_B3_LANES; i++) {
		uint64_t counter = job->counter + i * job->step;

		lo[i] = (uint32_t)counter;
		hi[i] = (uint32_t)(counter >> 32);
	}
	memcpy(&t[0], lo, sizeof(lo));
	memcpy(&t[1], hi, sizeof(hi));
}

B3_INLINE void b3_kernel(const uint8_t *const *in, const struct st_blake3_job *job, uint8_t *out)
{
	vec h[8] = {
		B3_IV(0), B3_IV(1), B3_IV(2), B3_IV(3), B3_IV(4), B3_IV(5), B3_IV(6), B3_IV(7),
	};
	uint32_t flags = job->flags | job->first;
	vec m[16], t[4];

	b3_counters(t, job);
	for (size_t i = 0; i < job->blocks; i++) {
		uint32_t len = B3_BLOCK;

		if (i == job->blocks - 1) {
			flags |= job->last;
			len = job->last_len;
		}
		load_block(m, in, i * B3_BLOCK);
		t[2] = (vec){ 0 } + len;
		t[3] = (vec){ 0 } + flags;
		b3_compress(h, m, t);
		flags = job->flags;
	}
	store_cvs(h, out);
}

#endif
