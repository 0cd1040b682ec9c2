/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZIP archives as containers of tensors (doc/format/zip.md): the central directory decides, as it
 * does for PyTorch and NumPy; local headers say where the bytes begin. zip64 and data descriptors
 * included; split and self-extracting archives are ST_EFORMAT, and so are two members of one name
 * and members that overlap each other or the directory. Messages hold an offset in the file.
 */
#ifndef ST_FORMAT_ZIP_H
#define ST_FORMAT_ZIP_H

#include "base/buf.h"
#include "base/map.h"
#include "format/format.h"
#include "tensor/source.h"

#define ST_ZIP_STORED 0
#define ST_ZIP_DEFLATED 8

struct st_zip_member {
	const char
		*name; /* as the directory has it; a NUL follows, which name_len does not count */
	size_t name_len;
	uint64_t central; /* offsets in the file: of its directory entry, */
	uint64_t local;	  /* of its local header */
	uint64_t data;	  /* and of its first stored byte */
	uint64_t csize, usize;
	uint32_t crc; /* the directory's; not compared with the data */
	uint16_t method, flags;
};

struct st_zip {
	struct st_arena arena;
	struct st_zip_member *members; /* in the directory's order */
	size_t n;
	struct st_map names;
	/* What other readers could understand differently, one line, or NULL: a local header that
	 * differs from the directory, say. Not damage to us. */
	const char *oddity;
};

/*
 * Reads the directory and every local header; memory is bounded by limit and about 256 KiB. Every
 * member's stored bytes lie inside the file, before the directory. z need not be initialised, and
 * holds nothing after a failure. A member that is encrypted or compressed in a way that strata does
 * not read is listed like any other: opening it is what fails.
 */
ST_MUST int st_zip_open(struct st_zip *z, const struct st_source *src, uint64_t limit,
			struct st_err *e);
void st_zip_release(struct st_zip *z);
/* NULL: there is none. */
const struct st_zip_member *st_zip_find(const struct st_zip *z, const char *name, size_t len);

/*
 * A member's bytes as a source of its own, which borrows src and m; st_source_close releases it.
 * Stored ones are a part of src. Deflated ones are inflated as they are read, see below.
 * Encrypted ones and other methods are ST_EFORMAT.
 */
ST_MUST int st_zip_member_open(struct st_source *out, const struct st_source *src,
			       const struct st_zip_member *m, struct st_err *e);
/*
 * A raw DEFLATE stream that is a range of src, which is borrowed (p is not), as a source of its
 * inflated bytes. Cheap front to back; a step back starts again. Threads may share it: they take
 * turns. It takes about 100 KiB, whatever p->usize. Data that inflate to more or less than usize,
 * that do not fill their csize bytes, or that have another CRC-32 than p->crc (unless that is 0)
 * are ST_EFORMAT, which the read that reaches the last byte tells; a usize that csize bytes cannot
 * inflate to, and an empty stream that is not empty, already here.
 */
ST_MUST int st_inflate_open(struct st_source *out, const struct st_source *src,
			    const struct st_packed *p, struct st_err *e);
/* All of a member, appended, at most b->max bytes (ST_ELIMIT); a failure leaves b's content as it
 * was. A CRC-32 of zero in the directory is not compared: PyTorch can be told to write none. */
ST_MUST int st_zip_load(struct st_buf *b, const struct st_source *src,
			const struct st_zip_member *m, struct st_err *e);

/*
 * Makes the checksums agree with bytes that were overwritten in place: for every stored member that
 * one of the n runs (sorted, disjoint) touches, the CRC-32 of its data goes to its directory entry,
 * its local header and its data descriptor. A local header whose flag bit 3 is set and whose CRC-32
 * is 0 keeps that, as PyTorch writes it. src reads the file that fd, open for writing, means, and
 * has the new bytes already. Runs outside the data of stored members are ST_EREFUSED with the
 * member or the offset, before anything is written. Syncing is the caller's, and so is beginning
 * again after a failure to write, which may leave some of the checksums written.
 */
ST_MUST int st_zip_patch(int fd, const struct st_source *src, const struct st_run *runs, size_t n,
			 uint64_t limit, struct st_err *e);

#endif
