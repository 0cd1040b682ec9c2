/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_bench DIR [ROUNDS [PAIR [PYTHON SCRIPT]]]: the codec beside others, on the tensors that
 * bench/make_data.py left in DIR. One process and one thread, and zipnn's own in another; all take
 * their turn on each tensor in each round, so that what else the machine does falls on all of them.
 * Sizes are exact, times are processor time, every round trip is compared. PAIR keeps to the pairs
 * whose label contains it. Some pairs are also coded by two threads, which the clock measures.
 */
#include "bench.h"
#include "zipnn.h"

#include "base/pool.h"
#include "codec/codec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD 8 /* of a frame: its coding and its length */

static const struct {
	const char *label, *base, *next; /* folders */
	unsigned width;
	enum st_num number;
	bool threads; /* measured with two as well */
} sets[] = {
	{ "bf16 base to 20 steps", "bf_base", "bf_20", 2, ST_NUM_BF16, false },
	{ "bf16 base to 60 steps", "bf_base", "bf_60", 2, ST_NUM_BF16, false },
	{ "bf16 base to 120 steps", "bf_base", "bf_120", 2, ST_NUM_BF16, true },
	{ "bf16 60 to 120 steps", "bf_60", "bf_120", 2, ST_NUM_BF16, false },
	{ "bf16 high rate, base to 120", "bf_base", "bf_hi", 2, ST_NUM_BF16, false },
	{ "bf16 siblings", "bf_120", "bf_hi", 2, ST_NUM_BF16, false },
	{ "bf16 merged LoRA", "bf_base", "bf_lora", 2, ST_NUM_BF16, false },
	{ "f16 base to 120 steps", "f16_base", "f16_120", 2, ST_NUM_F16, false },
	{ "f32 base to 20 steps", "f32_base", "f32_20", 4, ST_NUM_F32, false },
	{ "f32 base to 120 steps", "f32_base", "f32_120", 4, ST_NUM_F32, true },
	{ "f32 100 to 120 steps", "f32_100", "f32_120", 4, ST_NUM_F32, false },
	{ "f32 no decay, base to 60", "f32_base", "f32_wd0_60", 4, ST_NUM_F32, false },
	{ "bf16 alone", NULL, "bf_base", 2, ST_NUM_BF16, false },
	{ "f32 alone", NULL, "f32_base", 4, ST_NUM_F32, false },
	{ "adam m alone", NULL, "m_120", 4, ST_NUM_F32, false },
	{ "adam m, 100 to 120 steps", "m_100", "m_120", 4, ST_NUM_F32, false },
	{ "adam v alone", NULL, "v_120", 4, ST_NUM_F32, false },
	{ "adam v, 100 to 120 steps", "v_100", "v_120", 4, ST_NUM_F32, false },
	{ "bf16 GPT, 300 to 301 steps", "gpt_300", "gpt_301", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 302 steps", "gpt_300", "gpt_302", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 305 steps", "gpt_300", "gpt_305", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 310 steps", "gpt_300", "gpt_310", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 320 steps", "gpt_300", "gpt_320", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 350 steps", "gpt_300", "gpt_350", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 400 steps", "gpt_300", "gpt_400", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 300 to 500 steps", "gpt_300", "gpt_500", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 350 to 400 steps", "gpt_350", "gpt_400", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 400 to 450 steps", "gpt_400", "gpt_450", 2, ST_NUM_BF16, false },
	{ "bf16 GPT, 450 to 500 steps", "gpt_450", "gpt_500", 2, ST_NUM_BF16, false },
	{ "f32 GPT, 400 to 450 steps", "gpt_f32_400", "gpt_f32_450", 4, ST_NUM_F32, false },
	{ "GPT's adam m, 400 to 450", "gpt_m_400", "gpt_m_450", 4, ST_NUM_F32, false },
	{ "GPT's adam v, 400 to 450", "gpt_v_400", "gpt_v_450", 4, ST_NUM_F32, false },
	{ "odd: random bits", "odd_random_base", "odd_random_next", 4, ST_NUM_F32, false },
	{ "odd: one value", "odd_equal_base", "odd_equal_next", 4, ST_NUM_F32, false },
	{ "odd: 3 % changed", "odd_sparse_base", "odd_sparse_next", 4, ST_NUM_F32, false },
	{ "odd: NaNs with a payload", "odd_nan_base", "odd_nan_next", 4, ST_NUM_F32, false },
	{ "odd: bf16 numbers as f32", "odd_upcast_base", "odd_upcast_next", 4, ST_NUM_F32, false },
	{ "odd: lengths", "odd_lengths_base", "odd_lengths_next", 4, ST_NUM_F32, false },
};

struct tensor {
	uint8_t *x, *base;
	char *path;
	size_t n;
	uint64_t row;
	enum part part;
};

struct bench {
	struct st_codec_state *ours[2]; /* of each thread */
	void *state;			/* the others' */
	struct zipnn *zipnn;
	struct tensor *t;
	size_t nt, largest;
	enum st_num number;
	uint8_t *out, *back;
	struct result r;
};

static double by_clock(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void)
{
	return by_clock(CLOCK_THREAD_CPUTIME_ID);
}

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "codec_bench: %s: %s\n", what, which);
	exit(1);
}

static uint8_t *slurp(const char *dir, const char *sub, const char *name, size_t *n)
{
	char path[4096];
	uint8_t *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, name);
	f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END) != 0)
		die("cannot read", path);
	*n = (size_t)ftell(f);
	rewind(f);
	p = malloc(*n + 1);
	if (!p || fread(p, 1, *n, f) != *n)
		die("cannot read", path);
	fclose(f);
	return p;
}

/* Files are named TENSOR.ROW. */
static int load(struct bench *b, const char *dir, const char *base, const char *next)
{
	char path[4096];
	struct dirent **names;
	int n;

	b->nt = b->largest = 0;
	b->t = NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, base ? base : next);
	if (access(path, R_OK) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, next);
	n = scandir(path, &names, NULL, alphasort);
	b->t = n > 0 ? calloc((size_t)n, sizeof(*b->t)) : NULL;
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name, *dot = strrchr(name, '.');
		struct tensor *t = &b->t[b->nt];
		size_t bn = 0;

		if (name[0] == '.' || !dot)
			continue;
		t->x = slurp(dir, next, name, &t->n);
		t->base = base ? slurp(dir, base, name, &bn) : NULL;
		if (base && bn != t->n)
			die("the base has another size", name);
		snprintf(path, sizeof(path), "%s/%s/%s", dir, next, name);
		t->path = strdup(path);
		t->row = strtoull(dot + 1, NULL, 10);
		t->part = strncmp(name, "embeddings", 10) == 0 ? EMBEDDINGS : BLOCKS;
		b->largest = t->n > b->largest ? t->n : b->largest;
		b->nt++;
		free(names[i]);
	}
	return b->nt ? 0 : -1;
}

static void unload(struct bench *b)
{
	for (size_t i = 0; i < b->nt; i++) {
		free(b->t[i].x);
		free(b->t[i].base);
		free(b->t[i].path);
	}
	free(b->t);
}

/* ---- ours: frames of 1 MiB, each with its coding and its length ---- */

static size_t frame_len(const struct tensor *t, size_t at)
{
	return t->n - at < ST_FRAME_LEN ? t->n - at : ST_FRAME_LEN;
}

static size_t encode_frame(const struct bench *b, struct st_codec_state *s, const struct tensor *t,
			   size_t at, uint8_t *out)
{
	struct st_err e = { 0 };
	struct st_frame_in in = { .raw = t->x + at,
				  .n = frame_len(t, at),
				  .width = b->r.width,
				  .level = 1,
				  .number = b->number,
				  .row = t->row };
	enum st_coding coding;
	size_t len;

	in.base = t->base ? t->base + at : NULL;
	in.base_n = t->base ? in.n : 0;
	in.row_at = t->row ? at / b->r.width % t->row : 0;
	if (st_frame_encode(s, &in, ST_CODEC_DEFAULT, out + HEAD, &coding, &len, &e) != ST_OK)
		die("encode", e.msg);
	if (coding == ST_CODING_RAW)
		memcpy(out + HEAD, in.raw, in.n);
	out[0] = (uint8_t)coding;
	memcpy(out + 4, &(uint32_t){ (uint32_t)len }, 4);
	return HEAD + len;
}

static size_t decode_frame(const struct bench *b, struct st_codec_state *s, const struct tensor *t,
			   size_t at, const uint8_t *p, uint8_t *raw)
{
	struct st_err e = { 0 };
	size_t n = frame_len(t, at);
	uint32_t len;

	memcpy(&len, p + 4, 4);
	if (st_frame_decode(s, p[0], p + HEAD, len, t->base ? t->base + at : NULL, t->base ? n : 0,
			    b->r.width, raw, n, &e) != ST_OK)
		die("decode", e.msg);
	return HEAD + len;
}

static size_t encode_ours(struct bench *b, const struct tensor *t, uint8_t *out)
{
	size_t total = 0;

	for (size_t at = 0; at < t->n; at += frame_len(t, at))
		total += encode_frame(b, b->ours[0], t, at, out + total);
	return total;
}

static void decode_ours(struct bench *b, const struct tensor *t, const uint8_t *p)
{
	for (size_t at = 0; at < t->n; at += frame_len(t, at))
		p += decode_frame(b, b->ours[0], t, at, p, b->back + at);
}

/* ---- two threads: all frames of the pair, each at a place of its own ---- */

struct frame {
	const struct tensor *t;
	size_t at;
	uint8_t *out, *back;
};

struct crew {
	struct bench *b;
	struct frame *f;
	uint64_t n;
	uint8_t *room;
};

static int encode_one(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct crew *c = arg;
	struct frame *f = &c->f[i];

	(void)e;
	encode_frame(c->b, c->b->ours[worker], f->t, f->at, f->out);
	return ST_OK;
}

static int decode_one(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct crew *c = arg;
	struct frame *f = &c->f[i];

	(void)e;
	decode_frame(c->b, c->b->ours[worker], f->t, f->at, f->out, f->back);
	return ST_OK;
}

static void gather(struct crew *c, struct bench *b)
{
	const size_t slot = 2 * ST_FRAME_LEN + HEAD;

	*c = (struct crew){ .b = b };
	for (size_t i = 0; i < b->nt; i++)
		c->n += b->t[i].n / ST_FRAME_LEN + 1;
	c->f = calloc(c->n, sizeof(c->f[0]));
	c->room = malloc(c->n * slot);
	if (!c->f || !c->room)
		die("out of memory", b->r.label);
	memset(c->room, 1, c->n * slot); /* no page is new when it counts */
	c->n = 0;
	for (size_t i = 0; i < b->nt; i++)
		for (size_t at = 0; at < b->t[i].n; at += ST_FRAME_LEN, c->n++) {
			uint8_t *p = c->room + c->n * slot;

			c->f[c->n] = (struct frame){ &b->t[i], at, p, p + ST_FRAME_LEN + HEAD };
		}
}

static double clocked(struct crew *c, unsigned jobs,
		      int (*fn)(void *, uint64_t, unsigned, struct st_err *))
{
	struct st_err e = { 0 };
	double start = by_clock(CLOCK_MONOTONIC);

	if (st_parallel(jobs, c->n, fn, c, &e) != ST_OK)
		die("threads", e.msg);
	return by_clock(CLOCK_MONOTONIC) - start;
}

static void measure_threads(struct bench *b)
{
	struct crew c;

	gather(&c, b);
	for (unsigned round = 0; round < b->r.rounds; round++) {
		for (unsigned jobs = 1; jobs <= 2; jobs++)
			b->r.threads.enc[round][jobs - 1] = clocked(&c, jobs, encode_one);
		for (unsigned jobs = 1; jobs <= 2; jobs++)
			b->r.threads.dec[round][jobs - 1] = clocked(&c, jobs, decode_one);
	}
	for (uint64_t i = 0; i < c.n; i++)
		if (memcmp(c.f[i].back, c.f[i].t->x + c.f[i].at, frame_len(c.f[i].t, c.f[i].at)))
			die("does not come back", "from two threads");
	free(c.f);
	free(c.room);
}

/* ---- measuring ---- */

static void add(struct bench *b, const struct tensor *t, unsigned method, unsigned round,
		size_t len, double enc, double dec)
{
	const enum part parts[] = { t->part, ALL };

	for (unsigned i = 0; i < 2; i++) {
		struct totals *s = &b->r.sum[parts[i]];

		s->enc[round][method] += enc;
		s->dec[round][method] += dec;
		s->len[method] += round == 0 ? len : 0;
	}
}

static void measure(struct bench *b, const struct tensor *t, unsigned method, unsigned round)
{
	struct pair p = { t->x, t->base, t->n, b->r.width, b->number };
	const struct rival *r = method ? &rivals[method - 1] : NULL;
	double start, enc, dec;
	size_t len;

	memset(b->back, 0, t->n);
	start = now();
	len = r ? r->encode(b->state, &p, b->out) : encode_ours(b, t, b->out);
	enc = now() - start;
	start = now();
	if (r)
		r->decode(b->state, &p, b->out, len, b->back);
	else
		decode_ours(b, t, b->out);
	dec = now() - start;
	if (memcmp(b->back, t->x, t->n) != 0)
		die("does not come back", r ? r->name : "strata");
	add(b, t, method, round, len, enc, dec);
}

static void measure_zipnn(struct bench *b, const struct tensor *t, unsigned round)
{
	double enc, dec;
	size_t len = zipnn_run(b->zipnn, b->number, t->path, &enc, &dec);

	add(b, t, ZIPNN_PYPI, round, len, enc, dec);
}

static void measure_all(struct bench *b)
{
	for (size_t i = 0; i < b->nt; i++) {
		struct tensor *t = &b->t[i];
		struct pair p = { t->x, t->base, t->n, b->r.width, b->number };
		double fm = t->base ? fm_delta_size(&p) : 0;

		b->r.sum[t->part].raw += t->n;
		b->r.sum[t->part].fm += fm;
		b->r.sum[ALL].raw += t->n;
		b->r.sum[ALL].fm += fm;
	}
	for (unsigned round = 0; round < b->r.rounds; round++)
		for (size_t i = 0; i < b->nt; i++) {
			for (unsigned m = 0; m <= nrivals; m++)
				if (m == OURS || b->t[i].base || !rivals[m - 1].needs_base)
					measure(b, &b->t[i], m, round);
			if (zipnn_takes(b->zipnn, b->number) && !b->t[i].base)
				measure_zipnn(b, &b->t[i], round);
		}
}

/* Of a pair that is there. */
static void run(struct bench *b, bool threads)
{
	b->state = rivals_new(b->largest);
	b->out = malloc(rival_bound(b->largest));
	b->back = malloc(b->largest);
	if (!b->out || !b->back)
		die("out of memory", b->r.label);
	measure_all(b);
	if (threads)
		measure_threads(b);
	free(b->out);
	free(b->back);
	rivals_free(b->state);
}

int main(int argc, char **argv)
{
	static struct bench b; /* too large for a stack */
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 9;
	struct aims aims = { 0 };
	struct st_err e = { 0 };

	if (argc < 2 || rounds == 0 || rounds > ROUNDS_MAX || nrivals + 1 >= METHODS_MAX)
		die("usage", "codec_bench DIR [ROUNDS, at most 64 [PAIR [PYTHON SCRIPT]]]");
	for (unsigned i = 0; i < 2; i++)
		if (st_codec_state_new(&b.ours[i], &e) != ST_OK)
			die("codec", e.msg);
	b.zipnn = argc > 5 ? zipnn_start(argv[4], argv[5]) : NULL;
	if (!b.zipnn)
		printf("zipnn of PyPI: missing\n");
	printf("Speeds: median of %u rounds, one thread, processor time; (of the best times).\n",
	       rounds);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (argc > 3 && !strstr(sets[i].label, argv[3]))
			continue;
		memset(&b.r, 0, sizeof(b.r));
		b.r.label = sets[i].label;
		b.r.rounds = rounds;
		b.r.width = sets[i].width;
		b.number = sets[i].number;
		if (load(&b, argv[1], sets[i].base, sets[i].next) != 0) {
			printf("%s: no data\n", sets[i].label);
			continue;
		}
		run(&b, sets[i].threads);
		report_pair(&b.r);
		aims_take(&aims, &b.r);
		unload(&b);
	}
	aims_report(&aims);
	zipnn_stop(b.zipnn);
	for (unsigned i = 0; i < 2; i++)
		st_codec_state_free(b.ours[i]);
	return 0;
}
