/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model that comes together: private to weave_model.c, weave_sides.c, weave_fisher.c,
 * weave_lora.c, weave_pattern.c and weave_figures.c.
 */
#ifndef ST_REPO_WEAVE_MODEL_H
#define ST_REPO_WEAVE_MODEL_H

#include "repo/adapter.h"
#include "repo/members.h"
#include "repo/weave.h"

struct st_parts { /* the files of a model in one version, open */
	struct st_dfile *v;
	size_t n;
	struct st_diff_side *side;
};

struct st_weaving_other { /* the same model in a version that `from` named */
	struct st_oid commit;
	struct st_parts parts;
	const struct st_stage_row *row; /* NULL: it is of a unit */
	bool shares;			/* memory, some of its tensors */
};

struct st_weaving_pair { /* tensors of an item that is not decided */
	size_t item;
	const struct st_operand *v[2], *base; /* base NULL: absent */
	const struct st_side *of[2];
};

struct st_weaving_fisher { /* of a side */
	const char *label; /* for people; NULL: it was not asked for */
	struct st_parts parts;
	struct st_map names; /* tensor -> its number */
};

struct st_weaving_adapter { /* of a side */
	bool open;	    /* and it fits the model */
	struct st_adapter of;
	struct st_parts parts;
	struct st_parts model; /* all of it, where only some of its files are woven */
	struct st_map names;   /* of the model, to numbers in the adapter's parts */
};

struct st_weaving_left {	/* tensors that method lora was named for and has nothing for */
	const char *name, *why; /* of the first */
	size_t len, n;
};

struct st_weaving_bases; /* weave_sides.c: where several bases differ about the model */

struct st_weaving_chosen { /* of a tensor that others go along with */
	const char *name;
	size_t len;
	struct st_choice choice;
};

struct st_weaving { /* one model */
	struct st_fabric f;
	struct st_weaving_bases *bases; /* NULL: there is one answer */
	bool no_metadata;		/* what the bases say besides tensors has none */
	struct st_members base_has, has[ST_THREE_SIDES]; /* weave_pattern.c */
	struct st_parts base, parts[ST_THREE_SIDES];
	struct st_weaving_fisher fisher[ST_THREE_SIDES]; /* those that were asked for */
	struct st_weaving_adapter adapter[ST_THREE_SIDES];
	const struct st_fate *asked; /* what rules are asked about, */
	const char *why;	     /* and why lora does not take it, if one named it; or NULL */
	struct st_weaving_left left;
	bool *tied[ST_THREE_SIDES], *base_tied;
	size_t *first[ST_THREE_SIDES]; /* of the tensors of one memory: the first one's number */
	/* The side whose memory is shared as the result's is to be. Of conflicts about that one
	 * that does not share counts, since then no tensor needs another one's values. */
	size_t memory;
	bool said, apart;
	struct st_weaving_other *others;
	size_t nothers, others_cap;
	struct st_weaving_pair *pairs; /* whose figures are wanted */
	size_t npairs, pairs_cap;
	struct st_weaving_chosen *chosen;
	size_t nchosen, chosen_cap;
};

/* Files of one version; to be closed after a failure, too. */
ST_MUST int st_parts_open(struct st_repo *r, const struct st_stage_row *const *rows, size_t n,
			  struct st_parts *p, struct st_err *e);
void st_parts_close(struct st_parts *p);
/* Adds each tensor of side by its name, with its number there. */
ST_MUST int st_side_names(struct st_map *names, const struct st_side *side, struct st_err *e);
ST_MUST int st_weaving_open(struct st_weaving *k, struct st_err *e);
void st_weaving_close(struct st_weaving *k);
/* The model in another version. ST_ENOTFOUND: it has none. */
ST_MUST int st_weaving_other(struct st_weaving *k, const struct st_oid *commit,
			     struct st_weaving_other *out, struct st_err *e);

/* weave_fisher.c: t->extra, if its method takes one. ST_EUSAGE says what a side does not have. */
ST_MUST int st_weaving_weigh(struct st_weaving *k, struct st_thread *t, struct st_err *e);
void st_weaving_fisher_close(struct st_weaving *k);

/* weave_lora.c */
/* Does side i, behind ours, add to what ours has? Not if it left the tensor as it was, or made the
 * same of it as one before it. */
bool st_weaving_adds(const struct st_fate *f, size_t i);
/* *why: NULL, or why the sides' adapters have nothing that could be added to ours's tensor.
 * ST_EUSAGE says what a side does not have, ST_EREFUSED what of its adapter cannot be applied. */
ST_MUST int st_weaving_adapts(struct st_weaving *k, const struct st_fate *f, const char **why,
			      struct st_err *e);
/* t->extra and all else, if its method is lora, of a tensor that st_weaving_adapts; t->in are the
 * sides whose adapters are added, and ours. ST_EREFUSED: a side did something else to it, too. */
ST_MUST int st_weaving_adapt(struct st_weaving *k, const struct st_fate *f, struct st_thread *t,
			     struct st_err *e);
/* Of conflicts that lora was to join, as whoever named it may think: k->left, of the file. */
void st_weaving_say_left(const struct st_weaving *k, const char *path);
void st_weaving_lora_close(struct st_weaving *k);
/* weave_model.c: has the side it as the base has it? */
bool st_weaving_unchanged(const struct st_operand *base, const struct st_operand *x);

/* base, by name, in one of the versions that k->bases, which are there, are numbered as; NULL: that
 * has none. *side: whose it is. */
const struct st_operand *st_weaving_base_tensor(const struct st_weaving *k, size_t i,
						const struct st_operand *base,
						const struct st_side **side);
/* weave_row_base.c: of a tensor with rows like that one's, while k is open; k->bases are there. */
ST_MUST int st_row_bases_find(struct st_weaving *k, const struct st_weave_vocab *v,
			      const struct st_operand *base, const struct st_operand *like,
			      struct st_row_bases **out, struct st_err *e);

static inline const struct st_side *st_weaving_side(const struct st_weaving *k, size_t i)
{
	return st_diff_side_get(k->f.side[i]);
}

/* weave_pattern.c: the side whose layout and metadata the file gets, for the tensors in k->f: ours,
 * where nothing speaks for another one. */
ST_MUST int st_weaving_pattern(struct st_weaving *k, struct st_err *e);
struct st_weaving_counts { /* of a weave, before the model */
	size_t nitems, ntarget, ngone;
	uint64_t open, taken, blended;
	struct st_sewn *sewn;
};
/*
 * *whole: no file can be laid out for what the tensors become, so that the file is one conflict.
 * What was found about its tensors is forgotten, unless somebody decided it: then ST_EREFUSED.
 */
ST_MUST int st_weaving_check(struct st_weaving *k, const struct st_weaving_counts *before,
			     bool *whole, struct st_err *e);
/* The same, for what st_fabric_check or st_fabric_write failed with. */
ST_MUST int st_weaving_refused(struct st_weaving *k, const struct st_weaving_counts *before,
			       const struct st_err *why, bool *whole, struct st_err *e);

/* weave_figures.c: the figures of that item, about a tensor with this fate, are wanted. base: NULL
 * where there is none. */
ST_MUST int st_weaving_note_pair(struct st_weaving *k, const struct st_fate *f,
				 const struct st_operand *base, size_t item, struct st_err *e);
/* The figures of k->pairs, the first against the second, for their items. Of
 * tensors with other numbers of rows those rows count that both, and the base, have. */
ST_MUST int st_weaving_measure(struct st_weaving *k, struct st_err *e);
/* The id of a tensor's first bytes. */
ST_MUST int st_weaving_head(const struct st_side *of, const struct st_operand *x, uint64_t bytes,
			    struct st_oid *id, struct st_err *e);

#endif
