import heapq
from collections import Counter, defaultdict
from itertools import pairwise


class Trainer:
    """Counts are kept up to date; a heap holds candidates that may be out of date."""

    def __init__(self, text):
        frequencies = Counter(text.split())
        self.strings = sorted({c for w in frequencies for c in w})
        ids = {c: i for i, c in enumerate(self.strings)}
        self.words = [[ids[c] for c in w] for w in frequencies]
        self.frequencies = list(frequencies.values())
        self.counts = Counter()
        self.where = defaultdict(set)
        for index in range(len(self.words)):
            self.add(index, 1)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def add(self, index, sign):
        word = self.words[index]
        for pair in pairwise(word):
            self.counts[pair] += sign * self.frequencies[index]
            if sign > 0:
                self.where[pair].add(index)

    def best(self):
        while self.heap:
            count, pair = self.heap[0]
            if -count == self.counts[pair]:
                return pair if -count >= 2 else None
            heapq.heapreplace(self.heap, (-self.counts[pair], pair))
        return None

    def apply(self, pair):
        new = len(self.strings)
        self.strings.append(self.strings[pair[0]] + self.strings[pair[1]])
        touched = set()
        for index in list(self.where[pair]):
            self.add(index, -1)
            old, out = self.words[index], []
            for token in old:
                # out[-1] is a left half that nothing has used yet
                if out and token == pair[1] and out[-1] == pair[0]:
                    out[-1] = new
                else:
                    out.append(token)
            self.words[index] = out
            self.add(index, 1)
            touched.update(pairwise(out))
        for other in touched:
            heapq.heappush(self.heap, (-self.counts[other], other))


def train_bpe(text, num_merges):
    if num_merges < 0:
        raise ValueError(f"{num_merges} merges")
    trainer, merges = Trainer(text), []
    while len(merges) < num_merges and (pair := trainer.best()) is not None:
        merges.append((trainer.strings[pair[0]], trainer.strings[pair[1]]))
        trainer.apply(pair)
    return {token: i for i, token in enumerate(trainer.strings)}, merges
