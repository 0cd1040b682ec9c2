/* SPDX-License-Identifier: Apache-2.0 */
/* Model files and large ordinary files: the slab pipeline described in ingest.h. */
#include "base/blake3.h"
#include "base/file.h"
#include "format/format.h"
#include "repo/ingest.h"
#include "repo/scan_verb.h"

#include <fcntl.h>
#include <unistd.h>

/* One file on its way. */
struct big {
	struct st_ingest *g;
	const char *path;
	int fd;
	struct stat st;
	uint64_t size;
	const struct st_format *format; /* NULL: chunks */
	struct st_layout layout;
	struct st_plan plan;
	struct st_filesink sink;
	uint8_t (*file_cvs)[ST_OID_LEN]; /* one a frame of the file, filled by the workers */
	size_t piece;			 /* next piece whose frames are to be given out */
	uint64_t frame;			 /* next frame of it */
	uint64_t cut;			 /* of a piece in chunks: where the next one starts */
	struct st_obj *before;		 /* of the piece in hand, */
	struct st_link link;		 /* and what it is a difference from */
};

struct glue_run {
	const struct st_piece *piece;
	size_t at, len;
	bool last;
};

struct step { /* what the sink does, in file order */
	bool glue;
	size_t index;
};

struct st_slab {
	struct st_slab *next; /* idle list */
	struct big *f;
	uint8_t *mem;  /* span + one frame */
	uint8_t *out;  /* encoded frames; as large */
	uint64_t off;  /* in the file */
	size_t len;    /* bytes that belong to this slab */
	size_t filled; /* with the overlap */
	struct st_frame_job *jobs;
	size_t njobs, jobs_cap;
	struct glue_run *runs;
	size_t nruns, runs_cap;
	struct step *steps;
	size_t nsteps, steps_cap;
};

void st_slab_free(struct st_slab *s)
{
	struct st_slab *next;

	for (; s; s = next) {
		next = s->next;
		free(s->mem);
		free(s->out);
		free(s->jobs);
		free(s->runs);
		free(s->steps);
		free(s);
	}
}

static struct st_slab *take_slab(struct st_ingest *g, struct st_err *e)
{
	struct st_slab *s = g->idle;

	if (s) {
		g->idle = s->next;
		s->next = NULL;
		s->njobs = s->nruns = s->nsteps = 0;
		return s;
	}
	s = st_calloc(1, sizeof(*s), e);
	if (!s)
		return NULL;
	s->mem = st_malloc(g->span + ST_FRAME_LEN, e);
	s->out = s->mem ? st_malloc(g->span + ST_FRAME_LEN, e) : NULL;
	if (!s->out) {
		st_slab_free(s);
		return NULL;
	}
	return s;
}

static void give_slab(struct st_ingest *g, struct st_slab *s)
{
	s->next = g->idle;
	g->idle = s;
}

static size_t frame_len(uint64_t size, uint64_t frame)
{
	uint64_t left = size - frame * ST_FRAME_LEN;

	return left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
}

static void hash_frame(const uint8_t *p, size_t n, uint64_t frame, uint64_t size,
		       uint8_t cv[ST_OID_LEN])
{
	if (size <= ST_FRAME_LEN)
		st_blake3(p, n, cv);
	else
		st_blake3_subtree(p, n, frame * (ST_FRAME_LEN / 1024), cv);
}

/* The base's frame, or NULL where it cannot be read: the frame is then stored by itself. */
static const uint8_t *base_frame(struct st_ingest *g, const struct st_frame_job *j,
				 struct st_codec_state *s)
{
	struct st_err bad = { 0 };
	uint8_t *room;

	if (g->o.mode == ST_CODEC_FAST || !j->link.base)
		return NULL;
	st_codec_memo(s)->set = false;
	room = st_codec_room(s, ST_ROOM_FRAME, &bad);
	if (!room || st_obj_frame(j->link.base, s, j->frame, room, &bad) != ST_OK)
		return NULL;
	return room;
}

/* Chaining values decide, so nobody's bytes are needed. */
static bool has_frame(const struct st_obj *ob, const struct st_frame_job *j)
{
	return ob && memcmp(st_obj_entry(ob)->frames[j->frame].cv, j->cv, ST_OID_LEN) == 0;
}

static int work_job(struct st_ingest *g, struct st_slab *s, struct st_frame_job *j, size_t *out,
		    unsigned worker, struct st_err *e)
{
	struct st_frame_in in = { .raw = s->mem + j->at, .n = j->len };
	int rc;

	if (j->size == 0)
		return ST_OK;
	hash_frame(in.raw, j->len, j->frame, j->size, j->cv);
	j->equal = has_frame(j->before, j);
	if (j->equal || has_frame(j->link.base, j)) {
		j->coding = ST_CODING_SAME;
		j->stored = 0;
		return ST_OK;
	}
	st_frame_describe(&in, j->piece, j->frame);
	in.base = base_frame(g, j, g->codecs[worker]);
	in.base_n = in.base ? in.n : 0;
	rc = st_frame_encode(g->codecs[worker], &in, g->o.mode, s->out + *out, &j->coding,
			     &j->stored, e);
	j->out = *out;
	if (rc == ST_OK && j->coding != ST_CODING_RAW)
		*out += j->stored;
	return rc;
}

static int slab_work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	struct st_slab *s = item;
	struct big *f = s->f;
	uint64_t first = s->off / ST_FRAME_LEN, i;
	size_t at, out = 0, k;
	int rc = ST_OK;

	for (i = first, at = 0; at < s->len; i++, at += ST_FRAME_LEN)
		hash_frame(s->mem + at, frame_len(f->size, i), i, f->size, f->file_cvs[i]);
	for (k = 0; rc == ST_OK && k < s->njobs; k++)
		rc = work_job(arg, s, &s->jobs[k], &out, worker, e);
	return rc;
}

static bool last_frame(const struct st_frame_job *j)
{
	return (j->frame + 1) * ST_FRAME_LEN >= j->size;
}

static int sink_steps(struct st_slab *s, struct st_err *e)
{
	struct big *f = s->f;
	const struct st_frame_job *j;
	const struct glue_run *g;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < s->nsteps; i++) {
		if (s->steps[i].glue) {
			g = &s->runs[s->steps[i].index];
			rc = st_filesink_glue(&f->sink, g->piece, s->mem + g->at, g->len, g->last,
					      e);
			continue;
		}
		j = &s->jobs[s->steps[i].index];
		if (j->size == 0)
			rc = st_filesink_empty(&f->sink, j->piece, e);
		else
			rc = st_filesink_frame(&f->sink, j,
					       j->coding == ST_CODING_RAW ? s->mem + j->at :
									    s->out + j->out,
					       e);
	}
	return rc;
}

/* The last frame's job owns its piece's version before. */
static void close_bases(struct st_slab *s)
{
	size_t i;

	for (i = 0; i < s->njobs; i++)
		if (s->jobs[i].before && last_frame(&s->jobs[i]))
			st_obj_close(s->jobs[i].before);
	s->njobs = 0;
}

static int slab_sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct st_ingest *g = arg;
	struct st_slab *s = item;

	if (rc == ST_OK)
		rc = sink_steps(s, e);
	else
		*e = *ie;
	close_bases(s);
	g->done_bytes += s->len;
	st_progress(&g->r->ctx, "add", g->done_bytes, g->total_bytes, true, false);
	give_slab(g, s);
	return rc;
}

const struct st_pipe_ops st_slab_ops = { .work = slab_work, .sink = slab_sink };

static int add_step(struct st_slab *s, bool glue, size_t index, struct st_err *e)
{
	int rc = st_grow(&s->steps, &s->steps_cap, s->nsteps + 1, e);

	if (rc == ST_OK)
		s->steps[s->nsteps++] = (struct step){ glue, index };
	return rc;
}

static int add_job(struct st_slab *s, const struct st_frame_job *j, struct st_err *e)
{
	int rc = st_grow(&s->jobs, &s->jobs_cap, s->njobs + 1, e);

	if (rc == ST_OK)
		rc = add_step(s, false, s->njobs, e);
	if (rc == ST_OK)
		s->jobs[s->njobs++] = *j;
	return rc;
}

static int add_run(struct st_slab *s, const struct st_piece *p, struct st_err *e)
{
	uint64_t from = p->off > s->off ? p->off : s->off, end = p->off + p->size;
	uint64_t to = end < s->off + s->len ? end : s->off + s->len;
	int rc = st_grow(&s->runs, &s->runs_cap, s->nruns + 1, e);

	if (rc != ST_OK)
		return rc;
	s->runs[s->nruns++] = (struct glue_run){ .piece = p,
						 .at = (size_t)(from - s->off),
						 .len = (size_t)(to - from),
						 .last = to == end };
	return add_step(s, true, s->nruns - 1, e);
}

struct sampled {
	const struct big *f;
	uint64_t off;
};

static int read_sample(void *arg, uint64_t frame, uint8_t *p, size_t n, struct st_err *e)
{
	const struct sampled *s = arg;

	return st_pread_full(s->f->fd, p, n, s->off + frame * ST_FRAME_LEN, s->f->path, e);
}

static int choose_base(struct big *f, const struct st_piece *p, struct st_err *e)
{
	struct sampled s = { f, p->off };
	struct st_codec_state *own;
	int rc;

	/* Then only frames as before refer to it, hence the more of these the better; what follows
	 * counts anew. */
	if (f->g->o.mode == ST_CODEC_FAST && f->before && st_obj_depth(f->before) < ST_MAX_DEPTH)
		f->link.base = f->before;
	if (f->g->o.mode == ST_CODEC_FAST)
		return ST_OK;
	st_link_after(&f->link, f->before, ST_MAX_DEPTH);
	if (!f->link.base)
		return ST_OK;
	rc = st_ingest_codec(f->g, &own, e);
	return rc == ST_OK ? st_link_weigh(&f->link, f->before, p, own, read_sample, &s, e) : rc;
}

/*
 * The version before of an extent that a tensor covers, opened; NULL if there is none of the size.
 * One that cannot be read is none: the tensor is stored by itself.
 */
static int open_before(struct big *f, const struct st_piece *p, struct st_err *e)
{
	struct st_ingest *g = f->g;
	struct st_err bad = { 0 };
	struct st_oid id;
	bool found = false;
	int rc = ST_OK;

	f->before = NULL;
	f->link = (struct st_link){ 0 };
	if (p->ntensors == 0 || p->size == 0)
		return ST_OK;
	if (!g->bases)
		rc = st_bases_new(&g->bases, g->r, e);
	/* Any of several names of the same bytes may be the one they had before. */
	for (size_t i = 0; rc == ST_OK && !found && i < p->ntensors; i++)
		if (p->tensors[i].nbytes == p->size)
			rc = st_bases_find(g->bases, f->path, &p->tensors[i], &id, &found, e);
	if (rc != ST_OK || !found)
		return rc;
	rc = st_obj_open(&f->before, g->r->odb, &id, &bad);
	if (rc == ST_OK && st_obj_size(f->before) != p->size) {
		st_obj_close(f->before);
		f->before = NULL;
	}
	return choose_base(f, p, e);
}

/* Frames of the piece in hand that start in this slab; true once the piece is given out. */
static int give_frames(struct big *f, struct st_slab *s, const struct st_piece *p, bool *whole,
		       struct st_err *e)
{
	struct st_frame_job j = { .piece = p, .size = p->size };
	uint64_t at;
	int rc = ST_OK;

	*whole = false;
	if (f->frame == 0)
		rc = open_before(f, p, e);
	for (; rc == ST_OK; f->frame++) {
		at = p->off + f->frame * ST_FRAME_LEN;
		if (f->frame && at >= p->off + p->size) {
			*whole = true;
			break;
		}
		if (at >= s->off + s->len && p->size)
			break;
		j.before = f->before;
		j.link = f->link;
		j.frame = f->frame;
		j.at = (size_t)(at - s->off);
		j.len = frame_len(p->size, f->frame);
		rc = add_job(s, &j, e);
		if (rc == ST_OK && last_frame(&j))
			f->before = NULL;
	}
	return rc;
}

static int give_chunks(struct big *f, struct st_slab *s, const struct st_piece *p, bool *whole,
		       struct st_err *e)
{
	uint64_t end = p->off + p->size, seen = s->off + s->filled;
	struct st_frame_job j = { 0 };
	int rc = ST_OK;

	if (f->cut < p->off)
		f->cut = p->off;
	if (seen > end)
		seen = end;
	while (rc == ST_OK && f->cut < end && f->cut < s->off + s->len) {
		j.at = (size_t)(f->cut - s->off);
		j.len = st_cdc_next(&f->g->cdc, s->mem + j.at, (size_t)(seen - f->cut));
		j.size = j.len;
		f->cut += j.len;
		rc = add_job(s, &j, e);
	}
	*whole = f->cut >= end;
	return rc;
}

static int give_pieces(struct big *f, struct st_slab *s, struct st_err *e)
{
	uint64_t end = s->off + s->len;
	const struct st_piece *p;
	bool whole = true;
	int rc = ST_OK;

	while (rc == ST_OK && f->piece < f->plan.n) {
		p = &f->plan.pieces[f->piece];
		if (p->off >= end && !(p->size == 0 && end == f->size))
			break;
		if (p->glue) {
			rc = add_run(s, p, e);
			whole = p->off + p->size <= end;
		} else if (p->chunks) {
			rc = give_chunks(f, s, p, &whole, e);
		} else {
			rc = give_frames(f, s, p, &whole, e);
		}
		if (rc != ST_OK || !whole)
			break;
		f->piece++;
		f->frame = 0;
	}
	return rc;
}

/*
 * Reads the rest of the slab after `have` bytes that the slab before it had read already: every
 * byte of the file is read once, so all hashes are of the same bytes.
 */
static int fill_slab(struct big *f, struct st_slab *s, size_t have, struct st_err *e)
{
	uint64_t left = f->size - s->off;
	size_t span = f->g->span, want = span + ST_FRAME_LEN;

	s->filled = left < want ? (size_t)left : want;
	s->len = left < span ? (size_t)left : span;
	return st_pread_full(f->fd, s->mem + have, s->filled - have, s->off + have, f->path, e);
}

static int next_slab(struct big *f, struct st_slab **cur, struct st_err *e)
{
	struct st_slab *s = *cur, *n;
	size_t over;
	int rc;

	*cur = NULL;
	rc = give_pieces(f, s, e);
	if (rc == ST_OK && s->off + s->len < f->size) {
		n = take_slab(f->g, e);
		if (!n)
			rc = e->code;
		if (rc == ST_OK) {
			n->f = f;
			n->off = s->off + s->len;
			over = s->filled - s->len;
			memcpy(n->mem, s->mem + s->len, over);
			rc = fill_slab(f, n, over, e);
			*cur = n;
		}
	}
	if (rc != ST_OK) {
		close_bases(s);
		give_slab(f->g, s);
		return rc;
	}
	return st_pipe_put(f->g->big_pipe, s, e);
}

static int run_slabs(struct big *f, struct st_err *e)
{
	struct st_slab *s = take_slab(f->g, e);
	struct st_err late = { 0 };
	int rc;

	if (!s)
		return e->code;
	s->f = f;
	s->off = 0;
	rc = fill_slab(f, s, 0, e);
	while (rc == ST_OK && s) {
		rc = st_check_cancel(&f->g->r->ctx, e);
		if (rc == ST_OK)
			rc = next_slab(f, &s, e);
	}
	if (s)
		give_slab(f->g, s);
	/* Whatever is in flight refers to this file and must come home first. */
	if (st_pipe_drain(f->g->big_pipe, rc == ST_OK ? e : &late) != ST_OK && rc == ST_OK)
		rc = e->code;
	return rc;
}

/* What the file's structure is; a damaged one is stored as an ordinary file, with a warning. */
static int look_inside(struct big *f, struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_source src;
	int rc;

	st_source_init_fd(&src, f->fd, f->size, f->path);
	rc = st_scan_warn(&f->g->r->ctx, &src, f->path, &f->g->r->config, e);
	if (rc == ST_OK)
		rc = st_format_probe(&f->format, &src, f->path, e);
	if (rc != ST_OK || !f->format)
		return rc;
	rc = st_format_parse(f->format, &f->layout, &src, f->g->r->ctx.memory / 4, &bad);
	if (rc == ST_OK) {
		rc = st_plan_make(&f->plan, &f->layout, e);
		if (rc == ST_OK)
			rc = st_plan_ids(&f->plan, &f->g->r->ctx, &f->layout, &src, &bad);
		if (rc == ST_OK || e->code != ST_OK)
			return rc;
		st_plan_release(&f->plan);
	}
	st_layout_release(&f->layout);
	st_layout_init(&f->layout);
	f->format = NULL;
	if (rc != ST_EFORMAT && rc != ST_ELIMIT && rc != ST_ECORRUPT) {
		*e = bad;
		return rc;
	}
	st_warn(&f->g->r->ctx, "%s; stored as an ordinary file", bad.msg);
	return ST_OK;
}

/* A small damaged model or none at all: one data object, no chunks. */
static int ingest_whole(struct big *f, struct st_oid *id, struct st_err *e)
{
	uint8_t *p = st_malloc((size_t)f->size, e);
	int rc = p ? st_pread_full(f->fd, p, (size_t)f->size, 0, f->path, e) : e->code;

	if (rc == ST_OK)
		rc = st_writer_put(f->g->w, NULL, p, (size_t)f->size, id, e);
	free(p);
	return rc;
}

static void file_id(const struct big *f, struct st_oid *id)
{
	uint64_t n = st_frames_of(f->size);

	if (n > 1)
		st_blake3_join((const uint8_t(*)[ST_OID_LEN])f->file_cvs, (size_t)n, id->b);
	else
		memcpy(id->b, f->file_cvs[0], ST_OID_LEN);
}

static int ingest_pieces(struct big *f, struct st_oid *id, struct st_err *e)
{
	int rc;

	f->file_cvs = st_calloc((size_t)st_frames_of(f->size), ST_OID_LEN, e);
	if (!f->file_cvs)
		return e->code;
	rc = st_filesink_init(&f->sink, f->g, f->path, f->format ? f->format->name : "chunks", e);
	f->sink.layout = &f->layout;
	f->sink.ids = f->plan.ids;
	if (rc == ST_OK)
		rc = run_slabs(f, e);
	for (size_t i = f->plan.in_file; rc == ST_OK && i < f->layout.ntensors; i++)
		rc = st_filesink_detached(&f->sink, &f->layout.tensors[i], &f->plan.ids[i], e);
	if (rc == ST_OK) {
		file_id(f, id);
		rc = st_filesink_finish(&f->sink, id, f->size, f->layout.metadata,
					f->layout.metadata_len, e);
	}
	return rc;
}

static int check_same(struct big *f, struct st_err *e)
{
	struct stat now;

	if (fstat(f->fd, &now) != 0)
		return st_fail_os(e, "%s", f->path);
	if (now.st_size != f->st.st_size || st_mtime_ns(&now) != st_mtime_ns(&f->st) ||
	    st_ctime_ns(&now) != st_ctime_ns(&f->st))
		return st_fail(e, ST_ECHANGED, "%s changed while it was read", f->path);
	return ST_OK;
}

static int ingest_open(struct big *f, struct st_ingested *got, struct st_err *e)
{
	int rc;

	got->open = st_open_for_writing(f->fd);
	if (fstat(f->fd, &f->st) != 0)
		return st_fail_os(e, "%s", f->path);
	if (!S_ISREG(f->st.st_mode))
		return st_fail(e, ST_EFORMAT, "%s is not a regular file", f->path);
	f->size = (uint64_t)f->st.st_size;
	rc = look_inside(f, e);
	if (rc == ST_OK && !f->format)
		rc = st_plan_chunks(&f->plan, f->size, e);
	if (rc == ST_OK)
		rc = !f->format && f->size <= ST_SMALL_MAX ? ingest_whole(f, &got->id, e) :
							     ingest_pieces(f, &got->id, e);
	if (rc == ST_OK)
		rc = check_same(f, e);
	got->size = f->size;
	got->model = f->format != NULL;
	got->st = f->st;
	return rc;
}

static int ingest_once(struct st_ingest *g, const char *path, const char *full, bool follow,
		       struct st_ingested *got, struct st_err *e)
{
	struct big f = { .g = g, .path = path, .fd = -1 };
	int rc;

	st_layout_init(&f.layout);
	rc = st_open_read(&f.fd, full, O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), e);
	if (rc == ST_OK)
		rc = ingest_open(&f, got, e);
	st_obj_close(f.before);
	st_filesink_release(&f.sink);
	st_plan_release(&f.plan);
	st_layout_release(&f.layout);
	free(f.file_cvs);
	if (f.fd >= 0)
		close(f.fd);
	return rc;
}

int st_ingest_big(struct st_ingest *g, const char *path, const char *full, bool follow,
		  struct st_err *e)
{
	struct st_ingested got = { .size = 0 };
	struct st_err ignored = { 0 };
	uint64_t before = g->done_bytes;
	int rc = ingest_once(g, path, full, follow, &got, e);

	if (rc == ST_ECHANGED) {
		st_err_clear(e);
		g->done_bytes = before;
		rc = st_writer_cancel_object(g->w, &ignored);
		if (rc == ST_OK)
			rc = ingest_once(g, path, full, follow, &got, e);
	}
	return rc == ST_OK ? g->done(g->done_arg, path, &got, e) : rc;
}
