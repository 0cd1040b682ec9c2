/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <sys/random.h>
#include <time.h>

/*
 * The arena. Blocks are chained through their head; `blocks` is the one being filled, whose size is
 * cap and of which the first `used` bytes are taken. They come zeroed, and nothing is given back.
 */

#define ARENA_ALIGN _Alignof(max_align_t)
#define ARENA_MIN ((size_t)1024)
#define ARENA_MAX ((size_t)256 * 1024)

struct block {
	_Alignas(max_align_t) struct block *next;
};

void st_arena_init(struct st_arena *a)
{
	*a = (struct st_arena){ 0 };
}

void st_arena_release(struct st_arena *a)
{
	struct block *b = a->blocks, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	st_arena_init(a);
}

/* A block of its own, behind the one being filled, which stays in use. */
static void *arena_large(struct st_arena *a, size_t n, struct st_err *e)
{
	struct block *head = a->blocks, *b;
	size_t bytes;

	if (__builtin_add_overflow(sizeof(*b), n, &bytes)) {
		st_fail(e, ST_ELIMIT, "%zu bytes do not fit in memory", n);
		return NULL;
	}
	b = st_calloc(1, bytes, e);
	if (!b)
		return NULL;
	if (head) {
		b->next = head->next;
		head->next = b;
	} else {
		a->blocks = b; /* full: used and cap stay 0 */
	}
	return b + 1;
}

static bool arena_refill(struct st_arena *a, struct st_err *e)
{
	size_t cap = a->cap ? a->cap * 2 : ARENA_MIN;
	struct block *b;

	if (cap > ARENA_MAX)
		cap = ARENA_MAX;
	b = st_calloc(1, cap, e);
	if (!b)
		return false;
	b->next = a->blocks;
	a->blocks = b;
	a->cap = cap;
	a->used = sizeof(*b);
	return true;
}

/* n zeroed bytes at a multiple of align, a power of two. */
static void *arena_take(struct st_arena *a, size_t n, size_t align, struct st_err *e)
{
	size_t at = (a->used + align - 1) & ~(align - 1);
	char *p;

	if (at > a->cap || n > a->cap - at) {
		if (n > ARENA_MIN / 2 && n > a->cap / 4) {
			p = arena_large(a, n, e);
			a->total += p ? n : 0;
			return p;
		}
		if (!arena_refill(a, e))
			return NULL;
		at = a->used;
	}
	p = (char *)a->blocks + at;
	a->used = at + n;
	a->total += n;
	return p;
}

void *st_arena_alloc(struct st_arena *a, size_t n, struct st_err *e)
{
	return arena_take(a, n ? n : 1, ARENA_ALIGN, e);
}

char *st_arena_dup(struct st_arena *a, const void *p, size_t n, struct st_err *e)
{
	char *q;

	if (n == SIZE_MAX) {
		st_fail(e, ST_ELIMIT, "%zu bytes do not fit in memory", n);
		return NULL;
	}
	q = arena_take(a, n + 1, 1, e);
	if (q && n)
		memcpy(q, p, n);
	return q;
}

/*
 * The table: open addressing, linear probing, at most three quarters full. The hash is SipHash-1-3
 * keyed from the table's seed, since names come from strangers.
 */

#define MAP_MIN ((size_t)16)

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t hash_of(uint64_t seed, const uint8_t *p, size_t len)
{
	uint64_t k1 = rotl(seed, 29) * 0x9e3779b97f4a7c15, m;
	uint64_t v[4] = { seed ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			  seed ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t left = len, i;

	for (; left >= 8; p += 8, left -= 8) {
		m = st_get64(p);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	m = (uint64_t)len << 56;
	for (i = 0; i < left; i++)
		m |= (uint64_t)p[i] << 8 * i;
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	m = v[0] ^ v[1] ^ v[2] ^ v[3];
	return m ? m : 1; /* 0 marks a free slot */
}

void st_map_init(struct st_map *m)
{
	*m = (struct st_map){ 0 };
}

void st_map_release(struct st_map *m)
{
	if (m->arena)
		st_arena_release(m->arena);
	free(m->arena);
	free(m->slots);
	st_map_init(m);
}

/* Where the key lies, or the free slot where it belongs. The table must have a free slot. */
static struct st_map_slot *find(struct st_map_slot *slots, size_t nslots, uint64_t hash,
				const void *key, size_t len)
{
	size_t i = (size_t)hash & (nslots - 1);

	for (;; i = (i + 1) & (nslots - 1)) {
		struct st_map_slot *s = &slots[i];

		if (s->hash == 0)
			return s;
		if (s->hash == hash && s->len == len && (len == 0 || !memcmp(s->key, key, len)))
			return s;
	}
}

static uint64_t new_seed(const struct st_map *m)
{
	uint64_t seed;
	struct timespec ts;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		return seed;
	/* Only before the kernel has gathered entropy at boot; addresses are random too. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)(uintptr_t)m ^ (uint64_t)ts.tv_nsec << 32 ^ (uint64_t)ts.tv_sec;
}

static int first_slots(struct st_map *m, struct st_err *e)
{
	struct st_arena *arena = st_calloc(1, sizeof(*arena), e);

	if (!arena)
		return e->code;
	m->slots = st_calloc(MAP_MIN, sizeof(*m->slots), e);
	if (!m->slots) {
		free(arena);
		return e->code;
	}
	st_arena_init(arena);
	m->arena = arena;
	m->nslots = MAP_MIN;
	m->seed = new_seed(m);
	return ST_OK;
}

static int grow(struct st_map *m, struct st_err *e)
{
	struct st_map_slot *slots;
	size_t i, n = m->nslots * 2;

	if (m->nslots == 0)
		return first_slots(m, e);
	slots = st_calloc(n, sizeof(*slots), e);
	if (!slots)
		return e->code;
	for (i = 0; i < m->nslots; i++) {
		const struct st_map_slot *s = &m->slots[i];

		/* No two keys are equal, so the search ends only at a free slot. */
		if (s->hash)
			*find(slots, n, s->hash, s->key, s->len) = *s;
	}
	free(m->slots);
	m->slots = slots;
	m->nslots = n;
	return ST_OK;
}

int st_map_put(struct st_map *m, const void *key, size_t len, uint64_t value, bool *had,
	       uint64_t *old, struct st_err *e)
{
	struct st_map_slot *s;
	const char *copy;
	uint64_t hash;

	if (m->nslots / 4 * 3 <= m->count && grow(m, e) != ST_OK)
		return e->code;
	hash = hash_of(m->seed, key, len);
	s = find(m->slots, m->nslots, hash, key, len);
	if (had)
		*had = s->hash != 0;
	if (s->hash != 0) {
		if (old)
			*old = s->value;
		s->value = value;
		return ST_OK;
	}
	copy = st_arena_dup(m->arena, key, len, e);
	if (!copy)
		return e->code;
	*s = (struct st_map_slot){ hash, (const uint8_t *)copy, len, value };
	m->count++;
	return ST_OK;
}

bool st_map_get(const struct st_map *m, const void *key, size_t len, uint64_t *value)
{
	const struct st_map_slot *s;

	if (m->nslots == 0)
		return false;
	s = find(m->slots, m->nslots, hash_of(m->seed, key, len), key, len);
	if (s->hash == 0)
		return false;
	if (value)
		*value = s->value;
	return true;
}

bool st_map_next(const struct st_map *m, size_t *pos, const void **key, size_t *len,
		 uint64_t *value)
{
	for (; *pos < m->nslots; ++*pos) {
		const struct st_map_slot *s = &m->slots[*pos];

		if (s->hash == 0)
			continue;
		*key = s->key;
		*len = s->len;
		if (value)
			*value = s->value;
		++*pos;
		return true;
	}
	return false;
}
