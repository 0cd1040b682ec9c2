/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of old PyTorch, in which pickles and raw numbers take turns. Before 1.6: five pickles (a
 * magic number, the protocol, sizes of types, the object, the keys), then raw storages. 0.1, in
 * members of a tar archive:
 *
 *	storages	n; n times (key, location, class), i64 number of elements, these; views
 *	tensors		n; n times (key, storage, class), i32 dimensions, 4 bytes, as many sizes and
 *			strides of 8 bytes, 8 bytes of offset
 */
#include "format/scan_place.h"

#include "format/torch.h"

/* A pickle that must be there. *more: it is, whole. */
static int must(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
		struct st_scan_seen *s, bool *more)
{
	int rc = st_scan_look(x, pl, at, true, s);

	*more = rc == ST_OK && s->whole;
	if (rc == ST_OK && !s->whole && !s->pickle)
		rc = st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN,
				  "a pickle of a PyTorch file breaks: %s", s->why.msg);
	return rc;
}

int st_scan_stacked(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at)
{
	struct st_scan_seen s;
	bool more = true;
	int i, rc = ST_OK;

	for (i = 1; rc == ST_OK && more && i < 5; i++) {
		rc = must(x, pl, at, &s, &more);
		at = s.end;
		st_pickle_release(&s.p);
	}
	return rc;
}

/* Length of the numbers behind the pickle s; false when the pickle does not say it. */
static bool numbers(const struct st_scan_seen *s, const uint8_t *p, bool tensors, uint64_t *n)
{
	const struct st_pk *root = s->p.root;
	struct st_torch_elem elem;
	uint64_t count = st_get64(p);

	if (tensors) {
		*n = 4 + 4 + (uint64_t)st_get32(p) * 16 + 8;
		return true;
	}
	if (root->kind != ST_PK_TUPLE || root->seq.n != 3 ||
	    !st_torch_class(&elem, root->seq.v[2]) || !elem.elsize || elem.per_byte > 1)
		return false;
	return st_mul_u64(count, elem.elsize, n) && st_add_u64(*n, 8, n);
}

static int scan_entries(struct st_scan_run *x, const struct st_scan_place *pl, uint64_t at,
			uint64_t n, bool tensors)
{
	struct st_scan_seen s;
	bool more = true, known = true;
	uint8_t p[8] = { 0 };
	uint64_t i, len = 0;
	int rc = ST_OK;

	/* behind the storages comes a pickle of views */
	for (i = 0; rc == ST_OK && more && known && i < n + !tensors && i < ST_SCAN_ROW; i++) {
		rc = must(x, pl, at, &s, &more);
		at = s.end;
		if (rc == ST_OK && more && i < n) {
			known = pl->src->size - at >= sizeof(p);
			if (known)
				rc = st_source_read(pl->src, p, sizeof(p), at, x->e);
			known = known && numbers(&s, p, tensors, &len) && len <= pl->src->size - at;
			at += known ? len : 0;
		}
		st_pickle_release(&s.p);
	}
	if (rc == ST_OK && more && (!known || i < n))
		return st_scan_tell(x, pl, at, ST_SCAN_UNKNOWN,
				    "numbers and pickles by turns: not followed from here on");
	return rc == ST_OK && more ? st_scan_behind(x, pl, at, true) : rc;
}

int st_scan_torch_member(struct st_scan_run *x, const struct st_scan_place *pl, bool tensors)
{
	struct st_scan_seen s;
	int rc = st_scan_look(x, pl, 0, true, &s);
	bool is = rc == ST_OK && s.whole && s.p.root->kind == ST_PK_INT && s.p.root->i >= 0;
	uint64_t n = is ? (uint64_t)s.p.root->i : 0;

	st_pickle_release(&s.p);
	if (rc != ST_OK || (s.pickle && !s.whole))
		return rc;
	if (is)
		return scan_entries(x, pl, s.end, n, tensors);
	return s.pickle ? st_scan_behind(x, pl, s.end, true) : st_scan_place(x, pl);
}
