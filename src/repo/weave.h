/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that several versions become: private to weave*.c and merge*.c. What is decided already
 * is obeyed, so that the same versions and decisions give the same bytes at any time: for a merge,
 * after `resolve`, and when it is done over to compare.
 *
 *	weave.c		a file of the result, and all of them
 *	weave_pairs.c	which files belong together
 *	weave_choice.c	what is decided
 *	weave_whole.c	files that are in conflict as wholes
 *	weave_model.c	a model, tensor by tensor
 *	weave_base.c	the base, where merges crosswise left several
 *	weave_sides.c	its files in each version
 *	weave_pattern.c	what its file in the result is made like
 *	weave_write.c	and a file that this takes
 *	weave_fisher.c	what method fisher weighs its tensors by
 *	weave_lora.c	what method lora adds to them
 *	weave_unit.c	models in shards
 *	weave_index.c	and their indices
 *	weave_clash.c	a file against a directory
 *	weave_held.c	what each version has of a conflict, for people
 *	weave_text.c	text by line
 *	weave_keys.c	configurations by key
 *	weave_vocab.c	vocabularies by token
 *	weave_tokens.c	which rows of a tensor are of whose tokens
 *	weave_ids.c	the same token by its number in each version
 *	weave_agree.c	and whether what came out agrees:
 *	weave_agree_files.c	the files of a tokenizer,
 *	weave_agree_rows.c	and the rows that somebody decided about
 *	weave_told.c	and means what it says to those that load it
 *	weave_union.c	and the rows of tensors that go with them
 *	weave_row_base.c	the base of each, where several bases differ
 */
#ifndef ST_REPO_WEAVE_H
#define ST_REPO_WEAVE_H

#include "merge/blend.h"
#include "merge/keys3.h"
#include "merge/three.h"
#include "merge/vocab.h"
#include "model/merged.h"
#include "repo/diff_side.h"
#include "repo/txn.h"
#include "tensor/gather.h"

struct st_fabric;
struct st_keys_text;
struct st_row_bases;
struct st_sewn;
struct st_thread;
struct st_weave_bases;
struct st_weave_fit;

struct st_weave {
	struct st_repo *r;
	struct st_txn *t;	 /* its writer gets the files; NULL: they are only hashed */
	struct st_merge_desc *d; /* parents, bases, seed; items that decide, and those found */
	size_t nknown;		 /* items that decide: the first, sorted */
	struct st_rules *rules;	 /* for what nothing decides yet; NULL: none */
	/* MAY be NULL. An item that decides, by a method that has nothing for the tensor: does it
	 * decide otherwise then? It says so itself now, or is open. */
	bool (*passed)(void *arg, struct st_merge_item *it);
	void *passed_arg;
	/* Only these files are made; NULL: all. */
	bool (*wanted)(void *arg, const char *path);
	void *wanted_arg;
	/* What "by hand" stands for; NULL: nothing is by hand. */
	const struct st_index *hand;
	const struct st_map *hands; /* files of it that are by hand, besides items; may be NULL */
	/* Sorted; sides: n of them. base: of several, what st_weave_bases_load says. */
	struct st_index base, sides[ST_THREE_SIDES];
	struct st_weave_bases *bases; /* weave_base.c: NULL unless there are several */
	size_t n;
	struct st_index target; /* what becomes of it all; sorted at the end */
	struct st_index gone;	/* files that were wanted and are not in the target */
	struct st_ingest *ingest;
	struct st_arena arena;
	/* Text with both sides' lines and markers, for the working tree; may be NULL. */
	int (*marked)(void *arg, const char *path, const struct st_buf *text, struct st_err *e);
	void *marked_arg;
	struct st_weave_vocab *vocabs; /* those that were asked for */
	struct st_weave_tokens *tokens;
	struct st_weave_ids *ids;
	bool tables_known, tables_differ; /* does some side have another table of tokens? */
	struct st_weave_made *texts;	  /* tables of tokens that were made */
	struct st_weave_unit *units;	  /* models in shards that several sides changed */
	struct st_map unit_of;		  /* path of what is merged with the unit -> its number */
	struct st_map unit_with;	  /* path of any file of the unit -> its number */
	size_t nunits;
	struct st_weave_moved *moved;	/* files that were made, under a new name */
	struct st_sewn *sewn;		/* weave_index.c: what their shards have */
	const struct st_weave_fit *fit; /* weave_index.c: of the index that is made now, or NULL */
	uint64_t tensors_taken, tensors_blended, open; /* tensors of one side; items not decided */
};

enum st_how {
	ST_HOW_OPEN,
	ST_HOW_SIDE,
	ST_HOW_BASE,
	ST_HOW_FROM,
	ST_HOW_HAND,
	ST_HOW_UNION,
	ST_HOW_METHOD
};
struct st_choice { /* an item's `how`, read */
	enum st_how how;
	size_t side;	     /* SIDE */
	struct st_oid from;  /* FROM */
	struct st_spec spec; /* METHOD */
	/* UNION: what becomes of rows that both changed: SIDE or METHOD */
	enum st_how rows;
};

/* The kind of an item about a file that was staged by hand, without a conflict. */
#define ST_STAGED_KIND "staged"

struct st_strand { /* a file on all sides */
	const char *path;
	const struct st_stage_row *base, *side[ST_THREE_SIDES]; /* NULL: absent */
	/* Without a base: the base's file that the side renamed to this one, where whether there
	 * is still one of its old name goes with the conflict about this one; or NULL. */
	const struct st_stage_row *was[ST_THREE_SIDES];
	bool apart;    /* sides renamed different files to it: they are not joined */
	uint32_t mode; /* as it is to be */
};

struct st_weave_moved { /* a file that some side renamed, as nobody did otherwise */
	struct st_strand s;
	bool clashed; /* its new name is in a conflict of a file and a directory, */
	bool lost;    /* and goes */
	struct st_weave_moved *next;
};

/* What is not initialised here is the caller's: r, t, d, rules, ... d->items become sorted. */
ST_MUST int st_weave_init(struct st_weave *w, struct st_err *e);
ST_MUST int st_weave_run(struct st_weave *w, struct st_err *e);
void st_weave_release(struct st_weave *w);

/* Are they of one content, or both absent? */
bool st_weave_same(const struct st_stage_row *a, const struct st_stage_row *b);

/* weave_base.c */
/*
 * Fills w->base, of several bases, and w->bases. Of a file for which they have no answer it has
 * some base's row; st_weave_baseless is true of it then, and no side counts as unchanged.
 */
ST_MUST int st_weave_bases_load(struct st_weave *w, struct st_err *e);
void st_weave_bases_release(struct st_weave *w);
/* base: of w->base, or NULL */
bool st_weave_baseless(const struct st_weave *w, const struct st_stage_row *base);
/* Of several bases: their number, and *all with those that they come from themselves. They are
 * numbered in one, the bases first. */
size_t st_weave_nbases(const struct st_weave *w, size_t *all);
const struct st_index *st_weave_base_at(const struct st_weave *w, size_t i);
const struct st_stage_row *st_weave_base_row(const struct st_weave *w, size_t i, const char *path);
/* Of something that all of these have or have not: which base's counts. */
#define ST_NO_BASE SIZE_MAX
size_t st_weave_choose(const struct st_weave *w, bool (*same)(void *arg, size_t i, size_t k),
		       void *arg);
/* ST_EREFUSED: a tensor, or (len 0) the file, cannot be as the base has it. */
int st_weave_no_base(const char *path, const char *name, size_t len, struct st_err *e);
/* A base text for a file without an answer, by key (lang not NULL) or by line, into out, which is
 * cleared. *found false: that has no answer either. */
ST_MUST int st_weave_base_text(struct st_weave *w, const char *path, const enum st_keys_lang *lang,
			       struct st_buf *out, bool *found, struct st_err *e);

/* ST_EUSAGE: how is nothing of the kind. */
ST_MUST int st_choice_parse(struct st_choice *out, struct st_arena *arena, const char *how,
			    size_t nsides, struct st_err *e);
/* Is a method, if it is one, for tensors of the file at path? */
bool st_choice_applies(const struct st_choice *c, const char *path);
enum st_ruled { /* which rules count */
	ST_RULED_NOT,
	ST_RULED_SIDE, /* ours, theirs, base: what cannot be joined is taken from one side */
	ST_RULED_ANY
};
/* What is decided about an item: what d says, else what a rule says, else nothing. Adds the item
 * where d has none. */
ST_MUST int st_weave_item(struct st_weave *w, const struct st_merge_item *it, enum st_ruled ruled,
			  struct st_choice *out, struct st_err *e);
/* *out is a method that has nothing for the item, as d says: what w->passed makes of that. */
ST_MUST int st_weave_pass(struct st_weave *w, const struct st_merge_item *it, struct st_choice *out,
			  struct st_err *e);
/* What d says about an item; ST_HOW_OPEN: nothing. */
ST_MUST int st_weave_known(struct st_weave *w, const char *path, const char *name, size_t len,
			   struct st_choice *out, struct st_err *e);
/* Does d take something of the file from another version? */
bool st_weave_takes_from(const struct st_weave *w, const char *path);
/* path and name in it->base and it->sides are those of a whole file. */
ST_MUST int st_weave_whole(struct st_weave *w, const struct st_strand *s, enum st_conflict kind,
			   struct st_err *e);
/* weave_held.c: for struct st_merge_item.held. What they point to is borrowed, the value's text
 * from w->arena. NULL, and text->p NULL: absent. */
struct st_merge_held st_held_file(const struct st_stage_row *row);
struct st_merge_held st_held_tensor(const struct st_operand *op);
ST_MUST int st_held_text(struct st_weave *w, const struct st_keys_text *text,
			 struct st_merge_held *out, struct st_err *e);
/* Of held, which is of that path, what is absent may be a directory. */
void st_held_directories(const struct st_weave *w, const char *path, struct st_merge_held *held);
/* weave_pairs.c: all files but those of units */
ST_MUST int st_weave_pairs(struct st_weave *w, struct st_err *e);
/* The mode of a file of the result. */
uint32_t st_weave_mode(const struct st_weave *w, const struct st_strand *s);
/* What one side made of it: a row of the target, with room for a vocabulary that is joined. */
ST_MUST int st_weave_take_one(struct st_weave *w, const struct st_strand *s,
			      const struct st_stage_row *row, struct st_err *e);
/* Whatever the sides did to it; sets its mode. */
ST_MUST int st_weave_file(struct st_weave *w, struct st_strand *s, struct st_err *e);
/* A file's bytes, which is stored, or a table of tokens that this weave made. */
ST_MUST int st_weave_slurp(struct st_weave *w, const struct st_stage_row *row, struct st_buf *out,
			   struct st_err *e);
/* The same of a text that is to be looked into. *has false: row is NULL, a link, or of more than
 * out->max bytes. */
ST_MUST int st_weave_slurp_text(struct st_weave *w, const struct st_stage_row *row,
				struct st_buf *out, bool *has, struct st_err *e);
/* Is the commit one of those that are merged (its number), or the base (ST_THREE_BASE)? Then what
 * it has not it removed, and what it calls otherwise is known. */
bool st_weave_part(const struct st_weave *w, const struct st_oid *commit, size_t *part);
/* The file of that path in a commit; NULL: it has none. Borrowed from w. */
ST_MUST int st_weave_from(struct st_weave *w, const struct st_oid *commit, const char *path,
			  const struct st_stage_row **row, struct st_err *e);
/* The strand's: of a commit that is a part of the merge, whatever it is called there, else by the
 * first of the strand's names that it has. */
ST_MUST int st_weave_strand_from(struct st_weave *w, const struct st_oid *commit,
				 const struct st_strand *s, const struct st_stage_row **row,
				 struct st_err *e);
/* A row of the target with another path and mode. */
ST_MUST int st_weave_take(struct st_weave *w, const struct st_strand *s,
			  const struct st_stage_row *row, struct st_err *e);
/* fd has the file's bytes: stored, or hashed; a row of the target. temp: where fd's file lies. */
ST_MUST int st_weave_store(struct st_weave *w, const struct st_strand *s, int fd, const char *temp,
			   struct st_err *e);

/* weave_unit.c */
struct st_unit_version {		  /* the files of a sharded model in one version */
	const struct st_stage_row *index; /* NULL: it is one file */
	const struct st_stage_row **rows; /* sorted by path */
	size_t n, cap;
	struct st_map home; /* tensor -> number of its row */
	uint64_t bytes;	    /* of all tensors */
};
/*
 * A model that lies in several files in some version, and that several sides changed. Where a
 * tensor lies in another file in some version than in the rest, they are merged as one, and the
 * result has the files of the first side that moved tensors. Else they are merged one by one, and
 * after them the index.
 */
struct st_weave_unit {
	const char *name; /* st_unit_of */
	struct st_unit_version base, side[ST_THREE_SIDES];
	bool apart;	/* its files are merged one by one */
	size_t pattern; /* the side whose files the result has */
	bool torn;	/* several bases cut it differently: it is one conflict */
	bool wanted;	/* the caller's */
	bool fitted;	/* the caller's: its index, which is by hand, is to fit even so */
};
/* All of w, which is loaded. */
ST_MUST int st_weave_units(struct st_weave *w, struct st_err *e);
void st_weave_units_release(struct st_weave *w);
/* For qsort: pointers to rows, by path. */
int st_weave_row_order(const void *a, const void *b);
/* The unit that path is merged with; NULL: none. */
struct st_weave_unit *st_weave_unit_at(const struct st_weave *w, const char *path);
/* The unit that path is a file of; NULL: none. */
struct st_weave_unit *st_weave_unit_with(const struct st_weave *w, const char *path);
ST_MUST int st_weave_unit(struct st_weave *w, const struct st_weave_unit *u, struct st_err *e);
/* The path of the result's index; NULL: it has none. */
const char *st_weave_unit_index(const struct st_weave *w, const struct st_weave_unit *u);
/* The path in the conflict that a unit is whose files cannot be laid out: it is one version's, with
 * all its files, until and once that is decided. */
const char *st_weave_unit_path(const struct st_weave_unit *u);
ST_MUST int st_weave_unit_whole(struct st_weave *w, const struct st_weave_unit *u,
				struct st_err *e);
/* The file of the result for a tensor, which `like` is on some side. */
const char *st_weave_home(const struct st_weave_unit *u, const char *name, size_t len,
			  const struct st_operand *like);
const char *st_weave_home_of(const struct st_weave_unit *u, const struct st_thread *t);
/* The unit's files in a commit; n 0: none. Borrowed from w. */
ST_MUST int st_weave_unit_from(struct st_weave *w, const struct st_weave_unit *u,
			       const struct st_oid *commit, struct st_unit_version *out,
			       struct st_err *e);

/* weave_index.c */
#define ST_SHARD_INDEX_MAX ((size_t)64 << 20) /* bytes */
/* The row-major bytes of a tensor. */
uint64_t st_view_bytes(const struct st_view *t);
/* f's file, which is written anew, holds f's tensors. */
ST_MUST int st_weave_note_sewn(struct st_weave *w, const struct st_fabric *f, struct st_err *e);
/* The index s of a unit whose other files are made. */
ST_MUST int st_weave_index_apart(struct st_weave *w, const struct st_weave_unit *u,
				 struct st_strand *s, struct st_err *e);
/* Before anything is made: does the index `row` fit what is staged of its unit, or is it no matter
 * of what the shards have? */
ST_MUST int st_weave_index_right(struct st_weave *w, const struct st_weave_unit *u,
				 const struct st_stage_row *row, bool *right, struct st_err *e);
/* The index, if there is one, of the unit that became these tensors. */
ST_MUST int st_weave_index(const struct st_fabric *all, struct st_err *e);
/* While w->fit is set: the value of a key (as in struct st_keys), the text, or the row of the index
 * that is made, so that it says what is there. */
ST_MUST int st_weave_fit_key(struct st_weave *w, const char *key, size_t len,
			     struct st_keys_text *text, bool *mine, struct st_err *e);
ST_MUST int st_weave_fit_text(struct st_weave *w, const struct st_strand *s,
			      const struct st_buf *text, struct st_err *e);
ST_MUST int st_weave_fit_row(struct st_weave *w, const struct st_strand *s,
			     const struct st_stage_row *row, struct st_err *e);

/* weave_clash.c: of a file and a directory of one path in w->target, which is sorted, one goes. */
ST_MUST int st_weave_clashes(struct st_weave *w, struct st_err *e);
/* After them: is the path a name of a file in such a conflict, which that name may come back to? */
bool st_weave_comes_back(const struct st_weave *w, const char *path);
/* Has some side a directory of that path? */
bool st_weave_clashing(const struct st_weave *w, const char *path);
/* The uppermost part of path that is a file in some version, in *len bytes of path; else all. What
 * has one root is decided together. */
const char *st_weave_root(const struct st_weave *w, const char *path, size_t *len);

/* Was the file settled by staging it? */
bool st_weave_by_hand(const struct st_weave *w, const char *path);

/* weave_model.c: all sides that have it are models, and the base too, where it has it. u: NULL, or
 * s has only a path. */
ST_MUST int st_weave_model(struct st_weave *w, const struct st_strand *s,
			   const struct st_weave_unit *u, struct st_err *e);

/* weave_text.c: files that are no models. *done false: it cannot be looked into. */
ST_MUST int st_weave_text(struct st_weave *w, const struct st_strand *s, bool *done,
			  struct st_err *e);
ST_MUST int st_weave_store_text(struct st_weave *w, const struct st_strand *s,
				const struct st_buf *text, struct st_err *e);
/* For st_weave_slurp: of that id is the text, which lives as long as w. */
ST_MUST int st_weave_note_text(struct st_weave *w, const struct st_oid *id, const void *p,
			       size_t len, struct st_err *e);
/* The row that a version has of s, as st_weave_take; ids of tokens in it become the result's. part:
 * a side, ST_THREE_BASE, or with from a commit. loose: as in st_weave_ids_store. */
ST_MUST int st_weave_take_text(struct st_weave *w, const struct st_strand *s,
			       const struct st_stage_row *row, size_t part,
			       const struct st_oid *from, bool loose, struct st_err *e);
/* The row of a file that st_weave_resizes, with room for all tokens. */
ST_MUST int st_weave_resized(struct st_weave *w, const struct st_strand *s,
			     const struct st_stage_row *row, struct st_err *e);

/* weave_vocab.c */
struct st_weave_vocab {	 /* of the nearest folder, upward, that has a tokenizer on some side */
	const char *dir; /* with the slash; "" */
	struct st_vocab base, ours, theirs;
	struct st_vocab_union u;
	struct st_weave_vocab *next;
};
/* Behind the last slash. */
const char *st_weave_file_name(const char *path);
/* The folder of path's vocabulary, with the slash, in *len bytes of path. False: it has none. */
bool st_weave_vocab_dir(const struct st_weave *w, const char *path, size_t *len);
/* Is it that folder? dir: with the slash; "". */
bool st_weave_in_vocab(const struct st_weave *w, const char *dir, const char *path);
/* How many bytes of dir, which are `len` now and not 0, are the folder above, with the slash. */
size_t st_weave_above(const char *dir, size_t len);
/* Do the items that decide join the vocabulary that path belongs to? */
bool st_weave_united(const struct st_weave *w, const char *path);
/* Does a side change ids in the file that a vocabulary that is joined changes again? */
bool st_weave_renumbers(const struct st_weave *w, const struct st_strand *s);
/* Is it a file of tokens that several sides changed, not in the same way? Whichever of its files
 * they changed: what one side did to this one belongs to the rest of what that side did. */
ST_MUST int st_weave_clashes_at(struct st_weave *w, const struct st_strand *s, bool *yes,
				struct st_err *e);
/* Was one of the files right in the folder that say which token has which id settled by hand? */
bool st_weave_tables_by_hand(const struct st_weave *w, const char *dir);
/* May ids be of other tokens in the folder's versions, or in the result? */
bool st_weave_moves_ids(const struct st_weave *w, const char *dir);
/* Is it that, or has it ids that may be of other tokens on other sides, though nobody may have
 * changed it? */
ST_MUST int st_weave_misnumbers(struct st_weave *w, const struct st_strand *s, bool *yes,
				struct st_err *e);
/* Does it say how many rows there are, of a vocabulary that is joined? */
bool st_weave_resizes(const struct st_weave *w, const char *path);
/* ST_EREFUSED: there is none, or more than two versions are merged. Owned by w. */
ST_MUST int st_weave_vocab(struct st_weave *w, const char *path, const struct st_weave_vocab **out,
			   struct st_err *e);
void st_weave_vocab_release(struct st_weave *w);
/* The file of that name right in the folder of `len` bytes of dir; NULL: there is none. */
const struct st_stage_row *st_weave_beside(const struct st_index *x, const char *dir, size_t len,
					   const char *name);
/* Has the folder tokens in a file that is not read, and none that has all? */
bool st_weave_has_pieces(const struct st_index *x, const char *dir);
/* Adds the tokens of that file of the folder, if it is there. */
ST_MUST int st_weave_vocab_file(struct st_weave *w, const struct st_index *x, const char *dir,
				const char *name, struct st_vocab *v, struct st_err *e);
/* Adds the tokens of a version, of all files in the folder that have some, or in the next one above
 * that has any. ST_EREFUSED: they do not
 * agree; v has them all the same, as the first file has them that does. */
ST_MUST int st_weave_vocab_read(struct st_weave *w, const struct st_index *x, const char *dir,
				struct st_vocab *v, struct st_err *e);
/* The same for whoever only looks. *why: ST_OK; or what st_weave_vocab_read says of a version of
 * which nobody can tell which token has which id: ST_EREFUSED, ST_EFORMAT, ST_ELIMIT. */
ST_MUST int st_weave_vocab_look(struct st_weave *w, const struct st_index *x, const char *dir,
				struct st_vocab *v, enum st_code *why, struct st_err *e);

/* weave_tokens.c */
/*
 * Of a tensor of the model at path (struct st_three; base and sides as there): do the sides mean
 * other tokens by its rows? model: the base's, NULL: absent. Its rows are tokens' where it has as
 * many as the base's config.json says, if the model has a tensor of so many; else where it has a
 * row for every token in the base and on some side. Of one that not all sides have, and the base
 * has not, the sides' own config.json count.
 */
ST_MUST int st_weave_tokens(struct st_weave *w, const char *path, const struct st_side *model,
			    const struct st_operand *base, const struct st_operand *const *sides,
			    struct st_three_tokens *out, struct st_err *e);
/* May one row be of other tokens on other sides in models of path's folder, which some side
 * changed, or nobody? */
ST_MUST int st_weave_tokens_mixed(struct st_weave *w, const char *path, bool changed, bool *mixed,
				  struct st_err *e);
/* Did several sides change which token has which id in the very folder of that file, and not in the
 * same way? What holds its tokens is a matter of neither keys nor lines then. */
ST_MUST int st_weave_tokens_clash(struct st_weave *w, const char *path, bool *clash,
				  struct st_err *e);
/* Do two versions, or all, have the same files right in that folder that say which token has which
 * id? */
bool st_weave_tables_alike(const struct st_index *a, const struct st_index *b, const char *dir);
bool st_weave_same_tables(const struct st_weave *w, const char *dir);
/* Does the base's config.json say that there are so many rows, and some side mean other tokens? */
ST_MUST int st_weave_token_size(struct st_weave *w, const char *path, uint64_t rows, bool *said,
				struct st_err *e);

/* weave_ids.c */
struct st_weave_ids; /* of the versions of a folder's tokenizer, and of the result's; w's */
/* For a file with ids of tokens besides lists of them; NULL: all versions have the same files of a
 * tokenizer, or it cannot be read. */
ST_MUST int st_weave_ids(struct st_weave *w, const char *path, struct st_weave_ids **out,
			 struct st_err *e);
void st_weave_ids_release(struct st_weave *w);
/* Appends the text, of a side or ST_THREE_BASE, with one number for each token, whatever its id
 * there. file: its name. ST_EFORMAT. */
ST_MUST int st_weave_ids_common(const struct st_weave_ids *k, size_t part, const char *file,
				const struct st_vocab_text *text, struct st_buf *out,
				struct st_err *e);
/* The same for the text of any version. */
ST_MUST int st_weave_ids_common_from(struct st_weave *w, struct st_weave_ids *k,
				     const struct st_oid *commit, const char *file,
				     const struct st_vocab_text *text, struct st_buf *out,
				     struct st_err *e);
/* Has a value in such numbers, at that key, a token that the result's tokenizer may lack, or lacks,
 * if it is known? */
ST_MUST int st_weave_ids_lone(const struct st_weave_ids *k, const char *file, const char *key,
			      size_t len, const struct st_vocab_text *text, bool *lone,
			      struct st_err *e);
/* Has the file ids of tokens, which may have other numbers by what became of these folders'
 * tokenizers? */
bool st_weave_numbered(const struct st_weave *w, const struct st_map *folders, const char *path);
/* Did several sides change which token has which id, and not in the same way? */
bool st_weave_ids_clash(const struct st_weave_ids *k);
/*
 * A file of the result is that text, which is in such numbers: it is stored at the end, with the
 * ids of the result. One of a token that is not in its tokenizer is ST_EREFUSED then; loose, or
 * while the tokenizer is not decided, it is the id that a version has for it.
 */
ST_MUST int st_weave_ids_store(struct st_weave *w, struct st_weave_ids *k,
			       const struct st_strand *s, bool loose, const struct st_buf *text,
			       struct st_err *e);
/* When all else is made. */
ST_MUST int st_weave_ids_finish(struct st_weave *w, struct st_err *e);

/* weave_agree.c */
/*
 * Before a result is kept: do the files of its tokenizers, and the rows of tensors that somebody
 * decided about, mean the same tokens? x: its files. What is not decided yet, and what was settled
 * by hand, is not looked at. ST_EREFUSED says what does not agree, and what to do.
 */
ST_MUST int st_weave_agree(struct st_weave *w, const struct st_index *x, struct st_err *e);

/* weave_agree_rows.c */
/*
 * Has the tensor rows of something else than tokens? It has where it has fewer than `end`, being
 * of the model in that row; with more it may be another one, unless the model has none with fewer,
 * or the configuration says so.
 */
ST_MUST int st_weave_other_rows(struct st_weave *w, const struct st_stage_row *row,
				const struct st_merge_item *it, uint64_t end, bool *other,
				struct st_err *e);

/* weave_told.c */
struct st_weave_told {
	const struct st_index *x; /* the result */
	const char *dir;	  /* of the tokenizer, with the slash; "" */
	const struct st_vocab *got, *side;
};
/* Is the result's tokenizer what it says, where it is loaded? ST_EREFUSED. */
ST_MUST int st_weave_told(struct st_weave *w, const struct st_weave_told *k, struct st_err *e);

/* weave_write.c */
struct st_thread_extra { /* a tensor of a file beside the model */
	const struct st_side *side;
	const struct st_operand *op;
	const char *label; /* of the file, for people */
};
struct st_thread { /* a tensor of the result */
	const char *name;
	size_t name_len;
	const struct st_operand *op; /* as which it is typed and shaped */
	struct st_choice from; /* where its values are from: SIDE, BASE, FROM, METHOD, UNION */
	/* SIDE, BASE, FROM: the tensor whose values it has, and whose that is */
	const struct st_operand *of;
	const struct st_side *side;
	/* NULL, or the tensor whose bytes from `head` on it has, and whose that is; before them all
	 * else of this holds, and their shape is head_shape. */
	const struct st_operand *tail;
	const struct st_side *tail_side;
	uint64_t head;
	const uint64_t *head_shape;
	/* METHOD, UNION: what the inputs are; one of each side, NULL: absent */
	const struct st_operand *base, **in;
	const struct st_thread_extra *extra; /* as st_blend.extra */
	size_t nextra;
	const struct st_blend_factors *factors; /* as in st_blend */
	const struct st_weave_vocab *vocab;	/* UNION */
	struct st_row_bases *row_bases;		/* UNION: where several bases differ; or NULL */
	bool open;				/* what it will be is not decided yet */
	const char *seed_name; /* what keys random numbers: one name for tensors of one memory */
	size_t seed_len;
};
struct st_fabric {
	struct st_weave *w;
	const struct st_strand *s;
	const struct st_weave_unit *unit;		  /* NULL: the model is one file */
	struct st_diff_side *base, *side[ST_THREE_SIDES]; /* NULL: absent */
	struct st_thread *v;
	size_t n, cap;
	size_t pattern; /* the side whose layout and metadata it has; */
	/* or NULL, or the file of another version that has them, and the tensors of that */
	const struct st_stage_row *like;
	const struct st_side *like_side;
	double layers; /* the model's last layer */
	/* Set where st_fabric_write is ST_EREFUSED since tensors share memory that cannot have all
	 * their values: nothing is known about that before. */
	bool *shared;
};
/* What messages call a side: "ours", "theirs", "theirs 2". */
#define ST_SIDE_TEXT 32
const char *st_weave_side_text(size_t side, char text[ST_SIDE_TEXT]);
/* "'m/fisher.safetensors' of theirs", from w->arena; NULL: it failed. */
const char *st_weave_label(struct st_weave *w, size_t side, const char *path, struct st_err *e);
/* Its values are those of one tensor. */
bool st_fabric_copies(const struct st_thread *t);
/* f->s: a file of which f->v are all tensors. ST_EREFUSED: no file can be laid out for them,
 * whatever becomes of those that are open. */
ST_MUST int st_fabric_check(struct st_fabric *f, struct st_err *e);
ST_MUST int st_fabric_write(struct st_fabric *f, struct st_err *e);
/* weave_unit.c: the same for all files of f->unit */
ST_MUST int st_weave_unit_check(const struct st_fabric *f, struct st_err *e);
ST_MUST int st_weave_unit_write(const struct st_fabric *f, struct st_err *e);

/* weave_union.c */
/*
 * The rows of a tensor by token, in the order of v's union. b is a blend of the two sides for rows
 * that both changed, without shape; its base is that of the tensor, whatever the method.
 */
struct st_rows {
	const struct st_choice *how;
	const struct st_vocab_union *u;
	const struct st_operand *op, *base; /* base NULL: absent */
	struct st_row_bases *bases;	    /* instead of base; NULL: there is one */
	const struct st_operand *const *in; /* ours, theirs */
	struct st_blend b;
};
/* How many rows the union has. ST_EREFUSED: the tensors have no row for every token, or differ in
 * type or in the shape of a row. */
ST_MUST int st_rows_count(const struct st_vocab_union *u, const struct st_weave_vocab *v,
			  const struct st_operand *ours, const struct st_operand *theirs,
			  uint64_t *n, struct st_err *e);
/* Are rows of the two of one type and length? */
bool st_rows_alike(const struct st_operand *a, const struct st_operand *b);
ST_MUST int st_rows_fill(const struct st_rows *r, const struct st_ctx *ctx, st_bytes_fn sink,
			 void *arg, struct st_err *e);

/* weave_row_base.c */
ST_MUST int st_row_bases_open(struct st_row_bases *b, struct st_err *e);
void st_row_bases_close(struct st_row_bases *b);
/*
 * The base's row of a row of the union, a token's or none's, of `len` bytes, into out; work has
 * room for another one. *has false: there is none, or the bases have no answer.
 */
ST_MUST int st_row_bases_read(const struct st_row_bases *b, uint64_t row, bool token, size_t len,
			      uint8_t *out, uint8_t *work, bool *has, struct st_err *e);

#endif
