# SPDX-License-Identifier: MIT
"""cpsctl and cpsd together: a message's PASSporT from its sender to its receiver, and every way that goes wrong."""
import base64
import itertools
import json
import os
import re
import subprocess
import time

from envelope import envelope_id, unb64url
from harness import CPSCTL, SLOW, Case, RedisClient, Tap, run
from wire import until

X5U = "https://certs.example.com/{}.pem"
ALICE = "12155551212"


class Tool(Case):
    """Throwaway certificates and keys, made once, and cpsctl with them at hand."""

    counter = itertools.count(12155553000)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = os.path.join(cls.dir, "pki")
        for name, *scope in [("alice", "--tn", ALICE, "--server-name", "localhost,127.0.0.1"),
                             ("mallory", "--tn", "12155550000"), ("carrier", "--spc", "1234"),
                             ("block", "--range", "12155551000+1000"),
                             ("bound", "--tn", ALICE, "--permit", 'dest={"tn":["12155559999"]}')]:  # fmt: skip
            run(CPSCTL, "pki", "--out", cls.pki, "--name", name, *scope)
        run(CPSCTL, "pki", "--out", os.path.join(cls.dir, "pki2"), "--name", "stranger", "--tn", ALICE)
        for name, curve in [("bob", "x25519"), ("p256", "p256"), ("wrong", "x25519")]:
            run(CPSCTL, "keygen", "--out", cls.file(name + ".jwk"), "--public", cls.file(name + ".pub"),
                "--curve", curve)  # fmt: skip
        cls.environment = {**os.environ, "CPS_CA": f"{cls.pki}/tls-root.pem", "CPS_TRUST": f"{cls.pki}/root.pem",
                           "CPS_X5U_DIR": f"{cls.pki}/certs"}  # fmt: skip

    @classmethod
    def file(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def tls(cls):
        return f"{cls.pki}/tls.pem", f"{cls.pki}/tls.key"

    def number(self):
        return str(next(self.counter))

    def tool(self, *words, status=0, stdin=b"", **environment):
        done = subprocess.run([CPSCTL, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, env={**self.environment, **environment})  # fmt: skip
        said = done.stderr.decode()
        self.assertEqual(done.returncode, status, (words, done.stdout.decode(), said))
        if status >= 2 and not done.stdout.startswith((b"cps-unavailable", b"timeout")):
            self.assertRegex(said, r"\Acpsctl: [^\n]+\n\Z", "one line that says why")
        return done.stdout.decode()

    def signer(self, name="alice", pki="pki", x5u=None):
        base = self.file(pki)
        return ["--key", f"{base}/{name}.key", "--cert", f"{base}/{name}.pem", "--x5u", X5U.format(x5u or name)]

    def send(self, dest, *more, signer=None, orig=ALICE, text="hello", to="bob", status=0):
        return self.tool("send", *(signer or self.signer()), "--to", self.file(f"{to}.pub"), "--orig", orig,
                         "--dest", dest, "--text", text, *more, status=status)  # fmt: skip

    def receive(self, dest, *more, orig=ALICE, text="hello", key="bob", status=1):
        return self.tool("receive", "--key", self.file(f"{key}.jwk"), "--orig", orig, "--dest", dest, "--text", text,
                         *more, status=status)  # fmt: skip

    def assertVerdict(self, verdict, dest, *more, **options):
        said = self.receive(dest, *more, status=0 if verdict == "passed" else options.pop("status", 1), **options)
        self.assertEqual(said.split()[0], verdict, said)
        self.assertEqual(said.count("\n"), 1, said)
        return said


class EndToEnd:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(certificate=cls.tls(), store__url=cls.store_url(), store__box_limit=10, limits__box_share=100,
                                    store__ttl_default_s=259200)  # fmt: skip
        cls.server.tls.load_verify_locations(f"{cls.pki}/tls-root.pem")
        cls.environment["CPS_URL"] = cls.server.url

    def test_passed(self):
        for key in ("bob", "p256"):
            dest = self.number()
            self.assertRegex(self.send(dest, to=key), r"^sent  1 of 1 envelopes stored, \d+ octets\n$")
            said = self.assertVerdict("passed", dest, key=key)
            self.assertIn("msgi sha256 ok", said)

    def test_json(self):
        dest = self.number()
        sent = json.loads(self.send(dest, "--json"))
        got = json.loads(self.receive(dest, "--json", status=0))
        self.assertEqual((got["verdict"], got["passport"]), ("passed", sent["passport"]))
        claims = json.loads(unb64url(got["passport"].split(".")[1]))
        self.assertEqual((claims["orig"], claims["dest"]), ({"tn": ALICE}, {"tn": [dest]}))
        self.assertLess(abs(claims["iat"] - time.time()), 60)
        wrong = json.loads(self.receive(dest, "--json", text="goodbye"))
        self.assertEqual((wrong["verdict"], wrong["sip"]), ("msgi-mismatch", 438))

    def test_bodies(self):
        body = self.file("body")
        for octets in (b"", b"\0\1\2\xff" * 100, "Grüße ☃ 🚀".encode(), b"x" * 50000, b"line\r\nline\n"):
            dest = self.number()
            with open(body, "wb") as out:
                out.write(octets)
            self.tool("send", *self.signer(), "--to", self.file("bob.pub"), "--orig", ALICE, "--dest", dest,
                      "--body", body)  # fmt: skip
            common = ["receive", "--key", self.file("bob.jwk"), "--orig", ALICE, "--dest", dest, "--body"]
            self.assertTrue(self.tool(*common, body).startswith("passed"))
            self.assertTrue(self.tool(*common, "-", stdin=octets).startswith("passed"))
            self.assertTrue(self.tool(*common, "-", stdin=octets + b" ", status=1).startswith("msgi-mismatch"))

    def test_visual_forms(self):
        dest = self.number()
        self.send(f"+{dest[0]} ({dest[1:4]}) {dest[4:]}", orig="tel:+1-215-555-1212")
        self.assertVerdict("passed", f"sip:+{dest}@gw.example.com;user=phone", orig="1.215.555.1212")

    def test_uri(self):
        """A receiver that is no number: an application, say."""
        dest = f"sip:app{self.number()}@example.com"
        self.send(dest)
        self.assertVerdict("passed", dest.upper())

    def test_several_receivers(self):
        one, other = self.number(), self.number()
        said = self.tool("send", *self.signer(), "--to", f"{one}={self.file('bob.pub')}", "--to",
                         f"{other}={self.file('p256.pub')}", "--orig", ALICE, "--dest", one, "--dest", other, "--text",
                         "hello")  # fmt: skip
        self.assertIn("2 of 2 envelopes", said)
        self.assertVerdict("passed", one, key="bob")
        self.assertVerdict("passed", other, key="p256")
        self.assertVerdict("no-passport", one, key="p256")

    def test_several_keys(self):
        dest = self.number()
        self.send(dest, "--to", self.file("p256.pub"))
        self.assertVerdict("passed", dest, key="p256")
        self.assertVerdict("passed", dest, "--key", self.file("bob.jwk"), key="wrong")

    def test_no_passport(self):
        dest = self.number()
        self.assertVerdict("no-passport", dest)
        self.send(dest)
        self.assertVerdict("no-passport", dest, key="wrong")
        self.assertVerdict("no-passport", self.number())

    def test_forged_sender(self):
        """Mallory can sign for her own number only. Whatever she puts into the box, a message that claims to be from
        Alice does not pass."""
        dest = self.number()
        self.send(dest, signer=self.signer("mallory"), orig="12155550000")
        self.assertVerdict("no-passport", dest)
        self.assertVerdict("passed", dest, orig="12155550000")
        self.send(dest, signer=self.signer("mallory"), status=2)

    def test_f13_a_provider_signs_for_its_own_numbers_only(self):
        """The number table decides: the forger has one of its own, the receiver the right one."""
        ours, forged, dest = self.table("ours", "1215,1234"), self.table("forged", "1215555,1234"), self.number()
        right = self.table("right", "1215555,1000")
        self.send(dest, "--numbers", right, signer=self.signer("carrier"), status=2)
        self.send(dest, signer=self.signer("carrier"), status=2)
        self.send(dest, "--numbers", forged, signer=self.signer("carrier"))
        self.assertVerdict("not-authorized", dest)
        self.assertIn("the number belongs to provider 1000\n", self.assertVerdict("not-authorized", dest, "--numbers", right))
        self.assertIn("not-authorized", self.receive(dest, "--numbers", right, "--allow-spc"))
        self.assertVerdict("passed", dest, "--numbers", ours)

    def table(self, name, *lines):
        path = self.file(f"{name}.csv")
        with open(path, "w") as table:
            table.writelines(line + "\n" for line in lines)
        return path

    def test_forged_with_a_root_of_ones_own(self):
        for more in ([], ["--with-chain"]):
            dest = self.number()
            self.send(dest, *more, signer=self.signer("stranger", "pki2"))
            verdict = "untrusted-certificate" if more else "certificate-unreachable"
            self.assertVerdict(verdict, dest)

    def test_forged_with_the_x5u_of_another(self):
        dest = self.number()
        self.send(dest, signer=self.signer("stranger", "pki2", x5u="alice"))
        self.assertVerdict("bad-signature", dest)

    def test_certificate_that_is_none(self):
        dest = self.number()
        with open(f"{self.pki}/certs/broken.pem", "w") as out:
            out.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.send(dest, signer=self.signer(x5u="broken"))
        self.assertVerdict("certificate-unreachable", dest)

    def test_range_and_constraint(self):
        dest = self.number()
        self.send(dest, signer=self.signer("block"))
        self.assertVerdict("passed", dest)
        self.send(self.number(), signer=self.signer("block"), orig="12155552000", status=2)
        self.send(dest, signer=self.signer("bound"), status=2)

    def test_altered(self):
        dest = self.number()
        self.send(dest)
        for text in ("hallo", "hello ", "Hello", "", "hello\u200b"):
            self.assertVerdict("msgi-mismatch", dest, text=text)
        self.assertVerdict("passed", dest)

    def test_wrong_destination(self):
        """An envelope that was copied into another box."""
        dest, other = self.number(), self.number()
        self.send(dest)
        box = self.tool("retrieve", "--dest", dest)
        self.tool("publish", "--dest", other, stdin=box.encode())
        self.assertVerdict("dest-mismatch", other)

    def test_replayed(self):
        dest, memory = self.number(), self.file(f"replay-{self.counter}.db")
        self.send(dest)
        self.assertVerdict("passed", dest, "--replay-file", memory)
        self.assertVerdict("replayed", dest, "--replay-file", memory)
        self.send(dest, text="hello")  # the same text once more, signed anew
        self.assertVerdict("passed", dest, "--replay-file", memory)
        self.assertVerdict("replayed", dest, "--replay-file", memory)
        self.assertVerdict("passed", dest)  # a process without that file knows of nothing

    def test_f08_a_message_to_two_passes_at_each(self):
        for more, passports in ([], 2), (["--shared-passport"], 1):
            one, other, memory = self.number(), self.number(), self.file(f"replay-{self.counter}.db")
            sent = json.loads(self.send(one, "--dest", other, "--json", *more))
            self.assertEqual((sent["passports"], sent["published"]), (passports, 2))
            for dest in one, other:
                got = json.loads(self.receive(dest, "--json", "--replay-file", memory, status=0))
                named = json.loads(unb64url(got["passport"].split(".")[1]))["dest"]["tn"]
                self.assertEqual(named, sorted([one, other]) if more else [dest])
            for dest in one, other:
                self.assertVerdict("replayed", dest, "--replay-file", memory)

    def test_f06_evidence_of_another_message(self):
        dest, memory = self.number(), self.file(f"replay-{self.counter}.db")
        self.send(dest)
        self.assertVerdict("passed", dest, "--replay-file", memory)
        self.assertVerdict("no-passport", dest, "--replay-file", memory, text="goodbye")

    def test_f09_five_equal_texts(self):
        dest, memory = self.number(), self.file(f"replay-{self.counter}.db")
        for _ in range(5):
            self.send(dest)
        for _ in range(5):
            self.assertVerdict("passed", dest, "--replay-file", memory)
        self.assertVerdict("replayed", dest, "--replay-file", memory)

    def test_stale(self):
        dest = self.number()
        self.send(dest, "--iat", str(int(time.time()) - 3600))
        self.assertVerdict("stale", dest)
        self.assertVerdict("passed", dest, "--max-age", "7200", "--replay-file", self.file("stale.db"))
        dest = self.number()
        self.send(dest, "--iat", str(int(time.time()) + 3600))
        said = self.receive(dest)
        self.assertIn(said.split()[0], ("stale", "bad-certificate"))

    def test_best_verdict_counts(self):
        dest = self.number()
        self.send(dest, text="another message")
        self.send(dest, "--numbers", self.table("ours", "1215,1234"), signer=self.signer("carrier"))
        self.send(dest, "--iat", str(int(time.time()) - 3600))
        self.assertNotEqual(self.receive(dest).split()[0], "passed")
        self.send(dest)
        self.assertVerdict("passed", dest)

    def test_receiver_who_waits(self):
        dest = self.number()
        waiting = subprocess.Popen(
            [CPSCTL, "receive", "--key", self.file("bob.jwk"), "--orig", ALICE, "--dest", dest, "--text", "hello",
             "--wait", "30"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment)  # fmt: skip
        until(lambda: self.server.metrics()["cpsd_waiters"] > 0, 10 * SLOW, "it waits")
        self.send(dest)
        said, _ = waiting.communicate(timeout=60)
        self.assertTrue(said.startswith(b"passed"), said)

    def test_waiting_in_vain(self):
        start = time.monotonic()
        self.assertVerdict("no-passport", self.number(), "--wait", "1")
        self.assertGreater(time.monotonic() - start, 0.9)

    def test_step_by_step(self):
        dest = self.number()
        passport = self.tool("sign", *self.signer(), "--orig", ALICE, "--dest", dest, "--text", "hello")
        sealed = self.tool("encrypt", "--to", self.file("bob.pub"), stdin=passport.encode())
        said = self.tool("publish", "--dest", dest, stdin=sealed.encode())
        self.assertIn(envelope_id(sealed.strip()), said)
        again = json.loads(self.tool("publish", "--dest", dest, "--json", stdin=sealed.encode()))
        self.assertIn("true", json.dumps(again), "the CPS had it already")
        box = self.tool("retrieve", "--dest", dest)
        self.assertIn(sealed, box)
        self.assertEqual(self.tool("retrieve", "--dest", dest, "--id", envelope_id(sealed.strip())), sealed)
        opened = self.tool("decrypt", "--key", self.file("bob.jwk"), stdin=box.encode())
        self.assertEqual(opened, passport)
        self.tool("decrypt", "--key", self.file("wrong.jwk"), stdin=box.encode(), status=1)
        message = ["--orig", ALICE, "--dest", dest, "--text"]
        self.assertTrue(self.tool("verify", *message, "hello", stdin=opened.encode()).startswith("passed"))
        self.assertTrue(self.tool("verify", *message, "x", stdin=opened.encode(), status=1).startswith("msgi-mismatch"))
        self.assertTrue(self.tool("verify", "--orig", "12", "--dest", dest, stdin=opened.encode(), status=1)
                        .startswith("orig-mismatch"))  # fmt: skip
        changed = opened.strip()[:-8] + ("A" if opened[-9] != "A" else "B") + opened.strip()[-7:]
        said = self.tool("verify", *message, "hello", stdin=changed.encode(), status=1)
        self.assertTrue(said.startswith("bad-signature"), said)

    def test_chain_that_travels_along(self):
        dest = self.number()
        self.send(dest, "--with-chain", signer=self.signer(x5u="nowhere"))
        self.assertVerdict("passed", dest)

    def test_cursor(self):
        dest = self.number()
        self.send(dest, text="one")
        first = json.loads(self.tool("retrieve", "--dest", dest, "--json"))
        self.send(dest, text="two")
        second = json.loads(self.tool("retrieve", "--dest", dest, "--after", first["cursor"], "--json"))
        self.assertGreaterEqual(len(first["envelopes"]), 2)
        self.assertEqual(len(second["envelopes"]), 1)

    def test_refused(self):
        dest = self.number()
        for i in range(10):
            self.send(dest, text=str(i))
        self.send(dest, status=4)
        self.tool("health", CPS_URL=self.server.url + "/nowhere", status=4)

    def test_an_observer_cannot_tell_ours_from_dummies(self):
        dest = self.number()
        for i in range(5):
            self.send(dest, text="x" * (i * 40))
        box = self.tool("retrieve", "--dest", dest).split()
        shapes = {tuple(map(len, envelope.split("."))) + (envelope[:100],) for envelope in box}
        self.assertGreaterEqual(len(box), 6)
        self.assertEqual(len(shapes), 1, shapes)

    def test_health(self):
        self.assertIn("OK", self.tool("health"))


class Memory(EndToEnd, Tool):
    @classmethod
    def store_url(cls):
        return "memory:"


class Redis(EndToEnd, Tool):
    """With a tap on the way to Redis: what goes over it is what an eavesdropper there would have."""

    @classmethod
    def store_url(cls):
        cls.database = cls.class_redis(tcp=True)
        cls.tap = Tap(cls.database.port)
        cls.addClassCleanup(cls.tap.close)
        return f"redis://127.0.0.1:{cls.tap.port}"

    def test_nothing_in_clear(self):
        dest, text = self.number(), "the quick brown fox jumps"
        sent = json.loads(self.send(dest, "--json", "--with-chain", text=text))
        self.assertVerdict("passed", dest, text=text)
        with RedisClient(self.database.socket) as client:
            stored = client.everything()
        seen, passport = bytes(self.tap.octets), sent["passport"]
        self.assertIn(dest.encode(), seen)  # the destination is what the CPS has to know
        self.assertIn(dest.encode(), stored)
        digest = json.loads(unb64url(passport.split(".")[1]))["msgi"].split("-", 1)[1]
        secrets = [ALICE, text, digest, passport, *passport.split("."), "certs.example.com", '"orig"', "eyJhbGciOiJFUzI1NiI"]
        for octets in (seen, stored):
            self.assertGreater(len(octets), 2000)
            for secret in secrets:
                for form in self.forms(secret):
                    self.assertNotIn(form, octets, secret)

    def forms(self, secret):
        """A text as it is, in hexadecimal, and in base64 wherever in a group it may begin."""
        octets = secret.encode()
        yield octets
        yield octets.hex().encode()
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + octets)
            inner = text[4 if shift else 0 : len(text) // 4 * 4 - 4]
            if len(inner) >= 8:
                yield inner
                yield inner.replace(b"+", b"-").replace(b"/", b"_")

    def test_the_search_finds(self):
        """What the test above looks for would be found."""
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                hay = encode(b"xyz"[:shift] + b'{"orig":{"tn":"' + ALICE.encode() + b'"}}')
                self.assertTrue(any(form in hay for form in self.forms('{"orig":{"tn":"' + ALICE)), (shift, hay))
                self.assertTrue(any(form in hay for form in self.forms(ALICE)), (shift, hay))


class WrongUse(Tool):
    """Exit codes, and one line that names the file, the member, the reason."""

    def refused(self, *words, status=2, mentions=(), stdin=b"", **environment):
        done = subprocess.run([CPSCTL, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, env={**self.environment, **environment})  # fmt: skip
        said = done.stderr.decode()
        self.assertEqual((done.returncode, said.count("\n")), (status, 1), (words, said))
        for word in mentions:
            self.assertIn(word, said)

    def test_usage(self):
        for words, *mentions in [
            (["nonsense"], "nonsense"),
            (["sned"], "send"),
            (["send"], "--"),
            (["health", "--bogus"], "--bogus"),
            (["health", "extra"], "extra"),
            (["health"], "--cps"),
            (["sign", "--orig"], "--orig"),
            (["keygen", "--out", "/nowhere/x.jwk"], "/nowhere/x.jwk"),
            (["keygen", "--out", "x.jwk", "--curve", "p384"], "--curve", "x25519", "p256"),
            (["pki", "--out", "/nowhere/pki", "--tn", "12"], "/nowhere"),
            (["pki", "--out", "x"], "--tn"),
            (["pki", "--out", "x", "--range", "1+x"], "--range"),
            (["inspect", "/nowhere/file"], "/nowhere/file"),
        ]:
            with self.subTest(words):
                self.refused(*words, mentions=mentions)
        self.assertIn("usage: cpsctl", self.tool("help"))
        self.assertRegex(self.tool("version"), r"\d+\.\d+\.\d+")

    def test_nobody_there(self):
        url = "https://localhost:1"
        self.refused("health", status=3, CPS_URL=url, mentions=[url])
        self.refused("retrieve", "--dest", "12155551213", status=3, CPS_URL=url)
        said = self.tool("receive", "--key", self.file("bob.jwk"), "--orig", ALICE, "--dest", "12155551213", "--text",
                         "x", status=3, CPS_URL=url)  # fmt: skip
        self.assertTrue(said.startswith("cps-unavailable"))

    def test_wrong_authority(self):
        server = self.cpsd(certificate=self.tls())
        self.refused("health", "--ca", f"{self.pki}/root.pem", status=3, CPS_URL=server.url, mentions=["certificate"])
        url = server.url.replace("localhost", "127.0.0.2")
        self.refused("health", status=3, CPS_URL=url)
        server.tls.load_verify_locations(f"{self.pki}/tls-root.pem")

    def test_away(self):
        """The CPS is there and its store is not."""
        server = self.cpsd(certificate=self.tls(), store__url="redis+unix:///nowhere/redis.sock")
        self.refused("health", status=4, CPS_URL=server.url, mentions=["503"])

    def test_forbidden(self):
        server = self.cpsd(certificate=self.tls(), policy__publish="nobody")
        sealed = self.sealed()
        self.refused("publish", "--dest", "12155551213", status=4, stdin=sealed, CPS_URL=server.url, mentions=["403"])

    def sealed(self):
        passport = self.tool("sign", *self.signer(), "--orig", ALICE, "--dest", "12155551213", "--text", "x")
        return self.tool("encrypt", "--to", self.file("bob.pub"), stdin=passport.encode()).encode()

    def test_every_truncation(self):
        """Of an envelope, none opens; of a PASSporT, none passes. A sample: the unit tests take each."""
        sealed = self.sealed().decode().strip()
        passport = self.tool("decrypt", "--key", self.file("bob.jwk"), stdin=sealed.encode()).strip()
        for cut in [1, 2, 3, 7, 21, 22, 23, 100, 300, len(sealed) - 1]:
            self.tool("decrypt", "--key", self.file("bob.jwk"), stdin=sealed[:-cut].encode(), status=2)
        for cut in [1, 2, 43, 85, 86, 87, 150, len(passport) - 1]:
            done = subprocess.run([CPSCTL, "verify"], input=passport[:-cut].encode(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=self.environment)  # fmt: skip
            self.assertIn(done.returncode, (1, 2))
            self.assertNotIn(b"passed", done.stdout)

    def test_keys_that_do_not_fit(self):
        message = ["--orig", ALICE, "--dest", "12155551213", "--text", "x"]
        alice, mallory = self.signer(), self.signer("mallory")
        self.refused("sign", *alice[:2], *mallory[2:], *message)
        self.refused("sign", *alice[:2], "--cert", f"{self.pki}/root.key", *alice[4:], *message)
        self.refused("sign", *alice[:4], "--x5u", "http://certs.example.com/alice.pem", *message)
        passport = self.tool("sign", *alice, *message).encode()
        with open(self.file("empty"), "w"):
            pass
        for path in (self.file("empty"), f"{self.pki}/alice.pem", self.dir, "/nowhere/key"):
            self.refused("encrypt", "--to", path, stdin=passport, mentions=[path])
        self.refused("decrypt", "--key", self.file("bob.pub"), stdin=self.sealed(), mentions=[self.file("bob.pub")])

    def test_private_files(self):
        """Keys are readable for their owner only; nothing is overwritten unasked; inspect shows no private part."""
        for path in (self.file("bob.jwk"), f"{self.pki}/alice.key", f"{self.pki}/root.key", f"{self.pki}/tls.key"):
            self.assertEqual(os.stat(path).st_mode & 0o77, 0, path)
        self.refused("keygen", "--out", self.file("bob.jwk"), mentions=[self.file("bob.jwk"), "--force"])
        with open(self.file("bob.jwk")) as file:
            private = json.load(file)["d"]
        self.assertNotIn(private, self.tool("inspect", self.file("bob.jwk")))
        self.assertNotIn(private, self.tool("inspect", "--json", self.file("bob.jwk")))

    def test_inspect(self):
        for path, *words in [(f"{self.pki}/alice.pem", ALICE), (f"{self.pki}/carrier.pem", "1234"),
                             (f"{self.pki}/block.pem", "12155551000"), (self.file("p256.pub"), "P-256")]:  # fmt: skip
            for more in ([], ["--json"]):
                said = self.tool("inspect", *more, path)
                for word in words:
                    self.assertRegex(said, re.escape(word))
                if more:
                    json.loads(said)
