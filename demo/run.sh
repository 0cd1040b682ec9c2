#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Five real checkpoints become five versions, one is damaged, all come back byte for byte.
# `make demo` builds strata and runs this. It works in a temporary directory and removes it.
#
#	STRATA=build/strata	the program to show
#	KEEP=1			leave the directory for a look around
#	NO_COLOR=1		no colours (nor are there any when the output is not a terminal)
set -eu

demo=$(cd "$(dirname "$0")" && pwd)
checkpoints=$demo/checkpoints
STRATA=${STRATA:-$demo/../build/strata}
started=$(date +%s)
proofs=0

die() {
	printf '\n%sdemo: %s%s\n' "$red" "$*" "$off" >&2
	exit 1
}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') red=$(printf '\033[31m')
	green=$(printf '\033[32m') blue=$(printf '\033[36m') off=$(printf '\033[0m')
else
	bold='' dim='' red='' green='' blue='' off=''
fi

[ -x "$STRATA" ] || die "no program at $STRATA: run \`make\` first, or say STRATA=PATH"
command -v b3sum >/dev/null || die "b3sum is missing: apt-get install b3sum"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/strata-demo.XXXXXX")
clean_up() {
	status=$?
	cd /
	if [ -n "${KEEP:-}" ]; then
		printf '%s(kept: %s/model)%s\n' "$dim" "$tmp" "$off"
	else
		rm -rf "$tmp"
	fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# `strata` is found on PATH, and nobody's settings leak in.
mkdir "$tmp/bin" "$tmp/home"
ln -s "$(cd "$(dirname "$STRATA")" && pwd)/$(basename "$STRATA")" "$tmp/bin/strata"
PATH=$tmp/bin:$PATH HOME=$tmp/home PAGER=cat LC_ALL=C.UTF-8
STRATA_AUTHOR=${STRATA_AUTHOR:-Ada Example <ada@example.org>}
GIT_CEILING_DIRECTORIES=$tmp
export PATH HOME PAGER LC_ALL STRATA_AUTHOR GIT_CEILING_DIRECTORIES
unset STRATA_DIR STRATA_JOBS STRATA_MEMORY XDG_CONFIG_HOME

part() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
show() { printf '%s$ %s%s\n' "$blue" "$*" "$off"; }
run() {
	show "$1"
	eval "$1" || die "that command failed (exit status $?)"
}
proof() { # TEXT COMMAND...: the command's success is the proof
	what=$1
	shift
	"$@" || die "NOT TRUE: $what"
	proofs=$((proofs + 1))
	printf '%s  ok  %s%s\n' "$green" "$what" "$off"
}
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",]*\).*/\1/p" "$2"; }
bytes_of() { find "$@" -type f -exec cat {} + | wc -c; }
id_in() { # REV:FILE TENSOR
	strata ls "$1" --tensors --json | sed -n "/\"name\":\"$2\"/s/.*\"id\":\"\([0-9a-f]*\)\".*/\1/p"
}
same_tensor() { # REV:FILE TENSOR REV:FILE TENSOR
	one=$(id_in "$1" "$2") two=$(id_in "$3" "$4")
	[ -n "$one" ] && [ "$one" = "$two" ]
}
same_files() { # DIR CHECKPOINT
	for f in "$2"/*; do
		cmp "$1/${f##*/}" "$f" || return 1
	done
}

printf '%sstrata%s  version control for neural networks\n' "$bold" "$off"
printf '%sA small transformer learned to write licence texts. Five checkpoints of that run lie in\n' "$dim"
printf 'demo/checkpoints: three while all of it learned on the GNU licences, two while only its last\n'
printf 'block was fine-tuned on others; beside those two lies checkpoint.pt, with which PyTorch could\n'
printf 'go on. Every line after a $ is run as it stands.%s\n' "$off"

part '1. Every checkpoint becomes a version'
cd "$tmp"
run "C='$checkpoints'"
run 'strata init model && cd model'
for dir in "$checkpoints"/step-*; do
	metrics=$dir/metrics.json
	step=$(field step "$metrics")
	message="step $step: $(field phase "$metrics"), loss $(field valid_loss "$metrics")"
	run "cp \"\$C\"/${dir##*/}/* . && strata add . && strata commit -m '$message'"
done

part '2. What is there'
run 'strata log --oneline'
run 'strata ls HEAD'
run "strata ls HEAD:model.safetensors --tensors | grep 'layers.2.*weight'"
run 'strata stats'

part '3. What PyTorch itself saved: weights and optimizer in a pickle, which nobody runs here'
run 'strata scan checkpoint.pt'
run "strata ls HEAD:checkpoint.pt --tensors | grep 'attn_in.weight\\|state.2[.]'"
run 'strata show HEAD'
weight=layers.2.attn_in.weight
proof 'a weight in checkpoint.pt and in model.safetensors is one object' \
	same_tensor HEAD:checkpoint.pt "model.$weight" HEAD:model.safetensors "$weight"
weight=model.layers.0.mlp_in.weight
proof 'and so are the frozen blocks of the last two checkpoints' \
	same_tensor v4:checkpoint.pt "$weight" v5:checkpoint.pt "$weight"

part '4. One tensor out of one old version, without the rest of the file'
tensor=layers.2.attn_in.weight
run "strata cat v2:model.safetensors::$tensor --as npy > w.npy"
run "head -c 128 w.npy | tr -cd '[:print:]\\n'"
run 'od -A n -t f4 -j 128 -N 16 w.npy'
rm w.npy
id=$(id_in v2:model.safetensors "$tensor")
run "strata cat v2:model.safetensors::$tensor | b3sum"
proof 'the id that strata gives this tensor is what b3sum says of its bytes' \
	[ "$id" = "$(strata cat "v2:model.safetensors::$tensor" | b3sum | cut -d' ' -f1)" ]

part '5. An accident: four bytes in the middle of the weights'
run "printf '\\377\\377\\377\\377' |
    dd of=model.safetensors bs=1 seek=700000 conv=notrunc status=none"
run 'strata status'
status=$(strata status --json)
proof 'strata noticed' [ -z "${status##*model.safetensors*}" ]
run 'strata restore model.safetensors'
proof 'the file is the last checkpoint again (cmp)' \
	cmp model.safetensors "$checkpoints/step-2000/model.safetensors"

part '6. Back to an old version'
run 'strata restore --source v2 .'
run 'b3sum model.safetensors'
proof 'all files are those of step 800 (cmp)' same_files . "$checkpoints/step-0800"
proof 'and b3sum knows the hash from the day of the training' \
	[ "$(b3sum <model.safetensors | cut -d' ' -f1)" = \
	"$(awk '$2 == "step-0800/model.safetensors" { print $1 }' "$checkpoints/B3SUMS")" ]

part '7. All of them, and the store itself'
n=0
for dir in "$checkpoints"/step-*; do
	n=$((n + 1))
	run "strata checkout v$n --to ../all/${dir##*/}"
done
cp "$checkpoints/B3SUMS" ../all/
show 'cd ../all && b3sum --check B3SUMS'
proof "$(wc -l <../all/B3SUMS) files in 5 versions have the hashes they were born with" \
	sh -c 'cd ../all && b3sum --quiet --check B3SUMS'
run 'strata fsck'

plain=$(bytes_of "$checkpoints"/step-*)
stored=$(bytes_of .strata)
printf '\n%sFive plain copies take %s kB; .strata, all five versions and everything else in it, %s kB.%s\n' \
	"$bold" $((plain / 1000)) $((stored / 1000)) "$off"
printf '%s%d proofs held, in %d s. Yours next: strata init, strata add, strata commit.%s\n' \
	"$green" "$proofs" $(($(date +%s) - started)) "$off"
