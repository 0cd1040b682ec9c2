/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strided tensor is moved block by block. A block is what fits into the buffer: some rows of one
 * dimension with all dimensions inside it. Its elements are visited in the order of the source,
 * not of the result, so that a transposed matrix is read in runs of a block's rows and not element
 * by element.
 */
#include "tensor/gather.h"

#include "base/file.h"

/* Elements that begin this close are read together with what lies between them: it costs less than a
 * system call for each. */
#define NEAR 1024

#define SMALL_RUN ((uint64_t)8 << 20)

struct dim {
	uint64_t n;
	int64_t src; /* step in the source and in the block, in elements */
	uint64_t dst;
};

struct mover {
	const struct st_tensor *t;
	const struct st_source *src; /* NULL: to fd */
	int fd;
	const char *name;
	size_t elem, room; /* room: bytes of block and of tmp, a multiple of elem */
	uint8_t *block, *tmp;
	struct dim dims[ST_MAX_NDIM]; /* of the block in hand, the innermost last */
	unsigned ndims;
};

bool st_tensor_plain(const struct st_tensor *t)
{
	return t->where == ST_IN_FILE && !t->strides && !t->big_endian;
}

uint64_t st_tensor_logical_size(const struct st_tensor *t)
{
	uint64_t n;

	if (t->dtype == ST_OPAQUE || !st_shape_nbytes(t->shape, t->ndim, t->dtype, &n))
		return t->nbytes;
	return n;
}

static void swap_bytes(uint8_t *p, size_t n, size_t width)
{
	for (size_t at = 0; at < n; at += width)
		for (size_t i = 0; i < width / 2; i++) {
			uint8_t b = p[at + i];

			p[at + i] = p[at + width - 1 - i];
			p[at + width - 1 - i] = b;
		}
}

static void to_or_from_big(const struct st_tensor *t, uint8_t *p, size_t n)
{
	if (t->big_endian && st_dtype_width(t->dtype) > 1)
		swap_bytes(p, n, st_dtype_width(t->dtype));
}

/* ---- one run of elements ---- */

/* As many elements at a time as tmp holds with all between them. */
static int read_near(struct mover *m, uint64_t off, const struct dim *d, uint8_t *dst,
		     struct st_err *e)
{
	size_t elem = m->elem, step = (size_t)d->src * elem;
	uint64_t most = step ? (m->room - elem) / step + 1 : d->n, n;
	int rc = ST_OK;

	for (uint64_t i = 0; rc == ST_OK && i < d->n; i += n) {
		n = d->n - i < most ? d->n - i : most;
		rc = st_source_read(m->src, m->tmp, (size_t)(n - 1) * step + elem, off + i * step,
				    e);
		for (uint64_t k = 0; rc == ST_OK && k < n; k++)
			memcpy(dst + (i + k) * d->dst * elem, m->tmp + k * step, elem);
	}
	return rc;
}

static int read_run(struct mover *m, uint64_t off, const struct dim *d, uint8_t *dst,
		    struct st_err *e)
{
	size_t elem = m->elem;
	int rc = ST_OK;

	if (d->src == 1 && d->dst == 1)
		return st_source_read(m->src, dst, (size_t)d->n * elem, off, e);
	if (d->src >= 0 && (uint64_t)d->src <= NEAR / elem)
		return read_near(m, off, d, dst, e);
	for (uint64_t i = 0; rc == ST_OK && i < d->n; i++)
		rc = st_source_read(m->src, dst + i * d->dst * elem, elem,
				    off + i * (uint64_t)d->src * elem, e);
	return rc;
}

static int write_run(struct mover *m, uint64_t off, const struct dim *d, const uint8_t *dst,
		     struct st_err *e)
{
	size_t elem = m->elem;
	int rc = ST_OK;

	if (d->src == 1 && d->n * elem <= m->room) {
		for (size_t i = 0; i < d->n; i++)
			memcpy(m->tmp + i * elem, dst + i * d->dst * elem, elem);
		return st_pwrite_full(m->fd, m->tmp, (size_t)d->n * elem, off, m->name, e);
	}
	for (uint64_t i = 0; rc == ST_OK && i < d->n; i++)
		rc = st_pwrite_full(m->fd, dst + i * d->dst * elem, elem,
				    off + i * (uint64_t)d->src * elem, m->name, e);
	return rc;
}

/* ---- one block ---- */

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static void sort_dims(struct mover *m)
{
	for (unsigned i = 1; i < m->ndims; i++) {
		struct dim d = m->dims[i];
		unsigned k = i;

		for (; k && magnitude(m->dims[k - 1].src) < magnitude(d.src); k--)
			m->dims[k] = m->dims[k - 1];
		m->dims[k] = d;
	}
}

/* Neighbours that step through the source, and through the block, like one become one. */
static void join_dims(struct mover *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->ndims; i++) {
		struct dim *last = n ? &m->dims[n - 1] : NULL, d = m->dims[i];

		if (last && last->src == d.src * (int64_t)d.n && last->dst == d.dst * d.n)
			*last = (struct dim){ last->n * d.n, d.src, d.dst };
		else
			m->dims[n++] = d;
	}
	m->ndims = n;
}

/* Dimensions from `from` on, of which the first has n elements. */
static void set_dims(struct mover *m, unsigned from, uint64_t n)
{
	const struct st_tensor *t = m->t;
	uint64_t dst = 1;

	m->ndims = 0;
	for (unsigned d = from; d < t->ndim; d++)
		m->dims[m->ndims++] = (struct dim){ d == from ? n : t->shape[d], t->strides[d], 0 };
	for (unsigned i = m->ndims; i-- > 0;) {
		m->dims[i].dst = dst;
		dst *= m->dims[i].n;
	}
	for (unsigned i = 0; i < m->ndims;) {
		if (m->dims[i].n == 1) {
			memmove(&m->dims[i], &m->dims[i + 1],
				(m->ndims - i - 1) * sizeof(m->dims[0]));
			m->ndims--;
		} else {
			i++;
		}
	}
	sort_dims(m);
	join_dims(m);
	if (!m->ndims)
		m->dims[m->ndims++] = (struct dim){ 1, 1, 1 };
}

/* off: of the block's first element. All sums were found to lie inside the tensor's run. */
static int move_block(struct mover *m, uint64_t off, struct st_err *e)
{
	uint64_t at[ST_MAX_NDIM] = { 0 }, dst = 0;
	unsigned last = m->ndims - 1, d;
	int rc;

	for (;;) {
		uint8_t *p = m->block + dst * m->elem;

		rc = m->src ? read_run(m, off, &m->dims[last], p, e) :
			      write_run(m, off, &m->dims[last], p, e);
		for (d = last; rc == ST_OK && d-- > 0;) {
			off += (uint64_t)m->dims[d].src * m->elem;
			dst += m->dims[d].dst;
			if (++at[d] < m->dims[d].n)
				break;
			off -= (uint64_t)m->dims[d].src * m->elem * m->dims[d].n;
			dst -= m->dims[d].dst * m->dims[d].n;
			at[d] = 0;
		}
		if (rc != ST_OK || d == UINT32_MAX)
			return rc;
	}
}

/* ---- the whole tensor ---- */

/* Where the element of index 0 lies: the run begins with the lowest one. */
static uint64_t first_element(const struct st_tensor *t, size_t elem)
{
	uint64_t lo = 0;

	for (unsigned d = 0; d < t->ndim; d++)
		if (t->strides[d] < 0)
			lo += (t->shape[d] - 1) * magnitude(t->strides[d]);
	return t->offset + lo * elem;
}

struct user {
	st_bytes_fn cb;
	st_fill_fn fill;
	void *arg;
};

static int one_block(struct mover *m, uint64_t off, size_t bytes, const struct user *u,
		     struct st_err *e)
{
	int rc;

	if (m->src) {
		rc = move_block(m, off, e);
		to_or_from_big(m->t, m->block, bytes);
		return rc == ST_OK ? u->cb(u->arg, m->block, bytes, e) : rc;
	}
	rc = u->fill(u->arg, m->block, bytes, e);
	to_or_from_big(m->t, m->block, bytes);
	return rc == ST_OK ? move_block(m, off, e) : rc;
}

/* Splits at dimension `cut`: what lies inside it fits into the buffer `rows` times. */
static int each_block(struct mover *m, unsigned cut, uint64_t inner, uint64_t rows,
		      const struct user *u, struct st_err *e)
{
	const struct st_tensor *t = m->t;
	uint64_t at[ST_MAX_NDIM] = { 0 }, off = first_element(t, m->elem), i, n;
	unsigned d;
	int rc = ST_OK;

	for (;;) {
		for (i = 0; rc == ST_OK && i < t->shape[cut]; i += n) {
			n = t->shape[cut] - i < rows ? t->shape[cut] - i : rows;
			set_dims(m, cut, n);
			rc = one_block(m, off + i * (uint64_t)t->strides[cut] * m->elem,
				       (size_t)(n * inner * m->elem), u, e);
		}
		for (d = cut; rc == ST_OK && d-- > 0;) {
			off += (uint64_t)t->strides[d] * m->elem;
			if (++at[d] < t->shape[d])
				break;
			off -= (uint64_t)t->strides[d] * m->elem * t->shape[d];
			at[d] = 0;
		}
		if (rc != ST_OK || d == UINT32_MAX)
			return rc;
	}
}

static int move_strided(struct mover *m, const struct user *u, struct st_err *e)
{
	const struct st_tensor *t = m->t;
	uint64_t inner = 1, fit = m->room / m->elem;
	unsigned cut = t->ndim;

	if (t->ndim == 0) {
		set_dims(m, 0, 1);
		return one_block(m, t->offset, m->elem, u, e);
	}
	while (--cut > 0 && t->shape[cut] <= fit / inner)
		inner *= t->shape[cut];
	return each_block(m, cut, inner, fit / inner, u, e);
}

/* One run in order, little-endian or to be swapped. */
static int move_run(struct mover *m, const struct user *u, struct st_err *e)
{
	const struct st_tensor *t = m->t;
	uint64_t left = t->nbytes, off = t->offset;
	size_t n;
	int rc = ST_OK;

	for (; rc == ST_OK && left; left -= n, off += n) {
		n = left < m->room ? (size_t)left : m->room;
		if (m->src) {
			rc = st_source_read(m->src, m->block, n, off, e);
			to_or_from_big(t, m->block, n);
			if (rc == ST_OK)
				rc = u->cb(u->arg, m->block, n, e);
		} else {
			rc = u->fill(u->arg, m->block, n, e);
			to_or_from_big(t, m->block, n);
			if (rc == ST_OK)
				rc = st_pwrite_full(m->fd, m->block, n, off, m->name, e);
		}
	}
	return rc;
}

static int move(struct mover *m, size_t room, const struct user *u, struct st_err *e)
{
	uint64_t size = st_tensor_logical_size(m->t);
	int rc;

	m->elem = st_dtype_info(m->t->dtype)->bits / 8;
	if (m->elem == 0)
		m->elem = 1; /* several in a byte: never strided */
	if (room < ST_GATHER_MIN)
		room = ST_GATHER_MIN;
	m->room = size < room ? (size_t)size : room - room % m->elem;
	if (m->room == 0)
		return ST_OK;
	m->block = st_malloc(m->room, e);
	m->tmp = m->block && m->t->strides ? st_malloc(m->room, e) : NULL;
	if (e->code != ST_OK)
		rc = e->code;
	else
		rc = m->t->strides ? move_strided(m, u, e) : move_run(m, u, e);
	free(m->block);
	free(m->tmp);
	return rc;
}

/* Elements that lie about in a small run, perhaps each of them many times, come from memory. */
static int each_of_small(const struct st_tensor *t, const struct st_source *src, size_t room,
			 const struct user *u, struct st_err *e)
{
	uint8_t *run = st_malloc((size_t)t->nbytes, e);
	struct st_tensor in_memory = *t;
	struct st_source mem;
	struct mover m = { .t = &in_memory, .src = &mem, .fd = -1 };
	int rc = run ? st_source_read(src, run, (size_t)t->nbytes, t->offset, e) : (int)e->code;

	st_source_init_mem(&mem, run, t->nbytes, src->name);
	in_memory.offset = 0;
	if (rc == ST_OK)
		rc = move(&m, room, u, e);
	free(run);
	return rc;
}

int st_tensor_each(const struct st_tensor *t, const struct st_source *src, size_t room,
		   st_bytes_fn cb, void *arg, struct st_err *e)
{
	struct user u = { .cb = cb, .arg = arg };
	struct mover m = { .t = t, .src = src, .fd = -1 };

	if (t->where == ST_HELD)
		return t->nbytes ? cb(arg, t->held, (size_t)t->nbytes, e) : ST_OK;
	if (t->strides && t->nbytes && t->nbytes <= SMALL_RUN)
		return each_of_small(t, src, room, &u, e);
	return move(&m, room, &u, e);
}

int st_tensor_put(const struct st_tensor *t, int fd, const char *name, size_t room, st_fill_fn fill,
		  void *arg, struct st_err *e)
{
	struct user u = { .fill = fill, .arg = arg };
	struct mover m = { .t = t, .fd = fd, .name = name };

	ST_BUG_ON(t->where != ST_IN_FILE);
	return move(&m, room, &u, e);
}
