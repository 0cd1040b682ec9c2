/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations by key: what is decided about each, and what is a matter of tokens instead. */
#include "repo/weave_text.h"

#include "diff/settings.h"

#define MOST ST_TEXTS_MAX
#define MOST_CONFIG ((size_t)1 << 20)

static int store(struct st_texts *x, const struct st_buf *text, struct st_err *e)
{
	return st_weave_store_text(x->w, x->s, text, e);
}

/* May a value at that key have ids? */
static bool may_have_ids(const struct st_texts *x, enum st_vocab_form form)
{
	return x->ids &&
	       (form == ST_VOCAB_ID ||
		(form == ST_VOCAB_NONE && !st_vocab_is_table(st_weave_file_name(x->s->path))));
}

/* As it lies in the file, where ids are in common numbers here. */
static int hold(struct st_texts *x, const struct st_buf *lies, const char *key, size_t len,
		const struct st_keys_text *text, struct st_merge_held *out, struct st_err *e)
{
	const struct st_keys_text all = { lies->p ? (const void *)lies->p : "", lies->len };
	enum st_vocab_form form = st_vocab_form_of(st_weave_file_name(x->s->path), key, len);
	struct st_keys_text was = *text;
	int rc = ST_OK;

	if (text->p && may_have_ids(x, form))
		rc = st_keys_find(x->lang, &all, key, len, &x->w->arena, &was, e);
	return rc == ST_OK ? st_held_text(x->w, &was, out, e) : rc;
}

static int choose(struct st_texts *x, enum st_conflict kind, const char *key, size_t len,
		  const struct st_keys_text *base, const struct st_keys_text *sides,
		  struct st_choice *c, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_held held[ST_THREE_SIDES + 1];
	struct st_merge_item it = { .path = x->s->path,
				    .path_len = strlen(x->s->path),
				    .name = len ? key : "",
				    .name_len = len,
				    .kind = st_conflict_name(kind),
				    .sides = ids,
				    .nsides = x->n,
				    .held = held };
	int rc;

	if (base->p)
		st_oid_of(&it.base, base->p, base->len);
	rc = hold(x, &x->base, it.name, len, base, &held[0], e);
	for (size_t i = 0; rc == ST_OK && i < x->n; i++) {
		if (sides[i].p)
			st_oid_of(&ids[i], sides[i].p, sides[i].len);
		rc = hold(x, &x->side[i], it.name, len, &sides[i], &held[i + 1], e);
	}
	if (rc == ST_OK)
		rc = st_weave_item(x->w, &it, ST_RULED_NOT, c, e);
	if (rc != ST_OK)
		return rc;
	if (c->how == ST_HOW_BASE && x->baseless)
		return st_weave_no_base(x->s->path, key, len, e);
	x->open = x->open ||
		  (c->how == ST_HOW_OPEN &&
		   st_vocab_form_of(st_weave_file_name(x->s->path), key, len) != ST_VOCAB_SIZE);
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
	struct st_texts *x = arg;
	struct st_choice c;
	int rc = choose(x, ST_CONFLICT_SETTING, key, len, base, sides, &c, e);

	*choice = c.how == ST_HOW_BASE ? x->n : c.side;
	x->gone = x->gone || (rc == ST_OK && !len && !(*choice < x->n ? &sides[*choice] : base)->p);
	return rc;
}

/* ---- values of other versions ---- */

static int find_from(struct st_texts *x, const struct st_oid *commit, const char *key, size_t len,
		     struct st_keys_text *text, struct st_err *e)
{
	struct st_keys_text all = { 0 };
	const struct st_stage_row *row;
	struct st_vocab_text was;
	struct st_buf b, common;
	size_t part;
	int rc = st_weave_strand_from(x->w, commit, x->s, &row, e);

	*text = all;
	if (rc == ST_OK && !row && st_weave_part(x->w, commit, &part))
		return ST_OK; /* which removed it */
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
static int own_from(struct st_texts *x, const char *key, size_t len, struct st_keys_text *text,
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
static int unite(struct st_texts *x, enum st_vocab_form form, const struct st_keys_text *sides,
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
static bool is_contested(const struct st_texts *x, const struct st_keys_text *base,
			 const struct st_keys_text *sides)
{
	size_t changed = 0, others = 0;

	for (size_t i = 0; i < x->n; i++) {
		changed += !equal(base, &sides[i]);
		others += !equal(&sides[0], &sides[i]);
	}
	if (x->clash)
		return others != 0;
	return x->n == 2 && others && changed == 2;
}

/* Of a vocabulary that is joined no list is left to be decided. */
static int choose_tokens(struct st_texts *x, const char *key, size_t len,
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
static size_t find_changer(const struct st_texts *x, const struct st_keys_text *base,
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

static bool is_object(const struct st_keys_text *text)
{
	return text->p && text->len && *(const char *)text->p == '{';
}

/* Is it a matter of its members? */
static bool is_entered(const struct st_texts *x, const struct st_keys_text *base,
		       const struct st_keys_text *sides)
{
	bool all = !base->p || is_object(base);

	for (size_t i = 0; i < x->n; i++)
		all = all && is_object(&sides[i]);
	return all;
}

/*
 * Ids are in common numbers, so that they are a matter of keys like others. But one that only one
 * side changed, to a token that the tokenizer will have only if that side's is chosen, goes with
 * the vocabulary.
 */
static int own_ids(struct st_texts *x, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e)
{
	const size_t who = find_changer(x, base, sides);
	struct st_vocab_text value;
	struct st_choice c;
	bool lone;
	int rc;

	if (who == x->n || !sides[who].p || is_entered(x, base, sides))
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
	x->gone = x->gone || (!len && !text->p);
	return ST_OK;
}

static int own_key(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e)
{
	struct st_texts *x = arg;
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
	x->gone = x->gone || (rc == ST_OK && !len && *mine && !text->p);
	if (rc == ST_OK && !*mine && may_have_ids(x, form))
		rc = own_ids(x, key, len, base, sides, text, mine, e);
	if (rc != ST_OK || *mine || form == ST_VOCAB_NONE || form == ST_VOCAB_ID)
		return rc;
	if (is_contested(x, base, sides))
		rc = choose_tokens(x, key, len, base, sides, &c, e);
	else if (!united || (form == ST_VOCAB_SIZE && equal(base, &sides[1])))
		return ST_OK;
	*mine = x->decided = true;
	*text = c.how == ST_HOW_BASE ? *base : c.how == ST_HOW_SIDE ? sides[c.side] : sides[0];
	return rc == ST_OK && c.how == ST_HOW_UNION && sides[1].p ? unite(x, form, sides, text, e) :
								    rc;
}

bool st_texts_read_once(struct st_settings *s, bool yaml, const struct st_buf *b)
{
	struct st_err none = { 0 };
	int rc = yaml ? st_settings_yaml(s, "", b->p, b->len, &none) :
			st_settings_json(s, "", b->p, b->len, &none);

	return rc == ST_OK && !s->twice.key;
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
	once = st_texts_read_once(&sa, yaml, a) && st_texts_read_once(&sb, yaml, b) &&
	       st_settings_diff(&sa, &sb, differ, &differs, &none) == ST_OK;
	st_settings_release(&sa);
	st_settings_release(&sb);
	return once && !differs;
}

/* Where lines go together and say what was decided by key, they have theirs's comments too. */
static int store_yaml(struct st_texts *x, const struct st_buf *text, struct st_err *e)
{
	struct st_buf lines;
	size_t conflicts;
	int rc;

	st_buf_init(&lines, 4 * MOST);
	rc = st_texts_join_lines(x, &lines, &conflicts, e);
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
	bool has, differs = false;
	struct st_buf b;
	int rc;

	st_buf_init(&b, MOST_CONFIG);
	rc = st_weave_slurp_text(w, row, &b, &has, e);
	if (rc == ST_OK && b.len)
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
static size_t only_change(const struct st_texts *x)
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

static struct st_keys_text text_of(const struct st_texts *x, const struct st_buf *was,
				   const struct st_buf *common)
{
	const struct st_buf *b = x->ids ? common : was;

	return (struct st_keys_text){ b->p ? (const void *)b->p : "", b->len };
}

static int to_common(struct st_texts *x, size_t part, const struct st_buf *was, struct st_buf *out,
		     struct st_err *e)
{
	const struct st_vocab_text text = { was->p ? (const void *)was->p : "", was->len };

	return x->ids ? st_weave_ids_common(x->ids, part, st_weave_file_name(x->s->path), &text,
					    out, e) :
			ST_OK;
}

/* Where it says what the only side that changed the file does, it is that side's, as it lies
 * there. */
static int store_keyed(struct st_texts *x, struct keyed *v, size_t only, struct st_buf *out,
		       struct st_err *e)
{
	const bool mine = only < x->n && !x->decided;

	if (x->lang == ST_KEYS_YAML)
		return store_yaml(x, out, e);
	if (x->ids)
		return st_weave_ids_store(
			x->w, x->ids, x->s, x->open,
			mine && says(false, out, &v->side[only]) ? &v->side[only] : out, e);
	return mine ? st_weave_take(x->w, x->s, x->s->side[only], e) : store(x, out, e);
}

/* What ours has not, and others have as one. */
static int take_other(struct st_texts *x, const struct st_keys_text *base,
		      const struct st_keys_text *sides, size_t last, struct st_buf *out,
		      struct st_err *e)
{
	struct st_keys_text text = sides[last];
	bool mine = false;
	int rc;

	for (size_t i = 0; i < last; i++)
		if (sides[i].p && !equal(&sides[i], &text))
			return st_fail(e, ST_EFORMAT, "there is nothing to put keys into");
	rc = own_ids(x, "", 0, base, sides, &text, &mine, e);
	return rc == ST_OK && text.p ? st_buf_add(out, text.p, text.len, e) : rc;
}

static int merge_keys(struct st_texts *x, struct keyed *v, struct st_buf *out, struct st_err *e)
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
	rc = sides[0].p ? st_keys_merge(&k, out, e) : take_other(x, &k.base, sides, last, out, e);
	if (rc == ST_OK && out->len && st_weave_resizes(x->w, x->s->path))
		rc = resize(x->w, x->s->path, out, &resized, e);
	return rc;
}

/* Is there something to put keys into? */
static bool has_place(const struct st_texts *x)
{
	bool any = false;

	for (size_t i = 0; i < x->n; i++)
		any = any || x->s->side[i];
	return x->s->side[0] || (x->ids && any) ||
	       (x->s->side[1] && st_weave_renumbers(x->w, x->s));
}

int st_texts_by_key(struct st_texts *x, bool *done, struct st_err *e)
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
		rc = x->gone ? st_weave_take(x->w, x->s, NULL, e) :
			       store_keyed(x, &v, only, &out, e);
	}
	st_buf_release(&out);
	st_buf_release(&v.base);
	for (size_t i = 0; i < x->n; i++)
		st_buf_release(&v.side[i]);
	return rc == ST_EREFUSED && x->lang == ST_KEYS_YAML ? st_wrap(e, "%s", x->s->path) : rc;
}

int st_weave_take_text(struct st_weave *w, const struct st_strand *s,
		       const struct st_stage_row *row, size_t part, const struct st_oid *from,
		       bool loose, struct st_err *e)
{
	const char *file = st_weave_file_name(s->path);
	struct st_weave_ids *ids = NULL;
	struct st_vocab_text text;
	struct st_buf was, common;
	int rc = ST_OK;

	if (row && row->mode != ST_MODE_LINK && row->size <= MOST)
		rc = st_weave_ids(w, s->path, &ids, e);
	if (rc != ST_OK || !ids)
		return rc == ST_OK ? st_weave_take(w, s, row, e) : rc;
	st_buf_init(&was, MOST);
	st_buf_init(&common, 2 * MOST);
	rc = st_weave_slurp(w, row, &was, e);
	text = (struct st_vocab_text){ was.p ? (const void *)was.p : "", was.len };
	if (rc == ST_OK && from)
		rc = st_weave_ids_common_from(w, ids, from, file, &text, &common, e);
	else if (rc == ST_OK)
		rc = st_weave_ids_common(ids, part, file, &text, &common, e);
	if (rc == ST_OK) {
		rc = st_weave_ids_store(w, ids, s, loose, &common, e);
	} else if (rc == ST_EFORMAT) { /* it is none that says an id */
		st_err_clear(e);
		rc = st_weave_take(w, s, row, e);
	}
	st_buf_release(&common);
	st_buf_release(&was);
	return rc;
}
