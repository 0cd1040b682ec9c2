/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One folder with a tokenizer, of which somebody asks whether the result agrees: private to
 * weave_agree.c, weave_agree_files.c and weave_agree_rows.c.
 */
#ifndef ST_REPO_WEAVE_AGREE_H
#define ST_REPO_WEAVE_AGREE_H

#include "repo/weave.h"

struct st_agreeing {
	struct st_weave *w;
	const struct st_index *x; /* the result */
	const char *dir;	  /* with the slash; "" */
	bool same;		  /* all versions have the same tokenizer */
	struct st_vocab got, base, side[ST_THREE_SIDES];
	struct { /* the version that --from named last */
		bool known;
		struct st_oid commit;
		struct st_index x;
		struct st_vocab v;
	} other;
};

/* weave_agree.c: k->other becomes that version. One whose files do not agree about its tokens has
 * none, as with a side. */
ST_MUST int st_agreeing_other(struct st_agreeing *k, const struct st_oid *commit, struct st_err *e);

/* weave_agree_files.c: do the files of the result's tokenizer say the same, and what the union
 * says, where vocabularies were joined? ST_EREFUSED. */
ST_MUST int st_agreeing_files(struct st_agreeing *k, struct st_err *e);

/* weave_agree_rows.c */
/* Are the rows that a version has for the item of the tokens that the result has? side: w->n is the
 * base. ST_EREFUSED. */
ST_MUST int st_agreeing_rows(struct st_agreeing *k, const struct st_merge_item *it, size_t side,
			     struct st_err *e);
/* The same for a version that is not merged. */
ST_MUST int st_agreeing_rows_from(struct st_agreeing *k, const struct st_merge_item *it,
				  const struct st_oid *commit, struct st_err *e);

#endif
