/* SPDX-License-Identifier: Apache-2.0 */
/* Small ordinary files, in batches: a worker opens, reads, hashes and encodes each one whole. */
#include "repo/ingest.h"
#include "repo/scan_verb.h"

#include "base/blake3.h"
#include "base/file.h"
#include "format/format.h"
#include "format/scan.h"

#include <fcntl.h>
#include <unistd.h>

#define BATCH_FILES 64
#define BATCH_BYTES ((uint64_t)1 << 20)

struct small {
	char *path, *full;
	bool follow;
	bool open;  /* for writing, elsewhere */
	bool model; /* turned out to be one, or dangerous to load: goes the other way */
	struct stat st;
	uint8_t *raw, *enc;
	size_t n;
	struct st_frame_row row;
};

struct st_batch {
	struct small f[BATCH_FILES];
	size_t n;
	uint64_t bytes;
};

void st_batch_free(struct st_batch *b)
{
	size_t i;

	if (!b)
		return;
	for (i = 0; i < b->n; i++) {
		free(b->f[i].path);
		free(b->f[i].full);
		free(b->f[i].raw);
		free(b->f[i].enc);
	}
	free(b);
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       st_mtime_ns(a) == st_mtime_ns(b) && st_ctime_ns(a) == st_ctime_ns(b);
}

/* ST_ECHANGED when the file is not the same before and after. */
static int read_once(struct small *f, struct st_err *e)
{
	struct stat after;
	int fd = -1, rc;

	rc = st_open_read(&fd, f->full, O_NONBLOCK | (f->follow ? 0 : O_NOFOLLOW), e);
	if (rc != ST_OK)
		return rc;
	f->open = st_open_for_writing(fd);
	if (fstat(fd, &f->st) != 0)
		rc = st_fail_os(e, "%s", f->path);
	else if (!S_ISREG(f->st.st_mode) || (uint64_t)f->st.st_size > ST_SMALL_MAX)
		rc = st_fail(e, ST_ECHANGED, "%s changed while it was read", f->path);
	if (rc == ST_OK) {
		f->n = (size_t)f->st.st_size;
		free(f->raw);
		f->raw = st_malloc(f->n, e);
		rc = f->raw ? st_pread_full(fd, f->raw, f->n, 0, f->path, e) : e->code;
	}
	if (rc == ST_OK && fstat(fd, &after) != 0)
		rc = st_fail_os(e, "%s", f->path);
	if (rc == ST_OK && !same_stat(&f->st, &after))
		rc = st_fail(e, ST_ECHANGED, "%s changed while it was read", f->path);
	close(fd);
	return rc;
}

static void note_warning(void *arg, const char *msg)
{
	(void)msg;
	*(bool *)arg = true;
}

/* Is there something to warn of? The calling thread says it, which looks again. */
static int is_alarming(const struct st_ingest *g, const struct small *f,
		       const struct st_source *src, bool *yes, struct st_err *e)
{
	const struct st_ctx ctx = {
		.jobs = 1, .memory = g->r->ctx.memory, .arg = yes, .warn = note_warning
	};
	bool pickle = f->n > 2 && f->raw[0] == 0x80 && f->raw[1] <= 5;

	*yes = false;
	if (!pickle && !st_scan_claimed(f->path))
		return ST_OK;
	return st_scan_warn(&ctx, src, f->path, &g->r->config, e);
}

static int encode_one(struct st_ingest *g, struct small *f, unsigned worker, struct st_err *e)
{
	struct st_frame_in in = { .raw = f->raw, .n = f->n, .width = 1, .level = 1 };
	const struct st_format *format;
	struct st_source src;
	enum st_coding coding;
	bool alarming = false;
	size_t stored;
	int rc;

	st_source_init_mem(&src, f->raw, f->n, f->path);
	rc = st_format_probe(&format, &src, f->path, e);
	if (rc == ST_OK && !format)
		rc = is_alarming(g, f, &src, &alarming, e);
	if (rc != ST_OK || format || alarming) {
		f->model = rc == ST_OK;
		return rc;
	}
	st_blake3(f->raw, f->n, f->row.cv);
	if (f->n == 0)
		return ST_OK;
	f->enc = st_malloc(f->n, e);
	if (!f->enc)
		return e->code;
	rc = st_frame_encode(g->codecs[worker], &in, g->o.mode, f->enc, &coding, &stored, e);
	f->row.coding = (uint8_t)coding;
	f->row.stored = (uint32_t)stored;
	return rc;
}

static int work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	struct st_batch *b = item;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < b->n; i++) {
		rc = read_once(&b->f[i], e);
		if (rc == ST_ECHANGED) {
			st_err_clear(e);
			rc = read_once(&b->f[i], e);
		}
		if (rc == ST_OK)
			rc = encode_one(arg, &b->f[i], worker, e);
	}
	return rc;
}

static int defer(struct st_ingest *g, struct small *f, struct st_err *e)
{
	struct st_deferred *d = st_calloc(1, sizeof(*d), e);

	if (!d)
		return e->code;
	*d = (struct st_deferred){
		.next = g->deferred, .path = f->path, .full = f->full, .follow = f->follow
	};
	f->path = f->full = NULL;
	g->deferred = d;
	return ST_OK;
}

static int store(struct st_ingest *g, struct small *f, struct st_err *e)
{
	struct st_ingested got = { .size = f->n, .st = f->st, .open = f->open };
	bool has, fresh;
	int rc;

	memcpy(got.id.b, f->row.cv, ST_OID_LEN);
	rc = st_writer_has(g->w, &got.id, ST_ENTRY_DATA, &has, e);
	if (rc == ST_OK && !has) {
		rc = st_writer_begin(g->w, f->n, 1, NULL, 0, e);
		if (rc == ST_OK && f->n)
			rc = st_writer_frame(g->w, &f->row,
					     f->row.coding == ST_CODING_RAW ? f->raw : f->enc, e);
		if (rc == ST_OK)
			rc = st_writer_end(g->w, &got.id, &fresh, e);
	}
	g->done_bytes += f->n;
	return rc == ST_OK ? g->done(g->done_arg, f->path, &got, e) : rc;
}

static int store_all(struct st_ingest *g, struct st_batch *b, struct st_err *e)
{
	size_t i;
	int rc = st_catalog_read_begin(g->r->cat, e); /* a batch of look-ups costs one lock */

	if (rc != ST_OK)
		return rc;
	for (i = 0; rc == ST_OK && i < b->n; i++)
		rc = b->f[i].model ? defer(g, &b->f[i], e) : store(g, &b->f[i], e);
	st_catalog_read_end(g->r->cat);
	return rc;
}

static int sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct st_ingest *g = arg;
	struct st_batch *b = item;

	if (rc == ST_OK)
		rc = store_all(g, b, e);
	else
		*e = *ie;
	st_progress(&g->r->ctx, "add", g->done_bytes, g->total_bytes, true, false);
	st_batch_free(b);
	return rc;
}

const struct st_pipe_ops st_small_ops = { .work = work, .sink = sink };

static int put_batch(struct st_ingest *g, struct st_err *e)
{
	struct st_batch *b = g->batch;

	g->batch = NULL;
	return b ? st_pipe_put(g->small_pipe, b, e) : ST_OK;
}

int st_ingest_small(struct st_ingest *g, const char *path, const char *full, bool follow,
		    uint64_t size, struct st_err *e)
{
	struct small *f;

	if (!g->batch)
		g->batch = st_calloc(1, sizeof(*g->batch), e);
	if (!g->batch)
		return e->code;
	f = &g->batch->f[g->batch->n];
	f->follow = follow;
	f->path = st_strdup(path, e);
	f->full = st_strdup(full, e);
	g->batch->n++; /* also when half filled: the batch owns what there is */
	if (e->code != ST_OK)
		return e->code;
	g->batch->bytes += size;
	if (g->batch->n == BATCH_FILES || g->batch->bytes >= BATCH_BYTES)
		return put_batch(g, e);
	return ST_OK;
}

int st_ingest_flush_small(struct st_ingest *g, struct st_err *e)
{
	int rc = put_batch(g, e);

	return rc == ST_OK ? st_pipe_drain(g->small_pipe, e) : rc;
}
