# SPDX-License-Identifier: Apache-2.0
# What run.sh stands on: peers, timing, medians, the table. Sourced by bash, with $build, $work, $log,
# $times and $peaks set.
# shellcheck shell=bash disable=SC2154

say() { printf 'bench: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# --- peers -----------------------------------------------------------------------------------

# The versions that the figures in README.md are from; a newer one is asked for by name.
readonly PY_PEERS='dvc==3.67.1 oxenai==0.65.1'
declare -A missing=()

make_peers() {
	local venv=$build/bench-venv log=$build/bench-venv.log
	if [[ " ${SKIP:-} " == *" dvc "* && " ${SKIP:-} " == *" oxen "* ]]; then
		say "no Python packages: SKIP names them"
	elif [ "$(cat "$venv/.pins" 2>/dev/null)" != "$PY_PEERS" ]; then
		say "making $venv ($PY_PEERS)"
		rm -rf "$venv"
		# Debian's python3 first: only it is sure to have the venv module of install-deps.sh.
		{ /usr/bin/python3 -m venv "$venv" || python3 -m venv "$venv"; } >"$log" 2>&1
		local pin
		for pin in $PY_PEERS; do
			"$venv/bin/pip" --disable-pip-version-check install -q "$pin" >>"$log" 2>&1 ||
				say "cannot install $pin (see $log)"
		done
		printf '%s' "$PY_PEERS" >"$venv/.pins"
	fi
	dvc=$venv/bin/dvc python=$venv/bin/python
	[ -x "$dvc" ] || missing[dvc]='not installed'
	"$python" -c 'import oxen' 2>/dev/null || missing[oxen]='not installed'
	local tool
	for tool in borg restic git strace b3sum zstd; do
		command -v "$tool" >/dev/null || missing[$tool]='not installed'
	done
	[ -x /usr/bin/time ] || missing[time]='not installed'
	# Takes the names in SKIP as missing: a quick run of strata alone, or a peer that is broken.
	for tool in ${SKIP:-}; do
		missing[$tool]='left out by SKIP'
	done
	[ -z "${missing[b3sum]:-}" ] || die "b3sum is needed: apt-get install b3sum"
	# A peer must not slow down by talking to its makers.
	export DVC_NO_ANALYTICS=1 BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
	export RESTIC_PASSWORD=bench BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
}

# zipnn of PyPI is built from its source, and stands on Debian's torch and NumPy.
readonly ZIPNN_PINS='zipnn==0.5.4 safetensors==0.8.0'

make_zipnn() { # sets $zipnn to a Python that has it
	local venv=$build/zipnn-venv log=$build/zipnn-venv.log
	if [ "$(cat "$venv/.pins" 2>/dev/null)" != "$ZIPNN_PINS" ]; then
		say "making $venv ($ZIPNN_PINS)"
		rm -rf "$venv"
		/usr/bin/python3 -m venv --system-site-packages "$venv" >"$log" 2>&1
		# shellcheck disable=SC2086 # one word per package is meant
		"$venv/bin/pip" --disable-pip-version-check install -q --no-deps $ZIPNN_PINS \
			>>"$log" 2>&1 || say "cannot install zipnn (see $log)"
		printf '%s' "$ZIPNN_PINS" >"$venv/.pins"
	fi
	zipnn=$venv/bin/python
}

have() { [ -z "${missing[$1]:-}" ]; }

peer_versions() {
	printf 'strata %s' "$(strata version | head -n 1 | sed 's/^strata //')"
	printf ', %s' "$(b3sum --version)"
	! have dvc || printf ', dvc %s' "$("$dvc" --version 2>/dev/null)"
	! have oxen || printf ', oxen %s' \
		"$("$python" -c 'from importlib.metadata import version as v; print(v("oxenai"))')"
	! have borg || printf ', %s' "$(borg --version)"
	! have restic || printf ', %s' "$(restic version | cut -d' ' -f1-2)"
	! have git || printf ', %s' "$(git --version)"
	echo
}

# --- timing ----------------------------------------------------------------------------------

# A guest's host may take free memory back; each page then costs its next user a fault in the host, six
# times what cp takes. So that all commands find memory in one state, it is used and freed before each.
warm_memory() {
	[ "${WARM_MIB:-0}" -gt 0 ] && [ -d /dev/shm ] || return 0
	dd if=/dev/zero of=/dev/shm/strata-bench bs=1M count="$WARM_MIB" 2>/dev/null
	rm -f /dev/shm/strata-bench
}

# timed KEY COMMAND...: what it costs by the clock. What earlier commands left unwritten is flushed first.
timed() {
	local key=$1 start end
	shift
	sync
	warm_memory
	start=${EPOCHREALTIME/[.,]/}
	if ! "$@" >>"$log" 2>&1; then
		tail -n 5 "$log" >&2
		case $key in
		strata*) die "'$*' failed (whole output: $log)" ;;
		esac
		say "'$*' failed; $key is reported as missing"
		missing[$key]=failed
		return 0
	fi
	end=${EPOCHREALTIME/[.,]/}
	echo "$key $((end - start))" >>"$times"
}

# Median in microseconds of what `timed KEY` has measured; nothing when that is nothing.
median() {
	awk -v key="$1" '$1 == key { print $2 }' "$times" | sort -n |
		awk '{ v[NR] = $1 } END { if (NR) print int((v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2) }'
}

# peak KEY COMMAND...: its peak memory in KiB goes to the file of peaks.
peak() {
	local key=$1
	shift
	/usr/bin/time -o "$work/peak.one" -f %M "$@" >>"$log" 2>&1 || die "'$*' failed ($log)"
	echo "$key $(tail -n 1 "$work/peak.one")" >>"$peaks"
}

# --- table -----------------------------------------------------------------------------------

missed=0 met=0 unknown=0

seconds() { awk -v us="$1" 'BEGIN { if (us < 1e5) printf "%.1f ms", us / 1e3; else printf "%.2f s", us / 1e6 }'; }

line() { printf '%-38s %9s   %-28s %9s %7s  %-10s %s\n' "$@"; }

head_line() {
	printf '\n%s\n' "$1"
	line '' strata beside 'takes' ratio aim ''
}

count() {
	case $1 in
	met) met=$((met + 1)) ;;
	MISSED) missed=$((missed + 1)) ;;
	*) unknown=$((unknown + 1)) ;;
	esac
}

aim() { [ "$1" = - ] && echo - || echo "<= $1"; }

# compare WHAT KEY BESIDE PEER_KEY AIM: the ratio of two medians; AIM is its upper limit, or `-`.
compare() {
	local ours theirs ratio verdict
	ours=$(median "$2") theirs=$(median "$4")
	if [ -z "$theirs" ]; then
		line "$1" "$(seconds "$ours")" "$3" missing - "$(aim "$5")" 'not compared'
		[ "$5" = - ] || count missing
		return
	fi
	ratio=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.3f", a / b }')
	verdict=$(awk -v r="$ratio" -v aim="$5" \
		'BEGIN { print aim == "-" ? "" : r + 0 <= aim + 0 ? "met" : "MISSED" }')
	[ -z "$verdict" ] || count "$verdict"
	line "$1" "$(seconds "$ours")" "$3" "$(seconds "$theirs")" "$(printf %.2f "$ratio")" \
		"$(aim "$5")" "$verdict"
}

# limit WHAT VALUE SHOWN AIM AIM_SHOWN: a figure of ours held against a number.
limit() {
	local verdict=MISSED
	! awk -v v="$2" -v aim="$4" 'BEGIN { exit !(v <= aim) }' || verdict=met
	count "$verdict"
	line "$1" "$3" - - - "$5" "$verdict"
}
