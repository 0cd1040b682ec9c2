/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	const char *as;
};

static const struct cli_option options[] = {
	{ 0, "as", OPT_TEXT, offsetof(struct values, as), "FORM",
	  "of a tensor: raw (if not said), or npy, a NumPy file" },
	{ 0 },
};

const struct cli_doc doc_cat = {
	.args = "REV[:PATH][::TENSOR]",
	.options = options,
	.text = "Writes a file of a version, or one tensor in it, to standard output. Of a tensor\n"
		"only its own bytes are read and decoded. Every byte is verified against the id\n"
		"before it is written.\n"
		"\n"
		"REV::TENSOR looks for it in every model file of the version; a sharded model's\n"
		"index file stands for its shards. TENSOR may be a glob, but must mean one tensor.\n"
		"Instead of REV:PATH the path of a file may be given, also where there is no\n"
		"repository. A tensor comes row-major and little-endian, however its file has it.\n"
		"\n"
		"NumPy has no bf16 and fp8: with --as npy such a tensor comes as unsigned\n"
		"integers of the same width.",
	.examples = "strata cat v1:config.json\n"
		    "a file as it was in v1\n"
		    "strata cat HEAD:model.safetensors::head.weight --as npy > w.npy\n"
		    "one tensor, for NumPy\n",
};

static int write_out(void *arg, const void *p, size_t n)
{
	struct cli *c = arg;

	cli_progress_clear(c);
	fwrite(p, 1, n, stdout);
	return cli_stop(c);
}

int cmd_cat(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_cat_as as = STRATA_CAT_RAW;
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	if (rc != STRATA_OK)
		return rc;
	if (v.as && strcmp(v.as, "npy") == 0)
		as = STRATA_CAT_NPY;
	else if (v.as && strcmp(v.as, "raw") != 0)
		return cli_fail(err, STRATA_EUSAGE, "--as is raw or npy, not '%s'", v.as);
	return strata_cat(c->repo, a.v[0], as, write_out, c, err);
}
