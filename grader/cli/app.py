"""The app: every command, in the order in which help lists them."""

from typing import Annotated

import typer

from grader.cli.commands import ahead, benching, judging, practice, records, rounds, upkeep

app = typer.Typer(
    name="kata",
    help="Coding katas for the algorithms of large language models.\n\nkata start mla",
    # plain help takes half the time of Rich's
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(practice.list_)
app.command()(practice.start)
app.command()(practice.debug)
app.command()(rounds.interview)
app.command()(judging.check)
app.command()(judging.watch)
app.command()(benching.bench)
app.command()(practice.hint)
app.command()(practice.spec)
app.command()(practice.solution)
app.command()(practice.reset)
app.command("next")(practice.next_)
app.command()(practice.pause)
app.command()(ahead.review)
app.command()(ahead.plan)
app.command()(practice.dashboard)
app.command()(records.history)
app.command()(records.diff)
app.command()(records.restore)
app.command()(records.notes)
app.command()(records.export)
app.command("import")(records.import_)
app.command()(upkeep.verify)
app.command()(upkeep.doctor)
app.command()(judging.judge)


def _version(shown: bool) -> None:
    if shown:
        from grader import __version__

        print(f"kata {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass
