/* SPDX-License-Identifier: Apache-2.0 */
/* The window over the source, and operands. */
#include "format/pickle_vm.h"

#define FIRST_READ ((size_t)4 << 10)

static int ends(struct st_pk_vm *vm)
{
	if (!vm->op)
		return st_fail(vm->e, ST_EFORMAT,
			       "the pickle ends at offset %" PRIu64 " without STOP", vm->end);
	return st_fail(vm->e, ST_EFORMAT,
		       "the pickle ends at offset %" PRIu64 " within the %s at offset %" PRIu64,
		       vm->end, vm->op->name, vm->at);
}

/*
 * What is left of the window moves to its front, and new bytes come behind it. Twice as many each
 * time, since a pickle of large strings is read in places only.
 */
const uint8_t *st_pk_fill(struct st_pk_vm *vm, size_t n)
{
	uint64_t at = st_pk_tell(vm);
	size_t have = vm->len - vm->pos, want = vm->ahead;

	if (have >= n)
		return vm->window + vm->pos;
	ST_BUG_ON(n > ST_PK_WINDOW);
	if (n > vm->end - at) {
		ends(vm);
		return NULL;
	}
	if (want < n)
		want = n;
	if (want > vm->end - at)
		want = (size_t)(vm->end - at);
	memmove(vm->window, vm->window + vm->pos, have);
	vm->base = at;
	vm->pos = 0;
	vm->len = have;
	if (st_source_read(vm->src, vm->window + have, want - have, at + have, vm->e) != ST_OK)
		return NULL;
	vm->len = want;
	vm->ahead = vm->ahead * 2 < ST_PK_WINDOW ? vm->ahead * 2 : ST_PK_WINDOW;
	return vm->window;
}

int st_pk_skip(struct st_pk_vm *vm, uint64_t n)
{
	uint64_t at = st_pk_tell(vm);

	if (n > vm->end - at)
		return ends(vm);
	if (n <= vm->len - vm->pos) {
		vm->pos += (size_t)n;
		return ST_OK;
	}
	vm->base = at + n;
	vm->pos = vm->len = 0;
	vm->ahead = FIRST_READ;
	return ST_OK;
}

static const char *long_line(struct st_pk_vm *vm, size_t *len)
{
	size_t old = vm->line.cap;
	const uint8_t *p, *nl;

	st_buf_clear(&vm->line);
	vm->line.max = (size_t)st_pk_room_left(vm) / 2 + old;
	do {
		if (!st_pk_fill(vm, 1))
			return NULL;
		p = vm->window + vm->pos;
		nl = memchr(p, '\n', vm->len - vm->pos);
		*len = nl ? (size_t)(nl - p) : vm->len - vm->pos;
		if (*len > vm->line.max - vm->line.len) {
			st_fail(vm->e, ST_ELIMIT,
				"a line takes more memory than the limit of %" PRIu64
				" bytes leaves at the %s at offset %" PRIu64,
				vm->lim.memory, vm->op->name, vm->at);
			return NULL;
		}
		if (st_buf_add(&vm->line, p, *len, vm->e) != ST_OK)
			return NULL;
		vm->pos += *len + (nl != NULL);
	} while (!nl);
	vm->extra += vm->line.cap - old;
	*len = vm->line.len;
	return (const char *)vm->line.p;
}

const char *st_pk_line(struct st_pk_vm *vm, bool long_ones, size_t *len)
{
	const uint8_t *p = vm->window + vm->pos, *nl;
	size_t seen = 0;

	for (;;) {
		nl = memchr(p + seen, '\n', vm->len - vm->pos - seen);
		if (nl)
			break;
		seen = vm->len - vm->pos;
		if (seen == ST_PK_WINDOW && long_ones)
			return long_line(vm, len);
		if (seen == ST_PK_WINDOW) {
			st_pk_bad(vm, "a line of more than %zu bytes", seen);
			return NULL;
		}
		if (seen && seen == vm->end - st_pk_tell(vm) && st_pk_lax(vm)) {
			/* Python's reader in Python cuts a last byte, newline or not */
			*len = seen - 1;
			vm->pos += seen;
			return (const char *)vm->window + vm->pos - seen;
		}
		p = st_pk_fill(vm, seen + 1);
		if (!p)
			return NULL;
	}
	*len = (size_t)(nl - p);
	vm->pos += *len + 1;
	return (const char *)p;
}

int st_pk_uint(struct st_pk_vm *vm, size_t width, uint64_t *v)
{
	const uint8_t *p = st_pk_take(vm, width);

	if (!p)
		return vm->e->code;
	*v = 0;
	for (size_t i = width; i-- > 0;)
		*v = *v << 8 | p[i];
	return ST_OK;
}

int st_pk_bytes(struct st_pk_vm *vm, uint64_t n, struct st_pk_str *s)
{
	const uint8_t *p;

	s->off = st_pk_tell(vm);
	s->p = NULL;
	if (n > ST_PK_LOADED)
		return st_pk_skip(vm, n) == ST_OK ? st_size(n, &s->len, vm->e) : vm->e->code;
	s->len = (size_t)n;
	p = st_pk_take(vm, s->len);
	if (p)
		s->p = st_pk_dup(vm, p, s->len);
	return vm->e->code;
}
