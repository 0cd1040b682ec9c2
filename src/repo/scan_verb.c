/* SPDX-License-Identifier: Apache-2.0 */
/* scan, and the warning of add. */
#include "repo/scan_verb.h"

#include "format/scan.h"
#include "repo/verbs.h"

#include <stdio.h>

/* What is taken for safe. */
struct allow {
	const char *setting; /* globs separated by blanks or commas; NULL: none */
	const char *const *globs;
	size_t n;
};

static bool allowed(void *arg, const char *what, size_t len)
{
	static const char between[] = " \t,";
	const struct allow *a = arg;
	const char *s = a->setting ? a->setting : "";
	size_t i, n;

	for (s += strspn(s, between); *s; s += n, s += strspn(s, between)) {
		n = strcspn(s, between);
		if (st_glob_match(s, n, what, len))
			return true;
	}
	for (i = 0; i < a->n; i++)
		if (st_glob_match(a->globs[i], strlen(a->globs[i]), what, len))
			return true;
	return false;
}

struct verb {
	const char *path;
	int (*cb)(void *arg, const strata_scan_find *f);
	void *arg;
};

static int forward(void *arg, const struct st_scan_find *f)
{
	static const char *const verdicts[] = {
		[ST_SCAN_SAFE] = "safe",
		[ST_SCAN_UNKNOWN] = "unknown",
		[ST_SCAN_DANGEROUS] = "dangerous",
	};
	const struct verb *v = arg;
	const strata_scan_find out = {
		.path = v->path,
		.member = f->member,
		.module = f->module,
		.name = f->name,
		.offset = f->at,
		.called = f->called,
		.verdict = verdicts[f->verdict],
		.why = f->why,
	};

	return v->cb(v->arg, &out);
}

int st_verb_scan(const struct st_ctx *ctx, const char *path, const strata_scan_options *o,
		 const char *setting, int (*cb)(void *arg, const strata_scan_find *f), void *arg,
		 strata_scan_result *res, struct st_err *e)
{
	struct allow allow = { .setting = setting, .globs = o->allow, .n = o->nallow };
	const struct st_scan_options so = {
		.allowed = allowed, .allowed_arg = &allow, .memory = ctx->memory, .ctx = ctx
	};
	struct verb v = { path, cb, arg };
	struct st_scan_result found = { 0 };
	struct st_source src;
	int rc = st_source_open_file(&src, path, e);

	if (rc != ST_OK)
		return st_err_named_path(e);
	rc = st_scan(&src, &so, forward, &v, &found, e);
	st_source_close(&src);
	*res = (strata_scan_result){ .pickles = found.pickles,
				     .safe = found.safe,
				     .unknown = found.unknown,
				     .dangerous = found.dangerous };
	return rc;
}

/* ---- the warning ---- */

struct warning {
	struct st_map names; /* of what is not safe, each once */
	char first[256];     /* the worst, for the message */
	enum st_scan_verdict worst;
	struct st_err *e;
};

static int note(void *arg, const struct st_scan_find *f)
{
	struct warning *w = arg;
	char what[sizeof(w->first)];
	int n;

	if (f->verdict == ST_SCAN_SAFE)
		return 0;
	if (*f->module)
		n = snprintf(what, sizeof(what), "%s.%s", f->module, f->name);
	else
		n = snprintf(what, sizeof(what), "%s", f->why);
	if (n >= (int)sizeof(what))
		memcpy(what + sizeof(what) - 4, "...", 4);
	if (f->verdict > w->worst) {
		w->worst = f->verdict;
		memcpy(w->first, what, sizeof(what));
	}
	return st_map_put(&w->names, what, strlen(what), 0, NULL, NULL, w->e) != ST_OK;
}

static void say(const struct st_ctx *ctx, const char *path, const struct warning *w)
{
	char more[48] = "";

	if (w->names.count > 1)
		snprintf(more, sizeof(more), ", and %zu more", w->names.count - 1);
	st_warn(ctx, "%s: loading it in Python could run code (%s%s): 'strata scan %s' tells", path,
		w->first, more, path);
}

int st_scan_warn(const struct st_ctx *ctx, const struct st_source *src, const char *path,
		 const struct st_config *config, struct st_err *e)
{
	struct allow allow = { .setting = st_config_get(config, "scan.allow") };
	const struct st_scan_options so = {
		.allowed = allowed, .allowed_arg = &allow, .memory = ctx->memory / 4, .ctx = ctx
	};
	struct warning w = { .worst = ST_SCAN_SAFE, .e = e };
	struct st_scan_result found;
	struct st_source named = *src;
	struct st_err why = { 0 };
	int rc;

	named.name = path;
	st_map_init(&w.names);
	rc = st_scan(&named, &so, note, &w, &found, &why);
	if (e->code != ST_OK)
		rc = e->code;
	else if (rc == ST_OK &&
		 (found.dangerous || (found.unknown && (found.pickles || found.suspect))))
		say(ctx, path, &w);
	else if ((rc == ST_EFORMAT || rc == ST_ELIMIT) && st_scan_claimed(path) && !found.dead)
		st_warn(ctx, "%s; what loading it in Python would run is not known", why.msg);
	st_map_release(&w.names);
	if (rc == ST_OK || rc == ST_EFORMAT || rc == ST_ELIMIT)
		return e->code;
	if (e->code == ST_OK)
		*e = why;
	return rc;
}
