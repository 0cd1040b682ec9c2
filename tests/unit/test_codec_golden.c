/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/*
 * Frames in tests/golden/codec, as some version of the encoder wrote them: they must decode for
 * ever. tests/interop/codec_decoder.py decodes the same files by the documentation alone.
 *
 *	test_codec_golden			checks them
 *	test_codec_golden --make DIR SEED	writes such files; seed 1: those that are kept
 *	test_codec_golden --encode DIR NAME TYPE BASE RAW
 *		the same of quantised blocks (tests/golden/make_blocks.py: those of gguf-*)
 *
 * A file is one line, "strata frame 1: coding C width W raw N base B stored S", then B bytes of the
 * base, S of the stream, N that it decodes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"
#include "odb_fixture.h"

static const char *const pair_names[NPAIRS] = { "equal",  "plus-one", "near",  "far",
						"random", "special",  "few",   "rows",
						"decay",  "zeros",    "upcast" };
static const char *const number_names[ST_NNUMBERS] = { "int", "bf16", "f16", "f32",
						       "f64", "e4m3", "e5m2" };

static void write_case(struct case_states *c, const char *dir, enum st_coding coding,
		       const struct st_frame_in *in, const char *name)
{
	size_t len = case_coded(c, coding, in),
	       base_n = st_codec_get(coding)->needs_base ? in->n : 0;
	char path[512];
	FILE *f;

	if (!len)
		return;
	snprintf(path, sizeof(path), "%s/%s-%s", dir, st_codec_get(coding)->name, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	fprintf(f, "strata frame 1: coding %u width %u raw %zu base %zu stored %zu\n", coding,
		in->width, in->n, base_n, len);
	assert_int_equal(fwrite(in->base, 1, base_n, f), base_n);
	assert_int_equal(fwrite(c->out, 1, len, f), len);
	assert_int_equal(fwrite(in->raw, 1, in->n, f), in->n);
	assert_int_equal(fclose(f), 0);
}

/* What is kept is small: one kind of pair for each number and coding, others for f32. */
static bool wanted(uint64_t seed, enum st_num num, unsigned width, enum pair how)
{
	if (seed != 1)
		return true;
	if (num == ST_NUM_F32)
		return true;
	if (num == ST_NUM_F64)
		return how == PAIR_DECAY;
	return num == ST_NUM_INT ? how == PAIR_NEAR && width < 8 :
				   how == PAIR_NEAR || how == PAIR_SPECIAL;
}

static bool kept(uint64_t seed, enum st_coding coding, enum pair how)
{
	if (coding == ST_CODING_SAME || seed != 1)
		return coding != ST_CODING_SAME;
	if (coding == ST_CODING_CONST)
		return how == PAIR_EQUAL;
	return (coding != ST_CODING_ZPLANES || how == PAIR_ZEROS) &&
	       (coding != ST_CODING_PLANES || how % 3 == 2);
}

static void make_pair(struct case_states *c, const char *dir, uint64_t seed, unsigned width,
		      enum st_num num, enum pair how)
{
	uint64_t s = seed;
	size_t m = seed == 1 ? 540 : 500 + case_random(&s) % 3000;
	struct st_frame_in in;
	char name[64];

	for (unsigned k = ST_CODING_CONST; k < ST_NCODINGS; k++) {
		if (!kept(seed, (enum st_coding)k, how))
			continue;
		in = case_in(c, m, width, num, how, k > ST_CODING_SPARSE ? 0 : (m + how) % width,
			     seed % 3 ? PAIR_ROW : 0);
		if (k == ST_CODING_CONST)
			memset(c->raw, (int)how, in.n - in.n % width);
		snprintf(name, sizeof(name), "%s-%u-%s", number_names[num], 8 * width,
			 pair_names[how]);
		write_case(c, dir, (enum st_coding)k, &in, name);
	}
}

/* Blocks of random bits; those that a real quantiser made are kept beside them (--encode). */
static void make_blocks(struct case_states *c, const char *dir, uint64_t seed, enum st_quant quant)
{
	const struct st_quant_info *info = st_quant_info(quant);
	size_t n = seed == 1 ? 2600 : 2000 + case_random(&seed) % 20000;
	struct st_frame_in in = case_blocks(c, n, quant, seed == 1 ? 5 : seed);

	write_case(c, dir, ST_CODING_BLOCKS, &in, info->name);
	write_case(c, dir, ST_CODING_BLOCKS_DELTA, &in, info->name);
}

static void make_json(struct case_states *c, const char *dir, uint64_t seed)
{
	struct st_frame_in in = { .raw = c->raw, .base = c->base, .width = 1, .level = 1 };

	in.n = in.base_n = seed == 1 ? 700 : 600 + case_random(&seed) % 5000;
	case_fill(c->raw, in.n, FILL_JSON, 1, seed);
	memcpy(c->base, c->raw, in.n);
	for (size_t i = 0; i < 20; i++) /* digits of the first id */
		c->base[21 + i] = (uint8_t)('0' + i % 10);
	write_case(c, dir, ST_CODING_TERSE, &in, "tree");
	write_case(c, dir, ST_CODING_TERSE_DELTA, &in, "tree");
}

static size_t slurp(const char *path, uint8_t *out)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(out, 1, ST_FRAME_LEN, f) : 0;

	assert_true(n && fgetc(f) == EOF);
	fclose(f);
	return n;
}

static int encode(const char *dir, const char *name, enum st_quant quant, const char *base,
		  const char *raw)
{
	struct st_frame_in in = { .width = 1, .level = 1, .quant = quant };
	struct case_states c;

	case_states_init(&c);
	in.base_n = slurp(base, c.base);
	in.n = slurp(raw, c.raw);
	in.base = c.base;
	in.raw = c.raw;
	write_case(&c, dir, ST_CODING_BLOCKS, &in, name);
	write_case(&c, dir, ST_CODING_BLOCKS_DELTA, &in, name);
	case_states_release(&c);
	return 0;
}

static int make(const char *dir, uint64_t seed)
{
	struct case_states c;

	case_states_init(&c);
	make_json(&c, dir, seed);
	for (size_t i = 0; i < NQUANTS; i++)
		make_blocks(&c, dir, seed, case_quants[i]);
	for (size_t i = 0; i < 4 * ST_NNUMBERS * NPAIRS; i++) {
		unsigned width = case_widths[i % 4];
		enum st_num num = (enum st_num)(i / 4 % ST_NNUMBERS);
		enum pair how = (enum pair)(i / 4 / ST_NNUMBERS);

		if (st_num_fits(num, width) && wanted(seed, num, width, how))
			make_pair(&c, dir, seed, width, num, how);
	}
	case_states_release(&c);
	return 0;
}

static void check_file(struct case_states *c, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct st_frame_in in = { .raw = c->raw, .base = c->base };
	unsigned coding;
	size_t len;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "strata frame 1: coding %u width %u raw %zu base %zu stored %zu",
				&coding, &in.width, &in.n, &in.base_n, &len),
			 5);
	assert_int_equal(fgetc(f), '\n');
	assert_true(in.n <= ST_FRAME_LEN && in.base_n <= ST_FRAME_LEN && len < in.n);
	assert_int_equal(fread(c->base, 1, in.base_n, f), in.base_n);
	assert_int_equal(fread(c->out, 1, len, f), len);
	assert_int_equal(fread(c->raw, 1, in.n, f), in.n);
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	if (case_decode(c, (enum st_coding)coding, &in, c->out, len) != ST_OK ||
	    memcmp(c->back, c->raw, in.n) != 0)
		fail_msg("%s does not decode", path);
	case_flips(c, (enum st_coding)coding, &in, len);
}

static void golden(void **state)
{
	const char *src = getenv("ST_SRC");
	char dir[512], path[1024];
	struct case_states c;
	unsigned found = 0;
	struct dirent *d;
	DIR *at;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/tests/golden/codec", src ? src : ".");
	at = opendir(dir);
	if (!at)
		skip();
	case_states_init(&c);
	while ((d = readdir(at)))
		if (d->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
			check_file(&c, path);
			found++;
		}
	closedir(at);
	case_states_release(&c);
	assert_true(found > 20);
}

/* Each byte of a pack in turn: an object that is a difference comes back right or not at all. */
static void flip_all(struct case_states *c, unsigned width, enum pair how)
{
	struct fixture f;
	struct st_err e = { 0 };
	struct st_oid base, id, packs[16];
	struct st_writer *w;
	size_t n = 600 * (size_t)width, failed = 0, at;
	bool fresh;

	fixture_open(&f, NULL);
	case_pair(c->raw, c->base, 600, width, ST_NUM_INT, how, 1);
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, c->base, n, width, ST_CODEC_DEFAULT, NULL, 0, 0, &base,
				    &fresh, &e),
			 ST_OK);
	assert_int_equal(put_object(&f, w, c->raw, n, width, ST_CODEC_DEFAULT, c->base, n, 0, &id,
				    &fresh, &e),
			 ST_OK);
	assert_int_equal(fixture_publish(&f, w, packs), 1);
	for (at = 0; at < pack_length(&f, &packs[0]); at++) {
		struct st_err bad = { 0 };
		struct st_obj *ob;
		int rc;

		flip(&f, &packs[0], at);
		rc = st_obj_open(&ob, f.odb, &id, &bad);
		if (rc == ST_OK) {
			assert_int_equal(st_obj_depth(ob), 1);
			rc = st_obj_frame(ob, f.codec, 0, c->back, &bad);
			st_obj_close(ob);
		}
		failed += rc != ST_OK;
		if (rc == ST_OK)
			assert_memory_equal(c->back, c->raw, n);
		flip(&f, &packs[0], at);
	}
	assert_true(failed > n / 50 && failed < at);
	fixture_close(&f);
}

static void a_damaged_pack(void **state)
{
	struct case_states c;

	(void)state;
	case_states_init(&c);
	flip_all(&c, 2, PAIR_NEAR);
	flip_all(&c, 4, PAIR_ROWS);
	flip_all(&c, 4, PAIR_FEW);
	case_states_release(&c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(a_damaged_pack),
	};

	if (argc == 7 && strcmp(argv[1], "--encode") == 0)
		return encode(argv[2], argv[3], (enum st_quant)strtoul(argv[4], NULL, 10), argv[5],
			      argv[6]);
	if (argc == 4 && strcmp(argv[1], "--make") == 0)
		return make(argv[2], strtoull(argv[3], NULL, 10));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
