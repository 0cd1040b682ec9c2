/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strided tensor is moved block by block. A block is what fits into the buffer: some rows of one
 * dimension with all dimensions inside it. Its elements are visited in the order of the source,
 * not of the result, and read with all that lies between them as long as that is little, so that a
 * transposed matrix costs one pass over its bytes for each block, in large reads.
 */
#include "tensor/gather.h"

#include "base/file.h"
#include "tensor/rearrange.h"

/* Bytes between two elements that are rather read than skipped: about what a system call costs. */
#define NEAR ((size_t)4 << 10)
/* Read at once, and taken apart while it is in the cache. */
#define WINDOW ((size_t)1 << 20)
#define BLOCK_ROOMS 8
#define MOST_ROOM ((size_t)1 << 30)

struct mover {
	const struct st_tensor *t;
	const struct st_source *src; /* NULL: to fd */
	const uint8_t *run;	     /* the tensor's bytes in memory, or NULL */
	int fd;
	const char *name;
	size_t elem, piece; /* piece: bytes that the user gets or gives at once */
	size_t room;	    /* of block, a multiple of elem */
	size_t window;	    /* of tmp */
	uint8_t *block, *tmp;
	struct st_axis axes[ST_MAX_NDIM]; /* of the block in hand, the source's innermost last */
	unsigned naxes;
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

static void to_or_from_big(const struct st_tensor *t, uint8_t *p, size_t n)
{
	if (t->big_endian && st_dtype_width(t->dtype) > 1)
		st_swap_bytes(p, n, st_dtype_width(t->dtype));
}

/* ---- the axes of a block ---- */

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static void sort_axes(struct mover *m)
{
	for (unsigned i = 1; i < m->naxes; i++) {
		struct st_axis a = m->axes[i];
		unsigned k = i;

		for (; k && m->axes[k - 1].src < a.src; k--)
			m->axes[k] = m->axes[k - 1];
		m->axes[k] = a;
	}
}

/* Neighbours that step through the source, and through the block, like one become one. */
static void join_axes(struct mover *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->naxes; i++) {
		struct st_axis *last = n ? &m->axes[n - 1] : NULL, a = m->axes[i];

		if (last && last->src == a.src * a.n && last->dst == a.dst * (int64_t)a.n)
			*last = (struct st_axis){ last->n * a.n, a.src, a.dst };
		else
			m->axes[n++] = a;
	}
	m->naxes = n;
}

/*
 * Dimensions from `from` on, of which the first has n elements. An axis that goes backwards is
 * walked from its other end: *off and *dst, of the block's first element, become those of its
 * lowest one.
 */
static void set_axes(struct mover *m, unsigned from, uint64_t n, uint64_t *off, uint64_t *dst)
{
	const struct st_tensor *t = m->t;
	uint64_t step = 1, count;

	m->naxes = 0;
	*dst = 0;
	for (unsigned d = t->ndim; d-- > from; step *= count) {
		struct st_axis a = { .dst = (int64_t)step };

		count = a.n = d == from ? n : t->shape[d];
		if (a.n == 1)
			continue;
		a.src = magnitude(t->strides[d]);
		if (t->strides[d] < 0) {
			*off -= (a.n - 1) * a.src * m->elem;
			*dst += (a.n - 1) * step;
			a.dst = -a.dst;
		}
		m->axes[m->naxes++] = a;
	}
	sort_axes(m);
	join_axes(m);
	if (!m->naxes)
		m->axes[m->naxes++] = (struct st_axis){ 1, 1, 1 };
}

/* ---- reading a block ---- */

/*
 * What is taken apart at once: axes from `axis` on, n at a time of that one, read with all between
 * them; and where that is little, `slices` of them along the axis before, each read by itself.
 */
struct chunk {
	unsigned axis;
	uint64_t n, span, slices; /* span: elements from the first to the last of a slice */
};

/* A run that needs no rearranging goes straight to its place. */
static bool is_direct(const struct mover *m, const struct chunk *c)
{
	const struct st_axis *a = &m->axes[m->naxes - 1];

	return c->axis == m->naxes || (c->axis == m->naxes - 1 && a->src == 1 && a->dst == 1);
}

static struct chunk chunk_of(const struct mover *m)
{
	struct chunk c = { m->naxes, 1, 1, 1 };
	uint64_t all = m->window / m->elem, fit;

	for (unsigned i = m->naxes; i-- > 0;) {
		const struct st_axis *a = &m->axes[i];

		if (a->src > c.span && a->src - c.span > NEAR / m->elem)
			break;
		fit = a->src ? (all - c.span) / a->src + 1 : a->n;
		c.axis = i;
		c.n = a->n < fit ? a->n : fit;
		c.span += (c.n - 1) * a->src;
		if (c.n < a->n)
			return c;
	}
	if (c.axis > 0 && !is_direct(m, &c)) {
		fit = all / c.span;
		c.slices = m->axes[c.axis - 1].n < fit ? m->axes[c.axis - 1].n : fit;
	}
	return c;
}

/* n of the chunk's outermost axis, and `slices`: they may be fewer at the end. */
static int read_chunk(struct mover *m, const struct chunk *c, uint64_t n, uint64_t slices,
		      uint64_t off, uint8_t *dst, struct st_err *e)
{
	unsigned from = c->slices > 1 ? c->axis - 1 : c->axis;
	struct st_axis axes[ST_MAX_NDIM];
	size_t size = (size_t)c->span * m->elem;
	int rc = ST_OK;

	if (is_direct(m, c))
		return st_source_read(m->src, dst, (size_t)n * m->elem, off, e);
	memcpy(axes, &m->axes[from], (m->naxes - from) * sizeof(*axes));
	if (c->slices > 1) {
		axes[0].n = slices;
		axes[0].src = c->span;
	} else {
		axes[0].n = n;
		size -= (size_t)((c->n - n) * axes[0].src) * m->elem;
	}
	for (uint64_t i = 0; rc == ST_OK && i < slices; i++)
		rc = st_source_read(m->src, m->tmp + i * size, size,
				    off + i * m->axes[from].src * m->elem, e);
	if (rc == ST_OK)
		st_rearrange(dst, m->tmp, m->elem, axes, m->naxes - from);
	return rc;
}

/* off, dst: of the lowest element. All sums were found to lie inside the tensor's run. */
static int read_block(struct mover *m, uint64_t off, uint64_t dst, struct st_err *e)
{
	uint64_t at[ST_MAX_NDIM] = { 0 };
	const struct chunk c = chunk_of(m);
	const unsigned outer = c.slices > 1 ? c.axis - 1 : c.axis; /* stepped by more than one */
	const uint64_t steps = c.slices > 1 ? c.slices : c.n;
	uint64_t left, step;
	unsigned d;
	int rc;

	if (m->run) {
		st_rearrange(m->block + dst * m->elem, m->run + off, m->elem, m->axes, m->naxes);
		return ST_OK;
	}
	for (;;) {
		left = outer < m->naxes ? m->axes[outer].n - at[outer] : 1;
		left = left < steps ? left : steps;
		rc = read_chunk(m, &c, c.slices > 1 ? c.n : left, c.slices > 1 ? left : 1, off,
				m->block + dst * m->elem, e);
		d = outer < m->naxes ? outer + 1 : m->naxes;
		while (rc == ST_OK && d-- > 0) {
			step = d == outer ? steps : 1;
			at[d] += step;
			off += step * m->axes[d].src * m->elem;
			dst += step * (uint64_t)m->axes[d].dst;
			if (at[d] < m->axes[d].n)
				break;
			off -= at[d] * m->axes[d].src * m->elem;
			dst -= at[d] * (uint64_t)m->axes[d].dst;
			at[d] = 0;
		}
		if (rc != ST_OK || d == UINT32_MAX)
			return rc;
	}
}

/* ---- writing a block ---- */

static int write_run(struct mover *m, uint64_t off, const struct st_axis *a, const uint8_t *p,
		     struct st_err *e)
{
	uint64_t most = a->src == 1 ? m->window / m->elem : 1, n;
	const ptrdiff_t step = (ptrdiff_t)a->dst * (ptrdiff_t)m->elem;
	int rc = ST_OK;

	for (uint64_t i = 0; rc == ST_OK && i < a->n; i += n) {
		n = a->n - i < most ? a->n - i : most;
		for (uint64_t k = 0; k < n; k++)
			memcpy(m->tmp + k * m->elem, p + (ptrdiff_t)(i + k) * step, m->elem);
		rc = st_pwrite_full(m->fd, m->tmp, (size_t)n * m->elem, off + i * a->src * m->elem,
				    m->name, e);
	}
	return rc;
}

static int write_block(struct mover *m, uint64_t off, uint64_t dst, struct st_err *e)
{
	uint64_t at[ST_MAX_NDIM] = { 0 };
	unsigned last = m->naxes - 1, d;
	int rc;

	for (;;) {
		rc = write_run(m, off, &m->axes[last], m->block + dst * m->elem, e);
		for (d = last; rc == ST_OK && d-- > 0;) {
			off += m->axes[d].src * m->elem;
			dst += (uint64_t)m->axes[d].dst;
			if (++at[d] < m->axes[d].n)
				break;
			off -= at[d] * m->axes[d].src * m->elem;
			dst -= at[d] * (uint64_t)m->axes[d].dst;
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

static int take_block(struct mover *m, size_t bytes, const struct user *u, struct st_err *e)
{
	size_t n;
	int rc = ST_OK;

	to_or_from_big(m->t, m->block, bytes);
	for (size_t i = 0; rc == ST_OK && i < bytes; i += n) {
		n = bytes - i < m->piece ? bytes - i : m->piece;
		rc = u->cb(u->arg, m->block + i, n, e);
	}
	return rc;
}

static int fill_block(struct mover *m, size_t bytes, const struct user *u, struct st_err *e)
{
	size_t n;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < bytes; i += n) {
		n = bytes - i < m->piece ? bytes - i : m->piece;
		rc = u->fill(u->arg, m->block + i, n, e);
	}
	to_or_from_big(m->t, m->block, bytes);
	return rc;
}

/* Dimensions from `from` on, n of the first; off: of its first element. */
static int one_block(struct mover *m, unsigned from, uint64_t n, uint64_t off, size_t bytes,
		     const struct user *u, struct st_err *e)
{
	uint64_t dst;
	int rc;

	set_axes(m, from, n, &off, &dst);
	if (m->src) {
		rc = read_block(m, off, dst, e);
		return rc == ST_OK ? take_block(m, bytes, u, e) : rc;
	}
	rc = fill_block(m, bytes, u, e);
	return rc == ST_OK ? write_block(m, off, dst, e) : rc;
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
			rc = one_block(m, cut, n, off + i * (uint64_t)t->strides[cut] * m->elem,
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

	if (t->ndim == 0)
		return one_block(m, 0, 1, t->offset, m->elem, u, e);
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

static int move(struct mover *m, size_t room, size_t block, const struct user *u, struct st_err *e)
{
	uint64_t size = st_tensor_logical_size(m->t);
	int rc;

	m->elem = st_dtype_info(m->t->dtype)->bits / 8;
	if (m->elem == 0)
		m->elem = 1; /* several in a byte: never strided */
	m->piece = room - room % m->elem;
	m->room = size < block ? (size_t)size : block - block % m->elem;
	m->window = room < WINDOW ? m->piece : WINDOW;
	if (m->room == 0)
		return ST_OK;
	m->block = st_malloc(m->room, e);
	m->tmp = m->block && m->t->strides && !m->run ? st_malloc(m->window, e) : NULL;
	if (e->code != ST_OK)
		rc = e->code;
	else
		rc = m->t->strides ? move_strided(m, u, e) : move_run(m, u, e);
	free(m->block);
	free(m->tmp);
	return rc;
}

static size_t fit_room(size_t room)
{
	if (room < ST_GATHER_MIN)
		return ST_GATHER_MIN;
	return room < MOST_ROOM ? room : MOST_ROOM;
}

/* Elements that come many times each are taken from memory. */
static int each_in_memory(const struct st_tensor *t, const struct st_source *src, size_t room,
			  const struct user *u, struct st_err *e)
{
	uint8_t *run = st_malloc((size_t)t->nbytes, e);
	struct st_tensor in_memory = *t;
	struct mover m = { .t = &in_memory, .src = src, .run = run, .fd = -1 };
	int rc = run ? st_source_read(src, run, (size_t)t->nbytes, t->offset, e) : (int)e->code;

	in_memory.offset = 0;
	if (rc == ST_OK)
		rc = move(&m, room, room, u, e);
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
	room = fit_room(room);
	if (!t->strides)
		return move(&m, room, room, &u, e);
	if (t->nbytes && t->nbytes <= room * BLOCK_ROOMS && t->nbytes < st_tensor_logical_size(t))
		return each_in_memory(t, src, room, &u, e);
	return move(&m, room, room * BLOCK_ROOMS, &u, e);
}

int st_tensor_put(const struct st_tensor *t, int fd, const char *name, size_t room, st_fill_fn fill,
		  void *arg, struct st_err *e)
{
	struct user u = { .fill = fill, .arg = arg };
	struct mover m = { .t = t, .fd = fd, .name = name };

	ST_BUG_ON(t->where != ST_IN_FILE);
	room = fit_room(room);
	return move(&m, room, t->strides ? room * BLOCK_ROOMS : room, &u, e);
}
