/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)

#define VECTOR_BITS 512
#define ST_DELTA_KERNELS st_delta_kernels_avx512
#include "codec/delta_vector.h"

#else

#include "codec/delta.h"

#endif
