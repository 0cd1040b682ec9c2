/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	const char *versions;
};

static const struct cli_option options[] = {
	{ 0, "versions", OPT_TEXT, offsetof(struct values, versions), "POLICY",
	  "how versions are numbered: sequence, semver or timestamp" },
	{ 0 },
};

const struct cli_doc doc_init = {
	.args = "[DIR]",
	.options = options,
	.text = "Makes DIR (the current directory if not said) the working tree of a new\n"
		"repository, with a first branch 'main' and no version yet. DIR is made if it\n"
		"does not exist. Files in it are left alone. Everything strata stores lies in\n"
		"DIR/.strata.\n"
		"\n"
		"POLICY says what numbers versions get; 'strata config version.policy' changes it\n"
		"for those to come:\n"
		"\n"
		"  sequence   v1, v2, v3; if nothing is said\n"
		"  semver     v1.0.0, then by what changed: v2.0.0 when tensors came or went or have\n"
		"             another shape or type, v1.1.0 when values changed, else v1.0.1\n"
		"  timestamp  v20261121T103000Z: when it was made, in UTC\n"
		"\n"
		"In a directory that is a repository already nothing changes.",
	.examples = "strata init\n"
		    "the current directory becomes a repository\n"
		    "strata init models/bert\n"
		    "a new directory becomes one\n"
		    "strata init --versions=semver\n"
		    "versions will be v1.0.0, v1.1.0, v2.0.0\n",
};

static int policy(const char *name, strata_policy *out, strata_error *err)
{
	static const char *const names[] = { "sequence", "semver", "timestamp" };

	*out = STRATA_AS_SET;
	for (unsigned i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			*out = (strata_policy)i;
	return name && *out == STRATA_AS_SET ?
		       cli_fail(err, STRATA_EUSAGE,
				"--versions is sequence, semver or timestamp, not '%s'", name) :
		       STRATA_OK;
}

int cmd_init(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	strata_policy numbering;
	const char *dir;
	char *real;
	bool fresh = false;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc == STRATA_OK)
		rc = policy(v.versions, &numbering, err);
	if (rc != STRATA_OK)
		return rc;
	dir = a.n ? a.v[0] : ".";
	rc = strata_init(dir, numbering, &fresh, err);
	if (rc != STRATA_OK || c->g.quiet)
		return rc;
	real = realpath(dir, NULL);
	fputs(fresh ? "new repository in " : "already a repository: ", stdout);
	name_put(stdout, real ? real : dir);
	fputs(fresh ? ", branch main\n" : "\n", stdout);
	free(real);
	return STRATA_OK;
}
