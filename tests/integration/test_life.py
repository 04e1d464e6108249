# SPDX-License-Identifier: MIT
"""A server's life: checked, started, reloaded and stopped."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import time

from envelope import envelope, envelope_id
from harness import CPSD, SLOW, Case, make_certificate, run
from wire import Closed, Wire, request, tls_context, until

BOX = "/cps/12025550100/ppts"


class Check(Case):
    """cpsd -t says what is wrong, in one line, with the names of file, section and key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cert, cls.key = make_certificate(cls.dir, "server")
        cls.other_cert, cls.other_key = make_certificate(cls.dir, "other")
        for name, octets in {"empty": b"", "text": b"not a certificate\n", "short": b"x" * 31, "long": b"x" * 32}.items():
            with open(os.path.join(cls.dir, name), "wb") as out:
                out.write(octets)
            os.chmod(os.path.join(cls.dir, name), 0o600)
        locked = os.path.join(cls.dir, "locked.key")
        run("openssl", "pkey", "-in", cls.key, "-aes256", "-passout", "pass:x", "-out", locked)
        cls.good = f"[server]\ncertificate = {cls.cert}\nprivate_key = {cls.key}\n"

    def check(self, text, *options):
        path = os.path.join(self.dir, "cpsd.conf")
        with open(path, "w") as out:
            out.write(text)
        return run(CPSD, "-c", path, "-t", "-o", "policy.publish=open", "-o", "keys.allow_readable=yes", *options, status=None)

    def assertRefused(self, done, status, *words):
        said = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout, said.count("\n")), (status, b"", 1), said)
        self.assertTrue(said.startswith("cpsd: "), said)
        for word in words:
            self.assertIn(word, said)

    def test_names_the_key_of_a_file(self):
        for section, key in [("numbers", "table"), ("server", "certificate"), ("server", "private_key"), ("auth", "x5u_dir"),
                             ("trust", "crl_files"), ("trust", "roots")]:  # fmt: skip
            with self.subTest(key):
                done = self.check(self.good, "-o", "policy.publish=open", "-o", f"trust.roots={self.cert}",
                                  "-o", f"{section}.{key}=/none")  # fmt: skip
                self.assertRefused(done, 2, f"[{section}] {key}: /none: No such file or directory")

    def test_good(self):
        for text, options in [(self.good, []), ("", ["-o", f"server.certificate={self.cert}", "-o",
                                                     f"server.private_key={self.key}"]),
                              ("[server]\nlisten =\nlisten_plain = 127.0.0.1:0\n", []),
                              (self.good + f"[dummies]\nsecret_file = {self.dir}/long\n", []),
                              (self.good + "[store]\nurl = redis://127.0.0.1:1/2\n", []),
                              (self.good + "# comment\n; comment\n\n[log]\nlevel = debug\nformat = json\n", [])]:  # fmt: skip
            done = self.check(text, *options)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, b"cpsd: the configuration is good\n", b""))  # fmt: skip

    def test_good_with_a_number_table(self):
        with open(f"{self.dir}/numbers.csv", "w") as table:
            table.write("1215555,1234\n")
        self.assertEqual(self.check(self.good + f"[numbers]\ntable = {self.dir}/numbers.csv\n").stdout,
                         b"cpsd: [numbers] table decides which numbers a provider holds and can delegate\n"
                         b"cpsd: the configuration is good\n")

    def test_bad_values(self):
        for text, *words in [
            ("[server]\nworkers = x\n", "cpsd.conf", "workers", "0", "256"),
            ("[server]\nworkers = -1\n", "workers"),
            ("[server]\nworkers = 257\n", "workers", "256"),
            ("[server]\nworkers = 99999999999999999999\n", "workers"),
            ("[server]\nworkers =\n", "workers"),
            ("[server]\nworker = 1\n", "worker"),
            ("[servers]\nworkers = 1\n", "servers"),
            ("workers = 1\n", "workers"),
            ("[server\nworkers = 1\n", "cpsd.conf"),
            ("[server]\nworkers 1\n", "cpsd.conf", "2"),
            ("[policy]\npublish = everybody\n", "publish", "open", "nobody"),
            ("[log]\naccess = perhaps\n", "access"),
            ("[log]\nlevel = loud\n", "level"),
            ("[numbers]\ncountry = 1\n", "country"),
            ("[numbers]\nmax_digits = 2\n", "max_digits", "3"),
            ("[dummies]\nsizes = 768\n", "sizes", "768", "512, 1,024"),
            ("[dummies]\nstrict = maybe\n", "strict", "auto"),
            ("[dummies]\nsizes =\n", "sizes"),
            (f"[dummies]\nsecret_file = {self.dir}/short\n", "short", "32"),
            ("[store]\nttl_default_s = 100\nttl_max_s = 10\n", "ttl_default_s", "ttl_max_s"),
            ("[store]\nurl = postgres://x\n", "URL", "redis"),
            ("[store]\nurl = memory:x\n", "memory:"),
            ("[store]\nurl = rediss://x\n", "rediss", "TLS"),
            ("[store]\nurl = redis+cluster://\n", "URL", "host"),
            ("[store]\nurl = redis+cluster://x/3\n", "URL", "no databases"),
            ("[store]\nurl = redis+sentinel://x\n", "URL", "/NAME"),
            ("[store]\nurl = redis://127.0.0.1:99999\n", "URL"),
        ]:
            with self.subTest(text):
                self.assertRefused(self.check(text + self.good), 2, *words)

    def test_bad_addresses(self):
        for listen, *words in [("127.0.0.1", "127.0.0.1"), ("nobody.invalid:8443", "nobody.invalid:8443", "address of the host"), ("[1.2.3.4]:1", "brackets"),
                               ("127.0.0.1:", "port"), ("127.0.0.1:65536", "port"), ("127.0.0.1:x", "port"),
                               (":8443", ":8443"), ("[::1:8443", "[::1:8443"), ("unix:", "unix:"),
                               ("unix:/" + "x" * 200, "107")]:  # fmt: skip
            with self.subTest(listen):
                done = self.check(self.good, "-o", f"server.listen_plain={listen}")
                self.assertRefused(done, 2, *words)

    def test_bad_files(self):
        def files(cert, key):
            return f"[server]\ncertificate = {cert}\nprivate_key = {key}\n"

        for cert, key, *words in [
            ("/nowhere/cert.pem", self.key, "/nowhere/cert.pem", "No such file"),
            (self.cert, "/nowhere/key.pem", "/nowhere/key.pem", "No such file"),
            (self.dir, self.key, self.dir),
            (f"{self.dir}/empty", self.key, "empty", "certificate"),
            (f"{self.dir}/text", self.key, "text", "certificate"),
            (self.cert, f"{self.dir}/text", "text", "private key"),
            (self.cert, self.cert, "private key"),
            (self.cert, f"{self.dir}/locked.key", "locked.key", "passphrase"),
            (self.cert, self.other_key, self.other_key, self.cert, "belong"),
        ]:
            with self.subTest(f"{cert} {key}"):
                self.assertRefused(self.check(files(cert, key)), 2, *words)
        self.assertRefused(self.check(self.good + "[dummies]\nsecret_file = /nowhere/secret\n"), 2, "/nowhere/secret")
        self.assertRefused(self.check("[server]\n"), 2, "certificate", "private_key")
        self.assertRefused(run(CPSD, "-c", "/nowhere/cpsd.conf", "-t", status=None), 2, "/nowhere/cpsd.conf")

    def test_n14_usage(self):
        for options, fault in [(["-x"], "invalid option -- 'x'"), (["foo"], 'cpsd: unexpected argument "foo"'),
                               (["-c"], "requires an argument"), (["--set"], "requires an argument"),
                               (["--chek"], "unrecognized option")]:  # fmt: skip
            done = run(CPSD, *options, status=2)
            self.assertIn(fault, done.stderr.decode())
            self.assertIn('Try "cpsd --help"', done.stderr.decode())
        for option in ("--help", "-h"):
            self.assertIn(b"usage: cpsd", run(CPSD, option).stdout)
        self.assertEqual(run(CPSD, "--version").stdout, run(CPSD, "-V").stdout)

    def test_n18_exit_status(self):
        """A root file or a list that is invalid is a configuration fault, in a check and at start."""
        for key in ("trust.roots", "trust.crl_files"):
            options = ["-o", f"server.certificate={self.cert}", "-o", f"server.private_key={self.key}",
                       "-o", "server.listen=127.0.0.1:0", "-o", "policy.publish=open", "-o", f"trust.roots={self.cert}", "-o", f"{key}={self.dir}/text"]
            for more in (["--check"], []):
                with self.subTest(f"{key} {more}"):
                    done = run(CPSD, *more, *options, status=2)
                    self.assertIn(f"{self.dir}/text", done.stderr.decode())

    def test_n02_all_faults_at_once(self):
        done = self.check("[server]\nworkers = x\nlisen = y\n[stor]\nurl = z\n[log]\naccess = perhaps\n")
        self.assertEqual(re.findall(r"cpsd.conf:(\d+): ", done.stderr.decode()), ["2", "3", "5", "7"], done.stderr)
        done = self.check("[server]\nlisten =\nlisten_plain =\n[store]\nttl_default_s = 9\nttl_max_s = 1\n")
        self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 2), done.stderr)

    def test_n02_what_the_service_cannot_use(self):
        key = os.path.join(self.dir, "open.key")
        pathlib.Path(key).write_bytes(pathlib.Path(self.key).read_bytes())
        os.chmod(key, 0o604)
        done = self.check(self.good, "-o", f"server.private_key={key}", "-o", "keys.allow_readable=no", "-o",
                          f"trust.list_state_dir={self.dir}/none", "-o", f"log.file={self.dir}")  # fmt: skip
        said = done.stderr.decode()
        self.assertEqual((done.returncode, said.count("\n")), (2, 3), said)
        self.assertIn(f"[server] private_key: every account can read the secret file {key} (mode 0604)", said)
        self.assertRegex(said, rf"\[trust\] list_state_dir: account \S+ cannot use the directory {self.dir}/none: No such file")
        self.assertRegex(said, rf"\[log\] file: account \S+ cannot write {self.dir}: Is a directory")

    def test_n02_what_is_read_later(self):
        """Files that cpsd reads only when it fetches something are looked for by the check."""
        for key in ("auth.x5u_ca_file", "trust.crl_ca_file", "atis.ca_file"):
            with self.subTest(key):
                section, name = key.split(".")
                self.assertRefused(self.check(self.good, "-o", f"{key}={self.dir}/none.pem"), 2,
                                   f"[{section}] {name}: account", f"{self.dir}/none.pem: No such file")  # fmt: skip
                done = self.check(self.good, "-o", f"{key}={self.cert}")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_n04_nobody_can_publish(self):
        """publish = token without a way to show a credential is refused, when checked and when started."""
        path = os.path.join(self.dir, "nobody.conf")
        with open(path, "w") as out:
            out.write(self.good + "listen = 127.0.0.1:0\n")
        with_roots = ["-o", f"trust.roots={self.cert}"]
        for options, good in [([], False), (with_roots, False), (["-o", "auth.audience=cps.example.com"], False),
                              ([*with_roots, "-o", "auth.audience=cps.example.com"], True),
                              ([*with_roots, "-o", "server.public_url=https://cps.example.com"], True),
                              ([*with_roots, "-o", "server.client_certificates=optional"], True),
                              (["-o", "policy.publish=nobody"], True)]:  # fmt: skip
            with self.subTest(options):
                done = run(CPSD, "-c", path, "-t", *options, status=0 if good else 2)
                if not good:
                    self.assertIn("nobody can publish: set [trust] roots and [auth] audience", done.stderr.decode())
        self.assertIn(b"nobody can publish", run(CPSD, "-c", path, status=2).stderr)

    def test_old_names(self):
        """A key's old name works, with a warning that names the new one; not together with the new one."""
        done = self.check(self.good + "admin = 127.0.0.1:0\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("[server] admin is now called [admin] listen", done.stderr.decode())
        self.assertRefused(self.check(self.good + "admin = 127.0.0.1:0\n[admin]\nlisten = 127.0.0.1:0\n"), 2,
                           "is already given in line")  # fmt: skip

    def test_usage(self):
        self.assertRefused(self.check(self.good, "-o", "nonsense"), 2, "section.key=value")
        self.assertIn(b"usage: cpsd", run(CPSD, "-h").stdout)
        self.assertRegex(run(CPSD, "-V").stdout.decode(), r"^cpsd \d+\.\d+\.\d+\n$")

    def test_sample_is_a_configuration(self):
        sample = run(CPSD, "-p").stdout.decode()
        for section in ("server", "store", "dummies", "policy", "numbers", "log"):
            self.assertIn(f"[{section}]", sample)
        done = self.check(sample, "-o", f"server.certificate={self.cert}", "-o", f"server.private_key={self.key}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = run(CPSD, "-o", f"server.certificate={self.cert}", "-o", f"server.private_key={self.key}",
                       "-o", f"server.listen={address}", "-o", "policy.publish=open", status=1)  # fmt: skip
        self.assertIn(address, done.stderr.decode().splitlines()[-1])
        self.assertIn("Address already in use", done.stderr.decode().splitlines()[-1])


    def test_n06_one_port_one_server(self):
        """A second cpsd on a port whose workers share it does not start, neither there nor on the admin port."""
        server = self.cpsd(server__workers=3)
        for key, (host, port) in (("server.listen", server.address), ("admin.listen", server.admin)):
            with self.subTest(key):
                options = {"server.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0", key: f"{host}:{port}"}
                done = run(CPSD, "-o", f"server.certificate={self.cert}", "-o", f"server.private_key={self.key}",
                           "-o", "server.workers=2", "-o", "policy.publish=open", *[w for item in options.items() for w in ("-o", "=".join(item))],
                           status=1)  # fmt: skip
                self.assertIn(f"cannot listen on {host}:{port}: Address already in use", done.stderr.decode())
        self.assertEqual(server.publish("12", envelope()).status, 201)


class Listen(Case):
    def test_names_and_all_addresses(self):
        """localhost:PORT and *:PORT in [server] listen; a value in another unit."""
        server = self.cpsd(server__listen="localhost:0, *:0", server__idle_timeout_s="2m", server__workers=2)
        places = re.findall(r"listening on https://(\S+):(\d+)", server.log())
        self.assertIn("0.0.0.0", [host for host, _ in places])
        self.assertIn("127.0.0.1", [host for host, _ in places])
        for host, port in places:
            host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
            with self.subTest(host), socket.create_connection((host, int(port)), 20 * SLOW) as connection:
                server.tls.wrap_socket(connection, server_hostname="localhost").close()

    def test_a_directory_of_settings(self):
        server = self.cpsd(policy__publish="nobody")
        os.mkdir(server.config + ".d")
        pathlib.Path(server.config + ".d", "10-open.conf").write_text("[policy]\npublish = open\n")
        self.assertIn("[policy] publish changed", server.reload())
        self.assertEqual(server.publish("12", envelope()).status, 201)
        pathlib.Path(server.config + ".d", "20.conf").write_text("[policy]\npublish = x\nlist = y\n")
        said = server.reload()
        self.assertRegex(said, r"20.conf:2: publish: .*\n.*20.conf:3: list: ")
        self.assertEqual(server.publish("12", envelope()).status, 201)


class Signals(Case):
    def test_n15_logs_are_opened_again(self):
        server = self.cpsd(log__file=(path := f"{self.temp()}/cpsd.log"), server__drain_timeout_s=1)
        until(lambda: os.path.exists(path), 20 * SLOW, "the log is there")
        for number, words in ((signal.SIGUSR1, "reopened after SIGUSR1"), (signal.SIGHUP, "are in use"),
                              (signal.SIGUSR2, "SIGUSR2 is ignored")):  # fmt: skip
            if number != signal.SIGUSR2:
                os.rename(path, path + ".1")
            server.signal(number)
            until(lambda: os.path.exists(path) and words in pathlib.Path(path).read_text(), 20 * SLOW, words)
        os.rename(path, path + ".1")
        os.mkdir(path)
        server.signal(signal.SIGUSR1)
        until(lambda: "Is a directory" in pathlib.Path(path + ".1").read_text(), 20 * SLOW, "the old file stays in use")
        with server.connect() as connection:  # while it stops, too
            connection.send(b"GET /health HT")
            server.terminate()
            until(lambda: "stopping" in pathlib.Path(path + ".1").read_text(), 20 * SLOW, "it stops")
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
                server.signal(number)
            server.stop()


class Reload(Case):
    def subject(self, server):
        with server.connect() as connection:
            return dict(pair[0] for pair in connection.sock.getpeercert()["subject"])["commonName"]

    def test_new_certificate(self):
        server = self.cpsd()
        self.assertEqual(self.subject(server), "server")
        with server.connect() as old:
            cert, key = make_certificate(server.directory, "second")
            os.replace(cert, server.ca)
            os.replace(key, server.key)
            self.assertIn("are in use", server.reload())
            server.tls = tls_context(server.ca)
            for _ in range(10):  # every worker has it
                self.assertEqual(self.subject(server), "second")
            self.assertEqual(old.request("GET", "/health").status, 200, "connections that are there stay")

    def test_bad_certificate(self):
        server = self.cpsd()
        other_cert, _ = make_certificate(server.directory, "other")
        good, other = (pathlib.Path(path).read_bytes() for path in (server.ca, other_cert))
        for name, octets in {"text": b"nonsense", "nothing": b"", "cut": good[: len(good) // 2],
                             "not the key's": other}.items():  # fmt: skip
            with self.subTest(name):
                with open(server.ca + ".new", "wb") as out:
                    out.write(octets)
                os.replace(server.ca + ".new", server.ca)
                said = server.reload()
                self.assertIn("reload: failed, the previous configuration stays in use", said)
                self.assertIn(server.ca, said)
                self.assertEqual(self.subject(server), "server")
        os.unlink(server.ca)
        self.assertIn("No such file", server.reload())
        self.assertEqual(self.subject(server), "server")
        with open(server.ca, "wb") as out:
            out.write(good)
        self.assertIn("are in use", server.reload())

    def test_policy(self):
        server = self.cpsd(store__ttl_default_s=600)
        body = envelope()
        with server.connect() as connection:
            self.assertEqual(connection.request("POST", BOX, body).status, 201)
            said = server.reload(policy__publish="nobody", policy__delete="open")
            self.assertIn("[policy] publish changed", said)
            self.assertIn("[policy] delete changed", said)
            self.assertEqual(connection.request("POST", BOX, body).status, 403)
            self.assertEqual(connection.request("DELETE", f"{BOX}/{envelope_id(body)}").status, 204)
            self.assertIn("[policy] publish changed", server.reload(policy__publish="open"))
            self.assertEqual(connection.request("POST", BOX, envelope()).status, 201)

    def test_what_takes_a_restart(self):
        server = self.cpsd()
        said = server.reload(server__workers=7, store__url="redis://127.0.0.1:1")
        self.assertIn("[server] workers changed; it needs a restart", said)
        self.assertIn("[store] url changed; it needs a restart", said)
        self.assertEqual(server.publish("12", envelope()).status, 201)

    def test_bad_configuration(self):
        server = self.cpsd()
        self.assertIn("the previous configuration stays in use", server.reload(policy__publish="perhaps"))
        self.assertEqual(server.publish("12", envelope()).status, 201)
        self.assertIn("are in use", server.reload(policy__publish="open"))

    def test_reload_under_load(self):
        """A hundred reloads while requests are under way: none is lost."""
        server = self.cpsd(store__ttl_default_s=600)
        with server.connect() as connection:
            for i in range(100):
                connection.send(b"".join(request("POST", BOX, envelope()) for _ in range(5)))
                server.signal(signal.SIGHUP)
                self.assertEqual([connection.response().status for _ in range(5)], [201] * 5)
        until(lambda: "are in use" in server.log(), 5 * SLOW, "reloads are logged")


class Stop(Case):
    def test_waiters_are_answered(self):
        server = self.cpsd(store__ttl_default_s=259200, server__workers=3)
        body = envelope()
        server.publish("12025550100", body)
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in range(9)]
            for connection in connections:
                cursor = connection.request("GET", BOX, fields={"Accept": "application/json"}).json()["cursor"]
                connection.send(request("GET", f"{BOX}?after={cursor}", fields={"Prefer": "wait=30"}))
            until(lambda: server.metrics()["cpsd_waiters"] == 9, 5 * SLOW, "nine wait")
            server.terminate()
            for connection in connections:
                answer = connection.response()
                self.assertEqual((answer.status, answer.get("Connection")), (200, "close"))
        server.stop()
        self.assertLogged("stopped", server)

    def test_idle_connections_do_not_hold_it(self):
        server = self.cpsd()
        with server.connect() as used, server.connect(), Wire(server.address):
            used.request("GET", "/health")
            server.stop()

    def test_half_a_request_does_not_hold_it_for_ever(self):
        server = self.cpsd(server__drain_timeout_s=1)
        with server.connect() as connection:
            connection.send(b"GET /health HT")
            server.stop()

    def refuses(self, server):
        try:
            server.connect(timeout=20).close()
        except (ConnectionError, ssl.SSLError):
            return True
        return False

    def test_a_request_that_comes_meanwhile_is_answered(self):
        server = self.cpsd(server__drain_timeout_s=60, server__request_timeout_s=60)
        with server.connect() as connection:
            body = envelope()
            sent = request("POST", BOX, body, {"Expect": "100-continue"})
            connection.send(sent[: -len(body)])
            self.assertTrue(connection.take(25).startswith(b"HTTP/1.1 100"))  # the head was read
            server.terminate()
            until(lambda: self.refuses(server), 20, "new connections are refused")
            connection.send(body.encode())
            answer = connection.response()
            self.assertEqual((answer.status, answer.get("Connection")), (201, "close"))

    def test_interrupt(self):
        server = self.cpsd()
        server.signal(signal.SIGINT)
        self.assertEqual(server.wait(10 * SLOW), 0)

    def test_stop_at_once_after_start(self):
        for _ in range(5):
            server = self.cpsd(server__workers=4)
            server.stop()

    def test_stop_under_load(self):
        """What was answered came whole and in order; the rest was not taken up."""
        server = self.cpsd()
        with server.connect() as connection:
            bodies = [envelope() for _ in range(200)]
            connection.send(b"".join(request("POST", BOX, body) for body in bodies))
            self.assertEqual(connection.response().status, 201)
            server.terminate()
            for body in bodies[1:]:
                try:
                    answer = connection.response()
                except Closed as closed:
                    self.assertEqual(closed.args, (b"",))
                    break
                self.assertEqual(answer.get("Location"), f"{BOX}/{envelope_id(body)}")
                if answer.get("Connection") == "close":
                    break
        server.stop()
