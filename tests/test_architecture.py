"""How the grader is laid out: who may import whom, and what the command line never loads."""

import ast
import json
import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.content.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[1]
GRADER = ROOT / "grader"
MODULES = sorted(GRADER.rglob("*.py"))
LONGEST = 260

# the innermost part that a module belongs to; what it may import beside its own part
MAY_IMPORT = {
    "grader": {"cli", "notebook"},
    "errors": set(),
    "locking": set(),
    "content": {"errors"},
    "progress": {"content", "errors", "locking"},
    "testing": set(),
    "judge": {"content", "errors", "locking", "judge.child"},
    "judge.child": {"content", "errors", "judge", "testing"},
    "gate": {"content", "errors", "judge", "gate.mutants"},
    "gate.mutants": {"content", "errors", "judge"},
    "cli": {"content", "errors", "gate", "judge", "progress", "cli.render", "cli.watch"},
    "cli.render": {"content", "errors", "gate", "judge", "progress", "cli"},
    "cli.watch": {"content", "errors", "judge", "progress", "cli", "cli.render"},
    "notebook": {"errors", "cli", "cli.render"},
}
# who may import a package that is slow to load, or that one place only should know
ONLY = {
    "torch": {"judge.child", "testing"},
    "numpy": {"judge.child", "testing"},
    "triton": {"judge.child"},
    "pytest": {"judge.child"},
    "_pytest": {"judge.child"},
    "psutil": {"judge"},
    "rich": {"cli.render", "cli.watch"},
    "textual": {"cli.watch"},
    "watchfiles": {"cli.watch"},
    "typer": {"cli"},
    "IPython": {"notebook"},
    "sqlite3": {"progress"},
    "fsrs": {"progress"},
    "cosmic_ray": {"gate.mutants"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] in ("__init__", "__main__") else parts)


def part_of(module: str) -> str:
    """grader.cli.render.check is a piece of cli.render."""
    inner = module.removeprefix("grader").removeprefix(".")
    while inner and inner not in MAY_IMPORT:
        inner = inner.rpartition(".")[0]
    return inner or "grader"


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, wherever it stands in the file."""
    names = {name_of(other) for other in MODULES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full if full in names else str(node.module)


def test_imports_within_the_grader_point_one_way() -> None:
    wrong = []
    for path in MODULES:
        part = part_of(name_of(path))
        for line, module in imports_of(path):
            if module.partition(".")[0] != "grader":
                continue
            other = part_of(module)
            # the package itself holds the version only
            if other not in {part, "grader"} | MAY_IMPORT[part]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {part} imports {module}")
    assert wrong == []


def test_only_the_commands_know_the_renderer() -> None:
    users = {
        part_of(name_of(path))
        for path in MODULES
        for _, module in imports_of(path)
        if part_of(module) == "cli.render"
    }
    assert users <= {"cli", "cli.render", "cli.watch", "notebook"}


@pytest.mark.parametrize("package", ONLY)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        for line, module in imports_of(path)
        if module.partition(".")[0] == package and part_of(name_of(path)) not in ONLY[package]
    ]
    assert wrong == []


def test_no_module_imports_itself_in_a_circle() -> None:
    """Imports that run when a module is loaded; those in functions are free to."""
    loads: dict[str, set[str]] = {}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {node.lineno for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
        loads[name_of(path)] = {m for line, m in imports_of(path) if line in top}
    while leaves := [name for name, others in loads.items() if not others & loads.keys() - {name}]:
        for name in leaves:
            del loads[name]
    assert loads == {}


def test_modules_are_short_enough_to_read() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in MODULES
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_kata_of_every_track_has_its_files() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for kata in load_catalog()
        for path in (kata.stub, kata.solution, kata.card, kata.tests)
        if not path.is_file()
    ]
    assert missing == []


def test_every_stub_solution_card_and_test_belongs_to_a_kata() -> None:
    known = {
        path
        for kata in load_catalog()
        for path in (kata.stub, kata.solution, kata.card, kata.tests)
    }
    found = {
        path
        for folder in ("katas", "solutions", "reference_tests")
        for path in (ROOT / folder).rglob("*.*")
        if path.name != "track.toml" and path.suffix != ".pyc"
    }
    assert sorted(str(path.relative_to(ROOT)) for path in found - known) == []


# what a command loads

SPY = """
import json, os, sys

leave = os._exit

def tell(code):
    if os.path.join("grader", "__main__.py") in sys.argv[0]:
        folder = os.environ["SPY"]
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as file:
            json.dump(sorted({name.partition(".")[0] for name in sys.modules}), file)
    leave(code)

os._exit = tell
"""


BENCH = '''

def bench(attempt, size, device):
    """Size is the length of x."""
    x = torch.ones(size, device=device)
    return lambda: attempt.double(x)


bench.sizes = (8,)
'''


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    project = new_project()
    project.track("t", line("one"), line("two"))
    project.kata("t/one")
    project.kata("t/two", tests=project.TESTS + BENCH)
    return project


@pytest.fixture
def spied(project: Any, learner: Any, tmp_path: Path) -> Any:
    """Someone whose commands write down, when they end, which packages they have loaded."""
    someone = project.learner(learner.folder)
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(SPY)
    someone.env["SPY"] = str(spy)
    someone.env["PYTHONPATH"] = os.pathsep.join([str(spy), someone.env["PYTHONPATH"]])
    return someone


def loaded(spied: Any, *command: str) -> set[str]:
    """The packages that a command had loaded at its end."""
    folder = Path(spied.env["SPY"])
    for path in folder.glob("*.json"):
        path.unlink()
    spied.run(*command)
    (path,) = folder.glob("*.json")
    return set(json.loads(path.read_text()))


def test_no_command_loads_torch(spied: Any, project: Any) -> None:
    spied.write("t/two", project.SOLUTION)
    commands = [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["start", "one"],
        ["check"],
        ["check", "two", "--json"],
        ["check", "two"],
        ["check", "--all"],
        ["hint", "one"],
        ["spec", "one"],
        ["solution", "one", "--yes"],
        ["reset", "one"],
        ["next"],
        ["pause"],
        ["debug", "one"],
        ["check"],
        ["hint"],
        ["solution", "--yes"],
        ["review", "--list"],
        ["review"],
        ["plan", "--date", str(date.today() + timedelta(days=30))],
        ["dashboard"],
        ["history", "one"],
        ["diff", "one"],
        ["restore", "two", "1"],
        ["notes", "one", "--show"],
        ["export", "all.zip"],
        ["import", "all.zip"],
        ["verify", "one"],
        ["bench", "two"],
        ["judge"],
        ["doctor"],
        ["check", "nonsense"],
    ]
    heavy = {"torch", "numpy", "triton", "pytest", "_pytest"}
    found = {" ".join(command): loaded(spied, *command) & heavy for command in commands}
    assert {command: packages for command, packages in found.items() if packages} == {}


def test_what_is_quick_loads_no_scheduler(spied: Any, project: Any) -> None:
    spied.write("t/two", project.SOLUTION)
    for command in (["list"], ["start", "two"], ["check"], ["hint"], ["next"]):
        assert "fsrs" not in loaded(spied, *command)
    assert "fsrs" in loaded(spied, "review", "--list")


def test_help_and_json_load_no_renderer(spied: Any) -> None:
    for command in (["--help"], ["list", "--json"]):
        assert "rich" not in loaded(spied, *command)


def test_the_spy_sees_what_is_loaded(spied: Any) -> None:
    assert {"grader", "typer", "rich"} <= loaded(spied, "list")
