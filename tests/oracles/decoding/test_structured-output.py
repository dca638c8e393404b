"""Against every short JSON text, read by json and held against the schema by hand-written rules."""

import itertools
import json

import pytest
import torch

INTEGER, BOOLEAN = {"type": "integer"}, {"type": "boolean"}


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


# a schema, the same as a rule on the value that json reads, and the characters to write with
CASES = {
    "integers": (INTEGER, is_int, "-019"),
    "array": (
        {"type": "array", "items": INTEGER},
        lambda v: isinstance(v, list) and all(map(is_int, v)),
        "[],-01",
    ),
    "bounded": (
        {"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 2},
        lambda v: isinstance(v, list) and all(map(is_int, v)) and 1 <= len(v) <= 2,
        "[],01",
    ),
    "nested": (
        {"type": "array", "items": {"type": "array", "items": INTEGER, "maxItems": 1}},
        lambda v: (
            isinstance(v, list)
            and all(isinstance(x, list) and len(x) <= 1 and all(map(is_int, x)) for x in v)
        ),
        "[],7",
    ),
    "object": (
        {"type": "object", "properties": {"a": INTEGER}},
        lambda v: isinstance(v, dict) and list(v) == ["a"] and is_int(v["a"]),
        '{}":a,1',
    ),
    "any": (
        {"anyOf": [{"enum": [1, 11, "a", ""]}, {"type": "array", "items": {"type": "string"}}]},
        lambda v: (
            (is_int(v) and v in (1, 11))
            or (isinstance(v, str) and v in ("a", ""))
            or (isinstance(v, list) and all(isinstance(x, str) for x in v))
        ),
        '[]",a1',
    ),
}


def documents(fits, alphabet, length):
    """All documents of at most so many characters."""
    found = []
    for n in range(1, length + 1):
        for characters in itertools.product(alphabet, repeat=n):
            text = "".join(characters)
            try:
                value = json.loads(text)
            except ValueError:
                continue
            compact = json.dumps(value, separators=(",", ":"))
            if fits(value) and (compact == text or text == "-0" or "-0" in text):
                found.append(text)
    return found


@pytest.mark.parametrize("name", CASES)
def test_allows_what_some_document_begins_with(solution, name):
    schema, fits, alphabet = CASES[name]
    whole = documents(fits, alphabet, 7)
    starts = {text[:n] for text in whole for n in range(len(text) + 1)}
    # what is longer than this may have no end within seven characters
    short = {"any": 4, "nested": 4, "object": 6}.get(name, 5)
    vocab = [*alphabet, *map("".join, itertools.product(alphabet, repeat=2)), "<eos>"]

    for text in sorted(start for start in starts if len(start) <= short - 2):
        mask = solution.allowed_tokens(schema, text, vocab, len(vocab) - 1)
        expected = [text + token in starts for token in vocab[:-1]] + [text in whole]
        assert mask.tolist() == expected, text


def test_everything_that_is_sampled_fits(solution):
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"anyOf": [INTEGER, {"enum": ["S", "XL", None]}]},
            "tags": {"type": "array", "items": {"enum": ["a", "ab"]}, "maxItems": 2},
        },
    }
    vocab = [*'{}[]":,-0123456789abSXLnulemtgsiz', "name", '":"', '","', "tags", "size", "<eos>"]
    eos = len(vocab) - 1
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)

    for _ in range(20):
        text = ""
        while True:
            logits = torch.randn(len(vocab))
            # so that strings and numbers end
            logits[[vocab.index('"'), vocab.index(","), vocab.index("}")]] += 2
            token = solution.constrained_sample(
                logits, schema, text, vocab, eos, generator=generator
            )
            if token == eos:
                break
            text += vocab[token]
        value = json.loads(text)
        assert list(value) == ["name", "size", "tags"]
        assert isinstance(value["name"], str)
        assert is_int(value["size"]) or value["size"] in ("S", "XL", None)
        assert len(value["tags"]) <= 2
        assert set(value["tags"]) <= {"a", "ab"}
