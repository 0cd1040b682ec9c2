/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other tensors into a copy of a model file, which keeps its layout. Whether tensors share memory
 * is not judged by their ranges, which may interleave, but seen: what overlaps is hashed before and
 * after, and so is what was written.
 */
#include "repo/lookinto.h"

#include "base/file.h"
#include "format/format.h"
#include "tensor/gather.h"
#include "tensor/quote.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ROOM ((size_t)4 << 20)

struct patch {
	const struct st_ctx *ctx;
	const char *path;
	const strata_tensor_edit *edits;
	size_t n;
	struct st_plainfile in;
	const struct st_tensor **tensors; /* of in.layout, one an edit */
	struct st_oid *ids;		  /* what each edit makes of its tensor */
	struct st_oid *before;		  /* of in.layout's tensors; zero: overlaps no edit */
	struct st_run *runs;
	int fd; /* the copy */
	const char *out;
};

static int find(struct patch *p, size_t i, struct st_err *e)
{
	const strata_tensor_edit *x = &p->edits[i];
	const struct st_layout *l = &p->in.layout;
	const struct st_tensor *t = NULL;

	for (size_t k = 0; k < l->ntensors && !t; k++)
		if (l->tensors[k].name_len == x->name_len &&
		    memcmp(l->tensors[k].name, x->name, x->name_len) == 0)
			t = &l->tensors[k];
	if (!t)
		return st_fail(e, ST_ENOTFOUND, "%s has no tensor '%.*s'", p->path,
			       (int)x->name_len, x->name);
	if (t->where != ST_IN_FILE)
		return st_fail(e, ST_EREFUSED,
			       "tensor '%s' of %s is compressed or stored as text: it cannot be "
			       "replaced without another layout",
			       t->name, p->path);
	for (size_t k = 0; k < i; k++)
		if (p->tensors[k] == t)
			return st_fail(e, ST_EUSAGE, "tensor '%s' is given twice", t->name);
	p->tensors[i] = t;
	return ST_OK;
}

static bool overlap(const struct st_tensor *a, const struct st_tensor *b)
{
	return a->where == ST_IN_FILE && b->where == ST_IN_FILE &&
	       a->offset < b->offset + b->nbytes && b->offset < a->offset + a->nbytes;
}

/* Ids of the tensors that an edit could reach without meaning to. */
static int hash_neighbours(struct patch *p, struct st_err *e)
{
	const struct st_layout *l = &p->in.layout;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++) {
		bool near = false, edited = false;

		for (size_t i = 0; i < p->n; i++) {
			edited |= p->tensors[i] == &l->tensors[k];
			near |= overlap(p->tensors[i], &l->tensors[k]);
		}
		if (near && !edited)
			rc = st_hash_tensor(p->ctx, &p->in.src, &l->tensors[k], &p->before[k], e);
	}
	return rc;
}

static int copy_bytes(void *arg, const void *p, size_t n, struct st_err *e)
{
	const struct patch *x = arg;

	return st_write_full(x->fd, p, n, x->out, e);
}

static int copy_all(struct patch *p, struct st_err *e)
{
	struct st_tensor all = { .name = "", .dtype = ST_OPAQUE, .nbytes = p->in.size };

	return st_tensor_each(&all, &p->in.src, ROOM, copy_bytes, p, e);
}

struct filling {
	const struct st_source *src;
	uint64_t at;
};

static int fill(void *arg, void *p, size_t n, struct st_err *e)
{
	struct filling *f = arg;
	int rc = st_source_read(f->src, p, n, f->at, e);

	f->at += n;
	return rc;
}

static int put(struct patch *p, size_t i, struct st_err *e)
{
	uint64_t want = st_tensor_logical_size(p->tensors[i]);
	struct st_source src;
	struct filling f = { .src = &src };
	int rc = st_source_open_file(&src, p->edits[i].path, e);

	if (rc != ST_OK)
		return st_err_named_path(e);
	if (src.size != want)
		rc = st_fail(e, ST_EUSAGE, "%s has %" PRIu64 " bytes, tensor '%s' takes %" PRIu64,
			     src.name, src.size, p->tensors[i]->name, want);
	if (rc == ST_OK)
		rc = st_hash_range(p->ctx, &src, 0, src.size, &p->ids[i], e);
	if (rc == ST_OK)
		rc = st_tensor_put(p->tensors[i], p->fd, p->out, ROOM, fill, &f, e);
	st_source_close(&src);
	p->runs[i] = (struct st_run){ p->tensors[i]->offset, p->tensors[i]->nbytes };
	return rc;
}

static int by_offset(const void *pa, const void *pb)
{
	const struct st_run *a = pa, *b = pb;

	return (a->off > b->off) - (a->off < b->off);
}

/* Sorted, disjoint, not empty: as a format wants them. */
static size_t join_runs(struct st_run *runs, size_t n)
{
	size_t k = 0;

	qsort(runs, n, sizeof(*runs), by_offset);
	for (size_t i = 0; i < n; i++) {
		struct st_run *last = k ? &runs[k - 1] : NULL;
		uint64_t end = runs[i].off + runs[i].n;

		if (runs[i].n == 0)
			continue;
		if (!last || runs[i].off > last->off + last->n)
			runs[k++] = runs[i];
		else if (end > last->off + last->n)
			last->n = end - last->off;
	}
	return k;
}

static bool is_edited(const struct patch *p, const struct st_tensor *t, size_t *which)
{
	for (size_t i = 0; i < p->n; i++) {
		*which = i;
		if (p->tensors[i] == t)
			return true;
	}
	return false;
}

/* The copy read as a file of its own: every tensor is what it should be. */
static int verify(struct patch *p, const struct st_source *src, struct st_err *e)
{
	const struct st_layout *l = &p->in.layout;
	struct st_oid id;
	size_t i;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++) {
		const struct st_tensor *t = &l->tensors[k];
		bool edited = is_edited(p, t, &i);

		if (!edited && st_oid_is_zero(&p->before[k]))
			continue;
		rc = st_hash_tensor(p->ctx, src, t, &id, e);
		if (rc == ST_OK && !st_oid_eq(&id, edited ? &p->ids[i] : &p->before[k]))
			rc = st_fail(e, ST_EREFUSED,
				     edited ?
					     "elements of tensor '%s' share memory with each other "
					     "or with another tensor that is replaced: it cannot "
					     "hold these values" :
					     "tensor '%s' shares memory with one that is replaced, "
					     "and would change with it",
				     t->name);
	}
	return rc;
}

static int reparse(struct patch *p, const struct st_source *src, struct st_err *e)
{
	struct st_layout again;
	bool same;
	int rc;

	st_layout_init(&again);
	rc = st_format_parse(p->in.format, &again, src, p->ctx->memory / 2, e);
	same = rc == ST_OK && again.ntensors == p->in.layout.ntensors;
	for (size_t i = 0; same && i < again.ntensors; i++)
		same = again.tensors[i].offset == p->in.layout.tensors[i].offset &&
		       again.tensors[i].nbytes == p->in.layout.tensors[i].nbytes;
	st_layout_release(&again);
	if (rc == ST_OK && !same)
		rc = st_fail(e, ST_EBUG, "%s: the replaced tensors changed its layout", p->path);
	return rc;
}

static int write_copy(struct patch *p, struct st_err *e)
{
	const struct st_format *f = p->in.format;
	struct st_source src;
	size_t n;
	int rc = copy_all(p, e);

	for (size_t i = 0; rc == ST_OK && i < p->n; i++)
		rc = put(p, i, e);
	if (rc != ST_OK)
		return rc;
	n = join_runs(p->runs, p->n);
	st_source_init_fd(&src, p->fd, p->in.size, p->out);
	rc = verify(p, &src, e);
	if (rc == ST_OK && f->patch && n)
		rc = f->patch(p->fd, &src, p->runs, n, p->ctx->memory / 2, e);
	if (rc == ST_OK)
		rc = reparse(p, &src, e);
	if (rc == ST_OK && fsync(p->fd) != 0)
		rc = st_fail_os(e, "flush %s", p->out);
	return rc;
}

/* link, not rename: an existing file is never replaced. */
static int publish(const char *temp, const char *out, const char *dir, struct st_err *e)
{
	if (link(temp, out) != 0)
		return errno == EEXIST ? st_fail(e, ST_EREFUSED,
						 "%s exists already: move it away first", out) :
					 st_fail_os(e, "%s", out);
	return st_fsync_dir(dir, e);
}

static int into_new_file(struct patch *p, struct st_err *e)
{
	char *dir = st_path_dir(p->out, e), *temp = NULL;
	struct stat st;
	int rc;

	if (!dir)
		return e->code;
	if (lstat(p->out, &st) == 0)
		rc = st_fail(e, ST_EREFUSED, "%s exists already: move it away first", p->out);
	else
		rc = st_file_temp(&p->fd, &temp, dir, ST_TEMP_PREFIX, e);
	if (rc == ST_OK) {
		rc = write_copy(p, e);
		if (rc == ST_OK)
			rc = publish(temp, p->out, dir, e);
		close(p->fd);
		unlink(temp);
	}
	free(temp);
	free(dir);
	return rc;
}

static int with_file(struct patch *p, struct st_err *e)
{
	int rc = ST_OK;

	if (!p->in.format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", p->path);
	p->tensors = st_calloc(p->n, sizeof(*p->tensors), e);
	p->ids = st_calloc(p->n, sizeof(*p->ids), e);
	p->runs = st_calloc(p->n, sizeof(*p->runs), e);
	p->before = st_calloc(p->in.layout.ntensors, sizeof(*p->before), e);
	if (e->code != ST_OK)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < p->n; i++)
		rc = find(p, i, e);
	if (rc == ST_OK)
		rc = hash_neighbours(p, e);
	return rc == ST_OK ? into_new_file(p, e) : rc;
}

int st_verb_patch(const struct st_ctx *ctx, const char *path, const strata_tensor_edit *edits,
		  size_t n, const char *out, struct st_err *e)
{
	struct patch p = { .ctx = ctx, .path = path, .edits = edits, .n = n, .fd = -1, .out = out };
	int rc = st_plainfile_open(&p.in, ctx, path, e);

	if (rc == ST_OK)
		rc = with_file(&p, e);
	else
		st_err_named_path(e);
	st_plainfile_close(&p.in);
	free(p.tensors);
	free(p.ids);
	free(p.before);
	free(p.runs);
	return rc == ST_OK ? ST_OK : (int)e->code;
}
