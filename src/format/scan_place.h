/* SPDX-License-Identifier: Apache-2.0 */
/* Private to scan*.c: a file or a member of an archive on its way through the scan. */
#ifndef ST_FORMAT_SCAN_PLACE_H
#define ST_FORMAT_SCAN_PLACE_H

#include "format/pickle.h"
#include "format/scan.h"

struct st_scan_run {
	const struct st_scan_options *o;
	int (*cb)(void *arg, const struct st_scan_find *f);
	void *arg;
	struct st_scan_result *res;
	struct st_err *e;
	uint64_t budget, left; /* bytes that may be inflated: all, and still */
	bool spent;	       /* more were wanted: what is left is not looked at */
};

enum st_scan_claim { /* of a name: that a pickle is in it */
	ST_SCAN_NO_CLAIM,
	ST_SCAN_BARE,	/* a file without an ending: one that calls something will do */
	ST_SCAN_MAY_BE, /* PyTorch's endings, which others use too */
	ST_SCAN_SAYS_SO
};

struct st_scan_place {
	const struct st_source *src;
	const char *member; /* for people, "" for the file itself */
	enum st_scan_claim claim;
	unsigned depth; /* archives that it is in */
	bool packed;	/* reading it backwards is dear */
};

#define ST_SCAN_HEAD 512 /* bytes that tell what something is: a block of tar */

enum st_scan_claim st_scan_claim_of(const char *name);
/* ST_EBUSY once the caller asked to stop. */
ST_MUST int st_scan_cancel(const struct st_scan_run *x);
/* Whatever lies there. */
ST_MUST int st_scan_place(struct st_scan_run *x, const struct st_scan_place *pl);
/* A find about bytes, not about a global. */
__attribute__((format(printf, 5, 6))) ST_MUST int st_scan_tell(struct st_scan_run *x,
							       const struct st_scan_place *pl,
							       uint64_t at,
							       enum st_scan_verdict verdict,
							       const char *fmt, ...);

struct st_scan_seen { /* what one look gave */
	bool pickle;  /* there is one; what it names was told */
	bool whole;   /* read up to its STOP; else why is the reason */
	uint64_t end; /* behind it, or where it broke */
	struct st_pickle p;
	struct st_err why;
};
/*
 * Looks for a pickle at `at` and tells its globals. Where it is not sure that one is there, it must
 * be whole and name something; else a broken one that names something is enough. s->p is the
 * caller's to release, after a failure too.
 */
ST_MUST int st_scan_look(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			 bool sure, struct st_scan_seen *s);
#define ST_SCAN_ROW 65536 /* pickles one after the other */
/* What follows a whole pickle; single: nothing should. */
ST_MUST int st_scan_behind(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			   bool single);

/* scan_torch.c */
/* The rest of a file of PyTorch before 1.6, behind its magic number. */
ST_MUST int st_scan_stacked(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at);
/* Member "storages" or "tensors" of PyTorch 0.1, or whatever else has that name. */
ST_MUST int st_scan_torch_member(struct st_scan_run *x, const struct st_scan_place *pl,
				 bool tensors);

/* scan_archive.c */
ST_MUST int st_scan_zip(struct st_scan_run *x, const struct st_scan_place *pl);
/* Does a header of tar begin there? */
bool st_scan_is_tar(const uint8_t *p, size_t n);
ST_MUST int st_scan_tar(struct st_scan_run *x, const struct st_scan_place *pl);

#endif
