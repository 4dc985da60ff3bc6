"""sideman styles: what the session band can play like."""

from __future__ import annotations

from sideman import bootstrap
from sideman.faces.cli.arguments import Json
from sideman.faces.cli.terminal import print_json, say


def command(json_output: Json = False) -> None:
    """List the styles of the session band: by which three things a listener knows each, and what each stem is played by.

    Example: sideman styles --json
    """
    known, parts = bootstrap.band_styles(), bootstrap.band_parts()
    if json_output:
        rows = [
            {"name": s.name, "title": s.title, "aliases": list(s.aliases), "tempo_bpm": list(s.tempo_bpm), "traits": list(s.traits)} for s in known
        ]  # fmt: skip
        print_json({"styles": rows, "parts": {r.value: what for r, what in parts.items()}})
        return
    for s in known:
        say(
            f"{s.name:<9} {s.title}, {s.tempo_bpm[0]:g} to {s.tempo_bpm[1]:g} bpm"
            + (f" (also {', '.join(s.aliases)})" if s.aliases else "")
        )
        for trait in s.traits:
            say(f"          - {trait}")
    say("Stems")
    for role, what in parts.items():
        say(f"{role.value:<11} {what}")
