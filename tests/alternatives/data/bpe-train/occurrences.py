def train_bpe(text, num_merges):
    """Every occurrence of every word as its own list, changed in place."""
    if num_merges < 0:
        raise ValueError("num_merges")
    corpus = [list(w) for w in text.split()]
    vocab = {}
    for c in sorted(set("".join(text.split()))):
        vocab[c] = len(vocab)
    merges = []
    for _ in range(num_merges):
        stats = {}
        for w in corpus:
            for i in range(len(w) - 1):
                pair = (w[i], w[i + 1])
                stats[pair] = stats.get(pair, 0) + 1
        best, best_count = None, 1
        for (a, b), n in stats.items():
            if n > best_count or (
                best is not None
                and n == best_count
                and (vocab[a], vocab[b]) < (vocab[best[0]], vocab[best[1]])
            ):
                best, best_count = (a, b), n
        if best is None:
            break
        merges.append(best)
        vocab[best[0] + best[1]] = len(vocab)
        for w in corpus:
            i = 0
            while i < len(w) - 1:
                if w[i] == best[0] and w[i + 1] == best[1]:
                    w[i : i + 2] = [best[0] + best[1]]
                i += 1
    return vocab, merges
