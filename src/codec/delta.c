/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/delta.h"

#include <string.h>

#define ST_LEVELS_AT_ONCE 1024

#define T uint8_t
#define BITS 8
#define FN(name) name##_8
#include "codec/delta_kernel.h"
#undef T
#undef BITS
#undef FN
#define T uint16_t
#define BITS 16
#define FN(name) name##_16
#include "codec/delta_kernel.h"
#undef T
#undef BITS
#undef FN
#define T uint32_t
#define BITS 32
#define FN(name) name##_32
#include "codec/delta_kernel.h"
#undef T
#undef BITS
#undef FN
#define T uint64_t
#define BITS 64
#define FN(name) name##_64
#include "codec/delta_kernel.h"

const struct st_delta_kernel st_delta_kernels[4] = {
	{ split_8, join_8, put_raw_8, levels_8, contexts_8, weigh_8 },
	{ split_16, join_16, put_raw_16, levels_16, contexts_16, weigh_16 },
	{ split_32, join_32, put_raw_32, levels_32, contexts_32, weigh_32 },
	{ split_64, join_64, put_raw_64, levels_64, contexts_64, weigh_64 },
};

const struct st_delta_kernel *st_delta_kernel_of(unsigned width, enum st_vectors vectors)
{
	unsigned i = (unsigned)__builtin_ctz(width);

#if defined(__x86_64__)
	if (vectors == ST_VECTORS_AVX512 && (width == 2 || width == 4))
		return &st_delta_kernels_avx512[i - 1];
	if (vectors == ST_VECTORS_AVX2 && (width == 2 || width == 4))
		return &st_delta_kernels_avx2[i - 1];
#else
	(void)vectors;
#endif
	return &st_delta_kernels[i];
}
