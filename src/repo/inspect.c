/* SPDX-License-Identifier: Apache-2.0 */
/* inspect and hash: plain files, no repository. */
#include "repo/lookinto.h"

#include "base/blake3.h"
#include "base/file.h"
#include "base/json.h"
#include "format/format.h"
#include "tensor/gather.h"

#include <dirent.h>
#include <unistd.h>

struct inspect {
	const struct st_ctx *ctx;
	int (*info)(void *arg, const strata_inspection *i);
	int (*tensor)(void *arg, const strata_tensor *t);
	void *arg;
	struct st_buf *meta;
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
		d->bytes += st_tensor_logical_size(t);
		x->out.tensors++;
		x->out.elements += numel;
		x->out.tensor_bytes += st_tensor_logical_size(t);
		st_tensor_from_layout(&out, path, t);
		if (x->tensor && x->tensor(x->arg, &out) != 0)
			return ST_ENO;
	}
	return ST_OK;
}

static int add_file(void *arg, const char *path, const struct st_plainfile *f, struct st_err *e)
{
	struct inspect *x = arg;

	x->out.size += f->size;
	if (!f->format)
		return ST_OK;
	x->out.format = f->format->name;
	if (f->layout.metadata && !x->meta->len && !st_shard_index_name(x->out.path) &&
	    st_buf_add(x->meta, f->layout.metadata, f->layout.metadata_len, e) != ST_OK)
		return e->code;
	return tally(x, path, &f->layout);
}

/* What a directory has of these, the last counts: beside a trainer's model lie its optimizer, its
 * arguments and so on, in PyTorch's format too. */
enum rank {
	RANK_NONE,
	RANK_OTHER,
	RANK_PYTORCH_MODEL,
	RANK_SAFETENSORS,
	RANK_SAFETENSORS_MODEL,
	RANK_INDEX,
	RANK_SAFETENSORS_INDEX
};

static bool is_named(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static enum rank rank_of_model(const char *path, const struct st_format *f)
{
	if (strcmp(f->name, "safetensors") == 0)
		return is_named(path, "model.safetensors") ? RANK_SAFETENSORS_MODEL :
							     RANK_SAFETENSORS;
	return is_named(path, "pytorch_model.bin") ? RANK_PYTORCH_MODEL : RANK_OTHER;
}

static enum rank rank_of(const char *path, struct st_err *e)
{
	const struct st_format *f = NULL;
	struct st_source src;
	struct stat st;
	int rc;

	if (st_shard_index_name(path))
		return is_named(path, "model.safetensors.index.json") ? RANK_SAFETENSORS_INDEX :
									RANK_INDEX;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return RANK_NONE;
	rc = st_source_open_file(&src, path, e);
	if (rc == ST_OK)
		rc = st_format_probe(&f, &src, path, e);
	st_source_close(&src);
	if (rc != ST_OK || !f)
		return RANK_NONE;
	return rank_of_model(path, f);
}

struct found {
	char *path;
	enum rank rank;
	size_t n; /* of that rank */
};

/* path becomes its. */
static void judge_entry(struct found *f, char *path, struct st_err *e)
{
	enum rank rank = path ? rank_of(path, e) : RANK_NONE;

	if (rank == f->rank)
		f->n++;
	if (rank > f->rank) {
		free(f->path);
		*f = (struct found){ path, rank, 1 };
	} else {
		free(path);
	}
}

int st_plainfile_in(char **out, const char *dir, struct st_err *e)
{
	struct found f = { 0 };
	struct dirent *de;
	DIR *d = opendir(dir);

	*out = NULL;
	if (!d)
		return st_fail_os(e, "read directory %s", dir);
	while ((de = readdir(d)) && e->code == ST_OK)
		judge_entry(&f, st_path_join(dir, de->d_name, e), e);
	closedir(d);
	if (e->code == ST_OK && f.n == 0)
		st_fail(e, ST_ENOTFOUND, "%s holds no model file", dir);
	else if (e->code == ST_OK && f.n > 1)
		st_fail(e, ST_ENOTFOUND, "%s holds several model files: name one", dir);
	if (e->code != ST_OK)
		free(f.path);
	else
		*out = f.path;
	return e->code;
}

static int inspect_path(struct inspect *x, const char *path, struct st_err *e)
{
	struct stat st;
	char *model;
	int rc;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? st_fail(e, ST_ENOTFOUND, "%s: no such file", path) :
					 st_fail_os(e, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		rc = st_plainfile_in(&model, path, e);
		if (rc == ST_OK)
			rc = inspect_path(x, model, e);
		free(model);
		return rc;
	}
	return st_each_plainfile(x->ctx, path, add_file, x, &x->out.shards, e);
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
	x.meta = &meta;
	x.out.path = path;
	x.out.format = "";
	rc = inspect_path(&x, path, e);
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

struct hashing {
	const struct st_ctx *ctx;
	int (*tensor)(void *arg, const strata_tensor *t);
	void *arg;
};

static int hash_file(void *arg, const char *path, const struct st_plainfile *f, struct st_err *e)
{
	const struct hashing *h = arg;
	struct st_format_reader r;
	char hex[STRATA_HEX];
	struct st_oid id;
	strata_tensor out;
	int rc = ST_OK;

	if (!f->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	st_format_reader_init(&r, &f->src, h->ctx);
	for (size_t i = 0; rc == ST_OK && i < f->layout.ntensors; i++) {
		rc = st_hash_tensor_with(h->ctx, &r, &f->layout.tensors[i], &id, e);
		if (rc != ST_OK)
			break;
		st_oid_hex(&id, hex);
		st_tensor_from_layout(&out, path, &f->layout.tensors[i]);
		out.id = hex;
		rc = h->tensor(h->arg, &out) ? ST_ENO : ST_OK;
	}
	st_format_reader_release(&r);
	return rc;
}

int st_verb_hash_tensors(const struct st_ctx *ctx, const char *path,
			 int (*tensor)(void *arg, const strata_tensor *t), void *arg,
			 struct st_err *e)
{
	struct hashing h = { ctx, tensor, arg };

	return st_each_plainfile(ctx, path, hash_file, &h, NULL, e);
}
