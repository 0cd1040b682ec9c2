/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that print a difference share. */
#ifndef ST_CLI_DIFF_PRINT_H
#define ST_CLI_DIFF_PRINT_H

#include "cli/diff_text.h"

#define DIFF_WIDTH 80

enum item_kind {
	ITEM_FILE,
	ITEM_SETTING,
	ITEM_TENSOR
};

struct item {
	const char *path;
	enum item_kind kind;
	size_t i;     /* in its array */
	size_t seq;   /* in which it came */
	size_t first; /* the lowest of its path */
};

struct printing {
	const struct diff_collect *k;
	const struct diff_view *v;
	struct cli *c;
	strata_error *err;
	const struct item *items; /* of the path at hand */
	size_t n;
	bool after_table; /* what was printed last */
};

/* A path, with the other side's where it differs, and what became of it; no line end. */
void diff_heading(const struct cli *c, const char *path, const strata_diff_file *f);
/* diff_config.c: "key: old -> new", or the lines of a text. */
void diff_print_setting(const struct cli *c, const strata_diff_setting *s);
/* diff_stat.c: a path's layers, each a line. */
int diff_stat_section(struct printing *p, bool first);
/* Elements of a tensor as its figures count them. */
uint64_t diff_elements(const strata_diff_entry *t);

#endif
