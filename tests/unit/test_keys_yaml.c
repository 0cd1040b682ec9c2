/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys_fixture.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct keys_case cases[] = {
	{ "a: 1\n", "a: 1\n", "a: 1\n", "a: 1\n", "", NULL },
	/* ours keeps its bytes: comments, blanks, order */
	{ "a: 1\nb: 2\n", "# top\na:   3  # three\n\nb: 2 # two\n", "a: 1\nb: 4e0\n",
	  "# top\na:   3  # three\n\nb: 4e0 # two\n", "", NULL },
	{ "a: 1\nb: 2\n", "b: 2\n# last\na: 1\n", "a: 5\nb: 2\n", "b: 2\n# last\na: 5\n", "",
	  NULL },
	{ "a: 1\nb: 2\n", "a: 3\nb: 2\n", "a: 4\nb: 5\n", "a: 3\nb: 5\n", "a ", "a: 4\nb: 5\n" },
	/* comments beside a value: of the side that changed them, of both where they did */
	{ "a: 1\nb: 2 # x\n", "a: 5\nb: 2 # x\n", "a: 1\nb: 3 # y\n", "a: 5\nb: 3 # y\n", "",
	  NULL },
	{ "a: 1\nb: 2 # x\n", "a: 5\nb: 2  # z\n", "a: 1\nb: 3 # y\n", "a: 5\nb: 3  # z # y\n", "",
	  NULL },
	{ "a: 1\nb: 2 # x\n", "a: 5\nb: 7 # x\n", "a: 1\nb: 2 # y\n", "a: 5\nb: 7 # y\n", "",
	  NULL },
	{ "a: 1\nb: 2\n", "a: 5\nb: 2\n", "a: 1\nb: 2 # y\n", "a: 5\nb: 2  # y\n", "", NULL },
	{ "a: 1\nb: 2   # x\n", "a: 5\nb: 2   # x\n", "a: 1\nb: 3\n", "a: 5\nb: 3\n", "", NULL },
	{ "a: 1\nb: 2 # x\n", "a: 5\nb: 2\n", "a: 1\nb: 3 # x\n", "a: 5\nb: 3\n", "", NULL },
	{ "a: 1\nb: # x\n  c: 1\n", "a: 2\nb: # x\n  c: 1\n", "a: 1\nb: # y\n  c: 3\n",
	  "a: 2\nb: # y\n  c: 3\n", "", NULL },
	{ "l:\n- a # x\n- b\n", "l:\n- a # x\n- c\n", "l:\n- d # y\n- b\n", "l:\n- d # y\n- c\n",
	  "", NULL },
	{ "l:\n- n: 1 # x\n  v: 2\n", "l:\n- n: 1 # x\n  v: 3\n", "l:\n- n: 4 # y\n  v: 2\n",
	  "l:\n- n: 4 # y\n  v: 3\n", "", NULL },
	{ "a: '#1' # x\nb: 1\n", "a: '#1' # x\nb: 2\n", "a: '#2' # x\nb: 1 # n\n",
	  "a: '#2' # x\nb: 2  # n\n", "", NULL },
	{ "a: 1 # x\n", "a: 2 # ours\n", "a: 3 # theirs\n", "a: 2 # ours\n", "a ",
	  "a: 3 # ours # theirs\n" },
	/* and above it */
	{ "a: 1\n", "# c\na: 1\n", "# d\na: 1\n", "# c\n# d\na: 1\n", "", NULL },
	{ "# o\na: 1\nb: 2\n", "# o\na: 1\nb: 3\n", "# n\na: 4\nb: 2\n", "# n\na: 4\nb: 3\n", "",
	  NULL },
	{ "a: 1\n# o\nb: 2\n", "a: 3\n# o\nb: 2\n", "a: 1\n# n\n# m\nb: 2\n",
	  "a: 3\n# n\n# m\nb: 2\n", "", NULL },
	{ "a: 1\n# o\nb: 2\n", "a: 3\nb: 2\n", "a: 1\n# o\nb: 4\n", "a: 3\nb: 4\n", "", NULL },
	/* however a side indents */
	{ "l:\n- a\n- b\n", "l:\n  - a\n  - c\n", "l:\n# x\n- a\n# y\n#  z\n- b\n",
	  "l:\n  # x\n  - a\n  # y\n  #  z\n  - c\n", "", NULL },
	{ "o:\n  # x\n  a: 1\n", "o:\n    # x\n    a: 2\n", "o:\n  # y\n  a: 1\n  # n\n  b: 1\n",
	  "o:\n    # y\n    a: 2\n    # n\n    b: 1\n", "", NULL },
	{ "o:\n  # x\n  a: 1\n", "o:\n # x\n # m\n a: 2\n", "o:\n  # x\n  # n\n  a: 1\n",
	  "o:\n # x\n # m\n # n\n a: 2\n", "", NULL },
	{ "o:\n  # x\n  a: 1\n", "o:\n    # x\n    a: 2\n", "o:\n  a: 1\n", "o:\n    a: 2\n", "",
	  NULL },
	/* and where a value comes to have lines, or has them no more */
	{ "a: 1\nz: 0\n", "a: 1\nz: 2\n", "a:\n  b: 1 # x\n  c: 2 # y\nz: 0\n",
	  "a:\n  b: 1 # x\n  c: 2 # y\nz: 2\n", "", NULL },
	{ "a: 1 # c\nz: 0\n", "a: 1 # c\nz: 2\n", "a: # d\n- 2 # x\n- 3 # y\nz: 0\n",
	  "a: # d\n  - 2 # x\n  - 3 # y\nz: 2\n", "", NULL },
	{ "a: 1 # c\nz: 0\n", "a: 1 # o\nz: 2\n", "a: # d\n  b: 1 # x\nz: 0\n",
	  "a: # o # d\n  b: 1 # x\nz: 2\n", "", NULL },
	{ "a:\n- 1 # x\n- 2 # y\nz: 0\n", "a:\n- 1 # x\n- 2 # y\nz: 2\n",
	  "a:\n- 1 # x\n- 2 # u\n- 3 # v\nz: 0\n", "a:\n- 1 # x\n- 2 # u\n- 3 # v\nz: 2\n", "",
	  NULL },
	{ "a: # k\n- 1 # x\n- 2 # y\nz: 0\n", "a: # k\n- 1 # x\n- 2 # y\nz: 2\n",
	  "a: 5 # n\nz: 0\n", "a: 5 # n\nz: 2\n", "", NULL },
	{ "- 5 # c\n- z\n", "- 5 # c\n- y\n", "- a: 1 # x\n  b: 2 # y\n- z\n",
	  "- a: 1 # x\n  b: 2 # y\n- y\n", "", NULL },
	{ "- 5\n- z\n", "- 5 # o\n- y\n", "- a: 1 # x\n  b: 2 # y\n- z\n",
	  "- a: 1 # x\n  b: 2 # y # o\n- y\n", "", NULL },
	{ "- a: 1 # x\n  b: 2 # y\n- z\n", "- a: 1 # x\n  b: 2 # y\n- x\n", "- 5 # n\n- z\n",
	  "- 5  # n\n- x\n", "", NULL },
	{ "- 5\n- z\n", "- a: 1\n  b: 2 # y\n- z\n", "- 5 # n\n- y\n", "- a: 1\n  b: 2 # y\n- y\n",
	  "", NULL },
	{ "a: 1\n", "a:\n  b: 1 # x\n", "a:\n- 2 # y\n", "a:\n  b: 1 # x\n", "a ",
	  "a:\n  - 2 # y\n" },
	/* comments within a value that another side made otherwise go in by line */
	{ "l:\n- 1\n- 2\n- 3\nz: 0\n", "l:\n  - 1 # o\n  - 2\n  - 3\nz: 2\n",
	  "l:\n- 1\n- 2\n- 3\n- 4 # n\nz: 0\n", "l:\n  - 1 # o\n  - 2\n  - 3\n  - 4 # n\nz: 2\n",
	  "", NULL },
	{ "l:\n- 1\n- 2\n- 3\nz: 0\n", "l:\n- 1\n- 2\n- 3\n- 4 # n\nz: 0\n",
	  "l:\n- 1 # o\n- 2\n- 3\nz: 2\n", "l:\n- 1 # o\n- 2\n- 3\n- 4 # n\nz: 2\n", "", NULL },
	{ "k:\n  a: 1\n  b: 2\n  c: 3\n  l:\n  - 4\n  d: |\n    x\n    y\nz: 0\n",
	  "k:\n  a: 1\n  b: 2\n  c: 3\n  l:\n  - 4\n  - 5\n  d: |\n    x\n    y\nz: 2\n",
	  "k:\n  a: 1\n  b: 2 # t\n  c: 3\n  l:\n  - 4\n  d: |\n    x\n    y\nz: 0\n",
	  "k:\n  a: 1\n  b: 2  # t\n  c: 3\n  l:\n  - 4\n  - 5\n  d: |\n    x\n    y\nz: 2\n", "",
	  NULL },
	{ "l:\n- a: |\n    x\n- b: 2\n- c: 3\n", "l:\n- a: |\n    x\n- b: 2\n- c: 3\n- d: 4\n",
	  "l:\n- a: |\n    x\n- b: 2 # t\n- c: 3\n",
	  "l:\n- a: |\n    x\n- b: 2 # t\n- c: 3\n- d: 4\n", "", NULL },
	{ "l:\n- 1\n- 2\n", "l:\n- 1\n- 2 # o\n", "l:\n- 1\n- 2\n- 3\n", "l:\n- 1\n- 2\n- 3\n", "",
	  NULL },
	{ "a: |\n  x\nz: 0\n", "a: |\n  x\nz: 2\n", "a: x # n\nz: 0\n", "a: x  # n\nz: 2\n", "",
	  NULL },
	{ "a: >-\n  x\nz: 0\n", "a: y\nz: 2\n", "a: >-\n  x\nz: 3\n", "a: y\nz: 2\n", "z ",
	  "a: y\nz: 3\n" },
	{ "a: |\n  x\nz: 0\n", "a: y\nz: 0\n", "a: y # n\nz: 0\n", "a: y  # n\nz: 0\n", "", NULL },
	/* a line next to one that changed, which lines would make a conflict */
	{ "lr: 1\nwd: 2\n", "lr: 3\nwd: 2\n", "lr: 1\nwd: 4\n", "lr: 3\nwd: 4\n", "", NULL },
	/* no line feed at the end */
	{ "a: 1\nb: 2", "a: 3\nb: 2", "a: 1\nb: 4", "a: 3\nb: 4", "", NULL },
	{ "a: 1", "a: 2", "a: 1\nb: 3", "a: 2\nb: 3", "", NULL },
	{ "a: 1\nb: 2", "a: 3\nb: 2", "a: 1", "a: 3", "", NULL },
	/* added, with what is above it and indented as ours is */
	{ "a: 1\n", "a: 2\n", "a: 1\n# why\nb: 3 # c\nc:\n  d: 4\n",
	  "a: 2\n# why\nb: 3 # c\nc:\n  d: 4\n", "", NULL },
	{ "o:\n  a: 1\n", "o:\n    a: 2\nz: 9\n", "o:\n  a: 1\n  l:\n  - x\n  - y\n",
	  "o:\n    a: 2\n    l:\n    - x\n    - y\nz: 9\n", "", NULL },
	{ "a: 1\n", "a: 1\nb: 2\n", "a: 1\nb: 3\n", "a: 1\nb: 2\n", "b ", "a: 1\nb: 3\n" },
	{ "a: 1\nt: 0\n", "a: 2\nt: 0\n", "a: 1\nt: 0\ns: |\n  one\n   two\n\n  three\n",
	  "a: 2\nt: 0\ns: |\n  one\n   two\n\n  three\n", "", NULL },
	/* two at one end */
	{ "o:\n  a: 1\n", "o:\n  a: 2\n", "o:\n  a: 1\n  b: 3\np: 4\n",
	  "o:\n  a: 2\n  b: 3\np: 4\n", "", NULL },
	/* removed */
	{ "a: 1\nb: 2\nc: 3\n", "a: 9\n\n# of b\nb: 2 # b\nc: 3\n", "a: 1\nc: 3\n",
	  "a: 9\n\nc: 3\n", "", NULL },
	{ "a: 1\nb: 2\nc: 3\n", "a: 9\nb: 2\nc: 3\n", "a: 1\n", "a: 9\n", "", NULL },
	{ "o:\n  a: 1\n  b: 2\nz: 1\n", "o:\n  a: 1\n  b: 2\nz: 2\n", "o:\n  a: 1\nz: 1\nn: 3\n",
	  "o:\n  a: 1\nz: 2\nn: 3\n", "", NULL },
	{ "o:\n  a: 1\nz: 1\n", "o: # it\n  a: 1\nz: 2\n", "z: 1\n", "z: 2\n", "", NULL },
	{ "o:\n  a: 1\n  b: 1\nz: 1\n", "o: # it\n  b: 1\nz: 2\n", "o:\n  a: 1\nz: 1\n",
	  "o: {} # it\nz: 2\n", "", NULL },
	{ "o:\n  a: 1\nz: 1\n", "o: # it\n  a: 1\nz: 2\n", "o:\n  b: 5\nz: 1\n",
	  "o: # it\n  b: 5\nz: 2\n", "", NULL },
	{ "a: 1\nb: 2\n", "b: 2\n", "a: 7\nb: 2\n", "b: 2\n", "a ", "b: 2\na: 7\n" },
	{ "a: 1\nb: 2\n", "a: 7\nb: 2\n", "b: 2\n", "a: 7\nb: 2\n", "a ", "b: 2\n" },
	{ "a: 1\nb: 2\n", "a: 7\nb: 2\n", "n: 1\n", "a: 7\nn: 1\n", "a ", "n: 1\n" },
	/* deep, and its path */
	{ "o:\n  p:\n    q: 1\n    r: 2\n", "o:\n  p:\n    q: 3\n    r: 2\n",
	  "o:\n  p:\n    q: 1\n    r: 4\n", "o:\n  p:\n    q: 3\n    r: 4\n", "", NULL },
	{ "o:\n  a.b:\n    \"\": 1\n", "o:\n  a.b:\n    \"\": 2\n", "o:\n  a.b:\n    \"\": 3\n",
	  "o:\n  a.b:\n    \"\": 2\n", "o.\"a.b\".\"\" ", "o:\n  a.b:\n    \"\": 3\n" },
	/* lists */
	{ "l:\n- 1\n- 2\n- 3\n", "l:\n- 9\n- 2\n- 3\n", "l:\n- 1\n- 2\n- 8\n",
	  "l:\n- 9\n- 2\n- 8\n", "", NULL },
	{ "- 1\n- 2\n", "- 9\n# c\n- 2\n", "- 7\n- 8\n", "- 9\n# c\n- 8\n", "[0] ",
	  "- 7\n# c\n- 8\n" },
	{ "l: [1, 2]\n", "l: [1, 3] # x\n", "l: [4, 2]\n", "l: [4, 3] # x\n", "", NULL },
	{ "l: [1, 2]\n", "l: [1, 2, 3]\n", "l: [1, 2, 4]\n", "l: [1, 2, 3]\n", "l ",
	  "l: [1, 2, 4]\n" },
	{ "l:\n  - a: 1\n    b: 2\n", "l:\n  - a: 3\n    b: 2\n",
	  "l:\n  - a: 1\n    b: 4\n    c: 5\n", "l:\n  - a: 3\n    b: 4\n    c: 5\n", "", NULL },
	{ "l:\n  - a: 1\n  - x\n", "l:\n  - a: 3\n  - x\n", "l:\n  - a: 1\n  - y: 1\n    z: 2\n",
	  "l:\n  - a: 3\n  - y: 1\n    z: 2\n", "", NULL },
	{ "l:\n  - a: 1\n    b: 2\n  - x\n", "l:\n  - a: 1\n    b: 2\n  - z\n",
	  "l:\n  - s\n  - x\n", "l:\n  - s\n  - z\n", "", NULL },
	/* the same in other words, which are nobody's change where another side has one */
	{ "a: 0.001\n", "a: 1e-3\n", "a: 5\n", "a: 5\n", "", NULL },
	{ "a: x\nb: 'y'\n", "a: \"x\"\nb: 'y'\n", "a: z\nb: y\n", "a: z\nb: y\n", "", NULL },
	{ "a:\nb: true\n", "a: 1\nb: True\n", "a: ~\nb: false\n", "a: 1\nb: false\n", "", NULL },
	{ "a: 0x10\n", "a: 16\n", "a: '16'\n", "a: '16'\n", "", NULL },
	{ "a: 1\n", "a: nan\n", "a: .nan\n", "a: nan\n", "a ", "a: .nan\n" },
	{ "a: 1\n", "a: .nan\n", "a: '.nan'\n", "a: .nan\n", "a ", "a: '.nan'\n" },
	{ "a: 1\n", "a: true\n", "a: 'true'\n", "a: true\n", "a ", "a: 'true'\n" },
	{ "s: |\n  x\n  y\n", "s: |\n    x\n    y\n", "s: |\n  z\n", "s: |\n  z\n", "", NULL },
	{ "o: {a: 1.0, b: x}\n", "o: {a: 1, b: 'x'}\n", "o: {a: 1.0, b: y}\n",
	  "o: {a: 1.0, b: y}\n", "", NULL },
	/* nothing in them */
	{ "l: []\na: 1\nb: 2\n", "l: []\na: 3\nb: 2\n", "l: []\na: 1\nb: 4\n",
	  "l: []\na: 3\nb: 4\n", "", NULL },
	{ "l: [1, []]\no: {}\n", "l: [2, []]\no: {}\n", "l: [1, []]\no: {}\nb: []\n",
	  "l: [2, []]\no: {}\nb: []\n", "", NULL },
	{ "l: []\na: 1\n", "l: [ ]  # of it\na: 1\n", "l:\n- 1\na: 1\n",
	  "l:  # of it\n  - 1\na: 1\n", "", NULL },
	/* other kinds of values */
	{ "a: 1\nz: 0\n", "a: 1 # one\nz: 2\n", "a:\n  b: 1\n  c:\n    d: 2\nz: 0\n",
	  "a: # one\n  b: 1\n  c:\n    d: 2\nz: 2\n", "", NULL },
	{ "a:\n  b: 1\nz: 0\n", "a: # it\n  b: 1\nz: 2\n", "a: 5\nz: 0\n", "a: 5 # it\nz: 2\n", "",
	  NULL },
	{ "a:\nz: 0\n", "a:\nz: 2\n", "a: 5\nz: 0\n", "a: 5\nz: 2\n", "", NULL },
	{ "a: 5\nz: 0\n", "a: 5 # c\nz: 2\n", "a:\nz: 0\n", "a: # c\nz: 2\n", "", NULL },
	{ "a: 'x'\nz: 0\n", "a: 'x'\nz: 2\n", "a: >-\n  one\n  two\nz: 0\n",
	  "a: >-\n  one\n  two\nz: 2\n", "", NULL },
	{ "a: |\n  x\nz: 0\n", "a: |\n    x\n    y\nz: 0\n", "a: |\n  x\nz: 1\n",
	  "a: |\n    x\n    y\nz: 1\n", "", NULL },
	{ "a: 1\n", "a:\n  b: 1\n", "a:\n  - 1\n", "a:\n  b: 1\n", "a ", "a:\n  - 1\n" },
	{ "o: {a: 1, b: 2}\nz: 0\n", "o: {a: 1, b: 2}\nz: 1\n", "o: {a: 1, b: 3}\nz: 0\n",
	  "o: {a: 1, b: 3}\nz: 1\n", "", NULL },
	{ "o: {a: 1, b: 2}\n", "o: {a: 4, b: 2}\n", "o: {a: 1, b: 3}\n", "o: {a: 4, b: 2}\n", "o ",
	  "o: {a: 1, b: 3}\n" },
	/* not ASCII */
	{ "\xc3\xa4: \xe2\x82\xac\nb: \"\xf0\x9f\x98\x80\" # \xc3\xa9\nc: 1\n",
	  "\xc3\xa4: \xe2\x82\xac\nb: \"\xf0\x9f\x98\x80\" # \xc3\xa9\nc: 2\n",
	  "\xc3\xa4: \xe2\x82\xac\nb: \"\xc3\xb6\" # \xc3\xa9\nc: 1\n",
	  "\xc3\xa4: \xe2\x82\xac\nb: \"\xc3\xb6\" # \xc3\xa9\nc: 2\n", "", NULL },
	/* a document's start is kept */
	{ "---\na: 1\nb: 2\n", "---\na: 3\nb: 2\n", "---\na: 1\nb: 4\n", "---\na: 3\nb: 4\n", "",
	  NULL },
	/* no base */
	{ NULL, "a: 1\n", "b: 2\n", "a: 1\nb: 2\n", "", NULL },
	{ NULL, "a: 1\ns: 0\n", "a: 2\ns: 0\n", "a: 1\ns: 0\n", "a ", "a: 2\ns: 0\n" },
	/* what is left to lines */
	{ "a: &x 1\nb: 1\n", "a: &x 2\nb: 1\n", "a: &x 1\nb: 2\n", NULL, "", NULL },
	{ "a: &x\n  y: 1\nb: *x\n", "a: &x\n  y: 2\nb: *x\n", "a: &x\n  y: 1\nb: *x\nc: 1\n", NULL,
	  "", NULL },
	{ "a: !t 1\n", "a: !t 2\n", "a: !t 3\n", NULL, "", NULL },
	{ "a: 1\n---\nb: 1\n", "a: 2\n---\nb: 1\n", "a: 1\n---\nb: 2\n", NULL, "", NULL },
	{ "a: 1\na: 2\n", "a: 1\na: 3\n", "a: 2\na: 2\n", NULL, "", NULL },
	{ "a: 1\r\nb: 2\r\n", "a: 2\r\nb: 2\r\n", "a: 1\r\nb: 3\r\n", NULL, "", NULL },
	{ "a: 1\nb: [1,\n  2]\n", "a: 2\nb: [1,\n  2]\n", "a: 1\nb: [1,\n  3]\n", NULL, "", NULL },
	{ "? a\n: 1\n", "? a\n: 2\n", "? a\n: 3\n", NULL, "", NULL },
	{ "a: 1\n\tb: 2\n", "a: 2\n", "a: 1\n", NULL, "", NULL },
	{ "{a: 1}\n", "{a: 2}\n", "{a: 3}\n", NULL, "", NULL },
	{ "one\n", "two\n", "three\n", NULL, "", NULL },
	{ "", "a: 1\n", "b: 2\n", NULL, "", NULL },
	{ "\xef\xbb\xbf"
	  "a: 1\n",
	  "a: 2\n", "a: 3\n", NULL, "", NULL },
	{ "l:\n- a: 1\n  b: 2\n", "l:\n- a: 1\n  b: 3\n", "l:\n- b: 2\n", NULL, "", NULL },
	{ "<<: {a: 1}\nb: 2\n", "<<: {a: 1}\nb: 3\n", "<<: {a: 2}\nb: 2\n", NULL, "", NULL },
	/* a value that would read otherwise in brackets */
	{ "l: [1, 2]\n", "l: [1, 3]\n", "l:\n- a, b\n- 2\n", NULL, "", NULL },
	/* lines at the end that a text keeps are not what place says */
	{ "s: |+\n  x\n\nz: 1\n", "s: |+\n  x\n\nz: 2\n", "s: |+\n  y\n\n\nz: 1\n", NULL, "",
	  NULL },
};

static void merges(void **state)
{
	(void)state;
	keys_merge(cases, COUNT(cases), ST_KEYS_YAML);
}

/* Values that are not those of a side. */
static int own(void *arg, const char *key, size_t len, const struct st_keys_text *base,
	       const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
	       struct st_err *e)
{
	(void)base;
	(void)sides;
	(void)e;
	*mine = len == 1 && *key == 'a';
	*text = keys_text(arg);
	return ST_OK;
}

static void owns(void **state)
{
	static const struct {
		const char *text, *want; /* text NULL: it goes; want NULL: ST_EREFUSED */
	} rows[] = {
		{ "7", "a: 7 # c\nb: 1\n" },
		{ "\nx: 1\ny:\n- 2\n- 3", "a: # c\n  x: 1\n  y:\n  - 2\n  - 3\nb: 1\n" },
		{ "", "a: # c\nb: 1\n" },
		{ NULL, "b: 1\n" },
		{ "|\n one\n two", NULL }, /* "# c" would be a part of it */
		{ "'", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct st_keys_text sides[] = { keys_text("a: 2 # c\nb: 1\n"),
						      keys_text("a: 3\nb: 1\n") };
		char text[100];
		struct st_keys k = {
			keys_text("a: 1\nb: 1\n"), sides, 2, keys_never, NULL, own, ST_KEYS_YAML
		};
		struct st_err e = { 0 };
		struct st_buf out;
		int rc;

		snprintf(text, sizeof(text), "%s", rows[i].text ? rows[i].text : "");
		k.arg = rows[i].text ? text : NULL;
		st_buf_init(&out, 4096);
		rc = st_keys_merge(&k, &out, &e);
		if (rc != (rows[i].want ? ST_OK : ST_EREFUSED))
			fail_msg("row %zu: %d %s", i, rc, e.msg);
		if (rows[i].want &&
		    (out.len != strlen(rows[i].want) || memcmp(out.p, rows[i].want, out.len) != 0))
			fail_msg("row %zu: %.*s", i, (int)out.len, (const char *)out.p);
		st_buf_release(&out);
	}
}

static void three_sides_and_base(void **state)
{
	(void)state;
	keys_three("a: 1\nb: 0\nc: 0\n", "a: 1\nb: 2\nc: 0\n", "a: 1\nb: 0\nc: 3\n",
		   "a: 1\nb: 4\nc: 0\nd: 5\n", "a: 1\nb: 0\nc: 3\nd: 5\n", ST_KEYS_YAML);
}

static void finds(void **state)
{
	static const struct keys_row rows[] = {
		{ "a:\n  b.c:\n  - 1\n  - d: true # x\n", "a.\"b.c\"[1].d", "true" },
		{ "a:\n  b:\n    c: 1 # x\n    d: 2\n  e: 3\n", "a.b", "\nc: 1 # x\nd: 2" },
		{ "l:\n  - a: 1\n    b: 2\n", "l[0]", "\na: 1\nb: 2" },
		{ "l: [7, 8]\n", "l[1]", "8" },
		{ "l: [7, 8]\n", "l", "[7, 8]" },
		{ "a:\n", "a", "" },
		{ "a: 1\n", "b", NULL },
		{ "a: 1\n", "a[0]", NULL },
		{ "a: 1\nb: 2\n", "", "\na: 1\nb: 2" },
	};

	(void)state;
	keys_find(rows, COUNT(rows), ST_KEYS_YAML);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges),
		cmocka_unit_test(owns),
		cmocka_unit_test(three_sides_and_base),
		cmocka_unit_test(finds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
