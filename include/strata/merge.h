/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing one line of history into another. */
#ifndef STRATA_MERGE_H
#define STRATA_MERGE_H

#include <strata/history.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_merge_options {
	bool forward_only; /* never make a version; this version of strata never does */
} strata_merge_options;

typedef struct strata_merge_result {
	bool moved;				      /* false: HEAD had everything already */
	char commit[STRATA_HEX], version[32];	      /* of HEAD now; version "" when it has none */
	char old_commit[STRATA_HEX], old_version[32]; /* and before; "" on an unborn branch */
	char branch[256];			      /* that moved; "" when HEAD is detached */
	strata_checkout_result files;
} strata_merge_result;

/*
 * The branch that is checked out, or a detached HEAD, goes forward to revs[0], index and working
 * tree with it, as strata_switch takes them along: local changes stay or it is refused. An unborn
 * branch begins there. STRATA_EREFUSED, and nothing changed, where neither side leads to the other,
 * because strata does not merge two lines of history yet, and for more than one revision. o may be
 * NULL.
 */
STRATA_API int strata_merge(strata_repo *r, const char *const *revs, size_t nrevs,
			    const strata_merge_options *o, strata_merge_result *result,
			    strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
