"""Coding katas for the algorithms of large language models, and their grader."""

__version__ = "0.1.0"
