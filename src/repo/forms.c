/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/forms.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void st_forms_release(struct st_forms *f)
{
	free(f->v);
	free(f->dims);
	*f = (struct st_forms){ 0 };
}

int st_forms_add(struct st_forms *f, const struct st_oid *id, enum st_dtype dtype,
		 const uint64_t *shape, unsigned ndim, uint64_t *at, struct st_err *e)
{
	int rc = st_grow(&f->v, &f->cap, f->n + 1, e);

	if (rc == ST_OK)
		rc = st_grow(&f->dims, &f->dims_cap, f->ndims + ndim, e);
	if (rc != ST_OK)
		return rc;
	f->v[f->n] = (struct st_form){ *id, dtype, ndim, f->ndims };
	for (unsigned i = 0; i < ndim; i++)
		f->dims[f->ndims++] = shape[i];
	*at = f->n++;
	return ST_OK;
}

bool st_forms_fit(const struct st_forms *f, uint64_t at, enum st_dtype dtype, const uint64_t *shape,
		  unsigned ndim)
{
	const struct st_form *form = &f->v[at];

	return form->dtype == dtype && form->ndim == ndim &&
	       (ndim == 0 || memcmp(f->dims + form->shape, shape, ndim * sizeof(*shape)) == 0);
}
