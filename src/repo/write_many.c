/* SPDX-License-Identifier: Apache-2.0 */
/* Many files at once: small ones on all threads, a big one on all threads by itself. */
#include "repo/repo.h"

#include "base/file.h"
#include "base/pool.h"

#define SMALL ((uint64_t)ST_FRAME_LEN)

struct job {
	struct st_stage_row *row;
	char *full;
	struct st_target target;
	struct stat st;
};

struct many {
	struct st_repo *r;
	struct st_codec_state **codecs;
	uint64_t done_bytes, total;
	void (*done)(void *arg, struct st_stage_row *row, const struct stat *st);
	void *arg;
};

static int work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	struct many *m = arg;
	struct job *j = item;

	return st_write_file(m->r, &j->target, m->codecs[worker], &j->st, e);
}

static void finish(struct many *m, struct st_stage_row *row, const struct stat *st)
{
	m->done_bytes += row->size;
	m->done(m->arg, row, st);
	st_progress(&m->r->ctx, "checkout", m->done_bytes, m->total, true, false);
}

static int sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct many *m = arg;
	struct job *j = item;

	if (rc == ST_OK)
		finish(m, j->row, &j->st);
	else
		*e = *ie;
	free(j->full);
	free(j);
	return rc;
}

static int put_small(struct st_pipe *pipe, const struct job *small, struct st_err *e)
{
	struct job *j = st_memdup(small, sizeof(*small), e);

	if (!j) {
		free(small->full);
		return e->code;
	}
	return st_pipe_put(pipe, j, e);
}

static int write_big(struct many *m, struct job *j, struct st_err *e)
{
	int rc = st_write_file(m->r, &j->target, NULL, &j->st, e);

	if (rc == ST_OK)
		finish(m, j->row, &j->st);
	free(j->full);
	return rc;
}

static int write_all(struct many *m, struct st_pipe *pipe, const char *root,
		     struct st_stage_row *const *rows, const struct st_seen *seen, size_t n,
		     struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		struct job j = { .row = rows[i] };

		rc = st_check_cancel(&m->r->ctx, e);
		j.full = rc == ST_OK ? st_path_join(root, rows[i]->path, e) : NULL;
		if (!j.full)
			return e->code;
		j.target = (struct st_target){ .path = j.row->path, .full = j.full, .row = j.row };
		if (seen)
			j.target.seen = seen[i];
		rc = j.row->size <= SMALL ? put_small(pipe, &j, e) : write_big(m, &j, e);
	}
	return rc;
}

int st_write_files(struct st_repo *r, const char *root, struct st_stage_row *const *rows,
		   const struct st_seen *seen, size_t n,
		   void (*done)(void *arg, struct st_stage_row *row, const struct stat *st),
		   void *arg, struct st_err *e)
{
	static const struct st_pipe_ops ops = { .work = work, .sink = sink };
	unsigned jobs = r->ctx.jobs ? r->ctx.jobs : 1, i;
	struct many m = { .r = r, .done = done, .arg = arg };
	struct st_pipe *pipe = NULL;
	size_t k;
	int rc = ST_OK;

	for (k = 0; k < n; k++)
		m.total += rows[k]->size;
	m.codecs = st_calloc(jobs, sizeof(struct st_codec_state *), e);
	if (!m.codecs)
		return e->code;
	for (i = 0; rc == ST_OK && i < jobs; i++)
		rc = st_codec_state_new(&m.codecs[i], e);
	if (rc == ST_OK)
		rc = st_pipe_new(&pipe, jobs, jobs * 8, &ops, &m, e);
	if (rc == ST_OK)
		rc = write_all(&m, pipe, root, rows, seen, n, e);
	if (rc == ST_OK)
		rc = st_pipe_drain(pipe, e);
	st_pipe_free(pipe);
	for (i = 0; i < jobs; i++)
		st_codec_state_free(m.codecs[i]);
	free(m.codecs);
	st_progress(&r->ctx, "checkout", m.done_bytes, m.total, true, true);
	return rc;
}
