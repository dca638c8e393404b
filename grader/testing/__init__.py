"""What hidden tests share: comparisons, measurements, ranks and samples.

Everything here raises Mismatch with words that a learner understands. Fixtures
that every hidden test can ask for:

    attempt     the learner's module
    reference   the solution's module
    device      torch.device that this check runs on: "cpu", or "cuda" for kernels
    seed        an int, fresh for each check and test, printed for repetition

All generators of random numbers are seeded before each test.
"""

from grader.testing.compare import assert_close, assert_equal
from grader.testing.device import assert_follows_device
from grader.testing.dtype import assert_keeps_dtype
from grader.testing.forbid import Forbidden, forbidden
from grader.testing.generators import (
    assert_generator_moves,
    assert_global_generator_kept,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)
from grader.testing.gradients import assert_same_gradients, gradients
from grader.testing.measure import flops, largest_intermediate
from grader.testing.metamorphic import (
    assert_batch_rows_independent,
    assert_cache_equals_full,
    assert_chunks_agree,
    assert_padding_changes_nothing,
    assert_relative_shift,
)
from grader.testing.ranks import RankError, run_ranks
from grader.testing.rope import complex_rope
from grader.testing.sampling import assert_distribution, assert_draws
from grader.testing.unchanged import assert_unchanged
from grader.testing.words import Mismatch

__all__ = [
    "Forbidden",
    "Mismatch",
    "RankError",
    "assert_batch_rows_independent",
    "assert_cache_equals_full",
    "assert_chunks_agree",
    "assert_close",
    "assert_distribution",
    "assert_draws",
    "assert_equal",
    "assert_follows_device",
    "assert_generator_moves",
    "assert_global_generator_kept",
    "assert_keeps_dtype",
    "assert_padding_changes_nothing",
    "assert_relative_shift",
    "assert_same_gradients",
    "assert_state_decides",
    "assert_state_repeats",
    "assert_unchanged",
    "complex_rope",
    "flops",
    "forbidden",
    "gradients",
    "largest_intermediate",
    "run_ranks",
    "seeded",
]
