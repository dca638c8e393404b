"""Plain loops in both halves."""

import torch
import torch.nn.functional as F


def collect(prompts, sample, verify, path, *, k, per_prompt):
    if k < 1:
        raise ValueError("k")
    if per_prompt < 1:
        raise ValueError("per_prompt")
    examples = []
    pass_rates = []
    for number in range(len(prompts)):
        prompt = prompts[number]
        responses = sample(prompt, k)
        verdict = {response: bool(verify(prompt, response)) for response in set(responses)}
        correct = [response for response in responses if verdict[response]]
        pass_rates += [len(correct) / k]
        names = [path(response) for response in correct]
        order = []
        for name in names:
            if name not in order:
                order.append(name)
        while len(order) > per_prompt:
            # the last of the smallest classes has to go
            smallest = min(names.count(name) for name in order)
            for name in reversed(order):
                if names.count(name) == smallest:
                    order.remove(name)
                    break
        for name in order:
            best = None
            for response, its_name in zip(correct, names, strict=True):
                if its_name == name and (best is None or len(response) < len(best)):
                    best = response
            examples.append((number, best))
    return examples, pass_rates


def rft_loss(logits, input_ids, response_mask, index):
    groups = {}
    for b in range(logits.shape[0]):
        steps = [t for t in range(input_ids.shape[1]) if response_mask[b, t]]
        if not steps or steps[0] == 0:
            raise ValueError(f"row {b} has steps {steps}")
        if logits.dtype in (torch.float16, torch.bfloat16):
            row = F.log_softmax(logits[b], dim=-1, dtype=torch.float32)
        else:
            row = F.log_softmax(logits[b], dim=-1)
        total = 0
        for t in steps:
            total = total - row[t - 1, input_ids[b, t]]
        groups.setdefault(int(index[b]), []).append(total / len(steps))
    means = [sum(losses) / len(losses) for losses in groups.values()]
    return sum(means) / len(means)
