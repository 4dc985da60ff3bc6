"""What the REST face takes and gives about people: users, keys, sessions, collections, shares, webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sideman.faces.rest.shapes import Ident, Name, Shape


class UserShape(Shape):
    id: str
    name: str
    role: Literal["viewer", "editor", "admin"]
    created_at: datetime
    disabled_at: datetime | None


class UserRequest(Shape):
    name: Name
    role: Literal["viewer", "editor", "admin"] = "editor"


class UserChange(Shape):
    role: Literal["viewer", "editor", "admin"] | None = None
    disabled: bool | None = None


class KeyRecordShape(Shape):
    id: str
    owner_id: str
    name: str
    hint: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyRequest(Shape):
    """userId: whose key; left out, the caller's own."""

    name: Name = "key"
    role: Literal["viewer", "editor", "admin"] = "editor"
    user_id: Ident | None = None


class NewKeyShape(KeyRecordShape):
    """token is shown here and never again."""

    token: str


class SessionRequest(Shape):
    key: Name


class MeShape(Shape):
    """csrf: to be sent as X-CSRF-Token by pages that use the session cookie; null without a session."""

    user_id: str
    name: str
    role: str
    csrf: str | None = None
    size_bytes: int = 0
    audio_s: float = 0.0


class CollectionShape(Shape):
    """access: what the caller may do with it; write: change its name and its list."""

    id: str
    owner_id: str
    name: str
    created_at: datetime
    recording_ids: list[str]
    access: Literal["own", "write", "read"]


class CollectionRequest(Shape):
    name: Name


class CollectionChange(Shape):
    """recordingIds is the whole new list, in order."""

    name: Name | None = None
    recording_ids: list[Ident] | None = Field(None, max_length=5000)


class ShareRequest(Shape):
    user: Name
    access: Literal["read", "write"] = "read"


class ShareShape(Shape):
    id: str
    user_id: str
    user_name: str
    access: Literal["read", "write"]
    created_at: datetime


class WebhookRequest(Shape):
    url: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=1000)]


class WebhookShape(Shape):
    id: str
    url: str
    created_at: datetime


class NewWebhookShape(WebhookShape):
    """secret signs every message, see docs; it is shown here and never again."""

    secret: str


class DeliveryShape(Shape):
    id: str
    job_id: str
    event: str
    attempts: int
    delivered_at: datetime | None
    error: str | None
