"""The wheel: what is in it, and that it works where there is no checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTENT = ("katas", "solutions", "reference_tests")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: nothing is left in the checkout, and nothing in it is picked up."""
    source = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", ".git", ".*_cache", "practice", ".venv", "dist")
    shutil.copytree(ROOT, source, ignore=ignore, dirs_exist_ok=True)
    # what a contributor has lying about
    (source / "practice" / ".kata").mkdir(parents=True)
    (source / "practice" / "mine.py").write_text("mine")
    out = tmp_path_factory.mktemp("dist")
    # without hatchling here, build fetches it
    isolation = ["--no-isolation"] if find_spec("hatchling") else []
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.iterdir()
    return path


@dataclass(frozen=True)
class Installed:
    """An environment that the wheel is installed in, and an empty folder to work in."""

    environment: Path
    folder: Path
    variables: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.environment / "bin" / command[0]), *command[1:]],
            cwd=self.folder,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """torch and the other dependencies come from the environment that runs these tests."""
    environment = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps",
         "--disable-pip-version-check", "--no-index", wheel],
        check=True,
    )  # fmt: skip
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # .pth files in folders named by a .pth file are not read: no editable install is seen
    outer = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(packages, "outer.pth").write_text("".join(f"{path}\n" for path in sorted(outer)))
    ours = {"PYTHONPATH", "VIRTUAL_ENV", "KATA_PRACTICE", "COLUMNS"}
    variables = {k: v for k, v in os.environ.items() if k not in ours}
    # a warm judge of this environment is of no use for long
    variables["KATA_JUDGE_IDLE"] = "20"
    return Installed(environment, tmp_path_factory.mktemp("empty"), variables)


def names(wheel: Path) -> list[PurePosixPath]:
    with zipfile.ZipFile(wheel) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


def test_the_wheel_holds_one_package_and_its_metadata(wheel: Path) -> None:
    tops = {path.parts[0] for path in names(wheel)}
    info = {top for top in tops if top.endswith(".dist-info")}

    assert tops - info == {"grader"}
    assert len(info) == 1


def test_the_content_lies_whole_inside_the_package(wheel: Path) -> None:
    inside = {str(path) for path in names(wheel)}
    for folder in CONTENT:
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix != ".pyc":
                assert f"grader/_content/{path.relative_to(ROOT)}" in inside
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "grader").rglob("*.py")}
    assert modules <= inside


def test_nothing_else_is_in_it(wheel: Path) -> None:
    suffixes = {".py", ".toml", ".typed"}
    for path in names(wheel):
        if path.parts[0] == "grader":
            assert path.suffix in suffixes, path
            assert path.parts[1] != "_content" or path.parts[2] in CONTENT
            assert "practice" not in path.parts


def test_the_metadata_names_the_command_the_licence_and_the_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.rpartition(".dist-info/")[2]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }

    assert texts["entry_points.txt"].split("\n")[:2] == [
        "[console_scripts]",
        "kata = grader.cli.main:main",
    ]
    assert texts["entry_points.txt"].count("=") == 1
    assert "Requires-Python: >=3.11" in texts["METADATA"]
    assert "licenses/LICENSE" in texts


def test_the_installed_command_works_in_an_empty_folder(installed: Installed) -> None:
    where = installed.run("python", "-P", "-c", "import grader; print(grader.__file__)")
    assert where.stdout.startswith(str(installed.environment))

    started = installed.run("kata", "start", "gqa")
    assert (started.returncode, started.stderr) == (0, "")
    attempt = installed.folder / "practice" / "attention" / "gqa.py"
    assert attempt.read_text() == (ROOT / "katas" / "attention" / "gqa.py").read_text()

    stub = installed.run("kata", "check")
    assert stub.returncode == 1
    assert "not started yet" in stub.stdout

    # the answer comes from the wheel, too
    package = Path(where.stdout.strip()).parent
    shutil.copy(package / "_content" / "solutions" / "attention" / "gqa.py", attempt)
    passed = installed.run("kata", "check", "--json")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert json.loads(passed.stdout)["verdict"] == "passed"

    dashboard = installed.run("kata", "dashboard")
    assert (dashboard.returncode, dashboard.stderr) == (0, "")
    assert "1 of" in dashboard.stdout
    assert "attention/gqa" in dashboard.stdout
    # beside the practice folder nothing was made
    assert [path.name for path in installed.folder.iterdir()] == ["practice"]


def test_the_attempt_may_not_look_into_the_installed_solutions(installed: Installed) -> None:
    path = installed.folder / "peeks.py"
    path.write_text(
        "from importlib.util import find_spec\n"
        "from pathlib import Path\n"
        "package = Path(find_spec('grader').origin).parent\n"
        "exec((package / '_content' / 'solutions' / 'attention' / 'gqa.py').read_text())\n"
    )

    done = installed.run("kata", "check", "gqa", "--file", "peeks.py", "--json")
    path.unlink()

    assert done.returncode == 1
    assert "looked into solutions" in json.loads(done.stdout)["message"]


def test_the_installed_gate_and_list_find_the_content(installed: Installed) -> None:
    listed = installed.run("kata", "list", "--json")
    assert len(json.loads(listed.stdout)) > 5

    verified = installed.run("kata", "verify", "nonsense")
    assert verified.returncode == 2
