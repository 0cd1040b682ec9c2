/* SPDX-License-Identifier: Apache-2.0 */
/* What comparing keeps of each tensor: id, type and shape. Zero-initialise. */
#ifndef ST_REPO_FORMS_H
#define ST_REPO_FORMS_H

#include "base/oid.h"
#include "tensor/dtype.h"

struct st_form {
	struct st_oid id; /* of the bytes, whatever their shape */
	enum st_dtype dtype;
	unsigned ndim;
	size_t shape; /* where it begins in dims */
};

struct st_forms {
	struct st_form *v;
	size_t n, cap;
	uint64_t *dims;
	size_t ndims, dims_cap;
};

void st_forms_release(struct st_forms *f);
/* *at: its place in v. */
ST_MUST int st_forms_add(struct st_forms *f, const struct st_oid *id, enum st_dtype dtype,
			 const uint64_t *shape, unsigned ndim, uint64_t *at, struct st_err *e);
/* Are type and shape of v[at] these? */
bool st_forms_fit(const struct st_forms *f, uint64_t at, enum st_dtype dtype, const uint64_t *shape,
		  unsigned ndim);

#endif
