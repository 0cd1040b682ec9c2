/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/store: the rows of st_store_table. */
#ifndef ST_STORE_STORE_KINDS_H
#define ST_STORE_STORE_KINDS_H

#include "store/store.h"

extern const struct st_store_ops st_store_file_ops;
extern const struct st_store_ops st_store_mem_ops;
extern const struct st_store_ops st_store_fault_ops;

#endif
