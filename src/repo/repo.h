/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository in use: what everything in this directory works on.
 *
 * Locks, in the order they are taken: `gc` (.strata/lock: shared from the first object lookup to
 * publication, exclusive while gc removes), `index` (.strata/index.lock: from reading the index to
 * publishing the changed one), and the operation log's own, held by st_repo_publish alone.
 */
#ifndef ST_REPO_REPO_H
#define ST_REPO_REPO_H

#include "base/config.h"
#include "base/ctx.h"
#include "base/glob.h"
#include "meta/catalog.h"
#include "meta/index.h"
#include "meta/oplog.h"
#include "model/object.h"
#include "store/odb.h"

#include <sys/stat.h>

/* Below .strata: what the command of --accept-if looks at. gc removes what a kill left of it. */
#define ST_ASKED_DIR "accept"

struct st_repo {
	struct st_ctx ctx;
	char *work; /* working tree, absolute */
	char *dir;  /* work/.strata, or what --repo named */
	struct st_config config;
	struct st_oplog *log;
	struct st_catalog *cat;
	struct st_store *store;
	struct st_odb *odb;
	struct st_oplog_pos pos; /* what the catalogue holds */
	/* the log lacks operations that the catalogue has, or is empty beside packs: only reading
	 * works */
	bool log_lost;
	/* the index file was missing or damaged, and that was said */
	bool index_anew;
	/* directory of the tree last seen to have no link above its files */
	char *plain_dir;
	int gc_fd, index_fd; /* lock files, -1 when not held */
};

/* open.c */
/* policy: of version numbers, written into the settings; NULL: as they are. ST_EREFUSED when dir is
 * a repository already, whose policy is another. */
ST_MUST int st_repo_init(const char *dir, const char *policy, bool *fresh, struct st_err *e);
/* The .strata of `start` or a directory above it, the nearest even if it is damaged or unfinished,
 * which st_repo_open then says; the result is the caller's. ST_ENOREPO. */
ST_MUST int st_repo_find(char **dir, const char *start, struct st_err *e);
/* Is dir (real path) a repository's own directory? One of the name .strata is, however damaged; one
 * of another name, as behind a link, is known by what it holds. */
bool st_repo_owns(const char *dir);
/* A catalogue that cannot be written (a read-only or full disk) is followed in memory. */
ST_MUST int st_repo_open(struct st_repo **out, const char *dir, const struct st_ctx *ctx,
			 struct st_err *e);
void st_repo_close(struct st_repo *r);
/* Applies what other processes appended meanwhile. */
ST_MUST int st_repo_refresh(struct st_repo *r, struct st_err *e);
/* The same for what only reads: it goes on with the catalogue when the log is damaged, and with a
 * copy in memory when the disk takes nothing. What was had from r->cat or r->odb is then gone. */
ST_MUST int st_repo_refresh_to_read(struct st_repo *r, struct st_err *e);
/* Replays the log into a new catalogue, which replaces the old one when it is complete. One that
 * knew operations which the log has lost is set aside. */
#define ST_CATALOG_LOST "catalog.db.lost"
ST_MUST int st_repo_rebuild(struct st_repo *r, struct st_err *e);
/* Path inside .strata; the caller's. */
ST_MUST char *st_repo_path(const struct st_repo *r, const char *name, struct st_err *e);
/* Path of a working-tree file; the caller's. */
ST_MUST char *st_work_path(const struct st_repo *r, const char *path, struct st_err *e);
/*
 * A user's path (relative to the current directory, or absolute) as one relative to the working
 * tree, without resolving its last part; "" is the root. ST_EUSAGE when it lies outside. The
 * caller's.
 */
ST_MUST char *st_repo_relative(const struct st_repo *r, const char *user_path, struct st_err *e);

/* lock.c */
enum st_gc_lock {
	ST_GC_USE,
	ST_GC_REMOVE
};
ST_MUST int st_repo_lock_gc(struct st_repo *r, enum st_gc_lock how, struct st_err *e);
void st_repo_unlock_gc(struct st_repo *r);
/* core.lockTimeout, 10 seconds if not set; ST_EUSAGE where it is no such number. */
ST_MUST int st_lock_wait(const struct st_config *c, int64_t *ns, struct st_err *e);
/* Waits up to core.lockTimeout seconds (10), then ST_EBUSY. */
ST_MUST int st_repo_lock_index(struct st_repo *r, struct st_err *e);
void st_repo_unlock_index(struct st_repo *r);

struct st_number; /* number.h */
/*
 * publish.c: the commit point. Fills op's seq and time; checks every op->refs[i].old against the
 * ref as it is now (ST_EBUSY when it moved), gives number's commit (NULL: none) the next version
 * number, appends, and applies to the catalogue. label gets the number. Packs must be sealed
 * already.
 */
ST_MUST int st_repo_publish(struct st_repo *r, struct st_op *op, const struct st_number *number,
			    char label[32], struct st_err *e);

/* refs.c */
struct st_head {
	bool detached, unborn;
	char branch[256]; /* "main" */
	struct st_oid commit;
};
ST_MUST int st_repo_head(struct st_repo *r, struct st_head *out, struct st_err *e);
/* The tree of a commit. */
ST_MUST int st_repo_commit_tree(struct st_repo *r, const struct st_oid *commit, struct st_oid *tree,
				struct st_err *e);
ST_MUST int st_repo_commit_load(struct st_repo *r, const struct st_oid *id, struct st_commit *out,
				struct st_err *e);
ST_MUST int st_repo_tree_load(struct st_repo *r, const struct st_oid *id, struct st_tree *out,
			      struct st_err *e);
/* "Name <mail>" of whoever acts; both parts the caller's. */
ST_MUST int st_repo_identity(struct st_repo *r, char **name, char **email, struct st_err *e);

/* staged.c: the index of this working tree */
/* The staged rows: the index file if it matches the log, else rebuilt from the tree (keeping stat
 * data where path and id agree). Warns of a damaged file, once. x is initialised here. */
ST_MUST int st_staged_load(struct st_repo *r, struct st_index *x, struct st_err *e);
/* Warns when the index file is damaged, and leaves it. */
void st_staged_check(struct st_repo *r);
/* Writes the tree objects of x into w; x->tree is set. */
ST_MUST int st_staged_write_trees(struct st_repo *r, struct st_index *x, struct st_writer *w,
				  struct st_err *e);
/* Sets ST_INDEX_MODEL on rows whose file has a tensor-aware recipe. */
ST_MUST int st_staged_mark_models(struct st_repo *r, struct st_index *x, struct st_err *e);
/* Does any row lie below directory dir? */
bool st_index_below(const struct st_index *x, const char *dir);
/* The first that does, the others follow it; NULL: none. */
const struct st_stage_row *st_index_first_below(const struct st_index *x, const char *dir);
/*
 * Does x hold a path that cannot be beside this one: a file where it needs a directory, or the
 * reverse?
 */
bool st_index_excludes(const struct st_index *x, const struct st_stage_row *row);
/* Before an index is written: rows that this is too early for count as unknown when it is read.
 * Waits some milliseconds where a large file would be hashed for that. */
void st_staged_stamp(struct st_index *x);
ST_MUST int st_staged_save(struct st_repo *r, struct st_index *x, struct st_err *e);
/* Appends every file of a tree, recursively, to x (rows without stat data). */
ST_MUST int st_tree_to_index(struct st_repo *r, const struct st_oid *tree, struct st_index *x,
			     struct st_err *e);
/* Of HEAD, sorted; empty when unborn. x is initialised here. */
ST_MUST int st_head_index(struct st_repo *r, struct st_index *x, struct st_err *e);

/* worktree.c: does the file still hold what its row says? */
enum st_work_state {
	ST_WORK_CLEAN,	 /* the same content: by stat data, or by hash */
	ST_WORK_CHANGED, /* content or executable bit */
	ST_WORK_MISSING, /* also when a directory is in its place, or a link above it */
	ST_WORK_TYPE,	 /* now a link or special file, or no longer a link */
};
/*
 * Hashes when stat data does not settle it; then *refreshed says that row got new stat data and the
 * index is worth saving. Racy-clean rule: stat data count only if, when they were taken (`since`,
 * or when the index was written), the file's times lay further back than the file system's
 * granularity: whatever was written to it afterwards shows in them. Rows that do not pass lose
 * ST_INDEX_STAT.
 */
ST_MUST int st_work_check(struct st_repo *r, struct st_stage_row *row, enum st_work_state *state,
			  bool *refreshed, struct st_err *e);
/* Of a file that has changed: has it the same content, but the other mode? */
ST_MUST int st_work_mode_alone(struct st_repo *r, const struct st_stage_row *row, bool *yes,
			       struct st_err *e);
/*
 * Which rows' stat data prove them clean, on ctx->jobs threads: *clean, one a row, is the caller's.
 * The others are for st_work_check. One of the threads, or the caller's, runs `beside` first.
 */
ST_MUST int st_work_prove(struct st_repo *r, const struct st_index *x,
			  int (*beside)(void *arg, struct st_err *e), void *arg, bool **clean,
			  struct st_err *e);
void st_row_set_stat(struct st_stage_row *row, const struct stat *st);
/* The time up to which the file could change without a change of its stamps, in ns. */
int64_t st_row_settles(const struct st_stage_row *row);
void st_row_distrust(struct st_stage_row *row, int64_t since);
/* Is a directory above path, in the tree, a link? Then the file there is not the tree's. */
ST_MUST int st_behind_link(const struct st_repo *r, const char *path, bool *yes, struct st_err *e);
/* BLAKE3 of a file's content on all threads, or of a link's target. */
ST_MUST int st_hash_fd(const struct st_ctx *ctx, int fd, uint64_t size, const char *name,
		       struct st_oid *out, struct st_err *e);

/* pathspec.c: which paths a command means; globs match across '/' */
struct st_pathspec;
ST_MUST int st_pathspec_new(struct st_pathspec **out, struct st_repo *r, const char *const *paths,
			    size_t n, struct st_err *e);
void st_pathspec_free(struct st_pathspec *ps);
/* True when path (relative to the root) is one of them or lies below one; no paths at all: true. */
bool st_pathspec_match(struct st_pathspec *ps, const char *path);
/* Could something below directory dir match? */
bool st_pathspec_dir(const struct st_pathspec *ps, const char *dir);
/* ST_ENOTFOUND naming the first path that st_pathspec_match never matched. */
ST_MUST int st_pathspec_unmatched(const struct st_pathspec *ps, struct st_err *e);
/* True when path was named exactly, not through a directory or glob. */
bool st_pathspec_exact(const struct st_pathspec *ps, const char *path);
/* Does a path that was named lie strictly below dir? */
bool st_pathspec_into(const struct st_pathspec *ps, const char *dir);
/* True when path matched only because a directory above it was named. */
bool st_pathspec_through_dir(const struct st_pathspec *ps, const char *path);

/* walk.c: the working tree, sorted by path bytes; .strata and .git are never entered */
struct st_walk_entry {
	const char *path; /* relative to the root */
	mode_t type;	  /* S_IFMT bits only */
	bool ignored;	  /* by .strataignore */
	bool dir;	  /* asked before it is entered: return ST_ENO to stay out */
};
ST_MUST int st_walk(struct st_repo *r, const struct st_pathspec *ps,
		    int (*cb)(void *arg, const struct st_walk_entry *en, struct st_err *e),
		    void *arg, struct st_err *e);

/* ignore.c: gitignore's grammar */
struct st_ignore;
ST_MUST int st_ignore_new(struct st_ignore **out, struct st_err *e);
void st_ignore_free(struct st_ignore *g);
/* Rules of one file's text, which count below directory dir ("" is the root). Later ones win. */
ST_MUST int st_ignore_add(struct st_ignore *g, const char *dir, const char *text, size_t len,
			  struct st_err *e);
/* Forgets the rules added for dir and below (the walk left it). */
void st_ignore_pop(struct st_ignore *g, const char *dir);
/* path relative to the root. Its parents are known not to be ignored. */
bool st_ignore_match(const struct st_ignore *g, const char *path, bool is_dir);

/* ingest.c: content into objects */
struct st_ingest; /* one add: a writer, its pipeline, scratch */
struct st_ingest_options {
	enum st_codec_mode mode;
	bool dry_run;
};
struct st_ingested {
	struct st_oid id;
	uint64_t size;
	bool model;	/* has a tensor-aware recipe */
	struct stat st; /* of the file, the same before and after reading */
	bool open;	/* for writing, elsewhere: it may have changed all the same */
};
ST_MUST int st_ingest_new(struct st_ingest **out, struct st_repo *r, struct st_writer *w,
			  const struct st_ingest_options *o, struct st_err *e);
void st_ingest_free(struct st_ingest *g);
/*
 * Queues one file or link, path relative to the root, full where it lies. Small files are batched;
 * done is called on this thread, in the order of queueing, with the result. A file that changes
 * while it is read is read once more; then ST_ECHANGED. Damaged model files are stored as ordinary
 * files after a warning that says what is wrong and where. full is copied.
 */
ST_MUST int st_ingest_file(struct st_ingest *g, const char *path, const char *full, bool follow,
			   struct st_err *e);
ST_MUST int st_ingest_finish(struct st_ingest *g, struct st_err *e);
/* For the progress line: bytes of all files to come. */
void st_ingest_expect(struct st_ingest *g, uint64_t bytes);
void st_ingest_on_done(struct st_ingest *g,
		       int (*done)(void *arg, const char *path, const struct st_ingested *f,
				   struct st_err *e),
		       void *arg);

/* vfile.c: a stored file, read back */
struct st_vfile;
ST_MUST int st_vfile_open(struct st_vfile **out, struct st_repo *r, const struct st_oid *file,
			  struct st_err *e);
/* Of a row that is a model file; else *out is NULL, and that is no failure. */
struct st_stage_row;
ST_MUST int st_vfile_open_model(struct st_vfile **out, struct st_repo *r,
				const struct st_stage_row *row, struct st_err *e);
void st_vfile_close(struct st_vfile *f);
uint64_t st_vfile_size(const struct st_vfile *f);
struct st_manifest;
const struct st_manifest *st_vfile_manifest(const struct st_vfile *f); /* NULL: one data object */
bool st_vfile_is_model(const struct st_vfile *f);
/* Bytes [off, off + n), decoded on ctx->jobs threads, handed to sink in order in pieces of at most
 * 2^20. Every piece was verified against its object's id. */
ST_MUST int st_vfile_stream(struct st_vfile *f, uint64_t off, uint64_t n,
			    int (*sink)(void *arg, const void *p, size_t n, uint64_t off,
					struct st_err *e),
			    void *arg, struct st_err *e);
/*
 * The whole of a file that is one object of at most one frame, decoded on the calling thread into
 * the state's frame buffer; NULL with e clear when it is not such a file.
 */
const uint8_t *st_vfile_small(struct st_vfile *f, struct st_codec_state *s, struct st_err *e);
/* Each segment in file order, with its offset in the file; none for a file without a manifest. */
struct st_view;
struct st_segment;
ST_MUST int st_vfile_segments(struct st_vfile *f,
			      int (*cb)(void *arg, const struct st_segment *seg, uint64_t off,
					struct st_err *e),
			      void *arg, struct st_err *e);
/*
 * Each tensor in file order, with the offset of its extent in the file. cb may stop with ST_ENO,
 * which ends the walk without failure.
 */
ST_MUST int st_vfile_views(struct st_vfile *f,
			   int (*cb)(void *arg, const struct st_view *v,
				     const struct st_segment *seg, uint64_t seg_off,
				     struct st_err *e),
			   void *arg, struct st_err *e);
/* The same without the manifest's pages whose ids are in pages: they are not read. */
struct st_map;
ST_MUST int st_vfile_views_but(struct st_vfile *f, const struct st_map *pages,
			       int (*cb)(void *arg, const struct st_view *v,
					 const struct st_segment *seg, uint64_t seg_off,
					 struct st_err *e),
			       void *arg, struct st_err *e);

/* Files being written into a working tree start with this; they are never versioned. */
#define ST_WORK_TEMP ".strata-tmp-"

#define ST_LEFT_NAME (sizeof(ST_WORK_TEMP) + 16)

/* write_left.c: and what a killed command left of them goes */
void st_left_name(const char *path, char name[ST_LEFT_NAME]); /* of the file for path */
/* One such file, unless a live process writes it (ST_EBUSY). */
ST_MUST int st_left_remove(const char *tmp, struct st_err *e);
/* Around the writing of rows, sorted by path, into the working tree. */
void st_left_note(struct st_repo *r, struct st_stage_row *const *rows, size_t n);
void st_left_forget(struct st_repo *r);
/*
 * Removes what was left where the last command that did not end was writing; nothing, and almost
 * no work, where it did. The caller holds the index lock, or the gc lock to remove.
 */
void st_left_sweep(struct st_repo *r);

/* seen.c: what lies at a path, which may be another thing a moment later */
struct st_seen {
	bool asked; /* else what lies there does not matter */
	bool there; /* a directory is as good as nothing */
	int64_t mtime_ns, ctime_ns;
	uint64_t size, inode, device;
};
void st_see(struct st_seen *s, const char *full);
/* Would a write to `full`, or its removal, destroy something that had not been seen? ST_EREFUSED
 * then; path names it. */
bool st_seen_same(const struct st_seen *a, const struct st_seen *b);
/* Does something else lie there now? */
bool st_seen_changed(const struct st_seen *s, const char *full);
ST_MUST int st_seen_check(const struct st_seen *s, const char *full, const char *path,
			  struct st_err *e);

/* write_tree.c: files from objects; used by checkout, restore, --to */
struct st_target {
	const char *path; /* relative to the root; the tail of full */
	const char *full; /* where to write */
	const struct st_stage_row *row;
	const struct st_buf *text; /* NULL, or what is written instead of the row's content */
	struct st_seen seen;	   /* what may be overwritten */
};
/*
 * Writes beside the target and renames, unless something else lies there by then. Parents are made;
 * a link in a parent's place is refused. *st gets the stat of what was written: nothing that
 * changed it since can have the same. With a codec state (not NULL) a file of one frame is decoded
 * on the calling thread, so several threads may write different files; else all threads decode
 * this one.
 */
ST_MUST int st_write_file(struct st_repo *r, const struct st_target *t,
			  struct st_codec_state *codec, struct stat *st, struct st_err *e);
/*
 * What keeps a file from being written at root/path: above it something that is no directory, or in
 * its place a directory with files. Files of which `going` (NULL: none) says that they will be gone
 * by then do not count. *by is the path of what is in the way, the caller's, or NULL.
 */
ST_MUST int st_write_blocked(const char *root, const char *path,
			     bool (*going)(void *arg, const char *path), void *arg, char **by,
			     struct st_err *e);
/*
 * write_many.c: rows' files below directory root. seen: what each may overwrite; NULL: anything.
 * done runs on this thread, in the order of rows but for big files, which come when they are
 * written.
 */
ST_MUST int st_write_files(struct st_repo *r, const char *root, struct st_stage_row *const *rows,
			   const struct st_seen *seen, size_t n,
			   void (*done)(void *arg, struct st_stage_row *row, const struct stat *st),
			   void *arg, struct st_err *e);

/* compare.c: what differs between two versions' files and tensors */
struct st_counts {
	uint64_t added, changed, removed, unchanged;
	uint64_t reshaped; /* of the changed: with another shape or type */
};
/*
 * Tensors are compared by name within a file; what is left over is matched by name within the
 * directory, so a tensor that moved to another shard is not added and removed.
 */
struct st_compare;
ST_MUST int st_compare_new(struct st_compare **out, struct st_repo *r, struct st_err *e);
void st_compare_free(struct st_compare *c);
/*
 * One path's stored file before and after; either may be NULL. *counts are this file's alone;
 * *model: either is a model.
 */
ST_MUST int st_compare_file(struct st_compare *c, const char *path, const struct st_oid *a,
			    const struct st_oid *b, struct st_counts *counts, bool *model,
			    struct st_err *e);
/* The earlier side has this file's objects too: they cost the later one nothing. */
ST_MUST int st_compare_mark(struct st_compare *c, const struct st_oid *file, struct st_err *e);
/*
 * Over all files given so far, moves settled; stored is what the objects that only the later side
 * has take in packs.
 */
void st_compare_totals(const struct st_compare *c, struct st_counts *total, uint64_t *stored);
/* A model file of the working tree against a stored one, by the hashes of its tensors. */
ST_MUST int st_compare_worktree(struct st_repo *r, const char *path, const struct st_oid *a,
				struct st_counts *counts, bool *model, struct st_err *e);
/* Changed paths between two trees (zero id: empty), sorted. */
struct st_tree_change {
	char status; /* 'A' 'M' 'D' 'T' */
	const char *path;
	const struct st_stage_row *a, *b; /* NULL where absent */
};
/* The same between two sorted indexes. */
ST_MUST int st_compare_indexes(const struct st_index *xa, const struct st_index *xb,
			       int (*cb)(void *arg, const struct st_tree_change *c,
					 struct st_err *e),
			       void *arg, struct st_err *e);
bool st_indexes_same(const struct st_index *xa, const struct st_index *xb);
ST_MUST int st_compare_trees(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
			     int (*cb)(void *arg, const struct st_tree_change *c, struct st_err *e),
			     void *arg, struct st_err *e);

/* tag.c: what an annotated tag says, kept as a ref beside the tag's own? */
bool st_ref_is_note(const char *full);

/* resolve.c: revisions; an empty one is none */
ST_MUST int st_resolve(struct st_repo *r, const char *rev, size_t len, struct st_oid *commit,
		       struct st_err *e);
/* One side of a range, or what is before a ':': nothing means HEAD. */
ST_MUST int st_resolve_side(struct st_repo *r, const char *rev, size_t len, struct st_oid *commit,
			    struct st_err *e);
struct st_revspec { /* REV:path::name, split; pointers into the text, lengths; NULL where absent */
	const char *rev, *path, *name;
	size_t rev_len, path_len, name_len;
	bool plain; /* a plain file's path (in path) */
};
/* plain_ok: an existing file's path is accepted where it could not be a revision's. */
ST_MUST int st_spec_split(struct st_repo *r, const char *text, bool plain_ok,
			  struct st_revspec *out, struct st_err *e);

#endif
