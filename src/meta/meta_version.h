/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_META_META_VERSION_H
#define ST_META_META_VERSION_H

extern const char st_sqlite_version[]; /* that this build was made with */

#endif
