"""No tree of objects: dictionaries by text."""

from math import sqrt


def search_tokens(policy, value, prompt, *, simulations, max_new_tokens, eos=None, c=1.5):
    if simulations <= 0:
        raise ValueError("simulations")
    if max_new_tokens <= 0:
        raise ValueError("max_new_tokens")
    T = len(prompt)
    N, W, V, P = {}, {}, {}, {}
    best, best_value = None, float("-inf")

    def is_finished(text):
        return len(text) - T >= max_new_tokens or (len(text) > T and text[-1] == eos)

    for _ in range(simulations):
        text = prompt
        way = [text]
        while text in N and not is_finished(text):
            if text not in P:
                P[text] = list(policy(text))
            choice, top = None, None
            for token, prior in enumerate(P[text]):
                if prior == 0:
                    continue
                child = (*text, token)
                visits = N.get(child, 0)
                mean = W[child] / visits if visits else 0
                puct = mean + c * prior * sqrt(N[text]) / (1 + visits)
                if top is None or puct > top:
                    choice, top = child, puct
            text = choice
            way.append(text)
        if text not in V:
            V[text] = value(text)
        if is_finished(text) and V[text] > best_value:
            best, best_value = text[T:], V[text]
        for passed in way:
            N[passed] = N.get(passed, 0) + 1
            W[passed] = W.get(passed, 0.0) + V[text]
    if prompt not in P:
        P[prompt] = list(policy(prompt))
    return [N.get((*prompt, token), 0) for token in range(len(P[prompt]))], best
