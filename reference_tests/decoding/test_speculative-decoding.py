"""Tokens are compared with their exact joint distribution, so any way of drawing will do."""

import itertools

import pytest
import torch

from grader.testing import (
    assert_distribution,
    assert_equal,
    assert_follows_device,
    assert_generator_moves,
    assert_global_generator_kept,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)


def random_probabilities(*shape, dtype=torch.float64):
    # from nearly uniform to nearly certain
    return (1.5 * torch.randn(*shape, dtype=dtype)).softmax(-1)


def draft(q):
    """One token for each place of each row."""
    B, K, V = q.shape
    return q.reshape(-1, V).multinomial(1).view(B, K)


def verify(attempt, p, q, drafts, seed):
    tokens = attempt.verify_drafts(p, q, drafts, generator=seeded(seed))
    B, K = drafts.shape
    assert_equal(tuple(tokens.shape), (B, K + 1), label="the shape of the tokens")
    assert_equal(tokens.dtype, torch.int64, label="the dtype of the tokens")
    outside = int(((tokens < -1) | (tokens >= p.shape[-1])).sum())
    assert_equal(outside, 0, label="the number of tokens outside -1 to V - 1")
    return tokens


def coded(tokens, V):
    """Each row of tokens, -1 among them, as one number."""
    digits = (V + 1) ** torch.arange(tokens.shape[-1])
    return ((tokens + 1) * digits).sum(-1)


def exact(p, q):
    """The probability of each coded row: n drafts accepted, one token drawn."""
    K, V = q.shape
    both = torch.minimum(p[:K], q)
    left = torch.cat([(p[:K] - q).clamp(min=0), p[K:]])
    result = torch.zeros((V + 1) ** (K + 1), dtype=torch.float64)
    for n in range(K + 1):
        for row in itertools.product(range(V), repeat=n + 1):
            chance = left[n, row[-1]]
            for i, token in enumerate(row[:-1]):
                chance = chance * both[i, token]
            code = coded(torch.tensor([*row, *[-1] * (K - n)]), V)
            result[code] = chance
    return result


def assert_blocks_follow(attempt, p, q, seed, N):
    """Compare N blocks for the same p and q."""
    expected = exact(p.double(), q.double())
    q = q.expand(N, *q.shape)
    tokens = verify(attempt, p.expand(N, *p.shape), q, draft(q), seed)

    assert_distribution(coded(tokens, p.shape[-1]), expected, label="blocks")


def test_the_first_token_follows_the_target(attempt, seed):
    # what is left of p are two tokens: who rejects the same drafts draws others after them
    p = torch.tensor([[0.4, 0.2, 0.3, 0.1, 0.0], [0.2, 0.2, 0.2, 0.2, 0.2]])
    q = torch.tensor([[0.1, 0.3, 0.1, 0.2, 0.3]])
    N = 10_000

    tokens = verify(attempt, p.repeat(N, 1, 1), q.repeat(N, 1, 1), draft(q.repeat(N, 1, 1)), seed)

    assert_equal(int((tokens[:, 0] < 0).sum()), 0, label="the number of rows without a token")
    assert_distribution(tokens[:, 0], p[0], label="first tokens")


@pytest.mark.parametrize(
    "K, V, dtype",
    [
        pytest.param(1, 4, torch.float32, id="one-draft"),
        pytest.param(2, 3, torch.float64, id="two-drafts"),
        pytest.param(3, 2, torch.float32, id="three-drafts"),
    ],
)
def test_blocks_follow_the_target(attempt, seed, K, V, dtype):
    # far apart at the first places, so that drafts are both accepted and rejected there
    p = torch.linspace(0.5, 1.5, V, dtype=dtype).expand(K + 1, V).contiguous()
    q = p[:K].flip(-1) ** 0.6
    p[K] = torch.arange(1, V + 1) ** 2
    p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)

    assert_blocks_follow(attempt, p, q, seed, N=20_000)


@pytest.mark.parametrize("i", range(3), ids="draw-{}".format)
def test_blocks_follow_any_target(attempt, seed, i):
    assert_blocks_follow(
        attempt, random_probabilities(3, 3), random_probabilities(2, 3), seed, N=8000
    )


def test_a_whole_block_follows_the_target(attempt, seed):
    # where a block ends early, the target goes on alone: what comes out must be p, p, p
    K, V, N = 2, 3, 15_000
    p, q = random_probabilities(K + 1, V), random_probabilities(K, V)
    expected = torch.einsum("i,j,k->ijk", *p).flatten()
    alone = torch.stack([row.expand(N, V).multinomial(1)[:, 0] for row in p], dim=1)

    q = q.expand(N, K, V)
    tokens = verify(attempt, p.expand(N, K + 1, V), q, draft(q), seed)

    text = torch.where(tokens < 0, alone, tokens)
    numbers = (text * torch.tensor([9, 3, 1])).sum(1)
    assert_distribution(numbers, expected, label="texts of three tokens")


def test_drafts_of_the_target_itself_are_all_accepted(attempt, seed):
    p = random_probabilities(500, 5, 6)
    p[:, -1] = torch.tensor([0.1, 0.0, 0.4, 0.0, 0.2, 0.3])
    drafts = draft(p[:, :-1])

    tokens = verify(attempt, p, p[:, :-1].clone(), drafts, seed)

    assert_equal(tokens[:, :-1], drafts, label="all tokens but the last")
    assert_distribution(tokens[:, -1], p[0, -1], label="last tokens")


def test_a_rejection_voids_all_later_drafts(attempt, seed):
    p = torch.full((3, 5, 4), 0.25)
    q = torch.full((3, 4, 4), 0.25)
    drafts = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [2, 2, 2, 2]])
    # the target is certain of another token than the draft: at place 0, 2 and 3
    p[0, 0] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    p[1, 2] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    p[2, 3] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    expected = torch.tensor([[3, -1, -1, -1, -1], [3, 2, 0, -1, -1], [2, 2, 2, 1, -1]])

    assert_equal(verify(attempt, p, q, drafts, seed), expected, label="tokens")


def test_with_a_certain_target_the_result_is_greedy(attempt, seed):
    target = torch.randint(5, (40, 4))
    p = torch.nn.functional.one_hot(target, 5).float()
    q = random_probabilities(40, 3, 5, dtype=torch.float32)
    drafts = torch.where(torch.rand(40, 3) < 0.7, target[:, :3], draft(q))
    right = (drafts == target[:, :3]).long().cumprod(1).sum(1, keepdim=True)
    expected = torch.where(torch.arange(4) <= right, target, -1)

    assert_equal(verify(attempt, p, q, drafts, seed), expected, label="tokens")


def test_a_certain_draft_that_the_target_doubts_is_accepted_by_its_share(attempt, seed):
    p = torch.tensor([[0.3, 0.6, 0.1], [0.0, 1.0, 0.0]])
    q = torch.tensor([[1.0, 0.0, 0.0]])

    assert_blocks_follow(attempt, p, q, seed, N=4000)


def test_each_row_has_its_own_probabilities(attempt, seed):
    R, N, V = 6, 2500, 3
    p, q = random_probabilities(R, 2, V), random_probabilities(R, 1, V)
    expected = torch.cat([exact(p[r], q[r]) for r in range(R)])
    many = q.repeat(N, 1, 1)

    tokens = verify(attempt, p.repeat(N, 1, 1), many, draft(many), seed)

    codes = torch.arange(R).repeat(N) * (V + 1) ** 2 + coded(tokens, V)
    assert_distribution(codes, expected, label="row and block")


def test_each_row_makes_its_own_draws(attempt, seed):
    p = torch.tensor([[0.25, 0.25, 0.3, 0.2], [0.5, 0.5, 0.0, 0.0]])
    q = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    single = exact(p, q)
    expected = torch.outer(single, single).flatten()
    many = q.repeat(20_000, 1, 1)

    tokens = verify(attempt, p.repeat(20_000, 1, 1), many, draft(many), seed)

    first, second = coded(tokens, 4).view(-1, 2).unbind(-1)
    assert_distribution(first * len(single) + second, expected, label="pairs of neighbouring rows")


def test_without_drafts_a_token_is_drawn_from_the_target(attempt, seed):
    p = torch.tensor([[0.5, 0.0, 0.3, 0.2]])

    assert_blocks_follow(attempt, p, p[:0], seed, N=5000)


def draws(attempt, p, q):
    """What is verified, by the generator alone."""
    drafts = draft(q)
    return lambda generator: attempt.verify_drafts(p, q, drafts, generator=generator)


def last_draws(attempt):
    """The tokens after drafts that are all accepted, each one of a thousand."""
    both = torch.full((60, 2, 1000), 1e-3)
    tokens = draws(attempt, both, both[:, :1])
    return lambda generator: tokens(generator)[:, 1]


def test_the_same_generator_state_gives_the_same_tokens(attempt, seed):
    p, q = random_probabilities(300, 4, 9), random_probabilities(300, 3, 9)

    assert_state_repeats(draws(attempt, p, q), seed)


def test_each_call_moves_the_generator_on(attempt, seed):
    assert_generator_moves(last_draws(attempt), seed)


def test_the_state_of_the_generator_decides_the_tokens(attempt, seed):
    assert_state_decides(last_draws(attempt), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    p, q = random_probabilities(8, 3, 4), random_probabilities(8, 2, 4)

    assert_global_generator_kept(draws(attempt, p, q), seed)


@pytest.mark.parametrize("places", [2, 4], ids="{}-places-for-two-drafts".format)
def test_rejects_a_target_without_one_place_more(attempt, seed, places):
    p, q = torch.full((2, places, 4), 0.25), torch.full((2, 2, 4), 0.25)
    with pytest.raises(ValueError):
        attempt.verify_drafts(p, q, draft(q), generator=seeded(seed))


def test_all_is_made_on_the_device_of_p(attempt, seed):
    p, q = random_probabilities(2, 4, 5), random_probabilities(2, 3, 5)

    assert_follows_device(attempt.verify_drafts, p, q, draft(q), generator=seeded(seed))
