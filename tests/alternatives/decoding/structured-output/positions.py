"""A reader over sets of positions in the text; one past the end stands for 'may go on'."""

import json
import string

import torch

OPEN = -1


def word(text, at, what):
    left = text[at:]
    if len(left) >= len(what):
        return {at + len(what)} if left.startswith(what) else set()
    return {OPEN} if what.startswith(left) else set()


def then(ends, following):
    out = {OPEN} & ends
    for end in ends - {OPEN}:
        out |= following(end)
    return out


def integer(text, at):
    i = at + 1 if text[at : at + 1] == "-" else at
    if i == len(text):
        return {OPEN}
    if text[i] == "0":
        return {i + 1}
    j = i
    while j < len(text) and text[j] in string.digits:
        j += 1
    if j == i:
        return set()
    return {j, OPEN} if j == len(text) else {j}


def quoted(text, at):
    if at == len(text):
        return {OPEN}
    if text[at] != '"':
        return set()
    for i in range(at + 1, len(text)):
        if text[i] == '"':
            return {i + 1}
        if text[i] == "\\" or text[i] < " ":
            return set()
    return {OPEN}


def array(schema, text, at):
    ends, count, closed = word(text, at, "["), 0, set()
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(text) + 1)
    while ends - {OPEN}:
        if count >= low:
            closed |= then(ends, lambda i: word(text, i, "]"))
        if count >= high:
            ends = set()
            break
        comma = "," if count else ""
        ends = then(
            then(ends, lambda i, comma=comma: word(text, i, comma)),
            lambda i: value(schema["items"], text, i),
        )
        count += 1
    return closed | ({OPEN} & ends)


def value(schema, text, at):
    if "anyOf" in schema:
        return set().union(*(value(one, text, at) for one in schema["anyOf"]))
    if "enum" in schema:
        words = [json.dumps(one, ensure_ascii=False) for one in schema["enum"]]
        return set().union(*(word(text, at, one) for one in words))
    kind = schema["type"]
    if kind == "null":
        return word(text, at, "null")
    if kind == "boolean":
        return word(text, at, "true") | word(text, at, "false")
    if kind == "integer":
        return integer(text, at)
    if kind == "string":
        return quoted(text, at)
    if kind == "array":
        return array(schema, text, at)
    ends, first = word(text, at, "{"), True
    for name, part in schema.get("properties", {}).items():
        key = ("" if first else ",") + '"' + name + '":'
        ends = then(ends, lambda i, key=key: word(text, i, key))
        ends = then(ends, lambda i, part=part: value(part, text, i))
        first = False
    return then(ends, lambda i: word(text, i, "}"))


def allowed_tokens(schema, text, vocab, eos):
    flags = []
    for index, token in enumerate(vocab):
        if index == eos:
            flags.append(len(text) in value(schema, text, 0))
        else:
            longer = text + token
            flags.append(bool(value(schema, longer, 0) & {OPEN, len(longer)}))
    return torch.tensor(flags, dtype=torch.bool)


def constrained_sample(logits, schema, text, vocab, eos, *, generator):
    keep = allowed_tokens(schema, text, vocab, eos) & logits.isfinite().cpu()
    places = keep.nonzero().flatten()
    if len(places) == 0:
        raise ValueError("dead end")
    few = logits[places].float()
    noise = torch.empty(len(few)).exponential_(generator=generator)
    return int(places[(few - noise.log()).argmax()])
