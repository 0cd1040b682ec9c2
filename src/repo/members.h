/* SPDX-License-Identifier: Apache-2.0 */
/* What archives of PyTorch and NumPy hold besides tensors and metadata: code, notes. */
#ifndef ST_REPO_MEMBERS_H
#define ST_REPO_MEMBERS_H

#include "repo/diff_side.h"

struct st_members {	    /* of a stored model; all zero: it has none */
	struct st_oid rest; /* of all such members; their order counts for nothing, and how they are
			     * compressed does */
	/* Of PyTorch's data.pkl: it has what the metadata says, where tensors lie, and little else,
	 * as which parameters want gradients, which nothing else here knows. */
	struct st_oid pickle;
};
ST_MUST int st_members_look(struct st_members *out, struct st_repo *r, const struct st_dfile *f,
			    struct st_err *e);

#endif
