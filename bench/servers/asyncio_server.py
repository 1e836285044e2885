"""An asyncio server: / sleeps, LIMIT requests at one time; other paths are answered at once."""

from __future__ import annotations

import asyncio
import os
import sys

import times

_ANSWER = b"HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def main() -> None:
    """Serve until killed."""
    limit = asyncio.Semaphore(int(os.environ["LIMIT"]))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"404 Not Found"
        if head.split()[1] == b"/":
            async with limit:
                await asyncio.sleep(times.draw())
            status = b"200 OK"
        writer.write(_ANSWER % status)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    async with server:
        await server.serve_forever()


asyncio.run(main())
