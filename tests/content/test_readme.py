"""The README's tables of tracks say what `kata list` says."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

from grader.content.catalog import load_catalog

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| \[([\w-]+)\]\(katas/(\w+)/\1\.py\) \| (.+) \| (\w+)( · core)? \| (\d+) \| (.*) \|$",
    re.MULTILINE,
)
TRACK = re.compile(
    r"^\| \[(.+)\]\(katas/(\w+)\) \| (\d+) \| (\d*) \| ([\d.]+) \| (.+) \|$", re.MULTILINE
)


def test_the_tables_name_every_kata_as_kata_list_does(learner: Any) -> None:
    listed = json.loads(learner.run("list", "--json").stdout)
    told = [
        (f"{track}/{slug}", title, level, bool(core), int(minutes))
        for slug, track, title, level, core, minutes, _ in ROW.findall(README)
    ]
    assert told == [
        (kata["id"], kata["title"], kata["level"], kata["core"], kata["minutes"]) for kata in listed
    ]


def test_the_overview_counts_the_katas_of_each_track(learner: Any) -> None:
    listed = json.loads(learner.run("list", "--json").stdout)
    told = {
        slug: (int(n), int(core or 0), hours)
        for _, slug, n, core, hours, _ in TRACK.findall(README)
    }
    for track in {kata["track"] for kata in listed}:
        katas = [kata for kata in listed if kata["track"] == track]
        hours = sum(kata["minutes"] for kata in katas) / 60
        assert told.pop(track) == (len(katas), sum(kata["core"] for kata in katas), f"{hours:.1f}")
    assert not told


def test_the_tables_are_as_their_script_writes_them() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "tracks.py"))
    assert script["rewritten"](README, load_catalog().tracks) == README, "run python docs/tracks.py"
