"""Separators by preset: which can be used here, and the one that was asked for, ready to run."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sideman.app.models import Models
from sideman.core.audio import AudioClip, Recording
from sideman.core.models.catalog import ModelCard
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request, chosen_engine, refuse_without_engine
from sideman.core.separation import PreviewSeparator, Separator
from sideman.core.separation.backends.kit import KitSeparator
from sideman.core.separation.families import WeightFile, open_separator
from sideman.core.separation.presets import PRESETS, Preset, preset
from sideman.errors import MissingAsset, ModelError
from sideman.infra.weights import Installed

__all__ = ["PresetState", "Separators"]
SPEEDS = "speeds.json"
TRIAL_S = 8
log = logging.getLogger("sideman.models")


@dataclass(frozen=True, slots=True)
class PresetState:
    """missing: models that are not installed. `problem` is why it cannot be used here, in one sentence; `seconds_per_minute` is what it took on this machine the last time."""

    preset: Preset
    cards: tuple[ModelCard, ...]
    missing: tuple[str, ...]
    problem: str | None
    seconds_per_minute: float | None


class Separators:
    """Models stay loaded between recordings, as far as memory allows."""

    def __init__(self, models: Models, request: Request, residence: Residence) -> None:
        self._models, self._request, self._residence = models, request, residence
        self._built_in: dict[str, Separator] = {"preview": PreviewSeparator(), "kit": KitSeparator()}

    def get(self, name: str) -> Separator:
        """Raises UsageError, ModelNotInstalled, ModelRefused or MissingAsset: before anything is decoded."""
        wanted = preset(name)
        if not wanted.models:
            return self._built_in[name]
        found = [self._open(wanted, model) for model in wanted.models]
        if len(found) == 1:
            return found[0]
        from sideman.core.separation.ensemble import EnsembleSeparator

        return EnsembleSeparator(wanted.name, found)

    def _open(self, wanted: Preset, model: str) -> Separator:
        card, installed = self._models.usable(model)
        chosen_engine(self._request)
        return open_separator(card, _files(installed), replace(self._request, precision=wanted.precision), self._residence)

    def weights(self, name: str) -> tuple[str, ...]:
        """SHA-256 of everything that a preset would run: equal weights make equal stems.

        Raises UsageError, ModelNotInstalled or ModelRefused, whether or not this machine could run it.
        """
        return tuple(f.sha256 for model in preset(name).models for f in self._models.usable(model)[1].files)

    def states(self, runs_here: bool = True) -> tuple[PresetState, ...]:
        """runs_here: also look whether this machine has what a network runs on."""
        return tuple(self._state(p, runs_here) for p in PRESETS)

    def _state(self, p: Preset, runs_here: bool) -> PresetState:
        problem = None
        try:
            self.weights(p.name)
            if p.models and runs_here:
                refuse_without_engine(self._request)
        except (ModelError, MissingAsset) as error:
            problem = str(error)
        states = [self._models.get(m) for m in p.models]
        missing = tuple(s.card.name for s in states if s.installed is None)
        return PresetState(p, tuple(s.card for s in states), missing, problem, self._speeds().get(p.name))

    def try_out(self, model: str) -> None:
        """Run a model that was just installed on a few seconds of noise: whether it runs here, and how long a minute of music will take.

        A machine that lacks the runtime or the memory for it is told so when somebody asks for the preset.
        """
        for p in PRESETS:
            if model in p.models and all(self._models.get(m).installed for m in p.models):
                try:
                    self._measure(p.name)
                except (MissingAsset, ModelError) as error:
                    log.warning("%s is installed and cannot run here: %s", model, error)

    def _measure(self, name: str) -> None:
        separator = self.get(name)
        rng = np.random.default_rng(0)
        clip = AudioClip((0.1 * rng.standard_normal((2, 44100 * TRIAL_S))).astype(np.float32), 44100)
        with Recording.from_clip(clip) as recording:
            for counts in (False, True):  # the first run loads it
                began = time.monotonic()
                separator.separate(recording, recording.scratch_folder)
                if counts:
                    self.note_speed(name, recording.duration_s, time.monotonic() - began)

    def note_speed(self, name: str, audio_s: float, took_s: float) -> None:
        """Remember how long a preset takes on this machine, for the people who choose one."""
        if audio_s < 5 or not preset(name).models:
            return
        speeds = self._speeds() | {name: round(took_s / audio_s * 60, 2)}
        path = self._models.store.folder / SPEEDS
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(speeds), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            log.info("how fast %s runs is not remembered: %s", name, error)

    def _speeds(self) -> dict[str, float]:
        try:
            return {str(k): float(v) for k, v in json.loads((self._models.store.folder / SPEEDS).read_text(encoding="utf-8")).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.info("how fast presets run cannot be read: %s", error)
            return {}


def _files(installed: Installed) -> list[WeightFile]:
    return [WeightFile(Path(f.path), f.sha256, f.roles) for f in installed.files]
