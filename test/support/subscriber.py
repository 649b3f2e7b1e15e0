"""Subscribes with the `websockets` package of Debian and prints what it sees, a line of JSON each.

Usage: subscriber.py URL TOPIC[,TOPIC] [SUBPROTOCOL]
"""

import asyncio
import json
import ssl
import sys

import websockets


def show(**fields):
    print(json.dumps(fields), flush=True)


async def main(url, topics, *subprotocols):
    context = None
    if url.startswith("wss:"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = await websockets.connect(
        url, ssl=context, subprotocols=list(subprotocols) or None, ping_interval=0.05, ping_timeout=20
    )
    show(protocol=connection.subprotocol, extensions=[extension.name for extension in connection.extensions])
    for number, topic in enumerate(topics.split(","), 1):
        await connection.send(json.dumps({"event": "subscribe", "id": number, "data": {"topic": topic}}))
    try:
        while True:
            frame = json.loads(await connection.recv())
            for part in frame if isinstance(frame, list) else [frame]:
                show(frame=part)
    except websockets.ConnectionClosed:
        show(code=connection.close_code, reason=connection.close_reason)


asyncio.run(main(*sys.argv[1:]))
