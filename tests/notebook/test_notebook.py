"""%kata and %%kata in a real kernel, as a notebook runs them."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pexpect
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

KATA = "algebra/double"
BENCH = '''

def bench(attempt, size, device):
    """Size is the length of x."""
    x = torch.ones(size, device=device)
    return lambda: attempt.double(x)


bench.sizes = (8,)
'''


@pytest.fixture(scope="module")
def trifles(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    project = new_project()
    project.track("algebra", line("double"), line("halve"))
    project.kata("algebra/double", tests=project.TESTS + BENCH)
    project.kata("algebra/halve")
    return project


@pytest.fixture
def someone(trifles: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Someone at work on trifles; what they set is set for the kernels of this test."""
    learner = trifles.learner(tmp_path)
    # no kernel looks at or writes into a person's own IPython
    learner.env |= {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PLATFORM_DIRS": "1"}
    for name, value in learner.env.items():
        monkeypatch.setenv(name, value)
    return learner


@pytest.fixture
def kernel(someone: Any) -> Iterator[Any]:
    """A kernel of this Python, in the person's folder, with the extension loaded."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(someone.folder))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


class Kernel:
    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager, self._client = manager, client
        self.run("%load_ext grader")

    def send(self, source: str) -> None:
        self._said: list[dict[str, Any]] = []
        self._id = self._client.execute(source)

    def wait(self) -> dict[str, Any]:
        """The reply, once the cell has ended."""
        while True:
            message = self._client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != self._id:
                continue
            if message["content"].get("execution_state") == "idle":
                break
            self._said.append(message)
        reply: dict[str, Any] = self._client.get_shell_msg(timeout=120)["content"]
        return reply

    def run(self, source: str) -> dict[str, Any]:
        self.send(source)
        return self.wait()

    def shown(self, kind: str = "text/plain") -> str:
        """What the last cell displayed."""
        contents = [message["content"] for message in self._said]
        return "\n".join(content["data"][kind] for content in contents if "data" in content)

    def printed(self) -> str:
        return "".join(message["content"].get("text", "") for message in self._said)


def outputs(cell: Any, kind: str) -> str:
    return "\n".join(out["data"][kind] for out in cell.outputs if "data" in out)


def checks(someone: Any) -> list[str]:
    return [e["verdict"] for e in someone.events() if e["kind"] == "checked"]


def test_a_notebook_shows_a_failure_and_a_pass_and_records_both(someone: Any, trifles: Any) -> None:
    right = trifles.SOLUTION
    wrong = right.replace("* 2.0", "* 3.0")
    sources = [
        "%load_ext grader",
        "%kata start double",
        f"%%kata double --seed 5\n{wrong}",
        f"%%kata double\n{right}",
        "double(21)",
    ]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(someone.folder)}},
    )

    client.execute()

    _, start, failing, passing, tried = notebook.cells
    assert "Twice x, plus shift." in outputs(start, "text/plain")
    assert "next: %%kata double" in outputs(start, "text/plain")
    assert "failed: 0 of 2 claims hold" in outputs(failing, "text/plain")
    assert "next: %%kata double --seed 5" in outputs(failing, "text/plain")
    assert "passed: 2 of 2 claims hold" in outputs(passing, "text/plain")
    for cell in (failing, passing):
        html = outputs(cell, "text/html")
        assert html.startswith("<pre")
        assert "color: #" in html
        assert "\x1b" not in html + outputs(cell, "text/plain")
        assert not any(out.output_type == "stream" for out in cell.outputs)
    # the next cell has what the last one defined
    assert outputs(tried, "text/plain") == "42.0"

    assert checks(someone) == ["failed", "passed"]
    first, last = [e for e in someone.events() if e["kind"] == "checked"]
    assert first["file"] == "your cell"
    assert first["seed"] == 5
    assert first["source"] != last["source"]
    assert "1 of 2 solved" in someone.run("list").stdout
    # the file in the practice folder is the stub that start placed
    assert someone.attempt(KATA).read_text() == trifles.STUB


def test_a_cell_is_measured_where_the_kata_can_be(kernel: Any, trifles: Any) -> None:
    kernel.run(f"%%kata bench halve\n{trifles.SOLUTION}")
    assert "halve has no benchmark yet" in kernel.printed()

    kernel.run(f"%%kata bench double --sizes 8,16\n{trifles.SOLUTION}")

    assert "time of a call" in kernel.shown()
    assert "memory the same." in kernel.shown()


def test_a_start_puts_the_stub_into_the_next_cell(kernel: Any, trifles: Any) -> None:
    reply = kernel.run("%kata start double")

    (payload,) = reply["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["text"] == f"%%kata double\n{trifles.STUB}"


def test_without_a_name_a_cell_is_the_current_kata(kernel: Any, trifles: Any) -> None:
    kernel.run("%kata start halve")

    kernel.run(f"%%kata\n{trifles.SOLUTION}")

    assert "algebra/halve" in kernel.shown()
    assert "passed" in kernel.shown()


def test_what_a_command_complains_of_is_told_without_a_traceback(kernel: Any, someone: Any) -> None:
    for source, words in {
        "%%kata duble\nx = 1": 'kata: no kata "duble"; did you mean double?',
        '%kata start "double': "No closing quotation",
        "%kata strat double": "No such command",
        "%kata solution double": "--yes shows the solution and gives it up",
    }.items():
        reply = kernel.run(source)

        assert reply["status"] == "ok"
        assert words in kernel.printed()
        assert "Traceback" not in kernel.printed()
    assert checks(someone) == []


def test_a_syntax_error_points_at_the_line_of_the_cell(kernel: Any, someone: Any) -> None:
    reply = kernel.run("%%kata double\n\ndef double(:\n    pass\n")

    assert reply["status"] == "ok"
    assert "SyntaxError" in kernel.shown()
    assert "your cell, line 3" in kernel.shown()
    assert checks(someone) == ["error"]


def test_an_error_points_at_the_line_of_the_cell(kernel: Any, trifles: Any) -> None:
    source = trifles.SOLUTION.replace("x * 2.0", "nonsense")
    line = source.splitlines().index("    return nonsense + shift") + 1

    kernel.run(f"%%kata double\n{source}")

    # %%kata is line 1
    assert f"line {line + 1}, in double: return nonsense + shift" in kernel.shown()


def test_only_definitions_of_a_cell_are_run_in_the_kernel(kernel: Any, trifles: Any) -> None:
    extra = "import os\nFACTOR = 3\nos.environ['REACHED'] = '1'\nprint('hello')\n"

    kernel.run(f"%%kata double\n{trifles.SOLUTION}\n{extra}")
    assert "hello" in kernel.shown()
    assert "hello" not in kernel.printed()
    kernel.run("double(FACTOR), os.environ.get('REACHED')")

    assert kernel.shown() == "(6.0, None)"


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        pytest.param("import os\nos._exit(0)\n", "failed", id="leaves"),
        pytest.param("import os\nos.abort()\n", "crashed", id="aborts"),
        pytest.param("import math\nmath.factorial(10**9)\n", "timeout", id="endless"),
    ],
)
def test_a_cell_that_misbehaves_leaves_the_kernel_alone(
    kernel: Any, someone: Any, source: str, verdict: str
) -> None:
    kernel.run("kept = 7")

    reply = kernel.run(f"%%kata double --timeout 3\n{source}")

    assert reply["status"] == "ok"
    assert checks(someone) == [verdict]
    kernel.run("kept")
    assert kernel.shown() == "7"


def test_a_process_of_the_person_outlives_a_check(kernel: Any, trifles: Any) -> None:
    kernel.run("import subprocess; mine = subprocess.Popen(['sleep', '100'])")

    kernel.run(f"%%kata double\n{trifles.SOLUTION}")
    kernel.run("mine.poll(), mine.terminate()")

    assert kernel.shown() == "(None, None)"


def test_an_interrupt_ends_the_check_and_nothing_is_recorded(
    kernel: Any, someone: Any, still_there: Callable[..., list[int]]
) -> None:
    kernel.send(f"%%kata double\n{someone.marked('while True: pass')}")
    pids = someone.marks()
    time.sleep(0.2)

    kernel.manager.interrupt_kernel()
    reply = kernel.wait()

    assert reply["status"] == "ok"
    assert "interrupted: this check was not recorded" in kernel.printed()
    assert "Traceback" not in kernel.printed()
    assert pids
    assert still_there(pids) == []
    assert checks(someone) == []


def test_a_hint_and_the_spec_come_as_in_a_terminal(kernel: Any, someone: Any) -> None:
    kernel.run("%kata hint double")
    assert "hint 1 of 3: Multiply." in kernel.shown()
    kernel.run("%kata spec double")
    assert "Twice x, plus shift." in kernel.shown()

    # IPython takes this for the magic
    kernel.run("kata hint")

    assert "hint 2 of 3: By two." in kernel.shown()
    assert [e["kind"] for e in someone.events()] == ["hinted", "hinted"]


def test_ipython_in_a_terminal_shows_plain_text(someone: Any, trifles: Any) -> None:
    cell = someone.folder / "cell.py"
    cell.write_text(trifles.SOLUTION)
    # in a terminal a cell is typed line by line: here it comes from a file
    start = (
        "%load_ext grader\n"
        f"get_ipython().run_cell_magic('kata', 'double', open({str(cell)!r}).read())\n"
    )
    script = someone.folder / "start.ipy"
    script.write_text(start)

    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", str(script)],
        cwd=str(someone.folder),
        env=someone.environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        encoding="utf-8",
        timeout=120,
    )
    child.expect("passed")
    child.expect("2 of 2 claims hold")
    child.wait()

    assert checks(someone) == ["passed"]


def test_a_kernel_that_loads_the_extension_loads_nothing_heavy(kernel: Any) -> None:
    kernel.run("import sys; [name for name in ('torch', 'rich', 'typer') if name in sys.modules]")

    assert kernel.shown() == "[]"
