"""Against transformers' beam search, with a small GPT-2 of random weights."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel


def make_gpt2(seed):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=7,
        n_positions=32,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=None,
    )
    # float64, so that a cache and a full pass rank alike
    return GPT2LMHeadModel(config).double().eval()


@pytest.mark.parametrize("eos", [None, 0, 3])
@pytest.mark.parametrize(("length_penalty", "beams"), [(0.0, 2), (0.6, 4), (2.0, 3)])
def test_finds_what_transformers_finds(solution, eos, length_penalty, beams):
    for seed in range(3):
        gpt2 = make_gpt2(seed)
        prompt = torch.randint(7, (5,))
        expected = gpt2.generate(
            prompt[None],
            attention_mask=torch.ones(1, 5, dtype=torch.int64),
            do_sample=False,
            num_beams=beams,
            max_new_tokens=6,
            eos_token_id=eos,
            pad_token_id=6,
            length_penalty=length_penalty,
            # only then does the search go on while a live hypothesis could still win
            early_stopping="never",
            return_dict_in_generate=True,
            output_scores=True,
        )

        with torch.no_grad():
            tokens, score = solution.beam_search(
                lambda rows, gpt2=gpt2: gpt2(rows).logits,
                prompt,
                beams=beams,
                max_new_tokens=6,
                eos=eos,
                length_penalty=length_penalty,
            )

        torch.testing.assert_close(tokens, expected.sequences[0])
        # transformers keeps its scores in float32
        assert score == pytest.approx(expected.sequences_scores[0].item(), abs=1e-5)


def test_by_hand(solution):
    # after 0: 0.5, 0.3, 0.2; after 1: 0.1, 0.1, 0.8; after 2: 0.4, 0.4, 0.2
    table = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]]).log()

    tokens, score = solution.beam_search(
        lambda rows: table[rows], torch.tensor([0]), beams=2, max_new_tokens=2, length_penalty=0
    )

    # 0.5 * 0.5 = 0.25 for 0 0, greedy; 0.3 * 0.8 = 0.24 for 1 2
    assert tokens.tolist() == [0, 0, 0]
    assert score == pytest.approx(-1.3862944, abs=1e-6)
