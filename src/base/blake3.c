/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The tree of BLAKE3: a left subtree is the largest power of two of chunks that leaves something
 * on the right. Merging neighbours level by level, an odd last one moving up unchanged, gives
 * just that tree, so a batch of chunks is hashed as wide as the kernel goes and then halved in
 * place.
 */

#include "base/blake3.h"

#include "base/blake3_kernel.h"

/* Chunks in a batch: their chaining values are 8 KiB of stack. */
#define BATCH 256
#define BATCH_BYTES ((size_t)BATCH * B3_CHUNK)

static void kernel_portable(const uint8_t *const *in, const struct st_blake3_job *job, uint8_t *out)
{
	b3_kernel(in, job, out);
}

static const struct {
	st_blake3_kernel *run;
	size_t lanes; /* <= B3_MAX_LANES */
} levels[ST_BLAKE3_NLEVELS] = {
	[ST_BLAKE3_PORTABLE] = { kernel_portable, 1 },
#if defined(__x86_64__)
	[ST_BLAKE3_SSE41] = { st_blake3_kernel_sse41, 4 },
	[ST_BLAKE3_AVX2] = { st_blake3_kernel_avx2, 8 },
	[ST_BLAKE3_AVX512] = { st_blake3_kernel_avx512, 16 },
#endif
};

const char *st_blake3_level_name(enum st_blake3_level l)
{
	static const char *const names[ST_BLAKE3_NLEVELS] = {
		[ST_BLAKE3_PORTABLE] = "portable",
		[ST_BLAKE3_SSE41] = "sse4.1",
		[ST_BLAKE3_AVX2] = "avx2",
		[ST_BLAKE3_AVX512] = "avx512",
	};

	return names[l];
}

bool st_blake3_level_supported(enum st_blake3_level l)
{
	switch (l) {
	case ST_BLAKE3_PORTABLE:
		return true;
#if defined(__x86_64__)
	case ST_BLAKE3_SSE41:
		return __builtin_cpu_supports("sse4.1") != 0;
	case ST_BLAKE3_AVX2:
		return __builtin_cpu_supports("avx2") != 0;
	case ST_BLAKE3_AVX512: /* whether the system saves the registers is part of it */
		return __builtin_cpu_supports("avx512f") != 0;
#endif
	default:
		return false;
	}
}

/* Asked anew each time: it is a test of a word that the compiler's runtime filled at start. */
static enum st_blake3_level best_level(void)
{
	enum st_blake3_level best = ST_BLAKE3_PORTABLE;

	for (int l = ST_BLAKE3_PORTABLE; l < ST_BLAKE3_NLEVELS; l++)
		if (st_blake3_level_supported((enum st_blake3_level)l))
			best = (enum st_blake3_level)l;
	return best;
}

/*
 * Hashes n inputs that lie stride bytes apart. out may be p: it never overtakes what is still to
 * be read.
 */
static void hash_many(enum st_blake3_level level, const uint8_t *p, size_t stride, size_t n,
		      struct st_blake3_job job, uint8_t *out)
{
	const uint8_t *in[B3_MAX_LANES];
	uint8_t wide[B3_MAX_LANES * ST_HASH_LEN];

	while (n > 0) {
		size_t lanes, take;

		/* Few inputs: the narrowest that does them at once. */
		while (level > ST_BLAKE3_PORTABLE && n <= levels[level - 1].lanes)
			level--;
		lanes = levels[level].lanes;
		take = n < lanes ? n : lanes;
		for (size_t i = 0; i < lanes; i++)
			in[i] = p + stride * (i < take ? i : take - 1);
		if (take == lanes) {
			levels[level].run(in, &job, out);
		} else {
			levels[level].run(in, &job, wide);
			memcpy(out, wide, take * ST_HASH_LEN);
		}
		p += take * stride;
		out += take * ST_HASH_LEN;
		job.counter += take * job.step;
		n -= take;
	}
}

/* One chunk of n <= 1024 bytes, the last of its object and so perhaps short or empty. */
static void hash_chunk(const uint8_t *p, size_t n, uint64_t number, uint32_t root, uint8_t *out)
{
	const size_t blocks = n > B3_BLOCK ? (n + B3_BLOCK - 1) / B3_BLOCK : 1;
	const struct st_blake3_job job = {
		.counter = number,
		.blocks = blocks,
		.first = B3_CHUNK_START,
		.last = B3_CHUNK_END | root,
		.last_len = (uint32_t)(n - (blocks - 1) * B3_BLOCK),
	};
	uint8_t padded[B3_CHUNK];
	const uint8_t *in = padded;

	if (n > 0)
		memcpy(padded, p, n);
	memset(padded + n, 0, blocks * B3_BLOCK - n);
	kernel_portable(&in, &job, out);
}

/* Chaining values of the chunks of p[0..n), n > 0; returns how many. */
static size_t hash_chunks(enum st_blake3_level level, const uint8_t *p, size_t n, uint64_t number,
			  uint8_t (*cvs)[ST_HASH_LEN])
{
	const struct st_blake3_job job = {
		.counter = number,
		.step = 1,
		.blocks = B3_CHUNK / B3_BLOCK,
		.first = B3_CHUNK_START,
		.last = B3_CHUNK_END,
		.last_len = B3_BLOCK,
	};
	const size_t whole = n / B3_CHUNK, rest = n % B3_CHUNK;

	hash_many(level, p, B3_CHUNK, whole, job, cvs[0]);
	if (rest == 0)
		return whole;
	hash_chunk(p + whole * B3_CHUNK, rest, number + whole, 0, cvs[whole]);
	return whole + 1;
}

/*
 * n parents of 2 * n neighbours. A pair of chaining values in memory is the parent's block. out
 * may be cvs.
 */
static void hash_parents(enum st_blake3_level level, const uint8_t *cvs, size_t n, uint32_t root,
			 uint8_t *out)
{
	const struct st_blake3_job job = {
		.blocks = 1,
		.flags = B3_PARENT | root,
		.last_len = B3_BLOCK,
	};

	hash_many(level, cvs, B3_BLOCK, n, job, out);
}

/*
 * Top node of the n <= BATCH_BYTES bytes at p; root is B3_ROOT where it is the object's root,
 * else 0.
 */
static void hash_batch(enum st_blake3_level level, const uint8_t *p, size_t n, uint64_t number,
		       uint32_t root, uint8_t *out)
{
	uint8_t cvs[BATCH][ST_HASH_LEN];
	size_t left;

	if (n <= B3_CHUNK) {
		hash_chunk(p, n, number, root, out);
		return;
	}
	left = hash_chunks(level, p, n, number, cvs);
	while (left > 2) {
		hash_parents(level, cvs[0], left / 2, 0, cvs[0]);
		if (left % 2 != 0)
			memcpy(cvs[left / 2], cvs[left - 1], ST_HASH_LEN);
		left = (left + 1) / 2;
	}
	hash_parents(level, cvs[0], 1, root, out);
}

static void tree_init(struct st_blake3_tree *t, enum st_blake3_level level, uint64_t first)
{
	t->level = level;
	t->first = first;
	t->count = 0;
}

static size_t tree_depth(const struct st_blake3_tree *t)
{
	return (size_t)__builtin_popcountll(t->count);
}

/*
 * Adds a subtree of `leaves`, a power of two that divides count. More must follow it: the merges
 * done here are never the root.
 */
static void tree_push(struct st_blake3_tree *t, const uint8_t *cv, uint64_t leaves)
{
	size_t depth = tree_depth(t);
	uint8_t pair[2 * ST_HASH_LEN];

	memcpy(pair + ST_HASH_LEN, cv, ST_HASH_LEN);
	for (uint64_t bit = leaves; (t->count & bit) != 0; bit <<= 1) {
		memcpy(pair, t->cv[--depth], ST_HASH_LEN);
		hash_parents(t->level, pair, 1, 0, pair + ST_HASH_LEN);
	}
	memcpy(t->cv[depth], pair + ST_HASH_LEN, ST_HASH_LEN);
	t->count += leaves;
}

/* Joins the stack with the last subtree. */
static void tree_close(const struct st_blake3_tree *t, const uint8_t *cv, uint32_t root,
		       uint8_t *out)
{
	size_t depth = tree_depth(t);
	uint8_t pair[2 * ST_HASH_LEN];

	memcpy(pair + ST_HASH_LEN, cv, ST_HASH_LEN);
	while (depth-- > 0) {
		memcpy(pair, t->cv[depth], ST_HASH_LEN);
		hash_parents(t->level, pair, 1, depth == 0 ? root : 0, pair + ST_HASH_LEN);
	}
	memcpy(out, pair + ST_HASH_LEN, ST_HASH_LEN);
}

/*
 * Pushes what it can of p[0..n), in the largest batches that are subtrees, and leaves 1 to keep
 * bytes (none of n = 0). Returns the bytes taken. keep is a power of two of chunks that divides
 * t->count.
 */
static size_t tree_absorb(struct st_blake3_tree *t, const uint8_t *p, size_t n, size_t keep)
{
	const size_t all = n;
	uint8_t cv[ST_HASH_LEN];

	while (n > keep) {
		size_t leaves = BATCH;

		while (leaves * B3_CHUNK >= n || (t->count & (leaves - 1)) != 0)
			leaves /= 2;
		hash_batch(t->level, p, leaves * B3_CHUNK, t->first + t->count, 0, cv);
		tree_push(t, cv, leaves);
		p += leaves * B3_CHUNK;
		n -= leaves * B3_CHUNK;
	}
	return all - n;
}

/* Closes the tree with its last n bytes, 0 < n <= BATCH_BYTES unless the tree is empty. */
static void tree_finish(const struct st_blake3_tree *t, const uint8_t *p, size_t n, uint32_t root,
			uint8_t *out)
{
	uint8_t cv[ST_HASH_LEN];

	hash_batch(t->level, p, n, t->first + t->count, t->count == 0 ? root : 0, cv);
	tree_close(t, cv, root, out);
}

static void hash_whole(enum st_blake3_level level, const uint8_t *p, size_t n, uint64_t first,
		       uint32_t root, uint8_t *out)
{
	struct st_blake3_tree t;
	size_t done;

	tree_init(&t, level, first);
	done = tree_absorb(&t, p, n, BATCH_BYTES);
	tree_finish(&t, done > 0 ? p + done : p, n - done, root, out);
}

void st_blake3_init(struct st_blake3 *h)
{
	tree_init(&h->tree, best_level(), 0);
	h->len = 0;
}

void st_blake3_update(struct st_blake3 *h, const void *p, size_t n)
{
	const uint8_t *s = p;
	uint8_t cv[ST_HASH_LEN];
	size_t take;

	if (n == 0)
		return;
	if (h->len > 0) {
		take = ST_BLAKE3_BUF - h->len < n ? ST_BLAKE3_BUF - h->len : n;
		memcpy(h->buf + h->len, s, take);
		h->len += take;
		s += take;
		n -= take;
		if (n == 0)
			return;
		hash_batch(h->tree.level, h->buf, ST_BLAKE3_BUF, h->tree.count, 0, cv);
		tree_push(&h->tree, cv, ST_BLAKE3_BUF / B3_CHUNK);
	}
	take = tree_absorb(&h->tree, s, n, ST_BLAKE3_BUF);
	h->len = n - take;
	memcpy(h->buf, s + take, h->len);
}

void st_blake3_final(const struct st_blake3 *h, uint8_t out[ST_HASH_LEN])
{
	tree_finish(&h->tree, h->buf, h->len, B3_ROOT, out);
}

void st_blake3_at(enum st_blake3_level l, const void *p, size_t n, uint8_t out[ST_HASH_LEN])
{
	hash_whole(l, p, n, 0, B3_ROOT, out);
}

void st_blake3(const void *p, size_t n, uint8_t out[ST_HASH_LEN])
{
	st_blake3_at(best_level(), p, n, out);
}

void st_blake3_subtree(const void *p, size_t n, uint64_t chunk, uint8_t cv[ST_HASH_LEN])
{
	hash_whole(best_level(), p, n, chunk, 0, cv);
}

void st_blake3_join(const uint8_t (*cvs)[ST_HASH_LEN], size_t n, uint8_t out[ST_HASH_LEN])
{
	struct st_blake3_tree t;

	tree_init(&t, best_level(), 0);
	for (size_t i = 0; i + 1 < n; i++)
		tree_push(&t, cvs[i], 1);
	tree_close(&t, cvs[n - 1], B3_ROOT, out);
}
