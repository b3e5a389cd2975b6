"""Source in, records out; and what a parser makes of input that no compiler would take."""

from __future__ import annotations

import pytest

from tour.model import Kind, Lang, Role
from tour.parsers import Parsed, macros, parse
from tour.parsers.python import absolute, module_name


def names(source: str, lang: Lang, path: str = "pkg/mod.py") -> list[tuple[str, str, int]]:
    parsed = parse(path, source.encode(), lang)
    return [(symbol.kind.value, symbol.qualname, symbol.line) for symbol in parsed.symbols]


def mentions(source: str, lang: Lang, path: str = "pkg/mod.py") -> list[tuple[str, str, str | None, int]]:
    parsed = parse(path, source.encode(), lang)
    return [(m.role.value, m.name, m.target, m.scope) for m in parsed.mentions]


def test_python_names_nest() -> None:
    source = "@dec\nclass A:\n    x = 1\n    @dec\n    def f(self):\n        y = 2\n        def g(): pass\n"
    assert names(source, Lang.PYTHON) == [
        ("module", "pkg.mod", 1),
        ("class", "pkg.mod.A", 2),
        ("variable", "pkg.mod.A.x", 3),
        ("method", "pkg.mod.A.f", 5),
        ("function", "pkg.mod.A.f.g", 7),
    ]
    decorated = parse("pkg/mod.py", source.encode(), Lang.PYTHON).symbols[1]
    assert (decorated.start_line, decorated.line, decorated.end_line) == (1, 2, 7)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import a.b", ("import", "a.b", "a")),
        ("import a.b as c", ("import", "a.b", "c")),
        ("from a import b", ("from", "a.b", "b")),
        ("from a import b as c", ("from", "a.b", "c")),
        ("from a import *", ("from", "a", "*")),
        ("from . import b", ("from", "pkg.b", "b")),
        ("from .a import (\n    b,\n)", ("from", "pkg.a.b", "b")),
        ("from .. import b", ("from", "b", "b")),
    ],
)
def test_python_imports(statement: str, expected: tuple[str, str, str]) -> None:
    assert [row[:3] for row in mentions(statement, Lang.PYTHON)] == [expected]


def test_imports_that_only_a_type_checker_sees() -> None:
    source = (
        "if TYPE_CHECKING:\n    from a import b\nelse:\n    from c import d\nif typing.TYPE_CHECKING:\n    import e\n"
    )
    assert [row[:2] for row in mentions(source, Lang.PYTHON)] == [("typing", "a.b"), ("from", "c.d"), ("typing", "e")]


def test_an_import_that_climbs_out_of_the_tree_is_left_out() -> None:
    assert mentions("from ....a import b", Lang.PYTHON) == []
    assert absolute("..a", "p.q") == "p.a"


def test_python_module_names() -> None:
    assert module_name("torch/__init__.py") == "torch"
    assert module_name("torch/nn/modules/module.py") == "torch.nn.modules.module"
    assert module_name("setup.py") == "setup"
    assert module_name("__init__.py") == "__init__"


def test_python_calls_keep_what_can_be_resolved() -> None:
    source = "a.b(1)\nsuper().f()\nsuper(A, self).f()\nx[0].g()\n(lambda: 1)()\nf(1)(2)\n"
    assert [row[1] for row in mentions(source, Lang.PYTHON)] == [
        "a.b", "super().f", "super", "super().f", "super", "x[].g", "f()", "f",
    ]  # fmt: skip
    assert [row[1] for row in mentions("a.b(1).c()\n(1).d()\nx().y[2].z()\n", Lang.PYTHON)] == [
        "a.b().c", "a.b", ".d", "x().y[].z", "x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a.b", [("alias", "a.b", "x")]),
        ("self.x = y if z else self.w", []),
        ("x = (y if z else self.w)", [("alias", "y", "x"), ("alias", "self.w", "x")]),
        ("f = _add_docstr(torch.g, r'…')", [("alias", "torch.g", "f")]),
        ("f = boolean_dispatch(default=False, if_true=g, if_false=h)",
         [("alias", "g", "f"), ("alias", "h", "f")]),
        ("f = partial(g, 1)\ndef h():\n    x = lower(y)", [("alias", "g", "f")]),
        ("@a.b\n@c(1)\ndef f(): ...", [("decorator", "a.b", None)]),
        ("self.x = _C.Engine(1)", [("instance", "_C.Engine", "self.x")]),
        ("x = lower(1)", [("instance", "lower", "x")]),
        ("def f():\n    x = lower(1)\n    return x", []),
        ("def f():\n    def g(): ...\n    return g", [("alias", "g", "return")]),
        ("def f(a: C, b: Optional['D'] = None, c: int = 1) -> a.E | None: ...",
         [("instance", "a.E", "return"), ("instance", "C", "a"), ("instance", "D", "b")]),
        ("with C(1) as x: ...", [("instance", "C", "x")]),
        ("x: List[C] = []", []),
        ("Thread(target=self.f, args=(a, 1, b[0]), kwargs={'c': d})",
         [("start", "self.f", "Thread"), ("argument", "a", "0"), ("argument", "b[]", "2"), ("argument", "d", "c")]),
        ("mp.spawn(f, args=(a,))", [("start", "f", "mp.spawn"), ("argument", "a", "1")]),
        ("executor.submit(f, a, b)",
         [("start", "f", "executor.submit"), ("argument", "a", "0"), ("argument", "b", "1")]),
        ("q = Queue()\nself.qs.append(q)\np = self.qs[0]",
         [("instance", "Queue", "q"), ("alias", "q", "self.qs[]"), ("alias", "self.qs[]", "p")]),
    ],
)  # fmt: skip
def test_python_says_what_names_stand_for_and_what_is_started(
    source: str, expected: list[tuple[str, str, str | None]]
) -> None:
    assert [row[:3] for row in mentions(source, Lang.PYTHON) if row[0] != "call"] == expected


def test_c_plus_plus_names_nest() -> None:
    source = """
namespace a::b {
namespace {
template <typename T>
struct S : Base<T>, c::Other {
  void f(int x) const { g(); }
  static S* make(int);
  operator bool() const { return true; }
};
}
int* h(int x) { S<int> local(1); static int kept = k(); return this->m(); }
void S<int>::g() {}
}
"""
    assert names(source, Lang.CPP, "a.cpp") == [
        ("namespace", "a::b", 2),
        ("class", "a::b::S", 5),
        ("method", "a::b::S::f", 6),
        ("method", "a::b::S::make", 7),
        ("method", "a::b::S::operator bool", 8),
        ("function", "a::b::h", 11),
        ("function", "a::b::S::g", 12),
    ]
    assert [row[:2] for row in mentions(source, Lang.CPP, "a.cpp")] == [
        ("base", "Base"), ("base", "c::Other"), ("call", "g"), ("call", "k"), ("call", "this.m"),
    ]  # fmt: skip


def test_what_no_scope_holds() -> None:
    """Macros know no scopes, a lambda's variables are nobody's, and no function stands in another."""
    source = """namespace a {
#define IN_NAMESPACE 1
void f() {
#define IN_FUNCTION(x) x
  LOOP(i, n) { body(); }
}
auto g = [] { int local = 1; return local; };
}
"""
    assert names(source, Lang.CPP, "a.cpp") == [
        ("namespace", "a", 1),
        ("macro", "IN_NAMESPACE", 2),
        ("function", "a::f", 3),
        ("macro", "IN_FUNCTION", 4),
        ("variable", "a::g", 7),
    ]


def test_a_namespace_whose_end_is_lost_names_what_is_in_it() -> None:
    source = """int before;
namespace a::b {
namespace c {
void f() {}
class D {
  ODD({2, E(F<G>())})
};
void g() {}
"""
    assert {("function", "a::b::c::f", 4), ("namespace", "a::b::c", 3)} <= set(names(source, Lang.CPP, "a.cpp"))


def test_a_name_on_two_lines_stands_where_it_ends() -> None:
    assert names("Graph A::B::\n    get() {}\n", Lang.CPP, "a.cpp") == [("function", "A::B::get", 2)]


def test_overloads_differ_by_signature() -> None:
    parsed = parse("a.cpp", b"int f(int a) { return 1; }\nint f(float a) { return 2; }\n", Lang.CPP)
    assert [(s.qualname, s.signature) for s in parsed.symbols] == [("f", "(int a)"), ("f", "(float a)")]


def test_method_table_rows() -> None:
    source = """static PyMethodDef Methods[] = {
  {"plain", f, METH_NOARGS, nullptr},
  {"cast", castPyCFunctionWithKeywords(a::g), METH_VARARGS, nullptr},
  {"c_cast", (PyCFunction)(void (*)(void))h, METH_VARARGS, nullptr},
  {nullptr, nullptr, 0, nullptr}};
void init() { THPUtils_addPyMethodDefs(all, Methods); THPUtils_addPyMethodDefs(all, other::methods()); }
"""
    found = [row[:3] for row in mentions(source, Lang.CPP, "a.cpp") if row[0] in {"entry", "table"}]
    assert found == [
        ("entry", "plain", "f"),
        ("entry", "cast", "a::g"),
        ("entry", "c_cast", "h"),
        ("table", "Methods", None),
        ("table", "other::methods", None),
    ]


def said(parsed: Parsed, *roles: Role) -> list[tuple[str, str | None, int]]:
    return [(m.name, m.target, m.line) for m in parsed.mentions if m.role in roles]


def test_operators_and_their_keys() -> None:
    source = b"- func: add.Tensor(Tensor self) -> Tensor\n  dispatch:\n    CPU, CUDA: add_kernel\n    Meta: m::add\n"
    parsed = parse("native_functions.yaml", source, Lang.OPERATORS)
    assert [(s.qualname, s.signature, s.line) for s in parsed.symbols] == [
        ("aten::add.Tensor", "(Tensor self) -> Tensor", 1)
    ]
    assert said(parsed, Role.DISPATCH) == [("add_kernel", "CPU", 3), ("add_kernel", "CUDA", 3), ("m::add", "Meta", 4)]


def test_what_an_entry_of_native_functions_implies() -> None:
    source = b"""- func: mul.Tensor(Tensor self, Tensor other) -> Tensor
  structured_delegate: mul.out
  variants: function, method
- func: mul.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)
  structured: True
  ufunc_inner_loop:
    Generic: mul (AllAndComplex)
  dispatch:
    CPU, CUDA: mul_out
  autogen: mul.generated_out
- func: linear(Tensor input) -> Tensor
  python_module: nn
- func: where.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
- func: nothing(Tensor self) -> Tensor
  dispatch: {}
"""
    parsed = parse("native_functions.yaml", source, Lang.OPERATORS)
    assert not parsed.problems
    assert said(parsed, Role.DELEGATE) == [("aten::mul.out", None, 2)]
    assert said(parsed, Role.STRUCTURED) == [("mul_out", "CPU", 9), ("mul_out", "CUDA", 9)]
    assert said(parsed, Role.UFUNC) == [("mul", "Generic", 7)]
    assert said(parsed, Role.AUTOGEN) == [("aten::mul.generated_out", None, 10)]
    assert ("aten::mul.generated_out", 10) in {(s.qualname, s.line) for s in parsed.symbols}
    # no dispatch: means CompositeImplicitAutograd, and an out variant's C++ name ends in _out; an empty one means none
    assert said(parsed, Role.DISPATCH) == [
        ("linear", "CompositeImplicitAutograd", 11), ("where_out", "CompositeImplicitAutograd", 13),
    ]  # fmt: skip
    assert [name for name, _, _ in said(parsed, Role.GENERATE)] == [
        "torch.mul", "torch.Tensor.mul", "torch.mul", "torch._C._nn.linear", "torch.where", "torch.nothing",
    ]  # fmt: skip


def test_derivatives_become_numbered_nodes() -> None:
    source = b"""- name: mul.Tensor(Tensor self, Tensor other) -> Tensor
  self: mul_tensor_backward(grad, other)
  other: "grad.sum() * at::exp(self)"
  result: forward_only(self_t)
- name: mul.Scalar(Tensor self, Scalar other) -> Tensor
  self: |
    first_backward(
        second_backward(grad))
- name: eq(Tensor self) -> Tensor
  self: non_differentiable
- name: chunk(Tensor self) -> Tensor
  dispatch:
    Default:
      self: not_implemented("chunk")
    AutogradNestedTensor:
      self: chunk_backward_nested(grads)
"""
    parsed = parse("derivatives.yaml", source, Lang.DERIVATIVES)
    assert [symbol.qualname.rpartition("::")[2] for symbol in parsed.symbols] == [
        "MulBackward0", "MulBackward1", "ChunkBackward0", "ChunkBackwardAutogradNestedTensor0",
    ]  # fmt: skip
    assert said(parsed, Role.DERIVATIVE)[:2] == [("aten::mul.Tensor", "Default", 1), ("aten::mul.Scalar", "Default", 5)]
    assert said(parsed, Role.FORMULA) == [
        ("mul_tensor_backward", "self", 2), ("at::exp", "other", 3), ("first_backward", "self", 7),
        ("second_backward", "self", 8), ("chunk_backward_nested", "self", 16),
    ]  # fmt: skip


def test_where_cpp_meets_python_the_dispatcher_and_devices() -> None:
    source = b"""DEFINE_DISPATCH(add_stub);
REGISTER_DISPATCH(add_stub, &add_kernel)
REGISTER_CUDA_DISPATCH(mul_stub, &CUDA::mul_kernel<float>);
TORCH_LIBRARY_IMPL(aten, CPU, m) {
  m.impl("add.out", TORCH_FN(add_out));
  m.impl("sub", [](Tensor a) { return inner(a); });
}
TORCH_LIBRARY(quantized, m) {
  m.def(TORCH_SELECTIVE_SCHEMA("quantized::add(Tensor a) -> Tensor"));
  m.def("mul(Tensor a) -> Tensor", {at::Tag::core});
}
static PyGetSetDef properties[] = {{"grad", (getter)get_grad, (setter)set_grad}, {(char*)"data", (getter)get_data}};
void init(PyObject* module) {
  auto m = py::handle(module).cast<py::module>();
  auto sub = m.def_submodule("_sub");
  py::class_<Foo, std::shared_ptr<Foo>>(sub, "Foo")
      .def("bar", &Foo::bar)
      .def("baz", /* why */ [](Foo& f) { return f.baz(); });
  PyModule_AddObject(module, "_Type", (PyObject*)&TheType);
}
"""
    parsed = parse("a.cpp", source, Lang.CPP)
    assert said(parsed, Role.REGISTER) == [("add_stub", "add_kernel", 2), ("mul_stub", "CUDA::mul_kernel", 3)]
    assert said(parsed, Role.IMPL) == [("aten::add.out", "add_out", 5), ("aten::sub", "sub", 6)]
    assert said(parsed, Role.ENTRY) == [
        ("grad", "get_grad", 12), ("data", "get_data", 12), ("sub.Foo", "Foo", 16), ("Foo.bar", "Foo::bar", 17),
        ("Foo.baz", "baz", 18), ("_Type", "TheType", 19),
    ]  # fmt: skip
    assert said(parsed, Role.OWNER) == [("m._sub", "sub", 15), ("sub.Foo", "Foo", 16)]
    symbols = {(symbol.kind, symbol.qualname) for symbol in parsed.symbols}
    assert {
        (Kind.VARIABLE, "add_stub"), (Kind.OPERATOR, "quantized::add"), (Kind.OPERATOR, "quantized::mul"),
        (Kind.FUNCTION, "TORCH_LIBRARY_IMPL(aten, CPU)"), (Kind.FUNCTION, "TORCH_LIBRARY_IMPL(aten, CPU)::sub"),
        (Kind.FUNCTION, "init::baz"),
    } <= symbols  # fmt: skip


def test_kernels_and_their_launches() -> None:
    source = b"""template <typename T> __global__ void fill(T* a) { a[0] = 1; }
void host() {
  fill<float><<<grid, block, 0, stream>>>(a);
  auto kernel = at::native::fill<int>;
  kernel<<<grid, block>>>(b);
}
"""
    parsed = parse("a.cu", source, Lang.CUDA)
    assert {(s.kind, s.qualname) for s in parsed.symbols} == {(Kind.KERNEL, "fill"), (Kind.FUNCTION, "host")}
    assert said(parsed, Role.LAUNCH) == [("fill", None, 3), ("kernel", None, 5)]
    assert said(parsed, Role.ALIAS) == [("at::native::fill", "kernel", 4)]


def test_masked_macros_give_classes_their_members() -> None:
    source = b"class MY_API A {\n void f() { HANDLE_ERRORS g(); END_HANDLE_ERRORS }\n};\nstatic int after = 1;\n"
    header = (
        b'#define MY_API __attribute__((visibility("default")))\n#define HANDLE_ERRORS try {\n'
        b"#define END_HANDLE_ERRORS } \\\n catch (...) { return 0; }\n#define END_HANDLE_ERRORS } catch (int) {}}\n"
    )
    mask = macros.learn([*macros.defined(header), *macros.defined(source)])
    assert {"MY_API", "HANDLE_ERRORS"} <= mask.plain
    masked = macros.blank(source, mask)
    assert len(masked) == len(source) and masked.count(b"\n") == source.count(b"\n")
    parsed = parse("a.h", source, Lang.CPP, mask)
    assert [s.qualname for s in parsed.symbols] == ["A", "A::f", "after"]


@pytest.mark.parametrize(
    ("define", "name"),
    [
        (b"#define M(x) x + 1", "M"),
        (b"#define EMPTY", "EMPTY"),
        (b"#define CODE return 1", "CODE"),
        (b"#define API __declspec(dllexport)\n#define API int", "API"),
        (b"#define LOOP LOOP2\n", "LOOP"),
    ],
)
def test_a_macro_with_content_is_never_masked(define: bytes, name: str) -> None:
    mask = macros.learn(macros.defined(define + b"\n"))
    assert name not in mask.plain | mask.with_arguments


def test_attributes_of_libraries_outside_the_tree_are_masked() -> None:
    assert "CUTLASS_DEVICE" in macros.learn([]).plain
    assert "CUTLASS_DEVICE" not in macros.learn(macros.defined(b"#define CUTLASS_DEVICE int\n")).plain


def test_a_comment_does_not_end_a_macro() -> None:
    source = "#define ALL(_) \\\n  _(a) /* one */ \\\n  _(b)\nint after() { return 1; }\n"
    assert names(source, Lang.CPP, "a.cpp") == [("macro", "ALL", 1), ("function", "after", 4)]
    assert not parse("a.cpp", source.encode(), Lang.CPP).problems


@pytest.mark.parametrize("name", ["MY_API", "__my_api", "not_inline", "_My_API1"])
def test_an_attribute_is_masked_however_it_is_spelt(name: str) -> None:
    mask = macros.learn(macros.defined(f"#define {name} __attribute__((noinline))\n".encode()))
    source = f"{name} int x{name};\n// unsigned"
    assert macros.blank(source.encode(), mask).decode() == source.replace(name, " " * len(name), 1)


def test_types_in_two_words_are_joined_in_every_line_that_holds_them() -> None:
    source = "FN(unsigned int, 1)\nunsigned x; FN(unsigned char)\nFN(int)\n\nGN(T, unsigned long)"
    joined = "FN(unsigned_int, 1)\nunsigned x; FN(unsigned_char)\nFN(int)\n\nGN(T, unsigned_long)"
    for ending in ("", "\n"):
        assert macros.blank((source + ending).encode(), macros.Mask()).decode() == joined + ending


def test_macros_in_directives_stay() -> None:
    mask = macros.Mask(frozenset({"MY_API"}))
    source = b"#define OTHER MY_API \\\n MY_API\nMY_API int x;\n"
    assert macros.blank(source, mask) == b"#define OTHER MY_API \\\n MY_API\n       int x;\n"


@pytest.mark.parametrize("lang", [Lang.PYTHON, Lang.C, Lang.CPP, Lang.CUDA, Lang.OPERATORS])
@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\n",
        b"\0\0\0",
        b"\xff\xfe\x00d\x00e\x00f",
        b"def f(:\n  class\n",
        b"{{{{{{" * 200,
        b"}" * 500,
        b"- func: \n- {}\n- 1\n",
        b"a: [",
        b"x" * 100_000,
        "def f(): # 批归一化\r\n    pass".encode("gb18030"),
    ],
    ids=range(11),
)
def test_any_bytes_are_taken(lang: Lang, source: bytes) -> None:
    parsed = parse("some/file", source, lang)
    for problem in parsed.problems:
        assert problem.line >= 1 and problem.what


def test_what_cannot_be_read_is_said() -> None:
    assert parse("a.py", b"x = '\xff'\n", Lang.PYTHON).problems[0].what == "not UTF-8: byte 0xff"
    assert parse("a.py", b"x = 1\n\0", Lang.PYTHON).problems[0].line == 2
    assert "does not understand" in parse("a.py", b"def f(:\n", Lang.PYTHON).problems[0].what
    assert "not valid YAML" in parse("n.yaml", b"a: [", Lang.OPERATORS).problems[0].what
    assert "without a func" in parse("n.yaml", b"- {}\n", Lang.OPERATORS).problems[0].what


def test_columns_are_bytes() -> None:
    mention = next(m for m in parse("a.py", "x = '批'; f()".encode(), Lang.PYTHON).mentions if m.role is Role.CALL)
    assert (mention.column, mention.end_column) == (11, 12)


def test_functions_that_return_references_and_pointers() -> None:
    source = "struct N {\n N*& next() { return n; }\n const N& a() const { return *n; }\n char** b() { return 0; }\n};"
    found = names(source, Lang.CPP, "a.h")
    assert found[1:] == [("method", "N::next", 2), ("method", "N::a", 3), ("method", "N::b", 4)]
