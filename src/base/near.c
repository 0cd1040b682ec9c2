/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Three rows of the table of distances between beginnings are enough: a swap looks two back. */
size_t st_edits(const char *a, const char *b, size_t limit)
{
	size_t rows[3][ST_NEAR_MAX + 1], *d, *d1, *d2, la = strlen(a), lb = strlen(b), i, j;

	if (la > ST_NEAR_MAX || lb > ST_NEAR_MAX || (la > lb ? la - lb : lb - la) >= limit)
		return SIZE_MAX;
	for (j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (i = 1; i <= la; i++) {
		d = rows[i % 3];
		d1 = rows[(i + 2) % 3];
		d2 = rows[(i + 1) % 3];
		d[0] = i;
		for (j = 1; j <= lb; j++) {
			d[j] = least(d1[j] + 1, d[j - 1] + 1, d1[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[j] > d2[j - 2] + 1)
				d[j] = d2[j - 2] + 1;
		}
	}
	return rows[la % 3][lb] < limit ? rows[la % 3][lb] : SIZE_MAX;
}

void st_near_init(struct st_near *n, const char *word)
{
	size_t len = strlen(word);

	n->word = word;
	n->limit = len <= 3 ? 2 : len <= 6 ? 3 : 4;
	n->found[0] = 0;
}

void st_near_try(struct st_near *n, const char *name)
{
	size_t len = strlen(n->word), d = st_edits(n->word, name, n->limit);

	if (len >= 3 && len < strlen(name) && strncmp(n->word, name, len) == 0)
		d = 1;
	if (d >= n->limit || strlen(name) > ST_NEAR_MAX)
		return;
	n->limit = d;
	memcpy(n->found, name, strlen(name) + 1);
}
