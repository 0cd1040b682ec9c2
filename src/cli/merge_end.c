/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/merge_end.h"

#include "cli/accept.h"
#include "cli/went.h"

static const char *done(const char *verb)
{
	return strcmp(verb, "cherry-pick") == 0 ? "cherry-picked" :
	       strcmp(verb, "revert") == 0	? "reverted" :
						  "merged";
}

struct ending {
	char verb[16], *accept;
};

static int keep(void *arg, const strata_merge_state *s)
{
	struct ending *x = arg;

	snprintf(x->verb, sizeof(x->verb), "%s", s->under_way ? s->verb : "merge");
	x->accept = s->accept_text ? strdup(s->accept_text) : NULL;
	return 0;
}

static void show_end(struct cli *c, const strata_commit_result *r, const char *verb, bool json)
{
	strata_json *j = c->json;

	if (json) {
		strata_json_object(j);
		jk_text(j, "kind", "summary");
		jk_text(j, "result", done(verb));
		jk_text(j, "branch", *r->branch ? r->branch : NULL);
		jk_text(j, "commit", r->commit);
		jk_text(j, "version", *r->version ? r->version : NULL);
		strata_json_end_object(j);
		cli_emit(c);
	} else if (!c->g.quiet) {
		printf("%s %s  %s\n", r->version, human_id(r->commit).s, done(verb));
	}
}

int merge_end(struct cli *c, const char *message, const char *command, bool json, strata_error *err)
{
	struct ending x = { 0 };
	int rc = strata_merge_conflicts(c->repo, keep, NULL, &x, err);
	struct accept accept = { .c = c, .command = command ? command : x.accept };
	strata_merge_options o = { .message = message, .arg = &accept };
	strata_commit_result r;

	if (accept.command)
		o.accept = accept_run;
	if (rc == STRATA_OK)
		rc = strata_merge_continue(c->repo, &o, &r, err);
	if (rc == STRATA_OK)
		show_end(c, &r, x.verb, json);
	free(x.accept);
	return rc;
}

int merge_take_back(struct cli *c, bool json, strata_error *err)
{
	struct ending x = { 0 };
	strata_checkout_result r;
	int rc = strata_merge_conflicts(c->repo, keep, NULL, &x, err);

	free(x.accept);
	if (rc == STRATA_OK)
		rc = strata_merge_abort(c->repo, &r, err);
	if (rc == STRATA_OK && json)
		return went_emit(c, &r, NULL, err);
	if (rc == STRATA_OK && !c->g.quiet) {
		printf("the %s is taken back\n", x.verb);
		return went_head(c, &r, err);
	}
	return rc;
}

int merge_begun(struct cli *c, uint64_t conflicts, strata_error *err)
{
	struct ending x = { 0 };
	int rc = strata_merge_conflicts(c->repo, keep, NULL, &x, err);

	free(x.accept);
	if (rc != STRATA_OK)
		return rc;
	return cli_fail(err, STRATA_ENO,
			"%s conflict%s: 'strata resolve' decides, 'strata %s --abort' takes the %s "
			"back",
			human_number(conflicts).s, plural(conflicts), x.verb, x.verb);
}
