/* SPDX-License-Identifier: Apache-2.0 */
/* One row per container format. The order decides between equal scores only. */
#include "format/format.h"

extern const struct st_format st_format_safetensors;

const struct st_format *const st_formats[] = {
	&st_format_safetensors,
	NULL,
};
