/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */
/*
 * Included once for each width with T (an unsigned type), BITS and FN(name). The loops are written
 * so that a compiler can use vectors; k comes from a float's exponent, since there is no vector
 * instruction for it.
 */

static inline T FN(load)(const uint8_t *p, size_t i)
{
	T v;

	memcpy(&v, p + i * sizeof(T), sizeof(T));
	return v;
}

static inline void FN(store)(uint8_t *p, size_t i, T v)
{
	memcpy(p + i * sizeof(T), &v, sizeof(T));
}

/* A float with its sign turned as the base's, so that larger ones have larger integers. */
static inline T FN(order)(T u, T b, bool is_float)
{
	T top = (T)((T)1 << (BITS - 1)), turned = (T)(u ^ (b & top));

	return is_float ? (T)(turned ^ (top | (T)(0 - (turned >> (BITS - 1))))) : u;
}

static inline T FN(unorder)(T s, T b, bool is_float)
{
	T top = (T)((T)1 << (BITS - 1));
	T below = (T)((s >> (BITS - 1)) - 1); /* all ones where it has not the base's sign */

	return is_float ? (T)(s ^ (top | below) ^ (b & top)) : s;
}

/* k << 1 | the bit below the highest */
static inline unsigned FN(head)(T mag)
{
	uint32_t v = (uint32_t)mag, bits;
	int more = 0;
	float f;

	if (BITS > 24 && mag >> (BITS > 24 ? 24 : 0)) {
		unsigned k = BITS > 32 ? 64u - (unsigned)__builtin_clzll((uint64_t)mag) :
					 32u - (unsigned)__builtin_clz((uint32_t)mag);

		return k << 1 | (unsigned)(mag >> (k - 2) & 1);
	}
	f = (float)(int32_t)v;
	memcpy(&bits, &f, 4);
	more = (int)(bits >> 22) - 252;
	return more > 0 ? (unsigned)more : 0;
}

static inline T FN(predict)(T b, enum st_num num, const struct st_decay *decay)
{
	unsigned mbits = st_numbers[num].mantissa;
	T m = (T)(b & (((T)1 << mbits) - 1));
	unsigned cell = (unsigned)(mbits >= 8 ? m >> (mbits - 8) : m << (8 - mbits));
	T low = (T)(mbits > 8 ? m & (((T)1 << (mbits - 8)) - 1) : 0);
	int64_t from = decay->step[cell], by = decay->step[cell + 1] - from, round = 0;
	unsigned shift = mbits > 8 ? mbits - 8 : 0;
	int64_t d;

	if (shift > 31) { /* of 64-bit numbers the highest 31 bits do */
		low = (T)(low >> (shift - 31));
		shift = 31;
	}
	if (by < 0)
		round = ((int64_t)1 << shift) - 1;
	d = from + ((by * (int64_t)low + round) >> shift);
	return (T)-d;
}

static void FN(split)(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
		      const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	bool is_float = num != ST_NUM_INT;

	for (size_t i = 0; i < n; i++) {
		T u = FN(load)(b, i), d;
		T neg;

		d = (T)(FN(order)(FN(load)(x, i), u, is_float) - FN(order)(u, u, is_float));
		if (decay)
			d = (T)(d - FN(predict)(u, num, decay));
		neg = (T)(d >> (BITS - 1));
		d = (T)(d ^ (T)(0 - neg));
		FN(store)(mag, i, d);
		sym[i] = (uint8_t)(FN(head)(d) << 1 | (unsigned)neg);
	}
}

static inline uint64_t FN(bits_at)(const uint8_t *p, size_t len, uint64_t bit)
{
	size_t at = (size_t)(bit >> 3);
	uint64_t v = 0;

	if (at + 8 <= len)
		return st_get64(p + at) >> (bit & 7);
	for (unsigned k = 0; at + k < len; k++)
		v |= (uint64_t)p[at + k] << 8 * k;
	return v >> (bit & 7);
}

static inline T FN(raw_at)(const uint8_t *p, size_t len, uint64_t bit, unsigned n)
{
	uint64_t v = FN(bits_at)(p, len, bit);

	if (BITS > 32 && n > 56)
		v = (v & (((uint64_t)1 << 32) - 1)) | FN(bits_at)(p, len, bit + 32) << 32;
	return (T)(v & (((uint64_t)1 << n) - 1));
}

static bool FN(join)(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
		     const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
		     uint64_t *bit, uint8_t *x)
{
	bool is_float = num != ST_NUM_INT;
	uint64_t at = *bit;

	for (size_t i = 0; i < n; i++) {
		T u = FN(load)(b, i), d;
		unsigned k = sym[i] >> 2, more = k > 2 ? k - 2 : 0;

		d = (T)(k < 2 ? k :
				(T)((T)((T)(2 | (sym[i] >> 1 & 1)) << more) |
				    FN(raw_at)(raw, raw_len, at, more)));
		at += more;
		d = (T)(d ^ (T)(0 - (T)(sym[i] & 1)));
		if (decay)
			d = (T)(d + FN(predict)(u, num, decay));
		FN(store)(x, i, FN(unorder)((T)(FN(order)(u, u, is_float) + d), u, is_float));
	}
	*bit = at;
	return at <= (uint64_t)raw_len * 8;
}

static void FN(put_raw)(const uint8_t *mag, const uint8_t *sym, size_t n, uint8_t *out,
			uint64_t *bit)
{
	uint8_t *p = out + (*bit >> 3);
	unsigned have = *bit & 7;
	uint64_t acc = have ? *p : 0;

	for (size_t i = 0; i < n; i++) {
		unsigned k = sym[i] >> 2, more = k > 2 ? k - 2 : 0;
		uint64_t v = (uint64_t)FN(load)(mag, i) & (((uint64_t)1 << more) - 1);

		if (BITS > 32 && more > 32) {
			acc |= (v & UINT32_MAX) << have;
			st_put32(p, (uint32_t)acc);
			p += 4;
			acc >>= 32;
			v >>= 32;
			more -= 32;
		}
		acc |= v << have;
		have += more;
		if (have >= 32) {
			st_put32(p, (uint32_t)acc);
			p += 4;
			acc >>= 32;
			have -= 32;
		}
	}
	*bit = (uint64_t)(p - out) * 8 + have;
	for (; have > 0; have = have > 8 ? have - 8 : 0, acc >>= 8)
		*p++ = (uint8_t)acc;
}

static void FN(levels)(const uint8_t *b, size_t n, enum st_num num, uint16_t *level)
{
	unsigned mbits = st_numbers[num].mantissa;
	T mask = (T)(((T)1 << (BITS - 1)) - 1);

	if (num != ST_NUM_INT) {
		for (size_t i = 0; i < n; i++)
			level[i] = (uint16_t)((FN(load)(b, i) & mask) >> mbits);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		T u = FN(load)(b, i);

		level[i] = (uint16_t)(FN(head)((T)(u ^ (T)(0 - (u >> (BITS - 1))))) >> 1);
	}
}

static void FN(contexts)(const uint8_t *b, size_t n, enum st_num num,
			 const struct st_context_line *l, uint8_t *ctx)
{
	uint16_t level[ST_LEVELS_AT_ONCE];

	for (size_t at = 0, some; at < n; at += some) {
		some = n - at < ST_LEVELS_AT_ONCE ? n - at : ST_LEVELS_AT_ONCE;
		FN(levels)(b + at * sizeof(T), some, num, level);
		for (size_t i = 0; i < some; i++) {
			int d = level[i] < l->top ? (int)(l->top - level[i]) : 0;
			int c = l->from + d * (1 << l->shift);

			c = c < 0 ? 0 : c;
			ctx[at + i] = (uint8_t)(c < ST_RANS_CONTEXTS ? c : ST_RANS_CONTEXTS - 1);
		}
	}
}

static uint64_t FN(weigh)(const uint8_t *mag, const uint8_t *sym, const uint8_t *b, size_t n,
			  enum st_num num, unsigned top)
{
	uint16_t level[ST_LEVELS_AT_ONCE];
	uint64_t most = st_delta_most(num), sum = 0;

	for (size_t at = 0, some; at < n; at += some) {
		some = n - at < ST_LEVELS_AT_ONCE ? n - at : ST_LEVELS_AT_ONCE;
		FN(levels)(b + at * sizeof(T), some, num, level);
		for (size_t i = 0; i < some; i++) {
			uint64_t v = FN(load)(mag, at + i);
			unsigned down = level[i] < top ? top - level[i] : 0;

			v = (v < most ? v : most) + (sym[at + i] & 1u);
			sum += down < 46 ? v << 22 >> down : 0;
		}
	}
	return sum;
}
