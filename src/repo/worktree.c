/* SPDX-License-Identifier: Apache-2.0 */
/* Does a file of the working tree still hold what its index row says? */
#include "repo/lookinto.h"

#include "base/file.h"
#include "base/pool.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * Time stamps may be as coarse as this: 1 s on ext3 and NFS, 2 s on FAT; ext4, XFS, Btrfs and ZFS
 * stamp with the kernel's tick. A file whose own stamp has a fraction lies on a fine one.
 */
#define GRANULE_FINE ((int64_t)20000000)
#define GRANULE_COARSE ((int64_t)2000000000)

void st_row_set_stat(struct st_stage_row *row, const struct stat *st)
{
	row->flags |= ST_INDEX_STAT;
	row->size = (uint64_t)st->st_size;
	row->mtime_ns = st_mtime_ns(st);
	row->ctime_ns = st_ctime_ns(st);
	row->inode = (uint64_t)st->st_ino;
	row->device = (uint64_t)st->st_dev;
}

int64_t st_row_settles(const struct st_stage_row *row)
{
	int64_t granule = row->mtime_ns % 1000000000 ? GRANULE_FINE : GRANULE_COARSE;

	return (row->mtime_ns > row->ctime_ns ? row->mtime_ns : row->ctime_ns) + granule;
}

void st_row_distrust(struct st_stage_row *row, int64_t since)
{
	if (st_row_settles(row) >= since)
		row->flags &= ~(uint32_t)ST_INDEX_STAT;
}

static bool stat_proves(const struct st_stage_row *row, const struct stat *st)
{
	return (row->flags & ST_INDEX_STAT) && row->size == (uint64_t)st->st_size &&
	       row->mtime_ns == st_mtime_ns(st) && row->ctime_ns == st_ctime_ns(st) &&
	       row->inode == (uint64_t)st->st_ino && row->device == (uint64_t)st->st_dev;
}

int st_behind_link(const struct st_repo *r, const char *path, bool *yes, struct st_err *e)
{
	char *full = st_work_path(r, path, e), *slash;
	struct stat st;

	*yes = false;
	if (!full)
		return e->code;
	for (slash = full + strlen(full) - strlen(path); !*yes && (slash = strchr(slash, '/'));) {
		*slash = 0;
		if (lstat(full, &st) != 0)
			break; /* then there is nothing at path either */
		*yes = S_ISLNK(st.st_mode);
		*slash++ = '/';
	}
	free(full);
	return ST_OK;
}

/* The same for a row, remembering the last directory: rows come sorted. */
static int row_behind_link(struct st_repo *r, const struct st_stage_row *row, bool *yes,
			   struct st_err *e)
{
	const char *slash = strrchr(row->path, '/');
	size_t n = slash ? (size_t)(slash - row->path) : 0;
	int rc;

	*yes = false;
	if (!slash ||
	    (r->plain_dir && strncmp(r->plain_dir, row->path, n) == 0 && !r->plain_dir[n]))
		return ST_OK;
	rc = st_behind_link(r, row->path, yes, e);
	if (rc != ST_OK || *yes)
		return rc;
	free(r->plain_dir);
	r->plain_dir = st_memdup(row->path, n + 1, e);
	if (!r->plain_dir)
		return e->code;
	r->plain_dir[n] = 0;
	return ST_OK;
}

int st_hash_fd(const struct st_ctx *ctx, int fd, uint64_t size, const char *name,
	       struct st_oid *out, struct st_err *e)
{
	struct st_source src;

	st_source_init_fd(&src, fd, size, name);
	return st_hash_range(ctx, &src, 0, size, out, e);
}

static int hash_link(const char *full, struct st_oid *id, struct st_err *e)
{
	char target[4097];
	ssize_t n = readlink(full, target, sizeof(target));

	if (n < 0)
		return st_fail_os(e, "read link %s", full);
	st_oid_of(id, target, (size_t)n);
	return ST_OK;
}

/* *open: for writing, elsewhere, so that *st proves nothing about what was read. */
static int hash_file(struct st_repo *r, const char *full, bool follow, struct stat *st, bool *open,
		     struct st_oid *id, struct st_err *e)
{
	int fd, rc = st_open_read(&fd, full, O_NONBLOCK | (follow ? 0 : O_NOFOLLOW), e);

	if (rc != ST_OK)
		return rc;
	*open = st_open_for_writing(fd);
	if (fstat(fd, st) != 0)
		rc = st_fail_os(e, "%s", full);
	if (rc == ST_OK)
		rc = st_hash_fd(&r->ctx, fd, (uint64_t)st->st_size, full, id, e);
	close(fd);
	return rc;
}

static enum st_work_state kind_of_change(const struct st_stage_row *row, const struct stat *st)
{
	bool link = S_ISLNK(st->st_mode), reg = S_ISREG(st->st_mode);
	bool exec = (st->st_mode & S_IXUSR) != 0;

	if (S_ISDIR(st->st_mode))
		return ST_WORK_MISSING;
	if ((!link && !reg) || link != (row->mode == ST_MODE_LINK))
		return ST_WORK_TYPE;
	if (reg && exec != (row->mode == ST_MODE_EXEC))
		return ST_WORK_CHANGED;
	return ST_WORK_CLEAN;
}

static int check_content(struct st_repo *r, struct st_stage_row *row, const char *full,
			 struct stat *st, enum st_work_state *state, bool *refreshed,
			 struct st_err *e)
{
	int64_t begun = st_now_ns();
	struct st_oid id;
	bool open = false;
	int rc;

	if (row->size != (uint64_t)st->st_size) {
		*state = ST_WORK_CHANGED;
		return ST_OK;
	}
	rc = row->mode == ST_MODE_LINK ?
		     hash_link(full, &id, e) :
		     hash_file(r, full, (row->flags & ST_INDEX_DEREF) != 0, st, &open, &id, e);
	if (rc != ST_OK)
		return rc;
	*state = st_oid_eq(&id, &row->id) ? ST_WORK_CLEAN : ST_WORK_CHANGED;
	if (*state == ST_WORK_CLEAN && !open) {
		st_row_set_stat(row, st);
		st_row_distrust(row, begun);
		*refreshed = (row->flags & ST_INDEX_STAT) != 0;
	}
	return ST_OK;
}

int st_work_check(struct st_repo *r, struct st_stage_row *row, enum st_work_state *state,
		  bool *refreshed, struct st_err *e)
{
	char *full = st_work_path(r, row->path, e);
	struct stat st;
	bool away = false;
	int rc = full ? row_behind_link(r, row, &away, e) : (int)e->code;

	*state = away ? ST_WORK_MISSING : ST_WORK_CLEAN;
	if (rc != ST_OK || away) {
		free(full);
		return rc;
	}
	if (((row->flags & ST_INDEX_DEREF) ? stat(full, &st) : lstat(full, &st)) != 0) {
		*state = ST_WORK_MISSING;
		if (errno != ENOENT && errno != ENOTDIR)
			rc = st_fail_os(e, "%s", row->path);
	} else if ((*state = kind_of_change(row, &st)) == ST_WORK_CLEAN && !stat_proves(row, &st)) {
		rc = check_content(r, row, full, &st, state, refreshed, e);
	}
	free(full);
	return rc;
}

#define PROVE_ROWS ((size_t)256) /* that a thread looks at in one go */

/* A thread's last directory, open: rows come sorted, and names are found faster than paths. */
struct proving_dir {
	int fd; /* -1: none, or a link is on the way to it */
	const char *path;
	size_t len; /* without the slash */
};

struct proving {
	const struct st_repo *r;
	struct proving_dir *dirs; /* one a thread */
	const struct st_index *x;
	bool *clean;
	int (*beside)(void *arg, struct st_err *e);
	void *arg;
};

static void enter(const struct st_repo *r, struct proving_dir *d, const char *path, size_t len)
{
	struct st_err ignored = { 0 };
	char *rel, *full = NULL;
	bool away = true;

	if (d->path && d->len == len && memcmp(d->path, path, len) == 0)
		return;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->path = path;
	d->len = len;
	rel = st_memdup(path, len + 1, &ignored);
	if (!rel)
		return;
	rel[len] = 0;
	if (!len)
		full = st_strdup(r->work, &ignored);
	else if (st_behind_link(r, path, &away, &ignored) == ST_OK && !away)
		full = st_work_path(r, rel, &ignored);
	if (full)
		d->fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(full);
	free(rel);
}

static bool is_proven(const struct st_repo *r, struct proving_dir *d,
		      const struct st_stage_row *row)
{
	const char *slash = strrchr(row->path, '/'), *name = slash ? slash + 1 : row->path;
	int follow = (row->flags & ST_INDEX_DEREF) ? 0 : AT_SYMLINK_NOFOLLOW;
	struct stat st;

	if (!(row->flags & ST_INDEX_STAT))
		return false;
	enter(r, d, row->path, slash ? (size_t)(slash - row->path) : 0);
	return d->fd >= 0 && fstatat(d->fd, name, &st, follow) == 0 &&
	       kind_of_change(row, &st) == ST_WORK_CLEAN && stat_proves(row, &st);
}

static int prove_some(void *arg, uint64_t part, unsigned worker, struct st_err *e)
{
	struct proving *p = arg;
	size_t i, end;

	if (part == 0)
		return p->beside(p->arg, e);
	i = (size_t)(part - 1) * PROVE_ROWS;
	end = i + PROVE_ROWS;
	for (; i < end && i < p->x->nrows; i++)
		p->clean[i] = is_proven(p->r, &p->dirs[worker], &p->x->rows[i]);
	return ST_OK;
}

int st_work_prove(struct st_repo *r, const struct st_index *x,
		  int (*beside)(void *arg, struct st_err *e), void *arg, bool **clean,
		  struct st_err *e)
{
	struct proving p = { .r = r, .x = x, .beside = beside, .arg = arg };
	unsigned jobs = r->ctx.jobs ? r->ctx.jobs : 1, i;
	uint64_t parts = 1 + (x->nrows + PROVE_ROWS - 1) / PROVE_ROWS;
	int rc = ST_OK;

	if (parts < jobs)
		jobs = (unsigned)parts;
	*clean = p.clean = st_calloc(x->nrows, sizeof(*p.clean), e);
	p.dirs = st_calloc(jobs, sizeof(*p.dirs), e);
	for (i = 0; p.dirs && i < jobs; i++)
		p.dirs[i].fd = -1;
	if (e->code != ST_OK)
		rc = e->code;
	else
		rc = st_parallel(jobs, parts, prove_some, &p, e);
	for (i = 0; p.dirs && i < jobs; i++)
		if (p.dirs[i].fd >= 0)
			close(p.dirs[i].fd);
	free(p.dirs);
	if (rc != ST_OK) {
		free(p.clean);
		*clean = NULL;
	}
	return rc;
}

int st_work_mode_alone(struct st_repo *r, const struct st_stage_row *row, bool *yes,
		       struct st_err *e)
{
	struct st_stage_row other = *row;
	enum st_work_state state = ST_WORK_CHANGED;
	char *full = st_work_path(r, row->path, e);
	bool refreshed = false;
	struct stat st;
	int rc;

	*yes = false;
	if (!full)
		return e->code;
	rc = lstat(full, &st);
	free(full);
	if (rc != 0 || !(st.st_mode & S_IXUSR) == (row->mode != ST_MODE_EXEC))
		return ST_OK; /* without reading it */
	other.mode = other.mode == ST_MODE_EXEC ? ST_MODE_FILE : ST_MODE_EXEC;
	rc = st_work_check(r, &other, &state, &refreshed, e);
	*yes = rc == ST_OK && state == ST_WORK_CLEAN;
	return rc;
}
