/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge/vocab.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void forms(void **state)
{
	static const struct {
		const char *file, *key;
		enum st_vocab_form form;
		bool table;
	} cases[] = {
		{ "tokenizer.json", "model.vocab", ST_VOCAB_TOKENS, true },
		{ "tokenizer.json", "added_tokens", ST_VOCAB_ENTRIES, true },
		{ "tokenizer.json", "model.merges", ST_VOCAB_MERGES, true },
		{ "tokenizer.json", "", ST_VOCAB_NONE, true },
		{ "tokenizer.json", "vocab_size", ST_VOCAB_NONE, true },
		{ "vocab.json", "", ST_VOCAB_TOKENS, true },
		{ "vocab.json", "model.vocab", ST_VOCAB_NONE, true },
		{ "added_tokens.json", "", ST_VOCAB_TOKENS, true },
		{ "vocab.txt", "", ST_VOCAB_LINES, true },
		{ "tokenizer_config.json", "added_tokens_decoder", ST_VOCAB_BY_ID, false },
		{ "config.json", "vocab_size", ST_VOCAB_SIZE, false },
		{ "config.json", "text_config.vocab_size", ST_VOCAB_SIZE, false },
		{ "config.json", "my_vocab_size", ST_VOCAB_NONE, false },
		{ "config.json", "pad_token_id", ST_VOCAB_ID, false },
		{ "tokenizer.json", "post_processor", ST_VOCAB_ID, true },
		{ "tokenizer.json", "post_processor.sep[1]", ST_VOCAB_ID, true },
		{ "tokenizer.json", "post_processors", ST_VOCAB_NONE, true },
		{ "tokenizer.json", "padding.pad_id", ST_VOCAB_ID, true },
		{ "tokenizer.json", "model.unk_id", ST_VOCAB_ID, true },
		{ "generation_config.json", "eos_token_id", ST_VOCAB_ID, false },
		{ "other.json", "vocab_size", ST_VOCAB_NONE, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *file = cases[i].file, *key = cases[i].key;

		if (st_vocab_form_of(file, key, strlen(key)) != cases[i].form ||
		    st_vocab_is_table(file) != cases[i].table)
			fail_msg("%s %s", file, key);
		assert_int_equal(st_vocab_file(file), strcmp(file, "other.json") != 0);
	}
}

/* "a=0 b=1", in the order of the file */
static void tell(const struct st_vocab *v, char *out, size_t room)
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < v->n; i++)
		n += (size_t)snprintf(out + n, room - n, "%s%s=%" PRIu64, i ? " " : "",
				      v->v[i].text, v->v[i].id);
}

static void reads(void **state)
{
	static const struct {
		const char *file, *text, *want;
		int code;
	} cases[] = {
		{ "vocab.json", "{\"a\":0, \"b\":1}", "a=0 b=1", ST_OK },
		{ "vocab.json", "{}", "", ST_OK },
		{ "vocab.json", "{\"\\u0041\":7}", "A=7", ST_OK },
		{ "vocab.json", "{\"a\":-1}", NULL, ST_EFORMAT },
		{ "vocab.json", "{\"a\":\"b\"}", NULL, ST_EFORMAT },
		{ "vocab.json", "{\"a\":0", NULL, ST_EFORMAT },
		{ "vocab.json", "7", NULL, ST_EFORMAT },
		{ "vocab.json", "{\"a\":4000000000}", NULL, ST_ELIMIT },
		{ "added_tokens.json", "{\"a\":262144}", "a=262144", ST_OK },
		{ "vocab.json", "{\"a\":18446744073709551615}", NULL, ST_ELIMIT },
		{ "tokenizer.json",
		  "{\"added_tokens\":[{\"id\":9,\"content\":\"x\",\"special\":true}],"
		  "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}",
		  "x=9 a=0", ST_OK },
		{ "tokenizer.json", "{\"model\":{\"vocab\":[[\"a\",-1.5],[\"b\",0]]}}", "a=0 b=1",
		  ST_OK },
		{ "tokenizer.json", "{\"model\":null,\"normalizer\":{\"vocab\":1}}", "", ST_OK },
		{ "tokenizer.json", "{\"added_tokens\":[{\"id\":9}]}", NULL, ST_EFORMAT },
		{ "tokenizer.json", "{\"added_tokens\":[7]}", NULL, ST_EFORMAT },
		{ "tokenizer.json", "[]", NULL, ST_EFORMAT },
		/* an added token that the model has too keeps the first id */
		{ "tokenizer.json",
		  "{\"model\":{\"vocab\":{\"a\":0}},"
		  "\"added_tokens\":[{\"content\":\"a\",\"id\":0}]}",
		  "a=0", ST_OK },
		{ "tokenizer_config.json",
		  "{\"x\":[1],\"added_tokens_decoder\":{\"7\":{\"lstrip\":true,\"content\":\"x\"},"
		  "\"2\":{\"content\":\"y\"},\"3\":{}}}",
		  "x=7 y=2", ST_OK },
		{ "tokenizer_config.json", "{\"added_tokens_decoder\":{\"a\":{}}}", NULL,
		  ST_EFORMAT },
		{ "tokenizer_config.json", "{\"added_tokens_decoder\":{\"1\":2}}", NULL,
		  ST_EFORMAT },
		{ "tokenizer_config.json", "{\"added_tokens_decoder\":null}", "", ST_OK },
		{ "vocab.txt", "a\nb\r\nc", "a=0 b=1 c=2", ST_OK },
		{ "vocab.txt", "", "", ST_OK },
		/* a token that comes twice has its last line */
		{ "vocab.txt", "a\nb\na\nc\n", "b=1 a=2 c=3", ST_OK },
		{ "vocab.txt", "a\rb\r\n\n\n", "a=0 b=1 =3", ST_OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct st_err e = { 0 };
		struct st_vocab v;
		char got[256];
		int rc;

		st_vocab_init(&v);
		rc = st_vocab_read(&v, cases[i].file, cases[i].text, strlen(cases[i].text), &e);
		if (rc != cases[i].code)
			fail_msg("case %zu: %d %s", i, rc, e.msg);
		tell(&v, got, sizeof(got));
		if (rc == ST_OK && strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: %s", i, got);
		st_vocab_release(&v);
	}
}

/* Which added token has another id when the tokenizers library loads the file: as 0.20.3 does. */
static void loads(void **state)
{
#define MODEL "\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"c\":2}}"
#define PIECES "\"model\":{\"vocab\":[[\"a\",0],[\"b\",0],[\"c\",0],[\"b\",0]]}"
#define ADDED(t, id) "{\"content\":\"" t "\",\"id\":" #id "}"
	static const struct {
		const char *text, *want; /* the token, or NULL */
		uint64_t said, id;
		int code;
	} cases[] = {
		{ "{" MODEL ",\"added_tokens\":[" ADDED("X", 3) "," ADDED("Y", 4) "]}", NULL, 0, 0,
		  ST_OK },
		{ "{\"added_tokens\":[" ADDED("X", 4) "," ADDED("Y", 3) "]," MODEL "}", "X", 4, 3,
		  ST_OK },
		/* those of the model have its ids, wherever they are in the list */
		{ "{" MODEL
		  ",\"added_tokens\":[" ADDED("X", 3) "," ADDED("b", 1) "," ADDED("Y", 4) "]}",
		  NULL, 0, 0, ST_OK },
		{ "{" MODEL ",\"added_tokens\":[" ADDED("b", 7) "]}", "b", 7, 1, ST_OK },
		/* the size counts, not the last id, unless an added token has a larger one */
		{ "{\"model\":{\"vocab\":{\"a\":0,\"c\":7}},\"added_tokens\":[" ADDED("X", 8) "]}",
		  "X", 8, 2, ST_OK },
		{ "{\"model\":{\"vocab\":{\"a\":0,\"c\":7}},\"added_tokens\":[" ADDED(
			  "c", 7) "," ADDED("X", 8) "]}",
		  NULL, 0, 0, ST_OK },
		{ "{\"model\":{\"vocab\":{}},\"added_tokens\":[" ADDED("X", 0) "," ADDED("Y",
											 1) "]}",
		  NULL, 0, 0, ST_OK },
		{ "{" MODEL ",\"added_tokens\":[" ADDED("", 3) "," ADDED("Y", 4) "]}", "Y", 4, 3,
		  ST_OK },
		{ "{" MODEL
		  ",\"added_tokens\":[" ADDED("X", 3) "," ADDED("X", 4) "," ADDED("Y", 4) "]}",
		  NULL, 0, 0, ST_OK },
		{ "{" PIECES ",\"added_tokens\":[" ADDED("X", 4) "]}", NULL, 0, 0, ST_OK },
		{ "\xef\xbb\xbf{" PIECES ",\"added_tokens\":[" ADDED("X", 3) "]}", "X", 3, 4,
		  ST_OK },
		/* what is no such model says nothing */
		{ "{\"model\":{\"type\":\"X\"},\"added_tokens\":[" ADDED("X", 3) "]}", NULL, 0, 0,
		  ST_OK },
		{ "{\"model\":null,\"added_tokens\":[" ADDED("X", 3) "]}", NULL, 0, 0, ST_OK },
		{ "{}", NULL, 0, 0, ST_OK },
		{ "{" MODEL ",\"added_tokens\":[{\"id\":3}]}", NULL, 0, 0, ST_EFORMAT },
		{ "{" MODEL, NULL, 0, 0, ST_EFORMAT },
		{ "[]", NULL, 0, 0, ST_EFORMAT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_vocab_text t = { cases[i].text, strlen(cases[i].text) };
		const size_t len = cases[i].want ? strlen(cases[i].want) : 0;
		struct st_vocab_loaded x;
		struct st_err e = { 0 };

		if (st_vocab_load(&t, &x, &e) != cases[i].code)
			fail_msg("case %zu: %s", i, e.msg);
		if (cases[i].code != ST_OK)
			continue;
		if (x.odd != (len > 0) || x.said != cases[i].said || x.id != cases[i].id ||
		    x.token.len != len || (len && memcmp(x.token.p, cases[i].want, len) != 0))
			fail_msg("case %zu", i);
		st_buf_release(&x.token);
	}
}

/* Two files of one tokenizer, the second one's tokens joined to the first one's. */
static void joins(void **state)
{
	static const struct {
		const char *lines, *added,
			*want; /* want: the tokens, and where they do not agree */
		uint64_t end;
	} cases[] = {
		{ "a\nb\n", "{\"x\":2}", "a=0 b=1 x=2", 3 },
		{ "a\nb\n", "{\"b\":1,\"x\":7}", "a=0 b=1 x=7", 8 },
		{ "a\nb\na\n", "{}", "b=1 a=2", 3 },
		{ "a\nb\n\n\n", "{}", "a=0 b=1 =3", 4 },
		{ "b\nb\na\na\n", "{\"x\":2}", "b=1 a=3 x=2", 4 },
		{ "a\nb\n", "{\"x\":1}", "a=0 b=1 x=1 !x b", 2 },
		{ "a\nb\n", "{\"a\":1}", "a=0 b=1 !a a", 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_token *odd, *was;
		struct st_err e = { 0 };
		struct st_vocab v, added;
		char got[256];
		size_t n;

		st_vocab_init(&v);
		st_vocab_init(&added);
		assert_int_equal(st_vocab_read(&v, "vocab.txt", cases[i].lines,
					       strlen(cases[i].lines), &e),
				 ST_OK);
		assert_int_equal(st_vocab_read(&added, "added_tokens.json", cases[i].added,
					       strlen(cases[i].added), &e),
				 ST_OK);
		assert_int_equal(st_vocab_join(&v, &added, &odd, &was, &e), ST_OK);
		tell(&v, got, sizeof(got));
		n = strlen(got);
		if (odd) {
			snprintf(got + n, sizeof(got) - n, " !%s %s", odd->text, was->text);
			assert_string_equal(odd->file, "added_tokens.json");
			assert_string_equal(was->file, "vocab.txt");
		}
		if (strcmp(got, cases[i].want) != 0 || v.end != cases[i].end)
			fail_msg("case %zu: %s, %" PRIu64, i, got, v.end);
		st_vocab_release(&v);
		st_vocab_release(&added);
	}
}

static void unite(struct st_vocab_union *u, const char *base, const char *ours, const char *theirs)
{
	const char *const texts[] = { base, ours, theirs };
	struct st_vocab v[3];
	struct st_err e = { 0 };

	for (size_t i = 0; i < 3; i++) {
		st_vocab_init(&v[i]);
		assert_int_equal(st_vocab_read(&v[i], "vocab.json", texts[i], strlen(texts[i]), &e),
				 ST_OK);
	}
	assert_int_equal(st_vocab_unite(u, &v[0], &v[1], &v[2], &e), ST_OK);
	for (size_t i = 0; i < 3; i++)
		st_vocab_release(&v[i]);
}

static void unions(void **state)
{
	static const struct {
		const char *base, *ours, *theirs;
		const char *want; /* of each id: ours's, theirs's and the base's row */
	} cases[] = {
		{ "{\"a\":0}", "{\"a\":0}", "{\"a\":0}", "o00" },
		{ "{\"a\":0}", "{\"a\":0,\"x\":1}", "{\"a\":0,\"y\":1}", "o00 o-- -1-" },
		{ "{\"a\":0}", "{\"a\":0,\"x\":1}", "{\"a\":0,\"x\":1}", "o00 o1-" },
		/* theirs's new ones in the order of their ids, whatever that of the file */
		{ "{}", "{\"a\":0}", "{\"z\":2,\"y\":1,\"a\":0}", "o0- -1- -2-" },
		/* other ids for the same tokens */
		{ "{\"a\":0,\"b\":1}", "{\"a\":0,\"b\":1}", "{\"b\":0,\"a\":1,\"c\":2}",
		  "o10 o01 -2-" },
		/* removed in ours, a hole, and a token that theirs removed */
		{ "{\"a\":0,\"b\":1}", "{\"b\":1}", "{\"a\":0,\"b\":1}", "--- o11 -00" },
		{ "{\"a\":0,\"b\":1}", "{\"a\":0,\"b\":1}", "{\"a\":0}", "o00 o-1" },
		/* two tokens of one id */
		{ "{}", "{\"a\":0}", "{\"y\":1,\"z\":1}", "o-- -1-" },
		{ "{}", "{}", "{}", "" },
		{ "{}", "{}", "{\"a\":0}", "-0-" },
		{ "{}", "{\"a\":0}", "{}", "o--" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct st_vocab_union u;
		char got[128];
		size_t n = 0;

		unite(&u, cases[i].base, cases[i].ours, cases[i].theirs);
		*got = 0;
		for (uint64_t k = 0; k < u.end; k++) {
			char theirs = '-', base = '-';

			if (u.from[k] != ST_NO_TOKEN) {
				theirs = (char)('0' + u.from[k]);
				assert_int_equal(u.to[u.from[k]], k);
			}
			if (u.base[k] != ST_NO_TOKEN)
				base = (char)('0' + u.base[k]);
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%c%c%c", k ? " " : "",
					      u.ours[k] ? 'o' : '-', theirs, base);
		}
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: want '%s', got '%s'", i, cases[i].want, got);
		st_vocab_union_release(&u);
	}
}

/* Ours has t=0 x=1 s=2, theirs t=0 y=1 s=2 z=3: y becomes 3, z 4. */
static void texts(void **state)
{
	static const struct {
		enum st_vocab_form form;
		const char *ours, *theirs, *want; /* NULL: refused */
	} cases[] = {
		{ ST_VOCAB_TOKENS, "{\"t\":0,\"x\":1}", "{\"t\":0,\"y\":1}",
		  "{\"t\":0,\"x\":1,\"y\":3}" },
		{ ST_VOCAB_TOKENS, "{\n  \"x\": 1\n}\n", "{\"y\": 1, \"z\":3}",
		  "{\n  \"x\": 1,\n  \"y\": 3,\n  \"z\":4\n}\n" },
		{ ST_VOCAB_TOKENS, "{}", "{\"y\":1}", "{\"y\":3}" },
		{ ST_VOCAB_TOKENS, "{ }", "{\"y\":1,\"z\":3}", "{\"y\":3,\"z\":4 }" },
		{ ST_VOCAB_TOKENS, "{\"x\":1}", "{}", "{\"x\":1}" },
		/* what another list of ours has stays there */
		{ ST_VOCAB_TOKENS, "{\"x\":1}", "{\"s\":2}", "{\"x\":1}" },
		{ ST_VOCAB_TOKENS, "[[\"t\",0],[\"x\",0],[\"s\",0]]", "[[\"t\",0],[\"y\",-1]]",
		  "[[\"t\",0],[\"x\",0],[\"s\",0],[\"y\",-1]]" },
		{ ST_VOCAB_TOKENS, "[[\"t\",0]]", "[[\"t\",0],[\"y\",-1]]", NULL },
		{ ST_VOCAB_TOKENS, "[]", "{\"y\":1}", NULL },
		{ ST_VOCAB_ENTRIES, "[{\"id\":1,\"content\":\"x\"}]",
		  "[ {\"content\":\"y\", \"id\": 1, \"n\":{}}, {\"id\":2,\"content\":\"s\"} ]",
		  "[{\"id\":1,\"content\":\"x\"},{\"content\":\"y\", \"id\": 3, \"n\":{}},"
		  "{\"id\":2,\"content\":\"s\"}]" },
		{ ST_VOCAB_ENTRIES, "[]", "[{\"id\":3,\"content\":\"z\"}]",
		  "[{\"id\":4,\"content\":\"z\"}]" },
		{ ST_VOCAB_ENTRIES, "[]", "[{\"id\":99,\"content\":\"q\"}]", NULL },
		{ ST_VOCAB_BY_ID, "{\"1\":{\"c\":\"x\"}}", "{\"1\": {\"c\":\"y\"},\"2\":{}}",
		  "{\"1\":{\"c\":\"x\"},\"3\": {\"c\":\"y\"},\"2\": {}}" },
		{ ST_VOCAB_BY_ID, "{\"2\":1}", "{\"2\":5,\"77\":1}", "{\"2\":1}" },
		{ ST_VOCAB_MERGES, "[\"a b\",\"c d\"]", "[\"a b\", \"e f\"]",
		  "[\"a b\",\"c d\",\"e f\"]" },
		{ ST_VOCAB_MERGES, "[[\"a\",\"b\"]]", "[[\"a\",\"b\"],[\"c\",\"d\"]]",
		  "[[\"a\",\"b\"],[\"c\",\"d\"]]" },
		/* a merge is its two tokens, in ours's notation */
		{ ST_VOCAB_MERGES, "[\"a b\",\"c d\"]", "[[\"a\",\"b\"], [\"e\", \"f\"]]",
		  "[\"a b\",\"c d\",\"e f\"]" },
		{ ST_VOCAB_MERGES, "[ [\"a\", \"b\"] ]", "[\"a b\",\"c d\"]",
		  "[ [\"a\", \"b\"], [\"c\",\"d\"] ]" },
		{ ST_VOCAB_MERGES, "[\"\u0120 b\"]", "[\"\\u0120 b\",\"\\u0120 \\\"\"]",
		  "[\"\u0120 b\",\"\\u0120 \\\"\"]" },
		{ ST_VOCAB_MERGES, "[\"a b\"]", "[[\"\\u0120\",\"\\\"\"]]",
		  "[\"a b\",\"\u0120 \\\"\"]" },
		{ ST_VOCAB_MERGES, "[]", "[[\"a\",\"b\"]]", "[[\"a\",\"b\"]]" },
		{ ST_VOCAB_MERGES, "[\"a b\"]", "[[\"a \",\"b\"]]", NULL },
		{ ST_VOCAB_MERGES, "[\"a b\"]", "[[\"a\",\"b\",\"c\"],7]",
		  "[\"a b\",[\"a\",\"b\",\"c\"],7]" },
		{ ST_VOCAB_SIZE, "3", "4", "5" },
		{ ST_VOCAB_SIZE, "64", "4", "64" },
		{ ST_VOCAB_SIZE, "null", "4", NULL },
		{ ST_VOCAB_LINES, "t\nx\ns\n", "t\ny\ns\nz\n", "t\nx\ns\ny\nz\n" },
		{ ST_VOCAB_LINES, "t\nx\ns", "t\ny", "t\nx\ns\ny\n" },
		{ ST_VOCAB_LINES, "t\n", "t\ny\n", NULL },
		{ ST_VOCAB_LINES, "x\ns\nx\n", "t\ny\ns\nz\n", "x\ns\nx\ny\nz\n" },
	};
	struct st_vocab_union u;

	(void)state;
	unite(&u, "{\"t\":0}", "{\"t\":0,\"x\":1,\"s\":2}", "{\"t\":0,\"y\":1,\"s\":2,\"z\":3}");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_vocab_text ours = { cases[i].ours, strlen(cases[i].ours) };
		const struct st_vocab_text theirs = { cases[i].theirs, strlen(cases[i].theirs) };
		struct st_err e = { 0 };
		struct st_buf b;
		int rc;

		st_buf_init(&b, 4096);
		rc = st_vocab_text(cases[i].form, &u, &ours, &theirs, &b, &e);
		if ((rc == ST_OK) != (cases[i].want != NULL))
			fail_msg("case %zu: %d %s", i, rc, e.msg);
		if (rc == ST_OK &&
		    (b.len != strlen(cases[i].want) || memcmp(b.p, cases[i].want, b.len) != 0))
			fail_msg("case %zu: %.*s", i, (int)b.len, (const char *)b.p);
		st_buf_release(&b);
	}
	st_vocab_union_release(&u);
}

static void quote(char *out, size_t room, const char *text)
{
	snprintf(out, room, "%s", text);
	for (char *p = out; *p; p++)
		*p = *p == '\'' ? '"' : *p;
}

/* 1 is 3 now, 3 is 4, and 7 no token */
static int renumber(void *arg, uint64_t id, uint64_t *to, struct st_err *e)
{
	size_t *seen = arg;

	++*seen;
	if (id == 7)
		return st_fail(e, ST_EREFUSED, "no token");
	*to = id == 1 ? 3 : id == 3 ? 4 : id;
	return ST_OK;
}

static void refs(void **state)
{
	static const struct {
		const char *file, *text;
		const char *want; /* in quotes of one kind; NULL: ST_EFORMAT, "": ST_EREFUSED */
	} cases[] = {
		{ "tokenizer.json",
		  "{'post_processor':{'single':[{'SpecialToken':{'id':'y','type_id':1}}],"
		  "'special_tokens':{'y':{'id':'y','ids':[1 , 2,3],'tokens':['y']}}}}",
		  "{'post_processor':{'single':[{'SpecialToken':{'id':'y','type_id':1}}],"
		  "'special_tokens':{'y':{'id':'y','ids':[3 , 2,4],'tokens':['y']}}}}" },
		{ "tokenizer.json",
		  "{'post_processor':{'type':'BertProcessing','sep':['y',1],'cls':['z', 3]}}",
		  "{'post_processor':{'type':'BertProcessing','sep':['y',3],'cls':['z', 4]}}" },
		{ "tokenizer.json",
		  "{'post_processor':{'processors':[{'trim':true},{'sep':['y',1],'n':1}]}}",
		  "{'post_processor':{'processors':[{'trim':true},{'sep':['y',3],'n':1}]}}" },
		{ "tokenizer.json",
		  "{'padding':{'pad_id':1,'pad_type_id':1},'model':{'unk_id':3,'n':3}}",
		  "{'padding':{'pad_id':3,'pad_type_id':1},'model':{'unk_id':4,'n':3}}" },
		/* no ids */
		{ "tokenizer.json",
		  "{'post_processor':{'ids':[-1,1.0,'1',[1],99999999999999999999]}}",
		  "{'post_processor':{'ids':[-1,1.0,'1',[1],99999999999999999999]}}" },
		{ "tokenizer.json", "{'post_processor':null,'padding':null,'model':1,'ids':[1]}",
		  "{'post_processor':null,'padding':null,'model':1,'ids':[1]}" },
		{ "tokenizer.json", "{'pad_token_id':1}", "{'pad_token_id':1}" },
		{ "tokenizer.json", "{'padding':{'pad_id':7}}", "" },
		{ "tokenizer.json", "{'post_processor':{'ids':[1", NULL },
		{ "config.json", "{'pad_token_id': 1 ,'x':1,'eos_token_id':[3,null, 2]}",
		  "{'pad_token_id': 3 ,'x':1,'eos_token_id':[4,null, 2]}" },
		{ "config.json", "{'t':{'pad_token_id':1},'l':[{'a_token_id':3,'b':[3]}]}",
		  "{'t':{'pad_token_id':3},'l':[{'a_token_id':4,'b':[3]}]}" },
		{ "config.json", "\xef\xbb\xbf{'a':[NaN, -Infinity],'pad_token_id':1}",
		  "\xef\xbb\xbf{'a':[NaN, -Infinity],'pad_token_id':3}" },
		{ "generation_config.json", "{'pad_token_id':null,'padding':{'pad_id':1}}",
		  "{'pad_token_id':null,'padding':{'pad_id':1}}" },
		{ "config.json", "{'pad_token_id':7}", "" },
		{ "config.json", "{'pad_token_id':1", NULL },
	};
	char quoted[2][300];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_vocab_text text = { quoted[0], strlen(cases[i].text) };
		const char *want = quoted[1];
		size_t seen = 0;
		const struct st_vocab_ids fn = { renumber, &seen };
		struct st_err e = { 0 };
		struct st_buf b;
		int rc;

		quote(quoted[0], sizeof(quoted[0]), cases[i].text);
		quote(quoted[1], sizeof(quoted[1]), cases[i].want ? cases[i].want : "");
		st_buf_init(&b, 4096);
		rc = st_vocab_renumber(cases[i].file, &text, &fn, &b, &e);
		if (rc != (!cases[i].want ? ST_EFORMAT : *want ? ST_OK : ST_EREFUSED))
			fail_msg("case %zu: %d %s", i, rc, e.msg);
		if (rc == ST_OK && (b.len != strlen(want) || memcmp(b.p, want, b.len) != 0))
			fail_msg("case %zu: %.*s", i, (int)b.len, (const char *)b.p);
		st_buf_release(&b);
	}
}

/* How many ids there are in the value of a key. */
static void ids_of_keys(void **state)
{
	static const struct {
		const char *file, *key, *text;
		size_t want;
	} cases[] = {
		{ "config.json", "pad_token_id", "1", 1 },
		{ "config.json", "a.eos_token_id", "[1, 2,-1]", 2 },
		{ "config.json", "pad_token_id", "null", 0 },
		{ "tokenizer.json", "padding.pad_id", "1", 1 },
		{ "tokenizer.json", "padding", "{'pad_id':1,'pad_type_id':2}", 1 },
		{ "tokenizer.json", "padding.pad_token", "'1'", 0 },
		{ "tokenizer.json", "model.unk_id", "3", 1 },
		{ "tokenizer.json", "post_processor", "{'sep':['y',1],'cls':['z',2],'n':3}", 2 },
		{ "tokenizer.json", "post_processor.special_tokens.x.ids", "[1,2]", 2 },
		{ "tokenizer.json", "post_processor.special_tokens.x.ids[1]", "2", 1 },
		{ "tokenizer.json", "post_processor.sep", "['y',2]", 1 },
		{ "tokenizer.json", "post_processor.trim", "2", 0 },
	};
	char quoted[100];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_vocab_text text = { quoted, strlen(cases[i].text) };
		size_t seen = 0;
		const struct st_vocab_ids fn = { renumber, &seen };
		struct st_err e = { 0 };
		int rc;

		quote(quoted, sizeof(quoted), cases[i].text);
		rc = st_vocab_ids_in(cases[i].file, cases[i].key, strlen(cases[i].key), &text, &fn,
				     &e);
		if (rc != ST_OK || seen != cases[i].want)
			fail_msg("case %zu: %d %s, %zu ids", i, rc, e.msg, seen);
	}
}

/* The union has 5 tokens; sizes from 2 on had room for those of a side. */
static void sizes(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: ST_EFORMAT */
	} cases[] = {
		{ "{'vocab_size':3}", "{'vocab_size':5}" },
		{ "{'a':[1], 'vocab_size': 4 ,'b':{'vocab_size':2}}",
		  "{'a':[1], 'vocab_size': 5 ,'b':{'vocab_size':5}}" },
		{ "{'vocab_size':1}", "{'vocab_size':1}" },
		{ "{'vocab_size':5}", "{'vocab_size':5}" },
		{ "{'vocab_size':4.0,'x':3,'y':[{'vocab_size':3}]}",
		  "{'vocab_size':4.0,'x':3,'y':[{'vocab_size':5}]}" },
		{ "{'vocab_size':'3'}", "{'vocab_size':'3'}" },
		{ "{'vocab_size':99999999999999999999}", "{'vocab_size':99999999999999999999}" },
		{ "[3]", "[3]" },
		{ "{'vocab_size':3", NULL },
		{ "{'vocab_size':3}}", NULL },
	};
	char quoted[2][300];
	struct st_vocab_union u;

	(void)state;
	unite(&u, "{\"t\":0}", "{\"t\":0,\"x\":1,\"s\":2}", "{\"t\":0,\"y\":1,\"s\":2,\"z\":3}");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct st_vocab_text text = { quoted[0], strlen(cases[i].text) };
		struct st_err e = { 0 };
		struct st_buf b;
		int rc;

		quote(quoted[0], sizeof(quoted[0]), cases[i].text);
		quote(quoted[1], sizeof(quoted[1]), cases[i].want ? cases[i].want : "");
		st_buf_init(&b, 4096);
		rc = st_vocab_sizes(&u, 2, &text, &b, &e);
		if (rc != (cases[i].want ? ST_OK : ST_EFORMAT))
			fail_msg("case %zu: %d %s", i, rc, e.msg);
		if (rc == ST_OK &&
		    (b.len != strlen(quoted[1]) || memcmp(b.p, quoted[1], b.len) != 0))
			fail_msg("case %zu: %.*s", i, (int)b.len, (const char *)b.p);
		st_buf_release(&b);
	}
	st_vocab_union_release(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms), cmocka_unit_test(reads),	cmocka_unit_test(loads),
		cmocka_unit_test(joins), cmocka_unit_test(unions),	cmocka_unit_test(texts),
		cmocka_unit_test(refs),	 cmocka_unit_test(ids_of_keys), cmocka_unit_test(sizes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
