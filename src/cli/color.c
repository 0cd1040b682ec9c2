/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

const char *color_on(const struct cli *c, enum color k)
{
	static const char *const codes[] = {
		[COLOR_NONE] = "",	  [COLOR_ID] = "\033[33m",   [COLOR_GOOD] = "\033[32m",
		[COLOR_BAD] = "\033[31m", [COLOR_NAME] = "\033[36m", [COLOR_DIM] = "\033[2m",
		[COLOR_BOLD] = "\033[1m",
	};

	return c->color ? codes[k] : "";
}

const char *color_off(const struct cli *c, enum color k)
{
	return c->color && k != COLOR_NONE ? "\033[m" : "";
}
