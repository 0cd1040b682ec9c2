/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/versions.h"

static void put_part(const char *s, size_t n)
{
	char *copy = strndup(s, n);

	if (copy)
		cli_put_safe(stdout, copy);
	free(copy);
}

void safe_part(const char *s)
{
	put_part(s, strcspn(s, "\n"));
}

void safe_line(const char *s)
{
	safe_part(s);
	fputc('\n', stdout);
}

static void refs(const struct cli *c, const strata_version *v)
{
	const char *lead = v->head ? "HEAD -> " : "";
	size_t i;

	if (!v->head && !v->nbranches && !v->ntags)
		return;
	printf(" %s(", color_on(c, COLOR_NAME));
	if (v->head && !v->nbranches)
		fputs("HEAD", stdout);
	for (i = 0; i < v->nbranches; i++) {
		printf("%s%s%s", i ? ", " : "", lead, v->branches[i]);
		lead = "";
	}
	for (i = 0; i < v->ntags; i++)
		printf("%stag: %s", i || v->nbranches || v->head ? ", " : "", v->tags[i]);
	printf(")%s", color_off(c, COLOR_NAME));
}

/* "fine-tuned-from v3", without a number the id */
static void put_origin(const strata_lineage *l)
{
	human id = human_id(l->commit);

	cli_put_safe(stdout, l->kind);
	printf(" %s", *l->version ? l->version : id.s);
}

void version_line(const struct cli *c, const strata_version *v)
{
	human id = human_id(v->commit);
	size_t i;

	if (*v->version)
		printf("%s%s%s ", color_on(c, COLOR_BOLD), v->version, color_off(c, COLOR_BOLD));
	printf("%s%s%s", color_on(c, COLOR_ID), id.s, color_off(c, COLOR_ID));
	refs(c, v);
	for (i = 0; i < v->nlineage; i++) {
		fputs(i ? ", " : " (", stdout);
		put_origin(&v->lineage[i]);
	}
	if (v->nlineage)
		fputc(')', stdout);
}

void version_head(const struct cli *c, const strata_version *v)
{
	human when = human_time(v->time), parent;
	size_t i;

	if (*v->version)
		printf("%sversion %s%s  ", color_on(c, COLOR_BOLD), v->version,
		       color_off(c, COLOR_BOLD));
	printf("%s%s%s", color_on(c, COLOR_ID), v->commit, color_off(c, COLOR_ID));
	refs(c, v);
	fputs("\nAuthor: ", stdout);
	safe_line(v->author);
	printf("Date:   %s\n", when.s);
	if (v->nparents > 1) {
		fputs("Merge: ", stdout);
		for (i = 0; i < v->nparents; i++) {
			parent = human_id(v->parents[i]);
			printf(" %s", parent.s);
		}
		fputc('\n', stdout);
	}
	for (i = 0; i < v->nlineage; i++) {
		parent = human_id(v->lineage[i].commit);
		fputs("Lineage: ", stdout);
		put_origin(&v->lineage[i]);
		if (*v->lineage[i].version)
			printf(" %s", parent.s);
		fputc('\n', stdout);
	}
}

void version_files(const strata_file_counts *n)
{
	printf("Files:  %s changed, %s added, %s removed\n", human_number(n->changed).s,
	       human_number(n->added).s, human_number(n->removed).s);
}

void version_made(const struct cli *c, const char *version, const char *commit, const char *branch,
		  const char *message)
{
	human id = human_id(commit);

	printf("%s%s%s %s%s%s  ", color_on(c, COLOR_BOLD), version, color_off(c, COLOR_BOLD),
	       color_on(c, COLOR_ID), id.s, color_off(c, COLOR_ID));
	name_put(stdout, *branch ? branch : "(HEAD is detached)");
	fputs("  ", stdout);
	safe_part(message);
}

void version_counts(const strata_file_counts *files, const strata_tensor_counts *tensors)
{
	char text[160];

	printf("  files    %s changed, %s added, %s removed\n", human_number(files->changed).s,
	       human_number(files->added).s, human_number(files->removed).s);
	if (!tensors->added && !tensors->changed && !tensors->removed && !tensors->unchanged)
		return;
	human_tensors(text, sizeof(text), tensors);
	printf("  tensors  %s\n", text);
}

void version_message(const char *message)
{
	size_t n;

	fputc('\n', stdout);
	for (; *message; message += n + (message[n] == '\n')) {
		n = strcspn(message, "\n");
		if (n) {
			fputs("    ", stdout);
			put_part(message, n);
		}
		fputc('\n', stdout);
	}
}

static void json_lineage(strata_json *j, const strata_version *v)
{
	size_t i;

	strata_json_key(j, "lineage");
	strata_json_array(j);
	for (i = 0; i < v->nlineage; i++) {
		strata_json_object(j);
		jk_text(j, "kind", v->lineage[i].kind);
		jk_text(j, "commit", v->lineage[i].commit);
		jk_text(j, "version", *v->lineage[i].version ? v->lineage[i].version : NULL);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
}

void version_json(strata_json *j, const strata_version *v)
{
	jk_text(j, "commit", v->commit);
	jk_text(j, "version", *v->version ? v->version : NULL);
	jk_strings(j, "parents", v->parents, v->nparents);
	jk_text(j, "author", v->author);
	jk_text(j, "time", v->time);
	jk_text(j, "message", v->message);
	jk_strings(j, "branches", v->branches, v->nbranches);
	jk_strings(j, "tags", v->tags, v->ntags);
	jk_bool(j, "head", v->head);
	json_lineage(j, v);
	if (v->has_files)
		jk_files(j, "files", &v->files);
}

static const char *const bumps[] = { NULL, "patch", "minor", "major" };

const char *version_bump_name(strata_bump b)
{
	return bumps[b];
}

void version_why(strata_bump b, const char *why)
{
	if (why)
		printf("  (%s: %s)", version_bump_name(b), why);
}

int version_bump(const struct cli *c, const char *text, strata_bump *out, strata_error *err)
{
	strata_policy policy;
	int rc;

	*out = STRATA_BUMP_DERIVED;
	if (!text)
		return STRATA_OK;
	for (unsigned i = STRATA_BUMP_PATCH; i <= STRATA_BUMP_MAJOR; i++)
		if (strcmp(text, bumps[i]) == 0)
			*out = (strata_bump)i;
	if (*out == STRATA_BUMP_DERIVED)
		return cli_fail(err, STRATA_EUSAGE, "--bump is major, minor or patch, not '%s'",
				text);
	rc = strata_version_policy(c->repo, &policy, err);
	if (rc == STRATA_OK && policy != STRATA_SEMVER)
		rc = cli_fail(err, STRATA_EUSAGE,
			      "--bump is for numbers like v1.2.0: 'strata config version.policy "
			      "semver' makes the next ones so");
	return rc;
}
