/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue: SQLite, and only a cache of operation log and packs (doc/format/catalog.md). It
 * remembers the position of the last applied operation; deleting it loses nothing. Ids and names
 * are interned as integers. Journal mode DELETE, never WAL, synchronous=NORMAL: what a crash can
 * still tear is detected, on opening or as ST_ECORRUPT later, and made anew by replay.
 *
 * One connection, guarded by one mutex: calls may come from any thread. Callbacks run under it and
 * may call the catalogue again, to read. A scan ends early, without failure, when its callback
 * returns ST_ENO.
 *
 * ST_EBUSY: another process kept the file locked for 10 seconds. Integers beyond 2^63 - 1 are
 * ST_ELIMIT.
 */
#ifndef ST_META_CATALOG_H
#define ST_META_CATALOG_H

#include "base/buf.h"
#include "base/oid.h"
#include "meta/oplog.h"

struct st_catalog;

#define ST_CATALOG_ANEW "'strata fsck --rebuild' makes it anew"

/* Creates file and schema when missing. ST_ECORRUPT: not ours, damaged, or of another schema
 * version; the caller deletes it and replays. path ":memory:" is fine. */
ST_MUST int st_catalog_open(struct st_catalog **out, const char *path, struct st_err *e);
/* In memory, for where the file cannot be written: what it holds, or nothing if that cannot be read
 * (path NULL: nothing). The file is not touched. */
ST_MUST int st_catalog_open_copy(struct st_catalog **out, const char *path, struct st_err *e);
void st_catalog_close(struct st_catalog *c);
ST_MUST int st_catalog_begin(struct st_catalog *c, struct st_err *e); /* BEGIN IMMEDIATE */
ST_MUST int st_catalog_commit(struct st_catalog *c, struct st_err *e);
void st_catalog_rollback(struct st_catalog *c);
/* Writes the file anew without room in it; not inside a transaction. What it holds stays, and so
 * does the file where that cannot be done. */
void st_catalog_compact(struct st_catalog *c);
/*
 * Around a burst of queries: without the file lock taken and given back for each, one takes a third
 * of the time. No other process can commit meanwhile, so a burst lasts milliseconds. Nests; not
 * inside of it may a transaction begin.
 */
ST_MUST int st_catalog_read_begin(struct st_catalog *c, struct st_err *e);
void st_catalog_read_end(struct st_catalog *c);
ST_MUST int st_catalog_pos(struct st_catalog *c, struct st_oplog_pos *pos, struct st_err *e);
ST_MUST int st_catalog_set_pos(struct st_catalog *c, const struct st_oplog_pos *pos,
			       struct st_err *e);
ST_MUST int st_catalog_check(struct st_catalog *c, struct st_err *e); /* PRAGMA integrity_check */
/* A digest of all rows that matter, for "fsck --rebuild makes an equal one". */
ST_MUST int st_catalog_digest(struct st_catalog *c, struct st_oid *out, struct st_err *e);

/* refs; the value is appended to out */
ST_MUST int st_catalog_ref_set(struct st_catalog *c, const char *name, const char *value,
			       struct st_err *e); /* NULL deletes */
ST_MUST int st_catalog_ref_get(struct st_catalog *c, const char *name, struct st_buf *out,
			       bool *found, struct st_err *e);
ST_MUST int st_catalog_ref_each(struct st_catalog *c, const char *prefix,
				int (*cb)(void *arg, const char *name, const char *value,
					  struct st_err *e),
				void *arg, struct st_err *e); /* by name */
ST_MUST int st_catalog_index_tree(struct st_catalog *c, struct st_oid *tree, bool *found,
				  struct st_err *e);
ST_MUST int st_catalog_set_index_tree(struct st_catalog *c, const struct st_oid *tree,
				      struct st_err *e);

/* version numbers: label -> commit; never reused: ST_EREFUSED when it names another commit */
ST_MUST int st_catalog_version_add(struct st_catalog *c, const char *label,
				   const struct st_oid *commit, struct st_err *e);
ST_MUST int st_catalog_version_get(struct st_catalog *c, const char *label, struct st_oid *commit,
				   bool *found, struct st_err *e);
/* The number of a commit (the first given); "" when it has none. */
ST_MUST int st_catalog_version_of(struct st_catalog *c, const struct st_oid *commit, char out[32],
				  struct st_err *e);
ST_MUST int st_catalog_version_count(struct st_catalog *c, uint64_t *n, struct st_err *e);
/* Every label, the one given last first. */
ST_MUST int st_catalog_version_each(struct st_catalog *c,
				    int (*cb)(void *arg, const char *label, struct st_err *e),
				    void *arg, struct st_err *e);

/* commits */
struct st_origin { /* a declared ancestor */
	struct st_oid commit;
	const char *kind; /* "fine-tuned-from", ... */
};
struct st_commit_row {
	struct st_oid id, tree;
	int64_t time_ns;
	uint64_t generation; /* 1 + the largest of its parents' */
	const char *author;  /* "Name <mail>" */
	const char *message;
	const char *version; /* "" when none */
	const struct st_oid *parents;
	size_t nparents;
	const struct st_origin *lineage; /* in the order given */
	size_t nlineage;
	bool traced; /* the tensors that it changed are known; else its tree could not be read */
	int64_t key; /* given by the catalogue, 1 and up, a parent's below its children's */
};
ST_MUST int st_catalog_commit_add(struct st_catalog *c, const struct st_commit_row *row,
				  struct st_err *e);
/* Calls cb with one row (borrowed during the call); ST_ENOTFOUND when unknown. */
ST_MUST int st_catalog_commit_get(struct st_catalog *c, const struct st_oid *id,
				  int (*cb)(void *arg, const struct st_commit_row *row,
					    struct st_err *e),
				  void *arg, struct st_err *e);
ST_MUST int st_catalog_commit_by_key(struct st_catalog *c, int64_t key,
				     int (*cb)(void *arg, const struct st_commit_row *row,
					       struct st_err *e),
				     void *arg, struct st_err *e);
ST_MUST int st_catalog_commit_key(struct st_catalog *c, const struct st_oid *id, int64_t *key,
				  bool *found, struct st_err *e);
/* All commits in one scan, newest generation first (then time, then id descending). */
ST_MUST int st_catalog_commit_each(struct st_catalog *c,
				   int (*cb)(void *arg, const struct st_commit_row *row,
					     struct st_err *e),
				   void *arg, struct st_err *e);
/* Of the commits whose id begins with len hex digits, the first 8 by id. No hex: none. */
ST_MUST int st_catalog_commit_prefix(struct st_catalog *c, const char *hex, size_t len,
				     struct st_oid out[8], size_t *n, struct st_err *e);

/*
 * Tensor history. A slot is a tensor's name in a file's path. A change says that a commit's tensor
 * differs, by its logical id, from that of at least one parent; a root's tensors are all changes.
 */
struct st_slot_row {
	int64_t slot; /* of this catalogue alone, as keys and values are; 1 and up */
	const char *path, *name;
	size_t name_len; /* any bytes; a NUL follows */
};
struct st_change_row {
	int64_t commit, slot;
	/* 0: as no parent has it, though one has another; -1: no parent has the tensor; k > 0: as
	 * the k-th parent (from 1) has it, the first that does. */
	int64_t origin;
	int64_t value; /* stands for the logical id; 0: the commit has no such tensor */
};
typedef int (*st_slot_cb)(void *arg, const struct st_slot_row *row, struct st_err *e);
typedef int (*st_change_cb)(void *arg, const struct st_change_row *row, struct st_err *e);
/* The number of a slot, which is added when it is new. */
ST_MUST int st_catalog_slot(struct st_catalog *c, const char *path, const void *name,
			    size_t name_len, int64_t *slot, struct st_err *e);
/* Those of a path by name; path NULL: all, by number. */
ST_MUST int st_catalog_slot_each(struct st_catalog *c, const char *path, st_slot_cb cb, void *arg,
				 struct st_err *e);
/* id NULL: gone. A change that is there already stays. */
ST_MUST int st_catalog_change_add(struct st_catalog *c, int64_t commit, int64_t slot,
				  int64_t origin, const struct st_oid *id, struct st_err *e);
ST_MUST int st_catalog_change_each(struct st_catalog *c, int64_t commit, st_change_cb cb, void *arg,
				   struct st_err *e); /* by slot */
ST_MUST int st_catalog_change_of_slot(struct st_catalog *c, int64_t slot, st_change_cb cb,
				      void *arg, struct st_err *e); /* the highest key first */
/* The logical id that a value stands for. */
ST_MUST int st_catalog_value(struct st_catalog *c, int64_t value, struct st_oid *out,
			     struct st_err *e);

/*
 * Sketches: a few values of a tensor, by its logical id, for "parent". n bytes, which the catalogue
 * does not look into; numel: elements of the tensor. One that is there already stays.
 */
ST_MUST int st_catalog_sketch_has(struct st_catalog *c, const struct st_oid *id, bool *has,
				  struct st_err *e);
ST_MUST int st_catalog_sketch_add(struct st_catalog *c, const struct st_oid *id, uint64_t numel,
				  const void *p, size_t n, struct st_err *e);
struct st_sketch_row {
	int64_t slot, value; /* as in struct st_change_row */
	bool known;	     /* there is a sketch; else numel and len are 0 */
	uint64_t numel;
	const void *p; /* borrowed during the call */
	size_t len;
};
/* What a commit changed, with the sketches. */
ST_MUST int st_catalog_sketch_changes(struct st_catalog *c, int64_t commit,
				      int (*cb)(void *arg, const struct st_sketch_row *row,
						struct st_err *e),
				      void *arg, struct st_err *e);
/* What stands for an id in this catalogue; 0: nothing does. */
ST_MUST int st_catalog_value_of(struct st_catalog *c, const struct st_oid *id, int64_t *value,
				struct st_err *e);

/* packs and where objects lie */
struct st_pack_row {
	int64_t key;
	struct st_oid id;
	uint64_t size, objects;
};
/* A pack that is known already keeps its key and rows. */
ST_MUST int st_catalog_pack_add(struct st_catalog *c, const struct st_oid *pack, uint64_t size,
				uint64_t objects, int64_t *key, struct st_err *e);
ST_MUST int st_catalog_pack_remove(struct st_catalog *c, const struct st_oid *pack,
				   struct st_err *e); /* its locations too */
ST_MUST int st_catalog_pack_known(struct st_catalog *c, const struct st_oid *pack, bool *known,
				  struct st_err *e);
ST_MUST int st_catalog_pack_each(struct st_catalog *c,
				 int (*cb)(void *arg, const struct st_pack_row *row,
					   struct st_err *e),
				 void *arg, struct st_err *e);

enum st_loc_state {
	ST_LOC_PRESENT = 0,
	ST_LOC_PROMISED = 1,
	ST_LOC_PRUNED = 2
};
struct st_loc {
	struct st_oid id, pack, base; /* base: zero when none; of a recipe: its manifest */
	uint8_t kind, width, depth;
	uint64_t offset, raw, stored;
	uint32_t head; /* bytes of the entry's header */
};
ST_MUST int st_catalog_loc_add(struct st_catalog *c, int64_t pack_key, const struct st_loc *loc,
			       struct st_err *e);
/* The entry of the lowest depth of that kind; of several, that in the pack added last. */
ST_MUST int st_catalog_loc_find(struct st_catalog *c, const struct st_oid *id, unsigned kind,
				struct st_loc *out, bool *found, struct st_err *e);
/* Every entry, by pack then offset; pack NULL: all packs. */
ST_MUST int st_catalog_loc_each(struct st_catalog *c, const struct st_oid *pack,
				int (*cb)(void *arg, const struct st_loc *loc, struct st_err *e),
				void *arg, struct st_err *e);

/* Operations, for reflog. Adding one twice changes nothing. */
ST_MUST int st_catalog_op_add(struct st_catalog *c, const struct st_op *op,
			      const struct st_oplog_pos *at, struct st_err *e);
/* Where in the log operation seq ended; 0 for seq 0. ST_ECORRUPT where it is not known. */
ST_MUST int st_catalog_op_end(struct st_catalog *c, uint64_t seq, uint64_t *end, struct st_err *e);
/* Newest first, each with seq, time, who, verb, why and refs alone (borrowed during the call). */
ST_MUST int st_catalog_op_each(struct st_catalog *c,
			       int (*cb)(void *arg, const struct st_op *op, struct st_err *e),
			       void *arg, struct st_err *e);

#endif
