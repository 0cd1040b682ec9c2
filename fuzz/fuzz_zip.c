/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a ZIP archive: refused with a reason, or members that lie apart from each other in
 * the file and can be read or not. Bytes of stored ones, overwritten, get checksums that agree.
 */
#include "format/zip.h"

#include "base/file.h"

#include <sys/mman.h>
#include <unistd.h>

#define LIMIT ((uint64_t)1 << 22)
#define ROOM 65536
#define MAX_RUNS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_tell(const struct st_err *e)
{
	ST_BUG_ON((e->code != ST_EFORMAT && e->code != ST_ELIMIT) || !strstr(e->msg, "offset"));
}

static bool load(struct st_buf *b, const struct st_source *src, const struct st_zip_member *m)
{
	struct st_err e = { 0 };

	st_buf_clear(b);
	if (st_zip_load(b, src, m, &e) == ST_OK) {
		ST_BUG_ON(b->len != m->usize);
		return true;
	}
	must_tell(&e);
	ST_BUG_ON(b->len != 0);
	return false;
}

/* The source gives the same bytes as load, read from the middle first. */
static void check_source(const struct st_source *src, const struct st_zip_member *m,
			 const struct st_buf *b)
{
	size_t half = b->len / 2;
	struct st_err e = { 0 };
	struct st_source s;
	uint8_t *p = malloc(b->len + 1);

	ST_BUG_ON(!p || st_zip_member_open(&s, src, m, &e) != ST_OK || s.size != b->len);
	ST_BUG_ON(st_source_read(&s, p + half, b->len - half, half, &e) != ST_OK);
	ST_BUG_ON(st_source_read(&s, p, half, 0, &e) != ST_OK);
	ST_BUG_ON(b->len && memcmp(p, b->p, b->len) != 0);
	st_source_close(&s);
	free(p);
}

static void check_member(const struct st_zip *z, const struct st_zip_member *m, uint64_t dir)
{
	ST_BUG_ON(m->name[m->name_len] != 0 || st_zip_find(z, m->name, m->name_len) != m);
	ST_BUG_ON(m->local >= m->data || m->data > dir || m->csize > dir - m->data);
	for (const struct st_zip_member *o = z->members; o < m; o++)
		ST_BUG_ON(m->local < o->data + o->csize && o->local < m->data + m->csize);
}

static bool can_patch(const struct st_zip_member *m)
{
	return m->method == ST_ZIP_STORED && m->csize && !(m->flags & 1);
}

static int by_offset(const void *pa, const void *pb)
{
	const struct st_run *a = pa, *b = pb;

	return (a->off > b->off) - (a->off < b->off);
}

/* The first byte of some stored members becomes another; all of them must load afterwards. */
static void check_patch(const struct st_zip *z, const uint8_t *data, size_t size)
{
	struct st_run runs[MAX_RUNS];
	struct st_err e = { 0 };
	struct st_source src;
	struct st_zip after;
	struct st_buf b;
	size_t n = 0;
	uint8_t c;
	int fd;

	for (size_t i = 0; i < z->n && n < MAX_RUNS; i++)
		if (can_patch(&z->members[i]))
			runs[n++] = (struct st_run){ z->members[i].data, 1 };
	if (n == 0)
		return;
	qsort(runs, n, sizeof(*runs), by_offset);
	fd = memfd_create("zip", MFD_CLOEXEC);
	ST_BUG_ON(fd < 0 || st_pwrite_full(fd, data, size, 0, "zip", &e) != ST_OK);
	for (size_t i = 0; i < n; i++) {
		c = (uint8_t)~data[runs[i].off];
		ST_BUG_ON(st_pwrite_full(fd, &c, 1, runs[i].off, "zip", &e) != ST_OK);
	}
	st_source_init_fd(&src, fd, size, "zip");
	if (st_zip_patch(fd, &src, runs, n, LIMIT, &e) != ST_OK) {
		ST_BUG_ON(e.code != ST_EREFUSED || !strstr(e.msg, "offset"));
	} else {
		ST_BUG_ON(st_zip_open(&after, &src, LIMIT, &e) != ST_OK || after.n != z->n);
		st_buf_init(&b, ROOM);
		for (size_t i = 0, done = 0; i < after.n && done < n; i++)
			if (can_patch(&after.members[i]) && ++done &&
			    after.members[i].usize <= ROOM &&
			    !(after.members[i].flags & (1u << 5 | 1u << 6 | 1u << 13)))
				ST_BUG_ON(!load(&b, &src, &after.members[i]));
		st_buf_release(&b);
		st_zip_release(&after);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct st_packed packed = { 0, size, size * 3, 0 };
	struct st_err e = { 0 };
	struct st_source src, s;
	struct st_zip z;
	struct st_buf b;

	st_source_init_mem(&src, data, size, "input");
	st_buf_init(&b, ROOM);
	if (st_zip_open(&z, &src, LIMIT, &e) == ST_OK) {
		for (size_t i = 0; i < z.n; i++) {
			check_member(&z, &z.members[i], z.members[0].central);
			if (load(&b, &src, &z.members[i]))
				check_source(&src, &z.members[i], &b);
		}
		check_patch(&z, data, size);
		st_zip_release(&z);
	} else {
		must_tell(&e);
	}
	e = (struct st_err){ 0 };
	if (st_inflate_open(&s, &src, &packed, &e) == ST_OK) {
		uint8_t one;

		if (s.size && st_source_read(&s, &one, 1, s.size - 1, &e) != ST_OK)
			must_tell(&e);
		st_source_close(&s);
	} else {
		must_tell(&e);
	}
	st_buf_release(&b);
	return 0;
}
