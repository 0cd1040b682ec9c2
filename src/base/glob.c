/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

/* [abc], [a-z], [!x]; *end is set past the bracket. An unclosed bracket is a plain character. */
static bool in_class(const char *p, const char *stop, unsigned char c, const char **end)
{
	bool negate = false, hit = false;
	const char *q = p + 1;

	if (q < stop && (*q == '!' || *q == '^')) {
		negate = true;
		q++;
	}
	for (const char *first = q; q < stop && (*q != ']' || q == first); q++) {
		if (q + 2 < stop && q[1] == '-' && q[2] != ']') {
			hit |= (unsigned char)q[0] <= c && c <= (unsigned char)q[2];
			q += 2;
		} else {
			hit |= (unsigned char)*q == c;
		}
	}
	if (q >= stop) {
		*end = p + 1;
		return c == '[';
	}
	*end = q + 1;
	return hit != negate;
}

/* Linear-time in practice: only the last star is ever gone back to. */
bool st_glob_match(const char *glob, size_t glob_len, const char *name, size_t len)
{
	const char *g = glob, *gend = glob + glob_len, *s = name, *send = name + len;
	const char *star = NULL, *back = NULL, *next;
	bool ok;

	while (s < send || g < gend) {
		if (g < gend && *g == '*') {
			star = g++;
			back = s;
			continue;
		}
		next = g + 1;
		ok = g < gend && s < send;
		if (ok && *g == '[')
			ok = in_class(g, gend, (unsigned char)*s, &next);
		else if (ok && *g != '?')
			ok = *g == *s;
		if (ok) {
			g = next;
			s++;
		} else if (star && back < send) {
			g = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	return true;
}
