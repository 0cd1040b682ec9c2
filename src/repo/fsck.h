/* SPDX-License-Identifier: Apache-2.0 */
/* One run of fsck. Private to fsck*.c. */
#ifndef ST_REPO_FSCK_H
#define ST_REPO_FSCK_H

#include "repo/mark.h"
#include "repo/verbs.h"

#define ST_FSCK_QUEUE 10000 /* faults described one by one; more are counted */

struct st_fsck_fault {
	struct st_oid id, pack; /* zero: none */
	bool whole; /* the pack as a whole: lists the versions that need anything of it */
	uint64_t offset;
	const char *what;
};

struct st_fsck {
	struct st_repo *r;
	unsigned flags;
	int (*cb)(void *arg, const strata_fault *f);
	void *arg;
	strata_fsck_result *res;
	struct st_mark mark; /* what versions and index need */
	struct st_arena text;
	struct st_fsck_fault *queue;
	size_t n, cap;
	uint64_t left_out;    /* faults beyond the queue */
	struct st_map faulty; /* objects that have a fault already */
	struct st_map lost;   /* packs that cannot be read at all */
	bool blind;	      /* the catalogue cannot be read: nothing that needs it is checked */
};

/* Queues a fault; id and pack may be NULL. May be called from any callback. */
__attribute__((format(printf, 7, 8))) ST_MUST int st_fsck_fault(
	struct st_fsck *f, const struct st_oid *id, const struct st_oid *pack, uint64_t offset,
	bool whole, struct st_err *e, const char *fmt, ...);
/* Finds versions and paths for what is queued, and hands it out. ST_ENO without a message: the
 * caller wants no more. */
ST_MUST int st_fsck_flush(struct st_fsck *f, struct st_err *e);
/* Is the object's trouble, or that of something it needs, known already? */
ST_MUST int st_fsck_covered(struct st_fsck *f, const struct st_oid *id, enum st_mark_role role,
			    bool *covered, struct st_err *e);

struct st_fsck_place {		    /* who needs a faulty object or pack */
	const char *version, *path; /* "" when nothing does; of the newest that does */
	uint64_t versions;	    /* that need it (of a whole pack) */
	char list[160];		    /* the newest of them */
};
/* places: one for each queued fault; strings live in f->text. */
ST_MUST int st_fsck_find(struct st_fsck *f, struct st_fsck_place *places, struct st_err *e);

struct st_fsck_entry { /* of a file, for faults */
	struct st_oid id, pack;
	uint64_t offset;
};
/* fsck_ids.c: computes the logical ids that the manifest of a model file claims and no object
 * proves. v: open, and known to give the file's bytes. */
ST_MUST int st_fsck_ids(struct st_fsck *f, struct st_vfile *v, const struct st_fsck_entry *at,
			struct st_err *e);
/* fsck_full.c: decodes every object, rebuilds every file, computes logical ids. */
ST_MUST int st_fsck_full(struct st_fsck *f, struct st_err *e);

#endif
