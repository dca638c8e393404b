"""torch.lerp for the weights, every pair of points compared for the front."""

import torch


def alignment_tax(before, after, chance):
    if set(before) != set(after) or set(chance) - set(before):
        raise ValueError("the tables do not name the same tasks")
    floors = dict.fromkeys(before, 0.0) | chance
    kept = [task for task in before if before[task] > floors[task]]
    if len(kept) == 0:
        raise ValueError("nothing to lose")
    taxes = {}
    total = 0.0
    for task in kept:
        # the same as the share lost: 1 less the share that is left
        left = (after[task] - floors[task]) / (before[task] - floors[task])
        taxes[task] = 1.0 - left
        if left < 1:
            total += taxes[task]
    return taxes, total / len(kept)


def average_weights(before, after, alpha, groups=None):
    if set(before) != set(after):
        raise ValueError("different names")
    for name in before:
        if before[name].shape != after[name].shape:
            raise ValueError(f"different shapes of {name}")

    alphas = dict.fromkeys(before, alpha)
    # the longest last, so that it has the last word
    for group, value in sorted((groups or {}).items(), key=lambda item: len(item[0])):
        names = [name for name in before if name == group or name.startswith(group + ".")]
        if not names:
            raise ValueError(f"{group} covers nothing")
        alphas.update(dict.fromkeys(names, value))

    with torch.no_grad():
        out = {}
        for name in before:
            a, b = before[name], after[name]
            if a.dtype.is_floating_point:
                wide = torch.float64 if a.dtype == torch.float64 else torch.float32
                mixed = torch.lerp(a.to(wide), b.to(wide), float(alphas[name]))
                out[name] = torch.where(a == b, a, mixed.to(a.dtype))
            else:
                out[name] = torch.empty_like(b).copy_(b)
        return out


def pareto_front(points):
    kept = []
    for i, (reward, tax) in enumerate(points):
        for other_reward, other_tax in points:
            as_good = other_reward >= reward and other_tax <= tax
            if as_good and (other_reward, other_tax) != (reward, tax):
                break
        else:
            kept.append(i)
    return sorted(kept, key=lambda i: points[i][1])


def best_within(points, budget):
    best = None
    for i, (reward, tax) in enumerate(points):
        if tax > budget:
            continue
        # a tuple of what counts, better is greater
        if best is None or (reward, -tax) > (points[best][0], -points[best][1]):
            best = i
    return best
