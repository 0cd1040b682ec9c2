/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as settings. libyaml's events become an array of nodes in the order of the text, each with
 * the place where the next one begins that is not in it; a walk over it then follows aliases and
 * merge keys. An alias can only name a node that ended before it, so no walk is endless, and its
 * steps are bounded, so none is long.
 */
#include "diff/settings_build.h"

#include <yaml.h>

#define MAX_NODES ((size_t)3 * ST_SETTINGS_LEAVES) /* of a text; a key is one too */
#define MAX_STEPS ((uint64_t)8 * ST_SETTINGS_LEAVES)
#define MAX_FRAMES ((size_t)1 << 16) /* of merge keys that merge */
#define NO_NODE UINT32_MAX
#define STR_TAG "tag:yaml.org,2002:str"
#define MERGE_TAG "tag:yaml.org,2002:merge"

enum kind {
	NODE_PLAIN,
	NODE_STRING,
	NODE_MERGE,
	NODE_LIST,
	NODE_MAP,
	NODE_ALIAS
};

struct node {
	enum kind kind;
	uint32_t end;	    /* the next node that is not in this one */
	uint32_t line, col; /* from 1 */
	size_t at, len;	    /* a scalar's text; an alias: the node it stands for */
};

struct frame {
	enum {
		ITEMS,
		MERGES,
		MEMBERS
	} phase;
	bool merged;	/* members go to the object that merges this one */
	uint32_t node;	/* a list or map */
	uint32_t at;	/* the child to look at */
	uint64_t index; /* of a list's item */
	size_t path;	/* its length */
	size_t leaves;	/* told before it */
	size_t own;	/* the first leaf of its own members, not of what << names */
	unsigned depth;
};

struct yaml {
	struct st_build b;
	yaml_parser_t parser;
	struct node *nodes;
	size_t n, cap;
	struct st_buf text;
	struct st_map anchors; /* of this document: name -> node */
	uint32_t open[ST_SETTINGS_DEPTH];
	unsigned depth;
	uint64_t documents, steps;
	struct frame *stack;
	size_t frames, frames_cap;
	const char *input;
	size_t len;
};

static int bad(const struct node *n, const char *what, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "YAML: %s at line %" PRIu32 ", column %" PRIu32, what,
		       n->line, n->col);
}

static uint32_t counted(size_t zero_based)
{
	return zero_based < UINT32_MAX - 1 ? (uint32_t)zero_based + 1 : UINT32_MAX;
}

/* The reader only knows the offset of what it cannot read. */
static void place_of(const struct yaml *y, size_t offset, struct node *n)
{
	size_t line = 0, start = 0;

	for (size_t i = 0; i < offset && i < y->len; i++) {
		if (y->input[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	n->line = counted(line);
	n->col = counted(offset - start);
}

static int parser_failed(const struct yaml *y, struct st_err *e)
{
	const yaml_parser_t *p = &y->parser;
	const char *what = p->problem ? p->problem : "not understood";
	struct node n = { .line = counted(p->problem_mark.line),
			  .col = counted(p->problem_mark.column) };

	if (p->error == YAML_MEMORY_ERROR)
		return st_fail(e, ST_ENOMEM, "out of memory reading YAML");
	if (p->error == YAML_READER_ERROR)
		place_of(y, p->problem_offset, &n);
	return bad(&n, what, e);
}

static int add_text(struct yaml *y, struct node *n, const yaml_char_t *s, size_t len,
		    struct st_err *e)
{
	n->at = y->text.len;
	n->len = len;
	return st_buf_add(&y->text, s, len, e);
}

static int set_anchor(struct yaml *y, const yaml_char_t *name, struct st_err *e)
{
	if (!name)
		return ST_OK;
	return st_map_put(&y->anchors, name, strlen((const char *)name), y->n - 1, NULL, NULL, e);
}

static int add_node(struct yaml *y, const struct node *n, struct st_err *e)
{
	int rc;

	if (y->n == MAX_NODES)
		return st_fail(e, ST_ELIMIT, "YAML of more than %zu values", MAX_NODES);
	rc = st_grow(&y->nodes, &y->cap, y->n + 1, e);
	if (rc != ST_OK)
		return rc;
	y->nodes[y->n++] = *n;
	return ST_OK;
}

static int add_scalar(struct yaml *y, const yaml_event_t *v, struct node *n, struct st_err *e)
{
	const char *tag = (const char *)v->data.scalar.tag;
	const char *text = (const char *)v->data.scalar.value;
	bool plain = v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	int rc;

	n->kind = plain && !(tag && strcmp(tag, STR_TAG) == 0) ? NODE_PLAIN : NODE_STRING;
	if ((n->kind == NODE_PLAIN && !tag && strcmp(text, "<<") == 0) ||
	    (tag && strcmp(tag, MERGE_TAG) == 0))
		n->kind = NODE_MERGE;
	rc = add_text(y, n, v->data.scalar.value, v->data.scalar.length, e);
	if (rc == ST_OK)
		rc = add_node(y, n, e);
	return rc == ST_OK ? set_anchor(y, v->data.scalar.anchor, e) : rc;
}

static int add_alias(struct yaml *y, const yaml_event_t *v, struct node *n, struct st_err *e)
{
	const char *name = (const char *)v->data.alias.anchor;
	uint64_t target;

	if (!st_map_get(&y->anchors, name, strlen(name), &target))
		return bad(n, "an alias without an anchor", e);
	if (y->nodes[target].end == NO_NODE)
		return bad(n, "an alias within what it stands for", e);
	n->kind = NODE_ALIAS;
	n->at = (size_t)target;
	return add_node(y, n, e);
}

static int open_node(struct yaml *y, enum kind kind, const yaml_char_t *anchor, struct node *n,
		     struct st_err *e)
{
	int rc;

	if (y->depth == ST_SETTINGS_DEPTH)
		return bad(n, "nested too deep", e);
	n->kind = kind;
	n->end = NO_NODE;
	rc = add_node(y, n, e);
	if (rc == ST_OK)
		rc = set_anchor(y, anchor, e);
	if (rc == ST_OK)
		y->open[y->depth++] = (uint32_t)y->n - 1;
	return rc;
}

static int take_event(struct yaml *y, const yaml_event_t *v, struct st_err *e)
{
	struct node n = { .line = counted(v->start_mark.line),
			  .col = counted(v->start_mark.column),
			  .end = (uint32_t)y->n + 1 };

	switch (v->type) {
	case YAML_DOCUMENT_START_EVENT:
		y->documents++;
		return ST_OK;
	case YAML_DOCUMENT_END_EVENT:
		st_map_release(&y->anchors);
		return ST_OK;
	case YAML_SCALAR_EVENT:
		return add_scalar(y, v, &n, e);
	case YAML_ALIAS_EVENT:
		return add_alias(y, v, &n, e);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(y, NODE_LIST, v->data.sequence_start.anchor, &n, e);
	case YAML_MAPPING_START_EVENT:
		return open_node(y, NODE_MAP, v->data.mapping_start.anchor, &n, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		y->nodes[y->open[--y->depth]].end = (uint32_t)y->n;
		return ST_OK;
	default: /* of the stream */
		return ST_OK;
	}
}

static int read_nodes(struct yaml *y, struct st_err *e)
{
	yaml_event_t v;
	bool last = false;
	int rc = ST_OK;

	while (rc == ST_OK && !last) {
		if (!yaml_parser_parse(&y->parser, &v))
			return parser_failed(y, e);
		last = v.type == YAML_STREAM_END_EVENT;
		rc = take_event(y, &v, e);
		yaml_event_delete(&v);
	}
	return rc;
}

static uint32_t resolve(const struct yaml *y, uint32_t i)
{
	return y->nodes[i].kind == NODE_ALIAS ? (uint32_t)y->nodes[i].at : i;
}

static const char *text_of(const struct yaml *y, const struct node *n)
{
	return n->len ? (const char *)y->text.p + n->at : "";
}

static int push(struct yaml *y, struct frame f, struct st_err *e)
{
	int rc;

	if (y->frames == MAX_FRAMES)
		return st_fail(e, ST_ELIMIT, "YAML that merges more than %zu objects at once",
			       MAX_FRAMES);
	rc = st_grow(&y->stack, &y->frames_cap, y->frames + 1, e);
	f.at = f.node + 1;
	f.leaves = y->b.leaves;
	if (rc == ST_OK)
		y->stack[y->frames++] = f;
	return rc;
}

/* The value node i at the path; a container is only entered. */
static int visit(struct yaml *y, uint32_t i, unsigned depth, struct st_err *e)
{
	const struct node *n = &y->nodes[resolve(y, i)];
	bool list = n->kind == NODE_LIST;

	y->b.line = y->nodes[i].line;
	if (n->kind == NODE_PLAIN)
		return st_build_plain(&y->b, text_of(y, n), n->len, e);
	if (!list && n->kind != NODE_MAP)
		return st_build_string(&y->b, text_of(y, n), n->len, e);
	if (depth == ST_SETTINGS_DEPTH)
		return bad(&y->nodes[i], "nested too deep", e);
	return push(y,
		    (struct frame){ .phase = list ? ITEMS : MERGES,
				    .node = resolve(y, i),
				    .path = y->b.path.len,
				    .depth = depth + 1 },
		    e);
}

static int merge_one(struct yaml *y, const struct frame *into, uint32_t i, struct st_err *e)
{
	uint32_t map = resolve(y, i);

	if (y->nodes[map].kind != NODE_MAP)
		return bad(&y->nodes[i], "<< takes an object or a list of objects", e);
	return push(y,
		    (struct frame){ .phase = MERGES,
				    .merged = true,
				    .node = map,
				    .path = into->path,
				    .depth = into->depth },
		    e);
}

/* What << names, walked before the object's own members, which win. Of a list the first wins: it
 * goes last, as the stack has it. */
static int merge(struct yaml *y, struct frame into, uint32_t i, struct st_err *e)
{
	uint32_t list = resolve(y, i), item;
	int rc = ST_OK;

	if (y->nodes[list].kind != NODE_LIST)
		return merge_one(y, &into, i, e);
	for (item = list + 1; rc == ST_OK && item < y->nodes[list].end; item = y->nodes[item].end) {
		y->steps++;
		rc = merge_one(y, &into, item, e);
	}
	return rc;
}

static int member(struct yaml *y, const struct frame *f, uint32_t key, uint32_t value,
		  struct st_err *e)
{
	const struct node *n = &y->nodes[resolve(y, key)];
	unsigned depth = f->depth;
	int rc;

	if (n->kind == NODE_LIST || n->kind == NODE_MAP)
		return bad(&y->nodes[key], "a key that is a list or an object", e);
	y->b.line = y->nodes[key].line;
	rc = st_build_member(&y->b, f->own, text_of(y, n), n->len, e);
	return rc == ST_OK ? visit(y, value, depth, e) : rc;
}

/* The end of the innermost container's phase. */
static int finish(struct yaml *y, struct st_err *e)
{
	struct frame *f = &y->stack[y->frames - 1];
	bool empty = f->leaves == y->b.leaves;

	if (f->phase == MERGES) {
		f->phase = MEMBERS;
		f->at = f->node + 1;
		f->own = y->b.s->n;
		return ST_OK;
	}
	y->frames--;
	if (!empty || f->merged)
		return ST_OK;
	return st_build_leaf(&y->b, f->phase == ITEMS ? "[]" : "{}", 2, e);
}

/* One item or member of the innermost container, or its end. Pushing moves frames about. */
static int step(struct yaml *y, struct st_err *e)
{
	struct frame *f = &y->stack[y->frames - 1];
	uint32_t key = f->at, value;

	if (++y->steps > MAX_STEPS)
		return st_fail(e, ST_ELIMIT, "YAML of more than %" PRIu64 " values with aliases",
			       MAX_STEPS);
	y->b.path.len = f->path;
	if (key == y->nodes[f->node].end)
		return finish(y, e);
	if (f->phase == ITEMS) {
		int rc = st_build_item(&y->b, f->index++, e);

		f->at = y->nodes[key].end;
		return rc == ST_OK ? visit(y, key, f->depth, e) : rc;
	}
	value = y->nodes[key].end;
	f->at = y->nodes[value].end;
	if (y->nodes[key].kind == NODE_MERGE)
		return f->phase == MERGES ? merge(y, *f, value, e) : ST_OK;
	return f->phase == MEMBERS ? member(y, f, key, value, e) : ST_OK;
}

static int walk(struct yaml *y, struct st_err *e)
{
	size_t prefix = y->b.path.len;
	uint32_t root = 0;
	int rc = ST_OK;

	for (uint64_t i = 0; rc == ST_OK && root < y->n; i++, root = y->nodes[root].end) {
		y->b.path.len = prefix;
		if (y->documents > 1)
			rc = st_build_item(&y->b, i, e);
		if (rc == ST_OK)
			rc = visit(y, root, 0, e);
		while (rc == ST_OK && y->frames > 0)
			rc = step(y, e);
	}
	return rc;
}

int st_settings_yaml(struct st_settings *s, const char *prefix, const void *p, size_t len,
		     struct st_err *e)
{
	struct yaml y = { .input = len ? p : "", .len = len };
	int rc = st_build_init(&y.b, s, prefix, e);

	st_buf_init(&y.text, ST_SETTINGS_BYTES);
	st_map_init(&y.anchors);
	if (rc == ST_OK && !yaml_parser_initialize(&y.parser))
		rc = st_fail(e, ST_ENOMEM, "out of memory reading YAML");
	if (rc == ST_OK) {
		yaml_parser_set_input_string(&y.parser, (const unsigned char *)y.input, len);
		rc = read_nodes(&y, e);
		yaml_parser_delete(&y.parser);
	}
	if (rc == ST_OK)
		rc = walk(&y, e);
	free(y.nodes);
	free(y.stack);
	st_buf_release(&y.text);
	st_map_release(&y.anchors);
	return st_build_end(&y.b, rc, e);
}
