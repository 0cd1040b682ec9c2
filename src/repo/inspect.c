/* SPDX-License-Identifier: Apache-2.0 */
/* inspect and hash: plain files, no repository. */
#include "repo/lookinto.h"

#include "base/blake3.h"
#include "base/file.h"
#include "base/json.h"
#include "format/format.h"

#include <dirent.h>
#include <unistd.h>

struct inspect {
	const struct st_ctx *ctx;
	int (*info)(void *arg, const strata_inspection *i);
	int (*tensor)(void *arg, const strata_tensor *t);
	void *arg;
	strata_dtype_total dtypes[ST_NDTYPES];
	strata_inspection out;
};

static int tally(struct inspect *x, const char *path, const struct st_layout *l)
{
	const struct st_tensor *t;
	strata_dtype_total *d;
	strata_tensor out;
	uint64_t numel;
	size_t i;

	for (i = 0; i < l->ntensors; i++) {
		t = &l->tensors[i];
		if (!st_shape_numel(t->shape, t->ndim, &numel))
			numel = 0;
		d = &x->dtypes[t->dtype];
		d->dtype = st_dtype_info(t->dtype)->name;
		d->tensors++;
		d->elements += numel;
		d->bytes += t->nbytes;
		x->out.tensors++;
		x->out.elements += numel;
		x->out.tensor_bytes += t->nbytes;
		st_tensor_from_layout(&out, path, t);
		if (x->tensor && x->tensor(x->arg, &out) != 0)
			return ST_ENO;
	}
	return ST_OK;
}

static int add_file(struct inspect *x, const char *path, bool main, struct st_buf *meta,
		    struct st_err *e)
{
	struct st_plainfile f;
	int rc = st_plainfile_open(&f, x->ctx, path, e);

	x->out.size += f.size;
	if (rc == ST_OK && f.format) {
		x->out.format = f.format->name;
		if (main && f.layout.metadata)
			rc = st_buf_add(meta, f.layout.metadata, f.layout.metadata_len, e);
		if (rc == ST_OK)
			rc = tally(x, path, &f.layout);
	} else if (rc == ST_OK && !main) {
		rc = st_fail(e, ST_EFORMAT, "%s: a shard that is not a model file", path);
	}
	st_plainfile_close(&f);
	return rc == ST_OK || rc == ST_ENO ? rc : st_err_named_path(e);
}

static char *beside(const char *path, const char *name, struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir, *out;

	if (!slash)
		return st_strdup(name, e);
	dir = st_memdup(path, (size_t)(slash - path) + 1, e);
	if (!dir)
		return NULL;
	dir[slash - path] = 0;
	out = st_path_join(*dir ? dir : "/", name, e);
	free(dir);
	return out;
}

static int add_shards(struct inspect *x, const char *path, struct st_err *e)
{
	struct st_shard_index idx;
	struct st_buf b;
	char *shard;
	size_t i;
	int rc;

	st_buf_init(&b, (size_t)256 << 20);
	rc = st_file_slurp(&b, path, e);
	if (rc == ST_OK)
		rc = st_shard_index_parse(&idx, b.p, b.len, e);
	st_buf_release(&b);
	if (rc != ST_OK)
		return st_wrap(e, "%s", path);
	x->out.shards = idx.nshards;
	for (i = 0; rc == ST_OK && i < idx.nshards; i++) {
		shard = beside(path, idx.shards[i], e);
		rc = shard ? add_file(x, shard, false, NULL, e) : (int)e->code;
		free(shard);
	}
	st_shard_index_release(&idx);
	return rc;
}

/* The model of a directory: its index file, else its only model file. */
static int find_model(char **out, const char *dir, struct st_err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	char *index = NULL, *model = NULL;
	size_t models = 0;

	*out = NULL;
	if (!d)
		return st_fail_os(e, "read directory %s", dir);
	while ((de = readdir(d)) && e->code == ST_OK) {
		if (st_shard_index_name(de->d_name) && !index) {
			index = st_path_join(dir, de->d_name, e);
		} else if (strstr(de->d_name, ".safetensors") && !st_shard_index_name(de->d_name)) {
			if (models++ == 0)
				model = st_path_join(dir, de->d_name, e);
		}
	}
	closedir(d);
	if (index || models == 1) {
		*out = index ? index : model;
		if (index)
			free(model);
		return e->code;
	}
	free(model);
	return st_fail(e, ST_ENOTFOUND,
		       models ? "%s holds several model files: name one" : "%s holds no model file",
		       dir);
}

static int inspect_path(struct inspect *x, const char *path, struct st_buf *meta, struct st_err *e)
{
	struct stat st;
	char *model;
	int rc;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? st_fail(e, ST_ENOTFOUND, "%s: no such file", path) :
					 st_fail_os(e, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		rc = find_model(&model, path, e);
		if (rc == ST_OK)
			rc = inspect_path(x, model, meta, e);
		free(model);
		return rc;
	}
	if (st_shard_index_name(path))
		return add_shards(x, path, e);
	return add_file(x, path, true, meta, e);
}

static void squeeze_dtypes(struct inspect *x)
{
	size_t i, n = 0;

	for (i = 0; i < ST_NDTYPES; i++)
		if (x->dtypes[i].tensors)
			x->dtypes[n++] = x->dtypes[i];
	x->out.dtypes = x->dtypes;
	x->out.ndtypes = n;
}

int st_verb_inspect(const struct st_ctx *ctx, const char *path,
		    int (*info)(void *arg, const strata_inspection *i),
		    int (*tensor)(void *arg, const strata_tensor *t), void *arg, struct st_err *e)
{
	struct inspect x = { .ctx = ctx, .tensor = tensor, .arg = arg };
	struct st_buf meta;
	int rc;

	st_buf_init(&meta, (size_t)128 << 20);
	x.out.path = path;
	x.out.format = "";
	rc = inspect_path(&x, path, &meta, e);
	if (rc == ST_OK && meta.len && !(x.out.metadata = st_buf_cstr(&meta, e)))
		rc = e->code;
	squeeze_dtypes(&x);
	if (rc == ST_EFORMAT)
		x.out.problem = e->msg;
	if ((rc == ST_OK || rc == ST_EFORMAT) && info && info(arg, &x.out) != 0 && rc == ST_OK)
		rc = ST_ENO;
	st_buf_release(&meta);
	return rc;
}

/* ---- hash ---- */

static int hash_stdin(struct st_oid *id, struct st_err *e)
{
	uint8_t *buf = st_malloc(ST_FRAME_LEN, e);
	struct st_blake3 *h = buf ? st_calloc(1, sizeof(*h), e) : NULL;
	ssize_t n = 0;

	if (h) {
		st_blake3_init(h);
		while ((n = read(STDIN_FILENO, buf, ST_FRAME_LEN)) > 0 || (n < 0 && errno == EINTR))
			if (n > 0)
				st_blake3_update(h, buf, (size_t)n);
		if (n < 0)
			st_fail_os(e, "read standard input");
		st_blake3_final(h, id->b);
	}
	free(h);
	free(buf);
	return e->code;
}

static int hash_path(const struct st_ctx *ctx, const char *path, struct st_oid *id,
		     struct st_err *e)
{
	struct st_source src;
	int rc = st_source_open_file(&src, path, e);

	if (rc != ST_OK)
		return rc;
	rc = st_hash_range(ctx, &src, 0, src.size, id, e);
	st_source_close(&src);
	return rc;
}

int st_verb_hash(const struct st_ctx *ctx, const char *path, char hex[STRATA_HEX], struct st_err *e)
{
	struct st_oid id;
	int rc = strcmp(path, "-") == 0 ? hash_stdin(&id, e) : hash_path(ctx, path, &id, e);

	if (rc == ST_OK)
		st_oid_hex(&id, hex);
	return st_err_named_path(e);
}

int st_verb_hash_tensors(const struct st_ctx *ctx, const char *path,
			 int (*tensor)(void *arg, const strata_tensor *t), void *arg,
			 struct st_err *e)
{
	char hex[STRATA_HEX];
	struct st_plainfile f;
	struct st_oid id;
	strata_tensor out;
	size_t i;
	int rc = st_plainfile_open(&f, ctx, path, e);

	if (rc == ST_OK && !f.format)
		rc = st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	for (i = 0; rc == ST_OK && i < f.layout.ntensors; i++) {
		const struct st_tensor *t = &f.layout.tensors[i];

		rc = st_hash_range(ctx, &f.src, t->offset, t->nbytes, &id, e);
		if (rc != ST_OK)
			break;
		st_oid_hex(&id, hex);
		st_tensor_from_layout(&out, path, t);
		out.id = hex;
		rc = tensor(arg, &out) ? ST_ENO : ST_OK;
	}
	st_plainfile_close(&f);
	return rc == ST_OK || rc == ST_ENO ? rc : st_err_named_path(e);
}
