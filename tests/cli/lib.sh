# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Helpers for the shell tests. A test file is a POSIX shell script that reads this file first:
#
#	. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"
#
#	need b3sum				# else every case of this file is skipped
#
#	restores() {				# runs in a directory of its own, with set -e and -x
#		repo
#		model m.safetensors a:F32:4,4 b:BF16:8
#		strata add m.safetensors
#		strata commit -m one
#		out 'm.safetensors' strata ls
#		rc 2 strata show nonsense
#		err 'nonsense' strata show nonsense
#	}
#	it 'restores a model' restores
#
#	golden 'help of log' strata help log	# exact output against tests/cli/golden/<test>/
#	finish					# prints the plan; without it the file counts as failed
#
# A case fails when any command in it fails; what it wrote, traced, is then shown. `# slow`,
# `# serial` (not beside other tests) and `# timeout SECONDS` in the first ten lines are read by
# tools/run-tests.

t_here=$(cd "$(dirname "$0")" && pwd)
ST_SRC=${ST_SRC:-$(cd "$t_here/../.." && pwd)}
ST_BUILD=${ST_BUILD:-$ST_SRC/build}
STRATA=${STRATA:-$ST_BUILD/strata}
ST_PYTHON=${ST_PYTHON:-$ST_BUILD/venv/bin/python3}
t_name=$(basename "$0" .sh)
t_n=0
t_failed=0

t_tmp=$(mktemp -d "${TMPDIR:-/tmp}/strata-$t_name.XXXXXX") || exit 99
t_cleanup() {
	chmod -R u+rwx "$t_tmp" 2>/dev/null
	rm -rf "$t_tmp"
}
trap t_cleanup EXIT
trap 'exit 130' HUP INT TERM

# Nothing of the machine may show through: no configuration, locale, time zone or colour.
unset STRATA_DIR STRATA_JOBS STRATA_MEMORY NO_COLOR PAGER EDITOR VISUAL XDG_CONFIG_HOME
unset GIT_DIR GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
HOME=$t_tmp/home
STRATA_AUTHOR='Ada Tester <ada@example.org>'
GIT_CONFIG_GLOBAL=/dev/null
GIT_CONFIG_NOSYSTEM=1
GIT_CEILING_DIRECTORIES=$t_tmp
PATH=$(dirname "$STRATA"):$PATH
LC_ALL=C.UTF-8
TZ=UTC
export ST_SRC ST_BUILD STRATA ST_PYTHON HOME STRATA_AUTHOR GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM
export GIT_CEILING_DIRECTORIES PATH LC_ALL TZ
umask 022
mkdir "$HOME"
cd "$t_tmp" || exit 99

t_ok() {
	t_n=$((t_n + 1))
	echo "ok $t_n - $1"
}

t_not_ok() { # name, file with what it wrote
	t_n=$((t_n + 1))
	t_failed=$((t_failed + 1))
	echo "not ok $t_n - $1"
	tail -n 200 "$2" | sed 's/^/# /'
}

skip() { # name reason
	t_n=$((t_n + 1))
	echo "ok $t_n - $1 # SKIP $2"
}

skip_all() { # reason
	echo "1..0 # SKIP $1"
	exit 0
}

# A repository with main and side, as three commands make base, ours and theirs; instead of the one
# that the case is in.
forked() { # base ours theirs
	[ ! -d .strata ] || cd ..
	rm -rf repo
	repo
	eval "$1"
	strata add . && strata commit -q -m one
	strata branch side
	eval "$2"
	strata add . && strata commit -q -m two
	strata switch -q side
	eval "$3"
	strata add . && strata commit -q -m three
	strata switch -q main
}

# Someone else does DO at a moment that meddle.c names.
meddled() { # MOMENT DO command...
	t_at=$1 t_do=$2
	shift 2
	[ -e "$t_tmp/meddle.so" ] ||
		${CC:-cc} -shared -fPIC -D_GNU_SOURCE -o "$t_tmp/meddle.so" "$t_here/meddle.c"
	env STRATA_JOBS=1 MEDDLE_AT="$t_at" MEDDLE_DO="$t_do" LD_PRELOAD="$t_tmp/meddle.so" \
		ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" "$@"
}

need() { # tool...
	for t_tool; do
		command -v "$t_tool" >/dev/null 2>&1 || skip_all "no $t_tool on this machine"
	done
}

# Python modules of build/venv, the independent readers (tests/requirements.txt).
need_python() { # module...
	[ -x "$ST_PYTHON" ] || skip_all "no Python oracles (build/venv could not be made)"
	for t_mod; do
		"$ST_PYTHON" -c "import $t_mod" 2>/dev/null ||
			skip_all "Python module $t_mod is not installed"
	done
}

it() { # name function [argument...]
	t_title=$1
	shift
	t_dir=$t_tmp/case$((t_n + 1))
	mkdir "$t_dir"
	(
		cd "$t_dir" || exit 99
		set -ex
		"$@"
	) >"$t_tmp/log" 2>&1 </dev/null
	t_rc=$?
	if [ "$t_rc" -eq 0 ]; then
		t_ok "$t_title"
	else
		echo "case ended with status $t_rc" >>"$t_tmp/log"
		t_not_ok "$t_title" "$t_tmp/log"
	fi
	chmod -R u+rwx "$t_dir" 2>/dev/null
	rm -rf "$t_dir"
}

# Inside a case ------------------------------------------------------------------------------------

t_get() { # runs a command; t_rc, $t_tmp/out and $t_tmp/err are what it gave
	t_rc=0
	"$@" >"$t_tmp/out" 2>"$t_tmp/err" || t_rc=$?
}

t_show() {
	echo "status $t_rc; standard output:"
	cat "$t_tmp/out"
	echo "standard error:"
	cat "$t_tmp/err"
}

rc() { # expected status, command...
	t_want=$1
	shift
	t_get "$@"
	[ "$t_rc" -eq "$t_want" ] || { t_show && echo "expected status $t_want" && return 1; }
}

out() { # exact standard output (final newline aside), command that must succeed
	t_want=$1
	shift
	t_get "$@"
	[ "$t_rc" -eq 0 ] || { t_show && return 1; }
	printf '%s\n' "$t_want" >"$t_tmp/want"
	[ -n "$t_want" ] || : >"$t_tmp/want"
	diff -u "$t_tmp/want" "$t_tmp/out"
}

match() { # extended regular expression that a line of standard output matches, command
	t_want=$1
	shift
	t_get "$@"
	[ "$t_rc" -eq 0 ] || { t_show && return 1; }
	grep -Eq -e "$t_want" "$t_tmp/out" || { t_show && echo "no line matches $t_want" && return 1; }
}

err() { # extended regular expression for standard error, command that must fail
	t_want=$1
	shift
	t_get "$@"
	[ "$t_rc" -ne 0 ] || { t_show && echo "expected a failure" && return 1; }
	grep -Eq -e "$t_want" "$t_tmp/err" || { t_show && echo "no line matches $t_want" && return 1; }
}

fails() { # `! command` is not seen by set -e; this is
	if "$@"; then
		echo "expected to fail: $*"
		return 1
	fi
}

repo() { # [directory] a new repository, and go there
	mkdir -p "${1:-repo}"
	cd "${1:-repo}"
	strata init >/dev/null
}

two_versions() { # a repository with v1 and v2 of file a, and their short ids in id1 and id2
	repo
	echo 1 >a
	strata add .
	strata commit -q -m one
	echo 2 >a
	strata commit -q -a -m two
	id1=$(strata log --oneline v1 | cut -d' ' -f2)
	id2=$(strata log --oneline -1 | cut -d' ' -f2)
}

refuses() { # as err, with the status that says so; and nothing of a merge is changed
	strata status >"$t_tmp/before"
	err "$@"
	[ "$t_rc" -eq 7 ]
	out "$(cat "$t_tmp/before")" strata status
}

ends() { # how all conflicts of a merge are decided, which is made, and done over
	strata resolve -q '*' "$@"
	strata merge -q --continue
	strata merge -q --replay HEAD
	out '' strata status -s
	strata fsck -q --full
}

same_row() { # revision FILE::TENSOR row, and of another one: 16 bytes each
	strata cat "$1:$2" | tail -c +$(($3 * 16 + 1)) | head -c 16 >"$t_tmp/row.a"
	strata cat "$4:$5" | tail -c +$(($6 * 16 + 1)) | head -c 16 >"$t_tmp/row.b"
	cmp "$t_tmp/row.a" "$t_tmp/row.b"
}

model() { # FILE NAME:DTYPE:DIM,DIM[:SEED]... [--meta KEY=VALUE] [--seed N]
	"$ST_BUILD/tests/mkmodel" "$@"
}

# Exact output -------------------------------------------------------------------------------------

# Compares status, standard output and standard error with tests/cli/golden/<test>/<name>. Ids of 64
# and of 12 digits, RFC 3339 times and the scratch directory are replaced by words first.
# `tools/run-tests --update` (ST_UPDATE=1) writes the file instead; read the difference in git.
golden() { # name, command...
	t_title=$1
	shift
	t_file=$ST_SRC/tests/cli/golden/$t_name/$(printf %s "$t_title" | tr -c 'A-Za-z0-9_.-' -)
	t_get "$@" </dev/null
	{
		echo "\$ $*"
		cat "$t_tmp/out"
		[ ! -s "$t_tmp/err" ] || { echo '--- standard error' && cat "$t_tmp/err"; }
		echo "--- status $t_rc"
	} | sed -E -e "s#$t_tmp#TMP#g" -e 's/\b[0-9a-f]{64}\b/ID64/g' -e 's/\b[0-9a-f]{12}\b/ID12/g' \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(\.[0-9]+)?(Z|[ ]?[+-][0-9:]{4,5})?/TIME/g' \
		>"$t_tmp/got"
	if [ "${ST_UPDATE:-0}" = 1 ]; then
		mkdir -p "$(dirname "$t_file")"
		cp "$t_tmp/got" "$t_file"
	fi
	if [ ! -f "$t_file" ]; then
		{ echo "no $t_file yet; got:" && cat "$t_tmp/got"; } >"$t_tmp/log"
		t_not_ok "$t_title" "$t_tmp/log"
	elif diff -u "$t_file" "$t_tmp/got" >"$t_tmp/log" 2>&1; then
		t_ok "$t_title"
	else
		t_not_ok "$t_title" "$t_tmp/log"
	fi
}

finish() {
	echo "1..$t_n"
	[ "$t_failed" -eq 0 ]
	exit
}
