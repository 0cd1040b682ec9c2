/* SPDX-License-Identifier: Apache-2.0 */
/* The files of an adapter. */
#include "repo/mergefile_plan.h"

#include "base/file.h"

static int find_tensors(struct st_mf_adapter *a, const char *text, struct st_err *e)
{
	static const char *const names[] = { ST_ADAPTER_FILE, ST_ADAPTER_PICKLED };
	struct stat st;

	if (stat(text, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR ?
			       st_fail(e, ST_ENOTFOUND, "%s: no such file", text) :
			       st_fail_os(e, "%s", text);
	if (!S_ISDIR(st.st_mode)) {
		a->path = st_strdup(text, e);
		return a->path ? ST_OK : (int)e->code;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		free(a->path);
		a->path = st_path_join(text, names[i], e);
		if (!a->path)
			return e->code;
		if (stat(a->path, &st) == 0)
			return ST_OK;
	}
	return st_fail(e, ST_ENOTFOUND, "%s has no adapter_model.safetensors and no %s", text,
		       names[1]);
}

static int load_config(struct st_mf_adapter *a, struct st_err *e)
{
	char *path = st_path_beside(a->path, ST_ADAPTER_CONFIG, e);
	struct stat st;
	int rc;

	if (!path)
		return e->code;
	if (stat(path, &st) != 0 && errno == ENOENT)
		rc = st_fail(
			e, ST_ENOTFOUND,
			"%s has no adapter_config.json beside it, which says how much of it to "
			"add (lora_alpha)",
			a->path);
	else
		rc = st_adapter_config_load(&a->of.config, path, e);
	free(path);
	return rc;
}

int st_mf_adapter_open(struct st_mf_adapter *a, const struct st_ctx *ctx, const char *text,
		       struct st_err *e)
{
	int rc;

	*a = (struct st_mf_adapter){ 0 };
	st_adapter_init(&a->of);
	rc = find_tensors(a, text, e);
	if (rc == ST_OK)
		rc = load_config(a, e);
	if (rc == ST_OK)
		rc = st_mf_open(&a->model, ctx, a->path, e);
	a->of.name = a->path;
	a->of.side = a->model.side;
	return rc;
}

void st_mf_adapter_close(struct st_mf_adapter *a)
{
	if (a->model.text)
		st_mf_close(&a->model);
	st_adapter_release(&a->of);
	free(a->path);
}
