/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec_version.h"

#include <zstd.h>

const char st_zstd_version[] = ZSTD_VERSION_STRING;
