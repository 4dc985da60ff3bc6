"""Users, API keys, browser sessions, collections."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from sideman.app.library.access import SESSION_DAYS
from sideman.errors import Unauthenticated
from sideman.faces.rest.callers import COOKIE, StudioHere, Who, same_origin
from sideman.faces.rest.parameters import Id
from sideman.faces.rest.people_shapes import (
    CollectionChange,
    CollectionRequest,
    CollectionShape,
    KeyRecordShape,
    MeShape,
    NewKeyRequest,
    NewKeyShape,
    SessionRequest,
    ShareRequest,
    ShareShape,
    UserChange,
    UserRequest,
    UserShape,
)

router = APIRouter(tags=["people"])


@router.get("/me")
def get_me(request: Request, studio: StudioHere, who: Who) -> MeShape:
    """Who is asking, and how much they keep."""
    usage, cookie = studio.recordings.usage(who), request.cookies.get(COOKIE)
    csrf = studio.access.csrf(cookie) if cookie and "authorization" not in request.headers else None
    return MeShape(user_id=who.user_id, name=who.name, role=who.role, csrf=csrf, size_bytes=usage.size_bytes, audio_s=usage.audio_s)


@router.post("/session")
def sign_in(request: Request, response: Response, studio: StudioHere, wanted: SessionRequest) -> MeShape:
    """Turn an API key into a browser session: an HttpOnly cookie, and a token for the X-CSRF-Token header."""
    if not same_origin(request):
        raise Unauthenticated("sign in from the server's own page")
    made = studio.access.start_session(wanted.key)
    response.set_cookie(
        COOKIE, made.cookie, max_age=SESSION_DAYS * 86_400, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
    )
    return MeShape(user_id=made.caller.user_id, name=made.caller.name, role=made.caller.role, csrf=made.csrf)


@router.delete("/session", status_code=204)
def sign_out(request: Request, response: Response, studio: StudioHere, who: Who) -> None:
    cookie = request.cookies.get(COOKIE)
    if cookie:
        studio.access.end_session(cookie)
    response.delete_cookie(COOKIE, path="/")


@router.get("/users")
def list_users(studio: StudioHere, who: Who) -> list[UserShape]:
    return [UserShape.model_validate(u) for u in studio.access.users(who)]


@router.post("/users", status_code=201)
def add_user(studio: StudioHere, who: Who, wanted: UserRequest) -> UserShape:
    return UserShape.model_validate(studio.access.add_user(who, wanted.name, wanted.role))


@router.patch("/users/{user_id}")
def change_user(studio: StudioHere, who: Who, user_id: Id, change: UserChange) -> UserShape:
    return UserShape.model_validate(studio.access.update_user(who, user_id, change.role, change.disabled))


@router.get("/keys")
def list_keys(studio: StudioHere, who: Who) -> list[KeyRecordShape]:
    """One's own; everybody's for an admin."""
    return [KeyRecordShape.model_validate(k) for k in studio.access.keys(who)]


@router.post("/keys", status_code=201)
def add_key(studio: StudioHere, who: Who, wanted: NewKeyRequest) -> NewKeyShape:
    made = studio.access.add_key(who, wanted.user_id or who.user_id, wanted.name, wanted.role)
    return NewKeyShape(**KeyRecordShape.model_validate(made.record).model_dump(), token=made.token)


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(studio: StudioHere, who: Who, key_id: Id) -> None:
    studio.access.revoke_key(who, key_id)


@router.get("/collections")
def list_collections(studio: StudioHere, who: Who) -> list[CollectionShape]:
    return [CollectionShape.model_validate(c) for c in studio.collections.list(who)]


@router.post("/collections", status_code=201)
def add_collection(studio: StudioHere, who: Who, wanted: CollectionRequest) -> CollectionShape:
    return CollectionShape.model_validate(studio.collections.add(who, wanted.name))


@router.get("/collections/{collection_id}")
def get_collection(studio: StudioHere, who: Who, collection_id: Id) -> CollectionShape:
    return CollectionShape.model_validate(studio.collections.get(who, collection_id))


@router.patch("/collections/{collection_id}")
def change_collection(studio: StudioHere, who: Who, collection_id: Id, change: CollectionChange) -> CollectionShape:
    ids = None if change.recording_ids is None else tuple(change.recording_ids)
    return CollectionShape.model_validate(studio.collections.change(who, collection_id, change.name, ids))


@router.delete("/collections/{collection_id}", status_code=204)
def delete_collection(studio: StudioHere, who: Who, collection_id: Id) -> None:
    studio.collections.delete(who, collection_id)


@router.get("/collections/{collection_id}/shares")
def list_shares(studio: StudioHere, who: Who, collection_id: Id) -> list[ShareShape]:
    return [ShareShape.model_validate(s) for s in studio.collections.shares(who, collection_id)]


@router.post("/collections/{collection_id}/shares", status_code=201)
def share_collection(studio: StudioHere, who: Who, collection_id: Id, wanted: ShareRequest) -> ShareShape:
    return ShareShape.model_validate(studio.collections.share(who, collection_id, wanted.user, wanted.access))


@router.delete("/collections/{collection_id}/shares/{share_id}", status_code=204)
def unshare_collection(studio: StudioHere, who: Who, collection_id: Id, share_id: Id) -> None:
    studio.collections.unshare(who, collection_id, share_id)
