"""A schema is regular: a Thompson automaton of numbered states, and sets of states."""

import torch


class Automaton:
    def __init__(self, schema):
        self.edges = []  # for each state: pairs of a predicate and a state
        self.empty = []  # for each state: states that are reached without a character
        self.start, self.stop = self.state(), self.state()
        self.value(schema, self.start, self.stop)

    def state(self):
        self.edges.append([])
        self.empty.append([])
        return len(self.edges) - 1

    def text(self, characters, a, b):
        for c in characters:
            following = self.state()
            self.edges[a].append((c.__eq__, following))
            a = following
        self.empty[a].append(b)

    def value(self, schema, a, b):
        if "anyOf" in schema:
            for one in schema["anyOf"]:
                self.value(one, a, b)
        elif "enum" in schema:
            names = {True: "true", False: "false", None: "null"}
            for one in schema["enum"]:
                if isinstance(one, str):
                    word = '"' + one + '"'
                elif one is None or isinstance(one, bool):
                    word = names[one]
                else:
                    word = str(one)
                self.text(word, a, b)
        else:
            getattr(self, schema["type"])(schema, a, b)

    def null(self, schema, a, b):
        self.text("null", a, b)

    def boolean(self, schema, a, b):
        self.text("true", a, b)
        self.text("false", a, b)

    def integer(self, schema, a, b):
        first, more = self.state(), self.state()
        self.empty[a].append(first)
        self.edges[a].append(("-".__eq__, first))
        self.edges[first] += [("0".__eq__, b), (set("123456789").__contains__, more)]
        self.edges[more].append((set("0123456789").__contains__, more))
        self.empty[more].append(b)

    def string(self, schema, a, b):
        within = self.state()
        self.edges[a].append(('"'.__eq__, within))
        self.edges[within].append((lambda c: c >= " " and c not in '"\\', within))
        self.edges[within].append(('"'.__eq__, b))

    def object(self, schema, a, b):
        before = "{"
        for name, one in schema["properties"].items():
            start, end = self.state(), self.state()
            self.text(f'{before}"{name}":', a, start)
            self.value(one, start, end)
            a, before = end, ","
        self.text("}" if before == "," else "{}", a, b)

    def array(self, schema, a, b):
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        here = self.state()
        self.text("[", a, here)
        if low == 0:
            self.text("]", here, b)
        # without a bound, the last copy of the value leads back to itself
        for count in range(1, max(low, 1) + 1 if high is None else high + 1):
            start, end = self.state(), self.state()
            self.text("," if count > 1 else "", here, start)
            self.value(schema["items"], start, end)
            if count >= low:
                self.text("]", end, b)
            here = end
        if high is None:
            self.text(",", here, start)

    def closure(self, states):
        found, todo = set(states), list(states)
        while todo:
            for following in self.empty[todo.pop()]:
                if following not in found:
                    found.add(following)
                    todo.append(following)
        return found

    def run(self, states, text):
        for c in text:
            states = self.closure({b for a in states for reads, b in self.edges[a] if reads(c)})
        return states


def allowed_tokens(schema, text, vocab, eos):
    automaton = Automaton(schema)
    states = automaton.run(automaton.closure([automaton.start]), text)
    # every state leads to the end
    fits = [bool(automaton.run(states, token)) for token in vocab]
    fits[eos] = automaton.stop in states
    return torch.tensor(fits, dtype=torch.bool)


def constrained_sample(logits, schema, text, vocab, eos, *, generator):
    fits = allowed_tokens(schema, text, vocab, eos).tolist()
    tokens = [i for i, fit in enumerate(fits) if fit and logits[i] > float("-inf")]
    if not tokens:
        raise ValueError(f"nothing may follow {text!r}")
    weights = logits[tokens].double()
    shares = (weights - weights.max()).exp().cumsum(0)
    drawn = torch.rand(1, generator=generator, dtype=torch.float64) * shares[-1]
    place = int(torch.searchsorted(shares, drawn, right=True))
    return tokens[min(place, len(tokens) - 1)]
