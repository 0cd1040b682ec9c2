/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which method, with which parameters, for which tensor.
 *
 *	ties:density=0.5,weight=1/0.5	weight of each model, in order
 *	slerp:t=0..0.5..1		over the layers, first to last, piecewise linear
 *
 * Numbers are written as in JSON. A tensor of no layer takes the first point.
 *
 * Rules are tried in the order given; the first glob that matches a tensor's name, or "GLOB::GLOB"
 * its file's path and its name, decides, then the default.
 */
#ifndef ST_MERGE_SPEC_H
#define ST_MERGE_SPEC_H

#include "base/buf.h"
#include "base/map.h"
#include "tensor/dtype.h"

struct st_method; /* a row of the method table */

#define ST_SPEC_VALUES 64 /* models, or points over the layers, of one parameter */

struct st_param {
	const char *name; /* of the method table */
	bool layered; /* v are points over the layers, for every model; else one a model, or one for
		       * all */
	size_t n;
	double *v;
};

struct st_spec {
	const struct st_method *method;
	struct st_param *params; /* only those that were given, sorted by name */
	size_t nparams;
};

struct st_method_info { /* for help, pages and errors */
	const char *name, *about;
	bool needs_base, random;
	unsigned min_models, max_models; /* ours counted, base not */
};
/* i-th of the table; false past the end. */
bool st_method_at(size_t i, struct st_method_info *out);
void st_method_of(const struct st_spec *s, struct st_method_info *out);

/* Parameter i of a method; false past the end. */
enum st_param_kind {
	ST_ONE,	      /* for all models */
	ST_PER_MODEL, /* may have one value a model */
	ST_WHOLE      /* a whole number, for all models and layers */
};
struct st_method_param {
	const char *name;
	double dflt, least, most;
	enum st_param_kind kind;
	const char *about;
};
bool st_method_param_at(const struct st_method *m, size_t i, struct st_method_param *out);

/* Into arena. ST_EUSAGE: no such method (near names are suggested) or parameter, a value outside of
 * its range, too many. */
ST_MUST int st_spec_parse(struct st_spec *out, struct st_arena *arena, const char *text,
			  struct st_err *e);
/* The one canonical text that parses back as the same: numbers of as many digits as read back
 * equal; parameters in order of name, defaults written out. */
ST_MUST int st_spec_text(const struct st_spec *s, struct st_buf *out, struct st_err *e);

/*
 * The value of a parameter for one model, given or the default. layer as in struct st_blend.
 * The name must be one of the method's.
 */
double st_spec_value(const struct st_spec *s, const char *name, size_t model, double layer);
/* Is what it makes of equal models one of them, whatever they hold? */
bool st_spec_is_mean(const struct st_spec *s);
/* The file, beside a version's model, that has the Fisher diagonal of each of its tensors. */
#define ST_FISHER_FILE "fisher.safetensors"
/* Does the method read those? */
bool st_spec_reads_fisher(const struct st_spec *s);
/* The files beside it that have an adapter as PEFT writes it: the first of the first two that is
 * there, with its configuration. */
#define ST_ADAPTER_FILE "adapter_model.safetensors"
#define ST_ADAPTER_PICKLED "adapter_model.bin"
#define ST_ADAPTER_CONFIG "adapter_config.json"
/* Does the method add adapters to one model? */
bool st_spec_reads_adapters(const struct st_spec *s);
/* Is it one for tensors of the file at path? What weighs others, or is added to them, is nothing to
 * be weighed by, or added to. */
bool st_spec_applies(const struct st_spec *s, const char *path);
/* Does the method compute with tensors of that type, if there is a base (or none)? ours, theirs and
 * base compute nothing, and take any. */
bool st_spec_takes(const struct st_spec *s, enum st_dtype t, bool based);
/* ST_EUSAGE: a parameter has one value a model, and not for so many. */
ST_MUST int st_spec_check_models(const struct st_spec *s, size_t nmodels, struct st_err *e);
/* ST_EUSAGE: it computes with more tensors than those of the models (st_blend.extra), and not with
 * so many. */
ST_MUST int st_spec_check_extra(const struct st_spec *s, size_t nmodels, size_t nextra,
				struct st_err *e);
/* ST_EUSAGE: of so many models in all, ours counted, it takes one that is not there. */
ST_MUST int st_spec_check_choice(const struct st_spec *s, size_t nmodels, struct st_err *e);

struct st_rule {
	const char *glob;
	struct st_spec spec;
	uint64_t used; /* by st_rules_find; a rule that nothing used is the caller's error */
};
struct st_rules {
	struct st_arena arena;
	struct st_rule *v;
	size_t n, cap;
	bool has_default;
	struct st_spec dflt;
	uint64_t passed; /* times that one matched whose method does not apply to the file */
	/* MAY be NULL. Is the method one for the tensor that is asked about, of which the caller
	 * knows more than its path and name? Where path is given. */
	bool (*takes)(void *arg, const struct st_spec *s);
	void *takes_arg;
};
void st_rules_init(struct st_rules *r);
void st_rules_release(struct st_rules *r);
ST_MUST int st_rules_default(struct st_rules *r, const char *spec, struct st_err *e);
/* "GLOB=SPEC", split at the first '=' that a method's name follows */
ST_MUST int st_rules_add(struct st_rules *r, const char *rule, struct st_err *e);
/* A rule whose glob is the name itself, byte for byte, matches too. path: of the tensor's file;
 * NULL: it does not matter. A rule is passed over whose method does not apply to that, or does not
 * take the tensor. NULL: none, the tensor is a conflict. */
const struct st_spec *st_rules_find(struct st_rules *r, const char *path, const char *name,
				    size_t len);

/* The number of the layer in a tensor's name ("model.layers.12.mlp.w": 12): the first run of digits
 * between dots; false if there is none. */
bool st_layer_of(const char *name, size_t len, uint64_t *layer);

#endif
