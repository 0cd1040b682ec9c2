/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The working-tree index, .strata/index: what is staged, with the stat data that makes an unchanged
 * file cost one stat. A cache: the staged tree itself is named by the operation log, and an index
 * file that does not match it, or is damaged, is rebuilt from the tree. doc/format/index.md.
 *
 *	"STRAIDX1" u64 nrows, i64 time written (ns), tree id (32), u64 bytes of rows;
 *	rows sorted by path bytes: u32 mode, u32 flags, id (32), u64 size, i64 mtime (ns),
 *	i64 ctime (ns), u64 inode, u64 device, u32 path length, path;
 *	then BLAKE3 (32) of everything before.
 */
#ifndef ST_META_INDEX_H
#define ST_META_INDEX_H

#include "base/map.h"
#include "base/oid.h"

enum st_mode {
	ST_MODE_FILE = 0,
	ST_MODE_EXEC = 1,
	ST_MODE_LINK = 2,
	ST_MODE_DIR = 3
};
enum st_index_flags {
	ST_INDEX_STAT = 1,  /* the stat fields are those of the file whose content is id */
	ST_INDEX_MODEL = 2, /* the file has a tensor-aware recipe */
	ST_INDEX_DEREF = 4, /* staged through a link with --dereference */
};

struct st_stage_row {
	const char *path; /* relative, '/' between parts, NUL-terminated, any bytes but NUL */
	size_t path_len;
	uint32_t mode, flags;
	struct st_oid id;
	uint64_t size;
	int64_t mtime_ns, ctime_ns;
	uint64_t inode, device;
};

struct st_index {
	struct st_arena arena;
	struct st_stage_row *rows; /* sorted by path bytes */
	size_t nrows, cap;
	struct st_oid tree;
	int64_t written_ns;
};

void st_index_init(struct st_index *x);
void st_index_release(struct st_index *x);
/* Both into an initialised, empty index, which a failure leaves so. ST_ENOTFOUND: no such file;
 * ST_ECORRUPT: damaged, or written by a newer strata. */
ST_MUST int st_index_load(struct st_index *x, const char *path, struct st_err *e);
ST_MUST int st_index_parse(struct st_index *x, const void *p, size_t len, struct st_err *e);
/* Atomic, not synced: a cache. Rows must be sorted. */
ST_MUST int st_index_save(struct st_index *x, const char *path, struct st_err *e);
/* NULL when absent; *at (may be NULL) gets where it is or would be inserted. */
struct st_stage_row *st_index_find(const struct st_index *x, const char *path, size_t len,
				   size_t *at);
/* Relative, without empty, "." or ".." parts. */
bool st_index_path_valid(const char *path, size_t len);
/* Appends in any order; st_index_sort must follow before find. Copies path, which must be
 * relative and without empty, "." or ".." parts (ST_EUSAGE). */
ST_MUST int st_index_add(struct st_index *x, const struct st_stage_row *row, struct st_err *e);
/* Sorts; of equal paths the last added stays. */
ST_MUST int st_index_sort(struct st_index *x, struct st_err *e);

#endif
