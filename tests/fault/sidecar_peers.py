# SPDX-License-Identifier: MIT
"""The ESMEs, the forger and the SMSC of sidecar.sh: one thread, asyncio, no opinion about what is right."""
import asyncio
import collections
import contextlib
import random
import re
import socket
import struct
import time

import smpp_pdu
from smpp_pdu import Fields, pdu

THROTTLED, QUEUE_FULL, SYSTEM_ERROR = 0x58, 0x14, 0x08
AGAIN = {THROTTLED, QUEUE_FULL, SYSTEM_ERROR}  # what an ESME sends again
ANSWER_S = 20  # an ESME gives up a connection on which an answer takes longer
NAME = re.compile(rb"([gf]\d{6})/(\d)")


class Message:
    """A text in one part or in several; `name` is in the text of each part. A forged one asks for a receipt, by which
    the SMSC tells a copy of a genuine one from it."""

    def __init__(self, name, dest, parts, ref, forged=False):
        self.name, self.dest, self.forged = name, dest, forged
        self.copied = None  # the name of the message whose text it has
        total = len(parts)
        self.pieces = [Piece(self, i + 1, bytes([5, 0, 3, ref & 255, total, i + 1]) + text if total > 1 else text)
                       for i, text in enumerate(parts)]  # fmt: skip

    @property
    def sent(self):
        return max(piece.sent for piece in self.pieces)

    @property
    def acknowledged(self):
        return all(piece.status == 0 for piece in self.pieces)


class Piece:
    """One PDU: sent until it is answered."""

    def __init__(self, message, number, octets):
        self.message, self.number, self.octets = message, number, octets
        self.sent, self.status = 0, None

    def body(self, source):
        return smpp_pdu.message(source, self.message.dest, self.octets, esm=0x40 if self.octets[0] == 5 else 0,
                                registered=int(self.message.forged))  # fmt: skip


async def read_pdu(reader):
    head = await reader.readexactly(16)
    length, command, status, sequence = struct.unpack(">IIII", head)
    return command, status, sequence, await reader.readexactly(length - 16)


def reset(writer):
    """Ends a connection in the rudest way."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Esme:
    """Sends what `source` gives, `window` PDUs at a time; again what is not answered, or refused for now."""

    def __init__(self, port, system_id, window, orig, source):
        self.port, self.system_id, self.window, self.orig, self.source = port, system_id, window, orig, source
        self.todo, self.later, self.flying = collections.deque(), [], {}
        self.sequence, self.writer, self.over, self.idle = 1, None, False, asyncio.Event()
        self.connects = 0

    async def run(self):
        while not self.over or self.todo or self.later or self.flying:
            try:
                await self.session()
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                pass
            if self.writer:
                self.writer.transport.abort()
                self.writer = None
            # what was not answered goes first, in its order
            self.todo.extendleft(reversed([piece for piece, _ in self.flying.values()]))
            self.flying.clear()
            await asyncio.sleep(random.uniform(0.05, 0.3))

    def drop(self):
        if self.writer:
            reset(self.writer)

    async def session(self):
        reader, self.writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 5)
        body = self.system_id.encode() + b"\0secret\0\0" + bytes([0x34, 0, 0, 0])
        self.writer.write(pdu(smpp_pdu.BIND, 0, self.next(), body))
        command, status, _, _ = await asyncio.wait_for(read_pdu(reader), 10)
        if command != smpp_pdu.BIND | smpp_pdu.RESP or status:
            raise OSError("not bound")
        self.connects += 1
        reading = asyncio.ensure_future(self.read(reader))
        try:
            while not reading.done() and (not self.over or self.todo or self.later or self.flying):
                self.fill()
                await self.writer.drain()
                if self.flying and time.monotonic() - next(iter(self.flying.values()))[1] > ANSWER_S:
                    raise asyncio.TimeoutError
                await asyncio.sleep(0.002)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                await reading

    def next(self):
        self.sequence = self.sequence % 0x7FFFFFFF + 1
        return self.sequence

    def fill(self):
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self.todo.appendleft(self.later.pop(0)[1])
        while len(self.flying) < self.window:
            if not self.todo and not self.over:
                message = self.source(self)
                if message is None:
                    return
                self.todo.extend(message.pieces)
            if not self.todo:
                return
            piece = self.todo.popleft()
            piece.sent += 1
            sequence = self.next()
            self.flying[sequence] = (piece, now)
            self.writer.write(pdu(smpp_pdu.SUBMIT, 0, sequence, piece.body(self.orig)))

    async def read(self, reader):
        while True:
            command, status, sequence, _ = await read_pdu(reader)
            if command in (smpp_pdu.ENQUIRE, smpp_pdu.UNBIND):
                self.writer.write(pdu(command | smpp_pdu.RESP, 0, sequence))
            if command == smpp_pdu.UNBIND:
                return
            if sequence in self.flying and command & smpp_pdu.RESP:
                piece, _ = self.flying.pop(sequence)
                if status in AGAIN:
                    self.later.append((time.monotonic() + random.uniform(0.1, 0.5), piece))
                    self.later.sort(key=lambda one: one[0])
                else:
                    piece.status = status


class Smsc:
    """Takes every bind; keeps what came with which verdict, and what it answered."""

    def __init__(self):
        self.got = collections.defaultdict(list)  # (name, part, forged): [(verdict, status, moment), ...]
        self.throttle, self.writers, self.throttled = 0.02, set(), 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def drop(self):
        for writer in list(self.writers):
            reset(writer)

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                command, _, sequence, body = await read_pdu(reader)
                if not command & smpp_pdu.RESP:
                    status, answer = self.answer(command, body)
                    writer.write(pdu(command | smpp_pdu.RESP, status, sequence, answer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    def answer(self, command, body):
        if command in (1, 2, 9):
            return 0, b"smsc\0"
        if command != smpp_pdu.SUBMIT:
            return 0, b""
        fields = Fields(body)
        status = THROTTLED if random.random() < self.throttle else 0
        self.throttled += status != 0
        found = NAME.search(fields.octets)
        self.got[found[1].decode(), int(found[2]), fields.registered == 1].append((fields.verdict, status, time.monotonic()))
        return status, b"" if status else b"id1\0"
