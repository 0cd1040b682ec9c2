/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/merge_files.h"

#include "cli/text.h"

static int json_line(struct cli *c, const strata_merged_tensor *t)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "tensor");
	strata_json_name(j, "name", t->name, t->name_len);
	jk_text(j, "outcome", t->outcome);
	jk_text(j, "from", t->from);
	jk_text(j, "conflict", t->conflict);
	jk_text(j, "method", t->method);
	strata_json_end_object(j);
	return cli_emit(c);
}

/* Of what several added only some methods make something: they may, and may not. */
static void note_conflict(struct merge_files *m, const char *conflict)
{
	bool added = strcmp(conflict, "add/add") == 0;
	bool values = strcmp(conflict, "values") == 0 || strcmp(conflict, "dtype") == 0;

	m->joinable = m->joinable || added || values;
	m->rigid = m->rigid || !values;
}

int merge_files_tensor(void *arg, const strata_merged_tensor *t)
{
	struct merge_files *m = arg;
	struct cli *c = m->c;
	const char *why = t->conflict ? t->conflict : t->method ? t->method : t->from;

	if (t->conflict)
		note_conflict(m, t->conflict);
	if (m->json)
		return json_line(c, t);
	if (!t->conflict && !c->g.verbose)
		return cli_stop(c);
	cli_progress_clear(c);
	printf("%-8s  %-13s  ", t->outcome, why ? why : "");
	cli_put_safe(stdout, t->name);
	fputc('\n', stdout);
	return cli_stop(c);
}

static void json_end(struct cli *c, const char *out, const strata_merge_files_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_name(j, "output", out);
	jk_u64(j, "kept", r->kept);
	jk_u64(j, "taken", r->taken);
	jk_u64(j, "merged", r->merged);
	jk_u64(j, "removed", r->removed);
	jk_u64(j, "conflicts", r->conflicts);
	jk_u64(j, "bytes", r->bytes);
	strata_json_end_object(j);
	cli_emit(c);
}

static void put_count(uint64_t n, const char *what, const char **between)
{
	if (!n)
		return;
	printf("%s%" PRIu64 " %s", *between, n, what);
	*between = ", ";
}

int merge_files_end(const struct merge_files *m, int rc, const char *out,
		    const strata_merge_files_result *r, strata_error *err)
{
	const char *between = "tensors: ";

	if (rc == STRATA_ENO && r->conflicts)
		rc = cli_fail(err, STRATA_ENO,
			      "%" PRIu64 " of the tensors %s in conflict and nothing was written: "
			      "%s%s%s",
			      r->conflicts, r->conflicts == 1 ? "is" : "are",
			      m->joinable ? "--method or --rule says how to merge them" : "",
			      m->joinable && m->rigid ? "; " : "",
			      m->rigid ? "those that no method joins a --rule of ours, theirs or "
					 "base decides" :
					 "");
	if (m->json && (rc == STRATA_OK || (rc == STRATA_ENO && r->conflicts)))
		json_end(m->c, out, r);
	if (m->json || rc != STRATA_OK || m->c->g.quiet)
		return rc;
	cli_progress_clear(m->c);
	put_count(r->merged, "merged", &between);
	put_count(r->taken, "taken from one side", &between);
	put_count(r->kept, "kept", &between);
	put_count(r->removed, "removed", &between);
	fputs(strcmp(between, ", ") == 0 ? "\nwrote " : "no tensors\nwrote ", stdout);
	cli_put_safe(stdout, out);
	printf(", %s\n", human_bytes(r->bytes).s);
	return STRATA_OK;
}

int merge_recipe(struct cli *c, const strata_merge_recipe_options *o, bool json, strata_error *err)
{
	struct merge_files m = { .c = c, .json = json };
	strata_merge_files_result result = { 0 };
	int rc;

	if (!o->out)
		return cli_fail(err, STRATA_EUSAGE, "merge --recipe wants -o OUT");
	rc = strata_merge_recipe(o, &c->options, merge_files_tensor, &m, &result, err);
	return merge_files_end(&m, rc, o->out, &result, err);
}
