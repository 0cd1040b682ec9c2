/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch checkpoints (doc/format/torch.md): private to torch*.c.
 *
 *	torch.c		the ZIP form and a plain pickle: which one is the object, and where each
 *			storage lies
 *	torch_legacy.c	the stacked pickles of before 1.6, likewise
 *	torch_storage.c	storages and types by their names
 *	torch_view.c	where one tensor lies in a storage, checked
 *	torch_tensor.c	rebuild calls
 *	torch_walk.c	the object: names of tensors, optimizer state in the order of
 *			param_groups, everything else as configuration
 */
#ifndef ST_FORMAT_TORCH_H
#define ST_FORMAT_TORCH_H

#include "base/json.h"
#include "format/numpy.h"
#include "format/pickle.h"

struct st_torch_storage {
	const char *key; /* of the persistent id; NUL-terminated */
	size_t key_len;
	enum st_dtype dtype; /* of its class; ST_U8 for UntypedStorage */
	bool opaque;	     /* of a class that strata does not know, elements of elsize bytes */
	bool meta;	     /* on the device "meta": there are no bytes */
	unsigned elsize;     /* 0: not known (only before the container has filled it) */
	unsigned per_byte;   /* 2 or 4: packed types of quantisation; elements in each byte */
	uint64_t numel;	     /* as the persistent id says */
	uint64_t at;	     /* in the source, of the first persistent id */
	/* Filled by the container: */
	bool found;
	bool big_endian;
	const struct st_packed *packed; /* NULL: plain bytes of the file */
	uint64_t offset, nbytes;
};

struct st_torch {
	struct st_layout *l;
	struct st_pickle *pk;
	const struct st_source *src; /* that the pickle's offsets count in */
	/* Is src the file itself, so that bytes inside the pickle are a run of it? */
	bool in_file;
	struct st_torch_storage *storages; /* in order of first sight */
	size_t n, cap;
	struct st_map by_key;
	uint64_t limit; /* of memory */
	/* When not in_file: the member that the pickle is inflated from, or NULL. */
	const struct st_packed *packed;
	const char *oddity; /* of the archive, for the metadata; or NULL */
	struct st_err *e;
};

/* What an element is: of a storage's class, or of a torch.dtype. */
struct st_torch_elem {
	enum st_dtype dtype;
	unsigned elsize, per_byte; /* as in st_torch_storage */
};

/* torch_storage.c: a GLOBAL like torch.float8_e4m3fn; elsize 0 and opaque when it is none that
 * strata knows. */
struct st_torch_elem st_torch_dtype(const struct st_pk *node);
/* Is node GLOBAL torch.<name> of a storage class; *out as above. */
bool st_torch_class(struct st_torch_elem *out, const struct st_pk *node);

/* torch_storage.c: finds every persistent id of the pickle and makes t->storages. */
ST_MUST int st_torch_collect(struct st_torch *t);
/* The storage that a PERSID node means, or NULL; *first gets the offset in elements that legacy
 * view metadata add (key, offset, size). */
const struct st_torch_storage *st_torch_storage_of(const struct st_torch *t,
						   const struct st_pk *node, uint64_t *first);

/* A rebuild call understood: up to four dense tensors (a sparse one has indices and values, a
 * quantised one scales and zero points) and what is to be said of them. */
struct st_torch_part {
	const char *suffix;	 /* "" for the tensor itself, else ".indices", ... */
	struct st_tensor tensor; /* without a name; memory of the layout's arena */
};
struct st_torch_value {
	struct st_torch_part parts[4];
	size_t n;
	/* JSON members about it without braces ("\"layout\":\"sparse_coo\",\"size\":[2,3]"), or
	 * NULL */
	const char *note;
	const struct st_pk *state; /* attributes of a subclass, to be walked below its name */
};
/*
 * torch_tensor.c. *is: the node is a tensor (or a Parameter around one). A view that reaches
 * outside its storage, or whose storage is missing or too short, is ST_EFORMAT with the offset.
 */
ST_MUST int st_torch_value_of(struct st_torch *t, const struct st_pk *node, bool *is,
			      struct st_torch_value *out);

/* torch_view.c: a tensor in a storage. */
struct st_torch_view {
	uint64_t at; /* of what makes it, for messages */
	const struct st_torch_storage *s;
	struct st_torch_elem elem;
	uint64_t base;	/* bytes of the storage before the part that is meant */
	uint64_t first; /* elements behind that */
	unsigned ndim;
	uint64_t shape[ST_MAX_NDIM];
	int64_t strides[ST_MAX_NDIM];
};

/* Fills first, ndim, shape and strides from nodes; at must be set. */
ST_MUST int st_torch_view_read(struct st_torch *t, struct st_torch_view *v,
			       const struct st_pk *first, const struct st_pk *size,
			       const struct st_pk *stride);
/* Checks the view and fills out, which stays without a name. */
ST_MUST int st_torch_view(struct st_torch *t, const struct st_torch_view *v, struct st_tensor *out);
/* A NumPy array that st_np_array_of took from this pickle, with its data: a run of the file, or
 * held when the pickle has its bytes in another form. */
ST_MUST int st_torch_array(struct st_torch *t, struct st_tensor *out, const struct st_np_array *a,
			   const struct st_pk *data);
/* What one tensor needs beyond its fixed size, n bytes, is taken from t->limit. */
ST_MUST int st_torch_charge(struct st_torch *t, uint64_t n);
/* The list in a call of torch.jit._pickle (build_intlist([..]), restore_type_tag([..], "t")), as
 * TorchScript writes every list; any other node is returned as it is. */
const struct st_pk *st_torch_plain(const struct st_pk *node);
/* The numbers of a tuple, a list or a torch.Size; NULL: it is none. */
const struct st_pk_seq *st_torch_ints(const struct st_pk *n);

/* torch_legacy.c. The first bytes of stacked pickles? */
bool st_torch_is_legacy(const uint8_t *p, size_t len);
ST_MUST int st_torch_legacy(struct st_layout *l, const struct st_source *src, uint64_t limit,
			    struct st_err *e);
/* torch.c: one pickle from off to end, parsed with its share of the limit, its storages collected;
 * st_torch_release also after a failure. */
ST_MUST int st_torch_load(struct st_torch *t, struct st_pickle *pk, uint64_t off, uint64_t end);
void st_torch_release(struct st_torch *t);

/* torch_walk.c: adds all tensors and the metadata to the layout. */
ST_MUST int st_torch_walk(struct st_torch *t, const struct st_pk *root);

#endif
