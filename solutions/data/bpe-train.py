"""Train byte-pair encoding (BPE) merges."""

from collections import Counter
from itertools import pairwise


def train_bpe(text: str, num_merges: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Count pairs over distinct words, merge the best pair in each, and count again."""
    if num_merges < 0:
        raise ValueError(f"num_merges must be 0 or more, got {num_merges}")

    # a word that occurs often is kept once, with its frequency
    words = Counter(tuple(word) for word in text.split())
    vocab = {character: i for i, character in enumerate(sorted(set().union(*words)))}
    merges: list[tuple[str, str]] = []

    while len(merges) < num_merges:
        counts: Counter[tuple[str, str]] = Counter()
        for word, frequency in words.items():
            for pair in pairwise(word):
                counts[pair] += frequency
        if not counts or max(counts.values()) < 2:
            break

        # lower ids win a tie
        best = max(counts, key=lambda pair: (counts[pair], -vocab[pair[0]], -vocab[pair[1]]))
        merges.append(best)
        vocab["".join(best)] = len(vocab)
        words = Counter({merge(word, best): frequency for word, frequency in words.items()})
    return vocab, merges


def merge(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Join pair wherever it stands in word, from left to right."""
    merged: list[str] = []
    i = 0
    while i < len(word):
        step = 2 if word[i : i + 2] == pair else 1
        merged.append("".join(word[i : i + step]))
        i += step
    return tuple(merged)
