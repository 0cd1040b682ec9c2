/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of terse and of terse-delta have in common. */
#ifndef ST_TEST_TERSE_CASES_H
#define ST_TEST_TERSE_CASES_H

#include "codec_cases.h"

/* A tree, and one in which a few digits of one id are others. */
struct st_frame_in terse_tree(struct case_states *c, size_t n);
void terse_all_sizes(struct case_states *c, enum st_coding coding);
/* What no tree is; the rest is up to the coding. */
void terse_not_these(struct case_states *c, enum st_coding coding);
/* What the frame's coding becomes by itself. */
void terse_chosen(struct case_states *c, enum st_coding want, struct st_frame_in in);
void terse_flips(struct case_states *c, enum st_coding coding);

#endif
