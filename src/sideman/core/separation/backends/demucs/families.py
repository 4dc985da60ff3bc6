"""Which network a Demucs checkpoint is: its class decides the configuration and the graph."""

from __future__ import annotations

from collections.abc import Mapping

from sideman.core.models.graph import Graph, Weights
from sideman.core.separation.backends.demucs import core_graph, hybrid
from sideman.core.separation.backends.demucs.configuration import HTDemucsConfig
from sideman.core.separation.backends.demucs.hybrid import HDemucsConfig

Config = HTDemucsConfig | HDemucsConfig


def build_graph(metadata: Mapping[str, str], weights: Weights) -> tuple[Config, Graph]:
    """Raises UnusableModel for another class, other options or tensors that do not fit."""
    if metadata.get("klass") == hybrid.CLASS:
        old = HDemucsConfig.from_metadata(metadata)
        return old, hybrid.build(old, weights)
    config = HTDemucsConfig.from_metadata(metadata)
    return config, core_graph.build(config, weights)
