"""The Typer application, and the one table that turns errors into exit codes."""

from __future__ import annotations

import sys

import typer

from sideman.errors import SidemanError
from sideman.faces.cli import (
    analyze,
    demo,
    desktop,
    doctor,
    evaluate,
    fit,
    generate,
    info,
    jobs,
    keys,
    library,
    mix,
    models,
    play_along,
    render_midi,
    separate,
    serve,
    sets,
    styles,
    timeline,
)
from sideman.faces.cli.terminal import complain, version

app = typer.Typer(name="sideman", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def options(
    show_version: bool = typer.Option(False, "--version", help="Print the version and stop.", callback=version, is_eager=True),
) -> None:
    """Takes a recording apart, understands it, and plays along.

    Exit codes: 0 done, 1 other error, 2 wrong use, 3 the audio cannot be read or written, 4 the music cannot be analysed,
    5 a file or extra of the installation is missing, 6 the library or a job refuses or fails,
    7 a model cannot be installed or run, 130 stopped.
    """


app.command("play-along")(play_along.command)
app.command("analyze")(analyze.command)
app.command("separate")(separate.command)
app.command("generate")(generate.command)
app.command("fit")(fit.fit)
app.command("straighten")(fit.straighten)
app.command("styles")(styles.command)
app.command("mix")(mix.command)
app.command("render-midi")(render_midi.command)
app.command("info")(info.command)
app.command("eval")(evaluate.command)
app.command("demo")(demo.command)
app.command("doctor")(doctor.command)
app.add_typer(models.application, name="models")
app.add_typer(library.app)
app.add_typer(sets.app)
app.add_typer(timeline.app)
app.add_typer(jobs.app)
app.add_typer(jobs.batch)
app.add_typer(keys.app)
app.add_typer(keys.users)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("desktop")(desktop.command)


def run() -> None:
    try:
        app(standalone_mode=True)
    except SidemanError as error:
        complain(str(error))
        sys.exit(error.exit_code)
