#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of the house style that a machine can check.

    tools/st-lint.py [--root DIR] [--build DIR] [--tap] [--only RULE,...] [--shape]

One line per finding: path:line: what is wrong [rule]. Exit status 1 if there is any. --tap prints
one test case per rule; --shape prints the sizes of functions and files.

A line that must break a rule says so: `/* lint: allow RULE: reason */` on it or just above it.
A function that is one long table carries `/* lint: table */` above its head.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

# Layers. A directory includes itself and strictly lower layers, never a sibling.
LEVEL = {"base": 0, "tensor": 1, "codec": 2, "format": 2, "model": 2, "meta": 2, "net": 2,
         "store": 3, "graph": 3, "diff": 4, "merge": 5, "repo": 6, "api": 7,
         "cli": 8, "server": 8}
FRONT = ("cli", "server")  # these see include/strata and themselves only

# Who may include what. Anything in <> that is neither here nor of the system is an error.
THIRD_PARTY = [(re.compile(p), owner) for p, owner in (
    (r"(zstd|zstd_errors|zdict)\.h$", ("codec",)),
    (r"(sqlite3|sqlite3ext)\.h$", ("meta",)),
    (r"libpq", ("meta",)),
    (r"(ini|jansson)\.h$", ("base",)),
    (r"yaml\.h$", ("diff",)),
    (r"curl/", ("net",)),
    (r"(zlib|hdf5)\.h$|H5", ("format",)),
    (r"(isa-l|sodium)", ("store",)),
    (r"openssl/", ("net",)),
    (r"microhttpd\.h$", ("server",)),
)]
SYSTEM = re.compile(
    r"^((sys|linux|netinet|arpa|net|asm|bits)/[\w/.-]+|"
    r"(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|"
    r"stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|"
    r"threads|time|uchar|wchar|wctype|"
    r"aio|dirent|dlfcn|endian|byteswap|err|execinfo|fcntl|fnmatch|ftw|getopt|glob|grp|ifaddrs|"
    r"langinfo|libgen|malloc|mntent|netdb|poll|pthread|pwd|regex|sched|search|semaphore|spawn|"
    r"strings|syslog|termios|ucontext|unistd|utime|wordexp|"
    r"immintrin|x86intrin|cpuid|arm_neon|emmintrin|smmintrin|tmmintrin|nmmintrin|wmmintrin)\.h)$")

BANNED = {
    "strcpy": "use st_buf or memcpy with a checked length", "strcat": "use st_buf",
    "strncpy": "does not end its result; use memcpy", "strncat": "use st_buf",
    "stpcpy": "use st_buf", "sprintf": "use snprintf or st_buf", "vsprintf": "use vsnprintf",
    "strtok": "has a hidden global", "strtok_r": "loses empty fields; walk with strchr",
    "atoi": "cannot fail", "atol": "cannot fail", "atoll": "cannot fail", "atof": "cannot fail",
    "gets": "has no bound", "alloca": "has no bound", "strdupa": "has no bound",
    "tmpnam": "races", "mktemp": "races", "rand": "has a hidden global",
    "localtime": "has a hidden global; use localtime_r", "gmtime": "has a hidden global; use gmtime_r",
}
LIBRARY_BANNED = {
    "exit": "a library never ends its program", "_exit": "a library never ends its program",
    "printf": "only the program prints", "puts": "only the program prints",
    "putchar": "only the program prints", "perror": "only the program prints",
    "setenv": "changes the program's environment", "setlocale": "changes the program's locale",
    "signal": "changes the program's signals", "chdir": "changes the program's directory",
    "umask": "changes the program's mask",
}
MAX_FUNCTION, MAX_FILE, MAX_COLUMNS = 100, 900, 100
CC = ["gcc", "-fsyntax-only", "-D_GNU_SOURCE", "-Isrc", "-Iinclude", "-Wall", "-Wextra", "-Wundef",
      "-Wmissing-prototypes", "-Werror"]

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def blank(m):
    text = m.group(0)
    inside = re.sub(r"[^\n]", " ", text[1:-1])
    if text[0] in "\"'":
        return text[0] + inside + text[0]
    return " " + inside + " "

CONSTANT = re.compile(r"\d\w*$|[A-Z][A-Z0-9_]*$")


class Source:
    """One C file: its lines, and the same lines with comments and strings blanked out."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), errors="surrogateescape") as f:
            self.text = f.read()
        self.lines = self.text.split("\n")
        self.code = TOKEN.sub(blank, self.text)
        self.code_lines = self.code.split("\n")
        parts = path.split("/")
        self.layer = parts[1] if parts[0] == "src" and len(parts) > 2 else None
        self.public = path.startswith("include/strata/")

    def allows(self, rule, number):
        near = " ".join(self.lines[max(0, number - 2):number])
        return "lint: allow " + rule in near

    def functions(self):
        """(line of the body's brace, length, head) of every function, by house layout."""
        start = None
        for i, line in enumerate(self.code_lines):
            if start is None and (line == "{" or re.match(r"[A-Za-z_][^=;]*\) ?\{$", line)):
                start = i
            elif start is not None and line.startswith("}"):
                head = start
                while head > 0 and self.lines[head - 1].strip() and \
                        not re.match(r"[};#]", self.lines[head - 1]):
                    head -= 1
                yield start + 1, i - start - 1, "\n".join(self.lines[head:start + 1])
                start = None


class Lint:
    def __init__(self, root, build):
        self.root, self.build = root, build
        self.found = []
        self.skipped = {}
        self.files = []
        for top in ("include", "src", "tests", "fuzz", "bench"):
            for where, dirs, names in os.walk(os.path.join(root, top)):
                dirs.sort()
                self.files += [os.path.relpath(os.path.join(where, n), root)
                               for n in sorted(names) if n.endswith((".c", ".h"))]
        self.sources = [Source(root, p) for p in self.files]
        self.product = [s for s in self.sources if s.layer or s.public]

    def say(self, rule, path, line, text):
        self.found.append((path, line, text, rule))

    def exists(self, *path):
        return os.path.exists(os.path.join(self.root, *path))

    def names(self, *path):
        try:
            return sorted(os.listdir(os.path.join(self.root, *path)))
        except OSError:
            return []

    def read(self, path):
        with open(os.path.join(self.root, path), errors="replace") as f:
            return f.read()

    # --- includes -----------------------------------------------------------------------------

    def layers(self):
        """a directory includes itself and strictly lower layers; cli and server see <strata/*.h>"""
        for s in self.product:
            if s.layer and s.layer not in LEVEL:
                self.say("layers", s.path, 1, "src/%s is no layer of the design" % s.layer)
                continue
            for number, line in enumerate(s.lines, 1):
                m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if m and not s.allows("layers", number):
                    self.own_include(s, number, m.group(1))

    def own_include(self, s, number, name):
        target = name.split("/")[0] if "/" in name else None
        if s.public:
            if target != "strata":
                self.say("layers", s.path, number, "a public header includes \"%s\"" % name)
        elif target is None:
            self.say("layers", s.path, number, "write \"%s/%s\", from src/" % (s.layer, name))
        elif target == "strata":
            self.say("layers", s.path, number, "write <%s>" % name)
        elif target not in LEVEL:
            self.say("layers", s.path, number, "\"%s\" is in no layer" % name)
        elif target != s.layer and s.layer in FRONT:
            self.say("layers", s.path, number, "%s sees public headers only, not \"%s\"" %
                     (s.layer, name))
        elif target != s.layer and LEVEL[target] >= LEVEL[s.layer]:
            self.say("layers", s.path, number, "%s (L%d) includes \"%s\" (L%d)" %
                     (s.layer, LEVEL[s.layer], name, LEVEL[target]))

    def third_party(self):
        """third-party headers are included in the directory named for them only"""
        for s in self.product:
            for number, line in enumerate(s.lines, 1):
                m = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
                if not m or s.allows("third-party", number):
                    continue
                name = m.group(1)
                if name.startswith("strata/") or SYSTEM.match(name):
                    continue
                owners = next((o for p, o in THIRD_PARTY if p.match(name)), None)
                if owners is None:
                    self.say("third-party", s.path, number,
                             "<%s>: name its directory in st-lint.py" % name)
                elif s.layer not in owners:
                    self.say("third-party", s.path, number, "<%s> belongs in src/%s only" %
                             (name, ", src/".join(owners)))

    def base_names(self):
        """base names are unique under src/"""
        seen = {}
        for s in self.sources:
            if s.layer:
                name = os.path.splitext(os.path.basename(s.path))[0]
                other = seen.setdefault(name, s)
                if other.layer != s.layer:
                    self.say("base-names", s.path, 1, "%s exists already" % other.path)

    def headers(self):
        """every header compiles alone, the public ones also as C++ and with -pedantic"""
        if not shutil.which("gcc"):
            self.skipped["headers"] = "no gcc"
            return
        inner = [s.path for s in self.product if s.layer and s.path.endswith(".h")]
        public = [s.path for s in self.product if s.public and s.path.endswith(".h")]
        inner = [p for p in inner if "lint: not alone" not in self.read(p)]
        jobs = [(CC + ["-x", "c", "-std=c17"], inner[i::4]) for i in range(4)]
        jobs.append((CC + ["-x", "c", "-std=c17", "-pedantic"], public))
        if shutil.which("g++"):
            cxx = [a for a in CC if a != "-Wmissing-prototypes"]
            jobs.append((cxx + ["-x", "c++", "-std=c++11", "-pedantic"], public))
        elif public:
            self.skipped["headers"] = "no g++"

        def compile_some(job):
            argv, paths = job
            if not paths:
                return ""
            return subprocess.run(argv + paths, cwd=self.root, stderr=subprocess.PIPE,
                                  universal_newlines=True).stderr

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for text in pool.map(compile_some, jobs):
                for m in re.finditer(r"^(\S+?):(\d+):\d+: (?:fatal )?error: (.*)$", text, re.M):
                    self.say("headers", m.group(1), int(m.group(2)), m.group(3))

    # --- code ---------------------------------------------------------------------------------

    def banned(self):
        """banned calls"""
        call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join([*BANNED, *LIBRARY_BANNED]))
        for s in self.product:
            library = s.public or s.layer not in FRONT
            for number, line in enumerate(s.code_lines, 1):
                for m in call.finditer(line):
                    name = m.group(1)
                    why = BANNED.get(name) or (LIBRARY_BANNED[name] if library else None)
                    if why and not s.allows("banned", number):
                        self.say("banned", s.path, number, "%s %s" % (name, why))

    def products(self):
        """no allocation sized by an unchecked product, no wide load through a pointer cast"""
        alloc = re.compile(r"\b(?:st_)?(?:m|re|x)alloc\s*\(")
        load = re.compile(r"\*\s*\(\s*(?:const\s+)?u?int(?:16|32|64)_t\s*(?:const\s*)?\*\s*\)")
        for s in self.product:
            for m in alloc.finditer(s.code):
                number = s.code.count("\n", 0, m.start()) + 1
                if unchecked_product(argument_text(s.code, m.end())) and \
                        not s.allows("products", number):
                    self.say("products", s.path, number,
                             "unchecked product; use st_calloc or st_mul_u64")
            for number, line in enumerate(s.code_lines, 1):
                if load.search(line) and not s.allows("products", number):
                    self.say("products", s.path, number, "load through a pointer cast; use st_get")

    def length(self):
        """functions of at most 100 lines, files of at most 900"""
        for s in self.sources:
            if len(s.lines) - 1 > MAX_FILE:
                self.say("length", s.path, MAX_FILE, "%d lines; a file ends at %d" %
                         (len(s.lines) - 1, MAX_FILE))
            for line, count, head in s.functions():
                if count > MAX_FUNCTION and "lint: table" not in head:
                    self.say("length", s.path, line, "function of %d lines; the end is %d" %
                             (count, MAX_FUNCTION))

    def columns(self):
        """lines of at most 100 columns, but for long strings"""
        for s in self.sources:
            for number, line in enumerate(s.lines, 1):
                width = len(line.expandtabs(8))
                if width > MAX_COLUMNS and not re.search(r'"[^"]{40,}"', line) and \
                        not s.allows("columns", number):
                    self.say("columns", s.path, number, "%d columns" % width)

    def comments(self):
        """an SPDX line first, no open end without an issue number"""
        word = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b(\(#\d+\))?")
        for s in self.sources:
            if s.lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
                self.say("comments", s.path, 1, "the first line is not the SPDX line")
            self.open_ends(s.path, s.lines, word)
        for path in self.scripts():
            lines = self.read(path).split("\n")
            if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
                self.say("comments", path, 1, "no SPDX line among the first three")
            self.open_ends(path, lines, word)

    def open_ends(self, path, lines, word):
        for number, line in enumerate(lines, 1):
            m = word.search(line)
            if m and not (m.group(1).startswith("TO") and m.group(2)):
                self.say("comments", path, number, "%s without an issue: write TO" "DO(#id)" %
                         m.group(1))

    def scripts(self):
        yield from (p for p in ("Makefile", "meson.build", ".ci/run") if self.exists(p))
        for top in ("tools", "tests", "bench", "demo", "fuzz"):
            for where, dirs, names in os.walk(os.path.join(self.root, top)):
                dirs[:] = sorted(d for d in dirs if d not in ("golden", "corpus", "__pycache__"))
                for name in sorted(names):
                    if name.endswith((".sh", ".py")) or (top == "tools" and "." not in name):
                        yield os.path.relpath(os.path.join(where, name), self.root)

    def globals(self):
        """the library has no mutable global"""
        path = os.path.join(self.build, "libstrata.a")
        if not os.path.exists(path) or not shutil.which("objdump"):
            self.skipped["globals"] = "no libstrata.a"
            return
        text = subprocess.run(["objdump", "-t", path], stdout=subprocess.PIPE,
                              universal_newlines=True).stdout
        if "__asan" in text or "__tsan" in text or "__sancov" in text:
            self.skipped["globals"] = "sanitizer build"
            return
        wanted = re.compile(r"^[0-9a-f]+ .{7} (\.data|\.bss|\.tbss|\.tdata|\*COM\*)(?:\.(?!rel)\S*)?"
                            r"\t([0-9a-f]+) (?:\.hidden )?(\S+)$")
        member = ""
        for line in text.split("\n"):
            if line.endswith("file format elf64-x86-64") or ":     file format" in line:
                member = line.split(":")[0]
            m = wanted.match(line)
            if m and int(m.group(2), 16) and not m.group(3).startswith("."):
                name = m.group(3).split(".")[0]
                where = self.definition(name)
                if where is not True:
                    self.say("globals", where or member, 1, "mutable global %s" % name)

    def definition(self, name):
        """True if some definition of name is allowed, else a file with it or None."""
        path = None
        for s in self.sources:
            if not s.layer:
                continue
            for number, line in enumerate(s.code_lines, 1):
                if re.search(r"\b%s\b" % re.escape(name), line):
                    if s.allows("globals", number):
                        return True
                    path = path or s.path
        return path

    # --- tables -------------------------------------------------------------------------------

    def commands(self):
        """every command has its file, its test and its manual page"""
        table = "src/cli/commands.c"
        if not self.exists(table):
            self.skipped["commands"] = "no " + table
            return
        pages = self.names("man")
        manual = "\n".join(self.read("man/" + p) for p in pages
                           if os.path.isfile(os.path.join(self.root, "man", p)))
        text = self.read(table)
        rows = list(re.finditer(r'\{\s*"([a-z][a-z-]*)",\s*(cmd_\w+)', text))
        if not rows:
            self.say("commands", table, 1, "no row { \"name\", cmd_name, ... } found")
        for m in rows:
            name, function = m.groups()
            line = text.count("\n", 0, m.start()) + 1
            if name.startswith("debug-"):
                continue
            if not self.exists("src/cli", function + ".c"):
                self.say("commands", table, line, "%s has no src/cli/%s.c" % (name, function))
            test = "tests/cli/test_%s.sh" % name.replace("-", "_")
            if not self.exists(test):
                self.say("commands", table, line, "%s has no %s" % (name, test))
            if not re.search(r"^(#+|\.S[HS]|\[|=+)[^\n]*\b%s\b" % re.escape(name), manual, re.M) and \
                    not any(re.match(r"(strata-)?%s\." % re.escape(name), p) for p in pages):
                self.say("commands", table, line, "%s has no section or file in man/" % name)

    def tables(self):
        """every format and codec has its test, its page in doc/format/ and its corpus"""
        tables = [("format", "src/format/format_table.c"), ("codec", "src/codec/codec_table.c")]
        tables = [t for t in tables if self.exists(t[1])]
        if not tables:
            self.skipped["tables"] = "no tables"
        tests = self.names("tests/unit")
        for kind, table in tables:
            text = TOKEN.sub(lambda m: m.group(0) if m.group(0)[0] == '"' else blank(m),
                             self.read(table))
            rows = list(re.finditer(r'&st_(?:%s|fmt|coding)_(\w+)|^\s*\{\s*"([\w-]+)"' % kind,
                                    text, re.M))
            if not rows:
                self.say("tables", table, 1, "no row &st_%s_name or { \"name\", ... } found" % kind)
            for m in rows:
                name = (m.group(1) or m.group(2)).replace("-", "_")
                self.table_row(table, text.count("\n", 0, m.start()) + 1, kind, name, tests)

    def table_row(self, table, line, kind, name, tests):
        """The artefacts may carry the kind too: doc/format/codec_raw.md, test_codec_raw.c. A page or a
        corpus may serve all of a kind: a heading in doc/format/codec.md, inputs named after the row."""
        names = (name, kind + "_" + name, kind + "-" + name)
        if not any("test_%s.c" % n in tests for n in names):
            self.say("tables", table, line, "%s has no tests/unit/test_%s.c" % (name, name))
        shared = self.exists("doc/format", kind + ".md") and re.search(
            r"^#+ .*\b%s\b" % name.replace("_", "[_-]"), self.read("doc/format/%s.md" % kind), re.M)
        if not shared and not any(self.exists("doc/format", n + ".md") for n in names):
            self.say("tables", table, line, "%s has no doc/format/%s.md" % (name, name))
        inputs = [f for d in self.names("fuzz/corpus") for f in self.names("fuzz/corpus/" + d)]
        if not any(self.names("fuzz/corpus/" + n) for n in names) and not any(
                f.startswith(name + "-") for f in inputs):
            self.say("tables", table, line, "%s has no fuzz/corpus/%s" % (name, name))

    def version(self):
        """one version number"""
        if not self.exists("meson.build"):
            self.skipped["version"] = "no meson.build"
            return
        m = re.search(r"version: '([^']+)'", self.read("meson.build"))
        for s in self.product:
            for number, line in enumerate(s.lines, 1):
                d = re.match(r'#define STRATA_VERSION(?:_STRING)?\s+"([^"]+)"', line)
                if d and m and d.group(1) != m.group(1):
                    self.say("version", s.path, number, "%s here, %s in meson.build" %
                             (d.group(1), m.group(1)))

    def layout(self):
        """clang-format 14 would change nothing"""
        tool = next((t for t in ("clang-format-14", "clang-format") if shutil.which(t)), None)
        if not tool or not self.exists(".clang-format"):
            self.skipped["layout"] = "no clang-format"
            return
        version = subprocess.run([tool, "--version"], stdout=subprocess.PIPE,
                                 universal_newlines=True).stdout
        if not re.search(r"version 14\.", version):
            self.skipped["layout"] = "clang-format is not version 14"
            return

        def some(paths):
            if not paths:
                return ""
            return subprocess.run([tool, "--dry-run", "-Werror", "-style=file"] + paths,
                                  cwd=self.root, stderr=subprocess.PIPE,
                                  universal_newlines=True).stderr

        paths = [s.path for s in self.sources]
        bad = {}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for text in pool.map(some, [paths[i::8] for i in range(8)]):
                for m in re.finditer(r"^(\S+?):(\d+):\d+: error: code should", text, re.M):
                    bad.setdefault(m.group(1), []).append(int(m.group(2)))
        for path, lines in bad.items():
            self.say("layout", path, lines[0], "%d places; `make format`" % len(lines))


RULES = (("layers", Lint.layers), ("third-party", Lint.third_party),
         ("base-names", Lint.base_names), ("headers", Lint.headers), ("banned", Lint.banned),
         ("products", Lint.products), ("length", Lint.length), ("columns", Lint.columns),
         ("comments", Lint.comments), ("globals", Lint.globals), ("commands", Lint.commands),
         ("tables", Lint.tables), ("version", Lint.version), ("layout", Lint.layout))


def argument_text(code, at):
    """What stands between the parenthesis that ends before `at` and the one that closes it."""
    depth = 1
    for end in range(at, min(len(code), at + 2000)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if depth == 0:
            return code[at:end]
    return code[at:at + 2000]


def unchecked_product(args):
    """Whether an argument multiplies anything but constants and sizes."""
    args = re.sub(r"\bsizeof\s*(\((?:[^()]|\([^()]*\))*\)|\*?\w+)", "1", args)
    args = re.sub(r"\b(const\s+)?(struct\s+\w+|void|char|\w+_t)\s*\*+", " ", args)  # types
    for m in re.finditer(r"([\w\])])\s*\*\s*(?=[\w(&])", args):
        left = re.search(r"(\w+|\)|\])\s*$", args[:m.start() + 1]).group(1)
        right = re.match(r"\w+|\(|&", args[m.end():]).group(0)
        if not (CONSTANT.match(left) and CONSTANT.match(right)):
            return True
    return False


def shape(lint):
    def at(values, share):
        return sorted(values)[int(len(values) * share)] if values else 0

    product = [s for s in lint.product if s.path.endswith(".c")]
    counts = [(n, s.path, line) for s in product for line, n, _ in s.functions()]
    files = [len(s.lines) - 1 for s in product]
    sizes = [c[0] for c in counts]
    print("functions %d: median %d, ninetieth percentile %d lines" %
          (len(sizes), at(sizes, 0.5), at(sizes, 0.9)))
    print("files %d: median %d, ninetieth percentile %d lines" %
          (len(files), at(files, 0.5), at(files, 0.9)))
    for n, path, line in sorted(counts, reverse=True)[:10]:
        print("%5d  %s:%d" % (n, path, line))


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--root", default=here)
    ap.add_argument("--build", help="where libstrata.a is; ROOT/build if not said")
    ap.add_argument("--only", help="rules, separated by commas")
    ap.add_argument("--tap", action="store_true")
    ap.add_argument("--shape", action="store_true")
    args = ap.parse_args()

    lint = Lint(args.root, os.path.abspath(args.build or os.path.join(args.root, "build")))
    if args.shape:
        shape(lint)
        return 0
    rules = [r for r in RULES if not args.only or r[0] in args.only.split(",")]
    for number, (name, check) in enumerate(rules, 1):
        before = len(lint.found)
        check(lint)
        new = sorted(set(lint.found[before:]))
        if args.tap:
            title = "%d - %s: %s" % (number, name, check.__doc__)
            if not new and name in lint.skipped:
                title += " # SKIP " + lint.skipped[name]
            print(("not ok " if new else "ok ") + title)
        for path, line, text, rule in new:
            print("%s%s:%d: %s [%s]" % ("# " if args.tap else "", path, line, text, rule))
    if args.tap:
        print("1..%d" % len(rules))
    elif not lint.found:
        notes = ["%s (%s)" % kv for kv in lint.skipped.items()]
        print("lint: %d files, nothing found" % len(lint.files) +
              ("; not checked: " + ", ".join(notes) if notes else ""))
    return 1 if lint.found else 0


if __name__ == "__main__":
    sys.exit(main())
