/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_names[NPARTS] = { "blocks", "embeddings", "all" };

enum kind {		/* of an aim: a size that may not be above it, or a speed not below */
	SIZE_BITX,	/* against the best of BitX */
	SIZE_FM,	/* against FM-Delta's order-0 code */
	SIZE_ZIPNN,	/* against ZipNN's planes with Huffman's code */
	SIZE_ALONE,	/* against the best of that and zstd-1 */
	DECODE_HUFFMAN, /* speeds: */
	DECODE_ZSTD3,
	ENCODE_HUFFMAN,
	ENCODE_ZSTD3,
	ENCODE_THREADS,
	DECODE_THREADS,
};

static const char *const kind_names[] = {
	"size / best BitX",	 "size / FM-Delta order-0",
	"size / ZipNN-style",	 "size / best of zstd-1, ZipNN-style",
	"decode x BitX-Huffman", "decode x BitX-zstd3",
	"encode x BitX-Huffman", "encode x BitX-zstd3",
	"encode, 2 threads x 1", "decode, 2 threads x 1",
};

#define LOW "bf16 base to 120 steps"
#define F32 "f32 base to 120 steps"

static const struct aim {
	const char *label;
	enum part part;
	enum kind kind;
	double must, stretch;
} aims[] = {
	{ "bf16 base to 20 steps", ALL, SIZE_BITX, 0.65, 0.58 },
	{ "bf16 base to 60 steps", ALL, SIZE_BITX, 0.65, 0.58 },
	{ LOW, ALL, SIZE_BITX, 0.65, 0.58 },
	{ "bf16 high rate, base to 120", ALL, SIZE_BITX, 0.75, 0.70 },
	{ "bf16 siblings", ALL, SIZE_BITX, 0.75, 0.70 },
	{ "bf16 GPT, 400 to 450 steps", ALL, SIZE_BITX, 0.75, 0.70 },
	{ "bf16 base to 20 steps", ALL, SIZE_FM, 0.88, 0.78 },
	{ "bf16 base to 60 steps", ALL, SIZE_FM, 0.88, 0.78 },
	{ LOW, ALL, SIZE_FM, 0.88, 0.78 },
	{ "bf16 60 to 120 steps", ALL, SIZE_FM, 0.88, 0.78 },
	{ "bf16 high rate, base to 120", ALL, SIZE_FM, 0.88, 0.78 },
	{ "bf16 siblings", ALL, SIZE_FM, 0.88, 0.78 },
	{ "bf16 GPT, 400 to 450 steps", ALL, SIZE_FM, 0.88, 0.78 },
	{ F32, ALL, SIZE_BITX, 0.80, 0.74 },
	{ "f32 100 to 120 steps", ALL, SIZE_BITX, 0.80, 0.74 },
	{ "f32 no decay, base to 60", ALL, SIZE_BITX, 0.93, 0.90 },
	{ F32, BLOCKS, SIZE_BITX, 0.92, 0.90 },
	{ "f32 100 to 120 steps", BLOCKS, SIZE_BITX, 0.92, 0.90 },
	{ "f32 no decay, base to 60", BLOCKS, SIZE_BITX, 0.92, 0.90 },
	{ "bf16 alone", ALL, SIZE_ZIPNN, 1.00, 0.99 },
	{ "adam m alone", EMBEDDINGS, SIZE_ALONE, 0.95, 0.85 },
	{ "adam v alone", EMBEDDINGS, SIZE_ALONE, 0.95, 0.85 },
	{ "adam v, 100 to 120 steps", EMBEDDINGS, SIZE_ALONE, 0.95, 0.85 },
	{ LOW, BLOCKS, DECODE_HUFFMAN, 1.0, 1.4 },
	{ LOW, BLOCKS, DECODE_ZSTD3, 1.3, 2.0 },
	{ LOW, BLOCKS, ENCODE_HUFFMAN, 1.0, 1.5 },
	{ LOW, BLOCKS, ENCODE_ZSTD3, 2.5, 4.0 },
	{ F32, BLOCKS, DECODE_ZSTD3, 1.3, 2.0 },
	{ F32, BLOCKS, ENCODE_HUFFMAN, 1.0, 1.5 },
	{ F32, BLOCKS, ENCODE_ZSTD3, 2.5, 4.0 },
	{ LOW, ALL, ENCODE_THREADS, 1.7, 1.9 },
	{ LOW, ALL, DECODE_THREADS, 1.7, 1.9 },
	{ F32, ALL, ENCODE_THREADS, 1.7, 1.9 },
	{ F32, ALL, DECODE_THREADS, 1.7, 1.9 },
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(v[0]), by_value);
	return v[n / 2];
}

/* Of the rounds' ratios, other's time to ours, the middle one; of the best times too. */
static double ratio(const struct result *b, const double (*s)[METHODS_MAX], unsigned other,
		    double *best)
{
	double r[ROUNDS_MAX], mine = 1e9, theirs = 1e9;

	for (unsigned i = 0; i < b->rounds; i++) {
		r[i] = s[i][other] / s[i][OURS];
		mine = s[i][OURS] < mine ? s[i][OURS] : mine;
		theirs = s[i][other] < theirs ? s[i][other] : theirs;
	}
	*best = theirs / mine;
	return median(r, b->rounds);
}

static double speed(const struct result *b, const struct totals *s,
		    const double (*times)[METHODS_MAX], unsigned method)
{
	double t[ROUNDS_MAX];

	for (unsigned i = 0; i < b->rounds; i++)
		t[i] = times[i][method];
	return (double)s->raw / median(t, b->rounds) / 1e9;
}

static const char *method_name(unsigned m)
{
	return m == OURS ? "strata" : m == ZIPNN_PYPI ? "zipnn (PyPI)" : rivals[m - 1].name;
}

static void report_part(const struct result *b, enum part part)
{
	const struct totals *s = &b->sum[part];
	double elements = (double)s->raw / b->width;

	if (s->raw == 0 || (part != ALL && s->raw == b->sum[ALL].raw))
		return;
	printf("  %s, %.1f MB\n", part_names[part], (double)s->raw / 1e6);
	printf("    %-14s %11s %6s  %9s %13s  %9s %13s\n", "", "bits/weight", "ours/", "encode",
	       "ours x faster", "decode", "ours x faster");
	for (unsigned m = 0; m < METHODS_MAX; m++) {
		double enc_best, dec_best, enc, dec;

		if (s->len[m] == 0)
			continue;
		enc = ratio(b, s->enc, m, &enc_best);
		dec = ratio(b, s->dec, m, &dec_best);
		printf("    %-14s %11.3f %6.3f  %5.2f GB/s %6.2f (%4.2f)  %5.2f GB/s %6.2f (%4.2f)\n",
		       method_name(m), 8 * (double)s->len[m] / elements,
		       (double)s->len[OURS] / (double)s->len[m], speed(b, s, s->enc, m), enc,
		       enc_best, speed(b, s, s->dec, m), dec, dec_best);
	}
	if (s->fm > 0)
		printf("    %-14s %11.3f %6.3f\n", "fm-delta", 8 * s->fm / elements,
		       (double)s->len[OURS] / s->fm);
}

/* How much sooner two threads are done: the middle of the rounds. */
static double gain(const struct result *r, const double (*t)[2])
{
	double v[ROUNDS_MAX];

	for (unsigned i = 0; i < r->rounds; i++)
		v[i] = t[i][0] / t[i][1];
	return median(v, r->rounds);
}

void report_pair(const struct result *r)
{
	printf("%s\n", r->label);
	for (unsigned part = 0; part < NPARTS; part++)
		report_part(r, part);
	if (r->threads.enc[0][0] > 0)
		printf("  two threads against one: encode %.2f, decode %.2f (by the clock)\n",
		       gain(r, r->threads.enc), gain(r, r->threads.dec));
	fflush(stdout);
}

/* ---- aims ---- */

static unsigned method(const char *name)
{
	for (unsigned m = 0; m < nrivals; m++)
		if (strcmp(rivals[m].name, name) == 0)
			return m + 1;
	abort();
}

static double size_against(const struct totals *s, const char *a, const char *b, const char *c)
{
	const char *const names[] = { a, b, c };
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 3 && names[i]; i++) {
		uint64_t len = s->len[method(names[i])];

		least = len && len < least ? len : least;
	}
	return (double)s->len[OURS] / (double)least;
}

static double reached(const struct result *r, const struct aim *a)
{
	const struct totals *s = &r->sum[a->part];
	double best;

	switch (a->kind) {
	case SIZE_BITX:
		return size_against(s, "bitx-zstd1", "bitx-zstd3", "bitx-huffman");
	case SIZE_FM:
		return (double)s->len[OURS] / s->fm;
	case SIZE_ZIPNN:
		return size_against(s, "zipnn-style", NULL, NULL);
	case SIZE_ALONE:
		return size_against(s, "zipnn-style", "zstd-1", NULL);
	case DECODE_HUFFMAN:
		return ratio(r, s->dec, method("bitx-huffman"), &best);
	case DECODE_ZSTD3:
		return ratio(r, s->dec, method("bitx-zstd3"), &best);
	case ENCODE_HUFFMAN:
		return ratio(r, s->enc, method("bitx-huffman"), &best);
	case ENCODE_ZSTD3:
		return ratio(r, s->enc, method("bitx-zstd3"), &best);
	case ENCODE_THREADS:
		return gain(r, r->threads.enc);
	default:
		return gain(r, r->threads.dec);
	}
}

#define NAIMS (sizeof(aims) / sizeof(aims[0]))
_Static_assert(NAIMS <= AIMS_MAX, "room for what was reached");

void aims_take(struct aims *v, const struct result *r)
{
	for (size_t i = 0; i < NAIMS; i++)
		if (strcmp(aims[i].label, r->label) == 0 && r->sum[aims[i].part].raw)
			v->reached[i] = reached(r, &aims[i]);
}

void aims_report(const struct aims *v)
{
	unsigned missed = 0;

	printf("\n%-28s %-10s %-34s %7s %6s %7s\n", "aims", "tensors", "", "reached", "must",
	       "stretch");
	for (size_t i = 0; i < NAIMS; i++) {
		const struct aim *a = &aims[i];
		double sign = a->kind < DECODE_HUFFMAN ? 1 : -1, got = v->reached[i];
		const char *verdict = sign * got <= sign * a->stretch ? "stretch" :
				      sign * got <= sign * a->must    ? "met" :
									"MISSED";

		if (got == 0)
			continue;
		missed += sign * got > sign * a->must;
		printf("%-28s %-10s %-34s %7.3f %6.2f %7.2f  %s\n", a->label, part_names[a->part],
		       kind_names[a->kind], got, a->must, a->stretch, verdict);
	}
	printf("%u missed\n", missed);
}
