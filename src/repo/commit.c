/* SPDX-License-Identifier: Apache-2.0 */
/* commit: the staged tree becomes a version. */
#include "repo/count.h"
#include "repo/stage.h"

#include "base/file.h"
#include "base/json.h"
#include "repo/lineage.h"
#include "repo/merge_state.h"
#include "repo/moves.h"

#include <stdio.h>

struct committing {
	struct st_repo *r;
	const strata_commit_options *o;
	strata_commit_result *res;
	struct st_txn t;
	struct st_head head;
	struct st_commit old; /* the one amended, or cherry-picked */
	struct st_merging merging;
	bool merge;			 /* it ends what is under way, which merging is */
	const strata_merge_options *ask; /* merge --continue; NULL: commit */
	struct st_oid parent_tree, id;
	char *name, *email;
	struct st_kv *params;
	struct st_lineage *lineage;
	strata_policy policy;
};

static void take_step(struct committing *k, const struct st_counts *total)
{
	const strata_file_counts *f = &k->res->files;
	const strata_bump asked = k->o->bump || !k->merge ? k->o->bump : k->merging.bump;
	struct st_bumped step;

	if (k->policy != STRATA_SEMVER)
		return;
	step = st_bump_choose(asked, st_oid_is_zero(&k->t.number.parent), total,
			      f->added + f->changed + f->removed);
	k->t.number.bump = k->res->bump = step.bump;
	k->res->why = step.why;
}

static int count(struct committing *k, struct st_err *e)
{
	struct st_index parent;
	struct st_totals n;
	int rc;

	st_index_init(&parent);
	rc = st_tree_to_index(k->r, &k->parent_tree, &parent, e);
	if (rc == ST_OK)
		rc = st_index_sort(&parent, e);
	if (rc == ST_OK)
		rc = st_count_changes(k->r, &parent, &k->t.index, &n, e);
	if (rc == ST_OK) {
		k->res->files = n.files;
		k->res->tensors = n.tensors;
		k->res->logical_bytes = n.logical_bytes;
		k->res->stored_bytes = n.stored_bytes;
		take_step(k, &n.differing);
	}
	st_index_release(&parent);
	return rc;
}

static bool picks(const struct committing *k)
{
	return k->merge && k->merging.kind == ST_MERGING_CHERRY_PICK;
}

/* What is not said is as the old one has it. */
static bool inherits(const struct committing *k)
{
	return k->o->amend || picks(k);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct st_kv *)a)->key, ((const struct st_kv *)b)->key);
}

static int take_params(struct committing *k, struct st_commit *c, struct st_err *e)
{
	const strata_commit_options *o = k->o;
	size_t i;

	if (inherits(k) && o->nparams == 0) {
		c->params = k->old.params;
		c->nparams = k->old.nparams;
		return ST_OK;
	}
	k->params = st_calloc(o->nparams, sizeof(*k->params), e);
	if (!k->params)
		return e->code;
	for (i = 0; i < o->nparams; i++) {
		k->params[i] = (struct st_kv){ o->params[i].key, o->params[i].value };
		if (!k->params[i].key[0] ||
		    !st_utf8_valid(k->params[i].key, strlen(k->params[i].key)) ||
		    !st_utf8_valid(k->params[i].value, strlen(k->params[i].value)))
			return st_fail(e, ST_EUSAGE, "--param wants KEY=VALUE in UTF-8");
	}
	qsort(k->params, o->nparams, sizeof(*k->params), by_key);
	for (i = 1; i < o->nparams; i++)
		if (strcmp(k->params[i - 1].key, k->params[i].key) == 0)
			return st_fail(e, ST_EUSAGE, "--param %s is given twice", k->params[i].key);
	c->params = k->params;
	c->nparams = o->nparams;
	return ST_OK;
}

static int take_lineage(struct committing *k, struct st_commit *c, struct st_err *e)
{
	const strata_commit_options *o = k->o;
	int rc;

	if (o->amend && o->nlineage == 0) {
		c->lineage = k->old.lineage;
		c->nlineage = k->old.nlineage;
		return ST_OK;
	}
	rc = st_lineage_read(k->r, o->lineage, o->nlineage, &k->lineage, e);
	c->lineage = k->lineage;
	c->nlineage = rc == ST_OK ? o->nlineage : 0;
	return rc;
}

static int take_config(struct committing *k, struct st_commit *c, struct st_err *e)
{
	const char *slash;
	struct st_buf b;
	int rc;

	if (inherits(k) && !k->o->config) {
		c->config_name = k->old.config_name;
		c->config = k->old.config;
	}
	if (!k->o->config)
		return ST_OK;
	slash = strrchr(k->o->config, '/');
	c->config_name = slash ? slash + 1 : k->o->config;
	if (!st_utf8_valid(c->config_name, strlen(c->config_name)))
		return st_fail(e, ST_EUSAGE, "the name of the configuration file is not UTF-8");
	st_buf_init(&b, (size_t)16 << 20);
	rc = st_file_slurp(&b, k->o->config, e);
	if (rc != ST_OK)
		rc = st_err_named_path(e);
	if (rc == ST_OK)
		rc = st_writer_put_big(k->t.w, b.p, b.len, &c->config, e);
	st_buf_release(&b);
	return rc;
}

static int take_author(struct committing *k, struct st_commit *c, struct st_err *e)
{
	const char *a = k->o->author, *lt, *gt;
	int rc;

	if (inherits(k) && !a) {
		c->author_name = k->old.author_name;
		c->author_email = k->old.author_email;
		return ST_OK;
	}
	rc = st_repo_identity(k->r, &k->name, &k->email, e);
	if (rc == ST_OK && a) {
		lt = strchr(a, '<');
		gt = lt ? strchr(lt, '>') : NULL;
		if (!gt || lt == a || gt[1])
			return st_fail(e, ST_EUSAGE, "--author wants 'Name <mail>'");
		free(k->name);
		free(k->email);
		k->email = st_memdup(lt + 1, (size_t)(gt - lt), e);
		while (lt > a && lt[-1] == ' ')
			lt--;
		k->name = st_memdup(a, (size_t)(lt - a) + 1, e);
		if (!k->name || !k->email)
			return e->code;
		k->name[lt - a] = 0;
		k->email[gt - strchr(a, '<') - 1] = 0;
	}
	c->author_name = k->name;
	c->author_email = k->email;
	return rc;
}

/* How a merge was made holds of one that is amended for as long as the files are those. */
static bool keeps_description(const struct committing *k)
{
	return k->o->amend && st_oid_eq(&k->old.tree, &k->t.index.tree);
}

static void say_undescribed(const struct committing *k)
{
	if (k->o->amend && !st_oid_is_zero(&k->old.merge) && !keeps_description(k))
		st_warn(&k->r->ctx, "files of the merge were changed: the version does not say how "
				    "it was made, and cannot be replayed");
}

static int check_message(const char *text, struct st_err *e)
{
	if (!text || !text[strspn(text, " \t\r\n")])
		return st_fail(e, ST_EUSAGE, "the message is empty: give one with -m");
	if (!st_utf8_valid(text, strlen(text)))
		return st_fail(e, ST_EUSAGE, "the message is not UTF-8");
	return ST_OK;
}

static int fill(struct committing *k, struct st_commit *c, struct st_err *e)
{
	int rc;

	c->tree = k->t.index.tree;
	if (k->o->amend) {
		c->parents = k->old.parents;
		c->nparents = k->old.nparents;
		if (keeps_description(k))
			c->merge = k->old.merge;
	} else if (!k->head.unborn) {
		c->parents = &k->head.commit;
		c->nparents = 1;
	}
	c->time_ns = st_now_ns();
	c->message = k->o->message ? k->o->message : k->merge ? k->merging.message : k->old.message;
	if (check_message(c->message, e) != ST_OK)
		return e->code;
	rc = k->merge ? st_merging_fill(k->t.w, &k->merging, c, e) : ST_OK;
	if (rc == ST_OK)
		rc = take_author(k, c, e);
	if (rc == ST_OK)
		rc = take_params(k, c, e);
	if (rc == ST_OK)
		rc = take_lineage(k, c, e);
	if (rc == ST_OK)
		rc = take_config(k, c, e);
	return rc;
}

static int write_commit(struct committing *k, struct st_err *e)
{
	struct st_commit c = { 0 };
	int rc = fill(k, &c, e);

	return rc == ST_OK ? st_txn_store(&k->t, &c, &k->id, e) : rc;
}

static int publish(struct committing *k, struct st_err *e)
{
	int rc = st_txn_commit(&k->t, &k->head, false, &k->id, e);

	if (rc == ST_OK) {
		st_oid_hex(&k->id, k->res->commit);
		snprintf(k->res->version, sizeof(k->res->version), "%s", k->t.label);
		snprintf(k->res->branch, sizeof(k->res->branch), "%s", k->head.branch);
	}
	return rc;
}

static int load_parent(struct committing *k, struct st_err *e)
{
	int rc = st_repo_head(k->r, &k->head, e);

	if (rc == ST_OK)
		rc = st_head_expect(k->r, &k->head, k->o->expect, e);
	if (rc != ST_OK)
		return rc;
	if (k->o->amend && k->head.unborn)
		return st_fail(e, ST_EUSAGE, "there is no version yet to amend");
	if (k->o->amend) {
		rc = st_repo_commit_load(k->r, &k->head.commit, &k->old, e);
		if (rc == ST_OK && k->old.nparents)
			rc = st_repo_commit_tree(k->r, &k->old.parents[0], &k->parent_tree, e);
	} else if (!k->head.unborn) {
		rc = st_repo_commit_tree(k->r, &k->head.commit, &k->parent_tree, e);
	}
	return rc;
}

static int check_anything(struct committing *k, struct st_err *e)
{
	struct st_oid head_tree = { { 0 } };
	int rc = ST_OK;

	const bool change = k->merge && k->merging.kind != ST_MERGING_MERGE;

	if (k->o->allow_empty || k->o->amend || (k->merge && !change))
		return ST_OK;
	if (!k->head.unborn)
		rc = st_repo_commit_tree(k->r, &k->head.commit, &head_tree, e);
	if (rc == ST_OK &&
	    (k->head.unborn ? k->t.index.nrows == 0 : st_oid_eq(&head_tree, &k->t.index.tree)))
		rc = change ? st_fail(e, ST_ENO,
				      "nothing is left of the %s: 'strata %s --abort' ends it",
				      st_merging_kind_name(k->merging.kind),
				      st_merging_kind_name(k->merging.kind)) :
			      st_fail(e, ST_ENO,
				      "nothing to commit: 'strata add' stages changes, 'strata "
				      "status' shows them");
	return rc;
}

/* "commit: " and the first line of the message, cut between characters. */
static void say_why(char *out, size_t room, const char *what, const char *message)
{
	size_t n = strcspn(message, "\r\n"), most = room - strlen(what) - 3;

	if (n > most)
		for (n = most; n && ((unsigned char)message[n] & 0xc0) == 0x80;)
			n--;
	snprintf(out, room, "%s: %.*s", what, (int)n, message);
}

/* undo takes "commit -a" back together with its add. */
static const char *what_of(const strata_commit_options *o)
{
	if (o->all)
		return o->amend ? "commit -a --amend" : "commit -a";
	return o->amend ? "commit --amend" : "commit";
}

/* May a version end the merge, of which so much is open? */
static int check_end(const struct st_merging *m, const strata_commit_options *o,
		     const strata_merge_options *ask, size_t open, struct st_err *e)
{
	const char *verb = st_merging_kind_name(m->kind);

	if (o->amend)
		return st_fail(e, ST_EREFUSED,
			       "a %s is under way: its version is a new one; 'strata %s --abort' "
			       "takes it back",
			       verb, verb);
	if (open)
		return st_fail(e, ask ? ST_ENO : ST_EREFUSED,
			       "%zu conflict%s of the %s %s left: 'strata status' lists them, "
			       "'strata resolve' decides, 'strata %s --abort' takes it back",
			       open, open == 1 ? "" : "s", verb, open == 1 ? "is" : "are", verb);
	if (m->accept && !(ask && ask->accept))
		return st_fail(e, ST_EREFUSED,
			       "this merge is to be accepted by '%.200s': 'strata merge "
			       "--continue' asks it",
			       m->accept);
	return ST_OK;
}

/* With a merge under way the version ends it, once nothing is open. */
static int load_merge(struct committing *k, struct st_err *e)
{
	struct st_merging *m = &k->merging;
	int rc = st_merging_load(k->r, m, &k->merge, e);

	if (rc != ST_OK || !k->merge)
		return rc == ST_OK && k->ask ? st_merging_none(e) : rc;
	rc = check_end(m, k->o, k->ask, st_merging_open(m, &k->t.index), e);
	if (rc != ST_OK)
		return rc;
	st_merging_take_hands(m, &k->t.index);
	rc = st_merging_take_staged(k->r, m, &k->t.index, e);
	if (rc == ST_OK && picks(k))
		rc = st_repo_commit_load(k->r, &m->of, &k->old, e);
	if (rc == ST_OK && k->ask && k->ask->accept)
		rc = st_merge_ask(k->r, &k->t.index, k->ask->accept, k->ask->arg, e);
	return rc;
}

static int run(struct committing *k, struct st_err *e)
{
	const char *message = k->o->message;
	struct st_err later = { 0 };
	char what[40], why[200];
	int rc = st_txn_begin(&k->t, k->r, k->ask ? "merge" : "commit", e);

	if (rc == ST_OK)
		rc = st_txn_index(&k->t, e);
	if (rc == ST_OK)
		rc = load_parent(k, e);
	if (rc == ST_OK)
		rc = load_merge(k, e);
	if (rc == ST_OK)
		rc = check_anything(k, e);
	/* An empty index may never have had its tree written. */
	if (rc == ST_OK && st_oid_is_zero(&k->t.index.tree))
		rc = st_staged_write_trees(k->r, &k->t.index, k->t.w, e);
	if (rc == ST_OK)
		rc = write_commit(k, e);
	if (rc == ST_OK)
		rc = count(k, e);
	if (rc == ST_OK) {
		message = message ? message : k->merge ? k->merging.message : k->old.message;
		snprintf(what, sizeof(what), "%s", what_of(k->o));
		if (k->merge) {
			k->t.op.verb = st_merging_kind_name(k->merging.kind);
			st_merging_why(&k->merging, ST_MERGE_CONTINUE, NULL, what, sizeof(what));
		}
		say_why(why, sizeof(why), what, message);
		k->t.op.why = why;
		rc = publish(k, e);
		k->t.op.why = k->t.op.verb;
	}
	if (rc == ST_OK)
		say_undescribed(k);
	/* It counts no more, and goes with the next command that may remove it. */
	if (rc == ST_OK && k->merge && st_merging_drop(k->r, &later) != ST_OK)
		st_warn(&k->r->ctx, "%s", later.msg);
	st_txn_end(&k->t);
	if (k->merge)
		st_merging_release(&k->merging);
	return rc;
}

static int add_all(struct st_repo *r, bool fast, struct st_err *e)
{
	return st_verb_add(r, NULL, 0,
			   STRATA_ADD_UPDATE | ST_ADD_FOR_COMMIT | (fast ? STRATA_ADD_FAST : 0),
			   NULL, NULL, NULL, e);
}

static int check_all(struct st_repo *r, const strata_commit_options *o, struct st_err *e)
{
	struct st_merging m;
	size_t open = 0;
	bool there;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	rc = st_marked_left(r, &m, &open, e);
	if (rc == ST_OK)
		rc = check_end(&m, o, NULL, open, e);
	st_merging_release(&m);
	return rc;
}

/* That of a merge that is ended. Who expects a HEAD asks somebody for one next. */
static int check_has_message(struct st_repo *r, struct st_err *e)
{
	struct st_merging m;
	bool there;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc == ST_OK && there)
		st_merging_release(&m);
	return rc == ST_OK && !there ? check_message(NULL, e) : rc;
}

/* Before -a stages anything: a slip in a revision or a message, a HEAD that moved, or a merge that
 * would not end changes nothing. */
int st_verb_commit_check(struct st_repo *r, const strata_commit_options *o, struct st_err *e)
{
	struct st_lineage *v = NULL;
	struct st_head head;
	int rc;

	if (!o->nlineage && !o->expect && !o->all && o->message)
		return ST_OK;
	rc = st_repo_refresh_to_read(r, e);
	if (rc == ST_OK && o->all && o->message)
		rc = check_message(o->message, e);
	if (rc == ST_OK && !o->message && !o->amend && !o->expect)
		rc = check_has_message(r, e);
	if (rc == ST_OK && o->all)
		rc = check_all(r, o, e);
	if (rc == ST_OK)
		rc = st_repo_head(r, &head, e);
	if (rc == ST_OK)
		rc = st_head_expect(r, &head, o->expect, e);
	if (rc == ST_OK)
		rc = st_lineage_read(r, o->lineage, o->nlineage, &v, e);
	free(v);
	return rc;
}

static int commit(struct committing *k, struct st_err *e)
{
	struct st_repo *r = k->r;
	strata_gc_options auto_gc = { .automatic = true };
	strata_gc_result gc;
	struct st_err later = { 0 };
	int rc = st_bump_check(&r->config, k->o->bump, &k->policy, e);

	*k->res = (strata_commit_result){ 0 };
	if (rc == ST_OK)
		rc = st_verb_commit_check(r, k->o, e);
	if (rc == ST_OK && k->o->all)
		rc = add_all(r, k->o->fast, e);
	if (rc == ST_OK)
		rc = st_merge_fit(r, e);
	if (rc == ST_OK)
		rc = run(k, e);
	st_commit_release(&k->old);
	free(k->params);
	free(k->lineage);
	free(k->name);
	free(k->email);
	if (rc == ST_OK && st_verb_gc(r, &auto_gc, &gc, &later) != ST_OK && later.code != ST_EBUSY)
		st_warn(&r->ctx, "the version is safe; tidying up failed: %s", later.msg);
	return rc;
}

int st_verb_commit(struct st_repo *r, const strata_commit_options *o, strata_commit_result *res,
		   struct st_err *e)
{
	struct committing k = { .r = r, .o = o, .res = res };

	return commit(&k, e);
}

int st_merge_commit(struct st_repo *r, const strata_merge_options *ask, strata_commit_result *res,
		    struct st_err *e)
{
	const strata_commit_options o = { .message = ask->message, .expect = ask->expect };
	struct committing k = { .r = r, .o = &o, .res = res, .ask = ask };

	return commit(&k, e);
}
