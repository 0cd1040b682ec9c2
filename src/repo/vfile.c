/* SPDX-License-Identifier: Apache-2.0 */
/* A stored file, read back: through its manifest, or as one data object. */
#include "repo/repo.h"

#include "base/pool.h"
#include "model/manifest.h"

#define META_MAX ((size_t)1 << 30)

struct st_vfile {
	struct st_repo *r;
	struct st_oid id;
	uint64_t size;
	bool has_manifest;
	struct st_manifest m;
	struct st_obj *obj; /* when there is no manifest */
};

static int load_manifest(struct st_vfile *f, const struct st_oid *root, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, META_MAX);
	rc = st_odb_get(f->r->odb, root, &b, e);
	if (rc == ST_OK)
		rc = st_manifest_parse(&f->m, b.p, b.len, e);
	st_buf_release(&b);
	f->has_manifest = rc == ST_OK;
	if (rc == ST_OK)
		f->size = f->m.size;
	return rc;
}

int st_vfile_open(struct st_vfile **out, struct st_repo *r, const struct st_oid *file,
		  struct st_err *e)
{
	struct st_vfile *f = st_calloc(1, sizeof(*f), e);
	char hex[ST_OID_HEX + 1];
	struct st_oid root;
	int rc;

	*out = NULL;
	if (!f)
		return e->code;
	f->r = r;
	f->id = *file;
	rc = st_odb_recipe(r->odb, file, &root, e);
	if (rc == ST_OK) {
		rc = load_manifest(f, &root, e);
	} else if (rc == ST_ENOTFOUND) {
		st_err_clear(e);
		rc = st_obj_open(&f->obj, r->odb, file, e);
		f->size = rc == ST_OK ? st_obj_size(f->obj) : 0;
	}
	if (rc != ST_OK) {
		st_vfile_close(f);
		st_oid_hex(file, hex);
		return st_wrap(e, "file %.12s", hex);
	}
	*out = f;
	return ST_OK;
}

int st_vfile_open_model(struct st_vfile **out, struct st_repo *r, const struct st_stage_row *row,
			struct st_err *e)
{
	bool has;
	int rc;

	*out = NULL;
	if (row->mode == ST_MODE_LINK)
		return ST_OK;
	rc = st_odb_has(r->odb, &row->id, ST_ENTRY_RECIPE, &has, e);
	if (rc == ST_OK && has)
		rc = st_vfile_open(out, r, &row->id, e);
	if (rc == ST_OK && *out && !st_vfile_is_model(*out)) {
		st_vfile_close(*out);
		*out = NULL;
	}
	return rc;
}

void st_vfile_close(struct st_vfile *f)
{
	if (!f)
		return;
	if (f->has_manifest)
		st_manifest_release(&f->m);
	st_obj_close(f->obj);
	free(f);
}

uint64_t st_vfile_size(const struct st_vfile *f)
{
	return f->size;
}

const struct st_manifest *st_vfile_manifest(const struct st_vfile *f)
{
	return f->has_manifest ? &f->m : NULL;
}

bool st_vfile_is_model(const struct st_vfile *f)
{
	return f->has_manifest && strcmp(f->m.format, "chunks") != 0;
}

static int load_page(struct st_vfile *f, size_t i, struct st_page *page, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, META_MAX);
	rc = st_odb_get(f->r->odb, &f->m.pages[i].id, &b, e);
	if (rc == ST_OK)
		rc = st_page_parse(page, b.p, b.len, &f->m.pages[i], e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : st_wrap(e, "manifest page %zu", i);
}

typedef int (*segment_cb)(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e);

/* skip: pages to leave out, or NULL. */
static int each_segment(struct st_vfile *f, const struct st_map *skip, segment_cb cb, void *arg,
			struct st_err *e)
{
	struct st_page page;
	uint64_t off = 0;
	size_t i, k;
	int rc = ST_OK;

	for (i = 0; f->has_manifest && rc == ST_OK && i < f->m.npages; i++) {
		if (skip && st_map_get(skip, f->m.pages[i].id.b, ST_OID_LEN, NULL)) {
			off += f->m.pages[i].bytes;
			continue;
		}
		rc = load_page(f, i, &page, e);
		if (rc != ST_OK)
			break;
		for (k = 0; rc == ST_OK && k < page.n; k++) {
			rc = cb(arg, &page.segs[k], off, e);
			off += page.segs[k].size;
		}
		st_page_release(&page);
	}
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}

int st_vfile_segments(struct st_vfile *f,
		      int (*cb)(void *arg, const struct st_segment *seg, uint64_t off,
				struct st_err *e),
		      void *arg, struct st_err *e)
{
	return each_segment(f, NULL, cb, arg, e);
}

const uint8_t *st_vfile_small(struct st_vfile *f, struct st_codec_state *s, struct st_err *e)
{
	uint8_t *room;

	if (f->has_manifest || f->size == 0 || f->size > ST_FRAME_LEN)
		return NULL;
	room = st_codec_room(s, ST_ROOM_FRAME, e);
	if (!room)
		return NULL;
	st_codec_memo(s)->set = false;
	return st_obj_frame(f->obj, s, 0, room, e) == ST_OK ? room : NULL;
}

struct views {
	int (*cb)(void *arg, const struct st_view *v, const struct st_segment *seg,
		  uint64_t seg_off, struct st_err *e);
	void *arg;
};

static int each_view(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	const struct views *v = arg;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < seg->nviews; i++)
		rc = v->cb(v->arg, &seg->views[i], seg, off, e);
	return rc;
}

int st_vfile_views(struct st_vfile *f,
		   int (*cb)(void *arg, const struct st_view *v, const struct st_segment *seg,
			     uint64_t seg_off, struct st_err *e),
		   void *arg, struct st_err *e)
{
	struct views v = { cb, arg };

	return each_segment(f, NULL, each_view, &v, e);
}

int st_vfile_views_but(struct st_vfile *f, const struct st_map *pages,
		       int (*cb)(void *arg, const struct st_view *v, const struct st_segment *seg,
				 uint64_t seg_off, struct st_err *e),
		       void *arg, struct st_err *e)
{
	struct views v = { cb, arg };

	return each_segment(f, pages, each_view, &v, e);
}

/*
 * Streaming. An item is a run of at most one frame of one object; objects are opened on the calling
 * thread, and each is closed with its last run.
 */
struct run {
	struct st_obj *obj;
	bool close;
	uint64_t frame, off; /* frame of the object; where its first wanted byte lies in the file */
	size_t skip, n;	     /* wanted bytes of the decoded frame */
	uint8_t *buf;
};

struct stream {
	struct st_vfile *f;
	struct st_pipe *pipe;
	struct st_codec_state **codecs;
	unsigned jobs;
	uint64_t from, to; /* of the file */
	struct st_obj *glue;
	uint64_t glue_at;
	struct run *idle[256];
	size_t nidle;
	int (*sink)(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e);
	void *arg;
};

static int run_work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	struct stream *s = arg;
	struct run *x = item;

	return st_obj_frame(x->obj, s->codecs[worker], x->frame, x->buf, e);
}

static int run_sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct stream *s = arg;
	struct run *x = item;

	if (rc == ST_OK)
		rc = s->sink(s->arg, x->buf + x->skip, x->n, x->off, e);
	else
		*e = *ie;
	if (x->close)
		st_obj_close(x->obj);
	if (s->nidle < sizeof(s->idle) / sizeof(s->idle[0])) {
		s->idle[s->nidle++] = x;
	} else {
		free(x->buf);
		free(x);
	}
	return rc;
}

static struct run *take_run(struct stream *s, struct st_err *e)
{
	struct run *x;

	if (s->nidle)
		return s->idle[--s->nidle];
	x = st_calloc(1, sizeof(*x), e);
	if (x)
		x->buf = st_malloc(ST_FRAME_LEN, e);
	if (x && !x->buf) {
		free(x);
		return NULL;
	}
	return x;
}

/* Bytes [from, to) of an object, the first of them at file offset off. Takes obj when close. */
static int put_object(struct stream *s, struct st_obj *obj, bool close, uint64_t from, uint64_t to,
		      uint64_t off, struct st_err *e)
{
	uint64_t at = from, end;
	struct run *x;
	int rc = ST_OK;

	while (rc == ST_OK && at < to) {
		x = take_run(s, e);
		if (!x)
			break;
		x->obj = obj;
		x->frame = at / ST_FRAME_LEN;
		end = (x->frame + 1) * ST_FRAME_LEN;
		end = end < to ? end : to;
		x->skip = (size_t)(at % ST_FRAME_LEN);
		x->n = (size_t)(end - at);
		x->off = off + (at - from);
		x->close = close && end == to;
		if (x->close)
			obj = NULL;
		rc = st_pipe_put(s->pipe, x, e);
		at = end;
	}
	if (rc == ST_OK)
		rc = e->code;
	if (rc != ST_OK && close && obj) {
		/* runs in flight use it: they come home before it goes */
		struct st_err ignored = { 0 };

		if (st_pipe_drain(s->pipe, &ignored) != ST_OK)
			st_err_clear(&ignored);
		st_obj_close(obj);
	}
	return rc;
}

static int stream_segment(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct stream *s = arg;
	uint64_t end = off + seg->size, from, to, glue_at = s->glue_at;
	struct st_obj *obj;
	int rc;

	if (seg->glue)
		s->glue_at += seg->size;
	if (off >= s->to)
		return ST_ENO;
	if (end <= s->from || seg->size == 0)
		return ST_OK;
	from = s->from > off ? s->from - off : 0;
	to = (s->to < end ? s->to : end) - off;
	if (seg->glue)
		return put_object(s, s->glue, false, glue_at + from, glue_at + to, off + from, e);
	rc = st_obj_open(&obj, s->f->r->odb, &seg->id, e);
	if (rc != ST_OK)
		return rc;
	if (st_obj_size(obj) != seg->size) {
		st_obj_close(obj);
		return st_fail(e, ST_ECORRUPT, "an extent's object has another size");
	}
	return put_object(s, obj, true, from, to, off + from, e);
}

static int stream_manifest(struct stream *s, struct st_err *e)
{
	int rc = ST_OK;

	if (!st_oid_is_zero(&s->f->m.glue))
		rc = st_obj_open(&s->glue, s->f->r->odb, &s->f->m.glue, e);
	if (rc == ST_OK && s->glue && st_obj_size(s->glue) != s->f->m.glue_size)
		rc = st_fail(e, ST_ECORRUPT, "the glue object has another size");
	if (rc == ST_OK)
		rc = st_vfile_segments(s->f, stream_segment, s, e);
	return rc;
}

static int stream_open(struct stream *s, struct st_err *e)
{
	static const struct st_pipe_ops ops = { .work = run_work, .sink = run_sink };
	const struct st_ctx *ctx = &s->f->r->ctx;
	unsigned i, depth;
	int rc = ST_OK;

	s->jobs = ctx->jobs ? ctx->jobs : 1;
	if (s->to - s->from <= ST_FRAME_LEN)
		s->jobs = 1;
	while (s->jobs > 1 && ctx->memory / 4 < (uint64_t)s->jobs * 6 * ST_FRAME_LEN)
		s->jobs /= 2;
	depth = s->jobs * 4;
	s->codecs = st_calloc(s->jobs, sizeof(struct st_codec_state *), e);
	if (!s->codecs)
		rc = e->code;
	for (i = 0; rc == ST_OK && i < s->jobs; i++)
		rc = st_codec_state_new(&s->codecs[i], e);
	if (rc == ST_OK)
		rc = st_pipe_new(&s->pipe, s->jobs, depth, &ops, s, e);
	return rc;
}

static void stream_close(struct stream *s)
{
	unsigned i;

	st_pipe_free(s->pipe);
	st_obj_close(s->glue);
	while (s->nidle) {
		free(s->idle[--s->nidle]->buf);
		free(s->idle[s->nidle]);
	}
	for (i = 0; s->codecs && i < s->jobs; i++)
		st_codec_state_free(s->codecs[i]);
	free(s->codecs);
}

int st_vfile_stream(struct st_vfile *f, uint64_t off, uint64_t n,
		    int (*sink)(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e),
		    void *arg, struct st_err *e)
{
	struct stream s = { .f = f, .from = off, .sink = sink, .arg = arg };
	struct st_err late = { 0 };
	int rc;

	if (off > f->size || n > f->size - off)
		return st_fail(e, ST_EUSAGE, "range beyond the file's %" PRIu64 " bytes", f->size);
	s.to = off + n;
	if (n == 0)
		return ST_OK;
	rc = stream_open(&s, e);
	if (rc == ST_OK)
		rc = f->has_manifest ? stream_manifest(&s, e) :
				       put_object(&s, f->obj, false, off, off + n, off, e);
	if (s.pipe && st_pipe_drain(s.pipe, rc == ST_OK ? e : &late) != ST_OK && rc == ST_OK)
		rc = e->code;
	stream_close(&s);
	return rc;
}
