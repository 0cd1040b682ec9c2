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
	return STRATA_OK;
}
