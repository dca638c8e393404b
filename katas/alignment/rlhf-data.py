"""Build preference pairs: tokenise, pad, mask, filter."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Pair = dict[str, list[int]]


def tokenize_pair(
    prompt: str,
    chosen: str,
    rejected: str,
    encode: Callable[[str], list[int]],
    eos_token: str,
) -> Pair:
    """Tokenise a prompt and two responses, each response together with the prompt.

    A response that does not end with eos_token gets it appended. Then three texts are
    encoded: the prompt, prompt + chosen and prompt + rejected. At the border of prompt and
    response characters may merge into one token; and encode may put a token at the start of
    each text. So neither response is encoded alone.

    The prompt ends where one of the two longer sequences first differs from it: prompt_ids
    is the longest start that all three have in common. All that follows it in the longer
    sequences is response.

    Args:
        prompt, chosen, rejected: Texts, any of them may be empty.
        encode: From a text to its token ids; eos_token at the end of a text is one token.
        eos_token: The text of the token that ends a response.

    Returns:
        {"prompt_ids": ..., "chosen_ids": ..., "rejected_ids": ...}, lists of ints.
    """
    raise NotImplementedError


def build_pairs(
    examples: Sequence[dict[str, str]],
    encode: Callable[[str], list[int]],
    eos_token: str,
    max_length: int,
) -> list[Pair]:
    """Tokenise all examples and drop those that teach nothing.

    A pair is dropped if one of these holds:

    - Its two sequences, prompt and response cut to the first max_length tokens, are equal.
      A prompt that fills max_length is such a case, and so are responses that differ only
      behind the cut.
    - It equals a pair that was kept before: the same three lists, not cut.

    Args:
        examples: Dicts with "prompt", "chosen" and "rejected"; other keys are ignored.
        encode, eos_token: As above.
        max_length: Tokens of prompt and response together that will be trained on.

    Returns:
        Those pairs of tokenize_pair that stay, whole, in the order of the examples.

    Not allowed:
        Changing examples in place.
    """
    raise NotImplementedError


def collate(
    pairs: Sequence[Pair],
    pad_token_id: int,
    max_length: int,
    *,
    pad_to_multiple_of: int = 1,
) -> dict[str, Tensor]:
    """Make one batch of N pairs: 2N rows, all chosen ones first, then all rejected ones.

    Row i is the prompt of pair i and its chosen response, row N + i the prompt and the
    rejected one. Each is cut to its first max_length tokens and padded on the right. T is the
    length of the longest row after the cut, raised to the next multiple of
    pad_to_multiple_of if it is none; then T may exceed max_length.

    Args:
        pairs: As build_pairs gives them for this max_length.
        pad_token_id: Fills input_ids. It may be the id of a real token, such as eos_token.
        max_length: As above.
        pad_to_multiple_of: At least 1.

    Returns:
        {"input_ids": (2N, T) int64,
        "attention_mask": (2N, T) bool, true on prompt and response,
        "response_mask": (2N, T) bool, true on the response alone, its EOS included}

    Raises:
        ValueError: pairs is empty.

    Not allowed:
        Changing pairs in place.

    Source:
        Rafailov et al. 2023, "Direct Preference Optimization",
        https://arxiv.org/abs/2305.18290. The rules of tokenising and padding: trl 1.16,
        trl/trainer/dpo_trainer.py; the filters are this kata's own.
    """
    raise NotImplementedError
