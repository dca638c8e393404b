"""kata verify: which katas it looks at, what it prints, and what it says of broken track files."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Any], line: Callable[..., str]) -> Any:
    """Two tracks: one kata that is sound, two that are not and need no child to tell."""
    project = new_project()
    project.track("good", line("sound"))
    project.track("bad", line("broken"), line("absent"))
    project.kata("good/sound")
    project.track("moody", line("often"))
    # half of its inputs are zeros, which hide a factor
    drawn = "def test_doubles(attempt):\n    x = torch.randn(5, dtype=torch.float64)"
    assert drawn in project.TESTS
    project.kata(
        "moody/often", tests=project.TESTS.replace(drawn, f"{drawn} * (torch.rand(()) < 0.5)")
    )
    project.kata("bad/broken", solution=project.SOLUTION.replace("(x", "(x, x"))
    return project


@pytest.fixture
def contributor(project: Any, learner: Any) -> Any:
    return project.learner(learner.folder)


def test_a_sound_kata_is_exit_0_and_one_line(contributor: Any) -> None:
    done = contributor.run("verify", "sound")

    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert "good/sound" in first
    assert "4 of 4 mistakes caught" in first
    assert last == "1 of 1 katas are sound"


def test_an_unsound_one_is_exit_1_and_each_problem_a_line(contributor: Any) -> None:
    done = contributor.run("verify", "--track", "bad")

    assert (done.returncode, done.stderr) == (1, "")
    assert "solutions/bad/broken.py" in done.stdout
    assert "katas/bad/absent.py: missing; every kata has four files" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 of 2 katas are sound"


def test_more_seeds_show_what_goes_wrong_under_some_and_how_often(contributor: Any) -> None:
    done = contributor.run("verify", "often", "--seeds", "20", "--json", timeout=240)

    assert done.returncode == 1
    (report,) = json.loads(done.stdout)
    (told,) = [problem for problem in report["problems"] if "mistake halves" in problem]
    match = re.search(r"test_doubles does not catch .*, seed \d+, (\d+) of 20 seeds \(", told)
    assert match, told
    assert 0 < int(match[1]) < 20
    assert report["mistakes"]["halves"] is False
    assert report["mistakes"]["forgets_the_shift"] is True


def test_names_and_a_track_are_looked_at_once_each(contributor: Any) -> None:
    done = contributor.run("verify", "broken", "bad/broken", "--track", "bad", "-j", "1")

    assert done.stdout.splitlines()[-1] == "0 of 2 katas are sound"


def test_a_name_that_is_no_kata_is_exit_2(contributor: Any) -> None:
    done = contributor.run("verify", "brokn")

    assert (done.returncode, done.stdout) == (2, "")
    assert 'no kata "brokn"; did you mean broken?' in done.stderr


def test_it_leaves_the_practice_folder_and_the_content_alone(
    contributor: Any, project: Any
) -> None:
    before = sorted(project.root.glob("[kr]*s/**/*"))

    contributor.run("verify", "sound")

    assert list(contributor.practice.iterdir()) == []
    assert sorted(project.root.glob("[kr]*s/**/*")) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("title = 'T'\nblurb = \n", ["line 2"], id="not TOML"),
        pytest.param("blurb = 'b'\n[katas]\n", ["lacks the field 'title'"], id="no title"),
        pytest.param("title = 'T'\nblurb = 'b'\n", ["lacks the field 'katas'"], id="no katas"),
        pytest.param(
            "title = 'T'\nblurb = 'b'\n[katas]\none = { title = 'One', level = 'easy' }\n",
            ["one", "minutes"],
            id="no minutes",
        ),
        pytest.param(
            "title = 'T'\nblurb = 'b'\n[katas]\n"
            "one = { title = 'One', level = 'brutal', minutes = 9 }\n",
            ["one", "brutal", "easy"],
            id="unknown level",
        ),
        pytest.param(
            "title = 'T'\nblurb = 'b'\n[katas]\n"
            "one = { title = 'One', level = 'easy', minutes = 9, prize = 5 }\n",
            ["one", "prize"],
            id="unknown field",
        ),
        pytest.param(
            "title = 'T'\nblurb = 'b'\n[katas]\none = 'easy'\n",
            ["one", "give it title"],
            id="not a table",
        ),
    ],
)
def test_a_track_file_that_does_not_read_is_exit_3_with_its_name_and_the_cause(
    project: Any, contributor: Any, text: str, words: list[str]
) -> None:
    path = project.root / "katas" / "spoilt" / "track.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    try:
        done = contributor.run("verify", "--json")
    finally:
        path.unlink()

    assert (done.returncode, done.stdout) == (3, "")
    assert "Traceback" not in done.stderr
    for word in [str(path), *words]:
        assert word in done.stderr
