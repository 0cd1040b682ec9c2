/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_REPO_PUBLISH_H
#define ST_REPO_PUBLISH_H

#include "repo/repo.h"

/* Applies every operation that the catalogue has not seen, in one transaction. */
ST_MUST int st_repo_replay(struct st_repo *r, struct st_err *e);

#endif
