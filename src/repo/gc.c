/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Garbage collection. What is needed is marked without a lock, then again (only what is new)
 * under the exclusive lock. Packs that hold nothing needed go; packs that hold much unneeded are
 * written anew without it. The operation that names the new packs and the removed ones is the
 * commit point; files are deleted after it, and those that a crash left are known from the log
 * and deleted next time.
 */
#include "repo/gc.h"

#include "base/file.h"
#include "repo/verbs.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define PACK_ROLL ((uint64_t)1 << 30) /* about where the writer begins another pack */
#define STALE_NS (3600 * SECOND) /* no command takes this long between a temp file and its rename */

struct gc {
	struct st_repo *r;
	const strata_gc_options *o;
	strata_gc_result *res;
	struct st_mark mark;
	struct st_map packs; /* known before the lock was taken */
	struct st_gc_plan plan;
	int64_t cutoff_ns;
	uint64_t done, total; /* bytes copied */
};

static int cutoff(const strata_gc_options *o, int64_t *out, struct st_err *e)
{
	int64_t now = st_now_ns();

	if (o->prune_age_seconds < 0)
		return st_fail(e, ST_EUSAGE, "the age of what may be removed cannot be negative");
	if (o->prune_age_seconds == 0)
		*out = INT64_MAX;
	else
		*out = o->prune_age_seconds > now / SECOND ? 0 :
							     now - o->prune_age_seconds * SECOND;
	return ST_OK;
}

/* Not waiting: the automatic run comes after a commit and will come again. */
static int lock_at_once(struct st_repo *r, struct st_err *e)
{
	char *path = st_repo_path(r, "lock", e);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;

	if (path && fd < 0)
		st_fail_os(e, "open %s", path);
	free(path);
	if (fd >= 0 &&
	    st_lock(fd, ST_LOCK_EXCLUSIVE, false, "another process works here", e) != ST_OK)
		close(fd);
	else if (fd >= 0)
		r->gc_fd = fd;
	return e->code;
}

static int mark_needed(struct gc *g, struct st_err *e)
{
	int rc;

	g->mark.what = "gc";
	rc = st_mark_history(&g->mark, e);
	if (rc == ST_OK)
		rc = st_mark_staged(&g->mark, e);
	if (rc == ST_OK)
		rc = st_mark_merge(&g->mark, e);
	return rc == ST_OK ? st_mark_run(&g->mark, e) : rc;
}

static void start_over(struct gc *g)
{
	st_mark_release(&g->mark);
	st_mark_init(&g->mark, g->r);
}

static int note_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	return st_map_put(arg, row->id.b, ST_OID_LEN, 1, NULL, NULL, e);
}

/* Marking without the lock only saves time under it: whatever goes wrong is found again there. */
static int mark_ahead(struct gc *g, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_catalog_pack_each(g->r->cat, note_pack, &g->packs, e);

	if (rc != ST_OK)
		return rc;
	rc = mark_needed(g, &why);
	if (rc == ST_OK)
		return ST_OK;
	if (!st_is_damage(rc)) {
		*e = why;
		return rc;
	}
	start_over(g);
	return ST_OK;
}

/* A pack that went meanwhile may be where a marked entry lies: then nothing marked counts. */
static int check_packs(struct gc *g, struct st_err *e)
{
	const void *key;
	size_t pos = 0, len;
	struct st_oid id;
	bool known = true;
	int rc = ST_OK;

	while (rc == ST_OK && known && st_map_next(&g->packs, &pos, &key, &len, NULL)) {
		memcpy(id.b, key, ST_OID_LEN);
		rc = st_catalog_pack_known(g->r->cat, &id, &known, e);
	}
	if (rc == ST_OK && !known)
		start_over(g);
	return rc;
}

static int plan(struct gc *g, struct st_err *e)
{
	int rc;

	if (g->o->automatic)
		return st_gc_plan_merge(&g->plan, e);
	rc = check_packs(g, e);
	if (rc == ST_OK)
		rc = mark_needed(g, e);
	if (rc != ST_OK)
		return st_is_damage(rc) ?
			       st_wrap(e, "nothing was removed: 'strata fsck' says more") :
			       rc;
	g->mark.lenient = true;
	rc = st_mark_recent(&g->mark, g->cutoff_ns, e);
	if (rc == ST_OK)
		rc = st_mark_run(&g->mark, e);
	return rc == ST_OK ? st_gc_plan_prune(&g->plan, g->cutoff_ns, e) : rc;
}

static void count_lost(struct gc *g)
{
	size_t i;

	for (i = 0; i < g->plan.n; i++) {
		const struct st_gc_pack *k = &g->plan.packs[i];

		if (k->fate == ST_PACK_KEEP)
			continue;
		g->res->removed_objects += k->lost;
		g->res->removed_bytes += k->known ? k->lost_bytes : k->size;
		if (k->fate == ST_PACK_REWRITE)
			g->total += k->live_bytes;
	}
}

/* What would be: the new packs' own overhead is small and left out. */
static void foresee(struct gc *g)
{
	uint64_t packs = 0, bytes = 0;
	size_t i;

	for (i = 0; i < g->plan.n; i++) {
		const struct st_gc_pack *k = &g->plan.packs[i];

		if (k->fate == ST_PACK_KEEP || !k->present)
			continue;
		packs++;
		bytes += k->size;
	}
	g->res->packs_after = g->res->packs_before - packs + (g->total + PACK_ROLL - 1) / PACK_ROLL;
	g->res->bytes_after = g->res->bytes_before - bytes + g->total;
}

static int copy_pack(struct gc *g, struct st_writer *w, const struct st_gc_pack *k,
		     struct st_err *e)
{
	struct st_pack_index x;
	struct st_loc loc = { .pack = k->id };
	uint64_t len;
	size_t i;
	int rc = st_odb_pack_index(g->r->odb, &k->id, &x, &len, e);

	if (rc != ST_OK)
		return rc;
	for (i = 0; rc == ST_OK && i < x.n; i++) {
		loc.id = x.rows[i].id;
		loc.kind = x.rows[i].kind;
		loc.offset = x.rows[i].offset;
		if (!st_mark_chose(&g->mark, &loc))
			continue;
		rc = st_check_cancel(&g->r->ctx, e);
		if (rc == ST_OK)
			rc = st_writer_copy_entry(w, &k->id, &x.rows[i], e);
		g->done += st_gc_entry_bytes(x.rows[i].stored, x.rows[i].head);
		st_progress(&g->r->ctx, "gc", g->done, g->total, true, false);
	}
	st_pack_index_release(&x);
	return rc;
}

static int check_space(struct gc *g, struct st_err *e)
{
	uint64_t room;
	int rc = st_free_space(g->r->dir, &room, e);

	if (rc == ST_OK && room < g->total)
		rc = st_fail(e, ST_ENOSPC,
			     "writing packs anew needs %" PRIu64 " bytes, %" PRIu64
			     " are free; nothing was removed",
			     g->total, room);
	return rc;
}

static int copy_live(struct gc *g, struct st_writer *w, const struct st_oid **packs, size_t *n,
		     struct st_err *e)
{
	size_t i;
	int rc = check_space(g, e);

	for (i = 0; rc == ST_OK && i < g->plan.n; i++)
		if (g->plan.packs[i].fate == ST_PACK_REWRITE)
			rc = copy_pack(g, w, &g->plan.packs[i], e);
	return rc == ST_OK ? st_writer_seal(w, packs, n, e) : rc;
}

/* A pack that was written anew as it was keeps its name, and must not be removed after that. */
static void spare(struct gc *g, const struct st_oid *packs, size_t n)
{
	struct st_gc_pack *k;
	size_t i;

	for (i = 0; i < n; i++) {
		k = st_gc_find(&g->plan, &packs[i]);
		if (k)
			k->fate = ST_PACK_KEEP;
	}
}

static int publish(struct gc *g, const struct st_oid *added, size_t nadded, struct st_err *e)
{
	struct st_op op = { .verb = "gc", .why = "gc", .npacks_added = nadded };
	struct st_oid *removed = st_calloc(g->plan.n, sizeof(*removed), e);
	size_t i, n = 0;
	int rc = ST_OK;

	if (!removed)
		return e->code;
	for (i = 0; i < g->plan.n; i++)
		if (g->plan.packs[i].known && g->plan.packs[i].fate != ST_PACK_KEEP)
			removed[n++] = g->plan.packs[i].id;
	/* Only read; the member is not const because parsed operations own theirs. */
	op.packs_added = (struct st_oid *)added;
	op.packs_removed = removed;
	op.npacks_removed = n;
	if (nadded || n)
		rc = st_repo_publish(g->r, &op, NULL, NULL, e);
	free(removed);
	return rc;
}

static int rewrite(struct gc *g, struct st_err *e)
{
	const struct st_oid *packs = NULL;
	struct st_writer *w = NULL;
	size_t n = 0;
	int rc = ST_OK;

	if (g->total) {
		rc = st_writer_new(&w, g->r->odb, &g->r->ctx, e);
		if (rc == ST_OK)
			rc = copy_live(g, w, &packs, &n, e);
	}
	if (rc == ST_OK) {
		spare(g, packs, n);
		rc = publish(g, packs, n, e);
	}
	st_writer_free(w);
	return rc;
}

/* After publication, or of packs that no operation counts: what cannot be deleted now can be
 * later. */
static void delete_files(struct gc *g, bool known)
{
	char name[ST_PACK_NAME_LEN + 1];
	struct st_err e = { 0 };
	size_t i;

	/* What refers to other packs is mostly younger than they: should we be killed in between,
	 * what is left refers to what is left. */
	for (i = g->plan.n; i-- > 0;) {
		const struct st_gc_pack *k = &g->plan.packs[i];

		if (k->known != known || !k->present || k->fate == ST_PACK_KEEP)
			continue;
		st_pack_name(&k->id, name);
		if (st_store_remove(g->r->store, name, &e) != ST_OK)
			st_warn(&g->r->ctx, "%s", e.msg);
		st_err_clear(&e);
	}
}

/* Left by a merge that was killed while a command looked at it: it would hold the lock. */
static void clean_asked(struct st_repo *r)
{
	struct st_err e = { 0 };
	char *dir = st_repo_path(r, ST_ASKED_DIR, &e);

	if (!dir || st_remove_tree(dir, &e) != ST_OK)
		st_warn(&r->ctx, "%s", e.msg);
	free(dir);
}

/* Left by a process that was killed between making a small file and renaming it. */
static void clean_temps(struct st_repo *r)
{
	struct st_err e = { 0 };
	DIR *d = opendir(r->dir);
	struct dirent *de;
	uint64_t removed;
	struct stat st;

	while (d && (de = readdir(d))) {
		if (strncmp(de->d_name, ST_TEMP_PREFIX, strlen(ST_TEMP_PREFIX)) == 0 &&
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st_mtime_ns(&st) < st_now_ns() - STALE_NS)
			unlinkat(dirfd(d), de->d_name, 0);
	}
	if (d)
		closedir(d);
	if (st_store_clean(r->store, INT64_MAX, &removed, &e) != ST_OK)
		st_warn(&r->ctx, "%s", e.msg);
}

static int act(struct gc *g, struct st_err *e)
{
	int rc;

	/* First, so that the writer does not take them up again. */
	delete_files(g, false);
	clean_temps(g->r);
	clean_asked(g->r);
	rc = rewrite(g, e);
	if (rc != ST_OK)
		return rc;
	delete_files(g, true);
	return st_store_packs(g->r->store, &g->res->packs_after, &g->res->bytes_after, e);
}

static int run(struct gc *g, struct st_err *e)
{
	int rc = st_store_packs(g->r->store, &g->res->packs_before, &g->res->bytes_before, e);

	if (rc == ST_OK)
		rc = st_repo_refresh(g->r, e);
	if (rc == ST_OK)
		rc = plan(g, e);
	if (rc != ST_OK)
		return rc;
	count_lost(g);
	g->res->ran = true;
	if (g->o->dry_run) {
		foresee(g);
		return ST_OK;
	}
	st_left_sweep(g->r);
	rc = act(g, e);
	if (rc == ST_OK && !g->o->automatic)
		st_catalog_compact(g->r->cat);
	return rc;
}

static int count_small(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	uint64_t *n = arg;

	(void)e;
	*n += row->size < ST_GC_SMALL;
	return ST_OK;
}

static int take_lock(struct gc *g, bool *go, struct st_err *e)
{
	uint64_t small = 0;
	int rc;

	*go = true;
	if (!g->o->automatic) {
		rc = mark_ahead(g, e);
		return rc == ST_OK && !g->o->dry_run ? st_repo_lock_gc(g->r, ST_GC_REMOVE, e) : rc;
	}
	rc = st_catalog_pack_each(g->r->cat, count_small, &small, e);
	*go = rc == ST_OK && small > ST_GC_MANY;
	if (!*go || g->o->dry_run)
		return rc;
	rc = lock_at_once(g->r, e);
	if (rc == ST_EBUSY) {
		st_err_clear(e);
		*go = false;
		return ST_OK;
	}
	return rc;
}

/* What no version needs may be what a version needs that the log has lost. */
static int check_lost(const struct gc *g, struct st_err *e)
{
	char *path = g->o->automatic || g->o->dry_run ? NULL :
							st_repo_path(g->r, ST_CATALOG_LOST, e);
	struct stat st;

	if (path && lstat(path, &st) == 0)
		st_fail(e, ST_EREFUSED,
			"%s knows operations that .strata/ops has lost: bring that back from a "
			"backup, or remove this file to give them up; nothing was removed",
			path);
	free(path);
	return e->code;
}

int st_verb_gc(struct st_repo *r, const strata_gc_options *o, strata_gc_result *res,
	       struct st_err *e)
{
	struct gc g = { .r = r, .o = o, .res = res };
	bool go = false;
	int rc = cutoff(o, &g.cutoff_ns, e);

	*res = (strata_gc_result){ 0 };
	st_mark_init(&g.mark, r);
	st_map_init(&g.packs);
	st_gc_plan_init(&g.plan, r, &g.mark);
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = check_lost(&g, e);
	if (rc == ST_OK)
		rc = take_lock(&g, &go, e);
	if (rc == ST_OK && go)
		rc = run(&g, e);
	st_progress(&r->ctx, "gc", g.done, g.total, true, true);
	st_repo_unlock_gc(r);
	st_gc_plan_release(&g.plan);
	st_map_release(&g.packs);
	st_mark_release(&g.mark);
	return rc == ST_OK ? ST_OK : st_wrap(e, "gc");
}
