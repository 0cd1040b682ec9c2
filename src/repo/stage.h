/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that change the index share. */
#ifndef ST_REPO_STAGE_H
#define ST_REPO_STAGE_H

#include "repo/txn.h"
#include "repo/verbs.h"

/* add.c: setting store.mode; ST_EUSAGE where it is no mode. */
ST_MUST int st_store_mode(const struct st_config *c, enum st_codec_mode *out, struct st_err *e);

#endif
