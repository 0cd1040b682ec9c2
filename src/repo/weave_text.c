/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave_text.h"

#include "base/file.h"
#include "diff/settings.h"
#include "merge/lines3.h"

#include <unistd.h>

#define MOST ST_TEXTS_MAX
#define MOST_YAML ((size_t)1 << 20) /* which is read several times; larger is by line */

struct st_weave_made { /* of which nobody can read yet what was stored */
	struct st_oid id;
	const void *p;
	size_t len;
	struct st_weave_made *next;
};

int st_weave_slurp(struct st_weave *w, const struct st_stage_row *row, struct st_buf *out,
		   struct st_err *e)
{
	struct st_dfile f = { .path = row->path, .has_id = true, .id = row->id, .size = row->size };

	for (const struct st_weave_made *x = w->texts; x; x = x->next)
		if (st_oid_eq(&x->id, &row->id))
			return st_buf_add(out, x->p, x->len, e);
	return st_dfile_slurp(&f, w->r, out, e);
}

int st_weave_slurp_text(struct st_weave *w, const struct st_stage_row *row, struct st_buf *out,
			bool *has, struct st_err *e)
{
	*has = row && row->mode != ST_MODE_LINK && row->size <= out->max;
	return *has ? st_weave_slurp(w, row, out, e) : ST_OK;
}

static bool is_text(const struct st_buf *b)
{
	return !b->len || !memchr(b->p, 0, b->len);
}

/* *text false: one is too large, or holds NUL bytes. */
static int load(struct st_texts *x, bool *text, struct st_err *e)
{
	const struct st_strand *s = x->s;
	int rc = ST_OK;

	*text = !s->base || s->base->size <= MOST;
	for (size_t i = 0; i < x->n; i++)
		*text = *text && (!s->side[i] || s->side[i]->size <= MOST);
	if (*text && s->base)
		rc = st_weave_slurp(x->w, s->base, &x->base, e);
	for (size_t i = 0; rc == ST_OK && *text && i < x->n; i++)
		if (s->side[i])
			rc = st_weave_slurp(x->w, s->side[i], &x->side[i], e);
	*text = *text && is_text(&x->base);
	for (size_t i = 0; i < x->n; i++)
		*text = *text && is_text(&x->side[i]);
	return rc;
}

int st_weave_note_text(struct st_weave *w, const struct st_oid *id, const void *p, size_t len,
		       struct st_err *e)
{
	struct st_weave_made *x = st_arena_alloc(&w->arena, sizeof(*x), e);

	if (!x)
		return e->code;
	*x = (struct st_weave_made){ *id, p, len, w->texts };
	w->texts = x;
	return ST_OK;
}

static int note_text(struct st_weave *w, const struct st_buf *text, struct st_err *e)
{
	const void *p = st_arena_dup(&w->arena, text->p, text->len, e);

	return p ? st_weave_note_text(w, &w->target.rows[w->target.nrows - 1].id, p, text->len, e) :
		   (int)e->code;
}

int st_weave_store_text(struct st_weave *w, const struct st_strand *s, const struct st_buf *text,
			struct st_err *e)
{
	char *temp;
	int fd, rc;

	if (w->fit)
		return st_weave_fit_text(w, s, text, e);
	rc = st_file_temp(&fd, &temp, w->r->dir, ST_TEMP_PREFIX, e);
	if (rc != ST_OK)
		return rc;
	rc = st_write_full(fd, text->p, text->len, temp, e);
	if (rc == ST_OK)
		rc = st_weave_store(w, s, fd, temp, e);
	if (rc == ST_OK && st_vocab_file(st_weave_file_name(s->path)))
		rc = note_text(w, text, e);
	close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

static int store(struct st_texts *x, const struct st_buf *text, struct st_err *e)
{
	return st_weave_store_text(x->w, x->s, text, e);
}

static struct st_text as_text(const struct st_buf *b, const char *label)
{
	return (struct st_text){ b->p ? (const void *)b->p : "", b->len, label };
}

/* A token a line. */
static bool is_vocabulary(const struct st_texts *x)
{
	return st_vocab_form_of(st_weave_file_name(x->s->path), "", 0) == ST_VOCAB_LINES;
}

static int by_token(struct st_texts *x, struct st_err *e)
{
	const struct st_vocab_text ours = { x->side[0].p, x->side[0].len };
	const struct st_vocab_text theirs = { x->side[1].p, x->side[1].len };
	const struct st_weave_vocab *v;
	struct st_choice c;
	struct st_buf out;
	bool united = st_weave_united(x->w, x->s->path);
	int rc = st_weave_known(x->w, x->s->path, "", 0, &c, e);

	if (rc != ST_OK || (c.how != ST_HOW_UNION && (c.how != ST_HOW_OPEN || !united)))
		return rc == ST_OK ? st_weave_whole(x->w, x->s, ST_CONFLICT_VOCABULARY, e) : rc;
	st_buf_init(&out, 4 * MOST);
	rc = st_weave_vocab(x->w, x->s->path, &v, e);
	if (rc == ST_OK)
		rc = st_vocab_text(ST_VOCAB_LINES, &v->u, &ours, &theirs, &out, e);
	if (rc == ST_OK)
		rc = store(x, &out, e);
	st_buf_release(&out);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", x->s->path);
}

int st_texts_join_lines(struct st_texts *x, struct st_buf *now, size_t *conflicts, struct st_err *e)
{
	const struct st_text base = as_text(&x->base, "base");
	struct st_buf next;
	int rc = st_buf_add(now, x->side[0].p, x->side[0].len, e);

	*conflicts = 0;
	st_buf_init(&next, 4 * MOST);
	for (size_t i = 1; rc == ST_OK && !*conflicts && i < x->n; i++) {
		const struct st_text ours = as_text(now, "ours");
		const struct st_text theirs = as_text(&x->side[i], "theirs");

		if (!x->s->side[i])
			continue;
		st_buf_clear(&next);
		rc = st_lines_merge(&base, &ours, &theirs, &next, conflicts, e);
		if (rc == ST_OK) {
			struct st_buf t = *now;

			*now = next;
			next = t;
		}
	}
	st_buf_release(&next);
	return rc;
}

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), k = strlen(with);

	return n > k && strcmp(path + n - k, with) == 0;
}

static bool is_yaml_file(const char *path)
{
	return ends(path, ".yaml") || ends(path, ".yml");
}

static bool is_sound(bool yaml, const struct st_buf *b)
{
	struct st_settings s;
	bool sound;

	st_settings_init(&s);
	sound = st_texts_read_once(&s, yaml, b);
	st_settings_release(&s);
	return sound;
}

/* Lines of a configuration go together where its keys do not: both sides may have added one. */
static bool unmade(const struct st_texts *x, const struct st_buf *now)
{
	bool yaml = is_yaml_file(x->s->path);

	if (!yaml && !ends(x->s->path, ".json"))
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (x->s->side[i] && !is_sound(yaml, &x->side[i]))
			return false;
	return !is_sound(yaml, now);
}

static int join_text(struct st_texts *x, struct st_buf *now, size_t *conflicts, struct st_err *e)
{
	int rc = st_texts_join_lines(x, now, conflicts, e);

	if (rc != ST_OK || *conflicts || !unmade(x, now))
		return rc;
	st_buf_clear(now);
	st_buf_clear(&x->base); /* so that all lines of both sides are shown */
	rc = st_texts_join_lines(x, now, conflicts, e);
	*conflicts += !*conflicts;
	return rc;
}

static int by_line(struct st_texts *x, struct st_err *e)
{
	const size_t nitems = x->w->d->nitems;
	struct st_buf now;
	size_t conflicts, places;
	int rc;

	if (is_vocabulary(x) && (x->clash || st_weave_united(x->w, x->s->path)))
		return by_token(x, e);
	st_buf_init(&now, 4 * MOST);
	rc = join_text(x, &now, &conflicts, e);
	places = rc == ST_OK ? conflicts : 0;
	/* what has ids is a matter of keys, or of somebody's decision */
	conflicts += rc == ST_OK && (x->baseless || x->ids);
	if (rc == ST_OK && conflicts && is_vocabulary(x)) {
		rc = by_token(x, e);
	} else if (rc == ST_OK && conflicts) {
		if (x->w->marked)
			rc = x->w->marked(x->w->marked_arg, x->s->path, &now, e);
		if (rc == ST_OK)
			rc = st_weave_whole(x->w, x->s,
					    x->s->base ? ST_CONFLICT_TEXT : ST_CONFLICT_ADD_ADD, e);
		if (rc == ST_OK && x->w->d->nitems > nitems) {
			x->w->d->items[nitems].places = places;
			if (x->w->marked)
				st_oid_of(&x->w->d->items[nitems].marked, now.p, now.len);
		}
	} else if (rc == ST_OK) {
		rc = store(x, &now, e);
	}
	st_buf_release(&now);
	return rc;
}

static bool is_yaml(const struct st_texts *x)
{
	bool fits = x->base.len <= MOST_YAML;

	for (size_t i = 0; i < x->n; i++)
		fits = fits && x->side[i].len <= MOST_YAML;
	return fits && is_yaml_file(x->s->path);
}

/* Is it of a language that is merged by key? */
static bool has_keys(struct st_texts *x)
{
	x->lang = is_yaml(x) ? ST_KEYS_YAML : ST_KEYS_JSON;
	return x->lang == ST_KEYS_YAML || ends(x->s->path, ".json");
}

/* What all sides have as one. */
static bool is_agreed(const struct st_texts *x)
{
	bool same = true;

	for (size_t i = 0; i < x->n; i++)
		same = same && x->s->side[i] && st_weave_same(x->s->side[0], x->s->side[i]);
	return same;
}

/* Has some side not got it? */
static bool is_lone(const struct st_texts *x)
{
	bool all = true;

	for (size_t i = 0; i < x->n; i++)
		all = all && x->s->side[i];
	return !all;
}

/* Of several bases that differ. */
static int join_bases(struct st_texts *x, struct st_err *e)
{
	bool keys = has_keys(x), found;
	int rc;

	if (!st_weave_baseless(x->w, x->s->base))
		return ST_OK;
	if (is_agreed(x)) {
		st_buf_clear(&x->base);
		return st_buf_add(&x->base, x->side[0].p, x->side[0].len, e);
	}
	rc = st_weave_base_text(x->w, x->s->base->path, keys ? &x->lang : NULL, &x->base, &found,
				e);
	x->baseless = !found;
	return rc;
}

/*
 * A table of tokens that several sides changed is one side's as a whole where it is nothing else
 * than tokens, or not all sides have it. In a union it has the tokens of the side that made it;
 * *made false: under the union's ids, as it is made yet.
 */
static int whole_table(struct st_texts *x, bool *made, struct st_err *e)
{
	const struct st_strand *s = x->s;
	struct st_choice c;
	int rc = st_weave_known(x->w, s->path, "", 0, &c, e);
	bool joined = x->n == 2 && (c.how == ST_HOW_UNION ||
				    (c.how == ST_HOW_OPEN && st_weave_united(x->w, s->path)));

	*made = !joined || ((s->base || s->side[0]) && is_lone(x));
	if (rc != ST_OK || !*made)
		return rc;
	return joined ? st_weave_take(x->w, s, s->base ? NULL : s->side[0], e) :
			st_weave_whole(x->w, s, ST_CONFLICT_VOCABULARY, e);
}

static bool is_whole_table(const struct st_texts *x)
{
	const char *file = st_weave_file_name(x->s->path);

	return x->clash && st_vocab_is_table(file) &&
	       (is_lone(x) || (!is_agreed(x) && st_vocab_form_of(file, "", 0) != ST_VOCAB_NONE));
}

/*
 * A file of a tokenizer for which several bases have no answer is one side's as a whole, too; in a
 * union it has what either side has, key by key. *made false: that is to be made yet, or it is no
 * such file.
 */
static int without_base(struct st_texts *x, bool *keys, bool *made, struct st_err *e)
{
	const char *path = x->s->path;
	struct st_choice c;
	bool clash = false;
	int rc = ST_OK;

	*keys = *made = false;
	if (x->n == 2 && x->s->side[0] && x->s->side[1] && has_keys(x) &&
	    st_vocab_file(st_weave_file_name(path)))
		rc = st_weave_tokens_clash(x->w, path, &clash, e);
	if (rc == ST_OK && clash)
		rc = st_weave_known(x->w, path, "", 0, &c, e);
	if (rc != ST_OK || !clash)
		return rc;
	*keys = c.how == ST_HOW_UNION || (c.how == ST_HOW_OPEN && st_weave_united(x->w, path));
	*made = !*keys;
	return *made ? st_weave_whole(x->w, x->s, ST_CONFLICT_VOCABULARY, e) : ST_OK;
}

static int weave_text(struct st_texts *x, struct st_err *e)
{
	bool keys = false, made = false, alone = false;
	int rc = join_bases(x, e);

	if (rc == ST_OK && is_whole_table(x))
		rc = whole_table(x, &made, e);
	if (rc == ST_OK && !made && x->baseless)
		rc = without_base(x, &alone, &made, e);
	if (rc == ST_OK && !made && (!x->baseless || alone) && has_keys(x))
		rc = st_texts_by_key(x, &keys, e);
	return rc == ST_OK && !made && !keys ? by_line(x, e) : rc;
}

int st_weave_text(struct st_weave *w, const struct st_strand *s, bool *done, struct st_err *e)
{
	struct st_texts x = { .w = w, .s = s, .n = w->n };
	int rc;

	st_buf_init(&x.base, MOST);
	for (size_t i = 0; i < x.n; i++)
		st_buf_init(&x.side[i], MOST);
	rc = load(&x, done, e);
	if (rc == ST_OK)
		rc = st_weave_clashes_at(w, s, &x.clash, e);
	if (rc == ST_OK)
		rc = st_weave_ids(w, s->path, &x.ids, e);
	if (rc == ST_OK && *done)
		rc = weave_text(&x, e);
	st_buf_release(&x.base);
	for (size_t i = 0; i < x.n; i++)
		st_buf_release(&x.side[i]);
	return rc;
}
