/* SPDX-License-Identifier: Apache-2.0 */
#include "model/merged.h"

#include "base/canon.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>

#define DESC "strata.merge/1"
#define STATE "strata.merging/1"
#define MOST_BUMP 3

void st_merge_desc_init(struct st_merge_desc *d)
{
	*d = (struct st_merge_desc){ 0 };
	st_arena_init(&d->arena);
}

void st_merge_desc_release(struct st_merge_desc *d)
{
	free(d->items);
	st_arena_release(&d->arena);
	*d = (struct st_merge_desc){ 0 };
}

/* ---- items ---- */

static int order_of(const char *a, size_t na, const char *b, size_t nb)
{
	size_t n = na < nb ? na : nb;
	int c = n ? memcmp(a, b, n) : 0;

	return c ? c : (na > nb) - (na < nb);
}

static int by_place(const void *pa, const void *pb)
{
	const struct st_merge_item *a = pa, *b = pb;
	int c = order_of(a->path, a->path_len, b->path, b->path_len);

	return c ? c : order_of(a->name, a->name_len, b->name, b->name_len);
}

static int copy_names(struct st_arena *a, struct st_merge_item *x, const struct st_merge_item *it,
		      struct st_err *e)
{
	if (!it->names)
		return ST_OK;
	x->names = st_arena_alloc(a, (it->nsides + 1) * sizeof(*x->names), e);
	for (size_t i = 0; x->names && i <= it->nsides; i++) {
		const struct st_merge_name *from = &it->names[i];

		x->names[i].len = from->len;
		x->names[i].text = st_arena_dup(a, from->len ? from->text : "", from->len, e);
	}
	return e->code;
}

static int copy_held(struct st_arena *a, struct st_merge_item *x, const struct st_merge_item *it,
		     struct st_err *e)
{
	if (!it->held)
		return ST_OK;
	x->held = st_arena_alloc(a, (it->nsides + 1) * sizeof(*x->held), e);
	for (size_t i = 0; x->held && i <= it->nsides; i++) {
		struct st_merge_held *h = &x->held[i];
		uint64_t *shape;

		*h = it->held[i];
		shape = st_arena_alloc(a, (h->ndim + 1) * sizeof(*shape), e);
		if (shape && h->ndim)
			memcpy(shape, h->shape, h->ndim * sizeof(*shape));
		h->shape = shape;
		if (h->dtype)
			h->dtype = st_arena_dup(a, h->dtype, strlen(h->dtype), e);
		if (h->value)
			h->value = st_arena_dup(a, h->value, h->value_len, e);
	}
	return e->code;
}

int st_merge_desc_add(struct st_merge_desc *d, const struct st_merge_item *it, struct st_err *e)
{
	struct st_merge_item *x;
	int rc = st_grow(&d->items, &d->cap, d->nitems + 1, e);

	if (rc != ST_OK)
		return rc;
	x = &d->items[d->nitems];
	*x = *it;
	x->path = st_arena_dup(&d->arena, it->path, it->path_len, e);
	x->name = st_arena_dup(&d->arena, it->name, it->name_len, e);
	x->kind = st_arena_dup(&d->arena, it->kind, strlen(it->kind), e);
	x->how = it->how ? st_arena_dup(&d->arena, it->how, strlen(it->how), e) : NULL;
	x->sides = st_arena_alloc(&d->arena, it->nsides * sizeof(*x->sides), e);
	if (e->code != ST_OK || copy_names(&d->arena, x, it, e) != ST_OK ||
	    copy_held(&d->arena, x, it, e) != ST_OK)
		return e->code;
	if (it->nsides)
		memcpy(x->sides, it->sides, it->nsides * sizeof(*x->sides));
	d->nitems++;
	return ST_OK;
}

void st_merge_desc_sort(struct st_merge_desc *d)
{
	if (d->nitems)
		qsort(d->items, d->nitems, sizeof(*d->items), by_place);
}

struct st_merge_item *st_merge_desc_find(const struct st_merge_desc *d, const char *path,
					 size_t path_len, const char *name, size_t name_len)
{
	struct st_merge_item key = {
		.path = path, .path_len = path_len, .name = name, .name_len = name_len
	};

	return d->nitems ? bsearch(&key, d->items, d->nitems, sizeof(key), by_place) : NULL;
}

static bool same_name(const struct st_merge_name *a, const struct st_merge_name *b)
{
	return a->len == b->len && (!a->len || memcmp(a->text, b->text, a->len) == 0);
}

/* Tensors of nothing have one id, whatever their shapes, and directories have none. */
static bool same_form(const struct st_merge_held *a, const struct st_merge_held *b)
{
	return !a->files == !b->files && a->ndim == b->ndim &&
	       (!a->ndim || memcmp(a->shape, b->shape, a->ndim * sizeof(*a->shape)) == 0);
}

bool st_merge_item_changed(const struct st_merge_item *it, size_t side)
{
	return !st_oid_eq(&it->sides[side], &it->base) ||
	       (it->held && !same_form(&it->held[side + 1], &it->held[0])) ||
	       (it->names && !same_name(&it->names[side + 1], &it->names[0]));
}

size_t st_merge_item_other(const struct st_merge_item *it)
{
	for (size_t i = 1; i < it->nsides; i++)
		if (st_merge_item_changed(it, i))
			return i;
	return 1;
}

/* ---- what both directions hold to be true ---- */

static bool is_text(const char *s)
{
	return s && *s && st_utf8_valid(s, strlen(s));
}

static int check_item(const struct st_merge_desc *d, size_t i, bool open, enum st_code code,
		      struct st_err *e)
{
	const struct st_merge_item *x = &d->items[i];

	if (!x->path_len || !is_text(x->kind) || (x->how && !is_text(x->how)) ||
	    x->nsides != d->nparents)
		return st_fail(e, code, "item %zu of a merge is incomplete", i);
	if (!x->how && !open)
		return st_fail(e, code, "item %zu of a merge is not decided", i);
	if (i && by_place(x - 1, x) >= 0)
		return st_fail(e, code, "item %zu of a merge is out of order", i);
	return ST_OK;
}

static int check(const struct st_merge_desc *d, bool open, enum st_code code, struct st_err *e)
{
	int rc = ST_OK;

	if (d->nparents < 2)
		return st_fail(e, code, "a merge of %zu versions", d->nparents);
	if (d->seed > ST_CANON_INT_MAX)
		return st_fail(e, code, "the seed of a merge is beyond 2^53");
	for (size_t i = 0; rc == ST_OK && i < d->nitems; i++)
		rc = check_item(d, i, open, code, e);
	return rc;
}

/* ---- writing ---- */

/* "" for zero */
static void put_maybe(struct st_jw *w, const struct st_oid *id)
{
	if (st_oid_is_zero(id))
		st_jw_string(w, "");
	else
		st_jw_oid(w, id);
}

static void put_number(struct st_jw *w, const char *key, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17g", v);
	st_jw_key(w, key);
	st_jw_string(w, isnan(v) ? "nan" : text);
}

static void put_figures(struct st_jw *w, const struct st_merge_item *x)
{
	if (!x->has_figures)
		return;
	st_jw_key(w, "figures");
	st_jw_object(w);
	st_jw_key(w, "changed");
	st_jw_u64(w, x->changed);
	put_number(w, "cosine", x->cosine);
	put_number(w, "l2", x->l2);
	put_number(w, "mad", x->mad);
	put_number(w, "max_abs", x->max_abs);
	if (x->nonfinite) {
		st_jw_key(w, "nonfinite");
		st_jw_u64(w, x->nonfinite);
	}
	st_jw_key(w, "numel");
	st_jw_u64(w, x->numel);
	st_jw_close_object(w);
}

static void put_names(struct st_jw *w, const struct st_merge_item *x)
{
	if (!x->names)
		return;
	st_jw_key(w, "names");
	st_jw_array(w);
	for (size_t i = 0; i <= x->nsides; i++) {
		st_jw_object(w);
		st_jw_name(w, "name", x->names[i].text, x->names[i].len);
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

static void put_flag(struct st_jw *w, const char *key, bool on)
{
	if (!on)
		return;
	st_jw_key(w, key);
	st_jw_u64(w, 1);
}

static void put_one_held(struct st_jw *w, const struct st_merge_held *h)
{
	st_jw_object(w);
	if (h->dtype) {
		st_jw_key(w, "dtype");
		st_jw_string(w, h->dtype);
	}
	if (h->files) {
		st_jw_key(w, "files");
		st_jw_u64(w, h->files);
	}
	put_flag(w, "more", h->more);
	if (h->ndim) {
		st_jw_key(w, "shape");
		st_jw_array(w);
		for (size_t i = 0; i < h->ndim; i++)
			st_jw_u64(w, h->shape[i]);
		st_jw_close_array(w);
	}
	if (h->there) {
		st_jw_key(w, "size");
		st_jw_u64(w, h->size);
	}
	if (h->value) {
		st_jw_key(w, "value");
		st_jw_stringn(w, h->value, h->value_len);
	}
	st_jw_close_object(w);
}

static void put_held(struct st_jw *w, const struct st_merge_item *x)
{
	if (!x->held)
		return;
	st_jw_key(w, "held");
	st_jw_array(w);
	for (size_t i = 0; i <= x->nsides; i++)
		put_one_held(w, &x->held[i]);
	st_jw_close_array(w);
}

static void put_item(struct st_jw *w, const struct st_merge_item *x, bool open)
{
	st_jw_object(w);
	if (!st_oid_is_zero(&x->base)) {
		st_jw_key(w, "base");
		st_jw_oid(w, &x->base);
	}
	if (open) {
		put_figures(w, x);
		put_held(w, x);
	}
	if (x->how) {
		st_jw_key(w, "how");
		st_jw_string(w, x->how);
	}
	st_jw_key(w, "kind");
	st_jw_string(w, x->kind);
	if (open && !st_oid_is_zero(&x->marked)) {
		st_jw_key(w, "marked");
		st_jw_oid(w, &x->marked);
	}
	st_jw_name(w, "name", x->name, x->name_len);
	if (open)
		put_names(w, x);
	st_jw_name(w, "path", x->path, x->path_len);
	if (open && x->places) {
		st_jw_key(w, "places");
		st_jw_u64(w, x->places);
	}
	st_jw_key(w, "sides");
	st_jw_array(w);
	for (size_t i = 0; i < x->nsides; i++)
		put_maybe(w, &x->sides[i]);
	st_jw_close_array(w);
	st_jw_close_object(w);
}

static void put_items(struct st_jw *w, const struct st_merge_desc *d, bool open)
{
	st_jw_key(w, "items");
	st_jw_array(w);
	for (size_t i = 0; i < d->nitems; i++)
		put_item(w, &d->items[i], open);
	st_jw_close_array(w);
}

int st_merge_desc_encode(struct st_buf *out, const struct st_merge_desc *d, struct st_err *e)
{
	struct st_jw w;
	int rc = check(d, false, ST_EUSAGE, e);

	if (rc != ST_OK)
		return rc;
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	st_jw_oids(&w, "bases", d->bases, d->nbases);
	put_items(&w, d, false);
	put_flag(&w, "nonfinite", d->nonfinite);
	st_jw_oids(&w, "parents", d->parents, d->nparents);
	st_jw_key(&w, "seed");
	st_jw_u64(&w, d->seed);
	st_jw_key(&w, "type");
	st_jw_string(&w, DESC);
	st_jw_close_object(&w);
	return e->code;
}

/* ---- reading ---- */

static void get_maybe(struct st_canon *c, void *elem)
{
	const char *s = st_canon_text(c);
	struct st_oid *id = elem;

	*id = (struct st_oid){ { 0 } };
	if (s && *s && (!st_oid_parse(id, s, strlen(s)) || st_oid_is_zero(id)))
		st_canon_fail(c, "no id before");
}

static void get_sides(struct st_canon *c, struct st_merge_item *x)
{
	st_canon_need(c, "sides");
	x->sides = st_canon_elems(c, sizeof(*x->sides), get_maybe, &x->nsides);
}

static void get_number(struct st_canon *c, const char *key, double *v)
{
	char text[40];
	const char *s;

	st_canon_need(c, key);
	s = st_canon_text(c);
	if (!s)
		return;
	*v = strtod(s, NULL);
	snprintf(text, sizeof(text), "%.17g", *v);
	if (strcmp(isnan(*v) ? "nan" : text, s) != 0)
		st_canon_fail(c, "no number before");
}

static void get_figures(struct st_canon *c, struct st_merge_item *x)
{
	if (!st_canon_key(c, "figures"))
		return;
	x->has_figures = true;
	st_canon_object(c);
	st_canon_need(c, "changed");
	x->changed = st_canon_u64(c);
	get_number(c, "cosine", &x->cosine);
	get_number(c, "l2", &x->l2);
	get_number(c, "mad", &x->mad);
	get_number(c, "max_abs", &x->max_abs);
	if (st_canon_key(c, "nonfinite"))
		x->nonfinite = st_canon_u64(c);
	st_canon_need(c, "numel");
	x->numel = st_canon_u64(c);
	st_canon_close(c);
}

static void get_name(struct st_canon *c, void *elem)
{
	struct st_merge_name *n = elem;

	*n = (struct st_merge_name){ 0 };
	st_canon_object(c);
	n->text = st_canon_name(c, "name", &n->len);
	st_canon_close(c);
}

static void get_names(struct st_canon *c, struct st_merge_item *x, size_t *n)
{
	x->names = st_canon_list(c, "names", sizeof(*x->names), get_name, n);
}

static void get_dim(struct st_canon *c, void *elem)
{
	uint64_t *dim = elem;

	*dim = st_canon_u64(c);
}

static bool get_flag(struct st_canon *c, const char *key)
{
	if (!st_canon_key(c, key))
		return false;
	if (st_canon_u64(c) != 1)
		st_canon_fail(c, "no flag before");
	return true;
}

/* 0 where it is left out, as none are. */
static uint64_t get_some(struct st_canon *c, const char *key)
{
	uint64_t n;

	if (!st_canon_key(c, key))
		return 0;
	n = st_canon_u64(c);
	if (!n)
		st_canon_fail(c, "none of that before");
	return n;
}

static void get_one_held(struct st_canon *c, void *elem)
{
	struct st_merge_held *h = elem;

	*h = (struct st_merge_held){ 0 };
	st_canon_object(c);
	if (st_canon_key(c, "dtype"))
		h->dtype = st_canon_text(c);
	h->files = get_some(c, "files");
	h->more = get_flag(c, "more");
	h->shape = st_canon_list(c, "shape", sizeof(*h->shape), get_dim, &h->ndim);
	h->there = st_canon_key(c, "size");
	if (h->there)
		h->size = st_canon_u64(c);
	if (st_canon_key(c, "value"))
		h->value = st_canon_string(c, &h->value_len);
	if ((!h->there && (h->dtype || h->value || h->files)) || (h->ndim && !h->dtype) ||
	    (h->more && !h->value) || (h->files && (h->dtype || h->value)))
		st_canon_fail(c, "nothing of that kind before");
	if (h->value_len > ST_MERGE_VALUE)
		st_canon_fail(c, "too long a value before");
	st_canon_close(c);
}

static void get_held(struct st_canon *c, struct st_merge_item *x, size_t *n)
{
	x->held = st_canon_list(c, "held", sizeof(*x->held), get_one_held, n);
}

static void get_item(struct st_canon *c, struct st_merge_item *x, bool open)
{
	size_t nnames = 0, nheld = 0;

	*x = (struct st_merge_item){ 0 };
	st_canon_object(c);
	if (st_canon_key(c, "base"))
		st_canon_oid(c, &x->base);
	if (open) {
		get_figures(c, x);
		get_held(c, x, &nheld);
	}
	if (st_canon_key(c, "how"))
		x->how = st_canon_text(c);
	st_canon_need(c, "kind");
	x->kind = st_canon_text(c);
	if (open && st_canon_key(c, "marked"))
		st_canon_oid(c, &x->marked);
	x->name = st_canon_name(c, "name", &x->name_len);
	if (open)
		get_names(c, x, &nnames);
	x->path = st_canon_name(c, "path", &x->path_len);
	if (open)
		x->places = get_some(c, "places");
	get_sides(c, x);
	if ((x->names && nnames != x->nsides + 1) || (x->held && nheld != x->nsides + 1))
		st_canon_fail(c, "not of all sides before");
	st_canon_close(c);
}

static void get_items(struct st_canon *c, struct st_merge_desc *d, bool open)
{
	st_canon_need(c, "items");
	st_canon_array(c);
	while (st_canon_item(c) && st_grow(&d->items, &d->cap, d->nitems + 1, c->err) == ST_OK)
		get_item(c, &d->items[d->nitems++], open);
}

int st_merge_desc_parse(struct st_merge_desc *out, const void *p, size_t len, struct st_err *e)
{
	struct st_canon c;
	int rc;

	st_merge_desc_init(out);
	st_canon_init(&c, p, len, &out->arena, e);
	st_canon_object(&c);
	st_canon_oids(&c, "bases", &out->bases, &out->nbases);
	get_items(&c, out, false);
	out->nonfinite = get_flag(&c, "nonfinite");
	st_canon_oids(&c, "parents", &out->parents, &out->nparents);
	st_canon_need(&c, "seed");
	out->seed = st_canon_u64(&c);
	st_canon_type(&c, DESC);
	st_canon_close(&c);
	st_canon_end(&c);
	rc = e->code == ST_OK ? check(out, false, ST_ECORRUPT, e) : (int)e->code;
	if (rc == ST_OK)
		return ST_OK;
	st_merge_desc_release(out);
	return st_wrap(e, "parse " DESC);
}

/* ---- a merge under way ---- */

void st_merging_init(struct st_merging *m)
{
	*m = (struct st_merging){ 0 };
	st_merge_desc_init(&m->d);
}

void st_merging_release(struct st_merging *m)
{
	st_merge_desc_release(&m->d);
	free(m->staged);
	*m = (struct st_merging){ 0 };
}

static const char *const kinds[] = { "merge", "cherry-pick", "revert" };

const char *st_merging_kind_name(enum st_merging_kind kind)
{
	return kinds[kind];
}

static int check_state(const struct st_merging *m, enum st_code code, struct st_err *e)
{
	if ((m->kind == ST_MERGING_MERGE) != st_oid_is_zero(&m->of) ||
	    (m->kind != ST_MERGING_MERGE && (m->d.nparents != 2 || m->d.nbases > 1)) ||
	    m->bump > MOST_BUMP)
		return st_fail(e, code, "a %s that is none", kinds[m->kind]);
	if (!is_text(m->message) || (m->accept && !is_text(m->accept)))
		return st_fail(e, code, "a merge under way without a message");
	for (size_t i = 0; i < m->nstaged; i++)
		if (!m->staged[i].path_len ||
		    (i && order_of(m->staged[i - 1].path, m->staged[i - 1].path_len,
				   m->staged[i].path, m->staged[i].path_len) >= 0))
			return st_fail(e, code, "file %zu of a merge is out of order", i);
	return check(&m->d, true, code, e);
}

static void put_staged(struct st_jw *w, const struct st_merging *m)
{
	st_jw_key(w, "staged");
	st_jw_array(w);
	for (size_t i = 0; i < m->nstaged; i++) {
		st_jw_object(w);
		put_flag(w, "hand", m->staged[i].hand);
		st_jw_key(w, "id");
		put_maybe(w, &m->staged[i].id);
		if (m->staged[i].has_mode) {
			st_jw_key(w, "mode");
			st_jw_u64(w, m->staged[i].mode);
		}
		st_jw_name(w, "path", m->staged[i].path, m->staged[i].path_len);
		if (m->staged[i].has_mode) {
			st_jw_key(w, "size");
			st_jw_u64(w, m->staged[i].size);
		}
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

int st_merging_encode(struct st_buf *out, const struct st_merging *m, struct st_err *e)
{
	struct st_jw w;
	int rc = check_state(m, ST_EUSAGE, e);

	if (rc != ST_OK)
		return rc;
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	put_flag(&w, "aborting", m->aborting);
	if (m->accept) {
		st_jw_key(&w, "accept");
		st_jw_string(&w, m->accept);
	}
	st_jw_key(&w, "after");
	st_jw_oid(&w, &m->after);
	st_jw_oids(&w, "bases", m->d.bases, m->d.nbases);
	st_jw_key(&w, "before");
	st_jw_oid(&w, &m->before);
	put_flag(&w, "begun", m->begun);
	if (m->bump) {
		st_jw_key(&w, "bump");
		st_jw_u64(&w, m->bump);
	}
	put_items(&w, &m->d, true);
	st_jw_key(&w, "message");
	st_jw_string(&w, m->message);
	put_flag(&w, "nonfinite", m->d.nonfinite);
	if (!st_oid_is_zero(&m->of)) {
		st_jw_key(&w, "of");
		st_jw_oid(&w, &m->of);
	}
	st_jw_oids(&w, "parents", m->d.parents, m->d.nparents);
	st_jw_key(&w, "seed");
	st_jw_u64(&w, m->d.seed);
	put_staged(&w, m);
	st_jw_key(&w, "type");
	st_jw_string(&w, STATE);
	if (m->kind != ST_MERGING_MERGE) {
		st_jw_key(&w, "verb");
		st_jw_string(&w, kinds[m->kind]);
	}
	st_jw_close_object(&w);
	return e->code;
}

static unsigned get_mode(struct st_canon *c)
{
	uint64_t mode = st_canon_u64(c);

	if (mode > 2)
		st_canon_fail(c, "no mode before");
	return (unsigned)mode;
}

static void get_staged(struct st_canon *c, struct st_merging *m)
{
	st_canon_need(c, "staged");
	st_canon_array(c);
	while (st_canon_item(c) &&
	       st_grow(&m->staged, &m->staged_cap, m->nstaged + 1, c->err) == ST_OK) {
		struct st_merge_staged *s = &m->staged[m->nstaged++];

		*s = (struct st_merge_staged){ 0 };
		st_canon_object(c);
		s->hand = get_flag(c, "hand");
		st_canon_need(c, "id");
		get_maybe(c, &s->id);
		s->has_mode = st_canon_key(c, "mode");
		if (s->has_mode)
			s->mode = get_mode(c);
		s->path = st_canon_name(c, "path", &s->path_len);
		if (s->has_mode) {
			st_canon_need(c, "size");
			s->size = st_canon_u64(c);
		}
		st_canon_close(c);
	}
}

static unsigned get_bump(struct st_canon *c)
{
	uint64_t bump = 0;

	if (!st_canon_key(c, "bump"))
		return 0;
	bump = st_canon_u64(c);
	if (bump < 1 || bump > MOST_BUMP)
		st_canon_fail(c, "no step before");
	return (unsigned)bump;
}

static enum st_merging_kind get_kind(struct st_canon *c)
{
	const char *s = st_canon_key(c, "verb") ? st_canon_text(c) : NULL;

	for (size_t i = ST_MERGING_CHERRY_PICK; s && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(s, kinds[i]) == 0)
			return (enum st_merging_kind)i;
	if (s)
		st_canon_fail(c, "no verb before");
	return ST_MERGING_MERGE;
}

static void get_state(struct st_canon *c, struct st_merging *m)
{
	struct st_merge_desc *d = &m->d;

	st_canon_object(c);
	m->aborting = get_flag(c, "aborting");
	if (st_canon_key(c, "accept"))
		m->accept = st_canon_text(c);
	st_canon_need(c, "after");
	st_canon_oid(c, &m->after);
	st_canon_oids(c, "bases", &d->bases, &d->nbases);
	st_canon_need(c, "before");
	st_canon_oid(c, &m->before);
	m->begun = get_flag(c, "begun");
	m->bump = get_bump(c);
	get_items(c, d, true);
	st_canon_need(c, "message");
	m->message = st_canon_text(c);
	d->nonfinite = get_flag(c, "nonfinite");
	if (st_canon_key(c, "of"))
		st_canon_oid(c, &m->of);
	st_canon_oids(c, "parents", &d->parents, &d->nparents);
	st_canon_need(c, "seed");
	d->seed = st_canon_u64(c);
	get_staged(c, m);
	st_canon_type(c, STATE);
	m->kind = get_kind(c);
	st_canon_close(c);
	st_canon_end(c);
}

int st_merging_parse(struct st_merging *out, const void *p, size_t len, struct st_err *e)
{
	struct st_canon c;
	int rc;

	st_merging_init(out);
	st_canon_init(&c, p, len, &out->d.arena, e);
	get_state(&c, out);
	rc = e->code == ST_OK ? check_state(out, ST_ECORRUPT, e) : (int)e->code;
	if (rc == ST_OK)
		return ST_OK;
	st_merging_release(out);
	return st_wrap(e, "parse " STATE);
}
