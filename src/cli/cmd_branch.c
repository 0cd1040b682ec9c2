/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/reflist.h"

struct values {
	bool del, del_force, move, move_force, force, current, json;
};

static const struct cli_option options[] = {
	{ 'd', "delete", OPT_FLAG, offsetof(struct values, del), NULL,
	  "delete branches whose versions another branch, tag or HEAD has too" },
	{ 'D', NULL, OPT_FLAG, offsetof(struct values, del_force), NULL, "delete them even so" },
	{ 'm', "move", OPT_FLAG, offsetof(struct values, move), NULL,
	  "rename a branch (the one that is checked out if one name is given)" },
	{ 'M', NULL, OPT_FLAG, offsetof(struct values, move_force), NULL,
	  "the same, in place of a branch that has the new name" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL,
	  "let a branch that exists begin at START; with -d as -D, with -m as -M" },
	{ 0, "show-current", OPT_FLAG, offsetof(struct values, current), NULL,
	  "the name of the branch that is checked out, nothing if HEAD is detached" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a branch: all, or those made, renamed or deleted" },
	{ 0 },
};

const struct cli_doc doc_branch = {
	.args = "[NAME [START]]",
	.options = options,
	.text = "Lists branches, '*' before the one that is checked out, or makes branch NAME at\n"
		"START (HEAD if not said) without going there: 'strata switch -c' does both.\n"
		"\n"
		"A branch is a name for its newest version; commit moves it. To delete one deletes\n"
		"no numbered version: v12 stays v12. Names follow Git's rules; one that looks like a\n"
		"version number or an id, or begins the id of a version, is refused.",
	.examples = "strata branch\n"
		    "list branches\n"
		    "strata branch wider v2\n"
		    "make a branch at version 2\n"
		    "strata branch -m wider deeper\n"
		    "rename it\n"
		    "strata branch -d deeper\n"
		    "delete it\n",
};

struct list {
	struct cli *c;
	struct table t;
	const char *only; /* NULL: all */
};

static struct ref_row row_of(const strata_branch *b)
{
	return (struct ref_row){ "branch",  b->name, b->commit, b->version,
				 b->author, b->time, b->message };
}

static int emit(struct cli *c, const strata_branch *b)
{
	struct ref_row row = row_of(b);

	strata_json_object(c->json);
	jk_text(c->json, "name", b->name);
	jk_bool(c->json, "current", b->current);
	ref_json(c->json, &row);
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static int show_json(void *arg, const strata_branch *b)
{
	struct list *l = arg;

	return l->only && strcmp(l->only, b->name) != 0 ? 0 : emit(l->c, b);
}

static int show(void *arg, const strata_branch *b)
{
	struct list *l = arg;
	struct ref_row row = row_of(b);

	if (b->unborn)
		row.message = "(no version yet)";
	ref_cells(&l->t, &row, b->current ? "* " : "  ");
	return cli_stop(l->c);
}

/* The line of one branch, after it was made or renamed. */
static int show_one(struct cli *c, const char *name, strata_error *err)
{
	struct list l = { .c = c, .only = name };

	return strata_branch_list(c->repo, show_json, &l, err);
}

static int list(struct cli *c, const struct values *v, strata_error *err)
{
	struct list l = { .c = c };
	strata_head_info h;
	int rc = strata_head(c->repo, &h, err);

	if (rc != STRATA_OK)
		return rc;
	if (v->current) {
		if (*h.branch)
			puts(h.branch);
		return STRATA_OK;
	}
	if (h.detached && !v->json)
		printf("* (HEAD is detached at %s%s%s)\n", h.version, *h.version ? " " : "",
		       human_id(h.commit).s);
	ref_table(&l.t);
	rc = strata_branch_list(c->repo, v->json ? show_json : show, &l, err);
	if (rc == STRATA_OK && !v->json && l.t.ncells)
		rc = table_print(&l.t, c, err);
	table_release(&l.t);
	return rc;
}

static int was(void *arg, const strata_branch *b)
{
	struct cli *c = arg;
	struct ref_row row = row_of(b);

	if (!c->g.quiet)
		ref_deleted(&row);
	return cli_stop(c);
}

static int was_json(void *arg, const strata_branch *b)
{
	return emit(arg, b);
}

static int rename_one(struct cli *c, const struct values *v, const struct cli_args *a,
		      strata_error *err)
{
	const char *to;
	int rc = cli_count(c, a, 1, 2, err);

	if (rc != STRATA_OK)
		return rc;
	to = a->v[a->n - 1];
	rc = strata_branch_rename(c->repo, a->n > 1 ? a->v[0] : NULL, to, v->move_force || v->force,
				  err);
	return rc == STRATA_OK && v->json ? show_one(c, to, err) : rc;
}

static int delete_some(struct cli *c, const struct values *v, const struct cli_args *a,
		       strata_error *err)
{
	int rc = cli_count(c, a, 1, SIZE_MAX, err);

	return rc == STRATA_OK ? strata_branch_delete(c->repo, a->v, a->n, v->del_force || v->force,
						      v->json ? was_json : was, c, err) :
				 rc;
}

static int create_one(struct cli *c, const struct values *v, const struct cli_args *a,
		      strata_error *err)
{
	int rc = strata_branch_create(c->repo, a->v[0], a->n > 1 ? a->v[1] : NULL, v->force, err);

	return rc == STRATA_OK && v->json ? show_one(c, a->v[0], err) : rc;
}

int cmd_branch(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	bool del, move;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc != STRATA_OK)
		return rc;
	del = v.del || v.del_force;
	move = v.move || v.move_force;
	if (del + move + v.current > 1)
		return cli_fail(err, STRATA_EUSAGE, "one of -d, -m and --show-current at a time");
	if (del)
		return delete_some(c, &v, &a, err);
	if (move)
		return rename_one(c, &v, &a, err);
	rc = cli_count(c, &a, 0, v.current ? 0 : 2, err);
	if (rc != STRATA_OK || a.n == 0)
		return rc == STRATA_OK ? list(c, &v, err) : rc;
	return create_one(c, &v, &a, err);
}
