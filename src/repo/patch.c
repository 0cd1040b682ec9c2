/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/patch.h"

#include "base/file.h"
#include "tensor/quote.h"

#include <unistd.h>

#define ROOM ((size_t)4 << 20)

static int find(struct st_patch *p, const struct st_map *names, size_t i, struct st_err *e)
{
	const struct st_edit *x = &p->edits->v[i];
	const struct st_tensor *t;
	struct st_quote q;
	uint64_t k;

	if (!st_map_get(names, x->name, x->name_len, &k))
		return st_fail(e, ST_ENOTFOUND, "%s has no tensor %s", p->path,
			       st_quote(&q, x->name, x->name_len));
	t = &p->in->layout.tensors[k];
	if (t->where != ST_IN_FILE)
		return st_fail(e, ST_EREFUSED,
			       "tensor %s of %s is compressed or stored as text: it cannot be "
			       "replaced without another layout",
			       st_quote(&q, t->name, t->name_len), p->path);
	if (p->edit_of[k])
		return st_fail(e, ST_EUSAGE, "tensor %s is given twice",
			       st_quote(&q, t->name, t->name_len));
	p->edit_of[k] = i + 1;
	p->tensors[i] = t;
	p->runs[i] = (struct st_run){ t->offset, t->nbytes };
	return ST_OK;
}

static int find_all(struct st_patch *p, struct st_err *e)
{
	const struct st_layout *l = &p->in->layout;
	struct st_map names;
	int rc = ST_OK;

	st_map_init(&names);
	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++)
		rc = st_map_put(&names, l->tensors[k].name, l->tensors[k].name_len, k, NULL, NULL,
				e);
	for (size_t i = 0; rc == ST_OK && i < p->edits->n; i++)
		rc = find(p, &names, i, e);
	st_map_release(&names);
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

/* Does an edit write where t lies? */
static bool touched(const struct st_patch *p, const struct st_tensor *t)
{
	size_t lo = 0, hi = p->nruns;

	while (lo < hi) { /* the first run that ends behind t's first byte */
		size_t mid = lo + (hi - lo) / 2;

		if (p->runs[mid].off + p->runs[mid].n > t->offset)
			hi = mid;
		else
			lo = mid + 1;
	}
	return t->where == ST_IN_FILE && lo < p->nruns && p->runs[lo].off < t->offset + t->nbytes;
}

/* Ids of the tensors that an edit could reach without meaning to. */
static int hash_neighbours(struct st_patch *p, struct st_err *e)
{
	const struct st_layout *l = &p->in->layout;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++)
		if (!p->edit_of[k] && touched(p, &l->tensors[k]))
			rc = st_hash_tensor(p->ctx, &p->in->src, &l->tensors[k], &p->before[k], e);
	return rc;
}

int st_patch_prepare(struct st_patch *p, const struct st_ctx *ctx, const char *path,
		     struct st_plainfile *in, const struct st_edits *edits, struct st_err *e)
{
	int rc;

	*p = (struct st_patch){ .ctx = ctx, .path = path, .in = in, .edits = edits };
	if (!in->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	p->tensors = st_calloc(edits->n, sizeof(*p->tensors), e);
	p->ids = st_calloc(edits->n, sizeof(*p->ids), e);
	p->runs = st_calloc(edits->n, sizeof(*p->runs), e);
	p->edit_of = st_calloc(in->layout.ntensors, sizeof(*p->edit_of), e);
	p->before = st_calloc(in->layout.ntensors, sizeof(*p->before), e);
	if (e->code != ST_OK)
		return e->code;
	rc = find_all(p, e);
	if (rc == ST_OK) {
		p->nruns = join_runs(p->runs, edits->n);
		rc = hash_neighbours(p, e);
	}
	return rc;
}

void st_patch_release(struct st_patch *p)
{
	free(p->tensors);
	free(p->edit_of);
	free(p->ids);
	free(p->before);
	free(p->runs);
	*p = (struct st_patch){ 0 };
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

static int put(struct st_patch *p, size_t i, int fd, const char *name, struct st_err *e)
{
	const struct st_edits *x = p->edits;
	const struct st_tensor *t = p->tensors[i];
	uint64_t want = st_tensor_logical_size(t);
	struct st_source src;
	struct filling f = { .src = &src };
	struct st_quote q;
	int rc = x->open(x->arg, i, &src, &p->ids[i], e);

	if (rc != ST_OK)
		return rc;
	if (src.size != want)
		rc = st_fail(e, ST_EUSAGE, "%s has %" PRIu64 " bytes, tensor %s takes %" PRIu64,
			     src.name, src.size, st_quote(&q, t->name, t->name_len), want);
	if (rc == ST_OK && st_oid_is_zero(&p->ids[i]))
		rc = st_hash_range(p->ctx, &src, 0, src.size, &p->ids[i], e);
	if (rc == ST_OK)
		rc = st_tensor_put(t, fd, name, ROOM, fill, &f, e);
	x->close(x->arg, &src);
	return rc;
}

/* The file read as one of its own: every tensor is what it should be. */
static int verify(struct st_patch *p, const struct st_source *src, struct st_err *e)
{
	const struct st_layout *l = &p->in->layout;
	struct st_quote q;
	struct st_oid id;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++) {
		const struct st_tensor *t = &l->tensors[k];
		size_t edit = p->edit_of[k];

		if (!edit && st_oid_is_zero(&p->before[k]))
			continue;
		rc = st_hash_tensor(p->ctx, src, t, &id, e);
		p->shared = rc == ST_OK &&
			    !st_oid_eq(&id, edit ? &p->ids[edit - 1] : &p->before[k]);
		if (p->shared)
			rc = st_fail(e, ST_EREFUSED,
				     edit ? "%s: elements of tensor %s share memory with each "
					    "other or with another tensor that is replaced: it "
					    "cannot hold these values" :
					    "%s: tensor %s shares memory with one that is "
					    "replaced, and would change with it",
				     p->path, st_quote(&q, t->name, t->name_len));
	}
	return rc;
}

int st_patch_check(const struct st_ctx *ctx, const char *path, const struct st_format *f,
		   const struct st_layout *l, const struct st_source *src, struct st_err *e)
{
	struct st_layout again;
	bool same;
	int rc;

	st_layout_init(&again);
	rc = st_format_parse(f, &again, src, ctx->memory / 2, e);
	same = rc == ST_OK && again.ntensors == l->ntensors;
	for (size_t i = 0; same && i < again.ntensors; i++)
		same = again.tensors[i].offset == l->tensors[i].offset &&
		       again.tensors[i].nbytes == l->tensors[i].nbytes;
	st_layout_release(&again);
	if (rc == ST_OK && !same)
		rc = st_fail(e, ST_EBUG, "%s: the replaced tensors changed its layout", path);
	return rc;
}

int st_patch_apply(struct st_patch *p, int fd, const char *name, struct st_err *e)
{
	const struct st_format *f = p->in->format;
	struct st_source src;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < p->edits->n; i++) {
		rc = st_check_cancel(p->ctx, e);
		if (rc == ST_OK)
			rc = put(p, i, fd, name, e);
	}
	if (rc != ST_OK)
		return rc;
	st_source_init_fd(&src, fd, p->in->size, name);
	rc = verify(p, &src, e);
	if (rc == ST_OK && f->patch && p->nruns)
		rc = f->patch(fd, &src, p->runs, p->nruns, p->ctx->memory / 2, e);
	if (rc == ST_OK)
		rc = st_patch_check(p->ctx, p->path, f, &p->in->layout, &src, e);
	if (rc == ST_OK && fsync(fd) != 0)
		rc = st_fail_os(e, "flush %s", name);
	return rc;
}
