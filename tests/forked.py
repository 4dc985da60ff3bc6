"""The command line in a process of its own, without its seconds of imports: one process that has loaded the program forks for each call.

A real process with its own exit code, environment and working folder. `test_the_program_itself_gives_the_same_as_its_fork` compares the two.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LONGEST_S = 300
ZYGOTE = """
import json, os, signal, sys
from sideman.faces.cli import main
import sideman.faces.cli.application, sideman.faces.rest, dbos, alembic, uvicorn, scipy.ndimage, scipy.optimize, scipy.signal
for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm(call["longest_s"])
        for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, call["out"], os.O_WRONLY), (2, call["err"], os.O_WRONLY)):
            os.dup2(os.open(name, flags), number)
        os.environ.clear()
        os.environ.update(call["environment"])
        os.chdir(call["folder"])
        sys.argv = ["sideman", *call["words"]]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 99
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class _Zygote:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sideman-calls-"))
        self._process = subprocess.Popen([sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.close)

    def call(self, words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin and self._process.stdout
        out, err = self._folder / "out", self._folder / "err"
        out.write_bytes(b"")
        err.write_bytes(b"")
        asked = {
            "words": words,
            "out": str(out),
            "err": str(err),
            "folder": str(folder),
            "environment": environment,
            "longest_s": LONGEST_S,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, code, out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


_running: list[_Zygote] = []


def sideman(*words: object, cwd: Path | None = None, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """environment: that of this process where None."""
    if not _running:
        _running.append(_Zygote())
    return _running[0].call([str(w) for w in words], cwd or Path.cwd(), dict(os.environ) if environment is None else environment)
