"""Compared with the trainer of Hugging Face tokenizers, ties included."""

import json
import random

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer


def train(text, num_merges):
    characters = len(set("".join(text.split())))
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = BpeTrainer(vocab_size=characters + num_merges, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


@pytest.mark.parametrize(
    ("letters", "longest"),
    [
        pytest.param("a", 12, id="one letter"),
        pytest.param("ab", 10, id="two letters"),
        pytest.param("abc", 6, id="three letters"),
        pytest.param("etaoinshrdlu", 8, id="twelve letters"),
        pytest.param("aZé\u0301ßжλ中文🙂0-'", 5, id="unicode"),
    ],
)
def test_learns_what_tokenizers_learns(solution, letters, longest):
    rng = random.Random(0)
    for _ in range(100):
        words = [
            "".join(rng.choices(letters, k=rng.randint(1, longest)))
            for _ in range(rng.randint(0, 60))
        ]
        text, num_merges = " ".join(words), rng.randint(0, 30)

        assert solution.train_bpe(text, num_merges) == train(text, num_merges)


def test_learns_what_tokenizers_learns_from_a_longer_text(solution):
    rng = random.Random(1)
    distinct = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(1000)]
    # frequencies as in natural text, one over the rank
    text = " ".join(rng.choices(distinct, [1 / rank for rank in range(1, 1001)], k=3000))
    assert len(text) > 18_000

    vocab, merges = solution.train_bpe(text, 200)

    assert len(merges) == 200
    assert (vocab, merges) == train(text, 200)


def test_each_merge_makes_a_new_token(solution):
    # two ways to the same token would give it two ids
    rng = random.Random(2)
    for _ in range(300):
        text = " ".join("".join(rng.choices("ab", k=rng.randint(1, 12))) for _ in range(30))
        vocab, merges = solution.train_bpe(text, 100)

        tokens = [left + right for left, right in merges]
        assert len(set(tokens)) == len(tokens)
        assert list(vocab.values()) == list(range(len(vocab)))
        assert list(vocab) == sorted(set("".join(text.split()))) + tokens
