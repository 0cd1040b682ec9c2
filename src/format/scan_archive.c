/* SPDX-License-Identifier: Apache-2.0 */
/* Members of ZIP and tar archives (doc/format/zip.md), each a place of its own. A header of tar:
 *
 *	0	name, 100 bytes
 *	124	size, 12 octal digits
 *	148	sum of all bytes of the header, these 8 taken for blanks
 *	156	type: '1' to '6' have no content, 'L' and 'x' hold the next one's name, ...;
 *		Python takes a type that it does not know for a file
 *
 * Every header and every content starts at a multiple of 512; a header of zeros ends the archive.
 */
#include "format/scan_place.h"

#include "base/buf.h"
#include "format/zip.h"

#define DEPTH 4 /* archives in archives */

static char *nested_name(const struct st_scan_run *x, const struct st_scan_place *pl,
			 const char *name)
{
	struct st_buf b;
	char *s = NULL;
	int rc;

	st_buf_init(&b, SIZE_MAX);
	rc = st_buf_addf(&b, x->e, "%s%s%s", pl->member, *pl->member ? "::" : "", name);
	if (rc == ST_OK)
		s = st_buf_cstr(&b, x->e);
	if (!s)
		st_buf_release(&b);
	return s;
}

static int too_deep(struct st_scan_run *x, const struct st_scan_place *pl)
{
	return st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN, "an archive in %d archives: not looked into",
			    DEPTH);
}

/* An archive in a compressed member is read here and there, so it has to be in memory. */
static int scan_unpacked(struct st_scan_run *x, const struct st_scan_place *pl)
{
	uint64_t room = (x->o->memory / 4) >> pl->depth;
	struct st_scan_place in = *pl;
	struct st_source src;
	uint8_t *p;
	size_t n;
	int rc;

	if (pl->src->size > room)
		return st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN,
				    "a compressed archive of %" PRIu64
				    " bytes, for which --memory has no room: not looked into",
				    pl->src->size);
	rc = st_size(pl->src->size, &n, x->e);
	p = rc == ST_OK ? st_malloc(n, x->e) : NULL;
	if (!p)
		return x->e->code;
	rc = st_source_read(pl->src, p, n, 0, x->e);
	if (rc == ST_OK) {
		st_source_init_mem(&src, p, n, pl->src->name);
		in.src = &src;
		in.packed = false;
		rc = st_scan_place(x, &in);
	}
	free(p);
	return rc;
}

/* A member that cannot be read does not keep the others from being looked at. */
static int forgive(struct st_scan_run *x, const struct st_scan_place *pl, int rc)
{
	const struct st_err why = *x->e;

	if (rc != ST_EFORMAT && rc != ST_ELIMIT)
		return rc;
	st_err_clear(x->e);
	return st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN, "could not be read: %s", why.msg);
}

static int scan_member(struct st_scan_run *x, const struct st_scan_place *pl,
		       const struct st_zip_member *m)
{
	struct st_source src;
	struct st_scan_place in = {
		.src = &src,
		.claim = st_scan_claim_of(m->name),
		.depth = pl->depth + 1,
		.packed = m->method != ST_ZIP_STORED,
	};
	char *name;
	int rc;

	if (m->usize == 0)
		return ST_OK;
	name = nested_name(x, pl, m->name);
	if (!name)
		return x->e->code;
	in.member = name;
	rc = st_zip_member_open(&src, pl->src, m, x->e);
	if (rc == ST_OK) {
		rc = st_scan_place(x, &in);
		st_source_close(&src);
	}
	rc = forgive(x, &in, rc);
	free(name);
	return rc;
}

int st_scan_zip(struct st_scan_run *x, const struct st_scan_place *pl)
{
	struct st_zip z;
	uint64_t before = x->res->pickles;
	size_t i;
	int rc;

	if (pl->depth >= DEPTH)
		return too_deep(x, pl);
	if (pl->packed)
		return scan_unpacked(x, pl);
	rc = st_zip_open(&z, pl->src, (x->o->memory / 4) >> pl->depth, x->e);
	for (i = 0; rc == ST_OK && i < z.n; i++)
		rc = scan_member(x, pl, &z.members[i]);
	if (rc == ST_OK && z.oddity && x->res->pickles > before)
		rc = st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN,
				  "other readers may see other bytes: %s", z.oddity);
	st_zip_release(&z);
	return rc;
}

#define BLOCK 512

struct window {
	const struct st_source *src;
	uint64_t off;
};

static int window_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	const struct window *w = s->mem;

	return st_source_read(w->src, buf, n, w->off + off, e);
}

static const struct st_source_ops window_ops = { .pread = window_pread };

/* Blanks, octal digits, then a blank or NUL; or 80 and a number of 11 bytes. */
static bool tar_number(const uint8_t *p, size_t n, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	if (p[0] == 0x80) {
		for (i = 1; i < n; i++) {
			if (*out >> 56)
				return false;
			*out = *out << 8 | p[i];
		}
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		*out = *out << 3 | (uint64_t)(p[i] - '0');
	return i == n || p[i] == ' ' || p[i] == 0;
}

bool st_scan_is_tar(const uint8_t *p, size_t n)
{
	uint64_t want, sum = 0, signed_sum = 0;
	size_t i;

	if (n < BLOCK || p[0] == 0 || !tar_number(p + 148, 8, &want))
		return false;
	for (i = 0; i < BLOCK; i++) {
		uint8_t b = i >= 148 && i < 156 ? ' ' : p[i];

		sum += b;
		signed_sum += (uint64_t)(int64_t)(int8_t)b; /* some old tars summed so */
	}
	return want == sum || want == signed_sum;
}

static int scan_tar_member(struct st_scan_run *x, const struct st_scan_place *pl, const uint8_t *h,
			   bool renamed, uint64_t at, uint64_t size)
{
	struct window w = { pl->src, at };
	struct st_source src = {
		.ops = &window_ops, .size = size, .name = pl->src->name, .fd = -1, .mem = &w
	};
	struct st_scan_place in = { .src = &src, .depth = pl->depth + 1 };
	char text[101], *name;
	int rc;

	memcpy(text, h, 100);
	text[100] = 0;
	name = nested_name(x, pl, text);
	if (!name)
		return x->e->code;
	in.member = name;
	/* renamed: its whole name was in a header before */
	in.claim = renamed ? ST_SCAN_MAY_BE : st_scan_claim_of(text);
	if (strcmp(text, "storages") == 0 || strcmp(text, "tensors") == 0)
		rc = st_scan_torch_member(x, &in, text[0] == 't');
	else
		rc = size ? st_scan_place(x, &in) : ST_OK;
	rc = forgive(x, &in, rc);
	free(name);
	return rc;
}

int st_scan_tar(struct st_scan_run *x, const struct st_scan_place *pl)
{
	uint64_t at = 0, size, next, total = pl->src->size;
	bool renamed = false;
	uint8_t h[BLOCK];
	int rc = ST_OK;

	if (pl->depth >= DEPTH)
		return too_deep(x, pl);
	if (pl->packed)
		return scan_unpacked(x, pl);
	for (; rc == ST_OK && at < total && total - at >= BLOCK; at = next) {
		rc = st_source_read(pl->src, h, BLOCK, at, x->e);
		if (rc != ST_OK || h[0] == 0)
			break;
		if (!st_scan_is_tar(h, BLOCK) || !tar_number(h + 124, 12, &size) ||
		    size > total - at - BLOCK)
			return st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN,
					    "the tar archive is damaged here: not read to its end");
		if (!h[156] || !strchr("123456KLVgxX", h[156]))
			rc = scan_tar_member(x, pl, h, renamed, at + BLOCK, size);
		renamed = h[156] == 'L' || h[156] == 'x';
		next = at + BLOCK + size;
		next += (BLOCK - next % BLOCK) % BLOCK;
	}
	return rc;
}
