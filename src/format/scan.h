/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pickles of a file would import and call if Python loaded it (doc/guide/scan.md). Nothing
 * is executed. Finds pickles wherever loaders would: plain and stacked ones, ZIP members by name
 * and by first bytes, .npy object arrays, tar members.
 */
#ifndef ST_FORMAT_SCAN_H
#define ST_FORMAT_SCAN_H

#include "base/ctx.h"
#include "tensor/source.h"

enum st_scan_verdict {
	ST_SCAN_SAFE,	 /* only builds data */
	ST_SCAN_UNKNOWN, /* neither known to be harmless nor to be harmful */
	ST_SCAN_DANGEROUS
};

struct st_scan_find {
	const char *member;	   /* of an archive, "outer::inner" in nested ones, or "" */
	const char *module, *name; /* "" when computed at load time, and of a find about bytes */
	uint64_t at;		   /* offset in the member, or in the file */
	bool called;
	enum st_scan_verdict verdict;
	const char *why; /* one line for people: "runs a shell command" */
};

struct st_scan_options {
	/* NULL: no. Is "module.name" to be taken for safe whatever it is? */
	bool (*allowed)(void *arg, const char *what, size_t len);
	void *allowed_arg;
	uint64_t memory;
	const struct st_ctx *ctx; /* asked whether to stop (ST_EBUSY); NULL: nobody is */
};

struct st_scan_result {
	uint64_t pickles;		   /* found */
	uint64_t safe, unknown, dangerous; /* finds */
	uint64_t suspect; /* of unknown: finds worth a warning even where no pickle is found */
	bool dead; /* of a failure: it is a broken pickle, and no loader runs anything of it */
	/* A pickle that could not be read to its end, or bytes behind it that hide another one:
	 * counted under dangerous and told as a find with an empty module. Likewise what could not
	 * be looked into, within the memory, the work or the depth there is, under unknown. */
};

/* One find for every distinct global of every pickle, safe ones too. cb returns non-zero to stop
 * (ST_ENO). What is compressed inside is inflated up to 32 times the file's size and 32 MiB, in
 * all. A file without pickles is no failure. The ending of src->name counts: a pickle of protocol 0
 * has no other mark. */
ST_MUST int st_scan(const struct st_source *src, const struct st_scan_options *o,
		    int (*cb)(void *arg, const struct st_scan_find *f), void *arg,
		    struct st_scan_result *res, struct st_err *e);

/* Is its ending one under which Python loads pickles? Other files may be pickles, too. */
bool st_scan_claimed(const char *name);

/* scan_policy.c: of one global, by tables. *why is static text; "" where it is safe. */
enum st_scan_verdict st_scan_judge(const char *module, const char *name, const char **why);

#endif
