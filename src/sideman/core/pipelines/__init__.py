"""Engines put together, still without a database."""

from sideman.core.pipelines.orders import Order
from sideman.core.pipelines.play_along import PlayAlong, PlayAlongOptions, play_along
from sideman.core.pipelines.staging import staged

__all__ = ["Order", "PlayAlong", "PlayAlongOptions", "play_along", "staged"]
