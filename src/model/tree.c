/* SPDX-License-Identifier: Apache-2.0 */
#include "model/object.h"

#include "base/canon.h"
#include "base/json.h"
#include "tensor/quote.h"

#define TYPE "strata.tree/1"
#define MODE_DIR 3

bool st_name_valid(const char *name, size_t len)
{
	if (len == 0 || (len == 1 && name[0] == '.') ||
	    (len == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	return !memchr(name, '/', len) && !memchr(name, 0, len);
}

void st_tree_init(struct st_tree *t)
{
	*t = (struct st_tree){ 0 };
	st_arena_init(&t->arena);
}

void st_tree_release(struct st_tree *t)
{
	free(t->entries);
	st_arena_release(&t->arena);
	*t = (struct st_tree){ 0 };
}

static int bad(const struct st_tree_entry *en, enum st_code code, const char *what,
	       struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, code, "tree entry %s %s", st_quote(&q, en->name, en->name_len), what);
}

static int check(const struct st_tree_entry *en, enum st_code code, struct st_err *e)
{
	if (!st_name_valid(en->name, en->name_len))
		return bad(en, code, "has a name that no file can have", e);
	if (en->mode > MODE_DIR)
		return bad(en, code, "has a mode that is none", e);
	if (en->mode == MODE_DIR && en->size != 0)
		return bad(en, code, "is a directory but has a size", e);
	if (st_oid_is_zero(&en->id))
		return bad(en, code, "has no id", e);
	return ST_OK;
}

int st_tree_add(struct st_tree *t, const struct st_tree_entry *en, struct st_err *e)
{
	int rc = st_grow(&t->entries, &t->cap, t->n + 1, e);
	char *name;

	if (rc != ST_OK)
		return rc;
	name = st_arena_dup(&t->arena, en->name, en->name_len, e);
	if (!name)
		return e->code;
	t->entries[t->n] = *en;
	t->entries[t->n].name = name;
	rc = check(&t->entries[t->n], ST_EUSAGE, e);
	if (rc == ST_OK)
		t->n++;
	return rc;
}

static int name_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c ? c : (alen > blen) - (alen < blen);
}

static int entry_cmp(const void *a, const void *b)
{
	const struct st_tree_entry *x = a, *y = b;

	return name_cmp(x->name, x->name_len, y->name, y->name_len);
}

static void put_entry(struct st_jw *w, const struct st_tree_entry *en)
{
	st_jw_object(w);
	st_jw_key(w, "id");
	st_jw_oid(w, &en->id);
	st_jw_key(w, "mode");
	st_jw_u64(w, en->mode);
	st_jw_name(w, "name", en->name, en->name_len);
	st_jw_key(w, "size");
	st_jw_u64(w, en->size);
	st_jw_close_object(w);
}

int st_tree_encode(struct st_buf *out, struct st_tree *t, struct st_err *e)
{
	struct st_jw w;

	if (t->n > 1)
		qsort(t->entries, t->n, sizeof(*t->entries), entry_cmp);
	for (size_t i = 1; i < t->n; i++)
		if (entry_cmp(&t->entries[i - 1], &t->entries[i]) == 0)
			return bad(&t->entries[i], ST_EUSAGE, "comes twice", e);
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	st_jw_key(&w, "entries");
	st_jw_array(&w);
	for (size_t i = 0; i < t->n && e->code == ST_OK; i++)
		put_entry(&w, &t->entries[i]);
	st_jw_close_array(&w);
	st_jw_key(&w, "type");
	st_jw_string(&w, TYPE);
	st_jw_close_object(&w);
	return e->code;
}

static void get_entry(struct st_canon *c, struct st_tree_entry *en)
{
	uint64_t mode;

	st_canon_object(c);
	st_canon_need(c, "id");
	st_canon_oid(c, &en->id);
	st_canon_need(c, "mode");
	mode = st_canon_u64(c);
	en->mode = mode < UINT32_MAX ? (uint32_t)mode : UINT32_MAX;
	en->name = st_canon_name(c, "name", &en->name_len);
	st_canon_need(c, "size");
	en->size = st_canon_u64(c);
	st_canon_close(c);
}

static int get_entries(struct st_canon *c, struct st_tree *t)
{
	struct st_tree_entry *en;

	st_canon_need(c, "entries");
	st_canon_array(c);
	while (st_canon_item(c) && st_grow(&t->entries, &t->cap, t->n + 1, c->err) == ST_OK) {
		en = &t->entries[t->n];
		get_entry(c, en);
		if (!st_canon_ok(c) || check(en, ST_ECORRUPT, c->err) != ST_OK)
			break;
		if (t->n > 0 && entry_cmp(en - 1, en) >= 0)
			return bad(en, ST_ECORRUPT, "is out of order or comes twice", c->err);
		t->n++;
	}
	return c->err->code;
}

int st_tree_parse(struct st_tree *out, const void *p, size_t len, struct st_err *e)
{
	struct st_canon c;

	st_tree_init(out);
	st_canon_init(&c, p, len, &out->arena, e);
	st_canon_object(&c);
	if (get_entries(&c, out) == ST_OK)
		st_canon_type(&c, TYPE);
	st_canon_close(&c);
	st_canon_end(&c);
	if (e->code == ST_OK)
		return ST_OK;
	st_tree_release(out);
	return st_wrap(e, "parse " TYPE);
}

const struct st_tree_entry *st_tree_find(const struct st_tree *t, const char *name, size_t len)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct st_tree_entry *en = &t->entries[mid];
		int c = name_cmp(name, len, en->name, en->name_len);

		if (c == 0)
			return en;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}
