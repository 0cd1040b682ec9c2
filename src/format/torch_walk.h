/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over a checkpoint's object (doc/format/torch.md, "Names"): private to torch_walk*.c and
 * torch_config.c. One pass finds the tensors and builds the configuration as a small tree, which is
 * then written as JSON.
 *
 *	torch_walk.c		the pass itself, and the tensors' names
 *	torch_walk_keys.c	what a dict or an object holds under which name
 *	torch_walk_array.c	NumPy's arrays and bare storages
 *	torch_config.c		values of the configuration
 *	torch_config_write.c	the configuration as JSON
 */
#ifndef ST_FORMAT_TORCH_WALK_H
#define ST_FORMAT_TORCH_WALK_H

#include "format/torch.h"

#define ST_TWALK_DEPTH 128		   /* containers within containers */
#define ST_TWALK_JSON 56		   /* the same where the configuration still shows them */
#define ST_TWALK_SHOWN ((uint64_t)1 << 22) /* steps, until the configuration is given up */
#define ST_TWALK_STEPS ((uint64_t)1 << 25) /* steps in all */
#define ST_TWALK_LIST 4096		   /* numbers in a list that is still shown */

/*
 * A value of the configuration. NULL stands for one that shows nothing: a tensor, an empty
 * container.
 */
enum st_conf_kind {
	ST_CONF_NULL,
	ST_CONF_BOOL, /* i */
	ST_CONF_INT,  /* i, within 2^53 */
	ST_CONF_REAL, /* f */
	ST_CONF_TEXT, /* s: UTF-8 */
	ST_CONF_LIST, /* v */
	ST_CONF_OBJECT
};

struct st_conf {
	enum st_conf_kind kind;
	size_t n; /* bytes, values or members */
	union {
		int64_t i;
		double f;
		const char *s;
		struct st_conf **v;
		struct st_conf_member *m;
	};
};

struct st_conf_member {
	const char *key; /* UTF-8 */
	size_t len;
	size_t order; /* of addition */
	struct st_conf *value;
};

struct st_topt { /* an optimizer's state and its param_groups */
	const struct st_pk *state;
	struct st_map at; /* positions of parameters, and the lists that hold them */
};

struct st_twalk {
	struct st_torch *t;
	struct st_arena conf; /* memory of the configuration */
	uint64_t conf_room;   /* how much that may be */
	const char *conf_off; /* why there is no configuration, or NULL */
	bool python2;	      /* who wrote texts as bytes */
	unsigned muted;	      /* not 0: what is visited is not shown */

	uint64_t steps;
	unsigned depth, json; /* containers around the present node; levels of JSON */
	const struct st_pk *path[ST_TWALK_DEPTH];
	struct {
		const char *s;
		size_t len;
	} seg[ST_TWALK_DEPTH + 2]; /* the name of the present node */
	unsigned nseg;
	struct st_map barren; /* nodes without tensors, and the least depth where none was found */
	uint64_t barren_max;  /* entries */
	bool cut;	      /* something was too deep to be looked at */
	const struct st_topt *opt;
	struct st_map opaque; /* classes and functions that are no plain data */
	struct st_tnote {
		const char *name, *json; /* json: members without the braces */
		size_t len;
	} * notes;
	size_t nnotes, notes_cap;
};

/* torch_walk.c. Counts what was looked at. */
ST_MUST int st_twalk_step(struct st_twalk *w, uint64_t n);
/* *out is NULL where nothing is to be shown. */
ST_MUST int st_twalk_visit(struct st_twalk *w, const struct st_pk *n, struct st_conf **out);
/* Values of a sequence, named by their index. owner: the node whose they are. */
ST_MUST int st_twalk_seq(struct st_twalk *w, const struct st_pk *owner, struct st_pk *const *v,
			 size_t n, struct st_conf **out);
/* Adds a copy of the tensor under the present name with the suffix. */
ST_MUST int st_twalk_tensor(struct st_twalk *w, const struct st_tensor *from, const char *suffix);
/* A note on the tensor of the present name. */
ST_MUST int st_twalk_note(struct st_twalk *w, const char *json);

/* torch_walk_keys.c: what a node holds under names. */
struct st_tentry {
	const char *s;
	size_t len;
	const struct st_pk *value;
	const struct st_pk *key;
	unsigned group; /* equal keys of one dict are one, the last one */
	size_t order;
};

struct st_tentries {
	struct st_tentry *v;
	size_t n, cap;
	unsigned groups;
	struct st_arena text;
	struct st_topt opt; /* when they are an optimizer's state dict; must outlive the visits */
};

void st_tentries_init(struct st_tentries *es);
void st_tentries_release(struct st_tentries *es);
/* Keys and values of a DICT, and attributes set on it. */
ST_MUST int st_tentries_dict(struct st_twalk *w, struct st_tentries *es, const struct st_pk *dict);
ST_MUST int st_tentries_pairs(struct st_twalk *w, struct st_tentries *es,
			      const struct st_pk_seq *pairs);
/* Attributes by the argument of BUILD; a module's as state_dict() names them. */
ST_MUST int st_tentries_state(struct st_twalk *w, struct st_tentries *es,
			      const struct st_pk *state);
/* Sorts by name and drops what a later equal key replaced. */
void st_tentries_sort(struct st_tentries *es);
/* The position of a parameter's id in the lists of the param_groups around. */
bool st_topt_position(const struct st_topt *o, const struct st_pk *id, uint64_t *out);
bool st_topt_is_params(const struct st_topt *o, const struct st_pk *list);

struct st_ttext { /* what Python would print, cut where it is long */
	char s[256];
	size_t n;
	bool cut;
};
void st_ttext_repr(struct st_ttext *t, const struct st_pk *n);

/* A little-endian two's complement of at most 64 bytes in decimal. */
#define ST_BIG_DIGITS 160
void st_big_digits(const uint8_t *p, size_t n, char out[ST_BIG_DIGITS]);

/* torch_walk_array.c. *is: the node was an array or a number of NumPy's. */
ST_MUST int st_twalk_array(struct st_twalk *w, const struct st_pk *n, bool *is,
			   struct st_conf **out);
/* A scalar of NumPy's, of kind BOOL, INT or REAL. */
bool st_twalk_number(const struct st_pk *n, struct st_conf *out);
ST_MUST int st_twalk_storage(struct st_twalk *w, const struct st_pk *n, struct st_conf **out);

/*
 * torch_config.c. Each gives NULL without a failure when nothing is shown at present, and *out, or
 * a result, that lives as long as the walk.
 */
bool st_conf_on(const struct st_twalk *w);
void *st_conf_alloc(struct st_twalk *w, size_t n, size_t size);
const char *st_conf_copy(struct st_twalk *w, const char *s, size_t len);
struct st_conf *st_conf_new(struct st_twalk *w, enum st_conf_kind kind);
struct st_conf *st_conf_int(struct st_twalk *w, int64_t v);
struct st_conf *st_conf_u64(struct st_twalk *w, uint64_t v);
struct st_conf *st_conf_real(struct st_twalk *w, double v);
struct st_conf *st_conf_text(struct st_twalk *w, const char *s, size_t len);
struct st_conf *st_conf_word(struct st_twalk *w, const char *s); /* s is copied */
struct st_conf *st_conf_bytes(struct st_twalk *w, const char *p, size_t len);
struct st_conf *st_conf_elided(struct st_twalk *w, const char *why);
struct st_conf *st_conf_elided_n(struct st_twalk *w, uint64_t n);
struct st_conf *st_conf_complex(struct st_twalk *w, double re, double im);
/* An object with room for n members, none of which is there yet. */
struct st_conf *st_conf_object(struct st_twalk *w, size_t n);
/* Nothing is added of a NULL value. key: any bytes. */
void st_conf_add(struct st_twalk *w, struct st_conf *o, const char *key, size_t len,
		 struct st_conf *value);
/* Sorts the members and gives equal keys "#2", "#3"; NULL when there are none. */
struct st_conf *st_conf_sorted(struct st_twalk *w, struct st_conf *o);
/* Everything that is no container. */
ST_MUST int st_conf_scalar(struct st_twalk *w, const struct st_pk *n, struct st_conf **out);
/* A call that is plain data: a device, a path. False: it is something else. */
bool st_conf_plain(struct st_twalk *w, const struct st_pk *n, struct st_conf **out);
/* The class or function of a call, and from which argument on they are the object's own. */
const struct st_pk *st_conf_class(const struct st_pk *n, size_t *args_from);
/* "module.name", cut where it is very long. Returns s. */
const char *st_conf_class_name(const struct st_pk *cls, char s[512]);
/* Puts it on the list of what is no plain data. */
ST_MUST int st_conf_opaque(struct st_twalk *w, const struct st_pk *cls);

/* torch_config_write.c: the layout's metadata. config: NULL when there is none. */
ST_MUST int st_conf_write(struct st_twalk *w, struct st_conf *config);

#endif
