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
def prepared() -> pytest.Session:
    """A session that knows no files yet; a warm judge makes it before it forks."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    here = os.path.dirname(__file__)
    arguments = ["--import-mode=importlib", "-c", os.devnull, "--rootdir", here]
    # nobody's conftest.py takes part
    arguments += ["--confcutdir", here, here]
    arguments += [word for name in UNUSED for word in ("-p", f"no:{name}")]
    config = _prepareconfig(arguments)
    # the beginning of what pytest does for a command, which takes half of its time
    config._do_configure()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    return session


def run_pytest(tests: str, *plugins: object) -> str:
    """Run the tests of one file, once; what stopped pytest, if anything did."""
    session = prepared()
    config = session.config
    config.args[:] = [tests]
    for plugin in plugins:
        config.pluginmanager.register(plugin)
    try:
        config.hook.pytest_collection(session=session)
        config.hook.pytest_runtestloop(session=session)
        config.hook.pytest_sessionfinish(session=session, exitstatus=0)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""
