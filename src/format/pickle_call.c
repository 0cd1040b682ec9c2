/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pickle calls. Nothing is: the result says what would be. Only where the call is one of
 * those that Python's own containers are written as, in particular by the old protocols, which
 * have no opcode for them, the result is the container; arguments that would make the call fail, or
 * that are not seen through, leave it a call.
 */
#include "format/pickle_vm.h"

static const struct {
	const char *module, *name;
	enum st_pk_maker maker;
} makers[] = {
	{ "builtins", "list", ST_PK_MAKES_LIST },
	{ "builtins", "tuple", ST_PK_MAKES_TUPLE },
	{ "builtins", "set", ST_PK_MAKES_SET },
	{ "builtins", "frozenset", ST_PK_MAKES_SET },
	{ "builtins", "bytes", ST_PK_MAKES_BYTES },
	{ "builtins", "bytearray", ST_PK_MAKES_BYTES },
	{ "builtins", "dict", ST_PK_MAKES_DICT },
	{ "builtins", "object", ST_PK_MAKES_PLAIN },
	{ "collections", "OrderedDict", ST_PK_MAKES_ORDERED },
	{ "collections", "Counter", ST_PK_MAKES_COUNTER },
	{ "collections", "defaultdict", ST_PK_MAKES_DEFAULT },
	{ "_codecs", "encode", ST_PK_MAKES_ENCODED },
	{ "copyreg", "_reconstructor", ST_PK_MAKES_REBUILT },
};

enum st_pk_maker st_pk_maker_of(const struct st_pk *global)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++)
		if (st_pk_is_global(global, makers[i].module, makers[i].name))
			return makers[i].maker;
	return ST_PK_MAKES_OTHER;
}

static enum st_pk_maker maker_of(const struct st_pk *fn)
{
	return fn->kind == ST_PK_GLOBAL ? ((const struct st_pk_global_node *)fn)->maker :
					  ST_PK_MAKES_OTHER;
}

/*
 * Each of the functions below makes *out a container of v[0..n), the arguments of a call, or leaves
 * it NULL when that cannot be done.
 */

static int make(struct st_pk_vm *vm, enum st_pk_kind kind, struct st_pk *const *v, size_t n,
		struct st_pk **out)
{
	struct st_pk *c = st_pk_node(vm, kind);

	if (!c || st_pk_extend(vm, &c->seq, v, n) != ST_OK)
		return vm->e->code;
	*out = c;
	return ST_OK;
}

static bool is_seq(const struct st_pk *n)
{
	return n->kind == ST_PK_LIST || n->kind == ST_PK_TUPLE || n->kind == ST_PK_SET;
}

static int make_seq(struct st_pk_vm *vm, enum st_pk_kind kind, struct st_pk *const *v, size_t n,
		    struct st_pk **out)
{
	if (n == 0)
		return make(vm, kind, NULL, 0, out);
	if (n > 1 || !is_seq(v[0]))
		return ST_OK;
	return make(vm, kind, v[0]->seq.v, v[0]->seq.n, out);
}

static bool all_pairs(const struct st_pk_seq *s)
{
	for (size_t i = 0; i < s->n; i++)
		if ((s->v[i]->kind != ST_PK_LIST && s->v[i]->kind != ST_PK_TUPLE) ||
		    s->v[i]->seq.n != 2)
			return false;
	return true;
}

/* [[key, value], ...], as Python 2 writes an OrderedDict. */
static int make_of_pairs(struct st_pk_vm *vm, const struct st_pk_seq *pairs, struct st_pk **out)
{
	struct st_pk *d = NULL;

	if (st_pk_work(vm, pairs->n) != ST_OK)
		return vm->e->code;
	if (!all_pairs(pairs))
		return ST_OK;
	if (make(vm, ST_PK_DICT, NULL, 0, &d) != ST_OK)
		return vm->e->code;
	for (size_t i = 0; i < pairs->n; i++)
		if (st_pk_extend(vm, &d->seq, pairs->v[i]->seq.v, 2) != ST_OK)
			return vm->e->code;
	*out = d;
	return ST_OK;
}

static int make_dict(struct st_pk_vm *vm, struct st_pk *const *v, size_t n, struct st_pk **out)
{
	if (n == 0)
		return make(vm, ST_PK_DICT, NULL, 0, out);
	if (n > 1)
		return ST_OK;
	if (v[0]->kind == ST_PK_DICT)
		return make(vm, ST_PK_DICT, v[0]->seq.v, v[0]->seq.n, out);
	return is_seq(v[0]) ? make_of_pairs(vm, &v[0]->seq, out) : ST_OK;
}

/* _codecs.encode(text, 'latin1') and bytearray(text, 'latin-1'): how protocols before 3 write
 * bytes. */
static int make_encoded(struct st_pk_vm *vm, struct st_pk *const *v, size_t n, struct st_pk **out)
{
	struct st_pk_str s;
	bool is;

	if (n != 2 || v[0]->kind != ST_PK_STR ||
	    !(st_pk_is_str(v[1], "latin1") || st_pk_is_str(v[1], "latin-1")))
		return ST_OK;
	if (st_pk_latin1(vm, v[0], &is, &s) != ST_OK)
		return vm->e->code;
	if (!is)
		return ST_OK;
	*out = st_pk_node(vm, ST_PK_BYTES);
	if (*out)
		(*out)->str = s;
	return vm->e->code;
}

static int make_bytes(struct st_pk_vm *vm, struct st_pk *const *v, size_t n, struct st_pk **out)
{
	if (n == 2)
		return make_encoded(vm, v, n, out);
	if (n > 1 || (n == 1 && v[0]->kind != ST_PK_BYTES))
		return ST_OK;
	*out = st_pk_node(vm, ST_PK_BYTES);
	if (!*out)
		return vm->e->code;
	(*out)->str = n ? v[0]->str : (struct st_pk_str){ "", 0, ST_PK_NOWHERE };
	return ST_OK;
}

static int make_by(struct st_pk_vm *vm, enum st_pk_maker maker, struct st_pk *const *v, size_t n,
		   struct st_pk **out)
{
	switch (maker) {
	case ST_PK_MAKES_LIST:
		return make_seq(vm, ST_PK_LIST, v, n, out);
	case ST_PK_MAKES_TUPLE:
		return make_seq(vm, ST_PK_TUPLE, v, n, out);
	case ST_PK_MAKES_SET:
		return make_seq(vm, ST_PK_SET, v, n, out);
	case ST_PK_MAKES_BYTES:
		return make_bytes(vm, v, n, out);
	case ST_PK_MAKES_ENCODED:
		return make_encoded(vm, v, n, out);
	case ST_PK_MAKES_DEFAULT: /* the first is what makes values */
		return n ? make_dict(vm, v + 1, n - 1, out) : make_dict(vm, v, 0, out);
	case ST_PK_MAKES_COUNTER:
		return n && v[0]->kind != ST_PK_DICT ? ST_OK : make_dict(vm, v, n, out);
	case ST_PK_MAKES_DICT:
	case ST_PK_MAKES_ORDERED:
		return make_dict(vm, v, n, out);
	default:
		return ST_OK;
	}
}

static bool has_class(enum st_pk_maker m)
{
	return m == ST_PK_MAKES_ORDERED || m == ST_PK_MAKES_COUNTER || m == ST_PK_MAKES_DEFAULT;
}

static struct st_pk *new_call(struct st_pk_vm *vm, enum st_pk_kind kind, struct st_pk *fn,
			      struct st_pk *args, struct st_pk *kwargs)
{
	struct st_pk *c = st_pk_node(vm, kind);

	if (c) {
		c->call.fn = fn;
		c->call.args = args;
		c->call.kwargs = kwargs;
	}
	return c;
}

/* copyreg._reconstructor(class, base, state): how protocols 0 and 1 write an object, which is
 * base.__new__(class, state). */
static int make_rebuilt(struct st_pk_vm *vm, struct st_pk *const *v, size_t n, struct st_pk **out)
{
	struct st_pk *none = NULL;
	enum st_pk_maker base;

	if (n != 3 || v[0]->kind != ST_PK_GLOBAL)
		return ST_OK;
	st_pk_called(vm, v[0]);
	base = maker_of(v[1]);
	if (base == ST_PK_MAKES_PLAIN) {
		if (v[2]->kind != ST_PK_NONE || make(vm, ST_PK_TUPLE, NULL, 0, &none) != ST_OK)
			return vm->e->code;
		*out = new_call(vm, ST_PK_OBJECT, v[0], none, NULL);
		return vm->e->code;
	}
	if (base > ST_PK_MAKES_DICT || make_by(vm, base, v + 2, 1, out) != ST_OK || !*out)
		return vm->e->code;
	if (maker_of(v[0]) == ST_PK_MAKES_OTHER || has_class(maker_of(v[0])))
		(*out)->cls = v[0];
	return ST_OK;
}

static bool is_callable(const struct st_pk *fn)
{
	return fn->kind >= ST_PK_TUPLE && fn->kind != ST_PK_BUFFER;
}

/* What makes fn a container with these arguments. __new__ of a container that can change leaves it
 * empty, whatever they are. */
static enum st_pk_maker maker_for(const struct st_pk *fn, bool fresh, const struct st_pk *args,
				  const struct st_pk *kwargs)
{
	enum st_pk_maker m = maker_of(fn);

	if ((kwargs && kwargs->seq.n) || (fresh && (args->seq.n || m >= ST_PK_MAKES_ENCODED)))
		return ST_PK_MAKES_OTHER;
	return m;
}

struct st_pk *st_pk_call(struct st_pk_vm *vm, enum st_pk_kind kind, bool fresh, struct st_pk *fn,
			 struct st_pk *args, struct st_pk *kwargs)
{
	struct st_pk *out = NULL;
	enum st_pk_maker m;
	int rc;

	st_pk_called(vm, fn); /* first: what follows may fail */
	if (!is_callable(fn)) {
		st_pk_dead(vm, "something that cannot be called");
		return NULL;
	}
	if (args->kind != ST_PK_TUPLE || (kwargs && kwargs->kind != ST_PK_DICT)) {
		const char *what = args->kind != ST_PK_TUPLE ? "tuple" : "dictionary";

		if (fn->kind != ST_PK_GLOBAL && fn->kind != ST_PK_CALL && fn->kind != ST_PK_OBJECT)
			st_pk_dead(vm, "arguments that are no %s", what);
		else
			st_pk_bad(vm, "arguments that are no %s", what);
		return NULL;
	}
	m = maker_for(fn, fresh, args, kwargs);
	rc = m == ST_PK_MAKES_REBUILT ? make_rebuilt(vm, args->seq.v, args->seq.n, &out) :
					make_by(vm, m, args->seq.v, args->seq.n, &out);
	if (rc != ST_OK)
		return NULL;
	if (out && has_class(m))
		out->cls = fn;
	return out ? out : new_call(vm, kind, fn, args, kwargs);
}
