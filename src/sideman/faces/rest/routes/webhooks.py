"""Webhooks: where the server sends word of finished jobs."""

from __future__ import annotations

from fastapi import APIRouter

from sideman.faces.rest.callers import StudioHere, Who
from sideman.faces.rest.parameters import Id
from sideman.faces.rest.people_shapes import DeliveryShape, NewWebhookShape, WebhookRequest, WebhookShape

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.get("")
def list_webhooks(studio: StudioHere, who: Who) -> list[WebhookShape]:
    return [WebhookShape.model_validate(w) for w in studio.webhooks.list(who)]


@router.post("", status_code=201)
def add_webhook(studio: StudioHere, who: Who, wanted: WebhookRequest) -> NewWebhookShape:
    return NewWebhookShape.model_validate(studio.webhooks.add(who, wanted.url))


@router.delete("/{webhook_id}", status_code=204)
def delete_webhook(studio: StudioHere, who: Who, webhook_id: Id) -> None:
    studio.webhooks.delete(who, webhook_id)


@router.get("/{webhook_id}/deliveries")
def list_deliveries(studio: StudioHere, who: Who, webhook_id: Id) -> list[DeliveryShape]:
    """The last hundred."""
    return [DeliveryShape.model_validate(d) for d in studio.webhooks.deliveries(who, webhook_id)]
