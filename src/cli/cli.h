/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line. One process runs one command: main reads the global options, finds the row of
 * commands.c and calls it; the command reads its own options with cli_begin, calls the library and
 * prints results; main alone prints errors and chooses the exit status.
 */
#ifndef ST_CLI_CLI_H
#define ST_CLI_CLI_H

#include <strata/strata.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLI_ID 12 /* digits of an id that people see */

struct cli_list {
	const char **v;
	size_t n;
};

struct cli_progress {
	bool on, drawn;
	double started, painted; /* seconds */
	char what[32];
};

struct cli_globals {
	struct cli_list dirs; /* -C */
	const char *repo, *jobs, *memory, *color;
	bool quiet, verbose, help, version;
};

struct cli {
	struct cli_globals g;
	const struct cli_command *command;
	bool color, color_err; /* of standard output and standard error */
	bool stopped;	       /* before the end, because the user asked */
	bool write_failed;     /* standard output took no more; errno in write_errno */
	int write_errno;
	int pager;		/* its process, or 0 */
	strata_options options; /* arg is this struct */
	strata_repo *repo;
	strata_json *json;
	struct cli_progress progress;
	void *heap[16]; /* freed by main */
	size_t nheap;
};

/* ---- commands.c ---- */

enum cli_need {
	NEED_NOTHING,
	NEED_REPO,
	MAY_REPO, /* c->repo is NULL outside of one */
};

enum cli_group {
	GROUP_START,
	GROUP_STAGE,
	GROUP_HISTORY,
	GROUP_FILES,
	GROUP_KEEP,
	GROUP_HELP,
	GROUP_HIDDEN,
};

struct cli_doc {
	const char *args;		  /* after the options in the synopsis */
	const struct cli_option *options; /* ends with an empty row; NULL: none */
	const char *text;		  /* paragraphs of at most 76 columns */
	const char *examples;		  /* pairs of lines: command, then what it does; or "" */
};

struct cli_command {
	const char *name;
	/* 0 or a negative enum strata_code with *err filled. */
	int (*run)(struct cli *c, int argc, char **argv, strata_error *err);
	enum cli_need need;
	enum cli_group group;
	const char *about;
	const struct cli_doc *doc;
};

extern const struct cli_command cli_commands[]; /* ends with an empty row */
const struct cli_command *cli_find(const char *name);
const char *cli_group_title(enum cli_group g);

/* ---- main.c ---- */

/* What the global options say, environment included, comes into force. */
int cli_apply_globals(struct cli *c, strata_error *err);
int cli_unknown_command(const char *word, strata_error *err);

/* ---- options.c ---- */

enum cli_option_kind {
	OPT_FLAG, /* bool */
	OPT_TEXT, /* const char *; the last one counts */
	OPT_LIST, /* struct cli_list */
};

struct cli_option {
	char letter;	  /* 0: none */
	const char *name; /* without "--"; the table ends with a NULL */
	enum cli_option_kind kind;
	size_t at;	   /* offset in the command's values */
	const char *value; /* what the help calls the value */
	const char *about;
};

extern const struct cli_option cli_global_options[];

struct cli_args {
	const char **v;
	size_t n;
	bool dashes;   /* "--" was given */
	size_t before; /* arguments before it; n when it was not given */
};

/* Global options up to the first word; *at is its index. */
int cli_parse_globals(struct cli *c, int argc, char **argv, int *at, strata_error *err);
/*
 * What every command does first: reads argv[1..] into values (zeroed by the caller) and *a, then
 * opens the repository if the command's row says so. Options and arguments may be mixed.
 */
int cli_begin(struct cli *c, struct cli_args *a, void *values, int argc, char **argv,
	      strata_error *err);
/* STRATA_EUSAGE unless there are min to max arguments. */
int cli_count(struct cli *c, const struct cli_args *a, size_t min, size_t max, strata_error *err);

/* ---- out.c ---- */

__attribute__((format(printf, 3, 4))) int cli_fail(strata_error *err, int code, const char *fmt,
						   ...);
/* Zeroed memory that main frees; NULL with err filled. */
void *cli_alloc(struct cli *c, size_t n, size_t size, strata_error *err);
/* Room for need elements of size bytes at *array, a pointer to a heap array: false, and nothing
 * changed, when out of memory. */
bool cli_grow(void *array, size_t *cap, size_t need, size_t size);
/* Non-zero once standard output takes no more, so that a callback can stop its operation. */
int cli_stop(struct cli *c);
/* Flushes; what went wrong with standard output, if anything, goes to err. */
int cli_flush(struct cli *c, strata_error *err);
void cli_warn(void *arg, const char *message);
/* Is there something at path? A link that leads nowhere counts. */
bool cli_is_file(const char *path);
/* Message for people: control characters made visible. */
void cli_put_safe(FILE *f, const char *s);

/* ---- cli_json.c: one line a call of cli_emit ---- */

int cli_emit(struct cli *c);
void jk_text(strata_json *j, const char *key, const char *s); /* NULL: null */
void jk_name(strata_json *j, const char *key, const char *s); /* or key_hex */
void jk_u64(strata_json *j, const char *key, uint64_t v);
void jk_bool(strata_json *j, const char *key, bool v);
void jk_counts(strata_json *j, const char *key, const strata_tensor_counts *n);
void jk_files(strata_json *j, const char *key, const strata_file_counts *n);
void jk_strings(strata_json *j, const char *key, const char *const *v, size_t n); /* NULL: null */
void jk_shape(strata_json *j, const strata_tensor *t);

/* ---- progress.c, interrupt.c, pager.c, editor.c ---- */

void cli_progress_show(void *arg, const strata_progress *p);
void cli_progress_clear(struct cli *c);
void cli_catch_signals(void);
bool cli_interrupted(void *arg);
/* Ends as the signal that asked for it would have; returns when there was none. */
void cli_die_of_signal(void);
void cli_die_of_pipe(void);
/* Standard output goes through a pager from here on, if it is a terminal. */
void cli_pager_start(struct cli *c);
void cli_pager_wait(struct cli *c);
bool cli_can_edit(void);
/* Lets the user write a text that begins with `start`; `why` is shown as comments, which lines with
 * '#' are and which are left out. *text is the caller's. */
int cli_edit(struct cli *c, const char *start, const char *why, char **text, strata_error *err);
/* What to try again was refused after the user wrote: err says where the text is. */
void cli_edit_kept(struct cli *c, strata_error *err);

/* ---- help.c ---- */

void cli_help_all(struct cli *c, FILE *f);
void cli_help_command(struct cli *c, const struct cli_command *cmd, FILE *f);
/* "[-n] [--fast] PATH..." */
void cli_synopsis(FILE *f, const struct cli_command *cmd);
/* "-n, --limit N"; returns its width. */
size_t cli_option_text(char *out, size_t room, const struct cli_option *o);

#endif
