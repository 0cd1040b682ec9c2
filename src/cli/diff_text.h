/* SPDX-License-Identifier: Apache-2.0 */
/* A difference for people: at most 80 columns. */
#ifndef ST_CLI_DIFF_TEXT_H
#define ST_CLI_DIFF_TEXT_H

#include "cli/diff_collect.h"

struct diff_view {
	bool stat;    /* a line for each layer */
	bool sorted;  /* tensors are in an order of their own: one table for all */
	bool rank;    /* what shape the change has */
	bool all;     /* each tensor of a new file, too */
	bool epsilon; /* mark what is above it */
};

int diff_text(const struct diff_collect *k, const struct diff_view *v, strata_error *err);
/* diff_totals.c: the last lines. */
void diff_totals(const struct diff_collect *k, const struct diff_view *v);

/* Three significant digits in at most 8 columns; "-" where undefined. */
human diff_number(double v);
human diff_share(uint64_t part, uint64_t whole); /* "12.3%" */
human diff_cosine(double v);			 /* near 1 by what is missing, "1-2e-6" */
/* Bytes of s that take at most `room` columns. */
size_t diff_head(const char *s, size_t len, size_t room);
/* Not wider than room: the middle is left out. The caller's; NULL when out of memory. */
char *diff_short(const char *s, size_t len, size_t room);
/* What a file became, "executable", "now a link", or is from the start; "": nothing to tell. */
const char *diff_mode(const strata_diff_file *f);
/* Length of the name of the layer that a tensor belongs to: "encoder.layers.3" of
 * "encoder.layers.3.mlp.weight". */
size_t diff_layer(const char *name, size_t len);

#endif
