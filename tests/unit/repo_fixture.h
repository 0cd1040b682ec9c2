/* SPDX-License-Identifier: Apache-2.0 */
/* A repository in a temporary directory, driven through the verbs. Every step fails the test
 * itself. */
#ifndef ST_TEST_REPO_FIXTURE_H
#define ST_TEST_REPO_FIXTURE_H

#include "base/buf.h"
#include "repo/verbs.h"

struct trepo {
	char dir[64];
	struct st_repo *r;
	unsigned warnings;
};

void tr_open(struct trepo *t);	/* makes it */
void tr_close(struct trepo *t); /* and removes it */
void tr_reopen(struct trepo *t);
/* The same, and its directory the current one; what cmocka's setup and teardown return. */
int tr_enter(struct trepo *t);
int tr_leave(struct trepo *t);
int tr_setup(void **state);
int tr_teardown(void **state);
/* Of a table of tests: one with a repository of its own in *t. */
#define TR_TEST(f, t) cmocka_unit_test_prestate_setup_teardown(f, tr_setup, tr_teardown, t)
void tr_path(const struct trepo *t, const char *name, char *out, size_t size);

void tr_write(struct trepo *t, const char *name, const void *p, size_t n);
void tr_text(struct trepo *t, const char *name, const char *text);
/* Bytes that do not compress, the same for the same seed. */
void tr_random(struct trepo *t, const char *name, uint64_t seed, size_t n);
/*
 * A safetensors file of n f32 tensors "t0", "t1", ... of `bytes` bytes each (a multiple of 4),
 * with values like weights. seeds: one for each. tail: if not 0, seed of the last 64 bytes of the
 * last tensor, so that all frames but one equal those of the same file with another tail.
 */
void tr_model(struct trepo *t, const char *name, const uint64_t *seeds, size_t n, size_t bytes,
	      uint64_t tail);
void tr_read(const struct trepo *t, const char *name, struct st_buf *out);
void tr_holds(const struct trepo *t, const char *name, const char *text);
bool tr_there(const char *path); /* a link that leads nowhere too */

void tr_add(struct trepo *t, const char *name); /* NULL: everything, removals too */
void tr_rm_cached(struct trepo *t, const char *name);
void tr_commit(struct trepo *t, char version[32]); /* version may be NULL */
void tr_version(struct trepo *t);		   /* everything, removals too */
/* n of them, of one file "f" whose bytes are those of seed, seed + 1, ... */
void tr_versions(struct trepo *t, uint64_t seed, unsigned n);
struct st_oid tr_id(struct trepo *t, const char *rev);
/* A sealed pack that no operation names, of a command that was killed before its commit point. */
struct st_oid tr_orphan(struct trepo *t);
/* What a stored file holds; the code of the failure if it cannot be read. */
int tr_cat(struct trepo *t, const char *spec, struct st_buf *out);
/* Fails the test unless the stored file equals n bytes at p. */
void tr_check(struct trepo *t, const char *spec, const struct st_buf *want);

size_t tr_packs(const struct trepo *t); /* files in .strata/packs */
/* Path of the i-th pack of the catalogue, in order of arrival. */
void tr_pack_path(struct trepo *t, size_t i, char *out, size_t size);
void tr_flip(const char *path, uint64_t offset, unsigned char bits);
/* Where a stored object lies. */
void tr_loc(struct trepo *t, const struct st_oid *id, unsigned kind, struct st_loc *out);
void tr_loc_path(const struct trepo *t, const struct st_loc *loc, char *out, size_t size);
/* Id of the file of a revision. */
void tr_file_id(struct trepo *t, const char *rev, const char *name, struct st_oid *out);
void tr_sql(struct trepo *t, const char *sql);

struct tfaults {
	size_t n;
	strata_fault first[16]; /* strings are copies */
	char text[16][4][1400];
};
/* Runs fsck; returns what it returned. */
int tr_fsck(struct trepo *t, unsigned flags, struct tfaults *out, strata_fsck_result *res);
/* The same, printing the faults. */
int tr_fsck_shown(struct trepo *t, unsigned flags);
void tr_sound(struct trepo *t); /* fsck --full finds nothing */

#endif
