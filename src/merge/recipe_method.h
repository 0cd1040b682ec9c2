/* SPDX-License-Identifier: Apache-2.0 */
/* Which methods and parameters a recipe may name. */
#ifndef ST_MERGE_RECIPE_METHOD_H
#define ST_MERGE_RECIPE_METHOD_H

#include "merge/recipe.h"

extern const char *const st_mrecipe_param_names[]; /* ends with NULL */
bool st_mrecipe_param_known(const char *name);
/* ST_EFORMAT: no such method, or a parameter of another one. */
ST_MUST int st_mrecipe_check_method(const struct st_mrecipe *r, const char *name, struct st_err *e);

#endif
