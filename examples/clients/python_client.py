"""A Python client of both chats, with Debian's python3-websockets (or `pip install websockets`).

    TOKEN=... python3 clients/python_client.py django header ws://localhost:8000 lobby 'hello'

It prints what it hears, as many lines as it was told to wait for, and how the connection ended: the HTTP
status of a refusal, which a program can read where a browser cannot, or the close code.
"""

import asyncio
import json
import os
import sys
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed

try:
    from websockets.asyncio.client import connect  # 13 and newer

    HEADERS = "additional_headers"
except ImportError:
    from websockets.client import connect

    HEADERS = "extra_headers"


def opening(chat, carrier, base, room, token):
    """The arguments of `connect` for a token in this carrier."""
    url = f"{base}/ws/chat/{quote(room, safe='')}" + ("/" if chat == "django" else "")
    if carrier == "query":
        return url + f"?token={quote(token, safe='')}", {}
    if carrier == "pair":
        return url, {"subprotocols": ["token", token]}
    if carrier == "browser":  # with an Origin, as a page sends it: refusals come as close codes
        origin = base.replace("ws://", "http://").replace("wss://", "https://")
        return url, {"subprotocols": ["token", token], "origin": origin}
    return url, {HEADERS: {"Authorization": f"Bearer {token}"}}


async def main(
    chat="django", carrier="header", base="ws://localhost:8000", room="lobby", line="hello", lines="2"
):
    url, options = opening(chat, carrier, base, room, os.environ.get("TOKEN", ""))
    try:
        async with connect(url, **options) as socket:
            await socket.send(json.dumps({"message": line}) if chat == "django" else line)
            for _ in range(int(lines)):
                print(await socket.recv(), flush=True)
    except ConnectionClosed as closed:
        print(f"closed: {closed.rcvd.code} {closed.rcvd.reason}" if closed.rcvd else "lost")
    except Exception as refused:
        # the name of this error, and where it keeps the status, changed between versions
        status = getattr(getattr(refused, "response", refused), "status_code", None)
        if status is None:
            raise
        print(f"refused: HTTP {status}")


asyncio.run(main(*sys.argv[1:]))
