/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reachability, shared by gc, fsck and stats: everything that is needed from a set of roots,
 * delta bases included. Memory grows with the number of objects reached (their ids) and with
 * nothing else.
 *
 * Of an object stored more than once only the entry that readers use (the one of lowest depth) is
 * marked. Such an entry's base is marked too, at its own lowest depth, which is lower: so the
 * marked entries alone are a sound store.
 */
#ifndef ST_REPO_MARK_H
#define ST_REPO_MARK_H

#include "repo/repo.h"
#include "tensor/dtype.h"

enum st_mark_role {	     /* what an id is needed as */
	ST_ROLE_COMMIT,	     /* with its history, lineage, tree and configuration */
	ST_ROLE_COMMIT_ONLY, /* the object alone: replaying the log reads it */
	ST_ROLE_TREE,	     /* with all below it */
	ST_ROLE_FILE,	     /* its recipe and what that names, or the object */
	ST_ROLE_MANIFEST,
	ST_ROLE_PAGE,
	ST_ROLE_MERGE, /* the description of a merge */
	ST_ROLE_DATA,  /* the object and its bases; so too glue, extents and chunks */
};

struct st_mark_item {
	struct st_oid id;
	uint8_t role;  /* enum st_mark_role */
	uint8_t dtype; /* of an extent's first tensor; ST_NDTYPES when it is none */
};

struct st_mark {
	struct st_repo *r;
	const char *what; /* names the progress; NULL: none is shown */
	/* Until roots are pushed these belong to the caller; all may be NULL or 0. */
	bool lenient; /* what is missing is passed over */
	void *arg;
	/* Each entry once, when it is marked. A recipe's has kind ST_ENTRY_RECIPE and role FILE. */
	int (*live)(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		    struct st_err *e);
	/* An object is missing (loc NULL) or cannot be read. NULL: that ends the walk with
	 * failure. */
	int (*bad)(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		   const struct st_err *why, struct st_err *e);
	/* Below here private. */
	struct st_map objects, recipes; /* id -> which entry is marked, and as what it was walked */
	struct st_mark_item *stack;
	size_t n, cap;
	uint64_t count; /* entries marked */
};

void st_mark_init(struct st_mark *m, struct st_repo *r);
void st_mark_release(struct st_mark *m);

/* May be called from a catalogue callback; st_mark_run then does the work. */
ST_MUST int st_mark_push(struct st_mark *m, const struct st_oid *id, enum st_mark_role role,
			 struct st_err *e);
ST_MUST int st_mark_run(struct st_mark *m, struct st_err *e);
/* Pushes the commits of all refs and version numbers. */
ST_MUST int st_mark_history(struct st_mark *m, struct st_err *e);
/* Pushes the staged tree, and the commit objects that operations name. */
ST_MUST int st_mark_staged(struct st_mark *m, struct st_err *e);
/* Pushes what a merge under way needs. */
ST_MUST int st_mark_merge(struct st_mark *m, struct st_err *e);
/* Pushes trees and commits named by operations not older than since_ns, and records of any age.
 * What an earlier gc let go is still named there: be lenient. */
ST_MUST int st_mark_recent(struct st_mark *m, int64_t since_ns, struct st_err *e);
/* Marks the entry that readers of one object use, without its bases or anything it names. */
ST_MUST int st_mark_entry(struct st_mark *m, const struct st_oid *id, unsigned kind,
			  struct st_err *e);

/* Is any entry of the object marked? */
bool st_mark_has(const struct st_mark *m, const struct st_oid *id, unsigned kind);
/* Is it this one? */
bool st_mark_chose(const struct st_mark *m, const struct st_loc *loc);

/* Could damage of stored data be the reason (and not memory, a lock, the user)? */
bool st_is_damage(int code);

#endif
