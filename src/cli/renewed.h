/* SPDX-License-Identifier: Apache-2.0 */
/* What revert, cherry-pick and rollback share. */
#ifndef ST_CLI_RENEWED_H
#define ST_CLI_RENEWED_H

#include "cli/text.h"

struct renew_values {
	const char *message, *method, *bump;
	struct cli_list tensors, paths;
	bool edit, nonfinite, carry_on, abort, json;
};

/* Rows of their option tables; default_message: what -m replaces. */
#define RENEW_MESSAGE(default_message)                                            \
	{ 'm',	    "message",                                                    \
	  OPT_TEXT, offsetof(struct renew_values, message),                       \
	  "TEXT",   "the message, instead of " default_message },                 \
	{                                                                         \
		'e', "edit", OPT_FLAG, offsetof(struct renew_values, edit), NULL, \
			"change that message in an editor first"                  \
	}
#define RENEW_TENSOR                                                                              \
	{                                                                                         \
		0, "tensor", OPT_LIST, offsetof(struct renew_values, tensors), "GLOB",            \
			"only these tensors of any model file, or PATH::GLOB; may be given again" \
	}
#define RENEW_BUMP                                                                    \
	{                                                                             \
		0, "bump", OPT_TEXT, offsetof(struct renew_values, bump), "STEP",     \
			"what of a number like v1.2.0 goes up: major, minor or patch" \
	}
#define RENEW_METHOD                                                                        \
	{                                                                                   \
		0, "method", OPT_TEXT, offsetof(struct renew_values, method), "M",          \
			"joins what changed here too; task-arithmetic adds or subtracts it" \
	}
/* of those that may have conflicts */
#define RENEW_NONFINITE                                                                         \
	{                                                                                       \
		0, "allow-nonfinite", OPT_FLAG, offsetof(struct renew_values, nonfinite), NULL, \
			"the method may read NaN and infinity"                                  \
	}
#define RENEW_CONTINUE                                                                  \
	{                                                                               \
		0, "continue", OPT_FLAG, offsetof(struct renew_values, carry_on), NULL, \
			"end the one under way with a version, once all is decided"     \
	}
#define RENEW_ABORT                                                               \
	{                                                                         \
		0, "abort", OPT_FLAG, offsetof(struct renew_values, abort), NULL, \
			"take the one under way back"                             \
	}
#define RENEW_JSON                                                              \
	{                                                                       \
		0, "json", OPT_FLAG, offsetof(struct renew_values, json), NULL, \
			"print one JSON object instead of text"                 \
	}

/* The whole command: REV, the values of its options, what it prints. */
int renew_command(struct cli *c, strata_renewal what, int argc, char **argv, strata_error *err);

#endif
