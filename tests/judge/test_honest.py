"""Right attempts that use more of Python and torch than most."""


def test_workers_threads_transforms_and_compilers_are_welcome(court):
    acts = [
        # each gives the right result its own way
        "return right(q, k, v, causal=causal)",
        """
        from torch.utils.data import DataLoader
        assert len(list(DataLoader(range(8), num_workers=2))) == 8
        return right(q, k, v, causal=causal)
        """,
        """
        import multiprocessing
        for kind in ("fork", "spawn"):
            with multiprocessing.get_context(kind).Pool(2) as pool:
                assert pool.map(abs, [-1, 2]) == [1, 2]
        return right(q, k, v, causal=causal)
        """,
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as pool:
            return pool.submit(right, q, k, v, causal=causal).result()
        """,
        """
        def one(q, k, v):
            return right(q[None], k[None], v[None], causal=causal)[0]
        return torch.vmap(one)(q, k, v)
        """,
        """
        import numpy, subprocess, sys, tempfile, warnings
        warnings.warn("slow")
        with tempfile.TemporaryFile() as file:
            numpy.save(file, numpy.ones(3))
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        result = right(q, k, v, causal=causal)
        assert torch.equal(result, right(q, k, v, causal=causal))
        return result
        """,
        """
        class Product(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2
            @staticmethod
            def backward(ctx, gradient):
                return gradient * 2
        return Product.apply(right(q, k, v / 2, causal=causal))
        """,
        "return torch.compile(right, backend='eager')(q, k, v, causal=causal)",
    ]

    verdict = court.judge(court.acts(*acts), "--timeout", "60")

    assert verdict.verdict == "passed", verdict.said


def test_every_way_to_write_a_function_is_welcome(court):
    forms = [
        "grouped_query_attention = lambda q, k, v, *, causal=True: right(q, k, v, causal=causal)",
        "import functools\ngrouped_query_attention = functools.partial(right)",
        "import functools\ngrouped_query_attention = functools.cache(right)",
        "class Attention:\n    def __call__(self, q, k, v, *, causal=True):\n"
        "        return right(q, k, v, causal=causal)\ngrouped_query_attention = Attention()",
        "if __name__ == '__main__':\n    raise SystemExit('never run')",
    ]
    for form in forms:
        verdict = court.judge(f"{court.right}\nright = grouped_query_attention\n{form}\n")
        assert verdict.verdict == "passed", (form, verdict.said)


def test_who_asks_for_a_terminal_is_told_that_there_is_none(court):
    verdict = court.judge(court.acts("breakpoint()", "import pdb; pdb.set_trace()", "input()"))

    assert verdict.verdict == "failed"
    first, second, third, *_ = (test["message"] for test in verdict.data["tests"])
    for message in (first, second):
        assert message.startswith("a debugger cannot be used here")
    assert third.startswith("EOFError")
