/* SPDX-License-Identifier: Apache-2.0 */
/* What gc is about to do with every pack. Private to gc*.c. */
#ifndef ST_REPO_GC_H
#define ST_REPO_GC_H

#include "repo/mark.h"

#define ST_GC_SMALL ((uint64_t)64 << 20) /* packs below this are worth merging */
#define ST_GC_FEW 20			 /* so many small packs are left alone by gc, */
#define ST_GC_MANY 50			 /* and so many by its automatic run */

enum st_fate {
	ST_PACK_KEEP,
	ST_PACK_REMOVE,
	ST_PACK_REWRITE
};

struct st_gc_pack {
	struct st_oid id;
	uint64_t size; /* of the file */
	int64_t mtime_ns;
	bool present, known; /* as a file; to the catalogue */
	bool held;	     /* all its entries stay, and what they need is marked */
	enum st_fate fate;
	uint64_t live, live_bytes; /* entries that readers use */
	uint64_t dead, dead_bytes; /* the others: of unneeded objects, or stored again elsewhere */
	uint64_t lost, lost_bytes; /* those of them whose object nothing needs */
};

struct st_gc_plan {
	struct st_repo *r;
	struct st_mark *m;
	struct st_gc_pack *packs;
	size_t n, cap;
	struct st_map by_id; /* pack -> its place above */
	struct st_map word;  /* pack -> does the log end with its removal? */
	struct st_gc_pack *last;
};

void st_gc_plan_init(struct st_gc_plan *p, struct st_repo *r, struct st_mark *m);
void st_gc_plan_release(struct st_gc_plan *p);
struct st_gc_pack *st_gc_find(const struct st_gc_plan *p, const struct st_oid *pack);
/*
 * p->m holds what is needed. Packs not written before cutoff_ns lose nothing. Whatever stays
 * stored although nothing needs it keeps what it needs itself (p->m grows): add finds such
 * objects and uses them again, so none may be left that cannot be read.
 */
ST_MUST int st_gc_plan_prune(struct st_gc_plan *p, int64_t cutoff_ns, struct st_err *e);
/* Small packs become few, in time that does not grow with all that is stored; nothing is lost. p->m
 * must be empty and gets the entries to copy. */
ST_MUST int st_gc_plan_merge(struct st_gc_plan *p, struct st_err *e);
uint64_t st_gc_entry_bytes(uint64_t stored, uint64_t head);

#endif
