#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# Both sides changed a.x, a.y and b of the model.
setup() {
	repo
	model m.safetensors a.x:F32:64:1 a.y:F32:64:1 b:F32:64:1 c:F32:64:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a.x:F32:64:2 a.y:F32:64:2 b:F32:64:2 c:F32:64:1
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a.x:F32:64:3 a.y:F32:64:3 b:F32:64:3 c:F32:64:3
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side
}

want() { # seeds of the four tensors
	model ../want.safetensors "a.x:F32:64:$1" "a.y:F32:64:$2" "b:F32:64:$3" "c:F32:64:$4"
	cmp m.safetensors ../want.safetensors
}

decides() {
	setup
	want 2 2 2 3
	out '2 decided, 1 left' strata resolve 'a.*' --theirs
	want 3 3 2 3
	out '1 decided, 1 left' strata resolve m.safetensors::a.y --base
	want 3 1 2 3
	out '{"decided":1,"left":0}' strata resolve --json b --from v1
	want 3 1 1 3
	out "1 decided, 0 left: 'strata merge --continue' ends the merge" strata resolve a.x --ours
	want 2 1 1 3
	err 'there is no side 3: 1 version is merged$' strata resolve '*' --side 3
	strata resolve -q '*' --side 1
	want 3 3 3 3
	strata merge -q --continue
	out '' strata diff side HEAD
	strata fsck --full
}

methods() {
	setup
	strata resolve -q a.x --method linear:weight=1/0
	strata resolve -q a.y --method linear:weight=0/1
	strata resolve -q b --method ours
	want 2 3 2 3
	rc 2 strata resolve b --method nonsense
	rc 2 strata resolve b --method linear:nonsense=1
	want 2 3 2 3
	strata merge -q --continue
	strata fsck --full
}

# What a glob matches besides what a method can join is left.
joins() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	echo '{"a": 1}' >c.json
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:64:2 b:F32:32:2
	echo '{"a": 2}' >c.json
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a:F32:64:3 b:F32:16:3
	echo '{"a": 3}' >c.json
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side
	out '1 decided, 2 left' strata resolve '*' --method linear
	out '1 decided, 2 left' strata resolve 'm.*' --method linear
	rc 7 strata resolve b --method linear
	err "'c.\*' matches no conflict that a method can join: --ours" strata resolve 'c.*' --method linear
	rc 7 strata resolve c.json --method linear
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff side
}

torch() { python3 "$ST_SRC/tests/cli/mktorch.py" "$@"; } # FILE NAME=NUMBER|NAME=@NAME...

# What cannot be decided so says what can.
hints() {
	repo
	model m.safetensors a:F32:4:1 b:F32:4:2
	torch m.pt e=1 h=@e
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors n:F32:4:1 b:F32:4:2
	torch m.pt e=2 h=1
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors n:F32:4:7 b:F32:4:2 a:F32:4:1
	torch m.pt e=3 h=@e
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge -q side
	match '^  tied +m.pt::e ' strata status
	rc 7 strata resolve e --method linear
	grep -q 'conflict of tied: who shares whose memory is one side.s: --ours, --theirs or --base$' "$t_tmp/err"
	match '^  add/add +m.safetensors::n ' strata status
	strata resolve -q n --theirs # a, renamed to it, is gone
	strata resolve -q n --ours
	strata resolve -q e h --theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
}

by_hand() {
	setup
	model m.safetensors a.x:F32:64:9 a.y:F32:64:9 b:F32:64:9 c:F32:64:9
	strata add m.safetensors
	rc 7 strata resolve b --theirs
	err "'m.safetensors' was settled by hand with 'strata add'" strata resolve b --theirs
	want 9 9 9 9
	match 'all conflicts are decided' strata status
	strata resolve -q m.safetensors --theirs
	want 3 3 3 3
	strata resolve -q b --ours
	want 3 3 2 3
	# of two files one by hand: it stays when the other one is decided
	strata merge -q --abort
	strata switch -q side
	echo 1 >t && strata add t && strata commit -q -m t
	strata switch -q main
	echo 2 >t && strata add t && strata commit -q -m t
	rc 1 strata merge -q side
	echo 3 >t && strata add t
	strata resolve -q 'a.*' --theirs
	[ "$(cat t)" = 3 ]
	strata resolve -q b --ours
	strata merge -q --continue
	out 3 strata cat HEAD:t
	want 3 3 2 3
}

# Three files with conflicts, k without: a, b of the model, t and u texts.
texts() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	echo 1 | tee t u k x >/dev/null
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:64:2 b:F32:64:2
	echo 2 | tee t u >/dev/null
	strata commit -q -a -m two
	cp m.safetensors ../ours
	strata switch -q side
	model m.safetensors a:F32:64:3 b:F32:64:3
	echo 3 | tee t u k >/dev/null
	strata commit -q -a -m three
	cp m.safetensors ../theirs
	strata switch -q main
	rc 1 strata merge -q side
}

# A pattern leaves alone what was staged by hand, and a name in such a file is refused.
spares() {
	texts
	echo hand >t && echo kk >k && echo new >n
	strata add t k n
	strata resolve -q '*' --theirs 2>../said
	out 'strata: warning: t was staged by hand and stays so' cat ../said
	out 'hand
3
kk
new' cat t u k n
	cmp m.safetensors ../theirs
	rc 7 strata resolve 't*' --ours
	grep -q "what 't\*' matches was staged by hand and stays so: a path by itself" "$t_tmp/err"
	# also what was decided before
	model m.safetensors a:F32:64:9 b:F32:64:9 && strata add m.safetensors
	cp m.safetensors ../hand
	for t_glob in a m.safetensors::b 'm*' '[ab]'; do
		rc 7 strata resolve "$t_glob" --ours
		cmp m.safetensors ../hand
	done
	rc 7 strata resolve u '*m*' --ours
	strata resolve -q '*' --ours
	cmp m.safetensors ../hand
	out 'hand
2' cat t u
	# by itself a path is decided, even so
	strata resolve -q t m.safetensors --ours
	out 2 cat t
	cmp m.safetensors ../ours
	out 'kk
new' cat k n
	echo late >t && strata add t
	strata resolve -q u --theirs
	out 'late
3' cat t u
	strata merge -q --continue
	out '' strata status -s
	match '^text +t .*  by hand$' strata show
	match '^staged +k .*  by hand$' strata show
	strata merge -q --replay HEAD
	strata fsck --full
}

# Who names a file to add means it, also where it is as this branch has it.
as_ours() {
	texts
	strata restore -q u
	echo 2 >t
	strata add -A . # says nothing about files that are as they were
	match '4 of 4 conflicts left' strata status
	strata add t
	match '3 of 4 conflicts left' strata status
	match '^  text +u( |$)' strata status
	strata restore -q --staged t
	match '4 of 4 conflicts left' strata status
	strata add t m.safetensors
	match '1 of 4 conflicts left' strata status
	strata resolve -q '*' --theirs
	out '2
3' cat t u
	cmp m.safetensors ../ours
	rc 7 strata resolve a --theirs
	strata merge -q --continue
	match '^text +t .*  by hand$' strata show
	strata merge -q --replay HEAD
	cmp m.safetensors ../ours
	# staged otherwise, and as it was again
	strata undo -q
	rc 1 strata merge -q side
	strata restore -q u
	echo 9 >t && strata add -A t && echo 2 >t && strata add -u
	match '^  text +u( |$)' strata status
	fails grep -q '^  text  *t( |$)' "$t_tmp/out"
	strata merge -q --abort
	out '' strata status -s
	out 2 cat t
}

# A mode that was staged stays, whatever becomes of the content.
modes() {
	texts
	chmod +x m.safetensors k u
	strata restore -q t u && chmod +x u
	strata add -A .
	match '4 of 4 conflicts left' strata status
	strata resolve -q a u --theirs
	[ -x m.safetensors ] && [ -x u ] && [ -x k ]
	match '2 of 4 conflicts left' strata status
	strata resolve -q '*' --theirs
	[ -x m.safetensors ] && [ -x u ] && [ -x k ] && [ ! -x t ]
	out 3 cat u
	strata resolve -q u --ours
	[ -x u ]
	strata merge -q --continue
	match '"path":"m.safetensors".*"mode":"exec"' strata ls --json
	match '"path":"u".*"mode":"exec"' strata ls --json
	strata merge -q --replay HEAD
	strata undo -q
	[ ! -x u ] && [ ! -x m.safetensors ]
	out '' strata status -s
}

# Taking the merge back leaves what it has nothing to do with.
abort_keeps() {
	texts
	echo new >n && echo xx >x && echo kk >k
	strata add n x k
	strata resolve -q t --theirs
	strata resolve -q u --theirs
	strata merge -q --abort
	out 'new
xx
1
2' cat n x k t
	out ' M x
?? n' sh -c 'strata status -s | sort'
}

# A file that was staged where a file is to be.
in_the_way() {
	repo
	echo 1 >d && echo k >k && strata add . && strata commit -q -m one
	strata branch side
	rm d && mkdir d && echo f >d/f && strata add -A . && strata commit -q -m directory
	strata switch -q side
	echo 2 >d && strata commit -q -a -m two
	strata switch -q main
	rc 1 strata merge -q side
	echo hand >d/g && strata add d/g
	rc 7 strata resolve d --theirs
	err "'d/g' was staged by hand and is in the way" strata resolve d --theirs
	out 'f
hand' cat d/f d/g
	strata resolve -q d --ours
	out 'f
hand' cat d/f d/g
	strata mv d/g g
	strata resolve -q d --theirs
	out '2
hand' cat d g
	strata merge -q --continue
	out '' strata status -s
	strata merge -q --replay HEAD
}

usage() {
	setup
	rc 2 strata resolve
	rc 2 strata resolve b
	rc 2 strata resolve b --ours --theirs
	rc 2 strata resolve b --side 2
	rc 2 strata resolve b --side x
	rc 2 strata resolve b --from v9
	rc 2 strata resolve nothing --ours
	err "'nothing' matches no conflict" strata resolve nothing --ours
	want 2 2 2 3
	strata merge -q --abort
	rc 7 strata resolve b --ours
	err 'no merge is under way' strata resolve b --ours
}

keeps_edits() {
	setup
	model m.safetensors a.x:F32:64:7 a.y:F32:64:7 b:F32:64:7 c:F32:64:7
	rc 7 strata resolve b --theirs
	want 7 7 7 7
	match '3 of 3 conflicts left' strata status
	strata restore -q m.safetensors
	strata resolve -q '*' --theirs
	want 3 3 3 3
	strata merge -q --abort
	want 2 2 2 1
}

floats() { # FILE NAME=NUMBER... --meta TEXT: a model of tensors of two numbers each
	python3 - "$@" <<'EOF'
import json, struct, sys
head, data, words = {}, b"", sys.argv[2:]
if "--meta" in words:
    at = words.index("--meta")
    head["__metadata__"] = {"k": words[at + 1]}
    del words[at:at + 2]
for word in words:
    name, number = word.split("=")
    head[name] = {"dtype": "F32", "shape": [2], "data_offsets": [len(data), len(data) + 8]}
    data += struct.pack("<2f", float(number), 1)
text = json.dumps(head).encode()
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
EOF
}

# The words of three models: the base, ours, theirs
three() {
	rm -rf repo && mkdir repo && cd repo && strata init -q
	floats m.safetensors $1 && cp m.safetensors ../base && strata add . && strata commit -q -m one
	strata branch side
	floats m.safetensors $2 && cp m.safetensors ../ours && strata commit -q -a -m two
	strata switch -q side
	floats m.safetensors $3 && cp m.safetensors ../theirs && strata commit -q -a -m three
	strata switch -q main
}

# resolve with these words makes a version with the file of that side
chooses() { # WORDS base|ours|theirs
	rc 1 strata merge -q side
	strata resolve -q m.safetensors $1
	same_model m.safetensors "../$2"
	strata merge -q --continue
	same_model m.safetensors "../$2"
	strata merge -q --replay HEAD
	strata undo -q
}

all_versions() {
	chooses --ours ours
	chooses --theirs theirs
	chooses --base base
	chooses '--from main' ours
	chooses '--from side' theirs
	chooses '--from v1' base
	strata fsck --full
}

# What a version that is merged, or the base, calls otherwise or has not, --from gives so.
from_names() {
	three 'a=1 b=2' 'x=1 b=2' 'y=1 b=2'
	rc 1 strata merge side
	match '^  rename/rename  m.safetensors::x  base: a, theirs: y  D 0' strata status
	match '"names":{"base":"a","ours":"x","theirs":"y"}' strata status --json
	strata merge -q --abort
	all_versions
	for t_side in 'a=1 b=2|x=1 b=2|b=2' 'a=1 b=2|b=2|x=1 b=2' 'a=1 b=2|a=3 b=2|b=2' 'a=1 b=2|b=2|a=3 b=2'; do
		cd .. && three "${t_side%%|*}" "$(echo "$t_side" | cut -d'|' -f2)" "${t_side##*|}"
		all_versions
	done
	# another version has it by one of its names, or not
	cd .. && three 'a=1 b=2' 'x=1 b=2' 'y=1 b=2'
	strata switch -q -c other v1
	floats m.safetensors y=7 b=2 && strata commit -q -a -m four
	floats m.safetensors b=2 && strata commit -q -a -m five
	strata switch -q main
	rc 1 strata merge -q side
	rc 2 strata resolve x --from other
	err 'the version of --from has no tensor "x", and none of its other names' strata resolve x --from other
	cmp m.safetensors ../ours
	strata resolve -q x --from other^
	floats ../want y=7 b=2
	cmp m.safetensors ../want
}

# The metadata of a model are one version's, as other conflicts are.
metadata() {
	three 'a=1 --meta 1' 'a=1 --meta 2' 'a=1 --meta 3'
	rc 1 strata merge -q side
	match '"name":"\(metadata\)".*"base":"[0-9a-f]+"' strata status --json
	rc 7 strata resolve '*' --method linear
	rc 2 strata resolve '(metadata)' --method linear
	err 'one version.s: --ours, --theirs, --base or --from' strata resolve '(metadata)' --method linear
	cmp m.safetensors ../ours
	strata merge -q --abort
	all_versions
	# with tensors of the others, decided otherwise again, and of another version
	cd .. && three 'a=1 b=2 c=5 --meta 1' 'a=3 b=2 c=6 --meta 2' 'a=1 b=4 c=7 --meta 3'
	strata switch -q -c other v1
	floats m.safetensors b=9 q=9 --meta 9 && strata commit -q -a -m four
	strata switch -q main
	rc 1 strata merge -q side
	strata resolve -q c --theirs
	for t_way in '--base 1' '--from+other 9' '--theirs 3' '--from+v1 1' '--ours 2' '--from+side 3' '--base 1'; do
		strata resolve -q '(metadata)' $(echo "${t_way% *}" | tr + ' ')
		out "__metadata__ ${t_way#* }
a 3
b 4
c 7" numbers m.safetensors
	done
	strata merge -q --continue
	strata merge -q --replay HEAD
	match '^configuration +m.safetensors::\(metadata\) .*  base$' strata show
	# which the base has none of
	cd .. && three 'a=1' 'a=1 --meta 2' 'a=1 --meta 3'
	all_versions
	strata fsck --full
}

same_model() {
	numbers "$2" >../want.numbers
	numbers "$1" | diff ../want.numbers -
}

# Names, first numbers, and metadata
numbers() {
	python3 - "$1" <<'EOF'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = 8 + struct.unpack("<Q", data[:8])[0]
for name, t in sorted(json.loads(data[8:size]).items()):
    if name == "__metadata__":
        print(name, t["k"])
    else:
        print(name, round(struct.unpack_from("<f", data, size + t["data_offsets"][0])[0]))
EOF
}

# Figures of what is not finite on a side, and the option that lets methods read it.
not_finite() {
	three 'a=1' 'a=nan' 'a=3'
	rc 1 strata merge side
	match '^  values +m.safetensors::a  D 0, cosine 1.0000, 1 of 2 changed, 1 not finite$' strata status
	match '"figures":\{"numel":1,"changed":1,"mad":0,.*"nonfinite":1\}' strata status --json
	rc 7 strata resolve a --method linear
	err 'element 0 of ours is nan: --allow-nonfinite \(average, merge, merge-file, resolve, cherry-pick, revert\) lets it' strata resolve a --method linear
	cmp m.safetensors ../ours
	strata resolve -q a --method linear --allow-nonfinite
	match '^Merging: all conflicts are decided' strata status
	strata merge -q --continue
	match '^values +m.safetensors::a .*  linear' strata show
	strata merge -q --replay HEAD
	strata fsck --full
}

# What the base and both sides have, where that tells more than the figures.
each_has() {
	repo
	model m.safetensors shape:F32:4,8:1 type:F32:4:2 gone:F32:8:3 --meta k=base
	long=$(printf '%0150d' 0)
	printf '{"n": 768, "list": [\n1,\n%120s2], "gone": true, "long": "%s"}\n' '' "$long" >c.json
	printf '1\n2\n3\n4\n5\n' >t
	printf 'base\0' >b
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors shape:F32:5,8:4 type:BF16:4:5 gone:F32:8:6 --meta k=ours
	printf '{"n": 1024, "list": [], "gone": false, "long": "\303\244%s"}\n' "$long" >c.json
	printf '1\nII\n3\nIV\n5\n' >t
	printf 'ours, longer\0' >b
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors shape:F32:4,9:7 type:F32:4:8 --meta k=theirs
	printf '{"n": null, "list": "\\t", "long": "%s\303\244"}\n' "${long%00000000000000000000000000000000}" >c.json
	printf '1\n22\n3\n44\n5\n' >t
	printf 'theirs\0' >b
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side
	out '  binary         b  base 5 B, ours 13 B, theirs 7 B
  configuration  c.json::gone  base true, ours false, theirs removed it
  configuration  c.json::list  base [ 1, 2], ours [], theirs "\t"
  configuration  c.json::long  base "000000000000000000000000000000000000..., ours "ä0000000000000000000000000000000000..., theirs "000000000000000000000000000000000000...
  configuration  c.json::n  base 768, ours 1024, theirs null
  configuration  m.safetensors::(metadata)  base {"metadata":{"k":"base"}}, ours {"metadata":{"k":"ours"}}, theirs {"metadata":{"k":"theirs"}}
  delete/modify  m.safetensors::gone  theirs removed it  D #, 8 of 8 changed
  shape          m.safetensors::shape  base f32 [4, 8], ours f32 [5, 8], theirs f32 [4, 9]
  dtype          m.safetensors::type  base f32 [4], ours bf16 [4], theirs f32 [4]  D #, 4 of 4 changed
  text           t  2 places' sh -c "strata status | sed -n 's/D [0-9.]*, cosine [-0-9.]*/D #/; /^  [a-z/]* *[bcmt][ .]/p'"
	strata status --json >../all
	python3 - <<-'END'
	import json
	with open("../all") as f:
	    lines = [json.loads(line) for line in f]
	has = {c["name"] or c["path"]: c for c in lines if c["kind"] == "conflict"}
	def key(value, size=None):
	    return {"dtype": None, "shape": None, "value": value, "size": size or len(value), "files": None}
	assert has["n"]["has"] == {"base": key("768"), "ours": key("1024"), "theirs": key("null")}
	assert has["long"]["has"]["theirs"] == key('"' + "0" * 118, 122), has["long"]
	assert has["gone"]["has"]["theirs"] is None and has["gone"]["figures"]["numel"] == 8
	assert has["t"]["places"] == 2 and has["b"]["places"] is None
	shape = has["shape"]
	assert shape["figures"] is None
	assert shape["has"]["ours"] == {"dtype": "f32", "shape": [5, 8], "value": None, "size": 160, "files": None}
	END
	# and what became of it after a decision
	strata resolve -q 'm.safetensors::shape' --ours
	match '"name":"shape","type":"shape","how":"ours".*"ours":\{"dtype":"f32","shape":\[5,8\]' strata status --json
	strata merge -q --abort
}

# The lines of both sides, as they were written, are nobody's decision.
untouched() {
	repo
	printf '1\n2\n3\n' >t && cp t u && echo 1 >other && model m.safetensors a:F32:4:1
	strata add . && strata commit -q -m one
	strata branch side
	printf '1\nII\n3\n' >t && cp t u && model m.safetensors a:F32:4:2
	strata commit -q -a -m two
	strata switch -q side
	printf '1\n22\n3\n' >t && cp t u && model m.safetensors a:F32:4:3
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side
	cp .strata/index ../index && cp t ../marked
	echo 2 >other
	# neither with all, nor by its name
	err "'t' has the lines of both sides between markers, as the merge wrote it: edit it first" strata add t
	rc 7 strata add other t
	err '3 conflicts of the merge are left' strata commit -q -a -m all
	err 'the message is empty' strata commit -q -a -m ''
	err 'a merge is under way: its version is a new one' strata commit -q -a --amend -m all
	cmp .strata/index ../index
	strata add . 2>../told
	grep "warning: 'u' is left: it has the lines of both sides" ../told
	match '^Merging: 3 of 3 conflicts left' strata status
	strata restore -q --staged other && echo 1 >other
	# what was changed is somebody's
	sed 's/^II$/2 and II/; /^[<=>|]/d; /^2*$/d' t >t2 && mv t2 t
	strata add .
	match '^Merging: 2 of 3 conflicts left' strata status
	match '"path":"t".*"how":"by hand"' strata status --json
	strata resolve -q m.safetensors --theirs
	rc 7 strata commit -q -a -m all
	cmp u ../marked
	strata resolve -q u --theirs
	strata commit -q -a -m all
	out '1
22
3' strata cat HEAD:u
	fails sh -c 'strata cat HEAD:t | grep "<<<"'
	# a mode decides nothing, and a command that is to be asked is asked
	strata reset -q --hard HEAD~1
	rc 1 strata merge -q side --accept-if true
	strata resolve -q t u --theirs
	cp .strata/index ../index
	chmod +x m.safetensors
	err '1 conflict of the merge is left' strata commit -q -a -m all
	cmp .strata/index ../index
	chmod -x m.safetensors && strata resolve -q m.safetensors --theirs
	cp .strata/index ../index && echo 3 >other
	err "this merge is to be accepted by 'true'" strata commit -q -a -m all
	cmp .strata/index ../index
	strata merge -q --abort
	# as a file of its own neither
	rc 1 strata merge -q side
	strata rm -q --cached t
	rc 7 strata add t
	strata merge -q --abort
}

# What a method cannot compute with is left to be decided: it wants a base, or another type.
beyond() {
	repo
	model m.safetensors a:F32:8:1 steps:I16:4:1 gone:F32:8:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:8:2 steps:I16:4:2 new:F32:8:2
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a:F32:8:3 steps:I16:4:3 new:F32:8:3 gone:F32:8:3
	strata commit -q -a -m three
	strata switch -q main
	for t_how in '--method ties' '--rule *=ties'; do
		rc 1 strata merge $t_how side
		out 'delete/modify gone
add/add new
values steps' sh -c "strata status | sed -n 's/^  \([a-z/]*\)  *m.safetensors::\([a-z]*\).*/\1 \2/p'"
		strata merge -q --abort
	done
	rc 1 strata merge -q side
	for t_glob in '*' m.safetensors '*[aeps]'; do
		out '1 decided, 3 left' strata resolve "$t_glob" --method ties
	done
	err "tensor 'new': method 'ties' needs a base" strata resolve new --method ties
	err "method 'ties' does not apply to i16; linear, ours, theirs and base do" strata resolve m.safetensors::steps --method ties
	rc 7 strata resolve 's*' --method ties
	out '3 decided, 1 left' strata resolve m.safetensors --method linear
	strata resolve -q gone --theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# Values for each version are told for all that are merged, whoever changed the tensor.
each_weight() {
	repo
	model m.safetensors a:F32:4:1 b:F32:4:1 && strata add . && strata commit -q -m one
	strata branch s1 && strata branch s2
	model m.safetensors a:F32:4:2 b:F32:4:1 && strata commit -q -a -m two
	strata switch -q s1 && model m.safetensors a:F32:4:3 b:F32:4:3 && strata commit -q -a -m s1
	strata switch -q s2 && model m.safetensors a:F32:4:1 b:F32:4:4 && strata commit -q -a -m s2
	strata switch -q main
	cp m.safetensors ../before
	err "weight of method 'linear' has 2 values for 3 models" strata merge s1 s2 --method linear:weight=1/3
	rc 1 strata merge -q s1 s2
	err "weight of method 'linear' has 2 values for 3 models" strata resolve '*' --method linear:weight=1/3
	cmp m.safetensors ../before
	strata resolve -q '*' --method linear:weight=1/3/5
	strata merge -q --continue
	strata cat HEAD^2:m.safetensors >../s1 && strata cat HEAD^3:m.safetensors >../s2
	cp ../before ../ours.safetensors && mv ../s1 ../s1.safetensors && mv ../s2 ../s2.safetensors
	strata merge-file ../ours.safetensors ../s1.safetensors --method linear:weight=1/3 -o ../a.safetensors >/dev/null
	strata merge-file ../s1.safetensors ../s2.safetensors --method linear:weight=3/5 -o ../b.safetensors >/dev/null
	[ "$(strata cat m.safetensors::a | sha256sum)" = "$(strata cat ../a.safetensors::a | sha256sum)" ]
	[ "$(strata cat m.safetensors::b | sha256sum)" = "$(strata cat ../b.safetensors::b | sha256sum)" ]
}

# What the merge writes itself is nobody's change: the mode of theirs.
modes() {
	for t_mode in +x -x; do
		repo
		seq 9 >t && chmod a-x t
		[ $t_mode = +x ] || chmod +x t
		strata add . && strata commit -q -m one
		strata branch side
		sed -i 3s/.*/O/ t && strata commit -q -a -m two
		strata switch -q side
		sed -i 3s/.*/T/ t && chmod $t_mode t
		strata commit -q -a -m three
		strata switch -q main
		rc 1 strata merge side
		match '^<<<<<<< ours$' cat t
		[ -x t ] && t_is=+x || t_is=-x
		[ $t_is = $t_mode ]
		strata resolve -q '*' --theirs
		strata merge -q --continue
		out '' strata diff HEAD^2 HEAD
		out '' strata status -s
		cd .. && rm -rf repo
	done
}

# Of three versions two add a configuration, and the third one has none: it has no say in it, unless
# it is chosen.
json_of_two() {
	repo
	echo q >q && strata add . && strata commit -q -m base
	for t_side in s1 s2; do strata branch $t_side; done
	echo '{"a": 0, "b": 1}' >j.json && echo '[1]' >k.json && strata add . && strata commit -q -m ours
	strata switch -q s1
	echo '{"a": 2, "b": 1}' >j.json && echo '{"a": 1}' >k.json && strata add . && strata commit -q -m one
	strata switch -q s2
	echo w >w && strata add . && strata commit -q -m two
	strata switch -q main
	rc 1 strata merge s1 s2
	match '^  configuration +j.json::a( |$)' strata status
	match '^  configuration +k.json( |$)' strata status
	for t_how in --side=2 --from=s2 --base; do
		strata resolve -q '*' $t_how
		out '{"b": 1}' cat j.json
		rc 1 test -e k.json
		strata resolve -q '*' --side=1
		out '{"a": 2, "b": 1}' cat j.json
		out '{"a": 1}' cat k.json
	done
	strata resolve -q '*' --base
	strata merge -q --continue
	strata merge -q --replay HEAD
	rc 1 test -e k.json
	out '' strata status -s
}

# Two of three versions add a text that this branch has not.
text_of_others() {
	repo
	echo q >q && strata add . && strata commit -q -m base
	for t_side in s1 s2; do
		strata branch $t_side && strata switch -q $t_side
		echo $t_side >t.txt && strata add . && strata commit -q -m $t_side
		strata switch -q main
	done
	echo w >w && strata add . && strata commit -q -m ours
	rc 1 strata merge s1 s2
	match "^  add/add +t.txt( |$)" strata status
	rc 1 test -e t.txt
	strata merge -q --abort
	echo mine >t.txt
	rc 1 strata merge s1 s2
	out mine cat t.txt
	rc 7 strata resolve t.txt --side 2
	mv t.txt ../t.txt
	strata resolve -q t.txt --side 2
	out s2 cat t.txt
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# Rows that came on both sides are told apart by a tokenizer, if there is one.
no_tokenizer() {
	repo
	mkdir -p d/e
	model d/e/m.safetensors emb:F32:4,8:1
	strata add . && strata commit -q -m one
	strata branch side
	model d/e/m.safetensors emb:F32:6,8:2
	strata commit -q -a -m two
	strata switch -q side
	model d/e/m.safetensors emb:F32:7,8:3
	strata commit -q -a -m three
	strata switch -q main
	strata merge side >../said 2>&1 || [ $? = 1 ]
	grep -q '^  vocabulary  *d/e/m.safetensors::emb ' ../said
	fails grep -e --vocab ../said
	for t_at in d/e/vocab.txt d/tokenizer.json vocab.json; do
		echo >"$t_at"
		match '^  \(strata resolve GLOB --vocab union joins vocabularies by token\)$' strata status
		rm "$t_at"
	done
	echo >d/vocab && mkdir d/e/f && echo >d/e/f/vocab.txt
	strata status >../said
	fails grep -e --vocab ../said
}

it 'decides, and decides anew' decides
it 'by methods' methods
it 'what a method cannot join' joins
it 'says what to do instead' hints
it 'of a union only where there is a tokenizer' no_tokenizer
it 'files settled by hand' by_hand
it 'a pattern spares them' spares
it 'added as this branch has it' as_ours
it 'a mode that was staged' modes
it 'taken back, what was staged besides stays' abort_keeps
it 'what is in the way' in_the_way
it 'wrong usage' usage
it 'takes what a version calls otherwise, or has not' from_names
it 'metadata of any version' metadata
it 'what is not finite' not_finite
it 'what each version has' each_has
it 'markers that nobody touched' untouched
it 'a text of which theirs changed the mode, too' modes
it 'what a method cannot compute with' beyond
it 'a weight for each version' each_weight
it 'changes of the file stay' keeps_edits
it 'configurations that not all of three versions have' json_of_two
it 'a text that only other versions have' text_of_others
finish
