/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of vocabularies share besides vocab.h: members of a tokenizer's lists and objects
 * (vocab_items.c), and how tokens come into a table (vocab.c).
 */
#ifndef ST_MERGE_VOCAB_PRIV_H
#define ST_MERGE_VOCAB_PRIV_H

#include "merge/vocab.h"

struct st_vocab_item {
	const char *key; /* of an object's member, decoded; NULL: of a list */
	size_t key_len;
	size_t place;	     /* of a list */
	size_t from, to;     /* the value's text */
	const char *p, *all; /* it, and the whole text */
	size_t begin;	     /* the key's text, or the value's */
};

typedef int (*st_vocab_item_fn)(void *arg, const struct st_vocab_item *x, struct st_err *e);

/* Of an object or a list. The key is borrowed until the next one. */
ST_MUST int st_vocab_each(const struct st_vocab_text *t, bool object, st_vocab_item_fn cb,
			  void *arg, struct st_err *e);
/* Is it the member of that key? */
bool st_vocab_item_is(const struct st_vocab_item *x, const char *key);
/* Else a list. */
bool st_vocab_is_object(const struct st_vocab_text *t);
/* A number and nothing else. */
ST_MUST int st_vocab_read_id(const char *p, size_t len, uint64_t *id, struct st_err *e);

struct st_vocab_entry { /* of a list of objects */
	uint64_t id;
	size_t id_from, id_to; /* in the entry's text */
	struct st_buf token;
	bool has_id, has_token;
};

/* token is initialised. ST_EFORMAT: it has no id or no content. */
ST_MUST int st_vocab_read_entry(struct st_vocab_entry *n, const struct st_vocab_item *x,
				struct st_err *e);
/* The same of one that may lack either. */
ST_MUST int st_vocab_read_partial(struct st_vocab_entry *n, const struct st_vocab_item *x,
				  struct st_err *e);
/* The token of a piece of a vocabulary that is ["token", score], instead of what b has. */
ST_MUST int st_vocab_read_piece(struct st_buf *b, const struct st_vocab_item *x, struct st_err *e);

/* Of an object or a list of tokens, as ST_VOCAB_TOKENS. */
ST_MUST int st_vocab_read_tokens(struct st_vocab *v, const struct st_vocab_text *t,
				 struct st_err *e);
/* Without a byte order mark, if it has one. */
struct st_vocab_text st_vocab_unmarked(const struct st_vocab_text *t);
/* The tokens of a vocab.txt, as st_vocab_read takes them. */
ST_MUST int st_vocab_read_lines(struct st_vocab *v, const char *p, size_t len, struct st_err *e);
/* A token that is there keeps its id. ST_ELIMIT. */
ST_MUST int st_vocab_add(struct st_vocab *v, const char *text, size_t len, uint64_t id,
			 struct st_err *e);

#endif
