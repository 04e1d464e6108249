# SPDX-License-Identifier: MIT
"""An ESME and an SMSC for tests of cps-smpp, and cps-smpp itself."""
import contextlib
import json
import os
import socket
import struct
import threading

import smpp_pdu
from harness import BUILD, SLOW, Daemon, free_port
from smpp_pdu import Fields, Pdu, pdu
from wire import PATIENCE_S, until

SIDECAR = os.path.join(BUILD, "client", "cps-smpp")


class Conn:
    """One side of a connection: reads whole PDUs in a thread of its own."""

    def __init__(self, sock):
        self.sock, self.closed, self.lock = sock, False, threading.Lock()
        self.buffer = b""

    def begin(self):
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def send(self, octets):
        with self.lock:
            self.sock.sendall(octets)

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _read(self):
        with contextlib.suppress(OSError):
            while octets := self.sock.recv(65536):
                self.buffer += octets
                while len(self.buffer) >= 16 and len(self.buffer) >= (n := struct.unpack(">I", self.buffer[:4])[0]):
                    one, self.buffer = self.buffer[:n], self.buffer[n:]
                    self.take(Pdu(*struct.unpack(">III", one[4:16]), one[16:], one))
        self.closed = True
        self.close()


class Esme(Conn):
    """Binds; sends messages, answers those that come."""

    def __init__(self, port, system_id="alice", command=smpp_pdu.BIND):
        super().__init__(socket.create_connection(("127.0.0.1", port), 20))
        self.sock.settimeout(None)
        self.sequence, self.answers, self.got, self.raw, self.order = 0, {}, [], [], []
        self.begin()
        body = system_id.encode() + b"\0secret\0\0" + bytes([0x34, 0, 0, 0])
        status = self.ask(command, body).status
        assert status == smpp_pdu.OK, f"the bind was answered {status}"

    def take(self, one):
        if one.command & smpp_pdu.RESP:
            self.answers[one.sequence] = one
            self.order.append(one.sequence)
            return
        if one.command in (smpp_pdu.DELIVER, smpp_pdu.DATA):
            self.raw.append(one)
            self.got.append(Fields(one.body))
        self.send(pdu(one.command | smpp_pdu.RESP, 0, one.sequence, b"\0" if one.command < 6 else b""))

    def put(self, command, body):
        """Sends without waiting; returns the sequence number."""
        self.sequence += 1
        self.send(pdu(command, 0, self.sequence, body))
        return self.sequence

    def answer(self, sequence, seconds=20):
        until(lambda: sequence in self.answers, seconds * SLOW, f"an answer to {sequence}")
        return self.answers[sequence]

    def ask(self, command, body):
        return self.answer(self.put(command, body))

    def submit(self, src, dst, octets, **more):
        """Sends a message and returns the command_status that it was answered."""
        return self.ask(smpp_pdu.SUBMIT, smpp_pdu.message(src, dst, octets, **more)).status

    def submit_parts(self, src, dst, parts, order=None, **more):
        """Sends segments without waiting between them; returns their statuses."""
        more = {"esm": 0x40, **more}
        order = order or range(len(parts))
        sent = [self.put(smpp_pdu.SUBMIT, smpp_pdu.message(src, dst, parts[i], **more)) for i in order]
        return [self.answer(sequence).status for sequence in sent]

    def unbind(self):
        self.ask(smpp_pdu.UNBIND, b"")


class Smsc:
    """Accepts every bind; keeps messages and answers them with `status`."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.got, self.raw, self.conns, self.status, self.mute = [], [], [], 0, False
        self.answers = lambda got: self.status
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.conns.append(SmscConn(self.server.accept()[0], self))
                self.conns[-1].begin()  # a test looks for it once its bind is answered

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)  # the thread that accepts ends, before its descriptor is another's
        self.thread.join(PATIENCE_S)
        self.server.close()
        for conn in self.conns:
            conn.close()

    def wait(self, count, seconds=20):
        until(lambda: len(self.got) >= count, seconds * SLOW, f"{count} messages, {len(self.got)} have come")
        return self.got[:count]


class SmscConn(Conn):
    def __init__(self, sock, smsc):
        super().__init__(sock)
        self.smsc, self.sequence = smsc, 0

    def take(self, one):
        status, body = 0, b""
        if one.command & smpp_pdu.RESP:
            return
        if one.command in (1, 2, 9):
            body = b"smsc\0"
        elif one.command in (smpp_pdu.SUBMIT, smpp_pdu.DATA, smpp_pdu.SUBMIT_MULTI):
            self.smsc.raw.append(one)
            self.smsc.got.append(Fields(one.body) if one.command == smpp_pdu.SUBMIT else one)
            status = self.smsc.answers(self.smsc.got[-1])
            body = b"" if status else b"id1\0"
            if self.smsc.mute:
                return
        self.send(pdu(one.command | smpp_pdu.RESP, status, one.sequence, body))

    def deliver(self, src, dst, octets, **more):
        self.sequence += 1
        self.send(pdu(smpp_pdu.DELIVER, 0, self.sequence, smpp_pdu.message(src, dst, octets, **more)))


class Sidecar(Daemon):
    """A cps-smpp in front of a port. `keys` are configuration keys: submit__action="sign"."""

    program = SIDECAR

    def __init__(self, directory, name, peer_port, **keys):
        self.killed = False
        self.judged_path = os.path.join(directory, name, "judged")
        self.signed_path = os.path.join(directory, name, "signed")
        super().__init__(directory, name, {"listen__address": "127.0.0.1:0", "peer__address": f"127.0.0.1:{peer_port}",
                                           "admin__listen": f"127.0.0.1:{free_port()}", "log__numbers": "yes",
                                           "log__judged": self.judged_path, "log__signed": self.signed_path, "timeouts__drain_s": 20,
                                           **keys})  # fmt: skip
        self.port = self._listening(r"listening on \S*//")[1]

    def judged(self, count=0):
        """The record of judged messages, when it has `count` lines."""
        return self._record(self.judged_path, count)

    def signed(self, count=0):
        """The record of signed messages, when it has `count` lines."""
        return self._record(self.signed_path, count)

    @staticmethod
    def _record(path, count):
        def lines():
            with open(path) as text:
                return [json.loads(line) for line in text.read().split("\n")[:-1]]

        until(lambda: len(lines()) >= count, 20 * SLOW, f"{count} lines in {path}")
        return lines()

    def metrics(self):
        port = int(str(self.keys["admin__listen"]).rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            while octets := sock.recv(65536):
                text += octets
        lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if line.startswith("cps_smpp_")]
        return {name.removeprefix("cps_smpp_"): float(value) for name, value in lines}

    def reload(self, good=True, **keys):
        said = super().reload(**keys)
        assert ("reload: nothing is changed" in said) != good, said
        return said

    def kill_now(self):
        """SIGKILL, on purpose."""
        self.terminated = self.killed = True
        self.kill()

    def stop(self, seconds=40):
        if not self.killed:
            super().stop(seconds)
