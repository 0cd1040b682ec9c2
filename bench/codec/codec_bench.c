/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_bench DIR [ROUNDS [PAIR]]: the codec beside others, on the tensors that bench/make_data.py
 * left in DIR. One process and one thread; all methods take their turn on each tensor in each
 * round, so that what else the machine does falls on all of them. Sizes are exact, times are
 * processor time, every round trip is compared. A third argument keeps to the pairs whose label
 * contains it.
 */
#include "rivals.h"

#include "codec/codec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define METHODS_MAX 8
#define ROUNDS_MAX 64
#define OURS 0 /* the others follow in their order */

enum part {
	BLOCKS,
	EMBEDDINGS,
	ALL,
	NPARTS
};

static const char *const part_names[NPARTS] = { "blocks", "embeddings", "all" };

static const struct {
	const char *label, *base, *next; /* folders */
	unsigned width;
	enum st_num number;
} sets[] = {
	{ "bf16 base to 20 steps", "bf_base", "bf_20", 2, ST_NUM_BF16 },
	{ "bf16 base to 60 steps", "bf_base", "bf_60", 2, ST_NUM_BF16 },
	{ "bf16 base to 120 steps", "bf_base", "bf_120", 2, ST_NUM_BF16 },
	{ "bf16 60 to 120 steps", "bf_60", "bf_120", 2, ST_NUM_BF16 },
	{ "bf16 high rate, base to 120", "bf_base", "bf_hi", 2, ST_NUM_BF16 },
	{ "bf16 siblings", "bf_120", "bf_hi", 2, ST_NUM_BF16 },
	{ "f32 base to 20 steps", "f32_base", "f32_20", 4, ST_NUM_F32 },
	{ "f32 base to 120 steps", "f32_base", "f32_120", 4, ST_NUM_F32 },
	{ "f32 100 to 120 steps", "f32_100", "f32_120", 4, ST_NUM_F32 },
	{ "f32 no decay, base to 60", "f32_base", "f32_wd0_60", 4, ST_NUM_F32 },
	{ "bf16 alone", NULL, "bf_base", 2, ST_NUM_BF16 },
	{ "f32 alone", NULL, "f32_base", 4, ST_NUM_F32 },
	{ "adam m alone", NULL, "m_120", 4, ST_NUM_F32 },
	{ "adam v alone", NULL, "v_120", 4, ST_NUM_F32 },
	{ "adam v, 100 to 120 steps", "v_100", "v_120", 4, ST_NUM_F32 },
};

struct tensor {
	uint8_t *x, *base;
	size_t n;
	uint64_t row;
	enum part part;
};

struct totals {
	uint64_t raw;
	double fm; /* bytes */
	uint64_t len[METHODS_MAX];
	double enc[ROUNDS_MAX][METHODS_MAX], dec[ROUNDS_MAX][METHODS_MAX];
};

struct bench {
	struct st_codec_state *ours;
	void *state; /* the others' */
	struct tensor *t;
	size_t nt, largest;
	unsigned rounds, width;
	enum st_num number;
	uint8_t *out, *back, *stored;
	struct totals sum[NPARTS];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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
	}
	free(b->t);
}

/* ---- ours: frames of 1 MiB, each with its coding and its length ---- */

static size_t encode_ours(struct bench *b, const struct tensor *t, uint8_t *out)
{
	struct st_err e = { 0 };
	size_t total = 0;

	for (size_t at = 0, n; at < t->n; at += n) {
		struct st_frame_in in = { .raw = t->x + at,
					  .width = b->width,
					  .level = 1,
					  .number = b->number,
					  .row = t->row };
		enum st_coding coding;
		size_t len;

		in.n = n = t->n - at < ST_FRAME_LEN ? t->n - at : ST_FRAME_LEN;
		in.base = t->base ? t->base + at : NULL;
		in.base_n = t->base ? n : 0;
		in.row_at = t->row ? at / b->width % t->row : 0;
		if (st_frame_encode(b->ours, &in, ST_CODEC_DEFAULT, out + 8, &coding, &len, &e) !=
		    ST_OK)
			die("encode", e.msg);
		if (coding == ST_CODING_RAW)
			memcpy(out + 8, in.raw, n);
		out[0] = (uint8_t)coding;
		memcpy(out + 4, &(uint32_t){ (uint32_t)len }, 4);
		out += 8 + len;
		total += 8 + len;
	}
	return total;
}

static void decode_ours(struct bench *b, const struct tensor *t, const uint8_t *p)
{
	struct st_err e = { 0 };

	for (size_t at = 0, n; at < t->n; at += n) {
		uint32_t len;

		n = t->n - at < ST_FRAME_LEN ? t->n - at : ST_FRAME_LEN;
		memcpy(&len, p + 4, 4);
		if (st_frame_decode(b->ours, p[0], p + 8, len, t->base ? t->base + at : NULL,
				    t->base ? n : 0, b->width, b->back + at, n, &e) != ST_OK)
			die("decode", e.msg);
		p += 8 + len;
	}
}

/* ---- measuring ---- */

static void measure(struct bench *b, const struct tensor *t, unsigned method, unsigned round)
{
	struct pair p = { t->x, t->base, t->n, b->width, b->number };
	const struct rival *r = method ? &rivals[method - 1] : NULL;
	struct totals *part = &b->sum[t->part], *all = &b->sum[ALL];
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
	part->enc[round][method] += enc;
	part->dec[round][method] += dec;
	all->enc[round][method] += enc;
	all->dec[round][method] += dec;
	if (round == 0) {
		part->len[method] += len;
		all->len[method] += len;
	}
}

static void measure_all(struct bench *b)
{
	memset(b->sum, 0, sizeof(b->sum));
	for (size_t i = 0; i < b->nt; i++) {
		struct tensor *t = &b->t[i];
		struct pair p = { t->x, t->base, t->n, b->width, b->number };
		double fm = t->base ? fm_delta_size(&p) : 0;

		b->sum[t->part].raw += t->n;
		b->sum[t->part].fm += fm;
		b->sum[ALL].raw += t->n;
		b->sum[ALL].fm += fm;
	}
	for (unsigned round = 0; round < b->rounds; round++)
		for (size_t i = 0; i < b->nt; i++)
			for (unsigned m = 0; m <= nrivals; m++)
				if (m == OURS || b->t[i].base || !rivals[m - 1].needs_base)
					measure(b, &b->t[i], m, round);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the rounds' ratios, other's time to ours, the middle one; of the best times too. */
static double ratio(const struct bench *b, double (*s)[METHODS_MAX], unsigned other, double *best)
{
	double r[ROUNDS_MAX], mine = 1e9, theirs = 1e9;

	for (unsigned i = 0; i < b->rounds; i++) {
		r[i] = s[i][other] / s[i][OURS];
		mine = s[i][OURS] < mine ? s[i][OURS] : mine;
		theirs = s[i][other] < theirs ? s[i][other] : theirs;
	}
	qsort(r, b->rounds, sizeof(r[0]), by_value);
	*best = theirs / mine;
	return r[b->rounds / 2];
}

static double speed(const struct bench *b, const struct totals *s, double (*times)[METHODS_MAX],
		    unsigned method)
{
	double t[ROUNDS_MAX];

	for (unsigned i = 0; i < b->rounds; i++)
		t[i] = times[i][method];
	qsort(t, b->rounds, sizeof(t[0]), by_value);
	return (double)s->raw / t[b->rounds / 2] / 1e9;
}

static void report_part(struct bench *b, enum part part)
{
	struct totals *s = &b->sum[part];
	double elements = (double)s->raw / b->width;

	if (s->raw == 0)
		return;
	printf("  %s, %.1f MB\n", part_names[part], (double)s->raw / 1e6);
	printf("    %-14s %11s %6s %7s  %7s %13s  %7s %13s\n", "", "bits/weight", "ours/", "",
	       "encode", "ours x faster", "decode", "ours x faster");
	for (unsigned m = 0; m <= nrivals; m++) {
		double enc_best, dec_best, enc, dec;

		if (s->len[m] == 0)
			continue;
		enc = ratio(b, s->enc, m, &enc_best);
		dec = ratio(b, s->dec, m, &dec_best);
		printf("    %-14s %11.3f %6.3f %7s  %5.2f GB/s %5.2f (%4.2f)  %5.2f GB/s %5.2f (%4.2f)\n",
		       m ? rivals[m - 1].name : "strata", 8 * (double)s->len[m] / elements,
		       (double)s->len[OURS] / (double)s->len[m], "", speed(b, s, s->enc, m), enc,
		       enc_best, speed(b, s, s->dec, m), dec, dec_best);
	}
	if (s->fm > 0)
		printf("    %-14s %11.3f %6.3f\n", "fm-delta", 8 * s->fm / elements,
		       (double)s->len[OURS] / s->fm);
}

int main(int argc, char **argv)
{
	struct bench b = { .rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 9 };
	struct st_err e = { 0 };

	if (argc < 2 || b.rounds == 0 || b.rounds > ROUNDS_MAX)
		die("usage", "codec_bench DIR [ROUNDS, at most 64 [PAIR]]");
	if (st_codec_state_new(&b.ours, &e) != ST_OK)
		die("codec", e.msg);
	printf("Speeds: median of %u rounds, one thread, processor time; (of the best times).\n",
	       b.rounds);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (argc > 3 && !strstr(sets[i].label, argv[3]))
			continue;
		b.width = sets[i].width;
		b.number = sets[i].number;
		if (load(&b, argv[1], sets[i].base, sets[i].next) != 0) {
			printf("%s: no data\n", sets[i].label);
			continue;
		}
		b.state = rivals_new(b.largest);
		b.out = malloc(rival_bound(b.largest));
		b.back = malloc(b.largest);
		if (!b.out || !b.back)
			die("out of memory", sets[i].label);
		measure_all(&b);
		printf("%s\n", sets[i].label);
		for (unsigned part = 0; part < NPARTS; part++)
			report_part(&b, part);
		fflush(stdout);
		free(b.out);
		free(b.back);
		rivals_free(b.state);
		unload(&b);
	}
	st_codec_state_free(b.ours);
	return 0;
}
