"""Lay the pages over the REST application: one HTML page, modules, style sheets, the carried libraries, font and icons."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

from sideman.carried import carried

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}  # fmt: skip
VENDOR = (
    "htm.js", "inter-latin-ext.woff2", "inter-latin.woff2", "preact-hooks.js", "preact.js", "signals-core.js", "signals.js",
    "signalsmith-stretch.js",
)  # fmt: skip
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""wasm-unsafe-eval: the time stretcher is WebAssembly inside a script."""


@dataclass(frozen=True, slots=True)
class WebFile:
    content: bytes
    packed: bytes | None
    media_type: str

    @classmethod
    def of(cls, content: bytes, suffix: str) -> WebFile:
        packed = None if suffix == ".woff2" else gzip.compress(content, 9, mtime=0)
        return cls(content, packed, TYPES[suffix])


def load() -> tuple[str, dict[str, WebFile]]:
    """A digest of all files, and the files by their path below it. Raises MissingAsset for an installation without them."""
    found = {p.relative_to(STATIC).as_posix(): p.read_bytes() for p in sorted(STATIC.rglob("*")) if p.suffix in TYPES}
    found |= {f"vendor/{name}": carried(f"web/{name}").read_bytes() for name in VENDOR}
    found["icons.svg"] = sprite(carried("web/icons/music.svg").parent)
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + content for name, content in found.items())).hexdigest()[:12]
    found["index.html"] = (
        found["index.html"].replace(b"<!-- modules -->", _preloads(found)).replace(b"/app/HASH/", f"/app/{digest}/".encode())
    )
    return digest, {name: WebFile.of(content, Path(name).suffix) for name, content in found.items()}


def _preloads(found: dict[str, bytes]) -> bytes:
    """All modules are asked for at once, not one import after another. Those of the audio thread it loads by itself."""
    names = [n for n in found if n.endswith(".js") and not n.startswith("js/player/mixer_") and not n.endswith("signalsmith-stretch.js")]
    return "\n".join(f'<link rel="modulepreload" href="/app/HASH/{name}">' for name in names).encode()


def sprite(folder: Path) -> bytes:
    """All icons as symbols of one file: `icons.svg#play`."""
    symbols = []
    for path in sorted(folder.glob("*.svg")):
        inside = re.search(r"<svg[^>]*>(.*)</svg>", path.read_text("utf-8"), re.S)
        assert inside is not None, path
        symbols.append(f'<symbol id="{path.stem}" viewBox="0 0 24 24">{" ".join(inside[1].split())}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'.encode()


def install(app: FastAPI) -> None:
    """Add the pages to an application. What the pages show comes from the REST routes, with its own checks of who asks."""
    digest, files = load()

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return _answer(request, files["index.html"], f'"{digest}"', "no-cache")

    @app.get("/app/{version}/{path:path}", include_in_schema=False)
    async def asset(request: Request, version: str, path: str) -> Response:
        file = files.get(path)
        if file is None:
            return Response("there is no such file in the pages", 404, media_type="text/plain")
        # a page of an older version that is still open gets the present files: they may only be kept under their own digest
        kept = "public, max-age=31536000, immutable" if version == digest else "no-store"
        return _answer(request, file, f'"{digest}"', kept)


def _answer(request: Request, file: WebFile, etag: str, kept: str) -> Response:
    headers = {"ETag": etag, "Cache-Control": kept, "Vary": "Accept-Encoding", "Content-Security-Policy": POLICY}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, 200, headers | {"Content-Encoding": "gzip"}, file.media_type)
    return Response(file.content, 200, headers, file.media_type)
