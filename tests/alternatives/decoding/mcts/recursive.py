"""A simulation is one recursive call that returns what it found."""


class Node:
    def __init__(self, finished):
        self.finished = finished
        self.n, self.mean = 0, 0.0
        self.worth = None
        self.priors = None
        self.child = {}


class Search:
    def __init__(self, policy, value, start, limit, eos, c):
        self.policy, self.value = policy, value
        self.start, self.limit, self.eos, self.c = start, limit, eos, c
        self.best = (float("-inf"), None)

    def visit(self, node, text):
        if node.n == 0 or node.finished:
            if node.worth is None:
                node.worth = self.value(text)
            v = node.worth
            if node.finished and v > self.best[0]:
                self.best = (v, text[self.start :])
        else:
            self.fill(node, text)
            token = max(node.child, key=lambda t: (self.upper(node, t), -t))
            v = self.visit(node.child[token], (*text, token))
        node.n += 1
        node.mean += (v - node.mean) / node.n
        return v

    def fill(self, node, text):
        if node.priors is None:
            node.priors = self.policy(text)
            last = len(text) + 1 - self.start == self.limit
            for token, p in enumerate(node.priors):
                if p > 0:
                    node.child[token] = Node(last or token == self.eos)

    def upper(self, node, token):
        child = node.child[token]
        return child.mean + self.c * node.priors[token] * node.n**0.5 / (1 + child.n)


def search_tokens(policy, value, prompt, *, simulations, max_new_tokens, eos=None, c=1.5):
    if min(simulations, max_new_tokens) < 1:
        raise ValueError((simulations, max_new_tokens))
    search, root = Search(policy, value, len(prompt), max_new_tokens, eos, c), Node(False)
    for _ in range(simulations):
        search.visit(root, prompt)
    search.fill(root, prompt)
    counts = [0] * len(root.priors)
    for token, child in root.child.items():
        counts[token] = child.n
    return counts, search.best[1]
