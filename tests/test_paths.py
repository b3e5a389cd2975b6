"""Learning paths: read, refused with a line, listed, carried by every export, and drawn with the reader's progress."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

import tour
from tour import cli, home, paths, repository, tours, views
from tour.errors import AnnotationError
from tour.model import LANGS
from tour.render import html
from tour.render.codetour import codetour
from tour.render.markdown import markdown
from tour.render.notebook import notebook
from tour.views import LegView, PathView, TourView

from . import annotations as written
from . import sample_views as sample
from .test_browser import Open, address, browser, visit
from .test_site import built

__all__ = ["address", "browser", "built", "visit"]

WORDS = "{en: In order, zh: 按顺序}"
PATH = f"""\
paths:
  - id: start
    title: {WORDS}
    for: {WORDS}
    tours:
      - {{tour: mini, why: {WORDS}}}
      - {{tour: import-torch, why: {WORDS}}}
"""


def folder(root: Path, text: str = PATH) -> Path:
    written.write(root)
    (root / "path.yaml").write_text(text)
    return root


def test_a_teams_path_has_tours_of_its_own_and_of_ours(tmp_path: Path) -> None:
    (path,) = paths.load(folder(tmp_path))
    assert (path.id, path.title, [leg.tour for leg in path.legs]) == (
        "start", {"en": "In order", "zh": "按顺序"}, ["mini", "import-torch"],
    )  # fmt: skip
    assert paths.load(tmp_path / "nowhere") == ()
    view = views.path_views((path,), "en")[0]
    assert [leg.title for leg in view.legs] == ["The en title", tours.title("import-torch", repository.ours(), "en")]
    assert (view.place("import-torch"), view.place("x"), view.following("import-torch")) == (2, 0, None)
    assert view.following("mini") == view.legs[1]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("tour: mini", "tour: minni", 6, "path 'start': there is no tour 'minni'"),
        ("tour: import-torch", "tour: mini", 7, "mini stands here twice"),
        ("    for: " + WORDS + "\n", "", 2, "for is missing"),
        ("zh: 按顺序}\n    for", "zh: ' '}\n    for", 3, "expected text"),
        ("id: start", "id: Start", 2, "expected lower-case words"),
        ("paths:", "path:", 1, "unknown key 'path'"),
        ("paths:", "paths: [", 2, "not valid YAML"),
        (", why: " + WORDS + "}\n      - {tour: import", "}\n      - {tour: import", 6, "why is missing"),
    ],
)
def test_what_is_no_path_is_one_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in PATH
    with pytest.raises(AnnotationError, match=said) as error:
        paths.load(folder(tmp_path, PATH.replace(old, new)))
    at = str(error.value.at)
    assert at.startswith(f"{tmp_path / 'path.yaml'}:") and (at.endswith(f":{line}") or "YAML" in said)


def test_an_id_stands_once_and_a_teams_path_hides_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AnnotationError, match="path id 'start' is taken"):
        paths.load(folder(tmp_path, PATH + PATH.removeprefix("paths:\n")))
    (tmp_path / "path.yaml").write_text(PATH.replace("id: start", "id: use"))
    monkeypatch.setenv(repository.VARIABLE, str(tmp_path))
    assert [path.id for path in paths.at_hand()] == ["use", "extend", "develop"]
    assert paths.at_hand()[0].file == tmp_path / "path.yaml"


@pytest.mark.parametrize("lang", LANGS)
def test_the_command_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setenv(repository.VARIABLE, str(folder(tmp_path)))
    done = CliRunner().invoke(cli.main, ["list", "--path", "--lang", lang])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "1 mini" in said and {"en": "In order", "zh": "按顺序"}[lang] in said and "develop" in said
    done = CliRunner().invoke(cli.main, ["list", "--path", "start", "--json", "--lang", lang])
    (told,) = json.loads(done.output)["paths"]
    assert [row["tour"] for row in told["tours"]] == ["mini", "import-torch"]
    assert told["tours"][0]["steps"] == len(written.STEPS)
    done = CliRunner().invoke(cli.main, ["list", "--path", "strat"])
    assert done.exit_code == 2 and "there is no learning path 'strat'" in done.output and "start" in done.output


def test_a_broken_path_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(repository.VARIABLE, str(folder(tmp_path, PATH.replace("tour: mini", "tour: minni"))))
    done = CliRunner().invoke(cli.main, ["check"])
    assert done.exit_code == 2 and "path.yaml:6" in done.output


def on_path(name: str, number: int = 1) -> TourView:
    legs = (LegView("sample", "The `first`", "Because."), LegView("other", "The `other`", "Then, see `x`."))
    view = replace(sample.tour("en"), name=name, title=f"The `{'first' if name == 'sample' else name}`")
    return replace(view, follows=(), paths=(PathView("p", number, "In order", "For you.", legs),))


def test_exports_say_where_on_the_path_one_is_and_what_comes_next() -> None:
    first, other = on_path("sample"), on_path("other")
    told = {"sample": first, "other": other}
    for text in (markdown(first, told), "".join(map(str, json.loads(notebook(first, told))["cells"]))):
        assert "On the path “In order”: 1 of 2" in text
        assert "Next on the path “In order”:** [The other](other.en." in text
    assert "Next on the path" not in markdown(other, told)
    assert "Next on the path “In order”:** The other." in markdown(first, {"sample": first})
    made = json.loads(codetour(first, told))
    assert (made["isPrimary"], made["nextTour"]) == (True, "The other")
    assert "On the path “In order”: 1 of 2" in made["steps"][0]["description"]
    assert "[The other][The other]. Then, see `x`." in made["steps"][-1]["description"]
    assert not {"isPrimary", "nextTour"} & json.loads(codetour(other, told)).keys()
    assert "isPrimary" not in json.loads(codetour(on_path("sample", 2), told))


def test_pages_lead_along_the_path_and_only_to_pages_that_there_are() -> None:
    page = html.tour_page(on_path("sample"), "../../", {"sample", "other"})
    assert "On the path “In order”: 1 of 2" in page and '<a href="../other/">The <code>other</code></a>' in page
    assert "../other/" not in html.tour_page(on_path("sample"), "../../", {"sample"})
    first = html.home([on_path("sample"), on_path("other")], "en", "")
    assert 'id="path-p"' in first and "Then, see <code>x</code>." in first
    assert "tours/other/" not in html.home([on_path("sample")], "en", "").partition("home-map")[0]


def test_our_paths_name_tours_in_both_languages() -> None:
    each = paths.load(repository.ours())
    assert [path.id for path in each] == ["use", "extend", "develop"]
    for lang in LANGS:
        assert [path.title for path in tour.learning_paths(lang)] == [path.title[lang] for path in each]
    on = home.paths([replace(sample.tour("en"), name="module-call", paths=views.path_views(each, "en")[:1])])
    assert [(path.id, [leg.tour for leg in path.legs]) for path in on] == [("use", ["module-call"])]


@pytest.mark.browser
def test_the_first_page_shows_how_far_one_has_come(visit: Open) -> None:
    page = visit("/")
    bar = page.locator("#path-both progress")
    expect(bar).to_be_hidden()
    steps = page.locator("#path-both a[data-tour]").evaluate_all("each => each.map((one) => Number(one.dataset.steps))")
    page.evaluate(
        "localStorage.setItem('tour-progress', JSON.stringify({mini: {step: 'pyinit', number: 4, of: 8, when: 1}}))"
    )
    page.reload()
    expect(bar).to_be_visible()
    assert bar.evaluate("one => [one.value, one.max]") == [steps[0] / 2, sum(steps)]
    assert page.locator("#path-both a[data-tour=mini]").get_attribute("data-read") == "4/8"
    assert "En route" in page.locator("#path-both li").first.inner_text()
