"""Functions that a file's own macros write, and files that are not quite C++."""

from __future__ import annotations

import pytest

from tour.model import Kind, Lang, Role
from tour.parsers import Parsed, macros, parse

PASTED = """namespace at::native {
#define UNARY(op)                        \\
  Tensor op##_sparse(const Tensor& x) {  \\
    return helper(at::op(x));            \\
  }                                      \\
  Tensor& op##_sparse_(Tensor& x) { return in_place(x, #op); }

UNARY(abs)
UNARY(neg)

#define STRUCTURED(name, stub) TORCH_IMPL_FUNC(name)(const Tensor& a) { stub(device_type(), *this); }
STRUCTURED(acos_out, acos_stub)
}
"""


def functions(parsed: Parsed) -> list[tuple[str, int]]:
    return [(symbol.qualname, symbol.line) for symbol in parsed.symbols if symbol.kind is Kind.FUNCTION]


def test_a_macro_that_pastes_names_defines_them() -> None:
    parsed = parse("a.cpp", PASTED.encode(), Lang.CPP)
    assert functions(parsed) == [
        ("at::native::abs_sparse", 8), ("at::native::abs_sparse_", 8), ("at::native::neg_sparse", 9),
        ("at::native::neg_sparse_", 9), ("at::native::structured_acos_out::impl", 12),
    ]  # fmt: skip
    around = {parsed.symbols[symbol.parent].qualname for symbol in parsed.symbols if symbol.kind is Kind.FUNCTION}
    assert around == {"at::native"}


def test_what_such_a_function_calls_is_told_at_the_line_of_the_call() -> None:
    parsed = parse("a.cpp", PASTED.encode(), Lang.CPP)
    said = {
        (mention.name, mention.line, parsed.symbols[mention.scope].qualname)
        for mention in parsed.mentions
        if mention.role is Role.CALL
    }
    assert ("at::abs", 8, "at::native::abs_sparse") in said
    assert ("at::neg", 9, "at::native::neg_sparse") in said
    assert ("acos_stub", 12, "at::native::structured_acos_out::impl") in said
    assert ("UNARY", 8, "at::native") in said


def test_macros_within_macros() -> None:
    source = b"""#define ONE(n) void n##_one() { f(); }
#define TWO(n) void n##_two() { g(); }
#define BOTH(n) ONE(n) TWO(n)
static BOTH(a)
"""
    assert functions(parse("a.cpp", source, Lang.CPP)) == [("a_one", 4), ("a_two", 4)]


@pytest.mark.parametrize(
    "source",
    [
        b"#define LOOP(n) void n() { LOOP(n) }\nLOOP(a)\n",
        b"#define A(n) void n() { B(n) }\n#define B(n) A(n)\nA(x)\n",
        b"#define OPEN(n) void n() {\nOPEN(a)\n}\n",
        b"#define MORE(a, b) void a##b() {}\nMORE(x)\nMORE(x, y, z)\n",
        b"#define CUT(n) void n() {}\nCUT(",
    ],
    ids=["calls itself", "two that call each other", "opens a brace", "wrong number", "never closed"],
)
def test_odd_macros_end_and_lose_nothing_else(source: bytes) -> None:
    parsed = parse("a.cpp", source + b"\nint last() { return 1; }\n", Lang.CPP)
    assert "last" in {symbol.qualname for symbol in parsed.symbols} or source.endswith(b"CUT(")


def test_a_call_in_a_function_or_a_directive_is_no_definition() -> None:
    source = b"#define MAKE(n) void n() {}\n#define AGAIN MAKE(a)\nvoid f() { use(MAKE); }\n"
    assert functions(parse("a.cpp", source, Lang.CPP)) == [("f", 3)]


def test_objective_c_functions_keep_their_namespace() -> None:
    source = b"""namespace at::native {
typedef Graph* (^Block)(Graph*);
static void run(const Tensor& x) {
  @autoreleasepool {
    [encoder setBuffer:b offset:0]; // }
    call(^Graph*(Graph* g) { return [g name:@"}"]; });
  }
}
#define UNARY(name) TORCH_IMPL_FUNC(name)(const Tensor& a) { \\
    run([a with:name]); }
UNARY(sin_out_mps)
Tensor& abs_out_mps(Tensor& out) { run(out); }
}
"""
    assert functions(parse("a.mm", source, Lang.CPP)) == [
        ("at::native::run", 3), ("at::native::structured_sin_out_mps::impl", 11), ("at::native::abs_out_mps", 12),
    ]  # fmt: skip


def read_with(headers: bytes, source: bytes) -> Parsed:
    """A file as it is read in a tree where another holds ``headers``."""
    return parse("a.cpp", source, Lang.CPP, macros.learn(macros.defined(headers, shares=True)))


def test_a_macro_handed_to_a_list_of_another_file_defines_a_function_for_each() -> None:
    header = b"""#define FORALL_TYPES_AND(EXTRA, _) \\
  _(uint8_t, Byte)                 \\
  _(decltype(f<EXTRA>::t), EXTRA)
"""
    source = b"""namespace at {
#define DEFINE_CAST(_1, n) Tensor _cast_##n(const Tensor& self) { return self.to(ScalarType::n); }
FORALL_TYPES_AND(Half, DEFINE_CAST)
#undef DEFINE_CAST
int after() { return 1; }
}
"""
    assert functions(read_with(header, source)) == [("at::_cast_Byte", 3), ("at::_cast_Half", 3), ("at::after", 5)]


def test_what_macros_of_another_file_register() -> None:
    header = b"""#define ATEN_FN(op) at::_ops::op::call
#define SINGLE_ARG(...) __VA_ARGS__
#define RULE(fn) SINGLE_ARG(Helper<decltype(&fn), &fn, traits<decltype(fn)>::types>::apply)
#define VMAP_SUPPORT(op, rule) m.impl(#op, op##_generated_plumbing<decltype(&rule), &rule>);
#define CONCATENATE_IMPL(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_IMPL(a, b)
#define KERNEL1(KEY, OP, POLICY) m.impl("aten::" #OP, &autocast::WrapFunction<POLICY, KEY, &ATEN_FN(OP)>::type::call);
#define KERNEL2(KEY, OP, OVERLOAD, POLICY) m.impl("aten::" #OP "." #OVERLOAD, &f<POLICY, KEY>);
#define NARG_IMPL(_0, _1, _2, N, ...) N
#define NARG(...) NARG_IMPL(__VA_ARGS__, 2, 1)
#define DISPATCH(KEY, N, ...) CONCATENATE(KERNEL, N)(KEY, __VA_ARGS__)
#define KERNEL_CPU(...) DISPATCH(CPU, NARG(__VA_ARGS__), __VA_ARGS__)
"""
    source = b"""namespace at {
TORCH_LIBRARY_IMPL(aten, FuncTorchBatched, m) {
  VMAP_SUPPORT(clone, clone_batch_rule);
#define UNARY(op) VMAP_SUPPORT(op, RULE(ATEN_FN(op)));
  UNARY(abs)
  // VMAP_SUPPORT(no, no_rule);
  m.impl("plain", f);
}
TORCH_LIBRARY_IMPL(_, AutocastCPU, m) {
  KERNEL_CPU(mm, lower)
  KERNEL_CPU(pow, Scalar, fp32)
}
}
"""
    parsed = read_with(header, source)
    said = [
        (mention.name, mention.target, mention.line, parsed.symbols[mention.scope].qualname)
        for mention in parsed.mentions
        if mention.role is Role.IMPL
    ]
    batched, cast = "at::TORCH_LIBRARY_IMPL(aten, FuncTorchBatched)", "at::TORCH_LIBRARY_IMPL(_, AutocastCPU)"
    assert said == [
        ("aten::clone", "clone_batch_rule", 3, batched),
        ("aten::abs", "Helper::apply", 5, batched),
        ("aten::plain", "f", 7, batched),
        ("aten::mm", "autocast::WrapFunction", 10, cast),
        ("aten::pow.Scalar", "f", 11, cast),
    ]


def test_a_macro_that_two_files_define_otherwise_is_left_alone() -> None:
    headers = b'#define BOTH(op, f) m.impl(#op, f);\n#define BOTH(op, f) m.impl("not_" #op, f);\n'
    source = b"TORCH_LIBRARY_IMPL(aten, CPU, m) {\n  BOTH(add, my_add)\n}\n"
    assert not [mention for mention in read_with(headers, source).mentions if mention.role is Role.IMPL]
