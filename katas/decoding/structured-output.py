"""Constrained decoding to a JSON schema."""

from typing import Any

import torch
from torch import Tensor


def allowed_tokens(schema: dict[str, Any], text: str, vocab: list[str], eos: int) -> Tensor:
    """Which tokens may come next, so that only JSON that fits the schema can be written.

    A document is compact JSON: no whitespace outside of strings. A token other than eos is
    allowed if text + vocab[token] is the start of some document that fits the schema, or
    the whole of it; eos is allowed if text itself is such a document. So a token may end in
    the middle of a key, or hold the end of one value and the start of the next.

    A schema is one of these. It has no other keys, and none is absent but where it says so:

    - {"type": "object", "properties": {name: schema, ...}}: all properties, in this order,
      and no others, as in {"a":1,"b":true}. If there are none, it is {}.
    - {"type": "array", "items": schema, "minItems": m, "maxItems": n}: from m to n values,
      m <= n. minItems may be absent, then m is 0; maxItems too, then there is no bound.
    - {"type": "string"}: any characters between double quotes but the quote, the backslash
      and control characters (below U+0020). There are no escapes.
    - {"type": "integer"}: an optional minus sign, then 0 or a digit from 1 to 9 and any
      number of digits from 0 to 9. -0 is allowed; 007 is not.
    - {"type": "boolean"} and {"type": "null"}: true, false, null.
    - {"enum": [value, ...]}: one of these strings, integers, booleans or None; at least
      one. Each is written in one way, 0 as 0 and not as -0. One may begin as another does.
    - {"anyOf": [schema, ...]}: what fits any of these; at least one. They may have values
      in common.

    Names of properties and strings of an enum hold no quote, backslash or control
    character. They may be empty, and hold any other character, written as it is.

    Args:
        schema: As above, nested up to 100 deep.
        text: What has been written so far: the start of a document, or the whole of one;
            never anything else. It may be long: a string of 3000 characters, or an array of
            300 values, each of which fits two of its schemas, must not need 2^300 steps, nor
            go beyond Python's recursion limit.
        vocab: V strings, one or more characters each. What stands at eos does not matter.
        eos: The token that ends the text.

    Returns:
        (V,) bool on the CPU. Some token may be False everywhere; all are, if the vocabulary
        has no way on.

    Not allowed:
        Changing schema or vocab in place. Importing jsonschema.

    Source:
        Willard and Louf 2023, "Efficient Guided Generation for Large Language Models",
        https://arxiv.org/abs/2307.09702, for the idea of masking tokens.
    """
    raise NotImplementedError


def constrained_sample(
    logits: Tensor,
    schema: dict[str, Any],
    text: str,
    vocab: list[str],
    eos: int,
    *,
    generator: torch.Generator,
) -> int:
    """Draw the next token from softmax(logits) over the tokens that are allowed.

    Args:
        logits: (V,) float32 on the CPU, finite or -inf. A logit of -inf is never drawn.
        schema, text, vocab, eos: As in allowed_tokens.
        generator: The only source of randomness; each call moves it on.

    Returns:
        The token. Probabilities are those of the allowed tokens, divided by their sum.

    Raises:
        ValueError: No token is both allowed and of finite logit.

    Not allowed:
        Changing logits, schema or vocab in place. Seeding the generator, or setting its
        state. Using or seeding torch's global generator.

    Source:
        As above.
    """
    raise NotImplementedError
