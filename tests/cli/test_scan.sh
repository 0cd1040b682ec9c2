#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

TORCH_PYTHON=${TORCH_PYTHON:-/usr/bin/python3} # Debian's python3-torch belongs to this one

make() { # pickles and archives of them, harmless ones and others, in the current directory
	python3 - <<'PY'
import collections, gzip, io, os, pickle, struct, tarfile, zipfile

class Run:
    def __init__(self, f, *args): self.f, self.args = f, args
    def __reduce__(self): return self.f, self.args

def put(name, data):
    with open(name, "wb") as f:
        f.write(data)

def zipped(name, members, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(name, "w", how) as z:
        for n, data in members:
            z.writestr(n, data)

evil = Run(os.system, "touch executed")
data = pickle.dumps({"lr": 0.1, "names": collections.OrderedDict(a=[1, 2])}, 2)
for p in range(6):
    put("evil%d.pkl" % p, pickle.dumps(evil, p))
put("data.pkl", data)
put("rows.pkl", data * 3)
put("nested.pkl", pickle.dumps(Run(pickle.loads, pickle.dumps(evil))))
put("cut.pkl", pickle.dumps(evil, 2)[:-1])
put("computed.pkl", b"\x80\x04]K\x01\x93.")
put("own.pkl", b"\x80\x02cmymodel.net\nNet\n)\x81}b.")
put("text.pkl", b"not a pickle at all")
put("seven.pt", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(64))
put("spelled.bin", b"I 5\n0" + open("evil0.pkl", "rb").read())
put("whole.pkl.gz", gzip.compress(data))
put("weights", open("evil0.pkl", "rb").read()[:-1])
zipped("bomb.pt", [("b/data.pkl", b"\x80\x02" + b"(1" * (24 << 20) + b"N.")], zipfile.ZIP_DEFLATED)
with tarfile.open("link.pth", "w") as t:
    link = tarfile.TarInfo("storages")
    link.type, link.linkname = tarfile.LNKTYPE, "other"
    t.addfile(link)
zipped("data.pt", [("data/data.pkl", data), ("data/version", "3\n")])
zipped("evil.pt", [("evil/data.pkl", pickle.dumps(evil, 2)), ("evil/data/0", bytes(64))])
zipped("hidden.pt", [("h/data.pkl", data + pickle.dumps(evil, 2))])
zipped("deflated.zip", [("x/evil.pt", open("evil.pt", "rb").read())], zipfile.ZIP_DEFLATED)
zipped("noname.pt", [("n/data.pkl", data), ("n/extra", pickle.dumps(evil, 4))])
with tarfile.open("evil.tar", "w") as t:
    t.add("evil0.pkl")
    t.add("data.pt")
head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
put("evil.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + pickle.dumps(evil, 4))
PY
}

nothing_ran() {
	[ ! -e executed ]
}

harmless() {
	make
	out 'data.pt: builds data only: 1 safe in 1 pickle' strata scan data.pt
	out 'rows.pkl: builds data only: 3 safe in 3 pickles' strata scan rows.pkl
	out '' strata scan -q data.pt
	echo text >t
	out 't: no pickle in it' strata scan t
	model m.safetensors a:F32:4
	out 'm.safetensors: no pickle in it' strata scan m.safetensors
	out 'safe  collections.OrderedDict  calls  data/data.pkl at 36
data.pt: builds data only: 1 safe in 1 pickle' strata scan --all data.pt
	strata scan --all data.pt >want
	out "$(cat want)" strata scan -v data.pt
}

dangerous() {
	make
	rc 1 strata scan evil.pt
	cat >want <<-'END'
	dangerous  posix.system  calls  evil/data.pkl at 2  runs commands and changes files
	evil.pt: loading it could run code: 1 dangerous in 1 pickle
	END
	diff -u want "$t_tmp/out"
	[ ! -s "$t_tmp/err" ]
	for t_file in evil?.pkl nested.pkl cut.pkl computed.pkl hidden.pt deflated.zip noname.pt \
		evil.tar evil.npy seven.pt spelled.bin weights; do
		rc 1 strata scan "$t_file"
		grep -q '^dangerous  ' "$t_tmp/out"
		tail -n 1 "$t_tmp/out" | grep -q "^$t_file: loading it could run code: "
	done
	rc 1 strata scan hidden.pt
	grep -q 'a second pickle hides behind the end of the first' "$t_tmp/out"
	rc 1 strata scan deflated.zip
	grep -q 'x/evil.pt::evil/data.pkl at 2' "$t_tmp/out"
	rc 1 strata scan cut.pkl
	grep -q 'the pickle breaks after it named these' "$t_tmp/out"
	rc 1 strata scan seven.pt
	grep -q '7-Zip' "$t_tmp/out"
	nothing_ran
}

unknown() {
	make
	rc 1 strata scan own.pkl
	cat >want <<-'END'
	unknown  mymodel.net.Net  calls  at 2  what it does is not known
	own.pkl: not known to be harmless: 1 unknown in 1 pickle
	END
	diff -u want "$t_tmp/out"
	for t_file in whole.pkl.gz bomb.pt link.pth; do
		rc 1 strata scan "$t_file"
		grep -q "^$t_file: not known to be harmless: 1 unknown" "$t_tmp/out"
	done
}

allowed() {
	make
	rc 0 strata scan --allow 'mymodel.*' own.pkl
	rc 0 strata scan --allow other --allow 'mymodel.net.Net' own.pkl
	rc 1 strata scan --allow 'mymodel' own.pkl
	out 'safe  mymodel.net.Net  calls  at 2  allowed
own.pkl: builds data only: 1 safe in 1 pickle' strata scan -a --allow='mymodel.*' own.pkl
	rc 1 strata scan --allow '*' computed.pkl hidden.pt # what has no name cannot be allowed
	strata config --global scan.allow 'a.b, mymodel.*'
	rc 0 strata scan own.pkl
	mkdir r
	(
		cd r
		strata init
		cp ../own.pkl .
		rc 0 strata scan own.pkl
		strata config scan.allow 'another.*'
		rc 1 strata scan own.pkl
		rc 0 strata scan --allow 'mymodel.*' own.pkl
	)
}

json() {
	make
	rc 1 strata scan --json evil.pt data.pkl seven.pt
	cat >want <<-'END'
	{"kind":"find","path":"evil.pt","member":"evil/data.pkl","module":"posix","name":"system","offset":2,"called":true,"verdict":"dangerous","why":"runs commands and changes files"}
	{"kind":"summary","path":"evil.pt","pickles":1,"safe":0,"unknown":0,"dangerous":1,"verdict":"dangerous","problem":null}
	{"kind":"find","path":"data.pkl","member":null,"module":"collections","name":"OrderedDict","offset":36,"called":true,"verdict":"safe","why":null}
	{"kind":"summary","path":"data.pkl","pickles":1,"safe":1,"unknown":0,"dangerous":0,"verdict":"safe","problem":null}
	{"kind":"find","path":"seven.pt","member":null,"module":null,"name":null,"offset":0,"called":false,"verdict":"dangerous","why":"a 7-Zip archive under the name of a model: not looked into"}
	{"kind":"summary","path":"seven.pt","pickles":0,"safe":0,"unknown":0,"dangerous":1,"verdict":"dangerous","problem":null}
	END
	diff -u want "$t_tmp/out"
}

unreadable() {
	make
	head -c 100 data.pt >short.pt
	rc 4 strata scan short.pt
	grep -q '^short.pt: could not be read$' "$t_tmp/out"
	grep -q '^strata: short.pt: ' "$t_tmp/err"
	rc 4 strata scan text.pkl
	rc 4 strata scan short.pt data.pt # the next one is looked at
	grep -q '^data.pt: builds data only' "$t_tmp/out"
	rc 1 strata scan short.pt evil.pt # and what it could run counts more
	rc 4 strata scan --json short.pt
	grep -q '"verdict":null,"problem":"short.pt: ' "$t_tmp/out"
	rc 4 strata scan .
	mkfifo fifo
	rc 4 strata scan fifo
	rc 2 strata scan none
	rc 2 strata scan
}

names() { # of a file cannot move the cursor
	python3 - <<'PY'
import zipfile
name = "a/\x1b[31mred\n.pkl"
with zipfile.ZipFile("n.pt", "w") as z:
    z.writestr(name, b"\x80\x02c\x1b[2Jm\nx\x07y\n.")
PY
	rc 1 strata scan n.pt
	fails grep -q "$(printf '\033')" "$t_tmp/out"
	fails grep -q "$(printf '\007')" "$t_tmp/out"
	[ "$(wc -l <"$t_tmp/out")" -eq 2 ]
}

torch_files() {
	"$TORCH_PYTHON" - <<'PY'
import collections, numpy, os, torch
m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
opt = torch.optim.Adam(m.parameters())
m(torch.randn(2, 3)).sum().backward()
opt.step()
train = {"model": m.state_dict(), "optimizer": opt.state_dict(), "rng": torch.get_rng_state(),
         "numpy": numpy.random.get_state(), "epoch": 3, "half": torch.randn(3).half()}
class Run:
    def __reduce__(self): return os.system, ("touch executed",)
for kind, new in (("zip", True), ("old", False)):
    torch.save(train, kind + ".pt", _use_new_zipfile_serialization=new)
    torch.save(m, kind + "-module.pt", _use_new_zipfile_serialization=new)
    torch.save(opt, kind + "-optimizer.pt", _use_new_zipfile_serialization=new)
    torch.save(dict(train, x=Run()), kind + "-evil.pt", _use_new_zipfile_serialization=new)
torch.jit.script(m).save("script.pt")
PY
	for t_kind in zip old; do
		match ": builds data only: .* in [15] pickles?\$" strata scan $t_kind.pt
		match ": builds data only" strata scan $t_kind-module.pt
		rc 1 strata scan $t_kind-optimizer.pt
		grep -q '^unknown  torch.optim.adam.Adam ' "$t_tmp/out"
		rc 1 strata scan $t_kind-evil.pt
		grep -q '^dangerous  posix.system  calls ' "$t_tmp/out"
	done
	rc 1 strata scan script.pt
	rc 0 strata scan --allow '__torch__.*' script.pt
	nothing_ran
}

it 'files that build data only, and files without a pickle' harmless
it 'what could run code: status 1, and what, where and why' dangerous
it 'what is not known' unknown
it '--allow and scan.allow' allowed
it '--json' json
it 'a file that cannot be read: status 4, and on with the next' unreadable
it 'names from a file are shown safely' names
if "$TORCH_PYTHON" -c 'import numpy, torch' 2>/dev/null; then
	it 'what PyTorch writes' torch_files
else
	skip 'what PyTorch writes' "no torch for $TORCH_PYTHON"
fi
finish
