/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping a repository: fsck, gc, stats. */
#ifndef STRATA_MAINTAIN_H
#define STRATA_MAINTAIN_H

#include <strata/repo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_fault {
	const char *object; /* hex, or "" */
	const char *pack;   /* file name, or "" */
	uint64_t offset;
	const char *what;    /* for people: what is wrong */
	const char *version; /* one version that needs the object, or "" */
	const char *path;    /* and the file in it, or "" */
} strata_fault;

typedef struct strata_fsck_result {
	uint64_t objects, bytes, packs, versions, faults;
} strata_fsck_result;

enum strata_fsck_flags {
	STRATA_FSCK_FULL = 1, /* decode and re-hash every object and rebuild every file */
	/* first delete the catalogue and make it anew from log and packs */
	STRATA_FSCK_REBUILD = 2,
};
/* STRATA_ENO when faults were found. Without FULL: the log, every pack's index, every stored byte
 * against its checksum, and that every object a version needs is there. */
STRATA_API int strata_fsck(strata_repo *r, unsigned flags,
			   int (*cb)(void *arg, const strata_fault *f), void *arg,
			   strata_fsck_result *result, strata_error *err);

typedef struct strata_gc_options {
	int64_t prune_age_seconds; /* unreachable objects older than this go; 0: now */
	bool dry_run;
	bool automatic; /* do nothing unless there are many small packs */
} strata_gc_options;

typedef struct strata_gc_result {
	uint64_t removed_objects, removed_bytes; /* unreachable, let go */
	uint64_t packs_before, packs_after;
	uint64_t bytes_before, bytes_after;
	bool ran;
} strata_gc_result;
STRATA_API int strata_gc(strata_repo *r, const strata_gc_options *o, strata_gc_result *result,
			 strata_error *err);

typedef struct strata_repack_options {
	bool max; /* everything anew, with the most that the codec can do */
} strata_repack_options;

typedef struct strata_repack_result {
	uint64_t objects; /* coded anew; 0: there was nothing to do */
	uint64_t packs_before, packs_after;
	uint64_t bytes_before, bytes_after;
} strata_repack_result;
/* Codes anew what was added for speed, as differences where these are smaller. No version
 * changes. */
STRATA_API int strata_repack(strata_repo *r, const strata_repack_options *o,
			     strata_repack_result *result, strata_error *err);

typedef struct strata_tally {
	const char *name;
	uint64_t objects, logical, stored;
} strata_tally;

typedef struct strata_stats {
	uint64_t versions, objects, packs;
	uint64_t logical_bytes; /* of the files of every version (or of the one asked for) */
	uint64_t stored_bytes;	/* that their objects take in packs, each counted once */
	double ratio;		/* logical / stored */
	unsigned max_depth;	/* of the chains of differences of tensors and other contents */
	const strata_tally *by_coding, *by_dtype;
	size_t ncodings, ndtypes;
	uint64_t disk_bytes; /* of .strata altogether */
} strata_stats;
/* rev NULL: the whole history. cb is called once. */
STRATA_API int strata_stats_get(strata_repo *r, const char *rev,
				int (*cb)(void *arg, const strata_stats *s), void *arg,
				strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
