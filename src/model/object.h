/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The immutable objects that are canonical JSON (doc/format/objects.md): commit and tree. Pure:
 * bytes in, structures out. Encoding a parsed object gives the same bytes; parse refuses anything
 * else.
 */
#ifndef ST_MODEL_OBJECT_H
#define ST_MODEL_OBJECT_H

#include "base/buf.h"
#include "base/map.h"
#include "base/oid.h"
#include "base/timefmt.h"

struct st_kv {
	const char *key, *value; /* UTF-8 */
};

struct st_lineage {
	const char *kind; /* "fine-tuned-from", ... */
	struct st_oid commit;
};

struct st_commit {
	struct st_arena arena; /* owns every string and array of a parsed commit */
	struct st_oid tree;
	struct st_oid *parents;
	size_t nparents;
	struct st_lineage *lineage;
	size_t nlineage;
	const char *author_name, *author_email;
	int64_t time_ns;
	int32_t tz_minutes; /* east of UTC, for people */
	const char *message;
	struct st_kv *params; /* hyper-parameters given with --param, sorted by key */
	size_t nparams;
	const char *config_name; /* file given with --config, or NULL; its bytes are an object */
	struct st_oid config;
	struct st_oid run, merge; /* zero: none */
};

/* "strata.commit/1". Empty optional members are left out. Text must be UTF-8 (ST_EUSAGE); names and
 * addresses hold no control characters and no < or >. */
ST_MUST int st_commit_encode(struct st_buf *out, const struct st_commit *c, struct st_err *e);
/* On failure out needs no release, and release does nothing. So too for trees and manifests. */
ST_MUST int st_commit_parse(struct st_commit *out, const void *p, size_t len, struct st_err *e);
void st_commit_release(struct st_commit *c);

struct st_tree_entry {
	const char *name; /* one path part; any bytes but NUL and '/', not "", ".", ".." */
	size_t name_len;
	uint32_t mode; /* 0 file, 1 executable, 2 link (content: its target), 3 directory */
	uint64_t size; /* of the content; 0 for a directory */
	struct st_oid id;
};

struct st_tree {
	struct st_arena arena;
	struct st_tree_entry *entries; /* sorted by name bytes, unique */
	size_t n, cap;
};

/* "strata.tree/1" */
void st_tree_init(struct st_tree *t);
ST_MUST int st_tree_add(struct st_tree *t, const struct st_tree_entry *en,
			struct st_err *e); /* copies name */
ST_MUST int st_tree_encode(struct st_buf *out, struct st_tree *t, struct st_err *e); /* sorts */
ST_MUST int st_tree_parse(struct st_tree *out, const void *p, size_t len, struct st_err *e);
void st_tree_release(struct st_tree *t);
const struct st_tree_entry *st_tree_find(const struct st_tree *t, const char *name, size_t len);
bool st_name_valid(const char *name, size_t len); /* as an entry's name */

#endif
