/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/graph.h"

#define PARENTS_MAX 64

const struct cli_doc doc_debug_graph = {
	.args = "",
	.options = NULL,
	.text = "Draws what standard input describes as 'strata log --graph' would. A line is a\n"
		"version, given after those that come from it: its number, then its parents'.",
	.examples = "",
};

static void put_row(struct graph *g)
{
	const char *row = graph_row(g);

	printf("%.*s\n", (int)graph_trim(row), row);
}

static int show(struct graph *g, const char *line, strata_error *err)
{
	uint32_t v[PARENTS_MAX + 1];
	const char *p = line;
	size_t n = 0;
	char *end;

	while (n <= PARENTS_MAX && *(p += strspn(p, " "))) {
		v[n++] = (uint32_t)strtoul(p, &end, 10);
		if (end == p)
			return cli_fail(err, STRATA_EUSAGE, "'%s' is not numbers", line);
		p = end;
	}
	if (!n)
		return STRATA_OK;
	if (!graph_next(g, v[0], v + 1, n - 1))
		return cli_fail(err, STRATA_ENOMEM, "out of memory");
	while (graph_before(g))
		put_row(g);
	printf("%s%" PRIu32 "\n", graph_row(g), v[0]);
	while (graph_pending(g))
		put_row(g);
	return STRATA_OK;
}

int cmd_debug_graph(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct cli_args a;
	struct graph g;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = cli_begin(c, &a, NULL, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	graph_init(&g);
	while (rc == STRATA_OK && (n = getline(&line, &cap, stdin)) > 0) {
		line[strcspn(line, "\n")] = 0;
		rc = show(&g, line, err);
	}
	graph_release(&g);
	free(line);
	return rc;
}
