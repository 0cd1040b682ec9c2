/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>

int cli_emit(struct cli *c)
{
	const char *text = strata_json_text(c->json);

	if (!text) {
		c->write_failed = true;
		c->write_errno = ENOMEM;
		return 1;
	}
	cli_progress_clear(c);
	fputs(text, stdout);
	fputc('\n', stdout);
	return cli_stop(c);
}

void jk_text(strata_json *j, const char *key, const char *s)
{
	strata_json_key(j, key);
	strata_json_string(j, s);
}

void jk_name(strata_json *j, const char *key, const char *s)
{
	strata_json_name(j, key, s, strlen(s));
}

void jk_u64(strata_json *j, const char *key, uint64_t v)
{
	strata_json_key(j, key);
	strata_json_u64(j, v);
}

void jk_bool(strata_json *j, const char *key, bool v)
{
	strata_json_key(j, key);
	strata_json_bool(j, v);
}

void jk_counts(strata_json *j, const char *key, const strata_tensor_counts *n)
{
	strata_json_key(j, key);
	strata_json_object(j);
	jk_u64(j, "added", n->added);
	jk_u64(j, "changed", n->changed);
	jk_u64(j, "unchanged", n->unchanged);
	jk_u64(j, "removed", n->removed);
	strata_json_end_object(j);
}

void jk_files(strata_json *j, const char *key, const strata_file_counts *n)
{
	strata_json_key(j, key);
	strata_json_object(j);
	jk_u64(j, "added", n->added);
	jk_u64(j, "changed", n->changed);
	jk_u64(j, "removed", n->removed);
	strata_json_end_object(j);
}

void jk_strings(strata_json *j, const char *key, const char *const *v, size_t n)
{
	size_t i;

	strata_json_key(j, key);
	strata_json_array(j);
	for (i = 0; i < n; i++)
		if (v[i])
			strata_json_string(j, v[i]);
		else
			strata_json_null(j);
	strata_json_end_array(j);
}

void jk_shape(strata_json *j, const strata_tensor *t)
{
	unsigned i;

	strata_json_key(j, "shape");
	strata_json_array(j);
	for (i = 0; i < t->ndim; i++)
		strata_json_u64(j, t->shape[i]);
	strata_json_end_array(j);
}
