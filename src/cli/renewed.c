/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/renewed.h"

#include "cli/conflicts.h"
#include "cli/merge_end.h"
#include "cli/versions.h"
#include "cli/went.h"

#define BLOCKED_MAX 100 /* lines about what cannot be done */

static void show_text(struct cli *c, const strata_renew_result *r)
{
	version_made(c, r->version, r->commit, r->branch, r->message);
	version_why(r->bump, r->why);
	putchar('\n');
	version_counts(&r->files, &r->tensors);
	if (!*r->branch)
		went_hint(c);
}

static void show_json(struct cli *c, strata_renewal what, const strata_renew_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "commit", *r->commit ? r->commit : NULL);
	jk_text(j, "version", *r->version ? r->version : NULL);
	jk_text(j, "bump", version_bump_name(r->bump));
	jk_text(j, "why", r->why);
	jk_text(j, "branch", *r->branch ? r->branch : NULL);
	jk_text(j, "message", r->message);
	jk_files(j, "files", &r->files);
	jk_counts(j, "tensors", &r->tensors);
	if (what != STRATA_ROLLBACK)
		jk_u64(j, "conflicts", r->conflicts);
	strata_json_end_object(j);
	cli_emit(c);
}

static int tell(struct cli *c, strata_renewal what, const strata_renew_result *r, bool json,
		strata_error *err)
{
	int rc = STRATA_OK;

	if (json && r->conflicts)
		rc = conflicts_json(c, err);
	if (json)
		show_json(c, what, r);
	else if (!c->g.quiet && r->conflicts)
		rc = conflicts_show(c, NULL, err);
	else if (!c->g.quiet)
		show_text(c, r);
	return rc;
}

struct blocked { /* the error says the first */
	uint64_t n;
	FILE *f;
};

static int list_blocked(void *arg, const char *path, const char *tensor, const char *why)
{
	struct blocked *b = arg;

	if (b->n++ >= BLOCKED_MAX || !b->f)
		return 0;
	fputs("  ", b->f);
	name_put(b->f, path);
	if (tensor) {
		fputs("::", b->f);
		name_put(b->f, tensor);
	}
	fprintf(b->f, "  (%s)\n", why);
	return 0;
}

static void show_blocked(struct blocked *b, const char *text)
{
	if (b->n > 1 && text)
		fputs(text, stderr);
	if (b->n > BLOCKED_MAX)
		fprintf(stderr, "  and %s more\n", human_number(b->n - BLOCKED_MAX).s);
}

static int take_message(void *arg, const char *message)
{
	char **out = arg;

	*out = strdup(message);
	return 0;
}

static int edit(struct cli *c, strata_renewal what, const char *rev, const strata_renew_options *o,
		char **text, strata_error *err)
{
	char *start = NULL;
	int rc = strata_renew_message(c->repo, what, rev, o, take_message, &start, err);

	if (rc == STRATA_OK && !start)
		rc = cli_fail(err, STRATA_ENOMEM, "out of memory");
	if (rc == STRATA_OK)
		rc = cli_edit(c, start, "The message of the new version.", text, err);
	free(start);
	if (rc == STRATA_OK && !**text)
		rc = cli_fail(err, STRATA_ENO, "no message, no version");
	return rc;
}

static int renew(struct cli *c, strata_renewal what, const char *rev, const strata_renew_options *o,
		 strata_renew_result *r, strata_error *err)
{
	strata_renew_options own = *o;
	struct blocked blocked = { 0 };
	char *text = NULL;
	size_t len;
	int rc;

	blocked.f = open_memstream(&text, &len);
	own.blocked = list_blocked;
	own.arg = &blocked;
	rc = strata_renew(c->repo, what, rev, &own, r, err);
	if (blocked.f)
		fclose(blocked.f);
	show_blocked(&blocked, text);
	free(text);
	return rc;
}

static int run(struct cli *c, strata_renewal what, const char *rev, const struct renew_values *v,
	       strata_error *err)
{
	strata_renew_options o = { .message = v->message,
				   .paths = v->paths.v,
				   .npaths = v->paths.n,
				   .tensors = v->tensors.v,
				   .ntensors = v->tensors.n,
				   .method = v->method,
				   .nonfinite = v->nonfinite };
	strata_renew_result r;
	strata_head_info head;
	char *text = NULL, commit[STRATA_HEX];
	int rc = version_bump(c, v->bump, &o.bump, err);

	if (rc == STRATA_OK && v->edit) { /* what REV means stays as it was when the editor began */
		o.expect = &head;
		rc = strata_head(c->repo, &head, err);
		if (rc == STRATA_OK)
			rc = strata_resolve(c->repo, rev, commit, err);
		if (rc == STRATA_OK)
			rc = edit(c, what, commit, &o, &text, err);
		rev = commit;
	}
	if (text)
		o.message = text;
	if (rc == STRATA_OK)
		rc = renew(c, what, rev, &o, &r, err);
	if (rc != STRATA_OK && text)
		cli_edit_kept(c, err);
	free(text);
	if (rc == STRATA_OK)
		rc = tell(c, what, &r, v->json, err);
	return rc == STRATA_OK && r.conflicts ? merge_begun(c, r.conflicts, err) : rc;
}

/* --continue and --abort know all else already. */
static int end(struct cli *c, const struct renew_values *v, strata_error *err)
{
	const char *verb = v->abort ? "abort" : "continue";

	if (v->carry_on && v->abort)
		return cli_fail(err, STRATA_EUSAGE, "--continue and --abort exclude each other");
	if (v->method || v->bump || v->tensors.n || v->edit || v->nonfinite ||
	    (v->abort && v->message))
		return cli_fail(err, STRATA_EUSAGE, "--%s goes with %s--json alone", verb,
				v->abort ? "" : "-m and ");
	return v->abort ? merge_take_back(c, v->json, err) :
			  merge_end(c, v->message, NULL, v->json, err);
}

int renew_command(struct cli *c, strata_renewal what, int argc, char **argv, strata_error *err)
{
	struct renew_values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);
	const bool ends = v.carry_on || v.abort;

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, ends ? 0 : 1, ends ? 0 : 1, err);
	if (rc != STRATA_OK)
		return rc;
	return ends ? end(c, &v, err) : run(c, what, a.v[0], &v, err);
}
