/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch_fixture.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

void ok(int rc, const struct st_err *e)
{
	if (rc != ST_OK)
		fail_msg("%d: %s", rc, e->msg);
}

int make_dir(void **state)
{
	char *dir = strdup("/tmp/st-test-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) ? 0 : -1;
}

int remove_dir(void **state)
{
	struct st_err e = { 0 };
	int rc = st_remove_tree(*state, &e);

	free(*state);
	return rc;
}
