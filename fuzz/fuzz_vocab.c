/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vocabularies, parted by the first byte 0 (or in the middle): every token of both has a row in
 * the union, no two that were apart share one, and theirs's numbers lead there and back.
 * An added token that has another id once it is loaded is one of the file.
 * Ids elsewhere that are changed and changed back are what they were.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void look(const struct st_vocab_union *u, const struct st_vocab *ours,
		 const struct st_vocab *theirs)
{
	for (size_t i = 0; i < ours->n; i++)
		check(ours->v[i].id < u->end && u->ours[ours->v[i].id]);
	for (size_t i = 0; i < theirs->n; i++) {
		const struct st_token *t = &theirs->v[i];
		uint64_t id;

		check(u->to[t->id] < u->end && u->from[u->to[t->id]] <= theirs->end);
		if (!st_map_get(&ours->ids, t->text, t->len, &id))
			check(st_map_get(&u->added, t->text, t->len, &id) && id == u->to[t->id]);
	}
}

/* Numbers that lead back. */
static int there(void *arg, uint64_t id, uint64_t *to, struct st_err *e)
{
	(void)arg;
	(void)e;
	*to = id < 1000000 ? id + 1000000 : id;
	return ST_OK;
}

static int back(void *arg, uint64_t id, uint64_t *to, struct st_err *e)
{
	(void)e;
	*to = id >= 1000000 && id < 2000000 ? id - 1000000 : id;
	*(bool *)arg = *(bool *)arg || id < 1000000;
	return ST_OK;
}

static void refs(const char *file, const struct st_vocab_text *text)
{
	bool odd = false, large = false;
	const struct st_vocab_ids fn = { there, NULL }, nf = { back, &odd };
	struct st_err e = { 0 };
	struct st_buf a, b;

	st_buf_init(&a, (size_t)1 << 24);
	st_buf_init(&b, (size_t)1 << 24);
	for (size_t i = 0, n = 0; i < text->len; i++) {
		n = ((const char *)text->p)[i] >= '0' && ((const char *)text->p)[i] <= '9' ? n + 1 :
											     0;
		large = large || n > 6;
	}
	if (st_vocab_renumber(file, text, &fn, &a, &e) == ST_OK) {
		const struct st_vocab_text made = { a.p ? (const void *)a.p : "", a.len };

		check(st_vocab_renumber(file, &made, &nf, &b, &e) == ST_OK && !odd);
		check(large || (b.len == text->len && memcmp(b.p, text->p, b.len) == 0));
	}
	st_buf_release(&a);
	st_buf_release(&b);
}

static void write(const struct st_vocab_union *u, const struct st_vocab_text *ours,
		  const struct st_vocab_text *theirs)
{
	for (int form = ST_VOCAB_TOKENS; form <= ST_VOCAB_LINES; form++) {
		struct st_err e = { 0 };
		struct st_buf b;

		if (form == ST_VOCAB_ID)
			continue;
		st_buf_init(&b, (size_t)1 << 24);
		check(st_vocab_text((enum st_vocab_form)form, u, ours, theirs, &b, &e) ==
		      (int)e.code);
		st_buf_release(&b);
	}
}

static void unite(const char *file, const struct st_vocab_text *ours,
		  const struct st_vocab_text *theirs)
{
	struct st_vocab base, a, b;
	struct st_vocab_union u;
	struct st_err e = { 0 };

	st_vocab_init(&base);
	st_vocab_init(&a);
	st_vocab_init(&b);
	if (st_vocab_read(&a, file, ours->p, ours->len, &e) == ST_OK &&
	    st_vocab_read(&b, file, theirs->p, theirs->len, &e) == ST_OK) {
		check(st_vocab_unite(&u, &base, &a, &b, &e) == ST_OK);
		look(&u, &a, &b);
		write(&u, ours, theirs);
		st_vocab_union_release(&u);
	}
	st_vocab_release(&a);
	st_vocab_release(&b);
}

static void load(const struct st_vocab_text *text)
{
	struct st_vocab_loaded x;
	struct st_err e = { 0 };
	struct st_vocab v;

	if (st_vocab_load(text, &x, &e) != ST_OK)
		return;
	st_vocab_init(&v);
	check(x.odd == (x.said != x.id) && x.odd == (x.token.len > 0));
	if (x.odd && st_vocab_read(&v, "tokenizer.json", text->p, text->len, &e) == ST_OK)
		check(st_map_get(&v.ids, x.token.p, x.token.len, NULL));
	st_vocab_release(&v);
	st_buf_release(&x.token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t n = zero ? (size_t)(zero - data) : size / 2, from = n + (zero != NULL);
	const struct st_vocab_text ours = { data, n }, theirs = { data + from, size - from };

	unite("tokenizer.json", &ours, &theirs);
	unite("vocab.json", &ours, &theirs);
	unite("vocab.txt", &ours, &theirs);
	unite("tokenizer_config.json", &ours, &theirs);
	load(&ours);
	refs("tokenizer.json", &ours);
	refs("config.json", &theirs);
	return 0;
}
