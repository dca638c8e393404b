"""kata bench: an attempt beside the reference, as a person runs it, at sizes that take no time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KATA = "algebra/double"
BENCH = '''

def bench(attempt, size, device):
    """Size is the length of x."""
    x = torch.arange(size, dtype=torch.float64, device=device)
    return lambda: attempt.double(x)


bench.sizes = (50, 200)
'''
# each does something else where x is longer than the hidden tests' x, or always
BODY = "    return x * 2.0 + shift\n"
CALLS_MUCH = "    for _ in range(2000):\n        x + 1.0\n" + BODY
HOLDS_MUCH = "    kept = [x + n for n in range(10)]\n" + BODY
ENDLESS = "    while len(x) > 100:\n        pass\n" + BODY
ABORTS = "    if len(x) > 100:\n        import os\n        os.abort()\n" + BODY
RAISES = "    if len(x) > 100:\n        raise RuntimeError('too long for me')\n" + BODY
LEAVES = "    if len(x) > 100:\n        raise SystemExit(0)\n" + BODY
DAWDLES = "    if len(x) > 100:\n        import time\n        time.sleep(1.5)\n" + BODY
PRINTS = "    print('\\x1b[2J' + 'x' * 100)\n" + BODY


@pytest.fixture(scope="module")
def measured(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    """A kata with a benchmark, one without, one that says why not, and a kernel."""
    project = new_project()
    names = ("double", "halve", "cube", "kernel")
    project.track("algebra", *(line(name) for name in names))
    project.kata("algebra/double", tests=project.TESTS + BENCH)
    project.kata("algebra/halve")
    why = '\n\nbench = "nobody waits for it"\n'
    project.kata("algebra/cube", tests=project.TESTS + why)
    card = 'requires = ["triton"]\n' + project.CARD
    project.kata("algebra/kernel", card=card, tests=project.TESTS + BENCH)
    return project


@pytest.fixture
def someone(measured: Any, tmp_path: Path) -> Any:
    return measured.learner(tmp_path)


def with_body(measured: Any, body: str) -> str:
    source = str(measured.SOLUTION)
    assert source.count(BODY) == 1
    return source.replace(BODY, body)


def run(someone: Any, *args: str, **options: Any) -> Any:
    """Two processes load torch, and take turns with what else the machine has to do."""
    return someone.run("bench", *args, timeout=280, **options)


def bench(someone: Any, source: str, *args: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the object of --json."""
    someone.write(KATA, source)
    done = run(someone, "double", "--json", "--device", "cpu", *args)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_an_attempt_that_passes_is_measured_at_each_size(someone: Any, measured: Any) -> None:
    code, found = bench(someone, measured.SOLUTION)

    assert (code, found["verdict"], found["device"]) == (0, "passed", "cpu")
    assert found["size"] == "Size is the length of x."
    assert [one["size"] for one in found["sizes"]] == [50, 200]
    for one in found["sizes"]:
        # x * 2.0 and its sum with shift live at once
        assert one["attempt"]["bytes"] == one["reference"]["bytes"] == 2 * 8 * one["size"]
        assert one["attempt"]["operators"] == one["reference"]["operators"] == 2
        assert one["rounds"] >= 8
        for spread in (one["ratio"], one["attempt"]["seconds"], one["reference"]["seconds"]):
            assert 0 < spread["low"] <= spread["middle"] <= spread["high"]
        assert one["time"] in ("same", "slower", "faster")


def test_a_benchmark_records_the_check_that_it_began_with(someone: Any, measured: Any) -> None:
    bench(someone, measured.SOLUTION)

    (event,) = [event for event in someone.events() if event["kata"] == KATA]
    assert (event["kind"], event["verdict"]) == ("checked", "passed")


def test_sizes_may_be_named(someone: Any, measured: Any) -> None:
    _, found = bench(someone, measured.SOLUTION, "--sizes", "300,7,7")

    assert [one["size"] for one in found["sizes"]] == [7, 300]


@pytest.mark.parametrize(
    "sizes", ["", "many", "0,5", "-3", "1.5", ",".join(map(str, range(1, 20)))]
)
def test_sizes_that_are_none_are_exit_2(someone: Any, measured: Any, sizes: str) -> None:
    someone.write(KATA, measured.SOLUTION)

    done = run(someone, "double", f"--sizes={sizes}")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--sizes 128,512" in done.stderr
    assert someone.events() == []


def test_a_wrong_attempt_is_told_why_and_is_not_measured(someone: Any, measured: Any) -> None:
    someone.write(KATA, measured.SOLUTION.replace("* 2.0", "* 3.0"))

    done = run(someone, "double")

    assert (done.returncode, done.stderr) == (1, "")
    assert "Doubles" in done.stdout
    assert "failed: 0 of 2 claims hold" in done.stdout
    assert "Not measured: kata bench measures what passes." in done.stdout
    assert "memory" not in done.stdout


def test_one_that_calls_much_more_is_slower_and_told_of_its_loop(
    someone: Any, measured: Any
) -> None:
    someone.write(KATA, with_body(measured, CALLS_MUCH))

    done = run(someone, "double", "--device", "cpu")

    assert (done.returncode, done.stderr) == (0, "")
    assert "times the reference's time at 200" in done.stdout
    assert "2,002 operators are called where the reference calls 2" in done.stdout


def test_one_that_holds_more_memory_is_told_how_much(someone: Any, measured: Any) -> None:
    source = with_body(measured, HOLDS_MUCH)

    _, found = bench(someone, source)
    said = run(someone, "double", "--device", "cpu").stdout

    assert found["sizes"][0]["attempt"]["bytes"] == 12 * 8 * 50
    assert "memory 6.00 times" in said
    assert "6.0 times the memory: what is copied" in said


@pytest.mark.parametrize(
    ("body", "verdict", "words"),
    [
        pytest.param(ENDLESS, "timeout", "timed out after 40 s at size 200", id="endless"),
        pytest.param(ABORTS, "crashed", "crashed the process at size 200", id="aborts"),
        pytest.param(RAISES, "failed", "RuntimeError: too long for me", id="raises"),
        pytest.param(LEAVES, "failed", "SystemExit: 0", id="leaves"),
    ],
)
def test_what_goes_wrong_at_a_size_ends_it_there(
    someone: Any, measured: Any, body: str, verdict: str, words: str
) -> None:
    # long enough for the first size on a busy machine
    limit = ("--timeout", "40") if verdict == "timeout" else ()
    code, found = bench(someone, with_body(measured, body), *limit)

    assert (code, found["verdict"]) == (1, verdict)
    assert words in found["message"]
    assert "double" in found["message"], "the line of the attempt is missing"
    assert [one["size"] for one in found["sizes"]] == [50]


def test_sizes_that_would_take_for_ever_are_left_out(someone: Any, measured: Any) -> None:
    code, found = bench(someone, with_body(measured, DAWDLES), "--sizes", "50,200,300")

    assert (code, found["verdict"], found["message"]) == (0, "passed", "")
    assert [one["size"] for one in found["sizes"]] == [50]
    first, second = found["left_out"]
    assert first.startswith("size 200 is left out: a call took ")
    assert second.startswith("size 300 is left out: a call took ")
    assert second.endswith(" at 200")


def test_what_an_attempt_prints_does_not_spoil_the_picture(someone: Any, measured: Any) -> None:
    someone.write(KATA, with_body(measured, PRINTS))

    done = run(someone, "double", "--sizes", "50")

    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "xxx" not in done.stdout


def test_a_kata_without_a_benchmark_says_so(someone: Any) -> None:
    done = run(someone, "halve")

    assert (done.returncode, done.stdout) == (2, "")
    assert "halve has no benchmark yet; kata check halve judges it" in done.stderr


def test_a_kata_may_say_why_it_is_not_measured(someone: Any) -> None:
    done = run(someone, "cube")

    assert (done.returncode, done.stdout) == (2, "")
    assert "cube is not measured: nobody waits for it" in done.stderr


def test_a_kernel_is_not_measured_in_the_interpreter(someone: Any) -> None:
    done = run(someone, "kernel", "--device", "cpu")

    assert (done.returncode, done.stdout) == (2, "")
    assert "kernel is measured on a GPU only" in done.stderr


def test_without_an_attempt_it_says_how_to_begin(someone: Any) -> None:
    done = run(someone, "double")

    assert (done.returncode, done.stdout) == (2, "")
    assert "kata start double makes it" in done.stderr


@pytest.mark.parametrize("columns", ["80", "120", "200"])
def test_the_picture_fits_the_terminal(someone: Any, measured: Any, columns: str) -> None:
    someone.write(KATA, measured.SOLUTION)
    someone.env["COLUMNS"] = columns

    said = run(someone, "double", "--sizes", "200", "--device", "cpu").stdout

    lines = said.splitlines()
    assert max(map(len, lines)) <= int(columns)
    rows = [line for line in lines if line.split()[:1] == ["200"]]
    assert len(rows) == 2
    # yours, or the one sign that stands for both
    assert all("●" in row or "◉" in row for row in rows)
    assert all("┊" in row for row in rows)


def test_an_encoding_without_signs_gets_letters(someone: Any, measured: Any) -> None:
    someone.write(KATA, measured.SOLUTION)
    someone.env |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    said = run(someone, "double", "--sizes", "50", "--device", "cpu").stdout

    assert said.isascii()
    assert "?" not in said
    assert "* yours" in said


def test_an_attempt_may_come_by_standard_input(someone: Any, measured: Any) -> None:
    done = run(someone, "double", "--file", "-", "--json", input=measured.SOLUTION)

    assert done.returncode == 0
    assert len(json.loads(done.stdout)["sizes"]) == 2


def test_ctrl_c_ends_it_with_130_and_leaves_nothing_behind(
    someone: Any, measured: Any, sit: Any, still_there: Callable[..., list[int]]
) -> None:
    # marks the process whenever it is called at this size
    pids = str(someone.folder / "pids")
    mark = (
        "    if len(x) > 100:\n        import os\n"
        f"        with open({pids!r}, 'a') as file:\n            print(os.getpid(), file=file)\n"
    )
    someone.write(KATA, with_body(measured, mark + ENDLESS))

    child = sit(someone, "bench", "double")
    pids_seen = someone.marks()
    child.sendintr()
    child.expect("interrupted: nothing of the measurement is kept")
    child.wait()

    assert child.exitstatus == 130
    assert pids_seen
    assert still_there(pids_seen) == []
    assert [event["kind"] for event in someone.events()] == ["checked"]
