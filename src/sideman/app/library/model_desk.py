"""Models on a server: everybody may look, admins install (as a job, after accepting the terms) and remove."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from sideman.app.library.access import Access, Caller
from sideman.app.library.jobs import MODEL, JobDesk
from sideman.app.models import Models, ModelState
from sideman.errors import ConsentNeeded, NotFound
from sideman.infra.database import JobRecord, NewJob


class ModelDesk:
    """Weights lie in a folder (SIDEMAN_MODELS) that workers on other machines must share."""

    def __init__(self, access: Access, jobs: JobDesk, models: Models) -> None:
        self._access, self._jobs, self._models = access, jobs, models

    def all(self) -> tuple[ModelState, ...]:
        return self._models.all()

    def get(self, name: str) -> ModelState:
        """Raises NotFound for a name that no card has."""
        self._known(name)
        return self._models.get(name)

    def _known(self, name: str) -> None:
        if not self._models.knows(name):
            raise NotFound(f"there is no model named {name!r}: GET /api/v1/models lists them")

    def install(self, who: Caller, name: str, accepted: bool) -> JobRecord:
        """A job that fetches the weights. Raises ConsentNeeded with the terms, ModelRefused, Forbidden."""
        self._access.require(who, "admin")
        self._known(name)
        card = self._models.allowed(name)
        if not accepted:
            raise ConsentNeeded(f"{name} comes with terms that you have to accept first:\n{card.licence_text}")
        request = {"model": name, "consent": asdict(self._models.consent(name, who.name))}
        equal = hashlib.sha256(json.dumps([MODEL, name]).encode()).hexdigest()
        return self._jobs.submit(NewJob(who.user_id, MODEL, request, equal, entity_id=name))

    def remove(self, who: Caller, name: str) -> None:
        self._access.require(who, "admin")
        self._known(name)
        self._models.remove(name)
