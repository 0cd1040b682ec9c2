/* SPDX-License-Identifier: Apache-2.0 */
/* The opcodes. `arg` of the table is the width of the operand unless a comment says else. */
#include "format/pickle_vm.h"

#include <stdio.h>

static struct st_pk *push_node(struct st_pk_vm *vm, enum st_pk_kind kind)
{
	struct st_pk *n = st_pk_node(vm, kind);

	return st_pk_push(vm, n) == ST_OK ? n : NULL;
}

/* --- the machine itself --- */

static int op_proto(struct st_pk_vm *vm)
{
	uint64_t v;

	if (st_pk_uint(vm, 1, &v) != ST_OK)
		return vm->e->code;
	if (v > 5)
		return st_pk_dead(vm, "protocol %" PRIu64 " is unknown", v);
	vm->out->protocol = (unsigned)v;
	return ST_OK;
}

/*
 * How many bytes Python may read at once. Nothing that a pickler writes crosses the end of a frame;
 * Python's own readers take what does in different ways, one of them dropping the bytes in front of
 * the end, so that "xos" becomes the module "os". Hence none of it is accepted: not here, nor at
 * STOP, nor in the loop.
 */
static int op_frame(struct st_pk_vm *vm)
{
	uint64_t n, left;

	if (vm->at < vm->frame_end)
		return st_pk_bad(vm, "a frame inside the one that ends at offset %" PRIu64,
				 vm->frame_end);
	if (st_pk_uint(vm, 8, &n) != ST_OK)
		return vm->e->code;
	left = vm->end - st_pk_tell(vm);
	if (n > left && st_pk_lax(vm)) /* Python's own reader in Python does not look */
		return ST_OK;
	if (n > left)
		return st_pk_bad(vm, "a frame of %" PRIu64 " bytes where %" PRIu64 " are left", n,
				 left);
	vm->frame_end = st_pk_tell(vm) + n;
	return ST_OK;
}

static int op_stop(struct st_pk_vm *vm)
{
	if (!st_pk_pop(vm, 1))
		return vm->e->code;
	if (st_pk_tell(vm) < vm->frame_end)
		return st_pk_bad(vm, "a frame that goes on to offset %" PRIu64, vm->frame_end);
	vm->stopped = true;
	return ST_OK;
}

static int op_pop(struct st_pk_vm *vm)
{
	if (vm->nmarks && vm->n == vm->marks[vm->nmarks - 1]) {
		vm->nmarks--;
		return ST_OK;
	}
	return st_pk_pop(vm, 1) ? ST_OK : vm->e->code;
}

static int op_pop_mark(struct st_pk_vm *vm)
{
	size_t n;

	return st_pk_pop_mark(vm, &n) ? ST_OK : vm->e->code;
}

static int op_dup(struct st_pk_vm *vm)
{
	return st_pk_push(vm, st_pk_top(vm));
}

/* --- memo --- */

/* As Python 3 would up to a NUL, whatever stands between; false where there are none. */
static bool digits_of(const char *p, size_t len, uint64_t *v)
{
	bool any = false;
	size_t i;

	for (i = *v = 0; i < len && p[i] && *v < UINT64_MAX / 100; i++)
		if (p[i] >= '0' && p[i] <= '9') {
			*v = *v * 10 + (uint64_t)(p[i] - '0');
			any = true;
		}
	return any;
}

/* Python 2 compares the text and Python 3 the number, so only the one way to write it will do. */
static int memo_number(struct st_pk_vm *vm, uint64_t *i)
{
	struct st_pk n = { 0 };
	const char *p;
	size_t len;

	if (vm->op->arg)
		return st_pk_uint(vm, vm->op->arg, i);
	p = st_pk_line(vm, false, &len);
	if (!p || st_pk_decimal(vm, p, len, &n) != ST_OK)
		return vm->e->code;
	if (vm->loose) {
		if (!digits_of(p, len, i))
			return st_pk_dead(vm, "no number of the memo");
		vm->guessed = vm->guessed || n.kind != ST_PK_INT || *i != (uint64_t)n.i;
		return ST_OK;
	}
	*i = (uint64_t)n.i;
	if (n.kind != ST_PK_INT || *p == '-')
		return st_pk_bad(vm, "an entry of the memo that cannot be");
	return ST_OK;
}

static int op_get(struct st_pk_vm *vm)
{
	uint64_t i;

	if (memo_number(vm, &i) != ST_OK)
		return vm->e->code;
	return st_pk_push(vm, st_pk_memo_get(vm, i));
}

static int op_put(struct st_pk_vm *vm)
{
	struct st_pk *n;
	uint64_t i;

	if (memo_number(vm, &i) != ST_OK)
		return vm->e->code;
	n = st_pk_top(vm);
	return n ? st_pk_memo_put(vm, i, n) : vm->e->code;
}

static int op_memoize(struct st_pk_vm *vm)
{
	struct st_pk *n = st_pk_top(vm);

	return n ? st_pk_memo_put(vm, vm->memo_count, n) : vm->e->code;
}

/* --- numbers --- */

static int op_none(struct st_pk_vm *vm)
{
	return st_pk_push(vm, st_pk_node(vm, ST_PK_NONE));
}

static int op_bool(struct st_pk_vm *vm) /* arg: the value */
{
	struct st_pk *n = push_node(vm, ST_PK_BOOL);

	if (n)
		n->i = vm->op->arg;
	return vm->e->code;
}

static int op_binint(struct st_pk_vm *vm)
{
	struct st_pk *n;
	uint64_t v;

	if (st_pk_uint(vm, vm->op->arg, &v) != ST_OK)
		return vm->e->code;
	n = push_node(vm, ST_PK_INT);
	if (n)
		n->i = vm->op->arg == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
	return vm->e->code;
}

/* Protocol 0's booleans are the numbers 00 and 01. */
static int op_int(struct st_pk_vm *vm)
{
	struct st_pk *n;
	const char *p;
	size_t len;

	p = st_pk_line(vm, false, &len);
	n = p ? push_node(vm, ST_PK_BOOL) : NULL;
	if (!n)
		return vm->e->code;
	if (len != 2 || p[0] != '0' || (p[1] != '0' && p[1] != '1'))
		return st_pk_decimal(vm, p, len, n);
	n->i = p[1] - '0';
	return ST_OK;
}

static int op_long(struct st_pk_vm *vm)
{
	struct st_pk *n;
	const char *p;
	size_t len;

	p = st_pk_line(vm, false, &len);
	n = p ? push_node(vm, ST_PK_INT) : NULL;
	if (!n)
		return vm->e->code;
	return st_pk_decimal(vm, p, len - (len && p[len - 1] == 'L'), n);
}

/* Of the opcodes that Python 2 had already. */
static int signed_len(struct st_pk_vm *vm, uint64_t *len)
{
	if (st_pk_uint(vm, 4, len) != ST_OK)
		return vm->e->code;
	return *len > INT32_MAX ? st_pk_dead(vm, "a negative length") : ST_OK;
}

static int binlong(struct st_pk_vm *vm, uint64_t len)
{
	struct st_pk_str s;
	struct st_pk *n;

	if (st_pk_bytes(vm, len, &s) != ST_OK)
		return vm->e->code;
	n = push_node(vm, ST_PK_INT);
	if (n)
		st_pk_integer(n, &s);
	return vm->e->code;
}

static int op_long1(struct st_pk_vm *vm)
{
	uint64_t len;

	return st_pk_uint(vm, 1, &len) == ST_OK ? binlong(vm, len) : vm->e->code;
}

static int op_long4(struct st_pk_vm *vm)
{
	uint64_t len;

	return signed_len(vm, &len) == ST_OK ? binlong(vm, len) : vm->e->code;
}

static int op_float(struct st_pk_vm *vm)
{
	struct st_pk *n;
	const char *p;
	size_t len;

	p = st_pk_line(vm, false, &len);
	n = p ? push_node(vm, ST_PK_FLOAT) : NULL;
	return n ? st_pk_float(vm, p, len, n) : vm->e->code;
}

static int op_binfloat(struct st_pk_vm *vm)
{
	const uint8_t *p = st_pk_take(vm, 8);
	struct st_pk *n;
	uint64_t bits = 0;

	if (!p)
		return vm->e->code;
	for (size_t i = 0; i < 8; i++)
		bits = bits << 8 | p[i];
	n = push_node(vm, ST_PK_FLOAT);
	if (n)
		memcpy(&n->f, &bits, sizeof(n->f));
	return vm->e->code;
}

/* --- strings --- */

static int counted(struct st_pk_vm *vm, uint64_t len)
{
	struct st_pk *n = push_node(vm, vm->op->kind);

	if (!n || st_pk_bytes(vm, len, &n->str) != ST_OK)
		return vm->e->code;
	if (vm->op->kind == ST_PK_STR && n->str.p && !st_pk_utf8(n->str.p, n->str.len))
		return st_pk_dead(vm, "text that is no UTF-8");
	return ST_OK;
}

static int op_counted(struct st_pk_vm *vm)
{
	uint64_t len;

	if (st_pk_uint(vm, vm->op->arg, &len) != ST_OK)
		return vm->e->code;
	return counted(vm, len);
}

static int op_binstring(struct st_pk_vm *vm)
{
	uint64_t len;

	return signed_len(vm, &len) == ST_OK ? counted(vm, len) : vm->e->code;
}

static int op_string(struct st_pk_vm *vm)
{
	struct st_pk *n = push_node(vm, ST_PK_BYTES);
	uint64_t off = st_pk_tell(vm);
	const char *p;
	size_t len;

	p = n ? st_pk_line(vm, true, &len) : NULL;
	return p ? st_pk_quoted(vm, p, len, off, &n->str) : vm->e->code;
}

static int op_unicode(struct st_pk_vm *vm)
{
	struct st_pk *n = push_node(vm, ST_PK_STR);
	uint64_t off = st_pk_tell(vm);
	const char *p;
	size_t len;

	p = n ? st_pk_line(vm, true, &len) : NULL;
	return p ? st_pk_raw_unicode(vm, p, len, off, &n->str) : vm->e->code;
}

static int op_next_buffer(struct st_pk_vm *vm)
{
	vm->out->buffers++;
	return st_pk_push(vm, st_pk_node(vm, ST_PK_BUFFER));
}

static int op_readonly_buffer(struct st_pk_vm *vm)
{
	return st_pk_top(vm) ? ST_OK : vm->e->code;
}

/* --- containers --- */

static struct st_pk *container(struct st_pk_vm *vm, enum st_pk_kind kind, struct st_pk *const *v,
			       size_t n)
{
	struct st_pk *c = st_pk_node(vm, kind);

	return c && st_pk_extend(vm, &c->seq, v, n) == ST_OK ? c : NULL;
}

static int op_empty(struct st_pk_vm *vm)
{
	return st_pk_push(vm, st_pk_node(vm, vm->op->kind));
}

static int op_tuple_of(struct st_pk_vm *vm) /* arg: how many */
{
	struct st_pk **v = st_pk_pop(vm, vm->op->arg);

	return v ? st_pk_push(vm, container(vm, ST_PK_TUPLE, v, vm->op->arg)) : vm->e->code;
}

static int op_marked(struct st_pk_vm *vm)
{
	struct st_pk **v;
	size_t n;

	v = st_pk_pop_mark(vm, &n);
	if (!v)
		return vm->e->code;
	if (vm->op->kind == ST_PK_DICT && n % 2)
		return st_pk_bad(vm, "a key without a value");
	return st_pk_push(vm, container(vm, vm->op->kind, v, n));
}

static const char *const kind_names[] = {
	[ST_PK_NONE] = "None",	     [ST_PK_BOOL] = "a boolean",    [ST_PK_INT] = "a number",
	[ST_PK_BIGINT] = "a number", [ST_PK_FLOAT] = "a number",    [ST_PK_STR] = "a string",
	[ST_PK_BYTES] = "bytes",     [ST_PK_TUPLE] = "a tuple",	    [ST_PK_LIST] = "a list",
	[ST_PK_SET] = "a set",	     [ST_PK_DICT] = "a dictionary", [ST_PK_GLOBAL] = "a global",
	[ST_PK_CALL] = "a call",     [ST_PK_OBJECT] = "an object",  [ST_PK_PERSID] = "an object",
	[ST_PK_BUFFER] = "a buffer",
};

/* Whatever the object is, it has the method that takes them. */
static int add_to_object(struct st_pk_vm *vm, struct st_pk *obj, struct st_pk *const *v, size_t n,
			 bool pairs)
{
	struct st_pk_call *c = &obj->call;

	if (c->items && c->pairs != pairs)
		return st_pk_bad(vm, "an object that gets both values and keys");
	if (!c->items) {
		c->items = st_pk_alloc(vm, 1, sizeof(*c->items));
		if (!c->items)
			return vm->e->code;
		c->pairs = pairs;
	}
	return st_pk_extend(vm, c->items, v, n);
}

/* kind: the container that takes them itself; pairs tells DICT's form. */
static int add(struct st_pk_vm *vm, enum st_pk_kind kind, struct st_pk *const *v, size_t n)
{
	bool pairs = kind == ST_PK_DICT;
	struct st_pk *obj = st_pk_top(vm);

	if (!obj)
		return vm->e->code;
	if (pairs && n % 2)
		return st_pk_bad(vm, "a key without a value");
	if (n == 0)
		return ST_OK;
	if (obj->kind == kind)
		return st_pk_extend(vm, &obj->seq, v, n);
	switch (obj->kind) {
	case ST_PK_CALL:
	case ST_PK_OBJECT:
	case ST_PK_PERSID:
		return add_to_object(vm, obj, v, n, pairs);
	case ST_PK_GLOBAL: /* a method of its own, of whatever it names */
		st_pk_called(vm, obj);
		return ST_OK;
	default:
		/* the keys of a list may be indices, bytearrays take numbers */
		if (obj->kind == ST_PK_BYTES || (pairs && obj->kind == ST_PK_LIST))
			return st_pk_bad(vm, "an item for %s", kind_names[obj->kind]);
		return st_pk_dead(vm, "an item for %s", kind_names[obj->kind]);
	}
}

static int op_add(struct st_pk_vm *vm) /* arg: how many */
{
	struct st_pk **v = st_pk_pop(vm, vm->op->arg);

	return v ? add(vm, vm->op->kind, v, vm->op->arg) : vm->e->code;
}

static int op_add_marked(struct st_pk_vm *vm)
{
	struct st_pk **v;
	size_t n;

	v = st_pk_pop_mark(vm, &n);
	return v ? add(vm, vm->op->kind, v, n) : vm->e->code;
}

/* --- globals and what is made of them --- */

/* Two lines; the first is copied because reading the second may move the window. */
static struct st_pk *global_of_lines(struct st_pk_vm *vm)
{
	struct st_buf *module = &vm->line;
	const char *p;
	size_t len;

	p = st_pk_line(vm, false, &len);
	if (!p)
		return NULL;
	st_buf_clear(module);
	module->max = module->cap + ST_PK_WINDOW;
	if (st_buf_add(module, p, len, vm->e) != ST_OK)
		return NULL;
	p = st_pk_line(vm, false, &len);
	return p ? st_pk_global_node(vm, module->p ? (const void *)module->p : "", module->len, p,
				     len) :
		   NULL;
}

static int op_global(struct st_pk_vm *vm)
{
	return st_pk_push(vm, global_of_lines(vm));
}

/* Python takes what STRING makes for text as well. */
static bool is_name(const struct st_pk *n)
{
	return (n->kind == ST_PK_STR || n->kind == ST_PK_BYTES) && n->str.p;
}

static int op_stack_global(struct st_pk_vm *vm)
{
	struct st_pk **v = st_pk_pop(vm, 2);

	if (!v)
		return vm->e->code;
	if (!is_name(v[0]) || !is_name(v[1]))
		return st_pk_push(vm, st_pk_global_node(vm, NULL, 0, NULL, 0));
	return st_pk_push(vm, st_pk_global_node(vm, v[0]->str.p, v[0]->str.len, v[1]->str.p,
						v[1]->str.len));
}

static int op_ext(struct st_pk_vm *vm)
{
	static const char module[] = "copyreg";
	char name[32];
	uint64_t code;
	int n;

	if (st_pk_uint(vm, vm->op->arg, &code) != ST_OK)
		return vm->e->code;
	if (code == 0 || code > INT32_MAX)
		return st_pk_dead(vm, "an extension code that cannot be");
	n = snprintf(name, sizeof(name), "extension:%" PRIu64, code);
	return st_pk_push(vm, st_pk_global_node(vm, module, sizeof(module) - 1, name, (size_t)n));
}

static int op_inst(struct st_pk_vm *vm)
{
	struct st_pk *fn, *args, **v;
	size_t n;

	fn = global_of_lines(vm);
	if (!fn)
		return vm->e->code;
	st_pk_called(vm, fn);
	v = st_pk_pop_mark(vm, &n);
	args = v ? container(vm, ST_PK_TUPLE, v, n) : NULL;
	if (!args)
		return vm->e->code;
	return st_pk_push(vm, st_pk_call(vm, ST_PK_OBJECT, false, fn, args, NULL));
}

static int op_obj(struct st_pk_vm *vm)
{
	struct st_pk *args, **v;
	size_t n;

	v = st_pk_pop_mark(vm, &n);
	if (!v)
		return vm->e->code;
	if (n == 0)
		return st_pk_dead(vm, "an object without a class");
	st_pk_called(vm, v[0]);
	args = container(vm, ST_PK_TUPLE, v + 1, n - 1);
	if (!args)
		return vm->e->code;
	return st_pk_push(vm, st_pk_call(vm, ST_PK_OBJECT, false, v[0], args, NULL));
}

static int op_reduce(struct st_pk_vm *vm)
{
	struct st_pk **v = st_pk_pop(vm, 2);

	if (!v)
		return vm->e->code;
	return st_pk_push(vm, st_pk_call(vm, ST_PK_CALL, false, v[0], v[1], NULL));
}

static int op_newobj(struct st_pk_vm *vm) /* arg: operands on the stack */
{
	struct st_pk **v = st_pk_pop(vm, vm->op->arg), *kwargs;

	if (!v)
		return vm->e->code;
	kwargs = vm->op->arg == 3 ? v[2] : NULL;
	return st_pk_push(vm, st_pk_call(vm, ST_PK_OBJECT, true, v[0], v[1], kwargs));
}

static int op_build(struct st_pk_vm *vm)
{
	struct st_pk **v = st_pk_pop(vm, 2);

	if (!v)
		return vm->e->code;
	vm->n++;
	st_pk_called(vm, v[0]);
	if (v[0]->kind < ST_PK_BYTES || v[0]->kind == ST_PK_BUFFER) {
		if ((v[1]->kind == ST_PK_NONE || v[1]->kind >= ST_PK_TUPLE) && st_pk_lax(vm))
			return ST_OK; /* an empty one does nothing */
		return st_pk_dead(vm, "a state for %s", kind_names[v[0]->kind]);
	}
	v[0]->state = v[1];
	return ST_OK;
}

static int push_persid(struct st_pk_vm *vm, struct st_pk *id)
{
	struct st_pk *n = id ? push_node(vm, ST_PK_PERSID) : NULL;

	if (n)
		n->call.args = id;
	return vm->e->code;
}

static int op_persid(struct st_pk_vm *vm)
{
	struct st_pk *id = st_pk_node(vm, ST_PK_STR);
	uint64_t off = st_pk_tell(vm);
	const char *p;
	size_t len;

	p = id ? st_pk_line(vm, false, &len) : NULL;
	if (!p)
		return vm->e->code;
	if (!st_pk_utf8(p, len))
		return st_pk_dead(vm, "text that is no UTF-8");
	id->str = (struct st_pk_str){ st_pk_dup(vm, p, len), len, off };
	return id->str.p ? push_persid(vm, id) : vm->e->code;
}

static int op_binpersid(struct st_pk_vm *vm)
{
	struct st_pk **v = st_pk_pop(vm, 1);

	return v ? push_persid(vm, *v) : vm->e->code;
}

const struct st_pk_op st_pk_ops[256] = {
	['('] = { "MARK", st_pk_mark, 0, 0 },
	['.'] = { "STOP", op_stop, 0, 0 },
	['0'] = { "POP", op_pop, 0, 0 },
	['1'] = { "POP_MARK", op_pop_mark, 0, 0 },
	['2'] = { "DUP", op_dup, 0, 0 },
	[0x80] = { "PROTO", op_proto, 0, 0 },
	[0x95] = { "FRAME", op_frame, 0, 0 },

	['g'] = { "GET", op_get, 0, 0 },
	['h'] = { "BINGET", op_get, 1, 0 },
	['j'] = { "LONG_BINGET", op_get, 4, 0 },
	['p'] = { "PUT", op_put, 0, 0 },
	['q'] = { "BINPUT", op_put, 1, 0 },
	['r'] = { "LONG_BINPUT", op_put, 4, 0 },
	[0x94] = { "MEMOIZE", op_memoize, 0, 0 },

	['N'] = { "NONE", op_none, 0, 0 },
	[0x88] = { "NEWTRUE", op_bool, 1, 0 },
	[0x89] = { "NEWFALSE", op_bool, 0, 0 },
	['I'] = { "INT", op_int, 0, 0 },
	['J'] = { "BININT", op_binint, 4, 0 },
	['K'] = { "BININT1", op_binint, 1, 0 },
	['M'] = { "BININT2", op_binint, 2, 0 },
	['L'] = { "LONG", op_long, 0, 0 },
	[0x8a] = { "LONG1", op_long1, 0, 0 },
	[0x8b] = { "LONG4", op_long4, 0, 0 },
	['F'] = { "FLOAT", op_float, 0, 0 },
	['G'] = { "BINFLOAT", op_binfloat, 0, 0 },

	['S'] = { "STRING", op_string, 0, 0 },
	['T'] = { "BINSTRING", op_binstring, 0, ST_PK_BYTES },
	['U'] = { "SHORT_BINSTRING", op_counted, 1, ST_PK_BYTES },
	['B'] = { "BINBYTES", op_counted, 4, ST_PK_BYTES },
	['C'] = { "SHORT_BINBYTES", op_counted, 1, ST_PK_BYTES },
	[0x8e] = { "BINBYTES8", op_counted, 8, ST_PK_BYTES },
	[0x96] = { "BYTEARRAY8", op_counted, 8, ST_PK_BYTES },
	['V'] = { "UNICODE", op_unicode, 0, 0 },
	['X'] = { "BINUNICODE", op_counted, 4, ST_PK_STR },
	[0x8c] = { "SHORT_BINUNICODE", op_counted, 1, ST_PK_STR },
	[0x8d] = { "BINUNICODE8", op_counted, 8, ST_PK_STR },
	[0x97] = { "NEXT_BUFFER", op_next_buffer, 0, 0 },
	[0x98] = { "READONLY_BUFFER", op_readonly_buffer, 0, 0 },

	[')'] = { "EMPTY_TUPLE", op_empty, 0, ST_PK_TUPLE },
	[']'] = { "EMPTY_LIST", op_empty, 0, ST_PK_LIST },
	['}'] = { "EMPTY_DICT", op_empty, 0, ST_PK_DICT },
	[0x8f] = { "EMPTY_SET", op_empty, 0, ST_PK_SET },
	[0x85] = { "TUPLE1", op_tuple_of, 1, 0 },
	[0x86] = { "TUPLE2", op_tuple_of, 2, 0 },
	[0x87] = { "TUPLE3", op_tuple_of, 3, 0 },
	['t'] = { "TUPLE", op_marked, 0, ST_PK_TUPLE },
	['l'] = { "LIST", op_marked, 0, ST_PK_LIST },
	['d'] = { "DICT", op_marked, 0, ST_PK_DICT },
	[0x91] = { "FROZENSET", op_marked, 0, ST_PK_SET },
	['a'] = { "APPEND", op_add, 1, ST_PK_LIST },
	['e'] = { "APPENDS", op_add_marked, 0, ST_PK_LIST },
	['s'] = { "SETITEM", op_add, 2, ST_PK_DICT },
	['u'] = { "SETITEMS", op_add_marked, 0, ST_PK_DICT },
	[0x90] = { "ADDITEMS", op_add_marked, 0, ST_PK_SET },

	['c'] = { "GLOBAL", op_global, 0, 0 },
	[0x93] = { "STACK_GLOBAL", op_stack_global, 0, 0 },
	[0x82] = { "EXT1", op_ext, 1, 0 },
	[0x83] = { "EXT2", op_ext, 2, 0 },
	[0x84] = { "EXT4", op_ext, 4, 0 },
	['i'] = { "INST", op_inst, 0, 0 },
	['o'] = { "OBJ", op_obj, 0, 0 },
	['R'] = { "REDUCE", op_reduce, 0, 0 },
	[0x81] = { "NEWOBJ", op_newobj, 2, 0 },
	[0x92] = { "NEWOBJ_EX", op_newobj, 3, 0 },
	['b'] = { "BUILD", op_build, 0, 0 },
	['P'] = { "PERSID", op_persid, 0, 0 },
	['Q'] = { "BINPERSID", op_binpersid, 0, 0 },
};
