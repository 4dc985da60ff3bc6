"""What goes on in a Chromium that nothing else drives: Playwright would change what it holds, and cannot drive Qt's."""

from __future__ import annotations

import json
import subprocess

import httpx
from servers import find_node


def inside(port: int, expression: str) -> object:
    """What an expression is worth in the page of the window, by the protocol of its developer tools."""
    pages = [p for p in httpx.get(f"http://127.0.0.1:{port}/json").json() if p["type"] == "page"]
    place = pages[0]["webSocketDebuggerUrl"]
    script = f"""const socket = new WebSocket({json.dumps(place)})
    const params = {{ expression: {json.dumps(expression)}, returnByValue: true, userGesture: true }}
    socket.onopen = () => socket.send(JSON.stringify({{ id: 1, method: 'Runtime.evaluate', params }}))
    socket.onmessage = (event) => {{
      console.log(JSON.stringify(JSON.parse(event.data).result.result.value ?? null))
      socket.close()
    }}"""
    return json.loads(subprocess.run([find_node(), "-e", script], capture_output=True, text=True, timeout=60, check=True).stdout)
