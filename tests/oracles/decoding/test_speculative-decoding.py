"""Against transformers' speculative sampling, the target's own distribution, and the paper."""

import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from transformers.generation.utils import _speculative_sampling

K, V = 2, 3


def blocks_of_transformers(p, q, N):
    """Coded blocks, drafts drawn from q."""
    codes = []
    for _ in range(N):
        drafts = q.multinomial(1).T
        tokens, _ = _speculative_sampling(drafts, q.log()[None], K, p.log()[None])
        codes.append(code(torch.nn.functional.pad(tokens, (0, K + 1 - tokens.shape[1]), value=-1)))
    return torch.cat(codes)


def blocks_of_solution(solution, p, q, N):
    many = q.expand(N, *q.shape)
    drafts = many.reshape(-1, V).multinomial(1).view(N, -1)
    generator = torch.Generator().manual_seed(7)
    return solution.verify_drafts(p.expand(N, *p.shape), many, drafts, generator=generator)


def code(tokens):
    return ((tokens + 1) * (V + 1) ** torch.arange(K + 1)).sum(-1)


@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_distributed_as_those_of_transformers(solution, seed):
    torch.manual_seed(seed)
    p, q = torch.randn(K + 1, V).softmax(-1), torch.randn(K, V).softmax(-1)

    theirs = blocks_of_transformers(p, q, 4000).bincount(minlength=(V + 1) ** (K + 1))
    ours = code(blocks_of_solution(solution, p, q, 40_000)).bincount(minlength=len(theirs))

    common = ours >= 50
    table = torch.stack([ours[common], theirs[common]]).numpy()
    assert chi2_contingency(table).pvalue > 1e-6
    # what the other never does is rare
    assert theirs[~common].sum() < 100


@pytest.mark.parametrize("seed", range(3))
def test_text_is_distributed_as_the_target(solution, seed):
    torch.manual_seed(seed)
    p, q = torch.randn(K + 1, V).softmax(-1), torch.randn(K, V).softmax(-1)
    N = 100_000

    tokens = blocks_of_solution(solution, p, q, N)

    alone = torch.stack([row.expand(N, V).multinomial(1)[:, 0] for row in p], dim=1)
    text = torch.where(tokens < 0, alone, tokens)
    counts = (text * torch.tensor([9, 3, 1])).sum(1).bincount(minlength=27)
    exact = torch.einsum("i,j,k->ijk", *p.double()).flatten()
    assert chisquare(counts.numpy(), (exact / exact.sum() * N).numpy()).pvalue > 1e-6


def test_the_number_of_tokens_is_that_of_the_paper(solution):
    # the sum of min(p, q) is 0.2 + 0.3 + 0.2 = 0.7: (1 - 0.7^3) / (1 - 0.7) = 2.19 tokens
    torch.manual_seed(0)
    p = torch.tensor([0.5, 0.3, 0.2]).expand(K + 1, V)
    q = torch.tensor([0.2, 0.3, 0.5]).expand(K, V)

    tokens = blocks_of_solution(solution, p, q, 100_000)

    assert (tokens >= 0).sum(1).double().mean().item() == pytest.approx(2.19, abs=0.02)
