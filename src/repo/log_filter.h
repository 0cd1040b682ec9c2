/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions log shows: by time, author, and tensors that they changed. */
#ifndef ST_REPO_LOG_FILTER_H
#define ST_REPO_LOG_FILTER_H

#include "repo/verbs.h"

struct st_log_filter;

/*
 * *out is NULL when o filters nothing. ps: paths that tensors are looked for in, or NULL; o and ps
 * are borrowed. ST_ENOTFOUND: a pattern means no tensor of the repository.
 */
ST_MUST int st_log_filter_new(struct st_log_filter **out, struct st_repo *r,
			      const strata_log_options *o, struct st_pathspec *ps,
			      struct st_err *e);
void st_log_filter_free(struct st_log_filter *f);
/* Of every version of the history, shown or not: which patterns mean a tensor there? */
ST_MUST int st_log_filter_visit(struct st_log_filter *f, const struct st_commit_row *row,
				struct st_err *e);
/* Is it shown? Then what it did to the tensors, until the next call. */
ST_MUST int st_log_filter_row(struct st_log_filter *f, const struct st_commit_row *row, bool *shown,
			      struct st_err *e);
strata_tensor_step *st_log_filter_steps(const struct st_log_filter *f, size_t *n);
/* After all of the history: ST_ENOTFOUND when a pattern meant no tensor in it. */
ST_MUST int st_log_filter_end(const struct st_log_filter *f, struct st_err *e);

#endif
