/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/yaml_nodes.h"

#include "diff/settings.h"

#include <yaml.h>

#define MOST_NODES ((size_t)3 * ST_SETTINGS_LEAVES)

struct reading {
	struct st_yaml_nodes *y;
	yaml_parser_t parser;
	const char *p;
	size_t len;
	size_t chars, bytes; /* a place, counted as the reader does and as we do */
	uint32_t open[ST_SETTINGS_DEPTH];
	unsigned depth, documents;
};

static int odd(const char *what, size_t line, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "YAML: %s at line %zu", what, line + 1);
}

/* The reader counts characters. What it asks for goes up, but for the end of some values. */
static size_t place(struct reading *r, size_t chars)
{
	while (r->chars < chars && r->bytes < r->len) {
		r->bytes++;
		while (r->bytes < r->len && ((uint8_t)r->p[r->bytes] & 0xc0) == 0x80)
			r->bytes++;
		r->chars++;
	}
	while (r->chars > chars && r->bytes) {
		r->bytes--;
		while (r->bytes && ((uint8_t)r->p[r->bytes] & 0xc0) == 0x80)
			r->bytes--;
		r->chars--;
	}
	return r->bytes;
}

/* ---- what cannot be changed by places ---- */

static bool breaks(const char *p, size_t left)
{
	static const char nel[] = "\xc2\x85", ls[] = "\xe2\x80\xa8", ps[] = "\xe2\x80\xa9";

	return *p == '\r' || *p == 0 || (left >= 2 && memcmp(p, nel, 2) == 0) ||
	       (left >= 3 && (memcmp(p, ls, 3) == 0 || memcmp(p, ps, 3) == 0));
}

static int check_bytes(const struct reading *r, struct st_err *e)
{
	bool before = true; /* the line's text */
	size_t line = 0;

	if (r->len >= 3 && memcmp(r->p, "\xef\xbb\xbf", 3) == 0)
		return odd("a byte order mark", 0, e);
	for (size_t i = 0; i < r->len; i++) {
		if (breaks(r->p + i, r->len - i))
			return odd("a sign that breaks lines, other than a line feed", line, e);
		if (before && r->p[i] == '\t')
			return odd("a tab before the text", line, e);
		line += r->p[i] == '\n';
		before = r->p[i] == '\n' || (before && r->p[i] == ' ');
	}
	return ST_OK;
}

/* ---- events ---- */

static int add(struct reading *r, const struct st_yaml_node *n, struct st_err *e)
{
	struct st_yaml_nodes *y = r->y;
	int rc;

	if (y->n == MOST_NODES)
		return st_fail(e, ST_ELIMIT, "YAML of more than %zu values", MOST_NODES);
	rc = st_grow(&y->v, &y->cap, y->n + 1, e);
	if (rc == ST_OK)
		y->v[y->n++] = *n;
	return rc;
}

static int open_node(struct reading *r, struct st_yaml_node *n, size_t line, struct st_err *e)
{
	if (r->depth == ST_SETTINGS_DEPTH)
		return odd("nested too deep", line, e);
	r->open[r->depth++] = (uint32_t)r->y->n;
	return add(r, n, e);
}

static int add_scalar(struct reading *r, const yaml_event_t *v, struct st_yaml_node *n,
		      struct st_err *e)
{
	size_t len = v->data.scalar.length;
	int rc;

	n->at = r->y->text.len;
	n->len = len;
	n->plain = v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->to = place(r, v->end_mark.index);
	/* a text in several lines ends where the next thing begins */
	while (n->to > n->from && strchr(" \n", r->p[n->to - 1]))
		n->to--;
	n->end = (uint32_t)r->y->n + 1;
	rc = st_buf_add(&r->y->text, v->data.scalar.value, len, e);
	return rc == ST_OK ? add(r, n, e) : rc;
}

static int close_node(struct reading *r, const yaml_event_t *v, struct st_err *e)
{
	struct st_yaml_nodes *y = r->y;
	struct st_yaml_node *n = &y->v[r->open[--r->depth]];

	n->end = (uint32_t)y->n;
	if (!n->flow) { /* the reader's mark is that of what comes next */
		for (uint32_t i = (uint32_t)(n - y->v) + 1; i < n->end; i = y->v[i].end)
			n->to = y->v[i].to;
		return ST_OK;
	}
	n->to = place(r, v->end_mark.index);
	if (memchr(r->p + n->from, '\n', n->to - n->from))
		return odd("brackets that span lines", v->start_mark.line, e);
	return ST_OK;
}

static int take(struct reading *r, const yaml_event_t *v, struct st_err *e)
{
	struct st_yaml_node n = { .from = place(r, v->start_mark.index) };
	size_t line = v->start_mark.line;

	switch (v->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->documents++ ? odd("a second document", line, e) : ST_OK;
	case YAML_ALIAS_EVENT:
		return odd("an alias", line, e);
	case YAML_SCALAR_EVENT:
		if (v->data.scalar.anchor || v->data.scalar.tag)
			return odd("an anchor or a tag", line, e);
		return add_scalar(r, v, &n, e);
	case YAML_SEQUENCE_START_EVENT:
		if (v->data.sequence_start.anchor || v->data.sequence_start.tag)
			return odd("an anchor or a tag", line, e);
		n.kind = ST_YAML_LIST;
		n.flow = v->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
		return open_node(r, &n, line, e);
	case YAML_MAPPING_START_EVENT:
		if (v->data.mapping_start.anchor || v->data.mapping_start.tag)
			return odd("an anchor or a tag", line, e);
		n.kind = ST_YAML_MAP;
		n.flow = v->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
		return open_node(r, &n, line, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_node(r, v, e);
	default: /* of the stream and the document */
		return ST_OK;
	}
}

static int read_events(struct reading *r, struct st_err *e)
{
	yaml_event_t v;
	bool last = false;
	int rc = ST_OK;

	while (rc == ST_OK && !last) {
		if (!yaml_parser_parse(&r->parser, &v)) {
			if (r->parser.error == YAML_MEMORY_ERROR)
				return st_fail(e, ST_ENOMEM, "out of memory reading YAML");
			return odd(r->parser.problem ? r->parser.problem : "not understood",
				   r->parser.problem_mark.line, e);
		}
		last = v.type == YAML_STREAM_END_EVENT;
		rc = take(r, &v, e);
		yaml_event_delete(&v);
	}
	if (rc == ST_OK && !r->y->n)
		rc = st_fail(e, ST_EFORMAT, "YAML without a value");
	return rc;
}

int st_yaml_nodes_read(struct st_yaml_nodes *y, const char *p, size_t len, struct st_err *e)
{
	struct reading r = { .y = y, .p = p, .len = len };
	int rc;

	*y = (struct st_yaml_nodes){ 0 };
	st_buf_init(&y->text, ST_SETTINGS_BYTES);
	rc = check_bytes(&r, e);
	if (rc != ST_OK)
		return rc;
	if (!yaml_parser_initialize(&r.parser))
		return st_fail(e, ST_ENOMEM, "out of memory reading YAML");
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)p, len);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	rc = read_events(&r, e);
	yaml_parser_delete(&r.parser);
	return rc;
}

void st_yaml_nodes_release(struct st_yaml_nodes *y)
{
	free(y->v);
	st_buf_release(&y->text);
	*y = (struct st_yaml_nodes){ 0 };
}
