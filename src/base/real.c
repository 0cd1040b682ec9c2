/* SPDX-License-Identifier: Apache-2.0 */
#include "base/real.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

static void shortest(char out[ST_REAL_TEXT], double v)
{
	if (fabs(v) < 1e15 && v == nearbyint(v)) { /* 100 rather than 1e+02 */
		snprintf(out, ST_REAL_TEXT, "%.0f", v);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(out, ST_REAL_TEXT, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
}

int st_real_text(char out[ST_REAL_TEXT], double v, struct st_err *e)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), old;

	if (!c)
		return st_fail_os(e, "C locale");
	old = uselocale(c);
	shortest(out, v);
	uselocale(old);
	freelocale(c);
	return ST_OK;
}

int st_real_parse(const char *s, size_t len, double *out, struct st_err *e)
{
	struct st_err unused = { 0 };
	struct st_json j;
	double v = 0;
	bool ok;

	st_json_init(&j, s, len, 1, &unused);
	ok = len && s[0] > ' ' && s[len - 1] > ' ' && st_json_peek(&j) == ST_JSON_NUMBER;
	if (ok)
		v = st_json_real(&j);
	if (ok)
		st_json_end(&j);
	ok = ok && st_json_ok(&j) && isfinite(v);
	st_json_release(&j);
	if (!ok)
		return st_fail(e, ST_EUSAGE, "'%.*s' is not a number such as 0.5 or 1e-3",
			       (int)(len < 60 ? len : 60), s);
	*out = v;
	return ST_OK;
}
