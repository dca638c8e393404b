import re
from collections import Counter


def train_bpe(text, num_merges):
    """Tokens of a word are joined with spaces, as in the code of the paper."""
    if num_merges < 0:
        raise ValueError
    words = Counter(" ".join(word) for word in re.findall(r"\S+", text))
    characters = sorted({c for word in words for c in word.split()})
    merges = []

    def rank(token):
        return order[token]

    order = dict(zip(characters, range(len(characters)), strict=True))
    while len(merges) < num_merges:
        counts = Counter()
        for word, n in words.items():
            tokens = word.split()
            for i in range(1, len(tokens)):
                counts[tokens[i - 1], tokens[i]] += n
        frequent = [(-n, rank(a), rank(b), a, b) for (a, b), n in counts.items() if n > 1]
        if not frequent:
            return order, merges
        *_, left, right = min(frequent)
        order[left + right] = len(order)
        merges.append([left, right])
        pattern = re.compile(rf"(?<!\S){re.escape(left)} {re.escape(right)}(?!\S)")
        words = Counter(
            {pattern.sub(lambda m: m[0].replace(" ", ""), w): n for w, n in words.items()}
        )
    return order, merges
