/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_BASE_BLAKE3_H
#define ST_BASE_BLAKE3_H

/*
 * BLAKE3-256, unkeyed. No function here fails, allocates or keeps state of its own; every one
 * may be called from any thread. A NULL pointer is allowed where the length is 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ST_HASH_LEN 32

/*
 * Bytes a stream holds back: the last ones cannot be hashed before it is known that they are the
 * last.
 */
#define ST_BLAKE3_BUF 8192

/* A stack this deep holds the open subtrees of 2^64 bytes. */
#define ST_BLAKE3_DEPTH 54

enum st_blake3_level {
	ST_BLAKE3_PORTABLE,
	ST_BLAKE3_SSE41,
	ST_BLAKE3_AVX2,
	ST_BLAKE3_AVX512,
	ST_BLAKE3_NLEVELS
};

/*
 * Complete subtrees to the left of what is still to come, largest first; one per set bit of
 * count.
 */
struct st_blake3_tree {
	enum st_blake3_level level;
	uint64_t first; /* number of the first leaf in its object */
	uint64_t count; /* leaves in the stack */
	uint8_t cv[ST_BLAKE3_DEPTH][ST_HASH_LEN];
};

/* A stream in the caller's memory; nothing to release. Copying it copies the state. */
struct st_blake3 {
	struct st_blake3_tree tree;
	size_t len; /* bytes in buf; 0 only before the first byte */
	uint8_t buf[ST_BLAKE3_BUF];
};

void st_blake3_init(struct st_blake3 *h);

/* Fast for any size of n; from about 16 KiB on the bytes are hashed where they lie. */
void st_blake3_update(struct st_blake3 *h, const void *p, size_t n);

/* The stream is not changed and may be continued. */
void st_blake3_final(const struct st_blake3 *h, uint8_t out[ST_HASH_LEN]);

/* One shot. */
void st_blake3(const void *p, size_t n, uint8_t out[ST_HASH_LEN]);

/*
 * Chaining value, not root hash, of the subtree over p[0..n), whose first chunk of 1024 bytes
 * has the number chunk in its object. It is a node of the object's tree if, for some k, chunk is
 * a multiple of 2^k and n is 2^k * 1024, or less where the object ends with p[0..n); that is the
 * caller's to know.
 */
void st_blake3_subtree(const void *p, size_t n, uint64_t chunk, uint8_t cv[ST_HASH_LEN]);

/*
 * Root hash of an object from the chaining values of its n >= 2 consecutive frames: all of one
 * size, a power of two of at least 1024 bytes (strata's are 2^20), but the last, which may be
 * shorter.
 */
void st_blake3_join(const uint8_t (*cvs)[ST_HASH_LEN], size_t n, uint8_t out[ST_HASH_LEN]);

/* For tests and benchmarks: the level the functions above choose is the highest supported one. */
bool st_blake3_level_supported(enum st_blake3_level l);
const char *st_blake3_level_name(enum st_blake3_level l); /* "avx2" */

/* One shot at a level, which must be supported. */
void st_blake3_at(enum st_blake3_level l, const void *p, size_t n, uint8_t out[ST_HASH_LEN]);

#endif
