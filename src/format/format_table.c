/* SPDX-License-Identifier: Apache-2.0 */
/* One row per container format. The order decides between equal scores only. */
#include "format/format.h"

extern const struct st_format st_format_safetensors;
extern const struct st_format st_format_npy;
extern const struct st_format st_format_npz;
extern const struct st_format st_format_torch;

const struct st_format *const st_formats[] = {
	&st_format_safetensors, &st_format_npy, &st_format_npz, &st_format_torch, NULL,
};
