/* SPDX-License-Identifier: Apache-2.0 */
/* Between the look at a working tree and the writing of its files the user goes on working. */
#include "repo/repo.h"

#include "base/file.h"

void st_see(struct st_seen *s, const char *full)
{
	struct stat st;

	*s = (struct st_seen){ .asked = true };
	if (lstat(full, &st) != 0 || S_ISDIR(st.st_mode))
		return;
	s->there = true;
	s->mtime_ns = st_mtime_ns(&st);
	s->ctime_ns = st_ctime_ns(&st);
	s->size = (uint64_t)st.st_size;
	s->inode = (uint64_t)st.st_ino;
	s->device = (uint64_t)st.st_dev;
}

bool st_seen_same(const struct st_seen *a, const struct st_seen *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->size == b->size &&
	       a->inode == b->inode && a->device == b->device;
}

bool st_seen_changed(const struct st_seen *s, const char *full)
{
	struct st_seen now;

	if (!s->asked)
		return false;
	st_see(&now, full);
	return now.there && !st_seen_same(s, &now);
}

int st_seen_check(const struct st_seen *s, const char *full, const char *path, struct st_err *e)
{
	if (!st_seen_changed(s, full))
		return ST_OK;
	return st_fail(e, ST_EREFUSED,
		       "'%s' changed meanwhile, and is left as it is: keep that with 'strata add' "
		       "and 'strata commit' or elsewhere, then run the same command again",
		       path);
}
