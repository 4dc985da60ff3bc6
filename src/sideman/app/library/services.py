"""What the use cases of the library work with; bootstrap fills it."""

from __future__ import annotations

from dataclasses import dataclass

from sideman.infra.blobs import BlobStore
from sideman.infra.blobs.measured import MeasuredBlobStore
from sideman.infra.database import Database, Jobs, People, Recordings, Results, Transfers
from sideman.infra.jobs.queue import JobQueue
from sideman.infra.settings import PlatformSettings
from sideman.infra.telemetry import Telemetry


@dataclass(frozen=True)
class Services:
    settings: PlatformSettings
    database: Database
    blobs: BlobStore
    queue: JobQueue
    recordings: Recordings
    jobs: Jobs
    results: Results
    people: People
    transfers: Transfers
    telemetry: Telemetry

    @classmethod
    def over(cls, settings: PlatformSettings, database: Database, blobs: BlobStore, queue: JobQueue) -> Services:
        telemetry = Telemetry()
        database.telemetry = telemetry
        return cls(
            settings, database, MeasuredBlobStore(blobs, telemetry), queue, Recordings(database), Jobs(database), Results(database),
            People(database), Transfers(database), telemetry,
        )  # fmt: skip

    def close(self) -> None:
        self.queue.close()
        self.database.close()
