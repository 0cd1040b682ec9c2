/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of each tensor when lines of history come together: a state machine over (base,
 * ours, theirs...). Pure: knows names, types, shapes and ids, no values.
 *
 * A side changed a tensor when it has another id, type, shape or name than the base, or shares its
 * memory with another one where the base does not, or the other way round. What nobody
 * changed, what one side changed, and what all that changed it made the same needs no decision.
 * One that was given a name which another side gave to something else is one removed and one added,
 * but where nobody changed it, it goes along with the conflict about that name: else who takes the
 * other one there would lose it.
 * Rows that one side alone appended, or gave to new tokens (a vocabulary that grew) are added to
 * whatever becomes of the others.
 */
#ifndef ST_MERGE_THREE_H
#define ST_MERGE_THREE_H

#include "diff/models.h"

enum st_merge_outcome {
	ST_MERGE_OURS,	  /* as ours has it (also: nobody changed it, all did the same) */
	ST_MERGE_THEIRS,  /* as side `side` has it: nobody changed it otherwise */
	ST_MERGE_GONE,	  /* removed, and nobody changed it */
	ST_MERGE_ALONG,	  /* the version that is chosen for `along` says whether it is there */
	ST_MERGE_BLEND,	  /* several changed it, and a rule names a method that can join them */
	ST_MERGE_CONFLICT /* several changed it */
};

enum st_conflict {		   /* names as in --json: st_conflict_name */
	ST_CONFLICT_VALUES,	   /* of one shape and type */
	ST_CONFLICT_SHAPE,	   /* shapes differ */
	ST_CONFLICT_DTYPE,	   /* types differ */
	ST_CONFLICT_RENAME_RENAME, /* to different names */
	ST_CONFLICT_RENAME_DELETE,
	ST_CONFLICT_DELETE_MODIFY,
	ST_CONFLICT_ADD_ADD,	    /* two new ones of one name */
	ST_CONFLICT_TIED,	    /* shares its memory with another tensor on one side only */
	ST_CONFLICT_VOCABULARY,	    /* rows were added */
	ST_CONFLICT_SETTING,	    /* a key of a configuration */
	ST_CONFLICT_TEXT,	    /* lines of a file */
	ST_CONFLICT_BINARY,	    /* a file that cannot be looked into */
	ST_CONFLICT_FILE_DIRECTORY, /* a file on one side, a directory on another */
	ST_CONFLICT_LAYOUT,	    /* a model whose tensors together no file can be laid out for */
	ST_NCONFLICTS
};
const char *st_conflict_name(enum st_conflict c);
/* False: no conflict has that name. */
bool st_conflict_parse(const char *name, enum st_conflict *out);
/* Could a method join what differs? */
bool st_conflict_blends(enum st_conflict c);

#define ST_THREE_SIDES 16      /* most lines that come together, ours included */
#define ST_THREE_BASE SIZE_MAX /* the number of a side, of the base */

struct st_three_tokens { /* what the rows of a tensor are of, where they are of tokens */
	bool mixed;	 /* of one row the sides do not all mean the same */
	bool unsure;	 /* nobody can tell: what several sides changed is a conflict */
	/* Else: rows from `kept` on are of tokens that only `side` has; 0: there are none. */
	uint64_t kept;
	size_t side;
};

struct st_fate;

struct st_three {
	const struct st_side *base; /* NULL: there is none */
	const struct st_side *const *sides;
	size_t n; /* ours first; at least 1, at most ST_THREE_SIDES */
	/* Of each tensor of the base and of each side: does another one lie in its memory? An
	 * array, or each of its members, may be NULL: none does. */
	const bool *base_tied;
	const bool *const *tied;
	/*
	 * The id of the first `bytes` of tensor x of a side, or of ST_THREE_BASE: its old rows.
	 * NULL: rows that were added make a conflict.
	 */
	int (*head)(void *arg, size_t side, const struct st_operand *x, uint64_t bytes,
		    struct st_oid *id, struct st_err *e);
	void *head_arg;
	/* Of a tensor that all sides have, or (base NULL) that those sides added that are not NULL.
	 * out is zero. NULL: no rows are of tokens. */
	int (*tokens)(void *arg, const struct st_operand *base,
		      const struct st_operand *const *sides, struct st_three_tokens *out,
		      struct st_err *e);
	void *tokens_arg;
	/* Does a rule name a method for this tensor? Name, base and sides are there. NULL: none
	 * does. */
	bool (*rule)(void *arg, const struct st_fate *f);
	void *rule_arg;
};

struct st_fate {
	enum st_merge_outcome outcome;
	enum st_conflict conflict; /* of BLEND and CONFLICT */
	size_t side;		   /* of THEIRS */
	/* In the result: what a side renamed it to, else as it was. Where sides disagree about
	 * that, or some removed it, the first there is, ours's before all. */
	const char *name;
	size_t len;
	const struct st_operand *base;	       /* NULL: absent */
	const struct st_operand *const *sides; /* n of them; NULL: absent */
	/* Of ALONG: as a side has it under the new name. */
	const struct st_operand *along;
	/* Of what came: NULL, or of each side the base's tensor that it renamed to this one, where
	 * that one goes along. */
	const struct st_operand *const *was;
	/* NULL, or the tensor whose rows from `kept` on (behind `head` bytes) the result has, being
	 * of its shape; all else is about the rows before them. rows_side: whose it is. idle: the
	 * sides that have those as the base has them. */
	const struct st_operand *rows;
	size_t rows_side;
	uint64_t kept, head;
	bool idle[ST_THREE_SIDES];
};

/*
 * Pairs by name; a tensor of the base that a side lacks is the one of equal content, type and shape
 * that the base lacks, if there is one. cb gets the base's tensors in order, then what was added,
 * side by side, and then those of the base that go along; f is borrowed. A cb that returns non-zero
 * ends it with that. ST_EUSAGE: too many sides.
 */
ST_MUST int st_three_each(const struct st_three *t,
			  int (*cb)(void *arg, const struct st_fate *f, struct st_err *e),
			  void *arg, struct st_err *e);

#endif
