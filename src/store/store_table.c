/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_kinds.h"

const struct st_store_ops *const st_store_table[] = {
	&st_store_file_ops,
	&st_store_mem_ops,
	&st_store_fault_ops,
	NULL,
};
