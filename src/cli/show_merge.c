/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show_merge.h"

#define MOST 50 /* lines */

struct merged {
	struct cli *c;
	strata_error *err;
	uint64_t n;
	struct table t;
	struct column *columns; /* type, name, base, one a side, how */
	human *titles;		/* of the sides */
};

/* ---- text ---- */

/* As in how something was settled. */
static human side_name(size_t side)
{
	human h;

	if (side < 2)
		snprintf(h.s, sizeof(h.s), "%s", side ? "theirs" : "ours");
	else
		snprintf(h.s, sizeof(h.s), "theirs %zu", side);
	return h;
}

static void text_head(const struct cli *c, const strata_merge_info *i)
{
	printf("\nmerge description %s%s%s\nParents: ", color_on(c, COLOR_ID), human_id(i->id).s,
	       color_off(c, COLOR_ID));
	for (size_t k = 0; k < i->nparents; k++)
		printf("%s%s (%s)", k ? ", " : "", human_id(i->parents[k]).s, side_name(k).s);
	printf("\n%s", i->nbases > 1 ? "Bases:   " : "Base:    ");
	for (size_t k = 0; k < i->nbases; k++)
		printf("%s%s", k ? ", " : "", human_id(i->bases[k]).s);
	printf("%s\nSeed:    %" PRIu64 "\nSettled: %s\n", i->nbases ? "" : "none", i->seed,
	       i->items ? human_number(i->items).s : "nothing");
}

static int text_info(void *arg, const strata_merge_info *i)
{
	static const struct column id = { "base", false, COLOR_ID };
	struct merged *m = arg;
	struct column *at;

	text_head(m->c, i);
	m->titles = cli_alloc(m->c, i->nparents, sizeof(*m->titles), m->err);
	m->columns = cli_alloc(m->c, i->nparents + 4, sizeof(*m->columns), m->err);
	if (!m->titles || !m->columns)
		return 1;
	at = m->columns;
	*at++ = (struct column){ "type", false, COLOR_NONE };
	*at++ = (struct column){ "tensor, key or file", false, COLOR_NAME };
	*at++ = id;
	for (size_t k = 0; k < i->nparents; k++) {
		m->titles[k] = side_name(k);
		*at = id;
		at++->title = m->titles[k].s;
	}
	*at++ = (struct column){ "how", false, COLOR_NONE };
	table_init(&m->t, m->columns, (size_t)(at - m->columns));
	return cli_stop(m->c);
}

static void id_cell(struct table *t, const char *id)
{
	table_text(t, id ? human_id(id).s : "-");
}

/* "PATH::NAME"; where there is no name it is about the file. */
static void name_cell(struct table *t, const strata_merge_input *i)
{
	char *path, *name, *both = NULL;

	if (!*i->name) {
		table_name(t, i->path, strlen(i->path));
		return;
	}
	path = name_quoted(i->path, strlen(i->path));
	name = name_quoted(i->name, strlen(i->name));
	if (path && name && asprintf(&both, "%s::%s", path, name) >= 0)
		table_text(t, both);
	else
		t->failed = true;
	free(both);
	free(name);
	free(path);
}

static int text_item(void *arg, const strata_merge_input *i)
{
	struct merged *m = arg;

	if (m->n++ >= MOST)
		return cli_stop(m->c);
	table_name(&m->t, i->kind, strlen(i->kind));
	name_cell(&m->t, i);
	id_cell(&m->t, i->base);
	for (size_t k = 0; k < i->nsides; k++)
		id_cell(&m->t, i->sides[k]);
	table_name(&m->t, i->how, strlen(i->how));
	return cli_stop(m->c);
}

static int text_list(struct merged *m)
{
	int rc;

	if (!m->n)
		return STRATA_OK;
	fputc('\n', stdout);
	rc = table_print(&m->t, m->c, m->err);
	if (rc == STRATA_OK && m->n > MOST)
		printf("and %s more; --json lists them\n", human_number(m->n - MOST).s);
	return rc;
}

/* ---- JSON ---- */

static int json_info(void *arg, const strata_merge_info *i)
{
	struct merged *m = arg;
	strata_json *j = m->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "merge-description");
	jk_text(j, "id", i->id);
	jk_strings(j, "parents", i->parents, i->nparents);
	jk_text(j, "base", i->nbases ? i->bases[0] : NULL);
	jk_strings(j, "bases", i->bases, i->nbases);
	jk_u64(j, "seed", i->seed);
	jk_u64(j, "settled", i->items);
	strata_json_end_object(j);
	return cli_emit(m->c);
}

static int json_item(void *arg, const strata_merge_input *i)
{
	struct merged *m = arg;
	strata_json *j = m->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "merge");
	jk_name(j, "path", i->path);
	jk_name(j, "name", i->name);
	jk_text(j, "type", i->kind);
	jk_text(j, "how", i->how);
	jk_text(j, "base", i->base);
	jk_strings(j, "sides", i->sides, i->nsides);
	strata_json_end_object(j);
	return cli_emit(m->c);
}

/* ---- both ---- */

/* Versions that are no merge, and merges of other programs, have none. */
int show_merge(struct cli *c, const char *rev, bool json, strata_error *err)
{
	struct merged m = { .c = c, .err = err };
	strata_error none = { 0 };
	int rc = strata_merge_show(c->repo, rev ? rev : "HEAD", json ? json_info : text_info,
				   json ? json_item : text_item, &m, &none);

	if (rc == STRATA_OK && !json)
		rc = text_list(&m);
	else if (rc == STRATA_ENOTFOUND)
		rc = STRATA_OK;
	else if (err->code != STRATA_OK) /* of a callback */
		rc = (int)err->code;
	else if (rc != STRATA_OK)
		*err = none;
	table_release(&m.t);
	return rc;
}
