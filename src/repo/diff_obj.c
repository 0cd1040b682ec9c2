/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object as a source that several threads read. Whoever wants a part of a frame finds it decoded
 * or decodes it for all; a whole frame is decoded where it is wanted.
 */
#include "repo/diff_side.h"

#include <pthread.h>

#define SLOTS_MAX 32

struct st_codecs {
	pthread_mutex_t lock;
	struct st_codec_state **idle;
	size_t n, cap;
	unsigned jobs;
};

int st_codecs_new(struct st_codecs **out, unsigned jobs, struct st_err *e)
{
	struct st_codecs *c = st_calloc(1, sizeof(*c), e);

	*out = NULL;
	if (!c)
		return e->code;
	c->cap = c->jobs = jobs ? jobs : 1;
	c->idle = st_calloc(c->cap, sizeof(struct st_codec_state *), e);
	if (!c->idle) {
		free(c);
		return e->code;
	}
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return ST_OK;
}

void st_codecs_free(struct st_codecs *c)
{
	if (!c)
		return;
	while (c->n)
		st_codec_state_free(c->idle[--c->n]);
	free(c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int codec_take(struct st_codecs *c, struct st_codec_state **out, struct st_err *e)
{
	*out = NULL;
	pthread_mutex_lock(&c->lock);
	if (c->n)
		*out = c->idle[--c->n];
	pthread_mutex_unlock(&c->lock);
	return *out ? ST_OK : st_codec_state_new(out, e);
}

static void codec_give(struct st_codecs *c, struct st_codec_state *s)
{
	pthread_mutex_lock(&c->lock);
	if (c->n < c->cap) {
		c->idle[c->n++] = s;
		s = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	st_codec_state_free(s);
}

enum slot_state {
	SLOT_FREE,
	SLOT_LOADING,
	SLOT_READY
};

struct slot {
	enum slot_state state;
	uint64_t frame;
	unsigned users; /* who load or copy; then it is not taken for another frame */
	uint64_t age;
	uint8_t *p;
};

struct objsrc {
	struct st_obj *ob;
	uint64_t off;
	struct st_codecs *codecs;
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct slot slots[SLOTS_MAX];
	unsigned nslots;
	uint64_t clock;
};

/* Under the lock. The slot of that frame, or one that may be filled with it, or NULL: wait. */
static struct slot *find_slot(struct objsrc *s, uint64_t frame)
{
	struct slot *best = NULL, *k;

	for (unsigned i = 0; i < s->nslots; i++) {
		k = &s->slots[i];
		if (k->state != SLOT_FREE && k->frame == frame)
			return k;
		if (k->users == 0 && (!best || k->age < best->age))
			best = k;
	}
	if (best)
		best->state = SLOT_FREE;
	return best;
}

static int decode(struct objsrc *s, uint64_t frame, uint8_t *dst, struct st_err *e)
{
	struct st_codec_state *codec;
	int rc = codec_take(s->codecs, &codec, e);

	if (rc != ST_OK)
		return rc;
	rc = st_obj_frame(s->ob, codec, frame, dst, e);
	codec_give(s->codecs, codec);
	return rc;
}

/* Under the lock, which is let go meanwhile. */
static int fill(struct objsrc *s, struct slot *k, uint64_t frame, struct st_err *e)
{
	int rc = ST_OK;

	k->state = SLOT_LOADING;
	k->frame = frame;
	pthread_mutex_unlock(&s->lock);
	if (!k->p)
		k->p = st_malloc(ST_FRAME_LEN, e);
	rc = k->p ? decode(s, frame, k->p, e) : (int)e->code;
	pthread_mutex_lock(&s->lock);
	k->state = rc == ST_OK ? SLOT_READY : SLOT_FREE;
	pthread_cond_broadcast(&s->change);
	return rc;
}

static int part_of_frame(struct objsrc *s, uint64_t frame, size_t skip, uint8_t *out, size_t n,
			 struct st_err *e)
{
	struct slot *k;
	int rc = ST_OK;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		k = find_slot(s, frame);
		if (k && k->state != SLOT_LOADING)
			break;
		pthread_cond_wait(&s->change, &s->lock);
	}
	k->users++;
	k->age = ++s->clock;
	if (k->state == SLOT_FREE)
		rc = fill(s, k, frame, e);
	pthread_mutex_unlock(&s->lock);
	if (rc == ST_OK)
		memcpy(out, k->p + skip, n);
	pthread_mutex_lock(&s->lock);
	k->users--;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int objsrc_pread(const struct st_source *src, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	struct objsrc *s = (struct objsrc *)(uintptr_t)src->mem;
	uint64_t at = s->off + off, frame, left;
	uint8_t *out = buf;
	size_t skip, take, len;
	int rc = ST_OK;

	for (; rc == ST_OK && n; out += take, at += take, n -= take) {
		frame = at / ST_FRAME_LEN;
		skip = (size_t)(at % ST_FRAME_LEN);
		left = st_obj_size(s->ob) - frame * ST_FRAME_LEN;
		len = left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
		take = len - skip < n ? len - skip : n;
		rc = take == len ? decode(s, frame, out, e) :
				   part_of_frame(s, frame, skip, out, take, e);
	}
	return rc;
}

static void objsrc_close(struct st_source *src)
{
	struct objsrc *s = (struct objsrc *)(uintptr_t)src->mem;

	for (unsigned i = 0; i < s->nslots; i++)
		free(s->slots[i].p);
	st_obj_close(s->ob);
	pthread_cond_destroy(&s->change);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct st_source_ops objsrc_ops = { .pread = objsrc_pread, .close = objsrc_close };

int st_objsrc_open(struct st_source *out, struct st_odb *odb, const struct st_oid *id, uint64_t off,
		   uint64_t n, struct st_codecs *codecs, const char *name, struct st_err *e)
{
	struct objsrc *s;
	struct st_obj *ob;
	int rc = st_obj_open(&ob, odb, id, e);

	*out = (struct st_source){ .fd = -1 };
	if (rc != ST_OK)
		return rc;
	if (off > st_obj_size(ob) || n > st_obj_size(ob) - off)
		rc = st_fail(e, ST_ECORRUPT, "%s: an extent's object has another size", name);
	s = rc == ST_OK ? st_calloc(1, sizeof(*s), e) : NULL;
	if (!s) {
		st_obj_close(ob);
		return e->code;
	}
	s->ob = ob;
	s->off = off;
	s->codecs = codecs;
	/* Two neighbours share a frame of a narrow type; each thread is at one or two frames. */
	s->nslots = codecs->jobs + 2 < SLOTS_MAX ? codecs->jobs + 2 : SLOTS_MAX;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->change, NULL);
	*out = (struct st_source){
		.ops = &objsrc_ops, .size = n, .name = name, .fd = -1, .costly = true, .mem = s
	};
	return ST_OK;
}
