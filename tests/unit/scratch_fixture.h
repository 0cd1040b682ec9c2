/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of any part need: success or the message, and a directory. */
#ifndef ST_TEST_SCRATCH_FIXTURE_H
#define ST_TEST_SCRATCH_FIXTURE_H

#include "base/err.h"

void ok(int rc, const struct st_err *e);
/* A temporary directory, whose path is the state. */
int make_dir(void **state);
int remove_dir(void **state);

#endif
