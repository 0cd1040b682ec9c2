/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/keys3.h"

#include "base/json.h"

struct node {
	enum st_json_type type;
	size_t from, to;      /* its text */
	size_t key, key_from; /* of an object's member: the key in `keys`; where its text begins */
	size_t key_len, key_end; /* key_end: behind its text */
	size_t first, next, n;	 /* children: numbers + 1; 0: none */
};

struct doc {
	const char *p;
	struct node *v;
	size_t n, cap;
	struct st_buf keys;    /* decoded, one behind the other */
	struct st_map members; /* (object's number, key) -> child + 1 */
};

struct cut { /* ours's bytes [from, to) become others */
	size_t from, to, order;
	const char *p;
	size_t len;
};

struct keys {
	const struct st_keys *k;
	struct doc base, side[ST_THREE_SIDES];
	struct st_buf path;
	struct cut *cuts;
	size_t ncuts, cap;
	struct st_arena arena;
};

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

static int add_member(struct doc *d, size_t object, size_t child, const char *key, size_t len,
		      struct st_err *e)
{
	struct st_buf b;
	bool had = false;
	int rc;

	st_buf_init(&b, len + 16);
	rc = member_key(&b, object, key, len, e);
	if (rc == ST_OK)
		rc = st_map_put(&d->members, b.p, b.len, child + 1, &had, NULL, e);
	st_buf_release(&b);
	if (rc == ST_OK && had)
		rc = st_fail(e, ST_EFORMAT, "key \"%.60s\" comes twice in an object", key);
	d->v[child].key = d->keys.len;
	d->v[child].key_len = len;
	return rc == ST_OK ? st_buf_add(&d->keys, key, len, e) : rc;
}

static size_t skip_blanks(const struct st_json *j, size_t at)
{
	while (at < j->len && strchr(" \t\r\n", j->p[at]) && j->p[at])
		at++;
	return at;
}

static int read_value(struct doc *d, struct st_json *j, size_t *out, struct st_err *e);

static void link_child(struct doc *d, size_t parent, size_t *last, size_t child)
{
	if (*last)
		d->v[*last - 1].next = child + 1;
	else
		d->v[parent].first = child + 1;
	*last = child + 1;
	d->v[parent].n++;
}

static int read_object(struct doc *d, struct st_json *j, size_t at, struct st_err *e)
{
	size_t last = 0, child, len, from, end;
	const char *key;
	int rc = ST_OK;

	if (!st_json_object(j))
		return e->code;
	for (;;) {
		from = skip_blanks(j, j->pos);
		if (from < j->len && j->p[from] == ',')
			from = skip_blanks(j, from + 1);
		key = st_json_key(j, &len);
		if (!key)
			return e->code;
		end = j->pos; /* behind the colon, or before it */
		child = d->n;
		rc = st_grow(&d->v, &d->cap, d->n + 1, e);
		if (rc != ST_OK)
			return rc;
		d->v[d->n++] = (struct node){ .key_from = from, .key_end = end };
		rc = add_member(d, at, child, key, len, e);
		if (rc == ST_OK)
			rc = read_value(d, j, &child, e);
		if (rc != ST_OK)
			return rc;
		link_child(d, at, &last, child);
	}
}

static int read_array(struct doc *d, struct st_json *j, size_t at, struct st_err *e)
{
	size_t last = 0, child;
	int rc = ST_OK;

	if (!st_json_array(j))
		return e->code;
	while (rc == ST_OK && st_json_item(j)) {
		child = d->n;
		rc = st_grow(&d->v, &d->cap, d->n + 1, e);
		if (rc != ST_OK)
			return rc;
		d->v[d->n++] = (struct node){ 0 };
		rc = read_value(d, j, &child, e);
		if (rc == ST_OK)
			link_child(d, at, &last, child);
	}
	return e->code;
}

/* The depth is the reader's, which is bounded. */
static int read_value(struct doc *d, struct st_json *j, size_t *at, struct st_err *e)
{
	enum st_json_type type = st_json_peek(j);
	int rc = ST_OK;

	d->v[*at].type = type;
	d->v[*at].from = skip_blanks(j, j->pos);
	if (type == ST_JSON_OBJECT)
		rc = read_object(d, j, *at, e);
	else if (type == ST_JSON_ARRAY)
		rc = read_array(d, j, *at, e);
	else
		st_json_skip(j);
	d->v[*at].to = j->pos;
	return rc == ST_OK ? (int)e->code : rc;
}

static int read_doc(struct doc *d, const struct st_keys_text *t, struct st_err *e)
{
	struct st_json j;
	size_t root = 0;
	int rc;

	d->p = t->p;
	st_buf_init(&d->keys, t->len + 1);
	st_map_init(&d->members);
	if (!t->p)
		return ST_OK;
	rc = st_grow(&d->v, &d->cap, 1, e);
	if (rc != ST_OK)
		return rc;
	d->v[d->n++] = (struct node){ 0 };
	st_json_init(&j, t->p, t->len, ST_JSON_DEPTH, e);
	rc = read_value(d, &j, &root, e);
	if (rc == ST_OK)
		st_json_end(&j);
	st_json_release(&j);
	if (e->code == ST_OK && d->v[0].type != ST_JSON_OBJECT && d->v[0].type != ST_JSON_ARRAY)
		return st_fail(e, ST_EFORMAT, "the text is neither an object nor a list");
	return e->code;
}

static void free_doc(struct doc *d)
{
	free(d->v);
	st_buf_release(&d->keys);
	st_map_release(&d->members);
}

static const struct node *member(const struct doc *d, const struct node *object, const char *key,
				 size_t len)
{
	struct st_err none = { 0 };
	const struct node *found = NULL;
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

static const struct node *child(const struct doc *d, const struct node *x)
{
	return x->first ? &d->v[x->first - 1] : NULL;
}

static const struct node *after(const struct doc *d, const struct node *x)
{
	return x->next ? &d->v[x->next - 1] : NULL;
}

/* White space aside, and the order of keys. */
static bool same(const struct doc *da, const struct node *a, const struct doc *db,
		 const struct node *b)
{
	const struct node *x, *y;

	if (!a || !b)
		return a == b;
	if (a->type != b->type || a->n != b->n)
		return false;
	if (a->type != ST_JSON_OBJECT && a->type != ST_JSON_ARRAY)
		return a->to - a->from == b->to - b->from &&
		       memcmp(da->p + a->from, db->p + b->from, a->to - a->from) == 0;
	y = child(db, b);
	for (x = child(da, a); x; x = after(da, x)) {
		if (a->type == ST_JSON_OBJECT)
			y = member(db, b, (const char *)da->keys.p + x->key, x->key_len);
		if (!y || !same(da, x, db, y))
			return false;
		if (a->type == ST_JSON_ARRAY)
			y = after(db, y);
	}
	return true;
}

/* ---- merging ---- */

struct place { /* one value on all sides; NULL: absent */
	const struct node *base, *side[ST_THREE_SIDES];
};

static int add_cut(struct keys *k, size_t from, size_t to, const char *p, size_t len,
		   struct st_err *e)
{
	int rc = st_grow(&k->cuts, &k->cap, k->ncuts + 1, e);

	if (rc == ST_OK) {
		k->cuts[k->ncuts] = (struct cut){ from, to, k->ncuts, p, len };
		k->ncuts++;
	}
	return rc;
}

static const struct doc *doc_of(const struct keys *k, size_t i)
{
	return i < k->k->n ? &k->side[i] : &k->base;
}

static struct st_keys_text text_of(const struct doc *d, const struct node *x)
{
	return x ? (struct st_keys_text){ d->p + x->from, x->to - x->from } :
		   (struct st_keys_text){ 0 };
}

/* What becomes of a value: `text`, or what it is in ours but for cuts inside. */
struct outcome {
	bool as_ours;
	struct st_keys_text text; /* p NULL: it goes */
};

static void take(struct keys *k, const struct place *x, size_t from, struct outcome *o)
{
	o->as_ours = from == 0;
	o->text = text_of(doc_of(k, from), from < k->k->n ? x->side[from] : x->base);
}

static int ask(struct keys *k, const struct place *x, bool own, struct outcome *o, bool *mine,
	       struct st_err *e)
{
	struct st_keys_text base = text_of(&k->base, x->base), sides[ST_THREE_SIDES];
	const char *path = (const char *)k->path.p;
	size_t from = 0;
	int rc;

	for (size_t i = 0; i < k->k->n; i++)
		sides[i] = text_of(&k->side[i], x->side[i]);
	if (own) {
		o->as_ours = false;
		return k->k->own(k->k->arg, path, k->path.len, &base, sides, &o->text, mine, e);
	}
	rc = k->k->decide(k->k->arg, path, k->path.len, &base, sides, &from, e);
	if (rc == ST_OK)
		take(k, x, from, o);
	return rc;
}

static int merge_object(struct keys *k, const struct place *x, struct st_err *e);
static int merge_array(struct keys *k, const struct place *x, struct st_err *e);

/* Are all that have a say of that type, and lists of one length? */
static bool all_are(const struct keys *k, const struct place *x, enum st_json_type type)
{
	if (x->base && x->base->type != type)
		return false;
	for (size_t i = 0; i < k->k->n; i++)
		if (!x->side[i] || x->side[i]->type != type ||
		    (type == ST_JSON_ARRAY && (!x->base || x->side[i]->n != x->base->n)))
			return false;
	return true;
}

static int settle(struct keys *k, const struct place *x, struct outcome *o, struct st_err *e)
{
	const struct node *changed = NULL;
	size_t who = 0;
	bool any = false, differ = false, mine = false;
	int rc = ST_OK;

	for (size_t i = 0; i < k->k->n; i++) {
		if (!k->side[i].p || same(&k->side[i], x->side[i], &k->base, x->base))
			continue;
		differ = differ || (any && !same(&k->side[i], x->side[i], &k->side[who], changed));
		if (!any) {
			who = i;
			changed = x->side[i];
		}
		any = true;
	}
	if (any && k->k->own)
		rc = ask(k, x, true, o, &mine, e);
	if (rc != ST_OK || mine)
		return rc;
	take(k, x, who, o);
	/* one side's, but what it holds may be asked about */
	if (any && !differ && k->k->own && all_are(k, x, ST_JSON_OBJECT))
		differ = true;
	if (!differ)
		return ST_OK;
	o->as_ours = true;
	if (all_are(k, x, ST_JSON_OBJECT))
		return merge_object(k, x, e);
	if (all_are(k, x, ST_JSON_ARRAY))
		return merge_array(k, x, e);
	return ask(k, x, false, o, &mine, e);
}

static int merge_array(struct keys *k, const struct place *x, struct st_err *e)
{
	size_t len = k->path.len;
	struct place p = { .base = child(&k->base, x->base) };
	struct outcome o;
	int rc = ST_OK;

	for (size_t i = 0; i < k->k->n; i++)
		p.side[i] = child(&k->side[i], x->side[i]);
	for (size_t at = 0; rc == ST_OK && p.base; at++) {
		k->path.len = len;
		rc = st_buf_addf(&k->path, e, "[%zu]", at);
		if (rc == ST_OK)
			rc = settle(k, &p, &o, e);
		if (rc == ST_OK && !o.as_ours)
			rc = add_cut(k, p.side[0]->from, p.side[0]->to,
				     o.text.p ? o.text.p : "null", o.text.p ? o.text.len : 4, e);
		p.base = after(&k->base, p.base);
		for (size_t i = 0; i < k->k->n; i++)
			p.side[i] = after(&k->side[i], p.side[i]);
	}
	k->path.len = len;
	return rc;
}

static int put_key(struct st_buf *path, const char *key, size_t len, struct st_err *e)
{
	bool quote = len == 0;
	struct st_jw w;

	for (size_t i = 0; i < len; i++)
		quote = quote || strchr(".[]\"\\", key[i]) || (unsigned char)key[i] < 0x20;
	if (path->len && st_buf_addch(path, '.', e) != ST_OK)
		return e->code;
	if (!quote)
		return st_buf_add(path, key, len, e);
	st_jw_init(&w, path, false, e);
	st_jw_stringn(&w, key, len);
	return e->code;
}

struct joining { /* one object */
	const struct node *ours;
	const struct node *kept; /* the last child of ours that stays */
	size_t end;		 /* of what stays, so far */
	size_t gone_from;	 /* where removed children begin; SIZE_MAX: none waits */
	size_t left;		 /* children of ours that stay */
	struct st_buf added;
};

/* A member of another side, laid out as ours's first one is. */
static int add_text(struct keys *k, struct joining *j, const struct doc *d, const struct node *v,
		    const struct st_keys_text *text, struct st_err *e)
{
	const char *p = k->side[0].p;
	const struct node *first = child(&k->side[0], j->ours);
	int rc = ST_OK;

	if (j->left || j->added.len)
		rc = st_buf_addch(&j->added, ',', e);
	if (rc == ST_OK && first) /* blanks before its key */
		rc = st_buf_add(&j->added, p + j->ours->from + 1,
				first->key_from - j->ours->from - 1, e);
	if (rc == ST_OK) /* the key, the colon and blanks as they are there */
		rc = st_buf_add(&j->added, d->p + v->key_from, v->from - v->key_from, e);
	return rc == ST_OK ? st_buf_add(&j->added, text->p, text->len, e) : rc;
}

static int keep_child(struct keys *k, struct joining *j, const struct node *c,
		      const struct outcome *o, struct st_err *e)
{
	int rc = ST_OK;

	if (j->gone_from != SIZE_MAX)
		rc = add_cut(k, j->gone_from, c->key_from, "", 0, e);
	j->gone_from = SIZE_MAX;
	j->kept = c;
	j->left++;
	if (rc == ST_OK && !o->as_ours)
		rc = add_cut(k, c->from, c->to, o->text.p, o->text.len, e);
	return rc;
}

static int merge_ours(struct keys *k, const struct place *x, struct joining *j, struct st_err *e)
{
	size_t len = k->path.len;
	struct outcome o;
	int rc = ST_OK;

	for (const struct node *c = child(&k->side[0], j->ours); rc == ST_OK && c;
	     c = after(&k->side[0], c)) {
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
			rc = keep_child(k, j, c, &o, e);
		else if (j->gone_from == SIZE_MAX)
			j->gone_from = c->key_from;
	}
	k->path.len = len;
	return rc;
}

/* Has an earlier side than i it? */
static bool seen(const struct keys *k, const struct place *x, size_t i, const char *key, size_t len)
{
	for (size_t o = 0; o < i; o++)
		if (member(&k->side[o], x->side[o], key, len))
			return true;
	return false;
}

static int merge_theirs(struct keys *k, const struct place *x, struct joining *j, size_t i,
			struct st_err *e)
{
	size_t len = k->path.len;
	struct outcome o;
	int rc = ST_OK;

	for (const struct node *c = child(&k->side[i], x->side[i]); rc == ST_OK && c;
	     c = after(&k->side[i], c)) {
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
			rc = add_text(k, j, &k->side[i], c, &o.text, e);
	}
	k->path.len = len;
	return rc;
}

/* What was removed at the end of the object goes, what was added comes. */
static int close_object(struct keys *k, struct joining *j, struct st_err *e)
{
	size_t end = j->kept ? j->kept->to : j->ours->from + 1, last = j->ours->from + 1;
	const struct node *first = child(&k->side[0], j->ours);
	const char *text;
	int rc = ST_OK;

	for (const struct node *c = first; c; c = after(&k->side[0], c))
		last = c->to;
	if (!j->kept && first && !j->added.len)
		last = j->ours->to - 1; /* nothing is left: {} */
	text = st_arena_dup(&k->arena, j->added.p, j->added.len, e);
	if (!text)
		return e->code;
	if (last > end || j->added.len)
		rc = add_cut(k, end, last > end ? last : end, text, j->added.len, e);
	return rc;
}

static int merge_object(struct keys *k, const struct place *x, struct st_err *e)
{
	struct joining j = { .ours = x->side[0], .gone_from = SIZE_MAX };
	int rc;

	st_buf_init(&j.added, (size_t)256 << 20);
	rc = merge_ours(k, x, &j, e);
	for (size_t i = 1; rc == ST_OK && i < k->k->n; i++)
		rc = x->side[i] ? merge_theirs(k, x, &j, i, e) : ST_OK;
	if (rc == ST_OK)
		rc = close_object(k, &j, e);
	st_buf_release(&j.added);
	return rc;
}

/* ---- writing ---- */

static int by_place(const void *pa, const void *pb)
{
	const struct cut *a = pa, *b = pb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static int splice(struct keys *k, struct st_buf *out, struct st_err *e)
{
	const struct st_keys_text *ours = &k->k->sides[0];
	const char *p = ours->p;
	size_t at = 0;
	int rc = ST_OK;

	if (k->ncuts)
		qsort(k->cuts, k->ncuts, sizeof(*k->cuts), by_place);
	for (size_t i = 0; rc == ST_OK && i < k->ncuts; i++) {
		const struct cut *c = &k->cuts[i];

		if (c->from < at)
			return st_fail(e, ST_EBUG, "two changes of one place");
		rc = st_buf_add(out, p + at, c->from - at, e);
		if (rc == ST_OK)
			rc = st_buf_add(out, c->p, c->len, e);
		at = c->to;
	}
	return rc == ST_OK ? st_buf_add(out, p + at, ours->len - at, e) : rc;
}

static int merge(struct keys *k, struct st_buf *out, struct st_err *e)
{
	struct place root = { .base = NULL };
	struct outcome o;
	int rc = read_doc(&k->base, &k->k->base, e);

	for (size_t i = 0; rc == ST_OK && i < k->k->n; i++)
		rc = read_doc(&k->side[i], &k->k->sides[i], e);
	if (rc != ST_OK)
		return rc;
	root.base = k->base.p ? &k->base.v[0] : NULL;
	for (size_t i = 0; i < k->k->n; i++)
		root.side[i] = k->side[i].p ? &k->side[i].v[0] : NULL;
	rc = settle(k, &root, &o, e);
	if (rc == ST_OK && !o.as_ours && o.text.p)
		rc = add_cut(k, root.side[0]->from, root.side[0]->to, o.text.p, o.text.len, e);
	return rc == ST_OK ? splice(k, out, e) : rc;
}

int st_keys_merge(const struct st_keys *k, struct st_buf *out, struct st_err *e)
{
	struct keys x = { .k = k };
	int rc;

	if (k->n == 0 || k->n > ST_THREE_SIDES || !k->sides[0].p)
		return st_fail(e, ST_EUSAGE, "nothing to merge into");
	st_arena_init(&x.arena);
	st_buf_init(&x.path, 1 << 20);
	rc = merge(&x, out, e);
	free_doc(&x.base);
	for (size_t i = 0; i < k->n; i++)
		free_doc(&x.side[i]);
	st_buf_release(&x.path);
	free(x.cuts);
	st_arena_release(&x.arena);
	return rc;
}

/* ---- looking ---- */

struct finding {
	struct doc doc;
	struct st_buf path;
	const char *key;
	size_t len;
	const struct node *found;
};

/* The depth is the reader's. */
static int find_below(struct finding *f, const struct node *x, struct st_err *e)
{
	size_t len = f->path.len, at = 0;
	int rc = ST_OK;

	if (len == f->len && (!len || memcmp(f->path.p, f->key, len) == 0)) {
		f->found = x;
		return ST_OK;
	}
	for (const struct node *c = child(&f->doc, x); rc == ST_OK && !f->found && c;
	     c = after(&f->doc, c)) {
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

int st_keys_find(const struct st_keys_text *text, const char *key, size_t len,
		 struct st_keys_text *out, struct st_err *e)
{
	struct finding f = { .key = key, .len = len };
	int rc = read_doc(&f.doc, text, e);

	st_buf_init(&f.path, 1 << 20);
	if (rc == ST_OK && text->p)
		rc = find_below(&f, &f.doc.v[0], e);
	*out = text_of(&f.doc, rc == ST_OK ? f.found : NULL);
	st_buf_release(&f.path);
	free_doc(&f.doc);
	return rc;
}
