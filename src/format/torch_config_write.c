/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata of a checkpoint: {"config": ..., "notes": {...}, "oddity": "...", "opaque": [...]},
 * keys sorted, no white space. What does not fit is left out, the largest first.
 */
#include "format/torch_walk.h"

#define MAX_METADATA ((size_t)16 << 20)

/* Bounded by ST_TWALK_JSON. */
static void put_value(struct st_jw *w, const struct st_conf *c)
{
	switch (c->kind) {
	case ST_CONF_NULL:
		st_jw_null(w);
		break;
	case ST_CONF_BOOL:
		st_jw_bool(w, c->i != 0);
		break;
	case ST_CONF_INT:
		st_jw_i64(w, c->i);
		break;
	case ST_CONF_REAL:
		st_jw_real(w, c->f);
		break;
	case ST_CONF_TEXT:
		st_jw_stringn(w, c->s, c->n);
		break;
	case ST_CONF_LIST:
		st_jw_array(w);
		for (size_t i = 0; i < c->n; i++)
			put_value(w, c->v[i]);
		st_jw_close_array(w);
		break;
	case ST_CONF_OBJECT:
		st_jw_object(w);
		for (size_t i = 0; i < c->n; i++) {
			st_jw_keyn(w, c->m[i].key, c->m[i].len);
			put_value(w, c->m[i].value);
		}
		st_jw_close_object(w);
	}
}

static int by_name(const void *pa, const void *pb)
{
	const struct st_tnote *a = pa, *b = pb;
	size_t both = a->len < b->len ? a->len : b->len;
	int c = both ? memcmp(a->name, b->name, both) : 0;

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

/* Of equal names only the first: which of them gets a number is not known yet. */
static void put_notes(struct st_jw *w, const struct st_twalk *t)
{
	st_jw_key(w, "notes");
	st_jw_object(w);
	for (size_t i = 0; i < t->nnotes; i++) {
		const struct st_tnote *n = &t->notes[i];

		if (i && by_name(&n[-1], n) == 0)
			continue;
		st_jw_keyn(w, n->name, n->len);
		st_jw_raw(w, n->json, strlen(n->json));
	}
	st_jw_close_object(w);
}

static int by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static int put_opaque(struct st_jw *w, const struct st_twalk *t)
{
	const char **names = st_calloc(t->opaque.count, sizeof(*names), w->err);
	const void *key;
	size_t pos = 0, n = 0, len;

	if (!names)
		return w->err->code;
	while (st_map_next(&t->opaque, &pos, &key, &len, NULL))
		names[n++] = key;
	if (n)
		qsort(names, n, sizeof(*names), by_text);
	st_jw_key(w, "opaque");
	st_jw_array(w);
	for (size_t i = 0; i < n; i++)
		st_jw_string(w, names[i]);
	st_jw_close_array(w);
	free(names);
	return w->err->code;
}

enum {
	KEEP_ALL,
	NO_CONFIG,
	NO_NOTES,
	NO_OPAQUE
};

static void put_config(struct st_jw *w, const struct st_twalk *t, const struct st_conf *config,
		       int level)
{
	const char *why = level == KEEP_ALL ? t->conf_off : "larger than 16 MiB";

	if (!config && level == KEEP_ALL && !why)
		return;
	st_jw_key(w, "config");
	if (config && !why) {
		put_value(w, config);
		return;
	}
	st_jw_object(w);
	st_jw_key(w, "elided");
	st_jw_string(w, why);
	st_jw_close_object(w);
}

/* Everything that `level` keeps; ST_ELIMIT when it is too much. */
static int put_all(struct st_buf *b, const struct st_twalk *t, const struct st_conf *config,
		   int level, struct st_err *e)
{
	struct st_jw w;

	st_buf_clear(b);
	st_jw_init(&w, b, false, e);
	st_jw_object(&w);
	put_config(&w, t, config, level);
	if (t->nnotes && level < NO_NOTES)
		put_notes(&w, t);
	if (t->t->oddity) {
		st_jw_key(&w, "oddity");
		st_jw_string(&w, t->t->oddity);
	}
	if (t->opaque.count && level < NO_OPAQUE && put_opaque(&w, t) != ST_OK)
		return e->code;
	st_jw_close_object(&w);
	return e->code;
}

int st_conf_write(struct st_twalk *w, struct st_conf *config)
{
	struct st_layout *l = w->t->l;
	struct st_err e = { 0 };
	struct st_buf b;

	if (w->nnotes)
		qsort(w->notes, w->nnotes, sizeof(*w->notes), by_name);
	st_buf_init(&b, MAX_METADATA);
	for (int level = KEEP_ALL; level <= NO_OPAQUE; level++) {
		st_err_clear(&e);
		if (put_all(&b, w, config, level, &e) != ST_ELIMIT)
			break;
	}
	if (e.code != ST_OK)
		st_fail(w->t->e, e.code, "%s", e.msg);
	else if (b.len > 2 && (l->metadata = st_arena_dup(&l->arena, b.p, b.len, w->t->e)))
		l->metadata_len = b.len;
	st_buf_release(&b);
	return w->t->e->code;
}
