/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration and text that differ. */
#include "cli/diff_print.h"

#define WIDTH DIFF_WIDTH

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* A JSON string as the library writes it, without its quotes: in place. */
static void unquote(char *s)
{
	static const char from[] = "btnfr", to[] = "\b\t\n\f\r";
	char *out = s, *in = s + 1;
	const char *at;

	for (; *in && *in != '"'; in++) {
		if (*in != '\\') {
			*out++ = *in;
			continue;
		}
		at = strchr(from, *++in);
		if (at && *in) {
			*out++ = to[at - from];
		} else if (*in == 'u' && in[1] && in[2] && in[3] && in[4]) {
			*out++ = (char)(hex_digit(in[3]) * 16 + hex_digit(in[4]));
			in += 4;
		} else {
			*out++ = *in;
		}
	}
	*out = 0;
}

static void put_lines(const struct cli *c, char sign, enum color k, const char *json)
{
	char *text = json ? strdup(json) : NULL, *line, *end, *s;

	if (!text)
		return;
	unquote(text);
	for (s = text; (s = strchr(s, '\t'));)
		*s = ' '; /* or it would be shown as an escape */
	for (line = text; line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		s = strndup(line, diff_head(line, strlen(line), WIDTH - 4));
		printf("  %s%c ", color_on(c, k), sign);
		cli_put_safe(stdout, s ? s : "?");
		printf("%s\n", color_off(c, k));
		free(s);
	}
	free(text);
}

static bool is_line(const strata_diff_setting *s)
{
	unsigned long n;
	char rest;

	return sscanf(s->key, "line %lu%c", &n, &rest) == 1 && (!s->a || *s->a == '"') &&
	       (!s->b || *s->b == '"');
}

/* One value, made fit for one line. */
static void put_value(const char *s, size_t room)
{
	size_t n = strlen(s), w = text_width(s, n), head;
	char *part;

	if (w <= room) {
		cli_put_safe(stdout, s);
		return;
	}
	head = diff_head(s, n, room > 3 ? room - 3 : 0);
	part = strndup(s, head);
	cli_put_safe(stdout, part ? part : "?");
	fputs("...", stdout);
	free(part);
}

/* Both sides share what room there is: a short one leaves more to the other. */
static void put_both(const char *a, const char *b, size_t room)
{
	size_t wa = text_width(a, strlen(a)), wb = text_width(b, strlen(b)), half;

	room -= room > 4 ? 4 : 0;
	half = room / 2;
	half = wb < half ? room - wb : half;
	put_value(a, half);
	fputs(" -> ", stdout);
	put_value(b, room - (wa < half ? wa : half));
}

void diff_print_setting(const struct cli *c, const strata_diff_setting *s)
{
	size_t left = WIDTH - 4, room, n;
	char *key;

	if (is_line(s)) {
		printf("  %s%s%s\n", color_on(c, COLOR_DIM), s->key, color_off(c, COLOR_DIM));
		put_lines(c, '-', COLOR_BAD, s->a);
		put_lines(c, '+', COLOR_GOOD, s->b);
		return;
	}
	key = diff_short(*s->key ? s->key : ".", *s->key ? strlen(s->key) : 1, 44);
	n = key ? text_width(key, strlen(key)) : 1;
	room = left > n ? left - n : 8;
	printf("%c %s%s%s: ",
	       !s->a ? '+' :
	       !s->b ? '-' :
		       ' ',
	       color_on(c, COLOR_NAME), key ? key : "?", color_off(c, COLOR_NAME));
	if (s->a && s->b)
		put_both(s->a, s->b, room);
	else
		put_value(s->a ? s->a : s->b, room);
	fputc('\n', stdout);
	free(key);
}
