/* SPDX-License-Identifier: Apache-2.0 */
/* The commit object. */
#include "model/object.h"

#include "base/canon.h"
#include "base/json.h"

#define TYPE "strata.commit/1"
#define TZ_MAX (24 * 60)

/* Names and addresses are printed as "Name <mail>", one line. */
static bool identity_valid(const char *s)
{
	for (; *s; s++)
		if ((uint8_t)*s < 0x20 || *s == 0x7f || *s == '<' || *s == '>')
			return false;
	return true;
}

static int check_text(const char *s, const char *what, enum st_code code, struct st_err *e)
{
	if (!s)
		return st_fail(e, code, "commit without %s", what);
	if (!st_utf8_valid(s, strlen(s)))
		return st_fail(e, code, "%s is not UTF-8", what);
	return ST_OK;
}

static int check_params(const struct st_commit *c, enum st_code code, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < c->nparams; i++) {
		rc = check_text(c->params[i].key, "parameter name", code, e);
		if (rc == ST_OK)
			rc = check_text(c->params[i].value, "parameter value", code, e);
		if (rc == ST_OK && i > 0 && strcmp(c->params[i - 1].key, c->params[i].key) >= 0)
			rc = st_fail(e, code, "parameter %s is out of order or given twice",
				     c->params[i].key);
	}
	return rc;
}

static int check_ids(const struct st_commit *c, enum st_code code, struct st_err *e)
{
	bool zero = st_oid_is_zero(&c->tree);
	size_t i;

	for (i = 0; i < c->nparents; i++)
		zero |= st_oid_is_zero(&c->parents[i]);
	for (i = 0; i < c->nlineage; i++)
		zero |= st_oid_is_zero(&c->lineage[i].commit);
	zero |= c->config_name && st_oid_is_zero(&c->config);
	return zero ? st_fail(e, code, "commit names an object of id zero") : ST_OK;
}

/* What both directions hold to be true, so that they accept the same commits. */
static int check(const struct st_commit *c, enum st_code code, struct st_err *e)
{
	int rc = check_text(c->author_name, "author", code, e);

	if (rc == ST_OK)
		rc = check_text(c->author_email, "author's address", code, e);
	if (rc == ST_OK && !(identity_valid(c->author_name) && identity_valid(c->author_email)))
		rc = st_fail(e, code, "author \"%s <%s>\" holds a control character, < or >",
			     c->author_name, c->author_email);
	if (rc == ST_OK)
		rc = check_text(c->message, "message", code, e);
	if (rc == ST_OK && c->config_name)
		rc = check_text(c->config_name, "name of the configuration", code, e);
	for (size_t i = 0; rc == ST_OK && i < c->nlineage; i++)
		rc = check_text(c->lineage[i].kind, "kind of lineage", code, e);
	if (rc == ST_OK)
		rc = check_params(c, code, e);
	if (rc == ST_OK && (c->tz_minutes <= -TZ_MAX || c->tz_minutes >= TZ_MAX))
		rc = st_fail(e, code, "time zone of %d minutes", (int)c->tz_minutes);
	return rc == ST_OK ? check_ids(c, code, e) : rc;
}

static void put_optional(struct st_jw *w, const char *key, const struct st_oid *id)
{
	if (st_oid_is_zero(id))
		return;
	st_jw_key(w, key);
	st_jw_oid(w, id);
}

static void put_author(struct st_jw *w, const struct st_commit *c)
{
	st_jw_key(w, "author");
	st_jw_object(w);
	st_jw_key(w, "email");
	st_jw_string(w, c->author_email);
	st_jw_key(w, "name");
	st_jw_string(w, c->author_name);
	st_jw_close_object(w);
}

static void put_config(struct st_jw *w, const struct st_commit *c)
{
	if (!c->config_name)
		return;
	st_jw_key(w, "config");
	st_jw_object(w);
	st_jw_key(w, "id");
	st_jw_oid(w, &c->config);
	st_jw_key(w, "name");
	st_jw_string(w, c->config_name);
	st_jw_close_object(w);
}

static void put_lineage(struct st_jw *w, const struct st_commit *c)
{
	if (c->nlineage == 0)
		return;
	st_jw_key(w, "lineage");
	st_jw_array(w);
	for (size_t i = 0; i < c->nlineage; i++) {
		st_jw_object(w);
		st_jw_key(w, "commit");
		st_jw_oid(w, &c->lineage[i].commit);
		st_jw_key(w, "kind");
		st_jw_string(w, c->lineage[i].kind);
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

static void put_params(struct st_jw *w, const struct st_commit *c)
{
	if (c->nparams == 0)
		return;
	st_jw_key(w, "params");
	st_jw_object(w);
	for (size_t i = 0; i < c->nparams; i++) {
		st_jw_key(w, c->params[i].key);
		st_jw_string(w, c->params[i].value);
	}
	st_jw_close_object(w);
}

int st_commit_encode(struct st_buf *out, const struct st_commit *c, struct st_err *e)
{
	char time[40];
	struct st_jw w;
	int rc = check(c, ST_EUSAGE, e);

	if (rc != ST_OK)
		return rc;
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	put_author(&w, c);
	put_config(&w, c);
	put_lineage(&w, c);
	put_optional(&w, "merge", &c->merge);
	st_jw_key(&w, "message");
	st_jw_string(&w, c->message);
	put_params(&w, c);
	st_jw_oids(&w, "parents", c->parents, c->nparents);
	put_optional(&w, "run", &c->run);
	st_time_format(c->time_ns, time);
	st_jw_key(&w, "time");
	st_jw_string(&w, time);
	st_jw_key(&w, "tree");
	st_jw_oid(&w, &c->tree);
	st_jw_key(&w, "type");
	st_jw_string(&w, TYPE);
	if (c->tz_minutes) {
		st_jw_key(&w, "tz");
		st_jw_i64(&w, c->tz_minutes);
	}
	st_jw_close_object(&w);
	return e->code;
}

static void get_author(struct st_canon *c, struct st_commit *out)
{
	st_canon_need(c, "author");
	st_canon_object(c);
	st_canon_need(c, "email");
	out->author_email = st_canon_text(c);
	st_canon_need(c, "name");
	out->author_name = st_canon_text(c);
	st_canon_close(c);
}

static void get_config(struct st_canon *c, struct st_commit *out)
{
	if (!st_canon_key(c, "config"))
		return;
	st_canon_object(c);
	st_canon_need(c, "id");
	st_canon_oid(c, &out->config);
	st_canon_need(c, "name");
	out->config_name = st_canon_text(c);
	st_canon_close(c);
}

static void get_lineage(struct st_canon *c, void *elem)
{
	struct st_lineage *v = elem;

	st_canon_object(c);
	st_canon_need(c, "commit");
	st_canon_oid(c, &v->commit);
	st_canon_need(c, "kind");
	v->kind = st_canon_text(c);
	st_canon_close(c);
}

static void get_params(struct st_canon *c, struct st_commit *out)
{
	struct st_kv *v = NULL;
	size_t n = 0, cap = 0;
	const char *key;

	if (!st_canon_key(c, "params"))
		return;
	st_canon_object(c);
	while ((key = st_canon_member(c)) && st_grow(&v, &cap, n + 1, c->err) == ST_OK) {
		v[n].key = key;
		v[n++].value = st_canon_text(c);
	}
	if (st_canon_ok(c) && n == 0)
		st_canon_fail(c, "no parameters");
	out->params = st_canon_keep(c, v, n, sizeof(*v));
	out->nparams = out->params ? n : 0;
}

static void get_optional(struct st_canon *c, const char *key, struct st_oid *out)
{
	if (st_canon_key(c, key))
		st_canon_oid(c, out);
}

static void get_zone(struct st_canon *c, struct st_commit *out)
{
	int64_t tz;

	if (!st_canon_key(c, "tz"))
		return;
	tz = st_canon_i64(c);
	if (st_canon_ok(c) && (tz == 0 || tz <= -TZ_MAX || tz >= TZ_MAX))
		st_canon_fail(c, "bad time zone before");
	else
		out->tz_minutes = (int32_t)tz;
}

static void get_commit(struct st_canon *c, struct st_commit *out)
{
	st_canon_object(c);
	get_author(c, out);
	get_config(c, out);
	out->lineage =
		st_canon_list(c, "lineage", sizeof(*out->lineage), get_lineage, &out->nlineage);
	get_optional(c, "merge", &out->merge);
	st_canon_need(c, "message");
	out->message = st_canon_text(c);
	get_params(c, out);
	st_canon_oids(c, "parents", &out->parents, &out->nparents);
	get_optional(c, "run", &out->run);
	st_canon_time(c, "time", &out->time_ns);
	st_canon_need(c, "tree");
	st_canon_oid(c, &out->tree);
	st_canon_type(c, TYPE);
	get_zone(c, out);
	st_canon_close(c);
	st_canon_end(c);
}

int st_commit_parse(struct st_commit *out, const void *p, size_t len, struct st_err *e)
{
	struct st_canon c;
	int rc;

	*out = (struct st_commit){ 0 };
	st_arena_init(&out->arena);
	st_canon_init(&c, p, len, &out->arena, e);
	get_commit(&c, out);
	rc = e->code;
	if (rc == ST_OK)
		rc = check(out, ST_ECORRUPT, e);
	if (rc == ST_OK)
		return ST_OK;
	st_commit_release(out);
	return st_wrap(e, "parse " TYPE);
}

void st_commit_release(struct st_commit *c)
{
	st_arena_release(&c->arena);
	*c = (struct st_commit){ 0 };
}
