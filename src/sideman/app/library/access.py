"""Who is asking, and what they may do: users, API keys, browser sessions, roles, shares."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sideman.app.library.services import Services
from sideman.errors import Conflict, Forbidden, NotFound, QuotaExceeded, Unauthenticated, UsageError
from sideman.infra.database import ApiKeyRecord, CollectionRecord, JobRecord, RecordingRecord, Scope, UserRecord, now

ROLES = ("viewer", "editor", "admin")
"""In the order of what they may do."""
LOCAL_USER = "local"
KEY_PREFIX = "sm_"
SESSION_DAYS = 14
USED_EVERY_S = 60.0
FAR_AWAY_S = 600.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with the role that counts for this request: the lower one of the user's and the key's."""

    user_id: str
    name: str
    role: str
    key_id: str | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def scope(self) -> Scope:
        return Scope(self.user_id, self.is_admin)


@dataclass(frozen=True, slots=True)
class NewKey:
    """token is shown once; only its hash is kept."""

    record: ApiKeyRecord
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSession:
    """cookie goes into the HttpOnly cookie, csrf into a header of every request that changes something."""

    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    caller: Caller


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Access:
    def __init__(self, services: Services) -> None:
        self._people, self._recordings = services.people, services.recordings
        self._rates = _Rates(services.settings.limits.requests_per_minute)
        self._used: dict[str, float] = {}
        self._secret = ""

    # who is asking

    def local(self) -> Caller:
        """The person in front of this machine: an admin without a key."""
        try:
            user = self._people.user_named(LOCAL_USER)
        except NotFound:
            try:
                user = self._people.add_user(LOCAL_USER, "admin")
            except Conflict:  # another process was first
                user = self._people.user_named(LOCAL_USER)
        return Caller(user.id, user.name, "admin")

    def by_key(self, token: str) -> Caller:
        """Raises Unauthenticated."""
        key = self._people.key_by_hash(digest(token)) if token.startswith(KEY_PREFIX) else None
        if key is None:
            raise Unauthenticated("this API key is unknown or was revoked: ask an admin for a new one")
        return self._caller(key)

    def by_session(self, cookie: str) -> Caller:
        """Raises Unauthenticated."""
        key = self._people.key_by_session(digest(cookie))
        if key is None:
            raise Unauthenticated("this session has ended: sign in again with your key")
        return self._caller(key)

    def _caller(self, key: ApiKeyRecord) -> Caller:
        user = self._people.user(key.owner_id)
        if user.disabled_at is not None:
            raise Unauthenticated("this user is disabled: ask an admin")
        self._rates.take(key.id)
        if time.monotonic() - self._used.get(key.id, -USED_EVERY_S) >= USED_EVERY_S:
            self._used[key.id] = time.monotonic()
            self._people.used_key(key.id)
        role = ROLES[min(ROLES.index(user.role), ROLES.index(key.role))]
        return Caller(user.id, user.name, role, key.id)

    def may_stay(self, who: Caller) -> bool:
        """Whether somebody who was let in would still be: their user is there and not disabled, their key not revoked."""
        try:
            user = self._people.user(who.user_id)
            key = self._people.key(who.key_id) if who.key_id else None
        except NotFound:
            return False
        return user.disabled_at is None and (key is None or key.revoked_at is None)

    # sessions

    def start_session(self, token: str) -> NewSession:
        caller = self.by_key(token)
        assert caller.key_id is not None
        cookie = secrets.token_urlsafe(32)
        self._people.add_session(digest(cookie), caller.key_id, now() + timedelta(days=SESSION_DAYS))
        return NewSession(cookie, self.csrf(cookie), caller)

    def end_session(self, cookie: str) -> None:
        self._people.end_session(digest(cookie))

    def csrf(self, cookie: str) -> str:
        return self.signature("csrf", cookie)

    def signature(self, *parts: str) -> str:
        """HMAC-SHA-256 under the secret that all machines of this library share."""
        if not self._secret:
            self._secret = self._people.secret("signing", secrets.token_hex(32))
        return hmac.new(self._secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hexdigest()

    # what they may do

    def require(self, who: Caller, role: str) -> None:
        if ROLES.index(who.role) < ROLES.index(role):
            raise Forbidden(f"this needs the role {role}, and {who.name} has the role {who.role}: ask an admin")

    def readable(self, who: Caller, recording_id: str) -> RecordingRecord:
        """Raises NotFound also for what is somebody else's: whether it exists is theirs to know."""
        record = self._recordings.get(recording_id)
        if not (who.is_admin or record.owner_id == who.user_id or self._people.access_to(who.user_id, recording_id)):
            raise NotFound("there is no such recording: it may have been deleted")
        return record

    def writable(self, who: Caller, recording_id: str) -> RecordingRecord:
        record = self.readable(who, recording_id)
        self.require(who, "editor")
        if not (who.is_admin or record.owner_id == who.user_id or self._people.access_to(who.user_id, recording_id) == "write"):
            raise Forbidden("this recording is shared with you to read: ask its owner for write access")
        return record

    def owned(self, who: Caller, recording_id: str) -> RecordingRecord:
        """For what only the owner decides: sharing, trash."""
        record = self.readable(who, recording_id)
        self.require(who, "editor")
        if not (who.is_admin or record.owner_id == who.user_id):
            raise Forbidden("only the owner of this recording may do this")
        return record

    def job(self, who: Caller, job: JobRecord, change: bool = False) -> JobRecord:
        """One's own, and those of recordings that one may read; to change another's takes write access to its recording."""
        if change:
            self.require(who, "editor")
        if who.is_admin or job.owner_id == who.user_id:
            return job
        if job.recording_id is None:
            raise _no_such_job()
        try:
            (self.writable if change else self.readable)(who, job.recording_id)
        except NotFound:
            raise _no_such_job() from None
        return job

    def collection(self, who: Caller, collection_id: str, write: bool = False) -> CollectionRecord:
        found = self._people.collection(collection_id)
        mine = who.is_admin or found.owner_id == who.user_id
        shared = () if mine else self._people.shares_of(collection_id=collection_id)
        access = next((s.access for s in shared if s.user_id == who.user_id), None)
        if not mine and access is None:
            raise NotFound("there is no such collection")
        if write:
            self.require(who, "editor")
            if not mine and access != "write":
                raise Forbidden("this collection is shared with you to read: ask its owner for write access")
        return replace(found, access=access or "own")

    # users and keys

    def add_user(self, who: Caller, name: str, role: str) -> UserRecord:
        self.require(who, "admin")
        if not name.strip() or role not in ROLES:
            raise UsageError(f"a user needs a name and one of the roles {', '.join(ROLES)}")
        return self._people.add_user(name.strip(), role)

    def users(self, who: Caller) -> tuple[UserRecord, ...]:
        self.require(who, "admin")
        return self._people.users()

    def user_named(self, name: str) -> UserRecord:
        return self._people.user_named(name)

    def update_user(self, who: Caller, user_id: str, role: str | None, disabled: bool | None) -> UserRecord:
        self.require(who, "admin")
        if user_id == who.user_id:
            raise Conflict("you cannot change your own role or disable yourself: another admin can")
        self._people.user(user_id)
        return self._people.update_user(user_id, role, disabled)

    def add_key(self, who: Caller, user_id: str, name: str, role: str) -> NewKey:
        """A 256-bit key. Everybody makes keys for themselves up to their own role; admins for anybody."""
        if user_id != who.user_id:
            self.require(who, "admin")
        if role not in ROLES:
            raise UsageError(f"no role named {role!r}: there are {', '.join(ROLES)}")
        user = self._people.user(user_id)
        self.require(Caller(user_id, user.name, who.role if user_id == who.user_id else user.role), role)
        token = KEY_PREFIX + secrets.token_urlsafe(32)
        return NewKey(self._people.add_key(user_id, name or "key", role, digest(token), token[:9]), token)

    def keys(self, who: Caller) -> tuple[ApiKeyRecord, ...]:
        return self._people.keys(None if who.is_admin else who.user_id)

    def revoke_key(self, who: Caller, key_id: str) -> None:
        """One's own, up to one's own role; an admin anybody's."""
        key = self._people.key(key_id)
        if key.owner_id != who.user_id and not who.is_admin:
            raise NotFound("there is no such key")
        if key.id != who.key_id:
            self.require(who, key.role)
        self._people.revoke_key(key_id)

    def admin_key_exists(self) -> bool:
        return self._people.admin_key_exists()


def _no_such_job() -> NotFound:
    return NotFound("there is no such job: it may have been deleted")


class _Rates:
    """A token bucket per key, in this process: bursts of a tenth of a minute's allowance at once, then evenly."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key_id: str) -> None:
        if not self._per_minute:
            return
        most, moment = max(1.0, self._per_minute / 10), time.monotonic()
        with self._lock:
            tokens, last = self._buckets.get(key_id, (most, moment))
            tokens = min(most, tokens + (moment - last) * self._per_minute / 60)
            if len(self._buckets) > 10_000:
                self._buckets = {k: v for k, v in self._buckets.items() if moment - v[1] < FAR_AWAY_S}
            self._buckets[key_id] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, moment)
        if tokens < 1:
            wait = max(1, round((1 - tokens) * 60 / self._per_minute))
            raise QuotaExceeded(f"more than {self._per_minute} requests in a minute with one key: wait {wait} s", wait)
