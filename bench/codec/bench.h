/* SPDX-License-Identifier: Apache-2.0 */
/* What codec_bench measured, for the report. */
#ifndef CODEC_BENCH_H
#define CODEC_BENCH_H

#include "rivals.h"

#define METHODS_MAX 8
#define ROUNDS_MAX 64
#define AIMS_MAX 64
#define OURS 0			     /* the rivals follow in their order, */
#define ZIPNN_PYPI (METHODS_MAX - 1) /* and zipnn's own program */

enum part {
	BLOCKS,
	EMBEDDINGS,
	ALL,
	NPARTS
};

struct totals {
	uint64_t raw;
	double fm; /* bytes */
	uint64_t len[METHODS_MAX];
	double enc[ROUNDS_MAX][METHODS_MAX], dec[ROUNDS_MAX][METHODS_MAX];
};

/* One and two threads over the frames of a pair, by the clock. */
struct threads {
	double enc[ROUNDS_MAX][2], dec[ROUNDS_MAX][2];
};

struct result {
	const char *label;
	unsigned rounds, width;
	struct totals sum[NPARTS];
	struct threads threads;
};

struct aims {
	double reached[AIMS_MAX]; /* 0: not measured */
};

/* The rows of a pair: all tensors, those of the blocks, those of embeddings. */
void report_pair(const struct result *r);
/* Takes what its aims ask for; then all of them with what was reached. */
void aims_take(struct aims *v, const struct result *r);
void aims_report(const struct aims *v);

#endif
