"""Settings: typed values, read once from the environment and passed down. Every row stands in docs/reference/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sideman.carried import FOLDER
from sideman.errors import UsageError


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the settings table."""

    variable: str
    default: str
    help: str


ROWS = (
    Setting("SIDEMAN_SOUNDFONT", "the carried FluidR3Mono", "SoundFont (.sf2 or .sf3) that the session band plays"),
    Setting(
        "SIDEMAN_SYNTH", "own", "what plays the SoundFont: own (the same bytes everywhere), or fluidsynth where its library is installed"
    ),
    Setting(
        "SIDEMAN_ANALYSIS",
        "the engines that need no download",
        "analysis engines other than the default ones, such as beats=madmom,key=madmom,notes=basic-pitch; set where jobs are asked for",
    ),
    Setting(
        "SIDEMAN_THREADS",
        "number of processors, at most 4",
        "how many stems are made at once by the command line; a worker's task uses one thread",
    ),
    Setting(
        "SIDEMAN_SCRATCH",
        "the system's temporary folder",
        "where decoded audio lies while the command line works (21 MB a stereo minute and lane); workers use scratch in SIDEMAN_DATA",
    ),
    Setting("SIDEMAN_MODELS", "models in SIDEMAN_DATA", "folder of installed model weights; workers on other machines need the same ones"),
    Setting("SIDEMAN_HUB", "https://huggingface.co", "where models that lie on the model hub are fetched: a mirror with the same paths"),
    Setting(
        "SIDEMAN_MODEL_POLICY", "any", "which weights may be installed and used: any, or commercial (only those that allow commercial use)"
    ),
    Setting("SIDEMAN_MODELS_ALLOWED", "all", "names of the only models that may be installed and used, separated by commas"),
    Setting("SIDEMAN_MODEL_MEMORY_MB", "0", "memory that loaded models may take together; 0 is as much as is free"),
    Setting("SIDEMAN_MODEL_THREADS", "number of processors", "processors that one model takes while it runs"),
    Setting(
        "SIDEMAN_DEVICE", "the best there is", "where models run: cpu, cuda, mps or xpu; all but cpu need the extra `torch` or `neural`"
    ),
    Setting("SIDEMAN_DATA", "~/.local/share/sideman", "folder of the library: databases, blobs, unfinished uploads, scratch"),
    Setting("SIDEMAN_DATABASE_URL", "library.db in SIDEMAN_DATA", "database of the library: sqlite:///FILE or postgresql://USER@HOST/NAME"),
    Setting("SIDEMAN_JOBS_URL", "jobs.db in SIDEMAN_DATA", "database of the job queues: sqlite:///FILE or postgresql://USER@HOST/NAME"),
    Setting(
        "SIDEMAN_BLOBS_URL", "blobs in SIDEMAN_DATA", "where audio lies: file:///FOLDER, azure://CONTAINER or s3://BUCKET?endpoint=URL"
    ),
    Setting("SIDEMAN_MAX_UPLOAD_MB", "2048", "largest file that may be added"),
    Setting("SIDEMAN_MAX_DURATION_MIN", "240", "longest recording that may be added"),
    Setting("SIDEMAN_MAX_CHANNELS", "8", "most channels of a recording that may be added"),
    Setting("SIDEMAN_MAX_RATE_HZ", "192000", "highest sample rate of a recording that may be added"),
    Setting("SIDEMAN_DECODE_MEMORY_MB", "1024", "memory that decoding one uploaded file may take"),
    Setting("SIDEMAN_DECODE_S", "300", "time that decoding one uploaded file may take"),
    Setting("SIDEMAN_QUOTA_MB", "0", "bytes that a user who is no admin may keep, in MB; 0 is no limit"),
    Setting("SIDEMAN_QUOTA_MINUTES", "0", "minutes of audio that a user who is no admin may keep; 0 is no limit"),
    Setting("SIDEMAN_QUOTA_JOBS", "0", "jobs that a user who is no admin may start in 24 hours; 0 is no limit"),
    Setting("SIDEMAN_RATE_PER_MINUTE", "1200", "requests that one API key may send in a minute; 0 is no limit"),
    Setting("SIDEMAN_TRASH_DAYS", "30", "how long a recording stays in the trash before it is really gone"),
    Setting(
        "SIDEMAN_BLOB_GRACE_HOURS",
        "24",
        "how long bytes that nothing uses any more are kept; at least 1, since bytes on their way into a row are such",
    ),
    Setting("SIDEMAN_UPLOAD_HOURS", "24", "how long an unfinished resumable upload is kept"),
    Setting("SIDEMAN_JOB_DAYS", "30", "how long finished jobs are listed"),
    Setting("SIDEMAN_CPU_SLOTS", "number of processors, at most 4", "heavy CPU steps that one worker runs at once"),
    Setting("SIDEMAN_HEARTBEAT_S", "5", "how often a worker says that it lives"),
    Setting("SIDEMAN_DEAD_AFTER_S", "30", "silence after which a worker's jobs go to another one"),
    Setting("SIDEMAN_TASK_MEMORY_MB", "0", "memory that a heavy step's process may take; 0 is no limit"),
    Setting("SIDEMAN_WEBHOOK_PRIVATE", "no", "yes: webhooks may go to addresses inside this network"),
)
SYNTHS = ("own", "fluidsynth")
_DEFAULTS = {row.variable: row.default for row in ROWS}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """allowed: names, None for all. memory_bytes: 0 is no limit of ours. device: None is the best there is."""

    folder: Path
    hub: str
    commercial_only: bool
    allowed: frozenset[str] | None
    memory_bytes: int
    threads: int
    device: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    soundfont: Path
    threads: int
    scratch: Path | None
    models: ModelSettings
    notes_network: Path = FOLDER / "notes.onnx"
    analysis: str | None = None
    synth: str = "own"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises UsageError for a value that makes no sense."""
        env = os.environ if environment is None else environment
        font = env.get("SIDEMAN_SOUNDFONT")
        scratch = env.get("SIDEMAN_SCRATCH")
        if scratch and not Path(scratch).is_dir():
            raise UsageError(f"SIDEMAN_SCRATCH is {scratch!r}, which is not a folder: make it or unset the variable")
        synth = (env.get("SIDEMAN_SYNTH") or "own").lower()
        if synth not in SYNTHS:
            raise UsageError(f"SIDEMAN_SYNTH is {synth!r}: choose {' or '.join(SYNTHS)}")
        threads = _whole(env, "SIDEMAN_THREADS", 1, _processors())
        return cls(
            Path(font) if font else FOLDER / "soundfont.sf3", threads, Path(scratch) if scratch else None, _models(env),
            analysis=env.get("SIDEMAN_ANALYSIS"), synth=synth,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be added to the library, and how much of it. A quota or rate of 0 is no limit."""

    upload_bytes: int
    duration_s: int
    channels: int
    rate_hz: int
    decode_memory_bytes: int
    decode_s: int
    quota_bytes: int
    quota_audio_s: int
    quota_jobs_per_day: int
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Retention:
    trash_s: int
    blob_grace_s: int
    upload_s: int
    jobs_s: int


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    cpu_slots: int
    heartbeat_s: float
    dead_after_s: float
    task_memory_bytes: int
    private_webhooks: bool


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """Where the library lies and what it allows."""

    data: Path
    database_url: str
    jobs_url: str
    blobs_url: str
    limits: Limits
    retention: Retention
    worker: WorkerSettings
    analysis: str | None = None

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def scratch(self) -> Path:
        return self.data / "scratch"

    @property
    def locks(self) -> Path:
        return self.data / "locks"

    @classmethod
    def from_environment(cls, data: Path | None = None, environment: Mapping[str, str] | None = None) -> PlatformSettings:
        """`data` comes from the command line and goes before SIDEMAN_DATA. Raises UsageError."""
        env = os.environ if environment is None else environment
        folder = (data or _data(env)).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file: choose a folder for the library")
        mb = 1 << 20
        limits = Limits(
            _whole(env, "SIDEMAN_MAX_UPLOAD_MB", 1) * mb, _whole(env, "SIDEMAN_MAX_DURATION_MIN", 1) * 60, _whole(env, "SIDEMAN_MAX_CHANNELS", 1),
            _whole(env, "SIDEMAN_MAX_RATE_HZ", 1000), _whole(env, "SIDEMAN_DECODE_MEMORY_MB", 256) * mb, _whole(env, "SIDEMAN_DECODE_S", 1),
            _whole(env, "SIDEMAN_QUOTA_MB") * mb, _whole(env, "SIDEMAN_QUOTA_MINUTES") * 60, _whole(env, "SIDEMAN_QUOTA_JOBS"),
            _whole(env, "SIDEMAN_RATE_PER_MINUTE"),
        )  # fmt: skip
        retention = Retention(
            _days_s(env, "SIDEMAN_TRASH_DAYS", 0), _hours_s(env, "SIDEMAN_BLOB_GRACE_HOURS"),
            _hours_s(env, "SIDEMAN_UPLOAD_HOURS"), _days_s(env, "SIDEMAN_JOB_DAYS"),
        )  # fmt: skip
        worker = WorkerSettings(
            _whole(env, "SIDEMAN_CPU_SLOTS", 1, _processors()), _seconds(env, "SIDEMAN_HEARTBEAT_S"), _seconds(env, "SIDEMAN_DEAD_AFTER_S"),
            _whole(env, "SIDEMAN_TASK_MEMORY_MB") * mb, _yes(env, "SIDEMAN_WEBHOOK_PRIVATE"),
        )  # fmt: skip
        if worker.dead_after_s < 2 * worker.heartbeat_s:
            raise UsageError("SIDEMAN_DEAD_AFTER_S must be twice SIDEMAN_HEARTBEAT_S or more, or living workers are taken for dead")
        return cls(
            folder, _database(env, "SIDEMAN_DATABASE_URL", folder / "library.db"), _database(env, "SIDEMAN_JOBS_URL", folder / "jobs.db"),
            env.get("SIDEMAN_BLOBS_URL") or f"file://{folder / 'blobs'}", limits, retention, worker, env.get("SIDEMAN_ANALYSIS"),
        )  # fmt: skip


def _data(env: Mapping[str, str]) -> Path:
    return Path(env.get("SIDEMAN_DATA") or Path.home() / ".local/share/sideman").expanduser()


def _models(env: Mapping[str, str]) -> ModelSettings:
    policy = env.get("SIDEMAN_MODEL_POLICY") or "any"
    if policy not in ("any", "commercial"):
        raise UsageError(f"SIDEMAN_MODEL_POLICY is {policy!r}: set it to any or commercial")
    device = env.get("SIDEMAN_DEVICE") or None
    if device not in (None, "cpu", "cuda", "mps", "xpu"):
        raise UsageError(f"SIDEMAN_DEVICE is {device!r}: set it to cpu, cuda, mps or xpu")
    names = env.get("SIDEMAN_MODELS_ALLOWED")
    allowed = None if not names or names == "all" else frozenset(n.strip() for n in names.split(",") if n.strip())
    threads = _whole(env, "SIDEMAN_MODEL_THREADS", 1, os.cpu_count() or 1)
    folder = Path(env.get("SIDEMAN_MODELS") or _data(env) / "models").expanduser().absolute()
    hub = (env.get("SIDEMAN_HUB") or _DEFAULTS["SIDEMAN_HUB"]).rstrip("/")
    if not hub.startswith(("https://", "http://")):
        raise UsageError(f"SIDEMAN_HUB is {hub!r}: it begins with https://")
    return ModelSettings(folder, hub, policy == "commercial", allowed, _whole(env, "SIDEMAN_MODEL_MEMORY_MB") << 20, threads, device)


def _processors() -> int:
    return min(4, os.cpu_count() or 1)


LONGEST_DAYS = 36_500


def _whole(env: Mapping[str, str], variable: str, least: int = 0, default: int | None = None, most: int | None = None) -> int:
    raw = env.get(variable) or str(_DEFAULTS[variable] if default is None else default)
    if not raw.isdecimal() or int(raw) < least:
        raise UsageError(f"{variable} is {raw!r}: set it to a whole number from {least} on")
    if most is not None and int(raw) > most:
        raise UsageError(f"{variable} is {raw}: {most} is the most")
    return int(raw)


def _days_s(env: Mapping[str, str], variable: str, least: int = 1) -> int:
    return _whole(env, variable, least, most=LONGEST_DAYS) * 86_400


def _hours_s(env: Mapping[str, str], variable: str) -> int:
    return _whole(env, variable, 1, most=LONGEST_DAYS * 24) * 3600


def _yes(env: Mapping[str, str], variable: str) -> bool:
    raw = (env.get(variable) or _DEFAULTS[variable]).strip().casefold()
    if raw not in ("yes", "no", "true", "false", "1", "0"):
        raise UsageError(f"{variable} is {raw!r}: set it to yes or no")
    return raw in ("yes", "true", "1")


def _seconds(env: Mapping[str, str], variable: str) -> float:
    raw = env.get(variable) or _DEFAULTS[variable]
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise UsageError(f"{variable} is {raw!r}: set it to seconds from 0.1 to 3600")
    return value


def _database(env: Mapping[str, str], variable: str, file: Path) -> str:
    if not env.get(variable) and set("?%") & set(str(file)):
        raise UsageError(f"{file.parent} has a ? or a % in its name, which the address of a database cannot hold: choose another folder")
    url = env.get(variable) or f"sqlite:///{file}"
    if not url.startswith(("sqlite:///", "postgresql://")):
        raise UsageError(f"{variable} is {url.split('@')[-1]!r}: it begins with sqlite:/// or postgresql://")
    return url
