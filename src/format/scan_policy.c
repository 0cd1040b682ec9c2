/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which globals only build data, and which are known for running code. The rule for the first
 * table: whatever the arguments are, calling it (and setting its state) calls nothing that the
 * pickle does not name itself, and so is judged by its own name; and it touches no file, process or
 * network.
 */
#include "format/pickle.h"
#include "format/scan.h"

#include <string.h>

struct safe {
	const char *module, *names; /* separated by blanks */
};

#define STORAGES                                                                         \
	"DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage IntStorage " \
	"ShortStorage CharStorage ByteStorage BoolStorage ComplexDoubleStorage "         \
	"ComplexFloatStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage "  \
	"QUInt2x4Storage UntypedStorage TypedStorage _UntypedStorage _TypedStorage"
#define TENSORS                                                                                \
	"DoubleTensor FloatTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor " \
	"CharTensor ByteTensor BoolTensor"
#define DTYPES                                                                                 \
	"float float32 float64 double float16 half bfloat16 complex32 chalf complex64 cfloat " \
	"complex128 cdouble bool uint8 uint16 uint32 uint64 int8 int16 short int32 int int64 " \
	"long uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5 int6 int7 "   \
	"bits1x8 bits2x4 bits4x2 bits8 bits16 float8_e4m3fn float8_e4m3fnuz float8_e5m2 "      \
	"float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 qint8 quint8 qint32 quint4x2 quint2x4"
#define NUMPY_SCALARS                                                                      \
	"bool bool_ int8 int16 int32 int64 intc intp longlong long uint8 uint16 uint32 "   \
	"uint64 uintc uintp ulonglong ulong float16 float32 float64 longdouble float128 "  \
	"complex64 complex128 clongdouble complex256 str_ bytes_ void object_ datetime64 " \
	"timedelta64"

static const struct safe safe[] = {
	{ "__builtin__", "unicode long xrange basestring" }, /* Python 2's; the rest as builtins */
	{ "_codecs", "encode" },
	{ "argparse", "Namespace" }, /* attributes, no behaviour */
	{ "array", "array _array_reconstructor" },
	{ "builtins", "bool bytearray bytes complex dict float frozenset int list object range set "
		      "slice str tuple Ellipsis NotImplemented" },
	{ "collections", "Counter OrderedDict defaultdict deque" },
	/* make an object of a class that is named, and judged, beside them */
	{ "copyreg", "_reconstructor __newobj__ __newobj_ex__" },
	{ "datetime", "date datetime time timedelta timezone" },
	{ "decimal", "Decimal" },
	{ "_decimal", "Decimal" },
	{ "fractions", "Fraction" },
	{ "joblib.numpy_pickle", "NumpyArrayWrapper" },
	{ "numpy", "dtype matrix ndarray recarray record " NUMPY_SCALARS },
	{ "numpy.rec", "recarray record" },
	{ "numpy.ma", "MaskedArray" },
	{ "numpy.ma.core", "MaskedArray _mareconstruct" },
	{ "numpy.matrixlib.defmatrix", "matrix" },
	{ "numpy._core.multiarray", "_reconstruct scalar" },
	{ "numpy._core.numeric", "_frombuffer" },
	{ "numpy.random._pickle", "__bit_generator_ctor __generator_ctor __randomstate_ctor" },
	{ "numpy.random._mt19937", "MT19937" },
	{ "numpy.random._pcg64", "PCG64 PCG64DXSM" },
	{ "numpy.random._philox", "Philox" },
	{ "numpy.random._sfc64", "SFC64" },
	{ "numpy.random._generator", "Generator" },
	{ "numpy.random.bit_generator", "SeedSequence __pyx_unpickle_SeedSequence" },
	{ "numpy.random.mtrand", "RandomState" },
	/* making one asks nothing of the disk, and its methods would have to be named */
	{ "pathlib", "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath" },
	{ "pathlib._local", "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath" },
	{ "torch", "Size Tensor device " DTYPES },
	{ "torch", STORAGES " " TENSORS },
	{ "torch", "per_tensor_affine per_tensor_symmetric per_channel_affine "
		   "per_channel_symmetric per_channel_affine_float_qparams" },
	{ "torch", "strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc "
		   "contiguous_format channels_last channels_last_3d preserve_format" },
	{ "torch.cuda", STORAGES " " TENSORS },
	{ "torch.sparse", TENSORS },
	{ "torch.cuda.sparse", TENSORS },
	{ "torch.storage", "UntypedStorage TypedStorage _UntypedStorage _TypedStorage" },
	{ "torch._utils",
	  "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter "
	  "_rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor "
	  "_rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage _rebuild_nested_tensor "
	  "_rebuild_wrapper_subclass _rebuild_device_tensor_from_numpy "
	  "_rebuild_device_tensor_from_cpu_tensor _rebuild_xla_tensor" },
	{ "torch._tensor", "_rebuild_from_type_v2" }, /* its function is named beside it */
	{ "torch.nn.parameter", "Buffer Parameter UninitializedBuffer UninitializedParameter" },
	{ "torch.serialization", "_get_layout" },
	{ "torch.jit._pickle",
	  "build_boollist build_doublelist build_intlist build_tensorlist restore_type_tag" },
	/* plain records of a checkpoint that is a directory */
	{ "torch.distributed.checkpoint.metadata",
	  "BytesStorageMetadata ChunkStorageMetadata Metadata MetadataIndex StorageMeta "
	  "TensorProperties TensorStorageMetadata _MEM_FORMAT_ENCODING" },
	{ "torch.distributed.checkpoint.filesystem", "_StorageInfo _StoragePrefix" },
	{ "types", "SimpleNamespace" },
};

struct danger {
	const char *module, *names; /* "*": all, also in modules below */
	const char *why;
};

#define COMMANDS "runs commands and changes files"
#define PROGRAMS "starts other programs"
#define CODE "runs code that it is given"
#define IMPORTS "imports any module by its name"
#define REACHES "reaches any function through attributes"
#define NESTED "loads another pickle, which is not looked into"
#define FILES "opens files"
#define NETWORK "opens network connections"
#define TOOLS "runs code: a developer's tool, nothing that a model needs"
#define NATIVE "calls native code"
#define THREADS "runs functions beside or after the program"

static const struct danger dangers[] = {
	{ "os", "*", COMMANDS },
	{ "posix", "*", COMMANDS },
	{ "nt", "*", COMMANDS },
	{ "sys", "*", "changes the running interpreter" },
	{ "subprocess", "*", PROGRAMS },
	{ "_posixsubprocess", "*", PROGRAMS },
	{ "_winapi", "*", PROGRAMS },
	{ "commands", "*", PROGRAMS },
	{ "popen2", "*", PROGRAMS },
	{ "pty", "*", PROGRAMS },
	{ "pexpect", "*", PROGRAMS },
	{ "sh", "*", PROGRAMS },
	{ "fabric", "*", PROGRAMS },
	{ "invoke", "*", PROGRAMS },
	{ "mailcap", "*", PROGRAMS },
	{ "_osx_support", "*", PROGRAMS },
	{ "_aix_support", "*", PROGRAMS },
	{ "platform", "popen _syscmd_file _syscmd_ver", PROGRAMS },
	{ "uuid", "_get_command_stdout _popen", PROGRAMS },
	{ "webbrowser", "*", "opens a web browser" },
	{ "antigravity", "*", "opens a web browser" },

	{ "builtins", "eval exec compile execfile", CODE },
	{ "builtins", "__import__", IMPORTS },
	{ "builtins", "getattr setattr delattr vars globals locals dir apply __build_class__",
	  REACHES },
	{ "builtins", "breakpoint help input raw_input", "stops the program for a dialogue" },
	{ "builtins", "filter map reduce", "calls functions with arguments of its own" },
	{ "builtins", "exit quit", "ends the program" },
	{ "builtins", "open file", FILES },
	{ "operator", "attrgetter methodcaller", REACHES },
	{ "_operator", "attrgetter methodcaller", REACHES },
	{ "functools", "partial partialmethod reduce",
	  "calls functions with arguments of its own" },
	{ "_functools", "partial reduce", "calls functions with arguments of its own" },
	{ "types", "CodeType FunctionType LambdaType", CODE },
	{ "new", "*", CODE },
	{ "marshal", "*", CODE },
	{ "gc", "*", REACHES },
	{ "inspect", "*", REACHES },
	{ "copyreg",
	  "add_extension clear_extension_cache constructor pickle remove_extension "
	  "dispatch_table _extension_registry _inverted_registry _extension_cache",
	  "changes how pickles are read" },

	{ "importlib", "*", IMPORTS },
	{ "imp", "*", IMPORTS },
	{ "pkgutil", "*", IMPORTS },
	{ "zipimport", "*", IMPORTS },
	{ "pydoc", "*", IMPORTS },
	{ "runpy", "*", CODE },
	{ "code", "*", CODE },
	{ "codeop", "*", CODE },
	{ "rlcompleter", "*", CODE },
	{ "_xxsubinterpreters", "*", CODE },
	{ "_interpreters", "*", CODE },
	{ "site", "*", CODE },

	{ "pickle", "*", NESTED },
	{ "_pickle", "*", NESTED },
	{ "cPickle", "*", NESTED },
	{ "pickletools", "*", NESTED },
	{ "shelve", "*", NESTED },
	{ "jsonpickle", "*", NESTED },
	{ "dill", "*", "builds functions from their code" },
	{ "cloudpickle", "*", "builds functions from their code" },
	{ "joblib", "load", NESTED },
	{ "joblib.numpy_pickle", "load load_temporary_memmap _unpickle NumpyUnpickler", NESTED },
	{ "torch", "load", NESTED },
	{ "torch.serialization", "load _load _legacy_load", NESTED },
	{ "torch.storage", "_load_from_bytes", NESTED },
	{ "torch.utils._config_module", "*", NESTED },
	{ "torch.utils.model_zoo", "*", "downloads code and runs it" },
	{ "torch._utils", "_import_dotted_name", IMPORTS },
	{ "torch.jit", "load", "loads a TorchScript program" },
	{ "torch.jit._serialization", "*", "loads a TorchScript program" },
	{ "torch.hub", "*", "downloads code and runs it" },
	{ "torch.package", "*", IMPORTS },
	{ "torch.fx.graph_module", "*", "builds functions from source text" },
	{ "torch.fx._lazy_graph_module", "*", "builds functions from source text" },
	{ "torch.utils.collect_env", "*", PROGRAMS },
	{ "torch.utils.cpp_extension", "*", NATIVE },
	{ "torch.utils.bottleneck", "*", CODE },
	{ "torch._inductor", "*", CODE },
	{ "torch._dynamo", "*", CODE },
	{ "torch.compiler", "*", CODE },
	{ "torch", "compile", CODE },
	{ "torch", "from_file", FILES },
	{ "torch._ops", "*", NATIVE },
	{ "torch.ops", "*", NATIVE },
	{ "torch.classes", "*", NATIVE },
	{ "torch._classes", "*", NATIVE },
	{ "torch.distributed.rpc", "*", NETWORK },
	{ "torch.multiprocessing", "*", THREADS },
	{ "numpy", "load", NESTED },
	{ "numpy",
	  "DataSource fromfile fromregex genfromtxt loadtxt memmap save savetxt savez "
	  "savez_compressed",
	  FILES },
	{ "numpy._core.memmap", "*", FILES },
	{ "numpy._core.records", "fromfile", FILES },
	{ "numpy.lib.npyio", "*", NESTED },
	{ "numpy.lib._npyio_impl", "*", NESTED },
	{ "numpy.lib.format", "*", NESTED },
	{ "numpy.lib._format_impl", "*", NESTED },
	{ "numpy.lib._datasource", "*", FILES },
	{ "numpy.testing", "*", CODE },
	{ "numpy.f2py", "*", CODE },
	{ "numpy.distutils", "*", PROGRAMS },
	{ "numpy.ctypeslib", "*", NATIVE },
	{ "pandas", "eval", CODE },
	{ "pandas", "read_pickle", NESTED },
	{ "pandas.core.computation", "*", CODE },
	{ "pandas.io", "*", FILES },
	{ "sympy", "lambdify parse_expr sympify", CODE },
	{ "sympy.parsing", "*", CODE },
	{ "yaml", "*", "builds any object from text" },
	{ "keras.models", "load_model", CODE },
	{ "tensorflow", "load_library load_op_library py_function", CODE },

	{ "ctypes", "*", NATIVE },
	{ "_ctypes", "*", NATIVE },
	{ "cffi", "*", NATIVE },
	{ "_cffi_backend", "*", NATIVE },

	{ "bdb", "*", TOOLS },
	{ "cProfile", "*", TOOLS },
	{ "cgitb", "*", TOOLS },
	{ "distutils", "*", TOOLS },
	{ "doctest", "*", TOOLS },
	{ "ensurepip", "*", TOOLS },
	{ "idlelib", "*", TOOLS },
	{ "IPython", "*", TOOLS },
	{ "lib2to3", "*", TOOLS },
	{ "modulefinder", "*", TOOLS },
	{ "pdb", "*", TOOLS },
	{ "pip", "*", TOOLS },
	{ "pkg_resources", "*", TOOLS },
	{ "profile", "*", TOOLS },
	{ "pytest", "*", TOOLS },
	{ "setuptools", "*", TOOLS },
	{ "test.support", "*", TOOLS },
	{ "timeit", "*", TOOLS },
	{ "trace", "*", TOOLS },
	{ "unittest", "*", TOOLS },
	{ "venv", "*", TOOLS },

	{ "_thread", "*", THREADS },
	{ "asyncio", "*", THREADS },
	{ "atexit", "*", THREADS },
	{ "concurrent", "*", THREADS },
	{ "multiprocessing", "*", THREADS },
	{ "sched", "*", THREADS },
	{ "signal", "*", THREADS },
	{ "thread", "*", THREADS },
	{ "threading", "*", THREADS },

	{ "_io", "FileIO open open_code", FILES },
	{ "bz2", "*", FILES },
	{ "codecs", "open", FILES },
	{ "fileinput", "*", FILES },
	{ "gzip", "*", FILES },
	{ "io", "FileIO OpenWrapper open open_code", FILES },
	{ "linecache", "*", FILES },
	{ "logging", "FileHandler basicConfig", FILES },
	{ "logging.handlers", "*", FILES },
	{ "logging.config", "*", "calls what its configuration names" },
	{ "lzma", "*", FILES },
	{ "mmap", "*", FILES },
	{ "shutil", "*", "copies and removes files" },
	{ "sqlite3", "*", FILES },
	{ "tarfile", "*", FILES },
	{ "tempfile", "*", FILES },
	{ "winreg", "*", "changes the registry" },
	{ "_winreg", "*", "changes the registry" },
	{ "zipfile", "*", FILES },

	{ "BaseHTTPServer", "*", NETWORK },
	{ "CGIHTTPServer", "*", NETWORK },
	{ "SimpleHTTPServer", "*", NETWORK },
	{ "SocketServer", "*", NETWORK },
	{ "_socket", "*", NETWORK },
	{ "aiohttp", "*", NETWORK },
	{ "boto3", "*", NETWORK },
	{ "fsspec", "*", NETWORK },
	{ "ftplib", "*", NETWORK },
	{ "http", "*", NETWORK },
	{ "httplib", "*", NETWORK },
	{ "httpx", "*", NETWORK },
	{ "imaplib", "*", NETWORK },
	{ "nntplib", "*", NETWORK },
	{ "paramiko", "*", NETWORK },
	{ "poplib", "*", NETWORK },
	{ "requests", "*", NETWORK },
	{ "smtplib", "*", NETWORK },
	{ "socket", "*", NETWORK },
	{ "socketserver", "*", NETWORK },
	{ "ssl", "*", NETWORK },
	{ "telnetlib", "*", NETWORK },
	{ "urllib", "*", NETWORK },
	{ "urllib2", "*", NETWORK },
	{ "urllib3", "*", NETWORK },
	{ "websockets", "*", NETWORK },
	{ "xmlrpc", "*", NETWORK },
	{ "xmlrpclib", "*", NETWORK },
};

/* Functions that are what they are in whatever module they come to light. */
static const char notorious[] = "__import__ check_call check_output eval exec execfile execl execv "
				"execve getoutput getstatusoutput import_module Popen popen spawn "
				"system";

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool among(const char *names, const char *word, size_t len)
{
	const char *end;

	for (; *names; names = *end ? end + 1 : end) {
		end = names + strcspn(names, " ");
		if ((size_t)(end - names) == len && memcmp(names, word, len) == 0)
			return true;
	}
	return false;
}

static bool is_or_below(const char *module, const char *top)
{
	size_t n = strlen(top);

	return strncmp(module, top, n) == 0 && (module[n] == 0 || module[n] == '.');
}

/* As today's Python and NumPy call it: `head`, then the rest of the name. */
struct module {
	const char *head, *rest;
};

static struct module today(const char *module)
{
	struct module m;

	m.head = st_pk_today(module, &m.rest);
	return m;
}

static bool same(const struct module *m, const char *s)
{
	size_t n = strlen(m->head);

	return strncmp(s, m->head, n) == 0 && strcmp(s + n, m->rest) == 0;
}

static bool below(const struct module *m, const char *top)
{
	size_t n = strlen(m->head), k = strlen(top);

	if (n == 0)
		return is_or_below(m->rest, top);
	if (k <= n)
		return strncmp(m->head, top, k) == 0 &&
		       (k < n ? m->head[k] == '.' : m->rest[0] == 0 || m->rest[0] == '.');
	return strncmp(top, m->head, n) == 0 && is_or_below(m->rest, top + n);
}

/* A name with dots is a way through attributes: every step of it counts. */
static const char *danger_of_step(const char *word, size_t len, bool through)
{
	size_t i;

	if (among(notorious, word, len))
		return CODE;
	if (through && len > 4 && strncmp(word, "__", 2) == 0 &&
	    strncmp(word + len - 2, "__", 2) == 0)
		return REACHES;
	for (i = 0; i < COUNT(dangers); i++)
		if (strcmp(dangers[i].names, "*") == 0 && strlen(dangers[i].module) == len &&
		    memcmp(dangers[i].module, word, len) == 0 && through)
			return dangers[i].why;
	return NULL;
}

static const char *danger_of_name(const char *name)
{
	bool through = strchr(name, '.') != NULL;
	const char *why = NULL, *end;

	for (; !why && *name; name = *end ? end + 1 : end) {
		end = name + strcspn(name, ".");
		why = danger_of_step(name, (size_t)(end - name), through);
	}
	return why;
}

static const char *danger_of(const struct module *m, const char *name)
{
	size_t i, len = strcspn(name, ".");

	for (i = 0; i < COUNT(dangers); i++) {
		const struct danger *d = &dangers[i];

		if (strcmp(d->names, "*") == 0 ? below(m, d->module) :
						 same(m, d->module) && among(d->names, name, len))
			return d->why;
	}
	return danger_of_name(name);
}

static bool upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/*
 * The layers of torch.nn set nothing but their attributes; a hook among these is a global that the
 * pickle names. Functions of those modules begin with a small letter.
 */
static bool is_layer(const char *module, const char *name)
{
	return is_or_below(module, "torch.nn.modules") && upper(*name);
}

static bool is_safe(const struct module *m, const char *module, const char *name)
{
	size_t i, len = strlen(name);

	if (len == 0 || strchr(name, '.') || strchr(name, ' '))
		return false;
	for (i = 0; i < COUNT(safe); i++)
		if ((same(m, safe[i].module) || strcmp(module, safe[i].module) == 0) &&
		    among(safe[i].names, name, len))
			return true;
	if (strcmp(module, "numpy.dtypes") == 0 && len > 5 && upper(*name))
		return strcmp(name + len - 5, "DType") == 0;
	return is_layer(module, name);
}

static const char *why_unknown(const char *module, const char *name)
{
	if (is_or_below(module, "__torch__"))
		return "a class of the TorchScript code in the file";
	if (strcmp(module, "__main__") == 0)
		return "of the program that saved it";
	if (strcmp(module, "copyreg") == 0 && strncmp(name, "extension:", 10) == 0)
		return "a number that the loading program gives a meaning";
	return "what it does is not known";
}

enum st_scan_verdict st_scan_judge(const char *module, const char *name, const char **why)
{
	const struct module m = today(module);

	*why = danger_of(&m, name);
	if (*why)
		return ST_SCAN_DANGEROUS;
	*why = "";
	if (is_safe(&m, module, name))
		return ST_SCAN_SAFE;
	*why = why_unknown(module, name);
	return ST_SCAN_UNKNOWN;
}
