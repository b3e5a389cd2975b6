"""What every way through a function passes, told from its text."""

from __future__ import annotations

import textwrap

import pytest

from tour.witness.always import passes


def function(body: str) -> str:
    return "Tensor f(const Tensor& x, bool flag) {\n" + textwrap.indent(body, "  ") + "}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("shape[1] = b;\nHERE;\n", True),
        ("if (flag) {\n  y = 1;\n}\nHERE;\n", True),
        ("if (flag) {\n  return y;\n}\nHERE;\n", False),
        ("if (flag) return y;\nHERE;\n", False),
        ("if (flag)\n  HERE;\n", False),
        ("if (flag) {\n  HERE;\n}\n", False),
        ("for (auto& one : all) {\n  HERE;\n}\n", False),
        ("g([&] {\n  return 1;\n});\nHERE;\n", True),
        ("auto g = [&](int a) -> int {\n  return a;\n};\nHERE;\n", True),
        ("auto g = [&](int a) {\n  HERE;\n};\n", False),
        ("TORCH_CHECK(flag, \"return {\");\nHERE;\n", True),
        ("// return\n/* return; */\nHERE;\n", True),
        ("#ifdef USE_IT\nHERE;\n#endif\n", False),
        ("#ifdef USE_IT\nz();\n#endif\nHERE;\n", True),
        ("#ifdef USE_IT\nreturn y;\n#endif\nHERE;\n", False),
        ("if (flag) {\n  goto end;\n}\nHERE;\n", False),
        ("if (flag) {\n  Py_RETURN_NONE;\n}\nHERE;\n", False),
        ("HANDLE_TH_ERRORS\nHERE;\n", True),
        ("if (flag) {\n  a();\n} else\n  HERE;\n", False),
        ("std::vector<int> v{1, 2};\nHERE;\n", True),
        ("do {\n  HERE;\n} while (flag);\n", False),
        ("switch (x) {\n  case 1:\n    HERE;\n}\n", False),
        ("return HERE;\n", True),
        ("if (\n    HERE\n    && flag) {\n  a();\n}\n", True),
        ("if (flag\n    && HERE) {\n  a();\n}\n", False),
        ("y =\n  HERE;\n", False),
    ],
)  # fmt: skip
def test_a_statement_that_nothing_leads_around(body: str, expected: bool) -> None:
    text = function(body)
    line = next(number for number, one in enumerate(text.splitlines()) if "HERE" in one)
    assert passes(text, line) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return g(x);\n", True),
        ("return wrap(g(x));\n", True),
        ("if (g(x)) {\n  return x;\n}\n", True),
        ("if (flag && g(x)) {\n  return x;\n}\n", False),
        ("return flag ? g(x) : x;\n", False),
        ("if (flag) return g(x);\n", False),
        ("if (flag) {\n  return x;\n}\nreturn g(x);\n", False),
        ("run([&] { g(x); });\n", False),
        ("auto y = at::g(x);\nreturn y;\n", True),
        ("return g<true>(x);\n", True),
        ("return not_g(x);\n", False),
    ],
)
def test_a_call_that_nothing_leads_around(body: str, expected: bool) -> None:
    text = function(body)
    line = next(number for number, one in enumerate(text.splitlines()) if "g(x)" in one or "g<true>" in one)
    assert passes(text, line, "g") is expected


@pytest.mark.parametrize("text", ["", "}", "f() {", "f() }{", "{{{{", 'f() { R"x(', "#if\n#endif\n#endif\n"])
def test_what_is_no_function_says_no(text: str) -> None:
    assert not passes(text, 0) or text == ""
    assert not passes(text, 0, "g")
    assert not passes(text, 99)
