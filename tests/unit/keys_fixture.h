/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of merges by keys have in common, whatever language the text is in. */
#ifndef ST_TEST_KEYS_FIXTURE_H
#define ST_TEST_KEYS_FIXTURE_H

#include "merge/keys3.h"

struct keys_case {
	const char *base, *ours, *theirs;
	const char *want; /* conflicts as ours has them; NULL: ST_EFORMAT */
	const char *asked;
	const char *want_theirs; /* as theirs has them; NULL: the same */
};

struct keys_asked {
	char text[200];
	size_t choice;
};

struct keys_row {
	const char *text, *key, *want; /* NULL: absent */
};

struct st_keys_text keys_text(const char *s);
/* Of struct st_keys: notes the key in struct keys_asked, whose choice it takes. */
int keys_decide(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		const struct st_keys_text *sides, size_t *choice, struct st_err *e);
int keys_never(void *arg, const char *key, size_t len, const struct st_keys_text *base,
	       const struct st_keys_text *sides, size_t *choice, struct st_err *e);
void keys_merge(const struct keys_case *cases, size_t n, enum st_keys_lang lang);
/* Three sides that differ in b, where the base is taken. */
void keys_three(const char *base, const char *a, const char *b, const char *c, const char *want,
		enum st_keys_lang lang);
void keys_find(const struct keys_row *rows, size_t n, enum st_keys_lang lang);

#endif
