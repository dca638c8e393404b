"""Coding katas for the algorithms of large language models, and their grader."""

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """%load_ext grader: %kata and %%kata in a notebook."""
    from grader.notebook.magic import register_magic

    register_magic(shell)
