/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys3.c and its two languages share: private to merge/keys*.c.
 *
 *	keys3.c		which side's value counts, whatever the language
 *	keys_json.c	JSON: reading, and ours's text with other members
 *	keys_yaml.c	YAML: likewise
 *	keys_check.c	and whether the text says what was decided
 */
#ifndef ST_MERGE_KEYS_DOC_H
#define ST_MERGE_KEYS_DOC_H

#include "base/json.h"
#include "merge/keys3.h"

struct st_knode {
	enum st_json_type type; /* of YAML: OBJECT, ARRAY, or STRING for every scalar */
	size_t from, to;	/* its text */
	size_t key, key_from; /* of an object's member: the key in `keys`; where its text begins */
	size_t key_len, key_end; /* key_end: behind its text */
	size_t first, next, n;	 /* children: numbers + 1; 0: none */
	/* of YAML; columns are bytes */
	size_t at, len; /* a scalar's content, in `values` */
	bool plain;	/* it is neither quoted nor a block of lines */
	bool flow;	/* in brackets */
	bool inner;	/* itself within brackets */
	bool compact;	/* a member or item that does not begin its line: "- a: 1" */
	size_t col;	/* where its key or dash is */
	size_t sign;	/* behind its colon or dash */
	size_t content; /* where the members of a block collection are */
	size_t last;	/* behind what stays of it, once its members are settled; 0: as it was */
};

struct st_kdoc {
	const char *p;
	size_t len;
	struct st_knode *v;
	size_t n, cap;
	struct st_buf keys;    /* decoded, one behind the other */
	struct st_buf values;  /* YAML: decoded */
	struct st_buf text;    /* YAML: the text with a line feed at its end */
	struct st_map members; /* (object's number, key) -> child + 1 */
	size_t step;	       /* YAML: by which it indents */
};

struct st_kcut { /* ours's bytes [from, to) become others */
	size_t from, to, order;
	const char *p;
	size_t len;
};

struct st_kmerge;
struct st_kadd { /* a member of another side */
	const struct st_kdoc *doc;
	const struct st_knode *node;
	struct st_keys_text text;
};
struct st_kobject { /* one object of ours, its members settled */
	const struct st_knode *x;
	const struct st_knode **kept; /* members of ours that stay, in order */
	size_t nkept, kept_cap;
	struct st_kadd *added;
	size_t nadded, added_cap;
};

struct st_klang {
	ST_MUST int (*read)(struct st_kdoc *d, const struct st_keys_text *t, struct st_err *e);
	/* Do two scalars of one type, in other bytes, say the same? */
	bool (*alike)(const struct st_kdoc *da, const struct st_knode *a, const struct st_kdoc *db,
		      const struct st_knode *b);
	/* A value as a text of its own. */
	ST_MUST int (*text)(struct st_kmerge *k, const struct st_kdoc *d, const struct st_knode *x,
			    struct st_keys_text *out, struct st_err *e);
	/* A value of ours becomes another one. */
	ST_MUST int (*replace)(struct st_kmerge *k, const struct st_knode *x,
			       const struct st_keys_text *text, struct st_err *e);
	/* Members of ours go, and others come. */
	ST_MUST int (*members)(struct st_kmerge *k, const struct st_kobject *o, struct st_err *e);
	/* NULL, or: the comments of a value of ours that stays become those of all sides. text:
	 * what it becomes; NULL: what it is. */
	ST_MUST int (*comments)(struct st_kmerge *k, const struct st_knode *base,
				const struct st_knode *const *sides,
				const struct st_keys_text *text, struct st_err *e);
	/* One-sided changes go in key by key too, so that ours's comments stay. */
	bool always_enters;
	bool checked; /* the result is read again before it counts */
};
extern const struct st_klang st_klang_json, st_klang_yaml;

struct st_kmerge {
	const struct st_keys *k;
	const struct st_klang *lang;
	struct st_kdoc base, side[ST_THREE_SIDES];
	struct st_buf path;
	struct st_kcut *cuts;
	size_t ncuts, cap;
	struct st_arena arena;
	struct st_map *picks;	  /* NULL, or key path -> whose value it is; see keys_check.c */
	struct st_keys_text *own; /* of ST_KPICK_OWN on */
	size_t nown, own_cap;
	bool ours_ends; /* with a line feed */
};

/* keys3.c */
ST_MUST int st_kcut(struct st_kmerge *k, size_t from, size_t to, const char *p, size_t len,
		    struct st_err *e);
ST_MUST int st_kdoc_member(struct st_kdoc *d, size_t object, size_t child, const char *key,
			   size_t len, struct st_err *e);
void st_kdoc_link(struct st_kdoc *d, size_t parent, size_t *last, size_t child);
const struct st_knode *st_kdoc_child(const struct st_kdoc *d, const struct st_knode *x);
const struct st_knode *st_kdoc_after(const struct st_kdoc *d, const struct st_knode *x);

/* keys_check.c */
#define ST_KPICK_EMPTY 1000 /* an object of which nothing is left */
#define ST_KPICK_OWN 1001   /* and the number of the text */
/* Does text say what the picks say? ST_EFORMAT: no. */
ST_MUST int st_kmerge_check(const struct st_kmerge *k, const struct st_buf *text, struct st_err *e);

#endif
