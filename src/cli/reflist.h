/* SPDX-License-Identifier: Apache-2.0 */
/* What branch and tag have in common: a name and the version it leads to. */
#ifndef ST_CLI_REFLIST_H
#define ST_CLI_REFLIST_H

#include "cli/text.h"

struct ref_row {
	const char *kind; /* "branch", "tag" */
	const char *name;
	const char *commit, *version, *author, *time, *message; /* "": none */
};

/* Name, version, id, first line of the message. */
void ref_table(struct table *t);
/* mark: stands before the name, or "". */
void ref_cells(struct table *t, const struct ref_row *row, const char *mark);
/* The keys after the name's; empty ones are null. */
void ref_json(strata_json *j, const struct ref_row *row);
/* "deleted branch x (was v1 4f2a9c1b2d3e)" */
void ref_deleted(const struct ref_row *row);

#endif
