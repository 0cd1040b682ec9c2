/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes under three names: finds that add up, or one failure that names the file. */
#include "base/mem.h"
#include "format/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const struct st_scan_find *f)
{
	const char *why;

	ST_BUG_ON(!f->member || !f->module || !f->name || !f->why);
	ST_BUG_ON(f->verdict != ST_SCAN_SAFE && !*f->why);
	if (*f->module || *f->name)
		ST_BUG_ON(st_scan_judge(f->module, f->name, &why) != f->verdict);
	++*(uint64_t *)arg;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "input.pkl", "input.pt", "input" };
	const struct st_scan_options o = { .memory = (uint64_t)1 << 24 };
	struct st_scan_result r;
	struct st_source s;
	uint64_t finds;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct st_err e = { 0 };
		int rc;

		finds = 0;
		st_source_init_mem(&s, data, size, names[i]);
		rc = st_scan(&s, &o, count, &finds, &r, &e);
		ST_BUG_ON(rc != (int)e.code || finds != r.safe + r.unknown + r.dangerous);
		ST_BUG_ON(rc != ST_OK && rc != ST_EFORMAT && rc != ST_ELIMIT);
		ST_BUG_ON(rc != ST_OK && strncmp(e.msg, names[i], strlen(names[i])) != 0);
	}
	return 0;
}
