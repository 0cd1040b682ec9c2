/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of parent: the stray file, the walk over what versions changed, the measuring. */
#ifndef ST_REPO_PARENT_H
#define ST_REPO_PARENT_H

#include "diff/sketch.h"
#include "repo/diff_side.h"

#define ST_ALIKE 0.25	   /* relative distance of tensors that resemble each other */
#define ST_ALIKE_SHARE 0.1 /* of the elements: models that do */
#define ST_NO_STRAY SIZE_MAX

struct st_stray_tensor {
	struct st_sketch sketch; /* numel always; no values of a type that has none */
	int64_t object;		 /* its number in the catalogue; 0: not there, or not asked */
	bool telling;		 /* counts for resemblance */
};

struct st_stray { /* the file */
	struct st_repo *r;
	const struct st_ctx *ctx;
	bool fast; /* few ids are known */
	struct st_dfile *files;
	size_t nfiles, cap;
	struct st_arena arena;
	struct st_diff_side *side;
	struct st_operand *ops; /* a copy of the side's, with ids */
	struct st_stray_tensor *t;
	size_t n;
	struct st_map names;
	double elements, telling; /* of all tensors, and of telling ones */
};

/* ---- parent_file.c ---- */

/* Release it on failure too. */
ST_MUST int st_stray_open(struct st_stray *s, struct st_repo *r, const struct st_ctx *ctx,
			  const char *path, bool fast, struct st_err *e);
void st_stray_release(struct st_stray *s);

/* ---- parent_walk.c ---- */

struct st_kin_node {		 /* a version */
	struct st_oid id, first; /* its own, its first parent's or zero */
	int64_t key;
	char version[32];
	size_t parent;	    /* the first, or SIZE_MAX */
	size_t child, next; /* lists of children, in no order; SIZE_MAX ends them */
	uint64_t weight;    /* versions from here on */
};

struct st_kin_unit { /* a model file, or shards that are one model */
	const char *name;
	bool sharded; /* its files have other names */
	bool touched, look;
	uint64_t print[2]; /* of names and contents now */
	uint64_t tensors, identical, matched;
	double far, alike; /* sums over the file's tensors that have a counterpart */
	double near;	   /* their elements */
	double extra;	   /* elements of no counterpart in the file */
};

struct st_kin_slot { /* a tensor of a unit, through its versions */
	size_t unit;
	size_t stray; /* its counterpart; ST_NO_STRAY */
	const char *name;
	size_t name_len;
	uint64_t hash[2]; /* of the name */
	double best;	  /* closest that it came to a tensor of another name */
	/* now */
	int64_t object; /* 0: not there */
	uint64_t numel;
	double apart;
	bool identical;
};

struct st_kin_event { /* a version changed a unit, which is there afterwards if print says so */
	size_t node, unit;
	uint64_t print[2]; /* 0, 0: gone */
};

struct st_kin { /* a candidate: the oldest version with that content */
	size_t node, unit;
	uint64_t print[2];
	uint64_t identical, matched;
	double estimated;
};

#define ST_KIN_MAX 100

struct st_kinship {
	const struct st_stray *stray;
	struct st_arena arena;
	struct st_kin_node *nodes; /* oldest first */
	size_t nnodes, nodes_cap;
	struct st_kin_unit *units;
	size_t nunits, units_cap;
	struct st_kin_slot *slots;
	size_t nslots, slots_cap;
	struct st_map slot_of;	     /* number in the catalogue -> slots */
	struct st_kin_event *events; /* in order of the walk, a version's together */
	size_t nevents, events_cap;
	size_t want;
	struct st_kin best[ST_KIN_MAX]; /* nearest first */
	size_t nbest;
};

/* Finds the `want` models nearest by estimate. Release it on failure too. */
ST_MUST int st_kinship_find(struct st_kinship *k, const struct st_stray *s, size_t want,
			    struct st_err *e);
void st_kinship_release(struct st_kinship *k);
/* Where else that content is, oldest first: cb gets version and unit. */
ST_MUST int st_kinship_same(struct st_kinship *k, const struct st_kin *of,
			    int (*cb)(void *arg, size_t node, size_t unit, struct st_err *e),
			    void *arg, struct st_err *e);

/* ---- parent_names.c ---- */

/* Counterparts of slots whose names the file lacks: by what they held in any version. */
ST_MUST int st_kinship_rename(struct st_kinship *k, struct st_err *e);
/* How far a stored tensor is from one of the file; *identical: not at all. */
struct st_sketch_row;
double st_kinship_apart(const struct st_stray *s, size_t t, const struct st_sketch_row *row,
			bool *identical);

/* ---- parent_measure.c ---- */

struct st_measured {
	double distance;
	uint64_t identical, matched;
};
/* The path that stands for a unit in a version; in the kinship's arena. */
ST_MUST int st_kinship_path(struct st_kinship *k, size_t node, size_t unit, const char **out,
			    struct st_err *e);
ST_MUST int st_kinship_measure(struct st_kinship *k, const struct st_kin *of,
			       struct st_measured *out, struct st_err *e);

#endif
