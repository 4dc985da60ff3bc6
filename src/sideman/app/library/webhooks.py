"""Webhooks: a signed message to the user's own address when a job is done, sent again until it arrives."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import secrets
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import httpx

from sideman.app.library.access import Access, Caller
from sideman.app.library.services import Services
from sideman.errors import NotFound, UsageError
from sideman.infra.database import DeliveryRecord, JobRecord, WebhookRecord, now

WAITS_S = (10, 60, 300, 1800, 7200, 21600, 43200)
LEASE_S = 60
TIMEOUT_S = 10.0
"""For a whole delivery, however the receiver spreads its answer; the lease outlasts it."""
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Signed:
    """timestamp and signature go into the header Sideman-Signature: `t=...,v1=...`, HMAC-SHA-256 over `t.body`."""

    body: bytes
    header: str


def signed(secret: str, payload: dict[str, object]) -> Signed:
    body, moment = json.dumps(payload, sort_keys=True).encode(), int(time.time())
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return Signed(body, f"t={moment},v1={mac}")


class Webhooks:
    def __init__(self, services: Services, access: Access) -> None:
        self._s, self._access = services, access

    def add(self, who: Caller, url: str) -> WebhookRecord:
        """The record holds the secret that signatures are made with; it is shown once."""
        self._access.require(who, "editor")
        if len(url) > 1000 or not _is_web_address(url):
            raise UsageError(f"{url[:100]!r} is no web address: it begins with https:// or http://")
        return self._s.transfers.add_webhook(who.user_id, url, secrets.token_urlsafe(32))

    def list(self, who: Caller) -> tuple[WebhookRecord, ...]:
        return self._s.transfers.webhooks(who.user_id)

    def delete(self, who: Caller, webhook_id: str) -> None:
        self._mine(who, webhook_id)
        self._access.require(who, "editor")
        self._s.transfers.delete_webhook(webhook_id)

    def deliveries(self, who: Caller, webhook_id: str) -> tuple[DeliveryRecord, ...]:
        self._mine(who, webhook_id)
        return self._s.transfers.deliveries(webhook_id)

    def _mine(self, who: Caller, webhook_id: str) -> WebhookRecord:
        hook = self._s.transfers.webhook(webhook_id)
        if hook.owner_id != who.user_id:
            raise NotFound("there is no such webhook")
        return hook

    def announce(self, job: JobRecord) -> None:
        if job.state in ("completed", "failed"):
            self._s.transfers.add_deliveries(job.owner_id, job.id, f"job.{job.state}")

    def deliver(self) -> int:
        """Send what is due, each taken when its turn comes. Returns how many arrived."""
        arrived = 0
        for _ in range(AT_ONCE):
            due = self._s.transfers.due_deliveries(1, now() + timedelta(seconds=LEASE_S))
            if not due:
                break
            (delivery,) = due
            try:
                hook = self._s.transfers.webhook(delivery.webhook_id)
            except NotFound:
                continue  # deleted meanwhile, and the delivery with it
            jobs = self._s.jobs.many([delivery.job_id])
            error = self._send(hook, delivery, jobs[0]) if jobs else "the job was deleted before this could be sent"
            wait = WAITS_S[min(delivery.attempts, len(WAITS_S) - 1)]
            given_up = error is not None and (not jobs or delivery.attempts >= len(WAITS_S))
            self._s.transfers.settle_delivery(
                delivery.id, error, now() + timedelta(days=3650) if given_up else now() + timedelta(seconds=wait)
            )
            arrived += error is None
        return arrived

    def _send(self, hook: WebhookRecord, delivery: DeliveryRecord, job: JobRecord) -> str | None:
        """None when it arrived, else what went wrong."""
        payload: dict[str, object] = {
            "event": delivery.event, "jobId": job.id, "kind": job.kind, "recordingId": job.recording_id, "entityId": job.entity_id,
            "error": job.error, "finishedAt": job.finished_at.isoformat() if job.finished_at else None, "deliveryId": delivery.id,
        }  # fmt: skip
        message = signed(hook.secret, payload)
        headers = {"Content-Type": "application/json", "Sideman-Signature": message.header, "User-Agent": "sideman-webhook"}
        try:
            places = _resolved(hook.url)
            inside = next((p.address for p in places if not ipaddress.ip_address(p.address).is_global), None)
            if inside and not self._s.settings.worker.private_webhooks:
                return f"{inside} is inside this network: SIDEMAN_WEBHOOK_PRIVATE=yes allows it"
            status = asyncio.run(asyncio.wait_for(_post(places, message.body, headers), TIMEOUT_S))
        except TimeoutError:
            return f"the address did not answer within {TIMEOUT_S:.0f} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return f"{type(error).__name__}: {error}"
        return None if 200 <= status < 300 else f"the address answered {status}"


async def _post(places: tuple[_Place, ...], body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer, from the first address that takes a connection; what follows the status is not read."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        for k, place in enumerate(places):
            named, extensions = headers | {"Host": place.host}, {"sni_hostname": place.name}
            try:
                async with client.stream("POST", place.url, content=body, headers=named, extensions=extensions) as answer:
                    return answer.status_code
            except httpx.ConnectError:
                if k == len(places) - 1:
                    raise
    raise httpx.ConnectError("the name has no address")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are none, a port that is no number
        return False


@dataclass(frozen=True, slots=True)
class _Place:
    """url: with the address in place of the name, so that what is checked is what is called, whatever the name says next."""

    url: str
    host: str
    name: str
    address: str


def _resolved(url: str) -> tuple[_Place, ...]:
    """Where a webhook really goes: it must not be a way into the network."""
    parts = urlsplit(url)
    name, port = parts.hostname or "", "" if parts.port is None else f":{parts.port}"
    places = []
    for *_, found in socket.getaddrinfo(name, parts.port or 443, proto=socket.IPPROTO_TCP):
        address = str(found[0])
        there = parts._replace(netloc=f"[{address}]{port}" if ":" in address else f"{address}{port}")
        places.append(_Place(urlunsplit(there), parts.netloc.rpartition("@")[2], name, address))
    return tuple(places)
