"""Monte Carlo tree search over tokens."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Node:
    text: tuple[int, ...]
    finished: bool
    value: float
    priors: Sequence[float]
    visits: int = 0
    total: float = 0.0
    children: dict[int, "Node"] = field(default_factory=dict)


def search_tokens(
    policy: Callable[[tuple[int, ...]], Sequence[float]],
    value: Callable[[tuple[int, ...]], float],
    prompt: tuple[int, ...],
    *,
    simulations: int,
    max_new_tokens: int,
    eos: int | None = None,
    c: float = 1.5,
) -> tuple[list[int], tuple[int, ...] | None]:
    """A node is made, evaluated and given its priors when it is first reached."""
    if simulations < 1 or max_new_tokens < 1:
        raise ValueError(f"simulations ({simulations}), max_new_tokens ({max_new_tokens})")

    def reach(text: tuple[int, ...]) -> Node:
        n = len(text) - len(prompt)
        finished = n == max_new_tokens or (n > 0 and text[-1] == eos)
        return Node(text, finished, value(text), [] if finished else policy(text))

    def score(node: Node, token: int) -> float:
        child = node.children.get(token)
        n, q = (child.visits, child.total / child.visits) if child else (0, 0.0)
        return q + c * node.priors[token] * math.sqrt(node.visits) / (1 + n)

    root = reach(prompt)
    root.visits, root.total = 1, root.value
    best: Node | None = None
    for _ in range(simulations - 1):
        path = [root]
        while not path[-1].finished and path[-1].visits:
            node = path[-1]
            possible = [token for token, p in enumerate(node.priors) if p > 0]
            token = max(possible, key=lambda token: score(node, token))
            if token not in node.children:
                node.children[token] = reach((*node.text, token))
            path.append(node.children[token])
        leaf = path[-1]
        for node in path:
            node.visits += 1
            node.total += leaf.value
        if leaf.finished and (best is None or leaf.value > best.value):
            best = leaf
    visits = [root.children[t].visits if t in root.children else 0 for t in range(len(root.priors))]
    return visits, best.text[len(prompt) :] if best else None
