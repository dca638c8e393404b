"""Monte Carlo tree search over tokens."""

from collections.abc import Callable, Sequence


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
    """Search the tree of continuations with priors and values, as AlphaZero does (PUCT).

    A node is a text: the prompt and the tokens that led there. It is finished if its last
    new token is eos, or if it has max_new_tokens new tokens; the prompt itself is not. Each
    node counts its visits N and sums up what they were worth, W; both start at 0. Each
    simulation starts at the prompt and does this:

    1. Select. While the node has been visited before and is not finished, go on to the
       child, by token t, with the highest

           Q + c * P[t] * sqrt(N) / (1 + n)

       N are the visits of the node itself, n those of the child, Q is W / n of the child, or
       0 if n = 0, and P = policy(text of the node). Of equal ones take the lowest token.
       Tokens with P[t] = 0 are never taken.
    2. Evaluate. v = value(text of the node that was reached).
    3. Back up. Every node on the way, the prompt and the reached one included, gets one
       visit more, and v is added to its W.

    So the first simulation evaluates the prompt itself, and each of the others adds one
    node or comes to a finished one again. policy and value are slow: call value once for
    each text that is reached, and for no other; policy at most once for each of these, and
    never for a finished one.

    Args:
        policy: A text to V probabilities of the next token, at least one of them above 0; a
            list, the same for the same text. V is the same for all texts: the length of
            policy(prompt), which may be asked whatever simulations is.
        value: A text to a number from -1 to 1, the same for the same text.
        prompt: At least one token.
        simulations: At least 1.
        max_new_tokens: At least 1.
        eos: The token that finishes a text; None if no token does. In the prompt it
            finishes nothing.
        c: How much priors count, greater than 0.

    Returns:
        (visits, best). visits: V ints, how often each child of the prompt was visited; V
        zeros if simulations is 1. best: the new tokens of the finished text with the highest
        value among those that were reached, of equal ones the first reached; None if none
        was.

    Raises:
        ValueError: simulations or max_new_tokens is below 1.

    Not allowed:
        Changing what policy returns in place.

    Source:
        Silver et al. 2017, "Mastering Chess and Shogi by Self-Play" (AlphaZero),
        https://arxiv.org/abs/1712.01815
    """
    raise NotImplementedError
