/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a sharded model, one JSON object:
 *
 *	{"metadata": {"total_size": 28966928384, ...},
 *	 "weight_map": {"tensor name": "model-00001-of-00006.safetensors", ...}}
 *
 * Only weight_map says anything that the shards do not say themselves, and better.
 */
#include "format/format.h"

#include "base/json.h"
#include "tensor/quote.h"

/* The index knows its shards by file name alone: anything that could lead elsewhere is refused. */
static bool is_plain(const char *name, size_t len)
{
	return len && strlen(name) == len && !strpbrk(name, "/\\") && !strstr(name, "..") &&
	       strcmp(name, ".") != 0;
}

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && memcmp(s + n - t, tail, t) == 0;
}

/* After "<stem>.safetensors." or another suffix of models: "index.json", or with a variant
 * "index.V.json", "V.index.json". */
static bool is_index_tail(const char *s)
{
	size_t n = strlen(s);
	const char *variant = s;

	if (strcmp(s, "index.json") == 0)
		return true;
	if (ends_with(s, n, ".index.json")) {
		n -= strlen(".index.json");
	} else if (strncmp(s, "index.", 6) == 0 && ends_with(s, n, ".json")) {
		if (n < strlen("index.") + strlen(".json"))
			return false;
		variant += strlen("index.");
		n -= strlen("index.") + strlen(".json");
	} else {
		return false;
	}
	return n && !memchr(variant, '.', n);
}

static bool has_index_tail(const char *base, const char *mark)
{
	/* + 1: the stem is not empty */
	for (const char *hit = strstr(base + 1, mark); hit; hit = strstr(hit + 1, mark))
		if (is_index_tail(hit + strlen(mark)))
			return true;
	return false;
}

bool st_shard_index_name(const char *path)
{
	static const char *const marks[] = { ".safetensors.", ".bin.", ".pt.", ".pth." };
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	for (size_t i = 0; *base && i < sizeof(marks) / sizeof(*marks); i++)
		if (has_index_tail(base, marks[i]))
			return true;
	return false;
}

struct parser {
	struct st_shard_index *x;
	struct st_json j;
	struct st_map names, shards; /* to their number */
	size_t names_cap, of_cap, shards_cap;
	struct st_err *e;
};

static int intern_shard(struct parser *p, uint32_t *number)
{
	struct st_shard_index *x = p->x;
	size_t at = p->j.pos, len;
	const char *s = st_json_string(&p->j, &len);
	struct st_quote q;
	uint64_t n;

	if (!s)
		return p->e->code;
	if (!is_plain(s, len))
		return st_fail(p->e, ST_EFORMAT,
			       "shard %s at offset %zu is not a file name in the same directory",
			       st_quote(&q, s, len), at);
	if (st_map_get(&p->shards, s, len, &n)) {
		*number = (uint32_t)n;
		return ST_OK;
	}
	if (x->nshards == UINT32_MAX)
		return st_fail(p->e, ST_ELIMIT, "too many shards at offset %zu", at);
	if (st_grow(&x->shards, &p->shards_cap, x->nshards + 1, p->e) != ST_OK ||
	    st_map_put(&p->shards, s, len, x->nshards, NULL, NULL, p->e) != ST_OK)
		return p->e->code;
	x->shards[x->nshards] = st_arena_dup(&x->arena, s, len, p->e);
	if (!x->shards[x->nshards])
		return p->e->code;
	*number = (uint32_t)x->nshards++;
	return ST_OK;
}

static int add_name(struct parser *p, const char *key, size_t len)
{
	struct st_shard_index *x = p->x;
	struct st_quote q;
	bool had;

	if (strlen(key) != len)
		return st_fail(p->e, ST_EFORMAT,
			       "the tensor name %s before offset %zu has a NUL in it",
			       st_quote(&q, key, len), p->j.pos);
	if (st_map_put(&p->names, key, len, x->nnames, &had, NULL, p->e) != ST_OK)
		return p->e->code;
	if (had)
		return st_fail(p->e, ST_EFORMAT, "the tensor name %s before offset %zu comes twice",
			       st_quote(&q, key, len), p->j.pos);
	if (st_grow(&x->names, &p->names_cap, x->nnames + 1, p->e) != ST_OK ||
	    st_grow(&x->shard_of, &p->of_cap, x->nnames + 1, p->e) != ST_OK)
		return p->e->code;
	x->names[x->nnames] = st_arena_dup(&x->arena, key, len, p->e);
	if (!x->names[x->nnames] || intern_shard(p, &x->shard_of[x->nnames]) != ST_OK)
		return p->e->code;
	x->nnames++;
	return ST_OK;
}

static void parse_map(struct parser *p)
{
	const char *key;
	size_t len;

	if (st_json_object(&p->j))
		while ((key = st_json_key(&p->j, &len)) && add_name(p, key, len) == ST_OK)
			;
}

static int parse_top(struct parser *p)
{
	static const char weight_map[] = "weight_map";
	const char *key;
	bool seen = false;
	size_t len;

	if (!st_json_object(&p->j))
		return p->e->code;
	while ((key = st_json_key(&p->j, &len))) {
		if (len != strlen(weight_map) || memcmp(key, weight_map, len) != 0) {
			st_json_skip(&p->j);
			continue;
		}
		if (seen)
			return st_fail(p->e, ST_EFORMAT, "a second weight_map before offset %zu",
				       p->j.pos);
		seen = true;
		parse_map(p);
	}
	st_json_end(&p->j);
	if (st_json_ok(&p->j) && !seen)
		st_fail(p->e, ST_EFORMAT, "no weight_map up to offset %zu", p->j.pos);
	return p->e->code;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Shards in order of name, whatever the order in which the map mentions them. */
static int sort_shards(struct parser *p)
{
	struct st_shard_index *x = p->x;
	uint32_t *rank = st_calloc(x->nshards, sizeof(*rank), p->e);
	uint64_t old;

	if (!rank)
		return p->e->code;
	if (x->nshards)
		qsort(x->shards, x->nshards, sizeof(*x->shards), by_text);
	for (size_t i = 0; i < x->nshards; i++) {
		ST_BUG_ON(!st_map_get(&p->shards, x->shards[i], strlen(x->shards[i]), &old));
		rank[old] = (uint32_t)i;
	}
	for (size_t i = 0; i < x->nnames; i++)
		x->shard_of[i] = rank[x->shard_of[i]];
	free(rank);
	return ST_OK;
}

int st_shard_index_parse(struct st_shard_index *out, const void *p, size_t len, struct st_err *e)
{
	struct parser s = { .x = out, .e = e };
	int rc;

	*out = (struct st_shard_index){ 0 };
	st_arena_init(&out->arena);
	st_map_init(&s.names);
	st_map_init(&s.shards);
	st_json_init(&s.j, p, len, ST_JSON_DEPTH, e);
	rc = parse_top(&s);
	if (rc == ST_OK)
		rc = sort_shards(&s);
	st_json_release(&s.j);
	st_map_release(&s.shards);
	st_map_release(&s.names);
	if (rc != ST_OK)
		st_shard_index_release(out);
	return rc;
}

void st_shard_index_release(struct st_shard_index *x)
{
	st_arena_release(&x->arena);
	free(x->shards);
	free(x->names);
	free(x->shard_of);
	*x = (struct st_shard_index){ 0 };
}
