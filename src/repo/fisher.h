/* SPDX-License-Identifier: Apache-2.0 */
/* What method fisher weighs a model by: of each tensor the Fisher diagonal's of the same name. */
#ifndef ST_REPO_FISHER_H
#define ST_REPO_FISHER_H

#include "diff/models.h"

/* Can the tensor `of` be weighed by `info` (NULL: absent)? name: of both; whose: the diagonal, for
 * people. ST_EUSAGE: no. */
ST_MUST int st_fisher_fits(const char *whose, const struct st_operand *info, const char *name,
			   size_t len, const struct st_operand *of, struct st_err *e);

#endif
