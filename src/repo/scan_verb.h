/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_REPO_SCAN_VERB_H
#define ST_REPO_SCAN_VERB_H

#include "base/config.h"
#include "base/ctx.h"
#include "tensor/source.h"

/*
 * One warning when Python would run, or could run, code if it loaded the file, whose bytes src has.
 * path is its name for people, and its ending counts. config: scan.allow. Reads next to nothing of
 * files that hold no pickle. A model file too damaged to tell is a warning, too; failures are those
 * of reading and of memory.
 */
ST_MUST int st_scan_warn(const struct st_ctx *ctx, const struct st_source *src, const char *path,
			 const struct st_config *config, struct st_err *e);

#endif
