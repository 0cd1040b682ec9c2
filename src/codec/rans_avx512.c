/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)

#define VECTOR_BITS 512
#define ST_RANS_KERNEL st_rans_kernel_avx512
#include "codec/rans_vector.h"

#else

#include "codec/rans_kernel.h"

#endif
