/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/number.h"
#include "repo/publish.h"

#include "base/file.h"
#include "store/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_NAME "ops"
#define CATALOG_NAME "catalog.db"
#define CATALOG_NEW "catalog.db.new" /* being rebuilt */

char *st_repo_path(const struct st_repo *r, const char *name, struct st_err *e)
{
	return st_path_join(r->dir, name, e);
}

char *st_work_path(const struct st_repo *r, const char *path, struct st_err *e)
{
	return st_path_join(r->work, path, e);
}

static bool holds(const char *dir, const char *name, mode_t type)
{
	struct stat st;
	char path[4200];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) && lstat(path, &st) == 0 &&
	       (st.st_mode & S_IFMT) == type;
}

static bool holds_packs(const char *dir)
{
	struct dirent *de;
	struct st_oid id;
	char path[4200];
	bool found = false;
	int n = snprintf(path, sizeof(path), "%s/packs", dir);
	DIR *d = n > 0 && (size_t)n < sizeof(path) ? opendir(path) : NULL;

	while (d && !found && (de = readdir(d)))
		found = st_pack_name_parse(&id, de->d_name);
	if (d)
		closedir(d);
	return found;
}

static bool is_repo(const char *dir)
{
	return holds(dir, LOG_NAME, S_IFREG);
}

bool st_repo_owns(const char *dir)
{
	const char *slash = strrchr(dir, '/');

	return strcmp(slash ? slash + 1 : dir, ".strata") == 0 ||
	       (is_repo(dir) && holds(dir, "packs", S_IFDIR));
}

/* What a killed init leaves holds neither packs nor a catalogue: nothing can be lost there. */
static bool lacks_log(const char *dir)
{
	return !is_repo(dir) && (holds_packs(dir) || holds(dir, CATALOG_NAME, S_IFREG) ||
				 holds(dir, ST_CATALOG_LOST, S_IFREG));
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Why dir, which is no repository, is none. */
static int no_repo(const char *dir, struct st_err *e)
{
	if (lacks_log(dir))
		return st_fail(e, ST_ECORRUPT,
			       "%s/" LOG_NAME ", the operation log, is missing: bring it back from "
			       "a backup; nothing can make it anew, so leave the other files",
			       dir);
	if (is_dir(dir))
		return st_fail(e, ST_ENOREPO,
			       "%s is not a strata repository yet: 'strata init' "
			       "finishes it",
			       dir);
	return st_fail(e, ST_ENOREPO, "%s is not a strata repository: run 'strata init'", dir);
}

int st_repo_find(char **dir, const char *start, struct st_err *e)
{
	char *at = realpath(start, NULL), *cand, *slash;

	*dir = NULL;
	if (!at)
		return st_fail_os(e, "%s", start);
	for (;;) {
		cand = st_path_join(at, ".strata", e);
		if (!cand)
			break;
		if (is_dir(cand)) { /* damaged or not: never one further up instead */
			*dir = cand;
			break;
		}
		free(cand);
		slash = strrchr(at, '/');
		if (!slash || !at[1]) {
			st_fail(e, ST_ENOREPO,
				"%s is not in a strata repository: run 'strata init' there first",
				start);
			break;
		}
		slash[slash == at ? 1 : 0] = 0;
	}
	free(at);
	return e->code;
}

static int same_policy(const struct st_repo *r, const char *policy, struct st_err *e)
{
	strata_policy is;
	int rc = st_policy_get(&r->config, &is, e);

	if (rc == ST_OK && strcmp(policy, st_policy_name(is)) != 0)
		rc = st_fail(e, ST_EREFUSED,
			     "versions are numbered by %s there: 'strata config version.policy %s' "
			     "changes that",
			     st_policy_name(is), policy);
	return rc;
}

/* HEAD of a new repository, as the log's first operation. */
static int first_operation(const char *dir, const char *policy, struct st_err *e)
{
	struct st_ctx ctx = { .jobs = 1, .memory = (uint64_t)64 << 20 };
	struct st_op_ref head = { .name = "HEAD", .value = "ref:heads/main" };
	struct st_op op = { .verb = "init", .why = "init", .refs = &head, .nrefs = 1 };
	struct st_repo *r = NULL;
	int rc = st_repo_open(&r, dir, &ctx, e);

	if (rc == ST_OK && r->pos.seq == 0 && r->log_lost)
		rc = st_fail(e, ST_EREFUSED,
			     "%s/" LOG_NAME " is empty, but there are packs: bring it back from a "
			     "backup, or move %s away to begin anew",
			     dir, dir);
	if (rc == ST_OK && policy)
		rc = same_policy(r, policy, e);
	if (rc == ST_OK && r->pos.seq == 0)
		rc = st_repo_publish(r, &op, NULL, NULL, e);
	st_repo_close(r);
	return rc;
}

/*
 * The log appears last and by rename, complete with its header: a killed init leaves nothing that
 * looks like a repository, and running it again finishes it.
 */
static int make_log(const char *dir, struct st_err *e)
{
	char *log = st_path_join(dir, LOG_NAME, e), *tmp = st_path_join(dir, LOG_NAME ".new", e);
	int rc = e->code;

	if (rc == ST_OK && unlink(tmp) != 0 && errno != ENOENT)
		rc = st_fail_os(e, "remove %s", tmp);
	if (rc == ST_OK)
		rc = st_oplog_create(tmp, e);
	if (rc == ST_OK && rename(tmp, log) != 0)
		rc = st_fail_os(e, "rename %s", tmp);
	if (rc == ST_OK)
		rc = st_fsync_dir(dir, e);
	free(log);
	free(tmp);
	return rc;
}

/*
 * Two at once must not each put a log in place: the second would wipe out what the first recorded.
 */
static int lock_init(const char *repo, int *fd, struct st_err *e)
{
	char *path = st_path_join(repo, "lock", e);

	if (!path)
		return e->code;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0) {
		st_fail_os(e, "open %s", path);
	} else if (st_lock(*fd, ST_LOCK_EXCLUSIVE, true, path, e) != ST_OK) {
		close(*fd);
		*fd = -1;
	}
	free(path);
	return e->code;
}

static int write_policy(const char *dir, const char *policy, struct st_err *e)
{
	char *path = st_path_join(dir, "config", e);
	int rc = path ? st_config_set_file(path, "version.policy", policy, e) : (int)e->code;

	free(path);
	return rc;
}

int st_repo_init(const char *dir, const char *policy, bool *fresh, struct st_err *e)
{
	char *repo = NULL, *packs = NULL;
	int fd = -1, rc;

	*fresh = false;
	rc = st_mkdirs(dir, e);
	if (rc != ST_OK)
		return rc;
	repo = st_path_join(dir, ".strata", e);
	packs = repo ? st_path_join(repo, "packs", e) : NULL;
	rc = packs ? ST_OK : (int)e->code;
	if (rc == ST_OK && lacks_log(repo))
		rc = st_fail(e, ST_EREFUSED,
			     "%s is a repository whose operation log is missing: bring %s/" LOG_NAME
			     " back from a backup, or move %s away to begin anew",
			     repo, repo, repo);
	if (rc == ST_OK)
		rc = st_mkdirs(packs, e);
	if (rc == ST_OK && !is_repo(repo)) {
		rc = lock_init(repo, &fd, e);
		*fresh = rc == ST_OK && !is_repo(repo);
	}
	if (rc == ST_OK && *fresh && policy)
		rc = write_policy(repo, policy, e);
	if (rc == ST_OK && *fresh)
		rc = make_log(repo, e);
	if (rc == ST_OK)
		rc = st_fsync_dir(dir, e);
	if (rc == ST_OK)
		rc = first_operation(repo, policy, e);
	if (fd >= 0)
		close(fd);
	free(packs);
	free(repo);
	return rc == ST_OK ? ST_OK : st_wrap(e, "init %s", dir);
}

static int load_config(struct st_repo *r, struct st_err *e)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	char *user = NULL, *own;
	int rc = ST_OK;

	if (xdg && *xdg)
		user = st_path_join(xdg, "strata/config", e);
	else if (home)
		user = st_path_join(home, ".config/strata/config", e);
	if (user)
		rc = st_config_load_user(&r->config, user, &r->ctx, e);
	free(user);
	own = rc == ST_OK ? st_repo_path(r, "config", e) : NULL;
	if (own)
		rc = st_config_load(&r->config, own, e);
	free(own);
	return e->code != ST_OK ? e->code : rc;
}

static int remove_file(struct st_repo *r, const char *name, struct st_err *e)
{
	char *path = st_repo_path(r, name, e);

	if (path && unlink(path) != 0 && errno != ENOENT)
		st_fail_os(e, "remove %s", path);
	free(path);
	return e->code;
}

static int rename_file(struct st_repo *r, const char *from, const char *to, struct st_err *e)
{
	char *a = st_repo_path(r, from, e), *b = a ? st_repo_path(r, to, e) : NULL;

	if (b && rename(a, b) != 0 && errno != ENOENT)
		st_fail_os(e, "rename %s", a);
	free(a);
	free(b);
	return e->code;
}

static int open_catalog(struct st_repo *r, const char *name, struct st_err *e)
{
	char *path = st_repo_path(r, name, e);
	int rc = path ? st_catalog_open(&r->cat, path, e) : e->code;

	free(path);
	if (rc == ST_OK)
		rc = st_odb_open(&r->odb, r->store, r->cat, e);
	return rc;
}

static void close_catalog(struct st_repo *r)
{
	st_odb_close(r->odb);
	st_catalog_close(r->cat);
	r->odb = NULL;
	r->cat = NULL;
}

/* From nothing, beside the one in use. */
static int replay_into_new(struct st_repo *r, struct st_err *e)
{
	struct st_err ignored = { 0 };
	int rc = remove_file(r, CATALOG_NEW, e);

	if (rc == ST_OK)
		rc = remove_file(r, CATALOG_NEW "-journal", e);
	if (rc == ST_OK)
		rc = open_catalog(r, CATALOG_NEW, e);
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	close_catalog(r);
	if (rc != ST_OK) /* what a full disk could not take whole only takes room */
		(void)remove_file(r, CATALOG_NEW, &ignored);
	return rc;
}

/* A journal belongs to the file of its name: the old one's must not be taken for the new one's. */
static int replace_catalog(struct st_repo *r, bool keep_old, struct st_err *e)
{
	int rc = keep_old ? rename_file(r, CATALOG_NAME, ST_CATALOG_LOST, e) : ST_OK;

	if (rc == ST_OK)
		rc = remove_file(r, CATALOG_NAME "-journal", e);
	return rc == ST_OK ? rename_file(r, CATALOG_NEW, CATALOG_NAME, e) : rc;
}

/*
 * Holds the log's lock, so that no two processes rebuild one cache at once. The old catalogue goes
 * only when the new one is complete: with a damaged log it is the last that knows the history.
 */
int st_repo_rebuild(struct st_repo *r, struct st_err *e)
{
	bool lost = r->log_lost, had = r->cat != NULL;
	uint64_t known = had ? r->pos.end : 0;
	struct st_err ignored = { 0 };
	int rc = st_oplog_lock(r->log, 60000, e);

	if (rc != ST_OK)
		return rc;
	close_catalog(r);
	r->log_lost = false;
	rc = replay_into_new(r, e);
	if (rc == ST_OK)
		rc = replace_catalog(r, lost || r->pos.end < known, e);
	if (rc == ST_OK)
		rc = open_catalog(r, CATALOG_NAME, e);
	else if (had && open_catalog(r, CATALOG_NAME, &ignored) == ST_OK)
		r->log_lost = lost;
	if (r->cat && st_catalog_pos(r->cat, &r->pos, &ignored) != ST_OK)
		r->pos = (struct st_oplog_pos){ 0 };
	st_oplog_unlock(r->log);
	return rc == ST_OK ? ST_OK : st_wrap(e, "rebuild the catalogue");
}

static int open_parts(struct st_repo *r, struct st_err *e)
{
	char *log = st_repo_path(r, LOG_NAME, e), *packs = st_repo_path(r, "packs", e);
	char *slash;
	int rc = e->code;

	r->work = st_strdup(r->dir, e);
	slash = r->work ? strrchr(r->work, '/') : NULL;
	if (slash)
		slash[slash == r->work ? 1 : 0] = 0;
	if (rc == ST_OK)
		rc = e->code;
	if (rc == ST_OK)
		rc = load_config(r, e);
	if (rc == ST_OK)
		rc = st_oplog_open(&r->log, log, e);
	if (rc == ST_OK)
		rc = st_store_file_new(&r->store, packs, e);
	free(log);
	free(packs);
	return rc;
}

/* A log that lost what the cache has seen is not followed. */
static int follow_log(struct st_repo *r, struct st_err *e)
{
	bool newer;
	int rc = st_oplog_newer(r->log, &r->pos, &newer, e);

	if (rc == ST_ECORRUPT) { /* the catalogue still serves to read */
		r->log_lost = true;
		st_warn(&r->ctx,
			"%s; the history that was known can be read, but not changed before "
			".strata/ops is back from a backup or the loss is accepted ('strata help "
			"fsck')",
			e->msg);
		st_err_clear(e);
		return ST_OK;
	}
	if (rc == ST_OK && newer)
		rc = st_repo_replay(r, e);
	return rc;
}

/*
 * What the disk does not take (it is full, or read-only) is followed in memory: all that reads
 * works, and so does what records without the catalogue's help. The file follows when it can.
 */
static int open_in_memory(struct st_repo *r, bool copy, const struct st_err *why, struct st_err *e)
{
	char *path = st_repo_path(r, CATALOG_NAME, e);
	int rc = path ? ST_OK : (int)e->code;

	close_catalog(r);
	if (rc == ST_OK)
		rc = st_catalog_open_copy(&r->cat, copy ? path : NULL, e);
	if (rc == ST_OK)
		rc = st_odb_open(&r->odb, r->store, r->cat, e);
	if (rc == ST_OK)
		rc = st_catalog_pos(r->cat, &r->pos, e);
	if (rc == ST_OK)
		rc = follow_log(r, e);
	if (rc == ST_OK)
		st_warn(&r->ctx, "the catalogue cannot be written, a copy in memory is used: %s",
			why->msg);
	free(path);
	return rc;
}

/*
 * The disk may have become full since, by this command even, which is done and says where HEAD is
 * now. Whoever holds the lock of gc works with the catalogue that there is.
 */
int st_repo_refresh_to_read(struct st_repo *r, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = r->log_lost ? ST_OK : st_repo_refresh(r, &why);

	if ((rc == ST_EIO || rc == ST_ENOSPC) && r->gc_fd < 0)
		return open_in_memory(r, true, &why, e);
	if (rc != ST_OK)
		*e = why;
	return rc;
}

/* A cache that is damaged is made anew. */
static int open_or_rebuild(struct st_repo *r, struct st_err *e)
{
	struct st_err why = { 0 };
	bool damaged;
	int rc = open_catalog(r, CATALOG_NAME, &why);

	if (rc == ST_OK)
		rc = st_catalog_pos(r->cat, &r->pos, &why);
	damaged = rc == ST_ECORRUPT;
	if (damaged) {
		st_warn(&r->ctx, "rebuilding the catalogue: %s", why.msg);
		close_catalog(r);
		st_err_clear(&why);
		rc = st_repo_rebuild(r, &why);
	} else if (rc == ST_OK) {
		rc = follow_log(r, &why);
	}
	if (rc == ST_EIO || rc == ST_ENOSPC)
		return open_in_memory(r, !damaged, &why, e);
	if (rc != ST_OK)
		*e = why;
	return rc;
}

/* An operation comes before the first pack that counts: who sees packs alone lost the log. */
static void check_empty(struct st_repo *r)
{
	if (r->pos.seq != 0 || r->log_lost || !holds_packs(r->dir))
		return;
	r->log_lost = true;
	st_warn(&r->ctx, "the operation log is empty, but there are packs; nothing can be changed "
			 "until .strata/ops is brought back from a backup");
}

int st_repo_open(struct st_repo **out, const char *dir, const struct st_ctx *ctx, struct st_err *e)
{
	struct st_repo *r = st_calloc(1, sizeof(*r), e);
	int rc;

	*out = NULL;
	if (!r)
		return e->code;
	r->ctx = *ctx;
	r->gc_fd = r->index_fd = -1;
	st_config_init(&r->config);
	if (!is_repo(dir))
		rc = no_repo(dir, e);
	else if (!(r->dir = realpath(dir, NULL)))
		rc = st_fail_os(e, "%s", dir);
	else
		rc = open_parts(r, e);
	if (rc == ST_OK)
		rc = open_or_rebuild(r, e);
	if (rc == ST_OK)
		check_empty(r);
	if (rc != ST_OK) {
		st_repo_close(r);
		return st_wrap(e, "open repository %s", dir);
	}
	*out = r;
	return ST_OK;
}

void st_repo_close(struct st_repo *r)
{
	if (!r)
		return;
	st_repo_unlock_index(r);
	st_repo_unlock_gc(r);
	close_catalog(r);
	st_store_free(r->store);
	st_oplog_close(r->log);
	st_config_release(&r->config);
	free(r->plain_dir);
	free(r->work);
	free(r->dir);
	free(r);
}
