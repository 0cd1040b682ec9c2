/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_CODEC_CODEC_VERSION_H
#define ST_CODEC_CODEC_VERSION_H

extern const char st_zstd_version[]; /* that this build was made with */

#endif
