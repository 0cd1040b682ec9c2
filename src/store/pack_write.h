/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's parts: pack_write.c appends, writer_seal.c finishes, writer_orphan.c finds
 * leftovers. */
#ifndef ST_STORE_PACK_WRITE_H
#define ST_STORE_PACK_WRITE_H

#include "base/map.h"
#include "store/obj.h"

#define ST_PACK_ROLL ((uint64_t)1 << 30)
#define ST_WBUF ((size_t)1 << 20)    /* small entries are written together, */
#define ST_WDIRECT ((size_t)1 << 18) /* pieces from this size on without a copy */

struct st_wpack {
	struct st_blob *blob;	   /* NULL once published */
	struct st_oid id;	   /* once sealed */
	uint64_t end;		   /* of the entries */
	uint64_t len;		   /* of all, once the index is written */
	struct st_index_row *rows; /* in the order of writing */
	size_t nrows, cap;
};

struct st_orphan {
	struct st_oid id;
	struct st_pack_index index;
	bool *counted; /* rows whose use is in the statistics */
};

struct st_writer {
	struct st_odb *odb;
	const struct st_ctx *ctx;
	struct st_wpack *packs; /* the last may be unsealed */
	size_t npacks, packs_cap;
	struct st_map found; /* kind, id -> pack << 32 | row */
	struct st_orphan *orphans;
	size_t norphans, orphans_cap;
	struct st_map orphaned;		/* kind, id -> orphan << 32 | row */
	bool orphans_used;		/* one of them, hence all: see writer_orphan.c */
	uint8_t absent[ST_OID_LEN + 1]; /* key last looked up in vain; nothing was added since */
	bool has_absent;
	bool failed;   /* a pack could not be finished: what it held is lost, so nothing goes on */
	uint64_t roll; /* bytes after which a pack is full */
	struct st_oid *publish; /* result of seal */
	size_t npublish;
	struct st_codec_state *codec;
	struct st_writer_stats stats;
	uint8_t *wbuf; /* bytes [wbuf_off, wbuf_off + wbuf_len) of the pack, not written yet */
	uint64_t wbuf_off;
	size_t wbuf_len;
	bool open;	     /* an object is being written: */
	struct st_entry en;  /* it; frames has frames_cap rows */
	uint32_t nframes_in; /* frames given so far */
	size_t frames_cap;
	uint64_t offset; /* of its entry */
	bool refers;	 /* a frame refers to the base */
	bool plain;	 /* a frame is stored raw */
	uint8_t base_depth;
};

#define ST_WKEY (ST_OID_LEN + 1)
static inline void st_wkey(uint8_t key[ST_WKEY], const struct st_oid *id, unsigned kind)
{
	key[0] = (uint8_t)kind;
	memcpy(key + 1, id->b, ST_OID_LEN);
}

ST_MUST int st_writer_current(struct st_writer *w, struct st_wpack **p, struct st_err *e);
ST_MUST int st_writer_flush(struct st_writer *w, struct st_err *e);
ST_MUST int st_writer_seal_pack(struct st_writer *w, struct st_err *e);
/* st_find_fn over this writer's packs, the catalogue, the orphans. */
int st_writer_find(void *arg, const struct st_oid *id, enum st_entry_kind kind, struct st_loc *loc,
		   struct st_blob **blob, bool *found, struct st_err *e);
ST_MUST int st_writer_load_orphans(struct st_writer *w, struct st_err *e);
void st_writer_free_orphans(struct st_writer *w);
/* Counts the use of an orphan's row; at as in w->orphaned. */
void st_writer_use_orphan(struct st_writer *w, uint64_t at);
void st_row_to_loc(struct st_loc *loc, const struct st_oid *pack, const struct st_index_row *r);

#endif
