/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An adapter's configuration is read or refused; then any module has a scale, and a rank that fits
 * or another one.
 */
#include "repo/adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char module[] = "model.layers.3.self_attn.q_proj";
	struct st_adapter_config c;
	struct st_adapter_rank said;
	struct st_err e = { 0 };

	if (st_adapter_config_parse(&c, data, size, &e) == ST_OK)
		for (size_t n = 0; n < sizeof(module); n++) {
			(void)st_adapter_scale(&c, module, n, 8);
			ST_BUG_ON(!st_adapter_rank_fits(&c, module, n, 8, &said) && !said.rank);
		}
	else
		ST_BUG_ON(!*e.msg);
	st_adapter_config_release(&c);
	return 0;
}
