/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The left margin of log --graph: one column, two characters wide, for each line of history that is
 * open. A star is a version, the lines that leave it downwards lead to its parents. Pure: numbers
 * in, text out.
 *
 *	*	v4 merges v2 and v3
 *	|\
 *	| *	v3
 *	* |	v2
 *	|/
 *	*	v1
 *
 * A line that goes further than one column runs along '_' and joins in the row below; it crosses
 * the columns between.
 */
#ifndef ST_CLI_GRAPH_H
#define ST_CLI_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_LANES_MAX 512 /* beyond it lines to parents are left out */

struct graph {
	/* Below here private. */
	uint32_t *lanes; /* the version each column leads down to */
	size_t n, cap;
	char **rows; /* to be shown; the last one is shown again and again */
	size_t nrows, rows_cap, at;
	size_t width; /* of every row of this version */
	size_t star;  /* its row */
	bool ended;   /* the version before was the last of its line, in the last column */
};

void graph_init(struct graph *g);
void graph_release(struct graph *g);
/*
 * The next version, met after all that name it as a parent. parents: those that will come.
 * False: out of memory; then nothing but release may follow.
 */
bool graph_next(struct graph *g, uint32_t id, const uint32_t *parents, size_t n);
/* The next row, padded to the width of all rows of this version. Valid until graph_next. */
const char *graph_row(struct graph *g);
/* Rows come before that with the star: it would stand below one it has nothing to do with. */
bool graph_before(const struct graph *g);
/* Rows are left that the next version must not begin without. */
bool graph_pending(const struct graph *g);
/* What a row is without its padding. */
size_t graph_trim(const char *row);
/* There is a row without a star between the version before and the next one. */
void graph_apart(struct graph *g);

#endif
