"""Where a warm judge is found: a private folder, and a name that changes with the grader."""

import hashlib
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import grader

# what torch, Triton or the loader read once, when they start
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PYTHONHASHSEED", "PYTHONPATH",
    "PYTHONUTF8", "TRITON_INTERPRET", "VIRTUAL_ENV", "LANG", "LC_ALL", "HOME", "TMPDIR",
)  # fmt: skip


def supported() -> bool:
    """Whether forking a process that has torch loaded is safe here.

    Windows does not fork; on macOS system libraries forbid it; a process that has
    opened a GPU cannot use it in a fork.
    """
    return sys.platform == "linux" and not os.environ.get("KATA_COLD")


def has_gpu() -> bool:
    """A guess that needs no torch."""
    return any(os.path.exists(path) for path in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd"))


def runtime_folder() -> Path:
    """A folder that nobody else may enter; made if need be.

    Raises:
        PermissionError: It belongs to somebody else.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base, "kata") if base and Path(base).is_dir() else _temporary()
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat(follow_symlinks=False)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not yours alone")
    return folder


def _temporary() -> Path:
    return Path(tempfile.gettempdir(), f"kata-{os.getuid()}")


def socket_path() -> Path:
    """The socket of the judge that fits this grader, this Python and this environment."""
    return runtime_folder() / f"{fingerprint()}.sock"


def fingerprint() -> str:
    """Changes with the grader's code, the installed packages and what they read when they start."""
    digest = hashlib.blake2b(digest_size=8)
    # python and python3.11 of one environment are the same
    digest.update(f"{sys.prefix} {sys.version} {grader.__version__}".encode())
    for name in ENVIRONMENT:
        digest.update(f"{name}={os.environ.get(name)}".encode())
    digest.update(_stamp(sysconfig.get_path("purelib")))
    package = os.path.dirname(os.path.abspath(grader.__file__))
    # content is read anew for each check: only code matters here
    for root in ("", "content", "judge", os.path.join("judge", "child"), "testing"):
        folder = os.path.join(package, root)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                found = entry.stat()
                digest.update(f"{entry.path} {found.st_mtime_ns} {found.st_size}".encode())
    return digest.hexdigest()


def _stamp(path: str) -> bytes:
    try:
        return str(os.stat(path).st_mtime_ns).encode()
    except OSError:
        return b""
