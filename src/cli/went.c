/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/went.h"

void went_counts(const strata_checkout_result *r)
{
	printf("%s file%s written, %s", human_number(r->written).s, plural(r->written),
	       human_bytes(r->bytes).s);
	if (r->kept)
		printf("; %s kept", human_number(r->kept).s);
	if (r->removed)
		printf("; %s removed", human_number(r->removed).s);
	fputc('\n', stdout);
}

int went_head(struct cli *c, const strata_checkout_result *r, strata_error *err)
{
	strata_head_info h;
	human id;
	int rc = strata_head(c->repo, &h, err);

	if (rc != STRATA_OK)
		return rc;
	id = human_id(h.commit);
	if (h.unborn)
		printf("on branch %s, no version yet: ", h.branch);
	else if (h.detached)
		printf("HEAD is detached at %s%s%s: ", h.version, *h.version ? " " : "", id.s);
	else
		printf("on branch %s, at %s%s%s: ", h.branch, h.version, *h.version ? " " : "",
		       id.s);
	went_counts(r);
	if (h.detached)
		went_hint(c);
	return STRATA_OK;
}

void went_hint(const struct cli *c)
{
	printf("  %s(strata switch -c NAME keeps what you commit here on a branch)%s\n",
	       color_on(c, COLOR_DIM), color_off(c, COLOR_DIM));
}

void went_json(strata_json *j, const strata_checkout_result *r)
{
	strata_json_key(j, "files");
	strata_json_object(j);
	jk_u64(j, "written", r->written);
	jk_u64(j, "kept", r->kept);
	jk_u64(j, "removed", r->removed);
	jk_u64(j, "bytes", r->bytes);
	strata_json_end_object(j);
}

int went_emit(struct cli *c, const strata_checkout_result *r, const char *to, strata_error *err)
{
	strata_json *j = c->json;
	strata_head_info h;
	int rc = strata_head(c->repo, &h, err);

	if (rc != STRATA_OK)
		return rc;
	strata_json_object(j);
	jk_text(j, "branch", h.detached ? NULL : h.branch);
	jk_bool(j, "detached", h.detached);
	jk_text(j, "commit", h.unborn ? NULL : h.commit);
	jk_text(j, "version", *h.version ? h.version : NULL);
	if (to)
		jk_name(j, "to", to);
	else
		jk_text(j, "to", NULL);
	went_json(j, r);
	strata_json_end_object(j);
	cli_emit(c);
	return STRATA_OK;
}
