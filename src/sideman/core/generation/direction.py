"""What a person's words ask of the band: a style by name, louder or softer, busier or simpler. What was understood is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from sideman.errors import UsageError

LOUDER = ("loud", "louder", "energetic", "driving", "powerful", "heavy", "big", "intense", "aggressive", "dense", "epic", "huge", "hard")
SOFTER = ("soft", "softer", "quiet", "gentle", "calm", "mellow", "intimate", "sparse", "minimal", "chill", "relaxed", "laid-back", "slow")
LIVELIER = ("busy", "busier", "lively", "loose", "playful", "complex", "improvised", "wild", "fills", "expressive", "virtuosic", "human")
PLAINER = ("simple", "simpler", "steady", "tight", "plain", "repetitive", "strict", "mechanical", "basic", "straight")
LIVELY, PLAIN = 1.6, 0.5
MOST_WORDS = 3


@dataclass(frozen=True)
class Direction:
    """style None: the words name none. energy -1 .. 1. understood: the words that were, in their order."""

    style: str | None
    energy: int
    liveliness: float
    understood: tuple[str, ...]
    style_words: str = ""

    def without_style(self) -> Direction:
        """Where a style was chosen, the one in the words does not count."""
        return replace(self, style=None, style_words="", understood=tuple(w for w in self.understood if w != self.style_words))


def understand(prompt: str, style_named: Callable[[str], str]) -> Direction:
    """Words outside the lists and the names of styles are left alone: a band of rules does not guess."""
    words = re.findall(r"[a-z0-9&'-]+", prompt.lower())
    style, style_words, understood = None, "", list[str]()
    for size in range(MOST_WORDS, 0, -1):
        for i in range(len(words) - size + 1):
            name = " ".join(words[i : i + size])
            if style is None and len(name) > 2 and name not in PLAINER + SOFTER:
                try:
                    style = style_named(name)
                    style_words = name
                    understood.append(name)
                except UsageError:
                    continue
    energy, liveliness = 0, 1.0
    for word in words:
        louder, softer, livelier, plainer = (word in group for group in (LOUDER, SOFTER, LIVELIER, PLAINER))
        energy += louder - softer
        liveliness *= LIVELY if livelier else PLAIN if plainer else 1.0
        if louder or softer or livelier or plainer:
            understood.append(word)
    return Direction(style, min(1, max(-1, energy)), min(2.0, max(0.0, liveliness)), tuple(understood), style_words)
