/* SPDX-License-Identifier: Apache-2.0 */
/* The operation log file: its header, records, tail and lock. Bytes: oplog.h. */
#include "meta/oplog.h"

#include "base/blake3.h"
#include "base/file.h"
#include "base/rd.h"
#include "base/terse.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FILE_HEAD 32
#define REC_HEAD 24
#define CHECK_AT 16 /* bytes of a record's header that its own checksum covers */
#define SCAN_STEP ((size_t)64 * 1024)
#define NAP_MAX_NS 50000000L
#define LOOK_WAIT_MS 10000

static const uint8_t file_head[FILE_HEAD] = "STRAOPS2";

struct st_oplog {
	char *path;
	int fd;
	bool writable, locked;
};

struct head {
	uint64_t seq;
	size_t len; /* of the payload */
};

/* One record as read; payload and op belong to the reader. */
struct record {
	struct st_oplog_pos at; /* after it */
	bool whole;		/* all its bytes are there */
	bool sound;		/* and they are right */
	bool headless;		/* but for its header, which is damaged */
};

struct reader {
	struct st_oplog *l;
	uint64_t size; /* of the file, when reading began */
	struct st_buf payload;
};

static uint64_t record_size(size_t len)
{
	return REC_HEAD + ((uint64_t)len + 7) / 8 * 8 + ST_HASH_LEN;
}

static void head_check(const uint8_t *p, uint8_t out[8])
{
	uint8_t hash[ST_HASH_LEN];

	st_blake3(p, CHECK_AT, hash);
	memcpy(out, hash, 8);
}

static void head_put(uint8_t p[REC_HEAD], uint64_t seq, size_t len)
{
	memcpy(p, "OPRC", 4);
	st_put32(p + 4, (uint32_t)len);
	st_put64(p + 8, seq);
	head_check(p, p + CHECK_AT);
}

static bool head_get(const uint8_t p[REC_HEAD], struct head *h)
{
	uint8_t check[8];

	if (memcmp(p, "OPRC", 4) != 0)
		return false;
	head_check(p, check);
	h->len = st_get32(p + 4);
	h->seq = st_get64(p + 8);
	return memcmp(check, p + CHECK_AT, 8) == 0 && h->len > 0 && h->len <= ST_OP_BYTES;
}

static void chain(struct st_oid *out, const struct st_oid *before, uint64_t seq, const void *p,
		  size_t len)
{
	struct st_blake3 h;
	uint8_t n[8];

	st_put64(n, seq);
	st_blake3_init(&h);
	st_blake3_update(&h, before->b, ST_OID_LEN);
	st_blake3_update(&h, n, sizeof(n));
	st_blake3_update(&h, p, len);
	st_blake3_final(&h, out->b);
}

int st_oplog_create(const char *path, struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int rc, fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return st_fail_os(e, "create %s", path);
	rc = st_write_full(fd, file_head, FILE_HEAD, path, e);
	if (rc == ST_OK && fsync(fd) != 0)
		rc = st_fail_os(e, "sync %s", path);
	close(fd);
	dir = slash ? st_memdup(path, (size_t)(slash - path) + 2, e) : st_strdup(".", e);
	if (dir && slash)
		dir[slash - path + 1] = 0;
	if (rc == ST_OK)
		rc = dir ? st_fsync_dir(dir, e) : e->code;
	if (rc != ST_OK)
		unlink(path);
	free(dir);
	return rc;
}

static int open_file(struct st_oplog *l, struct st_err *e)
{
	l->writable = true;
	l->fd = open(l->path, O_RDWR | O_CLOEXEC);
	if (l->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
		l->writable = false;
		l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	}
	if (l->fd >= 0)
		return ST_OK;
	if (errno == ENOENT)
		return st_fail(e, ST_ENOTFOUND, "%s does not exist", l->path);
	return st_fail_os(e, "open %s", l->path);
}

int st_oplog_open(struct st_oplog **out, const char *path, struct st_err *e)
{
	struct st_oplog *l = st_calloc(1, sizeof(*l), e);
	uint8_t head[FILE_HEAD];
	size_t got = 0;
	int rc;

	*out = NULL;
	if (!l)
		return e->code;
	l->fd = -1;
	l->path = st_strdup(path, e);
	rc = l->path ? open_file(l, e) : e->code;
	if (rc == ST_OK)
		rc = st_pread_some(l->fd, head, FILE_HEAD, 0, &got, path, e);
	if (rc == ST_OK && (got < FILE_HEAD || memcmp(head, file_head, FILE_HEAD) != 0))
		rc = st_fail(e, ST_ECORRUPT, "%s is no operation log: bad header", path);
	if (rc == ST_OK)
		*out = l;
	else
		st_oplog_close(l);
	return rc;
}

void st_oplog_close(struct st_oplog *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd); /* gives up the lock too */
	free(l->path);
	free(l);
}

static int file_size(struct st_oplog *l, uint64_t *out, struct st_err *e)
{
	struct stat st;

	if (fstat(l->fd, &st) != 0)
		return st_fail_os(e, "stat %s", l->path);
	*out = (uint64_t)st.st_size;
	return ST_OK;
}

/* {0} is the beginning. */
static uint64_t end_of(const struct st_oplog_pos *pos)
{
	return pos->end == 0 ? FILE_HEAD : pos->end;
}

/* A record's hash are its last bytes, so that whether it is still there needs one small read. */
static int check_pos(struct st_oplog *l, const struct st_oplog_pos *pos, uint64_t size,
		     struct st_err *e)
{
	struct st_oid hash;
	int rc;

	if (pos->seq == 0 && pos->end == 0 && size >= FILE_HEAD)
		return ST_OK;
	if (pos->seq == 0 || pos->end > size || pos->end < FILE_HEAD + REC_HEAD + ST_OID_LEN)
		return st_fail(e, ST_ECORRUPT,
			       "%s: ends at %" PRIu64 ", operation %" PRIu64 " ended at %" PRIu64,
			       l->path, size, pos->seq, pos->end);
	rc = st_pread_full(l->fd, hash.b, ST_OID_LEN, pos->end - ST_OID_LEN, l->path, e);
	if (rc == ST_OK && !st_oid_eq(&hash, &pos->hash))
		rc = st_fail(e, ST_ECORRUPT,
			     "%s: operation %" PRIu64 ", known to end at %" PRIu64 ", is not there",
			     l->path, pos->seq, pos->end);
	return rc;
}

int st_oplog_newer(struct st_oplog *l, const struct st_oplog_pos *pos, bool *newer,
		   struct st_err *e)
{
	uint64_t size;
	int rc = file_size(l, &size, e);

	if (rc == ST_OK)
		rc = check_pos(l, pos, size, e);
	if (rc == ST_OK)
		*newer = size > end_of(pos);
	return rc;
}

static int reader_open(struct reader *r, struct st_oplog *l, struct st_err *e)
{
	r->l = l;
	st_buf_init(&r->payload, ST_OP_BYTES + 8 + ST_OID_LEN);
	return file_size(l, &r->size, e);
}

static bool padding_clear(const uint8_t *p, size_t len)
{
	for (; len % 8; len++)
		if (p[len])
			return false;
	return true;
}

/* What follows a record's header at off, into r. *there false: a torn tail that is being cut off
 * shrank under us. */
static int read_rest(struct reader *r, uint64_t off, size_t rest, bool *there, struct st_err *e)
{
	size_t got = 0;
	int rc;

	st_buf_clear(&r->payload);
	rc = st_buf_room(&r->payload, rest, e);
	if (rc == ST_OK)
		rc = st_pread_some(r->l->fd, r->payload.p, rest, off + REC_HEAD, &got, r->l->path,
				   e);
	*there = rc == ST_OK && got == rest;
	return rc;
}

/* The record after pos into rec, its payload into r. Only reading can fail: a bad record is not
 * sound. */
static int read_record(struct reader *r, const struct st_oplog_pos *pos, struct record *rec,
		       struct st_err *e)
{
	uint64_t off = end_of(pos);
	uint8_t head[REC_HEAD];
	size_t got, rest;
	struct head h;
	bool there;
	int rc;

	*rec = (struct record){ 0 };
	if (r->size - off < REC_HEAD)
		return ST_OK;
	rc = st_pread_some(r->l->fd, head, REC_HEAD, off, &got, r->l->path, e);
	if (rc != ST_OK || got < REC_HEAD || !head_get(head, &h) ||
	    record_size(h.len) > r->size - off)
		return rc;
	rest = (size_t)record_size(h.len) - REC_HEAD;
	rc = read_rest(r, off, rest, &there, e);
	if (rc != ST_OK || !there)
		return rc;
	rec->whole = true;
	rec->at = (struct st_oplog_pos){ .seq = h.seq, .end = off + REC_HEAD + rest };
	chain(&rec->at.hash, &pos->hash, h.seq, r->payload.p, h.len);
	rec->sound = h.seq == pos->seq + 1 && padding_clear(r->payload.p, h.len) &&
		     memcmp(rec->at.hash.b, r->payload.p + rest - ST_OID_LEN, ST_OID_LEN) == 0;
	r->payload.len = h.len;
	return ST_OK;
}

/*
 * Where after off a header of a sequence number above seq stands; 0: nowhere. Bytes of a payload or
 * a hash that look like one would have to hold 8 bytes of their own hash.
 */
static int find_header(struct reader *r, uint64_t off, uint64_t seq, uint64_t *found,
		       struct st_err *e)
{
	uint8_t *p = st_malloc(SCAN_STEP + REC_HEAD, e);
	struct head h;
	size_t got, i;
	int rc = p ? ST_OK : e->code;

	*found = 0;
	while (rc == ST_OK && *found == 0 && r->size - off >= REC_HEAD) {
		rc = st_pread_some(r->l->fd, p, SCAN_STEP + REC_HEAD, off, &got, r->l->path, e);
		if (rc != ST_OK || got < REC_HEAD)
			break;
		for (i = 0; i + REC_HEAD <= got && i < SCAN_STEP && *found == 0; i += 8)
			if (r->size - off >= i + REC_HEAD && head_get(p + i, &h) && h.seq > seq)
				*found = off + i;
		if (got < SCAN_STEP + REC_HEAD)
			break;
		off += SCAN_STEP;
	}
	free(p);
	return rc;
}

/*
 * The bytes from pos to end as a record whose header says nothing: its hash covers its number and
 * its payload, so it proves what they are, and at most 8 lengths fill the room.
 */
static int read_headless(struct reader *r, const struct st_oplog_pos *pos, uint64_t end,
			 struct record *rec, struct st_err *e)
{
	uint64_t off = end_of(pos), size = end - off;
	size_t rest, room;
	bool there;
	int rc;

	if (size <= REC_HEAD + ST_HASH_LEN || size % 8 || size > record_size(ST_OP_BYTES))
		return ST_OK;
	rest = (size_t)size - REC_HEAD;
	room = rest - ST_HASH_LEN;
	rc = read_rest(r, off, rest, &there, e);
	if (rc != ST_OK || !there)
		return rc;
	rec->at = (struct st_oplog_pos){ .seq = pos->seq + 1, .end = end };
	for (size_t len = room; !rec->sound && len > 0 && len + 8 > room; len--) {
		if (!padding_clear(r->payload.p, len))
			break;
		chain(&rec->at.hash, &pos->hash, rec->at.seq, r->payload.p, len);
		rec->sound = memcmp(rec->at.hash.b, r->payload.p + room, ST_OID_LEN) == 0;
		r->payload.len = len;
	}
	rec->whole = rec->headless = rec->sound;
	return ST_OK;
}

/* What lies after pos is not a sound record: a torn tail (*next 0), or damage before *next? */
static int classify(struct reader *r, const struct st_oplog_pos *pos, uint64_t *next,
		    struct st_err *e)
{
	uint64_t off = end_of(pos);

	*next = 0;
	if (r->size - off < 8)
		return ST_OK;
	return find_header(r, off + 8, pos->seq, next, e);
}

/* The record after pos; where it is not sound, *next is what classify() says. */
static int find_record(struct reader *r, const struct st_oplog_pos *pos, struct record *rec,
		       uint64_t *next, struct st_err *e)
{
	int rc = read_record(r, pos, rec, e);

	*next = 0;
	if (rc != ST_OK || rec->sound)
		return rc;
	rc = classify(r, pos, next, e);
	if (rc == ST_OK && !rec->whole)
		rc = read_headless(r, pos, *next ? *next : r->size, rec, e);
	return rc;
}

static int wait_lock(struct st_oplog *l, enum st_lock_mode mode, unsigned wait_ms, struct st_err *e)
{
	int64_t until = st_now_ns() + (int64_t)wait_ms * 1000000;
	struct timespec nap = { 0, 1000000 };
	struct st_err busy = { 0 };
	int rc;

	for (;;) {
		st_err_clear(&busy);
		rc = st_lock(l->fd, mode, false, l->path, &busy);
		if (rc != ST_EBUSY || st_now_ns() >= until)
			break;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < NAP_MAX_NS)
			nap.tv_nsec *= 2;
	}
	if (rc == ST_EBUSY)
		return st_fail(e, ST_EBUSY, "%s is locked by another command: try again", l->path);
	if (rc != ST_OK)
		*e = busy;
	return rc;
}

static int damaged(const struct st_oplog *l, const struct st_oplog_pos *pos, uint64_t next,
		   struct st_err *e)
{
	return st_fail(e, ST_ECORRUPT,
		       "%s: record %" PRIu64 " at offset %" PRIu64
		       " is damaged; a later one follows at %" PRIu64
		       ": bring this file back from a backup",
		       l->path, pos->seq + 1, end_of(pos), next);
}

/*
 * The next sound record, or *more false at the end. Without the lock, what looks like damage may be
 * a tail that another process replaces at this moment: a second look under the lock decides.
 */
static int next_record(struct reader *r, const struct st_oplog_pos *pos, struct record *rec,
		       bool *more, struct st_err *e)
{
	uint64_t next;
	int rc = find_record(r, pos, rec, &next, e);

	*more = rc == ST_OK && rec->sound;
	if (rc != ST_OK || *more || next == 0)
		return rc;
	if (r->l->locked)
		return damaged(r->l, pos, next, e);
	rc = wait_lock(r->l, ST_LOCK_SHARED, LOOK_WAIT_MS, e);
	if (rc != ST_OK)
		return rc;
	r->l->locked = true;
	rc = file_size(r->l, &r->size, e);
	if (rc == ST_OK)
		rc = check_pos(r->l, pos, r->size, e);
	if (rc == ST_OK)
		rc = next_record(r, pos, rec, more, e);
	st_oplog_unlock(r->l);
	return rc;
}

static int get_payload(struct st_buf *json, const uint8_t *p, size_t n, struct st_err *e)
{
	struct st_rd rd;
	uint64_t len;
	size_t got;

	st_rd_init(&rd, p, n, e);
	len = st_rd_varint(&rd);
	if (st_rd_ok(&rd) && len / ST_TERSE_GAIN > n)
		st_fail(e, ST_ECORRUPT, "%" PRIu64 " bytes of JSON in %zu", len, n);
	if (!st_rd_ok(&rd) || st_buf_room(json, (size_t)len, e) != ST_OK ||
	    st_terse_decode(json->p, (size_t)len, &got, p + rd.pos, n - rd.pos, NULL, 0, e) !=
		    ST_OK)
		return e->code;
	json->len = got;
	return got == len ? ST_OK :
			    st_fail(e, ST_ECORRUPT, "%zu bytes of JSON, not %" PRIu64, got, len);
}

static int parse_record(struct reader *r, const struct record *rec, struct st_op *op,
			struct st_arena *arena, struct st_err *e)
{
	struct st_buf json;
	int rc;

	st_buf_init(&json, ST_OP_BYTES);
	rc = get_payload(&json, r->payload.p, r->payload.len, e);
	*op = (struct st_op){ 0 };
	if (rc == ST_OK)
		rc = st_op_parse(op, arena, json.p, json.len, e);
	st_buf_release(&json);
	op->seq = rec->at.seq;
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s: operation %" PRIu64, r->l->path, rec->at.seq);
}

int st_oplog_replay(struct st_oplog *l, struct st_oplog_pos *pos,
		    int (*fn)(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
			      struct st_err *e),
		    void *arg, struct st_err *e)
{
	struct st_arena arena;
	struct record rec;
	struct reader r;
	struct st_op op;
	bool more = true;
	int rc = reader_open(&r, l, e);

	if (rc == ST_OK)
		rc = check_pos(l, pos, r.size, e);
	while (rc == ST_OK) {
		rc = next_record(&r, pos, &rec, &more, e);
		if (rc != ST_OK || !more)
			break;
		st_arena_init(&arena);
		rc = parse_record(&r, &rec, &op, &arena, e);
		if (rc == ST_OK)
			rc = fn(arg, &op, &rec.at, e);
		if (rc == ST_OK)
			*pos = rec.at;
		st_arena_release(&arena);
	}
	st_buf_release(&r.payload);
	return rc;
}

int st_oplog_read(struct st_oplog *l, uint64_t seq, uint64_t from, struct st_op *op,
		  struct st_arena *arena, struct st_err *e)
{
	struct st_oplog_pos pos = { .seq = seq - 1, .end = from };
	struct record rec = { 0 };
	struct reader r;
	uint64_t next;
	int rc = reader_open(&r, l, e);

	/* The hash of the record before is what this one's covers: a wrong place shows. */
	if (rc == ST_OK && from >= FILE_HEAD + REC_HEAD + ST_OID_LEN && from <= r.size)
		rc = st_pread_full(l->fd, pos.hash.b, ST_OID_LEN, from - ST_OID_LEN, l->path, e);
	else if (rc == ST_OK && (from != 0 || seq != 1))
		rc = st_fail(e, ST_ECORRUPT, "%s: operation %" PRIu64 " cannot begin at %" PRIu64,
			     l->path, seq, from);
	if (rc == ST_OK)
		rc = find_record(&r, &pos, &rec, &next, e);
	if (rc == ST_OK && !rec.sound)
		rc = st_fail(e, ST_ECORRUPT,
			     "%s: operation %" PRIu64 " is damaged or not at offset %" PRIu64
			     ": 'strata fsck' says which",
			     l->path, seq, from);
	if (rc == ST_OK)
		rc = parse_record(&r, &rec, op, arena, e);
	st_buf_release(&r.payload);
	return rc;
}

int st_oplog_lock(struct st_oplog *l, unsigned wait_ms, struct st_err *e)
{
	int rc;

	ST_BUG_ON(l->locked);
	rc = wait_lock(l, ST_LOCK_EXCLUSIVE, wait_ms, e);
	l->locked = rc == ST_OK;
	return rc;
}

void st_oplog_unlock(struct st_oplog *l)
{
	if (!l->locked)
		return;
	st_unlock(l->fd);
	l->locked = false;
}

/* The JSON's length, and the JSON in fewer bytes. */
static int put_payload(struct st_buf *out, const struct st_op *op, struct st_err *e)
{
	struct st_buf json;
	size_t most;
	int rc;

	st_buf_init(&json, ST_OP_BYTES);
	rc = st_op_encode(&json, op, e);
	most = st_terse_most(json.len);
	if (rc == ST_OK)
		rc = st_buf_varint(out, json.len, e);
	if (rc == ST_OK)
		rc = st_buf_room(out, most, e);
	if (rc == ST_OK)
		out->len += st_terse_encode(out->p + out->len, most, json.p, json.len, NULL, 0);
	st_buf_release(&json);
	return rc;
}

static int encode_record(struct st_buf *out, struct st_oplog_pos *at, const struct st_op *op,
			 struct st_err *e)
{
	static const uint8_t zeros[8];
	struct st_oid before = at->hash;
	uint8_t head[REC_HEAD] = { 0 };
	size_t len;
	int rc = st_buf_add(out, head, REC_HEAD, e); /* its length comes later */

	if (rc == ST_OK)
		rc = put_payload(out, op, e);
	if (rc != ST_OK)
		return rc;
	len = out->len - REC_HEAD;
	if (len > ST_OP_BYTES)
		return st_fail(e, ST_ELIMIT, "operation of %zu bytes", len);
	at->seq = op->seq;
	chain(&at->hash, &before, op->seq, out->p + REC_HEAD, len);
	head_put(out->p, op->seq, len);
	rc = st_buf_add(out, zeros, (8 - len % 8) % 8, e);
	return rc == ST_OK ? st_buf_add(out, at->hash.b, ST_OID_LEN, e) : rc;
}

/* Under the lock: nothing sound may follow pos, and what else follows is cut off. */
static int cut_tail(struct st_oplog *l, const struct st_oplog_pos *pos, struct st_err *e)
{
	struct record rec;
	struct reader r;
	bool more = false;
	int rc = reader_open(&r, l, e);

	if (rc == ST_OK)
		rc = check_pos(l, pos, r.size, e);
	if (rc == ST_OK)
		rc = next_record(&r, pos, &rec, &more, e);
	if (rc == ST_OK && more)
		rc = st_fail(e, ST_EBUSY, "%s: another command was recorded meanwhile: try again",
			     l->path);
	if (rc == ST_OK && r.size > end_of(pos) && ftruncate(l->fd, (off_t)end_of(pos)) != 0)
		rc = st_fail_os(e, "cut the torn tail of %s", l->path);
	st_buf_release(&r.payload);
	return rc;
}

static int write_record(struct st_oplog *l, const struct st_buf *b, uint64_t off, struct st_err *e)
{
	int rc = st_pwrite_full(l->fd, b->p, b->len, off, l->path, e);

	if (rc == ST_OK && fdatasync(l->fd) != 0)
		rc = st_fail_os(e, "sync %s", l->path);
	if (rc != ST_OK && ftruncate(l->fd, (off_t)off) != 0)
		st_wrap(e, "%s may now hold the operation all the same", l->path);
	return rc;
}

int st_oplog_append(struct st_oplog *l, struct st_oplog_pos *pos, struct st_op *op,
		    struct st_err *e)
{
	struct st_oplog_pos at = *pos;
	struct st_buf b;
	int rc;

	ST_BUG_ON(!l->locked);
	if (!l->writable)
		return st_fail(e, ST_EIO, "%s cannot be written", l->path);
	st_buf_init(&b, ST_OP_BYTES + 64);
	op->seq = pos->seq + 1;
	rc = encode_record(&b, &at, op, e);
	if (rc == ST_OK)
		rc = cut_tail(l, pos, e);
	if (rc == ST_OK)
		rc = write_record(l, &b, end_of(pos), e);
	if (rc == ST_OK) {
		at.end = end_of(pos) + b.len;
		*pos = at;
	}
	st_buf_release(&b);
	return rc;
}

/* After a bad record: goes on at the header found at next, trusting the hash before it. */
static int resync(struct reader *r, struct st_oplog_pos *pos, uint64_t next, struct st_err *e)
{
	uint8_t head[REC_HEAD];
	struct head h;
	int rc = st_pread_full(r->l->fd, head, REC_HEAD, next, r->l->path, e);

	if (rc == ST_OK)
		rc = st_pread_full(r->l->fd, pos->hash.b, ST_OID_LEN, next - ST_OID_LEN, r->l->path,
				   e);
	if (rc == ST_OK && !head_get(head, &h))
		rc = st_fail(e, ST_ECHANGED, "%s changed while it was read", r->l->path);
	if (rc == ST_OK) {
		pos->seq = h.seq - 1;
		pos->end = next;
	}
	return rc;
}

struct verify {
	int (*cb)(void *arg, uint64_t offset, const char *what, struct st_err *e);
	void *arg;
	uint64_t *records;
};

static int verify_sound(struct reader *r, const struct record *rec, uint64_t off,
			const struct verify *v, struct st_err *e)
{
	struct st_err why = { 0 };
	struct st_arena arena;
	struct st_op op;
	char what[120];
	int rc;

	st_arena_init(&arena);
	rc = parse_record(r, rec, &op, &arena, &why);
	st_arena_release(&arena);
	if (rc != ST_OK)
		return v->cb(v->arg, off, why.msg, e);
	++*v->records;
	if (!rec->headless)
		return ST_OK;
	snprintf(what, sizeof(what),
		 "the header of record %" PRIu64 ", at offset %" PRIu64
		 ", is damaged; what it says is whole",
		 rec->at.seq, off);
	return v->cb(v->arg, off, what, e);
}

/* One fault for all records up to the next that can be found. */
static int verify_damaged(struct reader *r, struct st_oplog_pos *pos, uint64_t next,
			  const struct verify *v, struct st_err *e)
{
	uint64_t first = pos->seq + 1, off = end_of(pos);
	char what[120];
	int rc = resync(r, pos, next, e);

	if (rc != ST_OK)
		return rc;
	if (pos->seq > first)
		snprintf(what, sizeof(what),
			 "records %" PRIu64 " to %" PRIu64 ", at offset %" PRIu64 ", are damaged",
			 first, pos->seq, off);
	else
		snprintf(what, sizeof(what),
			 "record %" PRIu64 ", at offset %" PRIu64 ", is damaged", first, off);
	return v->cb(v->arg, off, what, e);
}

/* Returns with *more false at the end. */
static int verify_step(struct reader *r, struct st_oplog_pos *pos, const struct verify *v,
		       bool *more, struct st_err *e)
{
	uint64_t off = end_of(pos), next;
	struct record rec;
	int rc = find_record(r, pos, &rec, &next, e);

	*more = off < r->size;
	if (rc != ST_OK || !*more)
		return rc;
	if (rec.sound) {
		rc = verify_sound(r, &rec, off, v, e);
		*pos = rec.at;
		return rc;
	}
	if (next)
		return verify_damaged(r, pos, next, v, e);
	*more = false;
	if (rec.whole)
		return v->cb(v->arg, off, "last record is torn or damaged", e);
	return ST_OK;
}

int st_oplog_verify(struct st_oplog *l, uint64_t *records,
		    int (*cb)(void *arg, uint64_t offset, const char *what, struct st_err *e),
		    void *arg, struct st_err *e)
{
	const struct verify v = { cb, arg, records };
	struct st_oplog_pos pos = { 0 };
	struct reader r;
	bool more = true;
	int rc = reader_open(&r, l, e);

	*records = 0;
	if (rc == ST_OK)
		rc = check_pos(l, &pos, r.size, e);
	while (rc == ST_OK && more)
		rc = verify_step(&r, &pos, &v, &more, e);
	st_buf_release(&r.payload);
	return rc;
}
