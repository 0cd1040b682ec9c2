/* SPDX-License-Identifier: Apache-2.0 */
/* What archives of PyTorch and NumPy hold besides tensors and metadata: code, notes. */
#ifndef ST_REPO_MEMBERS_H
#define ST_REPO_MEMBERS_H

#include "repo/diff_side.h"

/* The hash of all such members of a stored model; zero: it has none. Their order counts for
 * nothing, and how they are compressed does. */
ST_MUST int st_members_id(struct st_oid *out, struct st_repo *r, const struct st_dfile *f,
			  struct st_err *e);

#endif
