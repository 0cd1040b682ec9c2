/* SPDX-License-Identifier: Apache-2.0 */
#include "base/terse.h"

#include "base/oid.h"
#include "base/rd.h"
#include "base/timefmt.h"

/* Part of the format: words keep their numbers, new ones are added behind. */
#define WORDS(X)                                                                          \
	X("{\"commits\":[\"")                                                             \
	X("{\"index_tree\":\"")                                                           \
	X("{\"packs_added\":[\"")                                                         \
	X("{\"refs\":[{\"name\":\"")                                                      \
	X("\"],\"index_tree\":\"")                                                        \
	X("\"],\"packs_added\":[\"")                                                      \
	X("\"],\"packs_removed\":[\"")                                                    \
	X("\"],\"records\":[\"")                                                          \
	X("\"],\"refs\":[{\"name\":\"")                                                   \
	X("\"],\"time\":\"")                                                              \
	X("\",\"packs_added\":[\"")                                                       \
	X("\",\"packs_removed\":[\"")                                                     \
	X("\",\"refs\":[{\"name\":\"")                                                    \
	X("\",\"new\":\"")                                                                \
	X("\",\"old\":\"")                                                                \
	X("\"},{\"name\":\"")                                                             \
	X("\"}],\"time\":\"")                                                             \
	X("\",\"time\":\"")                                                               \
	X("\",\"type\":\"strata.op/1\",\"verb\":\"")                                      \
	X("\",\"type\":\"strata.op/1\",\"verb\":\"add\",\"who\":\"")                      \
	X("\",\"type\":\"strata.op/1\",\"verb\":\"commit\",\"versions\":[{\"commit\":\"") \
	X("\",\"type\":\"strata.op/1\",\"verb\":\"gc\",\"who\":\"")                       \
	X("\",\"versions\":[{\"commit\":\"")                                              \
	X("\",\"label\":\"v")                                                             \
	X("\"}],\"who\":\"")                                                              \
	X("\",\"who\":\"")                                                                \
	X(">\",\"why\":\"")                                                               \
	X(">\",\"why\":\"add\"}")                                                         \
	X(">\",\"why\":\"commit: ")                                                       \
	X("heads/main\",\"new\":\"")                                                      \
	X("HEAD\",\"new\":\"ref:heads/")                                                  \
	X("\",\"")                                                                        \
	X("{\"author\":{\"email\":\"")                                                    \
	X("\",\"name\":\"")                                                               \
	X("\"},\"message\":\"")                                                           \
	X("\"},\"lineage\":[{\"commit\":\"")                                              \
	X("\",\"merge\":\"")                                                              \
	X("\",\"params\":{\"")                                                            \
	X("\",\"parents\":[\"")                                                           \
	X("\",\"run\":\"")                                                                \
	X("\",\"tree\":\"")                                                               \
	X("\",\"type\":\"strata.commit/1\"}")                                             \
	X("\",\"type\":\"strata.commit/1\",\"tz\":")                                      \
	X("{\"entries\":[{\"id\":\"")                                                     \
	X("\",\"mode\":0,\"name\":\"")                                                    \
	X("\",\"mode\":1,\"name\":\"")                                                    \
	X("\",\"mode\":3,\"name\":\"")                                                    \
	X("\",\"size\":")                                                                 \
	X("},{\"id\":\"")                                                                 \
	X("}],\"type\":\"strata.tree/1\"}")                                               \
	X("\",\"size\":0},{\"id\":\"")                                                    \
	X(".safetensors\",\"size\":")                                                     \
	X(".json\",\"size\":")                                                            \
	X("model")                                                                        \
	X("{\"format\":\"safetensors\",\"glue\":{\"id\":\"")                              \
	X("{\"format\":\"torch\",\"glue\":{\"id\":\"")                                    \
	X("{\"format\":\"gguf\",\"glue\":{\"id\":\"")                                     \
	X("{\"format\":\"chunks\",\"pages\":[{\"bytes\":")                                \
	X("{\"format\":\"")                                                               \
	X("\",\"glue\":{\"id\":\"")                                                       \
	X("},\"graph\":\"")                                                               \
	X("},\"metadata\":\"")                                                            \
	X("},\"pages\":[{\"bytes\":")                                                     \
	X("\",\"pages\":[{\"bytes\":")                                                    \
	X(",\"glue\":")                                                                   \
	X(",\"id\":\"")                                                                   \
	X("\",\"segments\":")                                                             \
	X(",\"tensors\":")                                                                \
	X("},{\"bytes\":")                                                                \
	X("}],\"size\":")                                                                 \
	X(",\"type\":\"strata.manifest/1\"}")                                             \
	X("{\"segments\":[{\"glue\":")                                                    \
	X("{\"segments\":[{\"id\":\"")                                                    \
	X("]}]},{\"id\":\"")                                                              \
	X("]}]},{\"glue\":")                                                              \
	X("]}]}],\"type\":\"strata.page/1\"}")                                            \
	X("}],\"type\":\"strata.page/1\"}")                                               \
	X(",\"views\":[{\"dtype\":\"f32\",\"name\":\"")                                   \
	X(",\"views\":[{\"dtype\":\"f16\",\"name\":\"")                                   \
	X(",\"views\":[{\"dtype\":\"bf16\",\"name\":\"")                                  \
	X(",\"views\":[{\"dtype\":\"")                                                    \
	X("\",\"nbytes\":")                                                               \
	X(",\"offset\":")                                                                 \
	X("\",\"shape\":[")                                                               \
	X(",\"shape\":[")                                                                 \
	X(".weight\",\"shape\":[")                                                        \
	X(".bias\",\"shape\":[")                                                          \
	X("layers.")                                                                      \
	X("{\"detached\":{\"dtype\":\"")

enum token {
	TOK_ID = 0x40,	  /* 32 bytes: 64 hexadecimal digits */
	TOK_AGAIN = 0x41, /* the id before the last k */
	TOK_TIME = 0x42,  /* 8 bytes: RFC 3339 */
	TOK_COPY = 0x43,  /* a varint: so many bytes of the base, from the same place */
	TOK_WORD = 0x80
};
#define LITERALS 64 /* most in a row */
#define COPY_MIN 8
#define AGAIN 256 /* ids that can be named again */

struct word {
	const char *p;
	size_t n;
};

static const struct word words[] = {
#define WORD(text) { text, sizeof(text) - 1 },
	WORDS(WORD)
#undef WORD
};
#define NWORDS (sizeof(words) / sizeof(*words))
#define SHORT(text) _Static_assert(sizeof(text) - 1 <= ST_TERSE_GAIN, "a word is too long");
WORDS(SHORT)
#undef SHORT
_Static_assert(NWORDS <= 128, "a word's number has 7 bits");

/* Ids in the order of coming, the last AGAIN of them. */
struct seen {
	uint8_t id[AGAIN][ST_OID_LEN];
	size_t n;
};

static void saw(struct seen *s, const uint8_t *id)
{
	memcpy(s->id[s->n++ % AGAIN], id, ST_OID_LEN);
}

struct enc {
	uint8_t *out;
	size_t room, at;
	bool full;
	const uint8_t *p, *base;
	size_t n, base_n, pos, lit;	  /* literals not written yet: [lit, pos) */
	uint8_t first[256], next[NWORDS]; /* words by their first byte, from 1; 0 ends */
	struct seen seen;
};

static void index_words(struct enc *c)
{
	for (size_t i = 0; i < NWORDS; i++) {
		uint8_t *head = &c->first[(uint8_t)words[i].p[0]];

		c->next[i] = *head;
		*head = (uint8_t)(i + 1);
	}
}

size_t st_terse_most(size_t n)
{
	return n + n / LITERALS + 1;
}

static void put(struct enc *c, const void *p, size_t n)
{
	if (c->full || c->room - c->at < n) {
		c->full = true;
		return;
	}
	memcpy(c->out + c->at, p, n);
	c->at += n;
}

static void put_u8(struct enc *c, unsigned v)
{
	uint8_t b = (uint8_t)v;

	put(c, &b, 1);
}

static void flush(struct enc *c)
{
	size_t n;

	for (; c->lit < c->pos; c->lit += n) {
		n = c->pos - c->lit < LITERALS ? c->pos - c->lit : LITERALS;
		put_u8(c, (unsigned)n - 1);
		put(c, c->p + c->lit, n);
	}
}

static void advance(struct enc *c, size_t n)
{
	c->pos += n;
	c->lit = c->pos;
}

/* A run that ends within an id goes back to the quote before it, so that the id stays whole. */
static size_t copy_len(const struct enc *c)
{
	size_t most = c->base_n > c->pos ? c->base_n - c->pos : 0, n = 0, back;

	most = most < c->n - c->pos ? most : c->n - c->pos;
	while (n < most && c->p[c->pos + n] == c->base[c->pos + n])
		n++;
	if (c->pos + n == c->n)
		return n;
	for (back = n; back > 0 && n - back < ST_OID_HEX; back--)
		if (c->p[c->pos + back - 1] == '"')
			return back;
	return n;
}

static bool try_copy(struct enc *c)
{
	size_t n = c->base ? copy_len(c) : 0, v = n;

	if (n < COPY_MIN)
		return false;
	flush(c);
	put_u8(c, TOK_COPY);
	for (; v >= 0x80; v >>= 7)
		put_u8(c, (unsigned)(v & 0x7f) | 0x80);
	put_u8(c, (unsigned)v);
	advance(c, n);
	return true;
}

static bool is_hex(uint8_t ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f');
}

static bool try_id(struct enc *c)
{
	const uint8_t *p = c->p + c->pos;
	struct st_oid id;
	size_t i, most;

	if (c->n - c->pos < ST_OID_HEX || !is_hex(p[0]))
		return false;
	for (i = 1; i < ST_OID_HEX; i++)
		if (!is_hex(p[i]))
			return false;
	if (!st_oid_parse(&id, (const char *)p, ST_OID_HEX))
		return false;
	flush(c);
	most = c->seen.n < AGAIN ? c->seen.n : AGAIN;
	for (i = 0; i < most; i++)
		if (memcmp(c->seen.id[(c->seen.n - 1 - i) % AGAIN], id.b, ST_OID_LEN) == 0)
			break;
	if (i < most) {
		put_u8(c, TOK_AGAIN);
		put_u8(c, (unsigned)i);
	} else {
		put_u8(c, TOK_ID);
		put(c, id.b, ST_OID_LEN);
		saw(&c->seen, id.b);
	}
	advance(c, ST_OID_HEX);
	return true;
}

/* As st_time_format writes it, and no other way. */
static bool try_time(struct enc *c)
{
	const char *p = (const char *)c->p + c->pos;
	size_t left = c->n - c->pos, n = 0;
	uint8_t le[8];
	char again[40];
	int64_t t;

	if (left < 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T')
		return false;
	while (n < left && n < 31 && p[n] != 'Z')
		n++;
	if (n == left || n == 31 || !st_time_parse(p, n + 1, &t))
		return false;
	st_time_format(t, again);
	if (strlen(again) != n + 1 || memcmp(again, p, n + 1) != 0)
		return false;
	flush(c);
	put_u8(c, TOK_TIME);
	st_put64(le, (uint64_t)t);
	put(c, le, sizeof(le));
	advance(c, n + 1);
	return true;
}

static bool try_word(struct enc *c)
{
	const char *p = (const char *)c->p + c->pos;
	size_t left = c->n - c->pos, best = NWORDS, k, i;

	for (k = c->first[c->p[c->pos]]; k; k = c->next[i]) {
		i = k - 1;
		if (words[i].n <= left && words[i].p[2] == p[2] &&
		    (best == NWORDS || words[i].n > words[best].n) &&
		    memcmp(words[i].p, p, words[i].n) == 0)
			best = i;
	}
	if (best == NWORDS)
		return false;
	flush(c);
	put_u8(c, TOK_WORD | (unsigned)best);
	advance(c, words[best].n);
	return true;
}

size_t st_terse_encode(uint8_t *out, size_t room, const uint8_t *p, size_t n, const uint8_t *base,
		       size_t base_n)
{
	struct enc c = { .out = out, .room = room, .p = p, .n = n, .base = base, .base_n = base_n };

	index_words(&c);
	while (c.pos < n && !c.full)
		if (!try_copy(&c) && !try_id(&c) && !try_time(&c) && !try_word(&c))
			c.pos++;
	flush(&c);
	return c.full ? 0 : c.at;
}

struct dec {
	uint8_t *out;
	size_t room, at;
	const uint8_t *base;
	size_t base_n;
	struct st_rd rd;
	struct seen seen;
};

static void emit(struct dec *d, const void *p, size_t n)
{
	if (!p || !st_rd_ok(&d->rd))
		return;
	if (n > d->room - d->at) {
		st_fail(d->rd.err, ST_ECORRUPT, "more than %zu bytes", d->room);
		return;
	}
	memcpy(d->out + d->at, p, n);
	d->at += n;
}

static void emit_id(struct dec *d, const uint8_t *id)
{
	char hex[ST_OID_HEX + 1];
	struct st_oid oid;

	if (!id)
		return;
	memcpy(oid.b, id, ST_OID_LEN);
	st_oid_hex(&oid, hex);
	emit(d, hex, ST_OID_HEX);
}

static void emit_again(struct dec *d)
{
	uint8_t k = st_rd_u8(&d->rd);

	if (st_rd_ok(&d->rd) && k >= d->seen.n)
		st_fail(d->rd.err, ST_ECORRUPT, "id %u of %zu", k, d->seen.n);
	if (st_rd_ok(&d->rd))
		emit_id(d, d->seen.id[(d->seen.n - 1 - k) % AGAIN]);
}

static void emit_time(struct dec *d)
{
	uint64_t t = st_rd_u64(&d->rd);
	char text[40];

	if (!st_rd_ok(&d->rd))
		return;
	st_time_format((int64_t)t, text);
	emit(d, text, strlen(text));
}

static void emit_copy(struct dec *d)
{
	uint64_t n = st_rd_varint(&d->rd);

	if (st_rd_ok(&d->rd) && (d->at > d->base_n || n > d->base_n - d->at))
		st_fail(d->rd.err, ST_ECORRUPT, "%" PRIu64 " bytes at %zu of a base of %zu", n,
			d->at, d->base_n);
	if (st_rd_ok(&d->rd) && n)
		emit(d, d->base + d->at, (size_t)n);
}

static void step(struct dec *d)
{
	uint8_t t = st_rd_u8(&d->rd);
	const uint8_t *id;

	if (t < LITERALS) {
		emit(d, st_rd_bytes(&d->rd, t + 1U), t + 1U);
	} else if (t == TOK_ID) {
		id = st_rd_bytes(&d->rd, ST_OID_LEN);
		emit_id(d, id);
		if (id)
			saw(&d->seen, id);
	} else if (t == TOK_AGAIN) {
		emit_again(d);
	} else if (t == TOK_TIME) {
		emit_time(d);
	} else if (t == TOK_COPY) {
		emit_copy(d);
	} else if (t >= TOK_WORD && (t & 0x7fU) < NWORDS) {
		emit(d, words[t & 0x7f].p, words[t & 0x7f].n);
	} else {
		st_fail(d->rd.err, ST_ECORRUPT, "unknown token %u: a newer strata's?", t);
	}
}

int st_terse_decode(uint8_t *out, size_t room, size_t *len, const uint8_t *p, size_t n,
		    const uint8_t *base, size_t base_n, struct st_err *e)
{
	struct dec d = { .out = out, .room = room, .base = base, .base_n = base ? base_n : 0 };

	st_rd_init(&d.rd, p, n, e);
	while (st_rd_ok(&d.rd) && st_rd_left(&d.rd))
		step(&d);
	*len = d.at;
	return e->code;
}
