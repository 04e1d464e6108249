# SPDX-License-Identifier: MIT
"""cps/openapi.yaml and the server say the same: every documented status of every operation is produced, and nothing is
seen that is not documented."""
# presets: dev asan
import json
import os
import re
import time

import jsonschema
from bearer import Provider, digest_of_body
from description import METHODS, PATH, Description, Mismatch
from envelope import b64url, envelope, envelope_id, x25519_public
from harness import HOME, Case
from wire import Response, Wire

DEST, ORIG, SPC = "12025550100", "12025550199", "1234"
NO_ID = "A" * 22

# One request for each operation that is sound as far as the head goes.
TARGETS = {
    "publish": ("POST", f"/cps/{DEST}/ppts"),
    "list": ("GET", f"/cps/{DEST}/ppts"),
    "fetch": ("GET", f"/cps/{DEST}/ppts/{NO_ID}"),
    "empty": ("DELETE", f"/cps/{DEST}/ppts"),
    "remove": ("DELETE", f"/cps/{DEST}/ppts/{NO_ID}"),
    "report": ("POST", f"/cps/{DEST}/ppts/{NO_ID}/report"),
    "reports": ("GET", "/cps/reports"),
    "feed": ("GET", f"/feed/{SPC}"),
    "listByPrefix": ("GET", "/cps/1999*/ppts"),
    "atisPublish": ("POST", f"/passports/{DEST}/{ORIG}"),
    "atisRetrieve": ("GET", f"/passports/{DEST}/{ORIG}"),
    "atisPublishTo": ("POST", f"/passports/{SPC}/{DEST}/{ORIG}"),
    "atisRetrieveFor": ("GET", f"/passports/{SPC}/{DEST}/{ORIG}"),
    "keysPut": ("PUT", f"/keys/spc%3A{SPC}"),
    "keysGet": ("GET", f"/keys/spc%3A{SPC}"),
    "health": ("GET", "/health"),
    "ready": ("GET", "/ready"),
    "metrics": ("GET", "/metrics"),
    "box": ("GET", f"/boxes/{DEST}"),
}
ADMIN = {"ready", "metrics", "box"}
OPEN = {"health", *ADMIN}


class OpenApi(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.description = Description()
        cls.provider, cls.other = Provider(cls.dir, SPC), Provider(cls.dir, "5678")
        cls.redis = cls.class_redis()
        with open(f"{cls.dir}/numbers.csv", "w") as out:
            out.write(f"1999,{SPC}\n")
        cls.keys = dict(
            store__url=cls.redis.url, store__box_limit=2, limits__box_share=100, server__list_max_entries=1,
            server__request_timeout_s=1, server__max_head_bytes=8192, server__max_wait_s=1,
            server__public_url="https://localhost", trust__roots=cls.provider.root, policy__delete="token", policy__publish="token", policy__report="token",
            dummies__mode="empty", feeds__enabled="yes", numbers__table=f"{cls.dir}/numbers.csv",
        )  # fmt: skip
        cls.server = cls.class_cpsd(**cls.keys)

    def ask(self, name, status, body=None, fields=(), query="", target=None, method=None, server=None):
        """A request of an operation; the answer has the status and is as described."""
        verb, path = TARGETS[name]
        verb, path, server = method or verb, (target or path) + query, server or self.server
        fields = {"Content-Type": "application/json" if "passports" in path else None, **dict(fields)}
        fields = {name: value for name, value in fields.items() if value}
        answer = server.admin_request(path, verb) if name in ADMIN else server.request(verb, path, body, fields)
        self.description.check(verb, path, answer)
        self.assertEqual(answer.status, status, answer)
        return answer

    def raw(self, name, octets, status):
        """The same, of octets."""
        with self.connection(name) as connection:
            connection.send(octets)
            answer = connection.response()
        self.description.check(*TARGETS[name], answer)
        self.assertEqual(answer.status, status, answer)

    def connection(self, name):
        return Wire(self.server.admin) if name in ADMIN else self.server.connect()

    def publish_atis(self, name, status, passports, target=None, fields=(), body=None, **claims):
        path = target or TARGETS[name][1]
        if "/{}/".format(SPC) in path:
            claims.setdefault("exp", int(time.time()) + 30)
        dest, orig = path.split("/")[-2:]
        token = self.provider.fields("publish", dest, orig, digest_of_body(body) if body else passports, **claims)
        return self.ask(name, status, body or json.dumps({"passports": passports}), {**token, **dict(fields)}, target=path)

    # ---- each test produces some; the last looks at what is missing ----

    def test_1_heads(self):
        """What goes wrong before anybody looks at what is asked for."""
        for name, (method, path) in TARGETS.items():
            start = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
            with self.subTest(name):
                self.raw(name, start.encode() + b"no colon\r\n\r\n", 400)
                self.raw(name, start.encode() + b"Transfer-Encoding: chunked\r\n\r\n", 411)
                self.raw(name, start.encode() + b"Content-Length: 100000\r\n\r\n", 413)
                self.raw(name, start.encode() + b"Expect: rain\r\nContent-Length: 0\r\n\r\n", 417)
                self.raw(name, start.encode() + b"X: " + b"x" * 8192, 431)
                self.raw(name, start.replace("/1.1", "/2.0").encode() + b"Content-Length: 0\r\n\r\n", 505)

    def test_1_slow(self):
        waiting = []
        for name, (method, path) in TARGETS.items():
            connection = self.connection(name)
            self.addCleanup(connection.close)
            connection.send(f"{method} {path} HTTP/1.1\r\n".encode())
            waiting.append((name, connection))
        for name, connection in waiting:
            answer = connection.response()
            self.description.check(*TARGETS[name], answer)
            self.assertEqual(answer.status, 408, name)

    def test_2_credentials(self):
        """A malformed token, and one that is for something else."""
        for name, (method, path) in TARGETS.items():
            if name in OPEN:
                continue
            with self.subTest(name):
                parts = path.split("/")
                dest, orig = parts[-2:] if "passports" in path else (parts[2] if "cps" in path else None, None)
                dest = None if name in ("listByPrefix", "reports") else dest
                body = json.dumps({"passports": ["x"]}) if method in ("POST", "PUT") else None
                self.ask(name, 401, body, {"Authorization": "Bearer rubbish"})
                wrong = "delete" if name not in ("remove", "empty") else "publish"
                self.ask(name, 403, body, self.provider.fields(wrong, dest, orig, ["x"] if body else None))

    def test_3_cps(self):
        one, two, three = envelope(), envelope(), envelope()
        def token(body):
            return self.provider.fields("publish", DEST, None, [body])
        box = f"/cps/{DEST}/ppts"
        self.ask("publish", 201, one, token(one))
        self.ask("publish", 200, one, token(one))
        self.ask("publish", 201, two, token(two))
        self.ask("publish", 429, three, token(three))
        self.ask("publish", 401, three)
        self.ask("publish", 415, one, {**token(one), "Content-Type": "text/plain"})
        self.ask("publish", 422, "x", token("x"))
        self.ask("publish", 400, one, token(one), query="?ttl=never")
        self.ask("publish", 400, one, token(one), target="/cps/x/ppts")
        self.assertIn("next", self.ask("list", 200).get("Link"))
        self.ask("list", 200, fields={"Accept": "application/json"})
        self.ask("list", 200, method="HEAD")
        self.ask("list", 200, target="/cps/12025550101/ppts", fields={"Prefer": "wait=1"})
        self.ask("list", 400, query="?after=x")
        self.assertEqual(len(self.ask("box", 200).json()["envelopes"]), 2)
        self.ask("list", 401, query="?dummies=no")
        self.ask("list", 403, query="?dummies=no", fields=self.provider.fields("retrieve", DEST))
        self.ask("fetch", 200, target=f"{box}/{envelope_id(one)}")
        self.ask("fetch", 404)
        self.ask("fetch", 400, target=f"/cps/x/ppts/{NO_ID}")
        self.ask("report", 204, b"", target=f"{box}/{envelope_id(one)}/report", fields=self.provider.fields("report", DEST))
        self.ask("report", 404, b"", fields=self.provider.fields("report", DEST))
        answer = self.ask("reports", 200, fields=self.provider.fields("retrieve"))
        self.assertEqual([report["id"] for report in answer.json()["reports"]], [envelope_id(one)])
        self.ask("reports", 200, query=f"?after={answer.json()['cursor']}", fields=self.provider.fields("retrieve"))
        self.ask("reports", 400, query="?after=x", fields=self.provider.fields("retrieve"))
        self.ask("reports", 401)
        self.ask("report", 400, b"", query="?reason=A%20b", fields=self.provider.fields("report", DEST))
        self.ask("report", 400, b"", target=f"/cps/x/ppts/{NO_ID}/report", fields=self.provider.fields("report", DEST))
        self.ask("remove", 401)
        self.ask("remove", 400, target=f"/cps/x/ppts/{NO_ID}", fields=self.provider.fields("delete", DEST))
        self.ask("remove", 404, fields=self.provider.fields("delete", DEST))
        self.ask("remove", 204, target=f"{box}/{envelope_id(one)}", fields=self.provider.fields("delete", DEST))
        self.ask("remove", 410, target=f"{box}/{envelope_id(one)}", fields=self.provider.fields("delete", DEST))

        self.ask("empty", 401)
        self.ask("empty", 403, fields=self.provider.fields("delete", DEST))
        self.ask("empty", 400, target="/cps/x/ppts", fields=self.provider.fields("delete", DEST))
        self.ask("empty", 204, target="/cps/19995550199/ppts", fields=self.provider.fields("delete", "19995550199"))

    def test_3_passports(self):
        for name, target in (("atisPublish", TARGETS["atisPublish"][1]), ("atisPublishTo", TARGETS["atisPublishTo"][1])):
            get = name.replace("Publish", "Retrieve").replace("To", "For")
            some = [envelope(), envelope()]
            with self.subTest(name):
                self.ask(get, 404, fields=self.provider.fields("retrieve", DEST, ORIG))
                self.publish_atis(name, 201, some)
                self.publish_atis(name, 201, some, fields={"Idempotency-Key": "one"})
                self.publish_atis(name, 422, some[:1], fields={"Idempotency-Key": "one"})
                self.publish_atis(name, 400, some, fields={"Idempotency-Key": "x" * 256})
                self.publish_atis(name, 429, [envelope()])
                self.publish_atis(name, 400, some, body="{}")
                self.publish_atis(name, 413, ["x"] * 33)
                self.publish_atis(name, 415, some, fields={"Content-Type": "text/plain"})
                self.publish_atis(name, 422, ["a.b.c"])
                self.publish_atis(name, 400, some, target=target.replace(DEST, "x"))
                self.ask(name, 401, json.dumps({"passports": some}))
                answer = self.ask(get, 200, fields=self.provider.fields("retrieve", DEST, ORIG))
                self.assertIn("next", answer.get("Link"))
                self.ask(get, 200, method="HEAD", fields=self.provider.fields("retrieve", DEST, ORIG))
                self.ask(get, 400, query="?after=x", fields=self.provider.fields("retrieve", DEST, ORIG))
                self.ask(get, 401)
        self.ask("atisRetrieveFor", 403, fields=self.other.fields("retrieve", DEST, ORIG))
        self.publish_atis("atisPublishTo", 400, [envelope()], exp=None)

    def record(self, age=0):
        key = {"kty": "OKP", "crv": "X25519", "x": b64url(x25519_public(os.urandom(32)))}
        now = int(time.time()) - age
        claims = {"iss": SPC, "spc": [SPC], "keys": [key], "iat": now, "exp": now + 7200}
        return self.provider.sign({"alg": "ES256", "typ": "cps-keys+jwt", "x5c": self.provider.x5c}, claims)

    def test_3_keys(self):
        old, new = self.record(60), self.record()

        def put(status, record, kind="application/jwt", who=self.provider, target=None):
            token = who.fields("keys", passports=digest_of_body(record))
            return self.ask("keysPut", status, record, {**token, "Content-Type": kind}, target=target)

        self.ask("keysGet", 404)
        self.ask("keysPut", 401, new, {"Content-Type": "application/jwt"})
        put(403, new, who=self.other)
        put(415, new, "text/plain")
        put(422, "x")
        put(400, new, target="/keys/im%3Aalice%40example.com")
        put(201, new)
        put(200, new)
        put(409, old)
        answer = self.ask("keysGet", 200)
        self.ask("keysGet", 200, method="HEAD")
        every = self.ask("keysGet", 200, fields={"Accept": "application/json"})
        self.assertEqual(every.json(), {"records": [new]})
        self.ask("keysGet", 304, fields={"If-None-Match": answer.get("ETag")})
        self.ask("keysGet", 400, target="/keys/im%3Aalice%40example.com")

    def test_3_feeds(self):
        def holder():
            return self.provider.fields("retrieve", f"spc:{SPC}")
        for _ in range(2):
            one = envelope()
            self.ask("publish", 201, one, self.provider.fields("publish", "19995550100", None, [one]),
                     target="/cps/19995550100/ppts")  # fmt: skip
        self.ask("listByPrefix", 401)
        self.ask("feed", 401)
        self.assertIn("next", self.ask("listByPrefix", 200, fields=holder()).get("Link"))
        self.ask("listByPrefix", 400, fields=holder(), query="?after=x")
        self.ask("listByPrefix", 400, target="/cps/1*/ppts")
        self.ask("listByPrefix", 404, target="/cps/1888*/ppts")
        self.ask("feed", 200, method="HEAD", fields=holder())
        self.ask("feed", 400, fields={"Last-Event-ID": "x", **holder()})
        server = self.cpsd(name="without", trust__roots=self.provider.root, policy__feed="open")
        self.ask("feed", 404, server=server)

    def test_3_others(self):
        for name in OPEN:
            self.ask(name, 200)
        self.ask("box", 400, target="/boxes/x")
        self.ask("health", 200, method="HEAD")
        for method, target in (("DELETE", f"/passports/{DEST}/{ORIG}"), ("PUT", f"/cps/{DEST}/ppts"), ("POST", "/health"),
                               ("GET", "/"), ("GET", "/passports/1"), ("POST", "/cps/1"), ("OPTIONS", "/health")):  # fmt: skip
            with self.subTest(f"{method} {target}"):
                self.description.check(method, target, self.server.request(method, target, fields={"Content-Length": "0"}))

    def test_3_limits(self):
        server = self.cpsd(trust__roots=self.provider.root, limits__read_by_address=1, limits__publish_by_destination=1,
                           limits__publish_by_address=1,
                           limits__burst_s=1, auth__audience="localhost", feeds__enabled="yes", policy__feed="open",
                           numbers__table=f"{self.dir}/numbers.csv")  # fmt: skip
        bodies = {"publish": envelope(), "report": "", "keysPut": "x"}
        credential = {"Authorization": "Bearer x"}  # a good one is not counted
        for name in ("publish", "list", "fetch", "feed", "listByPrefix", "atisRetrieve", "atisRetrieveFor", "keysGet",
                     "reports", "remove", "empty", "report", "keysPut"):
            method, path = TARGETS[name]
            method = "HEAD" if name == "feed" else method  # which would not end
            with self.subTest(name):
                for _ in range(20):  # a slow machine gives the bucket time to fill
                    open_to_all = name in ("publish", "list", "fetch", "feed", "listByPrefix", "keysGet")
                    answer = server.request(method, path, bodies.get(name), {} if open_to_all else credential)
                    if self.description.check(method, path, answer).status == 429:
                        break
                self.assertEqual(answer.status, 429, answer)
                self.assertEqual(answer.get("RateLimit-Remaining"), "0")

    def test_4_without_the_store(self):
        self.server = self.cpsd(**{**self.keys, "store__url": "redis+unix:///nowhere/redis.sock"})
        some = [envelope()]
        self.ask("publish", 503, some[0], self.provider.fields("publish", DEST, None, some))
        self.ask("list", 503)
        self.ask("listByPrefix", 503, fields=self.provider.fields("retrieve", f"spc:{SPC}"))
        self.ask("fetch", 503)
        self.ask("remove", 503, fields=self.provider.fields("delete", DEST))
        self.ask("empty", 503, target="/cps/19995550199/ppts", fields=self.provider.fields("delete", "19995550199"))
        self.ask("report", 503, b"", fields=self.provider.fields("report", DEST))
        self.ask("reports", 503, fields=self.provider.fields("retrieve"))
        for name in ("atisPublish", "atisPublishTo"):
            self.publish_atis(name, 503, some)
            self.publish_atis(name, 503, some, fields={"Idempotency-Key": "two"})
            self.ask(name.replace("Publish", "Retrieve").replace("To", "For"), 503,
                     fields=self.provider.fields("retrieve", DEST, ORIG))  # fmt: skip
        self.ask("keysGet", 503)
        record = self.record()
        token = self.provider.fields("keys", passports=digest_of_body(record))
        self.ask("keysPut", 503, record, {**token, "Content-Type": "application/jwt"})
        self.ask("health", 503)
        self.ask("ready", 503)
        self.ask("box", 503)

    def test_5_every_documented_status_was_seen(self):
        self.assertEqual(sorted(self.description.documented() - self.description.seen), [])

    # ---- the description itself ----

    def test_0_routes(self):
        """What the server's table of routes has is described, and nothing else."""
        with open(f"{HOME}/cps/api/routes.c") as file:
            routes = {(m.lower(), p) for m, p in re.findall(r'\{CPSD_([A-Z]+),\s*"(/[^"]*)"', file.read())}
        self.assertGreater(len(routes), 10)
        self.assertEqual(set(self.description.operations()), routes)
        names = [operation["operationId"] for operation in self.description.operations().values()]
        self.assertEqual(sorted(names), sorted(TARGETS))

    def test_0_form(self):
        """Each parameter of a path is described, each component is used, each schema is one."""
        document = self.description.document
        self.assertTrue(document["openapi"].startswith("3.1."))
        for path, item in document["paths"].items():
            described = [self.description.resolve(p) for p in item.get("parameters", [])]
            self.assertEqual({p["name"] for p in described if p["in"] == "path"}, set(re.findall(r"{(\w+)}", path)))
            self.assertTrue(all(p["required"] for p in described if p["in"] == "path"))
            self.assertLess(set(item) - set(METHODS), {"parameters", "servers", "x"})
        with open(PATH) as file:
            used = set(re.findall(r'#/components/(\w[\w-]*/\w+)"', file.read()))
        defined = {f"{kind}/{name}" for kind, group in document["components"].items()
                   for name in group if kind not in ("securitySchemes", "x-admin")}  # fmt: skip
        self.assertEqual(defined - used - {"responses/methodNotAllowed"}, set())
        for name, schema in document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_n17_license(self):
        with open(f"{HOME}/LICENSE") as file:
            self.assertEqual(file.readline(), "MIT License\n")
        self.assertEqual(self.description.document["info"]["license"], {"name": "MIT", "identifier": "MIT"})

    def test_n17_security_follows_the_policy(self):
        """Each operation names its key in [policy], and demands what that is by default."""
        with open(f"{HOME}/cps/base/policy.h") as file:
            policies = {action: (key, default) for action, key, default in
                        re.findall(r'X\(([A-Z_]+), "(\w+)", "(\w+)"', file.read())}  # fmt: skip
        with open(f"{HOME}/cps/api/routes.c") as file:
            routes = re.findall(r'\{CPSD_([A-Z]+),\s*"(/[^"]*)",\s*CPSD_ACT_([A-Z_]+)', file.read())
        operations, document = self.description.operations(), self.description.document
        credentials = [{"bearer": []}, {"certificate": []}]
        self.assertEqual(document["security"], credentials)
        self.assertEqual(len(routes), len(operations))
        for method, path, action in routes:
            operation = operations[method.lower(), path]
            key, default = policies.get(action, (None, None))
            with self.subTest(f"{method} {path}"):
                self.assertEqual(operation.get("x-policy"), key)
                expected = [{}] if key is None else [{}, *credentials] if default == "open" else credentials
                self.assertEqual(operation.get("security", document["security"]), expected)

    def examples(self, content, what):
        """The examples of a media type's object, checked against its schema; there is at least one of each."""
        for kind, media in content.items():
            values = [self.description.resolve(one)["value"] for one in media.get("examples", {}).values()]
            values += [media["example"]] if "example" in media else []
            self.assertTrue(values, f"{what}: {kind} has no example")
            for value in values:
                self.description.validate(value, media["schema"], f"example of {what}")
                yield value

    def test_n17_examples(self):
        """Each operation has an example of what it takes and answers, which is as its schema says."""
        resolve = self.description.resolve
        for (method, path), operation in self.description.operations().items():
            what = f"{method} {path}"
            with self.subTest(what):
                for parameter in map(resolve, self.description.document["paths"][path].get("parameters", [])):
                    self.description.validate(parameter["example"], parameter["schema"], f"{parameter['name']} of {what}")
                list(self.examples(resolve(operation.get("requestBody", {})).get("content", {}), what))
                for status, response in operation["responses"].items():
                    if status < "300":
                        list(self.examples(resolve(response).get("content", {}), f"{what} {status}"))

    def test_n17_the_example_is_stored(self):
        operation = self.description.operations()["post", "/cps/{dest}/ppts"]
        (body,) = self.examples(operation["requestBody"]["content"], "publish")
        dest = self.description.document["components"]["parameters"]["dest"]["example"]
        answer = self.ask("publish", 201, body, self.provider.fields("publish", dest, None, [body]),
                          target=f"/cps/{dest}/ppts")  # fmt: skip
        self.assertTrue(answer.get("Location").endswith(envelope_id(body)))

    def test_0_the_judge_sees(self):
        """An answer that is not as described is not let through."""
        good = [("Date", "x"), ("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        body = b'{"status":200,"message":"OK"}'
        for fields, content, status in (
            (good + [("Server", "x")], body, 200),
            (good[:2], body, 200),
            (good[:2] + [("Cache-Control", "public")], body, 200),
            (good[2:] + [("Content-Type", "text/html")], body, 200),
            (good, b'{"status":200,"message":"OK","more":1}', 200),
            (good, b'{"status":201,"message":"OK"}', 200),
            (good, b"", 204),
            (good, body, 500),
        ):
            with self.subTest(str(fields) + str(content)), self.assertRaises((Mismatch, ValueError)):
                Description().check("GET", "/health", Response(status, "x", fields, content))
        Description().check("GET", "/health", Response(200, "OK", good, body))


