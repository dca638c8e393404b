"""What the two processes of a check tell each other, and what an attempt may slip in."""

import faulthandler
import json
import secrets
import types
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from grader.content.card import Mistake
from grader.judge import wire
from grader.judge.output import HEAD, LINES, TAIL, Output, clean, plain
from grader.judge.protocol import (
    FACTS,
    WIDTH,
    Failure,
    Limits,
    Result,
    Task,
    TestResult,
)
from grader.judge.signer import Signer
from grader.judge.trace import learner_lines

KEY = secrets.token_hex(32)
FAILURE = Failure(
    headline="result differs in 1 of 2 values",
    facts=("first at [0]: expected 1, got 2",),
    inputs=("called with x (2,) float64",),
    trace=((3, "f", "return x"), (9, "<lambda>", "π = 3")),
)
RESULT = Result(
    kata="attention/gqa",
    verdict="failed",
    seed=7,
    seconds=1.5,
    tests=(
        TestResult("test_a", "passed", 0.25, printed="hello\n"),
        TestResult("test_b[float64-1]", "failed", 0.5, FAILURE, "é\n"),
        TestResult("test_c", "unimplemented", failure=replace(FAILURE, unimplemented=True)),
        TestResult("test_d", "unjudged"),
    ),
    problem=Failure("timed out"),
    printed="on import\n",
    device="cpu, interpreted",
    cpu=0.75,
    broken=True,
)
TASK = Task(
    kata="kernels/x",
    attempt="/home/josé/x.py",
    source='print("\\x00 π")\n',
    stub="/stub.py",
    solution="/solution.py",
    tests="/tests.py",
    seed=2**31 - 1,
    key=KEY,
    secrets=("/a", "/b"),
    folder="/tmp/kata-x/work",
    device="cuda",
    forbids=("softmax",),
    requires=("triton", "ranks"),
    mutates=("cache",),
    mistakes=(Mistake("swaps", "a", "b", "test_x", "a, not b", fails=("test_x",), says=("no",)),),
    limits=Limits(start=1.0, test=2.5, total=3.0, memory=1 << 40, diagnosis=1.0),
    patient=True,
    brief=True,
    sizes=(8, 64),
    seconds=0.5,
)


class Pipe:
    """Both ends of a check's messages."""

    def __init__(self) -> None:
        self.child, self.parent = Signer(KEY), Signer(KEY)

    def line(self, number: int) -> bytes:
        return self.child.sign({"number": number}).strip(b"\n")

    def accepts(self, line: bytes) -> bool:
        return self.parent.read(line) is not None


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


# messages


def test_messages_arrive_as_they_were_sent_each_on_a_line_of_its_own(pipe):
    for message in ({"type": "ended", "cpu": 0.5}, {"text": "a\nb π \x1b \ud800"}, {}):
        sent = pipe.child.sign(message)
        # what an attempt wrote before it is a line apart
        assert sent.startswith(b"\n")
        assert sent.endswith(b"\n")
        assert sent.count(b"\n") == 2
        assert pipe.parent.read(sent.strip(b"\n")) == message


def test_a_forged_message_is_none(pipe):
    line = pipe.line(1)
    seal, _, body = line.partition(b" ")
    forged = [
        b"",
        b" ",
        body,
        b" " + body,
        seal,
        seal + b" ",
        seal + b" {}",
        seal + b"  " + body,
        seal + b" " + body + b" ",
        seal.upper() + b" " + body,
        seal[:-1] + b" " + body,
        b"0" * len(seal) + b" " + body,
        b"junk" + line,
        line.replace(b"1", b"2"),
        b"\xff\x00" * 100,
        Signer(secrets.token_hex(32)).sign({"number": 1}).strip(b"\n"),
        Signer("00" * 32).sign({"number": 1}).strip(b"\n"),
    ]

    assert [other for other in forged if other != line and pipe.accepts(other)] == []
    # and none of them did harm
    assert pipe.accepts(line)


def test_a_replayed_message_is_none(pipe):
    first, second = pipe.line(1), pipe.line(1)

    assert pipe.accepts(first)
    assert not pipe.accepts(first)
    assert pipe.accepts(second)
    assert not pipe.accepts(second)
    assert not pipe.accepts(first)


def test_a_message_out_of_turn_is_none(pipe):
    first, second, third = (pipe.line(n) for n in range(3))

    assert not pipe.accepts(second)
    assert not pipe.accepts(third)
    assert pipe.accepts(first)
    assert not pipe.accepts(third)
    assert pipe.accepts(second)
    assert pipe.accepts(third)


def test_the_same_message_is_sealed_otherwise_each_time(pipe):
    assert len({pipe.line(1) for _ in range(100)}) == 100


def test_the_signer_does_not_keep_the_key(pipe):
    held = [getattr(pipe.child, name) for name in Signer.__slots__]

    assert not any(KEY in repr(value) for value in held)
    assert not hasattr(pipe.child, "__dict__")


# what is printed


MARK = b"\x00kata-test:/tmp/kata-0/work:"


def parts(*chunks: bytes, tests: int = 3) -> list[str]:
    """What each test printed, that before the first one first."""
    output = Output(MARK)
    for chunk in chunks:
        output.feed(chunk)
    output.close()
    return [output.of(number) for number in range(-1, tests)]


def mark(number: int) -> bytes:
    return MARK + str(number).encode() + b"\n"


STREAM = b"import\n" + mark(0) + b"one\n" + mark(1) + mark(2) + b"three, no line break"


def test_output_is_told_apart_by_test_wherever_reads_cut_it():
    expected = ["import\n", "one\n", "", "three, no line break"]

    assert parts(STREAM) == expected
    assert parts(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == expected
    for cut in range(len(STREAM)):
        assert parts(STREAM[:cut], STREAM[cut:]) == expected, cut
        assert parts(STREAM[:cut], STREAM[cut : cut + 5], STREAM[cut + 5 :]) == expected, cut


def test_a_line_without_end_belongs_to_the_test_that_printed_it():
    assert parts(b"a", mark(0), b"b", mark(1), b"c") == ["a", "b", "c", ""]


@pytest.mark.parametrize(
    "forged",
    [
        MARK + b"x\n",
        MARK + b"\n",
        MARK + b"-1\n",
        MARK + b"1.5\n",
        MARK + b"99999\n",
        MARK + b"9" * 5000 + b"\n",
        MARK + b"\xc2\xb2\n",
        MARK + MARK,
        MARK[:-1] + b"1\n",
        b"kata-test:1\n",
    ],
    ids=repr,
)
def test_what_only_looks_like_a_mark_is_output(forged: bytes):
    for size in (1, 7, 10**6):
        stream = b"before" + forged + b"after\n" + mark(1) + b"next\n"
        chunks = [stream[i : i + size] for i in range(0, len(stream), size)]
        first, zero, one, two = parts(*chunks)
        assert first.startswith("before")
        assert first.endswith("after\n")
        assert (zero, one, two) == ("", "next\n", "")


def test_the_beginning_of_a_mark_at_the_very_end_is_shown():
    assert parts(b"text", b"\x00kata-te")[0] == "textkata-te"


def test_output_of_ordinary_size_is_shown_whole():
    text = "".join(f"{i}: x = {i * i}\n" for i in range(LINES))

    assert parts(mark(0), text.encode())[1] == text
    long = "x" * (HEAD + TAIL)
    assert parts(long.encode())[0] == long


def test_a_character_at_any_cut_stays_whole():
    for shift in range(4):
        text = "y" * (HEAD - shift) + "π∑𝄞" + "z" * 50
        assert parts(text.encode())[0] == text
    text = "y" * (HEAD - 2) + "\x1b[31mred\x1b[0m"
    assert parts(text.encode())[0] == "y" * (HEAD - 2) + "red"


def test_a_flood_is_shown_by_its_beginning_and_end_with_the_number_of_bytes_between():
    total = 3_000_000
    chunks = [b"a" * 10_000, b"first\n", *[b"." * 1000] * (total // 1000), b"last\n"]
    shown = parts(*chunks)[0]

    assert shown.startswith("a" * 10_000 + "first\n...")
    assert shown.endswith("...last\n")
    missing = 10_000 + 6 + total + 5 - HEAD - TAIL
    assert f"\n... {missing:,} bytes not shown ...\n" in shown
    assert len(shown) < HEAD + TAIL + 100


def test_a_flood_of_lines_is_shown_by_its_first_and_last():
    text = "".join(f"{i}\n" for i in range(1000))
    lines = parts(text.encode())[0].splitlines()

    assert lines[: LINES - 20] == [str(i) for i in range(LINES - 20)]
    assert lines[LINES - 20] == f"... {1000 - LINES} lines not shown ..."
    assert lines[LINES - 19 :] == [str(i) for i in range(980, 1000)]


@pytest.mark.parametrize("line", [b"\n", b"x\n", b"\r\n", b"\n\x1b[0m"])
def test_a_flood_of_short_lines_fills_no_screen_after_screen(line: bytes):
    shown = parts(*[line * 10_000] * 10, b"the end\n")[0]

    assert len(shown.splitlines()) < 2 * LINES + 10
    assert shown.endswith("the end\n")


def test_each_test_has_room_of_its_own():
    flood = b"x" * 10**6
    before, one, two, _ = parts(flood, mark(0), b"fine\n", mark(1), flood)

    assert one == "fine\n"
    assert before == two


HARMFUL = {
    "colours": ("\x1b[1;31mred\x1b[0m", "red"),
    "a cleared screen": ("\x1b[2J\x1b[H\x1bc", ""),
    "a title": ("\x1b]0;title\x07after", "after"),
    "a title with another end": ("\x1b]0;title\x1b\\after", "after"),
    "a link": ("\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"),
    "another screen": ("\x1b[?1049hx\x1b[?1049l", "x"),
    "a character set": ("\x1b(0x", "x"),
    "a title without end": ("\x1b]0;title\nafter", "\nafter"),
    "a lone escape": ("a\x1b", "a"),
    "eight-bit codes": ("\x9b31mx\x9d", None),
    "bells and backspaces": ("a\x07\x08b\x00", "ab"),
    "text that runs backwards": ("a\u202eb\u2066c", "abc"),
    "line ends of other systems": ("a\r\nb", "a\nb"),
    "half a character": ("a\udc80b", "a?b"),
    "what is harmless": ("π\t∑ 你好 🙂\n", "π\t∑ 你好 🙂\n"),
    "an escape within an escape": ("\x1b\x1b[31m[31mx", None),
}


@pytest.mark.parametrize(("text", "safe"), HARMFUL.values(), ids=HARMFUL)
def test_what_could_harm_a_terminal_is_taken_out(text: str, safe: str | None):
    assert safe is None or plain(text) == safe
    for cleaned in (plain(text), clean(text.encode(errors="replace"))):
        assert not any(ord(c) < 32 and c not in "\t\n" for c in cleaned)
        assert not any(0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in cleaned)
    said = Failure(text, (text,), (text,), ((1, text, text),)).safe()
    for line in said.lines():
        assert "\x1b" not in line


def test_bytes_that_are_no_text_are_shown_as_such():
    assert clean(b"a\xff\xfeb") == "a\ufffd\ufffdb"


# failures


def test_a_failure_is_cut_to_size_and_says_how_much_is_missing():
    long = "x" * (WIDTH + 1234)
    safe = Failure(long, tuple(str(i) for i in range(FACTS + 7)), (long,), ((1, "f", long),)).safe()

    cut = "x" * WIDTH + "... 1,234 characters not shown"
    assert safe.headline == cut
    assert safe.facts == (*map(str, range(FACTS)), "... 7 lines not shown ...")
    assert safe.inputs == (cut,)
    assert safe.trace == ((1, "f", cut),)


def test_a_harmless_failure_is_left_as_it_is():
    assert FAILURE.safe() == FAILURE
    assert FAILURE.lines() == [
        "result differs in 1 of 2 values",
        "first at [0]: expected 1, got 2",
        "called with x (2,) float64",
        "line 3, in f: return x",
        "line 9, in <lambda>: π = 3",
    ]


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("test_matches_torch", "Matches torch"),
        ("test_matches_torch[float64]", "Matches torch (float64)"),
        ("test_shapes[a-b[0]]", "Shapes (a-b[0])"),
        ("test_kv_cache_is_used", "Kv cache is used"),
        ("test_", ""),
    ],
)
def test_a_name_is_read_as_a_sentence(name: str, claim: str):
    assert TestResult(name, "passed").claim == claim


# the wire


def through_json(data: dict[str, Any]) -> dict[str, Any]:
    (message,) = wire.Lines().feed(wire.encode(data))
    return message


def test_results_come_back_as_they_were():
    assert wire.result_from_data(through_json(wire.result_to_data(RESULT))) == RESULT
    bare = Result("a/b", "passed", 0)
    assert wire.result_from_data(through_json(wire.result_to_data(bare))) == bare
    for test in RESULT.tests:
        assert wire.test_from_data(through_json(wire.test_to_data(test))) == test


def test_tasks_come_back_as_they_were():
    assert Task.from_data(through_json(TASK.to_data())) == TASK
    # a field that is added later is seen by this test
    plainest = Task("k", "a", "s", "st", "so", "t", 0, KEY, ())
    same = {f.name for f in fields(Task) if getattr(TASK, f.name) == getattr(plainest, f.name)}
    assert same == {"key"}
    assert Task.from_data(through_json(plainest.to_data())) == plainest


def test_a_failure_from_elsewhere_is_made_safe_when_it_is_read():
    data = asdict(replace(FAILURE, headline="\x1b[31mred"))

    assert Failure.from_data(through_json(data)).headline == "red"


def test_messages_are_cut_out_of_a_stream_wherever_reads_cut_it():
    messages = [{"test": {"name": "π\n"}}, {"busy": True}, {"text": "x" * 100}]
    stream = b"".join(map(wire.encode, messages)) + b"\n"
    for size in (1, 3, 50, 1000):
        lines = wire.Lines()
        got = []
        for i in range(0, len(stream), size):
            got += lines.feed(stream[i : i + size])
        assert got == messages


def test_half_a_message_is_none_yet():
    lines = wire.Lines()

    assert lines.feed(b'{"a"') == []
    assert lines.feed(b": 1}") == []
    assert lines.feed(b"\n") == [{"a": 1}]


@pytest.mark.parametrize("line", [b"{\n", b"nonsense\n", b"\xff\n", b"\x00\n"])
def test_what_is_no_message_is_an_error(line: bytes):
    with pytest.raises(ValueError):  # noqa: PT011
        wire.Lines().feed(line)


def test_a_message_without_end_is_an_error():
    lines = wire.Lines()
    block = b"x" * (wire.LONGEST // 4)

    for _ in range(4):
        assert lines.feed(block) == []
    with pytest.raises(ValueError, match="too long"):
        lines.feed(b"x")


def test_json_for_others_holds_what_the_learner_is_told():
    data = json.loads(json.dumps(RESULT.to_data()))

    assert (data["kata"], data["verdict"], data["seed"]) == ("attention/gqa", "failed", 7)
    assert data["message"] == "timed out"
    assert [test["outcome"] for test in data["tests"]] == [t.outcome for t in RESULT.tests]
    assert data["tests"][1]["message"].splitlines() == FAILURE.lines()
    assert data["tests"][0]["message"] == ""


# where an attempt was when it ended


NESTED = """import faulthandler

def outer(file, depth):
    if depth:
        return outer(file, depth - 1)
    return [inner(file) for _ in range(1)]

def inner(file):
    faulthandler.dump_traceback(file, all_threads=True)
"""


def dumped(path: Path, task: Task, *, depth: int = 0) -> tuple[tuple[int, str, str], ...]:
    """What is read from what faulthandler writes within a task's attempt."""
    module = types.ModuleType("attempt")
    exec(compile(task.source, task.attempt, "exec"), module.__dict__)
    with path.open("w") as file:
        module.outer(file, depth)
    return learner_lines(path, task)


PATHS = {
    "plain": "/x/gqa.py",
    "accents": "/home/josé/gqa.py",
    "beyond": "/家/🙂/gqa.py",
    "long": f"/{'x' * 900}/gqa.py",
    "quoted": '/a "b", line 3/x.py',
}


@pytest.mark.parametrize("attempt", PATHS.values(), ids=PATHS)
def test_the_lines_of_the_attempt_are_found_innermost_last(tmp_path: Path, attempt: str):
    task = replace(TASK, attempt=attempt, source=NESTED)
    lines = dumped(tmp_path / "trace", task)

    assert [(number, text) for number, _, text in lines][-1] == (
        9,
        "faulthandler.dump_traceback(file, all_threads=True)",
    )
    assert (6, "return [inner(file) for _ in range(1)]") in [(n, text) for n, _, text in lines]
    assert lines[-1][1] == "inner"


def test_only_the_innermost_lines_are_told(tmp_path: Path):
    task = replace(TASK, attempt="/x/gqa.py", source=NESTED)
    lines = dumped(tmp_path / "trace", task, depth=50)

    assert len(lines) == 4
    assert lines[-1][1] == "inner"
    assert lines[0][2] == "return outer(file, depth - 1)"


def test_the_thread_that_runs_the_attempt_is_found_among_others(tmp_path: Path):
    path = tmp_path / "trace"
    path.write_text(
        "Fatal Python error: Segmentation fault\n\n"
        'Thread 0x1 (most recent call first):\n  File "/lib/threading.py", line 5 in wait\n\n'
        'Current thread 0x2 (most recent call first):\n  File "/lib/x.py", line 7 in call\n'
        '  File "/x/gqa.py", line 2 in f\n  File "/x/gqa.py", line 99 in <module>\n\n'
        "Extension modules: numpy (total: 1)\n"
    )
    task = replace(TASK, attempt="/x/gqa.py", source="a = 1\n  b = 2  \n")

    # a line that is not there, for the file was changed, has no text
    assert learner_lines(path, task) == ((99, "<module>", ""), (2, "f", "b = 2"))


def test_no_trace_and_a_broken_one_tell_nothing(tmp_path: Path):
    path = tmp_path / "trace"
    assert learner_lines(path, TASK) == ()
    path.write_bytes(b'\xff\x00 File "\n  File "/x", line 3\n')
    assert learner_lines(path, TASK) == ()
    with (tmp_path / "other").open("w") as file:
        faulthandler.dump_traceback(file)
    assert learner_lines(tmp_path / "other", TASK) == ()
