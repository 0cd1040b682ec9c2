/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of diff/models.h: who belongs to whom, which rows changed, the rank of a change. */
#ifndef ST_DIFF_MODELS_PRIV_H
#define ST_DIFF_MODELS_PRIV_H

#include "diff/models.h"

/* ---- an operand's elements ---- */

/* Bits of one element as the sums count it: half a complex number, a byte of what is no number. */
unsigned st_operand_bits(enum st_dtype t);
/* How many there are. */
uint64_t st_operand_units(const struct st_operand *t);
/* ST_EFORMAT when its bytes are not what its shape takes. */
ST_MUST int st_operand_check(const struct st_operand *t, struct st_err *e);
/* Puts the file and the tensor before e's text; returns e's code. */
int st_operand_wrap(const struct st_operand *t, struct st_err *e);

/* ---- match.c ---- */

#define ST_NO_OPERAND SIZE_MAX

struct st_match {
	size_t a, b; /* in their sides; ST_NO_OPERAND */
	enum st_evidence evidence;
	double closeness;
};

/*
 * Every tensor of both sides exactly once: a's in order, then those of b's that have no partner.
 * What is left over by name is looked at only in classes of one shape and type that have some on
 * both sides and in which o->wanted wants one. *out is the caller's to free.
 */
ST_MUST int st_match_models(struct st_match **out, size_t *n, const struct st_side *a,
			    const struct st_side *b, const struct st_models_options *o,
			    const struct st_ctx *ctx, struct st_err *e);

/* ---- rows.c ---- */

struct st_rows_run {	      /* a run of elements of both sides */
	enum st_dtype ta, tb; /* equal, or both numbers */
	const uint8_t *a, *b; /* at is a whole number of bytes on both sides */
	uint64_t at;	      /* number of the first, as sums count */
	size_t n;	      /* not 0 */
	uint64_t row_bits;    /* of tb; not 0 */
};
struct st_rows_part {
	uint64_t changed; /* rows that differ in this run */
	bool first, last; /* is the first row, which may have begun before, one of them; the last */
};
void st_rows_look(struct st_rows_part *out, const struct st_rows_run *run);

struct st_rows { /* start with {0} */
	uint64_t changed;
	bool open; /* the row in which the last run ended is counted */
};
/* In order of runs. */
void st_rows_join(struct st_rows *r, const struct st_rows_part *p, const struct st_rows_run *run);

/* ---- rank.c ---- */

struct st_rank_of {
	const struct st_source *a, *b;
	enum st_dtype ta, tb; /* numbers, not complex */
	uint64_t rows, cols;
	double max_abs; /* of b - a */
	unsigned max;	/* at most ST_RANK_MAX */
};
struct st_rank {
	bool known; /* else too narrow, or too wide for ST_RANK_ROOM */
	uint64_t rank;
	bool more; /* than max */
};

#define ST_RANK_MAX 512
#define ST_RANK_ROOM ((uint64_t)64 << 20) /* bytes of sketch */

/* Reads both sources twice. Memory: the sketch, about as much again, and 2 MiB a thread. The same
 * result for any number of threads. */
ST_MUST int st_rank_change(struct st_rank *out, const struct st_rank_of *in,
			   const struct st_ctx *ctx, struct st_err *e);

#endif
