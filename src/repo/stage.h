/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that change the index share. */
#ifndef ST_REPO_STAGE_H
#define ST_REPO_STAGE_H

#include "repo/txn.h"
#include "repo/verbs.h"

#endif
