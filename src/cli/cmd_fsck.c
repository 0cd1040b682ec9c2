/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	bool full, rebuild, json;
};

static const struct cli_option options[] = {
	{ 0, "full", OPT_FLAG, offsetof(struct values, full), NULL,
	  "decode and hash every object, rebuild every file" },
	{ 0, "rebuild", OPT_FLAG, offsetof(struct values, rebuild), NULL,
	  "first make the catalogue anew from the operation log and the packs" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a fault, then a summary" },
	{ 0 },
};

const struct cli_doc doc_fsck = {
	.args = "",
	.options = options,
	.text = "Verifies the store: the operation log, every pack's index, every stored byte\n"
		"against its checksum, and that every object which a version needs is there. For\n"
		"each fault it names the object, where it lies, and a version and file that need\n"
		"it.\n"
		"\n"
		"Where the operation log is shorter than the catalogue knows, nothing can be\n"
		"changed. Bring .strata/ops back from a backup; where there is none, --rebuild\n"
		"accepts the loss: versions that only the catalogue knew are given up.\n"
		"\n"
		"Exit status 1: there are faults. Nothing is changed, except by --rebuild.",
	.examples = "strata fsck\n"
		    "verify what is stored, at the speed of the disk\n"
		    "strata fsck --full\n"
		    "prove that every file of every version comes back\n",
};

static int text_fault(void *arg, const strata_fault *f)
{
	struct cli *c = arg;
	human id = human_id(f->object);

	cli_progress_clear(c);
	printf("%sfault%s  ", color_on(c, COLOR_BAD), color_off(c, COLOR_BAD));
	if (*f->object)
		printf("object %s: ", id.s);
	cli_put_safe(stdout, f->what);
	if (*f->pack) {
		fputs(", ", stdout);
		name_put(stdout, f->pack);
		printf(" at %" PRIu64, f->offset);
	}
	if (*f->version || *f->path) {
		fputs("; needed by ", stdout);
		fputs(f->version, stdout);
		if (*f->path) {
			fputs(*f->version ? ":" : "", stdout);
			name_put(stdout, f->path);
		}
	}
	fputc('\n', stdout);
	return cli_stop(c);
}

static int json_fault(void *arg, const strata_fault *f)
{
	struct cli *c = arg;
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "fault");
	jk_text(j, "object", *f->object ? f->object : NULL);
	jk_text(j, "pack", *f->pack ? f->pack : NULL);
	jk_u64(j, "offset", f->offset);
	jk_text(j, "what", f->what);
	jk_text(j, "version", *f->version ? f->version : NULL);
	if (*f->path)
		jk_name(j, "path", f->path);
	else
		jk_text(j, "path", NULL);
	strata_json_end_object(j);
	return cli_emit(c);
}

static void json_summary(struct cli *c, const strata_fsck_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_u64(j, "objects", r->objects);
	jk_u64(j, "bytes", r->bytes);
	jk_u64(j, "packs", r->packs);
	jk_u64(j, "versions", r->versions);
	jk_u64(j, "faults", r->faults);
	strata_json_end_object(j);
	cli_emit(c);
}

static void text_summary(const strata_fsck_result *r)
{
	printf("%s version%s, %s object%s in %s pack%s, %s: ", human_number(r->versions).s,
	       plural(r->versions), human_number(r->objects).s, plural(r->objects),
	       human_number(r->packs).s, plural(r->packs), human_bytes(r->bytes).s);
	if (r->faults)
		printf("%s fault%s\n", human_number(r->faults).s, plural(r->faults));
	else
		puts("no faults");
}

int cmd_fsck(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_fsck_result result = { 0 };
	struct values v = { 0 };
	struct cli_args a;
	unsigned flags;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc != STRATA_OK)
		return rc;
	flags = (v.full ? STRATA_FSCK_FULL : 0u) | (v.rebuild ? STRATA_FSCK_REBUILD : 0u);
	rc = strata_fsck(c->repo, flags, v.json ? json_fault : text_fault, c, &result, err);
	if ((rc == STRATA_OK || (rc == STRATA_ENO && result.faults)) && !cli_stop(c)) {
		if (v.json)
			json_summary(c, &result);
		else if (!c->g.quiet || result.faults)
			text_summary(&result);
	}
	return rc;
}
