/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_collect.h"

#include <math.h>
#include <stdalign.h>

#define BLOCK ((size_t)256 << 10)

struct block {
	struct block *next;
	max_align_t data[];
};

void diff_collect_init(struct diff_collect *k, struct cli *c)
{
	*k = (struct diff_collect){ .c = c };
}

void diff_collect_release(struct diff_collect *k)
{
	struct block *b = k->blocks, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	free(k->files);
	free(k->settings);
	free(k->tensors);
}

static void *room(struct diff_collect *k, size_t n)
{
	size_t need = (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
	size_t size = need > BLOCK ? need : BLOCK;
	struct block *b;
	char *p;

	if (n > SIZE_MAX / 2)
		k->failed = true;
	if (!k->failed && need > k->left) {
		b = malloc(sizeof(*b) + size);
		k->failed = !b;
		if (b) {
			b->next = k->blocks;
			k->blocks = b;
			k->at = (char *)b->data;
			k->left = size;
		}
	}
	if (k->failed)
		return NULL;
	p = k->at;
	k->at += need;
	k->left -= need;
	return p;
}

static void *keep(struct diff_collect *k, const void *p, size_t n)
{
	void *copy = p ? room(k, n) : NULL;

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}

static const char *keep_text(struct diff_collect *k, const char *s)
{
	return s ? keep(k, s, strlen(s) + 1) : NULL;
}

/* Files come in runs: most often the text is the one of the entry before. */
static const char *keep_path(struct diff_collect *k, const char *s)
{
	const char *last = k->ntensors ? k->tensors[k->ntensors - 1].path : NULL;

	return last && strcmp(last, s) == 0 ? last : keep_text(k, s);
}

/* Room for one more in an array. */
static bool grow(struct diff_collect *k, void *array, size_t *cap, size_t n, size_t size)
{
	bool fine = cli_grow(array, cap, n + 1, size);

	k->failed = k->failed || !fine;
	return fine;
}

static int done(struct diff_collect *k)
{
	return k->failed || cli_stop(k->c);
}

static int take_file(void *arg, const strata_diff_file *f)
{
	struct diff_collect *k = arg;
	strata_diff_file *to;

	if (!grow(k, &k->files, &k->files_cap, k->nfiles, sizeof(*to)))
		return 1;
	to = &k->files[k->nfiles++];
	*to = *f;
	to->path = keep_text(k, f->path);
	to->status = keep_text(k, f->status);
	to->a_path = keep_text(k, f->a_path);
	to->a_mode = keep_text(k, f->a_mode);
	to->b_mode = keep_text(k, f->b_mode);
	to->a_id = keep_text(k, f->a_id);
	to->b_id = keep_text(k, f->b_id);
	return done(k);
}

static int take_setting(void *arg, const strata_diff_setting *s)
{
	struct diff_collect *k = arg;
	strata_diff_setting *to;

	if (!grow(k, &k->settings, &k->settings_cap, k->nsettings, sizeof(*to)))
		return 1;
	to = &k->settings[k->nsettings++];
	to->path = keep_text(k, s->path);
	to->key = keep_text(k, s->key);
	to->a = keep_text(k, s->a);
	to->b = keep_text(k, s->b);
	return done(k);
}

static const strata_diff_tensor *keep_tensor(struct diff_collect *k, const strata_diff_tensor *t)
{
	strata_diff_tensor *to = keep(k, t, sizeof(*t));

	if (!to)
		return NULL;
	to->name = keep(k, t->name, t->name_len + 1);
	to->dtype = keep_text(k, t->dtype);
	to->shape = keep(k, t->shape, t->ndim * sizeof(*t->shape));
	to->id = keep_text(k, t->id);
	return to;
}

static int take_tensor(void *arg, const strata_diff_entry *t)
{
	struct diff_collect *k = arg;
	strata_diff_entry *to;
	strata_diff_figures *f;

	if (!grow(k, &k->tensors, &k->tensors_cap, k->ntensors, sizeof(*to)))
		return 1;
	to = &k->tensors[k->ntensors];
	*to = *t;
	to->path = keep_path(k, t->path);
	to->status = keep_text(k, t->status);
	to->note = keep_text(k, t->note);
	to->a = keep_tensor(k, t->a);
	to->b = keep_tensor(k, t->b);
	to->figures = f = keep(k, t->figures, sizeof(*f));
	if (f && f->histogram)
		f->histogram = keep(k, f->histogram, STRATA_DIFF_BUCKETS * sizeof(*f->histogram));
	k->ntensors++;
	return done(k);
}

const strata_diff_handler diff_collecting = {
	.file = take_file,
	.tensor = take_tensor,
	.setting = take_setting,
};

/* Below every mad: nothing finite, then not compared. */
static double rank_of(const strata_diff_entry *t)
{
	if (!t->figures)
		return -2;
	return isnan(t->figures->mad) ? -1 : t->figures->mad;
}

struct ranked {
	strata_diff_entry t;
	size_t i;
};

static int by_mad(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;
	double ra = rank_of(&a->t), rb = rank_of(&b->t);

	if (ra != rb)
		return ra > rb ? -1 : 1;
	return a->i < b->i ? -1 : a->i > b->i;
}

void diff_collect_top(struct diff_collect *k, uint64_t n)
{
	struct ranked *v = reallocarray(NULL, k->ntensors + 1, sizeof(*v));

	k->failed = k->failed || !v;
	if (!v)
		return;
	for (size_t i = 0; i < k->ntensors; i++)
		v[i] = (struct ranked){ k->tensors[i], i };
	if (k->ntensors)
		qsort(v, k->ntensors, sizeof(*v), by_mad);
	if (k->ntensors > n)
		k->ntensors = (size_t)n;
	for (size_t i = 0; i < k->ntensors; i++)
		k->tensors[i] = v[i].t;
	free(v);
}
