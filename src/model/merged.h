/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How versions were merged: the description that a merge commit names (doc/format/objects.md,
 * "strata.merge/1"), and a merge under way (.strata/merge, "strata.merging/1"). Both canonical JSON;
 * pure: bytes in, structures out.
 */
#ifndef ST_MODEL_MERGED_H
#define ST_MODEL_MERGED_H

#include "model/object.h"

#define ST_MERGED_MAX ((size_t)256 << 20) /* bytes of either */

struct st_merge_name { /* len 0: it is absent */
	const char *text;
	size_t len;
};

#define ST_MERGE_VALUE ((size_t)120) /* bytes of a key's text that are kept for people */

/* What a version has in conflict; all zero: nothing. */
struct st_merge_held {
	bool there;
	const char *dtype; /* of a tensor; NULL: it is none */
	const uint64_t *shape;
	size_t ndim;
	const char *value; /* of a key: how its text begins; NULL: it is none, or not UTF-8 */
	size_t value_len;  /* at most ST_MERGE_VALUE */
	bool more;	   /* of the text follows */
	uint64_t size;	   /* bytes: of the tensor, of all of the text, of the file or files */
	uint64_t files;	   /* of a directory where others have a file; 0: it is none */
};

/* What more than one side changed: a tensor, a key of a configuration, a file. */
struct st_merge_item {
	const char *path; /* of its file in the result */
	size_t path_len;
	const char *name; /* of the tensor or key; "": the whole file */
	size_t name_len;
	const char *kind; /* the conflict's name: "values" */
	/*
	 * "ours", "theirs", "theirs N" (the N-th line merged, from 1), "base", "from ID" (a
	 * commit's), "by hand" (what was staged), "union", "union theirs", "union METHOD" (rows of
	 * both vocabularies; those that both changed are ours's, theirs's, joined), or a method and
	 * its parameters as st_spec_text writes them. NULL: not decided, which only a merge
	 * under way has.
	 */
	const char *how;
	struct st_oid base;   /* the input's id there; zero: absent */
	struct st_oid *sides; /* on each side, ours first; zero: absent */
	size_t nsides;
	/* NULL, or nsides + 1, which only a merge under way has: where sides called a tensor or a
	 * file otherwise, its name in the base, then on each side. Where different ones came to be
	 * called so: none, then what the base calls that which each side renamed to it. */
	struct st_merge_name *names;
	/* NULL, or nsides + 1, which only a merge under way has: in the base, then on each side. */
	struct st_merge_held *held;
	uint64_t places; /* of a text: where lines do not go together; 0: it is none */
	/* Of a text that a merge under way wrote with the lines of both sides between markers: of
	 * those bytes. Zero: it wrote none. */
	struct st_oid marked;
	/* Of ours against theirs, or where one of them has not got it of the base against the
	 * other, when it is not decided and they compare: doc/json.md */
	bool has_figures;
	uint64_t numel, changed, nonfinite;
	double mad, l2, max_abs, cosine;
};

struct st_merge_desc {
	struct st_arena arena;
	struct st_oid *parents; /* ours first; at least 2 */
	size_t nparents;
	/* The best versions that all come from: several after merges crosswise, when the base is
	 * made of them; none: the lines have no version in common. */
	struct st_oid *bases;
	size_t nbases;
	uint64_t seed;		     /* at most 2^53 */
	bool nonfinite;		     /* inputs that are no number were allowed */
	struct st_merge_item *items; /* sorted by path, then name; unique */
	size_t nitems, cap;
};

void st_merge_desc_init(struct st_merge_desc *d);
void st_merge_desc_release(struct st_merge_desc *d);
/* Copies what it points to into the arena. */
ST_MUST int st_merge_desc_add(struct st_merge_desc *d, const struct st_merge_item *it,
			      struct st_err *e);
/* By path and name. */
void st_merge_desc_sort(struct st_merge_desc *d);
/* NULL: none. d is sorted. */
struct st_merge_item *st_merge_desc_find(const struct st_merge_desc *d, const char *path,
					 size_t path_len, const char *name, size_t name_len);
/* Has a side it otherwise than the base, or calls it otherwise? */
bool st_merge_item_changed(const struct st_merge_item *it, size_t side);
/* The first of those behind ours; 1: there is none. */
size_t st_merge_item_other(const struct st_merge_item *it);
/* ST_EUSAGE where it does not hold what this header says. */
ST_MUST int st_merge_desc_encode(struct st_buf *out, const struct st_merge_desc *d,
				 struct st_err *e);
ST_MUST int st_merge_desc_parse(struct st_merge_desc *out, const void *p, size_t len,
				struct st_err *e);

struct st_merge_staged { /* a file of which something is open, as it was staged for the merge */
	const char *path;
	size_t path_len;
	struct st_oid id; /* zero: absent */
	bool has_mode;
	unsigned mode; /* as a tree has it: 0 to 2 */
	uint64_t size; /* of its content; with a mode */
	bool hand;     /* somebody staged it, be it as it was */
};

enum st_merging_kind {
	ST_MERGING_MERGE,
	ST_MERGING_CHERRY_PICK,
	ST_MERGING_REVERT
};

struct st_merging {
	struct st_merge_desc d; /* its arena owns all */
	enum st_merging_kind kind;
	/* Of the others the version whose change comes over or goes; then only the first parent is
	 * one of the version to come. */
	struct st_oid of;
	/* The index before the merge began, and as its last step leaves it: until the index is
	 * `after`, that step is not done. Taking back leaves `after` as it is. */
	struct st_oid before, after;
	bool begun;
	bool aborting; /* it is being taken back */
	unsigned bump; /* of the version's number, as strata_bump has it: 0 follows from the rest */
	const char *message;		/* of the version to come */
	const char *accept;		/* a command that decides, or NULL */
	struct st_merge_staged *staged; /* sorted by path */
	size_t nstaged, staged_cap;
};

/* "merge", "cherry-pick", "revert" */
const char *st_merging_kind_name(enum st_merging_kind kind);
void st_merging_init(struct st_merging *m);
void st_merging_release(struct st_merging *m);
ST_MUST int st_merging_encode(struct st_buf *out, const struct st_merging *m, struct st_err *e);
ST_MUST int st_merging_parse(struct st_merging *out, const void *p, size_t len, struct st_err *e);

#endif
