/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/ingest.h"

#include "base/file.h"
#include "format/format.h"

#include <unistd.h>

#define SPAN_MAX ((size_t)4 << 20)

/*
 * Half of the budget for slabs and their output, the rest for bases, glue and what else there is.
 */
static void size_slabs(struct st_ingest *g)
{
	uint64_t each;

	g->jobs = g->r->ctx.jobs ? g->r->ctx.jobs : 1;
	g->depth = g->jobs + 2;
	for (;;) {
		each = g->r->ctx.memory / 2 / (g->depth + 1) / 2;
		if (each >= 3 * ST_FRAME_LEN || g->jobs == 1)
			break;
		g->jobs /= 2; /* fewer threads rather than more memory than was allowed */
		g->depth = g->jobs + 2;
	}
	g->span = SPAN_MAX;
	while (g->span > ST_FRAME_LEN && g->span + ST_FRAME_LEN > each)
		g->span -= ST_FRAME_LEN;
}

int st_ingest_new(struct st_ingest **out, struct st_repo *r, struct st_writer *w,
		  const struct st_ingest_options *o, struct st_err *e)
{
	struct st_ingest *g = st_calloc(1, sizeof(*g), e);
	unsigned i;
	int rc = ST_OK;

	*out = NULL;
	if (!g)
		return e->code;
	g->r = r;
	g->w = w;
	g->o = *o;
	st_cdc_init(&g->cdc);
	size_slabs(g);
	g->codecs = st_calloc(g->jobs, sizeof(struct st_codec_state *), e);
	if (!g->codecs)
		rc = e->code;
	for (i = 0; rc == ST_OK && i < g->jobs; i++)
		rc = st_codec_state_new(&g->codecs[i], e);
	if (rc == ST_OK)
		rc = st_pipe_new(&g->small_pipe, g->jobs, g->depth, &st_small_ops, g, e);
	if (rc == ST_OK)
		rc = st_pipe_new(&g->big_pipe, g->jobs, g->depth, &st_slab_ops, g, e);
	if (rc != ST_OK) {
		st_ingest_free(g);
		return rc;
	}
	*out = g;
	return ST_OK;
}

static void free_deferred(struct st_deferred *d)
{
	free(d->path);
	free(d->full);
	free(d);
}

void st_ingest_free(struct st_ingest *g)
{
	struct st_deferred *d;
	unsigned i;

	if (!g)
		return;
	st_pipe_free(g->small_pipe);
	st_pipe_free(g->big_pipe);
	st_batch_free(g->batch);
	st_slab_free(g->idle);
	while ((d = g->deferred)) {
		g->deferred = d->next;
		free_deferred(d);
	}
	for (i = 0; g->codecs && i < g->jobs; i++)
		st_codec_state_free(g->codecs[i]);
	free(g->codecs);
	st_codec_state_free(g->own);
	st_bases_free(g->bases);
	free(g);
}

int st_ingest_codec(struct st_ingest *g, struct st_codec_state **out, struct st_err *e)
{
	int rc = g->own ? ST_OK : st_codec_state_new(&g->own, e);

	*out = g->own;
	return rc;
}

void st_ingest_expect(struct st_ingest *g, uint64_t bytes)
{
	g->total_bytes = bytes;
}

void st_ingest_on_done(struct st_ingest *g,
		       int (*done)(void *arg, const char *path, const struct st_ingested *f,
				   struct st_err *e),
		       void *arg)
{
	g->done = done;
	g->done_arg = arg;
}

static int ingest_link(struct st_ingest *g, const char *path, const char *full,
		       const struct stat *st, struct st_err *e)
{
	struct st_ingested f = { .st = *st };
	char target[4097];
	ssize_t n = readlink(full, target, sizeof(target));
	int rc;

	if (n < 0)
		return st_fail_os(e, "read link %s", path);
	if ((size_t)n == sizeof(target))
		return st_fail(e, ST_ELIMIT, "link %s: its target is longer than 4,096 bytes",
			       path);
	f.size = (uint64_t)n;
	rc = st_writer_put(g->w, NULL, target, (size_t)n, &f.id, e);
	return rc == ST_OK ? g->done(g->done_arg, path, &f, e) : rc;
}

/* Only the name and size are looked at here: a worker looks inside small files. */
static bool is_big(const char *path, uint64_t size)
{
	size_t n = strlen(path), m = strlen(".safetensors");

	return size > ST_SMALL_MAX || (n > m && strcmp(path + n - m, ".safetensors") == 0);
}

int st_ingest_file(struct st_ingest *g, const char *path, const char *full, bool follow,
		   struct st_err *e)
{
	struct stat st;
	int rc = st_check_cancel(&g->r->ctx, e);

	if (rc != ST_OK)
		return rc;
	if ((follow ? stat(full, &st) : lstat(full, &st)) != 0)
		return st_fail_os(e, "%s", path);
	if (S_ISLNK(st.st_mode))
		return ingest_link(g, path, full, &st, e);
	if (!S_ISREG(st.st_mode))
		return st_fail(e, ST_EFORMAT, "%s is not a regular file", path);
	if (!is_big(path, (uint64_t)st.st_size))
		return st_ingest_small(g, path, full, follow, (uint64_t)st.st_size, e);
	/* One object at a time is open in the writer: small files in flight come first. */
	rc = st_ingest_flush_small(g, e);
	if (rc == ST_OK)
		rc = st_ingest_big(g, path, full, follow, e);
	return rc;
}

int st_ingest_finish(struct st_ingest *g, struct st_err *e)
{
	struct st_deferred *d;
	int rc = st_ingest_flush_small(g, e);

	while (rc == ST_OK && (d = g->deferred)) {
		g->deferred = d->next;
		rc = st_ingest_big(g, d->path, d->full, d->follow, e);
		free_deferred(d);
	}
	st_progress(&g->r->ctx, "add", g->done_bytes, g->total_bytes, true, true);
	return rc;
}
