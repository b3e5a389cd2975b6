"""Pages made when somebody asks: the same as those that are built, of every file, and of nothing outside the tree."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tour import build, site, stock
from tour.index import Index
from tour.library import Library
from tour.render.passing import Passing, restored
from tour.server import static
from tour.tree import Tree, TreeKind
from tour.views import MarkView

from .test_site import HOSTILE, hostile_tree


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Path, Path]:
    """The hostile tree, its index, and a folder of a site that tells of one tour."""
    work = tmp_path_factory.mktemp("library")
    tree = hostile_tree(work / "tree")
    (work / "tree/README.md").write_text(f"# read {HOSTILE}\n")
    (work / "tree/.git").mkdir()
    for hidden in (".git/config", ".env", "credentials.json", ".netrc.txt"):
        (work / "tree" / hidden).write_text("not yours")
    (work / "tree/data.bin").write_bytes(b"\0\1\2")
    (work / "secret.html").write_text("not yours")
    (work / "secret").write_text("not yours")
    (work / "tree/out").symlink_to(work)
    build.update(tree, work / "i.sqlite")
    folder = work / "site"
    told = Passing(
        {"torch/nn/module.py": (MarkView(12, 13, "mini", "module-to", 8),)},
        {"op:aten::mini_norm": (("mini", "norm", 3),)},
        {
            "en": {("mini", "module-to"): "To", ("mini", "norm"): "Norm"},
            "zh": {("mini", "module-to"): "到", ("mini", "norm"): "规"},
        },
    )
    (folder / "source/9.1.0").mkdir(parents=True)
    (folder / "source/9.1.0/tours.json").write_text(told.kept())
    (folder / "source/9.1.0/torch").mkdir()
    (folder / "source/9.1.0/torch/engine.py.html").write_text("built")
    return tree, work / "i.sqlite", folder


@pytest.fixture
def library(shelves: tuple[Tree, Path, Path]) -> Iterator[Library]:
    tree, index, folder = shelves
    made = Library([tree], lambda _: Index(index), folder)
    yield made
    made.close()


def test_any_file_has_its_page_and_data(library: Library) -> None:
    page = library("source/9.1.0/torch/nn/module.py.html")
    assert page is not None and page.kind == "text/html"
    assert 'id="L13"' in page.text and "data-t=" in page.text and "data-d=" in page.text
    assert "到" in page.text and "Step 8 of mini" in page.text
    names = library("source/9.1.0/torch/nn/module.py.json")
    far = library("source/9.1.0/torch/nn/module.py.relations.json")
    assert names is not None and far is not None
    assert len(json.loads(names.text)["definitions"]) == len(json.loads(far.text)["relations"]) > 3


def test_links_stay_in_the_library(library: Library) -> None:
    page = library("source/9.1.0/torch/__init__.py.html")
    assert page is not None
    assert "github.com" not in page.text.partition("<main>")[2]


def test_a_text_that_is_no_code_is_shown_plainly(library: Library) -> None:
    page = library("source/9.1.0/README.md.html")
    assert page is not None and "read &lt;/script&gt;" in page.text and "<script>alert" not in page.text


def test_an_operator_has_its_page(library: Library) -> None:
    page = library("operators/9.1.0/aten/mini_norm.html")
    assert page is not None and "aten::mini_norm" in page.text and "规" in page.text
    native = library("operators/9.1.0/aten/native_mini_norm.html")
    assert native is not None and "at::native::mini_norm_cuda" in native.text and "HIP" in native.text


@pytest.mark.parametrize(
    "path",
    [
        "source/9.1.0/../secret.html", "source/9.1.0/%2e%2e/secret.html", "source/9.1.0//etc/passwd.html",
        "source/9.1.0/out/secret.html", "source/9.1.0/..%2fsecret.html", "source/9.1.0/.html", "source/9.1.0",
        "source/8.0.0/torch/engine.py.html", "source/9.1.0/nothing.py.html", "source/9.1.0/data.bin.html",
        "source/9.1.0/torch.html", "source/9.1.0/\0.html", "operators/9.1.0/aten/nothing.html",
        "operators/9.1.0/x.html", "source/9.1.0/.git/config.html", "source/9.1.0/.env.html",
        "source/9.1.0/credentials.json.html", "source/9.1.0/.netrc.txt.html",
        "operators/9.1.0/aten/mini_norm.json", "index.html", "tours/mini/", "source/9.1.0/torch/engine.py.html",
    ],
)  # fmt: skip
def test_what_is_not_there_or_built_is_left_to_the_site(library: Library, path: str) -> None:
    assert library(path) is None


def test_hostile_text_is_inert(library: Library) -> None:
    evil = library("operators/9.1.0/aten/mini_evil.html")
    nasty = [
        library(f"source/9.1.0/torch/%3Cimg%20src=x%20onerror=boom%3E&'.py.{end}")
        for end in ("html", "json", "relations.json")
    ]
    assert evil is not None
    for made in (evil, *nasty):
        assert made is not None
        if made.kind == "text/html":
            assert "alert(1)" in made.text
            assert "<script>alert" not in made.text and "<img" not in made.text
        else:
            json.loads(made.text)


def test_a_page_made_is_the_page_built(shelves: tuple[Tree, Path, Path], tmp_path: Path, library: Library) -> None:
    """But for where its links lead: the code and its names are the same."""
    tree, file, _ = shelves
    with Index(file) as index:
        held = stock.stock(tree, index, (), "all", "all")
        out = site.build([], [held], tmp_path / "site", work=tmp_path / "work")
    path = "source/9.1.0/torch/nn/module.py"
    made = library(f"{path}.html")
    assert made is not None
    built = (out / f"{path}.html").read_text()
    for text in ("data-t=", "data-d=", 'class="line'):
        assert made.text.count(text) == built.count(text)
    assert (out / "operators/9.1.0/aten/mini_norm.html").is_file()
    assert restored((out / "source/9.1.0/tours.json").read_text()).marks == {}
    about = json.loads((out / "symbols/9.1.0/about.json").read_text())
    assert about["symbols"] > 200 and about["shards"] == 1 and "aten::mini_norm" in about["operators"]


@pytest.fixture
def port(shelves: tuple[Tree, Path, Path], library: Library) -> Iterator[int]:
    handler = partial(static._Files, directory=str(shelves[2]), pages=library)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def ask(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type") or "", answer.read().decode("utf-8", "replace")


def test_files_alone_serve_it_too(port: int) -> None:
    status, kind, text = ask(port, "/source/9.1.0/torch/nn/module.py.html?x#L3")
    assert status == 200 and kind.startswith("text/html") and "data-d=" in text
    assert ask(port, "/source/9.1.0/torch/nn/module.py.html", method="HEAD")[::2] == (200, "")
    assert ask(port, "/source/9.1.0/torch/engine.py.html")[2] == "built"
    assert ask(port, "/source/9.1.0/no.py.html")[0] == 404
    assert json.loads(ask(port, "/assets/tour/everything.json")[2]) == {"versions": ["9.1.0"]}
    assert ask(port, "/source/9.1.0/torch/nn/module.py.html", "evil.example")[0] == 403


def test_a_changed_file_is_one_clear_sentence(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.py").write_text("def f():\n    return 1\n")
    tree = Tree(root, "1.0.0", TreeKind.FOLDER)
    build.update(tree, tmp_path / "i.sqlite")
    (root / "a.py").write_text("def g():\n    return 2\n")
    library = Library([tree], lambda _: Index(tmp_path / "i.sqlite"), tmp_path)
    handler: Callable[..., static._Files] = partial(static._Files, directory=str(tmp_path), pages=library)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        status, _, text = ask(server.server_port, "/source/1.0.0/a.py.html")
        server.shutdown()
    library.close()
    assert status == 409 and "changed since it was indexed" in text
