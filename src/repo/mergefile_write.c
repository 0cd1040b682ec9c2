/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a merged model. */
#include "repo/mergefile.h"

#include "base/file.h"
#include "base/json.h"
#include "repo/outfile.h"
#include "tensor/quote.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)
#define BESIDE_MAX ((uint64_t)256 << 20) /* bytes of a file that comes along */

void st_mf_plan_init(struct st_mf_plan *p, const struct st_ctx *ctx)
{
	*p = (struct st_mf_plan){ .ctx = ctx };
	st_arena_init(&p->arena);
}

void st_mf_plan_release(struct st_mf_plan *p)
{
	st_arena_release(&p->arena);
	free(p->v);
}

struct st_mf_out *st_mf_plan_add(struct st_mf_plan *p, struct st_err *e)
{
	if (st_grow(&p->v, &p->cap, p->n + 1, e) != ST_OK)
		return NULL;
	p->v[p->n] = (struct st_mf_out){ .layer = NAN };
	return &p->v[p->n++];
}

struct st_mf_layers st_mf_layers_of(const struct st_mf_model *m)
{
	struct st_mf_layers l = { UINT64_MAX, 0 };
	uint64_t k;

	for (size_t i = 0; i < m->side->n; i++)
		if (st_layer_of(m->side->t[i].name, m->side->t[i].name_len, &k)) {
			l.low = k < l.low ? k : l.low;
			l.high = k > l.high ? k : l.high;
		}
	return l;
}

double st_mf_layer(const struct st_mf_layers *l, const char *name, size_t len)
{
	uint64_t k;

	if (!st_layer_of(name, len, &k) || k < l->low || k > l->high)
		return NAN;
	return l->high == l->low ? 0.0 : (double)(k - l->low) / (double)(l->high - l->low);
}

/* ---- one tensor ---- */

static int open_ref(const struct st_mf_ref *r, struct st_blend_input *in, struct st_source *src,
		    struct st_err *e)
{
	const struct st_side *s = r->model->side;
	int rc;

	*in = (struct st_blend_input){ .label = r->model->text };
	if (r->t == ST_MF_NONE)
		return ST_OK;
	rc = s->open(s->arg, r->t, src, e);
	*in = (struct st_blend_input){ .src = rc == ST_OK ? src : NULL,
				       .dtype = s->t[r->t].dtype,
				       .label = r->model->text };
	return rc;
}

static int copy_ref(const struct st_mf_ref *r, st_bytes_fn sink, void *arg, struct st_err *e)
{
	const struct st_side *s = r->model->side;
	struct st_source src;
	uint8_t *buf = st_malloc(PIECE, e);
	int rc = buf ? s->open(s->arg, r->t, &src, e) : (int)e->code;

	if (rc != ST_OK) {
		free(buf);
		return rc;
	}
	for (uint64_t at = 0; rc == ST_OK && at < src.size; at += PIECE) {
		size_t n = src.size - at < PIECE ? (size_t)(src.size - at) : PIECE;

		rc = st_source_read(&src, buf, n, at, e);
		if (rc == ST_OK)
			rc = sink(arg, buf, n, e);
	}
	st_source_close(&src);
	free(buf);
	return rc;
}

struct opened { /* the inputs of one tensor: models, extra, base */
	struct st_blend_input *in;
	struct st_source *src;
	size_t n;
};

static int open_all(struct opened *o, const struct st_mf_out *t, struct st_err *e)
{
	size_t n = t->nin + t->nextra + 1;
	int rc = ST_OK;

	*o = (struct opened){ .in = st_calloc(n, sizeof(*o->in), e),
			      .src = st_calloc(n, sizeof(*o->src), e) };
	if (!o->in || !o->src)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i + 1 < n; i++, o->n++)
		rc = open_ref(i < t->nin ? &t->in[i] : &t->extra[i - t->nin], &o->in[i], &o->src[i],
			      e);
	if (rc == ST_OK && t->base.model)
		rc = open_ref(&t->base, &o->in[n - 1], &o->src[n - 1], e);
	return rc;
}

static void close_all(struct opened *o, const struct st_mf_out *t)
{
	for (size_t i = 0; o->in && i < t->nin + t->nextra + 1; i++)
		if (o->in[i].src)
			st_source_close(&o->src[i]);
	free(o->in);
	free(o->src);
}

static int blend(const struct st_mf_plan *p, const struct st_mf_out *t, st_bytes_fn sink, void *arg,
		 struct st_err *e)
{
	struct opened o;
	int rc = open_all(&o, t, e);

	if (rc == ST_OK) {
		const struct st_blend b = { .name = t->name,
					    .name_len = t->name_len,
					    .dtype = t->dtype,
					    .ndim = t->ndim,
					    .shape = t->shape,
					    .base = o.in[t->nin + t->nextra],
					    .models = o.in,
					    .nmodels = t->nin,
					    .spec = t->spec,
					    .layer = t->layer,
					    .seed = p->seed,
					    .allow_nonfinite = p->allow_nonfinite,
					    .extra = o.in + t->nin,
					    .nextra = t->nextra,
					    .factors = t->factors };

		rc = st_blend_run(&b, p->ctx, sink, arg, e);
	}
	close_all(&o, t);
	return rc;
}

/* ---- one file ---- */

struct filling {
	const struct st_mf_plan *p;
	const size_t *of; /* numbers in the plan of the file's tensors */
};

static int fill(void *arg, size_t i, st_bytes_fn sink, void *sink_arg, struct st_err *e)
{
	const struct filling *f = arg;
	const struct st_mf_out *t = &f->p->v[f->of[i]];

	return t->spec ? blend(f->p, t, sink, sink_arg, e) : copy_ref(&t->in[0], sink, sink_arg, e);
}

static int write_model(const struct st_mf_plan *p, size_t file, int fd, const char *name,
		       struct st_err *e)
{
	const struct st_dfile *from = &p->container->files[file];
	struct st_compose_tensor *v = st_calloc(p->n, sizeof(*v), e);
	size_t *of = st_calloc(p->n, sizeof(*of), e), n = 0;
	struct filling f = { p, of };
	int rc = e->code;

	for (size_t i = 0; rc == ST_OK && i < p->n; i++) {
		const struct st_mf_out *t = &p->v[i];

		if (t->file != file)
			continue;
		of[n] = i;
		v[n++] = (struct st_compose_tensor){ t->name, t->name_len, t->dtype,
						     t->ndim, t->shape,	   t->keep };
	}
	if (rc == ST_OK) {
		const struct st_compose c = { .ctx = p->ctx,
					      .path = from->path,
					      .format = from->plain.format,
					      .src = &from->plain.src,
					      .layout = &from->plain.layout,
					      .v = v,
					      .n = n,
					      .fill = fill,
					      .arg = &f };

		rc = st_compose_write(&c, fd, name, e);
	}
	free(v);
	free(of);
	return rc;
}

static int unchanged(const struct st_mf_plan *p, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < p->nmodels; k++)
		for (size_t i = 0; rc == ST_OK && i < p->models[k]->nfiles; i++)
			rc = st_dfile_unchanged(&p->models[k]->files[i], e);
	return rc;
}

static int size_of(int fd, const char *name, uint64_t *bytes, struct st_err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return st_fail_os(e, "%s", name);
	*bytes += (uint64_t)st.st_size;
	return ST_OK;
}

static int write_file(const struct st_mf_plan *p, const char *out, uint64_t *bytes,
		      struct st_err *e)
{
	struct st_outfile o;
	int rc = st_outfile_open(&o, out, e);

	if (rc == ST_OK)
		rc = write_model(p, 0, o.fd, out, e);
	if (rc == ST_OK)
		rc = unchanged(p, e);
	if (rc == ST_OK)
		rc = size_of(o.fd, out, bytes, e);
	if (rc == ST_OK)
		rc = st_outfile_commit(&o, e);
	st_outfile_close(&o);
	return rc;
}

/* ---- a directory ---- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int create(int *fd, const char *dir, const char *name, struct st_err *e)
{
	char *path = st_path_join(dir, name, e);

	if (!path)
		return e->code;
	*fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (*fd < 0)
		st_fail_os(e, "write %s", path);
	free(path);
	return e->code;
}

static int write_in(const struct st_mf_plan *p, size_t file, const char *dir, const char *name,
		    uint64_t *bytes, struct st_err *e)
{
	int fd, rc = create(&fd, dir, name, e);

	if (rc != ST_OK)
		return rc;
	rc = write_model(p, file, fd, name, e);
	if (rc == ST_OK)
		rc = size_of(fd, name, bytes, e);
	if (close(fd) != 0 && rc == ST_OK)
		rc = st_fail_os(e, "write %s", name);
	return rc;
}

static int put_text(const char *dir, const char *name, const struct st_buf *b, struct st_err *e)
{
	int fd, rc = create(&fd, dir, name, e);

	if (rc != ST_OK)
		return rc;
	rc = st_write_full(fd, b->p, b->len, name, e);
	if (close(fd) != 0 && rc == ST_OK)
		rc = st_fail_os(e, "write %s", name);
	return rc;
}

static int copy_beside(const char *from, const char *dir, const char *name, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, (size_t)BESIDE_MAX);
	rc = st_file_slurp(&b, from, e);
	if (rc == ST_OK)
		rc = put_text(dir, name, &b, e);
	st_buf_release(&b);
	return rc;
}

struct setting { /* of a JSON object: the first member that has one of the names and the type */
	const char *names[4];
	enum st_json_type type;
	const char *text; /* what it becomes */
};

static bool is_setting(const struct setting *s, const char *key, enum st_json_type type)
{
	for (size_t i = 0; s->names[i]; i++)
		if (strcmp(key, s->names[i]) == 0)
			return type == s->type;
	return false;
}

/* Where its value stands. */
static bool find_setting(const struct st_buf *b, const struct setting *s, size_t *at, size_t *n)
{
	struct st_err e = { 0 };
	const char *key, *raw = NULL;
	bool found = false;
	struct st_json j;

	st_json_init(&j, b->p, b->len, ST_JSON_DEPTH, &e);
	if (st_json_object(&j))
		while (!found && (key = st_json_key(&j, NULL))) {
			found = is_setting(s, key, st_json_peek(&j));
			raw = st_json_raw(&j, n);
			found = found && raw;
		}
	if (found)
		*at = (size_t)(raw - (const char *)b->p);
	st_json_release(&j);
	return found;
}

static int change_setting(struct st_buf *b, const struct setting *s, struct st_err *e)
{
	struct st_buf out;
	size_t at, n;
	int rc;

	if (!find_setting(b, s, &at, &n))
		return ST_OK;
	st_buf_init(&out, (size_t)BESIDE_MAX + 64);
	rc = st_buf_add(&out, b->p, at, e);
	if (rc == ST_OK)
		rc = st_buf_addstr(&out, s->text, e);
	if (rc == ST_OK)
		rc = st_buf_add(&out, b->p + at + n, b->len - at - n, e);
	st_buf_release(b);
	*b = out;
	return rc;
}

/* A model's settings say how many layers it has, and in which type it is to be loaded. */
static int copy_settings(const struct st_mf_plan *p, const char *from, const char *dir,
			 const char *name, struct st_err *e)
{
	char layers_text[32], dtype_text[32];
	const struct setting layers = { { "num_hidden_layers", "n_layer", "num_layers" },
					ST_JSON_NUMBER,
					layers_text };
	const struct setting dtype = { { "torch_dtype", "dtype" }, ST_JSON_STRING, dtype_text };
	struct st_buf b;
	int rc;

	snprintf(layers_text, sizeof(layers_text), "%" PRIu64, p->layers);
	snprintf(dtype_text, sizeof(dtype_text), "\"%s\"", p->dtype ? p->dtype : "");
	st_buf_init(&b, (size_t)BESIDE_MAX);
	rc = st_file_slurp(&b, from, e);
	if (rc == ST_OK && p->layers)
		rc = change_setting(&b, &layers, e);
	if (rc == ST_OK && p->dtype)
		rc = change_setting(&b, &dtype, e);
	if (rc == ST_OK)
		rc = put_text(dir, name, &b, e);
	st_buf_release(&b);
	return rc;
}

/* Is the index file right as it is? */
static bool same_index(const struct st_mf_plan *p)
{
	const struct st_mf_model *m = p->container;

	if (p->n != m->side->n)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		size_t t = st_mf_find(m, p->v[i].name, p->v[i].name_len);
		uint64_t n;

		if (t == ST_MF_NONE ||
		    !st_shape_nbytes(p->v[i].shape, p->v[i].ndim, p->v[i].dtype, &n) ||
		    n != m->side->t[t].nbytes)
			return false;
	}
	return true;
}

static int new_index(const struct st_mf_plan *p, struct st_buf *b, struct st_err *e)
{
	uint64_t total = 0, n;
	struct st_jw w;

	for (size_t i = 0; i < p->n; i++)
		if (st_shape_nbytes(p->v[i].shape, p->v[i].ndim, p->v[i].dtype, &n))
			total += n;
	st_jw_init(&w, b, false, e);
	st_jw_object(&w);
	st_jw_key(&w, "metadata");
	st_jw_object(&w);
	st_jw_key(&w, "total_size");
	st_jw_u64(&w, total);
	st_jw_close_object(&w);
	st_jw_key(&w, "weight_map");
	st_jw_object(&w);
	for (size_t i = 0; i < p->n; i++) {
		st_jw_keyn(&w, p->v[i].name, p->v[i].name_len);
		st_jw_string(&w, p->container->index.shards[p->v[i].file]);
	}
	st_jw_close_object(&w);
	st_jw_close_object(&w);
	return e->code == ST_OK ? st_buf_addch(b, '\n', e) : (int)e->code;
}

static int write_index(const struct st_mf_plan *p, const char *dir, struct st_err *e)
{
	const char *name = last_part(p->container->path);
	struct st_buf b;
	int rc;

	if (same_index(p))
		return copy_beside(p->container->path, dir, name, e);
	st_buf_init(&b, (size_t)256 << 20);
	rc = new_index(p, &b, e);
	if (rc == ST_OK)
		rc = put_text(dir, name, &b, e);
	st_buf_release(&b);
	return rc;
}

/* Settings, tokenizer, texts: small ordinary files. Weights in other forms would be old ones. */
static bool comes_along(const struct st_mf_plan *p, const char *path, const char *name)
{
	const struct st_format *f = NULL;
	struct st_err e = { 0 };
	struct st_source src;
	struct stat st;
	bool yes;

	if (name[0] == '.' || st_shard_index_name(path) || stat(path, &st) != 0 ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size > BESIDE_MAX)
		return false;
	for (size_t i = 0; i < p->container->nfiles; i++)
		if (strcmp(last_part(p->container->files[i].path), name) == 0)
			return false;
	if (st_source_open_file(&src, path, &e) != ST_OK)
		return false;
	yes = st_format_probe(&f, &src, path, &e) == ST_OK && !f;
	st_source_close(&src);
	return yes;
}

static int copy_others(const struct st_mf_plan *p, const char *dir, struct st_err *e)
{
	DIR *d = opendir(p->container->text);
	struct dirent *de;
	int rc = ST_OK;

	if (!d)
		return st_fail_os(e, "read directory %s", p->container->text);
	while (rc == ST_OK && (de = readdir(d))) {
		char *path = st_path_join(p->container->text, de->d_name, e);

		if (!path)
			rc = e->code;
		else if (comes_along(p, path, de->d_name))
			rc = strcmp(de->d_name, "config.json") == 0 ?
				     copy_settings(p, path, dir, de->d_name, e) :
				     copy_beside(path, dir, de->d_name, e);
		free(path);
	}
	closedir(d);
	return rc;
}

static int write_files(const struct st_mf_plan *p, const char *dir, uint64_t *bytes,
		       struct st_err *e)
{
	const struct st_mf_model *m = p->container;
	int rc = ST_OK;

	if (p->single && m->sharded)
		return write_in(p, 0, dir, "model.safetensors", bytes, e);
	for (size_t i = 0; rc == ST_OK && i < m->nfiles; i++)
		rc = write_in(p, i, dir, last_part(m->files[i].path), bytes, e);
	return rc == ST_OK && m->sharded ? write_index(p, dir, e) : rc;
}

static int write_dir(const struct st_mf_plan *p, const char *out, uint64_t *bytes, struct st_err *e)
{
	struct st_outfile o;
	int rc = st_outfile_open_dir(&o, out, e);

	if (rc == ST_OK)
		rc = write_files(p, o.temp, bytes, e);
	if (rc == ST_OK && p->container->directory)
		rc = copy_others(p, o.temp, e);
	if (rc == ST_OK)
		rc = unchanged(p, e);
	if (rc == ST_OK)
		rc = st_outfile_commit(&o, e);
	st_outfile_close(&o);
	return rc;
}

int st_mf_write(const struct st_mf_plan *p, const char *out, uint64_t *bytes, struct st_err *e)
{
	size_t n = strlen(out);
	char *dir;
	int rc;

	*bytes = 0;
	if (!p->container->directory && !p->container->sharded)
		return write_file(p, out, bytes, e);
	dir = st_strdup(out, e);
	if (!dir)
		return e->code;
	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = 0;
	rc = write_dir(p, dir, bytes, e);
	free(dir);
	return rc;
}
