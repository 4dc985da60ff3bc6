"""Composition root: Settings in, wired use cases out. The one module that knows every concrete engine."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sideman.app import analysis as analysis_cases
from sideman.app import fitting as fitting_cases
from sideman.app import generation as generation_cases
from sideman.app import midi as midi_cases
from sideman.app import mixing as mixing_cases
from sideman.app import playalong as playalong_cases
from sideman.app import separation as separation_cases
from sideman.app.analyzers import AnalysisWish, Analyzers
from sideman.app.engines import BAND, Engines, Source, StepProgress, no_progress
from sideman.app.fitting import Fitted, FitWish
from sideman.app.mixing import MixInput
from sideman.app.models import Models, assembler, converter
from sideman.app.networks import Networks
from sideman.app.separation import SeparationWish
from sideman.app.separators import Separators
from sideman.app.timelines import TimelineFile
from sideman.core.analysis import AnalysisEngines
from sideman.core.audio import Loudness
from sideman.core.fit.straighten import TempoMap
from sideman.core.generation import PART_NAMES, Generator, SessionBand, Style, style_named, styles
from sideman.core.generation.backends import FAMILIES
from sideman.core.generation.backends.mock import MockSines
from sideman.core.models.catalog import Policy, Use, catalog
from sideman.core.models.memory import Residence
from sideman.core.models.runtime import Request
from sideman.core.music import MusicAnalysis, StemRole, parse_roles
from sideman.core.pipelines import PlayAlong, PlayAlongOptions
from sideman.core.pipelines.new_stems import NewStem
from sideman.core.pipelines.orders import Order, checked
from sideman.core.separation import WrittenSet
from sideman.errors import MissingAsset, UsageError
from sideman.infra.settings import PlatformSettings, Settings
from sideman.infra.weights import WeightStore

# the library needs the extra `server`, which the main job does without; evaluation loads mir_eval, 80 MB that a server does without
if TYPE_CHECKING:
    import threading

    from sideman.app.library.services import Services
    from sideman.app.library.studio import Studio
    from sideman.app.workflows.context import TaskContext
    from sideman.core.evaluation.scores import AnalysisScores
    from sideman.core.evaluation.separation import SeparationScores
    from sideman.core.evaluation.timing import TimingScore
    from sideman.infra.jobs.upkeep import Upkeep

DEFAULT_STEMS = ",".join(r.value for r in PlayAlongOptions().roles)


def current_settings() -> Settings:
    """Settings of the environment; scratch files go where they say from here on."""
    settings = Settings.from_environment()
    if settings.scratch is not None:
        tempfile.tempdir = str(settings.scratch)
    return settings


def engines(settings: Settings | None = None) -> Engines:
    settings = settings or current_settings()

    def band() -> Generator:
        return SessionBand.open(settings.soundfont, settings.synth)

    request = Request(threads=settings.models.threads, device=settings.models.device, notes=settings.models.folder / "bf16.json")
    known, residence = models(settings), Residence(settings.models.memory_bytes or None)
    separators = Separators(known, request, residence)
    return Engines(
        separators,
        Analyzers(known, settings.notes_network, AnalysisWish.parse(settings.analysis)),
        band,
        settings.threads,
        {"mock": MockSines},
        Networks(known, request, residence),
    )


def models(settings: Settings | None = None) -> Models:
    """The models that Sideman knows: which are installed and allowed here, installing and removing them."""
    wanted = (settings or current_settings()).models
    return Models(catalog(), WeightStore(wanted.folder, wanted.hub), Policy(wanted.commercial_only, wanted.allowed))


def convert_weights(family: str, path: Path) -> Path:
    """A published checkpoint, made ready to run, beside it (of a generator: its folder, inside it). Raises UnusableModel."""
    if family in FAMILIES and not path.is_dir():
        raise UsageError(f"{path} is not a folder: a network of the family {family} is one of several files, give its folder")
    return assembler(family)(path) if family in FAMILIES else converter(family)(path)


def _roles(stems: str | Iterable[str | StemRole]) -> tuple[StemRole, ...]:
    """From `drums,bass`, or names and roles in a list; without repeats."""
    if isinstance(stems, str):
        return parse_roles(stems)
    return tuple(dict.fromkeys(s if isinstance(s, StemRole) else StemRole.parse(s) for s in stems))


def _analysis_engines(wired: Engines, wish: str | None, notes: bool = False) -> AnalysisEngines:
    wished = AnalysisWish.parse(wish).over(wired.analyzers.default)
    return wired.analyzers.engines(wished.with_notes() if notes else wished)


def timeline_file(path: str | Path) -> TimelineFile:
    """An analysis.jams (or its folder) with the corrections that lie beside it."""
    return TimelineFile(Path(path))


def analyze(
    source: Source, out: str | Path | None = None, progress: StepProgress = no_progress, *, wish: str | None = None, notes: bool = False
) -> MusicAnalysis:
    """Understand a recording (a path or an AudioClip); with `out`, also write out/analysis.jams.

    `wish` names engines other than the default ones, `beats=madmom,key=madmom,notes=basic-pitch`; of what it leaves open the setting
    SIDEMAN_ANALYSIS decides. `notes` asks for the notes too, by basic-pitch's network where neither names an engine.
    """
    chosen = _analysis_engines(engines(), wish, notes)
    return analysis_cases.analyze(source, Path(out) if out else None, progress, chosen)


def separate(
    source: Source, out: str | Path, *, preset: str = "preview", stems: str | Iterable[str | StemRole] | None = None,
    minus_one: bool = False, preview_s: float | None = None, progress: StepProgress = no_progress,
) -> WrittenSet:  # fmt: skip
    """Take a recording apart into stems and a residual, as files in `out`.

    `preset` names the separator (see `sideman models`), `stems` the ones to make (all of them by default), `minus_one` adds the recording
    without each of them, and `preview_s` takes only the loudest part of that many seconds.
    """
    wish = SeparationWish(preset, _roles(stems) if stems is not None else None, minus_one, preview_s)
    return separation_cases.separate(source, Path(out), engines(), wish, progress)


def separate_one(source: Path, out: Path, wish: SeparationWish, progress: StepProgress = no_progress) -> WrittenSet:
    return separation_cases.separate(source, out, engines(), wish, progress)


def separate_all(
    sources: Iterable[Path], out: Path, wish: SeparationWish, progress: Callable[[Path], StepProgress]
) -> Iterator[tuple[Path, WrittenSet]]:
    """Several recordings by one loaded model, each into a folder of its own name below `out`."""
    wired = engines()
    for source in sources:
        yield source, separation_cases.separate(source, out / source.stem, wired, wish, progress(source))


def generate(
    source: Source, out: str | Path, *, stems: str | Iterable[str | StemRole] = DEFAULT_STEMS, style: str | None = None, seed: int = 1,
    order: Order | None = None, analysis: MusicAnalysis | str | Path | None = None, progress: StepProgress = no_progress,
) -> tuple[NewStem, ...]:  # fmt: skip
    """Write new stems for a song: ROLE.flac, ROLE.mid (of engines that write notes), fit.json in `out`, the best candidate of each role first.

    `order` says more than stems, style and seed: candidates, a part of the song, chords, words, tempo (see `Order`). `analysis` saves
    analysing again.
    """
    wanted = order or Order(_roles(stems), style, seed)
    return generation_cases.generate(source, Path(out), engines(), wanted, loaded(analysis), progress)


def loaded(analysis: MusicAnalysis | str | Path | None) -> MusicAnalysis | None:
    """An analysis, or the file that holds one."""
    return analysis_cases.load(Path(analysis)) if isinstance(analysis, (str, Path)) else analysis


def fit(
    clip: Source, song: Source, out: str | Path, *, role: str | StemRole | None = None, wish: FitWish | None = None,
    analysis: MusicAnalysis | str | Path | None = None, progress: StepProgress = no_progress,
) -> Fitted:  # fmt: skip
    """Bring a loop or stem of yours onto a song: its beats, its key, its level, its length. What `wish` leaves open is decided by listening."""
    wanted = wish or FitWish()
    if role is not None:
        wanted = replace(wanted, role=role if isinstance(role, StemRole) else StemRole.parse(role))
    return fitting_cases.fit(clip, song, Path(out), engines(), wanted, analysis=loaded(analysis), progress=progress)


def straighten(
    song: Source, out: str | Path, *, tempo_bpm: float | None = None, stems: Sequence[str | Path] = (), undo: str | Path | None = None,
    analysis: MusicAnalysis | str | Path | None = None, progress: StepProgress = no_progress,
) -> TempoMap:  # fmt: skip
    """A song, and stems of it, at an even tempo; with `undo`, the tempo map that this wrote, back at the tempo that they had."""
    paths = [Path(s) for s in stems]
    if undo is not None:
        return fitting_cases.unstraighten(song, Path(out), Path(undo), paths, progress)
    return fitting_cases.straighten(song, Path(out), engines(), tempo_bpm, paths, analysis=loaded(analysis), progress=progress)


def band_styles() -> tuple[Style, ...]:
    """The styles of the session band."""
    return tuple(styles().values())


def band_parts() -> Mapping[StemRole, str]:
    """What the session band plays for each stem that can be asked for."""
    return PART_NAMES


def mix(inputs: list[str | Path | MixInput], out: str | Path, target_lufs: float = -14.0) -> Loudness:
    """Mix audio files into one, at a loudness and under -1 dBTP."""
    lanes = [i if isinstance(i, MixInput) else MixInput(Path(i)) for i in inputs]
    current_settings()
    return mixing_cases.mix(lanes, Path(out), target_lufs)


def render_midi(midi: str | Path, out: str | Path) -> float:
    """Play a MIDI file with the SoundFont of the settings. Returns seconds."""
    return midi_cases.render_midi(Path(midi), Path(out), current_settings().soundfont)


def play_along(
    source: Source, out: str | Path, *, stems: str | Iterable[str | StemRole] = DEFAULT_STEMS, style: str | None = None, seed: int = 1,
    without: str | StemRole | None = None, engine: str = "", project: bool = False, progress: StepProgress = no_progress,
) -> PlayAlong:  # fmt: skip
    """The main job: take a recording apart, understand it, play along; everything into the folder `out`. style None: the one that suits the song.

    engine: as in `generate`.

    project: also song.dawproject, the song and its stems for a sequencer.
    """
    role = StemRole.parse(without) if isinstance(without, str) else without
    wired = engines()
    options = replace(
        PlayAlongOptions(),
        roles=_roles(stems),
        style=style,
        seed=seed,
        without=role,
        threads=wired.threads,
        analysis=wired.analyzers.engines(),
        project=project,
    )
    return playalong_cases.run(source, Path(out), wired, options, engine=engine, progress=progress)


def record_demo_song(path: str | Path, seed: int = 7, progress: StepProgress = no_progress) -> MusicAnalysis:
    """Compose and record the demo song as MP3; returns the truth about it."""
    from sideman.app import demo as demo_cases

    return demo_cases.record_song(Path(path), engines(), seed, progress)


def compare_with_truth(truth: MusicAnalysis, found: MusicAnalysis) -> AnalysisScores:
    """Scores of an analysis against the composed truth."""
    from sideman.app import demo as demo_cases

    return demo_cases.compare(truth, found)


def evaluate_analysis(folder: str | Path, annotations: str | Path | None = None, wish: str | None = None) -> Iterator[AnalysisScores]:
    """Scores of every annotated recording below `folder`; annotations lie in folder/ref or where said. `wish`: engines, as for `analyze`."""
    from sideman.app import evaluation as evaluation_cases

    chosen = _analysis_engines(engines(), wish)
    return evaluation_cases.analysis_scores(Path(folder), Path(annotations) if annotations else None, chosen)


def evaluate_separation(folder: str | Path) -> Iterator[SeparationScores]:
    from sideman.app import evaluation as evaluation_cases

    return evaluation_cases.separation_scores(Path(folder), engines())


def evaluate_timing(folder: str | Path, annotations: str | Path | None = None) -> Iterator[TimingScore]:
    from sideman.app import evaluation as evaluation_cases

    return evaluation_cases.timing_scores(Path(folder), engines(), Path(annotations) if annotations else None)


def platform_settings(data: str | Path | None = None) -> PlatformSettings:
    return PlatformSettings.from_environment(Path(data) if data else None)


def _refuse_without_server_extra() -> None:
    try:
        import alembic  # noqa: F401
        import dbos  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise MissingAsset(
            f"the library needs the extra `server` ({error.name} is not installed): pip install 'sideman[server]'"
        ) from error


def sqlite_journal_mode() -> str:
    """`wal`, or `delete` (the rollback journal) for SQLite versions that WAL is not safe with."""
    from sideman.infra.database import journal_mode

    return journal_mode()


def open_services(settings: PlatformSettings) -> Services:
    """Databases and blob store, ready: created and brought up to date where need be."""
    _refuse_without_server_extra()
    from sideman.app.library.services import Services
    from sideman.infra.blobs import open_blob_store
    from sideman.infra.database import Database, migrate
    from sideman.infra.jobs.queue import JobQueue

    if settings.database_url.startswith("postgresql") or settings.jobs_url.startswith("postgresql"):
        _refuse_without_psycopg()
    database = Database.open(settings.database_url)
    migrate(database)
    return Services.over(settings, database, open_blob_store(settings.blobs_url), JobQueue(settings.jobs_url))


def _refuse_without_psycopg() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingAsset("PostgreSQL needs the extra `postgres`: pip install 'sideman[postgres]'") from error


def studio_over(services: Services) -> Studio:
    from sideman.app.library.studio import Studio
    from sideman.app.library.wishes import GeneratorFacts, Playable, StyleFacts

    about = "plays by rules on this machine; what it plays is yours"
    band = GeneratorFacts(BAND, "session band", "Apache-2.0, its sounds MIT", about, Use.COMMERCIAL, tuple(PART_NAMES))
    known = tuple(StyleFacts(s.name, s.title, s.traits) for s in styles().values())
    wired, here = engines(), services.database.is_sqlite  # the workers of a SQLite library are on this machine
    networks = wired.networks

    def generators() -> tuple[GeneratorFacts, ...]:
        states = networks.states(here) if networks is not None else ()
        return (band, *(GeneratorFacts(
            s.card.name, s.card.title, s.card.weight_licence, s.card.brings, s.card.use, tuple(StemRole.parse(r) for r in s.card.roles),
            s.problem, True, networks.weights(s.card.name) if networks is not None and s.installed else "",
        ) for s in states))  # fmt: skip

    playable = Playable(
        PART_NAMES, known, lambda name: style_named(name).name, lambda order: checked(order, wired.generators_named(order.engine, here)()),
        wired.separators, generators,
    )  # fmt: skip
    return Studio(services, playable, models())


def open_studio(data: str | Path | None = None) -> Studio:
    """The library in a folder (default: SIDEMAN_DATA). Close it, or use it as a context manager."""
    settings = platform_settings(data)
    try:
        return studio_over(open_services(settings))
    except OSError as error:
        raise UsageError(f"the library in {settings.data} cannot be opened ({error.strerror or error}): choose another folder") from error


def task_context() -> TaskContext:
    """What heavy tasks work with; called inside a worker's child process."""
    from sideman.app.workflows.context import TaskContext
    from sideman.infra.blobs import open_blob_store

    return TaskContext(open_blob_store(platform_settings().blobs_url), engines(), models())


@dataclass(frozen=True, slots=True)
class WorkerWish:
    """device: `cuda:N` or None. parent_pid: a server's process; the worker ends with it."""

    queues: tuple[str, ...] = ("orch", "cpu", "gpu")
    device: str | None = None
    parent_pid: int | None = None


def run_worker(
    settings: PlatformSettings, wish: WorkerWish, stopped: threading.Event, ready: Callable[[Callable[[], bytes]], None] | None = None
) -> None:
    """Take jobs until stopped. `ready` is called once with a function that checks the worker and gives its metrics.

    Returns with all child processes ended; end the process with os._exit then, threads of the queue may still wait.
    """
    _refuse_without_server_extra()
    from sideman.app.workflows.handlers import JobHandlers
    from sideman.infra.jobs.executor import claimed
    from sideman.infra.jobs.upkeep import Upkeep, dispatch_stranded, reconcile
    from sideman.infra.jobs.worker import Worker, WorkerPlace, run_until

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    services = open_services(settings)
    studio = studio_over(services)
    handlers = JobHandlers(services, studio.timelines, studio.webhooks)
    with claimed(settings.locks, settings.scratch) as executor:
        tempfile.tempdir = str(executor.scratch)
        place = WorkerPlace(
            settings.jobs_url, executor, wish.queues, settings.worker, _child_environment(settings, executor.scratch, wish.device)
        )
        worker = Worker(place, services.jobs, handlers, services.telemetry)
        worker.start()
        house = studio.housekeeping
        upkeep = Upkeep((
            (1.0, lambda: dispatch_stranded(services.jobs, services.queue)),
            (5.0, lambda: reconcile(services.jobs, services.queue, handlers.ended)), (600.0, studio.uploads.expire),
            (3600.0, house.empty_trash), (3600.0, house.sweep_blobs), (3600.0, house.forget_jobs),
            (3600.0, services.database.gather_statistics),
        ))  # fmt: skip
        post = Upkeep(((2.0, studio.webhooks.deliver),))  # other people's servers keep nothing else waiting
        upkeep.start()
        post.start()
        logging.getLogger("sideman.worker").info("ready: %s serves %s", executor.name, ", ".join(wish.queues))
        if ready is not None:
            ready(studio.measures.text)
        run_until(stopped, wish.parent_pid)
        upkeep.stop()
        worker.stop()
        post.stop()
        studio.close()


def upkeep_of_uploads(studio: Studio) -> Upkeep:
    """For a server: unfinished uploads lie on its machine, where a worker may not be."""
    from sideman.infra.jobs.upkeep import Upkeep

    return Upkeep(((600.0, studio.uploads.expire),))


def _child_environment(settings: PlatformSettings, scratch: Path, device: str | None) -> dict[str, str]:
    environment = {
        "SIDEMAN_MODELS": str(current_settings().models.folder), "SIDEMAN_DATA": str(settings.data), "SIDEMAN_BLOBS_URL": settings.blobs_url, "SIDEMAN_SCRATCH": str(scratch), "SIDEMAN_THREADS": "1",
    }  # fmt: skip
    if device and re.fullmatch(r"cuda:\d+", device):
        environment["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    elif device in ("cpu", "cuda", "mps", "xpu"):
        environment["SIDEMAN_DEVICE"] = device
    elif device:
        raise UsageError(f"--device is {device!r}: it takes cpu, cuda, cuda:0 and so on, mps or xpu")
    return environment
