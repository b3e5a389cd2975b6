"""Preprocessor branches that cut a declaration in two lose no definition, and say none twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tour.index import Index
from tour.model import Lang
from tour.parsers import branches, parse
from tour.parsers.treesitter import syntax
from tour.tree import Tree


def symbols(source: str) -> list[tuple[str, int]]:
    found = parse("a.cpp", source.encode(), Lang.CPP).symbols
    assert all(symbol.parent < at for at, symbol in enumerate(found))
    for symbol in found:
        if symbol.parent >= 0:
            assert symbol.qualname.startswith(f"{found[symbol.parent].qualname}::")
    return [(symbol.qualname, symbol.line) for symbol in found]


HEAD_IN_TWO = """namespace n {
class A {
#ifdef X
  void f(int a) {
    in_x();
#else
  void f(long a) {
    in_y();
#endif
    shared();
  }
  void after() {}
};
void last() {}
}
"""


def test_a_function_head_in_two_branches() -> None:
    assert symbols(HEAD_IN_TWO) == [
        ("n", 1), ("n::A", 2), ("n::A::f", 4), ("n::A::f", 7), ("n::A::after", 12), ("n::last", 14),
    ]  # fmt: skip
    parsed = parse("a.cpp", HEAD_IN_TWO.encode(), Lang.CPP)
    assert not parsed.problems
    assert [(m.name, m.line, parsed.symbols[m.scope].line) for m in parsed.mentions] == [
        ("in_x", 5, 4), ("in_y", 8, 7), ("shared", 10, 4),
    ]  # fmt: skip


def test_every_branch_of_a_chain_and_of_what_is_in_it() -> None:
    source = """struct S
#if A
  : P {
#elif B
#  if C
  : Q { void only_c() {}
#  else
  : R { void only_not_c() {}
#  endif
#else
  { void only_else() {}
#endif
  void all() {}
};
int after() { return 1; }
"""
    assert len(branches.views(source.encode())) == 4
    assert symbols(source) == [
        ("S", 1), ("S::only_c", 6), ("S::only_not_c", 8), ("S::only_else", 11), ("S::all", 13), ("after", 15),
    ]  # fmt: skip
    assert [m.name for m in parse("a.cpp", source.encode(), Lang.CPP).mentions] == ["P", "Q", "R"]


def test_what_never_compiles_is_never_read() -> None:
    source = """#if 0
void dead() {
#else
void live() {
#endif
}
#ifdef X
void f( {
#endif
"""
    assert ("live", 4) in symbols(source)
    assert "dead" not in dict(symbols(source))


def test_a_conditional_without_end() -> None:
    source = "void before() {}\n#ifdef X\nvoid f(int a\n#else\nvoid f(long a\n"
    assert symbols(source)[0] == ("before", 1)
    assert [view.count(b"\n") for view in branches.views(source.encode())] == [5, 5]
    assert branches.views(b"#endif\n#else\n#elif\n") == []


def test_a_branch_that_opens_what_another_closes() -> None:
    source = '#ifdef __cplusplus\nextern "C" {\n#endif\nint f(int a) { return a; }\n#ifdef __cplusplus\n}\n#endif\n'
    assert symbols(source) == [("f", 4)]
    assert len(branches.views(source.encode())) == 1


WHOLE = """#ifndef H
#define H
#if A
void f() {}
#else // {
void f(int) { g('{', "("); } /* ( */
#endif
#endif
"""


def test_whole_branches_need_no_views() -> None:
    assert branches.views(WHOLE.encode()) == []


@pytest.mark.parametrize(
    "source",
    [
        '#if ODD("-Wflag")\nint f();\n#endif\n',
        "void f() { if (a) {\n}\n#ifdef A\nelse if (b) {}\n#endif\nelse {}\n}\n",
        "void f() {\n#ifdef A\nif (b) {}\n#endif\nelse {}\n}\n",
        "int a =\n#ifdef A\n1;\n#endif\n",
        "#ifdef A\n__global__\n#endif\nvoid f() {}\n",
        "#ifdef A\nint f(\n#endif\n);\n",
    ],
)
def test_what_leans_on_its_neighbours_is_cut(source: str) -> None:
    assert len(branches.views(source.encode())) == 1
    assert not parse("a.cpp", source.encode(), Lang.CPP).problems


def test_directives_in_comments_and_literals_are_none() -> None:
    source = b'/*\n#if A\n*/ char* a = "\\\n#if B\\\n";\nauto b = R"x(\n#else\n)x"; // \\\n'
    assert branches.views(source) == []


def test_views_keep_every_position() -> None:
    source = "#if A \\\n  && B\nint é(\r\n#else\nint f(\n#endif\n);\n".encode()
    first, second = branches.views(source)
    assert first.decode() == "       \n      \nint é(\r\n     \n      \n      \n);\n"
    assert len(first) == len(second) == len(source)
    assert [at for at, byte in enumerate(first) if byte == 10] == [at for at, byte in enumerate(source) if byte == 10]
    assert b"f(" in second and b"f(" not in first


@pytest.mark.parametrize("depth", [60, 20_000])
def test_any_depth_is_taken(depth: int) -> None:
    source = b"#if A\nint f(\n#else\nint g(\n" * depth + b"#endif\n" * depth
    found = branches.views(source)
    assert len(found) == branches.MOST_VIEWS
    assert all(len(view) == len(source) for view in found)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("name", ["a.cpp", "a.mm"])
def test_any_line_end_is_taken(name: str, line_end: str) -> None:
    source = HEAD_IN_TWO.replace("\n", line_end).encode()
    found = parse(name, source, Lang.CPP).symbols
    assert [(symbol.qualname, symbol.line) for symbol in found] == symbols(HEAD_IN_TWO)


def test_a_view_parsed_on_from_another_tree_is_as_if_parsed_alone() -> None:
    source = HEAD_IN_TWO.replace("last", "letzt_ä").encode()
    known = syntax(Lang.CPP, source)
    for view in branches.views(source):
        known = syntax(Lang.CPP, view, known)
        alone = syntax(Lang.CPP, view)
        assert str(known.tree.root_node) == str(alone.tree.root_node)
        assert [child.range for child in known.tree.root_node.children] == [
            child.range for child in alone.tree.root_node.children
        ]
        assert not known.is_broken


HEALED = {
    "aten/src/ATen/core/dispatch/OperatorEntry.cpp": "c10::impl::OperatorEntry::kernelForDispatchKey",
    "c10/core/TensorImpl.h": "c10::TensorImpl::has_storage",
    "c10/util/BFloat16.h": "c10::BFloat16::from_bits",
    "torch/csrc/jit/runtime/symbolic_shape_registry.cpp": "torch::jit::shapeComputeGraphForSchema",
    "torch/csrc/profiler/kineto_shim.cpp": "torch::profiler::impl::kineto::startTrace",
}
"""Definitions that a grammar alone takes out of their scopes, in both versions."""


def test_real_definitions_have_their_scopes(real: tuple[Tree, Index]) -> None:
    _, index = real
    for file, name in HEALED.items():
        assert file in {symbol.file for symbol in index.symbols(name) if symbol.is_definition}, name


def test_no_real_definition_is_said_twice(real: tuple[Tree, Index]) -> None:
    _, index = real
    for file in HEALED:
        said = Counter((symbol.qualname, symbol.line, symbol.column) for symbol in index.symbols_in(file))
        assert [place for place, times in said.items() if times > 1] == [], file
