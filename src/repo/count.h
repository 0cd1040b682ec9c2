/* SPDX-License-Identifier: Apache-2.0 */
/* What a version adds, changes and leaves as it was, against the one before. */
#ifndef ST_REPO_COUNT_H
#define ST_REPO_COUNT_H

#include "repo/verbs.h"

struct st_totals {
	strata_file_counts files;
	strata_tensor_counts tensors;
	struct st_counts differing; /* of the files that differ alone */
	uint64_t logical_bytes;	    /* of all files */
	uint64_t stored_bytes;	    /* of the objects that only this version has, in packs */
};

/* Both sorted; rows of `is` have their model flags. Objects that are not published yet take no
 * bytes. */
ST_MUST int st_count_changes(struct st_repo *r, const struct st_index *was,
			     const struct st_index *is, struct st_totals *out, struct st_err *e);

#endif
