/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pickles, protocols 0 to 5, as data (doc/format/pickle.md). Every opcode is understood, nothing is
 * imported, looked up or called: what Python would call becomes a node that says so. A stream of
 * bytes larger than a few KiB is not copied, its node says where it lies.
 *
 * The result is a graph, not a tree: the memo shares nodes and can close circles. Whoever walks it
 * bounds depth and steps.
 */
#ifndef ST_FORMAT_PICKLE_H
#define ST_FORMAT_PICKLE_H

#include "base/map.h"
#include "tensor/source.h"

enum st_pk_kind {
	ST_PK_NONE,
	ST_PK_BOOL,   /* i */
	ST_PK_INT,    /* i */
	ST_PK_BIGINT, /* str: more than 64 bits; little-endian two's complement */
	ST_PK_FLOAT,  /* f */
	ST_PK_STR,    /* str: UTF-8, lone surrogates as three bytes each */
	ST_PK_BYTES,  /* str: bytes, bytearray, Python 2's str */
	ST_PK_TUPLE,  /* seq, as the next ones */
	ST_PK_LIST,
	ST_PK_SET,    /* frozenset too */
	ST_PK_DICT,   /* key, value, key, value; a key that comes twice stands twice */
	ST_PK_GLOBAL, /* global: module.name; both NULL when the operands of STACK_GLOBAL are no
		       * strings; an extension code is module "copyreg", name "extension:N" */
	ST_PK_CALL,   /* call: fn(*args), by REDUCE */
	ST_PK_OBJECT, /* call: fn.__new__(fn, *args, **kwargs), by NEWOBJ, NEWOBJ_EX, OBJ, INST,
		       * copyreg._reconstructor(fn, object, None) */
	ST_PK_PERSID, /* call.args: the persistent id, any node */
	ST_PK_BUFFER  /* NEXT_BUFFER: bytes that are not in the file */
};

struct st_pk;

struct st_pk_str {
	const char *p; /* NULL: not loaded, see off; else a NUL follows (not of BIGINT) */
	size_t len;
	/* In the source, of the first byte; ST_PK_NOWHERE when the stream holds the bytes in
	 * another form (an escaped or transcoded one) and p, however long, is their only place. */
	uint64_t off;
};
#define ST_PK_NOWHERE UINT64_MAX
#define ST_PK_LOADED ((size_t)4096) /* bytes longer than this are not loaded */

struct st_pk_seq {
	struct st_pk **v;
	size_t n, cap;
};

struct st_pk_call {
	/* fn: any node but of a plain value; args: a TUPLE, but of PERSID; kwargs: NULL or a
	 * DICT */
	struct st_pk *fn, *args, *kwargs;
	/* what was appended or set on the result: values, or with `pairs` key, value, ...; NULL
	 * when nothing was */
	struct st_pk_seq *items;
	bool pairs;
};

struct st_pk {
	enum st_pk_kind kind;
	uint64_t at;	     /* in the source, of the opcode that made it */
	struct st_pk *state; /* argument of the last BUILD, or NULL */
	/*
	 * GLOBAL of the class where a container is not of the plain one: the VM makes DICT of
	 * collections.OrderedDict, defaultdict and Counter, and LIST, SET, DICT, TUPLE, BYTES of
	 * the calls of builtins that make those (set([..]), bytearray(b'..'), _codecs.encode(text,
	 * 'latin1'), copyreg._reconstructor(OrderedDict, dict, ..)). Python 2's names too. A call
	 * with arguments that it is not known for stays one.
	 */
	struct st_pk *cls;
	union {
		int64_t i;
		double f;
		struct st_pk_str str;
		struct st_pk_seq seq;
		struct {
			const char *module, *name; /* NUL-terminated, valid UTF-8 or escaped */
		} global;
		struct st_pk_call call;
	};
};

/* What the stream names, once each, in the order of first sight: also what it only imports. */
struct st_pk_global {
	const char *module, *name; /* NULL: computed, see ST_PK_GLOBAL */
	uint64_t at;		   /* of the first opcode that names it */
	bool called; /* by REDUCE, NEWOBJ, NEWOBJ_EX, OBJ or INST, or BUILD sets it up */
};

struct st_pickle {
	struct st_arena arena;
	struct st_pk *root; /* NULL after a failure */
	struct st_pk_global *globals;
	size_t nglobals, globals_cap;
	struct st_map seen; /* of globals */
	unsigned protocol;  /* of the last PROTO; 0 when none */
	uint64_t end;	    /* in the source, behind STOP; after a failure where it happened */
	uint64_t buffers;   /* NEXT_BUFFER opcodes */
	bool loosened;	    /* something was taken as Python may: st_pickle_parse_loose */
	bool doubt;	    /* after a failure: Python 3 may not fail there */
};

struct st_pickle_limits {
	uint64_t memory; /* bytes of nodes, stack and memo */
	uint64_t steps;	 /* opcodes, and what calls go through: see doc/format/pickle.md */
};

/*
 * One pickle of src from off on; it must end (STOP) at or before `end`. ST_EFORMAT and ST_ELIMIT
 * name the offset in src. out is initialised here and must be released also after a failure, when
 * its globals are those seen up to there: a pickle runs its payload before it breaks.
 */
ST_MUST int st_pickle_parse(struct st_pickle *out, const struct st_source *src, uint64_t off,
			    uint64_t end, const struct st_pickle_limits *lim, struct st_err *e);
/* For a scan: the same, but it goes on where only a spelling is not what a pickler writes and
 * Python may take it (a number, a string, a frame longer than the rest): out->loosened then, and
 * the values of these are not to be used. */
ST_MUST int st_pickle_parse_loose(struct st_pickle *out, const struct st_source *src, uint64_t off,
				  uint64_t end, const struct st_pickle_limits *lim,
				  struct st_err *e);
void st_pickle_release(struct st_pickle *p);

/* Value under a string key of a DICT (the last of equal ones), or NULL; n may be any node. */
const struct st_pk *st_pk_get(const struct st_pk *n, const char *key);
/* Is n a GLOBAL of that name, with Python 2's and NumPy 1's module names taken for today's
 * (__builtin__ is builtins, copy_reg copyreg, numpy.core numpy._core)? */
bool st_pk_is_global(const struct st_pk *n, const char *module, const char *name);
/* Today's name of a module, those same names taken: its head is returned, *rest follows it. */
const char *st_pk_today(const char *module, const char **rest);
/* Is n a loaded STR (or BYTES, for Python 2's) equal to s? */
bool st_pk_is_str(const struct st_pk *n, const char *s);

#endif
