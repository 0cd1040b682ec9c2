/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that strata knows, and what their values may be. */
#ifndef ST_REPO_SETTING_H
#define ST_REPO_SETTING_H

#include "base/err.h"

/* ST_EUSAGE or ST_ENOTFOUND where key, in any case, is a setting whose reader does not understand
 * value, and says what it may be; any value of a key that is not known is fine. */
ST_MUST int st_setting_check(const char *key, const char *value, struct st_err *e);

#endif
