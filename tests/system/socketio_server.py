"""A python-socketio server that shares its rooms over the server under test: socketio_server.py URL PORT."""
import sys

import socketio
from aiohttp import web

manager = socketio.AsyncRedisManager(sys.argv[1])
sio = socketio.AsyncServer(async_mode="aiohttp", client_manager=manager)
app = web.Application()
sio.attach(app)


@sio.event
async def connect(sid, environ):
    sio.enter_room(sid, "everybody")


@sio.event
async def say(sid, data):
    await sio.emit("said", data, room="everybody")
    return "emitted"


web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
