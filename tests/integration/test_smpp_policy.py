"""cps-smpp does as it is configured: what goes on and what does not, tags, prefixes, the record, reload."""
# presets: dev asan
import os
import re
import subprocess
import unittest

import smpp_pdu
from harness import SLOW
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
        """Without a tag of ours there is none of anybody's."""
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
        b = self.verifier(self.smsc.port, join__timeout_ms=60000)
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

    def test_good(self):
        spool = os.path.join(self.dir, "spool")
        status, said = self.check(submit__action="sign", tenants__dir=self.tenants, spool__file=spool,
                                  keys__recipients_dir=self.path("public"))  # fmt: skip
        self.assertEqual(status, 0, said)
        self.assertFalse(os.path.exists(spool))

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
            ({**sign, "keys__recipients_dir": self.pki}, "the name is neither"),
            ({**verify, "keys__dir": self.path("public")}, "1215555*.jwk"),
            ({**verify, "trust__roots": ""}, "roots"),
            ({**verify, "trust__roots": f"{self.pki}/alice.key"}, "alice.key"),
            ({**verify, "trust__x5u_ports": "443, https"}, "https"),
            ({**verify, "trust__replay": "none", "trust__max_age_s": 3600}, "replay"),
        ]:
            with self.subTest(word=word, keys=keys):
                status, said = self.check(**keys)
                self.assertEqual(status, 1 if "/nonexistent" == word else 2, said)
                self.assertIn(word, said)
        self.assertEqual(self.check(**{**sign, "tenants__dir": empty})[0], 0)


if __name__ == "__main__":
    unittest.main()
