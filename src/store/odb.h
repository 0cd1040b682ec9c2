/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object database: objects found through the catalogue, read from packs, every frame verified
 * against the object's id before its bytes are handed out. Writing goes through a writer, whose
 * packs are re-read through the decoder and re-hashed before they get a name.
 *
 * An odb may be read from several threads at once; lookups are serialised inside.
 */
#ifndef ST_STORE_ODB_H
#define ST_STORE_ODB_H

#include "base/buf.h"
#include "base/ctx.h"
#include "codec/codec.h"
#include "meta/catalog.h"
#include "store/pack.h"
#include "store/store.h"

#define ST_MAX_DEPTH 8

struct st_odb;

/* Borrows store and catalog, which must outlive it. */
ST_MUST int st_odb_open(struct st_odb **out, struct st_store *store, struct st_catalog *cat,
			struct st_err *e);
void st_odb_close(struct st_odb *o);

/* Is there an entry of this kind? */
ST_MUST int st_odb_has(struct st_odb *o, const struct st_oid *id, enum st_entry_kind kind,
		       bool *has, struct st_err *e);
/* The manifest that rebuilds a file; ST_ENOTFOUND when the file has no recipe. */
ST_MUST int st_odb_recipe(struct st_odb *o, const struct st_oid *file, struct st_oid *manifest,
			  struct st_err *e);

/* One data object, opened for reading; may be used from several threads at once, each with its own
 * codec state. */
struct st_obj;
ST_MUST int st_obj_open(struct st_obj **out, struct st_odb *o, const struct st_oid *id,
			struct st_err *e);
void st_obj_close(struct st_obj *ob);
uint64_t st_obj_size(const struct st_obj *ob);
unsigned st_obj_depth(const struct st_obj *ob);
uint64_t st_obj_stored(const struct st_obj *ob);
/* What its entry is a difference against, borrowed from ob; NULL: nothing. */
struct st_obj *st_obj_base(const struct st_obj *ob);
const struct st_entry *st_obj_entry(
	const struct st_obj *ob); /* frame table: codings, chaining values */
/* Frame i decoded and verified into dst (its length is min(2^20, size - i * 2^20)). */
ST_MUST int st_obj_frame(struct st_obj *ob, struct st_codec_state *s, uint64_t i, uint8_t *dst,
			 struct st_err *e);
/* Any range; decodes whole frames through a one-frame scratch of st. */
ST_MUST int st_obj_pread(struct st_obj *ob, struct st_codec_state *s, void *dst, size_t n,
			 uint64_t off, struct st_err *e);
/* A whole small object appended to out (out's max bounds it). */
ST_MUST int st_odb_get(struct st_odb *o, const struct st_oid *id, struct st_buf *out,
		       struct st_err *e);

/*
 * Writer: one per command. Objects arrive one after the other; big ones frame by frame. An object
 * that turns out to exist already (in the odb or in this writer) is taken back out of the pack.
 * Sealed packs of an interrupted command ("orphans", known by no operation) are found again, and
 * objects in them count as written; if used, they are listed among the packs to publish.
 */
struct st_writer;

struct st_writer_stats {
	uint64_t objects, raw, stored; /* newly written by this writer, orphans' reuse excluded */
	uint64_t reused;	       /* bytes found in orphans */
};

ST_MUST int st_writer_new(struct st_writer **out, struct st_odb *o, const struct st_ctx *ctx,
			  struct st_err *e);
/* Also true for what this writer holds and what orphans hold (which marks the orphan as used). */
ST_MUST int st_writer_has(struct st_writer *w, const struct st_oid *id, enum st_entry_kind kind,
			  bool *has, struct st_err *e);
/* Begins an object of exactly raw bytes. base: NULL or an object of depth < ST_MAX_DEPTH, whose
 * depth the caller passes as base_depth. */
ST_MUST int st_writer_begin(struct st_writer *w, uint64_t raw, unsigned width,
			    const struct st_oid *base, unsigned base_depth, struct st_err *e);
/* What else its entry says, between begin and end: the number of the change (chain.h), which does
 * not count when no frame refers to the base, and flags: ST_ENTRY_FAST only stays if a frame is
 * raw. */
void st_writer_note(struct st_writer *w, uint32_t number, unsigned flags);
/* The next frame: row->stored bytes at p (none for SAME). row->check is computed here. */
ST_MUST int st_writer_frame(struct st_writer *w, struct st_frame_row *row, const void *p,
			    struct st_err *e);
/* Ends it under id. *fresh: false when it was there already and was taken out again. */
ST_MUST int st_writer_end(struct st_writer *w, const struct st_oid *id, bool *fresh,
			  struct st_err *e);
/* Ends it under id though there is such an object already, stored in another way: readers use that
 * of the lowest depth, so an operation must remove it. */
ST_MUST int st_writer_end_again(struct st_writer *w, const struct st_oid *id, struct st_err *e);
/* Opens an object as readers will find it once w is sealed, until w is written to again. */
ST_MUST int st_writer_open(struct st_writer *w, const struct st_oid *id, struct st_obj **out,
			   struct st_err *e);
/* Takes a begun object out again, after a failure too; nothing happens when none is begun. */
ST_MUST int st_writer_cancel_object(struct st_writer *w, struct st_err *e);
/* A whole object of at most 2^20 bytes in memory, encoded at once; an id that is given is
 * checked. */
ST_MUST int st_writer_put(struct st_writer *w, const struct st_oid *id, const void *p, size_t n,
			  struct st_oid *out, struct st_err *e);
/* As put, any size (glue, trees): frames encoded one after the other. */
ST_MUST int st_writer_put_big(struct st_writer *w, const void *p, size_t n, struct st_oid *out,
			      struct st_err *e);
/* The same, its frames also as differences from base's, which is as long; the number is that of
 * st_writer_note. NULL: as put_big. What of base cannot be read does not count. */
ST_MUST int st_writer_put_after(struct st_writer *w, const void *p, size_t n, struct st_obj *base,
				uint32_t number, struct st_oid *out, struct st_err *e);
ST_MUST int st_writer_recipe(struct st_writer *w, const struct st_oid *file,
			     const struct st_oid *manifest, struct st_err *e);
/* Reads back an object from the still unsealed or sealed packs of this writer, or from the odb. */
ST_MUST int st_writer_get(struct st_writer *w, const struct st_oid *id, struct st_buf *out,
			  struct st_err *e);
/*
 * Finishes: index, fsync, re-read through the decoder on ctx->jobs threads, re-hash, publish. packs
 * (borrowed until free) lists every pack an operation must name: the new ones and the used orphans.
 * Without st_writer_seal, free discards what was not sealed.
 */
ST_MUST int st_writer_seal(struct st_writer *w, const struct st_oid **packs, size_t *npacks,
			   struct st_err *e);
void st_writer_stats_get(const struct st_writer *w, struct st_writer_stats *out);
void st_writer_free(struct st_writer *w);

/* The index of one published pack (catalogue replay, fsck, gc). */
ST_MUST int st_odb_pack_index(struct st_odb *o, const struct st_oid *pack,
			      struct st_pack_index *out, uint64_t *pack_len, struct st_err *e);
/* Adds all rows of a pack to the catalogue, inside the caller's transaction. */
ST_MUST int st_odb_learn_pack(struct st_odb *o, const struct st_oid *pack, struct st_err *e);
/* Scrub: each stored byte against its checksum, no decoding. cb gets every fault (id zero: of the
 * pack itself, a missing one included); returns failure only for what keeps it from going on, and
 * what cb returned. *bytes is added to. */
ST_MUST int st_odb_scrub_pack(struct st_odb *o, const struct st_oid *pack,
			      int (*cb)(void *arg, const struct st_oid *id, uint64_t offset,
					const char *what, struct st_err *e),
			      void *arg, uint64_t *bytes, struct st_err *e);
/* Copies one entry as it is stored (gc); nothing happens when w has written one of that id and
 * kind. */
ST_MUST int st_writer_copy_entry(struct st_writer *w, const struct st_oid *pack,
				 const struct st_index_row *row, struct st_err *e);
/* The same, with more flags (enum st_entry_flags). */
ST_MUST int st_writer_copy_flagged(struct st_writer *w, const struct st_oid *pack,
				   const struct st_index_row *row, unsigned flags,
				   struct st_err *e);
/* Where the entry lies that ob was opened from, if its pack is published. */
bool st_obj_place(const struct st_obj *ob, struct st_oid *pack, struct st_index_row *row);
struct st_store *st_odb_store(struct st_odb *o);
struct st_catalog *st_odb_catalog(struct st_odb *o);

#endif
