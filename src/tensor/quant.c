/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/quant.h"

#include <stddef.h>

static const struct st_quant_info table[] = {
#define ST_QUANT_ROW(id, number, name, elements, bytes) { id, name, elements, bytes },
	ST_QUANT_TABLE(ST_QUANT_ROW)
#undef ST_QUANT_ROW
};

const struct st_quant_info *st_quant_info(unsigned quant)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if ((unsigned)table[i].quant == quant)
			return &table[i];
	return NULL;
}
