"""sideman keys, sideman users: who may use a library from elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from sideman.errors import NotFound
from sideman.faces.cli.library_options import Data, Json, Key, Server, library, refuse_empty
from sideman.faces.cli.terminal import print_json, say, table

app = typer.Typer(name="keys", help="API keys: make, list, revoke.", no_args_is_help=True)
users = typer.Typer(name="users", help="Users: add, list.", no_args_is_help=True)
Role = Annotated[str, typer.Option(help="viewer reads, editor adds and changes, admin does everything.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key", role: Role = "editor",
    user: Annotated[str | None, typer.Option(help="Whose key; made when there is no such user. Default: yourself.", show_default=False)] = None,
    data: Data = None, server: Server = None, key: Key = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Make an API key. It is shown once.

    Example: sideman keys add --user ann --role editor
    """
    with library(data, server, key) as lib:
        wanted = {"name": name, "role": role}
        if user is not None:
            known = next((u for u in lib.ask("GET", "/api/v1/users") if u["name"] == user), None)
            wanted["userId"] = (known or lib.ask("POST", "/api/v1/users", json={"name": user, "role": role}))["id"]
        made = lib.ask("POST", "/api/v1/keys", json=wanted)
    if json_output:
        print_json(made)
    else:
        say(f"{made['token']}\nKeep it: it is shown only now. Role {made['role']}, id {made['id']}.")


@app.command("list")
def list_(data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """List keys.

    Example: sideman keys list
    """
    with library(data, server, key) as lib:
        rows = lib.ask("GET", "/api/v1/keys")
    if json_output:
        print_json({"keys": rows})
        return
    cells = [[k["name"], f"{k['hint']}...", k["role"], k["createdAt"][:10], (k["lastUsedAt"] or "never")[:10], "revoked" if k["revokedAt"] else "valid", k["id"][:8]] for k in rows]  # fmt: skip
    table(f"{len(rows)} keys", ["name", "key", "role", "made", "used", "state", "id"], cells)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of a key, or its beginning.", show_default=False)], data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Make a key worthless at once.

    Example: sideman keys revoke 5d1e
    """
    refuse_empty(key_id, "key")
    with library(data, server, key) as lib:
        found = [k["id"] for k in lib.ask("GET", "/api/v1/keys") if k["id"].startswith(key_id)]
        if len(found) != 1:
            raise NotFound(f"{len(found)} keys have ids that begin with {key_id!r}: `sideman keys list` shows them")
        lib.ask("DELETE", f"/api/v1/keys/{found[0]}")
    if json_output:
        print_json({"revoked": found[0]})
    else:
        say(f"revoked {found[0]}")


@users.command("add")
def add_user(name: Annotated[str, typer.Argument(show_default=False)], role: Role = "editor", data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:  # fmt: skip
    """Add a user.

    Example: sideman users add ann --role editor
    """
    with library(data, server, key) as lib:
        made = lib.ask("POST", "/api/v1/users", json={"name": name, "role": role})
    if json_output:
        print_json(made)
    else:
        say(f"{made['name']} ({made['role']})  {made['id']}")


@users.command("list")
def list_users(data: Data = None, server: Server = None, key: Key = None, json_output: Json = False) -> None:
    """List users.

    Example: sideman users list
    """
    with library(data, server, key) as lib:
        rows = lib.ask("GET", "/api/v1/users")
    if json_output:
        print_json({"users": rows})
        return
    table(f"{len(rows)} users", ["name", "role", "state", "id"], [[u["name"], u["role"], "disabled" if u["disabledAt"] else "active", u["id"][:8]] for u in rows])  # fmt: skip
