/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors (doc/format/safetensors.md):
 *
 *	offset 0	u64, little-endian: N
 *	offset 8	N bytes of JSON, white space around it allowed:
 *			{"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [0,24]}, ...,
 *			"__metadata__": {"key": "value", ...}}
 *	offset 8 + N	the tensors, one behind the other without gaps, up to the end of the file
 *
 * data_offsets count from 8 + N. Nothing marks such a file but that it is consistent, so everything
 * is checked that the format promises.
 */
#include "format/safetensors.h"

#include "base/json.h"
#include "tensor/quote.h"

#include <strings.h>

#define LENGTH_BYTES 8
#define MAX_HEADER ST_SAFETENSORS_HEADER

/* A header that is one long name lies in memory as read, decoded, in the layout and in the map. */
#define HEADER_COPIES 4

static bool has_suffix(const char *path)
{
	static const char suffix[] = ".safetensors";
	size_t n = path ? strlen(path) : 0;

	return n >= sizeof(suffix) - 1 && strcasecmp(path + n - (sizeof(suffix) - 1), suffix) == 0;
}

static size_t space_run(const uint8_t *p, size_t len)
{
	size_t i = 0;

	while (i < len && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
		i++;
	return i;
}

/* A header length that fits, and behind it what begins a JSON object, as far as it is seen. */
static bool plausible(const uint8_t *p, size_t len, uint64_t size)
{
	uint64_t n;
	size_t i;

	if (len < LENGTH_BYTES + 2)
		return false;
	n = st_get64(p);
	if (n < 2 || n > MAX_HEADER || n > size - LENGTH_BYTES)
		return false;
	i = LENGTH_BYTES;
	i += space_run(p + i, len - i);
	if (i == len || p[i] != '{')
		return false;
	i++;
	i += space_run(p + i, len - i);
	return i == len || p[i] == '"' || p[i] == '}';
}

/* A damaged file still counts when its name says what it should be: parse then tells the damage. */
static int probe(const uint8_t *p, size_t len, uint64_t size, const char *path)
{
	bool named = has_suffix(path);

	if (plausible(p, len, size))
		return named ? 100 : 70;
	return named ? 10 : 0;
}

struct entry { /* of __metadata__ */
	const char *key, *value;
	size_t key_len, value_len;
};

struct parser {
	struct st_layout *l;
	struct st_json j;    /* over the file's head, so that its offsets are the file's */
	struct st_map names; /* to where each stands */
	uint64_t data, size; /* the buffer behind the header */
	uint64_t limit;	     /* of memory, without what grows with the number of tensors */
	struct st_err *e;
	struct st_arena scratch; /* of the metadata */
	struct entry *meta;
	size_t nmeta, meta_cap;
};

/* Where the next key stands. */
static size_t key_offset(const struct st_json *j)
{
	size_t i = j->pos;

	while (i < j->len && memchr(" \t\n\r,", j->p[i], 5))
		i++;
	return i;
}

static bool is(const char *key, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(key, word, len) == 0;
}

static int add_metadata(struct parser *p, const char *key, size_t len)
{
	struct entry *m;
	uint64_t need;

	need = (p->nmeta + 1) * 3 * sizeof(*m); /* thrice: growing copies */
	if (need + p->j.len * HEADER_COPIES > p->limit)
		return st_fail(p->e, ST_ELIMIT,
			       "__metadata__ up to offset %zu takes more than %" PRIu64 " bytes",
			       p->j.pos, p->limit);
	if (st_grow(&p->meta, &p->meta_cap, p->nmeta + 1, p->e) != ST_OK)
		return p->e->code;
	m = &p->meta[p->nmeta];
	m->key_len = len;
	m->key = st_arena_dup(&p->scratch, key, len, p->e);
	if (!m->key)
		return p->e->code;
	m->value = st_json_string(&p->j, &m->value_len);
	if (m->value)
		m->value = st_arena_dup(&p->scratch, m->value, m->value_len, p->e);
	if (!m->value)
		return p->e->code;
	p->nmeta++;
	return ST_OK;
}

static int by_key(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	size_t both = a->key_len < b->key_len ? a->key_len : b->key_len;
	int c = memcmp(a->key, b->key, both);

	return c ? c : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

/*
 * Sorted and compact, since writers put the keys in random order: equal metadata then makes equal
 * bytes here. Those of the file are glue.
 */
static int write_metadata(struct parser *p)
{
	struct st_quote q;
	struct st_buf b;
	struct st_jw w;

	if (p->nmeta)
		qsort(p->meta, p->nmeta, sizeof(*p->meta), by_key);
	for (size_t i = 1; i < p->nmeta; i++)
		if (by_key(&p->meta[i - 1], &p->meta[i]) == 0)
			return st_fail(p->e, ST_EFORMAT,
				       "__metadata__ ending at offset %zu has two keys %s",
				       p->j.pos, st_quote(&q, p->meta[i].key, p->meta[i].key_len));
	st_buf_init(&b, p->j.len + 64);
	st_jw_init(&w, &b, false, p->e);
	st_jw_object(&w);
	st_jw_key(&w, "metadata");
	st_jw_object(&w);
	for (size_t i = 0; i < p->nmeta; i++) {
		st_jw_keyn(&w, p->meta[i].key, p->meta[i].key_len);
		st_jw_stringn(&w, p->meta[i].value, p->meta[i].value_len);
	}
	st_jw_close_object(&w);
	st_jw_close_object(&w);
	if (st_json_ok(&p->j)) {
		p->l->metadata = st_arena_dup(&p->l->arena, b.p, b.len, p->e);
		p->l->metadata_len = b.len;
	}
	st_buf_release(&b);
	return p->e->code;
}

static int parse_metadata(struct parser *p)
{
	const char *key;
	size_t len;

	if (st_json_peek(&p->j) == ST_JSON_NULL) { /* the reference reader takes it for none */
		st_json_null(&p->j);
		return p->e->code;
	}
	if (st_json_object(&p->j))
		while ((key = st_json_key(&p->j, &len)) && add_metadata(p, key, len) == ST_OK)
			;
	return st_json_ok(&p->j) ? write_metadata(p) : p->e->code;
}

enum {
	HAS_DTYPE = 1,
	HAS_SHAPE = 2,
	HAS_OFFSETS = 4,
	HAS_ALL = 7
};

struct fields { /* of one tensor */
	unsigned has;
	enum st_dtype dtype;
	unsigned ndim;
	uint64_t shape[ST_MAX_NDIM];
	uint64_t begin, end;
};

static void parse_dtype(struct parser *p, struct fields *f)
{
	size_t len;
	const char *s = st_json_string(&p->j, &len);

	/* A type of tomorrow: its bytes can be kept though not read. */
	if (s && !st_dtype_by_safetensors(&f->dtype, s, len))
		f->dtype = ST_OPAQUE;
}

static void parse_shape(struct parser *p, struct fields *f)
{
	if (!st_json_array(&p->j))
		return;
	while (st_json_item(&p->j)) {
		if (f->ndim == ST_MAX_NDIM) {
			st_fail(p->e, ST_EFORMAT, "shape at offset %zu has more than %d dimensions",
				p->j.pos, ST_MAX_NDIM);
			return;
		}
		f->shape[f->ndim++] = st_json_u64(&p->j);
	}
}

static void parse_offsets(struct parser *p, struct fields *f)
{
	size_t at = p->j.pos, n = 0;

	f->begin = f->end = 0;
	if (!st_json_array(&p->j))
		return;
	for (; st_json_item(&p->j); n++) {
		f->begin = f->end;
		f->end = st_json_u64(&p->j);
	}
	if (n != 2)
		st_fail(p->e, ST_EFORMAT, "data_offsets at offset %zu are not two numbers", at);
}

/* What key names, or 0 for what no reader knows. */
static unsigned field_of(const char *key, size_t len)
{
	if (is(key, len, "dtype"))
		return HAS_DTYPE;
	if (is(key, len, "shape"))
		return HAS_SHAPE;
	return is(key, len, "data_offsets") ? HAS_OFFSETS : 0;
}

static int parse_fields(struct parser *p, struct fields *f)
{
	const char *key;
	size_t len;

	if (!st_json_object(&p->j))
		return p->e->code;
	while ((key = st_json_key(&p->j, &len))) {
		unsigned field = field_of(key, len);

		if (f->has & field)
			return st_fail(p->e, ST_EFORMAT, "a second %s at offset %zu", key,
				       p->j.pos);
		f->has |= field;
		if (field == HAS_DTYPE)
			parse_dtype(p, f);
		else if (field == HAS_SHAPE)
			parse_shape(p, f);
		else if (field == HAS_OFFSETS)
			parse_offsets(p, f);
		else
			st_json_skip(&p->j);
	}
	if (st_json_ok(&p->j) && f->has != HAS_ALL)
		return st_fail(p->e, ST_EFORMAT, "no %s",
			       !(f->has & HAS_DTYPE) ? "dtype" :
			       !(f->has & HAS_SHAPE) ? "shape" :
						       "data_offsets");
	return p->e->code;
}

static int check_fields(const struct parser *p, const struct fields *f)
{
	uint64_t n, bytes;

	if (f->begin > f->end)
		return st_fail(p->e, ST_EFORMAT,
			       "data_offsets [%" PRIu64 ",%" PRIu64 "] run backwards", f->begin,
			       f->end);
	if (f->end > p->size)
		return st_fail(p->e, ST_EFORMAT,
			       "data_offsets [%" PRIu64 ",%" PRIu64 "] exceed the %" PRIu64
			       " bytes that follow the header",
			       f->begin, f->end, p->size);
	if (!st_shape_numel(f->shape, f->ndim, &n) ||
	    !st_mul_u64(n, st_dtype_info(f->dtype)->bits, &n))
		return st_fail(p->e, ST_EFORMAT, "the product of the shape exceeds 64 bits");
	if (f->dtype == ST_OPAQUE)
		return ST_OK;
	if (!st_shape_nbytes(f->shape, f->ndim, f->dtype, &bytes))
		return st_fail(p->e, ST_EFORMAT,
			       "%" PRIu64 " bits (shape times %s) are not a whole number of bytes",
			       n, st_dtype_info(f->dtype)->name);
	if (bytes != f->end - f->begin)
		return st_fail(p->e, ST_EFORMAT,
			       "shape and %s make %" PRIu64 " bytes, data_offsets [%" PRIu64
			       ",%" PRIu64 "] %" PRIu64,
			       st_dtype_info(f->dtype)->name, bytes, f->begin, f->end,
			       f->end - f->begin);
	return ST_OK;
}

static int add_tensor(struct parser *p, const char *name, size_t len, const struct fields *f)
{
	struct st_tensor *t = st_layout_add(p->l, p->e);
	uint64_t *shape;

	if (!t)
		return p->e->code;
	t->name = name;
	t->name_len = len;
	t->dtype = f->dtype;
	t->ndim = f->ndim;
	t->offset = p->data + f->begin;
	t->nbytes = f->end - f->begin;
	shape = st_arena_alloc(&p->l->arena, f->ndim * sizeof(*shape), p->e);
	if (!shape)
		return p->e->code;
	memcpy(shape, f->shape, f->ndim * sizeof(*shape));
	t->shape = shape;
	return ST_OK;
}

static int parse_tensor(struct parser *p, const char *key, size_t len, size_t at)
{
	char *name =
		st_arena_dup(&p->l->arena, key, len, p->e); /* the key's memory is used again */
	struct fields f;
	struct st_quote q;

	if (!name)
		return p->e->code;
	f.has = f.ndim = 0; /* not all of it: the shape is half a kilobyte */
	if (parse_fields(p, &f) == ST_OK && check_fields(p, &f) == ST_OK)
		return add_tensor(p, name, len, &f);
	return st_wrap(p->e, "tensor %s at offset %zu", st_quote(&q, name, len), at);
}

static int parse_member(struct parser *p, const char *key, size_t len, size_t at)
{
	struct st_quote q;
	uint64_t first;
	bool had;

	if (st_map_put(&p->names, key, len, at, &had, &first, p->e) != ST_OK)
		return p->e->code;
	if (had)
		return st_fail(p->e, ST_EFORMAT,
			       "the name %s at offset %zu stands already at offset %" PRIu64,
			       st_quote(&q, key, len), at, first);
	if (is(key, len, "__metadata__"))
		return parse_metadata(p);
	return parse_tensor(p, key, len, at);
}

static int parse_header(struct parser *p)
{
	const char *key;
	size_t len, at;

	if (!st_json_object(&p->j))
		return p->e->code;
	for (at = key_offset(&p->j); (key = st_json_key(&p->j, &len)); at = key_offset(&p->j))
		if (parse_member(p, key, len, at) != ST_OK)
			return p->e->code;
	st_json_end(&p->j);
	return p->e->code;
}

static int by_range(const void *pa, const void *pb)
{
	const struct st_tensor *a = pa, *b = pb;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->nbytes > b->nbytes) - (a->nbytes < b->nbytes);
}

/* Every byte behind the header belongs to exactly one tensor. */
static int check_cover(const struct st_layout *l, uint64_t start, struct st_err *e)
{
	struct st_quote q, q2;
	uint64_t at = start;

	if (l->ntensors)
		qsort(l->tensors, l->ntensors, sizeof(*l->tensors), by_range);
	for (size_t i = 0; i < l->ntensors; i++) {
		const struct st_tensor *t = &l->tensors[i];

		if (t->offset > at)
			return st_fail(e, ST_EFORMAT,
				       "%" PRIu64 " bytes at offset %" PRIu64
				       ", before tensor %s, belong to no tensor",
				       t->offset - at, at, st_quote(&q, t->name, t->name_len));
		if (t->offset < at)
			return st_fail(e, ST_EFORMAT,
				       "tensor %s at offset %" PRIu64
				       " overlaps tensor %s, which ends at offset %" PRIu64,
				       st_quote(&q, t->name, t->name_len), t->offset,
				       st_quote(&q2, t[-1].name, t[-1].name_len), at);
		at += t->nbytes;
	}
	if (at != l->size)
		return st_fail(e, ST_EFORMAT,
			       "%" PRIu64 " bytes at offset %" PRIu64
			       ", behind the last tensor, belong to no tensor",
			       l->size - at, at);
	return ST_OK;
}

static int check_length(uint64_t n, uint64_t size, uint64_t limit, struct st_err *e)
{
	if (n > size - LENGTH_BYTES)
		return st_fail(e, ST_EFORMAT,
			       "header length %" PRIu64 " at offset 0 exceeds the file's %" PRIu64
			       " bytes",
			       n, size);
	if (n > MAX_HEADER)
		return st_fail(e, ST_EFORMAT,
			       "header length %" PRIu64
			       " at offset 0 exceeds the format's limit of %" PRIu64,
			       n, MAX_HEADER);
	if ((n + LENGTH_BYTES) * HEADER_COPIES > limit)
		return st_fail(e, ST_ELIMIT,
			       "header length %" PRIu64
			       " at offset 0 asks for more than the %" PRIu64
			       " bytes of memory allowed",
			       n, limit);
	return ST_OK;
}

/* The length and the header behind it; *head is the caller's. */
static int read_head(uint8_t **head, size_t *len, const struct st_source *src, uint64_t limit,
		     struct st_err *e)
{
	uint8_t first[LENGTH_BYTES];
	uint64_t n;
	int rc;

	if (src->size < LENGTH_BYTES)
		return st_fail(e, ST_EFORMAT,
			       "%" PRIu64 " bytes at offset 0 are too few for the header length",
			       src->size);
	rc = st_source_read(src, first, sizeof(first), 0, e);
	if (rc != ST_OK)
		return rc;
	n = st_get64(first);
	rc = check_length(n, src->size, limit, e);
	if (rc == ST_OK)
		rc = st_size(n + LENGTH_BYTES, len, e);
	if (rc != ST_OK)
		return rc;
	*head = st_malloc(*len, e);
	if (!*head)
		return e->code;
	memcpy(*head, first, sizeof(first));
	return st_source_read(src, *head + LENGTH_BYTES, (size_t)n, LENGTH_BYTES, e);
}

static int parse(struct st_layout *out, const struct st_source *src, uint64_t limit,
		 struct st_err *e)
{
	struct parser p = { .l = out, .limit = limit, .e = e };
	uint8_t *head = NULL;
	size_t len = 0;
	int rc = read_head(&head, &len, src, limit, e);

	if (rc == ST_OK) {
		out->size = src->size;
		p.data = len;
		p.size = src->size - len;
		st_map_init(&p.names);
		st_arena_init(&p.scratch);
		st_json_init(&p.j, head, len, ST_JSON_DEPTH, e);
		p.j.pos = LENGTH_BYTES;
		rc = parse_header(&p);
		st_json_release(&p.j);
		st_arena_release(&p.scratch);
		st_map_release(&p.names);
		free(p.meta);
	}
	free(head);
	return rc == ST_OK ? check_cover(out, len, e) : rc;
}

const struct st_format st_format_safetensors = {
	.name = "safetensors",
	.about = "safetensors: JSON header, then the tensors without gaps",
	.probe = probe,
	.parse = parse,
	.head = st_safetensors_head,
};
