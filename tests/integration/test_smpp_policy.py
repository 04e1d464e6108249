# SPDX-License-Identifier: MIT
"""cps-smpp follows its configuration: which messages are forwarded, tags, prefixes, records, reload."""
# presets: dev asan
import os
import re
import shutil
import subprocess
import unittest

import smpp_pdu
from certhost import CertHost
from harness import CPSCTL, SLOW, make_certificate, run
from smpp_case import ALICE, MALLORY, SmppCase, fresh
from smpp_peer import SIDECAR
from smpp_pdu import VERDICT, split, tlv
from wire import until

TEXT = b"Your parcel is at the door."


class Policy(SmppCase):
    def test_outside_is_rejected(self):
        a = self.signer(self.smsc.port, sign__outside="reject", sign__reject_status="ESME_RINVSRCADR")
        mallory, nobody = self.esme(a.port, "mallory"), self.esme(a.port, "nobody")
        self.assertEqual(mallory.submit(ALICE, self.bob, TEXT), 0x0A)
        self.assertEqual(nobody.submit(ALICE, self.bob, TEXT), 0x0A)
        self.assertEqual(mallory.submit(MALLORY, self.bob, TEXT), 0)
        self.assertEqual([m.src for m in self.smsc.got], [MALLORY])
        metrics = a.metrics()
        self.assertEqual(metrics['sign_rejected_total{reason="outside"}'], 1)
        self.assertEqual(metrics['sign_rejected_total{reason="no-tenant"}'], 1)

    def test_certificate_does_not_cover(self):
        """The tenant's file lists a number that its certificate does not: nothing is signed with it."""
        tenants = self.directory("wide")
        self.tenant("alice", f"{ALICE} {MALLORY}", directory=tenants)
        a = self.signer(self.smsc.port, tenants__dir=tenants, sign__outside="reject")
        esme = self.esme(a.port)
        self.assertEqual(esme.submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(esme.submit(MALLORY, self.bob, TEXT), smpp_pdu.SUBMITFAIL)
        self.assertEqual(a.metrics()['sign_rejected_total{reason="uncovered"}'], 1)

    def test_names_in_a_domain(self):
        """Alphanumeric senders are the tenant's where a domain is set; its certificate must name that, too."""
        tenants = self.directory("names")
        self.tenant("alice", ALICE, directory=tenants, names="Parcel Co, Alice")
        domain = {"sender__alphanumeric": "domain", "sender__alphanumeric_domain": "sms.example.com"}
        a = self.signer(self.smsc.port, tenants__dir=tenants, **domain)
        esme = self.esme(a.port)
        esme.submit("Parcel Co", self.bob, TEXT)
        esme.submit("Bank", self.bob, TEXT)
        metrics = a.metrics()
        self.assertEqual(metrics['unsigned_total{reason="outside"}'], 1, "Bank")
        self.assertEqual(metrics['unsigned_total{reason="uncovered"}'], 1, "Parcel Co")

    def test_names_with_a_certificate(self):
        """A certificate for a name: its messages are signed and pass, whatever type of number the name is marked with."""
        run(CPSCTL, "pki", "--out", self.pki, "--name", "parcel", "--uri", "sip:parcel%20co@sms.example.com")
        tenants = self.directory("names with certificates")
        self.tenant("parcel", "", directory=tenants, names="Parcel Co")
        domain = {"sender__alphanumeric": "domain", "sender__alphanumeric_domain": "sms.example.com"}
        b = self.verifier(self.smsc.port, **domain)
        a = self.signer(b.port, tenants__dir=tenants, **domain)
        esme = self.esme(a.port, "parcel")
        for ton in (5, 0, 1, 3):
            body = smpp_pdu.message("Parcel Co", self.bob, b"type of number %d" % ton)
            body = body[:1] + bytes([ton]) + body[2:]
            self.assertEqual(esme.ask(smpp_pdu.SUBMIT, body).status, 0)
        self.assertEqual([m.verdict for m in self.smsc.wait(4)], ["passed"] * 4)

    def test_verdict_lists(self):
        b = self.verifier(self.smsc.port, verify__deliver="passed", verify__reject="no-passport, malformed",
                          verify__reject_status="0x0400")  # fmt: skip
        a = self.signer(b.port)
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        got = self.smsc.wait(1)[0]
        self.assertEqual(got.tlvs, [], "delivered as it came")
        self.assertEqual(self.esme(b.port).submit(ALICE, self.carol, TEXT), 0x400)
        self.assertEqual(self.esme(b.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.smsc.wait(2)[1].verdict, "replayed", "in no list: tagged")
        self.assertEqual([l["action"] for l in b.judged(3)], ["deliver", "reject", "tag"])

    def test_planted_and_delivered(self):
        """A message without our tag has no tag of others either."""
        b = self.verifier(self.smsc.port, verify__deliver="no-passport")
        self.esme(b.port).submit(ALICE, self.bob, TEXT, tlvs=tlv(VERDICT, b"passed"))
        self.assertEqual(self.smsc.wait(1)[0].tlvs, [])

    def test_other_tags(self):
        b = self.verifier(self.smsc.port, verify__verdict_tlv="0x1600", verify__signer_tlv="0x1601")
        a = self.signer(b.port)
        self.esme(a.port).submit(ALICE, self.bob, TEXT, tlvs=tlv(VERDICT, b"mine") + tlv(0x1600, b"planted"))
        self.assertEqual(self.smsc.wait(1)[0].tlvs,
                         [(VERDICT, b"mine"), (0x1600, b"passed"), (0x1601, b"tn:" + ALICE.encode())])  # fmt: skip

    def test_text_prefix(self):
        b = self.verifier(self.smsc.port, verify__text_prefix='"[%v] "')
        esme = self.esme(b.port)
        gsm = b"\x1b<no-passport\x1b> "
        rows = [(b"caf\x05", 0, 0, gsm + b"caf\x05"),
                ("Привет".encode("utf-16-be"), 8, 0, "[no-passport] Привет".encode("utf-16-be")),
                (b"caf\xe9", 3, 0, b"[no-passport] caf\xe9"),
                (b"\3\x24\1\1text", 0, 0x40, b"\3\x24\1\1text"),  # a national table that is only read
                (b"\2\x70\0text", 0, 0x40, b"\2\x70\0" + gsm + b"text"),
                (b"x" * 150, 0, 0, b"x" * 150),  # 166 septets are more than one message
                (b"x" * 144, 0, 0, gsm + b"x" * 144),
                (b"\0\1binary", 4, 0, b"\0\1binary")]  # fmt: skip
        for octets, coding, esm, _ in rows:
            self.assertEqual(esme.submit(ALICE, fresh(), octets, coding=coding, esm=esm), 0)
        for got, row in zip(self.smsc.wait(len(rows)), rows):
            self.assertEqual((got.octets, got.verdict), (row[3], "no-passport"))
        parts = split(b"0123456789" * 20, 150)
        esme.submit_parts(ALICE, self.bob, parts)
        self.assertEqual([m.octets for m in self.smsc.wait(len(rows) + 2)[-2:]], parts)
        self.assertEqual(b.metrics()["prefix_left_out_total"], 3 + 2)

    def test_record_hashes_numbers(self):
        b = self.verifier(self.smsc.port, log__numbers="no")
        a = self.signer(b.port)
        esme = self.esme(a.port)
        for text in (b"one", b"two"):
            esme.submit(ALICE, self.bob, text)
        one, two = b.judged(2)
        self.assertEqual((one["orig"], one["dest"], one["signer"]), (two["orig"], two["dest"], two["signer"]))
        self.assertRegex(one["orig"], "^[0-9a-f]{16}$")
        self.assertEqual(one["signer"], "tn:" + one["orig"])
        with open(b.judged_path) as text:
            record = text.read()
        for word in (ALICE, self.bob, ALICE[1:], "one", "two"):
            self.assertNotIn(word, record + b.log())

    def test_record_is_opened_again(self):
        b = self.verifier(self.smsc.port)
        esme = self.esme(b.port)
        esme.submit(ALICE, self.bob, TEXT)
        b.judged(1)
        os.rename(b.judged_path, b.judged_path + ".1")
        b.reload()
        esme.submit(ALICE, self.bob, TEXT)
        self.assertEqual(len(b.judged(1)), 1)

    def test_deliver_direction(self):
        """The peer's messages are signed on their way to the ESME, and judged."""
        a = self.signer(self.smsc.port, "deliver")
        b = self.verifier(a.port, "deliver")
        esme = self.esme(b.port)
        conn = self.smsc.conns[0]
        conn.deliver(ALICE, self.bob, TEXT)
        conn.deliver(MALLORY, self.bob, TEXT)
        conn.deliver(ALICE, self.bob, b"id:1 stat:DELIVRD", esm=4)
        until(lambda: len(esme.got) == 3, 20 * SLOW, "three messages")
        verdicts = {(m.src, m.esm): m.verdict for m in esme.got}
        self.assertEqual(verdicts, {(ALICE, 0): "passed", (MALLORY, 0): "no-passport", (ALICE, 4): None})
        self.assertEqual({l["direction"] for l in b.judged(2)}, {"deliver"})
        esme.submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(1)[0].tlvs, [], "the other direction passes")


class Reload(SmppCase):
    def test_tenants(self):
        """SIGHUP: a new tenant is signed for, one whose number was taken away is not; no bind is dropped."""
        tenants = self.directory("changing")
        self.tenant("alice", ALICE, directory=tenants)
        b = self.verifier(self.smsc.port)
        a = self.signer(b.port, tenants__dir=tenants)
        alice, mallory = self.esme(a.port), self.esme(a.port, "mallory")
        alice.submit(ALICE, self.bob, b"1")
        mallory.submit(MALLORY, self.bob, b"2")
        self.tenant("alice", "12155551300", directory=tenants)
        self.tenant("mallory", MALLORY, directory=tenants)
        a.reload()
        alice.submit(ALICE, self.carol, b"3")
        mallory.submit(MALLORY, self.bob, b"4")
        self.assertEqual([m.verdict for m in self.smsc.wait(4)], ["passed", "no-passport", "no-passport", "passed"])
        self.assertEqual(a.metrics()["tenants"], 2)

    def test_a_fault_changes_nothing(self):
        tenants = self.directory("broken")
        self.tenant("alice", ALICE, directory=tenants)
        a = self.signer(self.smsc.port, tenants__dir=tenants)
        esme = self.esme(a.port)
        with open(os.path.join(tenants, "bad.conf"), "w") as out:
            out.write("[tenant]\nkey = nowhere.key\ncertificate = nowhere.pem\nx5u = https://x.example/a.pem\nnumbers = 1*\n")
        self.assertIn("bad.conf", a.reload(good=False))
        esme.submit(ALICE, self.bob, TEXT)
        self.assertEqual(a.metrics()['signed_total{outcome="published"}'], 1)
        os.remove(os.path.join(tenants, "bad.conf"))
        a.reload()

    def test_replay_memory_is_kept(self):
        """What was used stays used, though libcps is opened anew for other roots."""
        b = self.verifier(self.smsc.port)
        a = self.signer(b.port)
        self.esme(a.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "passed")
        b.reload(trust__max_age_s=61)
        self.esme(b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(2)[1].verdict, "replayed")

    def test_actions(self):
        """verify, then pass, then verify; while segments wait."""
        b = self.verifier(self.smsc.port, join__hold="always", join__timeout_ms=60000)
        esme = self.esme(b.port)
        parts = split(b"0123456789" * 20, 150)
        first = esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, parts[0], esm=0x40))
        until(lambda: b.metrics()["join_segments"] == 1, 20 * SLOW, "a segment waits")
        b.reload(submit__action="pass")
        self.assertEqual(esme.submit(ALICE, self.carol, TEXT), 0)
        self.assertEqual(self.smsc.wait(1)[0].tlvs, [])
        b.reload(submit__action="verify")
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts[1:]), [0])
        self.assertEqual(esme.answer(first).status, 0)
        self.assertEqual([m.verdict for m in self.smsc.wait(3)[1:]], ["no-passport"] * 2)


class Check(SmppCase):
    """cps-smpp -t and what it finds."""

    def check(self, **keys):
        options = []
        for key, value in {**self.with_cps(), **keys}.items():
            options += ["-o", f"{key.replace('__', '.')}={value}"]
        done = subprocess.run([SIDECAR, "-t", *options], capture_output=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).decode()

    def test_warning(self):
        """Where long messages are tagged in spite of `reject`, -t says so."""
        keys = {"submit__action": "verify", "trust__roots": os.path.join(self.pki, "root.pem"),
                "keys__dir": self.path("private"), "verify__reject": "bad-signature"}  # fmt: skip
        for hold, warned in (("window", True), ("never", True), ("always", False)):
            status, said = self.check(**keys, join__hold=hold)
            self.assertEqual((status, "warning: [verify] reject does not reject every long message" in said),
                             (0, warned), said)  # fmt: skip
        b = self.verifier(self.smsc.port, verify__reject="bad-signature", join__hold="window")
        self.assertLogged("[verify] reject does not reject every long message", b)

    def test_good(self):
        spool = os.path.join(self.dir, "spool")
        status, said = self.check(submit__action="sign", tenants__dir=self.tenants, spool__file=spool,
                                  keys__recipients_dir=self.path("public"))  # fmt: skip
        self.assertEqual(status, 0, said)
        self.assertFalse(os.path.exists(spool))

    def test_n02_what_the_service_cannot_use(self):
        """Spool, record of judged messages, a tenant's numbers and a key's mode: four faults, each with what to do."""
        tenants = self.directory("n02")
        key = os.path.join(self.dir, "open.key")
        shutil.copy(f"{self.pki}/alice.key", key)
        os.chmod(key, 0o666)
        self.tenant("alice", f"{ALICE}, 12155551300-12155551400", directory=tenants, key=key)
        keys = {"submit__action": "sign", "tenants__dir": tenants, "keys__recipients_dir": self.path("public"),
                "spool__file": f"{self.dir}/none/spool", "log__judged": self.dir}  # fmt: skip
        status, said = self.check(**keys)
        self.assertEqual((status, said.count("\n")), (2, 4), said)
        for words in (f"[spool] file: account .* cannot use the directory {self.dir}/none: .*; create it",
                      f"[log] judged: account .* cannot write {self.dir}: Is a directory; name a file",
                      "tenant alice: its certificate .* does not cover 12155551300-12155551400; .* correct numbers",
                      f"every account can change the secret file {key} \\(mode 0666\\): chmod o= it"):  # fmt: skip
            self.assertRegex(said, words.replace("[", "\\[", 1) if words[0] == "[" else words)
        os.chmod(key, 0o644)
        self.assertIn("every account can read the secret file", self.check(**keys)[1])
        self.assertNotIn("secret file", self.check(**keys, keys__allow_readable="yes")[1])
        os.chmod(key, 0o640)
        self.assertNotIn("secret file", self.check(**keys)[1])

    def test_n02_certificates_that_are_read_later(self):
        """[trust] x5u_dir is looked for by the check, though it is read only for a message."""
        keys = {"submit__action": "verify", "keys__dir": self.path("private"), "trust__roots": f"{self.pki}/root.pem"}
        self.assertEqual(self.check(**keys, trust__x5u_dir=f"{self.pki}/certs")[0], 0)
        status, said = self.check(**keys, trust__x5u_dir=f"{self.dir}/none")
        self.assertEqual(status, 2, said)
        self.assertRegex(said, rf"\[trust\] x5u_dir: account \S+ cannot read {self.dir}/none: No such file .*; correct the path")

    def test_names_the_key_of_a_file(self):
        keys = {"submit__action": "sign", "deliver__action": "verify", "trust__roots": f"{self.pki}/root.pem",
                "tenants__dir": self.tenants, "keys__recipients_dir": self.path("public"),
                "keys__dir": self.path("private")}  # fmt: skip
        for key in ("numbers.table", "trust.roots", "tenants.dir", "keys.dir", "keys.recipients_dir", "cps.ca",
                    "trust.crl_files"):  # fmt: skip
            with self.subTest(key):
                status, said = self.check(**{**keys, key.replace(".", "__"): "/none"})
                self.assertEqual(status, 2, said)
                self.assertIn("[%s] %s: /none: No such file or directory" % tuple(key.split(".")), said)

    def test_n02_every_tenant_file(self):
        """The faults of all tenants' files are reported, each once."""
        tenants = self.directory("n02-tenants")
        self.tenant("alice", ALICE, directory=tenants)
        for name, lines in (("bob", "key = /none.key\n"), ("carol", "colour = blue\n")):
            with open(f"{tenants}/{name}.conf", "w") as out:
                out.write(lines)
        status, said = self.check(submit__action="sign", tenants__dir=tenants, keys__recipients_dir=self.path("public"))
        self.assertEqual(status, 2, said)
        for name in ("bob", "carol"):
            self.assertEqual(said.count(f"{tenants}/{name}.conf"), 1, said)
        self.assertNotIn("alice.conf", said)
        with open(f"{tenants}/bob.conf", "w") as out:  # a key that cannot be read hides no fault of other files
            out.write(f"[tenant]\nnumbers = {ALICE}\nkey = /none.key\ncertificate = {self.pki}/alice.pem\n"
                      "x5u = https://certs.example.com/alice.pem\n")  # fmt: skip
        status, said = self.check(submit__action="sign", deliver__action="verify", tenants__dir=tenants,
                                  trust__roots=f"{self.pki}/root.pem", keys__recipients_dir="/none-public",
                                  keys__dir="/none-private")  # fmt: skip
        self.assertEqual(status, 2, said)
        for word in ("/none.key", "/none-public", "/none-private", "carol.conf"):
            self.assertEqual(said.count(word), 1, said)

    def test_n02_numbers_of_a_provider(self):
        """A certificate that names a provider covers what the number table gives that provider, or all with allow_spc."""
        tenants, table = self.directory("n02-provider"), f"{self.dir}/n02.csv"
        self.tenant("alice", f"{ALICE}, 1215555*, 12155550000-12155559999", "carrier", tenants)
        keys = {"submit__action": "sign", "tenants__dir": tenants, "keys__recipients_dir": self.path("public")}
        for lines, more, missing in [("1215555,1234", {}, 0), ("1215,1234", {}, 0), ("1215555,5678", {}, 2),
                                     ("1215555,1234\n12155551,5678", {}, 2), ("1215555,1234\n12155552,5678", {}, 2),
                                     ("", {"numbers__table": ""}, 2),
                                     ("", {"numbers__table": "", "trust__allow_spc": "yes"}, 0)]:  # fmt: skip
            with self.subTest(lines, more=more), open(table, "w") as out:
                out.write(lines + "\n")
                out.flush()
                status, said = self.check(**{**keys, "numbers__table": table, **more})
                self.assertEqual((status, said.count("does not cover")), (2 if missing else 0, missing), said)

    def test_n02_as_the_account(self):
        """--user checks what that account may do, whoever asks."""
        place = self.directory("n02-root")
        os.chmod(place, 0o700)
        os.chmod(self.dir, 0o755)
        words = [SIDECAR, "-t", "-o", f"log.file={place}/log"]
        self.assertEqual(subprocess.run(words, capture_output=True, timeout=60).returncode, 0)
        done = subprocess.run([*words, "--user", "nobody"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("[log] file: account nobody cannot", done.stderr.decode())
        done = subprocess.run([*words, "--user", "no-such-account"], capture_output=True, timeout=60)
        self.assertIn(b'there is no account "no-such-account"', done.stderr)

    def test_n02_online(self):
        """--online compares each x5u with the file, and tries the credential at the CPS."""
        certificate, key = make_certificate(self.dir, "certhost")
        host = CertHost(certificate, key)
        self.addCleanup(host.close)
        tenants = self.directory("n02-online")
        with open(f"{self.pki}/alice.pem", "rb") as chain:
            host.serve("/alice.pem", chain.read())
        keys = {"submit__action": "sign", "tenants__dir": tenants, "keys__recipients_dir": self.path("public"),
                "trust__x5u_ca_file": certificate, "trust__x5u_ports": str(host.port), "trust__x5u_allow_private": "yes"}  # fmt: skip
        words = lambda **more: [w for key, value in {**self.with_cps(), **keys, **more}.items()  # noqa: E731
                                for w in ("-o", f"{key.replace('__', '.')}={value}")]  # fmt: skip

        def online(**more):
            done = subprocess.run([SIDECAR, "-t", "--online", *words(**more)], capture_output=True, timeout=120)
            return done.returncode, (done.stdout + done.stderr).decode()

        self.tenant("alice", ALICE, directory=tenants, x5u=f"{host.url}/alice.pem")
        before = self.cps.metrics()["cpsd_stored_total"]
        self.assertEqual(online(), (0, "cps-smpp: the configuration is good\n"))
        self.assertEqual(self.cps.metrics()["cpsd_stored_total"], before + 1)
        with open(f"{self.pki}/mallory.pem", "rb") as chain:
            host.serve("/alice.pem", chain.read())
        self.assertIn("/alice.pem has another certificate than the file", online()[1])
        self.tenant("alice", ALICE, directory=tenants, x5u=f"{host.url}/none.pem")
        status, said = online(cps__url="https://localhost:1")
        self.assertEqual((status, said.count("\n")), (2, 2), said)
        self.assertRegex(said, r"tenant alice: x5u: \S+/none.pem: ")
        self.assertRegex(said, r"\[cps\] url: publishing for tenant alice failed: ")
        self.cps.reload(policy__publish="nobody")
        self.addCleanup(self.cps.reload, policy__publish="open")
        self.assertRegex(online()[1], r"\[cps\] url: publishing for tenant alice failed: .*40[13]")

    def test_n02_online_where_nothing_is_signed(self):
        """--online tries the credential of a verifying sidecar, and compares its auth_x5u, whatever box is the holder's."""
        certificate, key = make_certificate(self.dir, "authhost")
        host = CertHost(certificate, key)
        self.addCleanup(host.close)
        with open(f"{self.pki}/carrier.pem", "rb") as chain:
            host.serve("/carrier.pem", chain.read())
        fetched = {"x5u_ca_file": certificate, "x5u_ports": host.port, "x5u_allow_private": "yes"}
        cps = self.cpsd(trust__roots=f"{self.pki}/root.pem", auth__audience="localhost",
                        **{f"auth__{name}": value for name, value in fetched.items()})  # fmt: skip
        keys = {"cps__url": cps.url, "cps__ca": cps.ca, "cps__auth_certificate": f"{self.pki}/carrier.pem",
                "cps__auth_private_key": f"{self.pki}/carrier.key", "cps__auth_audience": "localhost",
                "submit__action": "verify", "keys__dir": self.path("private"), "trust__roots": f"{self.pki}/root.pem",
                **{f"trust__{name}": value for name, value in fetched.items()}}  # fmt: skip

        def online(**more):
            words = [w for key, value in {**keys, **more}.items() for w in ("-o", f"{key.replace('__', '.')}={value}")]
            done = subprocess.run([SIDECAR, "-t", "--online", *words], capture_output=True, timeout=120)
            return done.returncode, (done.stdout + done.stderr).decode()

        for more in ({}, {"cps__holder": "yes"}, {"cps__auth_x5u": f"{host.url}/carrier.pem"}):
            with self.subTest(more):
                self.assertEqual(online(**more), (0, "cps-smpp: the configuration is good\n"))
        refused = r"\[cps\] url: reading a box with the credential failed: .*401"
        for more in ({"cps__auth_audience": "cps.example.com"}, {"cps__auth_audience": "x", "cps__holder": "yes"}):
            with self.subTest(more):
                status, said = online(**more)
                self.assertEqual((status, said.count("\n")), (2, 1), said)
                self.assertRegex(said, refused)
        with open(f"{self.pki}/mallory.pem", "rb") as chain:
            host.serve("/other.pem", chain.read())
        status, said = online(cps__auth_x5u=f"{host.url}/other.pem")
        self.assertEqual(status, 2, said)
        self.assertRegex(said, r"\[cps\] auth_x5u: \S+/other.pem has another certificate than the file")

    def test_faults(self):
        empty = self.directory("empty")
        with open(os.path.join(self.directory("odd"), "bob.jwk"), "w") as out:
            out.write("{}")
        twice = self.directory("twice")
        self.tenant("one", ALICE, "alice", twice, system_id="x y")
        self.tenant("two", ALICE, "alice", twice, system_id="y")
        wrong = self.directory("wrong")
        self.tenant("alice", "+1215", directory=wrong)
        nothing = self.directory("nothing")
        self.tenant("alice", "", directory=nothing)
        crossed = self.directory("crossed")
        self.tenant("alice", ALICE, directory=crossed, key=f"{self.pki}/mallory.key")
        sign = {"submit__action": "sign", "tenants__dir": self.tenants, "keys__recipients_dir": self.path("public")}
        verify = {"submit__action": "verify", "trust__roots": f"{self.pki}/root.pem", "keys__dir": self.path("private")}
        for keys, word in [
            ({**sign, "tenants__dir": ""}, "tenants"),
            ({**sign, "keys__recipients_dir": ""}, "recipients_dir"),
            ({**sign, "cps__url": ""}, "url"),
            ({**sign, "cps__url": "ftp://x"}, "cps_url"),
            ({**sign, "tenants__dir": "/nonexistent"}, "/nonexistent"),
            ({**sign, "tenants__dir": twice}, "two tenants have the system_id y"),
            ({**sign, "tenants__dir": wrong}, "alice.conf: numbers: +1215"),
            ({**sign, "tenants__dir": nothing}, "neither numbers nor names"),
            ({**sign, "tenants__dir": crossed}, "alice.conf"),
            ({**sign, "keys__recipients_dir": self.path("odd")}, "bob.jwk"),
            ({**sign, "keys__recipients_dir": self.pki}, "the file name must be a number"),
            ({**verify, "keys__dir": self.path("public")}, "1215555*.jwk"),
            ({**verify, "trust__roots": ""}, "roots"),
            ({**verify, "trust__roots": f"{self.pki}/alice.key"}, "alice.key"),
            ({**verify, "trust__x5u_ports": "443, https"}, "https"),
            ({**verify, "trust__replay": "none", "trust__max_age_s": 3600}, "replay"),
        ]:
            with self.subTest(word=word, keys=keys):
                status, said = self.check(**keys)
                self.assertEqual(status, 2, said)
                self.assertIn(word, said)
        self.assertEqual(self.check(**{**sign, "tenants__dir": empty})[0], 0)


if __name__ == "__main__":
    unittest.main()
