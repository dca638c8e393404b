"""The one error that a person is expected to meet."""


class KataError(Exception):
    """What went wrong, where, and what to do next: words, never a traceback.

    Attributes:
        code: The exit code: 2 for wrong usage, 3 for what is ours.
    """

    def __init__(self, message: str, *, code: int = 2) -> None:
        super().__init__(message)
        self.code = code
