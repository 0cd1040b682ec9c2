/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in text and JSON, as ls, inspect and hash print them. */
#ifndef ST_CLI_TENSORS_H
#define ST_CLI_TENSORS_H

#include "cli/text.h"

void tensor_table(struct table *t);
void tensor_row(struct table *t, const strata_tensor *x);
/* Leaves out the column of paths when all are of one file, and that of ids when there are none. */
int tensor_print(struct table *t, struct cli *c, strata_error *err);
/* The members of an object. */
void tensor_json(strata_json *j, const strata_tensor *x);
/* "[768, 768]", cut short when it has very many dimensions. */
void tensor_shape(char *out, size_t room, const strata_tensor *x);

#endif
