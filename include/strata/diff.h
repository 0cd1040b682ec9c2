/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between versions, files and directories, and the distance between versions.
 *
 * Figures of a pair of tensors p (a's side) and q (b's side), over the m elements that are finite
 * on both sides, accumulated in double in a fixed order (doc/guide/diff.md has the sources):
 *
 * 	mad      D = (1/m) sum |q - p|
 * 	l1       sum |q - p|
 * 	l2       sqrt(sum (q - p)^2)
 * 	rel_l2   l2 / sqrt(sum p^2)
 * 	max_abs  max |q - p|
 * 	cosine   sum p q / sqrt(sum p^2 sum q^2)
 *
 * A figure that is undefined (0/0, nothing finite) is NaN here and null in JSON. A pair whose equal
 * ids spared the reading has rel_l2 0 and cosine 1, and all of its elements count as finite.
 */
#ifndef STRATA_DIFF_H
#define STRATA_DIFF_H

#include <strata/repo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_diff_tensor {
	const char *name; /* name_len bytes and a NUL */
	size_t name_len;
	const char *dtype;
	unsigned ndim;
	const uint64_t *shape; /* elements */
	const char *id;	       /* hex of the logical id, or "" when it was not needed */
} strata_diff_tensor;

#define STRATA_DIFF_BUCKETS 64

typedef struct strata_diff_figures {
	uint64_t numel;	    /* elements compared: m */
	uint64_t changed;   /* elements whose bits differ */
	uint64_t nonfinite; /* elements not finite on a side */
	double mad, l1, l2, rel_l2, max_abs, cosine;
	double norm_a, norm_b;	     /* sqrt(sum p^2), sqrt(sum q^2); 0 of what was not read */
	uint64_t rows, rows_changed; /* of the first dimension; totals: 0 */
	uint64_t rank;		     /* of the change, with options.rank; 0: not known */
	bool rank_more;		     /* it is more than rank */
	/* with options.histogram: elements by the power of two of |q - p|, bucket k from 2^(k - 56)
	 * to 2^(k - 55); else NULL */
	const uint64_t *histogram;
} strata_diff_figures;

typedef struct strata_diff_entry {
	const char *path;	     /* of the model file on b's side, or a's when it is gone */
	const char *status;	     /* "added" "removed" "changed" "renamed" "reshaped" "retyped"
				      * "unchanged" */
	const strata_diff_tensor *a; /* NULL where absent */
	const strata_diff_tensor *b;
	const strata_diff_figures *figures; /* NULL: not compared */
	bool change_point;		    /* mad is above epsilon */
	const char *note; /* "identical content", "content with cosine 0.998", "rounded to bf16", or
			   * "" */
} strata_diff_entry;

typedef struct strata_diff_setting {
	const char *path, *key; /* key "line 12" where text is compared by line */
	const char *a, *b;	/* JSON text; NULL where absent */
} strata_diff_setting;

typedef struct strata_diff_file {
	const char *path;
	const char *status; /* "added" "removed" "changed" "typechanged" */
	const char *a_path; /* when it differs (two plain files); else NULL */
	bool model;	    /* its tensors are told one by one */
	uint64_t a_size, b_size;
	const char *a_mode, *b_mode; /* "file" "exec" "link"; NULL where absent */
	const char *a_id, *b_id;     /* hex, or "" */
} strata_diff_file;

typedef struct strata_diff_total {
	uint64_t added, removed, changed, renamed, reshaped, retyped, unchanged; /* tensors */
	uint64_t common; /* tensors on both sides */
	uint64_t change_points;
	uint64_t files;	   /* that differ */
	uint64_t settings; /* that differ */
	/* Over all elements compared, unchanged tensors included; but rel_l2 and cosine only over
	 * tensors with elements that changed, since what has equal ids is not read (0 and 1 where
	 * nothing changed). */
	strata_diff_figures figures;
	double epsilon;
	bool differs; /* anything at all */
} strata_diff_total;

typedef struct strata_diff_options {
	const char *const *paths; /* only these; NULL: all */
	size_t npaths;
	const char *const *tensors; /* globs over tensor names; NULL: all */
	size_t ntensors;
	double epsilon;	 /* 0 if not said; below 0 or NaN is STRATA_EUSAGE */
	bool all;	 /* unchanged tensors too */
	bool staged;	 /* index against HEAD (or against a) */
	bool names_only; /* files only: nothing is decoded */
	/* total.unchanged, total.common and total.figures.numel also of files that are the same */
	bool count_same;
	bool histogram;
	bool rank;
	unsigned rank_max; /* 0: 64 */
} strata_diff_options;

typedef struct strata_diff_handler {			   /* each may be NULL; non-zero stops */
	int (*file)(void *arg, const strata_diff_file *f); /* before what is in it */
	int (*tensor)(void *arg, const strata_diff_entry *t);
	int (*setting)(void *arg, const strata_diff_setting *s);
} strata_diff_handler;

/*
 * a and b: NULL and NULL is working tree against index (with staged: index against HEAD); a alone
 * is the working tree against version a (staged: the index against it), "A..B" both, "A...B" the
 * merge base of both and B (STRATA_ENOTFOUND if there is none, STRATA_EUSAGE if several); of
 * "REV:path" alone the working tree's path is the other side, and a plain path alone restricts what
 * is compared without it. Both are versions, "REV:path", or plain files and directories, in any
 * mixture; a path of the working tree beside a version stands for what the version has there. r may
 * be NULL for two plain paths. STRATA_OK whether or not they differ: total says.
 *
 * A path or a glob that means nothing is STRATA_ENOTFOUND, a file against a directory
 * STRATA_EUSAGE, a damaged model file STRATA_EFORMAT if it was named; one that is met in a
 * directory or version is compared as an ordinary file after a warning.
 */
STRATA_API int strata_diff(strata_repo *r, const char *a, const char *b,
			   const strata_diff_options *o, const strata_options *opts,
			   const strata_diff_handler *h, void *arg, strata_diff_total *total,
			   strata_error *err);

#define STRATA_DISTANCE_TERMS 5

typedef struct strata_distance_term {
	const char *name; /* "structure", "parameters", "configuration", "data", "metrics" */
	bool known;	  /* there is something to compare; data and metrics: not recorded yet */
	double delta;	  /* 0 to 1 */
	double weight;	  /* of those that are known the weights add up to 1 */
} strata_distance_term;

typedef struct strata_distance {
	double distance; /* sum of weight times delta, 0 to 1 */
	strata_distance_term terms[STRATA_DISTANCE_TERMS];
} strata_distance;

/*
 * The weights of the five terms, in the order of strata_distance: from a JSON file
 * {"parameters": 2, ...} if one is given, else from the settings distance.<term> (r may be NULL:
 * only the user's), 1 where neither says any. STRATA_EUSAGE for a negative one, an unknown name, or
 * none above 0.
 */
STRATA_API int strata_distance_weights(strata_repo *r, const char *file,
				       double weights[STRATA_DISTANCE_TERMS], strata_error *err);
/*
 * The weighted distance of two versions, files or directories, which are as for strata_diff, b
 * included (doc/guide/diff.md has the formula). Symmetric; 0 between equal ones.
 */
STRATA_API int strata_distance_between(strata_repo *r, const char *a, const char *b,
				       const double weights[STRATA_DISTANCE_TERMS],
				       const strata_options *opts, strata_distance *out,
				       strata_error *err);

#ifdef __cplusplus
}
#endif
#endif
