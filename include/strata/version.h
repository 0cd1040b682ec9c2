/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRATA_VERSION_H
#define STRATA_VERSION_H

#include <strata/error.h>

#define STRATA_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

STRATA_API const char *strata_version_string(void);
/* name, version pairs: "zstd" "1.5.4", "sqlite" ...; ends with NULL. Static. */
STRATA_API const char *const *strata_library_versions(void);
/* Names of what this build can do: formats, codings, SIMD level; ends with NULL. Static. */
STRATA_API const char *const *strata_features(void);

#ifdef __cplusplus
}
#endif
#endif
