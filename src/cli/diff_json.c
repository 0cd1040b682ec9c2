/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_json.h"

#include <math.h>

static void jk_real(strata_json *j, const char *key, double v)
{
	strata_json_key(j, key);
	strata_json_real(j, v);
}

static void jk_null(strata_json *j, const char *key)
{
	strata_json_key(j, key);
	strata_json_null(j);
}

static void jk_raw(strata_json *j, const char *key, const char *json)
{
	strata_json_key(j, key);
	if (json)
		strata_json_raw(j, json);
	else
		strata_json_null(j);
}

static void one_side(strata_json *j, const char *key, const strata_diff_tensor *t)
{
	strata_json_key(j, key);
	if (!t) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	strata_json_name(j, "name", t->name, t->name_len);
	jk_text(j, "dtype", t->dtype);
	strata_json_key(j, "shape");
	strata_json_array(j);
	for (unsigned i = 0; i < t->ndim; i++)
		strata_json_u64(j, t->shape[i]);
	strata_json_end_array(j);
	jk_text(j, "id", *t->id ? t->id : NULL);
	strata_json_end_object(j);
}

static void counts(strata_json *j, const strata_diff_figures *f)
{
	static const char *const keys[] = { "numel", "changed", "nonfinite", "rows",
					    "rows_changed" };
	const uint64_t values[] = { f ? f->numel : 0, f ? f->changed : 0, f ? f->nonfinite : 0,
				    f ? f->rows : 0, f ? f->rows_changed : 0 };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (f)
			jk_u64(j, keys[i], values[i]);
		else
			jk_null(j, keys[i]);
	}
}

static void reals(strata_json *j, const strata_diff_figures *f)
{
	jk_real(j, "mad", f ? f->mad : NAN);
	jk_real(j, "l1", f ? f->l1 : NAN);
	jk_real(j, "l2", f ? f->l2 : NAN);
	jk_real(j, "rel_l2", f ? f->rel_l2 : NAN);
	jk_real(j, "max_abs", f ? f->max_abs : NAN);
	jk_real(j, "cosine", f ? f->cosine : NAN);
}

/* 0 may be a rank only where something was compared and nothing changed. */
static void rank(strata_json *j, const strata_diff_figures *f)
{
	if (f && f->rank)
		jk_u64(j, "rank", f->rank);
	else
		jk_null(j, "rank");
	jk_bool(j, "rank_more", f && f->rank_more);
}

static int tensor(void *arg, const strata_diff_entry *t)
{
	struct cli *c = arg;
	strata_json *j = c->json;
	const strata_diff_tensor *named = t->b ? t->b : t->a;

	strata_json_object(j);
	jk_text(j, "kind", "tensor");
	jk_name(j, "path", t->path);
	strata_json_name(j, "name", named->name, named->name_len);
	jk_text(j, "status", t->status);
	one_side(j, "a", t->a);
	one_side(j, "b", t->b);
	counts(j, t->figures);
	reals(j, t->figures);
	rank(j, t->figures);
	jk_bool(j, "change_point", t->change_point);
	jk_text(j, "note", *t->note ? t->note : NULL);
	strata_json_end_object(j);
	return cli_emit(c);
}

static int setting(void *arg, const strata_diff_setting *s)
{
	struct cli *c = arg;
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "config");
	jk_name(j, "path", s->path);
	jk_text(j, "key", s->key);
	jk_text(j, "status", !s->a ? "added" : !s->b ? "removed" : "changed");
	jk_raw(j, "a", s->a);
	jk_raw(j, "b", s->b);
	strata_json_end_object(j);
	return cli_emit(c);
}

static int file(void *arg, const strata_diff_file *f)
{
	struct cli *c = arg;
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "file");
	jk_name(j, "path", f->path);
	if (f->a_path)
		jk_name(j, "a_path", f->a_path);
	else
		jk_null(j, "a_path");
	jk_text(j, "status", f->status);
	jk_bool(j, "model", f->model);
	jk_u64(j, "a_bytes", f->a_size);
	jk_u64(j, "b_bytes", f->b_size);
	jk_text(j, "a_id", *f->a_id ? f->a_id : NULL);
	jk_text(j, "b_id", *f->b_id ? f->b_id : NULL);
	jk_text(j, "a_mode", f->a_mode);
	jk_text(j, "b_mode", f->b_mode);
	strata_json_end_object(j);
	return cli_emit(c);
}

const strata_diff_handler diff_json = { .file = file, .tensor = tensor, .setting = setting };

void diff_json_summary(struct cli *c, const strata_diff_total *t)
{
	strata_json *j = c->json;
	const strata_diff_figures *f = &t->figures;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	strata_json_key(j, "tensors");
	strata_json_object(j);
	jk_u64(j, "added", t->added);
	jk_u64(j, "removed", t->removed);
	jk_u64(j, "changed", t->changed);
	jk_u64(j, "renamed", t->renamed);
	jk_u64(j, "reshaped", t->reshaped);
	jk_u64(j, "retyped", t->retyped);
	jk_u64(j, "unchanged", t->unchanged);
	jk_u64(j, "common", t->common);
	strata_json_end_object(j);
	jk_u64(j, "files", t->files);
	jk_u64(j, "settings", t->settings);
	jk_u64(j, "numel", f->numel);
	jk_u64(j, "changed", f->changed);
	jk_u64(j, "nonfinite", f->nonfinite);
	reals(j, f);
	jk_real(j, "epsilon", t->epsilon);
	jk_u64(j, "change_points", t->change_points);
	jk_bool(j, "differs", t->differs);
	strata_json_end_object(j);
	cli_emit(c);
}
