"""What all commands share: progress bars, tables, JSON, complaints. Progress and complaints go to standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sideman.errors import Cancelled

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def version(asked: bool) -> None:
    if asked:
        out.print(f"sideman {metadata.version('sideman')}")
        raise typer.Exit()


def complain(sentence: str) -> None:
    err.print(f"sideman: {sentence}", style="red", markup=False)


def say(text: str) -> None:
    out.print(text, markup=False)


def _finite(value: Any) -> Any:
    """JSON has no infinity: the loudness of silence is null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json(value: dict[str, Any]) -> None:
    print(json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False))


def table(title: str, columns: list[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Cells are shown as they are: a title may hold [brackets]."""
    t = Table(title=Text(title), title_justify="left", header_style="bold")
    for k, column in enumerate(columns):
        t.add_column(column, justify="left" if k == 0 else "right")
    for row in rows:
        t.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    out.print(t)


@contextmanager
def progress_bars(quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """One bar per step, in the order in which the steps first report; plain lines where there is no terminal."""
    if quiet:
        try:
            yield lambda step, share: None
        except KeyboardInterrupt:
            raise Cancelled("stopped: nothing half-made was left") from None
        return
    columns = (TextColumn("{task.description:<24}"), BarColumn(bar_width=36), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=err, refresh_per_second=5) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, share: float) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=1.0)
            bars.update(tasks[step], completed=share)

        try:
            yield report
        except KeyboardInterrupt:
            raise Cancelled("stopped: nothing half-made was left") from None
