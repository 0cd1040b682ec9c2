/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that appears under its name complete or not at all: a file, or a directory of files. It
 * grows beside its place, under a name of its own that holds a lock; what a killed process left
 * there is removed by the next one that writes to the same place.
 */
#ifndef ST_REPO_OUTFILE_H
#define ST_REPO_OUTFILE_H

#include "base/err.h"

struct st_outfile {
	const char *path; /* borrowed */
	int fd;		  /* of the file, or of the directory */
	char *temp;	  /* where it grows */
	char *dir;	  /* that path lies in */
	bool directory;
	bool replaces; /* a file was there when it was opened */
};

/*
 * ST_EREFUSED where path lies in a repository's own directory or is one, by whatever links and
 * "..": only strata writes there. follow: path itself is looked through, too, if it is a link, as
 * whoever writes there does. What is missing is taken by name.
 */
ST_MUST int st_outfile_allowed(const char *path, bool follow, struct st_err *e);
/* A file, open for reading and writing. What is at path may be a file, a link, which is then
 * replaced and not followed, or nothing; else it is ST_EUSAGE. This one and the next ask
 * st_outfile_allowed first. */
ST_MUST int st_outfile_open(struct st_outfile *o, const char *path, struct st_err *e);
/* A directory. At path may be nothing or an empty directory; else it is ST_EREFUSED. */
ST_MUST int st_outfile_open_dir(struct st_outfile *o, const char *path, struct st_err *e);
/* Puts it into its place; permission bits of a file that was there are kept. Only what replaces a
 * file is flushed to disk first, so that never both are lost. */
ST_MUST int st_outfile_commit(struct st_outfile *o, struct st_err *e);
/* Removes what was not committed. After a failure of open, too. */
void st_outfile_close(struct st_outfile *o);

#endif
