"""Which loaded models stay in memory: the last ones used, as far as they fit; and whether one more may be loaded at all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import NoReturn, TypeVar

from sideman.errors import NotEnoughMemory

T = TypeVar("T")
Available = Callable[[], int | None]
MB = 1 << 20


def available_bytes() -> int | None:
    """Memory this process may still take: what the system has free, within the limit of its control group; None where nobody says."""
    found = []
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        found.append(int(fields["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            cached = next(int(x.split()[1]) for x in (group / "memory.stat").read_text().splitlines() if x.startswith("inactive_file "))
            found.append(int(limit) - int((group / "memory.current").read_text()) + cached)
    except (OSError, ValueError, StopIteration):
        pass
    found += _within_process_limit()
    return max(0, min(found)) if found else None


def _within_process_limit() -> list[int]:
    """What is left of the limit that a worker sets for its children; nothing where there is none."""
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if limit == resource.RLIM_INFINITY:
        return []
    try:
        used = next(int(x.split()[1]) * 1024 for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmData:"))
    except (OSError, StopIteration):
        return [limit]
    return [limit - used]


class Residence:
    """Loaded models by key, least recently used first. Thread-safe; a model is loaded under the lock, so never twice at once."""

    def __init__(self, limit_bytes: int | None = None, available: Available = available_bytes) -> None:
        self._limit, self._available = limit_bytes, available
        self._held: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def held_bytes(self) -> int:
        return sum(need for _, need in self._held.values())

    def get(self, key: Hashable, name: str, need_bytes: int, load: Callable[[], T], available: Available | None = None) -> T:
        """The model under `key`, loaded if need be, with others evicted to make room. available: free memory of its device, where that is
        not this machine's own.

        Raises NotEnoughMemory, before anything is loaded, when `need_bytes` would not fit even alone.
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]  # type: ignore[return-value]  # whoever put it under this key asked for the same type
            self._make_room(name, need_bytes, available or self._available)
            model = load()
            self._held[key] = (model, need_bytes)
            return model

    def _make_room(self, name: str, need: int, available: Available) -> None:
        free = available()
        could_be = [x for x in (self._limit, None if free is None else free + self.held_bytes) if x is not None]
        if could_be and need > min(could_be):
            self._refuse(name, need, min(could_be))
        while self._held and not self._fits(need, available):
            self._held.popitem(last=False)
        if not self._fits(need, available):
            free = available()
            self._refuse(name, need, min(x for x in (self._limit, free) if x is not None))

    @staticmethod
    def _refuse(name: str, need: int, room: int) -> NoReturn:
        raise NotEnoughMemory(f"{name} needs {need / MB:,.0f} MB and {room / MB:,.0f} MB are free: choose a smaller model, or free memory")

    def _fits(self, need: int, available: Available) -> bool:
        if self._limit is not None and self.held_bytes + need > self._limit:
            return False
        free = available()
        return free is None or free >= need

    def release(self, key: Hashable) -> None:
        """Let one model go; who still works with it keeps it until then."""
        with self._lock:
            self._held.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
