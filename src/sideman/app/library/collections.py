"""Collections: set lists of recordings, in order, that can be shared."""

from __future__ import annotations

from dataclasses import replace

from sideman.app.library.access import Access, Caller
from sideman.app.library.services import Services
from sideman.errors import Forbidden, NotFound, UsageError
from sideman.infra.database import CollectionRecord, ShareRecord


class Collections:
    def __init__(self, services: Services, access: Access) -> None:
        self._s, self._access = services, access

    def list(self, who: Caller) -> tuple[CollectionRecord, ...]:
        return tuple(_for(who, c) for c in self._s.people.collections(None if who.is_admin else who.user_id))

    def get(self, who: Caller, collection_id: str) -> CollectionRecord:
        return _for(who, self._access.collection(who, collection_id))

    def add(self, who: Caller, name: str) -> CollectionRecord:
        self._access.require(who, "editor")
        if not name.strip():
            raise UsageError("a collection needs a name")
        return self._s.people.add_collection(who.user_id, name.strip()[:200])

    def change(self, who: Caller, collection_id: str, name: str | None, recording_ids: tuple[str, ...] | None) -> CollectionRecord:
        """recording_ids is the whole new list in its order. Sharing a collection shares what is in it, so only what you own goes in."""
        found = self._access.collection(who, collection_id, write=True)
        for recording_id in set(recording_ids or ()) - set(found.recording_ids):
            self._access.owned(who, recording_id)
        changed = self._s.people.set_collection(collection_id, name.strip()[:200] if name and name.strip() else None, recording_ids)
        return replace(changed, access=found.access)

    def delete(self, who: Caller, collection_id: str) -> None:
        """The recordings stay."""
        self._owned(who, collection_id)
        self._s.people.delete_collection(collection_id)

    def share(self, who: Caller, collection_id: str, user_name: str, access: str) -> ShareRecord:
        found = self._owned(who, collection_id)
        user = self._access.user_named(user_name)
        if access not in ("read", "write") or user.id == found.owner_id:
            raise UsageError("share with another user, to read or to write")
        return self._s.people.share(user.id, access, collection_id=collection_id)

    def shares(self, who: Caller, collection_id: str) -> tuple[ShareRecord, ...]:
        self._owned(who, collection_id)
        return self._s.people.shares_of(collection_id=collection_id)

    def unshare(self, who: Caller, collection_id: str, share_id: str) -> None:
        if share_id not in {s.id for s in self.shares(who, collection_id)}:
            raise NotFound("this collection has no such share")
        self._s.people.unshare(share_id)

    def _owned(self, who: Caller, collection_id: str) -> CollectionRecord:
        found = self._access.collection(who, collection_id)
        self._access.require(who, "editor")
        if found.owner_id != who.user_id and not who.is_admin:
            raise Forbidden("only the owner of this collection may do this")
        return found


def _for(who: Caller, record: CollectionRecord) -> CollectionRecord:
    """A viewer changes nothing, whatever is shared with them."""
    return replace(record, access="read") if who.role == "viewer" and record.access == "write" else record
