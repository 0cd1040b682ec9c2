/* SPDX-License-Identifier: Apache-2.0 */
/* log --graph: each version's text, as another function prints it, beside the drawing. */
#ifndef ST_CLI_LOG_GRAPH_H
#define ST_CLI_LOG_GRAPH_H

#include "cli/cli.h"

struct log_graph;

/*
 * Reads the shape of the history that a log with these options shows, filters included, `limit` and
 * `files` aside. A version that is left out is bridged: lines lead to the nearest versions shown
 * that it comes from. Memory grows with the number of versions.
 */
int log_graph_new(struct log_graph **out, struct cli *c, const strata_log_options *o,
		  strata_error *err);
void log_graph_free(struct log_graph *g); /* NULL is fine */
/*
 * Prints one version: what show(arg, v) writes to standard output, which is swapped for that time,
 * with the margin before every line. Returns what show returns, or non-zero with err filled.
 */
int log_graph_show(struct log_graph *g, const strata_version *v,
		   int (*show)(void *arg, const strata_version *v), void *arg, strata_error *err);

#endif
