"""Against DPOTrainer's own preparation and its collator, with a byte-level BPE tokenizer."""

from types import SimpleNamespace

import datasets
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

TEXTS = [
    ("How high is the tower?", " It is 330 metres high.", " Very high"),
    ("How high is the tower? ", "330 metres", "three hundred metres."),
    ("Name a colour:", "red", " red and blue</s>"),
    ("the the the the", "the", "metre"),
    ("", "Anything.", "nothing"),
    ("Say no", "</s>", "thing"),
    ("It is 33", "0 metres", "1 metre"),
]
EXAMPLES = [dict(zip(("prompt", "chosen", "rejected"), texts, strict=True)) for texts in TEXTS]


@pytest.fixture(scope="module")
def tokenizer():
    bpe = Tokenizer(models.BPE())
    # no split into words: tokens may span anything
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([" ".join(texts) for texts in TEXTS] * 3, trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", bpe.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def trl_pairs(tokenizer, max_length):
    """What DPOTrainer trains on; it filters by the length of the prompt alone."""
    trainer = SimpleNamespace(_tokenizer=tokenizer)
    args = SimpleNamespace(
        dataset_num_proc=None, max_length=max_length, truncation_mode="keep_start"
    )
    datasets.disable_progress_bars()
    prepared = DPOTrainer._prepare_dataset(
        trainer, datasets.Dataset.from_list(EXAMPLES), tokenizer, args, "train"
    )
    names = ("prompt_ids", "chosen_ids", "rejected_ids")
    return [{name: row[name] for name in names} for row in prepared]


def encode(tokenizer):
    return lambda text: tokenizer(text)["input_ids"]


def test_pairs_match_trl(solution, tokenizer):
    expected = trl_pairs(tokenizer, None)

    got = [
        solution.tokenize_pair(*texts, encode(tokenizer), tokenizer.eos_token) for texts in TEXTS
    ]

    assert got == expected
    # some border was merged away
    assert any(
        len(pair["prompt_ids"]) < len(tokenizer(texts[0])["input_ids"])
        for pair, texts in zip(got, TEXTS, strict=True)
    )


@pytest.mark.parametrize("max_length", [2, 4, 8, 12, 64])
def test_filter_drops_what_trl_drops_and_equal_rows(solution, tokenizer, max_length):
    expected = [
        pair
        for pair in trl_pairs(tokenizer, max_length)
        if (pair["prompt_ids"] + pair["chosen_ids"])[:max_length]
        != (pair["prompt_ids"] + pair["rejected_ids"])[:max_length]
    ]

    got = solution.build_pairs(EXAMPLES, encode(tokenizer), tokenizer.eos_token, max_length)

    assert got == expected


@pytest.mark.parametrize("multiple", [None, 8])
@pytest.mark.parametrize("max_length", [8, 12, 64])
def test_batches_match_the_collator(solution, tokenizer, max_length, multiple):
    pairs = solution.build_pairs(EXAMPLES, encode(tokenizer), tokenizer.eos_token, max_length)
    collator = DataCollatorForPreference(
        pad_token_id=tokenizer.pad_token_id, max_length=max_length, pad_to_multiple_of=multiple
    )
    expected = collator(pairs)

    got = solution.collate(
        pairs, tokenizer.pad_token_id, max_length, pad_to_multiple_of=multiple or 1
    )

    torch.testing.assert_close(got["input_ids"], expected["input_ids"])
    torch.testing.assert_close(got["attention_mask"].long(), expected["attention_mask"])
    torch.testing.assert_close(got["response_mask"].long(), expected["completion_mask"])
