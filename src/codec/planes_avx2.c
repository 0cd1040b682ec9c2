/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)

#define VECTOR_BITS 256
#define ST_PLANES_KERNEL st_planes_kernel_avx2
#include "codec/planes_vector.h"

#else

#include "codec/planes_kernel.h"

#endif
