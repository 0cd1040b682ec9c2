/* SPDX-License-Identifier: Apache-2.0 */
#include "meta/meta_version.h"

#include <sqlite3.h>

const char st_sqlite_version[] = SQLITE_VERSION;
