#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/st-lint.py sees what it is there to see: one violation of each kind, planted in a tree that
is clean without it."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("ST_SRC") or os.path.dirname(os.path.dirname(HERE))
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def c(text):
    return SPDX + text


def function(lines, head="int f(void);\n\nint f(void)"):
    return c(head + "\n{\n" + "\tf();\n" * (lines - 1) + "\treturn 0;\n}\n")


CLEAN = {
    "meson.build": "# SPDX-License-Identifier: Apache-2.0\nproject('x', version: '1.2.3')\n",
    "include/strata/strata.h": c('#define STRATA_VERSION "1.2.3"\nint strata_f(void);\n'),
    "src/base/err.h": c("int st_err(void);\n"),
    "src/base/conf.c": c("#include <ini.h>\n#include <stdio.h>\n\n#include \"base/err.h\"\n"),
    "src/tensor/dtype.h": c('#include "base/err.h"\n'),
    "src/codec/raw.c": c('#include <zstd.h>\n\n#include "tensor/dtype.h"\n'),
    "src/codec/codec_table.c": c("const void *const t[] = {\n\t&st_codec_raw,\n};\n"),
    "src/format/format_table.c": c("const void *const t[] = {\n\t&st_format_npy,\n};\n"),
    "src/cli/commands.c": c('const int t[] = {\n\t{ "log", cmd_log, 0, "History" },\n'
                            '\t{ "debug-man", cmd_debug_man, 0, "" },\n};\n'),
    "src/cli/cmd_log.c": c('#include <strata/strata.h>\n\n#include "cli/opt.h"\n'),
    "src/cli/opt.h": c("int opt(void);\n"),
    "src/store/pool.c": function(100) + "/* strcpy(a, b) in words, \"a * b\" */\n",
    "src/store/make.c": c("void *g(unsigned long n);\n\nvoid *g(unsigned long n)\n{\n"
                          "\treturn st_malloc(4 * sizeof(struct st_x *), n ? st_calloc(n, 2) : 0);\n"
                          "}\n"),
    "tests/unit/test_raw.c": c("int a;\n"), "tests/unit/test_format_npy.c": c("int b;\n"),
    "tests/cli/test_log.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
    "man/commands.md": "## log\n\nShows the history.\n",
    "doc/format/raw.md": "raw\n", "doc/format/npy.md": "npy\n",
    "fuzz/corpus/raw/a": "a", "fuzz/corpus/npy/a": "a",
}

# what is planted (None removes the file), the rule that must speak, and a word that it must say
PLANTS = [
    ({"src/base/up.c": c('#include "tensor/dtype.h"\n')}, "layers", "up.c:2"),
    ({"src/codec/side.c": c('#include "format/npy.h"\n')}, "layers", "side.c:2"),
    ({"src/cli/deep.c": c('#include "base/err.h"\n')}, "layers", "public headers only"),
    ({"src/base/bare.c": c('#include "err.h"\n')}, "layers", "base/err.h"),
    ({"src/base/odd.c": c('#include "nowhere/x.h"\n')}, "layers", "in no layer"),
    ({"src/nowhere/x.c": c("int x;\n")}, "layers", "no layer"),
    ({"include/strata/in.h": c('#include "base/err.h"\n')}, "layers", "public header"),
    ({"src/store/z.c": c("#include <zstd.h>\n")}, "third-party", "src/codec"),
    ({"src/repo/q.c": c("#include <sqlite3.h>\n")}, "third-party", "src/meta"),
    ({"src/codec/i.c": c("#include <ini.h>\n")}, "third-party", "src/base"),
    ({"src/store/u.c": c("#include <curl/curl.h>\n")}, "third-party", "src/net"),
    ({"src/store/w.c": c("#include <wonder.h>\n")}, "third-party", "wonder.h"),
    ({"src/store/err.c": c("int x;\n")}, "base-names", "src/base/err.h"),
    ({"src/base/alone.h": c("size_t st_alone(void);\n")}, "headers", "alone.h:2"),
    ({"include/strata/cxx.h": c("int strata_new(int new);\n")}, "headers", "cxx.h:2"),
    ({"include/strata/ped.h": c("struct strata_p { int n; struct { int a; }; int z[0]; };\n")},
     "headers", "ped.h:2"),
    ({"src/base/p.c": c("int f(char *a)\n{\n\treturn st_f(malloc(n * m));\n}\n")}, "products", "p.c:4"),
    ({"src/base/p.c": c("int f(char *a)\n{\n\ta = realloc(a, n * sizeof(*a));\n}\n")},
     "products", "p.c:4"),
    ({"src/base/p.c": c("int f(char *a)\n{\n\treturn *(const uint32_t *)a;\n}\n")},
     "products", "pointer cast"),
    ({"src/base/l.c": function(101)}, "length", "101 lines"),
    ({"src/base/l.c": c("int x;\n" * 900)}, "length", "901 lines"),
    ({"src/base/l.c": c("/* " + "wide " * 20 + "*/\n")}, "columns", "l.c:2"),
    ({"src/base/t.c": c("/* TO" "DO: later */\n")}, "comments", "t.c:2"),
    ({"src/base/t.c": c("/* FIX" "ME(#3): later */\n")}, "comments", "t.c:2"),
    ({"src/base/t.c": "int x;\n"}, "comments", "SPDX"),
    ({"tests/cli/test_x.sh": "#!/bin/sh\n"}, "comments", "test_x.sh"),
    ({"src/cli/cmd_log.c": None}, "commands", "cmd_log.c"),
    ({"tests/cli/test_log.sh": None}, "commands", "test_log.sh"),
    ({"man/commands.md": "## catalog\n"}, "commands", "man/"),
    ({"tests/unit/test_raw.c": None}, "tables", "test_raw.c"),
    ({"doc/format/npy.md": None}, "tables", "npy.md"),
    ({"fuzz/corpus/raw/a": None}, "tables", "fuzz/corpus/raw"),
    ({"include/strata/strata.h": c('#define STRATA_VERSION "1.2.4"\n')}, "version", "1.2.4"),
]
for call in ("strcpy(a, b)", "strcat(a, b)", "sprintf(a, b)", "vsprintf(a, b, c)", "strtok(a, b)",
             "atoi(a)", "atol(a)", "gets(a)", "alloca(8)", "exit(1)", "printf(a)"):
    PLANTS.append(({"src/base/b.c": c("void f(char *a)\n{\n\t%s;\n}\n" % call)}, "banned", "b.c:4"))

# what must pass although it looks like a violation
INNOCENT = [
    ({"src/base/l.c": function(120, "/* lint: table */\nint f(void)")}, "length"),
    ({"src/base/b.c": c("void f(char *a)\n{\n\tmy_strcpy(a);\n\tx->exit(1);\n}\n")}, "banned"),
    ({"src/base/b.c": c("/* lint: allow banned: the last resort */\nexit(1);\n")}, "banned"),
    ({"src/cli/b.c": c("void f(char *a)\n{\n\tprintf(a);\n}\n")}, "banned"),
    ({"src/base/t.c": c("/* TO" "DO(#12): later */\n")}, "comments"),
    ({"src/base/m.h": c("void *st_malloc(unsigned long n, struct st_err *e);\n")}, "products"),
    ({"src/base/m.c": c("int m = st_malloc(2 * ST_FRAME_LEN, e);\n")}, "products"),
    ({"src/base/x.c": c('const char *x = "' + "wide " * 30 + '";\n')}, "columns"),
]


def write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        if text is None:
            os.unlink(full)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)


def lint(root, *args):
    done = subprocess.run([sys.executable, os.path.join(SRC, "tools/st-lint.py"), "--root", root,
                           *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    return done.returncode, done.stdout


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def case(self, good, name, detail):
        self.count += 1
        print("%sok %d - %s" % ("" if good else "not ", self.count, name))
        if not good:
            self.failed += 1
            print("# " + detail.replace("\n", "\n# "))


def planted(tap, work, number, files, rule, word):
    root = os.path.join(work, str(number))
    write(root, CLEAN)
    write(root, files)
    status, text = lint(root, "--only", rule)
    lines = text.strip().split("\n")
    name = "%s: %s" % (rule, word or "is not fooled by " + next(iter(files)))
    if word:
        good = status == 1 and any(word in s and s.endswith("[%s]" % rule) for s in lines)
    else:
        good = status == 0
    tap.case(good, name, text)


def mutable_global(tap, work):
    """A library with one is reported; constants, also those with pointers, are not."""
    root = os.path.join(work, "globals")
    write(root, CLEAN)
    for name, text, wanted in (
            ("none", "const int k = 3;\nstatic const char *const s[] = { \"a\" };\n", 0),
            ("one", "static int counter;\n", 1)):
        write(root, {"src/base/g.c": c(text + "const void *f(void);\n\nconst void *f(void)\n{\n"
                                       "\treturn %s;\n}\n" % ("++counter ? 0 : &counter" if wanted
                                                              else "s"))})
        build = os.path.join(root, "build-" + name)
        os.mkdir(build)
        obj = os.path.join(build, "g.o")
        subprocess.run(["gcc", "-c", "-fPIC", "-O1", "-o", obj, root + "/src/base/g.c"], check=True)
        subprocess.run(["ar", "rcs", build + "/libstrata.a", obj], check=True)
        status, text = lint(root, "--only", "globals", "--build", build)
        tap.case(status == wanted and ("counter" in text) == bool(wanted), "globals: " + name, text)


def main():
    tap = Tap()
    work = tempfile.mkdtemp(prefix="strata-lint.")
    try:
        clean = os.path.join(work, "clean")
        write(clean, CLEAN)
        status, text = lint(clean)
        tap.case(status == 0, "a clean tree is clean", text)
        for number, (files, rule, word) in enumerate(PLANTS):
            planted(tap, work, number, files, rule, word)
        for number, (files, rule) in enumerate(INNOCENT, len(PLANTS)):
            planted(tap, work, number, files, rule, None)
        mutable_global(tap, work)
        if shutil.which("clang-format"):
            shutil.copy(os.path.join(SRC, ".clang-format"), clean)
            write(clean, {"src/base/odd.c": c("int  f( void );\n")})
            status, text = lint(clean, "--only", "layout")
            skipped = "not version 14" in text
            tap.case(skipped or "odd.c:2" in text, "layout: odd.c", text)
    finally:
        shutil.rmtree(work)
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
