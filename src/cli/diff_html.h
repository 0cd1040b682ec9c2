/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of `diff --html`: one file without links to anything else, in light and dark, that says
 * everything without JavaScript; with it the table sorts and filters.
 */
#ifndef ST_CLI_DIFF_HTML_H
#define ST_CLI_DIFF_HTML_H

#include "cli/text.h"

#include <strata/diff.h>

/* Everything is borrowed and only read. A page is best made with options.histogram, and with
 * options.all, so that the heat map shows where nothing changed. */
struct diff_page {
	const char *a, *b; /* what both sides are called: "v3", "model.pt", "working tree" */
	const strata_diff_entry *tensors;
	size_t ntensors;
	const strata_diff_setting *settings;
	size_t nsettings;
	const strata_diff_file *files;
	size_t nfiles;
	const strata_diff_total *total;
};

/* Writes a temporary file beside `file` and renames it over `file`; what is no plain file
 * (/dev/stdout, a pipe) is written to as it is. After a failure `file` is as it was. */
__attribute__((warn_unused_result)) int diff_html_write(const struct diff_page *p, const char *file,
							strata_error *err);

#endif
