/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/renewed.h"

#include "cli/versions.h"

int renew_and_show(struct cli *c, strata_renewal what, const char *rev,
		   const strata_renew_options *o, strata_error *err)
{
	strata_renew_result r;
	int rc = strata_renew(c->repo, what, rev, o, &r, err);
	human id;

	if (rc != STRATA_OK || c->g.quiet)
		return rc;
	id = human_id(r.commit);
	printf("%s%s%s %s%s%s  ", color_on(c, COLOR_BOLD), r.version, color_off(c, COLOR_BOLD),
	       color_on(c, COLOR_ID), id.s, color_off(c, COLOR_ID));
	name_put(stdout, *r.branch ? r.branch : "(no branch)");
	fputs("  ", stdout);
	safe_line(r.message);
	printf("  files    %s changed, %s added, %s removed\n", human_number(r.files.changed).s,
	       human_number(r.files.added).s, human_number(r.files.removed).s);
	return STRATA_OK;
}
