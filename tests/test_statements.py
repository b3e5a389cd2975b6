"""A statement's text in a body: as it stands, broken otherwise, renamed; and when nothing is believed."""

from __future__ import annotations

import pytest

from tour import statements


def found(body: str, statement: str, after: str | None = None, through: str | None = None) -> statements.Found:
    return statements.find(list(enumerate(body.splitlines(), start=10)), statement, after, through)


WRAPPED = """\
x = 1
return t.to(
    device,
    dtype if t.is_floating_point() or t.is_complex() else None,
    non_blocking,
)
"""

UNWRAPPED = "return t.to(device, dtype if t.is_floating_point() or t.is_complex() else None, non_blocking)"


@pytest.mark.parametrize(
    ("body", "statement", "lines"),
    [
        (WRAPPED, UNWRAPPED, (11, 15)),
        ("a = 1\nfor __name in dir(_C):\n    pass", "for name in dir(_C):", (11, 11)),
        ("a = 1\nfrom torch._tensor import Tensor  # usort: skip\nb = 2", "from ._tensor import Tensor", (11, 11)),
        ('e = 0\nC = Extension(\n    "torch._C",\n    sources=s,\n)', 'C = Extension("torch._C",', (11, 12)),
        ("first();\nmodule = PyModule_Create(&m);\n", "ASSERT_TRUE(module = PyModule_Create(&m));", (11, 11)),
    ],
)  # fmt: skip
def test_a_statement_that_is_spelt_otherwise_is_found_and_said_to_have_changed(
    body: str, statement: str, lines: tuple[int, int]
) -> None:
    place = found(body, statement)
    assert (place.how, place.first) == ("changed", lines[0]) and lines[0] <= place.last <= lines[1]
    assert place.note and "reads" in place.note


@pytest.mark.parametrize(
    ("body", "statement"),
    [
        ("self.conv1(x)\nself.conv2(x)\n", "self.conv3(x)"),
        ("a = 1\nb = 2\n", "return torch.relu(input)"),
        ("", "return x"),
        ("a = b\na = b\n", "a = b"),
        ("# for name in dir(_C):\n", "for name in sorted(dir(_C)):"),
    ],
)
def test_a_doubt_is_lost(body: str, statement: str) -> None:
    place = found(body, statement)
    assert place.how == "lost" and place.note


def test_the_last_line_may_have_changed_too() -> None:
    body = "start(a)\nmiddle()\nfinish(a, b)\nother()\n"
    place = found(body, "start(a)", through="finish(a)")
    assert (place.how, place.first, place.last) == ("changed", 10, 12)
    lost = found(body, "start(a)", through="nothing like it at all")
    assert (lost.how, lost.first, lost.last) == ("changed", 10, 10) and "not there" in str(lost.note)


@pytest.mark.parametrize(
    ("body", "statement"),
    [
        ("return x + 1\n", "return x"),
        ("x = y if run(x) else run(y)\n", "run(x)"),
        ("result = forward(*args).detach()", "result = forward(*args)"),
        ("// run(x) was here\n", "run(x)"),
        ("module, parameters,\n", "module,"),
    ],
)
def test_a_line_that_says_more_is_found_and_said_to_have_changed(body: str, statement: str) -> None:
    place = found(body, statement)
    assert (place.how, place.first, place.note) == ("changed", 10, f"reads {body.strip()!r} here")


@pytest.mark.parametrize(
    ("body", "statement"),
    [
        ("return x  # no more\n", "return x"),
        ("return x; // no more\n", "return x;"),
        ("C = Extension('torch._C', sources=s)\n", "C = Extension(…"),
        ("{'half', cast(half), METH, NULL},\n", "{'half', cast(half),…"),
    ],
)
def test_a_comment_more_is_no_change_and_a_text_that_is_cut_stands_for_its_line(body: str, statement: str) -> None:
    assert found(body, statement) == statements.Found("exact", 10, 10)


BLOCKS = """\
if a:
    start()
    # no code
#endif
    run(x)
else:
    run(x)
"""


def test_a_statement_below_another_line_is_doubted_outside_of_its_block_and_far_away() -> None:
    assert found(BLOCKS, "run(x)", after="start()") == statements.Found("exact", 14, 14)
    gone = found(BLOCKS.replace("    run(x)\nelse", "else"), "run(x)", after="start()")
    assert (gone.how, gone.first) == ("changed", 15) and "another block than 'start()'" in str(gone.note)
    far = found("if a:\n" + "    x = 1\n" * statements.FAR + "    run(x)\n", "run(x)", after="if a:")
    assert far.how == "changed" and "61 lines below 'if a:'" in str(far.note)
    near = found("if a:\n" + "    x = 1\n" * (statements.FAR - 1) + "    run(x)\n", "run(x)", after="if a:")
    assert near.how == "exact"


@pytest.mark.parametrize("statement", ["else:", "return None", "}", "break;", "return self"])
def test_a_text_that_may_stand_anywhere_is_no_sure_place_by_itself(statement: str) -> None:
    body = f"if fast(x):\n    {statement}\n"
    alone = found(body, statement)
    assert (alone.how, alone.first) == ("changed", 11) and "`after:`" in str(alone.note)
    assert found(body, statement, after="if fast(x):") == statements.Found("exact", 11, 11)


def test_the_line_before_it_may_have_changed_too() -> None:
    place = found("if a and b:\n    run(x)\nrun(x)\n", "run(x)", after="if a")
    assert (place.how, place.first) == ("changed", 11) and "reads 'if a and b:' here" in str(place.note)


def test_blanks_do_not_matter_and_equal_wins() -> None:
    place = found("  x  =   1\nx = 10\n", "x = 1")
    assert (place.how, place.first) == ("exact", 10)
