/* SPDX-License-Identifier: Apache-2.0 */
/* What adapter_config.json says of the adapter beside it. */
#include "repo/adapter.h"

#include "base/file.h"
#include "base/json.h"
#include "tensor/quote.h"

#include <math.h>
#include <stdio.h>

/* These say how it was trained, or what the names of its tensors say as well. */
static const char *const harmless[] = {
	"auto_mapping",	 "base_model_name_or_path", "bias",	      "corda_config",
	"eva_config",	 "exclude_modules",	    "inference_mode", "layers_pattern",
	"loftq_config",	 "layers_to_transform",	    "lora_dropout",   "megatron_config",
	"megatron_core", "modules_to_save",	    "peft_version",   "qalora_group_size",
	"revision",	 "runtime_config",	    "target_modules", "task_type",
};

struct reading {
	struct st_adapter_config *c;
	struct st_json j;
	struct st_map seen; /* keys, behind that of what they are in */
	struct st_err *e;
};

static void wrong(struct reading *r, const char *key, const char *what)
{
	(void)st_fail(r->e, ST_EFORMAT, "%s is no %s", key, what);
}

static double number(struct reading *r, const char *key)
{
	double v = st_json_peek(&r->j) == ST_JSON_NUMBER ? st_json_real(&r->j) : NAN;

	if (st_json_ok(&r->j) && !isfinite(v))
		wrong(r, key, "number");
	return v;
}

static uint64_t rank(struct reading *r, const char *key)
{
	const double v = number(r, key);

	if (v >= 1 && v <= (double)INT32_MAX && v == floor(v))
		return (uint64_t)v;
	if (st_json_ok(&r->j))
		wrong(r, key, "rank, a whole number from 1 on");
	return 0;
}

static bool yes(struct reading *r, const char *key)
{
	if (st_json_peek(&r->j) == ST_JSON_BOOL)
		return st_json_bool(&r->j);
	if (st_json_peek(&r->j) == ST_JSON_NULL)
		st_json_null(&r->j);
	else if (st_json_ok(&r->j))
		wrong(r, key, "boolean");
	return false;
}

/* A member of the object of that key ("": the whole): its key, in the arena; NULL at the end. Of
 * keys that come twice Python takes the last, and strings of C end at a NUL: neither is guessed. */
static const char *member(struct reading *r, const char *of)
{
	size_t n;
	const char *key = st_json_key(&r->j, &n);
	struct st_quote q;
	struct st_buf b;
	bool had = false;

	if (key && memchr(key, 0, n)) {
		(void)st_fail(r->e, ST_EFORMAT, "key %s holds a NUL", st_quote(&q, key, n));
		return NULL;
	}
	if (key)
		key = st_arena_dup(&r->c->arena, key, n, r->e);
	if (!key)
		return NULL;
	st_buf_init(&b, n + 64);
	if (st_buf_addf(&b, r->e, "%s:%s", of, key) == ST_OK &&
	    st_map_put(&r->seen, b.p, b.len, 1, &had, NULL, r->e) == ST_OK && had)
		(void)st_fail(r->e, ST_EFORMAT, "key %s comes twice", st_quote(&q, key, n));
	st_buf_release(&b);
	return r->e->code == ST_OK ? key : NULL;
}

static bool opens(struct reading *r, const char *key)
{
	if (st_json_peek(&r->j) == ST_JSON_OBJECT)
		return st_json_object(&r->j);
	if (st_json_peek(&r->j) == ST_JSON_NULL)
		st_json_null(&r->j);
	else if (st_json_ok(&r->j))
		wrong(r, key, "object");
	return false;
}

/* PEFT takes the keys as regular expressions; those that are names are understood. */
static bool is_name(const char *s)
{
	s += *s == '^';
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-.")] == 0;
}

static void read_alphas(struct reading *r)
{
	struct st_adapter_config *c = r->c;
	struct st_quote q;
	const char *key;

	if (!opens(r, "alpha_pattern"))
		return;
	while ((key = member(r, "alpha_pattern"))) {
		const double v = number(r, "alpha_pattern");

		if (!st_json_ok(&r->j))
			return;
		if (!is_name(key)) {
			(void)st_fail(
				r->e, ST_EREFUSED,
				"alpha_pattern has %s, a regular expression: strata knows names "
				"of modules there",
				st_quote(&q, key, strlen(key)));
			return;
		}
		if (st_grow(&c->alphas, &c->cap_alphas, c->nalphas + 1, r->e) != ST_OK)
			return;
		c->alphas[c->nalphas++] = (struct st_adapter_alpha){ key, v };
	}
}

/* A regular expression does no harm here: the factors show their rank. */
static void read_ranks(struct reading *r)
{
	struct st_adapter_config *c = r->c;
	const char *key;

	if (!opens(r, "rank_pattern"))
		return;
	while ((key = member(r, "rank_pattern"))) {
		const uint64_t v = rank(r, "rank_pattern");

		if (!st_json_ok(&r->j) ||
		    st_grow(&c->ranks, &c->cap_ranks, c->nranks + 1, r->e) != ST_OK)
			return;
		c->ranks[c->nranks++] = (struct st_adapter_rank){ key, !is_name(key), v };
	}
}

/* Some ways to begin change the model's own weights, to which the factors then belong. */
static void read_init(struct reading *r)
{
	const enum st_json_type t = st_json_peek(&r->j);
	const char *s = t == ST_JSON_STRING ? st_json_string(&r->j, NULL) : NULL;
	struct st_quote q;

	if (t == ST_JSON_BOOL || t == ST_JSON_NULL)
		st_json_skip(&r->j);
	else if (st_json_ok(&r->j) && !s)
		wrong(r, "init_lora_weights", "boolean or name");
	else if (s && strcmp(s, "gaussian") != 0 && strcmp(s, "eva") != 0)
		(void)st_fail(
			r->e, ST_EREFUSED,
			"init_lora_weights is %s, which changes the model's own weights before "
			"training: have PEFT save it as an ordinary adapter "
			"(path_initial_model_for_weight_conversion)",
			st_quote(&q, s, strlen(s)));
}

static void read_type(struct reading *r)
{
	size_t n = 0;
	const char *s = st_json_peek(&r->j) == ST_JSON_STRING ? st_json_string(&r->j, &n) : "";
	struct st_quote q;

	r->c->is_lora = s && n == 4 && memcmp(s, "LORA", 4) == 0;
	if (st_json_ok(&r->j) && !r->c->is_lora)
		(void)st_fail(r->e, ST_EREFUSED, "peft_type is %s, not \"LORA\"",
			      st_quote(&q, s, n));
}

/* null, false, an empty list or object */
static bool says_nothing(const char *raw, size_t n)
{
	if ((n == 4 && memcmp(raw, "null", 4) == 0) || (n == 5 && memcmp(raw, "false", 5) == 0))
		return true;
	for (size_t i = 1; i + 1 < n; i++)
		if (!strchr(" \t\r\n", raw[i]))
			return false;
	return n > 1 && (raw[0] == '[' || raw[0] == '{');
}

/* Anything else is refused if it says something. */
static void read_other(struct reading *r, const char *key)
{
	struct st_quote q;
	const char *raw;
	char name[64];
	size_t n;

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strcmp(key, harmless[i]) == 0) {
			st_json_skip(&r->j);
			return;
		}
	snprintf(name, sizeof(name), "%s", key);
	raw = st_json_raw(&r->j, &n);
	if (raw && !says_nothing(raw, n))
		(void)st_fail(r->e, ST_EREFUSED, "%s is set, which strata cannot apply",
			      st_quote(&q, name, strlen(name)));
}

static void read_member(struct reading *r, const char *key)
{
	if (strcmp(key, "peft_type") == 0) {
		read_type(r);
	} else if (strcmp(key, "lora_alpha") == 0) {
		r->c->alpha = number(r, "lora_alpha");
		r->c->has_alpha = true;
	} else if (strcmp(key, "r") == 0) {
		r->c->rank = rank(r, "r");
	} else if (strcmp(key, "use_rslora") == 0) {
		r->c->root = yes(r, "use_rslora");
	} else if (strcmp(key, "fan_in_fan_out") == 0) {
		r->c->transposed = yes(r, "fan_in_fan_out");
	} else if (strcmp(key, "alpha_pattern") == 0) {
		read_alphas(r);
	} else if (strcmp(key, "rank_pattern") == 0) {
		read_ranks(r);
	} else if (strcmp(key, "init_lora_weights") == 0) {
		read_init(r);
	} else {
		read_other(r, key);
	}
}

int st_adapter_config_parse(struct st_adapter_config *c, const void *p, size_t len,
			    struct st_err *e)
{
	struct reading r = { .c = c, .e = e };
	const char *key;

	*c = (struct st_adapter_config){ 0 };
	st_arena_init(&c->arena);
	st_map_init(&r.seen);
	st_json_init(&r.j, p, len, ST_JSON_DEPTH, e);
	if (st_json_object(&r.j))
		while ((key = member(&r, "")))
			read_member(&r, key);
	st_json_end(&r.j);
	st_json_release(&r.j);
	st_map_release(&r.seen);
	if (e->code == ST_OK && !c->is_lora)
		return st_fail(e, ST_EFORMAT, "it has no peft_type \"LORA\"");
	if (e->code == ST_OK && !c->has_alpha)
		return st_fail(e, ST_EFORMAT, "it has no lora_alpha");
	return e->code;
}

int st_adapter_config_load(struct st_adapter_config *c, const char *path, struct st_err *e)
{
	struct st_buf text;
	int rc;

	*c = (struct st_adapter_config){ 0 };
	st_arena_init(&c->arena);
	st_buf_init(&text, ST_ADAPTER_CONFIG_MAX);
	rc = st_file_slurp(&text, path, e);
	if (rc == ST_OK && st_adapter_config_parse(c, text.p, text.len, e) != ST_OK)
		rc = st_wrap(e, "%s", path);
	st_buf_release(&text);
	return rc;
}

void st_adapter_config_release(struct st_adapter_config *c)
{
	free(c->alphas);
	free(c->ranks);
	st_arena_release(&c->arena);
}

/* As PEFT matches: the whole module or its end behind a dot, behind '^' the whole alone; a '.' of
 * the pattern is any character. */
static bool matches(const char *pattern, const char *module, size_t len)
{
	const bool whole = *pattern == '^';
	const size_t n = strlen(pattern += whole);
	const char *end = module + len - (n < len ? n : len);

	if (n > len || (n < len && (whole || end[-1] != '.')))
		return false;
	for (size_t i = 0; i < n; i++)
		if (pattern[i] != '.' && pattern[i] != end[i])
			return false;
	return true;
}

bool st_adapter_rank_fits(const struct st_adapter_config *c, const char *module, size_t len,
			  uint64_t rank, struct st_adapter_rank *said)
{
	*said = (struct st_adapter_rank){ .rank = c->rank };
	for (size_t i = 0; i < c->nranks; i++) {
		if (c->ranks[i].maybe && c->ranks[i].rank == rank)
			return true;
		if (!c->ranks[i].maybe && matches(c->ranks[i].pattern, module, len)) {
			*said = c->ranks[i];
			break;
		}
	}
	return !said->rank || said->rank == rank;
}

double st_adapter_scale(const struct st_adapter_config *c, const char *module, size_t len,
			uint64_t rank)
{
	double alpha = c->alpha;

	for (size_t i = 0; i < c->nalphas; i++)
		if (matches(c->alphas[i].pattern, module, len)) {
			alpha = c->alphas[i].alpha;
			break;
		}
	return alpha / (c->root ? sqrt((double)rank) : (double)rank);
}
