/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small safetensors files for the tests of commands.
 *
 *	mkmodel FILE [--meta KEY=VALUE]... [--seed N] NAME:DTYPE:DIMS[:SEED]...
 *	mkmodel --tune FILE SEED [STEP]
 *
 * DIMS is a comma-separated shape, empty for a scalar. Equal seeds give equal bytes; a tensor
 * without a seed of its own takes one from --seed and its name. BF16, F16, F32 and F64 hold small,
 * nearly normal numbers, so that codecs see something like weights; other types hold random bytes.
 * --tune adds 0 to 3 to every STEPth element (every second one) of a file made here, taken as an
 * integer, as a fine-tune moves weights by a few places.
 */
#include "base/blake3.h"
#include "base/file.h"
#include "base/json.h"
#include "merge/round.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 30)

struct model {
	struct st_buf head, data;
	struct st_jw w;
	const char *seed;
	struct st_err e;
};

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The sum of four even ones; of standard deviation 0.02. */
static double draw_weight(uint64_t *state)
{
	uint64_t a = draw(state), b = draw(state);
	double sum = (double)(a >> 32) + (double)(a & UINT32_MAX) + (double)(b >> 32) +
		     (double)(b & UINT32_MAX);

	return (sum / 4294967296.0 - 2) * 1.7320508075688772 * 0.02;
}

static uint64_t seed_of(const char *text)
{
	uint8_t h[ST_HASH_LEN];
	uint64_t s;

	st_blake3(text, strlen(text), h);
	memcpy(&s, h, sizeof(s));
	return s;
}

static int put_elements(struct st_buf *out, enum st_dtype t, uint64_t n, uint64_t state,
			struct st_err *e)
{
	size_t width = st_dtype_info(t)->bits / 8;
	bool weights = t == ST_BF16 || t == ST_F16 || t == ST_F32 || t == ST_F64;
	int rc = ST_OK;

	for (uint64_t i = 0; rc == ST_OK && i < n; i++) {
		uint8_t p[8] = { 0 };
		double v = weights ? draw_weight(&state) : 0;
		uint64_t u = weights ? 0 : draw(&state);

		if (weights)
			st_round_store_portable(p, t, &v, 1);
		else if (t == ST_BOOL)
			p[0] = u & 1;
		else
			memcpy(p, &u, width);
		rc = st_buf_add(out, p, width, e);
	}
	return rc;
}

static int bad(struct model *m, const char *spec)
{
	return st_fail(&m->e, ST_EUSAGE, "no NAME:DTYPE:DIMS[:SEED]: %s", spec);
}

static uint64_t put_shape(struct model *m, const char *dims)
{
	uint64_t n = 1;
	char *end;

	st_jw_key(&m->w, "shape");
	st_jw_array(&m->w);
	while (*dims) {
		uint64_t d = strtoull(dims, &end, 10);

		st_jw_u64(&m->w, d);
		n *= d;
		dims = end + (*end == ',');
	}
	st_jw_close_array(&m->w);
	return n;
}

static int put_tensor(struct model *m, const char *spec)
{
	char *name = strdup(spec), *at = name, *part[4] = { NULL }, own[4096];
	size_t from = m->data.len;
	enum st_dtype t;
	uint64_t n;
	int rc;

	for (size_t i = 0; i < 4; i++)
		part[i] = at ? strsep(&at, ":") : NULL;
	if (!part[2] || at || !st_dtype_by_safetensors(&t, part[1], strlen(part[1])) ||
	    st_dtype_info(t)->bits < 8 || st_dtype_info(t)->bits > 64) {
		free(name);
		return bad(m, spec);
	}
	snprintf(own, sizeof(own), "%s/%s", m->seed, part[0]);
	st_jw_keyn(&m->w, part[0], strlen(part[0]));
	st_jw_object(&m->w);
	st_jw_key(&m->w, "dtype");
	st_jw_string(&m->w, part[1]);
	n = put_shape(m, part[2]);
	rc = put_elements(&m->data, t, n, seed_of(part[3] ? part[3] : own), &m->e);
	st_jw_key(&m->w, "data_offsets");
	st_jw_array(&m->w);
	st_jw_u64(&m->w, from);
	st_jw_u64(&m->w, m->data.len);
	st_jw_close_array(&m->w);
	st_jw_close_object(&m->w);
	free(name);
	return rc;
}

static bool is_option(const char *s)
{
	return strcmp(s, "--meta") == 0 || strcmp(s, "--seed") == 0;
}

static void put_meta(struct model *m, int argc, char **argv)
{
	bool any = false;

	for (int i = 1; i + 1 < argc; i++) {
		const char *eq = strcmp(argv[i], "--meta") == 0 ? strchr(argv[i + 1], '=') : NULL;

		if (!eq)
			continue;
		if (!any) {
			st_jw_key(&m->w, "__metadata__");
			st_jw_object(&m->w);
		}
		any = true;
		st_jw_keyn(&m->w, argv[i + 1], (size_t)(eq - argv[i + 1]));
		st_jw_string(&m->w, eq + 1);
	}
	if (any)
		st_jw_close_object(&m->w);
}

static int save(const char *path, struct model *m)
{
	uint8_t len[8];
	FILE *f = fopen(path, "wb");

	while (m->head.len % 8 && m->e.code == ST_OK)
		(void)!st_buf_addch(&m->head, ' ', &m->e);
	for (size_t i = 0; i < 8; i++)
		len[i] = (uint8_t)(m->head.len >> (8 * i));
	if (!f)
		return st_fail_os(&m->e, "open %s", path);
	if (fwrite(len, 1, 8, f) != 8 || fwrite(m->head.p, 1, m->head.len, f) != m->head.len ||
	    (m->data.len && fwrite(m->data.p, 1, m->data.len, f) != m->data.len))
		st_fail_os(&m->e, "write %s", path);
	if (fclose(f) != 0 && m->e.code == ST_OK)
		st_fail_os(&m->e, "write %s", path);
	return m->e.code;
}

static int make(struct model *m, int argc, char **argv)
{
	const char *path = NULL;
	int rc = ST_OK;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--seed") == 0)
			m->seed = argv[i + 1];
	st_jw_init(&m->w, &m->head, false, &m->e);
	st_jw_object(&m->w);
	put_meta(m, argc, argv);
	for (int i = 1; rc == ST_OK && i < argc; i++) {
		if (is_option(argv[i]))
			i++;
		else if (!path)
			path = argv[i];
		else
			rc = put_tensor(m, argv[i]);
	}
	st_jw_close_object(&m->w);
	if (rc == ST_OK && !path)
		rc = st_fail(&m->e, ST_EUSAGE, "no file is named");
	return rc == ST_OK && m->e.code == ST_OK ? save(path, m) : (int)m->e.code;
}

static void tune_tensor(uint8_t *p, uint8_t *end, size_t width, size_t step, uint64_t *state)
{
	for (; p < end; p += width * step) {
		uint64_t u = 0;

		memcpy(&u, p, width);
		u += draw(state) % 4;
		memcpy(p, &u, width);
	}
}

/* The header is one that make wrote: dtype, shape and data_offsets in that order. */
static int tune(struct model *m, const char *path, const char *seed, size_t step)
{
	const char *at, *offsets;
	uint64_t n = 0, state = seed_of(seed), from, to;
	enum st_dtype t;
	uint8_t *data;

	if (st_file_slurp(&m->data, path, &m->e) != ST_OK)
		return m->e.code;
	memcpy(&n, m->data.p, 8);
	if (st_buf_add(&m->head, m->data.p + 8, n, &m->e) != ST_OK ||
	    !(at = st_buf_cstr(&m->head, &m->e)))
		return m->e.code;
	data = (uint8_t *)m->data.p + 8 + n;
	while ((at = strstr(at, "\"dtype\":\""))) {
		at += strlen("\"dtype\":\"");
		offsets = strstr(at, "\"data_offsets\":[");
		if (!offsets || !st_dtype_by_safetensors(&t, at, strcspn(at, "\"")) ||
		    sscanf(offsets, "\"data_offsets\":[%" SCNu64 ",%" SCNu64, &from, &to) != 2)
			return st_fail(&m->e, ST_EUSAGE, "%s was not made here", path);
		tune_tensor(data + from, data + to, st_dtype_info(t)->bits / 8, step, &state);
	}
	memmove(m->data.p, data, m->data.len -= 8 + n);
	return save(path, m);
}

int main(int argc, char **argv)
{
	struct model m = { .seed = "0" };
	int rc;

	st_buf_init(&m.head, MAX_FILE);
	st_buf_init(&m.data, MAX_FILE);
	if (argc >= 4 && strcmp(argv[1], "--tune") == 0)
		rc = tune(&m, argv[2], argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 2);
	else if (argc >= 2)
		rc = make(&m, argc, argv);
	else
		rc = st_fail(&m.e, ST_EUSAGE, "mkmodel FILE NAME:DTYPE:DIMS[:SEED]...");
	if (rc != ST_OK)
		fprintf(stderr, "mkmodel: %s\n", m.e.msg);
	st_buf_release(&m.data);
	st_buf_release(&m.head);
	return rc == ST_OK ? 0 : 1;
}
