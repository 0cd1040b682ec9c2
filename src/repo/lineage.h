/* SPDX-License-Identifier: Apache-2.0 */
/* Typed lineage: what a version was made from, beside its parents, as its author declares it. */
#ifndef ST_REPO_LINEAGE_H
#define ST_REPO_LINEAGE_H

#include "repo/verbs.h"

/*
 * Pairs of kind and revision as a commit records them. *out, n long, is the caller's to free, and
 * NULL on failure; its kinds are static. ST_EUSAGE: an unknown kind, a pair given twice;
 * ST_ENOTFOUND: no such revision, or one whose files were removed. To be called with the gc lock
 * held if the result is to be recorded.
 */
ST_MUST int st_lineage_read(struct st_repo *r, const strata_param *pairs, size_t n,
			    struct st_lineage **out, struct st_err *e);

#endif
