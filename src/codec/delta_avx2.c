/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)

#define VECTOR_BITS 256
#define ST_DELTA_KERNELS st_delta_kernels_avx2
#include "codec/delta_vector.h"

#else

#include "codec/delta.h"

#endif
