"""Studio: a library that remembers. The door for Python users and for every face."""

from __future__ import annotations

from types import TracebackType

from sideman.app.library.access import Access
from sideman.app.library.collections import Collections
from sideman.app.library.decoder import Decoder
from sideman.app.library.demo import DemoSong
from sideman.app.library.files import FileDesk
from sideman.app.library.fits import FitDesk
from sideman.app.library.housekeeping import Housekeeping
from sideman.app.library.intake import Intake
from sideman.app.library.jobs import JobDesk
from sideman.app.library.measuring import Measures
from sideman.app.library.model_desk import ModelDesk
from sideman.app.library.recordings import RecordingLibrary
from sideman.app.library.separations import SeparationDesk
from sideman.app.library.services import Services
from sideman.app.library.stems import StemLibrary
from sideman.app.library.timeline import Timelines
from sideman.app.library.uploads import Uploads
from sideman.app.library.watching import JobWatch
from sideman.app.library.webhooks import Webhooks
from sideman.app.library.wishes import Playable
from sideman.app.models import Models
from sideman.errors import LibraryError, NotFound, ServiceUnavailable
from sideman.infra.jobs.queue import QueueDepth

NO_BLOB = "0" * 64


class Studio:
    """Use cases by noun: `studio.recordings`, `studio.jobs`, ... Each takes the caller first. A context manager.

    >>> with sideman.open_studio("library") as studio:            # doctest: +SKIP
    ...     me = studio.access.local()
    ...     added = studio.intake.add(me, Path("song.mp3"), "song.mp3")
    ...     job = studio.jobs.analyse(me, added.recording.id)
    """

    def __init__(self, services: Services, playable: Playable, models: Models) -> None:
        self.services = services
        self.settings = services.settings
        self._decoder = Decoder(services.settings.limits, services.settings.scratch)
        self.access = Access(services)
        self.recordings = RecordingLibrary(services, self.access, self._decoder)
        self.intake = Intake(services, self.access, self._decoder)
        self.demo = DemoSong(self.access, self.intake, services.settings.data)
        self.uploads = Uploads(services, self.access, self.intake)
        self.timelines = Timelines(services, self.access)
        self.stems = StemLibrary(services, self.access)
        self.collections = Collections(services, self.access)
        self.jobs = JobDesk(services, self.access, playable)
        self.separations = SeparationDesk(services, self.access, self.jobs, playable.separators)
        self.fits = FitDesk(services, self.access, self.jobs, self.timelines)
        self.files = FileDesk(services, self.access, self.jobs, self.timelines)
        self.models = ModelDesk(self.access, self.jobs, models)
        self.webhooks = Webhooks(services, self.access)
        self.housekeeping = Housekeeping(services)
        self.watch = JobWatch(services)
        self.measures = Measures(services)

    def check(self) -> None:
        """Raises ServiceUnavailable when the database, the queues or the blob store do not answer, or the database is damaged."""
        try:
            self.services.database.refuse_unreadable()
        except LibraryError as error:
            raise ServiceUnavailable(str(error)) from error
        self.services.queue.depths()
        try:
            self.services.blobs.info(NO_BLOB)
        except NotFound:
            return  # it answered

    @property
    def database_kind(self) -> str:
        return "sqlite" if self.services.database.is_sqlite else "postgresql"

    def living_workers(self) -> int:
        """Workers that gave a heartbeat lately."""
        return self.services.queue.living_workers(self.settings.worker.dead_after_s)

    def queue_depths(self) -> tuple[QueueDepth, ...]:
        return self.services.queue.depths()

    def close(self) -> None:
        self.watch.stop()
        self._decoder.close()
        self.services.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
