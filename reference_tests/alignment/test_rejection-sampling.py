"""Samplers are scripted; the loss is compared in float64."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from grader.testing import assert_close, assert_equal, assert_follows_device, assert_same_gradients


class Script:
    """Gives fixed responses. A response reads "path words #answer", all of one word."""

    def __init__(self, **responses):
        self.responses, self.sampled, self.verified = responses, [], []

    def sample(self, prompt, k):
        self.sampled.append((prompt, k))
        return list(self.responses[prompt])

    def verify(self, prompt, response):
        self.verified.append((prompt, response))
        return response.endswith("#yes")

    def path(self, response):
        if not response.endswith("#yes"):
            raise ValueError(f"path was asked for {response!r}, which is not correct")
        return response.split()[0]


def collect(attempt, script, per_prompt=9, prompts=None, k=None):
    prompts = list(script.responses) if prompts is None else prompts
    k = k or len(script.responses[prompts[0]])
    return attempt.collect(
        prompts, script.sample, script.verify, script.path, k=k, per_prompt=per_prompt
    )


def make_script(prompts=4, k=12):
    """Few words and paths, so that texts repeat and classes tie."""
    responses = {}
    for i in range(prompts):
        draws = torch.randint(60, (k, 3)).tolist()
        responses[f"p{i}"] = [
            f"{'abcde'[x % 5]} {'.' * (y % 4)} #{'yes' if z < 40 else 'no'}" for x, y, z in draws
        ]
    return Script(**responses)


def sample_by_sample(script, per_prompt):
    """The rules, with lists of positions."""
    examples, rates = [], []
    for i, responses in enumerate(script.responses.values()):
        right = [r for r in responses if r.endswith("#yes")]
        rates.append(len(right) / len(responses))
        ranking = []
        for name in {r[0] for r in right}:
            members = [r for r in right if r[0] == name]
            ranking.append((-len(members), right.index(members[0]), members))
        kept = sorted(ranking, key=lambda x: x[:2])[:per_prompt]
        for _, _, members in sorted(kept, key=lambda x: x[1]):
            shortest = min(len(r) for r in members)
            examples.append((i, next(r for r in members if len(r) == shortest)))
    return examples, rates


def test_matches_a_case_worked_by_hand(attempt):
    # class c has 3 samples, a 2, b 1, d 1; p2 has none
    script = Script(
        p1=[
            "b 1 #yes",
            "c long #yes",
            "a 1 #no",
            "c x #yes",
            "a x #yes",
            "c x #yes",
            "a #yes",
            "d #yes",
        ],
        p2=["a #no", "b #no", "a #no", "c #no", "c #no", "c #no", "c #no", "c #no"],
        p3=["z #yes", "z #yes", "z #yes", "z #yes", "y #no", "y #no", "y #no", "y #no"],
    )

    got = collect(attempt, script, per_prompt=3)

    examples = [(0, "b 1 #yes"), (0, "c x #yes"), (0, "a #yes"), (2, "z #yes")]
    assert_equal(got, (examples, [0.875, 0.0, 0.5]))


@pytest.mark.parametrize("per_prompt", [1, 2, 3, 9], ids=["one", "two", "three", "all"])
@pytest.mark.parametrize(
    "prompts, k",
    [pytest.param(4, 12, id="many"), pytest.param(7, 4, id="few"), pytest.param(3, 1, id="single")],
)
def test_follows_the_rules(attempt, prompts, k, per_prompt):
    script = make_script(prompts, k)
    examples, rates = sample_by_sample(script, per_prompt)

    got_examples, got_rates = collect(attempt, script, per_prompt)

    assert_equal(got_examples, examples, label="examples")
    assert_close(got_rates, rates, label="pass_rates")


def test_the_pass_rate_counts_repeats(attempt):
    script = Script(p=["a #yes", "a #yes", "a #yes", "b #no", "b #no", "c #yes", "d #no", "e #no"])

    _, rates = collect(attempt, script)

    assert_equal(rates, [0.5], label="pass_rates")


def test_one_example_is_kept_for_each_path(attempt):
    script = Script(p=["a 1 #yes", "b 1 #yes", "a 2 #yes", "b 1 #yes", "a 3 #yes"])

    examples, _ = collect(attempt, script)

    assert_equal(examples, [(0, "a 1 #yes"), (0, "b 1 #yes")], label="examples")


def test_the_shortest_text_of_a_path_is_kept(attempt):
    script = Script(p=["a xxx #yes", "b #yes", "a z #yes", "a y #yes", "b y #yes"])

    examples, _ = collect(attempt, script)

    assert_equal(examples, [(0, "a z #yes"), (0, "b #yes")], label="examples")


def test_the_largest_classes_are_kept_in_their_order(attempt):
    script = Script(
        p=["a #yes", "b #yes", "c #yes", "d #yes", "d #yes", "c 1 #yes", "d #yes", "b #yes"]
    )

    examples, _ = collect(attempt, script, per_prompt=3)

    assert_equal(examples, [(0, "b #yes"), (0, "c #yes"), (0, "d #yes")], label="examples")


def test_a_class_is_as_large_as_its_samples_are_many(attempt):
    # four samples of one text against three texts
    script = Script(p=["a 1 #yes", "a 2 #yes", "a 3 #yes", *4 * ["b #yes"]])

    examples, _ = collect(attempt, script, per_prompt=1)

    assert_equal(examples, [(0, "b #yes")], label="examples")


@pytest.mark.parametrize("empty", [None, (), "", 0], ids=repr)
def test_a_path_may_be_empty(attempt, empty):
    # no equations at all are a way as well
    responses = ["a 1 #yes", "b #yes", "a #yes"]
    path = {"a 1 #yes": empty, "b #yes": ("x",), "a #yes": empty}.__getitem__

    got = attempt.collect(
        ["p"], lambda prompt, k: responses, lambda prompt, text: True, path, k=3, per_prompt=9
    )

    assert_equal(got, ([(0, "a #yes"), (0, "b #yes")], [1.0]))


def test_wrong_samples_do_not_make_a_class_larger(attempt):
    script = Script(p=["a #yes", "a #yes", *4 * ["b #no"], "b #yes"])

    examples, _ = collect(attempt, script, per_prompt=1)

    assert_equal(examples, [(0, "a #yes")], label="examples")


def test_of_classes_of_one_size_the_first_stay(attempt):
    script = Script(p=["e #yes", "d #yes", "c #yes", "b #yes", "a #yes"])

    examples, _ = collect(attempt, script, per_prompt=2)

    assert_equal(examples, [(0, "e #yes"), (0, "d #yes")], label="examples")


def test_a_class_of_two_prompts_is_kept_for_both(attempt):
    script = Script(p=["a #yes", "b #yes"], q=["b #yes", "a #yes"])
    examples = [(0, "a #yes"), (0, "b #yes"), (1, "b #yes"), (1, "a #yes")]

    assert_equal(collect(attempt, script), (examples, [1.0, 1.0]))


def test_a_prompt_that_stands_twice_is_sampled_twice(attempt):
    script = Script(p=["a #yes", "b #no"])
    examples = [(0, "a #yes"), (1, "a #yes")]

    got = collect(attempt, script, prompts=["p", "p"])

    assert_equal(got, (examples, [0.5, 0.5]))
    assert_equal(script.sampled, [("p", 2), ("p", 2)], label="the calls of sample")


def test_each_prompt_is_sampled_by_one_call(attempt):
    script = make_script(3, 5)
    examples, rates = sample_by_sample(script, 9)

    assert_equal(collect(attempt, script), (examples, rates))
    assert_equal(script.sampled, [("p0", 5), ("p1", 5), ("p2", 5)], label="the calls of sample")


def test_each_text_is_verified_once_for_a_prompt(attempt):
    script = Script(
        p=["a #yes", "b #no", "a #yes", "b #no"], q=["b #no", "a #yes", "c #no", "c #no"]
    )
    expected = [("p", "a #yes"), ("p", "b #no"), ("q", "a #yes"), ("q", "b #no"), ("q", "c #no")]

    assert_equal(collect(attempt, script)[1], [0.5, 0.25], label="pass_rates")
    assert_equal(sorted(script.verified), expected, label="what was verified")


def test_no_prompts_give_no_examples(attempt):
    assert_equal(collect(attempt, Script(), prompts=[], k=4), ([], []))


@pytest.mark.parametrize(
    "k, per_prompt", [(0, 1), (1, 0), (-1, 3)], ids=["k-0", "cap-0", "k-below-0"]
)
def test_rejects_counts_below_one(attempt, k, per_prompt):
    script = Script(p=[])

    with pytest.raises(ValueError):
        attempt.collect(
            ["p"] if per_prompt else [],
            script.sample,
            script.verify,
            script.path,
            k=k,
            per_prompt=per_prompt,
        )


def make_batch(B=6, T=8, V=9, dtype=torch.float64):
    """Responses of 1 to 6 tokens, one with a gap, of prompts 7, -7 and -100."""
    response_mask = torch.zeros(B, T, dtype=torch.bool)
    for row in range(B):
        response_mask[row, 1 + row % 2 : 2 + row % 2 + (row * 5 + 2) % 7] = True
    response_mask[3:4, 3] = False
    index = torch.tensor([7, -7, 7, -100, 7, -7, -100, 8])[:B]
    logits = 2 * torch.randn(B, T, V, dtype=dtype)
    return logits, torch.randint(V, (B, T)), response_mask, index


def one_by_one(logits, input_ids, response_mask, index):
    by_prompt = {}
    for row, prompt in enumerate(index.tolist()):
        steps = response_mask[row].nonzero()[:, 0]
        loss = cross_entropy(logits[row, steps - 1], input_ids[row, steps])
        by_prompt.setdefault(prompt, []).append(loss)
    return torch.stack([torch.stack(losses).mean() for losses in by_prompt.values()]).mean()


@pytest.mark.parametrize(
    "B, T, V",
    [
        pytest.param(6, 8, 9, id="usual"),
        pytest.param(1, 10, 5, id="one-example"),
        pytest.param(8, 9, 4, id="four-prompts"),
        pytest.param(8, 8, 8, id="square"),
    ],
)
def test_loss_is_a_mean_of_means_of_means(attempt, B, T, V):
    batch = make_batch(B, T, V)
    expected = one_by_one(*batch)

    exact = {"rtol": 1e-12, "atol": 1e-12, "why": "float64 logits are computed in float64"}

    assert_close(attempt.rft_loss(*batch), expected, **exact)


def test_loss_matches_a_case_worked_by_hand(attempt):
    # of two tokens the first has probability 1/2, 1/4 or 1/8
    logits = torch.zeros(3, 4, 2, dtype=torch.float64)
    for place, p in {(0, 0): 1 / 2, (0, 1): 1 / 8, (1, 1): 1 / 4, (2, 0): 1 / 8}.items():
        logits[place] = torch.tensor([p, 1 - p], dtype=torch.float64).log()
    response_mask = torch.tensor([[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]).bool()
    index = torch.tensor([3, 3, 5])
    # in units of log 2: (1 + 3) / 2 and 2 of one prompt, 3 of the other
    expected = torch.tensor(((4 / 2 + 2) / 2 + 3) / 2 * math.log(2), dtype=torch.float64)

    got = attempt.rft_loss(logits, torch.zeros(3, 4, dtype=torch.int64), response_mask, index)

    assert_close(got, expected)


def test_loss_gradients_follow_the_weights(attempt):
    logits, *rest = make_batch()

    assert_same_gradients(
        lambda x: attempt.rft_loss(x, *rest),
        lambda x: one_by_one(x, *rest),
        logits,
        names=("logits",),
    )


def test_examples_that_repeat_leave_their_prompt_its_weight(attempt):
    batch = make_batch(4)
    expected = one_by_one(*batch)
    # both examples of prompt 7 twice, that of prompt -1 twice, that of prompt 40 three times
    rows = torch.tensor([0, 1, 2, 3, 0, 2, 3, 3, 1])

    assert_close(attempt.rft_loss(*(x[rows] for x in batch)), expected)


def test_the_order_of_examples_does_not_count(attempt):
    batch = make_batch(8)
    expected = one_by_one(*batch)
    rows = torch.randperm(8)

    assert_close(attempt.rft_loss(*(x[rows] for x in batch)), expected)


def test_what_stands_outside_the_response_changes_nothing(attempt):
    logits, input_ids, response_mask, index = make_batch()
    # token 0 is never a response's, and forbidden everywhere
    input_ids = torch.where(response_mask, input_ids.clamp(min=1), 0)
    logits[..., 0] = -math.inf
    expected = one_by_one(logits, input_ids, response_mask, index)
    mine = logits.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(one_by_one(mine, input_ids, response_mask, index), mine)

    logits.requires_grad_()
    loss = attempt.rft_loss(logits, input_ids, response_mask, index)
    assert_close(loss, expected)
    assert loss.requires_grad, "the loss is cut off from logits: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, logits)

    assert_close(gradient, slopes, label="the gradient of logits")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(attempt, dtype):
    logits, *rest = make_batch(V=50, dtype=torch.float32)
    logits = (4 * logits).to(dtype)
    expected = one_by_one(logits.double(), *rest).float()

    assert_close(attempt.rft_loss(logits, *rest), expected)


def test_float32_stays_float32(attempt):
    batch = make_batch(dtype=torch.float32)
    expected = one_by_one(*batch)

    assert_close(attempt.rft_loss(*batch), expected)


def test_the_loss_lies_where_the_batch_does(attempt):
    assert_follows_device(attempt.rft_loss, *make_batch())


@pytest.mark.parametrize("case", ["no-response", "response-at-0"])
def test_rejects_rows_that_cannot_be_scored(attempt, case):
    logits, input_ids, response_mask, index = make_batch()
    if case == "no-response":
        response_mask[2] = False
    else:
        response_mask[2, 0] = True

    with pytest.raises(ValueError):
        attempt.rft_loss(logits, input_ids, response_mask, index)


def bench(attempt, size, device):
    """Size is the length of a sequence: 8 examples, a vocabulary of 500, in float32."""
    logits = torch.randn(8, size, 500, device=device)
    input_ids = torch.randint(500, (8, size), device=device)
    response_mask = (torch.arange(size, device=device) > size // 3).expand(8, -1)
    index = torch.arange(8, device=device) // 3
    return lambda: attempt.rft_loss(logits, input_ids, response_mask, index)


bench.sizes = (32, 128, 512)
