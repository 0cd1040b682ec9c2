/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference of numbers from the base's, coded in contexts that the base gives
 * (doc/format/codec.md). With s the order-preserving map of bit patterns to integers, the base's
 * sign being plus, an element is d = s(x) - s(b) modulo 2^bits, less what is predicted of it, as
 *
 *	mag = d < 0 ? ~d : d, k = bits of mag, symbol = k << 2 | bit k - 2 of mag << 1 | (d < 0)
 *
 * and the k - 2 lowest bits of mag as they are. Elements form groups, rows if the tensor has some:
 * one that equals the base is skipped, one that only decayed is predicted.
 */
#include "codec/delta.h"

#include "codec/codec_state.h"

#include <inttypes.h>
#include <string.h>

#define MIN_ELEMENTS 512 /* below, tables and states cost more than they save */
#define BLOCK 4096
#define STRETCH 128 /* elements looked at of each so many: */
#define TOP_EVERY 8192
#define SAMPLE ((size_t)8192)	 /* elements by which to choose */
#define VOTES ((size_t)32768)	 /* elements that vote on what decay does; */
#define FEW_VOTES ((size_t)4096) /* on whether there is one */
#define GROUP_MIN 64
#define GROUP_MAX 65536
#define GROUP_PLAIN 256 /* elements, where there are no rows */
#define GROUPS_MAX (ST_FRAME_LEN / GROUP_MIN + 2)
#define PREDICTED 128u /* in a group's byte; the rest is its scale */
#define LEVEL_MAX 4095
#define BATCH ((size_t)8192) /* elements that are decoded at a time, about: a multiple of lanes */

enum {
	WITH_GROUPS = 1, /* each has a byte */
	WITH_SCALE = 2,	 /* which says what to expect of it */
	WITH_DECAY = 4,
	ALL_FLAGS = 7,
};

struct header {
	uint8_t number, flags;
	uint64_t top;  /* the highest level: contexts count down from it */
	uint64_t from; /* the first context's expectation */
	uint64_t group, first;
};

/* Elements of group i, from where on. */
static size_t group_at(const struct header *h, size_t i)
{
	return i == 0 ? 0 : (size_t)(h->first + (i - 1) * h->group);
}

static size_t group_count(const struct header *h, size_t m)
{
	return m <= h->first ? 1 : 1 + (size_t)((m - h->first + h->group - 1) / h->group);
}

/* ---- contexts ---- */

/* With scales a context is what a group's makes expect of an element, in half octaves of the last
 * place; without, its level alone. */
static struct st_context_line line_of(const struct header *h, unsigned scale)
{
	struct st_context_line l = { .top = (unsigned)h->top };

	if (h->flags & WITH_SCALE) {
		l.from = (int)scale - (int)h->from;
		l.shift = 1;
	}
	return l;
}

/* ---- encoding ---- */

struct coding {
	struct st_codec_state *s;
	const struct st_frame_in *in;
	const struct st_delta_kernel *k;
	struct header h;
	size_t m, ngroups;
	uint8_t *sym, *ctx; /* of the elements that are coded, in order */
	uint8_t *mag;	    /* of one group */
	size_t coded;
	uint8_t *low;	   /* bits of mag that go as they are */
	uint64_t low_bits; /* how many */
	uint8_t *scale;	   /* of each group */
	struct st_decay decay;
	struct st_rans_model *model;
};

static inline uint64_t load_any(const uint8_t *p, unsigned width)
{
	return width == 1 ? *p : width == 2 ? st_get16(p) : width == 4 ? st_get32(p) : st_get64(p);
}

/* The highest level in some stretches: what lies above has the same context. */
static unsigned find_top(const struct coding *c, size_t every)
{
	uint16_t level[STRETCH], top = 0;

	for (size_t at = 0, n; at < c->m; at += every) {
		n = c->m - at < STRETCH ? c->m - at : STRETCH;
		c->k->levels(c->in->base + at * c->in->width, n, c->h.number, level);
		for (size_t i = 0; i < n; i++)
			top = level[i] > top ? level[i] : top;
	}
	return top;
}

static size_t group_len(const struct coding *c, size_t i)
{
	size_t at = group_at(&c->h, i), end = group_at(&c->h, i + 1);

	return (end < c->m ? end : c->m) - at;
}

static bool same_group(const struct coding *c, size_t i)
{
	size_t at = group_at(&c->h, i) * c->in->width;

	return memcmp(c->in->raw + at, c->in->base + at, group_len(c, i) * c->in->width) == 0;
}

#define AHEAD 16

/* Mostly the first few bytes say that a group changed, and memory is what takes the time. */
static inline void ask_for_group(const struct coding *c, size_t g)
{
	size_t at = group_at(&c->h, g < c->ngroups ? g : 0) * c->in->width;

	__builtin_prefetch(c->in->raw + at);
	__builtin_prefetch(c->in->base + at);
}

/* How much nearer to zero an element came, and the cell that its base belongs to. Of f16, f32 and
 * f64, the kinds with a mantissa for it. False where it came too far, or past it. */
static inline bool step_of(const struct coding *c, unsigned w, size_t i, int64_t *d, unsigned *cell)
{
	unsigned bits = 8 * w;
	uint64_t x = load_any(c->in->raw + i * w, w), b = load_any(c->in->base + i * w, w);

	*d = (int64_t)((b - x) << (64 - bits)) >> (64 - bits);
	*cell = (unsigned)(b >> (st_numbers[c->h.number].mantissa - 8)) & (ST_DECAY_CELLS - 1);
	return !((x ^ b) >> (bits - 1)) && *d <= INT32_MAX / 2 && *d >= -INT32_MAX / 2;
}

/* Whether one more is of the others' opinion is not to be guessed, so that there is no branch. */
static inline void vote_of(struct coding *c, unsigned w, size_t i, uint32_t *votes)
{
	unsigned cell;
	int64_t d;
	int32_t step;
	uint32_t v;

	if (!step_of(c, w, i, &d, &cell))
		return;
	v = votes[cell];
	step = v ? c->decay.step[cell] : (int32_t)d;
	c->decay.step[cell] = step;
	votes[cell] = v + (step == d ? 1u : -1u);
}

/*
 * In each cell the step that most elements take, if more than half do: Boyer and Moore's vote, of
 * about so many elements of the changed groups. The last one only ends the last cell.
 */
static void vote(struct coding *c, size_t voters)
{
	size_t changed = 0, seen = 0, every;
	uint32_t votes[ST_DECAY_CELLS] = { 0 };

	memset(&c->decay, 0, sizeof(c->decay));
	for (size_t g = 0; g < c->ngroups; g++)
		changed += c->scale[g] != 0;
	every = changed * c->h.group / voters + 1;
	for (size_t g = 0; g < c->ngroups; g++) {
		size_t at = group_at(&c->h, g), end = at + group_len(c, g);

		if (c->scale[g] == 0 || seen++ % every)
			continue;
		if (c->in->width == 4) /* a constant makes it twice as fast */
			for (size_t i = at; i < end; i++)
				vote_of(c, 4, i, votes);
		else
			for (size_t i = at; i < end; i++)
				vote_of(c, c->in->width, i, votes);
	}
	c->decay.step[ST_DECAY_CELLS] = c->decay.step[ST_DECAY_CELLS - 1];
}

/* Half octaves of a mean, at least 1. */
static unsigned half_octaves(uint64_t v)
{
	unsigned top;

	if (v == 0)
		return 1;
	top = 63 - (unsigned)__builtin_clzll(v);
	return 2 + 2 * top + (top ? (unsigned)(v >> (top - 1)) & 1u : 0);
}

static unsigned below_top(const struct coding *c, unsigned level)
{
	return level < c->h.top ? (unsigned)c->h.top - level : 0;
}

/* A mean of mag, weighed by the base's exponent: how far the group moved, in integers so that the
 * order of summation cannot show. */
static unsigned scale_of(const struct coding *c, size_t at, size_t n, const uint8_t *mag,
			 const uint8_t *sym)
{
	const uint8_t *b = c->in->base + at * c->in->width;
	uint64_t sum = c->k->weigh(mag, sym, b, n, c->h.number, (unsigned)c->h.top);
	unsigned scale = half_octaves(sum / n);

	return scale < PREDICTED ? scale : PREDICTED - 1;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static uint64_t bits_of(const uint8_t *sym, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += sym[i] >> 2;
	return sum;
}

/* Whether the first elements of a group have fewer bits when they are predicted. */
static bool seems_predicted(const struct coding *c, const uint8_t *x, const uint8_t *b, size_t n)
{
	uint8_t mag[GROUP_MIN * 8], sym[GROUP_MIN];
	uint64_t plain;

	n = n < GROUP_MIN ? n : GROUP_MIN;
	c->k->split(x, b, n, c->h.number, NULL, mag, sym);
	plain = bits_of(sym, n);
	c->k->split(x, b, n, c->h.number, &c->decay, mag, sym);
	return bits_of(sym, n) < plain;
}

/* One group into sym and mag. False where nothing is coded: it is as the base, or as predicted. */
static bool split_group(struct coding *c, size_t g, uint8_t *sym, uint8_t *mag)
{
	size_t at = group_at(&c->h, g), n = group_len(c, g);
	unsigned w = c->in->width;
	const uint8_t *x = c->in->raw + at * w, *b = c->in->base + at * w;
	bool predicted;

	if (c->scale[g] == 0)
		return false;
	predicted = c->h.flags & WITH_DECAY && seems_predicted(c, x, b, n);
	c->k->split(x, b, n, c->h.number, predicted ? &c->decay : NULL, mag, sym);
	c->scale[g] = 1;
	if (predicted)
		c->scale[g] = all_zero(sym, n) ? PREDICTED : PREDICTED | 1;
	return c->scale[g] != PREDICTED;
}

static unsigned scale_part(const struct coding *c, size_t g)
{
	return c->scale[g] & (PREDICTED - 1);
}

static void set_scale(struct coding *c, size_t g, const uint8_t *mag, const uint8_t *sym)
{
	unsigned scale = scale_of(c, group_at(&c->h, g), group_len(c, g), mag, sym);

	c->scale[g] = (uint8_t)((c->scale[g] & PREDICTED) | scale);
}

/* Contexts of one group, and how often each of its symbols occurs in them. */
static void count_group(struct coding *c, size_t g, const uint8_t *sym, uint8_t *ctx)
{
	struct st_context_line line = line_of(&c->h, scale_part(c, g));
	size_t n = group_len(c, g);

	c->k->contexts(c->in->base + group_at(&c->h, g) * c->in->width, n, c->h.number, &line, ctx);
	st_rans_count(c->model, sym, ctx, n);
}

/* ---- a sample of the groups ---- */

#define SAMPLE_GROUPS (2 * SAMPLE / GROUP_MIN + 2)

struct sample { /* their symbols lie in coding's arrays, one after the other */
	size_t every, n;
	uint32_t group[SAMPLE_GROUPS];
};

/* Every so manieth of those that changed, and how far they moved. */
static void take_sample(struct coding *c, struct sample *s)
{
	size_t changed = 0, seen = 0, pos = 0;

	for (size_t g = 0; g < c->ngroups; g++)
		changed += c->scale[g] ? group_len(c, g) : 0;
	*s = (struct sample){ .every = changed / SAMPLE ? changed / SAMPLE : 1 };
	for (size_t g = 0; g < c->ngroups && s->n < SAMPLE_GROUPS; g++) {
		if (c->scale[g] == 0 || seen++ % s->every ||
		    !split_group(c, g, c->sym + pos, c->mag))
			continue;
		set_scale(c, g, c->mag, c->sym + pos);
		s->group[s->n++] = (uint32_t)g;
		pos += group_len(c, g);
	}
}

/* Contexts begin at an expectation below which few elements are. */
static void find_from(struct coding *c, const struct sample *s)
{
	uint32_t seen[512] = { 0 }, total = 0, below = 0;
	uint16_t level[BLOCK];
	unsigned w = c->in->width, least;

	for (size_t k = 0; k < s->n; k++) {
		size_t g = s->group[k], n = group_len(c, g) < BLOCK ? group_len(c, g) : BLOCK;

		c->k->levels(c->in->base + group_at(&c->h, g) * w, n, c->h.number, level);
		for (size_t i = 0; i < n; i += 4) {
			unsigned at = scale_part(c, g) + 2 * below_top(c, level[i]);

			seen[at < 511 ? at : 511]++;
			total++;
		}
	}
	for (least = 0; least < 511 && (below += seen[least]) * 64 < total; least++)
		;
	c->h.from = least;
}

static uint64_t low_bits(uint32_t (*counts)[ST_RANS_SYMBOLS], unsigned nsyms)
{
	uint64_t sum = 0;

	for (unsigned t = 0; t < ST_RANS_CONTEXTS; t++)
		for (unsigned s = 12; s < nsyms; s++)
			sum += counts[t][s] * (uint64_t)((s >> 2) - 2);
	return sum;
}

static uint64_t entropy(const struct coding *c, uint32_t (*counts)[ST_RANS_SYMBOLS])
{
	uint64_t sum = 0;

	for (unsigned t = 0; t < ST_RANS_CONTEXTS; t++)
		sum += st_rans_entropy(c->model, counts[t], 32 * c->in->width);
	return sum >> 16;
}

static uint64_t sample_bits(struct coding *c, const struct sample *s,
			    uint32_t (*counts)[ST_RANS_SYMBOLS])
{
	size_t pos = 0;

	for (size_t k = 0; k < s->n; pos += group_len(c, s->group[k++]))
		count_group(c, s->group[k], c->sym + pos, c->ctx + pos);
	st_rans_counted(c->model, counts, 32 * c->in->width);
	return entropy(c, counts);
}

/* Whether a group's scale is worth its byte, and the time it takes. */
static void choose_contexts(struct coding *c, uint32_t (*counts)[ST_RANS_SYMBOLS])
{
	struct sample s;
	uint64_t with, without;

	take_sample(c, &s);
	find_from(c, &s);
	with = sample_bits(c, &s, counts);
	c->h.flags &= (uint8_t)~WITH_SCALE;
	without = sample_bits(c, &s, counts);
	if (without > with + without / 64 + c->ngroups * 8 / s.every)
		c->h.flags |= WITH_SCALE;
}

/* All that is done to a group before the tables are known, while it is in the nearest cache. */
static void take_groups(struct coding *c, uint32_t (*counts)[ST_RANS_SYMBOLS])
{
	c->coded = 0;
	for (size_t g = 0; g < c->ngroups; g++) {
		uint8_t *sym = c->sym + c->coded;
		size_t n = group_len(c, g);

		if (!split_group(c, g, sym, c->mag))
			continue;
		c->k->put_raw(c->mag, sym, n, c->low, &c->low_bits);
		if (c->h.flags & WITH_SCALE)
			set_scale(c, g, c->mag, sym);
		count_group(c, g, sym, c->ctx + c->coded);
		c->coded += n;
	}
	st_rans_counted(c->model, counts, 32 * c->in->width);
}

/* Without scales a group's byte says no more than whether it is coded, and how. */
static void forget_scales(struct coding *c)
{
	bool any = false;

	for (size_t g = 0; g < c->ngroups; g++) {
		if (scale_part(c, g))
			c->scale[g] = (uint8_t)((c->scale[g] & PREDICTED) | 1);
		any = any || c->scale[g] != 1;
	}
	if (!any)
		c->h.flags &= (uint8_t)~WITH_GROUPS;
}

/* ---- the stream ---- */

static void put_header(struct st_put *o, const struct header *h)
{
	st_put_u8(o, h->number);
	st_put_u8(o, h->flags);
	st_put_varint(o, h->top);
	if (h->flags & WITH_SCALE)
		st_put_varint(o, h->from);
	if (h->flags & WITH_GROUPS) {
		st_put_varint(o, h->group);
		st_put_varint(o, h->first);
	}
}

static void put_decay(struct st_put *o, const struct st_decay *d)
{
	int64_t last = 0;

	for (unsigned i = 0; i <= ST_DECAY_CELLS; i++) {
		st_put_varint(o, st_zigzag(d->step[i] - last));
		last = d->step[i];
	}
}

static void put_symbols(struct coding *c, struct st_put *o)
{
	uint8_t *len;
	size_t n;

	st_rans_put_model(c->model, o);
	len = st_put_room(o, 4);
	if (!len)
		return;
	n = st_rans_encode(c->model, c->sym, c->ctx, c->coded, o->p + o->at, o->cap - o->at);
	st_put32(len, (uint32_t)n);
	if (!n)
		o->full = true;
	o->at += n;
}

static int put_stream(struct coding *c, uint8_t *out, size_t cap, size_t *len, struct st_err *e)
{
	size_t w = c->in->width, tail = c->in->n % w;
	struct st_put o = { .p = out, .cap = cap };
	int rc = ST_OK;

	put_header(&o, &c->h);
	if (c->h.flags & WITH_GROUPS)
		rc = st_codec_put_block(c->s, &o, c->scale, c->ngroups, e);
	if (c->h.flags & WITH_DECAY)
		put_decay(&o, &c->decay);
	st_put_bytes(&o, c->in->raw + c->m * w, tail);
	if (c->coded) {
		put_symbols(c, &o);
		st_put_bytes(&o, c->low, (size_t)((c->low_bits + 7) / 8));
	}
	*len = o.at;
	return rc != ST_OK ? rc : o.full ? ST_ENO : ST_OK;
}

/* ---- choosing ---- */

/* Groups are rows where there are some of a useful length. */
static void lay_groups(struct coding *c)
{
	const struct st_frame_in *in = c->in;

	c->h.group = in->row >= GROUP_MIN && in->row <= GROUP_MAX ? in->row : GROUP_PLAIN;
	c->h.first = c->h.group == in->row ? in->row - in->row_at % in->row : GROUP_PLAIN;
	c->ngroups = group_count(&c->h, c->m);
}

static bool may_decay(const struct coding *c)
{
	return st_numbers[c->h.number].mantissa > 8;
}

/* Of a sample of the changed elements: do at least one in `part` what the votes say? */
static bool decays(const struct coding *c, size_t part)
{
	size_t seen = 0, hit = 0, every = c->ngroups / 256 + 1;
	unsigned cell;
	int64_t d;

	for (size_t g = 0; g < c->ngroups; g += every) {
		size_t at = group_at(&c->h, g);

		for (size_t i = 0; c->scale[g] && i < 16 && i < group_len(c, g); i++) {
			seen++;
			hit += step_of(c, c->in->width, at + i, &d, &cell) &&
			       d == c->decay.step[cell];
		}
	}
	return hit * part > seen;
}

/* Mostly few votes tell that there is none. */
static bool find_decay(struct coding *c)
{
	vote(c, FEW_VOTES);
	if (!decays(c, 16))
		return false;
	vote(c, VOTES);
	return decays(c, 8);
}

static int work_space(struct coding *c, struct st_err *e)
{
	struct st_codec_work *w = st_codec_work(c->s, e);

	if (!w)
		return e->code;
	c->sym = w->sym;
	c->ctx = w->ctx;
	c->mag = w->mag;
	c->low = w->low;
	c->scale = w->group;
	c->model = &w->model;
	return ST_OK;
}

static void model_it(struct coding *c, uint32_t (*counts)[ST_RANS_SYMBOLS])
{
	c->h.flags = WITH_GROUPS | WITH_SCALE;
	for (size_t g = 0; g < c->ngroups; g++) {
		ask_for_group(c, g + AHEAD);
		c->scale[g] = !same_group(c, g);
	}
	if (may_decay(c) && find_decay(c))
		c->h.flags |= WITH_DECAY;
	choose_contexts(c, counts);
	take_groups(c, counts);
	if (!(c->h.flags & WITH_SCALE))
		forget_scales(c);
	if (c->coded)
		st_rans_fit(c->model, counts, 32 * c->in->width);
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	struct coding c = { .s = s, .in = in, .m = in->n / in->width };
	struct st_codec_work *w;

	if (!in->base || in->base_n != in->n || c.m < MIN_ELEMENTS)
		return ST_ENO;
	if (work_space(&c, e) != ST_OK)
		return e->code;
	w = st_codec_work(s, e);
	c.k = st_delta_kernel_of(in->width, c.model->vectors);
	c.h.number = (uint8_t)in->number;
	lay_groups(&c);
	c.h.top = find_top(&c, TOP_EVERY);
	model_it(&c, w->counts);
	return put_stream(&c, out, cap, len, e);
}

/*
 * Of some blocks of the frame, contexts of levels alone: more than it will be where rows help, but
 * that is far from what the alternative takes.
 */
uint64_t st_delta_estimate(struct st_codec_state *s, const struct st_frame_in *in)
{
	struct st_codec_work *work = s->work;
	struct coding c = { .s = s, .in = in, .m = in->n / in->width, .model = &work->model };
	size_t step = st_sample_step(c.m);
	struct st_context_line line;
	unsigned w = in->width;

	c.k = st_delta_kernel_of(w, c.model->vectors);
	c.h.number = (uint8_t)in->number;
	c.h.top = find_top(&c, TOP_EVERY);
	line = line_of(&c.h, 0);
	for (size_t at = 0; at + GROUP_PLAIN <= c.m; at += step) {
		const uint8_t *b = in->base + at * w;

		if (memcmp(in->raw + at * w, b, GROUP_PLAIN * w) == 0)
			continue;
		c.k->split(in->raw + at * w, b, GROUP_PLAIN, in->number, NULL, work->mag,
			   work->sym);
		c.k->contexts(b, GROUP_PLAIN, in->number, &line, work->ctx);
		st_rans_count(c.model, work->sym, work->ctx, GROUP_PLAIN);
	}
	st_rans_counted(c.model, work->counts, 32 * w);
	return entropy(&c, work->counts) + low_bits(work->counts, 32 * w);
}

/* ---- decoding ---- */

struct reading {
	const struct st_delta_kernel *k;
	struct header h;
	unsigned width;
	const uint8_t *base;
	uint8_t *raw;
	size_t m, ngroups;
	struct st_codec_work *w;
	struct st_decay decay;
	const uint8_t *low; /* bits of all elements, */
	size_t nlow;	    /* bytes of them, */
	uint64_t bit;	    /* and where they go on */
};

static void get_header(struct st_rd *r, struct header *h)
{
	h->number = st_rd_u8(r);
	h->flags = st_rd_u8(r);
	h->top = st_rd_varint(r);
	if (h->flags & WITH_SCALE)
		h->from = st_rd_varint(r);
	if (h->flags & WITH_GROUPS) {
		h->group = st_rd_varint(r);
		h->first = st_rd_varint(r);
	}
}

static int check_header(struct reading *d, struct st_err *e)
{
	struct header *h = &d->h;
	unsigned scaled = h->flags & (WITH_SCALE | WITH_GROUPS);

	if (!st_num_fits(h->number, d->width))
		return st_fail(e, ST_ECORRUPT, "numbers of kind %u in %u bytes", h->number,
			       d->width);
	if (h->flags & ~(unsigned)ALL_FLAGS || scaled == WITH_SCALE ||
	    (h->flags & WITH_DECAY && st_numbers[h->number].mantissa <= 8))
		return st_fail(e, ST_ECORRUPT, "flags %#x", h->flags);
	if (h->top > LEVEL_MAX || h->from > LEVEL_MAX)
		return st_fail(e, ST_ECORRUPT, "contexts from %" PRIu64 " and %" PRIu64, h->top,
			       h->from);
	if (!(h->flags & WITH_GROUPS)) {
		h->group = h->first = d->m;
	} else if (h->group < GROUP_MIN || h->group > GROUP_MAX || h->first == 0 ||
		   h->first > h->group) {
		return st_fail(e, ST_ECORRUPT, "groups of %" PRIu64 " after %" PRIu64, h->group,
			       h->first);
	}
	d->ngroups = group_count(h, d->m);
	return ST_OK;
}

static void get_decay(struct st_rd *r, struct st_decay *d)
{
	int64_t last = 0, by;

	for (unsigned i = 0; i <= ST_DECAY_CELLS && st_rd_ok(r); i++) {
		by = st_unzigzag(st_rd_varint(r));
		if (__builtin_add_overflow(last, by, &last) || last > INT32_MAX ||
		    last < INT32_MIN) {
			st_fail(r->err, ST_ECORRUPT, "step %u of a decay is too large", i);
			return;
		}
		d->step[i] = (int32_t)last;
		d->steep = d->steep || (i > 0 && (by > INT32_MAX || by < INT32_MIN));
	}
}

static size_t len_of(const struct reading *d, size_t g)
{
	size_t at = group_at(&d->h, g), end = group_at(&d->h, g + 1);

	return (end < d->m ? end : d->m) - at;
}

/* ---- elements, a batch at a time, so that all that is known of them stays in a near cache ---- */

/* Elements of one group. */
struct piece {
	size_t at, n;
	unsigned how; /* the group's byte */
};

struct place { /* the next piece: so far in which group */
	size_t group, into;
};

static bool next_piece(const struct reading *d, struct place *p, struct piece *out)
{
	size_t left;

	if (p->group == d->ngroups)
		return false;
	left = len_of(d, p->group) - p->into;
	out->at = group_at(&d->h, p->group) + p->into;
	out->n = left < BATCH ? left : BATCH;
	out->how = d->w->group[p->group];
	p->into += out->n;
	if (out->n == left)
		*p = (struct place){ .group = p->group + 1 };
	return true;
}

/* Of the pieces from p on, and how many elements these have. */
static size_t batch_contexts(struct reading *d, struct place *p, size_t *npieces)
{
	struct piece q;
	size_t n = 0;

	for (*npieces = 0; n < BATCH && next_piece(d, p, &q); ++*npieces) {
		struct st_context_line line = line_of(&d->h, q.how & (PREDICTED - 1));

		if (!(q.how & (PREDICTED - 1)))
			continue;
		d->k->contexts(d->base + q.at * d->width, q.n, d->h.number, &line, d->w->ctx + n);
		n += q.n;
	}
	return n;
}

/* What is not coded: the base, or exactly what is predicted, of which all symbols are 0. */
static void copy_piece(struct reading *d, const struct piece *q)
{
	const uint8_t *zeros = d->w->mag, *base = d->base + q->at * d->width;
	uint8_t *to = d->raw + q->at * d->width;

	if (q->how == 0)
		memcpy(to, base, q->n * d->width);
	else
		d->k->join(zeros, base, q->n, d->h.number, &d->decay, zeros, sizeof(d->w->mag),
			   &(uint64_t){ 0 }, to);
}

/* The pieces from p on, in order. False where the low bits end too early. */
static bool join_batch(struct reading *d, struct place *p, size_t npieces)
{
	const uint8_t *sym = d->w->sym;
	struct piece q;

	for (; npieces > 0 && next_piece(d, p, &q); npieces--) {
		const struct st_decay *decay = q.how & PREDICTED ? &d->decay : NULL;
		size_t at = q.at * d->width;

		if (!(q.how & (PREDICTED - 1))) {
			copy_piece(d, &q);
			continue;
		}
		if (!d->k->join(sym, d->base + at, q.n, d->h.number, decay, d->low, d->nlow,
				&d->bit, d->raw + at))
			return false;
		sym += q.n;
	}
	return true;
}

static int get_elements(struct reading *d, struct st_rans_decoder *symbols, struct st_err *e)
{
	struct place begin = { 0 }, end = { 0 };

	if (d->h.flags & WITH_DECAY)
		memset(d->w->mag, 0, BATCH); /* for copy_piece */
	while (begin.group < d->ngroups) {
		size_t npieces, n = batch_contexts(d, &end, &npieces);

		if (n && st_rans_next(symbols, d->w->ctx, d->w->sym, n, e) != ST_OK)
			return e->code;
		if (!join_batch(d, &begin, npieces))
			return st_fail(e, ST_ECORRUPT, "the low bits end too early");
	}
	if ((d->bit + 7) / 8 != d->nlow || (d->bit % 8 && d->low[d->nlow - 1] >> d->bit % 8))
		return st_fail(e, ST_ECORRUPT, "%zu bytes are not %" PRIu64 " low bits", d->nlow,
			       d->bit);
	return ST_OK;
}

static bool any_coded(const struct reading *d)
{
	for (size_t g = 0; g < d->ngroups; g++)
		if (d->w->group[g] & (PREDICTED - 1))
			return true;
	return false;
}

static int begin_symbols(struct reading *d, struct st_rans_decoder *symbols, struct st_rd *r)
{
	const uint8_t *p;
	uint32_t n;

	if (st_rans_get_model(&d->w->model, 32 * d->width, r) != ST_OK)
		return r->err->code;
	n = st_rd_u32(r);
	p = st_rd_bytes(r, n);
	return p ? st_rans_begin(symbols, &d->w->model, p, n, r->err) : (int)r->err->code;
}

static int rebuild(struct reading *d, struct st_rd *r)
{
	struct st_rans_decoder symbols;
	bool coded = any_coded(d);

	if (coded && begin_symbols(d, &symbols, r) != ST_OK)
		return r->err->code;
	d->nlow = st_rd_left(r);
	d->low = st_rd_bytes(r, d->nlow);
	if (get_elements(d, &symbols, r->err) != ST_OK)
		return r->err->code;
	return coded ? st_rans_finish(&symbols, r->err) : ST_OK;
}

static int get_groups(struct reading *d, struct st_codec_state *s, struct st_rd *r)
{
	if (d->h.flags & WITH_GROUPS)
		return st_codec_get_block(s, r, d->w->group, d->ngroups);
	d->w->group[0] = 1;
	return ST_OK;
}

static int read_all(struct reading *d, struct st_codec_state *s, struct st_rd *r, size_t n)
{
	const uint8_t *tail;

	get_header(r, &d->h);
	if (!st_rd_ok(r) || check_header(d, r->err) != ST_OK || get_groups(d, s, r) != ST_OK)
		return r->err->code;
	if (d->h.flags & WITH_DECAY)
		get_decay(r, &d->decay);
	for (size_t g = 0; g < d->ngroups; g++)
		if (d->w->group[g] & PREDICTED && !(d->h.flags & WITH_DECAY))
			return st_fail(r->err, ST_ECORRUPT, "a group is predicted from nothing");
	tail = st_rd_bytes(r, n % d->width);
	if (!tail)
		return r->err->code;
	memcpy(d->raw + d->m * d->width, tail, n % d->width);
	return rebuild(d, r);
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	struct reading d = { .width = width, .base = base, .raw = raw, .m = n / width };
	struct st_rd r;

	if (base_n != n)
		return st_fail(e, ST_ECORRUPT, "a frame of %zu bytes, but %zu in its base", n,
			       base_n);
	if (d.m < MIN_ELEMENTS)
		return st_fail(e, ST_ECORRUPT, "%zu elements", d.m);
	d.w = st_codec_work(s, e);
	if (!d.w)
		return e->code;
	d.k = st_delta_kernel_of(width, d.w->model.vectors);
	st_rd_init(&r, p, len, e);
	return read_all(&d, s, &r, n);
}

const struct st_codec st_codec_delta = {
	.name = "delta",
	.coding = ST_CODING_DELTA,
	.needs_base = true,
	.encode = encode,
	.decode = decode,
};
