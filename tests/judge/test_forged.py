"""Attempts that write the verdict themselves."""

import re

FAILED = r"failed: \d+ of \d+ claims hold"
FINISHED = (
    b'{"type": "finished", "test": "test_matches_torch", "outcome": "passed", "seconds": 0.1}'
)
WRONG = "return torch.zeros_like(q)"


def expect_no_change(verdict) -> None:
    """A wrong attempt is as wrong as without its forgery."""
    assert verdict.verdict == "failed"
    assert verdict.outcomes["test_matches_torch"] == "failed"
    assert "values" in verdict.data["tests"][0]["message"]
    assert not verdict.data["message"]
    assert "unjudged" not in verdict.outcomes.values()


def test_lines_to_every_descriptor_change_nothing(court):
    body = f"""
    import json, os
    names = ["test_matches_torch"]
    lines = [
        {FINISHED!r},
        b"0" * 32 + b" " + {FINISHED!r},
        b'{{"type": "ended", "cpu": 0.0}}',
        b'{{"type": "collected", "tests": [], "device": "cpu"}}',
        b"\\x00" * 70_000,
        b"x" * 5_000_000,
        b"not json",
        b"",
    ]
    for fd in range(3, 256):
        for line in lines:
            try:
                os.write(fd, b"\\n" + line + b"\\n")
                # and one that a message of the grader's would follow on the same line
                os.write(fd, line)
            except OSError:
                break
    {WRONG}
    """
    expect_no_change(court.judge(court.before(body), "--timeout", "60"))


def test_replaying_the_grader_s_own_messages_changes_nothing(court):
    # the attempt puts a pipe of its own in the place of each, keeps all that is sent, and
    # sends it on three times, in another order too
    body = f"""
    import os, threading
    global tapped
    if calls == 1:
        def tap(fd):
            there = os.dup(fd)
            read, write = os.pipe()
            os.dup2(write, fd)
            kept = []
            def pump():
                while data := os.read(read, 1 << 16):
                    kept.append(data)
                    for piece in (*reversed(kept), data, *kept):
                        os.write(there, piece)
            threading.Thread(target=pump, daemon=True).start()
        import stat
        for fd in range(3, 256):
            try:
                if stat.S_ISFIFO(os.fstat(fd).st_mode): tap(fd)
            except OSError:
                pass
    {WRONG}
    """
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "failed"
    assert "passed" not in list(verdict.outcomes.values())[:4]


def test_a_message_held_back_is_a_failure(court):
    # the test has failed; the attempt lets only what it likes through
    body = f"""
    import os, stat
    if calls == 1:
        null = os.open(os.devnull, os.O_WRONLY)
        for fd in range(3, 256):
            try:
                if stat.S_ISFIFO(os.fstat(fd).st_mode): os.dup2(null, fd)
            except OSError:
                pass
    {WRONG}
    """
    verdict = court.judge(court.before(body))

    assert verdict.verdict == "failed"
    assert "passed" not in verdict.outcomes.values()
    assert "in the test" in verdict.data["message"]


def test_closing_every_descriptor_is_a_failure_that_names_the_test(court):
    verdict = court.judge(court.before("import os; os.closerange(0, 256)"))

    assert verdict.verdict == "failed"
    assert 'in the test "Matches torch"' in verdict.data["message"]
    assert set(verdict.outcomes.values()) == {"failed", "unjudged"}


def test_ending_with_a_forged_end_is_a_failure(court):
    body = """
import os
for fd in range(3, 256):
    try: os.write(fd, b'\\n{"type": "ended", "cpu": 0.1}\\n')
    except OSError: pass
os._exit(0)
"""
    for source in (court.before(body), f"{court.right}\n{body}"):
        verdict = court.judge(source)
        assert verdict.verdict == "failed"
        assert "your code ended the process" in verdict.data["message"]


def test_files_in_its_folder_and_beside_it_are_not_believed(court):
    body = f"""
    import json, os, pathlib
    result = {{"verdict": "passed", "tests": [], "seed": 1, "seconds": 1.0, "message": ""}}
    for folder in (".", ".."):
        for name in ("result.json", "report.json", "trace", "junit.xml"):
            path = pathlib.Path(folder, name)
            if not path.exists() or name == "trace":
                path.write_text(json.dumps(result))
    {WRONG}
    """
    expect_no_change(court.judge(court.before(body)))


def test_what_it_prints_is_not_taken_for_the_verdict(court):
    body = f"""
    import json, sys
    print(json.dumps({{"verdict": "passed", "tests": []}}))
    print("passed: 19 of 19 claims hold", file=sys.stderr)
    {WRONG}
    """
    source = court.before(body)

    expect_no_change(court.judge(source))
    done = court.learner.run("check", "gqa")
    court.verdicts.append("failed")
    assert done.returncode == 1
    assert re.match(FAILED, done.stdout.rstrip().splitlines()[-3])


def test_a_huge_message_is_cut_and_the_check_goes_on(court):
    verdict = court.judge(
        court.acts(
            "raise ValueError('x' * 20_000_000)",
            "raise ValueError('line\\n' * 1_000_000)",
            "assert False, 'y' * 20_000_000",
            "raise type('E' * 100_000, (Exception,), {})('z')",
            "return 'text' * 10_000_000",
            "f.__code__ = f.__code__.replace(co_name='n' * 10**6)\nf(1)",
            top="def f(n): raise ValueError(n)",
        )
    )

    assert verdict.verdict == "failed"
    assert "unjudged" not in verdict.outcomes.values()
    tests = verdict.data["tests"]
    assert tests[0]["message"].startswith("ValueError: xxxx")
    assert "characters not shown" in tests[0]["message"]
    assert max(len(test["message"]) for test in tests) < 20_000


def test_errors_whose_own_words_fail_are_told_all_the_same(court):
    verdict = court.judge(
        court.acts(
            "class Error(Exception):\n    def __str__(self): return self.missing\nraise Error",
            "class Error(Exception):\n    def __str__(self): return 3\nraise Error",
            "class Error(Exception):\n    def __str__(self): raise SystemExit\nraise Error",
            "class R:\n    def __repr__(self): return self.x\nassert R() == 1",
            "class R:\n    def __repr__(self): raise KeyboardInterrupt\nreturn R()",
        )
    )

    assert verdict.verdict == "failed"
    assert set(verdict.outcomes.values()) == {"failed"}
    messages = [test["message"].splitlines()[0] for test in verdict.data["tests"]]
    assert messages[:3] == [
        "Error: (its __str__ raises AttributeError)",
        "Error: (its __str__ raises TypeError)",
        "Error: (its __str__ raises SystemExit)",
    ]
    assert messages[4] == "result has the wrong type: expected a tensor, got a R"
