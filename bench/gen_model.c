/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the inputs of `make bench`: a bf16 model of any size whose values look like trained weights
 * (normal, sigma 0.02), the version of it after a training step that moved some tensors, and
 * folders of many small files. The same arguments give the same bytes.
 *
 *	gen_model [--tensors N] [--seed S] [--mutate FRACTION SEED2] SIZE OUT.safetensors
 *	gen_model --files COUNT [--seed S] SIZE DIR
 *
 * SIZE is that of the tensors (of each file), with K, M or G for powers of 1024. --mutate picks
 * whole tensors of about FRACTION of the bytes and moves half of their values by one unit in the
 * last place, as a small learning rate does. What was made is told on standard error.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	QUANTILES = 1 << 16,
	BLOCK = 1 << 16, /* values made and written at a time */
	KINDS = 9,	 /* tensors of one transformer layer */
	MAX_TENSORS = 1 << 20,
	FILES_PER_DIR = 1000,
};

struct tensor {
	char name[56];
	uint64_t rows, cols; /* cols 0: one-dimensional */
	int mutated;
};

struct model {
	struct tensor *t;
	size_t n;
	uint64_t seed, seed2;
};

struct options {
	uint64_t size, seed, seed2, files;
	size_t tensors;
	double fraction;
	const char *out;
};

static const char *const kind_names[KINDS] = {
	"input_layernorm.weight",  "self_attn.q_proj.weight", "self_attn.k_proj.weight",
	"self_attn.v_proj.weight", "self_attn.o_proj.weight", "post_attention_layernorm.weight",
	"mlp.gate_proj.weight",	   "mlp.up_proj.weight",      "mlp.down_proj.weight",
};

_Noreturn static void die(const char *what, const char *arg)
{
	if (errno != 0)
		fprintf(stderr, "gen_model: %s%s: %s\n", what, arg, strerror(errno));
	else
		fprintf(stderr, "gen_model: %s%s\n", what, arg);
	exit(1);
}

/* SplitMix64, from its published description: a counter through two multiplications. */
static inline uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t stream(uint64_t seed, uint64_t number)
{
	uint64_t state = seed;
	uint64_t first = next(&state);

	state = first ^ (number * 0xd1342543de82ef95u);
	return next(&state);
}

/* Probability of a normal variable below x, by the power series; exact enough for |x| <= 5. */
static double normal_cdf(double x)
{
	double power = x, sum = x;

	for (int k = 1; k < 80; k++) {
		power *= -x * x / (2 * k);
		sum += power / (2 * k + 1);
	}
	return 0.5 + sum * 0.39894228040143267794; /* 1 / sqrt(2 pi) */
}

/* The x below which a normal variable lies with probability p, by bisection. */
static double normal_quantile(double p)
{
	double lo = -5, hi = 5;

	for (int i = 0; i < 40; i++) {
		double mid = (lo + hi) / 2;

		if (normal_cdf(mid) < p)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static uint16_t to_bf16(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* Drawing a value is one look-up of 16 random bits, which is what makes gigabytes quick. */
static uint16_t *make_table(void)
{
	uint16_t *table = calloc(QUANTILES, sizeof *table);

	if (table == NULL)
		die("no memory", "");
	for (uint32_t i = 0; i < QUANTILES; i++)
		table[i] = to_bf16((float)(0.02 * normal_quantile((i + 0.5) / QUANTILES)));
	return table;
}

static void draw(uint16_t *out, size_t n, const uint16_t *table, uint64_t *state)
{
	for (size_t i = 0; i < n; i += 4) {
		uint64_t r = next(state);

		for (size_t k = 0; k < 4; k++, r >>= 16)
			out[i + k] = table[r & 0xffff];
	}
}

/* Two random bits a value: one in four moves up, one in four down, no further than its sign. */
static void step(uint16_t *v, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i += 32) {
		uint64_t r = next(state);

		for (size_t k = 0; k < 32; k++, r >>= 2) {
			uint16_t moved = (uint16_t)(v[i + k] + (r & 1) - ((r >> 1) & 1));

			if ((moved & 0x7fff) != 0 && (moved & 0x7f80) != 0x7f80)
				v[i + k] = moved;
		}
	}
}

static uint64_t numel(const struct tensor *t)
{
	return t->rows * (t->cols == 0 ? 1 : t->cols);
}

static void put(FILE *f, const void *p, size_t n)
{
	if (fwrite(p, 1, n, f) != n)
		die("write", "");
}

static void put_values(FILE *f, const struct model *m, size_t which, const uint16_t *table)
{
	static const size_t room = BLOCK;
	uint16_t *buf = calloc(room, sizeof *buf);
	uint64_t values = stream(m->seed, which), moves = stream(m->seed2, which);
	uint64_t left = numel(&m->t[which]);

	if (buf == NULL)
		die("no memory", "");
	while (left > 0) {
		size_t n = left < room ? (size_t)left : room;

		draw(buf, room, table, &values);
		if (m->t[which].mutated)
			step(buf, room, &moves);
		put(f, buf, n * sizeof *buf); /* a little-endian machine, as the format asks */
		left -= n;
	}
	free(buf);
}

/* Entry of tensor i in the header; `at` is its first byte. */
static int header_entry(char *out, size_t room, const struct tensor *t, uint64_t at, int first)
{
	char shape[48];

	if (t->cols == 0)
		snprintf(shape, sizeof shape, "%" PRIu64, t->rows);
	else
		snprintf(shape, sizeof shape, "%" PRIu64 ",%" PRIu64, t->rows, t->cols);
	return snprintf(out, room,
			"%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%" PRIu64
			",%" PRIu64 "]}",
			first ? "" : ",", t->name, shape, at, at + 2 * numel(t));
}

static void put_header(FILE *f, const struct model *m)
{
	size_t room = m->n * 192 + 256, len = 0;
	char *text = calloc(room, 1);
	uint64_t at = 0;
	uint8_t le[8];

	if (text == NULL)
		die("no memory", "");
	len += (size_t)snprintf(text, room, "{\"__metadata__\":{\"format\":\"pt\"},");
	for (size_t i = 0; i < m->n; i++) {
		len += (size_t)header_entry(text + len, room - len, &m->t[i], at, i == 0);
		at += 2 * numel(&m->t[i]);
	}
	text[len++] = '}';
	while (len % 8 != 0)
		text[len++] = ' ';
	for (int i = 0; i < 8; i++)
		le[i] = (uint8_t)((uint64_t)len >> (8 * i));
	put(f, le, sizeof le);
	put(f, text, len);
	free(text);
}

static void set_tensor(struct model *m, const char *name, uint64_t rows, uint64_t cols)
{
	struct tensor *t = &m->t[m->n++];

	snprintf(t->name, sizeof t->name, "%s", name);
	t->rows = rows;
	t->cols = cols;
}

static void add_layer(struct model *m, size_t layer, uint64_t h, size_t upto)
{
	uint64_t wide = h * 11 / 4;
	char name[56];

	for (size_t k = 0; k < KINDS && m->n < upto; k++) {
		snprintf(name, sizeof name, "model.layers.%zu.%s", layer, kind_names[k]);
		if (k == 0 || k == 5)
			set_tensor(m, name, h, 0);
		else if (k < 5)
			set_tensor(m, name, h, h);
		else
			set_tensor(m, name, k == 8 ? h : wide, k == 8 ? wide : h);
	}
}

static uint64_t total(const struct model *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n; i++)
		sum += numel(&m->t[i]);
	return sum;
}

static void lay_out(struct model *m, uint64_t h, size_t tensors)
{
	m->n = 0;
	set_tensor(m, "model.norm.weight", h, 0);
	for (size_t layer = 0; m->n < tensors - 2; layer++)
		add_layer(m, layer, h, tensors - 2);
}

/* The widest layers that fit; the embedding takes most of the rest, an odd tensor the remainder. */
static void plan(struct model *m, uint64_t size, size_t tensors)
{
	uint64_t want = size / 2, h = 8, step_h = (uint64_t)1 << 20, rest;

	for (; step_h >= 8; step_h /= 2) {
		lay_out(m, h + step_h, tensors);
		if (total(m) < want - want / 16)
			h += step_h;
	}
	lay_out(m, h, tensors);
	if (total(m) + h + 2 > want)
		die("too many tensors for this size", "");
	rest = want - total(m);
	set_tensor(m, "model.embed_tokens.weight", (rest - 1) / h, h);
	set_tensor(m, "model.rest", rest - (rest - 1) / h * h, 0);
}

/* In a shuffled order, each tensor that fits until about the fraction of the bytes is reached. */
static void choose(struct model *m, double fraction)
{
	uint64_t state = stream(m->seed2, MAX_TENSORS), done = 0;
	double want = fraction * (double)total(m);
	size_t *order = calloc(m->n, sizeof *order), changed = 0;

	if (order == NULL)
		die("no memory", "");
	for (size_t i = 0; i < m->n; i++) {
		size_t j = (size_t)(next(&state) % (i + 1));

		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < m->n && (double)done < 0.97 * want; i++) {
		struct tensor *t = &m->t[order[i]];

		t->mutated = (double)(done + numel(t)) <= want;
		done += t->mutated ? numel(t) : 0;
		changed += (size_t)t->mutated;
	}
	fprintf(stderr, "gen_model: %zu of %zu tensors changed, %" PRIu64 " bytes (%.2f %%)\n",
		changed, m->n, 2 * done, 100 * (double)done / (double)total(m));
	free(order);
}

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL)
		die("create ", path);
	return f;
}

static void make_model(const struct options *o)
{
	struct model m = { .seed = o->seed, .seed2 = o->seed2 };
	uint16_t *table = make_table();
	FILE *f;

	m.t = calloc(o->tensors, sizeof *m.t);
	if (m.t == NULL)
		die("no memory", "");
	plan(&m, o->size, o->tensors);
	if (o->fraction > 0)
		choose(&m, o->fraction);
	f = create(o->out);
	put_header(f, &m);
	for (size_t i = 0; i < m.n; i++)
		put_values(f, &m, i, table);
	if (fclose(f) != 0)
		die("write ", o->out);
	fprintf(stderr, "gen_model: %zu tensors, %" PRIu64 " bytes of bf16 in %s\n", m.n,
		2 * total(&m), o->out);
	free(m.t);
	free(table);
}

static void make_files(const struct options *o)
{
	uint16_t *table = make_table(), *buf = calloc((size_t)o->size / 2 + 4, sizeof *buf);
	char path[4096];

	if (buf == NULL)
		die("no memory", "");
	if (mkdir(o->out, 0777) != 0 && errno != EEXIST)
		die("mkdir ", o->out);
	for (uint64_t i = 0; i < o->files; i++) {
		uint64_t state = stream(o->seed, i);
		FILE *f;

		snprintf(path, sizeof path, "%s/%03" PRIu64, o->out, i / FILES_PER_DIR);
		if (i % FILES_PER_DIR == 0 && mkdir(path, 0777) != 0 && errno != EEXIST)
			die("mkdir ", path);
		snprintf(path, sizeof path, "%s/%03" PRIu64 "/%06" PRIu64 ".bin", o->out,
			 i / FILES_PER_DIR, i);
		draw(buf, (size_t)o->size / 2 + 1, table, &state);
		f = create(path);
		put(f, buf, (size_t)o->size);
		if (fclose(f) != 0)
			die("write ", path);
	}
	free(buf);
	free(table);
}

static uint64_t number(const char *s, int size)
{
	char *end;
	uint64_t n;
	unsigned shift = 0;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (size && *end != '\0' && strchr("KMG", *end) != NULL)
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30, end++;
	if (end == s || *end != '\0' || errno != 0 || n > (UINT64_MAX >> 20) >> shift)
		die("not a number here: ", s);
	return n << shift;
}

_Noreturn static void usage(void)
{
	fputs("usage: gen_model [--tensors N] [--seed S] [--mutate FRACTION SEED2] SIZE OUT\n"
	      "       gen_model --files COUNT [--seed S] SIZE DIR\n",
	      stderr);
	exit(2);
}

static double fraction_arg(const char *s)
{
	char *end;
	double x = strtod(s, &end);

	errno = 0;
	if (end == s || *end != '\0' || !(x >= 0 && x <= 1))
		die("not a fraction: ", s);
	return x;
}

static void parse(struct options *o, int argc, char **argv)
{
	const char *pos[2];
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--tensors") == 0 && i + 1 < argc)
			o->tensors = (size_t)number(argv[++i], 0);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			o->seed = number(argv[++i], 0);
		else if (strcmp(argv[i], "--files") == 0 && i + 1 < argc)
			o->files = number(argv[++i], 0);
		else if (strcmp(argv[i], "--mutate") == 0 && i + 2 < argc) {
			o->fraction = fraction_arg(argv[++i]);
			o->seed2 = number(argv[++i], 0);
		} else if (argv[i][0] == '-' || n == 2)
			usage();
		else
			pos[n++] = argv[i];
	}
	if (n != 2)
		usage();
	o->size = number(pos[0], 1);
	o->out = pos[1];
	errno = 0;
	if (o->tensors < 4 || o->tensors > MAX_TENSORS || (o->files > 0 && o->size > 1u << 30))
		die("tensors from 4 to 1048576, files up to 1G", "");
}

int main(int argc, char **argv)
{
	struct options o = { .tensors = 290, .seed = 1, .seed2 = 2 };

	parse(&o, argc, argv);
	if (o.files > 0)
		make_files(&o);
	else
		make_model(&o);
	return 0;
}
