"""Where a command was typed: in a terminal or in a notebook."""

import os

# set by grader.notebook for the commands that it runs
VARIABLE = "KATA_NOTEBOOK"
# what a person calls the attempt there
CELL = "your cell"


def in_notebook() -> bool:
    return VARIABLE in os.environ


def typed(command: str, slug: str) -> str:
    """A command as it is typed here: in a notebook, a check is a cell that begins with %%kata.

    Other commands are the same, for IPython takes `kata hint` for %kata hint.
    """
    check = "kata check"
    if not in_notebook() or not command.startswith(check):
        return command
    options = command.removeprefix(check).strip().removeprefix(slug).strip()
    return f"%%kata {slug} {options}".rstrip()
