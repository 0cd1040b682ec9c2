/* SPDX-License-Identifier: Apache-2.0 */
/* What the sections of the page of `diff --html` share. */
#ifndef ST_CLI_DIFF_HTML_PARTS_H
#define ST_CLI_DIFF_HTML_PARTS_H

#include "cli/diff_html.h"
#include "cli/diff_text.h"

struct html {
	FILE *f;
	const struct diff_page *d;
	bool many;   /* tensors of more than one file: say of which */
	bool nomem;  /* sticky: the page is not whole */
	size_t skip; /* the directory that all paths begin with: its length, and a '/' */
};

typedef struct short_text {
	char s[48];
} short_text;

/* ---- diff_html_parts.c: what is not ours is escaped, for text and for attributes ---- */

void h_put(struct html *h, const char *ours);
__attribute__((format(printf, 2, 3))) void h_printf(struct html *h, const char *fmt, ...);
void h_name(struct html *h, const char *s, size_t len);	 /* as ls prints it */
void h_text(struct html *h, const char *s, size_t max);	 /* no quotes; cut after max bytes */
void h_label(struct html *h, const char *s, size_t len); /* a name that may break at its dots */
void h_path(struct html *h, const char *path);		 /* without what all paths begin with */
/* "1.23e-5", "inf", "nan"; with 0 digits as short as it gets: "2e-4" */
short_text number_text(double v, int digits);
short_text cosine_text(double v); /* what it lacks to 1 where six digits cannot say */
short_text percent_text(uint64_t part, uint64_t whole);
short_text power_text(int exponent); /* of two */
/* The value of a cell as scripts read it. */
short_text number_exact(double v);

/* The side that names the tensor: b's where there is one. */
const strata_diff_tensor *entry_tensor(const strata_diff_entry *t);

/* ---- diff_html_map.c ---- */

void html_heat_map(struct html *h);

/* ---- diff_html_table.c ---- */

void html_histogram(struct html *h);
void html_tensors(struct html *h);

/* ---- diff_html_text.c ---- */

extern const char html_style[];
extern const char html_script[];

#endif
