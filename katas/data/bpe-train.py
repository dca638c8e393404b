"""Train byte-pair encoding (BPE) merges."""


def train_bpe(text: str, num_merges: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learn which pairs of neighbouring tokens to merge, most frequent first.

    Words are text.split(); nothing marks where a word ends. Each word starts as its
    characters (elements of str), each a token. The vocabulary starts as the characters
    of all words, with ids 0, 1, ... in the order of their code points.

    Then, up to num_merges times: count the pairs of neighbouring tokens in all words,
    take the most frequent pair (left, right), append it to the merges, give the token
    left + right the next id, and merge the pair wherever it stands.

    Count: every position counts, as often as the word occurs. a a a holds (a, a) twice.
        Pairs lie within a word: none reaches into the next.
    Tie: the pair with the lower id of left wins; if equal, of right.
    Merge: from left to right, no token used twice: a a a becomes aa a.
    Stop: early, when no pair has a count of 2 or more.

    "aab aab ab" has the vocabulary a: 0, b: 1. (a, b) counts 3, (a, a) 2. Merge (a, b),
    id 2, then (a, ab), which counts 2, id 3. The words are now aab aab ab: no pair is
    left.

    Args:
        text: Any str, also empty.
        num_merges: The most merges to learn, 0 or more.

    Returns:
        (vocab, merges). vocab: token to id, characters and merged tokens. merges: pairs
        (left, right) of tokens, in the order learned.

    Raises:
        ValueError: num_merges is negative.

    Not allowed:
        The tokenizers library and its like.

    Source:
        Sennrich et al. 2015, "Neural Machine Translation of Rare Words with Subword
        Units", https://arxiv.org/abs/1508.07909. The tie rule is that of Hugging Face
        tokenizers.
    """
    raise NotImplementedError
