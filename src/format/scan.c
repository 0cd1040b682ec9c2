/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where loaders look for pickles, by the first bytes of a file or member:
 *
 *	50 4B 03 04	ZIP (PyTorch, npz, joblib): members, each looked at in this way again
 *	93 'NUMPY'	.npy: the array is a pickle if its type holds objects
 *	80 00..05	a pickle. PyTorch before 1.6 wrote five of them, the first one a magic
 *			number, then raw storages; anyone may write several, one after the other
 *	a right sum at	tar (PyTorch 0.1, NeMo): members again. tarfile goes by the sum of the
 *	148		header, not by "ustar", and PyTorch tries tar before pickle
 *
 * A pickle of protocol 0 or 1 begins with any opcode: it is looked for where the name says that
 * Python would load the file, and in other files if it is whole and names something.
 */
#include "format/scan_place.h"

#include "base/buf.h"
#include "format/numpy.h"
#include "format/pickle.h"
#include "format/torch.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define TEXT 1024 /* of a reason */
#define INFLATE_TIMES 32
#define INFLATE_MORE ((uint64_t)32 << 20)

struct head {
	uint8_t p[ST_SCAN_HEAD];
	size_t n;
};

/* ---- finds ---- */

static int tell(struct st_scan_run *x, const struct st_scan_find *f)
{
	uint64_t *const count[] = {
		[ST_SCAN_SAFE] = &x->res->safe,
		[ST_SCAN_UNKNOWN] = &x->res->unknown,
		[ST_SCAN_DANGEROUS] = &x->res->dangerous,
	};

	++*count[f->verdict];
	return x->cb(x->arg, f) ? ST_ENO : ST_OK;
}

int st_scan_tell(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
		 enum st_scan_verdict verdict, const char *fmt, ...)
{
	struct st_scan_find f = {
		.member = pl->member, .module = "", .name = "", .at = at, .verdict = verdict
	};
	char why[TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	f.why = why;
	return tell(x, &f);
}

static int is_allowed(const struct st_scan_run *x, const struct st_pk_global *g, bool *yes)
{
	struct st_buf b;
	int rc;

	*yes = false;
	if (!x->o->allowed)
		return ST_OK;
	st_buf_init(&b, SIZE_MAX);
	rc = st_buf_addf(&b, x->e, "%s.%s", g->module, g->name);
	if (rc == ST_OK)
		*yes = x->o->allowed(x->o->allowed_arg, (const char *)b.p, b.len);
	st_buf_release(&b);
	return rc;
}

static int tell_global(struct st_scan_run *x, const struct st_scan_place *pl,
		       const struct st_pk_global *g)
{
	struct st_scan_find f = {
		.member = pl->member,
		.module = g->module && g->name ? g->module : "",
		.name = g->module && g->name ? g->name : "",
		.at = g->at,
		.called = g->called,
		.verdict = ST_SCAN_DANGEROUS,
		.why = "the name is computed while loading",
	};
	bool allowed = false;
	int rc;

	if (*f.module || *f.name) {
		f.verdict = st_scan_judge(f.module, f.name, &f.why);
		rc = f.verdict == ST_SCAN_SAFE ? ST_OK : is_allowed(x, g, &allowed);
		if (rc != ST_OK)
			return rc;
	}
	if (allowed) {
		f.verdict = ST_SCAN_SAFE;
		f.why = "allowed";
	}
	return tell(x, &f);
}

static int tell_globals(struct st_scan_run *x, const struct st_scan_place *pl,
			const struct st_pickle *p)
{
	int rc = ST_OK;
	size_t i;

	x->res->pickles++;
	for (i = 0; rc == ST_OK && i < p->nglobals; i++)
		rc = tell_global(x, pl, &p->globals[i]);
	return rc;
}

/* ---- pickles ---- */

int st_scan_cancel(const struct st_scan_run *x)
{
	return x->o->ctx ? st_check_cancel(x->o->ctx, x->e) : ST_OK;
}

static bool begins_pickle(const uint8_t *p, size_t n)
{
	return n >= 2 && p[0] == 0x80 && p[1] <= 5;
}

/*
 * Broken is no failure of ours: *why then holds the reason, and p the globals up to there. Every
 * opcode takes a byte, so their number needs no limit of its own.
 */
static int read_pickle(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
		       struct st_pickle *p, struct st_err *why)
{
	const struct st_pickle_limits lim = {
		.memory = (x->o->memory / 2) >> pl->depth,
		.steps = pl->src->size - at,
	};
	int rc = st_scan_cancel(x);

	*why = (struct st_err){ 0 };
	*p = (struct st_pickle){ .end = at };
	if (rc != ST_OK)
		return rc;
	rc = st_pickle_parse_loose(p, pl->src, at, pl->src->size, &lim, why);
	if (rc == ST_OK || rc == ST_EFORMAT || rc == ST_ELIMIT)
		return ST_OK;
	*x->e = *why;
	return rc;
}

/*
 * Random bytes may look like a global; Python cannot import most of these. Extension codes are one
 * byte and nobody registers any, so in what does not begin as a pickle they are chance.
 */
static bool names_something(const struct st_pickle *p)
{
	const char *s;
	size_t i;

	for (i = 0; i < p->nglobals; i++) {
		s = p->globals[i].module;
		if (!s && p->protocol)
			return true;
		if (!s) /* computed by something that is named, or by nothing */
			continue;
		if (p->protocol == 0 && strcmp(s, "copyreg") == 0 &&
		    strncmp(p->globals[i].name, "extension:", 10) == 0)
			continue;
		if (!*s || (*s >= '0' && *s <= '9'))
			continue;
		while (*s == '.' || *s == '_' || (*s & 0x80) || (*s >= '0' && *s <= '9') ||
		       ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'))
			s++;
		if (!*s)
			return true;
	}
	return false;
}

static bool names_wrapper(const struct st_pickle *p)
{
	size_t i;

	for (i = 0; i < p->nglobals; i++)
		if (p->globals[i].name && strstr(p->globals[i].name, "ArrayWrapper"))
			return true;
	return false;
}

static bool calls_something(const struct st_pickle *p)
{
	size_t i;

	for (i = 0; i < p->nglobals; i++)
		if (p->globals[i].called)
			return true;
	return false;
}

/* joblib reads on behind the bytes of an array, which may hide opcodes or look like some. A pickle
 * runs what comes before the place where it breaks. */
static int tell_seen(struct st_scan_run *x, const struct st_scan_place *pl,
		     const struct st_scan_seen *s)
{
	int rc = tell_globals(x, pl, &s->p);

	if (rc != ST_OK)
		return rc;
	if (names_wrapper(&s->p))
		return st_scan_tell(x, pl, s->end, ST_SCAN_UNKNOWN,
				    "joblib's arrays lie between the opcodes, which are not told "
				    "from these: not read as joblib does");
	if (!s->whole && s->why.code == ST_ELIMIT)
		return st_scan_tell(x, pl, s->end, ST_SCAN_UNKNOWN, "not read to its end: %s",
				    s->why.msg);
	if (!s->whole)
		return st_scan_tell(x, pl, s->end, ST_SCAN_DANGEROUS,
				    "the pickle breaks after it named these: %s", s->why.msg);
	if (s->p.loosened)
		return st_scan_tell(x, pl, s->end, ST_SCAN_UNKNOWN,
				    "the pickle is spelled as none is written: readers may differ");
	return ST_OK;
}

int st_scan_look(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at, bool sure,
		 struct st_scan_seen *s)
{
	int rc = read_pickle(x, pl, at, &s->p, &s->why);

	s->whole = rc == ST_OK && s->why.code == ST_OK;
	s->end = s->p.end;
	s->pickle = rc == ST_OK &&
		    (sure || s->whole || (pl->claim == ST_SCAN_BARE && calls_something(&s->p))) &&
		    names_something(&s->p);
	if (rc == ST_OK && sure && s->whole && !s->pickle) {
		s->pickle = true; /* but two bytes of numbers may be one: it does not count */
		if (s->p.protocol == 0 && pl->claim == ST_SCAN_MAY_BE && at == 0 && !pl->depth)
			return ST_OK;
	}
	return s->pickle ? tell_seen(x, pl, s) : rc;
}

static int peek(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at, struct head *h)
{
	uint64_t left = pl->src->size - at;

	h->n = left < sizeof(h->p) ? (size_t)left : sizeof(h->p);
	return st_source_read(pl->src, h->p, h->n, at, x->e);
}

/* Is there something behind *at? Moves it on; *more: one more pickle, which was whole. */
static int scan_next(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t *at,
		     bool single, bool *more)
{
	struct st_scan_seen s;
	uint64_t here = *at, left = pl->src->size - here;
	struct head h;
	int rc = peek(x, pl, here, &h);

	*more = false;
	if (rc != ST_OK)
		return rc;
	rc = st_scan_look(x, pl, here, begins_pickle(h.p, h.n), &s);
	*at = s.end;
	*more = s.pickle && s.whole;
	if (rc == ST_OK && s.pickle && single)
		rc = st_scan_tell(x, pl, here, ST_SCAN_DANGEROUS,
				  "a second pickle hides behind the end of the first");
	if (rc == ST_OK && !s.pickle)
		rc = st_scan_tell(x, pl, here, ST_SCAN_UNKNOWN,
				  "%" PRIu64 " byte%s behind the end of the pickle", left,
				  left == 1 ? "" : "s");
	st_pickle_release(&s.p);
	return rc;
}

/* A file of several pickles is nothing unusual; where there should be one, the second is one that
 * other scanners do not see. */
int st_scan_behind(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at, bool single)
{
	bool more = true;
	unsigned i;
	int rc = ST_OK;

	for (i = 1; rc == ST_OK && more && at < pl->src->size; i++) {
		if (i == ST_SCAN_ROW)
			return st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN,
					    "%d pickles in a row: not read to the end",
					    ST_SCAN_ROW);
		rc = scan_next(x, pl, &at, single, &more);
	}
	return rc;
}

/* Nothing is named up to where strata stops, but Python may go on. */
static int doubtful(struct st_scan_run *x, const struct st_scan_place *pl,
		    const struct st_scan_seen *s)
{
	if (x->spent) /* told at the end */
		return ST_OK;
	x->res->suspect++;
	return st_scan_tell(x, pl, s->end, ST_SCAN_UNKNOWN, "not read to its end: %s", s->why.msg);
}

/* Although the name or the first bytes say so. */
static int not_a_pickle(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			const struct st_err *why)
{
	if (pl->depth || why->code == ST_ELIMIT)
		return st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN, "no pickle, or a damaged one: %s",
				    why->msg);
	*x->e = *why;
	return x->e->code;
}

static int scan_pickles(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			const struct head *head)
{
	bool marked = begins_pickle(head->p, head->n), sure = marked || pl->claim >= ST_SCAN_MAY_BE;
	/* a frame after the protocol: no accident */
	bool claimed = pl->claim == ST_SCAN_SAYS_SO || (marked && pl->claim == ST_SCAN_MAY_BE) ||
		       (marked && head->n > 2 && head->p[1] >= 4 && head->p[2] == 0x95);
	struct st_scan_seen s;
	bool torch;
	int rc;

	if (head->n == 0 || (pl->depth && !sure))
		return ST_OK;
	rc = st_scan_look(x, pl, at, sure, &s);
	if (rc == ST_OK && sure && !s.pickle && s.p.doubt)
		rc = doubtful(x, pl, &s);
	else if (rc == ST_OK && claimed && !s.pickle && !s.whole)
		rc = not_a_pickle(x, pl, at, &s.why);
	x->res->dead = rc == ST_EFORMAT;
	torch = s.whole && st_torch_is_legacy(head->p, head->n);
	st_pickle_release(&s.p);
	if (rc != ST_OK || !s.pickle || !s.whole)
		return rc;
	return torch ? st_scan_stacked(x, pl, s.end) :
		       st_scan_behind(x, pl, s.end, pl->depth > 0 || at > 0);
}

/* ---- .npy ---- */

static bool begins_npy(const uint8_t *p, size_t n)
{
	return n >= 6 && memcmp(p, ST_NPY_MAGIC, 6) == 0;
}

static int read_npy(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
		    struct st_np_array *a, uint64_t *data, struct st_err *why)
{
	uint64_t left = pl->src->size - at;
	size_t n = left < st_npy_head_max() ? (size_t)left : st_npy_head_max();
	uint8_t *p = st_malloc(n, x->e);
	struct st_arena arena;
	const char *descr;
	int rc;

	*why = (struct st_err){ 0 };
	if (!p)
		return x->e->code;
	st_arena_init(&arena);
	rc = st_source_read(pl->src, p, n, at, x->e);
	if (rc == ST_OK && st_npy_parse(a, data, &descr, &arena, p, n, left, why) != ST_OK &&
	    why->code != ST_EFORMAT && why->code != ST_ELIMIT)
		rc = (*x->e = *why).code;
	st_arena_release(&arena);
	free(p);
	return rc;
}

/* What a second load from the open file would take. */
static int behind_array(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			const struct head *head)
{
	struct st_scan_seen s;
	int rc = st_scan_look(x, pl, at, begins_pickle(head->p, head->n), &s);

	if (rc == ST_OK && s.pickle)
		rc = st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN, "a pickle behind the array");
	st_pickle_release(&s.p);
	return rc == ST_OK && s.pickle && s.whole ? st_scan_behind(x, pl, s.end, true) : rc;
}

/* np.save may be called several times on one file: arrays behind the first one count. */
static int scan_npy(struct st_scan_run *x, const struct st_scan_place *pl)
{
	struct st_scan_place array = *pl;
	struct st_np_array a;
	struct st_err why;
	struct head head;
	uint64_t at = 0, data;
	int rc;

	array.claim = ST_SCAN_SAYS_SO;
	do {
		rc = read_npy(x, pl, at, &a, &data, &why);
		if (rc != ST_OK)
			return rc;
		if (why.code != ST_OK)
			return not_a_pickle(x, pl, at, &why);
		if (!st_add_u64(at, data, &at) || at > pl->src->size)
			return ST_OK;
		rc = peek(x, pl, at, &head);
		if (rc == ST_OK && a.type.object)
			return scan_pickles(x, &array, at, &head);
		if (rc != ST_OK || !st_add_u64(at, a.nbytes, &at) || at >= pl->src->size)
			return rc;
		rc = peek(x, pl, at, &head);
	} while (rc == ST_OK && begins_npy(head.p, head.n));
	return rc == ST_OK ? behind_array(x, pl, at, &head) : rc;
}

/* ---- what is it? ---- */

/* Length of that one of the endings that the name has; 0: none. */
static size_t ending(const char *name, size_t n, const char *const *ends)
{
	size_t k;

	for (; *ends; ends++) {
		k = strlen(*ends);
		if (n >= k && strncasecmp(name + n - k, *ends, k) == 0)
			return k;
	}
	return 0;
}

enum st_scan_claim st_scan_claim_of(const char *name)
{
	static const char *const sure[] = { ".pkl", ".pickle", ".p", ".joblib", "debug_pkl", NULL };
	static const char *const maybe[] = { ".pt",   ".pth",	  ".bin",    ".ckpt", ".dat",
					     ".data", ".pk",	  ".npy",    ".npz",  ".sav",
					     ".mdl",  ".model",	  ".tar",    ".t7",   ".distcp",
					     ".th",   ".weights", ".params", NULL };
	/* joblib and pandas open these as what is compressed */
	static const char *const packed[] = { ".gz", ".bz2", ".xz",  ".lzma",
					      ".z",  ".lz4", ".zst", NULL };
	const char *base = strrchr(name, '/');
	size_t n = strlen(name);

	n -= ending(name, n, packed);
	if (ending(name, n, sure))
		return ST_SCAN_SAYS_SO;
	if (ending(name, n, maybe))
		return ST_SCAN_MAY_BE;
	return strchr(base ? base + 1 : name, '.') ? ST_SCAN_NO_CLAIM : ST_SCAN_BARE;
}

bool st_scan_claimed(const char *name)
{
	return st_scan_claim_of(name) >= ST_SCAN_MAY_BE;
}

static const struct foreign {
	const char *bytes;
	size_t n;
	const char *name;
	bool archive; /* no loader opens it: made to keep scanners out */
} foreign[] = {
	{ "7z\xbc\xaf\x27\x1c", 6, "7-Zip", true },
	{ "Rar!\x1a\x07", 6, "RAR", true },
	{ "\xfd\x37zXZ", 5, "xz", false },
	{ "\x1f\x8b", 2, "gzip", false },
	{ "BZh", 3, "bzip2", false },
	{ "\x04\x22\x4d\x18", 4, "lz4", false },
	{ "\x28\xb5\x2f\xfd", 4, "zstd", false },
	{ "\x5d\x00", 2, "lzma", false },
	{ "\x78", 1, "zlib", false }, /* and a header that is a multiple of 31 */
	{ "ZF0x", 4, "joblib 0.9", false },
};

static const struct foreign *foreign_of(const struct head *h)
{
	size_t i;

	for (i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (h->n >= foreign[i].n && memcmp(h->p, foreign[i].bytes, foreign[i].n) == 0 &&
		    (foreign[i].n > 1 || (h->n > 1 && (h->p[0] << 8 | h->p[1]) % 31 == 0)))
			return &foreign[i];
	return NULL;
}

static int tell_foreign(struct st_scan_run *x, const struct st_scan_place *pl,
			const struct foreign *f)
{
	if (f->archive)
		return st_scan_tell(x, pl, 0, ST_SCAN_DANGEROUS,
				    "a %s archive under the name of a model: not looked into",
				    f->name);
	x->res->suspect += pl->claim == ST_SCAN_SAYS_SO;
	return st_scan_tell(x, pl, 0, ST_SCAN_UNKNOWN,
			    "compressed as a whole (%s): not looked into", f->name);
}

/* tarfile takes it for an archive, other loaders for a pickle, whose opcodes the name is. */
static int scan_tar(struct st_scan_run *x, const struct st_scan_place *pl, const struct head *h)
{
	struct st_scan_place also = *pl;
	int rc = st_scan_tar(x, pl);

	also.claim = ST_SCAN_MAY_BE;
	return rc == ST_OK ? scan_pickles(x, &also, 0, h) : rc;
}

int st_scan_place(struct st_scan_run *x, const struct st_scan_place *pl)
{
	const struct foreign *f;
	struct head h;
	int rc = peek(x, pl, 0, &h);

	if (rc != ST_OK)
		return rc;
	if (h.n >= 4 && (memcmp(h.p, "PK\3\4", 4) == 0 || memcmp(h.p, "PK\5\6", 4) == 0))
		return st_scan_zip(x, pl);
	if (begins_npy(h.p, h.n))
		return scan_npy(x, pl);
	if (st_scan_is_tar(h.p, h.n))
		return scan_tar(x, pl, &h);
	f = pl->claim < ST_SCAN_MAY_BE ? NULL : foreign_of(&h);
	return f ? tell_foreign(x, pl, f) : scan_pickles(x, pl, 0, &h);
}

int st_scan(const struct st_source *src, const struct st_scan_options *o,
	    int (*cb)(void *arg, const struct st_scan_find *f), void *arg,
	    struct st_scan_result *res, struct st_err *e)
{
	struct st_scan_run x = { .o = o, .cb = cb, .arg = arg, .res = res, .e = e };
	const struct st_scan_place pl = { .src = src,
					  .member = "",
					  .claim = st_scan_claim_of(src->name) };
	int rc;

	*res = (struct st_scan_result){ 0 };
	if (!st_mul_u64(src->size, INFLATE_TIMES, &x.budget) ||
	    !st_add_u64(x.budget, INFLATE_MORE, &x.budget))
		x.budget = UINT64_MAX;
	x.left = x.budget;
	rc = st_scan_place(&x, &pl);
	if (rc == ST_OK && x.spent) {
		res->suspect++;
		rc = st_scan_tell(&x, &pl, 0, ST_SCAN_UNKNOWN,
				  "more than %" PRIu64
				  " bytes to inflate: not looked into to its end",
				  x.budget);
	}
	return rc == ST_EFORMAT || rc == ST_ELIMIT ? st_wrap(e, "%s", src->name) : rc;
}
