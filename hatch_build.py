"""Build hook: the files of assets.lock.toml are fetched, checked and put into the wheel and the sdist."""

import os
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "tools"))
import carry


class CarryHook(BuildHookInterface):
    @property
    def groups(self):
        return carry.groups_asked(os.environ.get("SIDEMAN_CARRY"))

    def dependencies(self):
        return self._say_or_stop(carry.build_requirements)

    def initialize(self, version, build_data):
        self._say_or_stop(carry.sync)
        if version != "editable":  # an editable install reads the folder itself
            build_data["artifacts"] += [f"/src/sideman/_carried/{to}" for to in carry.targets(self.groups)]

    def _say_or_stop(self, step):
        try:
            return step(self.groups)
        except carry.CarryError as error:
            raise SystemExit(f"sideman: {error}") from None  # no traceback: one sentence
