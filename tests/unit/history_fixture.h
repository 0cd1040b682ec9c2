/* SPDX-License-Identifier: Apache-2.0 */
/* Histories with merges, made below the commands; and what their trees and manifests say. */
#ifndef ST_TEST_HISTORY_FIXTURE_H
#define ST_TEST_HISTORY_FIXTURE_H

#include "repo_fixture.h"

struct ttensor {
	char path[64], name[16];
	struct st_oid id;
};

struct tversion {
	struct st_oid id;
	size_t parents[4], nparents; /* indexes of versions */
	struct ttensor *tensors;
	size_t n, cap;
};

struct thistory {
	struct tversion v[256];
	size_t n;
};

/* Commits what is staged. ref: "heads/x", moved there; number: gets the next version number. */
void th_commit(struct trepo *t, const struct st_oid *parents, size_t nparents, const char *ref,
	       bool number, struct st_oid *id);
/*
 * n versions on main and two other branches, from one root: tensors that change, come, go and come
 * back as they were, files too, and merges that take from every side.
 */
void th_random(struct thistory *h, struct trepo *t, size_t n, uint64_t seed);
void th_release(struct thistory *h);
/* Of a version; NULL: it has no such tensor. */
const struct ttensor *th_find(const struct tversion *v, const char *path, const char *name);

#endif
