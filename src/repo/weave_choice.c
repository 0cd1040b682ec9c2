/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided about an item, by its description or by a rule. */
#include "repo/weave.h"

static bool number_after(const char *text, const char *word, size_t *out)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0)
		return false;
	*out = 1;
	if (!text[n])
		return true;
	if (text[n] != ' ' || strspn(text + n + 1, "0123456789") != strlen(text + n + 1) ||
	    strlen(text + n + 1) > 4 || !text[n + 1])
		return false;
	*out = (size_t)strtoul(text + n + 1, NULL, 10);
	return true;
}

/* "union", "union theirs", "union METHOD": what becomes of rows that both sides changed */
static int parse_union(struct st_choice *out, struct st_arena *arena, const char *how,
		       size_t nsides, struct st_err *e)
{
	struct st_choice rows = { .how = ST_HOW_SIDE };
	int rc = how[5] ? st_choice_parse(&rows, arena, how + 6, nsides, e) : ST_OK;

	if (rc == ST_OK && rows.how != ST_HOW_SIDE && rows.how != ST_HOW_METHOD)
		rc = st_fail(e, ST_EUSAGE, "'%.60s': a union goes with ours, theirs or a method",
			     how);
	if (rc == ST_OK && rows.how == ST_HOW_METHOD && st_spec_reads_adapters(&rows.spec))
		rc = st_fail(e, ST_EUSAGE,
			     "method lora adds factors to tensors, not to rows of tokens: a union "
			     "goes with ours, theirs or another method");
	*out = rows;
	out->rows = rows.how;
	out->how = ST_HOW_UNION;
	return rc;
}

int st_choice_parse(struct st_choice *out, struct st_arena *arena, const char *how, size_t nsides,
		    struct st_err *e)
{
	*out = (struct st_choice){ .how = ST_HOW_SIDE };
	if (strcmp(how, "ours") == 0)
		return ST_OK;
	if (number_after(how, "theirs", &out->side)) {
		if (out->side == 0 || out->side >= nsides)
			return st_fail(e, ST_EUSAGE, "there is no side %zu: %zu version%s merged",
				       out->side, nsides - 1, nsides == 2 ? " is" : "s are");
		return ST_OK;
	}
	if (strcmp(how, "base") == 0)
		out->how = ST_HOW_BASE;
	else if (strcmp(how, "by hand") == 0)
		out->how = ST_HOW_HAND;
	else if (strcmp(how, "union") == 0 || strncmp(how, "union ", 6) == 0)
		return parse_union(out, arena, how, nsides, e);
	else if (strncmp(how, "from ", 5) == 0 &&
		 st_oid_parse(&out->from, how + 5, strlen(how) - 5))
		out->how = ST_HOW_FROM;
	else
		out->how = ST_HOW_METHOD;
	return out->how == ST_HOW_METHOD ? st_spec_parse(&out->spec, arena, how, e) : ST_OK;
}

bool st_choice_applies(const struct st_choice *c, const char *path)
{
	const enum st_how how = c->how == ST_HOW_UNION ? c->rows : c->how;

	return how != ST_HOW_METHOD || st_spec_applies(&c->spec, path);
}

static struct st_merge_item *known(const struct st_weave *w, const struct st_merge_item *it)
{
	struct st_merge_desc d = { .items = w->d->items, .nitems = w->nknown };

	return st_merge_desc_find(&d, it->path, it->path_len, it->name, it->name_len);
}

int st_weave_pass(struct st_weave *w, const struct st_merge_item *it, struct st_choice *out,
		  struct st_err *e)
{
	struct st_merge_item *was = known(w, it);

	if (!was || !w->passed || !w->passed(w->passed_arg, was))
		return ST_OK;
	*out = (struct st_choice){ .how = ST_HOW_OPEN };
	w->open += !was->how;
	return was->how ? st_choice_parse(out, &w->arena, was->how, w->n, e) : ST_OK;
}

int st_weave_known(struct st_weave *w, const char *path, const char *name, size_t len,
		   struct st_choice *out, struct st_err *e)
{
	const struct st_merge_item it = {
		.path = path, .path_len = strlen(path), .name = name, .name_len = len
	};
	const struct st_merge_item *was = known(w, &it);

	*out = (struct st_choice){ .how = ST_HOW_OPEN };
	return was && was->how ? st_choice_parse(out, &w->arena, was->how, w->n, e) : ST_OK;
}

bool st_weave_takes_from(const struct st_weave *w, const char *path)
{
	for (size_t i = 0; i < w->nknown; i++)
		if (w->d->items[i].how && strncmp(w->d->items[i].how, "from ", 5) == 0 &&
		    strcmp(w->d->items[i].path, path) == 0)
			return true;
	return false;
}

/* A method that takes one side as it is, as a choice; false: it is none. */
static int side_text(const struct st_spec *spec, struct st_buf *out, bool *side, struct st_err *e)
{
	struct st_method_info info;
	size_t which;

	st_method_of(spec, &info);
	*side = true;
	if (strcmp(info.name, "ours") == 0 || strcmp(info.name, "base") == 0)
		return st_buf_addstr(out, info.name, e);
	*side = strcmp(info.name, "theirs") == 0;
	if (!*side)
		return ST_OK;
	which = (size_t)st_spec_value(spec, "model", 0, 0);
	return which == 1 ? st_buf_addstr(out, "theirs", e) :
			    st_buf_addf(out, e, "theirs %zu", which);
}

static int ask_rules(struct st_weave *w, struct st_merge_item *it, enum st_ruled ruled,
		     struct st_buf *text, struct st_err *e)
{
	const struct st_spec *spec = st_rules_find(w->rules, it->path, it->name, it->name_len);
	bool has = true;
	int rc;

	if (!spec)
		return ST_OK;
	rc = ruled == ST_RULED_SIDE ? side_text(spec, text, &has, e) : st_spec_text(spec, text, e);
	it->how = rc == ST_OK && has ? st_buf_cstr(text, e) : NULL;
	return e->code;
}

int st_weave_item(struct st_weave *w, const struct st_merge_item *it, enum st_ruled ruled,
		  struct st_choice *out, struct st_err *e)
{
	const struct st_merge_item *was = known(w, it);
	struct st_merge_item now = *it;
	struct st_buf text;
	int rc = ST_OK;

	st_buf_init(&text, 1 << 20);
	*out = (struct st_choice){ .how = ST_HOW_OPEN };
	now.how = was ? was->how : NULL;
	if (!was && w->rules && ruled != ST_RULED_NOT)
		rc = ask_rules(w, &now, ruled, &text, e);
	if (rc == ST_OK && now.how)
		rc = st_choice_parse(out, &w->arena, now.how, w->n, e);
	if (rc == ST_OK && !was)
		rc = st_merge_desc_add(w->d, &now, e);
	w->open += rc == ST_OK && !now.how;
	st_buf_release(&text);
	return rc;
}
