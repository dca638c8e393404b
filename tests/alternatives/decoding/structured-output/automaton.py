"""A pushdown automaton: a set of stacks, moved on by one character at a time."""

import json

import torch


def push(schema):
    """The stacks to begin a value with: tuples of parts, the next one first."""
    if "anyOf" in schema:
        return [stack for one in schema["anyOf"] for stack in push(one)]
    if "enum" in schema:
        return [(("word", json.dumps(v, ensure_ascii=False)),) for v in schema["enum"]]
    kind = schema["type"]
    if kind == "null":
        return [(("word", "null"),)]
    if kind == "boolean":
        return [(("word", "true"),), (("word", "false"),)]
    if kind == "string":
        return [(("word", '"'), ("characters",))]
    if kind == "integer":
        return [(("sign",),)]
    if kind == "array":
        return [(("word", "["), ("items", schema, 0))]
    parts = []
    for i, (name, value) in enumerate(schema.get("properties", {}).items()):
        parts += [("word", f'{"," if i else "{"}"{name}":'), ("value", value)]
    if not parts:
        parts = [("word", "{")]
    return [(*parts, ("word", "}"))]


def settle(stack):
    """Stacks whose first part reads a character, reached without reading any."""
    if not stack:
        yield ()
        return
    (kind, *args), rest = stack[0], stack[1:]
    if kind == "value":
        for top in push(args[0]):
            yield from settle(top + rest)
    elif kind == "items":
        schema, count = args
        if count >= schema.get("minItems", 0):
            yield (("word", "]"), *rest)
        if schema.get("maxItems") is None or count < schema["maxItems"]:
            more = (("value", schema["items"]), ("items", schema, count + 1), *rest)
            yield from settle(((("word", ","),) if count else ()) + more)
    elif kind == "digits":
        yield stack
        yield from settle(rest)
    elif kind == "word" and not args[0]:
        yield from settle(rest)
    else:
        yield stack


def step(stack, c):
    (kind, *args), rest = stack[0], stack[1:]
    if kind == "word" and args[0][0] == c:
        yield (("word", args[0][1:]), *rest)
    elif kind == "characters" and c == '"':
        yield rest
    elif kind == "characters" and c != "\\" and ord(c) >= 0x20:
        yield stack
    elif kind == "sign" and c == "-":
        yield (("first",), *rest)
    elif kind in ("sign", "first") and c == "0":
        yield rest
    elif kind in ("sign", "first") and c in "123456789":
        yield (("digits",), *rest)
    elif kind == "digits" and c in "0123456789":
        yield stack


def run(stacks, text):
    for c in text:
        moved = [after for stack in stacks if stack for after in step(stack, c)]
        stacks = []
        for after in moved:
            stacks += [s for s in settle(after) if s not in stacks]
        if not stacks:
            break
    return stacks


def allowed_tokens(schema, text, vocab, eos):
    start = run([s for top in push(schema) for s in settle(top)], text)
    mask = torch.zeros(len(vocab), dtype=torch.bool)
    for i, token in enumerate(vocab):
        mask[i] = i != eos and bool(run(start, token))
    mask[eos] = () in start
    return mask


def constrained_sample(logits, schema, text, vocab, eos, *, generator):
    mask = allowed_tokens(schema, text, vocab, eos)
    weights = torch.where(mask, logits.double(), -torch.inf)
    top = weights.max()
    if top == -torch.inf:
        raise ValueError("no way on")
    return torch.multinomial((weights - top).exp(), 1, generator=generator).item()
