/* SPDX-License-Identifier: Apache-2.0 */
/* Catalogue rows of commits as the public interface shows them. */
#ifndef ST_REPO_COMMITS_H
#define ST_REPO_COMMITS_H

#include "repo/verbs.h"

struct st_name {
	const char *name;
	struct st_oid id;
	bool tag;
};

struct st_names { /* branches and tags, read once */
	struct st_arena arena;
	struct st_catalog *cat; /* borrowed: it knows the numbers of declared ancestors */
	struct st_name *v;
	size_t n, cap;
};

void st_names_init(struct st_names *n);
void st_names_release(struct st_names *n);
ST_MUST int st_names_load(struct st_names *n, struct st_repo *r, struct st_err *e);

struct st_origin_text {
	char commit[STRATA_HEX], version[32];
};

#define ST_MAX_NAMES 32 /* branches, and tags, shown for one commit */

struct st_version_text { /* what a strata_version points to */
	char commit[STRATA_HEX], time[40];
	char (*parent_hex)[STRATA_HEX];
	const char **parents;
	struct st_origin_text *origins;
	strata_lineage *lineage;
	const char *branches[ST_MAX_NAMES], *tags[ST_MAX_NAMES];
};

/* Release text on failure too. */
ST_MUST int st_version_fill(strata_version *v, struct st_version_text *text,
			    const struct st_commit_row *row, const struct st_names *names,
			    const struct st_head *head, struct st_err *e);
void st_version_text_release(struct st_version_text *text);

/* A...B: what either side reaches and not both. */
ST_MUST int st_log_symmetric(struct st_repo *r, const char *a, size_t a_len, const char *b,
			     struct st_map *wanted, struct st_map *hidden, bool *any_hidden,
			     struct st_err *e);

#endif
