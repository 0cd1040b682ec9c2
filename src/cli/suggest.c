/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#define MAX_WORD 32

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, remove, replace, swap neighbours) from a to b; SIZE_MAX for very long words. */
static size_t distance(const char *a, const char *b)
{
	size_t d[MAX_WORD + 1][MAX_WORD + 1], la = strlen(a), lb = strlen(b), i, j;

	if (la > MAX_WORD || lb > MAX_WORD)
		return SIZE_MAX;
	for (i = 0; i <= la; i++)
		d[i][0] = i;
	for (j = 0; j <= lb; j++)
		d[0][j] = j;
	for (i = 1; i <= la; i++) {
		for (j = 1; j <= lb; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i][j] > d[i - 2][j - 2] + 1)
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[la][lb];
}

const char *cli_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word), best = len <= 3 ? 2 : len <= 6 ? 3 : 4, i, d;
	const char *found = NULL;

	for (i = 0; i < n; i++) {
		d = distance(word, names[i]);
		if (len >= 3 && d && strncmp(word, names[i], len) == 0)
			d = 1;
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
