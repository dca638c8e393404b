"""The command that measures."""

import sys
from typing import Annotated

import typer

from grader.cli.commands.options import File, Json, MaybeName, given, open_desk, print_json
from grader.errors import KataError


def bench(
    name: MaybeName = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", help="Other sizes: 128,512.", metavar="N,N")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu or cuda; auto is cuda where there is one.")
    ] = "auto",
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds for one size.", min=0.1)
    ] = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Measure your attempt beside the reference. Time, memory, arithmetic, at growing sizes.

    Example: kata bench gqa --sizes 128,512
    """
    if device not in ("auto", "cpu", "cuda"):
        raise KataError(f"no device {device!r}; there are auto, cpu and cuda")
    from grader.cli import benching
    from grader.cli.checking import check
    from grader.cli.render.live import Judging, Measuring

    desk = open_desk()
    kata = desk.kata(name)
    benchmark = benching.benchmark_of(kata, device)
    wanted = benching.parse_sizes(sizes) if sizes is not None else benchmark.sizes
    attempt = given(desk, kata, file) if file else None
    try:
        with Judging(kata, lambda _: None, quiet=as_json) as events:
            checked = check(desk, kata, attempt=attempt, events=events)
        if not checked.result.passed:
            if as_json:
                print_json({"kata": kata.id, "verdict": checked.result.verdict, "sizes": []})
            else:
                from grader.cli.render.bench import show_unfit
                from grader.cli.render.console import console

                show_unfit(console(), checked)
            raise typer.Exit(1)
        with Measuring(kata, wanted, quiet=as_json) as measuring:
            benched = benching.bench(
                desk,
                checked,
                benchmark,
                sizes=wanted,
                device=device,
                timeout=timeout,
                events=measuring,
            )
    except KeyboardInterrupt:
        print("interrupted: nothing of the measurement is kept", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        print_json(benched.to_data())
    else:
        from grader.cli.render.bench import show_bench
        from grader.cli.render.console import console

        show_bench(console(), benched)
    raise typer.Exit(0 if benched.result.passed else 1)
