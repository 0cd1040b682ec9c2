/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What versions hold and what storing them takes. Every reachable object is counted once, so the
 * tallies by kind of content add up to the totals; the sizes of versions come from their trees,
 * each tree added up once.
 */
#include "repo/mark.h"
#include "repo/verbs.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define MAX_LEVELS 4096

enum {
	CLASS_FILE = ST_NDTYPES,
	CLASS_META,
	NCLASSES
};

struct stats {
	struct st_repo *r;
	strata_stats out;
	strata_tally coding[ST_NCODINGS], class[NCLASSES];
	struct st_oid *commits;
	size_t ncommits, cap;
	struct st_map sizes; /* tree -> bytes of the files below it */
};

static void add(strata_tally *t, uint64_t logical, uint64_t stored)
{
	t->logical += logical;
	t->stored += stored;
}

static unsigned class_of(const struct st_mark_item *it, const struct st_loc *loc)
{
	if (it->role == ST_ROLE_DATA || (it->role == ST_ROLE_FILE && loc->kind == ST_ENTRY_DATA))
		return it->dtype < ST_NDTYPES ? it->dtype : CLASS_FILE;
	return CLASS_META;
}

static int count_frames(struct stats *s, const struct st_entry *en, struct st_err *e)
{
	bool used[ST_NCODINGS] = { false };
	uint64_t left = en->raw, n;
	uint32_t i;

	for (i = 0; i < en->nframes; i++) {
		const struct st_frame_row *row = &en->frames[i];

		if (row->coding >= ST_NCODINGS)
			return st_fail(e, ST_ECORRUPT, "unknown frame coding %u", row->coding);
		n = left < ST_FRAME_LEN ? left : ST_FRAME_LEN;
		left -= n;
		add(&s->coding[row->coding], n, row->stored);
		s->coding[row->coding].objects += !used[row->coding];
		used[row->coding] = true;
	}
	return ST_OK;
}

static int count_codings(struct stats *s, const struct st_loc *loc, struct st_err *e)
{
	struct st_obj *ob;
	int rc;

	if (loc->kind != ST_ENTRY_DATA) { /* a recipe is stored as it is */
		s->coding[ST_CODING_RAW].objects++;
		add(&s->coding[ST_CODING_RAW], loc->raw, loc->stored);
		return ST_OK;
	}
	rc = st_obj_open(&ob, s->r->odb, &loc->id, e);
	if (rc != ST_OK)
		return rc;
	rc = count_frames(s, st_obj_entry(ob), e);
	st_obj_close(ob);
	return rc;
}

static int count_entry(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		       struct st_err *e)
{
	struct stats *s = arg;
	unsigned class = class_of(it, loc);
	strata_tally *t = &s->class[class];

	t->objects++;
	add(t, loc->raw, loc->stored);
	s->out.objects++;
	s->out.stored_bytes += loc->stored;
	if (class != CLASS_META && loc->depth > s->out.max_depth)
		s->out.max_depth = loc->depth;
	return count_codings(s, loc, e);
}

static int take_commit(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct stats *s = arg;

	if (st_grow(&s->commits, &s->cap, s->ncommits + 1, e) != ST_OK)
		return e->code;
	s->commits[s->ncommits++] = row->id;
	return ST_OK;
}

static int size_of_tree(struct stats *s, const struct st_oid *id, unsigned level, uint64_t *out,
			struct st_err *e)
{
	struct st_tree t;
	uint64_t below;
	size_t i;
	int rc;

	*out = 0;
	if (st_map_get(&s->sizes, id->b, ST_OID_LEN, out))
		return ST_OK;
	if (level > MAX_LEVELS)
		return st_fail(e, ST_ELIMIT, "directories more than %d deep", MAX_LEVELS);
	rc = st_repo_tree_load(s->r, id, &t, e);
	if (rc != ST_OK)
		return rc;
	for (i = 0; rc == ST_OK && i < t.n; i++) {
		below = t.entries[i].size;
		if (t.entries[i].mode == ST_MODE_DIR)
			rc = size_of_tree(s, &t.entries[i].id, level + 1, &below, e);
		if (rc == ST_OK && !st_add_u64(*out, below, out))
			rc = st_fail(e, ST_ELIMIT, "sizes beyond 2^64");
	}
	st_tree_release(&t);
	return rc == ST_OK ? st_map_put(&s->sizes, id->b, ST_OID_LEN, *out, NULL, NULL, e) : rc;
}

static int add_version(struct stats *s, const struct st_oid *commit, struct st_err *e)
{
	struct st_oid tree;
	uint64_t bytes;
	int rc = st_check_cancel(&s->r->ctx, e);

	if (rc == ST_OK)
		rc = st_repo_commit_tree(s->r, commit, &tree, e);
	if (rc == ST_OK)
		rc = size_of_tree(s, &tree, 0, &bytes, e);
	if (rc == ST_OK) {
		s->out.versions++;
		s->out.logical_bytes += bytes;
	}
	return rc;
}

/* The commits of the history are those that the walk went through. */
static int add_versions(struct stats *s, const struct st_mark *m, struct st_err *e)
{
	size_t i;
	int rc = st_catalog_commit_each(s->r->cat, take_commit, s, e);

	for (i = 0; rc == ST_OK && i < s->ncommits; i++)
		if (st_mark_has(m, &s->commits[i], ST_ENTRY_DATA))
			rc = add_version(s, &s->commits[i], e);
	return rc;
}

static int gather(struct stats *s, const char *rev, struct st_err *e)
{
	struct st_mark m;
	struct st_oid commit, tree;
	int rc;

	st_mark_init(&m, s->r);
	m.what = "stats";
	m.arg = s;
	m.live = count_entry;
	if (rev) {
		rc = st_resolve(s->r, rev, strlen(rev), &commit, e);
		if (rc == ST_OK)
			rc = st_repo_commit_tree(s->r, &commit, &tree, e);
		if (rc == ST_OK)
			rc = st_mark_push(&m, &commit, ST_ROLE_COMMIT_ONLY, e);
		if (rc == ST_OK)
			rc = st_mark_push(&m, &tree, ST_ROLE_TREE, e);
	} else {
		rc = st_mark_history(&m, e);
	}
	if (rc == ST_OK)
		rc = st_mark_run(&m, e);
	if (rc == ST_OK)
		rc = rev ? add_version(s, &commit, e) : add_versions(s, &m, e);
	st_mark_release(&m);
	return rc;
}

static int count_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct stats *s = arg;

	(void)row;
	(void)e;
	s->out.packs++;
	return ST_OK;
}

static int add_disk(int at, const char *name, unsigned level, uint64_t *bytes, struct st_err *e);

static int add_disk_entry(int dir, const char *name, unsigned level, uint64_t *bytes,
			  struct st_err *e)
{
	struct stat st;

	/* What another command removes meanwhile is not there any more. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ST_OK : st_fail_os(e, "stat %s", name);
	if (S_ISREG(st.st_mode))
		*bytes += (uint64_t)st.st_size;
	return S_ISDIR(st.st_mode) && level < 16 ? add_disk(dir, name, level + 1, bytes, e) : ST_OK;
}

static int add_disk(int at, const char *name, unsigned level, uint64_t *bytes, struct st_err *e)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int rc = ST_OK;

	if (!d) {
		rc = st_fail_os(e, "read directory %s", name);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == ST_OK && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			rc = add_disk_entry(dirfd(d), de->d_name, level, bytes, e);
	closedir(d);
	return rc;
}

static const char *class_name(unsigned i)
{
	if (i == CLASS_FILE)
		return "file";
	return i == CLASS_META ? "meta" : st_dtype_info((enum st_dtype)i)->name;
}

/* Moves the tallies that count anything to the front. */
static size_t pack_tallies(strata_tally *t, size_t n, const char *(*name)(unsigned i))
{
	size_t i, used = 0;

	for (i = 0; i < n; i++) {
		if (!t[i].objects)
			continue;
		t[used] = t[i];
		t[used++].name = name((unsigned)i);
	}
	return used;
}

static const char *coding_name(unsigned i)
{
	return st_codec_get(i)->name;
}

static int deliver(struct stats *s, int (*cb)(void *arg, const strata_stats *s), void *arg)
{
	strata_stats *out = &s->out;

	out->ratio = out->stored_bytes ? (double)out->logical_bytes / (double)out->stored_bytes : 0;
	out->ncodings = pack_tallies(s->coding, ST_NCODINGS, coding_name);
	out->ndtypes = pack_tallies(s->class, NCLASSES, class_name);
	out->by_coding = s->coding;
	out->by_dtype = s->class;
	return cb(arg, out) ? ST_ENO : ST_OK;
}

int st_verb_stats(struct st_repo *r, const char *rev, int (*cb)(void *arg, const strata_stats *s),
		  void *arg, struct st_err *e)
{
	struct stats s = { .r = r };
	int rc;

	st_map_init(&s.sizes);
	rc = st_repo_refresh_to_read(r, e);
	if (rc == ST_OK)
		rc = gather(&s, rev, e);
	if (rc == ST_OK)
		rc = st_catalog_pack_each(r->cat, count_pack, &s, e);
	if (rc == ST_OK)
		rc = add_disk(AT_FDCWD, r->dir, 0, &s.out.disk_bytes, e);
	st_progress(&r->ctx, "stats", s.out.objects, 0, false, true);
	if (rc == ST_OK)
		rc = deliver(&s, cb, arg);
	st_map_release(&s.sizes);
	free(s.commits);
	return rc;
}
