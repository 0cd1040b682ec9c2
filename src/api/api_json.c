/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "base/json.h"

#include <math.h>

#define JSON_MAX ((size_t)1 << 30)

struct strata_json {
	struct st_buf b;
	struct st_err e;
	struct st_jw w;
	bool done; /* the text was handed out: the next call begins a new value */
};

strata_json *strata_json_new(void)
{
	struct st_err e = { 0 };
	strata_json *j = st_calloc(1, sizeof(*j), &e);

	if (!j)
		return NULL;
	st_buf_init(&j->b, JSON_MAX);
	st_jw_init(&j->w, &j->b, false, &j->e);
	return j;
}

void strata_json_free(strata_json *j)
{
	if (!j)
		return;
	st_buf_release(&j->b);
	free(j);
}

static struct st_jw *writer(strata_json *j)
{
	if (j->done) {
		j->done = false;
		st_buf_clear(&j->b);
		st_err_clear(&j->e);
		st_jw_init(&j->w, &j->b, false, &j->e);
	}
	return &j->w;
}

void strata_json_object(strata_json *j)
{
	st_jw_object(writer(j));
}

void strata_json_end_object(strata_json *j)
{
	st_jw_close_object(writer(j));
}

void strata_json_array(strata_json *j)
{
	st_jw_array(writer(j));
}

void strata_json_end_array(strata_json *j)
{
	st_jw_close_array(writer(j));
}

void strata_json_key(strata_json *j, const char *key)
{
	st_jw_key(writer(j), key);
}

void strata_json_string(strata_json *j, const char *s)
{
	if (s)
		st_jw_string(writer(j), s);
	else
		st_jw_null(writer(j));
}

void strata_json_name(strata_json *j, const char *key, const char *s, size_t len)
{
	st_jw_name(writer(j), key, s, len);
}

void strata_json_u64(strata_json *j, uint64_t v)
{
	st_jw_u64(writer(j), v);
}

void strata_json_i64(strata_json *j, int64_t v)
{
	st_jw_i64(writer(j), v);
}

void strata_json_real(strata_json *j, double v)
{
	if (isfinite(v))
		st_jw_real(writer(j), v);
	else
		st_jw_null(writer(j));
}

void strata_json_bool(strata_json *j, bool v)
{
	st_jw_bool(writer(j), v);
}

void strata_json_null(strata_json *j)
{
	st_jw_null(writer(j));
}

void strata_json_raw(strata_json *j, const char *json)
{
	st_jw_raw(writer(j), json, strlen(json));
}

const char *strata_json_text(strata_json *j)
{
	char *text = j->e.code == ST_OK ? st_buf_cstr(&j->b, &j->e) : NULL;

	j->done = true;
	return text;
}
