/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/keys_doc.h"

#include "merge/lines3.h"
#include "tensor/quote.h"

/* ---- reading ---- */

static int member_key(struct st_buf *b, size_t object, const char *key, size_t len,
		      struct st_err *e)
{
	uint8_t n[8];
	int rc;

	st_put64(n, object);
	st_buf_clear(b);
	rc = st_buf_add(b, n, sizeof(n), e);
	return rc == ST_OK ? st_buf_add(b, key, len, e) : rc;
}

int st_kdoc_member(struct st_kdoc *d, size_t object, size_t child, const char *key, size_t len,
		   struct st_err *e)
{
	struct st_quote q;
	struct st_buf b;
	bool had = false;
	int rc;

	st_buf_init(&b, len + 16);
	rc = member_key(&b, object, key, len, e);
	if (rc == ST_OK)
		rc = st_map_put(&d->members, b.p, b.len, child + 1, &had, NULL, e);
	st_buf_release(&b);
	if (rc == ST_OK && had)
		rc = st_fail(e, ST_EFORMAT, "key %s comes twice in an object",
			     st_quote(&q, key, len));
	d->v[child].key = d->keys.len;
	d->v[child].key_len = len;
	return rc == ST_OK ? st_buf_add(&d->keys, key, len, e) : rc;
}

void st_kdoc_link(struct st_kdoc *d, size_t parent, size_t *last, size_t child)
{
	if (*last)
		d->v[*last - 1].next = child + 1;
	else
		d->v[parent].first = child + 1;
	*last = child + 1;
	d->v[parent].n++;
}

static const struct st_klang *lang_of(enum st_keys_lang lang)
{
	return lang == ST_KEYS_YAML ? &st_klang_yaml : &st_klang_json;
}

static void free_doc(struct st_kdoc *d)
{
	free(d->v);
	st_buf_release(&d->text);
	st_buf_release(&d->values);
	st_buf_release(&d->keys);
	st_map_release(&d->members);
}

static const struct st_knode *member(const struct st_kdoc *d, const struct st_knode *object,
				     const char *key, size_t len)
{
	struct st_err none = { 0 };
	const struct st_knode *found = NULL;
	struct st_buf b;
	uint64_t at;

	if (!object || object->type != ST_JSON_OBJECT)
		return NULL;
	st_buf_init(&b, len + 16);
	if (member_key(&b, (size_t)(object - d->v), key, len, &none) == ST_OK &&
	    st_map_get(&d->members, b.p, b.len, &at))
		found = &d->v[at - 1];
	st_buf_release(&b);
	return found;
}

/* ---- comparing ---- */

const struct st_knode *st_kdoc_child(const struct st_kdoc *d, const struct st_knode *x)
{
	return x && x->first ? &d->v[x->first - 1] : NULL;
}

const struct st_knode *st_kdoc_after(const struct st_kdoc *d, const struct st_knode *x)
{
	return x && x->next ? &d->v[x->next - 1] : NULL;
}

typedef bool alike_fn(const struct st_kdoc *da, const struct st_knode *a, const struct st_kdoc *db,
		      const struct st_knode *b);

/* White space aside, and the order of keys; with `alike`, the spelling of scalars, too. */
static bool same(const struct st_kdoc *da, const struct st_knode *a, const struct st_kdoc *db,
		 const struct st_knode *b, alike_fn *alike)
{
	const struct st_knode *x, *y;

	if (!a || !b)
		return a == b;
	if (a->type != b->type || a->n != b->n)
		return false;
	if (a->type != ST_JSON_OBJECT && a->type != ST_JSON_ARRAY)
		return (a->to - a->from == b->to - b->from &&
			memcmp(da->p + a->from, db->p + b->from, a->to - a->from) == 0) ||
		       (alike && alike(da, a, db, b));
	y = st_kdoc_child(db, b);
	for (x = st_kdoc_child(da, a); x; x = st_kdoc_after(da, x)) {
		if (a->type == ST_JSON_OBJECT)
			y = member(db, b, (const char *)da->keys.p + x->key, x->key_len);
		if (!y || !same(da, x, db, y, alike))
			return false;
		if (a->type == ST_JSON_ARRAY)
			y = st_kdoc_after(db, y);
	}
	return true;
}

/* ---- merging ---- */

struct place { /* one value on all sides; NULL: absent */
	const struct st_knode *base, *side[ST_THREE_SIDES];
};

int st_kcut(struct st_kmerge *k, size_t from, size_t to, const char *p, size_t len,
	    struct st_err *e)
{
	int rc = st_grow(&k->cuts, &k->cap, k->ncuts + 1, e);

	if (rc == ST_OK) {
		k->cuts[k->ncuts] = (struct st_kcut){ from, to, k->ncuts, p, len };
		k->ncuts++;
	}
	return rc;
}

static const struct st_kdoc *doc_of(const struct st_kmerge *k, size_t i)
{
	return i < k->k->n ? &k->side[i] : &k->base;
}

static int text_of(struct st_kmerge *k, const struct st_kdoc *d, const struct st_knode *x,
		   struct st_keys_text *out, struct st_err *e)
{
	*out = (struct st_keys_text){ 0 };
	return x ? k->lang->text(k, d, x, out, e) : ST_OK;
}

/* For keys_check.c: the value at the path is that of side `who`. */
static int pick(struct st_kmerge *k, size_t who, struct st_err *e)
{
	return k->picks ? st_map_put(k->picks, k->path.p, k->path.len, who, NULL, NULL, e) : ST_OK;
}

static int pick_own(struct st_kmerge *k, const struct st_keys_text *text, struct st_err *e)
{
	int rc = k->picks ? st_grow(&k->own, &k->own_cap, k->nown + 1, e) : ST_OK;

	if (rc != ST_OK || !k->picks)
		return rc;
	k->own[k->nown] = *text;
	return pick(k, ST_KPICK_OWN + k->nown++, e);
}

/* What becomes of a value: `text`, or what it is in ours but for cuts inside. */
struct outcome {
	bool as_ours;
	bool own;		  /* nobody's comments belong to it but ours's */
	struct st_keys_text text; /* p NULL: it goes */
};

static int take(struct st_kmerge *k, const struct place *x, size_t from, struct outcome *o,
		struct st_err *e)
{
	int rc = pick(k, from, e);

	*o = (struct outcome){ .as_ours = from == 0 };
	return rc == ST_OK && from ?
		       text_of(k, doc_of(k, from), from < k->k->n ? x->side[from] : x->base,
			       &o->text, e) :
		       rc;
}

static int ask(struct st_kmerge *k, const struct place *x, bool own, struct outcome *o, bool *mine,
	       struct st_err *e)
{
	struct st_keys_text base, sides[ST_THREE_SIDES];
	const char *path = (const char *)k->path.p;
	size_t from = 0;
	int rc = text_of(k, &k->base, x->base, &base, e);

	for (size_t i = 0; rc == ST_OK && i < k->k->n; i++)
		rc = text_of(k, &k->side[i], x->side[i], &sides[i], e);
	if (rc != ST_OK)
		return rc;
	if (own) {
		*o = (struct outcome){ .own = true };
		rc = k->k->own(k->k->arg, path, k->path.len, &base, sides, &o->text, mine, e);
		return rc == ST_OK && *mine ? pick_own(k, &o->text, e) : rc;
	}
	rc = k->k->decide(k->k->arg, path, k->path.len, &base, sides, &from, e);
	if (rc == ST_OK)
		rc = take(k, x, from, o, e);
	o->own = from == 0;
	return rc;
}

static int merge_object(struct st_kmerge *k, const struct place *x, struct st_err *e);
static int merge_array(struct st_kmerge *k, const struct place *x, struct st_err *e);

/* Are all that have a say of that type, and lists of one length? */
static bool all_are(const struct st_kmerge *k, const struct place *x, enum st_json_type type)
{
	bool object = type == ST_JSON_OBJECT;

	if (x->base && (x->base->type != type || (object && x->base->flow)))
		return false;
	for (size_t i = 0; i < k->k->n; i++)
		if (k->side[i].p &&
		    (!x->side[i] || x->side[i]->type != type || (object && x->side[i]->flow) ||
		     (type == ST_JSON_ARRAY && (!x->base || x->side[i]->n != x->base->n))))
			return false;
	return true;
}

/* Did ours lay it out otherwise, in white space or the order of keys? */
static bool is_relaid(const struct st_kmerge *k, const struct place *x)
{
	const struct st_knode *a = x->base, *b = x->side[0];

	return a && b &&
	       (a->to - a->from != b->to - b->from ||
		memcmp(k->base.p + a->from, k->side[0].p + b->from, a->to - a->from) != 0);
}

static bool enters(const struct st_kmerge *k, const struct place *x)
{
	return (k->lang->always_enters || is_relaid(k, x)) &&
	       (all_are(k, x, ST_JSON_OBJECT) || all_are(k, x, ST_JSON_ARRAY));
}

static bool equal(const struct st_keys_text *a, const struct st_keys_text *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

/* By line, if that is without a conflict and says what the side `who` does. */
static int by_line(struct st_kmerge *k, const struct place *x, size_t who,
		   const struct st_keys_text *base, const struct st_keys_text *sides,
		   struct outcome *o, struct st_err *e)
{
	const struct st_keys_text *of[3] = { base, &sides[0], &sides[1] };
	struct st_text t[3];
	struct st_kdoc doc = { 0 };
	struct st_err no = { 0 };
	struct st_buf b;
	size_t conflicts = 0;
	int rc;

	/* with the end of its last line, which must not be another one for what comes behind it */
	for (size_t i = 0; i < 3; i++) {
		char *p = st_arena_alloc(&k->arena, of[i]->len + 1, e);

		if (!p)
			return e->code;
		memcpy(p, of[i]->p, of[i]->len);
		p[of[i]->len] = '\n';
		t[i] = (struct st_text){ p, of[i]->len + 1, "" };
	}
	st_buf_init(&b, 2 * (t[0].len + t[1].len + t[2].len) + 1024);
	rc = st_lines_merge(&t[0], &t[1], &t[2], &b, &conflicts, e);
	b.len -= b.len && b.p[b.len - 1] == '\n';
	if (rc == ST_OK && !conflicts && b.len &&
	    k->lang->read(&doc, &(struct st_keys_text){ b.p, b.len }, &no) == ST_OK &&
	    same(&doc, &doc.v[0], &k->side[who], x->side[who], k->lang->alike)) {
		o->as_ours = false;
		o->text = (struct st_keys_text){ st_arena_dup(&k->arena, b.p, b.len, e), b.len };
		rc = e->code;
	}
	free_doc(&doc);
	st_buf_release(&b);
	return rc;
}

/* One side changed the value, of several lines, and another what is said in it. */
static int join_lines(struct st_kmerge *k, const struct place *x, size_t who, struct outcome *o,
		      struct st_err *e)
{
	struct st_keys_text base, sides[ST_THREE_SIDES];
	int rc;

	if (!k->lang->comments || k->k->n != 2 || !x->base || !x->side[0] || !x->side[1])
		return ST_OK;
	rc = text_of(k, &k->base, x->base, &base, e);
	for (size_t i = 0; rc == ST_OK && i < 2; i++)
		rc = text_of(k, &k->side[i], x->side[i], &sides[i], e);
	if (rc != ST_OK || !base.len || *(const char *)base.p != '\n' || equal(&base, &sides[0]) ||
	    equal(&base, &sides[1]) || equal(&sides[0], &sides[1]))
		return rc;
	return by_line(k, x, who, &base, sides, o, e);
}

/* Once it is known what a value of ours that stays becomes. */
static int join_comments(struct st_kmerge *k, const struct place *x, const struct outcome *o,
			 struct st_err *e)
{
	const struct st_keys_text *text = o->as_ours ? NULL : &o->text;

	return k->lang->comments && !o->own ? k->lang->comments(k, x->base, x->side, text, e) :
					      ST_OK;
}

struct change {
	bool any, differ; /* from the base; from one another */
	size_t who;	  /* the first */
};

static struct change change_of(const struct st_kmerge *k, const struct place *x, alike_fn *alike)
{
	struct change c = { 0 };

	for (size_t i = 0; i < k->k->n; i++) {
		if (!k->side[i].p || same(&k->side[i], x->side[i], &k->base, x->base, alike))
			continue;
		if (!c.any)
			c.who = i;
		else if (!same(&k->side[i], x->side[i], &k->side[c.who], x->side[c.who], alike))
			c.differ = true;
		c.any = true;
	}
	return c;
}

/* Another spelling is a side's own, as long as no other side says something else. */
static void weigh(const struct st_kmerge *k, const struct place *x, struct change *c)
{
	const struct change said = change_of(k, x, k->lang->alike);

	c->differ = said.differ;
	if (said.any)
		c->who = said.who;
}

static int settle(struct st_kmerge *k, const struct place *x, struct outcome *o, struct st_err *e)
{
	const bool within = all_are(k, x, ST_JSON_OBJECT) || all_are(k, x, ST_JSON_ARRAY);
	struct change c = change_of(k, x, NULL);
	bool mine = false;
	int rc = ST_OK;

	if (c.any && k->k->own)
		rc = ask(k, x, true, o, &mine, e);
	if (rc != ST_OK || mine)
		return rc;
	/* one side's, but what it holds may be asked about, or has comments of ours */
	if ((c.any && k->k->own && all_are(k, x, ST_JSON_OBJECT)) ||
	    ((c.any || k->lang->comments) && enters(k, x)))
		c.differ = true;
	if (c.differ && !within)
		weigh(k, x, &c);
	if (!c.differ) {
		rc = take(k, x, c.who, o, e);
		return rc == ST_OK && c.any ? join_lines(k, x, c.who, o, e) : rc;
	}
	*o = (struct outcome){ .as_ours = true };
	if (all_are(k, x, ST_JSON_OBJECT))
		return merge_object(k, x, e);
	if (all_are(k, x, ST_JSON_ARRAY))
		return merge_array(k, x, e);
	return ask(k, x, false, o, &mine, e);
}

static int merge_array(struct st_kmerge *k, const struct place *x, struct st_err *e)
{
	size_t len = k->path.len;
	static const struct st_keys_text null = { "null", 4 };
	struct place p = { .base = st_kdoc_child(&k->base, x->base) };
	struct outcome o;
	int rc = ST_OK;

	for (size_t i = 0; i < k->k->n; i++)
		p.side[i] = st_kdoc_child(&k->side[i], x->side[i]);
	if (!p.base) /* empty everywhere, which is a value as well */
		rc = pick(k, 0, e);
	for (size_t at = 0; rc == ST_OK && p.base; at++) {
		k->path.len = len;
		rc = st_buf_addf(&k->path, e, "[%zu]", at);
		if (rc == ST_OK)
			rc = settle(k, &p, &o, e);
		if (rc == ST_OK && !o.as_ours)
			rc = k->lang->replace(k, p.side[0], o.text.p ? &o.text : &null, e);
		if (rc == ST_OK)
			rc = join_comments(k, &p, &o, e);
		p.base = st_kdoc_after(&k->base, p.base);
		for (size_t i = 0; i < k->k->n; i++)
			p.side[i] = st_kdoc_after(&k->side[i], p.side[i]);
	}
	k->path.len = len;
	return rc;
}

static int put_key(struct st_buf *path, const char *key, size_t len, struct st_err *e)
{
	bool quote = len == 0;
	struct st_jw w;

	for (size_t i = 0; i < len; i++)
		quote = quote || strchr(".[]\"\\", key[i]) || (unsigned char)key[i] < 0x20 ||
			key[i] == 0x7f;
	if (path->len && st_buf_addch(path, '.', e) != ST_OK)
		return e->code;
	if (!quote)
		return st_buf_add(path, key, len, e);
	st_jw_init(&w, path, false, e);
	st_jw_stringn(&w, key, len);
	return e->code;
}

static int keep(struct st_kmerge *k, struct st_kobject *j, const struct st_knode *c,
		const struct outcome *o, struct st_err *e)
{
	int rc = st_grow(&j->kept, &j->kept_cap, j->nkept + 1, e);

	if (rc != ST_OK)
		return rc;
	j->kept[j->nkept++] = c;
	return o->as_ours ? ST_OK : k->lang->replace(k, c, &o->text, e);
}

static int merge_ours(struct st_kmerge *k, const struct place *x, struct st_kobject *j,
		      struct st_err *e)
{
	size_t len = k->path.len;
	struct outcome o;
	int rc = ST_OK;

	for (const struct st_knode *c = st_kdoc_child(&k->side[0], j->x); rc == ST_OK && c;
	     c = st_kdoc_after(&k->side[0], c)) {
		const char *key = (const char *)k->side[0].keys.p + c->key;
		struct place p = { .base = member(&k->base, x->base, key, c->key_len) };

		for (size_t i = 0; i < k->k->n; i++)
			p.side[i] = member(&k->side[i], x->side[i], key, c->key_len);
		k->path.len = len;
		rc = put_key(&k->path, key, c->key_len, e);
		if (rc == ST_OK)
			rc = settle(k, &p, &o, e);
		if (rc != ST_OK)
			break;
		if (o.as_ours || o.text.p)
			rc = keep(k, j, c, &o, e);
		if (rc == ST_OK && (o.as_ours || o.text.p))
			rc = join_comments(k, &p, &o, e);
	}
	k->path.len = len;
	return rc;
}

/* Has an earlier side than i it? */
static bool seen(const struct st_kmerge *k, const struct place *x, size_t i, const char *key,
		 size_t len)
{
	for (size_t o = 0; o < i; o++)
		if (member(&k->side[o], x->side[o], key, len))
			return true;
	return false;
}

static int add(struct st_kobject *j, const struct st_kdoc *d, const struct st_knode *c,
	       const struct st_keys_text *text, struct st_err *e)
{
	int rc = st_grow(&j->added, &j->added_cap, j->nadded + 1, e);

	if (rc == ST_OK)
		j->added[j->nadded++] = (struct st_kadd){ d, c, *text };
	return rc;
}

static int merge_theirs(struct st_kmerge *k, const struct place *x, struct st_kobject *j, size_t i,
			struct st_err *e)
{
	size_t len = k->path.len;
	struct outcome o;
	int rc = ST_OK;

	for (const struct st_knode *c = st_kdoc_child(&k->side[i], x->side[i]); rc == ST_OK && c;
	     c = st_kdoc_after(&k->side[i], c)) {
		const char *key = (const char *)k->side[i].keys.p + c->key;
		struct place p = { .base = member(&k->base, x->base, key, c->key_len) };

		if (seen(k, x, i, key, c->key_len))
			continue;
		for (size_t s = 0; s < k->k->n; s++)
			p.side[s] = member(&k->side[s], x->side[s], key, c->key_len);
		k->path.len = len;
		rc = put_key(&k->path, key, c->key_len, e);
		if (rc == ST_OK)
			rc = settle(k, &p, &o, e);
		if (rc == ST_OK && !o.as_ours && o.text.p)
			rc = add(j, &k->side[i], c, &o.text, e);
	}
	k->path.len = len;
	return rc;
}

static int merge_object(struct st_kmerge *k, const struct place *x, struct st_err *e)
{
	struct st_kobject j = { .x = x->side[0] };
	int rc = merge_ours(k, x, &j, e);

	for (size_t i = 1; rc == ST_OK && i < k->k->n; i++)
		rc = x->side[i] ? merge_theirs(k, x, &j, i, e) : ST_OK;
	if (rc == ST_OK && !j.nkept && !j.nadded)
		rc = pick(k, ST_KPICK_EMPTY, e);
	if (rc == ST_OK)
		rc = k->lang->members(k, &j, e);
	free(j.kept);
	free(j.added);
	return rc;
}

/* ---- writing ---- */

static int by_place(const void *pa, const void *pb)
{
	const struct st_kcut *a = pa, *b = pb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int splice(struct st_kmerge *k, struct st_buf *out, struct st_err *e)
{
	const struct st_kdoc *ours = &k->side[0];
	size_t at = 0;
	int rc = ST_OK;

	if (k->ncuts)
		qsort(k->cuts, k->ncuts, sizeof(*k->cuts), by_place);
	for (size_t i = 0; rc == ST_OK && i < k->ncuts; i++) {
		const struct st_kcut *c = &k->cuts[i];

		if (c->from < at)
			return st_fail(e, k->lang->checked ? ST_EFORMAT : ST_EBUG,
				       "two changes of one place");
		rc = st_buf_add(out, ours->p + at, c->from - at, e);
		if (rc == ST_OK)
			rc = st_buf_add(out, c->p, c->len, e);
		at = c->to;
	}
	return rc == ST_OK ? st_buf_add(out, ours->p + at, ours->len - at, e) : rc;
}

static int read_all(struct st_kmerge *k, struct st_err *e)
{
	int rc = k->lang->read(&k->base, &k->k->base, e);

	for (size_t i = 0; rc == ST_OK && i < k->k->n; i++)
		rc = k->lang->read(&k->side[i], &k->k->sides[i], e);
	return rc;
}

static int merge(struct st_kmerge *k, struct st_buf *out, struct st_err *e)
{
	struct place root = { .base = k->base.p ? &k->base.v[0] : NULL };
	struct outcome o;
	int rc;

	for (size_t i = 0; i < k->k->n; i++)
		root.side[i] = k->side[i].p ? &k->side[i].v[0] : NULL;
	rc = settle(k, &root, &o, e);
	if (rc == ST_OK && !o.as_ours && o.text.p)
		rc = k->lang->replace(k, root.side[0], &o.text, e);
	return rc == ST_OK ? splice(k, out, e) : rc;
}

static void forget(struct st_kmerge *k)
{
	k->ncuts = 0;
	k->nown = 0;
	st_buf_clear(&k->path);
	for (size_t i = 0; i < k->side[0].n; i++)
		k->side[0].v[i].last = 0;
}

/* Appends the text only if it says what it is to say. */
static int merge_checked(struct st_kmerge *k, struct st_buf *out, struct st_err *e)
{
	struct st_map picks;
	struct st_buf text;
	int rc;

	st_map_init(&picks);
	st_buf_init(&text, (size_t)256 << 20);
	k->picks = &picks;
	forget(k);
	rc = merge(k, &text, e);
	if (rc == ST_OK && text.len && !k->ours_ends)
		text.len -= text.p[text.len - 1] == '\n';
	if (rc == ST_OK)
		rc = st_kmerge_check(k, &text, e);
	if (rc == ST_OK && out)
		rc = st_buf_add(out, text.p, text.len, e);
	k->picks = NULL;
	st_map_release(&picks);
	st_buf_release(&text);
	return rc;
}

static int always(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		  const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	(void)key;
	(void)len;
	(void)base;
	(void)sides;
	(void)e;
	*choice = *(const size_t *)arg;
	return ST_OK;
}

/* Before anything is asked: can the text be changed, whatever the answers? */
static int try_all(struct st_kmerge *k, struct st_err *e)
{
	const struct st_keys *asked = k->k;
	struct st_keys trial = *asked;
	int rc = ST_OK;

	trial.own = NULL;
	trial.decide = always;
	k->k = &trial;
	for (size_t i = 0; rc == ST_OK && i < asked->n; i++) {
		trial.arg = &i;
		rc = merge_checked(k, NULL, e);
	}
	k->k = asked;
	return rc;
}

static int run(struct st_kmerge *k, struct st_buf *out, struct st_err *e)
{
	const struct st_keys_text *ours = &k->k->sides[0];
	int rc = read_all(k, e);

	if (rc != ST_OK || !k->lang->checked)
		return rc == ST_OK ? merge(k, out, e) : rc;
	k->ours_ends = ours->len && ((const char *)ours->p)[ours->len - 1] == '\n';
	rc = try_all(k, e);
	if (rc != ST_OK)
		return rc;
	rc = merge_checked(k, out, e);
	if (rc != ST_EFORMAT)
		return rc;
	st_err_clear(e);
	return st_fail(e, ST_EREFUSED,
		       "the values that were chosen cannot be put into the file by place: edit it, "
		       "then 'strata add' it");
}

int st_keys_merge(const struct st_keys *k, struct st_buf *out, struct st_err *e)
{
	struct st_kmerge x = { .k = k, .lang = lang_of(k->lang) };
	int rc;

	if (k->n == 0 || k->n > ST_THREE_SIDES || !k->sides[0].p)
		return st_fail(e, ST_EUSAGE, "nothing to merge into");
	st_arena_init(&x.arena);
	st_buf_init(&x.path, 1 << 20);
	rc = run(&x, out, e);
	free_doc(&x.base);
	for (size_t i = 0; i < k->n; i++)
		free_doc(&x.side[i]);
	st_buf_release(&x.path);
	free(x.cuts);
	free(x.own);
	st_arena_release(&x.arena);
	return rc;
}

/* ---- looking ---- */

struct finding {
	struct st_kdoc doc;
	struct st_buf path;
	const char *key;
	size_t len;
	const struct st_knode *found;
};

/* The depth is the reader's. */
static int find_below(struct finding *f, const struct st_knode *x, struct st_err *e)
{
	size_t len = f->path.len, at = 0;
	int rc = ST_OK;

	if (len == f->len && (!len || memcmp(f->path.p, f->key, len) == 0)) {
		f->found = x;
		return ST_OK;
	}
	for (const struct st_knode *c = st_kdoc_child(&f->doc, x); rc == ST_OK && !f->found && c;
	     c = st_kdoc_after(&f->doc, c)) {
		f->path.len = len;
		rc = x->type == ST_JSON_ARRAY ?
			     st_buf_addf(&f->path, e, "[%zu]", at++) :
			     put_key(&f->path, (const char *)f->doc.keys.p + c->key, c->key_len, e);
		if (rc == ST_OK && f->path.len <= f->len &&
		    memcmp(f->path.p, f->key, f->path.len) == 0)
			rc = find_below(f, c, e);
	}
	return rc;
}

int st_keys_find(enum st_keys_lang lang, const struct st_keys_text *text, const char *key,
		 size_t len, struct st_arena *arena, struct st_keys_text *out, struct st_err *e)
{
	struct finding f = { .key = key, .len = len };
	struct st_kmerge k = { .lang = lang_of(lang) };
	int rc = k.lang->read(&f.doc, text, e);

	*out = (struct st_keys_text){ 0 };
	st_arena_init(&k.arena);
	st_buf_init(&f.path, 1 << 20);
	if (rc == ST_OK && text->p)
		rc = find_below(&f, &f.doc.v[0], e);
	if (rc == ST_OK)
		rc = text_of(&k, &f.doc, f.found, out, e);
	if (rc == ST_OK && out->p)
		out->p = st_arena_dup(arena, out->p, out->len, e);
	st_buf_release(&f.path);
	st_arena_release(&k.arena);
	free_doc(&f.doc);
	return e->code;
}
