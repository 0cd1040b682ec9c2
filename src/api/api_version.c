/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "base/blake3.h"
#include "codec/codec_version.h"
#include "meta/meta_version.h"

const char *strata_version_string(void)
{
	return STRATA_VERSION;
}

const char *const *strata_library_versions(void)
{
	static const char *const versions[] = { "zstd", st_zstd_version, "sqlite",
						st_sqlite_version, NULL };

	return versions;
}

/* Held against the tables of formats and codings by a test. */
#define FEATURES                                                                                   \
	"versions:sequence", "versions:semver", "versions:timestamp", "format:safetensors",        \
		"format:npy", "format:npz", "format:torch", "coding:raw", "coding:const",          \
		"coding:same", "coding:zplanes", "coding:planes", "coding:delta", "coding:sparse", \
		"coding:halves", "coding:halves-delta", "coding:blocks", "coding:blocks-delta",    \
		"coding:terse", "coding:terse-delta"

const char *const *strata_features(void)
{
	static const char *const portable[] = { FEATURES, "blake3:portable", NULL };
	static const char *const sse41[] = { FEATURES, "blake3:sse4.1", NULL };
	static const char *const avx2[] = { FEATURES, "blake3:avx2", NULL };
	static const char *const avx512[] = { FEATURES, "blake3:avx512", NULL };

	if (st_blake3_level_supported(ST_BLAKE3_AVX512))
		return avx512;
	if (st_blake3_level_supported(ST_BLAKE3_AVX2))
		return avx2;
	return st_blake3_level_supported(ST_BLAKE3_SSE41) ? sse41 : portable;
}
