/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of one stored model file by name, and how to read their bytes. */
#ifndef ST_REPO_TENSOR_TABLE_H
#define ST_REPO_TENSOR_TABLE_H

#include "repo/diff_side.h"
#include "repo/reparse.h"

struct st_stored_tensor {
	struct st_tensor
		t;	  /* offset counts in the extent; ST_HELD: only a parser finds its bytes */
	struct st_oid id; /* logical */
	struct st_oid extent;
	uint64_t extent_size;
};

struct st_tensor_table {
	struct st_arena arena;
	struct st_map names;
	struct st_stored_tensor *v; /* in file order */
	size_t n, cap;
	const char *format;   /* NULL: no model, and no tensors */
	const char *metadata; /* or NULL */
	size_t metadata_len;
};

/* row NULL, or no model: an empty table. x is to be released after a failure too. */
ST_MUST int st_tensor_table_load(struct st_tensor_table *x, struct st_repo *r,
				 const struct st_stage_row *row, struct st_err *e);
void st_tensor_table_release(struct st_tensor_table *x);
/* NULL: there is none. */
const struct st_stored_tensor *st_tensor_table_find(const struct st_tensor_table *x,
						    const char *name, size_t len);
/* The same type, shape and values; NULL is equal to NULL alone. */
bool st_stored_same(const struct st_stored_tensor *a, const struct st_stored_tensor *b);
/* The same type and shape: one's bytes have room in the other's place. */
bool st_stored_alike(const struct st_stored_tensor *a, const struct st_stored_tensor *b);

/*
 * Row-major little-endian bytes of the tensors of one stored file, one after the other. What is not
 * a plain run of an object goes through a spool of an eighth of the budget, then a temporary file.
 */
struct st_tensor_reader {
	struct st_repo *r;
	const struct st_stage_row *row; /* borrowed */
	struct st_codecs *codecs;
	struct st_reparse parsed; /* once a detached tensor was asked for */
	bool has_parsed, spooled;
	struct st_spool spool;
};
ST_MUST int st_tensor_reader_init(struct st_tensor_reader *x, struct st_repo *r,
				  const struct st_stage_row *row, struct st_err *e);
void st_tensor_reader_release(struct st_tensor_reader *x);
/* src is to be closed with st_tensor_reader_close before the next is opened. */
ST_MUST int st_tensor_reader_open(struct st_tensor_reader *x, const struct st_stored_tensor *t,
				  struct st_source *src, struct st_err *e);
void st_tensor_reader_close(struct st_tensor_reader *x, struct st_source *src);

#endif
