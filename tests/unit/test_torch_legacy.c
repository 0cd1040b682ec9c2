/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)1 << 22)
#define TEXT(s) s, sizeof(s) - 1

#define MAGIC "\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\2M\xe9\3."
#define SYSTEM(little) \
	"\x80\2}q\0(X\20\0\0\0protocol_versionq\1M\xe9\3X\15\0\0\0little_endianq\2" little "u."
#define HEAD MAGIC VERSION SYSTEM("\x88")

#define ID(class, key, n)                                               \
	"(X\7\0\0\0storagectorch\n" class "\nX\1\0\0\0" key "X\3\0\0\0" \
					  "cpuK" n "NtQ"
/* {name: [n] from `first` on} */
#define ITEM(name, id, first, n)                                                   \
	"X\1\0\0\0" name "ctorch._utils\n_rebuild_tensor_v2\n(" id "K" first "K" n \
	"\x85K\1\x85\x89"                                                          \
	"ccollections\nOrderedDict\n)RtR"
#define A_IN ID("FloatStorage", "1", "\3")
#define B_IN ID("HalfStorage", "2", "\2")
#define OBJECT "\x80\2}(" ITEM("a", A_IN, "\0", "\3") ITEM("b", B_IN, "\1", "\1") "u."
#define KEYS "\x80\2](X\1\0\0\0001X\1\0\0\0002e."
#define COUNT_OF(n) n "\0\0\0\0\0\0\0"
#define A_DATA "aaaabbbbcccc"
#define B_DATA "ddee"
#define WHOLE HEAD OBJECT KEYS COUNT_OF("\3") A_DATA COUNT_OF("\2") B_DATA

static int parse(struct st_layout *l, const void *p, size_t n, struct st_err *e)
{
	uint8_t *copy = malloc(n ? n : 1); /* ends where the file does, for the sanitizer */
	struct st_source s;
	int rc;

	assert_non_null(copy);
	memcpy(copy, p, n);
	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, copy, n, "m");
	st_layout_init(l);
	rc = st_format_parse(st_format_get("torch"), l, &s, LIMIT, e);
	free(copy);
	return rc;
}

static const char whole[] = WHOLE;

static void check_whole(const char *file, size_t n)
{
	struct st_layout l;
	struct st_err e;

	if (parse(&l, file, n, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(l.ntensors, 2);
	assert_string_equal(l.tensors[0].name, "a");
	assert_int_equal(l.tensors[0].dtype, ST_F32);
	assert_int_equal(l.tensors[0].ndim, 1);
	assert_int_equal(l.tensors[0].shape[0], 3);
	assert_int_equal(l.tensors[0].nbytes, 12);
	assert_memory_equal(file + l.tensors[0].offset, A_DATA, 12);
	assert_string_equal(l.tensors[1].name, "b");
	assert_int_equal(l.tensors[1].dtype, ST_F16);
	assert_int_equal(l.tensors[1].nbytes, 2);
	assert_memory_equal(file + l.tensors[1].offset, "ee", 2);
	assert_false(l.tensors[0].big_endian);
	st_layout_release(&l);
}

static void test_whole(void **state)
{
	static const char big[] = MAGIC VERSION SYSTEM("\x89") OBJECT KEYS COUNT_OF("\3")
		A_DATA COUNT_OF("\2") B_DATA;
	static const char behind[] = WHOLE "more";
	/* other protocols of the first pickle; framed as from 4 on */
	static const char framed[] =
		"\x80\4\x95\15\0\0\0\0\0\0\0\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." VERSION
			SYSTEM("\x88") OBJECT KEYS COUNT_OF("\3") A_DATA COUNT_OF("\2") B_DATA;
	static const char digits[] = "L119547037146038801333356L\n." VERSION SYSTEM("\x88")
		OBJECT KEYS COUNT_OF("\3") A_DATA COUNT_OF("\2") B_DATA;

	(void)state;
	check_whole(TEXT(whole));
	check_whole(TEXT(big)); /* a big-endian writer swaps what it writes */
	check_whole(TEXT(behind));
	check_whole(TEXT(framed));
	check_whole(TEXT(digits));
}

static void test_probe(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		const char *path;
		int score;
	} rows[] = {
		{ TEXT(MAGIC), "x", 100 },
		{ TEXT(MAGIC), "x.pt", 100 },
		{ TEXT("\x80\4\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "x", 100 },
		{ TEXT("L119547037146038801333356L\n."), "x", 100 },
		{ MAGIC, sizeof(MAGIC) - 2, "x", 0 },
		{ TEXT("\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18."), "x", 0 },
	};
	const struct st_format *f = st_format_get("torch");

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (f->probe((const uint8_t *)rows[i].p, rows[i].n, 4096, rows[i].path) !=
		    rows[i].score)
			fail_msg("row %zu", i);
}

/* What is behind the head */
static const struct {
	const char *p;
	size_t n;
	const char *reason;
} refused[] = {
	{ TEXT(MAGIC "\x80\2M\xea\3."), "the version at offset 15 is not 1001" },
	{ TEXT(MAGIC "\x80\2X\1\0\0\0x."), "the version at offset 15 is not 1001" },
	{ TEXT(HEAD OBJECT "\x80\2K\1."), "no list of storage keys" },
	{ TEXT(HEAD OBJECT "\x80\2]."), "storage \"1\", named at offset" },
	{ TEXT(HEAD OBJECT "\x80\2](X\1\0\0\0001e." COUNT_OF("\3") A_DATA),
	  "storage \"2\", named at offset" },
	{ TEXT(HEAD OBJECT "\x80\2](X\1\0\0\0001X\1\0\0\0003e." COUNT_OF("\3")
		       A_DATA COUNT_OF("\2")),
	  "storage \"3\", listed at offset" },
	{ TEXT(HEAD OBJECT "\x80\2](X\1\0\0\0001X\1\0\0\0001e." COUNT_OF("\3") A_DATA COUNT_OF("\3")
		       A_DATA),
	  "storage \"1\" is listed again at offset" },
	{ TEXT(HEAD OBJECT "\x80\2](K\1e."), "the storage key at offset" },
	{ TEXT(HEAD OBJECT KEYS COUNT_OF("\4") A_DATA "....."),
	  "has 4 elements, the object says 3" },
	{ TEXT(HEAD OBJECT KEYS "\3\0\0\0\0\0\0\x80" A_DATA), "elements, the object says 3" },
	{ TEXT(HEAD "\x80\2" ID("NewStorage", "1", "\3") "." KEYS COUNT_OF("\3") A_DATA),
	  "is of an unknown class" },
	{ TEXT(HEAD "\x80\2}(" ITEM("a", A_IN, "\1", "\3") "u."
							   "\x80\2](X\1\0\0\0001e." COUNT_OF("\3")
								   A_DATA),
	  "reaches outside its storage \"1\", which has 12 bytes" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct st_layout l;
		struct st_err e;

		assert_int_equal(parse(&l, refused[i].p, refused[i].n, &e), ST_EFORMAT);
		if (!strstr(e.msg, refused[i].reason) || !strstr(e.msg, "offset"))
			fail_msg("row %zu: %s", i, e.msg);
		st_layout_release(&l);
	}
}

/* Nothing that is shorter is a whole file. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		struct st_layout l;
		struct st_err e;

		if (parse(&l, whole, n, &e) != ST_EFORMAT || !strstr(e.msg, "offset"))
			fail_msg("%zu bytes: %s", n, e.msg);
		st_layout_release(&l);
	}
}

/* Every bit: either it does not matter to where things lie, or there is one clear error. */
static void test_flipped(void **state)
{
	char file[sizeof(whole)];

	(void)state;
	for (size_t bit = 0; bit < (sizeof(whole) - 1) * 8; bit++) {
		struct st_layout l;
		struct st_err e;
		int rc;

		memcpy(file, whole, sizeof(whole));
		file[bit / 8] = (char)(file[bit / 8] ^ 1 << bit % 8);
		rc = parse(&l, file, sizeof(whole) - 1, &e);
		if (rc != ST_OK && rc != ST_EFORMAT && rc != ST_ELIMIT)
			fail_msg("bit %zu: %d %s", bit, rc, e.msg);
		if (rc == ST_EFORMAT && !strstr(e.msg, "offset"))
			fail_msg("bit %zu: %s", bit, e.msg);
		for (size_t i = 0; rc == ST_OK && i < l.ntensors; i++)
			assert_true(l.tensors[i].offset + l.tensors[i].nbytes < sizeof(whole));
		st_layout_release(&l);
	}
}

/* No checksums: nothing to patch, and nothing is written to the descriptor. */
static void test_patch(void **state)
{
	const struct st_run run = { sizeof(whole) - 5, 4 };
	struct st_source s;
	struct st_err e = { 0 };

	(void)state;
	st_source_init_mem(&s, whole, sizeof(whole) - 1, "m");
	assert_int_equal(st_format_get("torch")->patch(-1, &s, &run, 1, LIMIT, &e), ST_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	cmocka_unit_test(test_probe),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped), cmocka_unit_test(test_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
