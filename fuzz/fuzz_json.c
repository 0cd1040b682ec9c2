/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes: reading and skipping agree on them, what is read writes out as JSON that reads back,
 * and writing that once more changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define MAX_OUT ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void copy_value(struct st_json *j, struct st_jw *w);

static void copy_object(struct st_json *j, struct st_jw *w)
{
	const char *key;
	size_t n;

	if (!st_json_object(j))
		return;
	st_jw_object(w);
	while ((key = st_json_key(j, &n))) {
		check(key[n] == 0);
		st_jw_keyn(w, key, n);
		copy_value(j, w);
	}
	if (st_json_ok(j))
		st_jw_close_object(w);
}

static void copy_array(struct st_json *j, struct st_jw *w)
{
	if (!st_json_array(j))
		return;
	st_jw_array(w);
	while (st_json_item(j))
		copy_value(j, w);
	if (st_json_ok(j))
		st_jw_close_array(w);
}

/* As an integer where it is one, else as a double (also -0, which no integer is), else raw. */
static void copy_number(struct st_json *j, struct st_jw *w)
{
	struct st_err e = { 0 };
	struct st_json k;
	const char *raw;
	uint64_t u;
	int64_t i;
	double d;
	size_t n;

	raw = st_json_raw(j, &n);
	if (!raw)
		return;
	st_json_init(&k, raw, n, 1, &e);
	u = st_json_u64(&k);
	if (st_json_ok(&k)) {
		st_jw_u64(w, u);
		return;
	}
	st_err_clear(&e);
	st_json_init(&k, raw, n, 1, &e);
	i = st_json_i64(&k);
	if (st_json_ok(&k) && i != 0) {
		st_jw_i64(w, i);
		return;
	}
	st_err_clear(&e);
	st_json_init(&k, raw, n, 1, &e);
	d = st_json_real(&k);
	if (st_json_ok(&k))
		st_jw_real(w, d);
	else
		st_jw_raw(w, raw, n);
}

static void copy_string(struct st_json *j, struct st_jw *w)
{
	const char *s;
	size_t n;

	s = st_json_string(j, &n);
	if (!s)
		return;
	check(s[n] == 0 && st_utf8_valid(s, n));
	st_jw_stringn(w, s, n);
}

static void copy_value(struct st_json *j, struct st_jw *w)
{
	switch (st_json_peek(j)) {
	case ST_JSON_OBJECT:
		copy_object(j, w);
		break;
	case ST_JSON_ARRAY:
		copy_array(j, w);
		break;
	case ST_JSON_STRING:
		copy_string(j, w);
		break;
	case ST_JSON_NUMBER:
		copy_number(j, w);
		break;
	case ST_JSON_BOOL:
		st_jw_bool(w, st_json_bool(j));
		break;
	case ST_JSON_NULL:
		st_json_null(j);
		st_jw_null(w);
		break;
	case ST_JSON_NONE:
		st_json_skip(j);
		break;
	}
}

static bool copy(struct st_buf *out, const void *p, size_t n)
{
	struct st_err je = { 0 }, we = { 0 };
	struct st_json j;
	struct st_jw w;

	st_json_init(&j, p, n, ST_JSON_DEPTH, &je);
	st_jw_init(&w, out, false, &we);
	copy_value(&j, &w);
	st_json_end(&j);
	check(we.code == ST_OK);
	check(je.code == ST_OK || je.code == ST_EFORMAT);
	check(j.pos <= j.len);
	st_json_release(&j);
	return je.code == ST_OK;
}

static bool skip(const void *p, size_t n)
{
	struct st_err e = { 0 };
	struct st_json j;

	st_json_init(&j, p, n, ST_JSON_DEPTH, &e);
	st_json_skip(&j);
	st_json_end(&j);
	st_json_release(&j);
	return e.code == ST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_buf once, twice;
	bool ok;

	st_buf_init(&once, MAX_OUT);
	st_buf_init(&twice, MAX_OUT);
	ok = copy(&once, data, size);
	check(ok == skip(data, size));
	if (ok) {
		check(copy(&twice, once.p, once.len));
		check(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	}
	st_buf_release(&twice);
	st_buf_release(&once);
	return 0;
}
