"""pytest without what a judge has no use for, configured before anybody waits for it."""

import os
from functools import cache

import pytest
from _pytest.config import _prepareconfig

# plugins that cost time
UNUSED = (
    "cacheprovider", "doctest", "junitxml", "logging", "pastebin", "setuponly", "setupplan",
    "stepwise", "terminal", "terminalprogress", "warnings", "faulthandler", "unraisableexception",
    "threadexception", "subtests", "capture", "debugging", "nose", "recwarn", "legacypath",
)  # fmt: skip


@cache
def configured() -> pytest.Config:
    """A configuration that knows no files yet; a warm judge makes it before it forks."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    here = os.path.dirname(__file__)
    arguments = ["--import-mode=importlib", "-c", os.devnull, "--rootdir", here]
    # nobody's conftest.py takes part
    arguments += ["--confcutdir", here, here]
    arguments += [word for name in UNUSED for word in ("-p", f"no:{name}")]
    return _prepareconfig(arguments)


def run_pytest(tests: str, *plugins: object) -> int:
    """Run the tests of one file once; pytest's exit code."""
    config = configured()
    config.args[:] = [tests]
    for plugin in plugins:
        config.pluginmanager.register(plugin)
    return int(config.hook.pytest_cmdline_main(config=config))
