/* SPDX-License-Identifier: Apache-2.0 */
/* Members of ZIP and tar archives (doc/format/zip.md), each a place of its own. A header of tar:
 *
 *	0	name, 100 bytes
 *	124	size, 12 octal digits
 *	148	sum of all bytes of the header, these 8 taken for blanks
 *	156	type: '0' or 0 file, '1' '2' links, '5' directory, 'L' and 'x' hold the next one's
 *		name, 'g' holds something for all. Python takes one that it does not know for a file
 *
 * Every header and every content starts at a multiple of 512; a header of zeros ends the archive.
 * What Python's tarfile and strata might not take for the same is told, whatever is in it.
 */
#include "format/scan_place.h"

#include "base/buf.h"
#include "format/zip.h"

#include <stdio.h>

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

/* Bytes of a compressed member, counted: a step back inflates it from its start again. */
struct meter {
	struct st_scan_run *x;
	const struct st_source *src;
	uint64_t *pos;
};

static int meter_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
		       struct st_err *e)
{
	const struct meter *m = s->mem;
	uint64_t cost = off + n - (off < *m->pos ? 0 : *m->pos);

	if (st_scan_cancel(m->x) != ST_OK) {
		*e = *m->x->e;
		return e->code;
	}
	if (cost > m->x->left) {
		m->x->spent = true;
		return st_fail(e, ST_ELIMIT, "more than %" PRIu64 " bytes to inflate",
			       m->x->budget);
	}
	m->x->left -= cost;
	*m->pos = off + n;
	return st_source_read(m->src, buf, n, off, e);
}

static const struct st_source_ops meter_ops = { .pread = meter_pread };

static int scan_metered(struct st_scan_run *x, const struct st_scan_place *pl)
{
	uint64_t pos = 0;
	struct meter m = { x, pl->src, &pos };
	struct st_source src = *pl->src;
	struct st_scan_place in = *pl;

	src.ops = &meter_ops;
	src.mem = &m;
	in.src = &src;
	return st_scan_place(x, &in);
}

/* A member that cannot be read does not keep the others from being looked at. */
static int forgive(struct st_scan_run *x, const struct st_scan_place *pl, int rc)
{
	const struct st_err why = *x->e;

	if (rc != ST_EFORMAT && rc != ST_ELIMIT)
		return rc;
	st_err_clear(x->e);
	if (x->spent) /* told once, for all */
		return ST_OK;
	return st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN, "could not be read: %s", why.msg);
}

/* PyTorch's storages have no endings. */
static enum st_scan_claim member_claim(const char *name)
{
	enum st_scan_claim claim = st_scan_claim_of(name);

	return claim == ST_SCAN_BARE ? ST_SCAN_NO_CLAIM : claim;
}

static int scan_member(struct st_scan_run *x, const struct st_scan_place *pl,
		       const struct st_zip_member *m)
{
	struct st_source src;
	struct st_scan_place in = {
		.src = &src,
		.claim = member_claim(m->name),
		.depth = pl->depth + 1,
		.packed = m->method != ST_ZIP_STORED,
	};
	char *name;
	int rc;

	if (m->usize == 0 || x->spent)
		return ST_OK;
	if (st_scan_cancel(x) != ST_OK)
		return x->e->code;
	name = nested_name(x, pl, m->name);
	if (!name)
		return x->e->code;
	in.member = name;
	rc = st_zip_member_open(&src, pl->src, m, x->e);
	if (rc == ST_OK) {
		rc = in.packed ? scan_metered(x, &in) : st_scan_place(x, &in);
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
	bool loads = pl->claim >= ST_SCAN_MAY_BE;
	size_t i;
	int rc;

	if (pl->depth >= DEPTH)
		return too_deep(x, pl);
	if (pl->packed)
		return scan_unpacked(x, pl);
	rc = st_zip_open(&z, pl->src, (x->o->memory / 4) >> pl->depth, x->e);
	for (i = 0; rc == ST_OK && i < z.n; i++) {
		rc = scan_member(x, pl, &z.members[i]);
		loads = loads || member_claim(z.members[i].name) != ST_SCAN_NO_CLAIM;
	}
	if (rc == ST_OK && z.oddity && (loads || x->res->pickles > before)) {
		x->res->suspect += pl->claim >= ST_SCAN_MAY_BE;
		rc = st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN,
				  "other readers may see other bytes: %s", z.oddity);
	}
	st_zip_release(&z);
	return rc;
}

#define BLOCK 512

/* As Python's int(text, 8): blanks around, a sign, 0o, underscores between digits. */
static bool octal(const char *p, size_t n, uint64_t *out)
{
	static const char blank[] = " \t\n\v\f\r\x1c\x1d\x1e\x1f";
	bool digit = false, last = false;

	*out = 0;
	for (; n && strchr(blank, *p); n--)
		p++;
	for (; n && strchr(blank, p[n - 1]); n--)
		;
	if (n == 0)
		return true;
	if (*p == '-' || *p == '+') {
		p++;
		n--;
	}
	if (n > 2 && p[0] == '0' && (p[1] | 0x20) == 'o') {
		p += 2;
		n -= 2;
		last = true; /* an underscore may come at once */
	}
	for (; n; n--, p++) {
		if (*p == '_' ? !last : *p < '0' || *p > '7')
			return false;
		last = *p != '_';
		digit = digit || last;
		*out = last ? *out << 3 | (uint64_t)(*p - '0') : *out;
	}
	return digit && last;
}

/* Text up to a NUL, or 80 and a number of n - 1 bytes. *plain: every reader takes it so. */
static bool tar_number(const uint8_t *p, size_t n, uint64_t *out, bool *plain)
{
	const char *text = (const char *)p;
	size_t i, len = strnlen(text, n);

	*out = 0;
	if (p[0] == 0x80 || p[0] == 0xff) {
		for (i = 1; i < n; i++) {
			*plain = *plain && !(*out >> 56) && p[0] == 0x80;
			*out = *out << 8 | p[i];
		}
		return true;
	}
	i = strspn(text, " ") < len ? strspn(text, " ") : len;
	while (i < len && p[i] >= '0' && p[i] <= '7')
		i++;
	while (i < len && p[i] == ' ')
		i++;
	*plain = *plain && i == len;
	return octal(text, len, out);
}

/* Python makes numbers of all these, and of a header of zeros the end. */
bool st_scan_is_tar(const uint8_t *p, size_t n)
{
	static const struct {
		uint16_t at, len;
	} numbers[] = { { 100, 8 },  { 108, 8 }, { 116, 8 }, { 124, 12 },
			{ 136, 12 }, { 329, 8 }, { 337, 8 } };
	uint64_t want, v, sum = 0, signed_sum = 0;
	bool plain = true;
	size_t i;

	if (n < BLOCK || !tar_number(p + 148, 8, &want, &plain))
		return false;
	for (i = 0; i < BLOCK; i++) {
		uint8_t b = i >= 148 && i < 156 ? ' ' : p[i];

		sum += b;
		signed_sum += (uint64_t)(int64_t)(int8_t)b; /* some old tars summed so */
	}
	if (want != sum && want != signed_sum)
		return false;
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!tar_number(p + numbers[i].at, numbers[i].len, &v, &plain))
			return false;
	return true;
}

#define NAME 256

struct tar {
	struct st_scan_run *x;
	const struct st_scan_place *pl;
	uint8_t h[BLOCK];
	uint64_t at, size; /* of the header; of the content behind it */
	char name[NAME];   /* of this member */
	char next[NAME];   /* of the next one, from a header before it, or "" */
	bool odd;	   /* told */
};

/* Once for an archive. */
static int tar_odd(struct tar *t, const char *what)
{
	if (t->odd)
		return ST_OK;
	t->odd = true;
	t->x->res->suspect += t->pl->claim >= ST_SCAN_MAY_BE;
	return st_scan_tell(t->x, t->pl, t->at, ST_SCAN_UNKNOWN,
			    "other readers may see other bytes: %s", what);
}

static void set_next(struct tar *t, const char *p, size_t n)
{
	while (n && p[n - 1] == '/')
		n--;
	if (*t->next || n == 0 || memchr(p, 0, n)) /* the first one counts */
		return;
	n = n < NAME ? n : NAME - 1;
	memcpy(t->next, p, n);
	t->next[n] = 0;
}

/* "12 path=name\n": *rest behind it. */
static bool pax_record(struct tar *t, const char **rest, const char *end)
{
	static const char *const harmless[] = { "path", "linkpath", "mtime", "atime", "ctime",
						"uid",	"gid",	    "uname", "gname", "comment" };
	const char *p = *rest, *key, *eq;
	size_t len = 0, i;

	for (; p < end && *p >= '0' && *p <= '9' && len < BLOCK * BLOCK; p++)
		len = len * 10 + (size_t)(*p - '0');
	if (p == *rest || **rest == '0' || p == end || *p != ' ' || len > (size_t)(end - *rest))
		return false;
	key = p + 1;
	end = *rest + len;
	eq = end > key ? memchr(key, '=', (size_t)(end - key)) : NULL;
	if (!eq || end[-1] != '\n')
		return false;
	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strlen(harmless[i]) == (size_t)(eq - key) &&
		    memcmp(harmless[i], key, (size_t)(eq - key)) == 0)
			break;
	if (i == 0)
		set_next(t, eq + 1, (size_t)(end - 1 - (eq + 1)));
	if (i < sizeof(harmless) / sizeof(*harmless))
		*rest = end;
	return i < sizeof(harmless) / sizeof(*harmless);
}

/* A header that tells of the next one: its name at least has to be understood. */
static int tar_ahead(struct tar *t)
{
	size_t n = t->size < BLOCK * BLOCK ? (size_t)t->size : 0;
	char *p = st_malloc(n + 1, t->x->e);
	const char *rest = p;
	int rc;

	if (!p)
		return t->x->e->code;
	rc = st_source_read(t->pl->src, p, n, t->at + BLOCK, t->x->e);
	p[n] = 0;
	if (rc == ST_OK && t->h[156] == 'L')
		set_next(t, p, strlen(p));
	else if (rc == ST_OK && t->h[156] == 'x')
		while (rest < p + n && pax_record(t, &rest, p + n))
			;
	if (rc == ST_OK && (n < t->size || (t->h[156] == 'x' && rest < p + n)))
		rc = tar_odd(t, "a header that is not understood");
	free(p);
	return rc;
}

/* Whatever its name and its type are, something may load it. */
static int scan_tar_member(struct tar *t)
{
	struct st_source src;
	struct st_scan_place in = { .src = &src, .depth = t->pl->depth + 1 };
	char *name = nested_name(t->x, t->pl, t->name);
	int rc;

	if (!name)
		return t->x->e->code;
	st_source_init_part(&src, t->pl->src, t->at + BLOCK, t->size);
	in.member = name;
	in.claim = member_claim(t->name) == ST_SCAN_SAYS_SO ? ST_SCAN_SAYS_SO : ST_SCAN_MAY_BE;
	if (strcmp(t->name, "storages") == 0 || strcmp(t->name, "tensors") == 0)
		rc = st_scan_torch_member(t->x, &in, t->name[0] == 't');
	else
		rc = t->size ? st_scan_place(t->x, &in) : ST_OK;
	rc = forgive(t->x, &in, rc);
	free(name);
	return rc;
}

/* Python skips the bytes behind the header for files, and for what it does not know, only. */
static int tar_entry(struct tar *t)
{
	bool plain = true;
	uint64_t v;
	int rc = ST_OK;

	if (!tar_number(t->h + 148, 8, &v, &plain) || !tar_number(t->h + 124, 12, &v, &plain) ||
	    !plain)
		rc = tar_odd(t, "a number that is spelled as none is written");
	if (rc != ST_OK)
		return rc;
	switch (t->h[156]) {
	case 'L':
	case 'K':
	case 'x':
		return tar_ahead(t);
	case '5':
		return t->size ? tar_odd(t, "a directory that has a content") : ST_OK;
	case 0:
	case '0':
		if (t->h[156] == 0 && *t->name && t->name[strlen(t->name) - 1] == '/' && t->size)
			rc = tar_odd(t, "a directory that has a content");
		break;
	case '1':
	case '2':
		rc = tar_odd(t, "a link");
		break;
	case 'g':
		rc = tar_odd(t, "a header for all members");
		break;
	default:
		rc = tar_odd(t, "a member of an unusual type");
	}
	return rc == ST_OK ? scan_tar_member(t) : rc;
}

/* The header at t->at; *more: it is one. */
static int tar_header(struct tar *t, bool *more)
{
	static const uint8_t zeros[BLOCK];
	uint64_t total = t->pl->src->size;
	bool plain = true;
	int rc = t->x->spent ? ST_OK : st_scan_cancel(t->x);

	*more = false;
	if (rc != ST_OK || t->x->spent || t->at >= total || total - t->at < BLOCK)
		return rc;
	rc = st_source_read(t->pl->src, t->h, BLOCK, t->at, t->x->e);
	if (rc != ST_OK || memcmp(t->h, zeros, BLOCK) == 0)
		return rc;
	if (!st_scan_is_tar(t->h, BLOCK) || !tar_number(t->h + 124, 12, &t->size, &plain) ||
	    t->size > total - t->at - BLOCK)
		return st_scan_tell(t->x, t->pl, t->at, ST_SCAN_UNKNOWN,
				    "the tar archive is damaged here: not read to its end");
	*more = true;
	if (*t->next)
		memcpy(t->name, t->next, NAME);
	else
		snprintf(t->name, NAME, "%.100s", (const char *)t->h);
	return ST_OK;
}

int st_scan_tar(struct st_scan_run *x, const struct st_scan_place *pl)
{
	struct tar t = { .x = x, .pl = pl };
	bool more;
	int rc;

	if (pl->depth >= DEPTH)
		return too_deep(x, pl);
	if (pl->packed)
		return scan_unpacked(x, pl);
	rc = tar_header(&t, &more);
	while (rc == ST_OK && more) {
		rc = tar_entry(&t);
		if (!strchr("LKx", t.h[156]) || !t.h[156])
			t.next[0] = 0;
		t.at += BLOCK + t.size;
		t.at += (BLOCK - t.at % BLOCK) % BLOCK;
		if (rc == ST_OK)
			rc = tar_header(&t, &more);
	}
	return rc;
}
