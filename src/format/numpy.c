/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a .npy file (doc/format/npy.md):
 *
 *	offset 0	"\x93NUMPY"
 *	offset 6	major version 1, 2 or 3, then minor version 0
 *	offset 8	N: u16 in version 1, u32 in versions 2 and 3, little-endian
 *	offset 10, 12	N bytes of text, Latin-1 or (version 3) UTF-8: the literal of a Python dict
 *			{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *	behind it	the array
 *
 * descr is a type ('<f4'), a list of fields (('name', descr) or ('name', descr, shape), where the
 * name may be a pair ('title', 'name')) or a subarray (descr, shape). The text is read as what
 * these rules allow and nothing else, so that there is nothing to evaluate.
 */
#include "format/numpy.h"

#include "base/utf8.h"
#include "tensor/quote.h"

#include <strings.h>

#define MAGIC_LEN 6
#define FIXED_MIN 10 /* of version 1; the others have two bytes more */
#define FIXED_MAX 12
#define MAX_TEXT 10000 /* characters, as in NumPy */
#define MAX_CHAR 4     /* bytes of one in version 3 */
#define MAX_DEPTH 32   /* of types in types */
#define FIRST_READ 128 /* nearly every head is that long */

/* ---- types */

static bool digits(const char *p, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (p[i] < '0' || p[i] > '9' || !st_mul_u64(n, 10, &n) ||
		    !st_add_u64(n, (uint64_t)(p[i] - '0'), &n))
			return false;
	*out = n;
	return true;
}

/* Dates: "8", or "8[25s]" with a unit. */
static bool date(struct st_np_type *t, const char *p, size_t len)
{
	t->itemsize = 8;
	if (len == 0 || p[0] != '8')
		return false;
	if (len == 1)
		return true;
	if (len < 4 || p[1] != '[' || p[len - 1] != ']')
		return false;
	for (size_t i = 2; i + 1 < len; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'z') ||
		      (p[i] >= 'A' && p[i] <= 'Z') || p[i] == '/'))
			return false;
	return true;
}

/* Kinds of which strata keeps the bytes. */
static bool opaque(struct st_np_type *t, char kind, const char *size, size_t len)
{
	uint64_t n;

	if (kind == 'M' || kind == 'm')
		return date(t, size, len);
	if (!digits(size, len, &n))
		return false;
	t->itemsize = n;
	switch (kind) {
	case 'S':
	case 'a':
	case 'V':
		return true;
	case 'U': /* UCS-4 */
		return st_mul_u64(n, 4, &t->itemsize);
	case 'O':
		t->object = true;
		t->itemsize = 8;
		return len == 0 || n == 4 || n == 8;
	case 'f': /* long double, as wide as the machine has it */
		return n == 10 || n == 12 || n == 16;
	case 'c':
		return n == 20 || n == 24 || n == 32;
	default:
		return false;
	}
}

static bool is_order(char c)
{
	return c == '<' || c == '>' || c == '|' || c == '=';
}

/* np.dtype takes words too, and so np.load does, though no writer of NumPy's makes them. */
static const char *code_of(const char *word, size_t len)
{
	static const struct {
		const char *word, *code;
	} words[] = {
		{ "?", "b1" },	     { "bool", "b1" },	    { "int8", "i1" },
		{ "int16", "i2" },   { "int32", "i4" },	    { "int64", "i8" },
		{ "uint8", "u1" },   { "uint16", "u2" },    { "uint32", "u4" },
		{ "uint64", "u8" },  { "float16", "f2" },   { "float32", "f4" },
		{ "float64", "f8" }, { "complex64", "c8" }, { "complex128", "c16" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len && memcmp(words[i].word, word, len) == 0)
			return words[i].code;
	return NULL;
}

bool st_np_type_of(struct st_np_type *out, const char *descr, size_t len)
{
	const char *code;
	char order = '<';

	*out = (struct st_np_type){ .dtype = ST_OPAQUE };
	if (len && is_order(*descr)) {
		order = *descr++;
		len--;
	}
	if (len == 0)
		return false;
	code = code_of(descr, len);
	if (code) {
		descr = code;
		len = strlen(code);
	}
	/* The first row wins: c32, which is written as "<u4", comes behind the true one. */
	for (unsigned i = ST_OPAQUE + 1; i < ST_NDTYPES; i++) {
		const struct st_dtype_info *info = st_dtype_info((enum st_dtype)i);

		if (strlen(info->numpy) != len + 1 || memcmp(info->numpy + 1, descr, len) != 0)
			continue;
		out->dtype = (enum st_dtype)i;
		out->itemsize = info->bits / 8;
		out->big_endian = order == '>' && info->bits > 8;
		return true;
	}
	return opaque(out, *descr, descr + 1, len - 1);
}

/* ---- the literal */

struct lit {
	const char *p;
	size_t pos, len;
	size_t base;  /* of p in the file */
	bool python2; /* 3L is a number */
	struct st_err *e;
};

struct text { /* between its quotes, escapes as they are */
	const char *p;
	size_t len;
};

static bool ok(const struct lit *l)
{
	return l->e->code == ST_OK;
}

static void expected(struct lit *l, const char *what)
{
	struct st_quote q;

	if (l->pos == l->len)
		st_fail(l->e, ST_EFORMAT, "the header ends at offset %zu, expected %s",
			l->base + l->pos, what);
	else
		st_fail(l->e, ST_EFORMAT, "expected %s at offset %zu, not %s", what,
			l->base + l->pos,
			st_quote(&q, l->p + l->pos, l->len - l->pos < 16 ? l->len - l->pos : 16));
}

static char peek(struct lit *l)
{
	while (l->pos < l->len && memchr(" \t\r\n\f", l->p[l->pos], 5))
		l->pos++;
	return ok(l) && l->pos < l->len ? l->p[l->pos] : '\0';
}

static bool accept(struct lit *l, char c)
{
	if (peek(l) != c || l->pos == l->len)
		return false;
	l->pos++;
	return true;
}

static void need(struct lit *l, char c, const char *what)
{
	if (!accept(l, c))
		expected(l, what);
}

static struct text string(struct lit *l)
{
	struct text t = { "", 0 };
	size_t at;
	char quote;

	accept(l, 'u'); /* Python 2 may have it */
	quote = l->pos < l->len ? l->p[l->pos] : '\0';
	if (!ok(l) || (quote != '\'' && quote != '"')) {
		expected(l, "a string");
		return t;
	}
	at = ++l->pos;
	for (; l->pos < l->len && l->p[l->pos] != quote && l->p[l->pos] != '\n'; l->pos++)
		if (l->p[l->pos] == '\\' && l->pos + 1 < l->len)
			l->pos++;
	if (l->pos == l->len || l->p[l->pos] != quote) {
		st_fail(l->e, ST_EFORMAT, "the string at offset %zu does not end",
			l->base + at - 1);
		return t;
	}
	t = (struct text){ l->p + at, l->pos - at };
	l->pos++;
	return t;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (c & 0x80);
}

static size_t word_len(const struct lit *l)
{
	size_t n = 0;

	while (l->pos + n < l->len && is_word(l->p[l->pos + n]))
		n++;
	return n;
}

static uint64_t number(struct lit *l)
{
	char first = peek(l);
	size_t at = l->pos, n = word_len(l);
	uint64_t v = 0;

	if (first == '-') {
		st_fail(l->e, ST_EFORMAT, "a negative number at offset %zu", l->base + at);
		return 0;
	}
	if (first < '0' || first > '9') {
		expected(l, "a number");
		return 0;
	}
	l->pos += n;
	if (l->python2 && n > 1 && l->p[at + n - 1] == 'L')
		n--;
	/* 010 is 8 to Python 2 and no number to Python 3. */
	if ((n > 1 && first == '0') || !digits(l->p + at, n, &v))
		st_fail(l->e, ST_EFORMAT, "no number, or one above 64 bits, at offset %zu",
			l->base + at);
	return v;
}

static bool boolean(struct lit *l)
{
	size_t n;

	peek(l);
	n = word_len(l);
	if (n == 4 && memcmp(l->p + l->pos, "True", 4) == 0) {
		l->pos += 4;
		return true;
	}
	if (n == 5 && memcmp(l->p + l->pos, "False", 5) == 0)
		l->pos += 5;
	else
		expected(l, "True or False");
	return false;
}

/* (), (2,), (2, 3): one number alone needs the comma. */
static void shape(struct lit *l, uint64_t dims[ST_MAX_NDIM], unsigned *ndim)
{
	size_t at;
	bool comma = true;

	*ndim = 0;
	need(l, '(', "a tuple");
	at = l->base + l->pos - 1;
	while (ok(l) && peek(l) != ')' && comma) {
		if (*ndim == ST_MAX_NDIM) {
			st_fail(l->e, ST_EFORMAT, "shape at offset %zu has more than %d dimensions",
				at, ST_MAX_NDIM);
			return;
		}
		dims[(*ndim)++] = number(l);
		comma = accept(l, ',');
	}
	if (*ndim == 1 && !comma)
		expected(l, "a comma");
	need(l, ')', *ndim ? "a comma or )" : "a number or )");
}

static void wraps(struct lit *l, size_t at)
{
	st_fail(l->e, ST_EFORMAT, "the item size of the type at offset %zu exceeds 64 bits",
		l->base + at);
}

/* Of a field or a subarray: a tuple, or a number for one dimension. */
static void repeat(struct lit *l, struct st_np_type *t)
{
	uint64_t dims[ST_MAX_NDIM], n;
	unsigned ndim;
	char c = peek(l);
	size_t at = l->pos;

	if (c == '(') {
		shape(l, dims, &ndim);
	} else {
		dims[0] = number(l);
		ndim = 1;
	}
	if (!ok(l))
		return;
	if (!st_shape_numel(dims, ndim, &n) || !st_mul_u64(t->itemsize, n, &t->itemsize))
		wraps(l, at);
}

static void type(struct lit *l, struct st_np_type *t, unsigned depth);

static void field_name(struct lit *l)
{
	if (!accept(l, '(')) {
		string(l);
		return;
	}
	string(l);
	need(l, ',', "a comma");
	string(l);
	accept(l, ',');
	need(l, ')', "a )");
}

static void field(struct lit *l, struct st_np_type *t, unsigned depth)
{
	need(l, '(', "a field");
	field_name(l);
	need(l, ',', "a comma");
	type(l, t, depth);
	if (accept(l, ',') && peek(l) != ')') {
		repeat(l, t);
		accept(l, ',');
	}
	need(l, ')', "a comma or )");
}

static void fields(struct lit *l, struct st_np_type *t, unsigned depth)
{
	size_t at = l->pos;
	bool comma = true;

	need(l, '[', "a list");
	while (ok(l) && comma && peek(l) != ']') {
		struct st_np_type one = { 0 };

		field(l, &one, depth);
		t->object |= one.object;
		if (ok(l) && !st_add_u64(t->itemsize, one.itemsize, &t->itemsize))
			wraps(l, at);
		comma = accept(l, ',');
	}
	need(l, ']', "a comma or ]");
}

static void subarray(struct lit *l, struct st_np_type *t, unsigned depth)
{
	need(l, '(', "a tuple");
	type(l, t, depth);
	t->dtype = ST_OPAQUE;
	t->big_endian = false;
	need(l, ',', "a comma");
	repeat(l, t);
	accept(l, ',');
	need(l, ')', "a comma or )");
}

static void type(struct lit *l, struct st_np_type *t, unsigned depth)
{
	char c = peek(l);
	size_t at = l->pos;
	struct st_quote q;
	struct text s;

	*t = (struct st_np_type){ .dtype = ST_OPAQUE };
	if ((c == '[' || c == '(') && depth == MAX_DEPTH) {
		st_fail(l->e, ST_EFORMAT, "types at offset %zu are nested more than %d deep",
			l->base + at, MAX_DEPTH);
	} else if (c == '[') {
		fields(l, t, depth + 1);
	} else if (c == '(') {
		subarray(l, t, depth + 1);
	} else if (c == '\'' || c == '"' || c == 'u') {
		s = string(l);
		if (ok(l) && !st_np_type_of(t, s.p, s.len))
			st_fail(l->e, ST_EFORMAT, "%s at offset %zu is no type of NumPy",
				st_quote(&q, s.p, s.len), l->base + at);
	} else {
		expected(l, "a type");
	}
}

/* ---- the head */

enum {
	HAS_DESCR = 1,
	HAS_ORDER = 2,
	HAS_SHAPE = 4,
	HAS_ALL = 7
};

static bool is(struct text t, const char *word)
{
	return t.len == strlen(word) && memcmp(t.p, word, t.len) == 0;
}

static unsigned key_of(struct text t)
{
	if (is(t, "descr"))
		return HAS_DESCR;
	if (is(t, "fortran_order"))
		return HAS_ORDER;
	return is(t, "shape") ? HAS_SHAPE : 0;
}

static struct text descr_value(struct lit *l, struct st_np_type *t)
{
	char c = peek(l);
	size_t at = l->pos;
	struct lit again = *l;

	type(l, t, 0);
	if (ok(l) && c != '[' && c != '(')
		return string(&again);
	return (struct text){ l->p + at, l->pos - at };
}

static void value(struct lit *l, unsigned key, struct st_np_array *a, struct text *descr)
{
	if (key == HAS_DESCR)
		*descr = descr_value(l, &a->type);
	else if (key == HAS_ORDER)
		a->fortran = boolean(l);
	else
		shape(l, a->shape, &a->ndim);
}

static int dict(struct lit *l, struct st_np_array *a, struct text *descr)
{
	unsigned has = 0, key;
	struct st_quote q;
	struct text name;
	size_t at;
	bool comma = true;

	need(l, '{', "a dict");
	while (ok(l) && comma && peek(l) != '}') {
		at = l->base + l->pos;
		name = string(l);
		key = key_of(name);
		need(l, ':', "a colon");
		if (ok(l) && (key == 0 || (has & key)))
			return st_fail(l->e, ST_EFORMAT, "%s key %s at offset %zu",
				       key ? "a second" : "an unknown",
				       st_quote(&q, name.p, name.len), at);
		if (ok(l))
			value(l, key, a, descr);
		has |= key;
		comma = accept(l, ',');
	}
	need(l, '}', "a comma or }");
	if (peek(l) || l->pos < l->len)
		expected(l, "nothing behind the dict");
	if (ok(l) && has != HAS_ALL)
		return st_fail(l->e, ST_EFORMAT, "the header at offset %zu has no %s", l->base,
			       !(has & HAS_DESCR) ? "descr" :
			       !(has & HAS_ORDER) ? "fortran_order" :
						    "shape");
	return l->e->code;
}

static size_t fixed_of(const uint8_t *p)
{
	return p[MAGIC_LEN] == 1 ? FIXED_MIN : FIXED_MAX;
}

static uint64_t text_of(const uint8_t *p)
{
	return p[MAGIC_LEN] == 1 ? st_get16(p + 8) : st_get32(p + 8);
}

/* Magic, version and length of a file of size bytes, of which p has the first FIXED_MAX. */
static int check_fixed(const uint8_t *p, uint64_t size, struct st_err *e)
{
	uint64_t n;

	if (size < MAGIC_LEN || memcmp(p, ST_NPY_MAGIC, MAGIC_LEN) != 0)
		return st_fail(e, ST_EFORMAT, "no magic number of NumPy at offset 0");
	if (size < FIXED_MIN || size < fixed_of(p))
		return st_fail(e, ST_EFORMAT,
			       "the file ends at offset %" PRIu64 ", within the head", size);
	if (p[MAGIC_LEN] < 1 || p[MAGIC_LEN] > 3 || p[MAGIC_LEN + 1] != 0)
		return st_fail(e, ST_EFORMAT, "version %u.%u at offset %d is none of NumPy's",
			       p[MAGIC_LEN], p[MAGIC_LEN + 1], MAGIC_LEN);
	n = text_of(p);
	if (n > size - fixed_of(p))
		return st_fail(e, ST_EFORMAT,
			       "header length %" PRIu64 " at offset 8 exceeds the %" PRIu64
			       " bytes behind it",
			       n, size - fixed_of(p));
	if (n > MAX_TEXT * (p[MAGIC_LEN] == 3 ? MAX_CHAR : 1))
		return st_fail(e, ST_EFORMAT,
			       "header length %" PRIu64 " at offset 8 exceeds NumPy's limit of %d",
			       n, MAX_TEXT);
	return ST_OK;
}

static int check_utf8(const char *p, size_t len, size_t base, struct st_err *e)
{
	size_t chars = 0;

	for (size_t i = 0, n; i < len; i += n, chars++) {
		n = st_utf8_len(p + i, len - i);
		if (n == 0)
			return st_fail(e, ST_EFORMAT, "invalid UTF-8 at offset %zu", base + i);
	}
	if (chars > MAX_TEXT)
		return st_fail(e, ST_EFORMAT,
			       "the header of %zu characters at offset %zu exceeds NumPy's limit "
			       "of %d",
			       chars, base, MAX_TEXT);
	return ST_OK;
}

static int check_data(struct st_np_array *a, size_t at, uint64_t data, uint64_t size,
		      struct st_err *e)
{
	uint64_t n;

	if (!st_shape_numel(a->shape, a->ndim, &n) || !st_mul_u64(n, a->type.itemsize, &a->nbytes))
		return st_fail(e, ST_EFORMAT,
			       "the shape in the header at offset %zu, times %" PRIu64
			       " bytes, exceeds 64 bits",
			       at, a->type.itemsize);
	if (!a->type.object && a->nbytes > size - data)
		return st_fail(e, ST_EFORMAT,
			       "the array takes %" PRIu64 " bytes at offset %" PRIu64 ", %" PRIu64
			       " are there",
			       a->nbytes, data, size - data);
	return ST_OK;
}

static const char *keep(struct text t, bool latin1, struct st_arena *arena, struct st_err *e)
{
	size_t n = 0;
	char *s = st_arena_alloc(arena, t.len * 2 + 1, e);

	if (!s)
		return NULL;
	for (size_t i = 0; i < t.len; i++)
		if (latin1)
			n += st_utf8_put((uint8_t)t.p[i], s + n);
		else
			s[n++] = t.p[i];
	return s;
}

size_t st_npy_head_max(void)
{
	return FIXED_MAX + MAX_TEXT * MAX_CHAR;
}

int st_npy_parse(struct st_np_array *out, uint64_t *data, const char **descr,
		 struct st_arena *arena, const uint8_t *p, size_t len, uint64_t size,
		 struct st_err *e)
{
	struct text t = { "", 0 };
	struct lit l = { .e = e };
	int rc = check_fixed(p, size, e);

	if (rc != ST_OK)
		return rc;
	ST_BUG_ON(len < size && len < fixed_of(p) + text_of(p));
	l.base = fixed_of(p);
	l.p = (const char *)p + l.base;
	l.len = (size_t)text_of(p);
	l.python2 = p[MAGIC_LEN] < 3;
	*out = (struct st_np_array){ 0 };
	if (!l.python2)
		rc = check_utf8(l.p, l.len, l.base, e);
	if (rc == ST_OK)
		rc = dict(&l, out, &t);
	*data = l.base + l.len;
	if (rc == ST_OK)
		rc = check_data(out, l.base, *data, size, e);
	if (rc != ST_OK)
		return rc;
	*descr = keep(t, l.python2, arena, e);
	return e->code;
}

int st_npy_load(struct st_np_array *out, uint64_t *data, const char **descr, struct st_arena *arena,
		const struct st_source *src, struct st_err *e)
{
	uint8_t first[FIRST_READ] = { 0 }, *head = first;
	size_t len = src->size < sizeof(first) ? (size_t)src->size : sizeof(first), all;
	int rc = st_source_read(src, first, len, 0, e);

	if (rc == ST_OK)
		rc = check_fixed(first, src->size, e);
	if (rc != ST_OK)
		return rc;
	all = fixed_of(first) + (size_t)text_of(first);
	if (all > len) {
		head = st_malloc(all, e);
		if (!head)
			return e->code;
		memcpy(head, first, len);
		rc = st_source_read(src, head + len, all - len, len, e);
		len = all;
	}
	if (rc == ST_OK)
		rc = st_npy_parse(out, data, descr, arena, head, len, src->size, e);
	if (head != first)
		free(head);
	return rc;
}

/* ---- tensors */

void st_npy_config(struct st_jw *w, const struct st_np_array *a, const char *descr)
{
	st_jw_object(w);
	st_jw_key(w, "descr");
	st_jw_string(w, descr);
	st_jw_key(w, "fortran_order");
	st_jw_bool(w, a->fortran);
	if (a->type.object) {
		st_jw_key(w, "objects");
		st_jw_bool(w, true);
		st_jw_key(w, "shape");
		st_jw_array(w);
		for (unsigned i = 0; i < a->ndim; i++)
			st_jw_u64(w, a->shape[i]);
		st_jw_close_array(w);
	}
	st_jw_close_object(w);
}

bool st_npy_named(const char *path, const char *suffix)
{
	size_t n = path ? strlen(path) : 0, len = strlen(suffix);

	return n >= len && strcasecmp(path + n - len, suffix) == 0;
}

/* In elements; the dimensions lie in memory in the order of axes, outermost first. */
static int strides_of(struct st_tensor *t, const struct st_np_array *a, struct st_arena *arena,
		      struct st_err *e)
{
	int64_t *s = st_arena_alloc(arena, a->ndim * sizeof(*s), e);
	int64_t step = 1;

	if (!s)
		return e->code;
	for (unsigned i = a->ndim; i-- > 0;) {
		unsigned d = a->permuted ? a->axes[i] : a->ndim - 1 - i;

		s[d] = step;
		if (__builtin_mul_overflow(step, a->shape[d], &step))
			return st_fail(e, ST_EFORMAT, "strides exceed 64 bits");
	}
	t->strides = s;
	return ST_OK;
}

/* Dimensions of 1 may lie anywhere. */
static bool row_major(const struct st_np_array *a)
{
	int last = -1, d;

	if ((!a->fortran && !a->permuted) || a->nbytes == 0)
		return true;
	for (unsigned i = 0; i < a->ndim; i++) {
		d = a->permuted ? a->axes[i] : (int)(a->ndim - 1 - i);
		if (a->shape[d] == 1)
			continue;
		if (d < last)
			return false;
		last = d;
	}
	return true;
}

int st_np_tensor(struct st_tensor *t, const struct st_np_array *a, struct st_arena *arena,
		 struct st_err *e)
{
	uint64_t *dims = st_arena_alloc(arena, a->ndim * sizeof(*dims), e);

	if (!dims)
		return e->code;
	memcpy(dims, a->shape, a->ndim * sizeof(*dims));
	t->dtype = a->type.dtype;
	t->big_endian = a->type.big_endian;
	t->ndim = a->ndim;
	t->shape = dims;
	t->strides = NULL;
	t->nbytes = a->nbytes;
	if (a->type.dtype == ST_OPAQUE || row_major(a))
		return ST_OK;
	return strides_of(t, a, arena, e);
}
