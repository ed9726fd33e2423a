"""Two clients at two servers; what one says the other must hear: socketio_clients.py PORT PORT."""
import asyncio
import sys

import socketio


async def connected(port):
    client, heard = socketio.AsyncClient(), asyncio.Queue()
    client.on("said", heard.put)
    for _ in range(200):
        try:
            await client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
            return client, heard
        except socketio.exceptions.ConnectionError:
            await asyncio.sleep(0.05)
    raise SystemExit(f"no server on {port}")


async def main():
    (a, heard_a), (b, heard_b) = await connected(sys.argv[1]), await connected(sys.argv[2])
    # The servers subscribe in the background: repeat until the first message has gone all the way.
    for n in range(200):
        await a.call("say", {"n": -1})
        try:
            await asyncio.wait_for(heard_b.get(), 0.1)
            break
        except asyncio.TimeoutError:
            pass
    else:
        raise SystemExit("the second server hears nothing")
    while not heard_b.empty():
        heard_b.get_nowait()
    for n in range(100):
        await (a if n % 2 else b).call("say", {"n": n, "text": "grüße\0" * 100})
    for heard in (heard_a, heard_b):
        got = []
        while len(got) < 100:
            message = await asyncio.wait_for(heard.get(), 10)
            if message["n"] >= 0:
                got.append(message["n"])
        assert sorted(got) == list(range(100)), got
    await a.disconnect()
    await b.disconnect()
    print("socketio: all right")


asyncio.run(main())
