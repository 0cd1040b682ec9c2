/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer that the command line and bindings share. Compact; one value per writer. */
#ifndef STRATA_JSON_H
#define STRATA_JSON_H

#include <strata/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_json strata_json;

/* NULL when out of memory. Later failures stick and show in strata_json_text. */
STRATA_API strata_json *strata_json_new(void);
STRATA_API void strata_json_free(strata_json *j);
STRATA_API void strata_json_object(strata_json *j);
STRATA_API void strata_json_end_object(strata_json *j);
STRATA_API void strata_json_array(strata_json *j);
STRATA_API void strata_json_end_array(strata_json *j);
STRATA_API void strata_json_key(strata_json *j, const char *key);
/* NULL is written as null; bytes that are not UTF-8 become U+FFFD. */
STRATA_API void strata_json_string(strata_json *j, const char *s);
/* key: s where s is UTF-8, else key_hex: its bytes in hex. */
STRATA_API void strata_json_name(strata_json *j, const char *key, const char *s, size_t len);
STRATA_API void strata_json_u64(strata_json *j, uint64_t v);
STRATA_API void strata_json_i64(strata_json *j, int64_t v);
STRATA_API void strata_json_real(strata_json *j, double v); /* null when not finite */
STRATA_API void strata_json_bool(strata_json *j, bool v);
STRATA_API void strata_json_null(strata_json *j);
STRATA_API void strata_json_raw(strata_json *j, const char *json); /* one value, already JSON */
/* NUL-terminated, borrowed; NULL when anything failed. Resets the writer for the next value. */
STRATA_API const char *strata_json_text(strata_json *j);

#ifdef __cplusplus
}
#endif
#endif
