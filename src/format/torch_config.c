/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the configuration. They live in an arena of bounded size: when it is full, or too many
 * steps were taken, the configuration is given up and the tensors are still found.
 */
#include "format/torch_walk.h"

#include <stdio.h>

#define MAX_SAFE ((int64_t)1 << 53) /* what every reader of JSON keeps exactly */
#define MAX_HEX ((size_t)64)	    /* bytes shown in full */
#define MAX_DIGITS ((size_t)64)	    /* bytes of an integer that is shown in full */
#define MAX_PARTS ((size_t)256)	    /* of a path */
#define MAX_TEXT ((size_t)1 << 16)  /* bytes of a string that was not loaded with the pickle */

bool st_conf_on(const struct st_twalk *w)
{
	return !w->conf_off && !w->muted && w->t->e->code == ST_OK;
}

void *st_conf_alloc(struct st_twalk *w, size_t n, size_t size)
{
	uint64_t bytes;

	if (!st_conf_on(w))
		return NULL;
	if (!st_mul_u64(n, size, &bytes) || bytes > w->conf_room ||
	    w->conf.total > w->conf_room - bytes) {
		w->conf_off = "too much to show";
		return NULL;
	}
	return st_arena_alloc(&w->conf, (size_t)bytes, w->t->e);
}

struct st_conf *st_conf_new(struct st_twalk *w, enum st_conf_kind kind)
{
	struct st_conf *c = st_conf_alloc(w, 1, sizeof(*c));

	if (c)
		c->kind = kind;
	return c;
}

const char *st_conf_copy(struct st_twalk *w, const char *s, size_t len)
{
	char *copy = st_conf_alloc(w, len + 1, 1);

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

struct st_conf *st_conf_word(struct st_twalk *w, const char *s)
{
	size_t n = strlen(s);
	const char *copy = st_conf_copy(w, s, n);

	return copy ? st_conf_text(w, copy, n) : NULL;
}

struct st_conf *st_conf_int(struct st_twalk *w, int64_t v)
{
	struct st_conf *c;
	char digits[24];

	if (v > MAX_SAFE || v < -MAX_SAFE) {
		snprintf(digits, sizeof(digits), "%" PRId64, v);
		return st_conf_word(w, digits);
	}
	c = st_conf_new(w, ST_CONF_INT);
	if (c)
		c->i = v;
	return c;
}

struct st_conf *st_conf_u64(struct st_twalk *w, uint64_t v)
{
	char digits[24];

	if (v <= (uint64_t)MAX_SAFE)
		return st_conf_int(w, (int64_t)v);
	snprintf(digits, sizeof(digits), "%" PRIu64, v);
	return st_conf_word(w, digits);
}

struct st_conf *st_conf_real(struct st_twalk *w, double v)
{
	struct st_conf *c = st_conf_new(w, ST_CONF_REAL);

	if (c)
		c->f = v;
	return c;
}

/* Half a surrogate pair, as Python lets them into a str, is three bytes here. */
static bool surrogate(const uint8_t *p, size_t len)
{
	return len >= 3 && p[0] == 0xed && p[1] >= 0xa0 && p[1] <= 0xbf && (p[2] & 0xc0) == 0x80;
}

/* "\ud800" for such a half, "\xff" for a byte that is none of UTF-8, and "\\": at most six bytes
 * for one. */
static size_t escape(char *out, const char *s, size_t len)
{
	size_t at = 0, n;
	char six[8];

	for (size_t i = 0; i < len; i += n) {
		const uint8_t *p = (const uint8_t *)s + i;

		n = st_utf8_len(p, len - i);
		if (n && !(n == 1 && *p == '\\')) {
			memcpy(out + at, p, n);
			at += n;
			continue;
		}
		if (n)
			snprintf(six, sizeof(six), "\\\\");
		else if (surrogate(p, len - i))
			snprintf(six, sizeof(six), "\\u%04x",
				 0xd000u | (unsigned)(p[1] & 0x3f) << 6 | (p[2] & 0x3f));
		else
			snprintf(six, sizeof(six), "\\x%02x", *p);
		n = n ? n : six[1] == 'u' ? 3 : 1;
		memcpy(out + at, six, strlen(six));
		at += strlen(six);
	}
	return at;
}

/* s itself where it is UTF-8, else a copy with escapes. */
static const char *valid(struct st_twalk *w, const char *s, size_t len, size_t *out)
{
	char *copy;

	*out = len;
	if (st_utf8_valid(s, len))
		return s;
	copy = st_conf_alloc(w, len, 6);
	if (copy)
		*out = escape(copy, s, len);
	return copy;
}

struct st_conf *st_conf_text(struct st_twalk *w, const char *s, size_t len)
{
	struct st_conf *c = st_conf_new(w, ST_CONF_TEXT);

	if (!c)
		return NULL;
	c->s = valid(w, s, len, &c->n);
	return c->s ? c : NULL;
}

struct st_conf *st_conf_object(struct st_twalk *w, size_t n)
{
	struct st_conf *o = st_conf_new(w, ST_CONF_OBJECT);

	if (o)
		o->m = st_conf_alloc(w, n, sizeof(*o->m));
	return o && o->m ? o : NULL;
}

void st_conf_add(struct st_twalk *w, struct st_conf *o, const char *key, size_t len,
		 struct st_conf *value)
{
	struct st_conf_member m = { .value = value, .order = o ? o->n : 0 };

	if (!o || !value)
		return;
	m.key = valid(w, key, len, &m.len);
	if (m.key)
		o->m[o->n++] = m;
}

static int by_key(const void *pa, const void *pb)
{
	const struct st_conf_member *a = pa, *b = pb;
	size_t both = a->len < b->len ? a->len : b->len;
	int c = both ? memcmp(a->key, b->key, both) : 0;

	if (c || a->len != b->len)
		return c ? c : a->len < b->len ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static bool equal_keys(const struct st_conf_member *a, const struct st_conf_member *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->key, b->key, a->len) == 0);
}

/* Gives the second of equal keys "#2", and so on. True: there were some. */
static bool number_keys(struct st_twalk *w, struct st_conf *o)
{
	size_t room, run = 1;
	bool any = false;
	char *key;

	for (size_t i = 1; i < o->n; i++) {
		struct st_conf_member *m = &o->m[i];

		if (!equal_keys(&o->m[i - run], m)) {
			run = 1;
			continue;
		}
		run++;
		room = m->len + 24;
		key = st_conf_alloc(w, room, 1);
		if (!key)
			return false;
		memcpy(key, m->key, m->len);
		m->len += (size_t)snprintf(key + m->len, room - m->len, "#%zu", run);
		m->key = key;
		any = true;
		/* The next one is compared with the first of the run, whose key is as it was. */
	}
	return any;
}

static void drop_equal(struct st_conf *o)
{
	size_t n = 1;

	for (size_t i = 1; i < o->n; i++)
		if (!equal_keys(&o->m[n - 1], &o->m[i]))
			o->m[n++] = o->m[i];
	o->n = n;
}

struct st_conf *st_conf_sorted(struct st_twalk *w, struct st_conf *o)
{
	if (!o || o->n == 0)
		return NULL;
	/* A number can make the name of another key; a file that has this many such keys jests. */
	for (int round = 0; round < 4; round++) {
		qsort(o->m, o->n, sizeof(*o->m), by_key);
		if (!number_keys(w, o))
			break;
	}
	qsort(o->m, o->n, sizeof(*o->m), by_key);
	drop_equal(o);
	return o;
}

static struct st_conf *one_member(struct st_twalk *w, const char *key, struct st_conf *value)
{
	struct st_conf *o = st_conf_object(w, 1);

	st_conf_add(w, o, key, strlen(key), value);
	return o && o->n ? o : NULL;
}

struct st_conf *st_conf_elided(struct st_twalk *w, const char *why)
{
	return one_member(w, "elided", st_conf_text(w, why, strlen(why)));
}

struct st_conf *st_conf_elided_n(struct st_twalk *w, uint64_t n)
{
	return one_member(w, "elided", st_conf_u64(w, n));
}

struct st_conf *st_conf_bytes(struct st_twalk *w, const char *p, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	char hex[2 * MAX_HEX + 1];

	if (!p || len > MAX_HEX)
		return one_member(w, "bytes", st_conf_u64(w, len));
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digit[(uint8_t)p[i] >> 4];
		hex[2 * i + 1] = digit[(uint8_t)p[i] & 15];
	}
	hex[2 * len] = '\0';
	return one_member(w, "bytes_hex", st_conf_word(w, hex));
}

struct st_conf *st_conf_complex(struct st_twalk *w, double re, double im)
{
	struct st_conf *o = st_conf_object(w, 2);

	st_conf_add(w, o, "im", 2, st_conf_real(w, im));
	st_conf_add(w, o, "re", 2, st_conf_real(w, re));
	return o;
}

/* A string longer than what the pickle keeps in memory. */
static int long_text(struct st_twalk *w, const struct st_pk_str *s, struct st_conf **out)
{
	char *p;

	if (s->len > MAX_TEXT || s->off == ST_PK_NOWHERE) {
		*out = st_conf_elided_n(w, s->len);
		return w->t->e->code;
	}
	p = st_conf_alloc(w, s->len, 1);
	if (p && st_source_read(w->t->src, p, s->len, s->off, w->t->e) == ST_OK)
		*out = st_conf_text(w, p, s->len);
	return w->t->e->code;
}

/* Python 2 wrote its texts as bytes. */
static bool is_text(const struct st_twalk *w, const struct st_pk *n)
{
	if (!n->str.p || !w->python2 || n->cls)
		return false;
	for (size_t i = 0; i < n->str.len; i++)
		if ((uint8_t)n->str.p[i] < 0x20 && !memchr("\t\n\r", n->str.p[i], 3))
			return false;
	return st_utf8_valid(n->str.p, n->str.len);
}

static struct st_conf *big_int(struct st_twalk *w, const struct st_pk *n)
{
	char digits[ST_BIG_DIGITS];

	if (!n->str.p || n->str.len > MAX_DIGITS)
		return st_conf_elided_n(w, n->str.len);
	st_big_digits((const uint8_t *)n->str.p, n->str.len, digits);
	return st_conf_word(w, digits);
}

/* Types, layouts and formats of memory are known by their names. */
static bool is_torch_word(const char *name)
{
	static const char *const stems[] = { "float", "bfloat", "int",	"uint",
					     "qint",  "quint",	"bits", "complex" };
	static const char *const words[] = { "bool",
					     "strided",
					     "sparse_coo",
					     "sparse_csr",
					     "sparse_csc",
					     "sparse_bsr",
					     "sparse_bsc",
					     "contiguous_format",
					     "preserve_format",
					     "channels_last",
					     "channels_last_3d",
					     "per_tensor_affine",
					     "per_channel_affine" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(name, words[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(stems) / sizeof(*stems); i++) {
		size_t n = strlen(stems[i]);

		if (strncmp(name, stems[i], n) == 0 && name[n] >= '1' && name[n] <= '9')
			return true;
	}
	return false;
}

/* Today's name of a module that has had another one. */
static const char *module_of(const char *module, char s[256])
{
	if (strcmp(module, "__builtin__") == 0)
		return "builtins";
	if (strcmp(module, "copy_reg") == 0)
		return "copyreg";
	if (strncmp(module, "numpy.core.", 11) != 0)
		return module;
	snprintf(s, 256, "numpy._core.%s", module + 11);
	return s;
}

const char *st_conf_class_name(const struct st_pk *cls, char s[512])
{
	char module[256];

	if (st_pk_is_global(cls, "builtins", "xrange"))
		snprintf(s, 512, "builtins.range");
	else if (!cls || cls->kind != ST_PK_GLOBAL || !cls->global.module || !cls->global.name)
		snprintf(s, 512, "(computed)");
	else
		snprintf(s, 512, "%.250s.%.250s", module_of(cls->global.module, module),
			 cls->global.name);
	return s;
}

int st_conf_opaque(struct st_twalk *w, const struct st_pk *cls)
{
	char s[512];

	st_conf_class_name(cls, s);
	return st_map_put(&w->opaque, s, strlen(s), 0, NULL, NULL, w->t->e);
}

static int global(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	char s[512];

	st_conf_class_name(n, s);
	if (n->global.module && n->global.name && strcmp(n->global.module, "torch") == 0 &&
	    is_torch_word(n->global.name)) {
		*out = st_conf_word(w, s);
		return w->t->e->code;
	}
	*out = one_member(w, "global", st_conf_word(w, s));
	return st_conf_opaque(w, n);
}

int st_conf_scalar(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	*out = NULL;
	switch (n->kind) {
	case ST_PK_NONE:
		*out = st_conf_new(w, ST_CONF_NULL);
		break;
	case ST_PK_BOOL:
		*out = st_conf_new(w, ST_CONF_BOOL);
		if (*out)
			(*out)->i = n->i != 0;
		break;
	case ST_PK_INT:
		*out = st_conf_int(w, n->i);
		break;
	case ST_PK_BIGINT:
		*out = big_int(w, n);
		break;
	case ST_PK_FLOAT:
		*out = st_conf_real(w, n->f);
		break;
	case ST_PK_STR:
		if (!n->str.p)
			return long_text(w, &n->str, out);
		*out = st_conf_text(w, n->str.p, n->str.len);
		break;
	case ST_PK_BYTES:
		*out = is_text(w, n) ? st_conf_text(w, n->str.p, n->str.len) :
				       st_conf_bytes(w, n->str.p, n->str.len);
		break;
	case ST_PK_GLOBAL:
		return global(w, n, out);
	default: /* BUFFER */
		*out = st_conf_elided(w, "bytes outside of the file");
	}
	return w->t->e->code;
}

const struct st_pk *st_conf_class(const struct st_pk *n, size_t *args_from)
{
	const struct st_pk *fn = n->call.fn, *args = n->call.args;

	*args_from = 0;
	if (args && args->kind == ST_PK_TUPLE && args->seq.n > 0) {
		if (st_pk_is_global(fn, "copyreg", "_reconstructor") && args->seq.n == 3) {
			/* (class, base, the base's value) */
			*args_from = args->seq.v[2]->kind == ST_PK_NONE ? 3 : 2;
			fn = args->seq.v[0];
		} else if (st_pk_is_global(fn, "copyreg", "__newobj__")) {
			*args_from = 1;
			fn = args->seq.v[0];
		}
	}
	/* A module that was saved whole: ('module', class, file, source) as persistent id. */
	if (fn && fn->kind == ST_PK_PERSID && fn->call.args && fn->call.args->kind == ST_PK_TUPLE &&
	    fn->call.args->seq.n >= 2 && st_pk_is_str(fn->call.args->seq.v[0], "module"))
		fn = fn->call.args->seq.v[1];
	return fn;
}

static const struct st_pk *arg(const struct st_pk *n, size_t i)
{
	const struct st_pk *args = n->call.args;

	return args && args->kind == ST_PK_TUPLE && i < args->seq.n ? args->seq.v[i] : NULL;
}

static const struct st_pk_str *text_arg(const struct st_pk *n, size_t i)
{
	const struct st_pk *a = arg(n, i);

	return a && (a->kind == ST_PK_STR || a->kind == ST_PK_BYTES) && a->str.p ? &a->str : NULL;
}

static bool device(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	const struct st_pk_str *type = text_arg(n, 0);
	const struct st_pk *index = arg(n, 1);
	char s[128];

	if (!type || type->len > 64 || (index && index->kind != ST_PK_INT))
		return false;
	if (index)
		snprintf(s, sizeof(s), "%s:%" PRId64, type->p, index->i);
	else
		snprintf(s, sizeof(s), "%s", type->p);
	*out = st_conf_word(w, s);
	return true;
}

static bool real_arg(const struct st_pk *n, size_t i, double *out)
{
	const struct st_pk *a = arg(n, i);

	if (!a || (a->kind != ST_PK_FLOAT && a->kind != ST_PK_INT))
		return false;
	*out = a->kind == ST_PK_INT ? (double)a->i : a->f;
	return true;
}

/* The parts of a path; the first one may be the root. */
static bool path(struct st_twalk *w, const struct st_pk *n, char slash, struct st_conf **out)
{
	const struct st_pk_str *part;
	size_t count = n->call.args && n->call.args->kind == ST_PK_TUPLE ? n->call.args->seq.n : 0;
	size_t room = 1, len = 0;
	char *s;

	if (count > MAX_PARTS)
		return false;
	for (size_t i = 0; i < count; i++) {
		part = text_arg(n, i);
		if (!part)
			return false;
		room += part->len + 1;
	}
	s = st_conf_alloc(w, room, 1);
	for (size_t i = 0; s && i < count; i++) {
		part = text_arg(n, i);
		if (len && s[len - 1] != slash)
			s[len++] = slash;
		memcpy(s + len, part->p, part->len);
		len += part->len;
	}
	if (s)
		*out = len ? st_conf_text(w, s, len) : st_conf_word(w, ".");
	return true;
}

static bool is_path(const struct st_pk *fn, char *slash)
{
	const char *name;

	if (!fn || fn->kind != ST_PK_GLOBAL || !fn->global.module || !fn->global.name)
		return false;
	name = fn->global.name;
	*slash = strstr(name, "Windows") ? '\\' : '/';
	return (strcmp(fn->global.module, "pathlib") == 0 ||
		strcmp(fn->global.module, "pathlib._local") == 0) &&
	       strlen(name) >= 4 && strcmp(name + strlen(name) - 4, "Path") == 0;
}

static bool numpy_type(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	const struct st_pk_str *s = text_arg(n, 0);
	struct st_np_type type;
	char text[72];

	if (!s || s->len > 64 || !st_np_dtype_of(&type, n))
		return false;
	snprintf(text, sizeof(text), "%s%s", type.big_endian ? ">" : "", s->p);
	*out = st_conf_word(w, text);
	return true;
}

bool st_conf_plain(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	const struct st_pk *fn = n->call.fn;
	const struct st_pk_str *s;
	double re, im;
	char slash;

	if (fn && st_pk_is_global(fn, "numpy", "dtype"))
		return numpy_type(w, n, out);
	if (n->state || n->call.items || !fn)
		return false;
	if (is_path(fn, &slash))
		return path(w, n, slash, out);
	if (st_pk_is_global(fn, "torch", "device"))
		return device(w, n, out);
	if (st_pk_is_global(fn, "builtins", "complex")) {
		if (!real_arg(n, 0, &re) || !real_arg(n, 1, &im))
			return false;
		*out = st_conf_complex(w, re, im);
		return true;
	}
	if (!st_pk_is_global(fn, "torch.serialization", "_get_layout"))
		return false;
	s = text_arg(n, 0);
	if (s)
		*out = st_conf_text(w, s->p, s->len);
	return s != NULL;
}
