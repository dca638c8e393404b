"""What a kata's hidden tests say of `bench`, read from their syntax tree."""

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Attributes:
    sizes: What is measured if no other sizes are asked for, growing.
    meaning: What a size stands for, in a sentence.
    """

    sizes: tuple[int, ...]
    meaning: str


def read_benchmark(tests: Path) -> Benchmark | str | None:
    """The function `bench`; or the words that stand in its place, why there is none; or None.

    Raises:
        ValueError: It lacks its docstring or its sizes, or they do not grow.
    """
    found: ast.FunctionDef | None = None
    sizes: tuple[int, ...] = ()
    for node in ast.parse(tests.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name="bench"):
                found = node
            case ast.Assign(targets=[ast.Name(id="bench")], value=ast.Constant(value=str(why))):
                return why
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="bench"), attr="sizes")], value=value
            ):
                sizes = tuple(ast.literal_eval(value))
    if found is None:
        return None
    meaning = ast.get_docstring(found)
    if not meaning or "\n" in meaning:
        raise ValueError("bench says in a docstring of one line what size means")
    if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
        raise ValueError("bench has growing sizes: bench.sizes = (64, 256, 1024)")
    return Benchmark(sizes, meaning)
