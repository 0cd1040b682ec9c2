/* SPDX-License-Identifier: Apache-2.0 */
/* What average, merge-file and merge --recipe print of models merged as files. */
#ifndef ST_CLI_MERGE_FILES_H
#define ST_CLI_MERGE_FILES_H

#include "cli/cli.h"

struct merge_files {
	struct cli *c;
	bool json;
	bool joinable, rigid; /* met conflicts that methods may join, and that they may not */
};
/* The callback for strata_merge_files; arg is a struct merge_files. */
int merge_files_tensor(void *arg, const strata_merged_tensor *t);
/* The last lines. rc is what the merge returned; so is the result, or a failure to print. */
int merge_files_end(const struct merge_files *m, int rc, const char *out,
		    const strata_merge_files_result *r, strata_error *err);

/* merge --recipe FILE -o OUT */
int merge_recipe(struct cli *c, const strata_merge_recipe_options *o, bool json, strata_error *err);

#endif
