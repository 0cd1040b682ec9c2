/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share that make, move and remove refs: branch, tag, switch, merge. */
#ifndef ST_REPO_MOVES_H
#define ST_REPO_MOVES_H

#include "repo/stage.h"

#define ST_REF_NAME 200 /* most bytes of a branch's or tag's name */
#define ST_REF_FULL (ST_REF_NAME + 16)
#define ST_ID_PREFIX 6 /* fewest digits that stand for an id */

/* refname.c: is it a name that a branch ("branch") or tag ("tag") may have? ST_EUSAGE says why
 * not. */
ST_MUST int st_ref_name_check(const char *kind, const char *name, struct st_err *e);
/* v12, v1.2.0 and the like, which are the version numbers' own. */
bool st_looks_numbered(const char *name);

/* moves.c */
/* The value of a ref, the caller's; NULL, and no failure, where there is none. */
ST_MUST int st_ref_value(struct st_repo *r, const char *full, char **value, struct st_err *e);
/* HEAD is at another version or on another branch than expect (NULL: any will do): ST_EBUSY. */
ST_MUST int st_head_expect(struct st_repo *r, const struct st_head *head,
			   const strata_head_info *expect, struct st_err *e);
/* May prefix ("heads/") get this name? ST_EREFUSED when it has one that cannot be beside it, a and
 * a/b; ST_EUSAGE when a version's id begins so. */
ST_MUST int st_ref_beside(struct st_repo *r, const char *prefix, const char *name,
			  struct st_err *e);
/* One operation that moves refs and nothing else. */
ST_MUST int st_refs_publish(struct st_repo *r, const char *verb, const char *why,
			    struct st_op_ref *refs, size_t n, struct st_err *e);
/* Is `what` one of the n commits, or an ancestor of one? */
ST_MUST int st_reaches(struct st_repo *r, const struct st_oid *from, size_t n,
		       const struct st_oid *what, bool *yes, struct st_err *e);
/* "v3 4f2a9c1b2d3e" or the digits alone. */
ST_MUST int st_commit_title(struct st_repo *r, const struct st_oid *id, char out[64],
			    struct st_err *e);

/* refnear.c: ST_ENOTFOUND, with a name that is near if there is one. kind: "branch" or "tag", whose
 * refs are below prefix. */
ST_MUST int st_no_ref(struct st_repo *r, const char *kind, const char *prefix, const char *name,
		      struct st_err *e);
ST_MUST int st_no_revision(struct st_repo *r, const char *name, struct st_err *e);

/* branch.c: may a branch of this name be made? ST_EUSAGE, or ST_EREFUSED where it exists. */
ST_MUST int st_branch_free(struct st_repo *r, const char *name, struct st_err *e);

/* refpast.c: what rev, whose '@{' is at braces, was then */
ST_MUST int st_resolve_past(struct st_repo *r, const char *rev, const char *braces,
			    struct st_oid *out, struct st_err *e);
/* "now", "yesterday", or a date as in REV@{DATE}: a day alone means its end, or its beginning, in
 * local time; with a clock time it is UTC, as logs write it. */
bool st_date_parse(const char *s, bool end, int64_t *ns);

/* before.c: "@{-1}", and "-" for the same: where switch or checkout came from, and so on back */
#define ST_PLACE (ST_REF_NAME + 1)
/*
 * *word becomes the branch, or the id where HEAD was detached, in place; any other word stays as it
 * is. ST_ENOTFOUND where HEAD has not been in so many places that still are.
 */
ST_MUST int st_place_before(struct st_repo *r, const char **word, char place[ST_PLACE],
			    struct st_err *e);

/* twoway.c: what the index becomes when HEAD goes from one version to another */
/* One content and mode, or NULL both. */
bool st_rows_same(const struct st_stage_row *a, const struct st_stage_row *b);
struct st_lost { /* files that hold what would be lost */
	size_t n, shown;
	char names[400]; /* "'a', 'b'": those that are shown */
};
void st_lost_add(struct st_lost *l, const char *path);
/* `how` ends the sentence: what can be done. */
ST_MUST int st_lost_refuse(struct st_lost *l, const char *how, struct st_err *e);
/*
 * As Git has it: where both versions agree, what is staged stays; where they differ, what is staged
 * must be one of them. out is initialised and empty; rows keep their stat data. Staged changes that
 * cannot stay are added to lost.
 */
ST_MUST int st_twoway(const struct st_index *head, const struct st_index *now,
		      const struct st_index *to, struct st_index *out, struct st_lost *lost,
		      struct st_err *e);

/* checkout.c: HEAD, index and working tree go to another version, in one operation */
struct st_go {
	const char *verb;
	bool discard;	 /* local changes that are in the way, staged ones all */
	const char *how; /* what to do about those that are; NULL: what -f does */
	/*
	 * Under the locks: says where to go, and fills t->op.refs and why. What they point to lives
	 * until st_go returns.
	 */
	int (*decide)(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e);
	void *arg;
};
ST_MUST int st_go(struct st_repo *r, const struct st_go *g, strata_checkout_result *res,
		  struct st_err *e);

#endif
