/* SPDX-License-Identifier: Apache-2.0 */
/* An adapter's configuration is read or refused, and any module has a scale then. */
#include "repo/adapter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char module[] = "model.layers.3.self_attn.q_proj";
	struct st_adapter_config c;
	struct st_err e = { 0 };

	if (st_adapter_config_parse(&c, data, size, &e) == ST_OK)
		for (size_t n = 0; n < sizeof(module); n++)
			(void)st_adapter_scale(&c, module, n, 8);
	else
		ST_BUG_ON(!*e.msg);
	st_adapter_config_release(&c);
	return 0;
}
