/* SPDX-License-Identifier: Apache-2.0 */

/*
 * blake3_speed FILE: seconds and GB/s to hash FILE, mapped, once per SIMD level and once as a
 * stream of 1 MiB updates. The first line warms the page cache and is not a measurement.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/blake3.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(const char *name, size_t n, double s, const uint8_t out[ST_HASH_LEN])
{
	printf("%-9s %8.4f s %7.3f GB/s  %02x%02x%02x%02x\n", name, s, (double)n / s / 1e9, out[0],
	       out[1], out[2], out[3]);
}

static void run_stream(const uint8_t *p, size_t n)
{
	static const size_t step = 1 << 20;
	uint8_t out[ST_HASH_LEN];
	struct st_blake3 h;
	double t = now();

	st_blake3_init(&h);
	for (size_t at = 0; at < n; at += step)
		st_blake3_update(&h, p + at, n - at < step ? n - at : step);
	st_blake3_final(&h, out);
	report("stream", n, now() - t, out);
}

static void run_levels(const uint8_t *p, size_t n)
{
	uint8_t out[ST_HASH_LEN];
	double t = now();

	st_blake3(p, n, out);
	report("warm-up", n, now() - t, out);
	for (int l = 0; l < ST_BLAKE3_NLEVELS; l++) {
		if (!st_blake3_level_supported((enum st_blake3_level)l))
			continue;
		t = now();
		st_blake3_at((enum st_blake3_level)l, p, n, out);
		report(st_blake3_level_name((enum st_blake3_level)l), n, now() - t, out);
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	void *p;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: blake3_speed FILE\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(argv[1]);
		return 1;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	run_levels(p, (size_t)st.st_size);
	run_stream(p, (size_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	return 0;
}
