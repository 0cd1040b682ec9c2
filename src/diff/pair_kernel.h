/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of diff/pair.h that differ between machines, and what they share. */
#ifndef ST_DIFF_PAIR_KERNEL_H
#define ST_DIFF_PAIR_KERNEL_H

#include "diff/pair.h"

#define ST_PAIR_LANES 8

/* Element i of a leaf goes to lane i % 8. Where a lane's maximum lies does not matter. */
struct st_pair_acc {
	double l1[ST_PAIR_LANES], l2sq[ST_PAIR_LANES], max_abs[ST_PAIR_LANES];
	double dot[ST_PAIR_LANES], a2[ST_PAIR_LANES], b2[ST_PAIR_LANES];
};

enum st_pair_beyond {
	ST_PAIR_TO_INF,
	ST_PAIR_TO_NAN,
	ST_PAIR_TO_MAX
};

struct st_pair_target { /* a type as what is cast to it sees it */
	enum {
		ST_PAIR_FLOAT,
		ST_PAIR_INTEGER,
		ST_PAIR_TRUTH
	} kind;
	int digits; /* of the mantissa with the hidden one, or bits of an integer without sign */
	int emin;   /* exponent of the smallest normal number */
	int emax;   /* and of the largest, max */
	double max;
	enum st_pair_beyond beyond; /* what becomes of more */
	bool no_minus_zero;
	double least; /* of a type without sign and zero, else 0 */
};

/*
 * All give the same bits. Elements of a call are those from lane 0 on: a leaf may be given in
 * pieces, whose lengths but the last are multiples of ST_PAIR_LANES. What is not finite makes a2
 * or b2 so.
 */
struct st_pair_kernel {
	/* Can the others take this type as it lies in the file? ST_F64, as this machine has it,
	 * they always can, but for `load`. */
	bool (*direct)(enum st_dtype t);
	void (*delta)(struct st_pair_acc *acc, enum st_dtype t, const void *a, const void *b,
		      size_t n);
	/* a2 alone */
	void (*norm)(struct st_pair_acc *acc, enum st_dtype t, const void *a, size_t n);
	void (*load)(double *out, enum st_dtype t, const void *p, size_t n);
	/* Of n elements of 1, 2, 4 or 8 bytes, how many are not the same bytes. */
	size_t (*differ)(unsigned width, const void *a, const void *b, size_t n);
	/* Adds how many are not the same number (NaN is), and how many of `narrow` are not `wide`
	 * rounded to t, a float type; via_f32: nor rounded to f32 first. */
	void (*cast)(uint64_t *changed, uint64_t *uncast, const struct st_pair_target *t,
		     bool via_f32, const double *narrow, const double *wide, size_t n);
};

extern const struct st_pair_kernel st_pair_kernel_portable;
extern const struct st_pair_kernel st_pair_kernel_avx2; /* x86-64 only */
void st_pair_cast_portable(uint64_t *changed, uint64_t *uncast, const struct st_pair_target *t,
			   bool via_f32, const double *narrow, const double *wide, size_t n);

/* st_pair_chunk at one level, for tests and benchmarks. */
enum st_pair_level {
	ST_PAIR_PORTABLE,
	ST_PAIR_AVX2,
	ST_PAIR_NLEVELS
};
bool st_pair_level_supported(enum st_pair_level l);
void st_pair_chunk_at(enum st_pair_level l, struct st_pair_sums *out, enum st_dtype ta,
		      const void *a, enum st_dtype tb, const void *b, size_t n, unsigned flags);

/* What an element is for the sums: of a complex number its halves. */
enum st_dtype st_pair_component(enum st_dtype t);

/* A component type, with what its values are where they are few. */
struct st_pair_loader {
	enum st_dtype t;
	double table[256];
};
void st_pair_loader_init(struct st_pair_loader *l, enum st_dtype t);
void st_pair_loader_run(const struct st_pair_loader *l, double *out, const void *p, size_t n);

#define ST_PAIR_BLOCK ((size_t)512) /* elements that are looked at as doubles at a time */

struct st_pair_block { /* elements of one side */
	enum st_dtype t;
	const uint8_t *raw;
	const double *value;
};
/* Adds to changed and uncast what two blocks of different types have of them. */
void st_pair_cast(const struct st_pair_kernel *k, struct st_pair_sums *out,
		  const struct st_pair_block *a, const struct st_pair_block *b, size_t n);

#endif
