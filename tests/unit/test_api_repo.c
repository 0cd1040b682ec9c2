/* SPDX-License-Identifier: Apache-2.0 */
/* A repository through the public interface alone: settings, a version, callbacks that stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <strata/strata.h>

static char top[] = "/tmp/strata-unit-XXXXXX";

static strata_repo *open_fresh(const char *name, const strata_options *o)
{
	char dir[64];
	strata_repo *r = NULL;

	snprintf(dir, sizeof(dir), "%s/%s", top, name);
	assert_int_equal(strata_init(dir, STRATA_SEQUENCE, NULL, NULL), STRATA_OK);
	assert_int_equal(strata_open(&r, dir, NULL, o, NULL), STRATA_OK);
	assert_string_equal(strata_workdir(r) + strlen(strata_workdir(r)) - strlen(name), name);
	return r;
}

static void write_file(strata_repo *r, const char *name, const char *text)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", strata_workdir(r), name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void has(strata_repo *r, const char *key, const char *want)
{
	char *v = NULL;

	assert_int_equal(strata_config_get(r, key, &v, NULL), STRATA_OK);
	if (want)
		assert_string_equal(v, want);
	else
		assert_null(v);
	strata_free(v);
}

static int count_settings(void *arg, const char *key, const char *value)
{
	unsigned *left = arg;

	assert_non_null(key);
	assert_non_null(value);
	return --*left == 0;
}

static void settings(void **state)
{
	strata_repo *r = open_fresh("settings", NULL);
	strata_error err;
	unsigned left = 1;

	(void)state;
	has(r, "a.b", NULL);
	assert_int_equal(strata_config_set(r, true, "a.b", "user", NULL), STRATA_OK);
	has(r, "a.b", "user");
	has(NULL, "a.b", "user");
	assert_int_equal(strata_config_set(r, false, "a.b", "own", NULL), STRATA_OK);
	has(r, "a.b", "own");
	has(NULL, "a.b", "user");
	assert_int_equal(strata_config_set(r, false, "user.name", "Zoe", NULL), STRATA_OK);
	has(r, "user.name", "Zoe");
	/* A callback that stops: the answer is no, and there is no message. */
	assert_int_equal(strata_config_list(r, count_settings, &left, &err), STRATA_ENO);
	assert_string_equal(err.message, "");
	assert_int_equal(err.exit_status, 1);
	left = 4; /* and version.policy, which open_fresh set */
	assert_int_equal(strata_config_list(r, count_settings, &left, &err), STRATA_OK);
	assert_int_equal(left, 1);
	assert_int_equal(strata_config_set(r, false, "a.b", NULL, NULL), STRATA_OK);
	has(r, "a.b", "user");
	assert_int_equal(strata_config_set(r, false, "nodot", "x", &err), STRATA_EUSAGE);
	strata_close(r);
}

struct seen {
	unsigned calls;
	bool stop;
	char message[32];
};

static int on_version(void *arg, const strata_version *v)
{
	struct seen *s = arg;

	s->calls++;
	snprintf(s->message, sizeof(s->message), "%s", v->message);
	assert_int_equal(strlen(v->commit), 64);
	return s->stop;
}

static void a_version(void **state)
{
	strata_repo *r = open_fresh("versions", NULL);
	const strata_commit_options o = { .message = "m", .author = "A <a@b>" };
	char path[4200], commit[STRATA_HEX];
	const char *paths[1] = { path };
	strata_commit_result res;
	strata_head_info head;
	strata_error err;
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(strata_head(r, &head, NULL), STRATA_OK);
	assert_true(head.unborn);
	assert_string_equal(head.branch, "main");
	assert_string_equal(head.commit, "");
	assert_int_equal(strata_commit(r, &o, &res, &err), STRATA_ENO);
	assert_string_not_equal(err.message, "");
	write_file(r, "one", "content");
	snprintf(path, sizeof(path), "%s/one", strata_workdir(r));
	assert_int_equal(strata_add(r, paths, 1, 0, NULL, NULL, NULL, NULL), STRATA_OK);
	assert_int_equal(strata_commit(r, &o, &res, NULL), STRATA_OK);
	assert_string_equal(res.version, "v1");
	assert_int_equal(res.files.added, 1);
	assert_int_equal(strata_head(r, &head, NULL), STRATA_OK);
	assert_false(head.unborn);
	assert_string_equal(head.commit, res.commit);
	assert_string_equal(head.version, "v1");
	assert_int_equal(strata_resolve(r, "@", commit, NULL), STRATA_OK);
	assert_string_equal(commit, res.commit);
	assert_int_equal(strata_resolve(r, "v2", commit, NULL), STRATA_ENOTFOUND);
	assert_string_equal(commit, "");
	assert_int_equal(strata_log(r, NULL, on_version, &seen, NULL), STRATA_OK);
	assert_int_equal(seen.calls, 1);
	assert_string_equal(seen.message, "m");
	strata_close(r);
}

static bool always(void *arg)
{
	++*(unsigned *)arg;
	return true;
}

static void cancelled(void **state)
{
	unsigned asked = 0;
	const strata_options o = { .jobs = 1, .arg = &asked, .cancelled = always };
	strata_repo *r = open_fresh("cancelled", &o);
	char path[4200];
	const char *paths[1] = { path };
	strata_error err;

	(void)state;
	write_file(r, "one", "content");
	snprintf(path, sizeof(path), "%s/one", strata_workdir(r));
	assert_int_equal(strata_add(r, paths, 1, 0, NULL, NULL, NULL, &err), STRATA_EBUSY);
	assert_true(asked > 0);
	assert_non_null(strstr(err.message, "interrupted"));
	strata_close(r);
}

static int in_scratch(void **state)
{
	char home[64];

	(void)state;
	if (!mkdtemp(top))
		return -1;
	snprintf(home, sizeof(home), "%s/home", top);
	unsetenv("XDG_CONFIG_HOME");
	return setenv("HOME", home, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(a_version),
		cmocka_unit_test(cancelled),
	};

	return cmocka_run_group_tests(tests, in_scratch, NULL);
}
