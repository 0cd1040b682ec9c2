/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML text as nodes with their places in its bytes, for those who change one value of a file
 * that people wrote. Pure.
 */
#ifndef ST_DIFF_YAML_NODES_H
#define ST_DIFF_YAML_NODES_H

#include "base/buf.h"

enum st_yaml_kind {
	ST_YAML_SCALAR,
	ST_YAML_LIST,
	ST_YAML_MAP
};

struct st_yaml_node {
	enum st_yaml_kind kind;
	bool flow;	/* of a list or map: in brackets */
	bool plain;	/* of a scalar: not quoted, nor a block of lines */
	uint32_t end;	/* the next node that is not in this one; a map has key, value, key, ... */
	size_t from;	/* its first byte; of a block list its first dash */
	size_t to;	/* behind its last byte; from: nothing is written, which is null */
	size_t at, len; /* a scalar's content, in `text` */
};

struct st_yaml_nodes {
	struct st_yaml_node *v; /* in the order of the text; v[0] is all of it */
	size_t n, cap;
	struct st_buf text;
};

/*
 * ST_EFORMAT also for YAML that cannot be changed by places alone: anchors, aliases, tags, several
 * documents, none, carriage returns and other signs that break lines, tabs before a line's text,
 * a byte order mark, values in brackets that span lines. ST_ELIMIT: too many values. Released in
 * any case.
 */
ST_MUST int st_yaml_nodes_read(struct st_yaml_nodes *y, const char *p, size_t len,
			       struct st_err *e);
void st_yaml_nodes_release(struct st_yaml_nodes *y);

#endif
