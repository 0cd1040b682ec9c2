/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each is checked by who reads it, on settings that hold it alone: what is accepted here is what
 * works later. Names, addresses and globs may be any text.
 */
#include "repo/setting.h"

#include "repo/distance.h"
#include "repo/merge_state.h"
#include "repo/number.h"
#include "repo/stage.h"

#include <strings.h>

static int policy(const struct st_repo *r, struct st_err *e)
{
	strata_policy out;

	return st_policy_get(&r->config, &out, e);
}

static int mode(const struct st_repo *r, struct st_err *e)
{
	enum st_codec_mode out;

	return st_store_mode(&r->config, &out, e);
}

static int seconds(const struct st_repo *r, struct st_err *e)
{
	int64_t ns;

	return st_lock_wait(&r->config, &ns, e);
}

static int weight(const struct st_repo *r, struct st_err *e)
{
	double out[STRATA_DISTANCE_TERMS];

	return st_verb_distance_weights(&r->config, NULL, out, e);
}

static int rules(const struct st_repo *r, struct st_err *e)
{
	struct st_rules out;
	int rc;

	st_rules_init(&out);
	rc = st_merge_rules((struct st_repo *)r, NULL, NULL, 0, &out, e);
	st_rules_release(&out);
	return rc;
}

static const struct known {
	const char *key;
	int (*check)(const struct st_repo *r, struct st_err *e); /* r: its settings only */
} known[] = {
	{ "core.lockTimeout", seconds },
	{ "distance.configuration", weight },
	{ "distance.data", weight },
	{ "distance.metrics", weight },
	{ "distance.parameters", weight },
	{ "distance.structure", weight },
	{ "merge.method", rules },
	{ "merge.rules", rules },
	{ "store.mode", mode },
	{ "version.policy", policy },
};

/* As it would be read back from a file. */
static int alone(struct st_config *c, const char *key, const char *value, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, ST_CONFIG_MAX);
	rc = st_config_edit(&b, "", 0, "the setting", key, value, e);
	if (rc == ST_OK)
		rc = st_config_parse(c, (const char *)b.p, b.len, "the setting", e);
	st_buf_release(&b);
	return rc;
}

int st_setting_check(const char *key, const char *value, struct st_err *e)
{
	const struct known *k = NULL;
	struct st_repo r = { .gc_fd = -1, .index_fd = -1 };
	int rc;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcasecmp(key, known[i].key) == 0)
			k = &known[i];
	if (!k)
		return ST_OK;
	st_config_init(&r.config);
	rc = alone(&r.config, k->key, value, e);
	if (rc == ST_OK)
		rc = k->check(&r, e);
	st_config_release(&r.config);
	return rc;
}
