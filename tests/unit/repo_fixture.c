/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static void ok_at(int rc, const struct st_err *e, const char *file, int line)
{
	if (rc == ST_OK)
		return;
	print_error("%d: %s\n", rc, e->msg);
	_fail(file, line);
}

#define OK(rc) ok_at((rc), &e, __FILE__, __LINE__)

static void count_warning(void *arg, const char *msg)
{
	struct trepo *t = arg;

	(void)msg;
	t->warnings++;
}

static void open_it(struct trepo *t)
{
	struct st_ctx ctx = {
		.jobs = 2, .memory = (uint64_t)64 << 20, .arg = t, .warn = count_warning
	};
	struct st_err e = { 0 };
	char dir[128];

	tr_path(t, ".strata", dir, sizeof(dir));
	OK(st_repo_open(&t->r, dir, &ctx, &e));
}

void tr_open(struct trepo *t)
{
	struct st_err e = { 0 };
	bool fresh;

	*t = (struct trepo){ .dir = "/tmp/st-repo-XXXXXX" };
	assert_non_null(mkdtemp(t->dir));
	setenv("STRATA_AUTHOR", "Test <test@example.org>", 1);
	setenv("HOME", t->dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	OK(st_repo_init(t->dir, NULL, &fresh, &e));
	assert_true(fresh);
	open_it(t);
}

void tr_close(struct trepo *t)
{
	struct st_err e = { 0 };

	st_repo_close(t->r);
	OK(st_remove_tree(t->dir, &e));
}

int tr_enter(struct trepo *t)
{
	tr_open(t);
	return chdir(t->dir);
}

int tr_leave(struct trepo *t)
{
	if (chdir("/") != 0)
		return -1;
	tr_close(t);
	return 0;
}

int tr_setup(void **state)
{
	return tr_enter(*state);
}

int tr_teardown(void **state)
{
	return tr_leave(*state);
}

void tr_reopen(struct trepo *t)
{
	st_repo_close(t->r);
	open_it(t);
}

void tr_path(const struct trepo *t, const char *name, char *out, size_t size)
{
	assert_in_range(snprintf(out, size, "%s/%s", t->dir, name), 1, size - 1);
}

void tr_write(struct trepo *t, const char *name, const void *p, size_t n)
{
	char path[256];
	FILE *f;

	tr_path(t, name, path, sizeof(path));
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static uint64_t next(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill_random(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next(&seed);
}

static void fill_floats(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i + 4 <= n; i += 4) {
		float v = ((float)(next(&seed) >> 40) / 16777216.0F - 0.5F) * 0.02F;

		memcpy(p + i, &v, 4);
	}
}

void tr_random(struct trepo *t, const char *name, uint64_t seed, size_t n)
{
	uint8_t *p = malloc(n + 1);

	assert_non_null(p);
	fill_random(p, n, seed);
	tr_write(t, name, p, n);
	free(p);
}

void tr_model(struct trepo *t, const char *name, const uint64_t *seeds, size_t n, size_t bytes,
	      uint64_t tail)
{
	struct st_err e = { 0 };
	struct st_buf b;
	uint8_t len[8];
	size_t i;

	st_buf_init(&b, (size_t)256 << 20);
	OK(st_buf_add(&b, "\0\0\0\0\0\0\0\0{", 9, &e));
	for (i = 0; i < n; i++)
		OK(st_buf_addf(
			&b, &e,
			"%s\"t%zu\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":[%zu,"
			"%zu]}",
			i ? "," : "", i, bytes / 4, i * bytes, (i + 1) * bytes));
	OK(st_buf_addch(&b, '}', &e));
	while (b.len % 8)
		OK(st_buf_addch(&b, ' ', &e));
	st_put64(len, b.len - 8);
	memcpy(b.p, len, 8);
	for (i = 0; i < n; i++) {
		OK(st_buf_room(&b, bytes, &e));
		fill_floats(b.p + b.len, bytes, seeds[i]);
		b.len += bytes;
	}
	if (tail)
		fill_floats(b.p + b.len - 64, 64, tail);
	tr_write(t, name, b.p, b.len);
	st_buf_release(&b);
}

void tr_read(const struct trepo *t, const char *name, struct st_buf *out)
{
	struct st_err e = { 0 };
	char path[256];

	tr_path(t, name, path, sizeof(path));
	st_buf_init(out, (size_t)256 << 20);
	OK(st_file_slurp(out, path, &e));
}

void tr_add(struct trepo *t, const char *name)
{
	strata_add_result res;
	struct st_err e = { 0 };
	char path[256];
	const char *paths[] = { path };

	tr_path(t, name ? name : "", path, sizeof(path));
	OK(st_verb_add(t->r, paths, name ? 1 : 0, name ? 0 : STRATA_ADD_ALL, NULL, NULL, &res, &e));
}

void tr_rm_cached(struct trepo *t, const char *name)
{
	struct st_err e = { 0 };
	char path[256];
	const char *paths[] = { path };

	tr_path(t, name, path, sizeof(path));
	OK(st_verb_rm(t->r, paths, 1, STRATA_RM_CACHED | STRATA_RM_FORCE, NULL, NULL, &e));
}

void tr_commit(struct trepo *t, char version[32])
{
	strata_commit_options o = { .message = "test", .allow_empty = true };
	strata_commit_result res;
	struct st_err e = { 0 };

	OK(st_verb_commit(t->r, &o, &res, &e));
	if (version)
		snprintf(version, 32, "%s", res.version);
}

struct sink {
	struct st_buf *b;
	struct st_err e;
};

static int take(void *arg, const void *p, size_t n)
{
	struct sink *s = arg;

	return st_buf_add(s->b, p, n, &s->e);
}

void tr_versions(struct trepo *t, uint64_t seed, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		tr_random(t, "f", seed + i, 10);
		tr_version(t);
	}
}

struct st_oid tr_id(struct trepo *t, const char *rev)
{
	struct st_err e = { 0 };
	struct st_oid id;

	if (st_resolve(t->r, rev, strlen(rev), &id, &e) != ST_OK)
		fail_msg("%s: %s", rev, e.msg);
	return id;
}

struct st_oid tr_orphan(struct trepo *t)
{
	struct st_err e = { 0 };
	const struct st_oid *packs;
	struct st_oid id;
	struct st_writer *w;
	size_t n;

	assert_int_equal(st_writer_new(&w, t->r->odb, &t->r->ctx, &e), ST_OK);
	assert_int_equal(st_writer_put(w, NULL, "orphan", 6, &id, &e), ST_OK);
	assert_int_equal(st_writer_seal(w, &packs, &n, &e), ST_OK);
	assert_int_equal(n, 1);
	id = packs[0];
	st_writer_free(w);
	return id;
}

int tr_cat(struct trepo *t, const char *spec, struct st_buf *out)
{
	struct sink s = { .b = out };
	struct st_err e = { 0 };

	st_buf_init(out, (size_t)256 << 20);
	return st_verb_cat(t->r, &t->r->ctx, spec, STRATA_CAT_RAW, take, &s, &e);
}

void tr_check(struct trepo *t, const char *spec, const struct st_buf *want)
{
	struct st_buf got;
	int rc = tr_cat(t, spec, &got);

	if (rc != ST_OK)
		print_error("cat %s\n", spec);
	assert_int_equal(rc, ST_OK);
	assert_int_equal(got.len, want->len);
	assert_memory_equal(got.p, want->p, want->len);
	st_buf_release(&got);
}

size_t tr_packs(const struct trepo *t)
{
	char path[256];
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	tr_path(t, ".strata/packs", path, sizeof(path));
	d = opendir(path);
	assert_non_null(d);
	while ((de = readdir(d)))
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

struct nth {
	size_t left;
	struct st_oid id;
	bool found;
};

static int take_nth(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct nth *x = arg;

	(void)e;
	if (x->left--)
		return ST_OK;
	x->id = row->id;
	x->found = true;
	return ST_ENO;
}

static void path_of(const struct trepo *t, const struct st_oid *pack, char *out, size_t size)
{
	char name[ST_PACK_NAME_LEN + 1];

	st_pack_name(pack, name);
	assert_in_range(snprintf(out, size, "%s/.strata/packs/%s", t->dir, name), 1, size - 1);
}

void tr_pack_path(struct trepo *t, size_t i, char *out, size_t size)
{
	struct nth x = { .left = i };
	struct st_err e = { 0 };

	OK(st_catalog_pack_each(t->r->cat, take_nth, &x, &e));
	assert_true(x.found);
	path_of(t, &x.id, out, size);
}

void tr_flip(const char *path, uint64_t offset, unsigned char bits)
{
	int fd;
	unsigned char c;

	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, (off_t)offset), 1);
	c ^= bits;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)offset), 1);
	close(fd);
}

void tr_loc(struct trepo *t, const struct st_oid *id, unsigned kind, struct st_loc *out)
{
	struct st_err e = { 0 };
	bool found;

	OK(st_catalog_loc_find(t->r->cat, id, kind, out, &found, &e));
	assert_true(found);
}

void tr_loc_path(const struct trepo *t, const struct st_loc *loc, char *out, size_t size)
{
	path_of(t, &loc->pack, out, size);
}

void tr_file_id(struct trepo *t, const char *rev, const char *name, struct st_oid *out)
{
	const struct st_tree_entry *en;
	struct st_oid commit, id;
	struct st_err e = { 0 };
	struct st_tree tree;

	OK(st_resolve(t->r, rev, strlen(rev), &commit, &e));
	OK(st_repo_commit_tree(t->r, &commit, &id, &e));
	OK(st_repo_tree_load(t->r, &id, &tree, &e));
	en = st_tree_find(&tree, name, strlen(name));
	assert_non_null(en);
	*out = en->id;
	st_tree_release(&tree);
}

void tr_sql(struct trepo *t, const char *sql)
{
	char path[256], *msg = NULL;
	sqlite3 *db;

	tr_path(t, ".strata/catalog.db", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		print_error("%s\n", msg);
	assert_null(msg);
	sqlite3_close(db);
}

static const char *keep(char to[1400], const char *from)
{
	snprintf(to, 1400, "%s", from);
	return to;
}

static int take_fault(void *arg, const strata_fault *f)
{
	struct tfaults *x = arg;
	size_t i = x->n++;

	if (i >= sizeof(x->first) / sizeof(*x->first))
		return 0;
	x->first[i] = *f;
	x->first[i].object = keep(x->text[i][0], f->object);
	x->first[i].pack = keep(x->text[i][1], f->pack);
	x->first[i].what = keep(x->text[i][2], f->what);
	snprintf(x->text[i][3], 700, "%s", f->version);
	x->first[i].version = x->text[i][3];
	snprintf(x->text[i][3] + 700, 700, "%s", f->path);
	x->first[i].path = x->text[i][3] + 700;
	return 0;
}

int tr_fsck(struct trepo *t, unsigned flags, struct tfaults *out, strata_fsck_result *res)
{
	struct st_err e = { 0 };
	int rc;

	*out = (struct tfaults){ 0 };
	rc = st_verb_fsck(t->r, flags, take_fault, out, res, &e);
	if (rc != ST_OK && rc != ST_ENO)
		print_error("fsck: %s\n", e.msg);
	assert_int_equal(res->faults > 0, rc == ST_ENO);
	return rc;
}

int tr_fsck_shown(struct trepo *t, unsigned flags)
{
	static struct tfaults f;
	strata_fsck_result res;
	int rc = tr_fsck(t, flags, &f, &res);

	for (size_t i = 0; rc != ST_OK && i < f.n && i < 16; i++)
		print_error("fault: %s %s %s %s:%s\n", f.first[i].object, f.first[i].pack,
			    f.first[i].what, f.first[i].version, f.first[i].path);
	return rc;
}

void tr_sound(struct trepo *t)
{
	assert_int_equal(tr_fsck_shown(t, STRATA_FSCK_FULL), ST_OK);
}

void tr_text(struct trepo *t, const char *name, const char *text)
{
	tr_write(t, name, text, strlen(text));
}

void tr_holds(const struct trepo *t, const char *name, const char *text)
{
	struct st_buf b;

	tr_read(t, name, &b);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.p, text, b.len);
	st_buf_release(&b);
}

bool tr_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void tr_version(struct trepo *t)
{
	tr_add(t, NULL);
	tr_commit(t, NULL);
}
