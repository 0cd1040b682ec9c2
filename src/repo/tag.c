/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags. "tags/NAME" holds the commit; what an annotated one says lies beside it in a ref of its
 * own, "annotations/NAME": who, when, an empty line, the text (doc/format/oplog.md). Both move in
 * one operation, so the log alone brings either back.
 */
#include "repo/moves.h"

#include "base/file.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#include <stdio.h>

#define TAGS "tags/"
#define NOTES "annotations/"
#define NOTE_BYTES ((size_t)4000)

bool st_ref_is_note(const char *full)
{
	return strncmp(full, NOTES, strlen(NOTES)) == 0;
}

struct tag {
	char full[ST_REF_FULL], note[ST_REF_FULL];
	char *value, *text; /* NULL: absent */
};

static int find(struct st_repo *r, const char *name, struct tag *t, struct st_err *e)
{
	int rc;

	t->value = t->text = NULL;
	if (strlen(name) > ST_REF_NAME)
		return ST_OK;
	snprintf(t->full, sizeof(t->full), TAGS "%s", name);
	snprintf(t->note, sizeof(t->note), NOTES "%s", name);
	rc = st_ref_value(r, t->full, &t->value, e);
	return rc == ST_OK ? st_ref_value(r, t->note, &t->text, e) : rc;
}

static void release(struct tag *t)
{
	free(t->value);
	free(t->text);
}

/* ---- list ---- */

struct list {
	struct st_repo *r;
	int (*cb)(void *arg, const strata_tag *t);
	void *arg;
	strata_tag out;
};

/* text is cut into its parts. */
static void take_note(strata_tag *out, char *text)
{
	char *line = strchr(text, '\n'), *body = line ? strstr(line, "\n\n") : NULL;

	if (!body)
		return;
	*line = *body = 0;
	out->annotated = true;
	out->tagger = text;
	out->time = line + 1;
	out->message = body + 2;
}

static int tell(struct list *l, const char *full, const char *value, char *text, struct st_err *e)
{
	char version[32];
	struct st_oid id;
	int rc;

	l->out = (strata_tag){ .name = full + strlen(TAGS),
			       .commit = value,
			       .version = version,
			       .tagger = "",
			       .time = "",
			       .message = "" };
	if (!st_oid_parse(&id, value, strlen(value)))
		return st_fail(e, ST_ECORRUPT, "ref %s does not hold a commit id", full);
	if (text)
		take_note(&l->out, text);
	rc = st_catalog_version_of(l->r->cat, &id, version, e);
	return rc == ST_OK && l->cb(l->arg, &l->out) ? ST_ENO : rc;
}

static int tell_one(void *arg, const char *full, const char *value, struct st_err *e)
{
	struct list *l = arg;
	struct tag t = { .value = NULL };
	int rc = find(l->r, full + strlen(TAGS), &t, e);

	if (rc == ST_OK)
		rc = tell(l, full, value, t.text, e);
	release(&t);
	return rc;
}

int st_verb_tag_list(struct st_repo *r, int (*cb)(void *arg, const strata_tag *t), void *arg,
		     struct st_err *e)
{
	struct list l = { .r = r, .cb = cb, .arg = arg };

	return st_catalog_ref_each(r->cat, TAGS, tell_one, &l, e);
}

/* ---- create ---- */

static int write_note(struct st_repo *r, const char *message, struct st_buf *b, struct st_err *e)
{
	char *name = NULL, *email = NULL, time[40];
	int rc;

	if (!message[strspn(message, " \t\r\n")])
		return st_fail(e, ST_EUSAGE, "the message is empty");
	if (!st_utf8_valid(message, strlen(message)))
		return st_fail(e, ST_EUSAGE, "the message is not UTF-8");
	rc = st_repo_identity(r, &name, &email, e);
	if (rc != ST_OK)
		return rc;
	st_time_format(st_now_ns(), time);
	if (strlen(message) + strlen(name) + strlen(email) + sizeof(time) + 8 > NOTE_BYTES)
		rc = st_fail(e, ST_ELIMIT, "what a tag says may take 4,000 bytes at most");
	else
		rc = st_buf_addf(b, e, "%s <%s>\n%s\n\n%s", name, email, time, message);
	if (rc == ST_OK && !st_buf_cstr(b, e))
		rc = e->code;
	free(name);
	free(email);
	return rc;
}

static int check_new(struct st_repo *r, const char *name, const struct tag *t, bool force,
		     struct st_err *e)
{
	int rc = st_ref_name_check("tag", name, e);

	if (rc == ST_OK && t->value && !force)
		rc = st_fail(e, ST_EREFUSED, "tag '%s' exists: -f moves it", name);
	return rc == ST_OK && !t->value ? st_ref_beside(r, TAGS, name, e) : rc;
}

static int publish(struct st_repo *r, const char *name, const struct tag *t, const char *hex,
		   const char *note, struct st_err *e)
{
	struct st_op_ref refs[2];
	char why[ST_REF_FULL + 120];
	size_t n = 0;

	if (!t->value || strcmp(t->value, hex) != 0)
		refs[n++] = (struct st_op_ref){ .name = t->full, .old = t->value, .value = hex };
	if (note || t->text)
		refs[n++] = (struct st_op_ref){ .name = t->note, .old = t->text, .value = note };
	snprintf(why, sizeof(why), "tag %s %.12s", name, hex);
	return n ? st_refs_publish(r, "tag", why, refs, n, e) : ST_OK;
}

int st_verb_tag_create(struct st_repo *r, const char *name, const char *rev, const char *message,
		       bool force, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct tag t = { .value = NULL };
	struct st_buf note;
	struct st_oid id;
	int rc = st_repo_refresh(r, e);

	st_buf_init(&note, 2 * NOTE_BYTES);
	rev = rev ? rev : "HEAD";
	if (rc == ST_OK)
		rc = find(r, name, &t, e);
	if (rc == ST_OK)
		rc = check_new(r, name, &t, force, e);
	if (rc == ST_OK)
		rc = st_resolve(r, rev, strlen(rev), &id, e);
	if (rc == ST_OK && message)
		rc = write_note(r, message, &note, e);
	if (rc == ST_OK) {
		st_oid_hex(&id, hex);
		rc = publish(r, name, &t, hex, message ? (const char *)note.p : NULL, e);
	}
	st_buf_release(&note);
	release(&t);
	return rc;
}

/* ---- delete ---- */

static int remove_check(struct st_repo *r, const char *const *names, size_t i, struct tag *t,
			struct st_err *e)
{
	int rc = find(r, names[i], t, e);

	if (rc == ST_OK && !t->value)
		rc = st_no_ref(r, "tag", TAGS, names[i], e);
	for (size_t k = 0; rc == ST_OK && k < i; k++)
		if (strcmp(names[k], names[i]) == 0)
			rc = st_fail(e, ST_EUSAGE, "tag '%s' is named twice", names[i]);
	return rc;
}

static int remove_all(struct st_repo *r, const char *const *names, size_t n, struct tag *tags,
		      struct st_op_ref *refs, struct st_err *e)
{
	char why[ST_REF_FULL + 40];
	size_t i, nrefs = 0;
	int rc = st_repo_refresh(r, e);

	for (i = 0; rc == ST_OK && i < n; i++) {
		rc = remove_check(r, names, i, &tags[i], e);
		refs[nrefs++] = (struct st_op_ref){ .name = tags[i].full, .old = tags[i].value };
		if (tags[i].text)
			refs[nrefs++] =
				(struct st_op_ref){ .name = tags[i].note, .old = tags[i].text };
	}
	if (rc != ST_OK)
		return rc;
	snprintf(why, sizeof(why), "tag -d %s%s", names[0], n > 1 ? " and others" : "");
	return st_refs_publish(r, "tag", why, refs, nrefs, e);
}

int st_verb_tag_delete(struct st_repo *r, const char *const *names, size_t n,
		       int (*was)(void *arg, const strata_tag *t), void *arg, struct st_err *e)
{
	struct list l = { .r = r, .cb = was, .arg = arg };
	struct st_op_ref *refs;
	struct tag *tags;
	size_t i;
	int rc;

	if (n == 0)
		return st_fail(e, ST_EUSAGE, "name the tags to delete");
	refs = st_calloc(n, 2 * sizeof(*refs), e);
	tags = refs ? st_calloc(n, sizeof(*tags), e) : NULL;
	rc = tags ? remove_all(r, names, n, tags, refs, e) : (int)e->code;
	for (i = 0; rc == ST_OK && was && i < n; i++)
		rc = tell(&l, tags[i].full, tags[i].value, tags[i].text, e);
	for (i = 0; tags && i < n; i++)
		release(&tags[i]);
	free(tags);
	free(refs);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}
