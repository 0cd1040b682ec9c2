/* SPDX-License-Identifier: Apache-2.0 */
/* A store, a catalogue and an object database in memory, and objects to put into them. */
#ifndef ST_TEST_ODB_FIXTURE_H
#define ST_TEST_ODB_FIXTURE_H

#include "codec_cases.h"
#include "store/pack_write.h"

struct fixture {
	struct st_store *store;
	struct st_catalog *cat;
	struct st_odb *odb;
	struct st_ctx ctx;
	struct st_codec_state *codec;
	unsigned warnings;
};

/* store is taken; NULL: one in memory. All of these assert success. */
void fixture_open(struct fixture *f, struct st_store *store);
void fixture_close(struct fixture *f);
/* An empty catalogue instead of the one there is. */
void fixture_forget(struct fixture *f);
struct st_writer *fixture_writer(struct fixture *f);
/* Seals w, makes the catalogue learn its packs and frees it; returns how many there were, and the
 * first 16 of them when ids is not NULL. */
size_t fixture_publish(struct fixture *f, struct st_writer *w, struct st_oid *ids);

/* n bytes, the same for the same seed; the caller's. */
uint8_t *content(size_t n, enum fill how, uint64_t seed);
/* Puts it frame by frame; base may be NULL (then depth does not matter). Frames that equal the
 * base's, which are at base_raw, become SAME. Returns a status; e may hold the failure. */
int put_object(struct fixture *f, struct st_writer *w, const uint8_t *p, size_t n, unsigned width,
	       enum st_codec_mode mode, const uint8_t *base_raw, size_t base_n, unsigned base_depth,
	       struct st_oid *id, bool *fresh, struct st_err *e);
/* The object has exactly these bytes, read in each of the ways. */
void check_object(struct fixture *f, const struct st_oid *id, const uint8_t *p, size_t n);
/* Changes one byte of a published pack. */
void flip(struct fixture *f, const struct st_oid *pack, uint64_t off);
uint64_t pack_length(struct fixture *f, const struct st_oid *pack);
unsigned packs_in(struct fixture *f);

#endif
