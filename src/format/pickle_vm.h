/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pickle machine: private to pickle*.c.
 *
 *	pickle.c	the loop; memory, stack, memo, globals; queries on nodes
 *	pickle_ops.c	the opcodes
 *	pickle_call.c	what is called: containers of calls that make containers
 *	pickle_read.c	a window over the source
 *	pickle_text.c	the spellings of protocol 0
 *
 * Functions that return int return ST_OK or the code of vm->e; those that return a pointer return
 * NULL when vm->e holds a failure.
 */
#ifndef ST_FORMAT_PICKLE_VM_H
#define ST_FORMAT_PICKLE_VM_H

#include "base/buf.h"
#include "format/pickle.h"

#define ST_PK_WINDOW ((size_t)64 << 10)

struct st_pk_vm;

struct st_pk_op {
	const char *name; /* NULL: no opcode */
	int (*run)(struct st_pk_vm *vm);
	uint8_t arg; /* of run: bytes of the operand, or a number of items */
	uint8_t kind;
};

extern const struct st_pk_op st_pk_ops[256];

/* Globals whose calls make containers: see cls in struct st_pk. */
enum st_pk_maker {
	ST_PK_MAKES_OTHER,
	ST_PK_MAKES_LIST,
	ST_PK_MAKES_TUPLE,
	ST_PK_MAKES_SET,
	ST_PK_MAKES_BYTES,
	ST_PK_MAKES_DICT,
	ST_PK_MAKES_ORDERED,
	ST_PK_MAKES_COUNTER,
	ST_PK_MAKES_DEFAULT,
	ST_PK_MAKES_PLAIN, /* builtins.object */
	ST_PK_MAKES_ENCODED,
	ST_PK_MAKES_REBUILT
};

struct st_pk_global_node { /* every node of kind GLOBAL is one */
	struct st_pk pk;
	size_t index; /* in globals */
	enum st_pk_maker maker;
};

struct st_pk_vm {
	struct st_pickle *out;
	struct st_err *e;

	const struct st_source *src;
	uint64_t end;
	uint8_t *window; /* the bytes of src from base on; pos <= len <= cap */
	size_t pos, len, cap;
	size_t ahead; /* how much to read at the next time: a jump makes it small again */
	uint64_t base;
	struct st_buf line;  /* one that is longer than the window */
	struct st_buf names; /* of a global */

	const struct st_pk_op *op; /* the one that runs */
	uint64_t at;		   /* and where it stands */
	uint64_t frame_end;	   /* of the last FRAME, or 0 */
	bool stopped;

	struct st_pickle_limits lim;
	bool loose;   /* see st_pickle_parse_loose */
	bool guessed; /* a number of the memo that is not spelled as it should be */
	uint64_t steps;
	uint64_t extra; /* bytes in use outside the arena */

	struct st_pk **stack;
	size_t n, stack_cap;
	size_t *marks; /* numbers of stack items below each MARK */
	size_t nmarks, marks_cap;
	struct st_pk **memo;
	size_t memo_cap;
	struct st_map far; /* entries whose number is too large for memo, to pointers */
	uint64_t memo_count;
};

/* ST_EFORMAT: "<text> at the REDUCE at offset 40". */
#define st_pk_bad(vm, ...) st_pk_bad_((vm), false, ST_HERE, __VA_ARGS__)
/* The same, and it is certain that Python 3 fails there, too. */
#define st_pk_dead(vm, ...) st_pk_bad_((vm), true, ST_HERE, __VA_ARGS__)
__attribute__((format(printf, 4, 5))) int st_pk_bad_(struct st_pk_vm *vm, bool certain,
						     const char *where, const char *fmt, ...);
/* Is what Python may take to be taken? */
bool st_pk_lax(struct st_pk_vm *vm);

/* --- pickle.c --- */

/* Fails unless n more bytes of memory are allowed; they are not yet counted. */
ST_MUST int st_pk_room(struct st_pk_vm *vm, uint64_t n);
uint64_t st_pk_room_left(const struct st_pk_vm *vm);
/* Counts work that an opcode does beyond its own bytes, so that few of them cannot do much. */
ST_MUST int st_pk_work(struct st_pk_vm *vm, uint64_t steps);
ST_MUST void *st_pk_alloc(struct st_pk_vm *vm, size_t n, size_t elem);
ST_MUST char *st_pk_dup(struct st_pk_vm *vm, const void *p, size_t n); /* adds a NUL */
ST_MUST struct st_pk *st_pk_node(struct st_pk_vm *vm, enum st_pk_kind kind);
/* Appends to an array of the arena, which doubles; exact when it is empty. */
ST_MUST int st_pk_extend(struct st_pk_vm *vm, struct st_pk_seq *s, struct st_pk *const *v,
			 size_t n);

ST_MUST int st_pk_push(struct st_pk_vm *vm, struct st_pk *n);
ST_MUST int st_pk_mark(struct st_pk_vm *vm);
/* The n topmost items above the last MARK, in order; removed, but still there until a push. */
ST_MUST struct st_pk **st_pk_pop(struct st_pk_vm *vm, size_t n);
/* The same for all of them, and the MARK. */
ST_MUST struct st_pk **st_pk_pop_mark(struct st_pk_vm *vm, size_t *n);
ST_MUST struct st_pk *st_pk_top(struct st_pk_vm *vm);

ST_MUST int st_pk_memo_put(struct st_pk_vm *vm, uint64_t i, struct st_pk *n);
ST_MUST struct st_pk *st_pk_memo_get(struct st_pk_vm *vm, uint64_t i);

/* A node GLOBAL. module NULL: computed. */
ST_MUST struct st_pk *st_pk_global_node(struct st_pk_vm *vm, const void *module, size_t module_len,
					const void *name, size_t name_len);
void st_pk_called(struct st_pk_vm *vm, const struct st_pk *fn); /* any node */

/* --- pickle_call.c --- */

/* fn(*args), or with `fresh` fn.__new__(fn, *args, **kwargs); kind is CALL or OBJECT, which the
 * result is unless it is a container. kwargs may be NULL. */
ST_MUST struct st_pk *st_pk_call(struct st_pk_vm *vm, enum st_pk_kind kind, bool fresh,
				 struct st_pk *fn, struct st_pk *args, struct st_pk *kwargs);
enum st_pk_maker st_pk_maker_of(const struct st_pk *global);

/* --- pickle_read.c --- */

/* n bytes, at most ST_PK_WINDOW; borrowed until the next read. */
ST_MUST const uint8_t *st_pk_fill(struct st_pk_vm *vm, size_t n);
ST_MUST int st_pk_skip(struct st_pk_vm *vm, uint64_t n);
/* Up to the next newline, which is not counted; borrowed likewise. A line that does not fit in the
 * window is refused, unless long ones are allowed. */
ST_MUST const char *st_pk_line(struct st_pk_vm *vm, bool long_ones, size_t *len);
/* Little-endian. */
ST_MUST int st_pk_uint(struct st_pk_vm *vm, size_t width, uint64_t *v);
/* n bytes as they lie, loaded when they are few. */
ST_MUST int st_pk_bytes(struct st_pk_vm *vm, uint64_t n, struct st_pk_str *s);

static inline uint64_t st_pk_tell(const struct st_pk_vm *vm)
{
	return vm->base + vm->pos;
}

static inline const uint8_t *st_pk_take(struct st_pk_vm *vm, size_t n)
{
	if (vm->len - vm->pos < n && !st_pk_fill(vm, n))
		return NULL;
	vm->pos += n;
	return vm->window + vm->pos - n;
}

/* --- pickle_text.c --- */

/* Each sets the node's value. */
ST_MUST int st_pk_decimal(struct st_pk_vm *vm, const char *p, size_t n, struct st_pk *out);
ST_MUST int st_pk_float(struct st_pk_vm *vm, const char *p, size_t n, struct st_pk *out);
/* off: where p stands in the source */
ST_MUST int st_pk_quoted(struct st_pk_vm *vm, const char *p, size_t n, uint64_t off,
			 struct st_pk_str *s);
ST_MUST int st_pk_raw_unicode(struct st_pk_vm *vm, const char *p, size_t n, uint64_t off,
			      struct st_pk_str *s);
/* Little-endian two's complement to INT or BIGINT. s->p must be there when s->len <= 8. */
void st_pk_integer(struct st_pk *out, const struct st_pk_str *s);
/* UTF-8 in which surrogates are allowed. */
bool st_pk_utf8(const char *p, size_t n);
/* text, a STR: *is tells whether all of it is U+0000 to U+00FF, and s gets those bytes. *is is
 * false as well when they would take too much memory. */
ST_MUST int st_pk_latin1(struct st_pk_vm *vm, const struct st_pk *text, bool *is,
			 struct st_pk_str *s);

#endif
