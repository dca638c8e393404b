"""Attempts that print."""

import re

import pytest

FAILED = r"failed: \d+ of \d+ claims hold"
PASSED = r"passed: (\d+) of \1 claims hold"

SHOWN = re.compile(r"^ +\| (.*?) *$", re.MULTILINE)


def printed(text: str) -> list[str]:
    """The lines that the learner sees of what the attempt printed."""
    return SHOWN.findall(text)


def harmless(text: str) -> bool:
    """Whether nothing in it moves a cursor, sets a title or turns text around."""
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_print_debugging_of_ordinary_size_is_shown_whole_at_its_test(court):
    body = """
        import sys
        if calls <= 2:
            for i in range(150):
                print("call", calls, "line", i)
            print("to stderr", calls, file=sys.stderr)
            print(q[0, 0], "näïve 漢字")
        return q * 0
    """
    shown = court.show(court.before(body))

    for call, (this, following) in enumerate(
        [
            ("Matches torch", "Matches reference (multi-head)"),
            ("Matches reference (multi-head)", "Matches reference (multi-query)"),
        ],
        start=1,
    ):
        between = shown.partition(this)[2].partition(following)[0]
        lines = printed(between)
        assert lines[:150] == [f"call {call} line {i}" for i in range(150)]
        assert lines[150] == f"to stderr {call}"
        assert lines[151].startswith("tensor([[")
        assert lines[-1].endswith("näïve 漢字")
    assert "not shown" not in shown


def test_printing_on_import_and_in_a_pass_is_shown_as_well(court):
    source = court.before("if calls == 1: print('in a call')")

    shown = court.show(f"print('on import')\n{source}")

    head, _, tail = shown.partition("Matches torch")
    assert "printed on import" in head
    assert printed(head) == ["on import"]
    assert printed(tail) == ["in a call"]
    assert re.search(PASSED, shown)


def test_ten_million_lines_are_trimmed(court):
    body = """
        if calls == 1:
            for i in range(10_000_000):
                print(i)
        return q * 0
    """
    shown = court.show(court.before(body), "--timeout", "100")

    assert re.search(FAILED, shown)
    lines = printed(shown)
    assert lines[:100] == [str(i) for i in range(100)]
    assert lines[-1] == "9999999"
    assert len(lines) < 1_500
    assert re.search(r"\.\.\. [\d,]{9,} bytes not shown \.\.\.", shown)


def test_floods_past_the_stream_are_trimmed_and_do_not_hide_the_verdict(court):
    body = """
        import os, sys
        if calls == 1:
            for _ in range(2000):
                os.write(1, b"x" * 50_000 + b"\\n")
            sys.stdout.write("y" * 10_000_000)
            os.system("head -c 5000000 /dev/zero | tr '\\\\0' z")
        return q * 0
    """
    shown = court.show(court.before(body))

    assert re.search(FAILED, shown)
    assert len(shown) < 200_000
    assert re.search(r"[\d,]+ bytes not shown", shown)


ESCAPES = (
    "\x1b[2J\x1b[H\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"
    "\x1bc\x1bP1;2|x\x1b\\\x9b31m\x07\x08\x00\x0e\u202egnp.exe\u202c\r\x7f end"
)


def test_escape_codes_do_not_reach_the_terminal(court):
    acts = [
        f"print({ESCAPES!r})\nreturn q * 0",
        f"raise ValueError({ESCAPES!r})",
        f"class Error(Exception):\n    def __str__(self): return {ESCAPES!r}\nraise Error",
        f"import os; os.write(1, {ESCAPES.encode()!r} + b'\\xff\\xfe\\x1b')\nreturn q * 0",
        "raise ValueError('\\udc80 \\ud800')",
        "print('\\udc80 \\ud800')\nreturn q * 0",
        f"x = 1 / 0  # {ESCAPES.replace(chr(0), '').replace(chr(13), '')}",
    ]
    shown = court.show(court.acts(*acts), "--verbose")

    assert harmless(shown)
    assert "red" in shown
    assert "link" in shown
    assert "ValueError: " in shown
    assert " end" in shown


def test_a_terminal_is_as_sane_after_a_check_as_before(court):
    pexpect = pytest.importorskip("pexpect")
    court.learner.write("attention/gqa", court.before(f"print({ESCAPES!r}); return q * 0"))

    terminal = pexpect.spawn(
        court.learner.command[0],
        [*court.learner.command[1:], "check", "gqa"],
        cwd=str(court.learner.folder),
        env=court.learner.environment | {"TERM": "xterm-256color"},
        dimensions=(50, 120),
        timeout=100,
        encoding="utf-8",
    )
    terminal.expect(pexpect.EOF)
    terminal.close()

    assert terminal.exitstatus == 1
    seen = terminal.before
    # what remains are colours, the spinner's line, and the cursor, which is there again
    codes = set(re.findall(r"\x1b\[[0-9;?]*([a-zA-Z])", seen))
    assert codes <= set("mKAlh")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h")
    rest = re.sub(r"\x1b\[[0-9;?]*[mKAlh]", "", seen).replace("\r", "")
    assert harmless(rest)
    assert re.search(FAILED, rest)
    court.verdicts.append("failed")
    court.look_behind()


@pytest.mark.parametrize(
    "body",
    [
        "import sys; print('x'); sys.stdout.close(); sys.stderr.close()",
        "import sys; sys.stdout = sys.stderr = None",
        "import os; [os.close(fd) for fd in (1, 2) if calls == 1]",
        "import os; null = os.open(os.devnull, 1); os.dup2(null, 1); os.dup2(null, 2)",
    ],
    ids=["streams", "names", "descriptors", "elsewhere"],
)
def test_closing_what_it_prints_to_changes_nothing(court, body: str):
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "passed", verdict.said


def test_what_claims_to_be_a_mark_between_tests_does_no_harm(court):
    body = """
        import os
        mark = b"\\x00kata-test:" + os.getcwd().encode() + b":"
        if calls == 1:
            for number in (b"5", b"999999999", b"9" * 5000, b"-1", b"x", b""):
                os.write(1, mark + number + b"\\nfollows " + number[:9] + b"\\n")
            for number in range(20_000):
                os.write(1, mark + str(number).encode() + b"\\n")
            os.write(1, mark)
            for _ in range(200):
                os.write(1, b"7" * 60_000)
        return q * 0
    """
    shown = court.show(court.before(body))

    assert re.search(FAILED, shown)
    assert len(shown) < 200_000
    assert harmless(shown)


def test_the_encoding_of_the_terminal_may_be_poor(bench):
    bench.learner.env["PYTHONIOENCODING"] = "ascii"

    shown = bench.show(bench.before("print('näïve 漢字'); return q * 0"))

    assert re.search(FAILED, shown)
    assert shown.isascii()
