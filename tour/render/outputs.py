"""What a cell showed, as HTML: Jupyter's outputs, of which none is trusted.

Text goes through a small terminal, so that colours and progress bars which overwrite themselves look as they did;
pictures, SVG among them, are images, which run nothing; HTML stands in a frame that runs nothing and loads nothing.
``templates/assets/outputs.js`` makes the same elements of what a kernel sends.
"""

from __future__ import annotations

import colorsys
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape

from tour.recordings import FRAME, Output, joined

Linked = Callable[[str, int], str | None]
"""The address of the source page's line for file and line of torch's, where there is one."""

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_TOKEN = re.compile(
    r"\x1b\[(?P<numbers>[\d;?]*)(?P<command>[A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.?|[\r\n\b]|[^\x1b\r\n\b]+"
)
_ROWS = 2000


def outputs(shown: Sequence[Output], title: str, sheet: str, linked: Linked = lambda file, line: None) -> str:
    """All outputs of a cell. ``sheet`` is the address of ``cells.css``."""
    return "".join(_output(output, title, sheet, linked) for output in joined(shown))


def _output(output: Output, title: str, sheet: str, linked: Linked) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return f'<pre class="out-{"err" if output["name"] == "stderr" else "text"}">{text(output["text"])}</pre>'
    if kind == "error":
        told = output["traceback"] or [f"{output['ename']}: {output['evalue']}"]
        return f'<pre class="out-error">{text(chr(10).join(told), linked)}</pre>'
    data = output["data"]
    if "text/html" in data:
        return frame(data["text/html"], title, sheet)
    if "image/svg+xml" in data:
        coded = b64encode(data["image/svg+xml"].encode()).decode()
        return f'<img class="out-image" alt="{escape(title)}" src="data:image/svg+xml;base64,{coded}">'
    for mime in _PICTURES:
        if mime in data:
            coded = re.sub(r"[^A-Za-z0-9+/=]", "", data[mime])
            return f'<img class="out-image" alt="{escape(title)}" src="data:{mime};base64,{coded}">'
    return f'<pre class="out-text">{text(str(data.get("text/plain", "")))}</pre>'


def frame(html: str, title: str, sheet: str) -> str:
    """HTML of a cell in a frame without scripts, forms and network; the page may measure it, no more."""
    head = (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:\">"
        f'<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="{sheet}">'
    )
    page = f'<!doctype html>{head}<body class="out-page">{html}'
    told = f'title="{escape(title)}" srcdoc="{escape(page)}"'
    return f'<iframe class="out-html" sandbox="allow-same-origin" {told}></iframe>'


def text(raw: str, linked: Linked = lambda file, line: None) -> str:
    """What a terminal shows after ``raw`` was printed, with its colours as classes and its places as links."""
    screen = _Screen()
    screen.write(raw)
    return "\n".join(_row(row, linked) for row in screen.rows).rstrip("\n")


def _row(row: list[tuple[str, str]], linked: Linked) -> str:
    plain = "".join(letter for letter, _ in row)
    found = FRAME.match(plain)
    address = linked(found["file"], int(found["line"])) if found else None
    if found is None or address is None:
        return _runs(row)
    start, end = found.start("file"), found.end("line")
    return f'{_runs(row[:start])}<a href="{escape(address)}">{_runs(row[start:end])}</a>{_runs(row[end:])}'


def _runs(row: list[tuple[str, str]]) -> str:
    runs: list[tuple[str, str]] = []
    for letter, look in row:
        if runs and runs[-1][1] == look:
            runs[-1] = (runs[-1][0] + letter, look)
        else:
            runs.append((letter, look))
    return "".join(
        f'<span class="{look}">{escape(run, quote=False)}</span>' if look else escape(run, quote=False)
        for run, look in runs
    )


class _Screen:
    """Rows of letters with their look, and where the next one goes."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._marks: dict[str, str] = {}

    def write(self, raw: str) -> None:
        for token in _TOKEN.finditer(raw):
            said = token[0]
            if said == "\n":
                self._down()
            elif said == "\r":
                self._column = 0
            elif said == "\b":
                self._column = max(0, self._column - 1)
            elif token["command"]:
                self._command(token["command"], token["numbers"])
            elif not said.startswith("\x1b"):
                self._put(said)

    def _down(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self.rows):
            self.rows.append([])

    def _put(self, letters: str) -> None:
        row, look = self.rows[self._row], " ".join(self._marks.values())
        row += [(" ", "")] * (self._column - len(row))
        row[self._column : self._column + len(letters)] = [(letter, look) for letter in letters]
        self._column += len(letters)

    def _command(self, command: str, numbers: str) -> None:
        given = [int(number) if number.isdecimal() else 0 for number in numbers.split(";")]
        if command == "m":
            self._look(given)
        elif command == "A":
            self._row = max(0, self._row - max(1, given[0]))
        elif command == "K":
            row = self.rows[self._row]
            del row[0 if given[0] == 2 else self._column :]
        elif command == "G":
            self._column = min(max(1, given[0]), _ROWS) - 1
        elif command == "C":
            self._column = min(self._column + max(1, given[0]), _ROWS)

    def _look(self, given: list[int]) -> None:
        """Select Graphic Rendition; colours beyond the first sixteen become the nearest of those."""
        marks = self._marks
        at = 0
        while at < len(given):
            number = given[at]
            if number == 0:
                marks.clear()
            elif number in {1, 3, 4}:
                marks[str(number)] = {1: "a-bold", 3: "a-italic", 4: "a-underline"}[number]
            elif number in {22, 23, 24}:
                marks.pop(str(number - 21 if number == 22 else number - 20), None)
            elif number in {39, 49}:
                marks.pop("fg" if number == 39 else "bg", None)
            elif number in {38, 48}:
                colour, at = _colour(given, at)
                marks["fg" if number == 38 else "bg"] = f"a-{'fg' if number == 38 else 'bg'}{colour}"
            else:
                for first, key, bright in ((30, "fg", 0), (40, "bg", 0), (90, "fg", 8), (100, "bg", 8)):
                    if first <= number < first + 8:
                        marks[key] = f"a-{key}{number - first + bright}"
            at += 1


def _colour(given: list[int], at: int) -> tuple[int, int]:
    """One of the sixteen colours, and where what named it ends."""
    rest = given[at + 1 :]
    if rest[:1] == [5] and len(rest) > 1:
        number = min(rest[1], 255)
        if number < 16:
            return number, at + 2
        if number >= 232:
            return 8, at + 2
        number -= 16
        return _nearest(number // 36 * 51, number // 6 % 6 * 51, number % 6 * 51), at + 2
    if rest[:1] == [2] and len(rest) > 3:
        red, green, blue = (min(part, 255) for part in rest[1:4])
        return _nearest(red, green, blue), at + 4
    return 8, len(given)


def _nearest(red: int, green: int, blue: int) -> int:
    hue, saturation, _ = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    return 8 if saturation < 0.3 else (1, 3, 2, 6, 4, 5)[round(hue * 6) % 6]
