"""sideman models: network weights: what there is, under which terms, installing and removing."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sideman import bootstrap
from sideman.app.models import ModelState
from sideman.errors import ConsentNeeded, ModelError, UsageError
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, progress_bars, say

Name = Annotated[str, typer.Argument(help="Name of the model, as `sideman models list` shows it.", show_default=False)]
Accept = Annotated[bool, typer.Option("--accept", help="Accept the terms that the command prints, without being asked.")]

application = typer.Typer(no_args_is_help=True, help="Network weights: what there is, under which terms, installing and removing.")

TASKS = {"separation": "Separation", "analysis": "Analysis", "generation": "New stems (sideman generate --engine NAME)"}
MOST_FILES = 6


@application.command("list")
def list_models(json_output: Json = False) -> None:
    """List all models: size, licence of the weights, what they may be used for, whether they are installed.

    Example: sideman models list
    """
    states = bootstrap.models().all()
    if json_output:
        print_json({"models": [_facts(s) for s in states]})
        return
    task = ""
    for s in sorted(states, key=lambda s: list(TASKS).index(s.card.task) if s.card.task in TASKS else len(TASKS)):
        if s.card.task != task:
            task = s.card.task
            say(TASKS.get(task, task))
        say(f"  {s.card.name:<22} {_mb(s.card.size_bytes):>7}  {s.card.use.value:<14} {_state(s):<16} {s.card.brings}")


@application.command()
def show(name: Name, json_output: Json = False) -> None:
    """Show a model's card: sources, licences word for word, published scores, what is installed and who accepted its terms.

    Example: sideman models show htdemucs
    """
    state = bootstrap.models().get(name)
    if json_output:
        print_json(_facts(state) | {"terms": state.card.licence_text})
        return
    card = state.card
    say(f"{card.title} ({card.name}): {card.brings}")
    say(f"Stems: {', '.join(card.roles)}" if card.roles else f"Task: {card.task}")
    say(f"{_mb(card.size_bytes)} to fetch, {card.memory_mb:,} MB of memory while it runs; {_state(state)}")
    if state.problem:
        say(state.problem)
    say(card.licence_text)
    for score in card.scores:
        say(f"{score.metric}, {score.test_set} ({score.source}): " + ", ".join(f"{k} {v:.1f} dB" for k, v in score.values_db))
    if state.installed:
        say(f"accepted by {state.installed.consent.who} on {state.installed.consent.when}")
        if len(state.installed.files) > MOST_FILES:
            say(
                f"{len(state.installed.files)} files in {state.installed.folder} from {state.installed.files[0].source}; `--json` lists their hashes"
            )
        for f in state.installed.files if len(state.installed.files) <= MOST_FILES else ():
            say(f"{f.path}  sha256 {f.sha256}  from {f.source}{' at ' + f.revision if f.revision else ''}")


@application.command()
def presets(json_output: Json = False) -> None:
    """List the presets of `sideman separate`: what each makes, whether it can run here, and how long it took on this machine.

    Example: sideman models presets
    """
    states = bootstrap.engines().separators.states()
    if json_output:
        print_json({"presets": [
            {"name": s.preset.name, "summary": s.preset.summary, "stems": [r.value for r in s.preset.roles], "models": list(s.preset.models),
             "ready": s.problem is None, "problem": s.problem, "seconds_per_minute": s.seconds_per_minute} for s in states
        ]})  # fmt: skip
        return
    for s in states:
        speed = f", {s.seconds_per_minute:.0f} s a minute of music here" if s.seconds_per_minute else ""
        say(f"{s.preset.name:<9} {s.preset.summary}{speed}")
        missing = [c for c in s.cards if s.problem and f"{c.name} is not installed" in s.problem]
        problem = (
            f"needs {missing[0].name}, {_mb(missing[0].size_bytes)}: sideman models install {missing[0].name}" if missing else s.problem
        )
        say(f"{'':<9} {', '.join(r.value for r in s.preset.roles)}; {problem or 'ready'}")


@application.command()
def install(name: Name, accept: Accept = False, json_output: Json = False) -> None:
    """Fetch a model's weights, after you have accepted their terms; check and convert them. An interrupted download goes on.

    Example: sideman models install htdemucs
    """
    models = bootstrap.models()
    models.allowed(name)
    with progress_bars(json_output) as progress:
        consent = models.consent(name, _accepted(models.get(name), accept))
        installed = models.install(name, consent, lambda share: progress(f"fetch {name}", share))
        progress(f"fetch {name}", 1.0)
        progress("try it out", 0.0)
        bootstrap.engines().separators.try_out(name)
        progress("try it out", 1.0)
    _told(models.get(name), json_output, f"{name} is installed in {installed.folder}")


@application.command("import")
def import_model(
    name: Name, files: Annotated[list[Path], typer.Argument(help="The published files, brought here by hand; of a generator, their folder.", show_default=False)],
    accept: Accept = False, json_output: Json = False,
) -> None:  # fmt: skip
    """Install a model from files on this machine, for one without internet.

    Example: sideman models import htdemucs 955717e8-8726e21a.th --accept
    """
    models = bootstrap.models()
    models.allowed(name)
    absent = [str(f) for f in files if not f.exists()]
    if absent:
        raise UsageError(f"there is no {', '.join(absent)}: name the files of {name}, or the folder that holds them")
    installed = models.import_files(name, files, models.consent(name, _accepted(models.get(name), accept)))
    _told(models.get(name), json_output, f"{name} is installed in {installed.folder}")


@application.command()
def convert(
    family: Annotated[str, typer.Argument(help="demucs, roformer or scnet; stable-audio-3 or ace-step: which network the checkpoint is.", show_default=False)],
    file: Annotated[Path, typer.Argument(help="Checkpoint as torch wrote it (.th, .pt, .ckpt); of a generator, the folder as published.", show_default=False)],
    json_output: Json = False,
) -> None:  # fmt: skip
    """Turn a checkpoint into what Sideman runs: safetensors beside it, without running what is in it; a folder `converted` for generators.

    Example: sideman models convert demucs 955717e8-8726e21a.th
    """
    made = bootstrap.convert_weights(family, file)
    print_json({"path": str(made)}) if json_output else say(str(made))


@application.command()
def remove(name: Name) -> None:
    """Delete a model's weights from this machine.

    Example: sideman models remove htdemucs
    """
    say(f"{name} is removed" if bootstrap.models().remove(name) else f"{name} was not installed")


@application.command()
def verify(name: Name) -> None:
    """Compare a model's files with the hashes they were installed with.

    Example: sideman models verify htdemucs
    """
    changed = bootstrap.models().verify(name)
    if changed:
        raise ModelError(f"{', '.join(changed)} changed since {name} was installed: `sideman models install {name}` fetches it again")
    say(f"{name} is as it was installed")


def _accepted(state: ModelState, accept: bool) -> str:
    """Who accepts: the user of this machine, after reading the terms. Raises ConsentNeeded where nobody can be asked."""
    typer.echo(state.card.licence_text, err=True)
    if not accept:
        try:
            accept = typer.confirm("Do you accept these terms?", err=True)
        except typer.Abort:
            accept = False
    if not accept:
        raise ConsentNeeded(f"the terms of {state.card.name} were not accepted: nothing was installed (--accept accepts them in a script)")
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _told(state: ModelState, json_output: bool, sentence: str) -> None:
    print_json(_facts(state)) if json_output else say(sentence)


def _mb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _state(state: ModelState) -> str:
    if not state.allowed:
        return "not allowed here"
    if state.problem:
        return "damaged"
    return "installed" if state.installed else "not installed"


def _facts(state: ModelState) -> dict[str, Any]:
    card = state.card
    installed = state.installed
    return {
        "name": card.name, "title": card.title, "task": card.task, "brings": card.brings, "stems": list(card.roles), "size_bytes": card.size_bytes,
        "memory_mb": card.memory_mb, "code_licence": card.code_licence, "weight_licence": card.weight_licence, "use": card.use.value,
        "provenance": card.provenance, "homepage": card.homepage, "allowed": state.allowed, "installed": installed is not None, "problem": state.problem,
        "accepted_by": installed.consent.who if installed else None, "accepted_at": installed.consent.when if installed else None,
        "scores": [{"metric": s.metric, "test_set": s.test_set, "source": s.source, "values_db": dict(s.values_db)} for s in card.scores],
    }  # fmt: skip
