/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives built by hand, for the tests that read, damage and patch them. */
#ifndef ST_TEST_ZIP_FIXTURE_H
#define ST_TEST_ZIP_FIXTURE_H

#include "format/zip.h"

#define ZIP_LIMIT ((uint64_t)16 << 20)

/* How a member is written, and with END64, ONES and COMMENT the archive around it. */
enum zip_how {
	DEFLATE = 1,
	STREAM = 2,   /* flag bit 3, a local header without numbers, a descriptor */
	SIGN = 4,     /* which has its signature */
	WIDE = 8,     /* and sizes of eight bytes */
	BARE = 16,    /* or is not there */
	FILLED = 32,  /* the local header has its numbers in spite of bit 3 */
	LOCAL64 = 64, /* numbers in zip64 fields */
	CENTRAL64 = 128,
	PAD = 256,	/* data at a multiple of 64, as PyTorch writes */
	LATE64 = 4096,	/* more than is read at once before the local zip64 field */
	END64 = 512,	/* zip64 end records */
	ONES = 1024,	/* and nothing but ones in the end record */
	COMMENT = 2048, /* as long as can be */
};

struct zip_spec {
	const char *name;
	const char *data;
	unsigned how;
	size_t name_len, len; /* 0: up to the NUL */
};

struct zip_place {
	size_t local, data, descriptor, central;
	size_t csize, usize;
	uint32_t crc;
};

struct zip_archive {
	struct st_buf b;
	struct zip_place at[8];
	size_t dir, end64, locator, end;
};

enum zip_base {
	LOCAL,
	CENTRAL,
	END64_AT,
	LOCATOR,
	END_AT
};

struct zip_change {
	enum zip_base base;
	unsigned i; /* which member */
	size_t delta, width;
	uint64_t value;
};

/* Every way to write a member that must make no difference. */
#define ZIP_NFORMS 18
extern const unsigned zip_forms[ZIP_NFORMS];
/* Members at 0 and 36, data 31 to 36 and 69 to 76, directory 76, entries 76 and 123, end 172, 194
 * bytes. */
extern const struct zip_spec zip_plain[2];

struct zip_archive zip_build(const struct zip_spec *s, size_t n); /* b is the caller's */
/* Its parts, for archives that build cannot make. */
void zip_put(struct zip_archive *a, uint64_t v, size_t n); /* n bytes, little-endian */
void zip_put_bytes(struct zip_archive *a, const void *p, size_t n);
void zip_put_member(struct zip_archive *a, const struct zip_spec *s, struct zip_place *at);
void zip_put_entry(struct zip_archive *a, const struct zip_spec *s, struct zip_place *at);
void zip_put_end(struct zip_archive *a, size_t n, unsigned how);
void zip_change(struct zip_archive *a, const struct zip_change *c);
/* The first len bytes in a block of exactly that size, for the sanitizers to guard. */
uint8_t *zip_exact(const struct zip_archive *a, size_t len);
/* Raw DEFLATE data; their length. */
size_t zip_squeeze(uint8_t *out, size_t room, const void *p, size_t n);

int zip_mem_open(struct st_zip *z, struct st_source *src, const void *p, size_t len,
		 struct st_err *e);
/* Whole bytes by load and one by one through the source. */
void zip_check_content(const struct st_source *src, const struct st_zip_member *m, const void *want,
		       size_t len);

#endif
