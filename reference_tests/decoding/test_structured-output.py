"""Vocabularies of whole characters show what may follow; documents are listed by hand."""

import json
from functools import partial

import pytest
import torch

from grader.testing import (
    assert_distribution,
    assert_equal,
    assert_global_generator_kept,
    assert_state_repeats,
    seeded,
)

CHARACTERS = list('{}[]":,-.0123456789abcdefghijklmnopqrstuvwxyzé \\\n\t')
EOS = len(CHARACTERS)
VOCAB = [*CHARACTERS, "</s>"]


def following(attempt, schema, text):
    """The characters that may follow, as a string, and "$" for eos."""
    mask = attempt.allowed_tokens(schema, text, VOCAB, EOS)
    assert_equal(tuple(mask.shape), (len(VOCAB),), label="the shape of the mask")
    assert_equal(mask.dtype, torch.bool, label="the dtype of the mask")
    return "".join([*CHARACTERS, "$"][i] for i in mask.nonzero().flatten().tolist())


def in_order(characters):
    return "".join(sorted(characters, key=[*CHARACTERS, "$"].index))


def assert_following(attempt, schema, *cases):
    """Pairs of a text and the characters that may follow it."""
    for text, expected in cases:
        expected = in_order(expected)
        assert_equal(following(attempt, schema, text), expected, label=f"what may follow {text!r}")


def assert_words(attempt, schema, text, allowed, refused, *, eos=False, name=None):
    """Which of these tokens may come next."""
    vocab = [*allowed, "<eos>", *refused]
    expected = [True] * len(allowed) + [eos] + [False] * len(refused)

    mask = attempt.allowed_tokens(schema, text, vocab, len(allowed))

    label = f"what may follow {name or repr(text)}, of {vocab}"
    assert_equal(mask, torch.tensor(expected), label=label)


INTEGER, STRING = {"type": "integer"}, {"type": "string"}
BOOLEAN, NULL = {"type": "boolean"}, {"type": "null"}
POINT = {"type": "object", "properties": {"x": INTEGER, "label": STRING, "ok": BOOLEAN}}
IN_STRING = "".join(c for c in CHARACTERS if c not in '"\\\n\t') + '"'
DIGITS = "0123456789"


def test_booleans_and_null(attempt):
    assert_following(attempt, BOOLEAN, ("", "tf"), ("t", "r"), ("fals", "e"), ("true", "$"))
    assert_following(attempt, NULL, ("", "n"), ("nul", "l"), ("null", "$"))


def test_integers(attempt):
    assert_following(
        attempt,
        INTEGER,
        ("", "-" + DIGITS),
        ("-", DIGITS),
        ("0", "$"),
        ("-0", "$"),
        ("7", DIGITS + "$"),
        ("-70", DIGITS + "$"),
    )


def test_strings(attempt):
    assert_following(
        attempt, STRING, ("", '"'), ('"', IN_STRING), ('"a b{', IN_STRING), ('"ab"', "$")
    )
    assert_words(attempt, STRING, '"', ["\x7f", "\xa0", "\u2028", "日"], ["\x1f", "\x00"])


def test_values_of_an_enum(attempt):
    schema = {"enum": ["red", "rose", True, None, 40, 1, 0, False]}
    assert_following(
        attempt,
        schema,
        ("", '"tn410f'),
        ('"r', "eo"),
        ('"red', '"'),
        ('"red"', "$"),
        ("4", "0"),
        ("40", "$"),
        ("nu", "l"),
        ("1", "$"),
        ("0", "$"),
        ("f", "a"),
    )
    # to Python 1 == True and 0 == False
    assert_following(attempt, {"enum": [False, 0, True, 1]}, ("", "f0t1"))


def test_a_value_of_an_enum_may_begin_as_another_does(attempt):
    schema = {"enum": [1, 12, 125, "a", "ab"]}
    assert_following(
        attempt,
        schema,
        ("1", "2$"),
        ("12", "5$"),
        ("125", "$"),
        ('"a', 'b"'),
        ('"ab', '"'),
    )


def test_objects_hold_all_properties_in_order(attempt):
    assert_following(
        attempt,
        POINT,
        ("", "{"),
        ("{", '"'),
        ('{"', "x"),
        ('{"x":', "-" + DIGITS),
        ('{"x":12', DIGITS + ","),
        ('{"x":0,', '"'),
        ('{"x":0,"', "l"),
        ('{"x":0,"label":"a"', ","),
        ('{"x":0,"label":"a","ok":true', "}"),
        ('{"x":0,"label":"a","ok":true}', "$"),
    )


def test_an_object_without_properties_is_empty(attempt):
    schema = {"type": "object", "properties": {}}
    assert_following(attempt, schema, ("", "{"), ("{", "}"), ("{}", "$"))


def test_arrays(attempt):
    schema = {"type": "array", "items": INTEGER}
    assert_following(
        attempt,
        schema,
        ("", "["),
        ("[", "]-" + DIGITS),
        ("[0", ",]"),
        ("[0,", "-" + DIGITS),
        ("[0,0,0,12", DIGITS + ",]"),
        ("[]", "$"),
    )


def test_arrays_hold_as_many_values_as_they_must(attempt):
    schema = {"type": "array", "items": BOOLEAN, "minItems": 2, "maxItems": 3}
    assert_following(
        attempt,
        schema,
        ("[", "tf"),
        ("[true", ","),
        ("[true,true", ",]"),
        ("[true,true,true", "]"),
    )
    assert_following(attempt, {"type": "array", "items": BOOLEAN, "maxItems": 0}, ("[", "]"))
    assert_following(
        attempt,
        {"type": "array", "items": BOOLEAN, "minItems": 2},
        ("[", "tf"),
        ("[true", ","),
        ("[true,true", ",]"),
        ("[true,true,true", ",]"),
    )


def test_any_of_several_schemas(attempt):
    pair = {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2}
    schema = {"anyOf": [NULL, pair, {"type": "array", "items": STRING}, {"enum": [5, "né"]}]}
    assert_following(
        attempt,
        schema,
        ("", 'n[5"'),
        ("[", '"]-' + DIGITS),
        ("[0", ","),
        ("[0,0", "]"),
        ('["a"', ",]"),
        ("5", "$"),
    )
    assert_following(
        attempt, {"anyOf": [{"enum": [1, -20]}, INTEGER]}, ("1", DIGITS + "$"), ("-", DIGITS)
    )


def test_schemas_nest(attempt):
    leaf = {"type": "object", "properties": {"v": {"type": "array", "items": POINT}}}
    schema = {"type": "array", "items": leaf, "maxItems": 2}
    inner = '{"x":1,"label":"","ok":false}'
    assert_following(
        attempt,
        schema,
        ("[", "{]"),
        ('[{"v":[', "{]"),
        (f'[{{"v":[{inner}', ",]"),
        (f'[{{"v":[{inner},{inner}]', "}"),
        (f'[{{"v":[{inner}]}}', ",]"),
        (f'[{{"v":[{inner}]}},{{"v":[]}}', "]"),
        (f'[{{"v":[{inner}]}},{{"v":[]}}]', "$"),
    )


def test_a_token_may_end_within_a_word(attempt):
    assert_words(attempt, POINT, "", ["{", '{"', '{"x', '{"x"'], ["x", '"', "{x", '{"xx'])
    assert_words(attempt, BOOLEAN, "t", ["r", "ru", "rue"], ["t", "ru3", "re"])


def test_a_token_may_hold_the_end_of_one_value_and_the_start_of_the_next(attempt):
    assert_words(
        attempt,
        POINT,
        '{"x":4',
        [',"', ',"label":"', '2,"label":"hi","ok":', '2,"label":"hi","ok":true}'],
        [',"ok', '2,"label":4', '2,"label":"hi","ok":true}}', "}"],
    )


def test_every_character_of_a_token_counts(attempt):
    assert_words(
        attempt,
        INTEGER,
        "",
        ["12", "-3", "-", "0"],
        ["1a", "01", "--", "1.5", "-a", "1,", "1\u0663"],
    )
    assert_words(attempt, STRING, '"', ['a"', '"', "a,b"], ['a"b', '""', "a\\", "a\n", '",'])


def test_eos_comes_only_after_a_whole_document(attempt):
    array = {"type": "array", "items": INTEGER}
    for schema, text, whole in (
        (INTEGER, "-", False),
        (INTEGER, "-5", True),
        (STRING, '"a', False),
        (STRING, '"a"', True),
        (array, "[1", False),
        (array, "[1]", True),
        (POINT, '{"x":1}', False),
        (POINT, "", False),
    ):
        mask = attempt.allowed_tokens(schema, text, VOCAB, EOS)
        assert_equal(bool(mask[EOS]), whole, label=f"whether {text!r} may end")


def test_what_stands_at_eos_does_not_matter(attempt):
    vocab = ["1", "2", "]", "["]
    for eos, expected in ((0, [False, True, False, False]), (2, [True, True, True, False])):
        mask = attempt.allowed_tokens(INTEGER, "3" if eos else "-", vocab, eos)
        assert_equal(mask, torch.tensor(expected), label=f"the mask with eos={eos}")


def test_an_integer_of_an_enum_is_written_in_one_way(attempt):
    assert_following(attempt, {"enum": [0, -3]}, ("", "-0"), ("-", "3"), ("0", "$"), ("-3", "$"))


def test_a_long_array_whose_values_fit_two_schemas_is_read(attempt):
    schema = {"type": "array", "items": {"anyOf": [{"enum": [1, 12]}, INTEGER]}, "maxItems": 300}
    for count, allowed, refused in (
        (298, ["1", "1,1]", "12", "-3,1"], [",1", "]", "a", "1,1,"]),
        (299, ["1", "1]", "12"], ["1,", "]", "1,1"]),
    ):
        text, name = "[" + "1," * count, f"[ and 1, {count} times"
        assert_words(attempt, schema, text, allowed, refused, name=name)
    text, name = "[" + "1," * 299 + "1]", "an array of 300 values"
    assert_words(attempt, schema, text, [], ["1", "]"], eos=True, name=name)


def test_a_long_text_is_read(attempt):
    # in characters, three times Python's recursion limit, and twice
    name = "a string of 3000 characters"
    assert_words(attempt, STRING, '"' + "a" * 3000, ["a", '"'], ["\n"], name=name)
    choices = {"anyOf": [{"enum": [1, 1234567]}, INTEGER]}
    schema = {"type": "array", "items": choices, "maxItems": 300}
    text, name = "[" + "1234567," * 298, "[ and 1234567, 298 times"
    assert_words(attempt, schema, text, ["1,1]", "12"], ["]", "1,1,"], name=name)


def test_characters_beyond_ascii_are_written_as_they_are(attempt):
    schema = {"type": "object", "properties": {"né": {"enum": ["é", "ab"]}}}
    assert_following(
        attempt, schema, ('{"n', "é"), ('{"né":"', "éa"), ('{"né":"é', '"'), ('{"né":"é"', "}")
    )


def test_a_vocabulary_without_a_way_on_allows_nothing(attempt):
    for text, expected in (("", [False, True, False]), ("-", [False, False, False])):
        mask = attempt.allowed_tokens(INTEGER, text, ["a", "-", "<eos>"], 2)
        assert_equal(mask, torch.tensor(expected), label=f"the mask after {text!r}")


def test_only_allowed_tokens_are_drawn(attempt, seed):
    vocab = ["tr", "fal", "x", "1", "<eos>", "t"]
    logits = torch.tensor([1.0, 0.0, 3.0, 2.0, 4.0, 0.5])
    expected = torch.tensor([1.0, 0.0, -torch.inf, -torch.inf, -torch.inf, 0.5]).exp()
    generator = seeded(seed)

    tokens = [
        attempt.constrained_sample(logits, BOOLEAN, "", vocab, 4, generator=generator)
        for _ in range(800)
    ]

    assert_distribution(tokens, expected, label="tokens")


def test_what_is_allowed_is_drawn_however_unlikely_but_never_at_minus_infinity(attempt, seed):
    vocab, generator = ["t", "x", "f", "<eos>"], seeded(seed)
    logits = torch.tensor([-torch.inf, 9.0, -3e9, 0.0])

    tokens = [
        attempt.constrained_sample(logits, BOOLEAN, "", vocab, 3, generator=generator)
        for _ in range(20)
    ]

    assert_equal(tokens, [2] * 20, label="tokens")


def test_whole_documents_fit_the_schema(attempt, seed):
    schema = {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"enum": ["a", "ab", 1, 12]}, "maxItems": 2},
            "ok": {"anyOf": [BOOLEAN, NULL]},
        },
    }
    vocab = [*'{}[]":,12abgkmnostruefl', '{"', '":', '","', "tags", "true", '],"', "<eos>"]
    eos, generator = len(vocab) - 1, seeded(seed)
    draw = partial(attempt.constrained_sample, generator=generator)
    for _ in range(4):
        text, token = "", None
        for _ in range(60):
            logits = torch.randn(len(vocab))
            token = draw(logits, schema, text, vocab, eos)
            if token == eos:
                break
            text += vocab[token]
        assert_equal(token, eos, label=f"the last token after {text!r}")
        document = json.loads(text)
        assert_equal(list(document), ["tags", "ok"], label="the properties")
        fits = all(tag in ("a", "ab", 1, 12) for tag in document["tags"])
        fits = fits and len(document["tags"]) <= 2 and document["ok"] in (True, False, None)
        assert_equal(fits, True, label=f"whether {text!r} fits the schema")


def draws(attempt, text, times):
    """Tokens of an integer that begins with text, by the generator alone."""
    logits, vocab = torch.zeros(11), [*DIGITS, "<eos>"]
    return lambda generator: [
        attempt.constrained_sample(logits, INTEGER, text, vocab, 10, generator=generator)
        for _ in range(times)
    ]


def test_the_same_generator_state_gives_the_same_token(attempt, seed):
    assert_state_repeats(draws(attempt, "1", times=30), seed)


def test_the_global_generator_is_left_alone(attempt, seed):
    assert_global_generator_kept(draws(attempt, "", times=1), seed)


@pytest.mark.parametrize(
    "text, logits",
    [
        pytest.param("-", [1.0, 2.0, 3.0], id="no-token-fits"),
        pytest.param("", [1.0, -torch.inf, 3.0], id="none-of-finite-logit"),
    ],
)
def test_rejects_a_step_without_a_way_on(attempt, seed, text, logits):
    with pytest.raises(ValueError):
        attempt.constrained_sample(
            torch.tensor(logits), INTEGER, text, ["a", "-", "<eos>"], 2, generator=seeded(seed)
        )
