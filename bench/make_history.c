/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_history VERSIONS TENSORS CHANGED: in the repository of the current directory, versions of
 * m.safetensors, a model of TENSORS tensors of 64 elements of which CHANGED change each time, one
 * after the other.
 */
#include <strata/strata.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS 64
#define BYTES (ELEMENTS * 4)

static uint32_t state = 12345;

static void fill(float *v)
{
	for (size_t i = 0; i < ELEMENTS; i++) {
		state = state * 1664525 + 1013904223;
		v[i] = ((float)(state >> 8) / 16777216.0F - 0.5F) * 0.04F;
	}
}

static size_t put_header(char *p, size_t room, size_t n)
{
	size_t at = 8;

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(p + at, room - at,
				       "%s\"layers.%zu.weight\":{\"dtype\":\"F32\",\"shape\":[%d],"
				       "\"data_offsets\":[%zu,%zu]}",
				       i ? "," : "{", i, ELEMENTS, i * BYTES, (i + 1) * BYTES);
	p[at++] = '}';
	while (at % 8)
		p[at++] = ' ';
	for (size_t i = 0; i < 8; i++)
		p[i] = (char)((at - 8) >> (8 * i));
	return at;
}

static int write_model(const char *p, size_t n)
{
	FILE *f = fopen("m.safetensors", "wb");
	size_t done = f ? fwrite(p, 1, n, f) : 0;

	return f && fclose(f) == 0 && done == n ? 0 : -1;
}

static int make_version(strata_repo *r, uint64_t k, strata_error *err)
{
	const char *path = "m.safetensors";
	strata_commit_options o = { 0 };
	char message[32];
	int rc = strata_add(r, &path, 1, 0, NULL, NULL, NULL, err);

	snprintf(message, sizeof(message), "version %" PRIu64, k);
	o.message = message;
	return rc == STRATA_OK ? strata_commit(r, &o, NULL, err) : rc;
}

int main(int argc, char **argv)
{
	size_t versions = argc > 3 ? strtoul(argv[1], NULL, 10) : 0, header;
	size_t n = argc > 3 ? strtoul(argv[2], NULL, 10) : 0, at = 0;
	size_t changed = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	size_t room = 16 + n * (128 + BYTES);
	char *file = malloc(room);
	strata_error err = { 0 };
	strata_repo *r = NULL;
	float v[ELEMENTS];
	int rc;

	if (!file || !n || strata_open(&r, NULL, NULL, NULL, &err) != STRATA_OK) {
		fprintf(stderr, "make_history: %s\n", n ? err.message : "three numbers");
		free(file);
		return 1;
	}
	header = put_header(file, room, n);
	for (size_t i = 0; i < n; i++) {
		fill(v);
		memcpy(file + header + i * BYTES, v, BYTES);
	}
	rc = write_model(file, header + n * BYTES) == 0 ? make_version(r, 1, &err) : -1;
	for (uint64_t k = 2; rc == STRATA_OK && k <= versions; k++) {
		for (size_t i = 0; i < changed; i++, at++) {
			fill(v);
			memcpy(file + header + at % n * BYTES, v, BYTES);
		}
		rc = write_model(file, header + n * BYTES) == 0 ? make_version(r, k, &err) : -1;
	}
	if (rc != STRATA_OK)
		fprintf(stderr, "make_history: %s\n", err.message);
	strata_close(r);
	free(file);
	return rc != STRATA_OK;
}
