/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in the block style of files that people write. A member is the lines from its key (and the
 * comments right above) to the end of its value; what has no such lines is ST_EFORMAT. Whether an
 * edit was right need not be known here: keys_check.c reads what came out.
 */
#include "diff/settings.h"
#include "diff/yaml_nodes.h"
#include "merge/keys_doc.h"

#define MOST ((size_t)64 << 20)

static int odd(const char *what, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "YAML: %s", what);
}

/* ---- places ---- */

static size_t line_of(const struct st_kdoc *d, size_t at)
{
	while (at && d->p[at - 1] != '\n')
		at--;
	return at;
}

/* Of the line feed. */
static size_t eol(const struct st_kdoc *d, size_t at)
{
	const char *p = at < d->len ? memchr(d->p + at, '\n', d->len - at) : NULL;

	return p ? (size_t)(p - d->p) : d->len;
}

static size_t spaces(const struct st_kdoc *d, size_t at)
{
	size_t n = 0;

	while (at + n < d->len && d->p[at + n] == ' ')
		n++;
	return n;
}

static bool is_root(const struct st_kdoc *d, const struct st_knode *x)
{
	return x == d->v;
}

static bool is_block(const struct st_knode *x)
{
	return (x->type == ST_JSON_OBJECT || x->type == ST_JSON_ARRAY) && !x->flow;
}

static bool is_item(const struct st_kdoc *d, const struct st_knode *x)
{
	return d->p[x->sign - 1] == '-';
}

/* Does the value begin below its key or dash? */
static bool below(const struct st_kdoc *d, const struct st_knode *x)
{
	return x->from > x->sign && memchr(d->p + x->sign, '\n', x->from - x->sign);
}

static size_t end_of(const struct st_knode *x)
{
	return x->to > x->sign ? x->to : x->sign;
}

/* Of a value's text: a comment behind the last member of a block is within the block. */
static size_t tail(const struct st_kdoc *d, const struct st_knode *x)
{
	return is_block(x) ? eol(d, x->to) : x->to;
}

/* Of a member's lines: comments right above belong to it, but at the top of the file. */
static size_t lead(const struct st_kdoc *d, const struct st_knode *x)
{
	size_t at = line_of(d, x->key_from), above;

	if (x == st_kdoc_child(d, d->v))
		return at;
	while (at) {
		above = line_of(d, at - 1);
		if (spaces(d, above) != x->col || d->p[above + x->col] != '#')
			break;
		at = above;
	}
	return at;
}

/* ---- reading ---- */

struct building {
	struct st_kdoc *d;
	const struct st_yaml_nodes *y;
};

static int build(struct building *b, uint32_t at, size_t self, struct st_err *e);

static int new_child(struct building *b, size_t self, size_t *last, size_t *child, struct st_err *e)
{
	struct st_kdoc *d = b->d;
	int rc = st_grow(&d->v, &d->cap, d->n + 1, e);

	if (rc != ST_OK)
		return rc;
	*child = d->n;
	d->v[d->n++] = (struct st_knode){ .inner = d->v[self].flow || d->v[self].inner };
	st_kdoc_link(d, self, last, *child);
	return ST_OK;
}

/* Where it is, and whether something else of the line comes before it. */
static void locate(const struct st_kdoc *d, struct st_knode *x, size_t from)
{
	size_t line;

	x->key_from = from;
	if (x->inner)
		return;
	line = line_of(d, from);
	x->col = from - line;
	x->compact = spaces(d, line) != x->col;
}

static int read_key(struct building *b, const struct st_yaml_node *key, size_t self, size_t child,
		    struct st_err *e)
{
	struct st_kdoc *d = b->d;
	struct st_knode *x = &d->v[child];
	size_t at = key->to;

	if (key->kind != ST_YAML_SCALAR || key->to == key->from ||
	    memchr(d->p + key->from, '\n', key->to - key->from))
		return odd("a key that is no plain line", e);
	locate(d, x, key->from);
	x->key_end = key->to;
	at += spaces(d, at);
	if (!x->inner && (at >= d->len || d->p[at] != ':'))
		return odd("a key without a colon behind it", e);
	x->sign = x->inner ? key->to : at + 1;
	return st_kdoc_member(d, self, child, key->len ? (const char *)b->y->text.p + key->at : "",
			      key->len, e);
}

static int build_map(struct building *b, uint32_t at, size_t self, struct st_err *e)
{
	const struct st_yaml_node *v = b->y->v;
	size_t last = 0, child;
	int rc = ST_OK;

	for (uint32_t i = at + 1; rc == ST_OK && i < v[at].end; i = v[v[i].end].end) {
		rc = new_child(b, self, &last, &child, e);
		if (rc == ST_OK)
			rc = read_key(b, &v[i], self, child, e);
		if (rc == ST_OK)
			rc = build(b, v[i].end, child, e);
		if (rc == ST_OK && last == b->d->v[self].first)
			b->d->v[self].content = b->d->v[child].col;
	}
	return rc;
}

/* The dash of the next item: all that comes between are comments. */
static int next_dash(const struct st_kdoc *d, size_t *at, struct st_err *e)
{
	for (size_t line = eol(d, *at) + 1; line < d->len; line = eol(d, line) + 1) {
		size_t text = line + spaces(d, line);

		if (d->p[text] == '#' || d->p[text] == '\n')
			continue;
		*at = text;
		return d->p[text] == '-' ? ST_OK : odd("an item without a dash before it", e);
	}
	return odd("an item without a dash before it", e);
}

static int build_list(struct building *b, uint32_t at, size_t self, struct st_err *e)
{
	const struct st_yaml_node *v = b->y->v;
	size_t last = 0, child, dash = v[at].from;
	int rc = ST_OK;

	for (uint32_t i = at + 1; rc == ST_OK && i < v[at].end; i = v[i].end) {
		if (i > at + 1 && !v[at].flow)
			rc = next_dash(b->d, &dash, e);
		if (rc == ST_OK)
			rc = new_child(b, self, &last, &child, e);
		if (rc != ST_OK)
			return rc;
		locate(b->d, &b->d->v[child], dash);
		b->d->v[child].sign = dash + 1;
		b->d->v[self].content = b->d->v[child].col;
		rc = build(b, i, child, e);
		dash = end_of(&b->d->v[child]);
	}
	return rc;
}

/* The depth is the reader's. */
static int build(struct building *b, uint32_t at, size_t self, struct st_err *e)
{
	const struct st_yaml_node *v = &b->y->v[at];
	struct st_kdoc *d = b->d;
	struct st_knode *x = &d->v[self];
	int rc;

	x->from = v->from;
	x->to = v->to;
	x->flow = v->flow;
	x->type = v->kind == ST_YAML_MAP  ? ST_JSON_OBJECT :
		  v->kind == ST_YAML_LIST ? ST_JSON_ARRAY :
					    ST_JSON_STRING;
	x->at = v->at;
	x->len = v->len;
	x->plain = v->plain;
	if (v->kind == ST_YAML_SCALAR)
		return ST_OK;
	rc = v->kind == ST_YAML_MAP ? build_map(b, at, self, e) : build_list(b, at, self, e);
	x = &d->v[self];
	if (rc == ST_OK && !d->step && x->type == ST_JSON_OBJECT && !is_root(d, x) && is_block(x) &&
	    x->content > x->col && below(d, x))
		d->step = x->content - x->col;
	return rc;
}

static int yaml_read(struct st_kdoc *d, const struct st_keys_text *t, struct st_err *e)
{
	struct st_yaml_nodes y;
	struct building b = { d, &y };
	int rc;

	st_buf_init(&d->keys, t->len + 1);
	st_buf_init(&d->text, t->len + 1);
	st_map_init(&d->members);
	if (!t->p)
		return ST_OK;
	rc = st_buf_add(&d->text, t->p, t->len, e);
	if (rc == ST_OK && (!t->len || ((const char *)t->p)[t->len - 1] != '\n'))
		rc = st_buf_addch(&d->text, '\n', e);
	d->p = (const char *)d->text.p;
	d->len = d->text.len;
	if (rc == ST_OK)
		rc = st_grow(&d->v, &d->cap, 1, e);
	if (rc != ST_OK)
		return rc;
	d->v[d->n++] = (struct st_knode){ 0 };
	rc = st_yaml_nodes_read(&y, d->p, d->len, e);
	if (rc == ST_OK && (y.v[0].kind == ST_YAML_SCALAR || y.v[0].flow))
		rc = odd("it is neither a list nor an object in lines", e);
	if (rc == ST_OK)
		rc = build(&b, 0, 0, e);
	d->values = y.text;
	st_buf_init(&y.text, 0);
	st_yaml_nodes_release(&y);
	d->step = d->step ? d->step : 2;
	return rc;
}

/* ---- comparing ---- */

static const char *content(const struct st_kdoc *d, const struct st_knode *x)
{
	return x->len ? (const char *)d->values.p + x->at : "";
}

/* s: what the scalar says. A string that is spelt like what is none is one all the same: "nan". */
static bool is_string(const struct st_kdoc *d, const struct st_knode *x, struct st_settings *s)
{
	struct st_settings t;
	struct st_err none = { 0 };
	bool string;

	st_settings_init(&t);
	string = st_settings_scalar(s, x->plain, content(d, x), x->len, &none) == ST_OK &&
		 st_settings_scalar(&t, false, content(d, x), x->len, &none) == ST_OK &&
		 s->v[0].value_len == t.v[0].value_len &&
		 memcmp(s->v[0].value, t.v[0].value, t.v[0].value_len) == 0;
	st_settings_release(&t);
	return string;
}

static bool yaml_alike(const struct st_kdoc *da, const struct st_knode *a, const struct st_kdoc *db,
		       const struct st_knode *b)
{
	struct st_settings sa, sb;
	bool string, equal;

	st_settings_init(&sa);
	st_settings_init(&sb);
	string = is_string(da, a, &sa);
	equal = is_string(db, b, &sb) == string;
	if (string)
		equal = equal && a->len == b->len &&
			memcmp(content(da, a), content(db, b), a->len) == 0;
	else
		equal = equal && sa.n && sb.n && st_settings_equal(&sa.v[0], &sb.v[0]);
	st_settings_release(&sa);
	st_settings_release(&sb);
	return equal;
}

/* ---- texts of their own ---- */

/* Without n spaces at the start of each line but the first. */
static int outdent(struct st_buf *out, const char *p, size_t len, size_t n, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < len; i++) {
		size_t k = 0;

		rc = st_buf_addch(out, p[i], e);
		if (p[i] != '\n')
			continue;
		while (k < n && i + 1 + k < len && p[i + 1 + k] == ' ')
			k++;
		if (k < n && i + 1 + k < len && p[i + 1 + k] != '\n' && p[i + 1 + k] != '#')
			return odd("a line that is indented less than its value", e);
		i += k;
	}
	return rc;
}

static int indent(struct st_buf *out, const char *p, size_t len, size_t n, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < len; i++) {
		rc = st_buf_addch(out, p[i], e);
		if (p[i] != '\n' || i + 1 == len || p[i + 1] == '\n')
			continue;
		for (size_t k = 0; rc == ST_OK && k < n; k++)
			rc = st_buf_addch(out, ' ', e);
	}
	return rc;
}

static int yaml_text(struct st_kmerge *k, const struct st_kdoc *d, const struct st_knode *x,
		     struct st_keys_text *out, struct st_err *e)
{
	size_t from = x->from, to = tail(d, x), by = x->col;
	struct st_buf b;
	int rc = ST_OK;

	st_buf_init(&b, MOST);
	if (is_block(x)) {
		by = x->content;
		if (!is_root(d, x) && below(d, x))
			from = eol(d, x->sign); /* with the comments before the first member */
		else
			rc = st_buf_addch(&b, '\n', e);
	}
	if (rc == ST_OK)
		rc = outdent(&b, d->p + from, to - from, by, e);
	if (rc == ST_OK) {
		out->p = st_arena_dup(&k->arena, b.p, b.len, e);
		out->len = b.len;
	}
	st_buf_release(&b);
	return rc == ST_OK ? (int)e->code : rc;
}

/* ---- writing ---- */

/* ours's bytes [from, to) become before + text, whose lines are indented by n. */
static int put(struct st_kmerge *k, size_t from, size_t to, const char *before, const char *text,
	       size_t len, size_t n, struct st_err *e)
{
	struct st_buf b;
	const char *p;
	int rc;

	st_buf_init(&b, MOST);
	rc = st_buf_addstr(&b, before, e);
	if (rc == ST_OK)
		rc = indent(&b, text, len, n, e);
	p = rc == ST_OK ? st_arena_dup(&k->arena, b.p, b.len, e) : NULL;
	rc = p ? st_kcut(k, from, to, p, b.len, e) : (int)e->code;
	st_buf_release(&b);
	return rc;
}

/* On the line of a dash: "- a: 1". */
static int put_compact(struct st_kmerge *k, const struct st_knode *x, const struct st_keys_text *t,
		       struct st_err *e)
{
	const struct st_kdoc *d = &k->side[0];
	const char *p = t->p;

	if (t->len < 2 || strchr("# \n", p[1]))
		return odd("a value that does not go behind a dash", e);
	return put(k, x->from, tail(d, x), "", p + 1, t->len - 1, x->from - line_of(d, x->from), e);
}

/* A block collection of ours, below its key or dash. */
static int replace_below(struct st_kmerge *k, const struct st_knode *x,
			 const struct st_keys_text *t, bool lines, struct st_err *e)
{
	size_t at = eol(&k->side[0], x->sign), end = tail(&k->side[0], x);
	int rc;

	if (lines)
		return put(k, at, end, "", t->p, t->len, x->content, e);
	rc = t->len ? put(k, x->sign, x->sign, " ", t->p, t->len, x->col, e) : ST_OK;
	return rc == ST_OK ? st_kcut(k, at, end, "", 0, e) : rc;
}

/* A scalar of ours, or a value in brackets, or nothing. */
static int replace_plain(struct st_kmerge *k, const struct st_knode *x,
			 const struct st_keys_text *t, bool lines, struct st_err *e)
{
	const struct st_kdoc *d = &k->side[0];
	size_t end = end_of(x);
	int rc;

	if (lines && is_item(d, x) && x->to > x->from && !below(d, x))
		return put_compact(k, x, t, e);
	if (lines) {
		rc = st_kcut(k, x->sign, end, "", 0, e);
		end = eol(d, end);
		return rc == ST_OK ? put(k, end, end, "", t->p, t->len, x->col + d->step, e) : rc;
	}
	if (x->to > x->from && t->len)
		return put(k, x->from, x->to, "", t->p, t->len, x->col, e);
	return put(k, x->sign, end, t->len ? " " : "", t->p, t->len, x->col, e);
}

static int yaml_replace(struct st_kmerge *k, const struct st_knode *x, const struct st_keys_text *t,
			struct st_err *e)
{
	const struct st_kdoc *d = &k->side[0];
	const char *p = t->p;
	bool lines = t->len && *p == '\n';

	if (is_root(d, x))
		return lines ? put(k, x->from, tail(d, x), "", p + 1, t->len - 1, x->content, e) :
			       odd("a text that is one value", e);
	if (x->inner)
		return t->len && x->to > x->from && !memchr(p, '\n', t->len) ?
			       st_kcut(k, x->from, x->to, p, t->len, e) :
			       odd("a value that does not go into brackets", e);
	if (!is_block(x))
		return replace_plain(k, x, t, lines, e);
	if (below(d, x))
		return replace_below(k, x, t, lines, e);
	return lines ? put_compact(k, x, t, e) :
		       put(k, x->from, tail(d, x), "", p, t->len, x->col, e);
}

/* The lines of a member of another side, as if they stood alone. */
static int entry_of(struct st_kmerge *k, const struct st_kadd *a, struct st_buf *out,
		    struct st_err *e)
{
	const struct st_kdoc *d = a->doc;
	const struct st_knode *x = a->node;
	struct st_keys_text mine;
	size_t from = x->compact ? x->key_from : lead(d, x) + x->col;
	const char *p = a->text.p;
	int rc = yaml_text(k, d, x, &mine, e);

	if (rc != ST_OK)
		return rc;
	if (mine.len == a->text.len && memcmp(mine.p, p, mine.len) == 0)
		return outdent(out, d->p + from, eol(d, end_of(x)) - from, x->col, e);
	rc = st_buf_add(out, d->p + x->key_from, x->sign - x->key_from, e);
	if (rc == ST_OK && a->text.len && *p != '\n')
		rc = st_buf_addch(out, ' ', e);
	return rc == ST_OK ?
		       indent(out, p, a->text.len, a->text.len && *p == '\n' ? d->step : 0, e) :
		       rc;
}

/* Behind the line feed at `at`; at the top of the file before it. */
static int add_members(struct st_kmerge *k, const struct st_kobject *o, size_t at, bool top,
		       struct st_err *e)
{
	struct st_buf b;
	int rc = ST_OK;

	st_buf_init(&b, MOST);
	for (size_t i = 0; rc == ST_OK && i < o->nadded; i++) {
		if (!top)
			rc = st_buf_addch(&b, '\n', e);
		if (rc == ST_OK)
			rc = entry_of(k, &o->added[i], &b, e);
		if (rc == ST_OK && top)
			rc = st_buf_addch(&b, '\n', e);
	}
	if (rc == ST_OK && b.len)
		rc = put(k, at, at, "", (const char *)b.p, b.len, o->x->content, e);
	st_buf_release(&b);
	return rc;
}

static int yaml_members(struct st_kmerge *k, const struct st_kobject *o, struct st_err *e)
{
	static const struct st_keys_text nothing = { "{}", 2 };
	struct st_kdoc *d = &k->side[0];
	const struct st_knode *x = o->x, *last = o->nkept ? o->kept[o->nkept - 1] : NULL;
	bool top = !last && is_root(d, x) && !x->content;
	size_t at, i = 0;
	int rc;

	if (!last && (is_root(d, x) ? !top || !o->nadded : o->nadded && !below(d, x)))
		return odd("all members of an object go", e);
	if (!last && !o->nadded)
		return yaml_replace(k, x, &nothing, e);
	if (last)
		at = last->last ? last->last : eol(d, end_of(last));
	else
		at = top ? lead(d, st_kdoc_child(d, x)) : eol(d, x->sign);
	d->v[x - d->v].last = at;
	rc = add_members(k, o, at, top, e);
	for (const struct st_knode *c = st_kdoc_child(d, x); rc == ST_OK && c;
	     c = st_kdoc_after(d, c)) {
		if (i < o->nkept && o->kept[i] == c)
			i++;
		else
			rc = c->compact ? odd("the member behind a dash goes", e) :
					  st_kcut(k, lead(d, c), eol(d, end_of(c)) + 1, "", 0, e);
	}
	return rc;
}

/* ---- comments ---- */

struct remark {
	size_t from, to;	  /* what is cut where it changes */
	struct st_keys_text text; /* without the blanks around it; len 0: there is none */
};

/* Are there line feeds with no place for a comment of the whole: "- a: 1", or texts like "|"? */
static bool is_spread(const struct st_kdoc *d, const struct st_knode *x)
{
	return is_block(x) ? !below(d, x) :
			     memchr(d->p + x->sign, '\n', end_of(x) - x->sign) != NULL;
}

/* Behind a value of one line, or a key whose value begins below. False: something else is there. */
static bool beside(const struct st_kdoc *d, const struct st_knode *x, struct remark *r)
{
	size_t at = is_block(x) ? x->sign : end_of(x), end = eol(d, at);

	*r = (struct remark){ .from = at, .to = end };
	if (is_spread(d, x)) {
		r->from = is_block(x) ? tail(d, x) : at;
		r->to = eol(d, r->from);
		return true;
	}
	if (x->inner)
		return false;
	at += spaces(d, at);
	if (at >= end)
		return true;
	while (end > at && d->p[end - 1] == ' ')
		end--;
	if (d->p[at] != '#' || at == r->from)
		return false;
	r->text = (struct st_keys_text){ d->p + at, end - at };
	return true;
}

/* The lines above a key or dash, at the top of the file all of them. */
static bool above(const struct st_kdoc *d, const struct st_knode *x, struct remark *r)
{
	size_t end = line_of(d, x->key_from);
	bool first = x == st_kdoc_child(d, d->v);

	*r = (struct remark){ .from = first ? 0 : lead(d, x), .to = end };
	for (size_t at = r->from; at < end; at = eol(d, at) + 1) {
		size_t n = spaces(d, at);

		if (d->p[at + n] != '#' && d->p[at + n] != '\n')
			return false;
	}
	r->text = (struct st_keys_text){ d->p + r->from, end - r->from };
	return !x->inner && !x->compact;
}

static bool same_text(const struct st_keys_text *a, const struct st_keys_text *b)
{
	return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

static bool has_line(const struct st_keys_text *t, const char *p, size_t n)
{
	const char *at = t->p, *end = at + t->len;

	while (t->len && at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((lf ? lf : end) - at);

		if (len == n && memcmp(at, p, n) == 0)
			return true;
		at += len + 1;
	}
	return false;
}

/* Both changed it: ours's, and what is new in theirs's. */
static int add_remark(struct st_buf *b, const struct st_keys_text *base,
		      const struct st_keys_text *t, bool lines, struct st_err *e)
{
	const struct st_keys_text now = { b->p, b->len };
	const char *at = t->p, *end = at + t->len;
	struct st_buf more;
	int rc = ST_OK;

	if (!lines) {
		if (b->len && t->len)
			rc = st_buf_addch(b, ' ', e);
		return rc == ST_OK ? st_buf_add(b, t->p, t->len, e) : rc;
	}
	st_buf_init(&more, MOST);
	while (rc == ST_OK && t->len && at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((lf ? lf : end) - at);

		if (len && !has_line(&now, at, len) && !has_line(base, at, len))
			rc = st_buf_add(&more, at, len + 1, e);
		at += len + 1;
	}
	if (rc == ST_OK)
		rc = st_buf_add(b, more.p, more.len, e);
	st_buf_release(&more);
	return rc;
}

typedef bool remark_fn(const struct st_kdoc *d, const struct st_knode *x, struct remark *r);

/* False: there can be none. Lines come as they would be at the left margin. */
static bool find_remark(struct st_kmerge *k, const struct st_kdoc *d, const struct st_knode *x,
			remark_fn *find, struct remark *r, struct st_err *e)
{
	struct st_buf b;
	size_t n;

	*r = (struct remark){ 0 };
	if (!x || !find(d, x, r))
		return false;
	if (find != above || !x->col || !r->text.len)
		return true;
	n = spaces(d, r->from);
	n = n < x->col ? n : x->col;
	st_buf_init(&b, MOST);
	if (outdent(&b, d->p + r->from + n, r->text.len - n, x->col, e) == ST_OK)
		r->text = (struct st_keys_text){ st_arena_dup(&k->arena, b.p, b.len, e), b.len };
	st_buf_release(&b);
	return e->code == ST_OK;
}

/* The remark of ours becomes b. */
static int put_remark(struct st_kmerge *k, const struct st_knode *x, const struct remark *ours,
		      const struct st_buf *b, bool lines, struct st_err *e)
{
	const struct st_kdoc *d = &k->side[0];
	size_t from = ours->from;
	struct st_buf text;
	int rc = ST_OK;

	st_buf_init(&text, MOST);
	if (!lines && b->len && ours->text.len)
		from = (size_t)((const char *)ours->text.p - d->p); /* where it was */
	else if (!lines && b->len)
		rc = st_buf_addstr(&text, "  ", e);
	for (size_t i = 0; rc == ST_OK && lines && b->len && i < x->col; i++)
		rc = st_buf_addch(&text, ' ', e);
	if (rc == ST_OK)
		rc = indent(&text, (const char *)b->p, b->len, lines ? x->col : 0, e);
	if (rc == ST_OK)
		rc = put(k, from, ours->to, "", (const char *)text.p, text.len, 0, e);
	st_buf_release(&text);
	return rc;
}

static int join_remarks(struct st_kmerge *k, const struct st_knode *base,
			const struct st_knode *const *sides, remark_fn *find, struct st_err *e)
{
	bool lines = find == above;
	struct remark ours, was, theirs;
	struct st_buf b;
	int rc;

	if (!find_remark(k, &k->side[0], sides[0], find, &ours, e))
		return e->code;
	if (!find_remark(k, &k->base, base, find, &was, e))
		was.text.len = 0;
	if (e->code != ST_OK)
		return e->code;
	st_buf_init(&b, MOST);
	rc = st_buf_add(&b, ours.text.p, ours.text.len, e);
	for (size_t i = 1; rc == ST_OK && i < k->k->n; i++) {
		const struct st_keys_text now = { b.p, b.len };

		if (!find_remark(k, &k->side[i], sides[i], find, &theirs, e) ||
		    same_text(&theirs.text, &was.text) || same_text(&theirs.text, &now)) {
			rc = e->code;
			continue;
		}
		if (!same_text(&now, &was.text)) {
			rc = add_remark(&b, &was.text, &theirs.text, lines, e);
			continue;
		}
		st_buf_clear(&b);
		rc = st_buf_add(&b, theirs.text.p, theirs.text.len, e);
	}
	if (rc == ST_OK && !same_text(&ours.text, &(struct st_keys_text){ b.p, b.len }))
		rc = put_remark(k, sides[0], &ours, &b, lines, e);
	st_buf_release(&b);
	return rc;
}

static int yaml_comments(struct st_kmerge *k, const struct st_knode *base,
			 const struct st_knode *const *sides, const struct st_keys_text *text,
			 struct st_err *e)
{
	const char *lf = text && text->len ? memchr(text->p, '\n', text->len) : NULL;
	bool spread = lf &&
		      lf != text->p; /* a scalar of several lines: no comment goes behind it */
	bool inside = is_spread(&k->side[0], sides[0]) && (!text || lf);
	int rc = spread || inside ? ST_OK : join_remarks(k, base, sides, beside, e);

	return rc == ST_OK ? join_remarks(k, base, sides, above, e) : rc;
}

const struct st_klang st_klang_yaml = { .read = yaml_read,
					.alike = yaml_alike,
					.text = yaml_text,
					.replace = yaml_replace,
					.members = yaml_members,
					.comments = yaml_comments,
					.always_enters = true,
					.checked = true };
