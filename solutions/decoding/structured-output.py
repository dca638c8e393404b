"""Constrained decoding to a JSON schema."""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

# what may be left of a text after a value; None if the text ends within the value
Rests = set[str | None]


def then(found: Rests, follow: Callable[[str], Rests]) -> Rests:
    return (found & {None}).union(*(follow(rest) for rest in found if rest is not None))


def literal(word: str, text: str) -> Rests:
    if text.startswith(word):
        return {text[len(word) :]}
    return {None} if word.startswith(text) else set()


def pattern(whole: str, start: str, text: str) -> Rests:
    """The longest match; it may go on if the text ends within it."""
    match = re.match(whole, text)
    found: Rests = {text[match.end() :]} if match else set()
    return found | {None} if re.fullmatch(start, text) else found


def array(schema: dict[str, Any], text: str) -> Rests:
    low, high = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    ends: Rests = set()
    found, count = literal("[", text), 0
    while found:
        ends |= then(found, partial(literal, "]")) if count >= low else found & {None}
        if count == high:
            break
        found = then(found - {None}, partial(literal, "," if count else ""))
        found = then(found, partial(rests, schema["items"]))
        count += 1
    return ends


def rests(schema: dict[str, Any], text: str) -> Rests:
    """All ways to read one value at the start of the text, as what they leave of it."""
    if "anyOf" in schema:
        return {rest for choice in schema["anyOf"] for rest in rests(choice, text)}
    if "enum" in schema:
        words = [json.dumps(value, ensure_ascii=False) for value in schema["enum"]]
        return {rest for word in words for rest in literal(word, text)}
    match schema["type"]:
        case "object":
            found = literal("{", text)
            for i, (name, value) in enumerate(schema["properties"].items()):
                comma = "," if i else ""
                found = then(found, partial(literal, f'{comma}"{name}":'))
                found = then(found, partial(rests, value))
            return then(found, partial(literal, "}"))
        case "array":
            return array(schema, text)
        case "string":
            return pattern(r'"[^"\\\x00-\x1f]*"', r'("[^"\\\x00-\x1f]*)?', text)
        case "integer":
            return pattern(r"-?(0|[1-9][0-9]*)", r"-?([1-9][0-9]*)?", text)
        case "boolean":
            return literal("true", text) | literal("false", text)
        case _:
            return literal("null", text)


def allowed_tokens(schema: dict[str, Any], text: str, vocab: list[str], eos: int) -> Tensor:
    """Read the text with each token appended: the end must be reached, or be open."""
    fits = [bool({"", None} & rests(schema, text + token)) for token in vocab]
    fits[eos] = "" in rests(schema, text)
    return torch.tensor(fits)


def constrained_sample(
    logits: Tensor,
    schema: dict[str, Any],
    text: str,
    vocab: list[str],
    eos: int,
    *,
    generator: torch.Generator,
) -> int:
    """Set the others to -inf, then sample as usual."""
    allowed = allowed_tokens(schema, text, vocab, eos)
    scores = logits.masked_fill(~allowed, -torch.inf)
    if scores.isneginf().all():
        raise ValueError(f"no token can follow {text!r}")
    return int(scores.softmax(dim=-1).multinomial(1, generator=generator))
