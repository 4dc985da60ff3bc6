"""Users, API keys, browser sessions, collections and shares in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from sideman.errors import Conflict, NotFound
from sideman.infra.database.engine import Database, new_id, now
from sideman.infra.database.records import ApiKeyRecord, CollectionRecord, ShareRecord, UserRecord, as_record
from sideman.infra.database.tables import api_keys, collection_items, collections, recordings, secrets, sessions, shares, users


def _take_back(c: sa.Connection, collection_id: str, user_id: str) -> None:
    theirs = sa.select(recordings.c.id).where(recordings.c.owner_id == user_id)
    here = collection_items.c.collection_id == collection_id
    c.execute(sa.delete(collection_items).where(here, collection_items.c.recording_id.in_(theirs)))


class People:
    def __init__(self, database: Database) -> None:
        self._db = database

    # users

    def add_user(self, name: str, role: str) -> UserRecord:
        """Raises Conflict when the name is taken."""
        record = UserRecord(new_id(), name, role, now())
        try:
            with self._db.write() as c:
                c.execute(sa.insert(users).values(id=record.id, name=name, role=role, created_at=record.created_at))
        except sa.exc.IntegrityError as error:
            raise Conflict(f"there is a user named {name!r} already: choose another name") from error
        return record

    def user(self, user_id: str) -> UserRecord:
        return self._user(users.c.id == user_id)

    def user_named(self, name: str) -> UserRecord:
        return self._user(users.c.name == name)

    def _user(self, where: sa.ColumnElement[bool]) -> UserRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(users).where(where)).first()
        if row is None:
            raise NotFound("there is no such user")
        return as_record(UserRecord, row)

    def users(self) -> tuple[UserRecord, ...]:
        with self._db.read() as c:
            return tuple(as_record(UserRecord, row) for row in c.execute(sa.select(users).order_by(users.c.name)))

    def update_user(self, user_id: str, role: str | None, disabled: bool | None) -> UserRecord:
        values: dict[str, object] = {"role": role} if role else {}
        if disabled is not None:
            values["disabled_at"] = now() if disabled else None
        with self._db.write() as c:
            if values:
                c.execute(sa.update(users).where(users.c.id == user_id).values(**values))
        return self.user(user_id)

    # keys and sessions

    def add_key(self, owner_id: str, name: str, role: str, key_hash: str, hint: str) -> ApiKeyRecord:
        record = ApiKeyRecord(new_id(), owner_id, name, hint, role, now(), None, None)
        with self._db.write() as c:
            c.execute(sa.insert(api_keys).values(hash=key_hash, **{f: getattr(record, f) for f in ApiKeyRecord.__slots__}))
        return record

    def keys(self, owner_id: str | None = None) -> tuple[ApiKeyRecord, ...]:
        query = sa.select(api_keys).order_by(api_keys.c.created_at)
        query = query.where(api_keys.c.owner_id == owner_id) if owner_id else query
        with self._db.read() as c:
            return tuple(as_record(ApiKeyRecord, row) for row in c.execute(query))

    def key(self, key_id: str) -> ApiKeyRecord:
        with self._db.read() as c:
            row = c.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).first()
        if row is None:
            raise NotFound("there is no such key")
        return as_record(ApiKeyRecord, row)

    def key_by_hash(self, key_hash: str) -> ApiKeyRecord | None:
        return self._live_key(sa.select(api_keys).where(api_keys.c.hash == key_hash))

    def key_by_session(self, session_hash: str) -> ApiKeyRecord | None:
        joined = sa.select(api_keys).join(sessions, sessions.c.key_id == api_keys.c.id)
        return self._live_key(joined.where(sessions.c.hash == session_hash, sessions.c.expires_at > now()))

    def _live_key(self, query: sa.Select[tuple[object, ...]]) -> ApiKeyRecord | None:
        with self._db.read() as c:
            row = c.execute(query.where(api_keys.c.revoked_at.is_(None))).first()
        return as_record(ApiKeyRecord, row) if row else None

    def used_key(self, key_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now()))

    def revoke_key(self, key_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=now()))
            c.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))

    def admin_key_exists(self) -> bool:
        query = sa.select(api_keys.c.id).join(users, users.c.id == api_keys.c.owner_id)
        live = (api_keys.c.role == "admin", users.c.role == "admin", api_keys.c.revoked_at.is_(None), users.c.disabled_at.is_(None))
        with self._db.read() as c:
            return c.execute(query.where(*live).limit(1)).first() is not None

    def add_session(self, session_hash: str, key_id: str, expires_at: datetime) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(sessions).where(sessions.c.expires_at < now()))
            c.execute(sa.insert(sessions).values(hash=session_hash, key_id=key_id, expires_at=expires_at))

    def end_session(self, session_hash: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(sessions).where(sessions.c.hash == session_hash))

    def secret(self, name: str, proposal: str) -> str:
        """A secret that all machines of this library share; the first proposal is kept."""
        with self._db.read() as c:
            found = c.scalar(sa.select(secrets.c.value).where(secrets.c.name == name))
        if found is not None:
            return str(found)
        try:
            with self._db.write() as c:
                c.execute(sa.insert(secrets).values(name=name, value=proposal))
                return proposal
        except sa.exc.IntegrityError:  # another machine was first
            with self._db.read() as c:
                return str(c.scalar(sa.select(secrets.c.value).where(secrets.c.name == name)))

    # collections and shares

    def add_collection(self, owner_id: str, name: str) -> CollectionRecord:
        record = CollectionRecord(new_id(), owner_id, name, now())
        with self._db.write() as c:
            c.execute(sa.insert(collections).values(id=record.id, owner_id=owner_id, name=name, created_at=record.created_at))
        return record

    def collection(self, collection_id: str) -> CollectionRecord:
        items = sa.select(collection_items.c.recording_id).where(collection_items.c.collection_id == collection_id)
        with self._db.read() as c:
            row = c.execute(sa.select(collections).where(collections.c.id == collection_id)).first()
            if row is None:
                raise NotFound("there is no such collection")
            return as_record(CollectionRecord, row, recording_ids=tuple(c.scalars(items.order_by(collection_items.c.position))))

    def collections(self, user_id: str | None) -> tuple[CollectionRecord, ...]:
        """Those of a user and those shared with them, by name; everybody's for None."""
        query = sa.select(collections).order_by(collections.c.name)
        with self._db.read() as c:
            shared: dict[str, str] = {}
            if user_id:
                mine = sa.select(shares).where(shares.c.user_id == user_id, shares.c.collection_id.is_not(None))
                shared = {row.collection_id: row.access for row in c.execute(mine)}
                query = query.where(sa.or_(collections.c.owner_id == user_id, collections.c.id.in_(list(shared))))
            found = c.execute(query).all()
            inside = sa.select(collection_items).where(collection_items.c.collection_id.in_([row.id for row in found]))
            items: dict[str, list[str]] = {row.id: [] for row in found}
            for item in c.execute(inside.order_by(collection_items.c.position)):
                items[item.collection_id].append(item.recording_id)
            return tuple(
                as_record(CollectionRecord, row, recording_ids=tuple(items[row.id]), access=shared.get(row.id, "own")) for row in found
            )

    def set_collection(self, collection_id: str, name: str | None, recording_ids: tuple[str, ...] | None) -> CollectionRecord:
        """A new name, a new list in order, or both."""
        with self._db.write() as c:
            self._db.alone(c, f"collection {collection_id}")
            if name:
                c.execute(sa.update(collections).where(collections.c.id == collection_id).values(name=name))
            if recording_ids is not None:
                c.execute(sa.delete(collection_items).where(collection_items.c.collection_id == collection_id))
                there = set(c.scalars(sa.select(recordings.c.id).where(recordings.c.id.in_(recording_ids))))  # one may go meanwhile
                kept = [r for r in dict.fromkeys(recording_ids) if r in there]
                rows = [{"collection_id": collection_id, "recording_id": r, "position": k} for k, r in enumerate(kept)]
                if rows:
                    c.execute(sa.insert(collection_items), rows)
        return self.collection(collection_id)

    def delete_collection(self, collection_id: str) -> None:
        with self._db.write() as c:
            c.execute(sa.delete(collections).where(collections.c.id == collection_id))

    def share(self, user_id: str, access: str, recording_id: str | None = None, collection_id: str | None = None) -> ShareRecord:
        """Replaces an earlier share of the same thing with the same user. Who may no longer change a collection takes back what they brought."""
        record = ShareRecord(new_id(), recording_id, collection_id, user_id, access, now())
        what = shares.c.recording_id == recording_id if recording_id else shares.c.collection_id == collection_id
        with self._db.write() as c:
            self._db.alone(c, f"share {user_id} {recording_id or collection_id}")
            c.execute(sa.delete(shares).where(shares.c.user_id == user_id, what))
            if collection_id and access != "write":
                _take_back(c, collection_id, user_id)
            c.execute(sa.insert(shares).values(**{f.name: getattr(record, f.name) for f in shares.c}))
            name = str(c.scalar(sa.select(users.c.name).where(users.c.id == user_id)))
        return replace(record, user_name=name)

    def shares_of(self, recording_id: str | None = None, collection_id: str | None = None) -> tuple[ShareRecord, ...]:
        what = shares.c.recording_id == recording_id if recording_id else shares.c.collection_id == collection_id
        with self._db.read() as c:
            query = sa.select(shares, users.c.name.label("user_name")).join(users, users.c.id == shares.c.user_id).where(what)
            return tuple(as_record(ShareRecord, row) for row in c.execute(query.order_by(users.c.name)))

    def unshare(self, share_id: str) -> None:
        """Whoever it was shared with takes along what they brought into the collection: it would stay open to the others."""
        with self._db.write() as c:
            found = c.execute(sa.select(shares).where(shares.c.id == share_id)).first()
            if found is not None and found.collection_id is not None:
                _take_back(c, found.collection_id, found.user_id)
            c.execute(sa.delete(shares).where(shares.c.id == share_id))

    def access_to(self, user_id: str, recording_id: str) -> str | None:
        """`write`, `read` or None: the best share of this recording with this user, alone or in a collection. To read in one's own collection."""
        inside = sa.select(collection_items.c.collection_id).where(collection_items.c.recording_id == recording_id)
        what = sa.or_(shares.c.recording_id == recording_id, shares.c.collection_id.in_(inside))
        with self._db.read() as c:
            found = set(c.scalars(sa.select(shares.c.access).where(shares.c.user_id == user_id, what)))
            own = sa.select(collections.c.id).where(collections.c.owner_id == user_id, collections.c.id.in_(inside)).limit(1)
            if "write" not in found and c.execute(own).first() is not None:
                found.add("read")
        return "write" if "write" in found else "read" if "read" in found else None
