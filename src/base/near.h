/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many names somebody may have meant who mistyped one. */
#ifndef ST_BASE_NEAR_H
#define ST_BASE_NEAR_H

#include <stddef.h>

#define ST_NEAR_MAX 200 /* bytes; longer words are near to nothing */

/* Single edits (insert, remove, replace, swap neighbours) from a to b; SIZE_MAX where that is not
 * less than limit, or one of them is too long. */
size_t st_edits(const char *a, const char *b, size_t limit);

struct st_near {
	const char *word;	     /* the caller's */
	size_t limit;		     /* edits that are too many by now */
	char found[ST_NEAR_MAX + 1]; /* the nearest so far, of equal ones the first; "": none */
};

/* How many edits are near grows with the word's length. */
void st_near_init(struct st_near *n, const char *word);
/* A name that the word begins is near. */
void st_near_try(struct st_near *n, const char *name);

#endif
