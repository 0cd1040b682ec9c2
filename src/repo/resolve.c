/* SPDX-License-Identifier: Apache-2.0 */
/* Revisions: ref name, version number, unique hash prefix of at least 6; then ~N and ^N. */
#include "repo/moves.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>

struct meaning {
	struct st_oid id;
	char what[96];
};

struct meanings {
	struct meaning m[16];
	size_t n;
	struct st_repo *r;
	const char *rev;
};

static void add_meaning(struct meanings *ms, const struct st_oid *id, const char *what)
{
	if (ms->n == sizeof(ms->m) / sizeof(ms->m[0]))
		return;
	ms->m[ms->n].id = *id;
	snprintf(ms->m[ms->n].what, sizeof(ms->m[0].what), "%s", what);
	ms->n++;
}

static bool is_full(const char *rev)
{
	return strncmp(rev, "heads/", 6) == 0 || strncmp(rev, "tags/", 5) == 0;
}

static int try_ref(struct meanings *ms, const char *prefix, const char *kind, struct st_err *e)
{
	struct st_oid id;
	struct st_buf b;
	char name[400], what[96];
	bool found;
	int rc, n = snprintf(name, sizeof(name), "%s%s", prefix, ms->rev);

	if (n < 0 || (size_t)n >= sizeof(name))
		return ST_OK;
	st_buf_init(&b, 4096);
	rc = st_catalog_ref_get(ms->r->cat, name, &b, &found, e);
	if (rc == ST_OK && found && st_oid_parse(&id, (const char *)b.p, b.len)) {
		if (is_full(ms->rev)) /* "refs/heads/heads/x" and "refs/heads/x" */
			snprintf(what, sizeof(what), "refs/%.80s", name);
		else
			snprintf(what, sizeof(what), "%s %.60s", kind, ms->rev);
		add_meaning(ms, &id, what);
	}
	st_buf_release(&b);
	return rc;
}

/* "heads/x" and "tags/x", which say what is meant where x alone would not. */
static int try_full(struct meanings *ms, struct st_err *e)
{
	return is_full(ms->rev) ? try_ref(ms, "", "ref", e) : ST_OK;
}

static int try_version(struct meanings *ms, struct st_err *e)
{
	struct st_oid id;
	bool found;
	int rc = st_catalog_version_get(ms->r->cat, ms->rev, &id, &found, e);

	if (rc == ST_OK && found)
		add_meaning(ms, &id, "version number");
	return rc;
}

static bool is_hex(const char *s)
{
	size_t n = strlen(s);

	return n >= ST_ID_PREFIX && n <= ST_OID_HEX && strspn(s, "0123456789abcdef") == n;
}

static int try_prefix(struct meanings *ms, struct st_err *e)
{
	struct st_oid ids[8];
	char hex[ST_OID_HEX + 1], what[96];
	size_t i, n = 0;
	int rc;

	if (!is_hex(ms->rev))
		return ST_OK;
	rc = st_catalog_commit_prefix(ms->r->cat, ms->rev, strlen(ms->rev), ids, &n, e);
	for (i = 0; rc == ST_OK && i < n; i++) {
		st_oid_hex(&ids[i], hex);
		snprintf(what, sizeof(what), "commit %.12s", hex);
		add_meaning(ms, &ids[i], what);
	}
	return rc;
}

static const char *hint(const struct meanings *ms)
{
	bool branch = false, tag = false;

	for (size_t i = 0; i < ms->n; i++) {
		branch = branch || strncmp(ms->m[i].what, "branch ", 7) == 0;
		tag = tag || strncmp(ms->m[i].what, "tag ", 4) == 0;
	}
	return is_full(ms->rev) ? "; say one of these" :
	       branch && tag	? "; say heads/NAME or tags/NAME" :
	       branch		? "; say heads/NAME for the branch, or the id" :
	       tag		? "; say tags/NAME for the tag, or the id" :
				  "; give more digits";
}

static int settle(struct meanings *ms, struct st_oid *out, struct st_err *e)
{
	char list[400] = "";
	size_t i, at = 0;
	bool same = true;

	if (ms->n == 0)
		return st_no_revision(ms->r, ms->rev, e);
	for (i = 0; i < ms->n; i++) {
		same = same && st_oid_eq(&ms->m[i].id, &ms->m[0].id);
		if (at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
					       ms->m[i].what);
	}
	if (!same)
		return st_fail(e, ST_EUSAGE, "'%.60s' has several meanings: %s%s", ms->rev, list,
			       hint(ms));
	*out = ms->m[0].id;
	return ST_OK;
}

/* @{-N}: a branch, whatever else has its name, or a commit. */
static int resolve_before(struct st_repo *r, const char *name, struct st_oid *out, struct st_err *e)
{
	char place[ST_PLACE], full[ST_REF_FULL], *value = NULL;
	int rc = st_place_before(r, &name, place, e);

	if (rc != ST_OK || st_oid_parse(out, name, strlen(name)))
		return rc;
	snprintf(full, sizeof(full), "heads/%.*s", ST_REF_NAME, name);
	rc = st_ref_value(r, full, &value, e);
	if (rc == ST_OK && !(value && st_oid_parse(out, value, strlen(value))))
		rc = st_no_revision(r, name, e);
	free(value);
	return rc;
}

/* "refs/heads/x": the full name and nothing else, if there is one. */
static int resolve_full(struct meanings *ms, struct st_err *e)
{
	const char *rev = ms->rev;
	int rc;

	if (strncmp(rev, "refs/", 5) != 0)
		return ST_OK;
	ms->rev = rev + 5;
	rc = try_full(ms, e);
	ms->rev = rev;
	return rc;
}

static int find_meanings(struct meanings *ms, struct st_err *e)
{
	int rc = resolve_full(ms, e);

	if (rc != ST_OK || ms->n)
		return rc;
	rc = try_full(ms, e);
	if (rc == ST_OK)
		rc = try_ref(ms, "heads/", "branch", e);
	if (rc == ST_OK)
		rc = try_ref(ms, "tags/", "tag", e);
	if (rc == ST_OK)
		rc = try_version(ms, e);
	if (rc == ST_OK)
		rc = try_prefix(ms, e);
	return rc;
}

static int resolve_name(struct st_repo *r, const char *name, struct st_oid *out, struct st_err *e)
{
	struct meanings ms = { .r = r, .rev = name };
	struct st_head head;
	int rc;

	if (strcmp(name, "HEAD") == 0 || strcmp(name, "@") == 0) {
		rc = st_repo_head(r, &head, e);
		if (rc == ST_OK && head.unborn)
			rc = st_fail(e, ST_ENOTFOUND,
				     "there is no version yet: 'strata commit' makes the first");
		if (rc == ST_OK)
			*out = head.commit;
		return rc;
	}
	if (strncmp(name, "@{-", 3) == 0)
		return resolve_before(r, name, out, e);
	if (strstr(name, "@{"))
		return st_resolve_past(r, name, strstr(name, "@{"), out, e);
	rc = find_meanings(&ms, e);
	return rc == ST_OK ? settle(&ms, out, e) : rc;
}

struct parent {
	uint64_t n;
	struct st_oid id;
	size_t has; /* parents */
	bool found;
};

static int take_parent(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct parent *p = arg;

	(void)e;
	p->has = row->nparents;
	p->found = p->n >= 1 && p->n <= row->nparents;
	if (p->found)
		p->id = row->parents[p->n - 1];
	return ST_OK;
}

static int step(struct st_repo *r, struct st_oid *id, uint64_t n, const char *rev, struct st_err *e)
{
	struct parent p = { .n = n };
	int rc = st_catalog_commit_get(r->cat, id, take_parent, &p, e);

	if (rc == ST_OK && !p.found && p.has)
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%s' asks for parent %" PRIu64 " of a version that has %zu", rev, n,
			     p.has);
	if (rc == ST_OK && !p.found)
		rc = st_fail(e, ST_ENOTFOUND, "'%s' goes back further than the history", rev);
	if (rc == ST_OK)
		*id = p.id;
	return rc;
}

/* "~3^2~" after the name, from left to right. */
static int apply_suffix(struct st_repo *r, struct st_oid *id, const char *s, const char *rev,
			struct st_err *e)
{
	uint64_t n, i;
	char op;
	int rc = ST_OK;

	while (rc == ST_OK && *s) {
		op = *s++;
		n = 1;
		if (isdigit((unsigned char)*s))
			for (n = 0; isdigit((unsigned char)*s) && n < 100000000; s++)
				n = n * 10 + (uint64_t)(*s - '0');
		if ((op != '~' && op != '^') || isdigit((unsigned char)*s))
			return st_fail(e, ST_EUSAGE, "'%s' is not a revision", rev);
		if (op == '^') {
			rc = n ? step(r, id, n, rev, e) : ST_OK;
			continue;
		}
		for (i = 0; rc == ST_OK && i < n; i++)
			rc = step(r, id, 1, rev, e);
	}
	return rc;
}

/* What is no name of a version, whatever there is; a time in braces has colons too. */
static int check_form(const char *rev, size_t name, struct st_err *e)
{
	const char *braces = strstr(rev, "@{"), *colon = strchr(rev, ':');
	size_t suffix = strspn(rev, "~^0123456789");

	if (*rev == '^' && rev[suffix] && rev[suffix] != ':')
		return st_fail(e, ST_EUSAGE,
			       "'%.60s' is not a revision: what it does not have is a range, "
			       "'%.60s..HEAD'",
			       rev, rev + 1);
	if (name == 0)
		return st_fail(e, ST_EUSAGE, "'%.60s' is not a revision: say HEAD%.60s", rev, rev);
	if (strstr(rev, ".."))
		return st_fail(e, ST_EUSAGE, "'%.200s' is a range: here one version is wanted",
			       rev);
	if (colon && (!braces || colon < braces))
		return st_fail(e, ST_EUSAGE,
			       "'%.200s' is a part of a version: here a whole one is wanted, "
			       "'%.*s'",
			       rev, (int)(colon - rev < 60 ? colon - rev : 60), rev);
	return ST_OK;
}

int st_resolve(struct st_repo *r, const char *rev, size_t len, struct st_oid *commit,
	       struct st_err *e)
{
	char *whole = st_malloc(len + 1, e), *name;
	size_t n;
	int rc;

	if (!whole)
		return e->code;
	memcpy(whole, rev, len);
	whole[len] = 0;
	n = strcspn(whole, "~^");
	name = check_form(whole, n, e) == ST_OK ? st_strdup(whole, e) : NULL;
	if (!name) {
		free(whole);
		return e->code;
	}
	name[n] = 0;
	rc = resolve_name(r, name, commit, e);
	if (rc == ST_OK)
		rc = apply_suffix(r, commit, whole + n, whole, e);
	free(name);
	free(whole);
	return rc;
}

int st_resolve_side(struct st_repo *r, const char *rev, size_t len, struct st_oid *commit,
		    struct st_err *e)
{
	return st_resolve(r, len ? rev : "HEAD", len ? len : 4, commit, e);
}

static bool plain_exists(const char *s, size_t n)
{
	struct stat st;
	char path[4200];

	if (n == 0 || n >= sizeof(path))
		return false;
	memcpy(path, s, n);
	path[n] = 0;
	return stat(path, &st) == 0;
}

/* x NULL: of the file system. */
static bool path_exists(const struct st_index *x, const char *s, size_t n)
{
	char path[4200];

	if (!x)
		return plain_exists(s, n);
	while (n > 1 && s[n - 1] == '/')
		n--;
	if (n == 0 || n >= sizeof(path))
		return false;
	memcpy(path, s, n);
	path[n] = 0;
	return st_index_find(x, path, n, NULL) || st_index_below(x, path);
}

/* Of "path::name" the bytes of the path. It may have a "::" itself: the longest that exists counts,
 * else what is before the first. */
static size_t path_length(const struct st_index *x, const char *s)
{
	const char *pair = strstr(s, "::");
	size_t n = strlen(s), first = pair ? (size_t)(pair - s) : n;

	for (; n > first; n--)
		if ((!s[n] || strncmp(s + n, "::", 2) == 0) && path_exists(x, s, n))
			return n;
	return first;
}

/* The same in a version. That there is none such, the one who reads it will find. */
static size_t path_length_in(struct st_repo *r, const struct st_revspec *s)
{
	struct st_err none = { 0 };
	struct st_oid commit, tree;
	struct st_index x;
	size_t n = strlen(s->path);

	if (!strstr(s->path, "::"))
		return n;
	st_index_init(&x);
	if (!r || st_resolve_side(r, s->rev, s->rev_len, &commit, &none) != ST_OK ||
	    st_repo_commit_tree(r, &commit, &tree, &none) != ST_OK ||
	    st_tree_to_index(r, &tree, &x, &none) != ST_OK || st_index_sort(&x, &none) != ST_OK)
		x.nrows = 0;
	n = path_length(&x, s->path);
	st_index_release(&x);
	return n;
}

/* Where the revision ends: at the first ':', but one of a time in braces. */
static size_t rev_length(const char *text)
{
	const char *braces = strstr(text, "@{"), *end = braces ? strchr(braces, '}') : NULL;
	size_t n = strcspn(text, ":");

	return end && text + n > braces && text + n < end ?
		       (size_t)(end - text) + strcspn(end, ":") :
		       n;
}

/* A revision comes before a plain file that has its name, but "./x" and "/x" are files. */
static bool is_plain(struct st_repo *r, const char *text, size_t len)
{
	const char *colon = text + rev_length(text), *pair = strstr(text, "::");
	struct st_err none = { 0 };
	struct st_oid id;

	if (!*colon)
		colon = NULL;
	if (!r || text[0] == '/' || strncmp(text, "./", 2) == 0)
		return true;
	if (!plain_exists(text, len))
		return false;
	return text[0] == '.' || colon != pair ||
	       st_resolve(r, text, rev_length(text), &id, &none) != ST_OK;
}

/*
 * REV:path::name. "REV::glob" has an empty path. Without any ':' it is a revision, or a plain file
 * if plain_ok and no revision of that name exists; "./x" is always a plain file.
 */
int st_spec_split(struct st_repo *r, const char *text, bool plain_ok, struct st_revspec *out,
		  struct st_err *e)
{
	size_t n = plain_ok ? path_length(NULL, text) : 0;
	const char *rest = NULL; /* from "::" */

	*out = (struct st_revspec){ .rev = text, .rev_len = rev_length(text) };
	if (!*text)
		return st_fail(e, ST_EUSAGE, "'' is not a revision: say HEAD");
	if (plain_ok && is_plain(r, text, n)) {
		*out = (struct st_revspec){ .plain = true, .path = text, .path_len = n };
		rest = text + n;
	} else if (strncmp(text + out->rev_len, "::", 2) == 0) {
		rest = text + out->rev_len;
	} else if (text[out->rev_len]) {
		out->path = text + out->rev_len + 1;
		while (strncmp(out->path, "./", 2) == 0)
			out->path += 2;
		out->path_len = path_length_in(r, out);
		rest = out->path + out->path_len;
	}
	if (!rest || !*rest)
		return ST_OK;
	out->name = rest + 2;
	out->name_len = strlen(out->name);
	return out->name_len ? ST_OK :
			       st_fail(e, ST_EUSAGE, "'%s' names no tensor after '::'", text);
}
