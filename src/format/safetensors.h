/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader and the writer of safetensors share. */
#ifndef ST_FORMAT_SAFETENSORS_H
#define ST_FORMAT_SAFETENSORS_H

#include "format/format.h"

#define ST_SAFETENSORS_HEADER ((uint64_t)100000000) /* bytes: the reference reader's limit */

/* As st_format.head. */
ST_MUST int st_safetensors_head(struct st_buf *out, struct st_tensor *t, size_t n,
				const char *metadata, size_t metadata_len, struct st_err *e);

#endif
