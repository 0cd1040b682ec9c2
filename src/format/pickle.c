/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pickles (doc/format/pickle.md): a program for a machine with a stack and a memo, one byte for an
 * opcode and its operands behind it:
 *
 *	80 02			PROTO 2
 *	7d			EMPTY_DICT
 *	58 01 00 00 00 77	BINUNICODE "w"
 *	4b 05			BININT1 5
 *	73			SETITEM
 *	2e			STOP: the result is on the stack
 *
 * No opcode has a length of its own, so all of them must be known; strings say how long they are.
 * There is no end but STOP, and what stands behind it is not the pickle's.
 */
#include "format/pickle_vm.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define NEAR_MEMO 1024
#define FAR_ENTRY 160 /* bytes of an entry in st_map, with the room it keeps free */
#define GLOBAL_ENTRY (2 * sizeof(struct st_pk_global) + FAR_ENTRY)

int st_pk_bad_(struct st_pk_vm *vm, bool certain, const char *where, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm->out->doubt = vm->out->doubt || !certain;
	return st_fail_(vm->e, where, ST_EFORMAT, 0, "%s at the %s at offset %" PRIu64, text,
			vm->op->name, vm->at);
}

bool st_pk_lax(struct st_pk_vm *vm)
{
	vm->out->loosened = vm->out->loosened || vm->loose;
	return vm->loose;
}

/* --- memory --- */

uint64_t st_pk_room_left(const struct st_pk_vm *vm)
{
	uint64_t used = vm->out->arena.total + vm->extra;

	return used < vm->lim.memory ? vm->lim.memory - used : 0;
}

int st_pk_room(struct st_pk_vm *vm, uint64_t n)
{
	if (n > st_pk_room_left(vm))
		return st_fail(vm->e, ST_ELIMIT,
			       "the pickle takes more than %" PRIu64
			       " bytes of memory at the %s at offset %" PRIu64,
			       vm->lim.memory, vm->op->name, vm->at);
	return ST_OK;
}

int st_pk_work(struct st_pk_vm *vm, uint64_t steps)
{
	if (steps > vm->lim.steps - vm->steps)
		return st_fail(vm->e, ST_ELIMIT,
			       "the pickle takes more than %" PRIu64 " steps at offset %" PRIu64,
			       vm->lim.steps, vm->at);
	vm->steps += steps;
	return ST_OK;
}

void *st_pk_alloc(struct st_pk_vm *vm, size_t n, size_t elem)
{
	uint64_t bytes;

	if (!st_mul_u64(n, elem, &bytes)) {
		st_fail(vm->e, ST_ELIMIT, "%zu x %zu bytes at offset %" PRIu64, n, elem, vm->at);
		return NULL;
	}
	if (st_pk_room(vm, bytes) != ST_OK)
		return NULL;
	return st_arena_alloc(&vm->out->arena, (size_t)bytes, vm->e);
}

char *st_pk_dup(struct st_pk_vm *vm, const void *p, size_t n)
{
	if (st_pk_room(vm, (uint64_t)n + 1) != ST_OK)
		return NULL;
	return st_arena_dup(&vm->out->arena, p, n, vm->e);
}

struct st_pk *st_pk_node(struct st_pk_vm *vm, enum st_pk_kind kind)
{
	struct st_pk *n = st_pk_alloc(vm, 1, sizeof(*n));

	if (n) {
		n->kind = kind;
		n->at = vm->at;
	}
	return n;
}

int st_pk_extend(struct st_pk_vm *vm, struct st_pk_seq *s, struct st_pk *const *v, size_t n)
{
	struct st_pk **bigger;
	size_t cap;

	if (n > s->cap - s->n) {
		cap = n > s->n ? s->n + n : s->n * 2;
		if (s->n && cap < 8)
			cap = 8;
		bigger = st_pk_alloc(vm, cap, sizeof(*bigger));
		if (!bigger)
			return vm->e->code;
		if (s->n)
			memcpy(bigger, s->v, s->n * sizeof(*bigger));
		s->v = bigger;
		s->cap = cap;
	}
	if (n)
		memcpy(s->v + s->n, v, n * sizeof(*v));
	s->n += n;
	return ST_OK;
}

/* Growth of an array outside the arena, to at least one element more than it has room for. */
static int grow(struct st_pk_vm *vm, void **arr, size_t *cap, size_t need, size_t elem)
{
	size_t old = *cap, next = old ? old : 16;
	uint64_t bytes;

	while (next < need)
		if (!st_mul_u64(next, 2, &next))
			return st_fail(vm->e, ST_ELIMIT, "array of %zu elements", need);
	if (!st_mul_u64(next - old, elem, &bytes))
		return st_fail(vm->e, ST_ELIMIT, "array of %zu elements", need);
	if (st_pk_room(vm, bytes) != ST_OK || st_grow_(arr, cap, need, elem, vm->e) != ST_OK)
		return vm->e->code;
	ST_BUG_ON(*cap != next);
	vm->extra += bytes;
	return ST_OK;
}

/* --- stack --- */

int st_pk_push(struct st_pk_vm *vm, struct st_pk *n)
{
	if (!n)
		return vm->e->code;
	if (vm->n == vm->stack_cap &&
	    grow(vm, (void **)&vm->stack, &vm->stack_cap, vm->n + 1, sizeof(*vm->stack)) != ST_OK)
		return vm->e->code;
	vm->stack[vm->n++] = n;
	return ST_OK;
}

int st_pk_mark(struct st_pk_vm *vm)
{
	if (vm->nmarks == vm->marks_cap && grow(vm, (void **)&vm->marks, &vm->marks_cap,
						vm->nmarks + 1, sizeof(*vm->marks)) != ST_OK)
		return vm->e->code;
	vm->marks[vm->nmarks++] = vm->n;
	return ST_OK;
}

struct st_pk **st_pk_pop(struct st_pk_vm *vm, size_t n)
{
	size_t floor = vm->nmarks ? vm->marks[vm->nmarks - 1] : 0, have = vm->n - floor;

	if (have < n) {
		if (have == 0)
			st_pk_dead(vm, "the stack is empty");
		else
			st_pk_dead(vm, "the stack has only %zu of %zu items", have, n);
		return NULL;
	}
	vm->n -= n;
	return vm->stack + vm->n;
}

struct st_pk **st_pk_pop_mark(struct st_pk_vm *vm, size_t *n)
{
	if (vm->nmarks == 0) {
		st_pk_dead(vm, "there is no MARK");
		return NULL;
	}
	/* The stack may never have had an item; a caller must not take that for a failure. */
	if (!vm->stack && grow(vm, (void **)&vm->stack, &vm->stack_cap, 1, sizeof(*vm->stack)))
		return NULL;
	vm->nmarks--;
	*n = vm->n - vm->marks[vm->nmarks];
	vm->n = vm->marks[vm->nmarks];
	return vm->stack + vm->n;
}

struct st_pk *st_pk_top(struct st_pk_vm *vm)
{
	struct st_pk **v = st_pk_pop(vm, 1);

	if (!v)
		return NULL;
	vm->n++;
	return *v;
}

/* --- memo --- */

static bool far_get(const struct st_pk_vm *vm, uint64_t i, struct st_pk **n)
{
	uint64_t value;

	if (!st_map_get(&vm->far, &i, sizeof(i), &value))
		return false;
	*n = (struct st_pk *)(uintptr_t)value;
	return true;
}

static int far_put(struct st_pk_vm *vm, uint64_t i, struct st_pk *n)
{
	bool had;

	if (st_pk_room(vm, FAR_ENTRY) != ST_OK ||
	    st_map_put(&vm->far, &i, sizeof(i), (uintptr_t)n, &had, NULL, vm->e) != ST_OK)
		return vm->e->code;
	if (!had) {
		vm->extra += FAR_ENTRY;
		vm->memo_count++;
	}
	return ST_OK;
}

/* Near entries only become more, so one in both places is newest in the array. */
int st_pk_memo_put(struct st_pk_vm *vm, uint64_t i, struct st_pk *n)
{
	size_t old = vm->memo_cap;
	struct st_pk *far;

	if (i >= vm->memo_cap) {
		if (i >= NEAR_MEMO && i / 4 > vm->memo_count)
			return far_put(vm, i, n);
		if (grow(vm, (void **)&vm->memo, &vm->memo_cap, (size_t)i + 1, sizeof(*vm->memo)) !=
		    ST_OK)
			return vm->e->code;
		memset(vm->memo + old, 0, (vm->memo_cap - old) * sizeof(*vm->memo));
	}
	if (!vm->memo[i] && !far_get(vm, i, &far))
		vm->memo_count++;
	vm->memo[i] = n;
	return ST_OK;
}

struct st_pk *st_pk_memo_get(struct st_pk_vm *vm, uint64_t i)
{
	struct st_pk *n;

	if (i < vm->memo_cap && vm->memo[i])
		return vm->memo[i];
	if (far_get(vm, i, &n))
		return n;
	if (vm->guessed)
		st_pk_bad(vm, "the memo may have no entry %" PRIu64, i);
	else
		st_pk_dead(vm, "the memo has no entry %" PRIu64, i);
	return NULL;
}

/* --- globals --- */

/* As it stands when it is UTF-8; else \xNN for what is not, for NUL and for the backslash. */
static int add_name(struct st_pk_vm *vm, const uint8_t *p, size_t n)
{
	struct st_buf *b = &vm->names;

	for (size_t i = 0; i < n && vm->e->code == ST_OK;) {
		size_t len = p[i] && p[i] != '\\' ? st_utf8_len(p + i, n - i) : 0;
		int rc = len ? st_buf_add(b, p + i, len, vm->e) :
			       st_buf_addf(b, vm->e, "\\x%02x", p[i]);

		if (rc != ST_OK)
			return rc;
		i += len ? len : 1;
	}
	return st_buf_addch(b, 0, vm->e);
}

/* The key of a computed one is empty. */
static int new_global(struct st_pk_vm *vm, size_t *index)
{
	const struct st_buf *key = &vm->names;
	struct st_pickle *o = vm->out;
	struct st_pk_global g = { .at = vm->at };

	if (st_pk_room(vm, GLOBAL_ENTRY + 2 * (uint64_t)key->len) != ST_OK)
		return vm->e->code;
	if (key->len) {
		g.module = st_pk_dup(vm, key->p, key->len);
		if (!g.module)
			return vm->e->code;
		g.name = g.module + strlen(g.module) + 1;
	}
	if (st_grow(&o->globals, &o->globals_cap, o->nglobals + 1, vm->e) != ST_OK ||
	    st_map_put(&o->seen, key->p, key->len, o->nglobals, NULL, NULL, vm->e) != ST_OK)
		return vm->e->code;
	vm->extra += GLOBAL_ENTRY + key->len;
	*index = o->nglobals;
	o->globals[o->nglobals++] = g;
	return ST_OK;
}

struct st_pk *st_pk_global_node(struct st_pk_vm *vm, const void *module, size_t module_len,
				const void *name, size_t name_len)
{
	struct st_pk_global_node *g;
	uint64_t seen;
	size_t index = 0;

	st_buf_clear(&vm->names);
	if (module &&
	    (st_pk_work(vm, (module_len + name_len) / 64) != ST_OK ||
	     add_name(vm, module, module_len) != ST_OK || add_name(vm, name, name_len) != ST_OK))
		return NULL;
	if (st_map_get(&vm->out->seen, vm->names.p, vm->names.len, &seen))
		index = (size_t)seen;
	else if (new_global(vm, &index) != ST_OK)
		return NULL;
	g = st_pk_alloc(vm, 1, sizeof(*g));
	if (!g)
		return NULL;
	g->pk.kind = ST_PK_GLOBAL;
	g->pk.at = vm->at;
	g->pk.global.module = vm->out->globals[index].module;
	g->pk.global.name = vm->out->globals[index].name;
	g->index = index;
	g->maker = st_pk_maker_of(&g->pk);
	return &g->pk;
}

void st_pk_called(struct st_pk_vm *vm, const struct st_pk *fn)
{
	if (fn->kind == ST_PK_GLOBAL)
		vm->out->globals[((const struct st_pk_global_node *)fn)->index].called = true;
}

/* --- the loop --- */

static int step(struct st_pk_vm *vm)
{
	const struct st_pk_op *op;
	const uint8_t *p;

	vm->op = NULL;
	vm->at = st_pk_tell(vm);
	p = st_pk_take(vm, 1);
	if (!p)
		return vm->e->code;
	op = &st_pk_ops[*p];
	if (!op->name)
		return st_fail(vm->e, ST_EFORMAT,
			       "pickle opcode 0x%02x at offset %" PRIu64 " is unknown", *p, vm->at);
	vm->op = op;
	if (vm->steps == vm->lim.steps)
		return st_pk_work(vm, 1);
	vm->steps++;
	if (op->run(vm) != ST_OK)
		return vm->e->code;
	if (vm->at < vm->frame_end && st_pk_tell(vm) > vm->frame_end)
		return st_pk_bad(vm, "the end of a frame at offset %" PRIu64, vm->frame_end);
	return ST_OK;
}

static void release(struct st_pk_vm *vm)
{
	free(vm->window);
	free(vm->stack);
	free(vm->marks);
	free(vm->memo);
	st_map_release(&vm->far);
	st_buf_release(&vm->line);
	st_buf_release(&vm->names);
}

static int run(struct st_pk_vm *vm, uint64_t off)
{
	vm->cap = vm->end - off < ST_PK_WINDOW ? (size_t)(vm->end - off) : ST_PK_WINDOW;
	vm->window = st_malloc(vm->cap, vm->e);
	if (!vm->window)
		return vm->e->code;
	while (!vm->stopped)
		if (step(vm) != ST_OK)
			return vm->e->code;
	return ST_OK;
}

static int parse(struct st_pickle *out, const struct st_source *src, uint64_t off, uint64_t end,
		 const struct st_pickle_limits *lim, bool loose, struct st_err *e)
{
	struct st_pk_vm vm = {
		.out = out, .e = e, .src = src, .end = end, .base = off, .loose = loose
	};
	int rc;

	*out = (struct st_pickle){ .end = off };
	st_arena_init(&out->arena);
	st_map_init(&out->seen);
	if (end > src->size || off > end)
		return st_fail(e, ST_EFORMAT,
			       "a pickle at offset %" PRIu64 " to %" PRIu64 " of %" PRIu64 " bytes",
			       off, end, src->size);
	vm.lim = *lim;
	vm.ahead = ST_PK_WINDOW;
	st_map_init(&vm.far);
	st_buf_init(&vm.names, SIZE_MAX / 2);
	rc = run(&vm, off);
	out->doubt = rc == ST_ELIMIT || (rc != ST_OK && out->doubt);
	out->end = rc == ST_OK ? st_pk_tell(&vm) : vm.at;
	if (rc == ST_OK)
		out->root = vm.stack[vm.n];
	release(&vm);
	return rc;
}

int st_pickle_parse(struct st_pickle *out, const struct st_source *src, uint64_t off, uint64_t end,
		    const struct st_pickle_limits *lim, struct st_err *e)
{
	return parse(out, src, off, end, lim, false, e);
}

int st_pickle_parse_loose(struct st_pickle *out, const struct st_source *src, uint64_t off,
			  uint64_t end, const struct st_pickle_limits *lim, struct st_err *e)
{
	return parse(out, src, off, end, lim, true, e);
}

void st_pickle_release(struct st_pickle *p)
{
	st_arena_release(&p->arena);
	st_map_release(&p->seen);
	free(p->globals);
	*p = (struct st_pickle){ 0 };
}

/* --- queries --- */

bool st_pk_is_str(const struct st_pk *n, const char *s)
{
	size_t len = strlen(s);

	return n && (n->kind == ST_PK_STR || n->kind == ST_PK_BYTES) && n->str.p &&
	       n->str.len == len && memcmp(n->str.p, s, len) == 0;
}

const struct st_pk *st_pk_get(const struct st_pk *n, const char *key)
{
	if (!n || n->kind != ST_PK_DICT)
		return NULL;
	for (size_t i = n->seq.n; i >= 2; i -= 2)
		if (st_pk_is_str(n->seq.v[i - 2], key))
			return n->seq.v[i - 1];
	return NULL;
}

/* Old names of modules; below numpy.core there are more of them. */
static const struct {
	const char *old, *today;
	bool tree;
} renamed[] = {
	{ "__builtin__", "builtins", false },
	{ "copy_reg", "copyreg", false },
	{ "numpy.core", "numpy._core", true },
};

const char *st_pk_today(const char *module, const char **rest)
{
	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++) {
		size_t old = strlen(renamed[i].old);

		*rest = module + old;
		if (strncmp(module, renamed[i].old, old) == 0 &&
		    (**rest == 0 || (renamed[i].tree && **rest == '.')))
			return renamed[i].today;
	}
	*rest = module;
	return "";
}

static bool same_module(const char *have, const char *module)
{
	const char *rest, *head = st_pk_today(have, &rest);
	size_t n = strlen(head);

	return strcmp(have, module) == 0 ||
	       (strncmp(module, head, n) == 0 && strcmp(module + n, rest) == 0);
}

bool st_pk_is_global(const struct st_pk *n, const char *module, const char *name)
{
	return n && n->kind == ST_PK_GLOBAL && n->global.module &&
	       strcmp(n->global.name, name) == 0 && same_module(n->global.module, module);
}
