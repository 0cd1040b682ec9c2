/* SPDX-License-Identifier: Apache-2.0 */
/* Two vocabularies that come from one made one, and what becomes of the ids of each. */
#include "merge/vocab_priv.h"

#include <stdlib.h>

static int by_id(const void *pa, const void *pb)
{
	const struct st_token *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

static uint64_t *none(uint64_t n, struct st_err *e)
{
	size_t count;
	uint64_t *v = st_size(n, &count, e) == ST_OK ? st_calloc(count, sizeof(*v), e) : NULL;

	for (uint64_t i = 0; v && i < n; i++)
		v[i] = ST_NO_TOKEN;
	return v;
}

/* theirs: sorted */
static int number(struct st_vocab_union *u, const struct st_vocab *ours,
		  const struct st_token *theirs, size_t n, struct st_err *e)
{
	int rc = ST_OK;

	u->end = ours->end;
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		const struct st_token *t = &theirs[i];
		uint64_t id;

		if (st_map_get(&ours->ids, t->text, t->len, &id)) {
			if (u->to[t->id] == ST_NO_TOKEN)
				u->to[t->id] = id;
			continue;
		}
		if (u->to[t->id] == ST_NO_TOKEN && !ours->n) /* which has no say then */
			u->end = 1 + (u->to[t->id] = t->id);
		else if (u->to[t->id] == ST_NO_TOKEN)
			u->to[t->id] = u->end++;
		rc = st_map_put(&u->added, t->text, t->len, u->to[t->id], NULL, NULL, e);
	}
	return rc;
}

static bool find(const struct st_vocab_union *u, const struct st_vocab *ours,
		 const struct st_token *t, uint64_t *id)
{
	return st_map_get(&ours->ids, t->text, t->len, id) ||
	       st_map_get(&u->added, t->text, t->len, id);
}

int st_vocab_unite(struct st_vocab_union *u, const struct st_vocab *base,
		   const struct st_vocab *ours, const struct st_vocab *theirs, struct st_err *e)
{
	struct st_token *sorted = st_calloc(theirs->n, sizeof(*sorted), e);
	size_t end;
	int rc;

	memset(u, 0, sizeof(*u));
	st_map_init(&u->added);
	u->ntheirs = theirs->end;
	u->nbase = base->end;
	u->to = none(theirs->end, e);
	rc = sorted && u->to ? ST_OK : (int)e->code;
	if (rc == ST_OK && theirs->n) {
		memcpy(sorted, theirs->v, theirs->n * sizeof(*sorted));
		qsort(sorted, theirs->n, sizeof(*sorted), by_id);
		rc = number(u, ours, sorted, theirs->n, e);
	} else if (rc == ST_OK) {
		u->end = ours->end;
	}
	free(sorted);
	if (rc == ST_OK)
		rc = st_size(u->end, &end, e);
	if (rc != ST_OK)
		return rc;
	u->from = none(u->end, e);
	u->base = none(u->end, e);
	u->ours = st_calloc(end, sizeof(*u->ours), e);
	if (!u->from || !u->base || !u->ours)
		return e->code;
	for (uint64_t q = theirs->end; q > 0; q--)
		if (u->to[q - 1] != ST_NO_TOKEN)
			u->from[u->to[q - 1]] = q - 1;
	for (size_t i = 0; i < ours->n; i++)
		u->ours[ours->v[i].id] = true;
	u->known = st_vocab_used(base, e);
	if (!u->known)
		return e->code;
	for (size_t i = 0; i < base->n; i++) {
		uint64_t id;

		if (find(u, ours, &base->v[i], &id))
			u->base[id] = base->v[i].id;
	}
	return ST_OK;
}

void st_vocab_union_release(struct st_vocab_union *u)
{
	free(u->to);
	free(u->from);
	free(u->base);
	free(u->ours);
	free(u->known);
	st_map_release(&u->added);
	memset(u, 0, sizeof(*u));
}

int st_vocab_add_new(struct st_vocab *v, const struct st_vocab *theirs,
		     const struct st_vocab_union *u, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < theirs->n; i++) {
		const struct st_token *t = &theirs->v[i];
		uint64_t id;

		v->file = t->file;
		if (st_map_get(&u->added, t->text, t->len, &id))
			rc = st_vocab_add(v, t->text, t->len, id, e);
	}
	return rc;
}
