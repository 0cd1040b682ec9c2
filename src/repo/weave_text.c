/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#include "base/file.h"
#include "diff/settings.h"
#include "merge/keys3.h"
#include "merge/lines3.h"

#include <unistd.h>

#define MOST ((size_t)64 << 20) /* bytes of one text */
#define MOST_CONFIG ((size_t)1 << 20)
#define MOST_YAML ((size_t)1 << 20) /* which is read several times; larger is by line */

struct texts {
	struct st_weave *w;
	const struct st_strand *s;
	struct st_buf base, side[ST_THREE_SIDES];
	size_t n;
	bool clash;		  /* a file of tokens, or of ids, that several sides changed */
	bool decided;		  /* some of its values were no matter of keys */
	bool open;		  /* something of it is to be decided yet */
	struct st_weave_ids *ids; /* which its versions have of tokens; NULL: numbers */
	bool baseless;		  /* several bases have no answer for it: it is one conflict */
	enum st_keys_lang lang;	  /* of what is merged by key */
};

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

static bool is_text(const struct st_buf *b)
{
	return !b->len || !memchr(b->p, 0, b->len);
}

/* *text false: one is too large, or holds NUL bytes. */
static int load(struct texts *x, bool *text, struct st_err *e)
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

static int note_text(struct st_weave *w, const struct st_buf *text, struct st_err *e)
{
	struct st_weave_made *x = st_arena_alloc(&w->arena, sizeof(*x), e);

	if (!x)
		return e->code;
	*x = (struct st_weave_made){ .id = w->target.rows[w->target.nrows - 1].id,
				     .p = st_arena_dup(&w->arena, text->p, text->len, e),
				     .len = text->len,
				     .next = w->texts };
	w->texts = x;
	return e->code;
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
	if (rc == ST_OK && st_vocab_is_table(st_weave_file_name(s->path)))
		rc = note_text(w, text, e);
	close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

static int store(struct texts *x, const struct st_buf *text, struct st_err *e)
{
	return st_weave_store_text(x->w, x->s, text, e);
}

static struct st_text as_text(const struct st_buf *b, const char *label)
{
	return (struct st_text){ b->p ? (const void *)b->p : "", b->len, label };
}

/* A token a line. */
static bool is_vocabulary(const struct texts *x)
{
	return st_vocab_form_of(st_weave_file_name(x->s->path), "", 0) == ST_VOCAB_LINES;
}

static int by_token(struct texts *x, struct st_err *e)
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

/* One after the other into ours, until two do not go together. */
static int join_lines(struct texts *x, struct st_buf *now, size_t *conflicts, struct st_err *e)
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

/* Each key once in its object? */
static bool read_once(struct st_settings *s, bool yaml, const struct st_buf *b)
{
	struct st_err none = { 0 };
	int rc = yaml ? st_settings_yaml(s, "", b->p, b->len, &none) :
			st_settings_json(s, "", b->p, b->len, &none);

	return rc == ST_OK && !s->twice.key;
}

static bool is_sound(bool yaml, const struct st_buf *b)
{
	struct st_settings s;
	bool sound;

	st_settings_init(&s);
	sound = read_once(&s, yaml, b);
	st_settings_release(&s);
	return sound;
}

/* Lines of a configuration go together where its keys do not: both sides may have added one. */
static bool unmade(const struct texts *x, const struct st_buf *now)
{
	bool yaml = is_yaml_file(x->s->path);

	if (!yaml && !ends(x->s->path, ".json"))
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (x->s->side[i] && !is_sound(yaml, &x->side[i]))
			return false;
	return !is_sound(yaml, now);
}

static int join_text(struct texts *x, struct st_buf *now, size_t *conflicts, struct st_err *e)
{
	int rc = join_lines(x, now, conflicts, e);

	if (rc != ST_OK || *conflicts || !unmade(x, now))
		return rc;
	st_buf_clear(now);
	st_buf_clear(&x->base); /* so that all lines of both sides are shown */
	rc = join_lines(x, now, conflicts, e);
	*conflicts += !*conflicts;
	return rc;
}

static int by_line(struct texts *x, struct st_err *e)
{
	struct st_buf now;
	size_t conflicts;
	int rc;

	if (is_vocabulary(x) && (x->clash || st_weave_united(x->w, x->s->path)))
		return by_token(x, e);
	st_buf_init(&now, 4 * MOST);
	rc = join_text(x, &now, &conflicts, e);
	conflicts += rc == ST_OK && x->baseless;
	if (rc == ST_OK && conflicts && is_vocabulary(x)) {
		rc = by_token(x, e);
	} else if (rc == ST_OK && conflicts) {
		if (x->w->marked)
			rc = x->w->marked(x->w->marked_arg, x->s->path, &now, e);
		if (rc == ST_OK)
			rc = st_weave_whole(x->w, x->s,
					    x->s->base ? ST_CONFLICT_TEXT : ST_CONFLICT_ADD_ADD, e);
	} else if (rc == ST_OK) {
		rc = store(x, &now, e);
	}
	st_buf_release(&now);
	return rc;
}

static int choose(struct texts *x, enum st_conflict kind, const char *key, size_t len,
		  const struct st_keys_text *base, const struct st_keys_text *sides,
		  struct st_choice *c, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_item it = { .path = x->s->path,
				    .path_len = strlen(x->s->path),
				    .name = len ? key : "",
				    .name_len = len,
				    .kind = st_conflict_name(kind),
				    .sides = ids,
				    .nsides = x->n };
	int rc;

	if (base->p)
		st_oid_of(&it.base, base->p, base->len);
	for (size_t i = 0; i < x->n; i++)
		if (sides[i].p)
			st_oid_of(&ids[i], sides[i].p, sides[i].len);
	rc = st_weave_item(x->w, &it, ST_RULED_NOT, c, e);
	if (rc != ST_OK)
		return rc;
	x->open = x->open || c->how == ST_HOW_OPEN;
	if (c->how == ST_HOW_OPEN || c->how == ST_HOW_SIDE || c->how == ST_HOW_BASE ||
	    c->how == ST_HOW_FROM || (c->how == ST_HOW_UNION && kind == ST_CONFLICT_VOCABULARY))
		return ST_OK;
	return st_fail(e, ST_EUSAGE,
		       "%s::%.*s is a key of a configuration: --ours, --theirs, --base or --from",
		       x->s->path, (int)(len < 200 ? len : 200), len ? key : "");
}

static int decide_key(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		      const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	struct texts *x = arg;
	struct st_choice c;
	int rc = choose(x, ST_CONFLICT_SETTING, key, len, base, sides, &c, e);

	*choice = c.how == ST_HOW_BASE ? x->n : c.side;
	return rc;
}

/* ---- values of other versions ---- */

static int find_from(struct texts *x, const struct st_oid *commit, const char *key, size_t len,
		     struct st_keys_text *text, struct st_err *e)
{
	struct st_keys_text all = { 0 };
	const struct st_stage_row *row;
	struct st_vocab_text was;
	struct st_buf b, common;
	int rc = st_weave_strand_from(x->w, commit, x->s, &row, e);

	*text = all;
	if (rc != ST_OK || !row)
		return rc == ST_OK ? st_fail(e, ST_ENOTFOUND,
					     "the version of --from has no file '%s'", x->s->path) :
				     rc;
	st_buf_init(&b, MOST);
	st_buf_init(&common, 2 * MOST);
	rc = st_weave_slurp(x->w, row, &b, e);
	was = (struct st_vocab_text){ b.p, b.len };
	if (rc == ST_OK && x->ids)
		rc = st_weave_ids_common_from(x->w, x->ids, commit, st_weave_file_name(x->s->path),
					      &was, &common, e);
	all = x->ids ? (struct st_keys_text){ common.p, common.len } :
		       (struct st_keys_text){ b.p, b.len };
	if (rc == ST_OK)
		rc = st_keys_find(x->lang, &all, key, len, &x->w->arena, text, e);
	st_buf_release(&common);
	st_buf_release(&b);
	return e->code;
}

/* *mine: the value is that of another version, which has the say that both sides's would have. */
static int own_from(struct texts *x, const char *key, size_t len, struct st_keys_text *text,
		    bool *mine, struct st_err *e)
{
	struct st_choice c;
	int rc = st_weave_known(x->w, x->s->path, key, len, &c, e);

	if (rc != ST_OK || c.how != ST_HOW_FROM)
		return rc;
	*mine = true;
	return find_from(x, &c.from, key, len, text, e);
}

/* ---- vocabularies ---- */

static bool equal(const struct st_keys_text *a, const struct st_keys_text *b)
{
	if (!a->p || !b->p)
		return !a->p && !b->p;
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

/* theirs's value in the union */
static int unite(struct texts *x, enum st_vocab_form form, const struct st_keys_text *sides,
		 struct st_keys_text *text, struct st_err *e)
{
	struct st_vocab_text ours = { sides[0].p, sides[0].len };
	const struct st_vocab_text theirs = { sides[1].p, sides[1].len };
	const struct st_weave_vocab *v;
	struct st_buf out;
	int rc = st_weave_vocab(x->w, x->s->path, &v, e);

	if (rc != ST_OK)
		return rc;
	if (!ours.p && form != ST_VOCAB_SIZE)
		ours = (struct st_vocab_text){ *(const char *)theirs.p == '{' ? "{}" : "[]", 2 };
	else if (!ours.p)
		ours = theirs;
	st_buf_init(&out, 4 * MOST);
	rc = st_vocab_text(form, &v->u, &ours, &theirs, &out, e);
	if (rc == ST_OK) {
		text->p = st_arena_dup(&x->w->arena, out.p, out.len, e);
		text->len = out.len;
		rc = e->code;
	}
	st_buf_release(&out);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", x->s->path);
}

/* Lists that all sides have as one are no matter of a decision; others are where several sides
 * changed them, or anything of the tokens: what each changed belongs to what it changed besides. */
static bool is_contested(const struct texts *x, enum st_vocab_form form,
			 const struct st_keys_text *base, const struct st_keys_text *sides)
{
	size_t changed = 0, others = 0;

	for (size_t i = 0; i < x->n; i++) {
		changed += !equal(base, &sides[i]);
		others += !equal(&sides[0], &sides[i]);
	}
	if (x->clash && form != ST_VOCAB_SIZE)
		return others != 0;
	return x->n == 2 && others && changed == 2;
}

/* Of a vocabulary that is joined no list is left to be decided. */
static int choose_tokens(struct texts *x, const char *key, size_t len,
			 const struct st_keys_text *base, const struct st_keys_text *sides,
			 struct st_choice *c, struct st_err *e)
{
	int rc = st_weave_known(x->w, x->s->path, len ? key : "", len, c, e);

	if (rc != ST_OK || c->how != ST_HOW_OPEN || !st_weave_united(x->w, x->s->path))
		return rc == ST_OK ?
			       choose(x, ST_CONFLICT_VOCABULARY, key, len, base, sides, c, e) :
			       rc;
	c->how = ST_HOW_UNION;
	return ST_OK;
}

/* The only side that has not the base's value; x->n: there are more of them, or none. */
static size_t find_changer(const struct texts *x, const struct st_keys_text *base,
			   const struct st_keys_text *sides)
{
	size_t who = x->n, changed = 0;

	for (size_t i = 0; i < x->n; i++)
		if (!equal(base, &sides[i])) {
			who = i;
			changed++;
		}
	return changed == 1 ? who : x->n;
}

/*
 * Ids are in common numbers, so that they are a matter of keys like others. But one that only one
 * side changed, to a token that the tokenizer will have only if that side's is chosen, goes with the
 * vocabulary.
 */
static int own_ids(struct texts *x, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e)
{
	const size_t who = find_changer(x, base, sides);
	struct st_vocab_text value;
	struct st_choice c;
	bool lone;
	int rc;

	if (who == x->n || !sides[who].p)
		return ST_OK;
	value = (struct st_vocab_text){ sides[who].p, sides[who].len };
	rc = st_weave_ids_lone(x->ids, st_weave_file_name(x->s->path), key, len, &value, &lone, e);
	if (rc != ST_OK || !lone)
		return rc;
	rc = st_weave_ids_clash(x->ids) ?
		     choose_tokens(x, key, len, base, sides, &c, e) :
		     choose(x, ST_CONFLICT_SETTING, key, len, base, sides, &c, e);
	if (rc != ST_OK)
		return rc;
	*mine = x->decided = true;
	*text = c.how == ST_HOW_BASE  ? *base :
		c.how == ST_HOW_SIDE  ? sides[c.side] :
		c.how == ST_HOW_UNION ? sides[who] :
					sides[0];
	return ST_OK;
}

static int own_key(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e)
{
	struct texts *x = arg;
	enum st_vocab_form form = st_vocab_form_of(st_weave_file_name(x->s->path), key, len);
	bool united = st_weave_united(x->w, x->s->path);
	struct st_choice c = { .how = ST_HOW_UNION };
	int rc;

	*mine = false;
	if (x->w->fit) {
		rc = st_weave_fit_key(x->w, key, len, text, mine, e);
		if (rc != ST_OK || *mine)
			return rc;
	}
	rc = own_from(x, len ? key : "", len, text, mine, e);
	if (rc != ST_OK || *mine || form == ST_VOCAB_NONE)
		return rc;
	if (form == ST_VOCAB_ID)
		return x->ids ? own_ids(x, key, len, base, sides, text, mine, e) : ST_OK;
	if (is_contested(x, form, base, sides))
		rc = choose_tokens(x, key, len, base, sides, &c, e);
	else if (!united || (form == ST_VOCAB_SIZE && equal(base, &sides[1])))
		return ST_OK;
	*mine = x->decided = true;
	*text = c.how == ST_HOW_BASE ? *base : c.how == ST_HOW_SIDE ? sides[c.side] : sides[0];
	return rc == ST_OK && c.how == ST_HOW_UNION && sides[1].p ? unite(x, form, sides, text, e) :
								    rc;
}

static int differ(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	(void)a;
	(void)b;
	*(bool *)arg = true;
	return ST_ENO;
}

/* Do two texts say the same, each key once? What cannot be read does not. */
static bool says(bool yaml, const struct st_buf *a, const struct st_buf *b)
{
	struct st_settings sa, sb;
	struct st_err none = { 0 };
	bool differs = false, once;

	st_settings_init(&sa);
	st_settings_init(&sb);
	once = read_once(&sa, yaml, a) && read_once(&sb, yaml, b) &&
	       st_settings_diff(&sa, &sb, differ, &differs, &none) == ST_OK;
	st_settings_release(&sa);
	st_settings_release(&sb);
	return once && !differs;
}

/* Where lines go together and say what was decided by key, they have theirs's comments too. */
static int store_yaml(struct texts *x, const struct st_buf *text, struct st_err *e)
{
	struct st_buf lines;
	size_t conflicts;
	int rc;

	st_buf_init(&lines, 4 * MOST);
	rc = join_lines(x, &lines, &conflicts, e);
	if (rc == ST_OK)
		rc = store(x, !conflicts && says(true, &lines, text) ? &lines : text, e);
	st_buf_release(&lines);
	return rc;
}

/* *text with room for all tokens of a vocabulary that is joined. What is no JSON stays. */
static int resize(struct st_weave *w, const char *path, struct st_buf *text, bool *differs,
		  struct st_err *e)
{
	const struct st_vocab_text was = { text->p, text->len };
	const struct st_weave_vocab *v;
	struct st_err bad = { 0 };
	struct st_buf out, t = *text;
	int rc = st_weave_vocab(w, path, &v, e);

	*differs = false;
	if (rc != ST_OK)
		return rc;
	st_buf_init(&out, 4 * MOST);
	rc = st_vocab_sizes(&v->u, v->ours.end < v->theirs.end ? v->ours.end : v->theirs.end, &was,
			    &out, &bad);
	*differs = rc == ST_OK && (out.len != t.len || memcmp(out.p, t.p, t.len) != 0);
	if (*differs) {
		*text = out;
		out = t;
	}
	st_buf_release(&out);
	if (rc == ST_OK || rc == ST_EFORMAT)
		return ST_OK;
	*e = bad;
	return rc;
}

int st_weave_resized(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
		     struct st_err *e)
{
	bool differs = false;
	struct st_buf b;
	int rc;

	if (row->mode == ST_MODE_LINK || !row->size || row->size > MOST_CONFIG)
		return st_weave_take(w, s, row, e);
	st_buf_init(&b, MOST_CONFIG);
	rc = st_weave_slurp(w, row, &b, e);
	if (rc == ST_OK)
		rc = resize(w, s->path, &b, &differs, e);
	if (rc == ST_OK)
		rc = differs ? st_weave_store_text(w, s, &b, e) : st_weave_take(w, s, row, e);
	st_buf_release(&b);
	return rc;
}

static bool ends_line(const struct st_buf *b)
{
	return b->len && b->p[b->len - 1] == '\n';
}

/* The side that made of the file what all made that changed it; x->n: there is none. */
static size_t only_change(const struct texts *x)
{
	size_t who = x->n;

	for (size_t i = 0; i < x->n && x->s->base; i++) {
		const struct st_stage_row *side = x->s->side[i];

		if (!side || st_weave_same(side, x->s->base))
			continue;
		if (who < x->n && !st_weave_same(x->s->side[who], side))
			return x->n;
		who = who < x->n ? who : i;
	}
	return who;
}

/* ---- by key ---- */

struct keyed { /* the texts that are merged: with ids in common numbers, if it has some */
	struct st_buf base, side[ST_THREE_SIDES];
};

static struct st_keys_text text_of(const struct texts *x, const struct st_buf *was,
				   const struct st_buf *common)
{
	const struct st_buf *b = x->ids ? common : was;

	return (struct st_keys_text){ b->p ? (const void *)b->p : "", b->len };
}

static int to_common(struct texts *x, size_t part, const struct st_buf *was, struct st_buf *out,
		     struct st_err *e)
{
	const struct st_vocab_text text = { was->p ? (const void *)was->p : "", was->len };

	return x->ids ? st_weave_ids_common(x->ids, part, st_weave_file_name(x->s->path), &text,
					    out, e) :
			ST_OK;
}

/* *text with ids of the result; loose: as in st_weave_ids_result */
static int to_result(struct texts *x, bool loose, struct st_buf *text, struct st_err *e)
{
	const struct st_vocab_text was = { text->p, text->len };
	struct st_buf out, t = *text;
	int rc;

	if (!x->ids || !text->len)
		return ST_OK;
	st_buf_init(&out, 4 * MOST);
	rc = st_weave_ids_result(x->w, x->ids, x->s->path, loose, &was, &out, e);
	if (rc == ST_OK) {
		*text = out;
		out = t;
	}
	st_buf_release(&out);
	return rc;
}

/* Where it says what the only side that changed the file does, it is that side's, as it lies there. */
static int store_keyed(struct texts *x, struct keyed *v, size_t only, struct st_buf *out,
		       struct st_err *e)
{
	const bool mine = only < x->n && !x->decided;
	int rc = mine ? to_result(x, true, &v->side[only], e) : ST_OK;

	if (rc != ST_OK)
		return rc;
	if (x->lang == ST_KEYS_YAML)
		return store_yaml(x, out, e);
	if (mine && !x->ids)
		return st_weave_take(x->w, x->s, x->s->side[only], e);
	return store(x, mine && says(false, out, &v->side[only]) ? &v->side[only] : out, e);
}

static int merge_keys(struct texts *x, struct keyed *v, struct st_buf *out, struct st_err *e)
{
	struct st_keys_text sides[ST_THREE_SIDES] = { { 0 } };
	struct st_keys k = {
		.sides = sides, .n = x->n, .decide = decide_key, .arg = x, .lang = x->lang
	};
	size_t last = 0;
	bool resized;
	int rc = ST_OK;

	if (x->s->base && !x->baseless) {
		rc = to_common(x, ST_THREE_BASE, &x->base, &v->base, e);
		k.base = text_of(x, &x->base, &v->base);
	}
	for (size_t i = 0; rc == ST_OK && i < x->n; i++) {
		if (!x->s->side[i])
			continue;
		rc = to_common(x, i, &x->side[i], &v->side[i], e);
		sides[i] = text_of(x, &x->side[i], &v->side[i]);
		last = i;
	}
	if (rc != ST_OK)
		return rc;
	if (((x->n == 2 || x->clash) && st_vocab_file(st_weave_file_name(x->s->path))) ||
	    st_weave_takes_from(x->w, x->s->path) || x->w->fit || x->ids)
		k.own = own_key;
	/* what only theirs has is renumbered all the same */
	if (!sides[0].p && sides[1].p && st_weave_renumbers(x->w, x->s))
		sides[0] = (struct st_keys_text){ "{}\n", 2 + ends_line(&x->side[1]) };
	if (!sides[0].p) /* of one side alone */
		rc = st_buf_add(out, sides[last].p, sides[last].len, e);
	else
		rc = st_keys_merge(&k, out, e);
	if (rc == ST_OK && out->len && st_weave_resizes(x->w, x->s->path))
		rc = resize(x->w, x->s->path, out, &resized, e);
	return rc == ST_OK ? to_result(x, x->open, out, e) : rc;
}

/* Is there something to put keys into? */
static bool has_place(const struct texts *x)
{
	size_t have = 0;

	for (size_t i = 0; i < x->n; i++)
		have += x->s->side[i] != NULL;
	return x->s->side[0] || (x->ids && have == 1) ||
	       (x->s->side[1] && st_weave_renumbers(x->w, x->s));
}

/* *done false: it is not of that language, or not on every side. */
static int by_key(struct texts *x, bool *done, struct st_err *e)
{
	const size_t only =
		(x->clash || x->ids) && !st_weave_united(x->w, x->s->path) ? only_change(x) : x->n;
	struct keyed v;
	struct st_buf out;
	int rc;

	*done = has_place(x);
	if (!*done)
		return ST_OK;
	st_buf_init(&out, 4 * MOST);
	st_buf_init(&v.base, 4 * MOST);
	for (size_t i = 0; i < x->n; i++)
		st_buf_init(&v.side[i], 4 * MOST);
	rc = merge_keys(x, &v, &out, e);
	if (rc == ST_EFORMAT || (rc == ST_ELIMIT && x->lang == ST_KEYS_YAML)) {
		st_err_clear(e);
		*done = false;
		rc = ST_OK;
	} else if (rc == ST_OK) {
		rc = store_keyed(x, &v, only, &out, e);
	}
	st_buf_release(&out);
	st_buf_release(&v.base);
	for (size_t i = 0; i < x->n; i++)
		st_buf_release(&v.side[i]);
	return rc == ST_EREFUSED && x->lang == ST_KEYS_YAML ? st_wrap(e, "%s", x->s->path) : rc;
}

static bool is_yaml(const struct texts *x)
{
	bool fits = x->base.len <= MOST_YAML;

	for (size_t i = 0; i < x->n; i++)
		fits = fits && x->side[i].len <= MOST_YAML;
	return fits && is_yaml_file(x->s->path);
}

/* Is it of a language that is merged by key? */
static bool has_keys(struct texts *x)
{
	x->lang = is_yaml(x) ? ST_KEYS_YAML : ST_KEYS_JSON;
	return x->lang == ST_KEYS_YAML || ends(x->s->path, ".json");
}

/* What all sides have as one. */
static bool is_agreed(const struct texts *x)
{
	bool same = true;

	for (size_t i = 0; i < x->n; i++)
		same = same && x->s->side[i] && st_weave_same(x->s->side[0], x->s->side[i]);
	return same;
}

/* Has some side not got it? */
static bool is_lone(const struct texts *x)
{
	bool all = true;

	for (size_t i = 0; i < x->n; i++)
		all = all && x->s->side[i];
	return !all;
}

/* Of several bases that differ. */
static int join_bases(struct texts *x, struct st_err *e)
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
static int whole_table(struct texts *x, bool *made, struct st_err *e)
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

static bool is_whole_table(const struct texts *x)
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
static int without_base(struct texts *x, bool *keys, bool *made, struct st_err *e)
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

static int weave_text(struct texts *x, struct st_err *e)
{
	bool keys = false, made = false, alone = false;
	int rc = join_bases(x, e);

	if (rc == ST_OK && is_whole_table(x))
		rc = whole_table(x, &made, e);
	if (rc == ST_OK && !made && x->baseless)
		rc = without_base(x, &alone, &made, e);
	if (rc == ST_OK && !made && (!x->baseless || alone) && has_keys(x))
		rc = by_key(x, &keys, e);
	return rc == ST_OK && !made && !keys ? by_line(x, e) : rc;
}

int st_weave_text(struct st_weave *w, const struct st_strand *s, bool *done, struct st_err *e)
{
	struct texts x = { .w = w, .s = s, .n = w->n };
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
