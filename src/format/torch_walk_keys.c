/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dicts and objects hold, under which names.
 *
 * An optimizer's state_dict is {"state": {id: {...}}, "param_groups": [{"params": [id, ...]}]}. The
 * ids are positions today, addresses of the process in old files, the parameters themselves in an
 * optimizer that was pickled whole; what is the same in all is the order of the lists.
 */
#include "format/torch_walk.h"

#include <stdio.h>

#define REPR_DEPTH 4

void st_tentries_init(struct st_tentries *es)
{
	*es = (struct st_tentries){ 0 };
	st_arena_init(&es->text);
	st_map_init(&es->opt.at);
}

void st_tentries_release(struct st_tentries *es)
{
	free(es->v);
	st_arena_release(&es->text);
	st_map_release(&es->opt.at);
}

/* --- keys as text --- */

static void put(struct st_ttext *t, const char *s, size_t n)
{
	size_t left = sizeof(t->s) - 4 - t->n;

	if (t->cut)
		return;
	if (n <= left) {
		memcpy(t->s + t->n, s, n);
		t->n += n;
		return;
	}
	while (left && ((uint8_t)s[left] & 0xc0) == 0x80) /* not inside a character */
		left--;
	memcpy(t->s + t->n, s, left);
	memcpy(t->s + t->n + left, "...", 3);
	t->n += left + 3;
	t->cut = true;
}

static void puts_(struct st_ttext *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_number(struct st_ttext *t, double v)
{
	char s[40];

	/* As few digits as give the same number back. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, v);
		if (strtod(s, NULL) == v)
			break;
	}
	for (char *p = s; *p; p++)
		if (*p == ',') /* of the locale */
			*p = '.';
	puts_(t, s);
	if (!strpbrk(s, ".ein"))
		puts_(t, ".0");
}

static void put_int(struct st_ttext *t, const char *before, uint64_t v)
{
	char s[64];

	snprintf(s, sizeof(s), "%s%" PRIu64, before, v);
	puts_(t, s);
}

static void put_bytes(struct st_ttext *t, const struct st_pk_str *s)
{
	char hex[8];

	for (size_t i = 0; i < s->len && !t->cut; i++) {
		uint8_t c = (uint8_t)s->p[i];

		snprintf(hex, sizeof(hex), c < 0x20 || c > 0x7e ? "\\x%02x" : "%c", c);
		puts_(t, hex);
	}
}

static void put_quoted(struct st_ttext *t, const struct st_pk *n)
{
	bool bytes = n->kind == ST_PK_BYTES;

	if (!n->str.p) {
		put_int(t, bytes ? "<bytes of length " : "<str of length ", n->str.len);
		puts_(t, ">");
		return;
	}
	puts_(t, bytes ? "b'" : "'");
	if (bytes)
		put_bytes(t, &n->str);
	else
		put(t, n->str.p, n->str.len);
	puts_(t, "'");
}

void st_big_digits(const uint8_t *p, size_t n, char out[ST_BIG_DIGITS])
{
	bool minus = n && p[n - 1] >= 0x80;
	char rev[ST_BIG_DIGITS];
	uint8_t v[64];
	size_t len = 0;
	unsigned carry = minus;

	ST_BUG_ON(n > sizeof(v));
	for (size_t i = 0; i < n; i++) {
		carry += minus ? (uint8_t)~p[i] : p[i];
		v[i] = (uint8_t)carry;
		carry >>= 8;
	}
	do {
		unsigned rest = 0;

		for (size_t i = n; i-- > 0;) {
			rest = rest << 8 | v[i];
			v[i] = (uint8_t)(rest / 10);
			rest %= 10;
		}
		rev[len++] = (char)('0' + rest);
		while (n && v[n - 1] == 0)
			n--;
	} while (n);
	if (minus)
		rev[len++] = '-';
	for (size_t i = 0; i < len; i++)
		out[i] = rev[len - 1 - i];
	out[len] = '\0';
}

static void repr(struct st_ttext *t, const struct st_pk *n, unsigned depth);

static void put_seq(struct st_ttext *t, const struct st_pk_seq *q, const char *open,
		    const char *close, size_t from, unsigned depth)
{
	puts_(t, open);
	for (size_t i = from; i < q->n && !t->cut; i++) {
		if (i > from)
			puts_(t, ", ");
		repr(t, q->v[i], depth + 1);
	}
	puts_(t, close);
}

static void put_call(struct st_ttext *t, const struct st_pk *n, unsigned depth)
{
	const struct st_pk *args = n->call.args;
	char name[512];
	size_t from;

	puts_(t, st_conf_class_name(st_conf_class(n, &from), name));
	if (args && args->kind == ST_PK_TUPLE)
		put_seq(t, &args->seq, "(", ")", from, depth);
	else
		puts_(t, "()");
}

static void put_int_node(struct st_ttext *t, const struct st_pk *n)
{
	char digits[ST_BIG_DIGITS];

	if (n->kind == ST_PK_INT) {
		put_int(t, n->i < 0 ? "-" : "", n->i < 0 ? -(uint64_t)n->i : (uint64_t)n->i);
	} else if (n->str.p && n->str.len <= 64) {
		st_big_digits((const uint8_t *)n->str.p, n->str.len, digits);
		puts_(t, digits);
	} else {
		put_int(t, "<int of length ", n->str.len);
		puts_(t, ">");
	}
}

/* Every step writes something, so the room in t bounds it. */
static void repr(struct st_ttext *t, const struct st_pk *n, unsigned depth)
{
	struct st_conf number;
	char name[512];

	if (t->cut || depth > REPR_DEPTH) {
		puts_(t, "...");
		return;
	}
	switch (n->kind) {
	case ST_PK_NONE:
		puts_(t, "None");
		break;
	case ST_PK_BOOL:
		puts_(t, n->i ? "True" : "False");
		break;
	case ST_PK_INT:
	case ST_PK_BIGINT:
		put_int_node(t, n);
		break;
	case ST_PK_FLOAT:
		put_number(t, n->f);
		break;
	case ST_PK_STR:
	case ST_PK_BYTES:
		put_quoted(t, n);
		break;
	case ST_PK_TUPLE:
		put_seq(t, &n->seq, "(", n->seq.n == 1 ? ",)" : ")", 0, depth);
		break;
	case ST_PK_LIST:
		put_seq(t, &n->seq, "[", "]", 0, depth);
		break;
	case ST_PK_SET:
		put_seq(t, &n->seq, "{", "}", 0, depth);
		break;
	case ST_PK_GLOBAL:
		puts_(t, st_conf_class_name(n, name));
		break;
	case ST_PK_CALL:
	case ST_PK_OBJECT:
		if (!st_twalk_number(n, &number))
			put_call(t, n, depth);
		else if (number.kind == ST_CONF_REAL)
			put_number(t, number.f);
		else
			put_int(t, number.i < 0 ? "-" : "",
				number.i < 0 ? -(uint64_t)number.i : (uint64_t)number.i);
		break;
	default:
		puts_(t, n->kind == ST_PK_DICT ? "<dict>" : "<data>");
	}
}

void st_ttext_repr(struct st_ttext *t, const struct st_pk *n)
{
	t->n = 0;
	t->cut = false;
	repr(t, n, 0);
}

/* A text stands for itself, Python 2's too; anything else as Python prints it. */
static int key_text(struct st_twalk *w, struct st_tentries *es, const struct st_pk *key,
		    struct st_tentry *en)
{
	struct st_ttext t;
	bool text = key->kind == ST_PK_STR || (key->kind == ST_PK_BYTES && !key->cls && w->python2);

	if (text && key->str.p) {
		en->s = key->str.p;
		en->len = key->str.len;
		return ST_OK;
	}
	st_ttext_repr(&t, key);
	en->s = st_arena_dup(&es->text, t.s, t.n, w->t->e);
	en->len = t.n;
	return w->t->e->code;
}

/* --- optimizers --- */

/* What identifies a parameter: a number by its value, anything else by being the same object. */
struct id {
	uint64_t tag, value; /* no padding: it is hashed as bytes */
};

static struct id id_of(const struct st_pk *n)
{
	if (n->kind == ST_PK_INT)
		return (struct id){ 'i', (uint64_t)n->i };
	return (struct id){ 'n', (uint64_t)(uintptr_t)n };
}

bool st_topt_position(const struct st_topt *o, const struct st_pk *id, uint64_t *out)
{
	struct id k = id_of(id);

	return o && id->kind != ST_PK_STR && id->kind != ST_PK_BYTES &&
	       st_map_get(&o->at, &k, sizeof(k), out);
}

static struct id list_id(const struct st_pk *list)
{
	return (struct id){ 'l', (uint64_t)(uintptr_t)list };
}

bool st_topt_is_params(const struct st_topt *o, const struct st_pk *list)
{
	struct id k = list_id(list);

	return o && list && st_map_get(&o->at, &k, sizeof(k), NULL);
}

static bool is_seq(const struct st_pk *n)
{
	return n && (n->kind == ST_PK_LIST || n->kind == ST_PK_TUPLE);
}

static int opt_params(struct st_twalk *w, struct st_topt *o, const struct st_pk *list,
		      uint64_t *next)
{
	struct id k = list_id(list);
	int rc = st_map_put(&o->at, &k, sizeof(k), 0, NULL, NULL, w->t->e);

	for (size_t i = 0; rc == ST_OK && i < list->seq.n; i++, ++*next) {
		k = id_of(list->seq.v[i]);
		rc = st_twalk_step(w, 1);
		if (rc == ST_OK && !st_map_get(&o->at, &k, sizeof(k), NULL))
			rc = st_map_put(&o->at, &k, sizeof(k), *next, NULL, NULL, w->t->e);
	}
	return rc;
}

static int opt_groups(struct st_twalk *w, struct st_topt *o, const struct st_pk *dict)
{
	const struct st_pk *state = st_pk_get(dict, "state");
	const struct st_pk *groups = st_pk_get(dict, "param_groups");
	uint64_t next = 0;
	int rc = ST_OK;

	if (!state || state->kind != ST_PK_DICT || !is_seq(groups) || o->state)
		return ST_OK;
	o->state = state;
	for (size_t i = 0; rc == ST_OK && i < groups->seq.n; i++) {
		const struct st_pk *group = groups->seq.v[i], *params;

		if (group->kind != ST_PK_DICT)
			continue;
		rc = st_twalk_step(w, group->seq.n);
		params = rc == ST_OK ? st_pk_get(group, "params") : NULL;
		if (is_seq(params))
			rc = opt_params(w, o, params, &next);
	}
	return rc;
}

/* --- entries --- */

static int add(struct st_twalk *w, struct st_tentries *es, const struct st_pk *key,
	       const struct st_pk *value)
{
	struct st_tentry en = { .key = key, .value = value, .group = es->groups, .order = es->n };

	if (st_twalk_step(w, 1) != ST_OK || key_text(w, es, key, &en) != ST_OK ||
	    st_grow(&es->v, &es->cap, es->n + 1, w->t->e) != ST_OK)
		return w->t->e->code;
	es->v[es->n++] = en;
	return ST_OK;
}

/* A parameter's state, by its position. */
static int add_state(struct st_twalk *w, struct st_tentries *es, const struct st_pk *key,
		     const struct st_pk *value)
{
	struct st_tentry *en;
	uint64_t at;
	char s[24];
	int rc;

	if (!st_topt_position(w->opt, key, &at))
		return add(w, es, key, value);
	rc = add(w, es, key, value);
	if (rc != ST_OK)
		return rc;
	en = &es->v[es->n - 1];
	en->len = (size_t)snprintf(s, sizeof(s), "%" PRIu64, at);
	en->s = st_arena_dup(&es->text, s, en->len, w->t->e);
	return w->t->e->code;
}

int st_tentries_pairs(struct st_twalk *w, struct st_tentries *es, const struct st_pk_seq *pairs)
{
	int rc = ST_OK;

	es->groups++;
	for (size_t i = 0; rc == ST_OK && i + 1 < pairs->n; i += 2)
		rc = add(w, es, pairs->v[i], pairs->v[i + 1]);
	return rc;
}

int st_tentries_dict(struct st_twalk *w, struct st_tentries *es, const struct st_pk *dict)
{
	bool state = w->opt && w->opt->state == dict;
	int rc = opt_groups(w, &es->opt, dict);

	es->groups++;
	for (size_t i = 0; rc == ST_OK && i + 1 < dict->seq.n; i += 2)
		rc = (state ? add_state : add)(w, es, dict->seq.v[i], dict->seq.v[i + 1]);
	if (rc != ST_OK || !dict->state || dict->state->kind != ST_PK_DICT)
		return rc;
	/* Attributes; _metadata says for each module which version wrote it. */
	es->groups++;
	for (size_t i = 0; rc == ST_OK && i + 1 < dict->state->seq.n; i += 2)
		if (!st_pk_is_str(dict->state->seq.v[i], "_metadata"))
			rc = add(w, es, dict->state->seq.v[i], dict->state->seq.v[i + 1]);
	return rc;
}

static bool is_module_part(const struct st_pk *key, const struct st_pk *value)
{
	return value->kind == ST_PK_DICT &&
	       (st_pk_is_str(key, "_parameters") || st_pk_is_str(key, "_buffers") ||
		st_pk_is_str(key, "_modules"));
}

/* Every module has a few of them. */
static bool is_private_none(const struct st_pk *key, const struct st_pk *value)
{
	return value->kind == ST_PK_NONE && key->kind == ST_PK_STR && key->str.p &&
	       key->str.p[0] == '_';
}

/* torch.nn.Module: the parts become attributes, and what was set to None is none. */
static int module_state(struct st_twalk *w, struct st_tentries *es, const struct st_pk *dict)
{
	int rc = ST_OK;

	es->groups++;
	for (size_t i = 0; rc == ST_OK && i + 1 < dict->seq.n; i += 2)
		if (!is_module_part(dict->seq.v[i], dict->seq.v[i + 1]) &&
		    !is_private_none(dict->seq.v[i], dict->seq.v[i + 1]))
			rc = add(w, es, dict->seq.v[i], dict->seq.v[i + 1]);
	for (size_t i = 0; rc == ST_OK && i + 1 < dict->seq.n; i += 2) {
		const struct st_pk *part = dict->seq.v[i + 1];

		if (!is_module_part(dict->seq.v[i], part))
			continue;
		es->groups++;
		rc = st_twalk_step(w, part->seq.n);
		for (size_t k = 0; rc == ST_OK && k + 1 < part->seq.n; k += 2)
			if (part->seq.v[k + 1]->kind != ST_PK_NONE)
				rc = add(w, es, part->seq.v[k], part->seq.v[k + 1]);
	}
	return rc;
}

static int state_dict(struct st_twalk *w, struct st_tentries *es, const struct st_pk *dict)
{
	static const char *const parts[] = { "_parameters", "_buffers", "_modules" };
	bool module = true;

	for (size_t i = 0; i < 3; i++) {
		const struct st_pk *part = st_pk_get(dict, parts[i]);

		module = module && part && part->kind == ST_PK_DICT;
	}
	return module ? module_state(w, es, dict) : st_tentries_dict(w, es, dict);
}

/* (attributes or None, slots), the second form of a state. */
static bool is_slots(const struct st_pk *s)
{
	if (s->kind != ST_PK_TUPLE || s->seq.n != 2)
		return false;
	for (size_t i = 0; i < 2; i++)
		if (s->seq.v[i]->kind != ST_PK_DICT && s->seq.v[i]->kind != ST_PK_NONE)
			return false;
	return true;
}

int st_tentries_state(struct st_twalk *w, struct st_tentries *es, const struct st_pk *state)
{
	static const char name[] = "state";
	int rc = ST_OK;

	if (state->kind == ST_PK_DICT)
		return state_dict(w, es, state);
	if (is_slots(state)) {
		for (size_t i = 0; rc == ST_OK && i < 2; i++)
			if (state->seq.v[i]->kind == ST_PK_DICT)
				rc = state_dict(w, es, state->seq.v[i]);
		return rc;
	}
	es->groups++;
	if (st_grow(&es->v, &es->cap, es->n + 1, w->t->e) != ST_OK)
		return w->t->e->code;
	es->v[es->n] = (struct st_tentry){ .s = name,
					   .len = sizeof(name) - 1,
					   .value = state,
					   .group = es->groups,
					   .order = es->n };
	es->n++;
	return ST_OK;
}

static int by_text(const struct st_tentry *a, const struct st_tentry *b)
{
	size_t both = a->len < b->len ? a->len : b->len;
	int c = both ? memcmp(a->s, b->s, both) : 0;

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_text_and_order(const void *pa, const void *pb)
{
	const struct st_tentry *a = pa, *b = pb;
	int c = by_text(a, b);

	return c ? c : (a->order > b->order) - (a->order < b->order);
}

/* Equal keys of one dict. Equal texts need not be: 1 and "1", or a position and an id. */
static bool replaces(const struct st_tentry *a, const struct st_tentry *b)
{
	if (!a->key || !b->key || a->group != b->group || a->key->kind != b->key->kind)
		return false;
	if (a->key->kind == ST_PK_INT)
		return a->key->i == b->key->i;
	return (a->key->kind == ST_PK_STR || a->key->kind == ST_PK_BYTES) && by_text(a, b) == 0;
}

void st_tentries_sort(struct st_tentries *es)
{
	size_t n = 0;

	if (es->n == 0)
		return;
	qsort(es->v, es->n, sizeof(*es->v), by_text_and_order);
	for (size_t i = 1; i < es->n; i++) {
		if (!replaces(&es->v[n], &es->v[i]))
			n++;
		es->v[n] = es->v[i];
	}
	es->n = n + 1;
}
