/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vocabularies: which token has which row of an embedding, and two of them made one. Pure.
 *
 * In the union every token of ours keeps its id. Those that only theirs has come behind ours's
 * last, in the order of their ids there. Where ours has none at all they keep theirs.
 *
 *	vocab.c		which files hold tokens, and tables of them
 *	vocab_items.c	members of such files
 *	vocab_union.c	two tables made one
 *	vocab_load.c	the ids that a tokenizer.json has once it is loaded
 *	vocab_text.c	what becomes of the texts, vocab_merges.c of pairs, vocab_refs.c of ids
 *			elsewhere
 */
#ifndef ST_MERGE_VOCAB_H
#define ST_MERGE_VOCAB_H

#include "base/buf.h"
#include "base/map.h"

#define ST_NO_TOKEN UINT64_MAX
/* An added_tokens.json has a few tokens, behind all of another file. */
#define ST_VOCAB_SPARE ((uint64_t)1 << 20)

struct st_token {
	const char *text;
	size_t len;
	uint64_t id;
	const char *file; /* that says so: st_vocab_table, or NULL */
};

struct st_vocab {
	struct st_arena arena;
	struct st_map ids; /* token -> id */
	struct st_token *v;
	size_t n, cap;
	const char *file; /* of the tokens that are read */
	/* Past the largest id, and past the last line of a vocab.txt; at most 4 n +
	 * ST_VOCAB_SPARE, so that arrays may have it. */
	uint64_t end;
};

enum st_vocab_form {	  /* how a value of a tokenizer's file holds tokens */
	ST_VOCAB_NONE,	  /* it does not */
	ST_VOCAB_TOKENS,  /* {"token": id}; of a list, ["token", score], the place is the id */
	ST_VOCAB_ENTRIES, /* [{"id": id, "content": "token", ...}] */
	ST_VOCAB_BY_ID,	  /* {"id": {...}} */
	ST_VOCAB_MERGES,  /* a list without ids */
	ST_VOCAB_SIZE,	  /* how many rows there are */
	ST_VOCAB_ID,	  /* ids, besides lists of tokens (vocab_refs.c) */
	ST_VOCAB_LINES	  /* a token a line, which is its id */
};

/* Of the value at a key path, as struct st_setting spells it, in a file of that name. */
enum st_vocab_form st_vocab_form_of(const char *file, const char *key, size_t len);
/* The names of the files that say which token has which id, those that have all of them first; NULL
 * behind the last. */
const char *st_vocab_table(size_t i);
/* How many of those have all tokens; the others only with one of them. */
#define ST_VOCAB_WHOLE 3
/* Is that one of them? */
bool st_vocab_is_table(const char *file);
/* Has a file of that name values of the kinds above? */
bool st_vocab_file(const char *file);

struct st_vocab_text {
	const void *p; /* NULL: absent */
	size_t len;
};

void st_vocab_init(struct st_vocab *v);
void st_vocab_release(struct st_vocab *v);
/*
 * Adds the tokens of a file of that name, which is a table or a tokenizer_config.json: what that
 * says of some of a table's, which are not its own. A token that is there keeps its id; in
 * a vocab.txt, where it is the number of the line, one that comes twice has its last one.
 * ST_EFORMAT, ST_ELIMIT.
 */
ST_MUST int st_vocab_read(struct st_vocab *v, const char *file, const void *p, size_t len,
			  struct st_err *e);
struct st_vocab_loaded {
	bool odd; /* an added token has another id than the file says: the first such one */
	struct st_buf token;
	uint64_t said, id; /* by the file, and by the library */
};
/* vocab_load.c: do the added tokens of a tokenizer.json have the ids that it says, once the
 * tokenizers library loads it? The caller releases the token. ST_EFORMAT, ST_ELIMIT. */
ST_MUST int st_vocab_load(const struct st_vocab_text *text, struct st_vocab_loaded *out,
			  struct st_err *e);
/* Adds it, unless v has its text. ST_ELIMIT. */
ST_MUST int st_vocab_put(struct st_vocab *v, const struct st_token *t, struct st_err *e);
/* NULL: there is none. It takes a pass over v. */
const struct st_token *st_vocab_find(const struct st_vocab *v, const char *text, size_t len);
/* The first one of that id. */
const struct st_token *st_vocab_find_id(const struct st_vocab *v, uint64_t id);
/* Of each id below v->end: has it a token? The caller frees it; NULL: e says why. */
ST_MUST bool *st_vocab_used(const struct st_vocab *v, struct st_err *e);
/*
 * Adds b's tokens to v. Where they do not agree, a token having two ids or an id two tokens, *odd
 * is the first such token of b and *was what v says instead; else they are NULL. What v says stays.
 */
ST_MUST int st_vocab_join(struct st_vocab *v, const struct st_vocab *b, const struct st_token **odd,
			  const struct st_token **was, struct st_err *e);

struct st_vocab_union {
	uint64_t end;	     /* past the largest id */
	uint64_t ntheirs;    /* and of theirs's, */
	uint64_t nbase;	     /* and of the base's */
	uint64_t *to;	     /* of theirs's ids: what becomes of them */
	uint64_t *from;	     /* of the union's ids: theirs's, */
	uint64_t *base;	     /* and the base's; ST_NO_TOKEN: it has none */
	bool *ours;	     /* does ours have it? */
	bool *known;	     /* of the base's ids: has it a token? */
	struct st_map added; /* tokens that only theirs has -> id in the union */
};
ST_MUST int st_vocab_unite(struct st_vocab_union *out, const struct st_vocab *base,
			   const struct st_vocab *ours, const struct st_vocab *theirs,
			   struct st_err *e);
void st_vocab_union_release(struct st_vocab_union *u);
/* Adds the tokens to v that only theirs has, under the union's ids. */
ST_MUST int st_vocab_add_new(struct st_vocab *v, const struct st_vocab *theirs,
			     const struct st_vocab_union *u, struct st_err *e);

/*
 * Appends what becomes of a value of both sides, which is not ST_VOCAB_ID: ours's text with what
 * theirs has besides, under its new id. ST_EREFUSED: tokens that are known by their place cannot
 * have the place of their id.
 */
ST_MUST int st_vocab_text(enum st_vocab_form form, const struct st_vocab_union *u,
			  const struct st_vocab_text *ours, const struct st_vocab_text *theirs,
			  struct st_buf *out, struct st_err *e);
/* vocab_merges.c: how two tokens that become one are written */
enum st_vocab_pair {
	ST_VOCAB_NO_PAIR,
	ST_VOCAB_WORDS, /* "a b" */
	ST_VOCAB_LIST	/* ["a", "b"] */
};
/* The tokens of a merge, the same whichever way they are written, instead of what out has; of what
 * is no pair its text. ST_EFORMAT. */
ST_MUST int st_vocab_pair_read(const char *text, size_t len, struct st_buf *out,
			       enum st_vocab_pair *form, struct st_err *e);
/* Appends the text of such tokens. ST_EREFUSED: ST_VOCAB_WORDS cannot say them. */
ST_MUST int st_vocab_pair_write(const struct st_buf *pair, enum st_vocab_pair form,
				struct st_buf *out, struct st_err *e);
/* vocab_refs.c: ids in files besides their lists of tokens */
struct st_vocab_ids {
	/* Each that is a whole number below 10^18, in the order of the text; *to is the id. */
	int (*id)(void *arg, uint64_t id, uint64_t *to, struct st_err *e);
	void *arg;
};
/* Has a file of that name some? It is JSON then. */
bool st_vocab_has_ids(const char *file);
/* Appends the text of such a file with the ids that fn makes of its ids; out may be NULL.
 * ST_EFORMAT; what fn says. */
ST_MUST int st_vocab_renumber(const char *file, const struct st_vocab_text *text,
			      const struct st_vocab_ids *fn, struct st_buf *out, struct st_err *e);
/* The ids in a value of ST_VOCAB_ID at that key path. */
ST_MUST int st_vocab_ids_in(const char *file, const char *key, size_t len,
			    const struct st_vocab_text *text, const struct st_vocab_ids *fn,
			    struct st_err *e);
/* vocab_refs.c: appends a config.json whose every vocab_size from `least` on has room for the
 * union. ST_EFORMAT: it is no JSON. */
ST_MUST int st_vocab_sizes(const struct st_vocab_union *u, uint64_t least,
			   const struct st_vocab_text *text, struct st_buf *out, struct st_err *e);

#endif
