/* SPDX-License-Identifier: Apache-2.0 */
/* Where HEAD was before switch, checkout, or an undo of one, took it elsewhere. */
#include "repo/moves.h"

#include <stdio.h>

#define ON_BRANCH "ref:heads/"

struct before {
	struct st_repo *r;
	uint64_t left; /* places still to pass, the wanted one included */
	bool found;
	char *place;
};

static bool goes_places(const char *verb)
{
	static const char *const verbs[] = { "switch", "checkout", "undo", "redo" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return true;
	return false;
}

/* HEAD's value before op, if op took HEAD to another place. A commit that undo takes back on a
 * detached HEAD is no place to return to. */
static const char *left_by(const struct st_op *op)
{
	const struct st_op_ref *ref;
	size_t n = strlen(ON_BRANCH);

	if (!goes_places(op->verb))
		return NULL;
	for (size_t i = 0; i < op->nrefs; i++) {
		ref = &op->refs[i];
		if (strcmp(ref->name, "HEAD") != 0 || !ref->old || !ref->value)
			continue;
		if (*op->verb != 's' && *op->verb != 'c' && strncmp(ref->old, ON_BRANCH, n) != 0 &&
		    strncmp(ref->value, ON_BRANCH, n) != 0)
			continue;
		return ref->old;
	}
	return NULL;
}

/* A branch that was deleted or renamed since is no place either. */
static int look(void *arg, const struct st_op *op, struct st_err *e)
{
	struct before *b = arg;
	const char *old = left_by(op);
	size_t n = strlen(ON_BRANCH);
	bool branch = old && strncmp(old, ON_BRANCH, n) == 0;
	char *value = NULL;
	int rc = ST_OK;

	if (!old || strlen(old) - (branch ? n : 0) > ST_REF_NAME)
		return ST_OK;
	if (branch) {
		rc = st_ref_value(b->r, old + 4, &value, e);
		if (rc != ST_OK || !value)
			return rc;
		free(value);
	}
	if (--b->left)
		return ST_OK;
	b->found = true;
	snprintf(b->place, ST_PLACE, "%s", old + (branch ? n : 0));
	return ST_ENO;
}

static bool take_number(const char *word, uint64_t *n)
{
	size_t digits;

	*n = 1;
	if (strcmp(word, "-") == 0)
		return true;
	if (strncmp(word, "@{-", 3) != 0)
		return false;
	digits = strspn(word + 3, "0123456789");
	if (digits == 0 || digits > 9 || strcmp(word + 3 + digits, "}") != 0)
		return false;
	*n = strtoull(word + 3, NULL, 10);
	return *n > 0;
}

int st_place_before(struct st_repo *r, const char **word, char place[ST_PLACE], struct st_err *e)
{
	struct before b = { .r = r, .place = place };
	uint64_t n;
	int rc;

	if (!take_number(*word, &n))
		return strncmp(*word, "@{-", 3) == 0 ?
			       st_fail(e, ST_EUSAGE,
				       "'%.100s' is not a revision: @{-1} is the branch before "
				       "this one",
				       *word) :
			       ST_OK;
	b.left = n;
	rc = st_catalog_op_each(r->cat, look, &b, e);
	if (rc == ST_OK && !b.found && n == 1)
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%.100s': HEAD was on no other branch before that still is: 'strata "
			     "branch' lists them",
			     *word);
	if (rc == ST_OK && !b.found)
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%.100s': HEAD has not been in so many other places; 'strata reflog' "
			     "lists where it was",
			     *word);
	if (rc == ST_OK)
		*word = place;
	return rc;
}
