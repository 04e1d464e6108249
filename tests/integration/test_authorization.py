# SPDX-License-Identifier: MIT
"""Who may do what: every action under every policy by every kind of caller that has a certificate or nothing; the
status and the reason that each gets. Callers with bearer tokens: test_token_auth.py."""
# presets: dev asan
import os
import re
import socket
import ssl
import unittest

import sti
import wire
from callers import DEST, ELSEWHERE, NO_ID, CallersCase, ask, provider
from envelope import envelope
from harness import SANITIZED
from wire import Wire, until

REFUSED = {  # whatever the policy is
    "revoked": (401, "/CN=revoked is revoked by /CN=ca"),
    "revoked indirectly": (401, "/CN=revoked-indirectly is revoked by /CN=crl-issuer"),
    "intermediate revoked": (401, "/CN=revoked-ca is revoked by /CN=root"),
    "untrusted root": (401, "/CN=other-ca: .* without its issuer CN=other-root"),
    "its own root": (401, "/CN=self: self"),
    "expired": (401, "/CN=expired: certificate has expired"),
    "not yet valid": (401, "/CN=early: certificate is not yet valid"),
    "expired intermediate": (401, "/CN=expired-ca: certificate has expired"),
    "too narrow": (403, "TNAuthList of /CN=narrow-ca does not cover that of /CN=too-wide"),
    "issued by no CA": (401, "/CN=child"),
    "no TNAuthList": (401, "/CN=plain: no TNAuthList"),
    "P-384 key": (401, "/CN=p384: .*P-256"),
    "for servers": (401, "extendedKeyUsage does not allow TLS clients"),
}
HOLDERS = ("holder by TN", "holder by range", "holder by table", "holder by its second SPC")
OTHERS = ("other SPC", "other TN")
ACTIONS = ("publish", "list", "fetch", "delete", "wait", "atis_publish", "atis_retrieve", "keys_put", "keys_get",
           "report")
GOOD = {"publish": 201, "list": 200, "fetch": 404, "delete": 404, "wait": 200, "no dummies": 200,
        "atis_publish": 201, "atis_retrieve": 404, "keys_put": 422, "keys_get": 404, "report": 404}
CREDENTIAL = (401, "needs a credential")
HOLDER = (403, "only the holder of the destination")
NOBODY = (403, 'is "nobody"')


def expected(policy, caller, action):
    """(status, reason): the table."""
    if caller in REFUSED:
        return REFUSED[caller]
    if policy == "nobody":
        return NOBODY
    if action == "no dummies" or policy == "holder":
        refused = CREDENTIAL if caller == "none" else HOLDER if caller in OTHERS else None
    else:
        refused = CREDENTIAL if caller == "none" and policy == "token" else None
    return refused or (GOOD[action], "")


class Authorization(CallersCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(**cls.keys())

    def test_matrix(self):
        done = 0
        for policy in ("open", "token", "holder", "nobody"):
            self.server.reload(**{f"policy__{action}": policy for action in ACTIONS})
            for caller in self.contexts:
                with self.connect(caller) as connection:
                    for action in GOOD:
                        with self.subTest(policy=policy, caller=caller, action=action):
                            self.assertAnswer(ask(connection, action), expected(policy, caller, action))
                            done += 1
        self.assertEqual(done, 4 * 20 * 11)

    def test_matrix_of_tokens(self):
        """The same certificates' owners with bearer tokens: the same answers, but that these may be for servers too."""
        done = 0
        signers = {name: provider(cert) for name, cert in self.certs.items() if name != "for servers"}
        policies = ("holder",) if SANITIZED else ("open", "token", "holder", "nobody")
        for policy in policies:
            self.server.reload(**{f"policy__{action}": policy for action in ACTIONS})
            with self.connect("none") as connection:
                for caller, signer in signers.items():
                    for action in GOOD:
                        with self.subTest(policy=policy, caller=caller, action=action):
                            answer = ask(connection, action, signer=signer)
                            self.assertAnswer(answer, expected(policy, caller, action))
                            done += 1
        self.assertEqual(done, len(policies) * 18 * 11)

    def test_token_and_certificate(self):
        """With both it is the token that counts, for better or worse."""
        self.server.reload(policy__delete="holder")
        good, other = provider(self.certs["holder by table"]), provider(self.certs["other SPC"])
        for caller in ("holder by TN", "other SPC", "revoked", "untrusted root"):
            with self.subTest(caller=caller), self.connect(caller) as connection:
                self.assertAnswer(ask(connection, "delete", signer=good), (404, ""))
                self.assertAnswer(ask(connection, "delete", signer=other), HOLDER)
                garbage = [("Authorization", "Bearer x")]
                answer = connection.request("DELETE", f"/cps/{DEST}/ppts/{NO_ID}", fields=garbage)
                self.assertEqual(answer.status, 401)
                # and the next request without one is the certificate's again
                want = {"holder by TN": 404, "other SPC": 403}.get(caller, 401)
                self.assertEqual(ask(connection, "delete").status, want)

    def test_f14_a_foreign_number_belongs_to_its_own_provider(self):
        """+45 12345678 has as many digits as a North American national number: it is DK01's, and not that of 1 451 ..."""
        ca = self.certs["other SPC"].issuer
        holder, other = (provider(sti.Cert("box-" + spc.lower(), ca, "spc:" + spc)) for spc in ("DK01", "1234"))
        table = os.path.join(self.dir, "f14.csv")
        with open(table, "w", encoding="ascii") as out:
            out.write("1451,1234\n45,DK01\n")
        server = self.cpsd(**{**self.keys(), "numbers__table": table}, policy__publish="open", policy__list="holder",
                           numbers__country_code=1, numbers__national_digits=10)  # fmt: skip
        with self.connect("none", server) as connection:
            self.assertEqual(ask(connection, "publish", "4512345678").status, 201)
            listed = ask(connection, "no dummies", "4512345678", holder)
            self.assertEqual((listed.status, len(listed.json()["ppts"])), (200, 1), listed)
            self.assertAnswer(ask(connection, "list", "4512345678", other), HOLDER)
            self.assertEqual(ask(connection, "no dummies", "14512345678", other).json()["ppts"], [])

    def test_one_policy_does_not_stand_for_another(self):
        for one in ACTIONS:
            self.server.reload(**{f"policy__{action}": "nobody" if action == one else "open" for action in ACTIONS})
            with self.connect("none") as connection:
                for action in ACTIONS:
                    with self.subTest(closed=one, action=action):
                        shut = action == one or (action == "wait" and one == "list")
                        self.assertAnswer(ask(connection, action), NOBODY if shut else (GOOD[action], ""))

    def test_defaults(self):
        server = self.cpsd(**self.keys(), policy__publish="token")
        for_somebody = ["publish", "atis_publish", "atis_retrieve", "reports"]
        for_holders = ["delete", "no dummies", "keys_put", "report"]
        table = {  # caller: those of GOOD that are refused
            "none": {action: CREDENTIAL for action in for_somebody + for_holders},
            "other SPC": {action: HOLDER for action in for_holders},
            "holder by table": {},
        }
        for caller, refused in table.items():
            with self.connect(caller, server) as connection:
                for action, status in GOOD.items():
                    with self.subTest(caller=caller, action=action):
                        self.assertAnswer(ask(connection, action), refused.get(action, (status, "")))
        self.assertNotIn("warning policy", server.log())

    def test_a_holder_holds_its_own_only(self):
        self.server.reload(policy__delete="holder")
        for dest, holders in ((DEST, HOLDERS), (ELSEWHERE, ["other TN"]), ("sip%3Aalice%40example.com", [])):
            for caller in (*HOLDERS, *OTHERS):
                with self.subTest(dest=dest, caller=caller), self.connect(caller) as connection:
                    self.assertAnswer(ask(connection, "delete", dest), (404, "") if caller in holders else HOLDER)

    def test_without_dummies(self):
        """The holder's list has what is there and nothing else, and can be empty."""
        self.server.reload(policy__publish="open", policy__list="open", policy__wait="open", dummies__mode="steady")
        with self.connect("holder by table") as connection:
            dest = "12155558888"
            first = ask(connection, "no dummies", dest).json()
            self.assertEqual(first["ppts"], [])
            body = envelope()
            self.assertEqual(connection.request("POST", f"/cps/{dest}/ppts", body).status, 201)
            path = f"/cps/{dest}/ppts?dummies=no&after={first['cursor']}"
            listed = connection.request("GET", path, fields=[("Accept", "application/json")]).json()
            self.assertEqual([p["ppt"] for p in listed["ppts"]], [body])
            listed = connection.request("GET", f"/cps/{dest}/ppts", fields=[("Accept", "application/json")]).json()
            self.assertGreater(len(listed["ppts"]), 1)
        self.server.reload(dummies__mode="empty")

    def test_health_is_for_all(self):
        for caller in ("none", "revoked", "untrusted root"):
            with self.connect(caller) as connection:
                self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_the_log_says_who(self):
        with self.connect("other SPC") as connection:
            ask(connection, "list")
        line = re.compile(r"route=/cps/\{dest\}/ppts .*caller=tls:2222 address=127\.0\.0\.1")
        until(lambda: line.search(self.server.log()), 20, "the line is there")

    # ---- the handshake ----

    def test_asked_or_not(self):
        """Without client_certificates a certificate is nothing; with required there is no TLS without one."""
        self.server.reload(policy__publish="token", server__client_certificates="no")
        with self.connect("holder by TN") as connection:
            self.assertAnswer(ask(connection, "publish"), CREDENTIAL)
        self.server.reload(server__client_certificates="required")
        with self.connect("holder by TN") as connection:
            self.assertAnswer(ask(connection, "publish"), (201, ""))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = wire.tls_context(self.certificate[0], maximum_version=version)
            with self.assertRaises((OSError, wire.Closed)), Wire(self.server.address, context) as connection:
                connection.request("GET", "/health")
        self.server.reload(server__client_certificates="optional")

    def test_a_ticket_is_no_certificate(self):
        """A session from before certificates were required does not spare its client one."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, session = wire.tls_context(self.certificate[0], maximum_version=version), None
            for resumed in (False, True):
                with Wire(self.server.address) as connection:
                    connection.sock = context.wrap_socket(connection.sock, server_hostname="localhost", session=session)
                    self.assertEqual(connection.request("GET", "/health").status, 200)
                    self.assertEqual(connection.sock.session_reused, resumed)
                    session = connection.sock.session
            self.server.reload(server__client_certificates="required")
            with self.assertRaises((OSError, wire.Closed)), Wire(self.server.address) as connection:
                connection.sock = context.wrap_socket(connection.sock, server_hostname="localhost", session=session)
                connection.request("GET", "/health")
            self.server.reload(server__client_certificates="optional")

    def test_somebody_elses_key(self):
        """Who has a certificate but not its key does not get through the handshake."""
        thief = sti.Cert("thief", None, "spc:1111")
        context = wire.tls_context(self.certificate[0])
        # a certificate with the thief's own key and the victim's names, followed by the victim's chain
        forged = sti.Cert("by-table", sti.Cert("ca", self.root, ca=True), "spc:1111", key=thief.key)
        forged.issuer = self.certs["holder by table"].issuer
        context.load_cert_chain(*forged.write(self.temp()))
        with Wire(self.server.address, context) as connection:
            answer = ask(connection, "list")
            self.assertEqual(answer.status, 401, answer)

    def resume(self, caller, version, server=None):
        """Connects, asks, and connects again with the session; returns (resumed, status of delete) of each."""
        self.contexts[caller].maximum_version = version
        session, seen = None, []
        for _ in range(3):
            connection = Wire.__new__(Wire)
            connection.buffer = b""
            sock = socket.create_connection((server or self.server).address)
            connection.sock = self.contexts[caller].wrap_socket(sock, server_hostname="localhost", session=session)
            with connection:
                seen.append((connection.sock.session_reused, ask(connection, "delete").status))
                session = connection.sock.session
        self.contexts[caller].maximum_version = ssl.TLSVersion.TLSv1_3
        return seen

    def test_resumption(self):
        """A resumed session has the identity of the one before: the same, and no other."""
        self.server.reload(policy__delete="holder")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for caller, status in (("holder by TN", 404), ("holder by table", 404), ("other SPC", 403), ("none", 401),
                                   ("untrusted root", 401)):  # fmt: skip
                with self.subTest(version=version, caller=caller):
                    self.assertEqual(self.resume(caller, version), [(False, status), (True, status), (True, status)])


if __name__ == "__main__":
    unittest.main()
