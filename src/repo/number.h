/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version numbers: local names of commits, one policy a repository (setting version.policy).
 *
 *	sequence	v1, v2, v3: one above all that were ever given
 *	semver		v1.2.0: from the parent's, by what changed
 *	timestamp	v20261121T103000Z: the commit's time in UTC; v20261121T103000Z-2 the next
 *
 * A number once given stays given: undone, amended and changed policies take none back.
 */
#ifndef ST_REPO_NUMBER_H
#define ST_REPO_NUMBER_H

#include "repo/verbs.h"

/* The one of that name; ST_EUSAGE, naming all three, for any other. what: for the message. */
ST_MUST int st_policy_parse(const char *name, const char *what, strata_policy *out,
			    struct st_err *e);
const char *st_policy_name(strata_policy p);
/* What the settings say; sequence if they say nothing. */
ST_MUST int st_policy_get(const struct st_config *c, strata_policy *out, struct st_err *e);
/* The same; ST_EUSAGE also where a step is asked for and numbers have none. */
ST_MUST int st_bump_check(const struct st_config *c, strata_bump asked, strata_policy *out,
			  struct st_err *e);

/* The step from a version's first parent to it, and a few words that say why, which are static. */
struct st_bumped {
	strata_bump bump;
	const char *why;
};
/* first: there is no parent. files: how many differ. asked: overrides what follows from those. */
struct st_bumped st_bump_choose(strata_bump asked, bool first, const struct st_counts *tensors,
				uint64_t files);
/* What a commit's number is made from. */
struct st_number {
	struct st_oid commit;
	struct st_oid parent; /* its first; zero: none */
	int64_t time_ns;      /* its time */
	strata_bump bump; /* STRATA_BUMP_DERIVED: not known, which counts as a patch, and as major
			     where there is no parent */
};
/* Sets parent and time. */
void st_number_of(struct st_number *n, const struct st_commit *c);
/*
 * The number that is next. Under the log's lock, the catalogue being up to date. A parent without a
 * number that could be counted on from stands back for its own first parent, and so on; in the end
 * for 0.0.0. v7 counts as 7.0.0. ST_ELIMIT when a part of the number would have ten digits.
 */
ST_MUST int st_number_next(struct st_repo *r, const struct st_number *n, char label[32],
			   struct st_err *e);

#endif
