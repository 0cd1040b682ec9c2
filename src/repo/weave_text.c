/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#include "base/file.h"
#include "merge/keys3.h"
#include "merge/lines3.h"

#include <unistd.h>

#define MOST ((size_t)64 << 20) /* bytes of one text */

struct texts {
	struct st_weave *w;
	const struct st_strand *s;
	struct st_buf base, side[ST_THREE_SIDES];
	size_t n;
};

static int slurp(struct texts *x, const struct st_stage_row *row, struct st_buf *out,
		 struct st_err *e)
{
	struct st_dfile f = { .path = row->path, .has_id = true, .id = row->id, .size = row->size };

	return st_dfile_slurp(&f, x->w->r, out, e);
}

static bool is_text(const struct st_buf *b)
{
	return !b->len || !memchr(b->p, 0, b->len);
}

/* *text false: one is too large, or holds NUL bytes. */
static int load(struct texts *x, bool *text, struct st_err *e)
{
	const struct st_strand *s = x->s;
	int rc = ST_OK;

	*text = !s->base || s->base->size <= MOST;
	for (size_t i = 0; i < x->n; i++)
		*text = *text && (!s->side[i] || s->side[i]->size <= MOST);
	if (*text && s->base)
		rc = slurp(x, s->base, &x->base, e);
	for (size_t i = 0; rc == ST_OK && *text && i < x->n; i++)
		if (s->side[i])
			rc = slurp(x, s->side[i], &x->side[i], e);
	*text = *text && is_text(&x->base);
	for (size_t i = 0; i < x->n; i++)
		*text = *text && is_text(&x->side[i]);
	return rc;
}

static int store(struct texts *x, const struct st_buf *text, struct st_err *e)
{
	char *temp;
	int fd, rc = st_file_temp(&fd, &temp, x->w->r->dir, ST_TEMP_PREFIX, e);

	if (rc != ST_OK)
		return rc;
	rc = st_write_full(fd, text->p, text->len, temp, e);
	if (rc == ST_OK)
		rc = st_weave_store(x->w, x->s, fd, temp, e);
	close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

static struct st_text as_text(const struct st_buf *b, const char *label)
{
	return (struct st_text){ b->p ? (const void *)b->p : "", b->len, label };
}

/* One after the other into ours, until two do not go together. */
static int by_line(struct texts *x, struct st_err *e)
{
	const struct st_text base = as_text(&x->base, "base");
	struct st_buf now, next;
	size_t conflicts = 0;
	int rc = ST_OK;

	st_buf_init(&now, 4 * MOST);
	st_buf_init(&next, 4 * MOST);
	rc = st_buf_add(&now, x->side[0].p, x->side[0].len, e);
	for (size_t i = 1; rc == ST_OK && !conflicts && i < x->n; i++) {
		const struct st_text ours = as_text(&now, "ours");
		const struct st_text theirs = as_text(&x->side[i], "theirs");

		if (!x->s->side[i])
			continue;
		st_buf_clear(&next);
		rc = st_lines_merge(&base, &ours, &theirs, &next, &conflicts, e);
		if (rc == ST_OK) {
			struct st_buf t = now;

			now = next;
			next = t;
		}
	}
	if (rc == ST_OK && conflicts) {
		if (x->w->marked)
			rc = x->w->marked(x->w->marked_arg, x->s->path, &now, e);
		if (rc == ST_OK)
			rc = st_weave_whole(x->w, x->s,
					    x->s->base ? ST_CONFLICT_TEXT : ST_CONFLICT_ADD_ADD, e);
	} else if (rc == ST_OK) {
		rc = store(x, &now, e);
	}
	st_buf_release(&now);
	st_buf_release(&next);
	return rc;
}

static int decide_key(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		      const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	struct texts *x = arg;
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_item it = { .path = x->s->path,
				    .path_len = strlen(x->s->path),
				    .name = len ? key : "",
				    .name_len = len,
				    .kind = st_conflict_name(ST_CONFLICT_SETTING),
				    .sides = ids,
				    .nsides = x->n };
	struct st_choice c;
	int rc;

	if (base->p)
		st_oid_of(&it.base, base->p, base->len);
	for (size_t i = 0; i < x->n; i++)
		if (sides[i].p)
			st_oid_of(&ids[i], sides[i].p, sides[i].len);
	rc = st_weave_item(x->w, &it, ST_RULED_NOT, &c, e);
	if (rc != ST_OK)
		return rc;
	if (c.how != ST_HOW_OPEN && c.how != ST_HOW_SIDE && c.how != ST_HOW_BASE)
		return st_fail(e, ST_EUSAGE,
			       "%s::%.*s is a key of a configuration: --ours, --theirs or --base",
			       x->s->path, (int)(len < 200 ? len : 200), len ? key : "");
	*choice = c.how == ST_HOW_BASE ? x->n : c.side;
	return ST_OK;
}

/* *done false: it is no JSON, or not on every side. */
static int by_key(struct texts *x, bool *done, struct st_err *e)
{
	struct st_keys_text sides[ST_THREE_SIDES];
	struct st_keys k = { .base = { x->s->base ? x->base.p : NULL, x->base.len },
			     .sides = sides,
			     .n = x->n,
			     .decide = decide_key,
			     .arg = x };
	struct st_buf out;
	int rc;

	for (size_t i = 0; i < x->n; i++)
		sides[i] = (struct st_keys_text){ x->s->side[i] ? x->side[i].p : NULL,
						  x->side[i].len };
	*done = sides[0].p != NULL;
	if (!*done)
		return ST_OK;
	st_buf_init(&out, 4 * MOST);
	rc = st_keys_merge(&k, &out, e);
	if (rc == ST_EFORMAT) {
		st_err_clear(e);
		*done = false;
		rc = ST_OK;
	} else if (rc == ST_OK) {
		rc = store(x, &out, e);
	}
	st_buf_release(&out);
	return rc;
}

static bool is_json(const char *path)
{
	size_t n = strlen(path);

	return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

int st_weave_text(struct st_weave *w, const struct st_strand *s, bool *done, struct st_err *e)
{
	struct texts x = { .w = w, .s = s, .n = w->n };
	bool keys = false;
	int rc;

	st_buf_init(&x.base, MOST);
	for (size_t i = 0; i < x.n; i++)
		st_buf_init(&x.side[i], MOST);
	rc = load(&x, done, e);
	if (rc == ST_OK && *done && is_json(s->path))
		rc = by_key(&x, &keys, e);
	if (rc == ST_OK && *done && !keys)
		rc = by_line(&x, e);
	st_buf_release(&x.base);
	for (size_t i = 0; i < x.n; i++)
		st_buf_release(&x.side[i]);
	return rc;
}
