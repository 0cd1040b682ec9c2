/* SPDX-License-Identifier: Apache-2.0 */
/* Frequency tables: from counts, to bytes, from bytes. */
#include "codec/rans_kernel.h"

#include <string.h>

#define ONE ((uint64_t)1 << 16) /* a bit, in the fixed point of log2 */
#define LOG2_BITS 11
#define TABLE_COST (24 * ONE)  /* of a table's place in the stream, and */
#define SYMBOL_COST (10 * ONE) /* of each symbol that it has */

static void init_lanes(struct st_rans_lanes *l)
{
	for (unsigned mask = 0; mask < 256; mask++) {
		unsigned n = 0, at = 8 - (unsigned)__builtin_popcount(mask);

		memset(l->gather[mask], 0, 8);
		for (unsigned lane = 0; lane < 8; lane++) {
			l->spread[mask][lane] = (uint8_t)n;
			if (mask >> lane & 1) {
				l->gather[mask][at + n] = (uint8_t)lane;
				n++;
			}
		}
	}
}

/* log2 by squaring: y in [1, 2), in 2^31ths; each square that reaches 2 is a one. */
static void init_log2(struct st_rans_model *m)
{
	for (uint32_t i = 0; i < 1u << LOG2_BITS; i++) {
		uint64_t y = (uint64_t)((1u << LOG2_BITS) + i) << (31 - LOG2_BITS);
		uint32_t frac = 0;

		for (unsigned bit = 0; bit < 16; bit++) {
			y = y * y >> 31;
			frac <<= 1;
			if (y >> 32) {
				frac |= 1;
				y >>= 1;
			}
		}
		m->log2_frac[i] = (uint16_t)frac;
	}
}

/* GCC's runtime has asked the processor, and XGETBV what the system saves. */
bool st_vectors_supported(enum st_vectors v)
{
	switch (v) {
	case ST_VECTORS_NONE:
		return true;
#if defined(__x86_64__)
	case ST_VECTORS_AVX2:
		/* Where BMI2 came first it takes a hundred times as long. */
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
		       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
		       !__builtin_cpu_is("amdfam17h");
	case ST_VECTORS_AVX512:
		return st_vectors_supported(ST_VECTORS_AVX2) && __builtin_cpu_supports("avx512f") &&
		       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vl");
#endif
	default:
		return false;
	}
}

void st_rans_init(struct st_rans_model *m)
{
	init_log2(m);
	init_lanes(&m->lanes);
	memset(m->tally, 0, sizeof(m->tally));
	m->last = 0;
	m->vectors = ST_VECTORS_NONE;
	for (int v = ST_VECTORS_NONE; v < ST_VECTORS_NLEVELS; v++)
		if (st_vectors_supported((enum st_vectors)v))
			m->vectors = (enum st_vectors)v;
}

void st_rans_count(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx, size_t n)
{
	size_t i = 0;

#if defined(__x86_64__)
	if (m->vectors)
		i = st_rans_count_avx2(m, sym, ctx, n);
#endif
	for (; i < n; i++) {
		m->tally[i % ST_RANS_TALLIES][(size_t)ctx[i] << 8 | sym[i]]++;
		m->last = ctx[i] > m->last ? ctx[i] : m->last;
	}
}

#define AT_ONCE 32 /* divides every number of symbols in use; a constant, so that vectors do it */

static void add_up(struct st_rans_model *m, size_t at, uint32_t *to)
{
	for (unsigned s = 0; s < AT_ONCE; s++)
		to[s] = m->tally[0][at + s] + m->tally[1][at + s] + m->tally[2][at + s] +
			m->tally[3][at + s];
	for (unsigned k = 0; k < ST_RANS_TALLIES; k++)
		memset(m->tally[k] + at, 0, AT_ONCE * sizeof(uint32_t));
}

void st_rans_counted(struct st_rans_model *m, uint32_t (*counts)[ST_RANS_SYMBOLS], unsigned nsyms)
{
	for (size_t c = 0; c <= m->last; c++)
		for (unsigned s = 0; s < nsyms; s += AT_ONCE)
			add_up(m, c * ST_RANS_SYMBOLS + s, counts[c] + s);
	for (size_t c = m->last + 1u; c < ST_RANS_CONTEXTS; c++)
		memset(counts[c], 0, nsyms * sizeof(counts[c][0]));
	m->last = 0;
}

/* n log2 n, times 2^16; n below 2^22 */
static uint64_t weigh(const struct st_rans_model *m, uint32_t n)
{
	unsigned top;
	uint32_t mantissa;

	if (n < 2)
		return 0;
	top = 31 - (unsigned)__builtin_clz(n);
	mantissa = top > LOG2_BITS ? n >> (top - LOG2_BITS) : n << (LOG2_BITS - top);
	return n * ((uint64_t)top * ONE + m->log2_frac[mantissa - (1u << LOG2_BITS)]);
}

uint64_t st_rans_entropy(const struct st_rans_model *m, const uint32_t *counts, unsigned nsyms)
{
	uint64_t sum = 0;
	uint32_t total = 0;

	for (unsigned s = 0; s < nsyms; s++)
		total += counts[s];
	for (unsigned s = 0; total && s < nsyms; s++)
		sum += weigh(m, counts[s]);
	return weigh(m, total) - sum;
}

static uint64_t cost(const struct st_rans_model *m, const uint32_t *counts, unsigned nsyms)
{
	uint64_t c = TABLE_COST + st_rans_entropy(m, counts, nsyms);

	for (unsigned s = 0; s < nsyms; s++)
		if (counts[s])
			c += SYMBOL_COST;
	return c;
}

struct fitting {
	uint32_t (*counts)[ST_RANS_SYMBOLS];
	uint8_t first[ST_RANS_CONTEXTS]; /* context of each table that is left */
	uint64_t cost[ST_RANS_CONTEXTS];
	uint64_t joined[ST_RANS_CONTEXTS]; /* cost of this and the next as one */
	unsigned n;
};

static uint64_t cost_joined(const struct st_rans_model *m, const struct fitting *f, unsigned i)
{
	uint32_t both[ST_RANS_SYMBOLS] = { 0 };
	const uint32_t *a = f->counts[f->first[i]], *b = f->counts[f->first[i + 1]];

	for (unsigned s = 0; s < m->nsyms; s++)
		both[s] = a[s] + b[s];
	return cost(m, both, m->nsyms);
}

/* Of all neighbours the two that gain most by sharing; n when none do. */
static unsigned best_pair(const struct fitting *f)
{
	uint64_t best = 0;
	unsigned at = f->n;

	for (unsigned i = 0; i + 1 < f->n; i++) {
		uint64_t apart = f->cost[i] + f->cost[i + 1];

		if (apart > f->joined[i] && apart - f->joined[i] > best) {
			best = apart - f->joined[i];
			at = i;
		}
	}
	return at;
}

static void join(struct st_rans_model *m, struct fitting *f, unsigned at)
{
	for (unsigned s = 0; s < m->nsyms; s++)
		f->counts[f->first[at]][s] += f->counts[f->first[at + 1]][s];
	f->cost[at] = f->joined[at];
	f->n--;
	for (unsigned i = at + 1; i < f->n; i++) {
		f->first[i] = f->first[i + 1];
		f->cost[i] = f->cost[i + 1];
		f->joined[i] = f->joined[i + 1];
	}
	if (at + 1 < f->n)
		f->joined[at] = cost_joined(m, f, at);
	if (at)
		f->joined[at - 1] = cost_joined(m, f, at - 1);
}

/*
 * Every symbol that occurs gets at least 1. What rounding leaves over or lacks is settled on the
 * most frequent ones, where it changes least.
 */
static void normalise(const uint32_t *counts, unsigned nsyms, unsigned bits, uint16_t *freq)
{
	uint64_t total = 0;
	int32_t left = 1 << bits;
	unsigned s, top;

	for (s = 0; s < nsyms; s++)
		total += counts[s];
	for (s = 0; s < nsyms; s++) {
		uint64_t f = counts[s] ? (((uint64_t)counts[s] << bits) + total / 2) / total : 0;

		freq[s] = (uint16_t)(counts[s] && f == 0 ? 1 : f);
		left -= freq[s];
	}
	while (left) {
		for (top = 0, s = 1; s < nsyms; s++)
			if (freq[s] > freq[top])
				top = s;
		if (left > 0 || freq[top] > (uint32_t)-left + 1) {
			int32_t most = freq[top] / 16 ? freq[top] / 16 : 1;
			int32_t by = left > most ? most : left < -most ? -most : left;

			freq[top] = (uint16_t)(freq[top] + by);
			left -= by;
		} else { /* many symbols of 1 */
			freq[top]--;
			left++;
		}
	}
}

static unsigned bits_for(unsigned nsyms)
{
	return nsyms <= 64 ? ST_RANS_BITS_FEW : ST_RANS_BITS_MANY;
}

static void prepare_encoder(struct st_rans_model *m)
{
	for (unsigned t = 0; t < m->ntables; t++) {
		uint32_t start = 0;

		for (unsigned s = 0; s < m->nsyms; s++) {
			m->enc[t][s] = (uint32_t)m->freq[t][s] << 16 | start;
			start += m->freq[t][s];
		}
	}
}

void st_rans_fit(struct st_rans_model *m, uint32_t (*counts)[ST_RANS_SYMBOLS], unsigned nsyms)
{
	struct fitting f = { .counts = counts };
	unsigned at, c, t;

	m->nsyms = nsyms;
	m->bits = bits_for(nsyms);
	for (c = 0; c < ST_RANS_CONTEXTS; c++) {
		uint64_t any = 0;

		for (unsigned s = 0; s < nsyms; s++)
			any |= counts[c][s];
		if (any)
			f.first[f.n++] = (uint8_t)c;
	}
	if (f.n == 0) { /* nothing to code: any table will do */
		counts[0][0] = 1;
		f.n = 1;
	}
	for (t = 0; t < f.n; t++)
		f.cost[t] = cost(m, counts[f.first[t]], nsyms);
	for (t = 0; t + 1 < f.n; t++)
		f.joined[t] = cost_joined(m, &f, t);
	while ((at = best_pair(&f)) < f.n)
		join(m, &f, at);
	m->ntables = f.n;
	for (c = 0, t = 0; c < ST_RANS_CONTEXTS; c++) {
		while (t + 1 < f.n && f.first[t + 1] <= c)
			t++;
		m->table_of[c] = (uint8_t)t;
	}
	for (t = 0; t < f.n; t++)
		normalise(counts[f.first[t]], nsyms, m->bits, m->freq[t]);
	prepare_encoder(m);
}

/*
 * A frequency below 128 is one byte, a larger one two with the top bit set, high bits first; after
 * a zero follows how many more zeros there are.
 */
static void put_table(const uint16_t *freq, unsigned nsyms, struct st_put *o)
{
	for (unsigned s = 0; s < nsyms; s++) {
		unsigned run = 0;

		if (freq[s] >= 128)
			st_put_u8(o, 128u | freq[s] >> 8);
		st_put_u8(o, freq[s] & 255u);
		if (freq[s])
			continue;
		while (s + 1 < nsyms && !freq[s + 1] && run < 255) {
			run++;
			s++;
		}
		st_put_u8(o, run);
	}
}

void st_rans_put_model(const struct st_rans_model *m, struct st_put *o)
{
	unsigned t = 0;

	st_put_u8(o, m->ntables);
	for (unsigned c = 1; c < ST_RANS_CONTEXTS; c++)
		if (m->table_of[c] != t) {
			t = m->table_of[c];
			st_put_u8(o, c);
		}
	for (t = 0; t < m->ntables; t++)
		put_table(m->freq[t], m->nsyms, o);
}

static int get_table(struct st_rans_model *m, unsigned t, struct st_rd *r)
{
	uint16_t *freq = m->freq[t];
	uint32_t sum = 0;

	memset(freq, 0, sizeof(m->freq[t]));
	for (unsigned s = 0; s < m->nsyms && st_rd_ok(r);) {
		unsigned f = st_rd_u8(r);

		if (f & 128u) {
			f = (f & 127u) << 8 | st_rd_u8(r);
			if (st_rd_ok(r) && f < 128)
				return st_fail(r->err, ST_ECORRUPT, "frequency %u in two bytes", f);
		}
		if (f == 0) {
			s += 1u + st_rd_u8(r);
			if (s > m->nsyms)
				return st_fail(r->err, ST_ECORRUPT, "a table of too many symbols");
			continue;
		}
		freq[s++] = (uint16_t)f;
		sum += f;
	}
	if (st_rd_ok(r) && sum != 1u << m->bits)
		return st_fail(r->err, ST_ECORRUPT, "frequencies sum to %u", sum);
	return r->err->code;
}

static void prepare_decoder(struct st_rans_model *m, unsigned t)
{
	const struct st_rans_kernel *kernel = st_rans_kernel_of(m);
	uint32_t *slot = m->dec + ((size_t)t << m->bits);

	if (kernel) {
		kernel->slots(m->freq[t], m->nsyms, slot, slot + ((size_t)1 << m->bits));
		return;
	}
	for (unsigned s = 0; s < m->nsyms; s++)
		for (uint32_t i = 0, f = m->freq[t][s]; i < f; i++)
			*slot++ = (uint32_t)s << 24 | i << 12 | f;
}

int st_rans_get_model(struct st_rans_model *m, unsigned nsyms, struct st_rd *r)
{
	unsigned c, t, last = 0;

	m->nsyms = nsyms;
	m->bits = bits_for(nsyms);
	m->ntables = st_rd_u8(r);
	if (st_rd_ok(r) && (m->ntables == 0 || m->ntables > ST_RANS_CONTEXTS))
		return st_fail(r->err, ST_ECORRUPT, "%u frequency tables", m->ntables);
	memset(m->table_of, 0, sizeof(m->table_of));
	for (t = 1; t < m->ntables && st_rd_ok(r); t++) {
		c = st_rd_u8(r);
		if (st_rd_ok(r) && (c <= last || c >= ST_RANS_CONTEXTS))
			return st_fail(r->err, ST_ECORRUPT, "table %u begins at context %u", t, c);
		last = c;
		for (; c < ST_RANS_CONTEXTS; c++)
			m->table_of[c] = (uint8_t)t;
	}
	for (t = 0; t < m->ntables && st_rd_ok(r); t++)
		if (get_table(m, t, r) == ST_OK)
			prepare_decoder(m, t);
	return r->err->code;
}
