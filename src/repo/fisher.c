/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/fisher.h"

#include "tensor/quote.h"

int st_fisher_fits(const char *whose, const struct st_operand *info, const char *name, size_t len,
		   const struct st_operand *of, struct st_err *e)
{
	struct st_quote q;

	if (!info)
		return st_fail(e, ST_EUSAGE, "%s has no tensor %s, whose weights it should hold",
			       whose, st_quote(&q, name, len));
	if (!st_operand_same_shape(info, of))
		return st_fail(e, ST_EUSAGE, "%s: tensor %s has another shape than the model's",
			       whose, st_quote(&q, name, len));
	return ST_OK;
}
