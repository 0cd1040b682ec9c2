/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_REPO_MERGEFILE_PLAN_H
#define ST_REPO_MERGEFILE_PLAN_H

#include "repo/adapter.h"

enum st_mf_outcome {
	ST_MF_KEPT,  /* as the first model has it */
	ST_MF_TAKEN, /* as another one, or the base, has it */
	ST_MF_BLEND,
	ST_MF_GONE,
	ST_MF_CONFLICT,
	ST_MF_OUTCOMES
};

struct st_mf_told { /* of one tensor */
	const char *name;
	size_t name_len;
	enum st_mf_outcome outcome;
	size_t from; /* which model, behind them which adapter, has it so; ST_MF_NONE: the base */
	const char *conflict;	    /* "values", "shape", "dtype", "add/add", "delete/modify" */
	const struct st_spec *spec; /* of a blend */
};

struct st_mf_adapter { /* an operand, too */
	struct st_adapter of;
	char *path; /* of its tensors */
	struct st_mf_model model;
};
/* mergefile_adapter.c */
/* text: a folder, or the tensors' file with its configuration beside it. Closed after a failure,
 * too. text is borrowed. */
ST_MUST int st_mf_adapter_open(struct st_mf_adapter *a, const struct st_ctx *ctx, const char *text,
			       struct st_err *e);
void st_mf_adapter_close(struct st_mf_adapter *a);

struct st_mf_merge {
	struct st_mf_model *models; /* ours first */
	size_t nmodels;
	struct st_mf_model *base; /* NULL: none */
	struct st_mf_model *fisher;
	size_t nfisher;
	const struct st_mf_adapter *adapters; /* that fit the first model */
	size_t nadapters;
	const struct st_spec *cast; /* of a whole tensor of theirs to the model's type */
	struct st_rules *rules;	    /* NULL: none */
	/* Each tensor once; a failure ends it. */
	int (*tell)(void *arg, const struct st_mf_told *t, struct st_err *e);
	void *arg;
	size_t settled[ST_MF_OUTCOMES]; /* filled */
};

/*
 * With a base three ways, per name; without one all models must have the same names and shapes
 * (ST_EUSAGE lists what differs) and rules decide about every tensor. ST_ENOTFOUND: a rule decides
 * about none. Conflicts are told and counted, not failures; the plan then lacks them.
 */
ST_MUST int st_mf_plan_merge(struct st_mf_plan *p, struct st_mf_merge *m, struct st_err *e);

#endif
