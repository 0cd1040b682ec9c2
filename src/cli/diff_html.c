/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_html_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_VALUE 2000 /* bytes of a setting that are shown */

/* ---- the head of the page ---- */

static void put_title(struct html *h)
{
	h_text(h, h->d->a, 400);
	h_put(h, " \u2192 ");
	h_text(h, h->d->b, 400);
}

/* The policy keeps the page from asking for anything, and anything but the one script from running,
 * should an escape ever be missing. */
static void put_head(struct html *h)
{
	h_put(h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		 "style-src 'unsafe-inline'; script-src 'nonce-page'; base-uri 'none'; "
		 "form-action 'none'\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	put_title(h);
	h_put(h, "</title>\n<style>\n");
	h_put(h, html_style);
	h_put(h, "</style>\n</head>\n<body>\n<header>\n<p>strata diff</p>\n<h1>");
	put_title(h);
	h_put(h, "</h1>\n</header>\n<main>\n");
}

static void put_count(struct html *h, uint64_t n, const char *one, const char *class)
{
	if (n)
		h_printf(h, "<li class=\"%s\"><b>%s</b> %s</li>\n", class, human_number(n).s, one);
}

static void put_counts(struct html *h, const strata_diff_total *t)
{
	h_put(h, "<ul class=\"counts\">\n");
	put_count(h, t->changed, "changed", "changed");
	put_count(h, t->added, "added", "added");
	put_count(h, t->removed, "removed", "removed");
	put_count(h, t->renamed, "renamed", "renamed");
	put_count(h, t->reshaped, "reshaped", "reshaped");
	put_count(h, t->retyped, "retyped", "retyped");
	put_count(h, t->unchanged, "unchanged", "unchanged");
	put_count(h, t->settings, t->settings == 1 ? "setting" : "settings", "setting");
	put_count(h, t->files, t->files == 1 ? "file" : "files", "file");
	h_put(h, "</ul>\n");
}

static void put_fact(struct html *h, const char *what, const char *value, const char *about)
{
	h_printf(h, "<div title=\"%s\"><dt>%s</dt><dd>%s</dd></div>\n", about, what, value);
}

static void put_facts(struct html *h, const strata_diff_total *t)
{
	const strata_diff_figures *f = &t->figures;

	if (!f->numel && !f->nonfinite)
		return;
	h_put(h, "<dl class=\"facts\">\n");
	put_fact(h, "elements compared", human_number(f->numel).s, "finite on both sides");
	put_fact(h, "changed", percent_text(f->changed, f->numel + f->nonfinite).s,
		 "elements whose bits differ");
	put_fact(h, "D", number_text(f->mad, 4).s, "mean of |q \u2212 p|");
	put_fact(h, "L2", number_text(f->l2, 4).s, "root of the sum of (q \u2212 p)\u00b2");
	put_fact(h, "relative L2", number_text(f->rel_l2, 4).s,
		 "L2 of the change by L2 of what was before");
	put_fact(h, "max", number_text(f->max_abs, 4).s, "largest |q \u2212 p|");
	put_fact(h, "cosine", cosine_text(f->cosine).s, "of both sides");
	if (f->nonfinite)
		put_fact(h, "not finite", human_number(f->nonfinite).s,
			 "elements that are nan or infinite on a side");
	if (t->epsilon > 0) {
		put_fact(h, "epsilon", number_text(t->epsilon, 4).s, "");
		put_fact(h, "above epsilon", human_number(t->change_points).s,
			 "tensors whose D is above epsilon");
	}
	h_put(h, "</dl>\n");
}

static void put_totals(struct html *h)
{
	const strata_diff_total *t = h->d->total;

	h_put(h, "<section aria-label=\"totals\">\n");
	if (!t->differs)
		h_put(h, "<p class=\"equal\">No difference.</p>\n");
	else if (!t->common && h->d->ntensors)
		h_put(h, "<p>The two sides have no tensor in common.</p>\n");
	put_counts(h, t);
	put_facts(h, t);
	h_put(h, "</section>\n");
}

/* ---- settings and files ---- */

static void put_value(struct html *h, const char *json, const char *class)
{
	if (!json) {
		h_put(h, "<td class=\"absent\">absent</td>");
		return;
	}
	h_printf(h, "<td class=\"%s\"><code>", class);
	h_text(h, json, MAX_VALUE);
	h_put(h, "</code></td>");
}

static void put_settings(struct html *h)
{
	size_t i;

	if (!h->d->nsettings)
		return;
	h_put(h, "<section aria-labelledby=\"settings\">\n"
		 "<h2 id=\"settings\">Configuration</h2>\n"
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
		 "aria-labelledby=\"settings\">\n<table class=\"settings\">\n"
		 "<thead><tr><th scope=\"col\">key</th><th scope=\"col\">before</th>"
		 "<th scope=\"col\">after</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < h->d->nsettings; i++) {
		const strata_diff_setting *s = &h->d->settings[i];

		if (i == 0 || strcmp(s->path, s[-1].path) != 0) {
			h_put(h, "<tr><th class=\"path\" colspan=\"3\" scope=\"colgroup\">");
			h_path(h, s->path);
			h_put(h, "</th></tr>\n");
		}
		h_put(h, "<tr><th scope=\"row\">");
		h_name(h, s->key, strlen(s->key));
		h_put(h, "</th>");
		put_value(h, s->a, "removed");
		put_value(h, s->b, "added");
		h_put(h, "</tr>\n");
	}
	h_put(h, "</tbody>\n</table>\n</div>\n</section>\n");
}

static void put_id(struct html *h, const char *id)
{
	if (id && *id) {
		h_put(h, " <code>");
		h_text(h, human_id(id).s, CLI_ID);
		h_put(h, "</code>");
	}
}

static void put_file(struct html *h, const strata_diff_file *f)
{
	bool a = strcmp(f->status, "added") != 0, b = strcmp(f->status, "removed") != 0;

	h_put(h, "<tr><th scope=\"row\">");
	h_path(h, f->path);
	if (f->a_path) {
		h_put(h, "<small>was ");
		h_name(h, f->a_path, strlen(f->a_path));
		h_put(h, "</small>");
	}
	h_printf(h, "</th><td class=\"%s\">%s", f->status, f->status);
	if (*diff_mode(f))
		h_printf(h, "<small>%s</small>", diff_mode(f));
	h_put(h, "</td><td>");
	h_put(h, a ? human_bytes(f->a_size).s : "");
	put_id(h, a ? f->a_id : "");
	h_put(h, "</td><td>");
	h_put(h, b ? human_bytes(f->b_size).s : "");
	put_id(h, b ? f->b_id : "");
	h_put(h, "</td></tr>\n");
}

static void put_files(struct html *h)
{
	size_t i;

	if (!h->d->nfiles)
		return;
	h_put(h, "<section aria-labelledby=\"files\">\n<h2 id=\"files\">Files</h2>\n"
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"files\">\n"
		 "<table class=\"files\">\n"
		 "<thead><tr><th scope=\"col\">path</th><th scope=\"col\">status</th>"
		 "<th scope=\"col\">before</th><th scope=\"col\">after</th></tr></thead>\n"
		 "<tbody>\n");
	for (i = 0; i < h->d->nfiles; i++)
		put_file(h, &h->d->files[i]);
	h_put(h, "</tbody>\n</table>\n</div>\n</section>\n");
}

static void shorten(size_t *skip, const char *first, const char *path)
{
	while (*skip && (strncmp(first, path, *skip) != 0 || first[*skip - 1] != '/'))
		(*skip)--;
}

/* What all paths have in common says nothing. */
static void find_common_directory(struct html *h)
{
	const struct diff_page *d = h->d;
	const char *first = d->nfiles	 ? d->files[0].path :
			    d->ntensors	 ? d->tensors[0].path :
			    d->nsettings ? d->settings[0].path :
					   "";
	size_t i;

	h->skip = strlen(first);
	for (i = 0; i < d->nfiles; i++)
		shorten(&h->skip, first, d->files[i].path);
	for (i = 0; i < d->ntensors; i++)
		shorten(&h->skip, first, d->tensors[i].path);
	for (i = 0; i < d->nsettings; i++)
		shorten(&h->skip, first, d->settings[i].path);
}

static bool put_page(struct html *h)
{
	size_t i;

	for (i = 1; i < h->d->ntensors; i++)
		h->many = h->many || strcmp(h->d->tensors[i].path, h->d->tensors[i - 1].path) != 0;
	find_common_directory(h);
	put_head(h);
	put_totals(h);
	html_heat_map(h);
	html_histogram(h);
	html_tensors(h);
	put_settings(h);
	put_files(h);
	h_printf(h, "</main>\n<footer>strata %s</footer>\n<div id=\"tip\" hidden></div>\n",
		 strata_version_string());
	h_put(h, "<script nonce=\"page\">\n");
	h_put(h, html_script);
	h_put(h, "</script>\n</body>\n</html>\n");
	return !h->nomem;
}

/* ---- the file ---- */

static int refuse(strata_error *err, const char *file, int os)
{
	const char *hint = os == ENOENT || os == ENOTDIR ? "make its directory first" :
			   os == EISDIR			 ? "name a file in it" :
			   os == ENOSPC || os == EDQUOT	 ? "make room, or name another place" :
			   os == ENXIO			 ? "nothing reads from it" :
							   "name a file that can be written";
	int rc = cli_fail(err, os == ENOSPC || os == EDQUOT ? STRATA_ENOSPC : STRATA_EIO,
			  "cannot write the page %s: %s; %s", file, strerror(os), hint);

	err->os = os;
	return rc;
}

/* Closes fd. */
static int write_to(int fd, const struct diff_page *p, const char *file, bool sync,
		    strata_error *err)
{
	struct html h = { .f = fdopen(fd, "w"), .d = p };
	bool whole, bad;

	if (!h.f) {
		close(fd);
		return cli_fail(err, STRATA_ENOMEM, "out of memory");
	}
	errno = 0;
	whole = put_page(&h);
	bad = ferror(h.f) || fflush(h.f) != 0 || (sync && fsync(fd) != 0);
	bad = (fclose(h.f) != 0 && !bad) || bad;
	if (!whole)
		return cli_fail(err, STRATA_ENOMEM, "out of memory: the page %s was not written",
				file);
	return bad ? refuse(err, file, errno ? errno : EIO) : STRATA_OK;
}

/* A new file beside `file`, 0666 less umask; *path is the caller's. */
static int open_beside(const char *file, char **path)
{
	const char *slash = strrchr(file, '/');
	int dir = slash ? (int)(slash - file) + 1 : 0, fd = -1, i;

	*path = NULL;
	for (i = 0; i < 100 && fd < 0; i++) {
		free(*path);
		if (asprintf(path, "%.*s.strata-%ld-%d.html", dir, file, (long)getpid(), i) < 0) {
			*path = NULL;
			errno = ENOMEM;
			return -1;
		}
		fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

static int replace(const struct diff_page *p, const char *file, const struct stat *was,
		   strata_error *err)
{
	char *temp;
	int rc = strata_output_allowed(file, err), fd;

	if (rc != STRATA_OK)
		return rc;
	fd = open_beside(file, &temp);
	if (fd < 0) {
		rc = refuse(err, file, errno);
		free(temp);
		return rc;
	}
	if (was && fchmod(fd, was->st_mode & 0777) != 0) {
		rc = refuse(err, file, errno);
		close(fd);
	} else {
		rc = write_to(fd, p, file, true, err);
	}
	if (rc == STRATA_OK && rename(temp, file) != 0)
		rc = refuse(err, file, errno);
	if (rc != STRATA_OK)
		unlink(temp);
	free(temp);
	return rc;
}

/* A pipe that nobody reads is an error at once and not a wait; writing to it may wait. */
static int open_stream(const char *file)
{
	int fd = open(file, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (fd >= 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

int diff_html_write(const struct diff_page *p, const char *file, strata_error *err)
{
	struct stat st;
	char *real;
	int rc, fd;

	if (stat(file, &st) != 0) {
		if (errno != ENOENT || !*file || file[strlen(file) - 1] == '/')
			return refuse(err, file, errno == ENOENT ? EISDIR : errno);
		return replace(p, file, NULL, err);
	}
	if (S_ISDIR(st.st_mode))
		return refuse(err, file, EISDIR);
	if (!S_ISREG(st.st_mode)) {
		fd = open_stream(file);
		return fd < 0 ? refuse(err, file, errno) : write_to(fd, p, file, false, err);
	}
	/* A link stays a link: what it leads to is replaced. */
	real = realpath(file, NULL);
	rc = real ? replace(p, real, &st, err) : refuse(err, file, errno);
	free(real);
	return rc;
}
