/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files and tensors by pattern. */
#ifndef ST_BASE_GLOB_H
#define ST_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* `*` any bytes, also none; `?` one byte; [abc], [a-z], [!x] one of a set. Of the whole name; '/'
 * and '.' are bytes like others. */
bool st_glob_match(const char *glob, size_t glob_len, const char *name, size_t len);

#endif
