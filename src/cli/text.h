/* SPDX-License-Identifier: Apache-2.0 */
/* Names, sizes and times as people read and write them; colours; the one table printer. */
#ifndef ST_CLI_TEXT_H
#define ST_CLI_TEXT_H

#include "cli/cli.h"

/* ---- name.c: names that are safe on a terminal ---- */

/* As it is when it is UTF-8 without control characters, quotes and backslashes; else as a C string
 * in quotes, other bytes in octal. The result is the caller's; NULL when out of memory. */
char *name_quoted(const char *s, size_t len);
void name_put(FILE *f, const char *s);
/* Columns on a terminal of UTF-8 text; bytes that are not UTF-8 count one each. */
size_t text_width(const char *s, size_t len);
/* Length of the UTF-8 sequence at s and its code point; 0 when there is none. */
size_t text_decode(const char *s, size_t len, uint32_t *c);

/* ---- human.c ---- */

typedef struct human {
	char s[48];
} human;

human human_bytes(uint64_t n);			      /* "1.2 MiB" */
human human_number(uint64_t n);			      /* "1,234" */
human human_ratio(uint64_t logical, uint64_t stored); /* "38x" */
human human_time(const char *rfc3339);		      /* local: "2026-11-21 04:54:30 +0000" */
human human_seconds(double s);			      /* "1:05" */
human human_id(const char *hex);		      /* its first digits */
const char *plural(uint64_t n);			      /* "" or "s" */
/* "3 of 120 tensors changed, 1 added" */
void human_tensors(char *out, size_t room, const strata_tensor_counts *n);
/* 512M, 2G, 64k, plain bytes. */
bool parse_size(const char *s, uint64_t *out);
bool parse_number(const char *s, uint64_t *out);
/* 30m, 12h, 14d, 2w, now. */
bool parse_age(const char *s, int64_t *seconds);

/* ---- color.c ---- */

enum color {
	COLOR_NONE,
	COLOR_ID,
	COLOR_GOOD,
	COLOR_BAD,
	COLOR_NAME,
	COLOR_DIM,
	COLOR_BOLD,
};
/* "" unless colours are on. */
const char *color_on(const struct cli *c, enum color k);
const char *color_off(const struct cli *c, enum color k);

/* ---- table.c ---- */

struct column {
	const char *title; /* NULL in every column: no heading */
	bool right;
	enum color color;
};

#define TABLE_HIDES 32

struct table {
	const struct column *columns;
	size_t ncolumns;
	char **cells;
	size_t ncells, cap;
	unsigned hidden; /* bit i: column i, of the first TABLE_HIDES, is not shown */
	bool failed;	 /* out of memory: shown by table_print */
};

void table_init(struct table *t, const struct column *columns, size_t n);
void table_release(struct table *t);
/* Cells come row by row, left to right. Text is ours; names are anyone's and are quoted. */
void table_text(struct table *t, const char *s);
void table_name(struct table *t, const char *s, size_t len);
int table_print(struct table *t, struct cli *c, strata_error *err);

#endif
