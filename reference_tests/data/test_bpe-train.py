import random

import pytest

from grader.testing import assert_equal


def assert_learns(attempt, text, num_merges, expected):
    vocab, merges = expected
    result = attempt.train_bpe(text, num_merges)

    assert_equal(len(result), 2, label="the number of results")
    # what comes first, for a wrong merge changes all ids after it
    assert_equal(result[1], merges, label="merges")
    assert_equal(result[0], vocab, label="vocab")


def assert_merges(attempt, text, expected, num_merges=10):
    result = attempt.train_bpe(text, num_merges)

    assert_equal(len(result), 2, label="the number of results")
    assert_equal(result[1], expected, label="merges")


def random_text(letters, words, longest):
    """Words of random length, of which many come up again."""
    distinct = [
        "".join(random.choices(letters, k=random.randint(1, longest))) for _ in range(words)
    ]
    return " ".join(distinct + random.choices(distinct[: words // 3], k=words))


def test_learns_the_merges_of_a_worked_example(attempt):
    text = "low " * 5 + "lower " * 2 + "newest " * 6 + "widest " * 3
    # (w, e) counts 8 at first, but only the 2 in lower are left when es is merged
    merges = [("e", "s"), ("es", "t"), ("l", "o"), ("lo", "w"), ("e", "w"), ("n", "ew")]
    tokens = [*"deilnorstw", "es", "est", "lo", "low", "ew", "new"]
    vocab = {token: i for i, token in enumerate(tokens)}

    assert_learns(attempt, text, 6, (vocab, merges))


@pytest.mark.parametrize(
    "letters, words, longest, num_merges",
    [
        pytest.param("ab", 30, 8, 12, id="two letters"),
        pytest.param("etaoinshrdlu", 100, 7, 50, id="twelve letters"),
        pytest.param("aé中🙂", 40, 5, 20, id="unicode"),
        pytest.param("abc", 12, 6, 1000, id="until no pair is left"),
    ],
)
def test_matches_reference(attempt, reference, letters, words, longest, num_merges):
    for _ in range(3):
        text = random_text(letters, words, longest)
        expected = reference.train_bpe(text, num_merges)

        assert_learns(attempt, text, num_merges, expected)


def test_a_pair_counts_as_often_as_its_word_occurs(attempt):
    # (c, d) is in two distinct words, (a, b) in one that occurs three times
    assert_merges(attempt, "ab cde ab cdf ab", [("a", "b"), ("c", "d")])


def test_a_tie_goes_to_the_lower_left_id(attempt):
    assert_merges(attempt, "cd ba cd ba", [("b", "a"), ("c", "d")])


def test_a_tie_of_the_left_id_goes_to_the_lower_right_id(attempt):
    assert_merges(attempt, "ac ac ab ab", [("a", "b"), ("a", "c")])


def test_in_a_tie_a_character_comes_before_a_merged_token(attempt):
    # (ab, z) and (c, d) count 2; as strings, ab would come before c
    assert_merges(attempt, "abz abz ab cd cd", [("a", "b"), ("c", "d"), ("ab", "z")])


def test_in_a_tie_the_token_merged_earlier_comes_first(attempt):
    # (zx, q) and (ab, q) count 2, and zx is older than ab
    merges = [("z", "x"), ("a", "b"), ("zx", "q"), ("ab", "q")]

    assert_merges(attempt, "abq abq ab zxq zxq zx zx", merges)


def test_aaa_holds_the_pair_twice(attempt):
    # (a, a) counts 4, (b, c) 3
    assert_merges(attempt, "bc bc bc aaa aaa", [("a", "a"), ("b", "c")], num_merges=2)


def test_a_run_of_equal_tokens_is_merged_from_the_left(attempt):
    # aa a b, not a aa b
    assert_merges(attempt, "aaab aaab", [("a", "a"), ("a", "b"), ("aa", "ab")])


def test_a_merged_token_is_not_merged_again_in_the_same_step(attempt):
    # aa aa a, and only then aaaa a
    merges = [("a", "a"), ("aa", "a"), ("aa", "aaa")]

    assert_merges(attempt, "aaaaa aaaaa", merges)


def test_no_pair_reaches_into_the_next_word(attempt):
    # without the spaces, (b, a) would count 3 and (ab, ab) too
    assert_learns(attempt, "ab ab ab ab", 10, ({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))


def test_a_pair_is_a_pair_of_whole_tokens(attempt):
    # when (a, b) is merged, the word xab is the two tokens xa b: no place for it
    assert_merges(attempt, "xab xab xa xa xa ab ab", [("x", "a"), ("a", "b"), ("xa", "b")])


def test_pairs_are_counted_again_after_each_merge(attempt):
    # (b, c) counts 3 at first and 0 once ab is merged
    assert_merges(attempt, "abc abc abc", [("a", "b"), ("ab", "c")])


def test_a_pair_that_occurs_once_is_not_merged(attempt):
    vocab = {"a": 0, "b": 1, "c": 2, "d": 3, "ab": 4}

    assert_learns(attempt, "ab cd ab", 10, (vocab, [("a", "b")]))


def test_stops_after_num_merges(attempt):
    assert_learns(
        attempt, "abcd abcd", 1, ({"a": 0, "b": 1, "c": 2, "d": 3, "ab": 4}, [("a", "b")])
    )


def test_characters_have_ids_in_the_order_of_code_points(attempt):
    # the é of the first word is one character, that of the last word two; each is left as it is
    text = "zé 🙂 a B e\u0301"
    vocab = {"B": 0, "a": 1, "e": 2, "z": 3, "é": 4, "\u0301": 5, "🙂": 6}

    assert_learns(attempt, text, 5, (vocab, []))


def test_any_whitespace_separates_words(attempt):
    vocab = {"a": 0, "b": 1, "ab": 2}

    assert_learns(attempt, "  ab\tab\n\nab \u3000ab\r\n", 10, (vocab, [("a", "b")]))


@pytest.mark.parametrize("text", [pytest.param("", id="empty"), pytest.param(" \n ", id="blank")])
def test_a_text_without_words_has_no_vocabulary(attempt, text):
    assert_learns(attempt, text, 5, ({}, []))


def test_zero_merges_give_the_characters(attempt):
    assert_learns(attempt, "ba ba", 0, ({"a": 0, "b": 1}, []))


def test_a_second_call_starts_afresh(attempt, reference):
    text = random_text("abc", 20, 6)
    expected = reference.train_bpe(text, 10)
    attempt.train_bpe(random_text("bcd", 20, 6), 10)

    assert_learns(attempt, text, 10, expected)


def test_rejects_a_negative_number_of_merges(attempt):
    with pytest.raises(ValueError):
        attempt.train_bpe("ab ab", -1)


def bench(attempt, size, device):
    """Size is the number of distinct words in the text, of up to 8 letters; 30 merges."""
    text = random_text("etaoinshrdlu", size, 8)
    return lambda: attempt.train_bpe(text, 30)


bench.sizes = (25, 100, 400)
