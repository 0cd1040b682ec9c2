/* SPDX-License-Identifier: Apache-2.0 */
/* What the file of a merged model is made like, and whether there can be such a file. */
#include "repo/weave_model.h"

#define METADATA "(metadata)" /* the name of what a file says besides tensors */

static bool same_text(const char *a, size_t na, const char *b, size_t nb)
{
	if (!a || !b)
		return a == b;
	return na == nb && memcmp(a, b, na) == 0;
}

static bool same_metadata(const struct st_dfile *a, const struct st_dfile *b)
{
	size_t na = 0, nb = 0;
	const char *ta = st_dfile_metadata(a, &na), *tb = st_dfile_metadata(b, &nb);

	return same_text(ta, na, tb, nb);
}

/* Do they say the same besides tensors? */
static bool alike(const struct st_weaving *k, size_t i, size_t j)
{
	return same_metadata(&k->parts[i].v[0], &k->parts[j].v[0]) &&
	       st_oid_eq(&k->has[i].rest, &k->has[j].rest);
}

static bool as_base(const struct st_weaving *k, size_t i)
{
	return k->f.base && !k->no_metadata && same_metadata(&k->parts[i].v[0], k->base.v) &&
	       st_oid_eq(&k->has[i].rest, &k->base_has.rest);
}

static int look_at_members(struct st_weaving *k, struct st_err *e)
{
	struct st_repo *r = k->f.w->r;
	int rc = ST_OK;

	if (k->f.base && !k->no_metadata)
		rc = st_members_look(&k->base_has, r, k->base.v, e);
	for (size_t i = 0; rc == ST_OK && i < k->f.w->n; i++)
		if (k->f.side[i])
			rc = st_members_look(&k->has[i], r, &k->parts[i].v[0], e);
	return rc;
}

static bool shares_memory(const struct st_weaving *k, size_t i)
{
	bool any = false;

	for (size_t j = 0; !any && k->f.side[i] && j < st_weaving_side(k, i)->n; j++)
		any = k->tied[i][j];
	return any;
}

static bool shares_any_memory(const struct st_weaving *k)
{
	bool any = false;

	for (size_t i = 0; i < k->f.w->n; i++)
		any = any || shares_memory(k, i);
	return any;
}

static bool base_shares(const struct st_weaving *k)
{
	bool any = false;

	for (size_t j = 0; !any && j < st_diff_side_get(k->f.base)->n; j++)
		any = k->base_tied[j];
	return any;
}

/* The layout comes with the metadata, and who shares whose memory with that: which is a matter of
 * the sides. */
static int make_like(struct st_weaving *k, const struct st_stage_row *row,
		     const struct st_side *side, bool shares, struct st_err *e)
{
	if (shares || shares_any_memory(k))
		return st_fail(e, ST_EREFUSED,
			       "tensors of '%s' share memory: its metadata can only be one side's, "
			       "--ours or --theirs",
			       k->f.s->path);
	k->f.like = row;
	k->f.like_side = side;
	return ST_OK;
}

static int like_base(struct st_weaving *k, struct st_err *e)
{
	const struct st_stage_row *base = k->f.s->base;

	if (!base)
		return st_fail(e, ST_ENOTFOUND, "the base has no file '%s'", k->f.s->path);
	if (st_weave_baseless(k->f.w, base))
		return st_weave_no_base(k->f.s->path, METADATA, strlen(METADATA), e);
	return make_like(k, base, st_diff_side_get(k->f.base), base_shares(k), e);
}

static const char *format_of(const struct st_weaving *k)
{
	size_t i = 0;

	while (!k->f.side[i])
		i++;
	return st_dfile_format(&k->parts[i].v[0]);
}

static int like_from(struct st_weaving *k, const struct st_oid *commit, size_t *want,
		     struct st_err *e)
{
	struct st_weaving_other x;
	size_t part;
	int rc;

	if (!st_weave_part(k->f.w, commit, &part)) {
		rc = st_weaving_other(k, commit, &x, e);
		if (rc == ST_OK && strcmp(st_dfile_format(&x.parts.v[0]), format_of(k)) != 0)
			rc = st_fail(e, ST_EREFUSED, "'%s' of the version of --from is no %s file",
				     x.row->path, format_of(k));
		return rc == ST_OK ?
			       make_like(k, x.row, st_diff_side_get(x.parts.side), x.shares, e) :
			       rc;
	}
	if (part == ST_THREE_BASE)
		return like_base(k, e);
	if (!k->f.side[part])
		return st_fail(e, ST_ENOTFOUND, "the version of --from has no file '%s'",
			       k->f.s->path);
	*want = part;
	return ST_OK;
}

/* Whose the metadata are to be: a side's, *want, or else k->f.like's. */
static int obey_metadata(struct st_weaving *k, const struct st_choice *c, size_t *want,
			 struct st_err *e)
{
	switch (c->how) {
	case ST_HOW_OPEN:
		return ST_OK;
	case ST_HOW_SIDE:
		*want = k->f.side[c->side] ? c->side : *want;
		return ST_OK;
	case ST_HOW_BASE:
		return like_base(k, e);
	case ST_HOW_FROM:
		return like_from(k, &c->from, want, e);
	default:
		return st_fail(e, ST_EUSAGE,
			       "the metadata of '%s' are one version's: --ours, --theirs, --base "
			       "or --from",
			       k->f.s->path);
	}
}

static int note_metadata(struct st_weave *w, const struct st_dfile *v, const struct st_oid *rest,
			 struct st_oid *id, struct st_merge_held *held, struct st_err *e)
{
	struct st_keys_text text = { NULL, 0 };
	struct st_oid both[2] = { { { 0 } }, *rest };

	if (v)
		text.p = st_dfile_metadata(v, &text.len);
	if (text.p)
		st_oid_of(id, text.p, text.len);
	both[0] = *id;
	if (v && !st_oid_is_zero(rest))
		st_oid_of(id, both, sizeof(both));
	return st_held_text(w, &text, held, e);
}

static int settle_metadata(struct st_weaving *k, size_t *want, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_held held[ST_THREE_SIDES + 1];
	struct st_merge_item it = { .path = k->f.s->path,
				    .path_len = strlen(k->f.s->path),
				    .name = METADATA,
				    .name_len = strlen(METADATA),
				    .kind = st_conflict_name(ST_CONFLICT_SETTING),
				    .sides = ids,
				    .nsides = k->f.w->n,
				    .held = held };
	const bool based = k->base.v && !k->no_metadata;
	struct st_choice c;
	int rc = note_metadata(k->f.w, based ? k->base.v : NULL, &k->base_has.rest, &it.base,
			       &held[0], e);

	for (size_t i = 0; rc == ST_OK && i < k->f.w->n; i++)
		rc = note_metadata(k->f.w, k->f.side[i] ? k->parts[i].v : NULL, &k->has[i].rest,
				   &ids[i], &held[i + 1], e);
	if (rc == ST_OK)
		rc = st_weave_item(k->f.w, &it, ST_RULED_NOT, &c, e);
	return rc == ST_OK ? obey_metadata(k, &c, want, e) : rc;
}

/* Has the side all tensors of the result, and no other? same: with their values. */
static bool fits(const struct st_weaving *k, size_t i, bool same)
{
	const struct st_side *side = st_weaving_side(k, i);
	struct st_err none = { 0 };
	struct st_map names;
	bool yes = side->n == k->f.n;

	st_map_init(&names);
	for (size_t j = 0; yes && j < side->n; j++)
		yes = st_map_put(&names, side->t[j].name, side->t[j].name_len, j, NULL, NULL,
				 &none) == ST_OK;
	for (size_t j = 0; yes && j < k->f.n; j++) {
		const struct st_thread *t = &k->f.v[j];
		const struct st_operand *op;
		uint64_t at;

		yes = st_map_get(&names, t->name, t->name_len, &at);
		op = yes ? &side->t[at] : NULL;
		yes = yes && op->dtype == t->op->dtype && st_operand_same_shape(op, t->op) &&
		      (!same || (st_fabric_copies(t) && st_oid_eq(&op->id, &t->of->id)));
	}
	st_map_release(&names);
	return yes;
}

/* Have they the same tensors, whatever their values? */
static int same_form(const struct st_side *a, const struct st_side *b, bool *same, struct st_err *e)
{
	struct st_map names;
	uint64_t at;
	int rc = ST_OK;

	*same = a->n == b->n;
	st_map_init(&names);
	for (size_t j = 0; rc == ST_OK && *same && j < a->n; j++)
		rc = st_map_put(&names, a->t[j].name, a->t[j].name_len, j, NULL, NULL, e);
	for (size_t j = 0; rc == ST_OK && *same && j < b->n; j++) {
		const struct st_operand *x = &b->t[j];

		*same = st_map_get(&names, x->name, x->name_len, &at) &&
			x->dtype == a->t[at].dtype && st_operand_same_shape(x, &a->t[at]);
	}
	st_map_release(&names);
	return rc;
}

/* Did the side change something that its pickle alone says? */
static int is_pickled_anew(const struct st_weaving *k, size_t i, bool *yes, struct st_err *e)
{
	*yes = false;
	if (!k->f.side[i] || !k->f.base || st_oid_is_zero(&k->base_has.pickle) ||
	    st_oid_is_zero(&k->has[i].pickle) || st_oid_eq(&k->has[i].pickle, &k->base_has.pickle))
		return ST_OK;
	return same_form(st_weaving_side(k, i), st_diff_side_get(k->f.base), yes, e);
}

/*
 * Where nothing else speaks for a side's file, that does: no conflict, as a pickle may differ for
 * reasons that nobody would be asked about. What is left behind is said.
 */
static int prefer_pickled(struct st_weaving *k, bool *found, struct st_err *e)
{
	char side[ST_SIDE_TEXT];
	int rc = ST_OK;

	*found = false;
	for (size_t i = 0; rc == ST_OK && i < k->f.w->n; i++) {
		bool anew;

		rc = is_pickled_anew(k, i, &anew, e);
		if (rc != ST_OK || !anew)
			continue;
		if (!*found && fits(k, i, false)) {
			k->f.pattern = i;
			*found = true;
		} else if (i && k->f.w->t &&
			   !st_oid_eq(&k->has[i].pickle, &k->has[k->f.pattern].pickle)) {
			st_warn(&k->f.w->r->ctx,
				"'%s': what %s changed in its pickle besides tensors and metadata "
				"(which parameters want gradients, devices, classes) is left",
				k->f.s->path, st_weave_side_text(i, side));
		}
	}
	return rc;
}

/* Is a tensor of both sides in memory of its own on one of them only? */
static int other_memory(const struct st_weaving *k, size_t a, size_t b, bool *yes, struct st_err *e)
{
	const struct st_side *x = st_weaving_side(k, a), *y = st_weaving_side(k, b);
	struct st_map names;
	int rc = ST_OK;

	*yes = false;
	if (!shares_memory(k, a) && !shares_memory(k, b))
		return ST_OK;
	st_map_init(&names);
	for (size_t j = 0; rc == ST_OK && j < x->n; j++)
		rc = st_map_put(&names, x->t[j].name, x->t[j].name_len, j, NULL, NULL, e);
	for (size_t j = 0; rc == ST_OK && !*yes && j < y->n; j++) {
		uint64_t at;

		*yes = st_map_get(&names, y->t[j].name, y->t[j].name_len, &at) &&
		       k->tied[a][at] != k->tied[b][j];
	}
	st_map_release(&names);
	return rc;
}

/* What shares memory and what the file says besides go together in one file: does another side's
 * file have what may be wanted of the one, and not what `want` has of the other? */
static int is_torn(const struct st_weaving *k, size_t want, bool *torn, struct st_err *e)
{
	int rc = ST_OK;

	*torn = false;
	for (size_t i = 0; rc == ST_OK && !*torn && i < k->f.w->n; i++)
		if (k->f.side[i] && i != want && (i == k->memory || k->said) && !alike(k, i, want))
			rc = other_memory(k, i, want, torn, e);
	return rc;
}

/* Is the result just what the side has, memory that is shared included? */
static bool is_all_of(const struct st_weaving *k, size_t i)
{
	return fits(k, i, true) &&
	       (i == k->memory || (!shares_memory(k, i) && !shares_memory(k, k->memory)));
}

int st_weaving_pattern(struct st_weaving *k, struct st_err *e)
{
	size_t first = 0, want;
	bool any = false, all = true, differ = false, torn = false;
	int rc = look_at_members(k, e);

	if (rc != ST_OK)
		return rc;
	while (!k->f.side[first])
		first++;
	want = first;
	for (size_t i = first; i < k->f.w->n; i++) {
		if (!k->f.side[i])
			continue;
		all = all && alike(k, i, first);
		if (as_base(k, i))
			continue;
		differ = differ || (any && !alike(k, i, want));
		want = any ? want : i;
		any = true;
	}
	k->f.pattern = want;
	rc = differ ? ST_OK : is_torn(k, want, &torn, e);
	if (rc != ST_OK || differ || torn)
		return rc == ST_OK ? settle_metadata(k, &k->f.pattern, e) : rc;
	if (!any && !shares_any_memory(k)) {
		rc = prefer_pickled(k, &any, e);
		if (rc != ST_OK || any)
			return rc;
	}
	if (k->memory && k->f.side[k->memory] && fits(k, k->memory, false) &&
	    alike(k, k->memory, want)) {
		k->f.pattern = k->memory;
		return ST_OK;
	}
	for (int same = 1; all && same >= 0; same--)
		for (size_t i = first; i < k->f.w->n; i++)
			if (k->f.side[i] && (same ? is_all_of(k, i) : fits(k, i, false))) {
				k->f.pattern = i;
				return ST_OK;
			}
	return ST_OK;
}

static bool is_decided(const struct st_fabric *f)
{
	const struct st_weave *w = f->w;

	for (size_t i = 0; i < w->nknown; i++) {
		const char *path = w->d->items[i].path;

		if (w->d->items[i].how && (f->unit ? st_weave_unit_at(w, path) == f->unit :
						     strcmp(path, f->s->path) == 0))
			return true;
	}
	return false;
}

int st_weaving_refused(struct st_weaving *k, const struct st_weaving_counts *before,
		       const struct st_err *why, bool *whole, struct st_err *e)
{
	struct st_weave *w = k->f.w;
	bool refused = why->code == ST_EREFUSED;
	/* the message says no other way then */
	bool shared = k->f.shared && *k->f.shared;
	const char *alike = shared ? "; decide alike those that share memory" : "";

	*whole = refused && !is_decided(&k->f);
	if (!*whole)
		return st_fail(e, why->code, "%s%s%s", why->msg, refused ? alike : "",
			       refused ?
				       "; or decide the conflicts of the file otherwise, or stage "
				       "a file of your own, or one version's as it is: 'strata "
				       "restore --source REV FILE', then 'strata add FILE'" :
				       "");
	w->d->nitems = before->nitems;
	w->target.nrows = before->ntarget;
	w->gone.nrows = before->ngone;
	w->sewn = before->sewn;
	w->open = before->open;
	w->tensors_taken = before->taken;
	w->tensors_blended = before->blended;
	st_warn(&w->r->ctx, "%s; %sdecide for one side's file", why->msg, shared ? "" : "or ");
	return ST_OK;
}

int st_weaving_check(struct st_weaving *k, const struct st_weaving_counts *before, bool *whole,
		     struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = k->f.unit ? st_weave_unit_check(&k->f, &why) : st_fabric_check(&k->f, &why);

	*whole = false;
	return rc == ST_OK ? ST_OK : st_weaving_refused(k, before, &why, whole, e);
}
