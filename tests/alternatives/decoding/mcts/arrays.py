"""Nodes are rows of arrays; each row keeps the visits and sums of its children."""

import numpy as np


def search_tokens(policy, value, prompt, *, simulations, max_new_tokens, eos=None, c=1.5):
    if simulations < 1 or max_new_tokens < 1:
        raise ValueError("at least one simulation and one token")
    priors, visits, sums, links, worth, depth, over = [], [], [], [], [], [], []
    texts = []

    def add(text, is_over):
        texts.append(text)
        depth.append(len(text) - len(prompt))
        over.append(is_over)
        worth.append(value(text))
        p = np.zeros(0) if is_over else np.array(policy(text), dtype=np.float64)
        priors.append(p)
        visits.append(np.zeros(len(p), dtype=np.int64))
        sums.append(np.zeros(len(p)))
        links.append(np.full(len(p), -1))
        return len(texts) - 1

    root = add(prompt, False)
    best = -1
    for _ in range(simulations - 1):
        node, edges = root, []
        while not over[node]:
            n = visits[node]
            q = np.divide(sums[node], n, out=np.zeros(len(n)), where=n > 0)
            # a node's own visits: those of its children, and the one that made it
            bonus = c * priors[node] * np.sqrt(n.sum() + 1) / (1 + n)
            token = int(np.where(priors[node] > 0, q + bonus, -np.inf).argmax())
            edges.append((node, token))
            if links[node][token] < 0:
                ends = depth[node] + 1 == max_new_tokens or token == eos
                links[node][token] = node = add((*texts[node], token), ends)
                break
            node = int(links[node][token])
        for parent, token in edges:
            visits[parent][token] += 1
            sums[parent][token] += worth[node]
        if over[node] and (best < 0 or worth[node] > worth[best]):
            best = node
    found = texts[best][len(prompt) :] if best >= 0 else None
    return visits[root].tolist(), found
