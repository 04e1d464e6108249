# SPDX-License-Identifier: MIT
"""Signed lists of roots as the STI-PA publishes them ([trust] list_files, list_urls): what is believed, and for how long."""
# presets: dev asan
import base64
import os
import time

from cryptography.hazmat.primitives import serialization
from envelope import envelope
from harness import CPSD, SLOW, run
from sti import Cert, crl
from token_case import TokenCase, sign
from wire import until

DAY = 86400


def pem(cert):
    return cert.cert.public_bytes(serialization.Encoding.PEM).decode()


class Lists(TokenCase):
    """A policy administrator with a root of its own, whose list has the root that the tokens of this case lead to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pa = Cert("STI-PA Root", ca=True)
        cls.signer = Cert("STI-PA CA List", cls.pa)
        cls.stranger = Cert("STI-PA CA List", Cert("Foreign Root", ca=True))
        cls.pa_file = cls.file("pa.pem", pem(cls.pa).encode())
        cls.pinned_file = cls.file("pa-pinned.pem", (pem(cls.pa) + pem(cls.signer)).encode())
        cls.signer_url = cls.host.serve("/certificateId_1.crt", pem(cls.signer).encode())
        cls.stranger_url = cls.host.serve("/stranger.crt", pem(cls.stranger).encode())

    def list(self, sequence=1518, life=DAY, roots=None, signer=None, key=None, **header):
        signer = signer or self.signer
        head = {"alg": "ES256", "typ": "JWT", "x5u": self.signer_url, **header}
        body = {"version": "1.0", "sequence": sequence, "exp": int(time.time()) + life,
                "trustList": [pem(self.root)] if roots is None else roots}  # fmt: skip
        return sign(head, body, key or signer.key).encode()

    def start(self, **more):
        keys = {**self.keys(), "trust__roots": "", "trust__list_signer_roots": self.pa_file, "trust__list_refresh_s": 1,
                "trust__crl_ca_file": self.host_ca, **more}  # fmt: skip
        return self.cpsd(**keys)

    def setUp(self):
        self.host.serve("/sp.pem", self.sp.chain_pem)

    def with_url(self, text, **more):
        self.url = self.host.serve("/sticaList.jwt", text)
        return self.start(trust__list_urls=self.url, **more)

    def publish(self, server):
        body = envelope()
        return self.post(server, self.token(body), body).status

    def said(self, server, words, since=0):
        try:
            until(lambda: words in server.log()[since:], 30 * SLOW, f"cpsd says {words!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {server.log()[since:]}") from None

    def ready(self, server):
        return server.admin_request("/ready").json()

    def metric(self, server, name, kind="roots"):
        found = [value for key, value in server.metrics().items() if key.startswith(f'{name}{{kind="{kind}"')]
        return found[0] if found else None

    def test_f34_a_list_in_the_sti_pas_own_format(self):
        server = self.with_url(self.list())
        self.said(server, f"list of roots {self.url}: sequence 1518 is in use")
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the list's root is trusted")
        until(lambda: self.metric(server, "cpsd_trust_list_in_force") == 1, 30 * SLOW, "it is reported")
        self.assertGreater(self.metric(server, "cpsd_trust_list_expires_timestamp_seconds"), time.time())
        self.assertNotIn("trust", self.ready(server))
        # tomorrow's list: without that root, which is then no longer trusted
        self.host.serve("/sticaList.jwt", self.list(1519, roots=[pem(self.pa)]))
        self.said(server, "sequence 1519 is in use")
        until(lambda: self.publish(server) == 401, 30 * SLOW, "the root is gone")

    def test_signers_certificate_beside_its_root(self):
        """Nothing is fetched then, and a file is a source like a URL."""
        path = self.file("sticaList.jwt", self.list(x5u="https://pa.invalid/c.crt") + b"\n")
        server = self.start(trust__list_files=path, trust__list_signer_roots=self.pinned_file)
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the list's root is trusted")
        self.file("sticaList.jwt", self.list(1517, roots=[pem(self.pa)]))
        self.said(server, "sequence 1517 is below 1518")
        self.file("sticaList.jwt", self.list(1519, roots=[pem(self.pa)]))
        until(lambda: self.publish(server) == 401, 30 * SLOW, "the new file counts")
        # the STI-PA's root anchors its lists and nothing else
        self.assertEqual(self.metric(server, "cpsd_trust_list_in_force"), 1)

    def test_pas_root_anchors_no_token(self):
        intruder = Cert("intruder", self.pa, "spc:1234")
        url = self.host.serve("/intruder.pem", intruder.chain_pem)
        server = self.with_url(self.list())
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the list is in force")
        body = envelope()
        self.assertProblem(self.post(server, self.token(body, intruder, {"x5u": url}), body), 401, "STI-PA Root")

    def test_lists_that_are_not_believed(self):
        server = self.with_url(self.list())
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the first list is in force")
        other = [pem(self.pa)]
        good = self.list(1600, roots=other)
        head, claims, signature = good.decode().split(".")
        for what, text, word in (
            ("signed by another certificate", self.list(1600, roots=other, signer=self.stranger, x5u=self.stranger_url),
             "the list's signer: /CN=STI-PA CA List"),
            ("signed with another key", self.list(1600, roots=other, key=self.stranger.key), "is not signed with"),
            ("another payload", f"{head}.{claims[:-4]}AAAA.{signature}".encode(), "list of roots"),
            ("an older sequence", self.list(1517, roots=other), "sequence 1517 is below 1518"),
            ("alg none", sign({"alg": "none", "x5u": self.signer_url}, {"sequence": 1600}, self.signer.key).encode(), "ES256"),
            ("no signature", f"{head}.{claims}.".encode(), "list of roots"),
            ("oversized", b"A" * ((1 << 20) + 1), "larger than"),
            ("expired long ago", self.list(1600, life=-8 * DAY, roots=other), "has expired"),
            ("no list", b"<html>", "list of roots"),
            ("a host without it", self.list(1600, roots=other, x5u=self.host.url + "/none.crt"), "answered 404"),
            ("plain http", self.list(1600, roots=other, signer=self.stranger, x5u="http://localhost/c.crt"), "https"),
        ):  # fmt: skip
            with self.subTest(what):
                seen, failures = len(server.log()), self.metric(server, "cpsd_trust_list_failures_total")
                self.host.serve("/sticaList.jwt", text)
                self.said(server, "the previous one stays in use", seen)
                self.assertLogged(word, server, seen)
                self.assertEqual(self.publish(server), 201)
                until(lambda: self.metric(server, "cpsd_trust_list_failures_total") > (failures or 0), 30 * SLOW, "it is counted")

    def test_x5u_of_a_private_address(self):
        """Whoever writes a list cannot make this server ask its own network."""
        asked = self.host.gets.get("/certificateId_1.crt", 0)
        server = self.with_url(self.list(), auth__x5u_allow_private="no")
        self.said(server, "the host's address is not one of the public Internet")
        body, x5c = envelope(), [base64.b64encode(c.der).decode() for c in self.sp.chain]
        answer = self.post(server, self.token(body, header={"x5u": None, "x5c": x5c}), body)
        self.assertProblem(answer, 503, "cannot be judged while a list of STI roots is missing")  # nobody is called untrusted for it
        self.assertEqual(self.host.gets.get("/certificateId_1.crt", 0), asked)
        until(lambda: "was never loaded" in self.ready(server).get("trust", ""), 30 * SLOW, "/ready shows it")
        self.assertEqual(self.metric(server, "cpsd_trust_list_in_force"), 0)

    def test_expired_list_within_its_grace(self):
        server = self.with_url(self.list(life=-2 * DAY))
        until(lambda: self.publish(server) == 201, 30 * SLOW, "it is in force")
        self.said(server, "expired; it stays in force for list_grace_s")
        until(lambda: "has expired" in self.ready(server).get("trust", ""), 30 * SLOW, "/ready shows it")
        self.assertLess(self.metric(server, "cpsd_trust_list_expires_timestamp_seconds"), time.time())
        # a shorter grace on reload: its roots are dropped
        server.reload(trust__list_grace_s=DAY)
        self.said(server, "no longer trusted")
        until(lambda: self.publish(server) == 503, 30 * SLOW, "its roots are gone")

    def test_f34_a_restart_keeps_the_sequence_and_the_last_good_list(self):
        """With list_state_dir an older list is refused after a restart, too, and none is needed for the roots to count."""
        state = self.temp()
        keep = {"trust__list_state_dir": state}
        server = self.with_url(self.list(1518), **keep)
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the list is in force")
        until(lambda: os.listdir(state), 30 * SLOW, "the list is saved")
        server.stop()
        self.host.serve("/sticaList.jwt", self.list(1517, roots=[pem(self.pa)]))
        server = self.start(trust__list_urls=self.url, **keep)
        self.said(server, "sequence 1517 is below 1518")
        self.assertEqual(self.publish(server), 201)
        server.stop()
        # the list's server and that of its signer's certificate are down
        self.host.serve("/sticaList.jwt", b"", status=503)
        self.host.serve("/certificateId_1.crt", b"", status=503)
        self.addCleanup(self.host.serve, "/certificateId_1.crt", pem(self.signer).encode())
        server = self.start(trust__list_urls=self.url, **keep)
        self.said(server, "the previous one stays in use")
        self.assertEqual(self.publish(server), 201)
        server.stop()
        # without what was saved there is no list
        server = self.start(trust__list_urls=self.url)
        self.said(server, "the server answered 503")
        self.assertEqual(self.publish(server), 503)
        server.stop()
        # a damaged file is not used
        (name,) = os.listdir(state)
        with open(os.path.join(state, name), "r+b") as saved:
            saved.write(b"x")
        server = self.start(trust__list_urls=self.url, **keep)
        self.said(server, "the copy saved in list_state_dir is not used")
        self.assertEqual(self.publish(server), 503)

    def test_a_check_reads_list_files(self):
        good = self.file("good.jwt", self.list())
        old = self.file("old.jwt", self.list(life=-30 * DAY))
        forged = self.file("forged.jwt", self.list(key=self.stranger.key))
        for roots, path, status in ((self.pa_file, good, 0), (self.pinned_file, good, 0), (self.pinned_file, old, 1),
                                    (self.pa_file, self.file("no.jwt", b"<html>"), 1), (self.pa_file, good + "x", 1),
                                    (self.pa_file, forged, 0)):  # fmt: skip
            with self.subTest(path):
                done = run(CPSD, "-t", "-o", "policy.publish=open", "-o", "server.listen=", "-o", "listen_plain=127.0.0.1:0", "-o",
                           f"trust.list_signer_roots={roots}", "-o", f"trust.list_files={path}", status=None)  # fmt: skip
                self.assertEqual(min(done.returncode, 1), status, done.stderr)
                self.assertEqual(f"[trust] list_files: {path}" in done.stderr.decode(), status == 1, done.stderr)

    def test_a_root_that_cannot_be_used(self):
        server = self.with_url(self.list(roots=["no certificate", pem(self.root).replace("M", "N", 9), pem(self.root)]))
        until(lambda: self.publish(server) == 201, 30 * SLOW, "the good root is trusted")
        self.assertLogged("trustList[0] is skipped", server)
        self.assertLogged("certificate 1 is skipped", server)

    def test_a_crl_that_never_loaded_shows_in_ready(self):
        url = self.host.url + "/never.crl"
        server = self.cpsd(**self.keys(trust__crl_urls=url, trust__crl_ca_file=self.host_ca))
        until(lambda: self.ready(server).get("trust") == f"revocation list {url} was never loaded", 30 * SLOW, "/ready")
        until(lambda: (self.metric(server, "cpsd_trust_list_failures_total", "crl") or 0) >= 1, 30 * SLOW, "it is counted")
        self.assertEqual(self.metric(server, "cpsd_trust_list_in_force", "crl"), 0)
        self.assertEqual(self.metric(server, "cpsd_trust_list_good_timestamp_seconds", "crl"), 0)

    def test_indirect_crl_with_an_anchor_of_its_own(self):
        """The STI-PA's revocation list names certificates of all authorities, and its signer leads to the STI-PA's root."""
        crl_signer = Cert("STI-PA CRL", self.pa, usage="crls")
        path = self.file("signer.pem", pem(crl_signer).encode())
        url = self.host.serve("/stipaCrl.crl", crl(crl_signer, [self.sp], indirect=True))
        server = self.with_url(self.list(), trust__crl_urls=url,
                               trust__crl_signer_roots=self.pa_file, trust__crl_issuer_file=path)  # fmt: skip
        self.said(server, f"revocation list {url}: a new one is in use")
        self.said(server, "sequence 1518 is in use")
        body = envelope()
        until(lambda: "revoked" in self.post(server, self.token(body), body).json().get("detail", ""), 30 * SLOW, "revoked")

    def test_configuration(self):
        for keys, word in (
            ({"trust__list_urls": "https://pa.example/l.jwt", "trust__list_signer_roots": ""}, "need list_signer_roots"),
            ({"trust__list_urls": "http://pa.example/l.jwt"}, "is not an https URL"),
            ({"trust__list_files": "/l.jwt", "trust__list_signer_roots": self.host_ca + "x"}, self.host_ca + "x"),
        ):
            with self.subTest(word):
                done = run(CPSD, "-t", "-o", "policy.publish=open", "-o", "server.listen=", "-o", "listen_plain=127.0.0.1:0",
                           "-o", f"trust.list_signer_roots={self.pa_file}",
                           *[w for key, value in keys.items() for w in ("-o", f"{key.replace('__', '.')}={value}")],
                           status=None)  # fmt: skip
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr.decode())


del TokenCase  # only for others to derive from
