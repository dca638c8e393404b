"""What can go wrong in any program: those of cosmic-ray's operators that resemble mistakes.

Dims and axes, bounds of slices and constants are all numbers, which it moves by one.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from grader.errors import KataError

# module, the beginning of a class's name, and its ends
OPERATORS = (
    ("binary_operator_replacement", "ReplaceBinaryOperator_",
     "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Div Mod_FloorDiv Pow_Mul BitAnd_BitOr BitOr_BitAnd"),
    ("comparison_operator_replacement", "ReplaceComparisonOperator_",
     "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"),
    ("unary_operator_replacement", "ReplaceUnaryOperator_", "Delete_USub Delete_Invert Delete_Not"),
    ("boolean_replacer", "Replace", "TrueWithFalse FalseWithTrue AndWithOr OrWithAnd"),
    ("boolean_replacer", "", "AddNot"),
    ("break_continue", "Replace", "BreakWithContinue ContinueWithBreak"),
    ("number_replacer", "", "NumberReplacer"),
    ("remove_decorator", "", "RemoveDecorator"),
    ("zero_iteration_for_loop", "", "ZeroIterationForLoop"),
)  # fmt: skip


def require_cosmic_ray() -> None:
    """
    Raises:
        KataError: It is not installed.
    """
    if find_spec("cosmic_ray") is None:
        raise KataError(
            "--mutants needs cosmic-ray, which is not installed: pip install -e '.[dev]'"
        )


def general_mutants(solution: str) -> Iterator[str]:
    """The solution's text with one change, for each change; some are no Python."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    nodes = list(ast_nodes(get_ast(solution)))
    for operator in _operators():
        count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        for occurrence in range(count):
            yield mutate_code(solution, operator, occurrence)


def _operators() -> Iterator[Any]:
    for name, beginning, ends in OPERATORS:
        module = import_module(f"cosmic_ray.operators.{name}")
        for end in ends.split():
            yield getattr(module, beginning + end)()
