/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the catalogue: its statements, prepared once, and the one way to run them. Nothing outside
 * meta/catalog*.c includes this.
 */
#ifndef ST_META_CATALOG_SQL_H
#define ST_META_CATALOG_SQL_H

#include "meta/catalog.h"

#include <pthread.h>
#include <sqlite3.h>

#define COMMIT_COLUMNS                                                                       \
	"SELECT i.id, t.id, c.time, c.generation, n.name, c.message, c.version, c.parents, " \
	"c.lineage, c.cid, c.traced "                                                        \
	"FROM commits c CROSS JOIN names n ON n.nid = c.author "                             \
	"CROSS JOIN objects i ON i.oid = c.oid CROSS JOIN objects t ON t.oid = c.tree "
#define LOC_COLUMNS                                                                      \
	"SELECT o.id, p.id, b.id, l.kind, l.width, l.depth, l.offset, l.raw, l.stored, " \
	"l.head "

#define ST_SQL_TABLE(X)                                                                          \
	X(BEGIN, "BEGIN IMMEDIATE")                                                              \
	X(READ, "BEGIN")                                                                         \
	X(COMMIT, "COMMIT")                                                                      \
	X(ROLLBACK, "ROLLBACK")                                                                  \
	X(POS_GET, "SELECT seq, end, hash FROM state")                                           \
	X(POS_SET, "UPDATE state SET seq = ?, end = ?, hash = ?")                                \
	X(INDEX_GET, "SELECT index_tree FROM state WHERE index_tree IS NOT NULL")                \
	X(INDEX_SET, "UPDATE state SET index_tree = ?")                                          \
	X(REF_SET, "INSERT INTO refs(name, value) VALUES(?, ?) "                                 \
		   "ON CONFLICT(name) DO UPDATE SET value = excluded.value")                     \
	X(REF_DEL, "DELETE FROM refs WHERE name = ?")                                            \
	X(REF_GET, "SELECT value FROM refs WHERE name = ?")                                      \
	X(REF_EACH, "SELECT name, value FROM refs WHERE name >= ? ORDER BY name")                \
	X(VERSION_ADD, "INSERT INTO versions(label, oid) VALUES(?, ?)")                          \
	X(VERSION_GET, "SELECT o.id FROM versions v CROSS JOIN objects o ON o.oid = v.oid "      \
		       "WHERE v.label = ?")                                                      \
	X(VERSION_OF, "SELECT label FROM versions WHERE oid = ? ORDER BY n LIMIT 1")             \
	X(VERSION_COUNT, "SELECT count(*) FROM versions")                                        \
	X(VERSION_EACH, "SELECT label FROM versions ORDER BY n DESC")                            \
	X(NAME_GET, "SELECT nid FROM names WHERE name = ?")                                      \
	X(NAME_ADD, "INSERT INTO names(name) VALUES(?)")                                         \
	X(COMMIT_ADD, "INSERT INTO commits(oid, tree, time, generation, author, message, "       \
		      "version, parents, lineage, traced) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) " \
		      "ON CONFLICT(oid) DO NOTHING")                                             \
	X(COMMIT_KEY, "SELECT cid FROM commits WHERE oid = ?")                                   \
	X(COMMIT_BY_KEY, COMMIT_COLUMNS "WHERE c.cid = ?")                                       \
	X(COMMIT_LABEL, "UPDATE commits SET version = ? WHERE oid = ? AND version = ''")         \
	X(COMMIT_GET, COMMIT_COLUMNS "WHERE c.oid = ?")                                          \
	X(COMMIT_EACH, COMMIT_COLUMNS "ORDER BY c.generation DESC, c.time DESC, i.id DESC")      \
	X(COMMIT_PREFIX, "SELECT i.id FROM commits c CROSS JOIN objects i ON i.oid = c.oid "     \
			 "WHERE i.id BETWEEN ? AND ? ORDER BY i.id LIMIT 8")                     \
	X(PACK_ADD, "INSERT INTO packs(id, size, objects) VALUES(?, ?, ?)")                      \
	X(PACK_GET, "SELECT pack FROM packs WHERE id = ?")                                       \
	X(PACK_DEL, "DELETE FROM packs WHERE pack = ?")                                          \
	X(PACK_EACH, "SELECT pack, id, size, objects FROM packs ORDER BY pack")                  \
	X(OBJECT_ADD, "INSERT INTO objects(oid, id) VALUES(?, ?)")                               \
	X(LOC_ADD, "INSERT INTO locs(oid, kind, depth, pack, offset, width, base, raw, stored, " \
		   "head) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")          \
	X(LOC_DEL, "DELETE FROM locs WHERE pack = ?")                                            \
	X(LOC_FIND, LOC_COLUMNS "FROM objects o CROSS JOIN locs l ON l.oid = o.oid "             \
				"CROSS JOIN packs p ON p.pack = l.pack "                         \
				"LEFT JOIN objects b ON b.oid = l.base "                         \
				"WHERE o.oid = ? AND l.kind = ? "                                \
				"ORDER BY l.depth, l.pack DESC LIMIT 1")                         \
	X(LOC_PACK, LOC_COLUMNS "FROM packs p CROSS JOIN locs l ON l.pack = p.pack "             \
				"CROSS JOIN objects o ON o.oid = l.oid "                         \
				"LEFT JOIN objects b ON b.oid = l.base "                         \
				"WHERE p.id = ? ORDER BY l.offset")                              \
	X(LOC_ALL, LOC_COLUMNS "FROM locs l INDEXED BY locs_by_pack "                            \
			       "CROSS JOIN packs p ON p.pack = l.pack "                          \
			       "CROSS JOIN objects o ON o.oid = l.oid "                          \
			       "LEFT JOIN objects b ON b.oid = l.base "                          \
			       "ORDER BY l.pack, l.offset")                                      \
	X(SLOT_GET, "SELECT slot FROM slots WHERE path = ? AND name = ?")                        \
	X(SLOT_ADD, "INSERT INTO slots(path, name) VALUES(?, ?)")                                \
	X(SLOT_EACH, "SELECT s.slot, n.name, s.name FROM slots s "                               \
		     "CROSS JOIN names n ON n.nid = s.path ORDER BY s.slot")                     \
	X(SLOT_PATH, "SELECT s.slot, n.name, s.name FROM names n "                               \
		     "CROSS JOIN slots s ON s.path = n.nid WHERE n.name = ? ORDER BY s.name")    \
	X(CHANGE_ADD, "INSERT INTO changes(cid, slot, origin, value) VALUES(?, ?, ?, ?) "        \
		      "ON CONFLICT DO NOTHING")                                                  \
	X(CHANGE_COMMIT, "SELECT cid, slot, origin, value FROM changes WHERE cid = ? "           \
			 "ORDER BY slot")                                                        \
	X(CHANGE_SLOT, "SELECT cid, slot, origin, value FROM changes WHERE slot = ? "            \
		       "ORDER BY cid DESC")                                                      \
	X(OBJECT_ID, "SELECT id FROM objects WHERE oid = ?")                                     \
	X(SKETCH_HAS, "SELECT 1 FROM sketches WHERE oid = ?")                                    \
	X(SKETCH_ADD, "INSERT INTO sketches(oid, numel, vals) VALUES(?, ?, ?) "                  \
		      "ON CONFLICT DO NOTHING")                                                  \
	X(SKETCH_CHANGES, "SELECT h.slot, h.value, k.numel, k.vals FROM changes h "              \
			  "LEFT JOIN sketches k ON k.oid = h.value WHERE h.cid = ? "             \
			  "ORDER BY h.slot")                                                     \
	X(OP_ADD, "INSERT INTO ops(seq, end, time, who, verb, why) "                             \
		  "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(seq) DO NOTHING")                        \
	X(MOVE_ADD, "INSERT INTO moves(seq, k, name, old, new) VALUES(?, ?, ?, ?, ?) "           \
		    "ON CONFLICT DO NOTHING")                                                    \
	X(MOVE_EACH, "SELECT n.name, m.old, o.id, m.new, v.id FROM moves m "                     \
		     "CROSS JOIN names n ON n.nid = m.name "                                     \
		     "LEFT JOIN objects o ON typeof(m.old) = 'integer' AND o.oid = m.old "       \
		     "LEFT JOIN objects v ON typeof(m.new) = 'integer' AND v.oid = m.new "       \
		     "WHERE m.seq = ? ORDER BY m.k")                                             \
	X(OP_END, "SELECT end FROM ops WHERE seq = ?")                                           \
	X(OP_EACH, "SELECT o.seq, o.time, w.name, v.name, o.why FROM ops o "                     \
		   "CROSS JOIN names w ON w.nid = o.who "                                        \
		   "CROSS JOIN names v ON v.nid = o.verb ORDER BY o.seq DESC")

enum st_sql {
#define ST_SQL_ENUM(name, text) SQL_##name,
	ST_SQL_TABLE(ST_SQL_ENUM)
#undef ST_SQL_ENUM
	SQL_COUNT
};

struct st_catalog {
	sqlite3 *db;
	char *path;
	pthread_mutex_t mutex; /* recursive: a callback may query again */
	sqlite3_stmt *cached[SQL_COUNT];
	bool in_use[SQL_COUNT];
	unsigned reading; /* read_begin calls open, */
	bool read_open;	  /* and whether the outermost began a transaction */
	bool opened;	  /* from then on, damage is told with what to do about it */
};

/* The failure of an SQLite call, by what the caller can do about it. */
int st_catalog_fail(struct st_catalog *c, int sqlite_rc, struct st_err *e);

/*
 * One run of one statement: open (which takes the mutex), bind in order, step, close. Binding and
 * stepping stick to the first failure. Bound memory must live until close.
 */
struct st_query {
	struct st_catalog *c;
	struct st_err *err;
	sqlite3_stmt *stmt;
	int which; /* in the cache, or -1: its own */
	int bound;
};

void st_query_open(struct st_query *q, struct st_catalog *c, enum st_sql which, struct st_err *e);
void st_query_text(struct st_query *q, const char *s); /* NULL binds NULL */
void st_query_blob(struct st_query *q, const void *p, size_t n);
void st_query_oid(struct st_query *q, const struct st_oid *id);
void st_query_i64(struct st_query *q, int64_t v);
void st_query_u64(struct st_query *q, uint64_t v);
void st_query_null(struct st_query *q);
bool st_query_row(struct st_query *q); /* false at the end and on failure */
void st_query_close(struct st_query *q);
/* For statements without rows: step and close. */
int st_query_run(struct st_query *q);
/* What a scan returns whose last callback returned rc: ST_ENO ended it early. */
int st_query_ended(int rc, const struct st_err *e);

/* Columns of the current row. What no row of ours can hold sticks as ST_ECORRUPT. */
int64_t st_column_i64(struct st_query *q, int i);
uint64_t st_column_u64(struct st_query *q, int i, uint64_t max);
const char *st_column_text(struct st_query *q, int i); /* never NULL; valid until the next step */
void st_column_oid(struct st_query *q, int i, struct st_oid *out);
void st_column_maybe_oid(struct st_query *q, int i, struct st_oid *out); /* NULL: zero */

/* The number of a name, which is added when it is new. */
int st_catalog_name(struct st_catalog *c, const char *name, int64_t *nid, struct st_err *e);
/* The number of an id, which is added when it is new. */
int st_catalog_intern(struct st_catalog *c, const struct st_oid *id, int64_t *oid,
		      struct st_err *e);
/* 0: it has none. */
int st_catalog_value_of(struct st_catalog *c, const struct st_oid *id, int64_t *oid,
			struct st_err *e);

#endif
