# SPDX-License-Identifier: MIT
"""cps-esme and cps-smsc, with which an operator tries a link by hand: what they send, show and exit with."""
import json
import os
import pathlib
import re
import subprocess
import unittest

from harness import HOME, SLOW, Case, Process, run
from smpp import BIND, ESME, RESP, SMSC, Listener, pdu
from wire import until

MAN = pathlib.Path(HOME) / "deploy/man"


class Peers(Case):
    def smsc(self, *options):
        smsc = Process([SMSC, *options], os.path.join(self.temp(), "smsc"))
        self.addCleanup(smsc.kill)
        until(lambda: "listening on" in smsc.log(), 20 * SLOW, "cps-smsc listens")
        smsc.port = re.search(r"listening on \S+:(\d+)\n", smsc.log())[1]
        return smsc

    def esme(self, *options, status=0):
        """The lines on standard output, and standard error."""
        done = run(ESME, *options, status=status)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()

    def shown(self, smsc):
        return [json.loads(line) for line in smsc.log().splitlines() if line.startswith("{")]

    def end(self, smsc):
        smsc.process.terminate()
        self.assertEqual(smsc.wait(20 * SLOW), 0)
        return self.shown(smsc)[-1]

    def test_message(self):
        """A bind and a long message with a TLV: each side shows them in JSON, the password is not shown."""
        smsc = self.smsc("--show")
        password = os.path.join(self.temp(), "password")
        with open(password, "w") as file:
            file.write("s3cret\nanother line\n")
        text = "Grüße \"an\" alle " + "ä" * 70
        lines, said = self.esme("--port", smsc.port, "--system-id", "kannel", "--system-type", "gw", "--password-file", password,
                                "--bind", "transmitter", "--from", "Bank", "--to", "+12155551213", "--text", text,
                                "--reference", "7", "--tlv", "14000001aA")  # fmt: skip
        self.assertEqual(said, "")
        self.assertEqual(lines, [
            {"command": "bind_transmitter_resp", "sequence": 1, "command_status": 0, "status": "ESME_ROK", "system_id": "smsc"},
            *[{"command": "submit_sm_resp", "sequence": 1 + n, "command_status": 0, "status": "ESME_ROK", "message_id": str(n)}
              for n in (1, 2)]])  # fmt: skip
        self.assertEqual(self.end(smsc), {"binds": 1, "messages": 2})
        bind, first, second, _ = self.shown(smsc)
        self.assertEqual(bind, {"command": "bind_transmitter", "sequence": 1, "system_id": "kannel", "system_type": "gw",
                                "command_status": 0, "status": "ESME_ROK"})  # fmt: skip
        self.assertEqual(first["text"] + second["text"], text)
        self.assertEqual((first["from"], first["to"], first["udh"], first["tags"]),
                         ("Bank", "12155551213", "050003070201", {"1400": "aa"}))  # fmt: skip
        self.assertNotIn("s3cret", smsc.log())

    def test_deliver(self):
        """Both by their IPv6 addresses: the SMSC delivers, the ESME shows it and answers."""
        smsc = self.smsc("--host", "::1", "--show", "--text", "hello")
        self.assertIn("listening on [::1]:", smsc.log())
        esme = Process([ESME, "--host", "::1", "--port", smsc.port, "--bind", "receiver", "--listen", "600"],
                       os.path.join(self.temp(), "esme"))  # fmt: skip
        self.addCleanup(esme.kill)
        until(lambda: len(self.shown(esme)) == 2, 20 * SLOW, "it shows the message")
        self.assertEqual([(line["command"], line.get("text")) for line in self.shown(esme)],
                         [("bind_receiver_resp", None), ("deliver_sm", "hello")])  # fmt: skip

    def test_refused(self):
        """Exit status 3 where the SMSC refuses."""
        smsc = self.smsc("--bind-status", "ESME_RINVPASWD")
        lines, said = self.esme("--port", smsc.port, status=3)
        self.assertEqual(lines[0]["command_status"], 14)
        self.assertEqual(said, 'cps-esme: the bind as "esme" was refused: ESME_RINVPASWD (0xe)\n')
        smsc = self.smsc("--status", "0x58", "--refuse-each", "2")
        words = ("--port", smsc.port, "--text", "hello")
        self.esme(*words)
        lines, _ = self.esme(*words, status=3)
        self.assertEqual(lines[1]["status"], "ESME_RTHROTTLED")

    def test_load(self):
        """A load that does not divide by its connections: all of it, to destinations that count up."""
        smsc = self.smsc("--show")
        [report], _ = self.esme("--port", smsc.port, "--count", "25", "--connections", "3", "--to", "+4420999", "--pairs", "5")
        self.assertEqual((report["sent"], report["answered"], report["refused"]), (25, 25, 0))
        self.assertEqual(self.end(smsc), {"binds": 3, "messages": 25})
        self.assertEqual({line["to"] for line in self.shown(smsc) if line.get("command") == "submit_sm"},
                         {f"442099{n}" for n in range(5)})  # fmt: skip

    def test_failed(self):
        """Exit status 1 with the reason: nobody listens, no answer, no SMPP, the connection ends."""
        listener = Listener()
        self.addCleanup(listener.close)
        port = str(listener.port)
        bound = pdu(BIND | RESP, 1, b"smsc\0")
        for answer, timeout, expected in ((b"", "0.2", "the bind was not answered in 0.2 s"),
                                          # a busy machine is late with the first answer, too
                                          (bound, "0.5", "(1 PDUs were|the bind was) not answered in 0.5 s"),
                                          (b"HTTP/1.1 400 No\r\n\r\n", "60", "the peer sent octets that are not SMPP: .*"),
                                          (None, "60", "the peer closed the connection")):  # fmt: skip
            esme = subprocess.Popen([ESME, "--port", port, "--timeout", timeout, "--text", "x"],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
            with listener.accept() as leg:
                if answer is None:
                    leg.close()
                else:
                    leg.send(answer)
                said = esme.communicate(timeout=120)[1].decode()
            self.assertEqual(esme.returncode, 1, said)
            self.assertRegex(said, rf"\Acps-esme: {expected}\n\Z")
        _, said = self.esme("--port", "1", status=1)
        self.assertEqual(said, "cps-esme: cannot connect to 127.0.0.1:1: Connection refused\n")

    def test_strangers(self):
        """Somebody who does not speak SMPP loses the connection; the SMSC serves others."""
        smsc = self.smsc()
        run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{smsc.port}; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3")
        self.assertIn("cps-smsc: closed a connection that sent octets that are not SMPP", smsc.log())
        self.esme("--port", smsc.port, "--text", "hello")
        self.assertEqual(self.end(smsc), {"binds": 1, "messages": 1})

    def test_usage(self):
        """Exit status 2 with the reason; help and version with 0."""
        for program, words, expected in ((ESME, [], "--port is missing"),
                                         (ESME, ["--port", "65536"], '--port: "65536" is not a number from 0 to 65535'),
                                         (ESME, ["--port", "1", "--bind", "any"], '--bind: "any"'),
                                         (ESME, ["--port", "1", "--connections", "2"], "--connections is for a load"),
                                         (ESME, ["--port", "1", "--count", "1", "--connections", "2"], "--connections must"),
                                         (ESME, ["--port", "1", "--count", "1", "--text", "x"], "--text sends one message"),
                                         (ESME, ["--port", "1", "--password-file", "/nonexistent"], "cannot read the password"),
                                         (ESME, ["now"], 'unexpected argument "now"'),
                                         (SMSC, ["--delay", "soon"], '--delay: "soon"'),
                                         (SMSC, ["--status", "RWRONG"], '--status: "RWRONG"')):  # fmt: skip
            said = run(program, *words, status=2).stderr.decode()
            self.assertIn(f"{os.path.basename(program)}: {expected}", said)
        self.assertIn("Try", run(SMSC, "--nonsense", status=2).stderr.decode())
        for program in ESME, SMSC:
            for words in (["--version"], ["-V"]):
                self.assertRegex(run(program, *words).stdout.decode(), rf"\A{os.path.basename(program)} \d+\.\d+\.\d+\n\Z")
            self.assertEqual(run(program, "-h").stdout, run(program, "--help").stdout)

    def test_man_pages(self):
        """A manual page has each option of --help."""
        for program in ESME, SMSC:
            options = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", run(program, "--help").stdout.decode()))
            self.assertGreater(len(options), 15)
            page = (MAN / f"{os.path.basename(program)}.1.scd").read_text()
            self.assertEqual(options - set(re.findall(r"\*(--[a-z-]+)\*", page)), set())


if __name__ == "__main__":
    unittest.main()
