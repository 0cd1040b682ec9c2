/* SPDX-License-Identifier: Apache-2.0 */
/* One operation as canonical JSON, the payload of a record in the operation log. */
#include "meta/oplog.h"

#include "base/canon.h"
#include "base/json.h"
#include "base/timefmt.h"

#define TYPE "strata.op/1"

static bool word_valid(const char *s)
{
	return s && *s && st_utf8_valid(s, strlen(s));
}

static bool ids_valid(const struct st_oid *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (st_oid_is_zero(&ids[i]))
			return false;
	return true;
}

static int check_refs(const struct st_op *op, enum st_code code, struct st_err *e)
{
	for (size_t i = 0; i < op->nrefs; i++) {
		const struct st_op_ref *r = &op->refs[i];

		if (!word_valid(r->name) || (r->old && !word_valid(r->old)) ||
		    (r->value && !word_valid(r->value)))
			return st_fail(e, code, "operation with a bad ref name or value");
	}
	for (size_t i = 0; i < op->nversions; i++)
		if (!word_valid(op->versions[i].label) || st_oid_is_zero(&op->versions[i].commit))
			return st_fail(e, code, "operation with a bad version");
	return ST_OK;
}

static int check_lost(const struct st_op *op, enum st_code code, struct st_err *e)
{
	if (op->lost_count < op->nlost || (op->lost_count > 0) != (op->nlost > 0))
		return st_fail(e, code, "operation with a wrong count of lost files");
	for (size_t i = 0; i < op->nlost; i++)
		if (!op->lost[i] || !*op->lost[i])
			return st_fail(e, code, "operation with a lost file without a name");
	return ST_OK;
}

static int check(const struct st_op *op, enum st_code code, struct st_err *e)
{
	if (op->has_index == st_oid_is_zero(&op->index_tree))
		return st_fail(e, code, "operation whose index tree is zero or not announced");
	if (!ids_valid(op->commits, op->ncommits) || !ids_valid(op->records, op->nrecords) ||
	    !ids_valid(op->packs_added, op->npacks_added) ||
	    !ids_valid(op->packs_removed, op->npacks_removed))
		return st_fail(e, code, "operation that names an id of zero");
	return check_lost(op, code, e) == ST_OK ? check_refs(op, code, e) : (int)e->code;
}

static void put_text(struct st_jw *w, const char *key, const char *s)
{
	st_jw_key(w, key);
	st_jw_string(w, s ? s : "");
}

static void put_refs(struct st_jw *w, const struct st_op *op)
{
	st_jw_array(w);
	for (size_t i = 0; i < op->nrefs; i++) {
		st_jw_object(w);
		put_text(w, "name", op->refs[i].name);
		if (op->refs[i].value)
			put_text(w, "new", op->refs[i].value);
		if (op->refs[i].old)
			put_text(w, "old", op->refs[i].old);
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

static void put_lost(struct st_jw *w, const struct st_op *op)
{
	st_jw_key(w, "lost");
	st_jw_object(w);
	st_jw_key(w, "count");
	st_jw_u64(w, op->lost_count);
	st_jw_key(w, "files");
	st_jw_array(w);
	for (size_t i = 0; i < op->nlost; i++) {
		st_jw_object(w);
		st_jw_name(w, "path", op->lost[i], strlen(op->lost[i]));
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
	st_jw_close_object(w);
}

static void put_versions(struct st_jw *w, const struct st_op *op)
{
	st_jw_key(w, "versions");
	st_jw_array(w);
	for (size_t i = 0; i < op->nversions; i++) {
		st_jw_object(w);
		st_jw_key(w, "commit");
		st_jw_oid(w, &op->versions[i].commit);
		put_text(w, "label", op->versions[i].label);
		st_jw_close_object(w);
	}
	st_jw_close_array(w);
}

int st_op_encode(struct st_buf *out, const struct st_op *op, struct st_err *e)
{
	char time[40];
	struct st_jw w;
	int rc = check(op, ST_EBUG, e);

	if (rc != ST_OK)
		return rc;
	st_jw_init(&w, out, true, e);
	st_jw_object(&w);
	st_jw_oids(&w, "commits", op->commits, op->ncommits);
	if (op->has_index) {
		st_jw_key(&w, "index_tree");
		st_jw_oid(&w, &op->index_tree);
	}
	if (op->nlost > 0)
		put_lost(&w, op);
	st_jw_oids(&w, "packs_added", op->packs_added, op->npacks_added);
	st_jw_oids(&w, "packs_removed", op->packs_removed, op->npacks_removed);
	st_jw_oids(&w, "records", op->records, op->nrecords);
	if (op->nrefs > 0) {
		st_jw_key(&w, "refs");
		put_refs(&w, op);
	}
	st_time_format(op->time_ns, time);
	put_text(&w, "time", time);
	put_text(&w, "type", TYPE);
	put_text(&w, "verb", op->verb);
	if (op->nversions > 0)
		put_versions(&w, op);
	put_text(&w, "who", op->who);
	put_text(&w, "why", op->why);
	st_jw_close_object(&w);
	return e->code;
}

static const char *need_text(struct st_canon *c, const char *key)
{
	st_canon_need(c, key);
	return st_canon_text(c);
}

static void get_index(struct st_canon *c, struct st_op *op)
{
	if (!st_canon_key(c, "index_tree"))
		return;
	st_canon_oid(c, &op->index_tree);
	op->has_index = true;
}

static void get_path(struct st_canon *c, void *elem)
{
	const char **path = elem;
	size_t len;

	st_canon_object(c);
	*path = st_canon_name(c, "path", &len);
	if (st_canon_ok(c) && strlen(*path) != len)
		st_canon_fail(c, "NUL in a name");
	st_canon_close(c);
}

static void get_lost(struct st_canon *c, struct st_op *op)
{
	if (!st_canon_key(c, "lost"))
		return;
	st_canon_object(c);
	st_canon_need(c, "count");
	op->lost_count = st_canon_u64(c);
	st_canon_need(c, "files");
	op->lost = st_canon_elems(c, sizeof(*op->lost), get_path, &op->nlost);
	st_canon_close(c);
	if (st_canon_ok(c) && op->nlost == 0)
		st_canon_fail(c, "empty array");
}

static void get_ref(struct st_canon *c, void *elem)
{
	struct st_op_ref *v = elem;

	st_canon_object(c);
	v->name = need_text(c, "name");
	v->value = st_canon_key(c, "new") ? st_canon_text(c) : NULL;
	v->old = st_canon_key(c, "old") ? st_canon_text(c) : NULL;
	st_canon_close(c);
}

static void get_version(struct st_canon *c, void *elem)
{
	struct st_op_version *v = elem;

	st_canon_object(c);
	st_canon_need(c, "commit");
	st_canon_oid(c, &v->commit);
	v->label = need_text(c, "label");
	st_canon_close(c);
}

static void get_op(struct st_canon *c, struct st_op *op)
{
	st_canon_object(c);
	st_canon_oids(c, "commits", &op->commits, &op->ncommits);
	get_index(c, op);
	get_lost(c, op);
	st_canon_oids(c, "packs_added", &op->packs_added, &op->npacks_added);
	st_canon_oids(c, "packs_removed", &op->packs_removed, &op->npacks_removed);
	st_canon_oids(c, "records", &op->records, &op->nrecords);
	op->refs = st_canon_list(c, "refs", sizeof(*op->refs), get_ref, &op->nrefs);
	st_canon_time(c, "time", &op->time_ns);
	st_canon_type(c, TYPE);
	op->verb = need_text(c, "verb");
	op->versions =
		st_canon_list(c, "versions", sizeof(*op->versions), get_version, &op->nversions);
	op->who = need_text(c, "who");
	op->why = need_text(c, "why");
	st_canon_close(c);
	st_canon_end(c);
}

int st_op_parse(struct st_op *out, struct st_arena *arena, const void *p, size_t len,
		struct st_err *e)
{
	struct st_canon c;

	*out = (struct st_op){ 0 };
	st_canon_init(&c, p, len, arena, e);
	get_op(&c, out);
	if (e->code == ST_OK && check(out, ST_ECORRUPT, e) == ST_OK)
		return ST_OK;
	*out = (struct st_op){ 0 };
	return st_wrap(e, "parse " TYPE);
}
