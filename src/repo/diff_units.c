/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/diff_units.h"

#include "format/format.h"
#include "tensor/quote.h"

#include <ctype.h>
#include <stdio.h>

struct making {
	struct st_dpairs *p;
	struct st_repo *r;
	const struct st_ctx *ctx;
	bool modes; /* executable bits count: both sides are the repository's */
	bool part;  /* paths were chosen: of a model there may be less than its index names */
};

static const char *key_of(const struct st_dpair *p)
{
	return p->a ? p->a->key : p->b->key;
}

/* ---- pairs ---- */

/* A followed link beside a stored one: what is compared is where they lead. */
static int meet_link(struct st_dfile *f, const struct st_dfile *other, struct st_err *e)
{
	struct stat st;

	if (other->mode != ST_MODE_LINK || !f->link || f->mode == ST_MODE_LINK)
		return ST_OK;
	if (lstat(f->full, &st) != 0)
		return st_fail_os(e, "%s", f->path);
	f->mode = ST_MODE_LINK;
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtim;
	return ST_OK;
}

static enum st_dpair_state state_of(const struct st_dfile *a, const struct st_dfile *b, bool modes)
{
	if (!a || !b || (a->mode == ST_MODE_LINK) != (b->mode == ST_MODE_LINK) ||
	    a->size != b->size || (modes && a->mode != b->mode))
		return ST_PAIR_DIFFERENT;
	if (!a->has_id || !b->has_id)
		return ST_PAIR_OPEN;
	return st_oid_eq(&a->id, &b->id) ? ST_PAIR_SAME : ST_PAIR_DIFFERENT;
}

static int add_pair(const struct making *m, struct st_dfile *a, struct st_dfile *b,
		    struct st_err *e)
{
	struct st_dpairs *p = m->p;
	int rc = st_grow(&p->v, &p->cap, p->n + 1, e);

	if (rc == ST_OK && a && b)
		rc = meet_link(a, b, e);
	if (rc == ST_OK && a && b)
		rc = meet_link(b, a, e);
	if (rc == ST_OK)
		p->v[p->n++] =
			(struct st_dpair){ .a = a, .b = b, .state = state_of(a, b, m->modes) };
	return rc;
}

static int join(const struct making *m, struct st_dlist *a, struct st_dlist *b, struct st_err *e)
{
	size_t i = 0, j = 0;
	int rc = ST_OK;

	while (rc == ST_OK && (i < a->n || j < b->n)) {
		int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->v[i].key, b->v[j].key);

		rc = add_pair(m, order <= 0 ? &a->v[i] : NULL, order >= 0 ? &b->v[j] : NULL, e);
		i += order <= 0;
		j += order >= 0;
	}
	return rc;
}

/* ---- shards ---- */

/* The end of "model-00001-of-00003" in front of a suffix, and where its "-00001" begins. */
static const char *shard_mark(const char *base, const char **end)
{
	const char *dot = strrchr(base, '.'), *at;

	if (!dot)
		return NULL;
	*end = dot;
	for (at = dot; at > base && isdigit((unsigned char)at[-1]);)
		at--;
	if (at == dot || at - base < 4 || memcmp(at - 4, "-of-", 4) != 0)
		return NULL;
	dot = at -= 4;
	while (at > base && isdigit((unsigned char)at[-1]))
		at--;
	return at != dot && at - base >= 2 && at[-1] == '-' ? at - 1 : NULL;
}

const char *st_unit_of(struct st_arena *arena, const char *key, struct st_err *e)
{
	const char *slash = strrchr(key, '/'), *base = slash ? slash + 1 : key, *mark, *end;
	size_t head;
	char *out;

	if (st_shard_index_name(key) && (mark = strstr(base, ".index.")))
		return st_arena_dup(arena, key, (size_t)(mark - key), e);
	mark = shard_mark(base, &end);
	if (!mark)
		return key;
	head = (size_t)(mark - key);
	out = st_arena_alloc(arena, head + strlen(end) + 1, e);
	if (!out)
		return NULL;
	memcpy(out, key, head);
	memcpy(out + head, end, strlen(end));
	return out;
}

/* Shards may have any name: the index knows. One that cannot be read, or that names what is no file
 * beside it, leaves them as they are after a warning. */
static int load_index(const struct making *m, struct st_dfile *f, bool told,
		      struct st_shard_index *x, bool *there, struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_buf b;
	int rc;

	st_buf_init(&b, (size_t)64 << 20);
	rc = st_dfile_slurp(f, m->r, &b, &bad);
	if (rc == ST_OK)
		rc = st_shard_index_parse(x, b.p, b.len, &bad);
	st_buf_release(&b);
	*there = rc == ST_OK;
	if (rc == ST_OK)
		return ST_OK;
	if (rc != ST_EFORMAT && rc != ST_ELIMIT) {
		*e = bad;
		return rc;
	}
	if (told)
		st_warn(m->ctx, "%s: %s; it is compared as an ordinary file", f->path, bad.msg);
	return ST_OK;
}

struct unmet { /* what an index names and its side does not have */
	const char *first;
	size_t n;
};

static void warn_unmet(const struct making *m, const struct st_dfile *f, const struct unmet *u)
{
	const char *why = "which is not among the files compared";
	char more[64] = "";
	struct st_quote q;

	if (u->n == 0)
		return;
	if (st_shard_index_name(u->first))
		why = "which is an index itself";
	if (u->n > 1)
		snprintf(more, sizeof(more), ", and %zu more like it", u->n - 1);
	st_warn(m->ctx, "%s names the shard %s, %s%s", f->path,
		st_quote(&q, u->first, strlen(u->first)), why, more);
}

/* Is that pair a file of this side, and none that names shards itself? */
static bool is_shard(const struct st_dpair *p, bool of_a)
{
	return (of_a ? p->a : p->b) != NULL && !st_shard_index_name(key_of(p));
}

static int join_shards(const struct making *m, const struct st_dpair *index, bool of_a,
		       const struct st_map *by_key, struct st_err *e)
{
	struct st_dfile *f = of_a ? index->a : index->b;
	bool told = !m->part && index->state != ST_PAIR_SAME; /* else it is no news */
	const char *unit = index->unit;
	const char *slash = strrchr(f->key, '/');
	struct unmet unmet = { 0 };
	struct st_shard_index x;
	struct st_buf key;
	uint64_t at;
	bool there;
	int rc = load_index(m, f, told, &x, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	st_buf_init(&key, 1 << 20);
	for (size_t i = 0; rc == ST_OK && i < x.nshards; i++) {
		st_buf_clear(&key);
		rc = st_buf_add(&key, f->key, slash ? (size_t)(slash - f->key) + 1 : 0, e);
		if (rc == ST_OK)
			rc = st_buf_addstr(&key, x.shards[i], e);
		if (rc == ST_OK && st_map_get(by_key, key.p, key.len, &at) &&
		    is_shard(&m->p->v[at], of_a))
			m->p->v[at].unit = unit;
		else if (rc == ST_OK && unmet.n++ == 0)
			unmet.first = x.shards[i];
	}
	if (rc == ST_OK && told)
		warn_unmet(m, f, &unmet);
	st_buf_release(&key);
	st_shard_index_release(&x);
	return rc;
}

static int name_units(const struct making *m, struct st_err *e)
{
	struct st_dpairs *p = m->p;
	struct st_map by_key;
	int rc = ST_OK;

	st_map_init(&by_key);
	for (size_t i = 0; rc == ST_OK && i < p->n; i++) {
		const char *key = key_of(&p->v[i]);

		p->v[i].unit = st_unit_of(&p->arena, key, e);
		rc = p->v[i].unit ? st_map_put(&by_key, key, strlen(key), i, NULL, NULL, e) :
				    (int)e->code;
	}
	for (size_t i = 0; rc == ST_OK && i < p->n; i++) {
		struct st_dpair *d = &p->v[i];

		if (!st_shard_index_name(key_of(d)))
			continue;
		if (d->a)
			rc = join_shards(m, d, true, &by_key, e);
		if (rc == ST_OK && d->b)
			rc = join_shards(m, d, false, &by_key, e);
	}
	st_map_release(&by_key);
	return rc;
}

/* ---- what is gone and what is new ---- */

static int by_unit(const void *x, const void *y)
{
	const struct st_dpair *a = x, *b = y;
	int c = strcmp(a->unit, b->unit);

	return c ? c : strcmp(key_of(a), key_of(b));
}

static void sort_units(struct st_dpairs *p)
{
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_unit);
}

static size_t unit_end(const struct st_dpairs *p, size_t first)
{
	size_t i = first + 1;

	while (i < p->n && strcmp(p->v[i].unit, p->v[first].unit) == 0)
		i++;
	return i;
}

/* Is all of the unit on one side? */
static bool one_sided(const struct st_dpairs *p, size_t first, size_t end, bool *is_a)
{
	*is_a = p->v[first].a != NULL;
	for (size_t i = first; i < end; i++)
		if (*is_a ? p->v[i].b != NULL : p->v[i].a != NULL)
			return false;
	return true;
}

static int join_same_content(struct st_dpairs *p, struct st_err *e)
{
	struct st_map gone;
	uint64_t at;
	size_t i, end;
	bool is_a;
	int rc = ST_OK;

	st_map_init(&gone);
	for (i = 0; rc == ST_OK && i < p->n; i = end) {
		end = unit_end(p, i);
		if (end == i + 1 && one_sided(p, i, end, &is_a) && is_a && p->v[i].a->has_id)
			rc = st_map_put(&gone, p->v[i].a->id.b, ST_OID_LEN, i, NULL, NULL, e);
	}
	for (i = 0; rc == ST_OK && i < p->n; i = end) {
		end = unit_end(p, i);
		if (end == i + 1 && one_sided(p, i, end, &is_a) && !is_a && p->v[i].b->has_id &&
		    st_map_get(&gone, p->v[i].b->id.b, ST_OID_LEN, &at) && at != UINT64_MAX) {
			p->v[i].unit = p->v[at].unit;
			rc = st_map_put(&gone, p->v[i].b->id.b, ST_OID_LEN, UINT64_MAX, NULL, NULL,
					e);
		}
	}
	st_map_release(&gone);
	sort_units(p);
	return rc;
}

struct leftover { /* of a directory: units that are on one side only, and the last of each */
	size_t gone, gone_at, added, added_at;
};

struct leftovers {
	struct st_map dirs;
	struct leftover *v;
	size_t n, cap;
};

static int leftover_of(struct leftovers *l, const char *key, struct leftover **out,
		       struct st_err *e)
{
	const char *slash = strrchr(key, '/');
	size_t len = slash ? (size_t)(slash - key) : 0;
	uint64_t at;
	int rc = ST_OK;

	if (!st_map_get(&l->dirs, key, len, &at)) {
		at = l->n;
		rc = st_grow(&l->v, &l->cap, l->n + 1, e);
		if (rc == ST_OK)
			rc = st_map_put(&l->dirs, key, len, at, NULL, NULL, e);
		if (rc == ST_OK)
			l->v[l->n++] = (struct leftover){ 0 };
	}
	*out = rc == ST_OK ? &l->v[at] : NULL;
	return rc;
}

static int any_model(const struct making *m, size_t first, size_t end, bool *yes, struct st_err *e)
{
	int rc = ST_OK;

	*yes = false;
	for (size_t i = first; rc == ST_OK && !*yes && i < end; i++) {
		struct st_dfile *f = m->p->v[i].a ? m->p->v[i].a : m->p->v[i].b;

		rc = st_dfile_open(f, m->r, m->ctx, e);
		*yes = rc == ST_OK && f->model;
		st_dfile_close(f);
	}
	return rc;
}

/* With `models` only units that are models are counted, in directories that have both kinds. */
static int count_leftovers(const struct making *m, struct leftovers *l, bool models,
			   struct st_err *e)
{
	struct st_dpairs *p = m->p;
	struct leftover *d;
	size_t i, end;
	bool is_a, yes;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < p->n; i = end) {
		end = unit_end(p, i);
		if (!one_sided(p, i, end, &is_a))
			continue;
		rc = leftover_of(l, key_of(&p->v[i]), &d, e);
		if (rc != ST_OK || (models && (!d->gone_at || !d->added_at)))
			continue;
		yes = true;
		if (models)
			rc = any_model(m, i, end, &yes, e);
		if (!yes)
			continue;
		if (is_a) {
			d->gone++;
			d->gone_at = i + 1;
		} else {
			d->added++;
			d->added_at = i + 1;
		}
	}
	return rc;
}

static void join_leftover(struct st_dpairs *p, const struct leftover *d)
{
	size_t end;

	if (d->gone != 1 || d->added != 1)
		return;
	end = unit_end(p, d->added_at - 1);
	for (size_t i = d->added_at - 1; i < end; i++)
		p->v[i].unit = p->v[d->gone_at - 1].unit;
}

static int join_leftovers(const struct making *m, struct st_err *e)
{
	struct leftovers l = { 0 };
	int rc;

	st_map_init(&l.dirs);
	rc = count_leftovers(m, &l, false, e);
	for (size_t i = 0; i < l.n; i++)
		l.v[i].gone = l.v[i].added = 0;
	if (rc == ST_OK)
		rc = count_leftovers(m, &l, true, e);
	for (size_t i = 0; rc == ST_OK && i < l.n; i++)
		join_leftover(m->p, &l.v[i]);
	st_map_release(&l.dirs);
	free(l.v);
	sort_units(m->p);
	return rc;
}

int st_dpairs_make(struct st_dpairs *out, struct st_dlist *a, struct st_dlist *b, struct st_repo *r,
		   const struct st_ctx *ctx, struct st_err *e)
{
	struct making m = { out, r, ctx, a->whole && b->whole, a->part || b->part };
	int rc;

	*out = (struct st_dpairs){ 0 };
	st_arena_init(&out->arena);
	if (a->single && a->n == 1 && b->n == 1)
		rc = add_pair(&m, &a->v[0], &b->v[0], e);
	else
		rc = join(&m, a, b, e);
	for (size_t i = 0; rc == ST_OK && a->single && i < out->n; i++)
		out->v[i].unit = "";
	if (rc != ST_OK || a->single)
		return rc;
	rc = name_units(&m, e);
	if (rc != ST_OK)
		return rc;
	sort_units(out);
	rc = join_same_content(out, e);
	return rc == ST_OK ? join_leftovers(&m, e) : rc;
}

void st_dpairs_release(struct st_dpairs *p)
{
	free(p->v);
	st_arena_release(&p->arena);
}
