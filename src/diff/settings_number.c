/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of settings: one spelling for each, and equality that knows no precision. */
#include "diff/settings_build.h"

#include <math.h>
#include <stdio.h>

#define EXACT_DIGITS 15	 /* a decimal of so many digits is the only one that its double has */
#define ROUND_TRIP 17	 /* digits that always read back as the same double */
#define ROUND_DIGITS 800 /* more than a midpoint of two doubles has */
#define PLAIN_EXPONENT 300
#define POINT_MAX ((int64_t)1000000000000000000)

/* The number 0.d1d2d3... * 10^point, d1 and the last digit not 0; zero has no digits. */
struct decimal {
	bool negative, integer; /* integer: neither point nor exponent */
	const char *p, *end;	/* the digits, and perhaps a point among them */
	size_t digits;
	int64_t point;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int64_t exponent(const char *p, const char *end)
{
	bool negative = p < end && *p == '-';
	int64_t v = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && is_digit(*p); p++)
		v = v > POINT_MAX / 10 ? 2 * POINT_MAX : v * 10 + (*p - '0');
	return negative ? -v : v;
}

static void parse(struct decimal *d, const char *s, size_t len)
{
	const char *end = s + len, *p, *e, *dot;

	*d = (struct decimal){ .negative = len && *s == '-' };
	p = s + (len && (*s == '-' || *s == '+'));
	for (e = p; e < end && (is_digit(*e) || *e == '.'); e++)
		;
	dot = e > p ? memchr(p, '.', (size_t)(e - p)) : NULL;
	d->integer = !dot && e == end;
	d->point = e < end ? exponent(e + 1, end) : 0;
	if (!dot)
		dot = e;
	while (p < e && (*p == '0' || *p == '.'))
		p++;
	d->point += p < dot ? dot - p : dot + 1 - p;
	while (e > p && (e[-1] == '0' || e[-1] == '.'))
		e--;
	d->p = p;
	d->end = e;
	d->digits = (size_t)(e - p) - (p < dot && dot < e);
	/* Beyond, numbers are not told apart. */
	if (d->digits == 0)
		d->point = 0;
	else if (d->point > POINT_MAX)
		d->point = POINT_MAX;
	else if (d->point < -POINT_MAX)
		d->point = -POINT_MAX;
}

/* The first n digits, of which there are so many at least. */
static void copy_digits(char *out, const struct decimal *d, size_t n)
{
	for (const char *p = d->p; n > 0; p++) {
		if (*p == '.')
			continue;
		*out++ = *p;
		n--;
	}
}

/* strtod of digits without a point is the same in every locale. */
static double to_double(const char *digits, size_t n, int64_t point)
{
	char text[ROUND_DIGITS + 32];

	snprintf(text, sizeof(text), "%.*se%" PRId64, (int)n, digits, point - (int64_t)n);
	return strtod(text, NULL);
}

/* The digits of v printed with n of them, without the locale's point; returns the decimal point's
 * place. */
static int64_t print(char out[ROUND_TRIP], double v, size_t n)
{
	char text[64];
	const char *p = text;

	snprintf(text, sizeof(text), "%.*e", (int)n - 1, v);
	for (size_t i = 0; i < n; p++)
		if (is_digit(*p))
			out[i++] = *p;
	p = strchr(p, 'e');
	return p ? strtol(p + 1, NULL, 10) + 1 : 0;
}

/*
 * The fewest digits that read back as the double nearest to d. False where there is no such double
 * but zero or infinity.
 */
static bool shortest(const struct decimal *d, char out[ROUND_TRIP], size_t *n, int64_t *point)
{
	char in[ROUND_DIGITS + 1];
	size_t used = d->digits;
	double v;

	if (d->point > 400 || d->point < -400)
		return false;
	if (used > ROUND_DIGITS) {
		/* what is cut off only matters by being there */
		used = ROUND_DIGITS;
		in[used++] = '1';
		copy_digits(in, d, ROUND_DIGITS);
	} else {
		copy_digits(in, d, used);
	}
	v = to_double(in, used, d->point);
	if (v == 0 || isinf(v))
		return false;
	/* Subnormal numbers have fewer digits. */
	for (*n = fpclassify(v) == FP_SUBNORMAL ? 1 : EXACT_DIGITS; *n <= ROUND_TRIP; ++*n) {
		*point = print(out, v, *n);
		if (*n == ROUND_TRIP || to_double(out, *n, *point) == v)
			break;
	}
	while (*n > 1 && out[*n - 1] == '0')
		--*n;
	return true;
}

static int zeros(struct st_buf *out, int64_t n, struct st_err *e)
{
	int rc = ST_OK;

	while (rc == ST_OK && n-- > 0)
		rc = st_buf_addch(out, '0', e);
	return rc;
}

/* As Python's repr: 0.0001 and 1e-05, 1000000000000000.0 and 1e+16. */
static int put_real(struct st_buf *out, const char *digits, size_t n, int64_t point,
		    struct st_err *e)
{
	size_t whole = point <= 0 ? 0 : (uint64_t)point < n ? (size_t)point : n;
	int rc = ST_OK;

	if (point < -3 || point > 16) {
		rc = st_buf_add(out, digits, 1, e);
		if (rc == ST_OK && n > 1)
			rc = st_buf_addch(out, '.', e);
		if (rc == ST_OK)
			rc = st_buf_add(out, digits + 1, n - 1, e);
		return rc != ST_OK ? rc :
				     st_buf_addf(out, e, "e%c%02" PRIu64, point > 0 ? '+' : '-',
						 (uint64_t)(point > 0 ? point - 1 : 1 - point));
	}
	rc = whole ? st_buf_add(out, digits, whole, e) : st_buf_addch(out, '0', e);
	if (rc == ST_OK)
		rc = zeros(out, point - (int64_t)whole, e);
	if (rc == ST_OK)
		rc = st_buf_addch(out, '.', e);
	if (rc == ST_OK)
		rc = zeros(out, point < 0 ? -point : whole == n, e);
	return rc == ST_OK ? st_buf_add(out, digits + whole, n - whole, e) : rc;
}

/* A number outside the range of doubles keeps its digits. */
static int put_exactly(struct st_buf *out, const struct decimal *d, struct st_err *e)
{
	char *digits = st_malloc(d->digits, e);
	int rc;

	if (!digits)
		return e->code;
	copy_digits(digits, d, d->digits);
	rc = put_real(out, digits, d->digits, d->point, e);
	free(digits);
	return rc;
}

static int put_integer(struct st_buf *out, const struct decimal *d, struct st_err *e)
{
	int rc = st_buf_add(out, d->p, d->digits, e);

	return rc == ST_OK ? zeros(out, d->point - (int64_t)d->digits, e) : rc;
}

int st_number_put(struct st_buf *out, const char *s, size_t len, struct st_err *e)
{
	char digits[ROUND_TRIP];
	struct decimal d;
	int64_t point;
	size_t n;
	int rc = ST_OK;

	parse(&d, s, len);
	if (d.negative && (d.digits || !d.integer))
		rc = st_buf_addch(out, '-', e);
	if (rc != ST_OK)
		return rc;
	if (d.digits == 0)
		return st_buf_addstr(out, d.integer ? "0" : "0.0", e);
	if (d.integer)
		return put_integer(out, &d, e);
	if (d.digits <= EXACT_DIGITS && d.point > -PLAIN_EXPONENT && d.point < PLAIN_EXPONENT) {
		copy_digits(digits, &d, d.digits);
		return put_real(out, digits, d.digits, d.point, e);
	}
	if (!shortest(&d, digits, &n, &point))
		return put_exactly(out, &d, e);
	return put_real(out, digits, n, point, e);
}

bool st_number_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct decimal x, y;
	const char *p, *q;

	parse(&x, a, a_len);
	parse(&y, b, b_len);
	if (x.digits != y.digits || x.point != y.point)
		return false;
	if (x.digits == 0) /* -0.0 is 0 */
		return true;
	if (x.negative != y.negative)
		return false;
	for (p = x.p, q = y.p; p < x.end && q < y.end; p++, q++) {
		p += *p == '.';
		q += *q == '.';
		if (*p != *q)
			return false;
	}
	return true;
}
