/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a pickle: refused with offset and reason, or a graph that keeps its promises. */
#include "base/utf8.h"
#include "format/pickle.h"

#define MAX_VISITS 20000 /* the graph may have circles */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t len;
};

struct walk {
	const struct st_pk *todo[MAX_VISITS];
	size_t n, seen;
};

static void later(struct walk *w, const struct st_pk *n)
{
	if (w->n < MAX_VISITS)
		w->todo[w->n++] = n;
}

static void check_seq(struct walk *w, const struct st_pk_seq *s)
{
	ST_BUG_ON(s->n > s->cap || (s->n && !s->v));
	for (size_t i = 0; i < s->n; i++) {
		ST_BUG_ON(!s->v[i]);
		later(w, s->v[i]);
	}
}

static void check_str(const struct st_pk *n, const struct input *in)
{
	const struct st_pk_str *s = &n->str;

	if (s->off != ST_PK_NOWHERE) {
		ST_BUG_ON(s->off > in->len || s->len > in->len - s->off);
		ST_BUG_ON(s->p && s->len && memcmp(s->p, in->p + s->off, s->len) != 0);
	}
	ST_BUG_ON(!s->p && (s->off == ST_PK_NOWHERE || s->len <= ST_PK_LOADED));
	ST_BUG_ON(s->p && n->kind != ST_PK_BIGINT && s->p[s->len] != 0);
	ST_BUG_ON(n->kind == ST_PK_BIGINT && s->len <= 8);
}

static void check_call(struct walk *w, const struct st_pk *n)
{
	const struct st_pk_call *c = &n->call;

	ST_BUG_ON(!c->args || (n->kind == ST_PK_PERSID) != !c->fn);
	ST_BUG_ON(n->kind != ST_PK_PERSID && c->args->kind != ST_PK_TUPLE);
	ST_BUG_ON(c->kwargs && c->kwargs->kind != ST_PK_DICT);
	later(w, c->args);
	if (c->fn)
		later(w, c->fn);
	if (c->kwargs)
		later(w, c->kwargs);
	if (c->items) {
		ST_BUG_ON(c->items->n == 0 || (c->pairs && c->items->n % 2));
		check_seq(w, c->items);
	}
}

static void check_node(struct walk *w, const struct st_pk *n, const struct input *in)
{
	ST_BUG_ON(n->at >= in->len);
	if (n->state)
		later(w, n->state);
	ST_BUG_ON(n->cls && n->cls->kind != ST_PK_GLOBAL);
	switch (n->kind) {
	case ST_PK_STR:
	case ST_PK_BYTES:
	case ST_PK_BIGINT:
		check_str(n, in);
		break;
	case ST_PK_DICT:
		ST_BUG_ON(n->seq.n % 2);
		check_seq(w, &n->seq);
		break;
	case ST_PK_TUPLE:
	case ST_PK_LIST:
	case ST_PK_SET:
		check_seq(w, &n->seq);
		break;
	case ST_PK_CALL:
	case ST_PK_OBJECT:
	case ST_PK_PERSID:
		check_call(w, n);
		break;
	default:
		break;
	}
}

static void check_globals(const struct st_pickle *p)
{
	for (size_t i = 0; i < p->nglobals; i++) {
		const struct st_pk_global *g = &p->globals[i];

		ST_BUG_ON(!g->module != !g->name || g->at > p->end);
		ST_BUG_ON(g->module && (!st_utf8_valid(g->module, strlen(g->module)) ||
					!st_utf8_valid(g->name, strlen(g->name))));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_pickle_limits lim = { (uint64_t)4 << 20, 200000 };
	struct input in = { data, size };
	struct st_err e = { 0 };
	struct st_pickle p;
	struct st_source s;
	struct walk w;

	st_source_init_mem(&s, data, size, "input");
	if (st_pickle_parse(&p, &s, 0, size, &lim, &e) == ST_OK) {
		w.n = w.seen = 0;
		later(&w, p.root);
		while (w.seen < w.n)
			check_node(&w, w.todo[w.seen++], &in);
	} else {
		ST_BUG_ON(p.root || (e.code != ST_EFORMAT && e.code != ST_ELIMIT));
		ST_BUG_ON(!strstr(e.msg, "offset"));
	}
	ST_BUG_ON(p.end > size || p.arena.total > lim.memory);
	check_globals(&p);
	st_pickle_release(&p);
	return 0;
}
