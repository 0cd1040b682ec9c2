/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "scratch_fixture.h"

#include "base/file.h"
#include "model/manifest.h"
#include "repo/txn.h"

#include <stdio.h>
#include <unistd.h>

#define SIDES 3
#define FILES 2
#define TENSORS 5

static void write_commit(struct st_txn *t, const struct st_oid *parents, size_t nparents,
			 struct st_oid *id)
{
	struct st_err e = { 0 };
	struct st_commit c = { .parents = (struct st_oid *)(uintptr_t)parents,
			       .nparents = nparents,
			       .author_name = "Test",
			       .author_email = "test@example.org",
			       .time_ns = st_now_ns(),
			       .message = "test" };
	struct st_buf b;
	bool found;

	ok(st_catalog_index_tree(t->r->cat, &c.tree, &found, &e), &e);
	assert_true(found);
	st_buf_init(&b, 1 << 20);
	ok(st_commit_encode(&b, &c, &e), &e);
	ok(st_writer_put_big(t->w, b.p, b.len, id, &e), &e);
	st_buf_release(&b);
}

static const char *value_of(struct trepo *t, const char *ref, struct st_buf *out)
{
	struct st_err e = { 0 };
	bool found;

	st_buf_init(out, 256);
	ok(st_catalog_ref_get(t->r->cat, ref, out, &found, &e), &e);
	return found ? st_buf_cstr(out, &e) : NULL;
}

void th_commit(struct trepo *t, const struct st_oid *parents, size_t nparents, const char *ref,
	       bool number, struct st_oid *id)
{
	char hex[ST_OID_HEX + 1];
	struct st_err e = { 0 };
	struct st_op_ref move;
	struct st_buf old;
	struct st_txn x;

	ok(st_txn_begin(&x, t->r, "commit", &e), &e);
	write_commit(&x, parents, nparents, id);
	st_oid_hex(id, hex);
	if (ref) {
		move = (struct st_op_ref){ .name = (char *)(uintptr_t)ref,
					   .old = (char *)(uintptr_t)value_of(t, ref, &old),
					   .value = hex };
		x.op.refs = &move;
		x.op.nrefs = 1;
	}
	x.op.commits = id;
	x.op.ncommits = 1;
	ok(st_txn_publish(&x, false, number ? id : NULL, &e), &e);
	if (ref)
		st_buf_release(&old);
	st_txn_end(&x);
}

/* ---- what a version holds ---- */

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct tversion *x = arg;

	(void)seg;
	(void)seg_off;
	ok(st_grow(&x->tensors, &x->cap, x->n + 1, e), e);
	snprintf(x->tensors[x->n].name, sizeof(x->tensors->name), "%.*s", (int)v->name_len,
		 v->name);
	x->tensors[x->n++].id = v->id;
	return ST_OK;
}

static void look(struct tversion *v, struct trepo *t)
{
	struct st_err e = { 0 };
	struct st_vfile *f;
	struct st_oid tree;
	struct st_index x;
	size_t from;

	st_index_init(&x);
	ok(st_repo_commit_tree(t->r, &v->id, &tree, &e), &e);
	ok(st_tree_to_index(t->r, &tree, &x, &e), &e);
	for (size_t i = 0; i < x.nrows; i++) {
		ok(st_vfile_open_model(&f, t->r, &x.rows[i], &e), &e);
		if (!f)
			continue;
		from = v->n;
		ok(st_vfile_views(f, take_view, v, &e), &e);
		for (; from < v->n; from++)
			snprintf(v->tensors[from].path, sizeof(v->tensors->path), "%s",
				 x.rows[i].path);
		st_vfile_close(f);
	}
	st_index_release(&x);
}

const struct ttensor *th_find(const struct tversion *v, const char *path, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->tensors[i].path, path) == 0 && strcmp(v->tensors[i].name, name) == 0)
			return &v->tensors[i];
	return NULL;
}

void th_release(struct thistory *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].tensors);
	free(h);
}

/* ---- a random one ---- */

struct side { /* a branch: its models, "" where it has none; and its version */
	uint64_t seeds[FILES][TENSORS];
	size_t n[FILES];
	size_t at;
};

static const char *const file_names[FILES] = { "a.safetensors", "dir/b.safetensors" };
static const char *const refs[SIDES] = { "heads/main", "heads/one", "heads/two" };

static uint64_t next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

static void change(struct side *s, uint64_t *x)
{
	size_t f = next(x) % FILES;

	switch (next(x) % 8) {
	case 0:
		s->n[f] = 0;
		break;
	case 1:
		s->n[f] = 1 + next(x) % TENSORS;
		break;
	default: /* of few values, so that one comes back as it was */
		for (uint64_t k = 1 + next(x) % 2; k > 0; k--)
			s->seeds[f][next(x) % TENSORS] = 1 + next(x) % 6;
	}
}

static void merge(struct side *to, const struct side *from, uint64_t *x)
{
	for (size_t f = 0; f < FILES; f++) {
		if (next(x) % 2)
			to->n[f] = from->n[f];
		for (size_t i = 0; i < TENSORS; i++)
			if (next(x) % 2)
				to->seeds[f][i] = from->seeds[f][i];
	}
	if (next(x) % 3 == 0)
		change(to, x);
}

static void write_files(struct trepo *t, const struct side *s)
{
	for (size_t f = 0; f < FILES; f++) {
		if (s->n[f])
			tr_model(t, file_names[f], s->seeds[f], s->n[f], 64, 0);
		else
			(void)unlink(file_names[f]);
	}
	tr_add(t, NULL);
}

static void step(struct thistory *h, struct trepo *t, struct side *sides, uint64_t *x)
{
	size_t k = next(x) % SIDES;
	struct tversion *v = &h->v[h->n];
	struct st_oid parents[SIDES];

	v->parents[v->nparents++] = sides[k].at;
	if (next(x) % 5 == 0)
		for (size_t i = 0; i < SIDES; i++)
			if (i != k && sides[i].at != sides[k].at && next(x) % 2) {
				v->parents[v->nparents++] = sides[i].at;
				merge(&sides[k], &sides[i], x);
			}
	if (v->nparents == 1)
		change(&sides[k], x);
	for (size_t i = 0; i < v->nparents; i++)
		parents[i] = h->v[v->parents[i]].id;
	write_files(t, &sides[k]);
	th_commit(t, parents, v->nparents, refs[k], true, &v->id);
	sides[k].at = h->n++;
}

void th_random(struct thistory *h, struct trepo *t, size_t n, uint64_t seed)
{
	struct side sides[SIDES] = { 0 };

	assert_in_range(n, 1, sizeof(h->v) / sizeof(*h->v));
	assert_int_equal(mkdir("dir", 0777), 0);
	for (size_t f = 0; f < FILES; f++) {
		sides[0].n[f] = 3;
		for (size_t i = 0; i < TENSORS; i++)
			sides[0].seeds[f][i] = 1 + i;
	}
	write_files(t, &sides[0]);
	th_commit(t, NULL, 0, refs[0], true, &h->v[0].id);
	h->n = 1;
	sides[1] = sides[2] = sides[0];
	while (h->n < n)
		step(h, t, sides, &seed);
	for (size_t i = 0; i < n; i++)
		look(&h->v[i], t);
}
