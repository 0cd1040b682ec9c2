/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue as a file: schema, opening, transactions, position, checks. */
#include "meta/catalog_sql.h"

#include "base/blake3.h"

#include <sys/stat.h>

#define APPLICATION_ID 0x53545243 /* "STRC" */
#define SCHEMA_VERSION 5
#define SCHEMA_ENTRIES 22 /* tables and indexes, SQLite's own for UNIQUE included */
#define BUSY_MS 10000

static const char schema[] =
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), seq INTEGER NOT NULL,"
	" end INTEGER NOT NULL, hash BLOB NOT NULL, index_tree BLOB);"
	"CREATE TABLE refs(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE names(nid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE versions(n INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE,"
	" oid INTEGER NOT NULL);"
	"CREATE INDEX versions_by_oid ON versions(oid);"
	"CREATE TABLE commits(cid INTEGER PRIMARY KEY, oid INTEGER NOT NULL UNIQUE,"
	" generation INTEGER NOT NULL, time INTEGER NOT NULL, author INTEGER NOT NULL,"
	" traced INTEGER NOT NULL, tree INTEGER NOT NULL, message TEXT NOT NULL,"
	" version TEXT NOT NULL, parents BLOB NOT NULL, lineage BLOB);"
	"CREATE INDEX commits_in_order ON commits(generation DESC, time DESC);"
	"CREATE TABLE slots(slot INTEGER PRIMARY KEY, path INTEGER NOT NULL, name BLOB NOT NULL,"
	" UNIQUE(path, name));"
	"CREATE TABLE changes(cid INTEGER NOT NULL, slot INTEGER NOT NULL, origin INTEGER NOT NULL,"
	" value INTEGER, PRIMARY KEY(cid, slot)) WITHOUT ROWID;"
	"CREATE INDEX changes_by_slot ON changes(slot, cid);"
	"CREATE TABLE sketches(oid INTEGER PRIMARY KEY, numel INTEGER NOT NULL,"
	" vals BLOB NOT NULL);"
	"CREATE TABLE packs(pack INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
	" size INTEGER NOT NULL, objects INTEGER NOT NULL);"
	"CREATE TABLE objects(oid INTEGER PRIMARY KEY, id BLOB NOT NULL,"
	" state INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE locs(oid INTEGER NOT NULL, kind INTEGER NOT NULL, depth INTEGER NOT NULL,"
	" pack INTEGER NOT NULL, offset INTEGER NOT NULL, width INTEGER NOT NULL, base INTEGER,"
	" raw INTEGER NOT NULL, stored INTEGER NOT NULL, head INTEGER NOT NULL,"
	" PRIMARY KEY(oid, pack DESC, offset)) WITHOUT ROWID;"
	"CREATE INDEX locs_by_pack ON locs(pack, offset);"
	"CREATE TABLE ops(seq INTEGER PRIMARY KEY, end INTEGER NOT NULL, time INTEGER NOT NULL,"
	" who INTEGER NOT NULL, verb INTEGER NOT NULL, why TEXT NOT NULL);"
	"CREATE TABLE moves(seq INTEGER NOT NULL, k INTEGER NOT NULL, name INTEGER NOT NULL,"
	" old, new, PRIMARY KEY(seq, k)) WITHOUT ROWID;"
	"INSERT INTO state VALUES(1, 0, 0, zeroblob(32), NULL);"
	"PRAGMA application_id = " ST_STR(APPLICATION_ID) ";"
							  "PRAGMA user_version = " ST_STR(
								  SCHEMA_VERSION) ";";

/* cell_size_check and trusted_schema: the file may be damaged, or another's. */
static const char settings[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
			       "PRAGMA journal_mode = DELETE; PRAGMA synchronous = NORMAL;"
			       "PRAGMA locking_mode = NORMAL; PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -16384;";

static int exec(struct st_catalog *c, const char *sql, struct st_err *e)
{
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ST_OK : st_catalog_fail(c, rc, e);
}

/* First column of the first row as an integer, or as text into text (may be NULL). */
static int ask(struct st_catalog *c, const char *sql, int64_t *out, struct st_buf *text,
	       struct st_err *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);

	*out = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(s, 0);
		if (text && sqlite3_column_bytes(s, 0) > 0)
			(void)!st_buf_add(text, sqlite3_column_text(s, 0),
					  (size_t)sqlite3_column_bytes(s, 0), e);
	} else if (rc != SQLITE_DONE) {
		st_catalog_fail(c, rc, e);
	}
	sqlite3_finalize(s);
	return e->code;
}

static int create(struct st_catalog *c, struct st_err *e)
{
	int64_t version, entries;
	int rc = exec(c, "BEGIN IMMEDIATE", e);

	if (rc != ST_OK)
		return rc;
	/* another process may have been faster */
	rc = ask(c, "PRAGMA user_version", &version, NULL, e);
	if (rc == ST_OK)
		rc = ask(c, "SELECT count(*) FROM sqlite_schema", &entries, NULL, e);
	if (rc == ST_OK && version == 0 && entries == 0)
		rc = exec(c, schema, e);
	if (rc == ST_OK)
		rc = exec(c, "COMMIT", e);
	if (rc != ST_OK)
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* A file cut short is found before a page that is not there is asked for. */
static int check_size(struct st_catalog *c, struct st_err *e)
{
	int64_t pages, page;
	struct stat st;
	int rc;

	if (strcmp(c->path, ":memory:") == 0)
		return ST_OK;
	rc = ask(c, "PRAGMA page_count", &pages, NULL, e);
	if (rc == ST_OK)
		rc = ask(c, "PRAGMA page_size", &page, NULL, e);
	if (rc != ST_OK)
		return rc;
	if (stat(c->path, &st) != 0)
		return st_fail_os(e, "stat %s", c->path);
	if (st.st_size / page < pages)
		return st_fail(e, ST_ECORRUPT, "%s: %" PRId64 " pages of %" PRId64 " are missing",
			       c->path, pages - st.st_size / page, pages);
	return ST_OK;
}

static int check_schema(struct st_catalog *c, struct st_err *e)
{
	int64_t app, version, entries, rows;
	int rc = ask(c, "PRAGMA application_id", &app, NULL, e);

	if (rc == ST_OK)
		rc = ask(c, "PRAGMA user_version", &version, NULL, e);
	if (rc == ST_OK && app != APPLICATION_ID)
		rc = st_fail(e, ST_ECORRUPT, "%s is no catalogue of strata", c->path);
	if (rc == ST_OK && version != SCHEMA_VERSION)
		rc = st_fail(e, ST_ECORRUPT, "%s has schema %" PRId64 ", not %d", c->path, version,
			     SCHEMA_VERSION);
	if (rc == ST_OK)
		rc = ask(c, "SELECT count(*) FROM sqlite_schema", &entries, NULL, e);
	if (rc == ST_OK)
		rc = ask(c, "SELECT count(*) FROM state", &rows, NULL, e);
	if (rc == ST_OK && (entries != SCHEMA_ENTRIES || rows != 1))
		rc = st_fail(e, ST_ECORRUPT, "%s lacks tables, or has others", c->path);
	return rc == ST_OK ? check_size(c, e) : rc;
}

static int open_db(struct st_catalog *c, struct st_err *e)
{
	int rc = sqlite3_open_v2(c->path, &c->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 NULL);
	int64_t app, version, entries;

	if (rc != SQLITE_OK)
		return st_catalog_fail(c, rc, e);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	sqlite3_extended_result_codes(c->db, 1);
	rc = exec(c, settings, e);
	if (rc == ST_OK)
		rc = ask(c, "PRAGMA application_id", &app, NULL, e);
	if (rc == ST_OK)
		rc = ask(c, "PRAGMA user_version", &version, NULL, e);
	if (rc == ST_OK)
		rc = ask(c, "SELECT count(*) FROM sqlite_schema", &entries, NULL, e);
	if (rc == ST_OK && app == 0 && version == 0 && entries == 0)
		rc = create(c, e);
	return rc == ST_OK ? check_schema(c, e) : rc;
}

static void init_mutex(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;

	ST_BUG_ON(pthread_mutexattr_init(&a) != 0);
	ST_BUG_ON(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE) != 0);
	ST_BUG_ON(pthread_mutex_init(m, &a) != 0);
	pthread_mutexattr_destroy(&a);
}

int st_catalog_open(struct st_catalog **out, const char *path, struct st_err *e)
{
	struct st_catalog *c = st_calloc(1, sizeof(*c), e);
	int rc;

	*out = NULL;
	if (!c)
		return e->code;
	init_mutex(&c->mutex);
	c->path = st_strdup(path, e);
	rc = c->path ? open_db(c, e) : e->code;
	c->opened = rc == ST_OK;
	if (rc == ST_OK)
		*out = c;
	else
		st_catalog_close(c);
	return rc;
}

/* Nothing half read: a journal that would have to be played back into the file ends it too. */
static bool copy_from(struct st_catalog *c, const char *path)
{
	struct st_err none = { 0 };
	sqlite3_backup *b = NULL;
	sqlite3 *from = NULL;
	bool done = false;

	if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
	    SQLITE_OK) {
		sqlite3_busy_timeout(from, BUSY_MS);
		b = sqlite3_backup_init(c->db, "main", from, "main");
	}
	if (b) {
		done = sqlite3_backup_step(b, -1) == SQLITE_DONE;
		done = sqlite3_backup_finish(b) == SQLITE_OK && done;
	}
	sqlite3_close(from);
	return done && check_schema(c, &none) == ST_OK;
}

int st_catalog_open_copy(struct st_catalog **out, const char *path, struct st_err *e)
{
	int rc = st_catalog_open(out, ":memory:", e);

	if (rc != ST_OK || !path || copy_from(*out, path))
		return rc;
	st_catalog_close(*out);
	return st_catalog_open(out, ":memory:", e);
}

void st_catalog_close(struct st_catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(c->cached[i]);
	sqlite3_close(c->db);
	pthread_mutex_destroy(&c->mutex);
	free(c->path);
	free(c);
}

static int run(struct st_catalog *c, enum st_sql which, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, which, e);
	return st_query_run(&q);
}

int st_catalog_begin(struct st_catalog *c, struct st_err *e)
{
	ST_BUG_ON(!sqlite3_get_autocommit(c->db));
	return run(c, SQL_BEGIN, e);
}

int st_catalog_commit(struct st_catalog *c, struct st_err *e)
{
	return run(c, SQL_COMMIT, e);
}

void st_catalog_rollback(struct st_catalog *c)
{
	struct st_err none = { 0 }; /* after some failures SQLite has rolled back already */

	if (!sqlite3_get_autocommit(c->db))
		(void)run(c, SQL_ROLLBACK, &none);
}

void st_catalog_compact(struct st_catalog *c)
{
	struct st_err none = { 0 };

	pthread_mutex_lock(&c->mutex);
	ST_BUG_ON(!sqlite3_get_autocommit(c->db));
	if (exec(c, "VACUUM", &none) != ST_OK)
		st_err_clear(&none);
	pthread_mutex_unlock(&c->mutex);
}

int st_catalog_read_begin(struct st_catalog *c, struct st_err *e)
{
	int rc = ST_OK;

	pthread_mutex_lock(&c->mutex);
	if (c->reading == 0 && sqlite3_get_autocommit(c->db)) {
		rc = run(c, SQL_READ, e);
		c->read_open = rc == ST_OK;
	}
	c->reading += rc == ST_OK;
	pthread_mutex_unlock(&c->mutex);
	return rc;
}

void st_catalog_read_end(struct st_catalog *c)
{
	struct st_err none = { 0 }; /* nothing was written, so nothing can be lost */

	pthread_mutex_lock(&c->mutex);
	ST_BUG_ON(c->reading == 0);
	c->reading--;
	if (c->reading == 0 && c->read_open) {
		c->read_open = false;
		if (run(c, SQL_COMMIT, &none) != ST_OK)
			st_catalog_rollback(c);
	}
	pthread_mutex_unlock(&c->mutex);
}

int st_catalog_pos(struct st_catalog *c, struct st_oplog_pos *pos, struct st_err *e)
{
	struct st_query q;

	*pos = (struct st_oplog_pos){ 0 };
	st_query_open(&q, c, SQL_POS_GET, e);
	if (st_query_row(&q)) {
		pos->seq = st_column_u64(&q, 0, INT64_MAX);
		pos->end = st_column_u64(&q, 1, INT64_MAX);
		st_column_oid(&q, 2, &pos->hash);
	}
	st_query_close(&q);
	return e->code;
}

int st_catalog_set_pos(struct st_catalog *c, const struct st_oplog_pos *pos, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_POS_SET, e);
	st_query_u64(&q, pos->seq);
	st_query_u64(&q, pos->end);
	st_query_oid(&q, &pos->hash);
	return st_query_run(&q);
}

/* Numbers that stand for an id, a name or a pack must stand for one that is there. */
static int check_links(struct st_catalog *c, struct st_err *e)
{
	static const char *const broken[] = {
		"SELECT 1 FROM locs l LEFT JOIN objects o ON o.oid = l.oid WHERE o.oid IS NULL",
		"SELECT 1 FROM locs l LEFT JOIN packs p ON p.pack = l.pack WHERE p.pack IS NULL",
		"SELECT 1 FROM locs l LEFT JOIN objects b ON b.oid = l.base"
		" WHERE l.base IS NOT NULL AND b.oid IS NULL",
		"SELECT 1 FROM versions v LEFT JOIN objects o ON o.oid = v.oid WHERE o.oid IS NULL",
		"SELECT 1 FROM commits c LEFT JOIN objects o ON o.oid = c.oid WHERE o.oid IS NULL",
		"SELECT 1 FROM commits c LEFT JOIN objects o ON o.oid = c.tree WHERE o.oid IS NULL",
		"SELECT 1 FROM moves m LEFT JOIN names n ON n.nid = m.name WHERE n.nid IS NULL",
		"SELECT 1 FROM moves m LEFT JOIN objects o ON o.oid = m.old"
		" WHERE typeof(m.old) = 'integer' AND o.oid IS NULL",
		"SELECT 1 FROM moves m LEFT JOIN objects o ON o.oid = m.new"
		" WHERE typeof(m.new) = 'integer' AND o.oid IS NULL",
		"SELECT 1 FROM commits c LEFT JOIN names n ON n.nid = c.author WHERE n.nid IS NULL",
		"SELECT 1 FROM ops p LEFT JOIN names n ON n.nid = p.who WHERE n.nid IS NULL",
		"SELECT 1 FROM ops p LEFT JOIN names n ON n.nid = p.verb WHERE n.nid IS NULL",
		"SELECT 1 FROM slots s LEFT JOIN names n ON n.nid = s.path WHERE n.nid IS NULL",
		"SELECT 1 FROM changes h LEFT JOIN commits c ON c.cid = h.cid WHERE c.cid IS NULL",
		"SELECT 1 FROM changes h LEFT JOIN slots s ON s.slot = h.slot WHERE s.slot IS NULL",
		"SELECT 1 FROM changes h LEFT JOIN objects o ON o.oid = h.value"
		" WHERE h.value IS NOT NULL AND o.oid IS NULL",
		"SELECT 1 FROM sketches k LEFT JOIN objects o ON o.oid = k.oid WHERE o.oid IS NULL",
	};
	int64_t found = 0;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < sizeof(broken) / sizeof(*broken); i++) {
		rc = ask(c, broken[i], &found, NULL, e);
		if (rc == ST_OK && found)
			rc = st_fail(e, ST_ECORRUPT, "%s: rows without what they refer to",
				     c->path);
	}
	return rc;
}

int st_catalog_check(struct st_catalog *c, struct st_err *e)
{
	struct st_buf text;
	int64_t number;
	int rc;

	st_buf_init(&text, (size_t)1 << 20);
	pthread_mutex_lock(&c->mutex);
	rc = ask(c, "PRAGMA integrity_check(1)", &number, &text, e);
	if (rc == ST_OK && (text.len != 2 || memcmp(text.p, "ok", 2) != 0))
		rc = st_fail(e, ST_ECORRUPT, "%s: %.*s", c->path, (int)text.len,
			     text.p ? (const char *)text.p : "");
	if (rc == ST_OK)
		rc = check_links(c, e);
	pthread_mutex_unlock(&c->mutex);
	st_buf_release(&text);
	return rc;
}

/* Each value by its type and length, so that no two rows run into one another. */
static void digest_row(struct st_blake3 *h, sqlite3_stmt *s)
{
	uint8_t head[9];

	for (int i = 0; i < sqlite3_column_count(s); i++) {
		bool number = sqlite3_column_type(s, i) == SQLITE_INTEGER;
		const void *p = number ? NULL : sqlite3_column_blob(s, i);
		size_t n = number ? 0 : (size_t)sqlite3_column_bytes(s, i);

		head[0] = (uint8_t)sqlite3_column_type(s, i);
		st_put64(head + 1, number ? (uint64_t)sqlite3_column_int64(s, i) : n);
		st_blake3_update(h, head, sizeof(head));
		st_blake3_update(h, p, n);
	}
}

static int digest_query(struct st_catalog *c, const char *sql, struct st_blake3 *h,
			struct st_err *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(s)) == SQLITE_ROW)
			digest_row(h, s);
	st_blake3_update(h, "\xff", 1); /* no column type: the table's end */
	if (rc != SQLITE_DONE)
		st_catalog_fail(c, rc, e);
	sqlite3_finalize(s);
	return e->code;
}

/*
 * By content: the numbers that stand for ids and names depend on the order of arrival. Changes of
 * commits without a version number, and their sketches, do not count, because gc may have removed
 * their trees.
 */
static const char *const digested[] = {
	"SELECT seq, end, hash, index_tree FROM state",
	"SELECT name, value FROM refs ORDER BY name",
	"SELECT v.label, o.id FROM versions v CROSS JOIN objects o ON o.oid = v.oid ORDER BY v.n",
	"SELECT i.id, t.id, time, generation, n.name, message, version, parents, lineage"
	" FROM commits c CROSS JOIN names n ON n.nid = c.author"
	" CROSS JOIN objects i ON i.oid = c.oid CROSS JOIN objects t ON t.oid = c.tree"
	" ORDER BY i.id",
	"SELECT i.id, p.name, s.name, h.origin, o.id FROM commits c"
	" CROSS JOIN objects i ON i.oid = c.oid"
	" CROSS JOIN changes h ON h.cid = c.cid CROSS JOIN slots s ON s.slot = h.slot"
	" CROSS JOIN names p ON p.nid = s.path LEFT JOIN objects o ON o.oid = h.value"
	" WHERE c.version <> '' ORDER BY i.id, p.name, s.name",
	"SELECT o.id, k.numel, k.vals FROM sketches k CROSS JOIN objects o ON o.oid = k.oid"
	" WHERE k.oid IN (SELECT h.value FROM commits c CROSS JOIN changes h ON h.cid = c.cid"
	" WHERE c.version <> '') ORDER BY o.id",
	"SELECT id, size, objects FROM packs ORDER BY id",
	"SELECT p.id, o.id, b.id, l.kind, l.width, l.depth, l.offset, l.raw, l.stored, l.head"
	" FROM packs p CROSS JOIN locs l ON l.pack = p.pack"
	" CROSS JOIN objects o ON o.oid = l.oid LEFT JOIN objects b ON b.oid = l.base"
	" ORDER BY p.id, l.offset",
	"SELECT id, state FROM objects WHERE state <> 0 ORDER BY id",
	"SELECT seq, end, time, w.name, v.name, why FROM ops o"
	" CROSS JOIN names w ON w.nid = o.who CROSS JOIN names v ON v.nid = o.verb ORDER BY seq",
	"SELECT m.seq, n.name, coalesce(o.id, m.old), coalesce(v.id, m.new) FROM moves m"
	" CROSS JOIN names n ON n.nid = m.name"
	" LEFT JOIN objects o ON typeof(m.old) = 'integer' AND o.oid = m.old"
	" LEFT JOIN objects v ON typeof(m.new) = 'integer' AND v.oid = m.new"
	" ORDER BY m.seq, m.k",
};

int st_catalog_digest(struct st_catalog *c, struct st_oid *out, struct st_err *e)
{
	struct st_blake3 h;
	int rc = ST_OK;

	st_blake3_init(&h);
	pthread_mutex_lock(&c->mutex);
	for (size_t i = 0; rc == ST_OK && i < sizeof(digested) / sizeof(*digested); i++)
		rc = digest_query(c, digested[i], &h, e);
	pthread_mutex_unlock(&c->mutex);
	st_blake3_final(&h, out->b);
	return rc;
}
