"""Which network a Demucs checkpoint is: its class decides the configuration and the graph."""

from __future__ import annotations

from collections.abc import Mapping

from sideman.core.models.graph import Graph, Weights
from sideman.core.separation.backends.demucs import core_graph
from sideman.core.separation.backends.demucs.configuration import HTDemucsConfig

Config = HTDemucsConfig


def build_graph(metadata: Mapping[str, str], weights: Weights) -> tuple[Config, Graph]:
    """Raises UnusableModel for another class, other options or tensors that do not fit."""
    config = HTDemucsConfig.from_metadata(metadata)
    return config, core_graph.build(config, weights)
