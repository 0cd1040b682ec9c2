/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pack file, as bytes (doc/format/pack.md): header, entries, index, trailer. This file only
 * encodes and parses; pack_write.c and odb.c do the I/O. All integers little-endian.
 *
 *	header   64: "STRAPACK" u32 version=2, rest 0
 *	entry      : the frames' stored bytes, back to back, then the entry's header
 *	index      : "STRAPIDX" u64 entries, u64 stored bytes of all entries; a row for each, in
 *		     the order in which they lie, which says how long it is
 *	trailer 64: u64 index offset, u64 index length, BLAKE3 of the index (32), u64 pack
 *		     length, "STRAPEND"
 *
 * A pack's name is "<hex of the BLAKE3 of its index>.pack". The index names the ids, and these
 * vouch for the content. A header has a checksum of its own, and checksums of every stored byte.
 */
#ifndef ST_STORE_PACK_H
#define ST_STORE_PACK_H

#include "base/oid.h"
#include "base/rd.h"

#define ST_PACK_HEADER 64
#define ST_PACK_TRAILER 64
#define ST_INDEX_HEAD 24
#define ST_INDEX_ROW (ST_OID_LEN + 4) /* at least */

enum st_entry_kind {	     /* on disk */
	ST_ENTRY_DATA = 1,   /* the object's bytes */
	ST_ENTRY_RECIPE = 2, /* id is a file's; base is the manifest that rebuilds it */
};

enum st_entry_flags {	    /* on disk */
	ST_ENTRY_FAST = 1,  /* coded for speed: repack can do better */
	ST_ENTRY_TRIED = 2, /* repack --max did what it can */
	ST_ENTRY_FLAGS = 3  /* all of them */
};

struct st_frame_row {
	uint8_t coding;
	uint32_t stored; /* bytes */
	/* First 8 bytes of the BLAKE3 of the stored bytes, as an integer; 0 for raw, where cv
	 * serves, and where nothing is stored. */
	uint64_t check;
	/* Chaining value of the raw bytes; the root hash when the only frame. */
	uint8_t cv[ST_OID_LEN];
};

struct st_entry {
	struct st_oid id;   /* not in its bytes: the index has it */
	uint8_t kind;	    /* enum st_entry_kind */
	uint8_t width;	    /* element width the codec was told: 1, 2, 4, 8 */
	uint8_t depth;	    /* decodes below this one: 0 without a base */
	uint8_t flags;	    /* enum st_entry_flags */
	uint64_t raw;	    /* bytes of content; of a recipe 0 */
	uint64_t stored;    /* bytes of all frames together */
	struct st_oid base; /* zero: none; of a recipe: the manifest's id */
	uint32_t nframes;
	uint32_t number; /* of the change, counted from the last one without a base: see chain.h */
	struct st_frame_row *frames; /* nframes */
};

struct st_index_row {
	struct st_oid id;
	uint8_t kind, width, depth, flags;
	uint64_t offset; /* of the entry in the pack */
	uint64_t raw, stored;
	uint32_t head; /* bytes of its header, which lies behind what is stored */
	uint32_t nframes;
	struct st_oid base; /* zero: none; for a recipe: the manifest's id */
};

/* Frames of a content of raw bytes: ceil(raw / 2^20); 0 for an empty object. */
uint64_t st_frames_of(uint64_t raw);

void st_pack_header_put(uint8_t out[ST_PACK_HEADER]);
ST_MUST int st_pack_header_parse(const uint8_t *p, size_t len, struct st_err *e);
/* The most that the header of an entry of raw bytes takes. */
uint64_t st_entry_head_max(uint64_t raw);
/* The header. */
ST_MUST int st_entry_put(struct st_buf *out, const struct st_entry *en, struct st_err *e);
/* From exactly the header of the entry of that id; base is that of the index, which of a recipe
 * the header lacks. en->frames is allocated here (free it with
 * st_entry_release); stored is summed up. */
ST_MUST int st_entry_parse(struct st_entry *en, const struct st_oid *id, const struct st_oid *base,
			   const uint8_t *p, size_t len, struct st_err *e);
void st_entry_release(struct st_entry *en);
/* rows lie back to back in their order, from the pack's header on. */
ST_MUST int st_pack_index_put(struct st_buf *out, const struct st_index_row *rows, size_t n,
			      struct st_err *e);
struct st_pack_index {
	struct st_index_row *rows; /* in the order in which the entries lie */
	size_t n;
	uint64_t stored;
};
/* offset: of the index in the pack, where the last entry must end. */
ST_MUST int st_pack_index_parse(struct st_pack_index *out, const uint8_t *p, size_t len,
				uint64_t offset, struct st_err *e);
void st_pack_index_release(struct st_pack_index *x);
struct st_pack_trailer {
	uint64_t index_offset, index_len, pack_len;
	struct st_oid index_hash;
};
void st_pack_trailer_put(uint8_t out[ST_PACK_TRAILER], const struct st_pack_trailer *t);
ST_MUST int st_pack_trailer_parse(struct st_pack_trailer *t, const uint8_t *p, uint64_t pack_len,
				  struct st_err *e);
#define ST_PACK_NAME_LEN (ST_OID_HEX + 5)
void st_pack_name(const struct st_oid *pack, char out[ST_PACK_NAME_LEN + 1]);
bool st_pack_name_parse(struct st_oid *pack, const char *name);

#endif
