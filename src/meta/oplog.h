/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation log, .strata/ops: append-only, one checksummed record per command, the commit point
 * of everything. doc/format/oplog.md has the bytes:
 *
 *	file:   "STRAOPS2", 24 bytes 0, records
 *	record: "OPRC", u32 payload length, u64 sequence (from 1),
 *		first 8 bytes of the BLAKE3 of these 16;
 *		payload: canonical JSON "strata.op/1" in fewer bytes, padded with zeros to 8;
 *		BLAKE3 (32) of (hash of the record before [32 zero bytes for the first],
 *		sequence, payload)
 *
 * A torn tail (an incomplete last record) is dropped at the next append. An invalid record with the
 * header of a later one after it is damage, never a tail. What the cache has seen may not
 * disappear: the caller compares the tail it knows.
 *
 * A handle belongs to one thread; any number of processes may have the log open.
 */
#ifndef ST_META_OPLOG_H
#define ST_META_OPLOG_H

#include "base/buf.h"
#include "base/map.h"
#include "base/oid.h"

struct st_op_ref {
	const char *name;	 /* "HEAD", "heads/main", "tags/x" */
	const char *old, *value; /* commit hex, or "ref:heads/main" for HEAD; NULL: absent */
};

struct st_op_version {
	const char *label; /* "v12" */
	struct st_oid commit;
};

struct st_op {
	uint64_t seq;
	int64_t time_ns;	  /* UTC */
	const char *verb;	  /* "commit" */
	const char *why;	  /* one line for reflog */
	const char *who;	  /* "Name <mail>" */
	struct st_oid index_tree; /* staged tree after this operation; zero: unchanged */
	bool has_index;
	struct st_op_ref *refs;
	size_t nrefs;
	struct st_op_version *versions;
	size_t nversions;
	struct st_oid *commits; /* new commits */
	size_t ncommits;
	struct st_oid *records;
	size_t nrecords;
	struct st_oid *packs_added, *packs_removed;
	size_t npacks_added, npacks_removed;
	/* Files whose content, in no version and not staged, the command overwrote or removed: the
	 * first of them, and how many there were. */
	const char **lost;
	size_t nlost;
	uint64_t lost_count;
};

#define ST_OP_LOST 100		       /* most that are named as lost */
#define ST_OP_BYTES ((size_t)64 << 20) /* most that an encoded operation may take */

/* Pure. Strings of a parsed op live in arena. seq is not part of the encoding. verb, why and who
 * are for people: bytes that are not UTF-8 become U+FFFD, NULL is ""; names, values and labels
 * must be UTF-8. */
ST_MUST int st_op_encode(struct st_buf *out, const struct st_op *op, struct st_err *e);
ST_MUST int st_op_parse(struct st_op *out, struct st_arena *arena, const void *p, size_t len,
			struct st_err *e);
struct st_oplog;

struct st_oplog_pos { /* where one record ended; {0} is the beginning */
	uint64_t seq;
	uint64_t end; /* file offset after it */
	struct st_oid hash;
};

ST_MUST int st_oplog_create(const char *path, struct st_err *e); /* durable; fails if it exists */
/* Read-only where the file cannot be written; append then fails. ST_ENOTFOUND: no such file. */
ST_MUST int st_oplog_open(struct st_oplog **out, const char *path, struct st_err *e);
void st_oplog_close(struct st_oplog *l);
/* Quick: has anything been appended after pos (which the cache knows)? Fails with ST_ECORRUPT when
 * the log no longer holds pos. */
ST_MUST int st_oplog_newer(struct st_oplog *l, const struct st_oplog_pos *pos, bool *newer,
			   struct st_err *e);
/* Calls fn for every record after pos, in order; *pos is advanced past each one fn accepted.
 * Ends at the size the file had at the call, and before a torn tail. */
ST_MUST int st_oplog_replay(struct st_oplog *l, struct st_oplog_pos *pos,
			    int (*fn)(void *arg, const struct st_op *op,
				      const struct st_oplog_pos *at, struct st_err *e),
			    void *arg, struct st_err *e);
/* The record of that number, found without those before it: `from` is where the one before ended, 0
 * for the first. Strings live in arena. ST_ECORRUPT where there is no sound record of it. */
ST_MUST int st_oplog_read(struct st_oplog *l, uint64_t seq, uint64_t from, struct st_op *op,
			  struct st_arena *arena, struct st_err *e);
/* Exclusive lock for compare, append and apply. Waits up to wait_ms, then ST_EBUSY. */
ST_MUST int st_oplog_lock(struct st_oplog *l, unsigned wait_ms, struct st_err *e);
void st_oplog_unlock(struct st_oplog *l);
/* Under the lock, pos being the log's end (else ST_EBUSY: replay and decide again): drops a torn
 * tail, appends, fdatasync. op->seq is set. This is the commit point. */
ST_MUST int st_oplog_append(struct st_oplog *l, struct st_oplog_pos *pos, struct st_op *op,
			    struct st_err *e);
/* Every record checked; cb gets each fault. *records counts the sound ones. A torn tail is none,
 * unless it has its full length: then it may be damage, and only who knows the tail can tell. */
ST_MUST int st_oplog_verify(struct st_oplog *l, uint64_t *records,
			    int (*cb)(void *arg, uint64_t offset, const char *what,
				      struct st_err *e),
			    void *arg, struct st_err *e);

#endif
