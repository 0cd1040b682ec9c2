/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool global, unset, list, json;
};

static const struct cli_option options[] = {
	{ 0, "global", OPT_FLAG, offsetof(struct values, global), NULL,
	  "your own settings, for all repositories" },
	{ 0, "unset", OPT_FLAG, offsetof(struct values, unset), NULL, "remove the setting" },
	{ 'l', "list", OPT_FLAG, offsetof(struct values, list), NULL, "show all settings" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a setting" },
	{ 0 },
};

const struct cli_doc doc_config = {
	.args = "[KEY [VALUE]]",
	.options = options,
	.text = "Shows or changes a setting. Settings lie in .strata/config and, with --global, in\n"
		"~/.config/strata/config, both written as Git's are; the repository's count more.\n"
		"Without a value of their own, user.name and user.email are Git's.\n"
		"\n"
		"  user.name, user.email   who makes versions\n"
		"  version.policy          numbers of new versions: sequence, semver, timestamp\n"
		"  store.mode              fast: hash and copy only, do not compress\n"
		"  merge.method            joins tensors that both sides of a merge changed\n"
		"  merge.rules             'GLOB=M GLOB=M ...': the same for some of them\n"
		"  scan.allow              globs of what 'strata scan' takes for safe\n"
		"  distance.TERM           weight of a term of 'strata distance' (1)\n"
		"  core.lockTimeout        seconds to wait for another process (10)\n"
		"\n"
		"Exit status 1: the setting is not set.",
	.examples = "strata config user.name 'Ada Example'\n"
		    "in this repository\n"
		    "strata config --global user.email ada@example.org\n"
		    "everywhere\n"
		    "strata config --unset store.mode\n"
		    "remove a setting\n",
};

static int show(struct cli *c, bool json, const char *key, const char *value, bool with_key)
{
	if (json) {
		strata_json_object(c->json);
		jk_text(c->json, "key", key);
		jk_text(c->json, "value", value);
		strata_json_end_object(c->json);
		return cli_emit(c);
	}
	if (with_key)
		printf("%s=", key);
	cli_put_safe(stdout, value);
	fputc('\n', stdout);
	return cli_stop(c);
}

struct listing {
	struct cli *c;
	bool json;
};

static int list_one(void *arg, const char *key, const char *value)
{
	struct listing *l = arg;

	return show(l->c, l->json, key, value, true);
}

static int get(struct cli *c, bool global, bool json, const char *key, strata_error *err)
{
	char *value;
	int rc = strata_config_get(global ? NULL : c->repo, key, &value, err);

	if (rc != STRATA_OK)
		return rc;
	if (!value)
		return cli_fail(err, STRATA_ENO, "%s is not set", key);
	show(c, json, key, value, false);
	strata_free(value);
	return STRATA_OK;
}

static int change(struct cli *c, bool global, const char *key, const char *value, strata_error *err)
{
	if (!c->repo && !global)
		return cli_fail(err, STRATA_ENOREPO,
				"this is not in a strata repository; --global changes your own "
				"settings");
	if (value && !*value)
		return cli_fail(err, STRATA_EUSAGE,
				"%s cannot be empty: 'strata config %s--unset %s' removes it", key,
				global ? "--global " : "", key);
	return strata_config_set(c->repo, global, key, value, err);
}

int cmd_config(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct listing l = { .c = c };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK && !a.n && !v.list && !v.unset)
		rc = cli_fail(err, STRATA_EUSAGE, "config: give KEY, or --list for all settings");
	if (rc == STRATA_OK)
		rc = cli_count(c, &a, v.list ? 0 : 1, v.list ? 0 : v.unset ? 1 : 2, err);
	if (rc == STRATA_OK && a.n && !*a.v[0])
		rc = cli_fail(err, STRATA_EUSAGE,
			      "'' is no setting: give KEY, or --list for all settings");
	if (rc != STRATA_OK)
		return rc;
	l.json = v.json;
	if (v.list)
		return strata_config_list(v.global ? NULL : c->repo, list_one, &l, err);
	if (v.unset || a.n == 2)
		return change(c, v.global, a.v[0], v.unset ? NULL : a.v[1], err);
	return get(c, v.global, v.json, a.v[0], err);
}
