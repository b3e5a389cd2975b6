"""What an assistant is answered: the SDK's own client talks to the real server over standard input and output."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client

from tour import excerpts, names

from .conftest import MINI, REAL_VERSIONS, SHAPES, real_tree

PACKAGE = Path(__file__).parents[1]


class Assistant:
    """A client of `tour mcp`, and the command itself to hold its answers against."""

    def __init__(self, home: Path | None = None) -> None:
        own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")} if home else {}
        self.environment = {**os.environ, **own, "PYTHONPATH": str(PACKAGE), "NO_COLOR": "1"}
        self.home = home or Path.cwd()

    def __call__(self, asked: Callable[[ClientSession], Awaitable[Any]], *words: str) -> Any:
        """Start a server, do what ``asked`` does with it, and end it."""

        async def talk() -> Any:
            started = StdioServerParameters(
                command=sys.executable, args=["-m", "tour", "mcp", *words], env=self.environment, cwd=self.home
            )
            async with stdio_client(started) as (hears, says), ClientSession(hears, says) as session:
                await session.initialize()
                return await asked(session)

        return anyio.run(talk)

    def tell(self, *calls: tuple[str, dict[str, Any]], words: tuple[str, ...] = ()) -> list[Any]:
        """What each call of a tool is answered: its document, or the text of its error."""

        async def asked(session: ClientSession) -> list[Any]:
            told = []
            for tool, arguments in calls:
                answer = await session.call_tool(tool, arguments)
                text = answer.content[0].text  # type: ignore[union-attr]
                if not answer.is_error:
                    assert json.loads(text) == answer.structured_content
                told.append(text if answer.is_error else answer.structured_content)
            return told

        made: list[Any] = self(asked, *words)
        return made

    def run(self, *words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tour", *map(str, words)],
            capture_output=True, text=True, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code).stdout)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINI / "9.1.0", tmp_path / "pytorch-9.1.0"))


@pytest.fixture
def assistant(tmp_path: Path, tree: Path) -> Assistant:
    """One whose machine has a tree, indexed, a project beside it that is not, and nothing else."""
    (tmp_path / "home").mkdir()
    made = Assistant(tmp_path / "home")
    made.run("get", tree)
    made.run("index", "9.1.0")
    made.run("get", SHAPES)
    return made


def test_the_tools_read_and_say_so(assistant: Assistant) -> None:
    async def asked(session: ClientSession) -> Any:
        return (await session.list_tools()).tools, (await session.list_resources()).resources

    tools, resources = assistant(asked)
    assert {tool.name for tool in tools} == {"where", "path", "trace", "source", "tours"}
    for tool in tools:
        assert tool.description and tool.annotations.read_only_hint and not tool.annotations.open_world_hint
        assert tool.output_schema["type"] == "object"
        for name, parameter in tool.input_schema["properties"].items():
            assert parameter.get("description"), f"{tool.name}: {name}"
    assert {str(one.uri) for one in resources} == {f"tour://{lang}/{name}" for lang in ("en", "zh") for name in names()}


def test_answers_are_those_of_the_command(assistant: Assistant) -> None:
    first = names()[0]
    told = assistant.tell(
        ("where", {"name": "torch.nn.Linear", "tree": "9.1.0"}),
        ("where", {"name": "mini_norm_cuda", "question": "callers", "tree": "9.1.0"}),
        ("where", {"name": "nothing_of_that_name", "tree": "9.1.0"}),
        ("path", {"origin": "aten::native_mini_norm", "goal": "mini_norm_kernel", "tree": "9.1.0", "others": 4}),
        ("path", {"origin": "mini_norm_kernel", "goal": "aten::native_mini_norm", "tree": "9.1.0"}),
        ("trace", {"tour_name": first, "lang": "zh", "tree": "9.1.0"}),
        ("tours", {"tree": "9.1.0"}),
    )
    assert told == [
        assistant.json("where", "torch.nn.Linear", "--tree", "9.1.0"),
        assistant.json("where", "mini_norm_cuda", "--callers", "--tree", "9.1.0"),
        assistant.json("where", "nothing_of_that_name", "--tree", "9.1.0", code=1),
        assistant.json("path", "aten::native_mini_norm", "mini_norm_kernel", "--all", "--tree", "9.1.0"),
        assistant.json("path", "mini_norm_kernel", "aten::native_mini_norm", "--tree", "9.1.0", code=1),
        assistant.json("trace", first, "--lang", "zh", "--tree", "9.1.0", code=1),  # minitorch has lost its steps
        assistant.json("list", "--tree", "9.1.0"),
    ]
    assert told[0]["layers"] and told[3]["links"] and not told[4]["links"] and not told[2]["layers"]


def test_what_cannot_be_answered_is_said_in_a_sentence(assistant: Assistant, tree: Path) -> None:
    told = assistant.tell(
        ("where", {"name": "torch.nn.Linear", "tree": "7.7.7"}),
        ("where", {"name": "minishapes.paint", "tree": "9.1.0,minishapes"}),
        ("where", {"name": "torch.nn.Linear", "tree": str(tree)}),
        ("where", {"name": "torch.nn.Linear", "tree": ".."}),
        ("where", {"name": "  !! "}),
        ("path", {"origin": "torch.nn.Linaer", "goal": "aten::native_mini_norm", "tree": "9.1.0"}),
        ("trace", {"tour_name": "import-trch"}),
        ("trace", {"tour_name": "../../annotations/import-torch"}),
        ("trace", {"tour_name": "import-torch", "step": "pyinitt", "tree": "9.1.0"}),
        ("source", {"query": "torch/enginee.py:3", "tree": "9.1.0"}),
        ("source", {"query": "torch.engine.no_such_thing", "tree": "9.1.0"}),
        ("where", {"name": ""}),
        ("where", {"name": "x" * 3000}),
        ("path", {"origin": "torch.nn.Linear", "goal": "aten::relu", "others": 99}),
    )
    for answer, said in zip(
        told,
        [
            r"PyTorch 7.7.7 is not at hand (at hand: 9.1.0",
            "minishapes 0.3.1 has no index yet. Run `tour index minishapes`.",
            "is a folder, and an assistant names trees that are at hand",
            "is a folder",
            "is no name",
            "there is nothing named 'torch.nn.Linaer' in PyTorch 9.1.0. The nearest: torch.",
            "there is no tour 'import-trch'. The nearest: import-torch",
            "there is no tour '../../annotations/import-torch'",
            "there is no step 'pyinitt'. The nearest: pyinit",
            "the index has no file 'torch/enginee.py'. The nearest: torch/engine.py",
            "nothing that is called 'torch.engine.no_such_thing' has source in the index",
            "at least 1 character",
            "at most 2000 characters",
            "less than or equal to 4",
        ],
        strict=True,
    ):
        assert isinstance(answer, str) and said in answer
        assert "Traceback" not in answer


def test_source_is_lines_or_definitions(assistant: Assistant, tree: Path) -> None:
    text = (tree / "torch/engine.py").read_text().splitlines()
    lines, whole, by_end, named = assistant.tell(
        ("source", {"query": "torch/engine.py:3-5", "tree": "9.1.0"}),
        ("source", {"query": "torch/engine.py", "tree": "9.1.0"}),
        ("source", {"query": "engine.py:5", "tree": "9.1.0"}),
        ("source", {"query": "mini_norm_cuda", "tree": "9.1.0"}),
    )
    (excerpt,) = lines["excerpts"]
    assert excerpt == {
        "symbol": None, "file": "torch/engine.py", "line": 3, "end_line": 5, "lines": len(text), "cut": False,
        "text": "\n".join(text[2:5]),
    }  # fmt: skip
    assert whole["excerpts"][0]["text"].splitlines() == text and lines["schema"] == 1 and lines["left_out"] == 0
    assert by_end["excerpts"][0]["file"] == "torch/engine.py"
    (definition,) = named["excerpts"]
    assert definition["symbol"] == "cpp:at::native::mini_norm_cuda" and "mini_norm_cuda(" in definition["text"]


def test_no_path_leads_out_of_the_trees(assistant: Assistant, tree: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("TOKEN = 'hunter2'\n")
    (tree / "notes.py").symlink_to(secret)
    (tree / "linked").symlink_to(tmp_path)
    (tree / ".env.yaml").write_text("token: hunter2\n")
    (tree / "torch/_early.py").unlink()
    (tree / "torch/_early.py").symlink_to(secret)  # since it was indexed
    told = assistant.tell(
        *[
            ("source", {"query": query, "tree": "9.1.0"})
            for query in (
                "notes.py", "linked/secret.py", ".env.yaml", "torch/_early.py", "../secret.py", str(secret),
                f"torch/../../{secret.name}:1", "torch/_early.py:1", "~/secret.py", "minishapes//../secret.py",
                "torch/\0engine.py", "file:///etc/passwd",
            )
        ]
    )  # fmt: skip
    for answer in told:
        assert isinstance(answer, str), answer
        assert re.search("the index has no file|leaves the tree|nothing that is called", answer), answer
        assert "hunter2" not in answer


def test_source_is_bounded(assistant: Assistant, tree: Path) -> None:
    (tree / "torch/long.py").write_text("".join(f"line_{number} = {number}\n" for number in range(5000)))
    (tree / "torch/wide.py").write_text(f"wide = '{'w' * 3 * excerpts.MOST_CHARACTERS}'\nlast = 1\n")
    assistant.run("index", "9.1.0")
    huge, on, wide, past, none, changed = assistant.tell(
        ("source", {"query": "torch/long.py:1-999999999", "tree": "9.1.0"}),
        ("source", {"query": f"torch/long.py:{excerpts.MOST_LINES + 1}-99999", "tree": "9.1.0"}),
        ("source", {"query": "torch/wide.py", "tree": "9.1.0"}),
        ("source", {"query": "torch/long.py:5001", "tree": "9.1.0"}),
        ("source", {"query": "torch/long.py:0", "tree": "9.1.0"}),
        ("source", {"query": "torch/long.py:7-3", "tree": "9.1.0"}),
    )
    (first,), (second,), (third,) = huge["excerpts"], on["excerpts"], wide["excerpts"]
    assert first["cut"] and (first["line"], first["end_line"], first["lines"]) == (1, excerpts.MOST_LINES, 5000)
    assert second["text"].startswith(f"line_{excerpts.MOST_LINES} = ")
    assert third["cut"] and len(third["text"]) == excerpts.MOST_CHARACTERS
    assert "has no lines 5001 to 5001: it has 5000" in past
    assert "has no lines 0 to 0" in none and "has no lines 7 to 3" in changed
    (tree / "torch/long.py").write_text("other = 1\n")
    (stale,) = assistant.tell(("source", {"query": "torch/long.py:1", "tree": "9.1.0"}))
    assert "the file changed since it was indexed. Run `tour index`." in stale


def test_calls_at_the_same_time_are_answered_each(assistant: Assistant) -> None:
    calls = [("where", {"name": name, "tree": "9.1.0"}) for name in ("torch.nn.Linear", "mini_norm_cuda")] * 4

    async def asked(session: ClientSession) -> dict[int, Any]:
        told: dict[int, Any] = {}

        async def ask(number: int, tool: str, arguments: dict[str, Any]) -> None:
            told[number] = (await session.call_tool(tool, arguments)).structured_content

        async with anyio.create_task_group() as group:
            for number, call in enumerate(calls):
                group.start_soon(ask, number, *call)
        return told

    told = assistant(asked)
    assert [told[number]["query"] for number in range(len(calls))] == [call[1]["name"] for call in calls]
    assert told[0] == told[2] and told[1] == told[3] and told[0]["layers"] and told[1]["layers"]


def test_a_machine_without_a_tree_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (told,) = Assistant(tmp_path / "home").tell(("where", {"name": "torch.nn.Linear"}))
    assert isinstance(told, str) and re.search("`tour (get 2.6.0|index .*)`", told)


def test_a_tour_is_a_resource(assistant: Assistant) -> None:
    name = names()[0]

    async def asked(session: ClientSession) -> Any:
        text = (await session.read_resource(f"tour://en/{name}")).contents[0]
        with pytest.raises(MCPError):
            await session.read_resource("tour://en/no-such-tour")
        return text

    text = assistant(asked, "--tree", "9.1.0")
    assert text.mime_type == "text/markdown" and text.text.startswith("# ")


def test_it_ends_with_its_client_and_starts_for_a_tree_that_is_there(assistant: Assistant) -> None:
    assert assistant.run("mcp", "--tree", "9.1.0").stdout == ""  # standard input is at its end
    assert "is not at hand" in assistant.run("mcp", "--tree", "7.7.7", code=2).stderr
    without = "import sys; sys.modules['mcp'] = None; from tour.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", without, "mcp"], capture_output=True, text=True, cwd=PACKAGE)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "tour: the server needs the package mcp",
        "      `pip install 'tour-pytorch[mcp]'` brings it.",
    ]


def test_junk_on_its_standard_input_does_not_end_it(assistant: Assistant) -> None:
    ask = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with subprocess.Popen(
        [sys.executable, "-m", "tour", "mcp"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=assistant.environment, cwd=assistant.home,
    ) as server:  # fmt: skip
        assert server.stdin and server.stdout
        server.stdin.write(b"no json\n{}\n[1,2]\n\xff\n" + json.dumps(ask).encode() + b"\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        server.stdin.close()
        assert server.wait(60) == 0


@pytest.mark.real
@pytest.mark.parametrize("version", REAL_VERSIONS)
def test_the_real_trees_are_answered_about_as_the_command_does(version: str) -> None:
    real_tree(version)
    assistant = Assistant()
    where, path, trace, source = assistant.tell(
        ("where", {"name": "F.batch_norm"}),
        ("path", {"origin": "F.relu", "goal": "at::native::relu"}),
        ("trace", {"tour_name": "import-torch", "step": "pyinit"}),
        ("source", {"query": "torch.nn.Module"}),
        words=("--tree", version),
    )
    tree = ("--tree", version)
    assert where == assistant.json("where", "F.batch_norm", *tree)
    assert path == assistant.json("path", "F.relu", "at::native::relu", *tree)
    assert trace == assistant.json("trace", "import-torch", "--step", "pyinit", *tree)
    assert source["excerpts"][0]["text"].startswith("class Module:") and source["excerpts"][0]["cut"]
