"""Writing the file that holds all of a practice folder."""

import json
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from grader import __version__
from grader.errors import KataError
from grader.progress.archive import EVENTS, FILES, FORMAT, KIND, MANIFEST, SOURCES, fits
from grader.progress.exchange import Log
from grader.progress.practice import Practice, put


@dataclass(frozen=True, slots=True)
class Written:
    """Attributes:
    left_out: Names that an archive cannot have.
    """

    events: int
    sources: int
    files: int
    left_out: tuple[str, ...]


def portable(practice: Practice, tracks: Iterable[str]) -> dict[str, Path]:
    """The files that a person has: in the folders of these tracks, and in the history."""
    found = {}
    for folder in (*(practice.root / track for track in sorted(tracks)), practice.history):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(practice.root).as_posix()
            inner = path.relative_to(folder).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
            if path.is_file() and not hidden:
                found[name] = path
    return found


def write(path: Path, log: Log, files: dict[str, Path], *, force: bool = False) -> Written:
    """Make the archive; it is whole when it has its name.

    Raises:
        KataError: There is a file of that name, or something cannot be read or written.
    """
    if path.is_dir():
        raise KataError(f"{path} is a folder; name a file in it")
    taken = KataError(f"{path} is there already; --force writes over it, or name another file")
    if path.exists() and not force:
        raise taken
    chosen = {name: file for name, file in files.items() if fits(name) and file != path}
    part = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
            _fill(part, log, chosen)
            part.flush()
            os.fsync(part.fileno())
        if force:
            os.replace(part.name, path)
        elif not put(Path(part.name), path):
            raise taken
    except OSError as error:
        raise KataError(f"{error.filename or path}: {error.strerror}; no export was made") from None
    finally:
        if part is not None:
            Path(part.name).unlink(missing_ok=True)
    left_out = tuple(name for name in files if not fits(name))
    return Written(len(log.events), len(log.sources), len(chosen), left_out)


def _fill(out: IO[bytes], log: Log, files: dict[str, Path]) -> None:
    members: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:

        def add(name: str, data: IO[bytes], **facts: object) -> None:
            digest = sha256()
            # its date is no earlier than 1980 and of no zone; the manifest has the real one
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with made.open(info, "w", force_zip64=True) as member:
                for chunk in iter(lambda: data.read(1 << 20), b""):
                    digest.update(chunk)
                    member.write(chunk)
            members[name] = {"sha256": digest.hexdigest(), **facts}

        rows = [
            json.dumps({"at": e.at, "kind": e.kind, "kata": e.kata, "data": e.data}) + "\n"
            for e in log.events
        ]
        add(EVENTS, BytesIO("".join(rows).encode()))
        for sha, text in log.sources.items():
            add(f"{SOURCES}{sha}.py", BytesIO(text.encode()))
        for name, path in files.items():
            with path.open("rb") as file:
                add(FILES + name, file, at=max(os.fstat(file.fileno()).st_mtime, 0))
        counts = {"events": len(rows), "sources": len(log.sources), "files": len(files)}
        manifest = {"kind": KIND, "format": FORMAT, "kata": __version__, "counts": counts}
        made.writestr(MANIFEST, json.dumps(manifest | {"members": members}, indent=1))
