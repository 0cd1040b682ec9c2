/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asymmetric numeral systems (J. Duda, arXiv 1311.2540), the range variant with static tables:
 * symbols of at most 8 bits, each coded with the frequencies of its context. 64 states are
 * interleaved, symbol i belonging to state i mod 64, so that a vector unit can work on them; every
 * way of computing gives the same bytes.
 *
 * The frequencies of a table sum to 2^B: B is 10 for at most 64 symbols, whose tables should fit
 * the nearest cache, else 11. A state x lies in [2^16, 2^32). Symbol s of frequency f and cumulated
 * frequency c takes it to (x / f) * 2^B + x % f + c, after its low 16 bits were put out if
 * x >= f * 2^(32 - B). All states begin at 2^16, and must be there again when all is decoded.
 */
#ifndef ST_CODEC_RANS_H
#define ST_CODEC_RANS_H

#include "base/rd.h"
#include "codec/put.h"

#define ST_RANS_BITS_FEW 10
#define ST_RANS_BITS_MANY 11
#define ST_RANS_LANES 64
#define ST_RANS_CONTEXTS 32
#define ST_RANS_SYMBOLS 256
#define ST_RANS_TALLIES 4
#define ST_RANS_APART 240 /* counts between tables, lest the same place of two be mistaken */
#define ST_RANS_LOW (1u << 16)
#define ST_RANS_HEAD ((size_t)ST_RANS_LANES * 4)

/* For each mask of eight lanes: the word that each takes of those that come next, and, the other
 * way, the lanes whose words are put out, at the end of the eight. */
struct st_rans_lanes {
	uint8_t spread[256][8], gather[256][8];
};

/* What the coders may use; all give the same bytes. */
enum st_vectors {
	ST_VECTORS_NONE,
	ST_VECTORS_AVX2,   /* and BMI2 that is fast */
	ST_VECTORS_AVX512, /* F, BW, DQ and VL, beside those */
	ST_VECTORS_NLEVELS
};

/* By the processor and, of registers it has to save, the system. */
bool st_vectors_supported(enum st_vectors v);

struct st_rans_model {
	unsigned nsyms;	  /* 1 .. 256 */
	unsigned bits;	  /* of what its frequencies sum to */
	unsigned ntables; /* 1 .. 32 */
	uint8_t table_of[ST_RANS_CONTEXTS];
	uint16_t freq[ST_RANS_CONTEXTS][ST_RANS_SYMBOLS]; /* of each table */
	uint32_t enc[ST_RANS_CONTEXTS][ST_RANS_SYMBOLS];  /* frequency << 16 | cumulated */
	/* What the low bits of a state mean: symbol << 24 | offset in it << 12 | frequency. */
	uint32_t dec[ST_RANS_CONTEXTS << ST_RANS_BITS_MANY]; /* 2^bits of each table */
	struct st_rans_lanes lanes;
	/*
	 * Of four kinds of places, so that no count waits for the last one: context << 8 | symbol.
	 */
	uint32_t tally[ST_RANS_TALLIES][ST_RANS_CONTEXTS * ST_RANS_SYMBOLS + ST_RANS_APART];
	uint8_t last;		      /* context that was counted */
	enum st_vectors vectors;      /* the best supported; tests say less */
	uint16_t log2_frac[1u << 11]; /* of log2(1 + i / 2^11), times 2^16 */
};

/* Once, before anything else. A model belongs to one thread at a time. */
void st_rans_init(struct st_rans_model *m);
/* Counts these, beside those counted before; then all into the first nsyms of each context's
 * counts, and begins anew. nsyms: a multiple of 32. */
void st_rans_count(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx, size_t n);
void st_rans_counted(struct st_rans_model *m, uint32_t (*counts)[ST_RANS_SYMBOLS], unsigned nsyms);
/*
 * Frequencies from counts[context][symbol], which are changed: contexts next to each other share a
 * table where that costs less than two would. All in integers.
 */
void st_rans_fit(struct st_rans_model *m, uint32_t (*counts)[ST_RANS_SYMBOLS], unsigned nsyms);
/* Bits, times 2^16, that the counted symbols take at best, tables excluded: sum n log2(N / n). */
uint64_t st_rans_entropy(const struct st_rans_model *m, const uint32_t *counts, unsigned nsyms);
/* The tables as bytes. */
void st_rans_put_model(const struct st_rans_model *m, struct st_put *o);
/* From hostile bytes; a failure sticks in r. Fills what the decoder needs. */
ST_MUST int st_rans_get_model(struct st_rans_model *m, unsigned nsyms, struct st_rd *r);
/* 0 when it does not fit. Every symbol must have been counted in its context. */
size_t st_rans_encode(const struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
		      size_t n, uint8_t *out, size_t cap);
/* Exactly len bytes give n symbols, else ST_ECORRUPT. ctx: each below ST_RANS_CONTEXTS. */
ST_MUST int st_rans_decode(const struct st_rans_model *m, const uint8_t *p, size_t len,
			   const uint8_t *ctx, uint8_t *sym, size_t n, struct st_err *e);

/* The same in steps, any number of symbols each: quickest by multiples of ST_RANS_LANES. */
struct st_rans_decoder {
	const struct st_rans_model *m;
	const uint8_t *words, *end;
	size_t done; /* symbols */
	uint32_t states[ST_RANS_LANES];
};

ST_MUST int st_rans_begin(struct st_rans_decoder *d, const struct st_rans_model *m,
			  const uint8_t *p, size_t len, struct st_err *e);
ST_MUST int st_rans_next(struct st_rans_decoder *d, const uint8_t *ctx, uint8_t *sym, size_t n,
			 struct st_err *e);
/* ST_ECORRUPT unless this is where the stream ends. */
ST_MUST int st_rans_finish(const struct st_rans_decoder *d, struct st_err *e);

#endif
