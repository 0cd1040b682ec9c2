#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Method lora where versions are merged, against numpy bit for bit. tests/cli/test_merge_adapter.sh
# and tests/interop/test_peft.py have the method itself, and what of adapters is refused.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"
need_python numpy

P=base_model.model
cat >"$t_tmp/lora.py" <<'END'
import json, math, os, sys
import numpy as np
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

def load(path):
    raw = open(path, "rb").read()
    n = int.from_bytes(raw[:8], "little")
    out = {}
    for k, v in json.loads(raw[8:8 + n]).items():
        if k == "__metadata__":
            continue
        b, e = v["data_offsets"]
        x = np.frombuffer(raw[8 + n + b:8 + n + e], TYPES[v["dtype"]])
        if v["dtype"] == "BF16":
            x = (x.astype("<u4") << 16).view("<f4")
        out[k] = v["dtype"], x.astype(np.float64).reshape(v["shape"])
    return out

def coded(x, dtype):
    if dtype != "BF16":
        return x.astype(TYPES[dtype])
    u = x.astype("<f4").view("<u4").astype(np.uint64)
    return ((u + 0x7fff + (u >> 16 & 1)) >> 16).astype("<u2")

def save(path, tensors):
    head, data = {}, b""
    for name, (dtype, x) in tensors.items():
        x = coded(x, dtype).tobytes()
        head[name] = {"dtype": dtype, "shape": list(tensors[name][1].shape),
                      "data_offsets": [len(data), len(data) + len(x)]}
        data += x
    head = json.dumps(head).encode()
    head += b" " * (-len(head) % 8)
    open(path, "wb").write(len(head).to_bytes(8, "little") + head + data)

def drawn(specs, seed, by):
    rng, out = np.random.default_rng(seed), {}
    for name, dtype, dims in (x.rsplit(":", 2) for x in specs):
        out[name] = dtype, rng.normal(0, by, [int(d) for d in dims.split(",")])
    return out

def products(folder, part=1.0):
    """Of each weight: what the adapter adds, in double, in the order of r."""
    config = json.load(open(folder + "/adapter_config.json"))
    t, out = load(folder + "/adapter_model.safetensors"), {}
    for name, (_, a) in t.items():
        for end, other, turned in ((".lora_A.weight", ".lora_B.weight", config.get("fan_in_fan_out")),
                                   (".lora_embedding_A", ".lora_embedding_B", True)):
            if not name.endswith(end):
                continue
            base = name[:-len(end)]
            b, r = t[base + other][1], a.shape[0]
            alpha = config["lora_alpha"] / (math.sqrt(r) if config.get("use_rslora") else r)
            total = np.zeros((b.shape[0], a.shape[1]))
            for i in range(r):
                total = total + np.outer(b[:, i], a[i])
            total = total * (part * alpha)
            out[base[len("base_model.model."):] + ".weight"] = total.T if turned else total
    return out

what, args = sys.argv[1], sys.argv[2:]
if what == "weights":  # FILE SEED NAME:DTYPE:DIMS...
    save(args[0], drawn(args[2:], int(args[1]), 1))
elif what == "factors":  # FILE SEED NAME:DTYPE:DIMS...
    save(args[0], drawn(args[2:], int(args[1]), 0.3))
elif what == "apply":  # FROM TO [FOLDER]...: as PEFT, and rounded twice
    t = load(args[0])
    for folder in args[2:]:
        for name, x in products(folder).items():
            if name in t:
                dtype, w = t[name]
                y = coded(x, dtype)
                y = (y.astype("<u4") << 16).view("<f4") if dtype == "BF16" else y
                t[name] = dtype, w + y.astype(np.float64)
    save(args[1], t)
elif what == "swap":  # FILE OTHER NAME...: as OTHER has them
    save(args[0], {k: load(args[1])[k] if k in args[2:] else v for k, v in load(args[0]).items()})
elif what == "same":  # GOT OURS NAMES [FOLDER PART RENAMED=NAME,...]...: ours with these, rounded once?
    got, ours, names, rest = load(args[0]), load(args[1]), args[2].split(","), args[3:]
    for name in names:
        dtype, w = ours[name]
        for i in range(0, len(rest), 3):
            called = dict(x.split("=") for x in rest[i + 2].split(",") if x)
            w = w + products(rest[i], float(rest[i + 1])).get(called.get(name, name), 0)
        assert got[name][0] == dtype
        assert np.array_equal(coded(got[name][1], dtype), coded(w, dtype)), name
END

numbers() { "$ST_PYTHON" "$t_tmp/lora.py" "$@"; }

FORM='q.weight:F32:16,8 k.weight:F64:12,8 v.weight:F16:6,5 o.weight:BF16:9,4 n:F32:7'
FACTORS="$P.q.lora_A.weight:F32:3,8 $P.q.lora_B.weight:F32:16,3 $P.k.lora_A.weight:F64:3,8 $P.k.lora_B.weight:F32:12,3
$P.v.lora_A.weight:F16:3,5 $P.v.lora_B.weight:F16:6,3 $P.o.lora_A.weight:BF16:3,4 $P.o.lora_B.weight:F32:9,3"

weights() { # FILE SEED [TENSOR]...
	t_f=$1 t_s=$2
	shift 2
	numbers weights "$t_f" "$t_s" ${*:-$FORM}
}
adapter() { # FOLDER SEED [TENSOR]...; MEMBERS
	t_f=$1 t_s=$2
	shift 2
	mkdir -p "$t_f"
	printf '{"peft_type": "LORA", %s}\n' "${MEMBERS:-\"r\": 3, \"lora_alpha\": 5}" >"$t_f/adapter_config.json"
	numbers factors "$t_f/adapter_model.safetensors" "$t_s" ${*:-$FACTORS}
}
version() { strata add -A . && strata commit -q -m "$1"; }

# Ours trained all weights and n; theirs merged an adapter. Kept in ../base, ../ours, ../theirs.
# two [FOLDER/]
two() {
	d=${1:-} m=${1:-}model.safetensors
	repo
	[ -z "$d" ] || mkdir -p "$d"
	weights "$m" 1
	version base
	strata branch side
	cp -r . ../base
	weights "$m" 2
	version ours
	cp -r . ../ours
	strata switch -q side
	adapter "./$d" 7
	numbers apply "../base/$m" "$m" "./$d"
	version theirs
	cp -r . ../theirs
	strata switch -q main
}

theirs_has() { # COMMAND...: in the next version of side
	strata switch -q side
	"$@"
	version more
	rm -rf ../theirs
	cp -r . ../theirs
	strata switch -q main
}

replays() {
	match '^the same, bit for bit' strata merge --replay HEAD
	[ ! -s "$t_tmp/err" ]
}

unmoved() { # status, expression, command...: refused, and nothing changes
	t_s=$1 t_e=$2 t_head=$(strata log --oneline -1) t_sum=$(cat ./*.safetensors */*.safetensors 2>/dev/null | b3sum)
	shift 2
	strata status -s >"$t_tmp/status"
	err "$t_e" "$@"
	[ "$t_rc" -eq "$t_s" ]
	strata status -s | cmp - "$t_tmp/status"
	[ "$t_head" = "$(strata log --oneline -1)" ]
	[ "$t_sum" = "$(cat ./*.safetensors */*.safetensors 2>/dev/null | b3sum)" ]
}

W=q.weight,k.weight,v.weight,o.weight
joins() {
	two
	strata merge -q side --method lora
	numbers same model.safetensors ../ours/model.safetensors $W,n ../theirs 1 ''
	cmp adapter_model.safetensors ../theirs/adapter_model.safetensors
	match '^values  model.safetensors::q.weight .*  lora:scale=1$' strata show
	out '' strata status -s
	replays
	strata fsck --full
	cp model.safetensors ../got
	# the same as merge-file makes of it
	strata merge-file -q ../ours/model.safetensors --method lora --adapter ../theirs -o ../want
	cmp model.safetensors ../want
	# and however it is computed
	for how in '--jobs 1' '--jobs 3' '--memory 8M'; do
		strata undo -q
		strata $how merge -q side --method lora
		cmp model.safetensors ../got
	done
}

parameters() {
	two some/folder/
	m=some/folder/model.safetensors
	strata merge -q side --rule '[qk].weight=lora:scale=0.5' --rule 'some*::v*=lora' --method theirs
	numbers same $m ../ours/$m q.weight,k.weight ../theirs/some/folder 0.5 ''
	numbers same $m ../ours/$m v.weight ../theirs/some/folder 1 ''
	numbers same $m ../theirs/$m o.weight
	replays
	strata undo -q
	strata config merge.method lora
	strata config merge.rules 'o.weight=ours'
	strata merge -q side
	numbers same $m ../ours/$m q.weight,k.weight,v.weight ../theirs/some/folder 1 ''
	numbers same $m ../ours/$m o.weight
	replays
	strata undo -q
	unmoved 2 "scale of method 'lora' has 2 values for 1 models" strata merge side --method lora:scale=1/2
	unmoved 2 "rule 'n=lora' decides about no tensor" strata merge side --rule n=lora
}

# What the adapter has no factors for, or has whole, is for other rules, or in conflict.
passes() {
	two
	trained() {
		weights_of_n
		adapter . 7 $FACTORS $P.n:F32:7
	}
	theirs_has trained
	rc 1 strata merge side --method lora
	printf "strata: warning: 'model.safetensors': method lora leaves tensor \"n\" to be decided: %s\n" \
		'an adapter has the whole of it, which would take the place of ours' >../want
	head -1 "$t_tmp/err" | cmp - ../want
	match '^Merging: 1 of 5 conflicts left' strata status
	strata resolve -q n --theirs
	strata merge -q --continue
	numbers same model.safetensors ../ours/model.safetensors $W ../theirs 1 ''
	numbers same model.safetensors ../theirs/model.safetensors n
	replays
	strata undo -q
	theirs_has adapter . 7
	strata merge -q side --rule '*=lora' --method linear
	[ ! -s "$t_tmp/err" ]
	match '^values  model.safetensors::n .*  linear' strata show
	match '^values  model.safetensors::q.weight .*  lora' strata show
	replays
	strata undo -q
	unmoved 2 "rule 'n=lora' decides about no tensor" strata merge side --method linear --rule n=lora
	# what its factors are added to is its own
	theirs_has adapter . 7 $FACTORS $P.q.base_layer.weight:F32:16,8
	rc 1 strata merge side --method lora
	grep -q 'tensor "q.weight" and 1 more to be decided: an adapter has what its factors are added to' "$t_tmp/err"
	strata merge -q --abort
}

resolved() {
	two
	theirs_has weights_of_n
	rc 1 strata merge side
	fails grep lora "$t_tmp/err"
	out '4 decided, 1 left' strata resolve '*' --method lora
	numbers same model.safetensors ../ours/model.safetensors $W,n ../theirs 1 ''
	unmoved 7 'tensor "n" of .model.safetensors.: method lora has nothing for it, as an adapter has no factors for it' \
		strata resolve n --method lora
	unmoved 7 "'n\*' matches no tensor that method lora can join" strata resolve 'n*' --method lora
	strata resolve -q n --ours
	# a pattern leaves what was decided about it
	match '^4 decided, 0 left' strata resolve model.safetensors --method lora:scale=0.25
	numbers same model.safetensors ../ours/model.safetensors $W,n ../theirs 0.25 ''
	strata resolve -q q.weight --theirs
	strata merge -q --continue
	numbers same model.safetensors ../ours/model.safetensors k.weight,v.weight,o.weight,n ../theirs 0.25 ''
	numbers same model.safetensors ../theirs/model.safetensors q.weight
	match '^the same, bit for bit' strata merge --replay HEAD
}
weights_of_n() {
	weights ../n 8
	numbers swap model.safetensors ../n n
}

gone() { strata rm -q adapter_model.safetensors; }
no_config() { strata rm -q adapter_config.json; }
restored() { cp "$t_tmp/adapter"/* .; }
text() { echo text >adapter_model.safetensors; }
torn() { head -c 200 ../theirs/adapter_model.safetensors >../torn && cp ../torn adapter_model.safetensors; }
no_number() {
	restored
	"$ST_PYTHON" - <<-'END'
	import struct
	raw = open("adapter_model.safetensors", "rb").read()
	open("adapter_model.safetensors", "wb").write(raw[:-4] + struct.pack("<f", float("nan")))
	END
}
refuses() {
	two
	mkdir "$t_tmp/adapter"
	cp ../theirs/adapter_* "$t_tmp/adapter/"
	theirs_has gone
	why="strata: theirs has no 'adapter_model.safetensors', which method lora adds: commit it there beside the model, with its adapter_config.json, or use 'strata merge-file --adapter'\$"
	unmoved 2 "^$why" strata merge side --method lora
	unmoved 2 "^$why" strata merge side --method linear --rule k.weight=lora
	strata merge -q side --rule k.weight=ours --rule '*=linear' # which nothing is added to
	strata undo -q
	theirs_has restored
	theirs_has no_config
	unmoved 2 "^strata: 'adapter_model.safetensors' of theirs has no adapter_config.json beside it, which says how much" \
		strata merge side --method lora
	theirs_has text
	unmoved 2 "^strata: 'adapter_model.safetensors' of theirs, which method lora adds, has no tensors\$" \
		strata merge side --method lora
	MEMBERS='"r": 3, "lora_alpha": 5, "use_dora": true' theirs_has adapter . 7
	unmoved 7 "^strata: 'adapter_config.json' of theirs: \"use_dora\" is set, which strata cannot apply" \
		strata merge side --method lora
	theirs_has adapter . 7 $FACTORS $P.x.lora_A.weight:F32:3,8 $P.x.lora_B.weight:F32:16,3
	unmoved 7 "^strata: 'adapter_model.safetensors' of theirs: \"x.weight\" is no tensor of the model" \
		strata merge side --method lora
	MEMBERS='"r": 4, "lora_alpha": 5' theirs_has adapter . 7
	unmoved 7 "of theirs: \"q.weight\" has factors of rank 3, but adapter_config.json says 4" \
		strata merge side --method lora
	theirs_has adapter . 7 $P.q.lora_A.weight:F32:3,9 $P.q.lora_B.weight:F32:16,3
	unmoved 7 "of theirs: \"q.weight\" has another shape than its factors make" strata merge side --method lora
	theirs_has no_number
	unmoved 7 "tensor 'o.weight': element [0-9]+ of a factor of 'adapter_model.safetensors' of theirs is not finite" \
		strata merge side --method lora
	# resolve refuses the same, and the merge under way stays
	theirs_has no_config
	rc 1 strata merge side
	unmoved 2 'of theirs has no adapter_config.json beside it' strata resolve '*' --method lora
	unmoved 2 'of theirs has no adapter_config.json beside it' strata resolve q.weight --method lora
	unmoved 2 'method lora adds factors to tensors, not to rows of tokens' \
		strata resolve '*' --vocab union --method lora
	strata merge -q --abort
	out '' strata status -s
}

# Only what the adapter says comes to ours, so that it has to be all that theirs did.
explained() {
	two
	theirs_has adapter . 9 # of other weights
	why='tensor "q.weight": what theirs made of the base.s is not what .adapter_model.safetensors. of theirs adds: method lora would lose the difference'
	unmoved 7 "$why" strata merge side --method lora
	unmoved 7 "$why" strata merge side --method linear --rule q.weight=lora
	trained() {
		adapter . 7
		numbers apply ../base/model.safetensors model.safetensors .
		weights ../more 5
		strata merge-file -q model.safetensors ../more --method linear:weight=0.99/0.01 -o ../new
		cp ../new model.safetensors
	}
	theirs_has trained
	unmoved 7 "$why" strata merge side --method lora
	rc 1 strata merge side
	unmoved 7 "$why" strata resolve q.weight --method lora
	strata merge -q --abort
	# one after the other: the second is tracked, and is not all of it
	twice() {
		adapter ../first 7
		adapter . 9
		numbers apply ../base/model.safetensors model.safetensors ../first .
	}
	theirs_has twice
	unmoved 7 "$why" strata merge side --method lora
	# halves: a scale says what comes to ours, not what theirs did
	half() {
		adapter . 7
		sed -i s/5/2.5/ adapter_config.json
		numbers apply ../base/model.safetensors model.safetensors .
		adapter . 7
	}
	theirs_has half
	unmoved 7 "$why" strata merge side --method lora:scale=0.5
	# the same adapter trained on, which ours has already in part
	two
	strata merge -q side --method lora
	weights model.safetensors 12 && version trained && cp -r . ../trained
	strata switch -q side && cp model.safetensors ../before && strata switch -q main
	more() { adapter . 9 && numbers apply ../base/model.safetensors model.safetensors .; }
	theirs_has more
	unmoved 7 "$why" strata merge side --method lora
	# and a second one, behind it
	second() { numbers apply ../before model.safetensors .; }
	theirs_has second
	strata merge -q side --method lora
	numbers same model.safetensors ../trained/model.safetensors $W,n ../theirs 1 ''
	replays
}

# Changes that bf16 loses on theirs, element by element, come to ours whole.
tiny() {
	repo
	weights model.safetensors 1 w.weight:BF16:40,30 h.weight:F16:30,20
	version base
	cp -r . ../base
	strata branch side
	weights model.safetensors 2 w.weight:BF16:40,30 h.weight:F16:30,20
	version ours
	cp -r . ../ours
	strata switch -q side
	MEMBERS='"r": 4, "lora_alpha": 0.01' adapter . 3 $P.w.lora_A.weight:F32:4,30 $P.w.lora_B.weight:F32:40,4 \
		$P.h.lora_A.weight:F16:4,20 $P.h.lora_B.weight:F16:30,4
	numbers apply ../base/model.safetensors model.safetensors .
	version theirs
	cp -r . ../theirs
	strata switch -q main
	strata merge -q side --method lora
	numbers same model.safetensors ../ours/model.safetensors w.weight,h.weight ../theirs 1 ''
	replays
	strata undo -q
	off() { # one element, by the last place
		"$ST_PYTHON" - <<-'END'
		raw = bytearray(open("model.safetensors", "rb").read())
		n = 8 + int.from_bytes(raw[:8], "little")
		for i in range(0, 2400, 2):
		    raw[n + i] ^= 1
		open("model.safetensors", "wb").write(raw)
		END
	}
	theirs_has off
	unmoved 7 'tensor "w.weight": what theirs made of the base.s is not what' strata merge side --method lora
}

# In pieces, whatever the memory and the number of threads.
large() {
	FORM='layers.0.w.weight:BF16:300,1000 layers.7.w.weight:F32:1000,300'
	FACTORS="$P.layers.0.w.lora_A.weight:F32:16,1000 $P.layers.0.w.lora_B.weight:F16:300,16
		$P.layers.7.w.lora_A.weight:BF16:16,300 $P.layers.7.w.lora_B.weight:F64:1000,16"
	MEMBERS='"r": 16, "lora_alpha": 8' two
	strata merge -q side --method lora:scale=0..1
	numbers same model.safetensors ../ours/model.safetensors layers.7.w.weight ../theirs 1 ''
	numbers same model.safetensors ../ours/model.safetensors layers.0.w.weight
	cp model.safetensors ../one
	strata undo -q
	strata --memory 16M --jobs 3 merge -q side --method lora:scale=0..1
	cmp model.safetensors ../one
	strata --memory 16M --jobs 1 merge -q --replay HEAD
	strata undo -q
	MEMBERS='"r": 1200, "lora_alpha": 8' theirs_has adapter . 7 $P.layers.7.w.lora_A.weight:F32:1200,300 \
		$P.layers.7.w.lora_B.weight:F32:1000,1200
	theirs_has numbers apply ../base/model.safetensors model.safetensors .
	unmoved 6 'the factors of the adapter do not fit; raise --memory' strata --memory 16M merge side --method lora
}

# What two did alike is added once, and not at all where ours did so, too.
alike() {
	two
	strata branch third HEAD^ && strata switch -q third
	cp ../theirs/*.safetensors ../theirs/*.json . && version third
	strata switch -q main
	strata merge -q side third --method lora:scale=2/0.5
	numbers same model.safetensors ../ours/model.safetensors $W,n ../theirs 2 ''
	replays
	strata undo -q
	strata switch -q third
	adapter . 9 && numbers apply ../base/model.safetensors model.safetensors . && version more
	cp -r . ../third
	strata switch -q main
	cp ../theirs/model.safetensors . && version alike
	strata merge -q side third --method lora --rule 'adapter_model*::*=theirs'
	numbers same model.safetensors ../theirs/model.safetensors $W,n ../third 1 ''
	replays
}

asked() {
	two
	unmoved 1 'was not accepted' strata merge side --method lora --accept-if 'exit 3'
	strata merge -q side --method lora --accept-if 'cmp adapter_model.safetensors adapter_model.safetensors'
	replays
}

# Three lines; ours renames q and leaves all as it was, and k is not in the third one's adapter.
octopus() {
	two
	strata branch third HEAD^ && strata switch -q third
	adapter . 17 $(echo "$FACTORS" | sed '/[.]v[.]/d')
	numbers apply ../base/model.safetensors model.safetensors .
	version third
	cp -r . ../third
	strata switch -q main
	strata merge -q side third --method lora:scale=2/0.5 --rule 'adapter_model*::*=theirs'
	numbers same model.safetensors ../ours/model.safetensors q.weight,k.weight ../theirs 2 '' ../third 0.5 ''
	numbers same model.safetensors ../ours/model.safetensors v.weight ../theirs 2 ''
	replays
	strata fsck --full
	strata undo -q
	unmoved 2 "scale of method 'lora' has 3 values for 2 models" strata merge side third --method lora:scale=1/2/3
	strata reset -q --hard HEAD^
	"$ST_PYTHON" - <<-'END'
	raw = open("model.safetensors", "rb").read()
	open("model.safetensors", "wb").write(raw.replace(b'"q.weight"', b'"z.weight"'))
	END
	version renames
	strata merge -q side third --method lora:scale=2/0.5 --rule 'adapter_model*::*=theirs'
	numbers same model.safetensors ../base/model.safetensors k.weight ../theirs 2 '' ../third 0.5 ''
	"$ST_PYTHON" - <<-'END'
	raw = open("../base/model.safetensors", "rb").read()
	open("../renamed", "wb").write(raw.replace(b'"q.weight"', b'"z.weight"'))
	END
	numbers same model.safetensors ../renamed z.weight ../theirs 2 z.weight=q.weight ../third 0.5 z.weight=q.weight
	replays
	strata undo -q
	strata switch -q third && gone && version gone && strata switch -q main
	unmoved 2 "^strata: theirs 2 has no 'adapter_model.safetensors'," strata merge side third --method lora
}

# Both have an adapter: theirs's is added, and what becomes of the adapters is said by other rules.
both() {
	two
	adapter . 27
	numbers apply ../base/model.safetensors model.safetensors .
	cp -r . ../mine
	version mine
	rc 1 strata merge side --method lora
	grep -q "^strata: warning: 'adapter_model.safetensors': method lora adds these tensors and does not join them" \
		"$t_tmp/err"
	numbers same model.safetensors ../mine/model.safetensors $W,n ../theirs 1 ''
	unmoved 7 'method lora adds adapters to others, and cannot join it' \
		strata resolve "adapter_model.safetensors::$P.q.lora_A.weight" --method lora
	strata resolve -q adapter_model.safetensors --ours
	strata merge -q --continue
	cp model.safetensors ../got
	replays
	strata undo -q
	strata merge -q side --method lora --rule 'adapter_model.safetensors::*=ours'
	cmp model.safetensors ../got
	cmp adapter_model.safetensors ../mine/adapter_model.safetensors
	replays
}

# fan_in_fan_out, embeddings, rslora; theirs with other types; a model that is wrapped otherwise
kinds() {
	repo
	FORM='m.w.weight:F32:5,9 m.e.weight:F16:11,4 m.x.weight:F32:6'
	weights model.safetensors 1
	version base
	cp -r . ../base
	strata branch side
	weights model.safetensors 2
	version ours
	cp -r . ../ours
	strata switch -q side
	MEMBERS='"r": 2, "lora_alpha": 3, "use_rslora": true, "fan_in_fan_out": true' adapter . 3 \
		$P.m.w.lora_A.weight:F32:2,5 $P.m.w.lora_B.weight:F32:9,2 \
		$P.m.e.lora_embedding_A:F32:2,11 $P.m.e.lora_embedding_B:BF16:4,2
	numbers apply ../base/model.safetensors model.safetensors .
	version theirs
	cp -r . ../theirs
	strata switch -q main
	strata merge -q side --method lora
	numbers same model.safetensors ../ours/model.safetensors m.w.weight,m.e.weight,m.x.weight ../theirs 1 ''
	replays
	strata undo -q
	widened() { strata merge-file -q ../wide model.safetensors --method theirs -o ../new && cp ../new model.safetensors; }
	weights ../wide 9 m.w.weight:BF16:5,9 m.e.weight:F32:11,4 m.x.weight:F32:6
	theirs_has widened
	strata merge -q side --method lora
	numbers same model.safetensors ../ours/model.safetensors m.w.weight,m.e.weight ../theirs 1 ''
	replays
	strata undo -q
	unwrapped() { sed -i 's/base_model.model.m./base_model.model./g; s/^/ /' adapter_config.json && rewrap; }
	rewrap() {
		"$ST_PYTHON" - <<-'END'
		import json
		raw = open("adapter_model.safetensors", "rb").read()
		n = int.from_bytes(raw[:8], "little")
		head = {k.replace(".m.", "."): v for k, v in json.loads(raw[8:8 + n]).items()}
		head = json.dumps(head).encode()
		head += b" " * (-len(head) % 8)
		open("adapter_model.safetensors", "wb").write(len(head).to_bytes(8, "little") + head + raw[8 + n:])
		END
	}
	cp -r ../theirs ../kept
	theirs_has unwrapped
	strata merge -q side --method lora
	numbers same model.safetensors ../ours/model.safetensors m.w.weight,m.e.weight ../kept 1 ''
	replays
}

# Rows that a side appended are no matter of factors.
rows() {
	repo
	weights model.safetensors 1 e.weight:F32:6,4 w.weight:F32:8,3
	version base
	cp -r . ../base
	strata branch side
	weights model.safetensors 2 e.weight:F32:9,4 w.weight:F32:8,3
	cp -r . ../ours
	version ours
	strata switch -q side
	adapter . 3 $P.e.lora_A.weight:F32:3,4 $P.e.lora_B.weight:F32:6,3 $P.w.lora_A.weight:F32:3,3 $P.w.lora_B.weight:F32:8,3
	numbers apply model.safetensors model.safetensors .
	version theirs
	cp -r . ../theirs
	strata switch -q main
	rc 1 strata merge side --method lora
	grep -q 'method lora leaves tensor "e.weight" to be decided: a side has other rows, or another shape' "$t_tmp/err"
	unmoved 7 'method lora has nothing for it, as a side has other rows, or another shape' strata resolve e.weight --method lora
	strata resolve -q e.weight --ours
	strata merge -q --continue
	numbers same model.safetensors ../ours/model.safetensors w.weight ../theirs 1 ''
	replays
}

# What the base has says nothing about what a side did to it. unlike BASE WHY
unlike() {
	repo
	model model.safetensors $1
	version base
	strata branch side
	weights model.safetensors 2 w.weight:F32:8,4
	cp -r . ../ours
	version ours
	strata switch -q side
	weights model.safetensors 3 w.weight:F32:8,4
	adapter . 3 $P.w.lora_A.weight:F32:3,4 $P.w.lora_B.weight:F32:8,3
	version theirs
	strata switch -q main
	rc 1 strata merge side --method lora
	grep -q "method lora leaves tensor \"w.weight\" to be decided: $2" "$t_tmp/err"
	unmoved 7 "method lora has nothing for it, as $2" strata resolve w.weight --method lora
	strata resolve -q w.weight --ours
	strata merge -q --continue
	cmp model.safetensors ../ours/model.safetensors
	replays
}

index() { # OF NAME=NUMBER...
	t_of=$1 t_sep=
	shift
	{
		printf '{"metadata": {"total_size": 704}, "weight_map": {'
		for t_e; do
			printf '%s"%s.weight": "%s"' "$t_sep" "${t_e%=*}" "$(part "${t_e#*=}" "$t_of")"
			t_sep=', '
		done
		printf '}}\n'
	} >m/model.safetensors.index.json
}
part() { printf 'model-%05d-of-%05d.safetensors' "$1" "$2"; }
A=a.weight:F32:8,4 B=b.weight:F32:4,4 C=c.weight:BF16:8,8 D=d.weight:F32:4,2
cut_1() { # a b | c d
	weights "m/$(part 1 2)" $1 $A $B
	weights "m/$(part 2 2)" $1$1 $C $D
	index 2 a=1 b=1 c=2 d=2
}
apply_1() {
	for t_i in 1 2; do
		numbers apply "../base/m/$(part $t_i 2)" "m/$(part $t_i 2)" m
	done
}
apply_2() { # a | b c | d
	apply_1
	"$ST_PYTHON" - <<-'END'
	import sys
	sys.argv = ["", "none"]
	exec(open("../lora.py").read().replace("sys.argv[1]", "'none'"))
	one, two = load("m/model-00001-of-00002.safetensors"), load("m/model-00002-of-00002.safetensors")
	for i, names in enumerate((["a"], ["b", "c"], ["d"])):
	    save("m/model-%05d-of-00003.safetensors" % (i + 1), {n + ".weight": {**one, **two}[n + ".weight"] for n in names})
	END
	rm m/model-*-of-00002*
	index 3 a=1 b=2 c=2 d=3
}
sharded() { # how theirs cuts it
	repo
	cp "$t_tmp/lora.py" ..
	mkdir m
	cut_1 1
	version base
	cp -r . ../base
	strata branch side
	cut_1 2
	version ours
	cp -r . ../ours
	strata switch -q side
	adapter m 3 $P.a.lora_A.weight:F32:3,4 $P.a.lora_B.weight:F32:8,3 $P.b.lora_A.weight:F32:3,4 \
		$P.b.lora_B.weight:F32:4,3 $P.c.lora_A.weight:F32:3,8 $P.c.lora_B.weight:F32:8,3 \
		$P.d.lora_A.weight:F32:3,2 $P.d.lora_B.weight:F32:4,3
	$1
	version theirs
	cp -r . ../theirs
	strata switch -q main
	strata merge -q side --method lora
	strata merge-file -q ../ours/m --method lora --adapter ../theirs/m -o ../want
	for n in a b c d; do
		f=$(sed -n "s/.*\"$n.weight\": \"\([^\"]*\)\".*/\1/p" m/*.index.json)
		g=$(sed -n "s/.*\"$n.weight\": \"\([^\"]*\)\".*/\1/p" ../want/*.index.json)
		strata cat "m/$f::$n.weight" >../got.bytes
		strata cat "../want/$g::$n.weight" | cmp - ../got.bytes
		fails cmp -s ../got.bytes /dev/null
	done
	replays
	strata fsck --full
	strata undo -q
	theirs_has strata rm -q m/adapter_model.safetensors
	unmoved 2 "^strata: theirs has no 'm/adapter_model.safetensors'," strata merge side --method lora
}

# several bases, which differ about q: there is nothing that an adapter was added to
crosswise() {
	repo
	FORM='q.weight:F32:8,4 k.weight:F32:8,4'
	FACTORS="$P.q.lora_A.weight:F32:3,4 $P.q.lora_B.weight:F32:8,3 $P.k.lora_A.weight:F32:3,4 $P.k.lora_B.weight:F32:8,3"
	weights model.safetensors 1 && version base
	cp -r . ../base
	strata switch -q -c side
	weights ../other 2 && numbers swap model.safetensors ../other q.weight && version s1
	strata switch -q main
	weights ../other 3 && numbers swap model.safetensors ../other q.weight && version m1
	strata branch s0 side && strata branch m0 main
	strata merge -q s0 --method ours
	strata switch -q side && strata merge -q m0 --method ours
	adapter . 7
	cp model.safetensors ../was && numbers apply ../was model.safetensors . && version s2
	cp -r . ../theirs
	strata switch -q main
	weights ../other 4 && numbers swap model.safetensors ../other k.weight && version m2
	cp -r . ../ours
	rc 1 strata merge side --method lora
	grep -q 'leaves tensor "q.weight" to be decided: there is no base of it' "$t_tmp/err"
	strata resolve -q q.weight --ours
	strata merge -q --continue
	numbers same model.safetensors ../ours/model.safetensors q.weight
	numbers same model.safetensors ../ours/model.safetensors k.weight ../theirs 1 ''
	replays
}

it 'adds what the adapter of theirs says, rounded once' joins
it 'takes parameters, rules and settings, in a folder' parameters
it 'leaves what the adapter has no factors for to other rules' passes
it 'resolves by it' resolved
it 'refuses what is missing, or cannot be applied, before anything is written' refuses
it 'refuses where theirs did something else than the adapter says' explained
it 'adds what the type of theirs cannot hold' tiny
it 'adds in pieces' large
it 'asks first' asked
it 'adds once what two did alike' alike
it 'adds the adapters of two, and to what a side renamed' octopus
it 'leaves the adapters themselves to be decided' both
it 'adds what lies transposed, embeddings, and to other types' kinds
it 'leaves rows that a side appended' rows
it 'leaves what had another shape' unlike w.weight:F32:4,8 'a side has other rows, or another shape'
it 'leaves what was quantised' unlike w.weight:I8:8,4 'it is quantised, or no floating-point number'
it 'leaves what was packed' unlike w.weight:F8_E4M3:8,4 'it is quantised, or no floating-point number'
it 'leaves what is new on both sides' unlike x.weight:F32:8,4 'there is no base of it'
it 'adds to a model in shards' sharded apply_1
it 'adds to shards that a side cut anew' sharded apply_2
it 'leaves what several bases have no answer for' crosswise
finish
