/* SPDX-License-Identifier: Apache-2.0 */
/* A version in text and JSON, as log and show print it. */
#ifndef ST_CLI_VERSIONS_H
#define ST_CLI_VERSIONS_H

#include "cli/text.h"

/* "v3 4f2a9c1b2d3e (HEAD -> main) (fine-tuned-from v1)", without a newline */
void version_line(const struct cli *c, const strata_version *v);
/* The lines above the message. */
void version_head(const struct cli *c, const strata_version *v);
void version_files(const strata_file_counts *n);
/* Of one that was made now: "v4 4f2a9c1b2d3e  main  the message", without a newline; branch "":
 * HEAD is detached. */
void version_made(const struct cli *c, const char *version, const char *commit, const char *branch,
		  const char *message);
/* And two lines of what it changed. */
void version_counts(const strata_file_counts *files, const strata_tensor_counts *tensors);
/* A blank line, and the message indented. */
void version_message(const char *message);
/* The first line of a text and a newline, safe on a terminal. */
void safe_line(const char *s);
void safe_part(const char *s); /* without the newline */
/*
 * What --bump STEP asks for; text NULL: nothing. STRATA_EUSAGE when it is no step, or versions are
 * not numbered so, which is better said before a message is asked for.
 */
int version_bump(const struct cli *c, const char *text, strata_bump *out, strata_error *err);
const char *version_bump_name(strata_bump b); /* NULL for STRATA_BUMP_DERIVED */
/* "  (minor: values changed)"; nothing where why is NULL. */
void version_why(strata_bump b, const char *why);
/* The members of an object. */
void version_json(strata_json *j, const strata_version *v);

#endif
