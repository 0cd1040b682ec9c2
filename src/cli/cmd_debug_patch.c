/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	const char *out;
};

static const struct cli_option options[] = {
	{ 'o', "output", OPT_TEXT, offsetof(struct values, out), "FILE",
	  "the new file, which must not exist" },
	{ 0 },
};

const struct cli_doc doc_debug_patch = {
	.args = "FILE TENSOR=BYTES...",
	.options = options,
	.text = "Copies a model file with other values for some tensors: BYTES is a file of a\n"
		"tensor's row-major little-endian bytes, as 'strata cat FILE::TENSOR' writes them.\n"
		"Layout and size stay, checksums are made right. A tensor that shares memory with\n"
		"one that is not given is refused.",
	.examples = "",
};

/* NAME=PATH, split at the last '=', since names of tensors hold any character. */
static int split(strata_tensor_edit *x, const char *arg, strata_error *err)
{
	const char *eq = strrchr(arg, '=');

	if (!eq || !eq[1])
		return cli_fail(err, STRATA_EUSAGE, "'%s' is not TENSOR=BYTES", arg);
	*x = (strata_tensor_edit){ .name = arg, .name_len = (size_t)(eq - arg), .path = eq + 1 };
	return STRATA_OK;
}

int cmd_debug_patch(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_tensor_edit *x;
	struct cli_args a;
	size_t i;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 2, SIZE_MAX, err);
	if (rc == STRATA_OK && !v.out)
		rc = cli_fail(err, STRATA_EUSAGE, "debug-patch wants -o FILE");
	if (rc != STRATA_OK)
		return rc;
	x = calloc(a.n - 1, sizeof(*x));
	if (!x)
		return cli_fail(err, STRATA_ENOMEM, "out of memory");
	for (i = 1; rc == STRATA_OK && i < a.n; i++)
		rc = split(&x[i - 1], a.v[i], err);
	if (rc == STRATA_OK)
		rc = strata_patch(a.v[0], x, a.n - 1, v.out, &c->options, err);
	free(x);
	return rc;
}
