/* SPDX-License-Identifier: Apache-2.0 */
/* Names of branches and tags: Git's rules, so that they can go there and back, and ours. */
#include "repo/moves.h"

#include "base/utf8.h"

#include <ctype.h>

bool st_looks_numbered(const char *name)
{
	return name[0] == 'v' && isdigit((unsigned char)name[1]) &&
	       name[1 + strspn(name + 1, "0123456789.-_:TZ")] == 0;
}

static bool is_id(const char *name)
{
	return strlen(name) == ST_OID_HEX && strspn(name, "0123456789abcdefABCDEF") == ST_OID_HEX;
}

/* One part between slashes. */
static const char *part_fault(const char *s, size_t n)
{
	if (n == 0)
		return "a part of it is empty";
	if (s[0] == '.')
		return "a part of it begins with '.'";
	if (s[n - 1] == '.' && !s[n])
		return "it ends with '.'";
	if (n >= 5 && memcmp(s + n - 5, ".lock", 5) == 0)
		return "a part of it ends with '.lock'";
	return NULL;
}

static const char *bytes_fault(const char *name)
{
	for (const char *s = name; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return "it has a control character";
		if (strchr(" ~^:?*[\\", *s))
			return "it has one of: space ~ ^ : ? * [ \\";
	}
	if (!st_utf8_valid(name, strlen(name)))
		return "it is not UTF-8";
	if (strstr(name, ".."))
		return "it has '..'";
	if (strstr(name, "@{"))
		return "it has '@{'";
	return NULL;
}

static const char *word_fault(const char *name)
{
	if (!*name)
		return "it is empty";
	if (name[0] == '-')
		return "it begins with '-'";
	if (strcmp(name, "@") == 0 || strcmp(name, "HEAD") == 0)
		return "it means the version that is checked out";
	if (strlen(name) > ST_REF_NAME)
		return "it is longer than 200 bytes";
	if (is_id(name))
		return "it looks like an id";
	if (st_looks_numbered(name))
		return "it looks like a version number";
	return NULL;
}

int st_ref_name_check(const char *kind, const char *name, struct st_err *e)
{
	const char *fault = word_fault(name), *s;
	size_t n;

	if (!fault)
		fault = bytes_fault(name);
	for (s = name; !fault; s += n + 1) {
		n = strcspn(s, "/");
		fault = part_fault(s, n);
		if (!s[n])
			break;
	}
	return fault ? st_fail(e, ST_EUSAGE, "'%.210s' cannot be the name of a %s: %s", name, kind,
			       fault) :
		       ST_OK;
}
