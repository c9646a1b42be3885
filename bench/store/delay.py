#!/usr/bin/env python3
"""A TCP proxy that is far away: what a client sends arrives DELAY ms later.

    delay.py LISTEN_PORT TARGET_PORT DELAY_MS

Every request so has its first byte that much later, as with a distant store; bodies
then come as fast as they are read. Connections are accepted at once.
"""

import asyncio
import sys

PIECE_BYTES = 1 << 20


async def pass_on(reader, writer, delay_s):
    """Hands pieces on in order, each `delay_s` after it came."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue()

    async def read():
        try:
            while piece := await reader.read(PIECE_BYTES):
                pieces.put_nowait((loop.time() + delay_s, piece))
        except ConnectionError:
            pass
        pieces.put_nowait((loop.time() + delay_s, b""))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        reading.cancel()
        writer.close()


async def hand_back(reader, writer):
    try:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(listen_port, target_port, delay_ms):
    async def connected(reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target_port, limit=PIECE_BYTES)
        await asyncio.gather(pass_on(reader, there_writer, delay_ms / 1000), hand_back(there_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", listen_port, limit=PIECE_BYTES)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
