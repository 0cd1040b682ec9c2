/* SPDX-License-Identifier: Apache-2.0 */
/* All that a difference says, kept: for tables, for sorting, for the page. */
#ifndef ST_CLI_DIFF_COLLECT_H
#define ST_CLI_DIFF_COLLECT_H

#include "cli/text.h"

#include <strata/diff.h>

struct diff_collect {
	struct cli *c;
	strata_diff_file *files;
	strata_diff_setting *settings;
	strata_diff_entry *tensors;
	size_t nfiles, nsettings, ntensors; /* in the order they came */
	size_t files_cap, settings_cap, tensors_cap;
	strata_diff_total total;
	void *blocks; /* what the entries point to */
	size_t left;
	char *at;
	bool failed; /* out of memory: the callbacks stop */
};

void diff_collect_init(struct diff_collect *k, struct cli *c);
void diff_collect_release(struct diff_collect *k);
/* With a struct diff_collect as arg. */
extern const strata_diff_handler diff_collecting;
/* Largest mad first, what has none behind, of equals the first; at most n are kept. */
void diff_collect_top(struct diff_collect *k, uint64_t n);

#endif
