/* SPDX-License-Identifier: Apache-2.0 */
/* A file of text on all sides: private to weave_text.c and weave_keys.c. */
#ifndef ST_REPO_WEAVE_TEXT_H
#define ST_REPO_WEAVE_TEXT_H

#include "repo/weave.h"

struct st_settings;

#define ST_TEXTS_MAX ((size_t)64 << 20) /* bytes of one text */

struct st_texts {
	struct st_weave *w;
	const struct st_strand *s;
	struct st_buf base, side[ST_THREE_SIDES];
	size_t n;
	bool clash;		  /* a file of tokens, or of ids, that several sides changed */
	bool decided;		  /* some of its values were no matter of keys */
	bool gone;		  /* a version was chosen that has not got it */
	bool open;		  /* something of it is to be decided yet */
	bool baseless;		  /* several bases have no answer for it: it is one conflict */
	struct st_weave_ids *ids; /* which its versions have of tokens; NULL: numbers */
	enum st_keys_lang lang;	  /* of what is merged by key */
};

/* One after the other into ours, until two do not go together. */
ST_MUST int st_texts_join_lines(struct st_texts *x, struct st_buf *now, size_t *conflicts,
				struct st_err *e);

/* weave_keys.c */
/* *done false: it is not of x->lang, or not on every side. */
ST_MUST int st_texts_by_key(struct st_texts *x, bool *done, struct st_err *e);
/* Can it be read, with each key once in its object? */
bool st_texts_read_once(struct st_settings *s, bool yaml, const struct st_buf *b);

#endif
