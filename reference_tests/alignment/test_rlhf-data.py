"""A small tokenizer that merges across borders; what is expected is written out or rebuilt."""

from itertools import takewhile

import pytest
import torch

from grader.testing import assert_equal

BOS, EOS = 0, 1
EOS_TOKEN = "</s>"
# id 2 is "a", 3 is "b", and so on
PIECES = ("a", "b", "c", " ", "ab", "bc", "cab", " a", "ca ")


def encode(text):
    """BOS, then the longest piece that fits, again and again."""
    ids, vocabulary = [BOS], {piece: i for i, piece in enumerate(PIECES, start=2)}
    vocabulary[EOS_TOKEN] = EOS
    while text:
        piece = max((p for p in vocabulary if text.startswith(p)), key=len)
        ids.append(vocabulary[piece])
        text = text.removeprefix(piece)
    return ids


def make_text(low=1, high=9):
    length = int(torch.randint(low, high, ()))
    return "".join("abc "[i] for i in torch.randint(4, (length,)).tolist())


def make_examples(count, low=2, high=9):
    """A response opens with its number, in a's and b's, so that no two examples are equal."""
    examples = []
    for i in range(count):
        mark = f"{i:05b}".replace("0", "a").replace("1", "b")
        examples.append(
            {
                "prompt": make_text(low, high),
                "chosen": f"c{mark}{make_text()}",
                "rejected": f"b{mark}{make_text()}",
                "source": "not looked at",
            }
        )
    return examples


def from_three_texts(prompt, chosen, rejected):
    first, *both = (encode(prompt + end) for end in ("", chosen + EOS_TOKEN, rejected + EOS_TOKEN))
    alike = takewhile(lambda ids: len(set(ids)) == 1, zip(first, *both, strict=False))
    start = [ids[0] for ids in alike]
    chosen_ids, rejected_ids = (ids[len(start) :] for ids in both)
    return pair(start, chosen_ids, rejected_ids)


def pairs_of(examples):
    return [from_three_texts(e["prompt"], e["chosen"], e["rejected"]) for e in examples]


def pair(prompt_ids, chosen_ids, rejected_ids):
    return {"prompt_ids": prompt_ids, "chosen_ids": chosen_ids, "rejected_ids": rejected_ids}


def check_batch(batch, rows, prompts, pad):
    """Rows without padding, and how many tokens of each are prompt."""
    T = max(map(len, rows))
    expected = {
        "input_ids": torch.tensor([row + [pad] * (T - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[t < len(row) for t in range(T)] for row in rows]),
        "response_mask": torch.tensor(
            [[n <= t < len(row) for t in range(T)] for row, n in zip(rows, prompts, strict=True)]
        ),
    }
    assert_equal(batch, expected, label="batch")


def test_a_pair_is_split_behind_its_prompt(attempt):
    got = attempt.tokenize_pair("a b", " c", "a a", encode, EOS_TOKEN)

    assert_equal(got, pair([0, 2, 5, 3], [5, 4, 1], [2, 9, 1]))


@pytest.mark.parametrize(
    "prompt, chosen, rejected, expected",
    [
        # "ca" is c, a; "cab c" is cab, " ", c; "ca b" is "ca ", b: only BOS is common
        pytest.param("ca", "b c", " b", pair([0], [8, 5, 4, 1], [10, 3, 1]), id="both-merge"),
        # "ba" is b, a; "bab" is b, ab: so b is all of the prompt for "bac", too
        pytest.param("ba", "b", "c", pair([0, 3], [6, 1], [2, 4, 1]), id="one-merges"),
        pytest.param("ba", "c", "b", pair([0, 3], [2, 4, 1], [6, 1]), id="the-other-merges"),
    ],
)
def test_a_token_that_spans_the_border_belongs_to_the_response(
    attempt, prompt, chosen, rejected, expected
):
    got = attempt.tokenize_pair(prompt, chosen, rejected, encode, EOS_TOKEN)

    assert_equal(got, expected)


def test_all_of_a_prompt_may_merge_away(attempt):
    # "cab" is one token, and nothing stands before it
    expected = pair([], [8, 1], [4, 3, 1])

    got = attempt.tokenize_pair("c", "ab", "b", lambda text: encode(text)[1:], EOS_TOKEN)

    assert_equal(got, expected)


def test_what_the_responses_share_is_response_all_the_same(attempt):
    expected = pair([0, 4], [3, 5, 3, 1], [3, 5, 4, 1])

    assert_equal(attempt.tokenize_pair("c", "b b", "b c", encode, EOS_TOKEN), expected)


def test_an_end_that_is_there_is_not_doubled(attempt):
    expected = pair([0, 2], [5, 3, 1], [4, 1])

    got = attempt.tokenize_pair("a", " b</s>", "c", encode, EOS_TOKEN)

    assert_equal(got, expected)


@pytest.mark.parametrize(
    "prompt, chosen, rejected, expected",
    [
        pytest.param("", "a", "b", pair([0], [2, 1], [3, 1]), id="prompt"),
        pytest.param("a", "", " ", pair([0, 2], [1], [5, 1]), id="chosen"),
        pytest.param("a", " ", "", pair([0, 2], [5, 1], [1]), id="rejected"),
    ],
)
def test_texts_may_be_empty(attempt, prompt, chosen, rejected, expected):
    assert_equal(attempt.tokenize_pair(prompt, chosen, rejected, encode, EOS_TOKEN), expected)


def test_the_prompt_may_end_with_the_end_token(attempt):
    # a turn before this one
    expected = pair([0, 2, 1], [3, 1], [4, 1])

    assert_equal(attempt.tokenize_pair("a</s>", "b", "c", encode, EOS_TOKEN), expected)
    # which ends no response, not even an empty one
    expected = pair([0, 2, 1], [1], [4, 1])
    assert_equal(attempt.tokenize_pair("a</s>", "", "c", encode, EOS_TOKEN), expected)


def test_an_end_token_inside_a_response_is_not_its_end(attempt):
    expected = pair([0, 2], [5, 3, 1, 4, 1], [4, 1, 1])

    got = attempt.tokenize_pair("a", " b</s>c", "c</s></s>", encode, EOS_TOKEN)

    assert_equal(got, expected)


def test_random_texts_are_split_where_they_differ(attempt):
    for example in make_examples(20):
        texts = example["prompt"], example["chosen"], example["rejected"]
        expected = from_three_texts(*texts)

        assert_equal(attempt.tokenize_pair(*texts, encode, EOS_TOKEN), expected)


def test_all_pairs_that_differ_stay_in_order(attempt):
    examples = make_examples(12)
    expected = pairs_of(examples)

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, 99), expected)


def test_equal_responses_are_dropped(attempt):
    examples = make_examples(4)
    examples[1]["rejected"] = examples[1]["chosen"]
    # equal once it has its end
    examples[2]["rejected"] = examples[2]["chosen"] + EOS_TOKEN
    expected = pairs_of([examples[0], examples[3]])

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, 99), expected)


@pytest.mark.parametrize(
    "max_length, kept",
    [
        pytest.param(1, 0, id="cut-within-the-prompt"),
        pytest.param(3, 0, id="cut-behind-the-prompt"),
        pytest.param(4, 0, id="cut-before-the-difference"),
        pytest.param(5, 1, id="cut-behind-the-difference"),
        pytest.param(6, 1, id="cut-later"),
    ],
)
def test_a_difference_behind_the_cut_does_not_count(attempt, max_length, kept):
    # BOS, a, c, b, " " and so on; BOS, a, c, b, " a", EOS: the fifth token differs
    examples = [{"prompt": "ac", "chosen": "b ccc", "rejected": "b a"}]
    expected = [pair([0, 2, 4], [3, 5, 4, 4, 4, 1], [3, 9, 1])][:kept]

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, max_length), expected)


def test_a_prompt_that_leaves_no_room_is_dropped(attempt):
    # prompts of 4, 5 and 6 tokens
    examples = [{"prompt": "b" * n, "chosen": "a", "rejected": " "} for n in (3, 4, 5)]
    expected = pairs_of(examples[:1])

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, 5), expected)


def test_pairs_stay_whole_when_they_are_filtered(attempt):
    examples = make_examples(6)
    expected = pairs_of(examples)
    # the first token behind the longest prompt still fits
    max_length = max(len(encode(example["prompt"])) for example in examples) + 1

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, max_length), expected)


def test_a_pair_is_kept_once(attempt):
    examples = make_examples(4)
    first = dict(examples[0])
    # the same ids by another text; and the same texts, preferred the other way round
    spelled = first | {"chosen": first["chosen"] + EOS_TOKEN}
    flipped = first | {"chosen": first["rejected"], "rejected": first["chosen"]}
    # one list of three alone differs
    others = [first | {key: first[key] + "c"} for key in ("chosen", "rejected")]
    expected = pairs_of([*examples, flipped, *others])

    got = attempt.build_pairs(
        [*examples, first, spelled, flipped, examples[2], flipped, *others], encode, EOS_TOKEN, 99
    )

    assert_equal(got, expected)


def test_pairs_that_differ_behind_the_cut_alone_are_two(attempt):
    # the first five tokens of both sequences are the same
    examples = [
        {"prompt": "a a", "chosen": f"c c{end}", "rejected": f"b b{end}"} for end in ("a", "b")
    ]
    expected = pairs_of(examples)

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, 5), expected)


def test_no_examples_give_no_pairs(attempt):
    assert_equal(attempt.build_pairs([], encode, EOS_TOKEN, 9), [])


def test_matches_a_batch_worked_by_hand(attempt):
    pairs = [pair([5, 6, 7], [8, 9], [4]), pair([3, 2], [9], [9, 8, 7, 6])]
    ids = [[5, 6, 7, 8, 9, 0], [3, 2, 9, 0, 0, 0], [5, 6, 7, 4, 0, 0], [3, 2, 9, 8, 7, 6]]
    expected = {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(ids) > 0,
        "response_mask": torch.tensor(
            [[0, 0, 0, 1, 1, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 1, 1, 1, 1]]
        ).bool(),
    }

    assert_equal(attempt.collate(pairs, 0, 10), expected, label="batch")


@pytest.mark.parametrize("max_length", [6, 9, 99], ids=["short", "longer", "no-cut"])
def test_rows_are_cut_and_padded_on_the_right(attempt, max_length):
    examples = make_examples(7, high=4)
    pairs = pairs_of(examples)
    rows = [
        (p["prompt_ids"] + p[key])[:max_length]
        for key in ("chosen_ids", "rejected_ids")
        for p in pairs
    ]
    prompts = [len(p["prompt_ids"]) for p in pairs] * 2

    check_batch(attempt.collate(pairs, 77, max_length), rows, prompts, 77)


def test_padding_with_the_end_token_hides_no_token(attempt):
    # EOS ends responses, and stands within a prompt of two turns
    pairs = [pair([0, 5, EOS, 6], [7, EOS], [EOS]), pair([0, 5], [8, 9, 4, 3, EOS], [7, EOS])]
    rows = [p["prompt_ids"] + p[key] for key in ("chosen_ids", "rejected_ids") for p in pairs]

    check_batch(attempt.collate(pairs, EOS, 99), rows, [4, 2, 4, 2], EOS)


@pytest.mark.parametrize(
    "multiple, max_length, T",
    [
        pytest.param(4, 99, 8, id="raised"),
        pytest.param(7, 99, 7, id="fits"),
        pytest.param(8, 5, 8, id="raised-above-max-length"),
        pytest.param(5, 5, 5, id="cut-and-fits"),
        pytest.param(16, 99, 16, id="raised-a-lot"),
    ],
)
def test_the_width_is_a_multiple(attempt, multiple, max_length, T):
    # rows of 7 and 4 tokens
    pairs = [pair([4, 5, 6], [7, 8, 9, EOS], [EOS])]
    rows = [[4, 5, 6, 7, 8, 9, EOS][:max_length], [4, 5, 6, EOS]]
    lengths = torch.tensor([[len(row)] for row in rows])
    expected = {
        "input_ids": torch.tensor([row + [3] * (T - len(row)) for row in rows]),
        "attention_mask": torch.arange(T) < lengths,
        "response_mask": (torch.arange(T) < lengths) & (torch.arange(T) >= 3),
    }

    got = attempt.collate(pairs, 3, max_length, pad_to_multiple_of=multiple)

    assert_equal(got, expected, label="batch")


def test_a_pipeline_of_all_three_trains_on_some_response_in_each_row(attempt):
    examples = make_examples(16, high=12)
    kept = [
        p
        for p in pairs_of(examples)
        if (p["prompt_ids"] + p["chosen_ids"])[:9] != (p["prompt_ids"] + p["rejected_ids"])[:9]
    ]
    rows = [(p["prompt_ids"] + p[key])[:9] for key in ("chosen_ids", "rejected_ids") for p in kept]
    prompts = [len(p["prompt_ids"]) for p in kept] * 2

    batch = attempt.collate(attempt.build_pairs(examples, encode, EOS_TOKEN, 9), EOS, 9)

    check_batch(batch, rows, prompts, EOS)
    assert batch["response_mask"].any(dim=1).all(), "a row has no response token to train on"


def test_rejects_an_empty_batch(attempt):
    with pytest.raises(ValueError):
        attempt.collate([], 0, 9)


def test_the_same_sequences_split_elsewhere_are_another_pair(attempt):
    examples = [
        {"prompt": "c", "chosen": "bb", "rejected": "b "},
        {"prompt": "cb", "chosen": "b", "rejected": " "},
    ]
    expected = pairs_of(examples)
    assert expected[0] != expected[1]

    assert_equal(attempt.build_pairs(examples, encode, EOS_TOKEN, 99), expected)


bench = "tokenising is the caller's, and a batch is built in a millisecond"
