# SPDX-License-Identifier: MIT
"""What attackers and broken clients send: tables of requests, destinations and things that are not envelopes."""
from envelope import b64url, compact, envelope, header, p256_public

BOX = "/cps/12025550100/ppts"
HOST = "Host: localhost\r\n"
POST = f"POST {BOX} HTTP/1.1\r\n{HOST}Content-Type: application/passport\r\n"

# what is sent (str: all of a head but its last empty line), the status that it gets
FRAMING = [
    ("chunked", POST + "Transfer-Encoding: chunked\r\n", 411),
    ("chunked with a body", POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 411),
    ("chunked GET", f"GET {BOX} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n", 411),
    ("unknown transfer coding", POST + "Transfer-Encoding: gzip\r\n", 411),
    ("no length", POST, 411),
    ("PUT without length", f"PUT {BOX} HTTP/1.1\r\n{HOST}", 411),
    ("negative length", POST + "Content-Length: -1\r\n", 400),
    ("signed length", POST + "Content-Length: +5\r\n", 400),
    ("hexadecimal length", POST + "Content-Length: 0x5\r\n", 400),
    ("length with a unit", POST + "Content-Length: 5 bytes\r\n", 400),
    ("length list", POST + "Content-Length: 5, 5\r\n", 400),
    ("empty length", POST + "Content-Length:\r\n", 400),
    ("fraction", POST + "Content-Length: 5.0\r\n", 400),
    ("length of 20 digits", POST + "Content-Length: 99999999999999999999\r\n", 400),
    ("length of 300 digits", POST + "Content-Length: " + "9" * 300 + "\r\n", 400),
    ("length that wraps to 5 in 64 bits", POST + "Content-Length: 18446744073709551621\r\n", 400),
    ("length that wraps to 5 in 32 bits", POST + "Content-Length: 4294967301\r\n", 413),
    ("largest 64 bit length", POST + "Content-Length: 18446744073709551615\r\n", 413),
    ("length over the limit", POST + "Content-Length: 4097\r\n", 413),
    ("length twice, equal", POST + "Content-Length: 5\r\nContent-Length: 5\r\n", 400),
    ("length twice, different", POST + "Content-Length: 5\r\nContent-Length: 6\r\n", 400),
    ("length twice, in other case", POST + "Content-Length: 5\r\ncontent-LENGTH: 5\r\n", 400),
    ("length and encoding", POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    ("encoding and length", POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
    ("encoding after a tab", POST + "Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n", 400),
    ("an expectation that nobody knows", POST + "Content-Length: 5\r\nExpect: 200-ok\r\n", 417),
]

SYNTAX = [
    ("bare LF", b"GET /health HTTP/1.1\nHost: localhost\n\r\n\r\n", 400),
    ("bare LF after the request line", b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    ("bare LF between fields", b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    ("bare CR", b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400),
    ("CR CR LF", b"GET /health HTTP/1.1\r\nHost: localhost\r\r\n\r\n", 400),
    ("folded line", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400),
    ("folded with a tab", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n", 400),
    ("space before a colon", b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    ("space before a name", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    ("no colon", b"GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400),
    ("no name", b"GET /health HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400),
    ("NUL in a value", b"GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n", 400),
    ("NUL in a name", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX\0: y\r\n\r\n", 400),
    ("NUL in the target", b"GET /health\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("DEL in a value", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: \x7f\r\n\r\n", 400),
    ("escape in a value", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: \x1b[2J\r\n\r\n", 400),
    ("UTF-8 in the target", "GET /cps/１２/ppts HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 400),
    ("two spaces", b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("tab in the request line", b"GET\t/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("space in the target", b"GET /he alth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("space after the version", b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    ("no version", b"GET /health\r\nHost: localhost\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("no method", b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("nothing but colons", b":::::\r\n\r\n", 400),
    ("relative target", b"GET health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /health HTTP/0.9\r\nHost: localhost\r\n\r\n", 505),
    ("HTTP/1.2", b"GET /health HTTP/1.2\r\nHost: localhost\r\n\r\n", 505),
    ("HTTP/1.10", b"GET /health HTTP/1.10\r\nHost: localhost\r\n\r\n", 400),
    ("http in small letters", b"GET /health http/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("no Host", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("Host twice", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n", 400),
    ("binary", bytes(range(256)) + b"\r\n\r\n", 400),
    ("TLS in TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n", 400),
    ("two empty lines first", b"\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
]

DESTINATIONS = [
    ("empty", "", 404),
    ("one digit", "1", 400),
    ("two digits", "12", 200),
    ("15 digits", "123456789012345", 200),
    ("16 digits", "1234567890123456", 400),
    ("100 digits", "1" * 100, 400),
    ("16 digits with a plus", "+1234567890123456", 400),
    ("letters", "abc", 400),
    ("digits and letters", "1202555010a", 400),
    ("only separators", "---", 400),
    ("only a plus", "+", 400),
    ("two pluses", "++12025550100", 400),
    ("plus inside", "1202+5550100", 400),
    ("star and hash", "*123%23", 200),
    ("bare hash", "*123#", 400),
    ("NUL", "%00", 400),
    ("NUL after digits", "12025550100%00", 400),
    ("line end", "12025550100%0d%0aX:%20y", 400),
    ("bad escape", "%zz", 400),
    ("cut escape", "1202555010%3", 400),
    ("lone percent", "12025550100%", 400),
    ("dots", "..", 400),
    ("dots and a slash", "../etc", 404),
    ("escaped dots and slash", "%2e%2e%2fetc", 400),
    ("backslash", "..\\etc", 400),
    ("escaped slash", "1202555%2F0100", 400),
    ("twice escaped", "%2531", 400),
    ("UTF-8", "%EF%BC%91%EF%BC%92", 400),
    ("SIP URI", "sip%3Aalice%40example.com", 200),
    ("SIP URI, nothing else escaped", "sip:alice@example.com", 200),
    ("tel URI", "tel%3A%2B12025550100", 200),
    ("SIP URI without a user", "sip%3A%40example.com", 400),
    ("SIP URI without a host", "sip%3Aalice%40", 400),
    ("scheme alone", "sip%3A", 400),
    ("unknown scheme with quotes", "x%3A%22%3Cscript%3E", 400),
    ("over-long URI", "sip%3A" + "a" * 300 + "%40example.com", 400),
    ("over-long escapes", "%31" * 300, 400),
]

SAME_BOX = ["12025550100", "+1-202-555-0100", "1.202.555.0100", "(1)2025550100", "1%20202%20555%200100",
            "tel:+12025550100", "tel%3A%2B1-202-555-0100", "sip:+12025550100@example.com;user=phone",
            "%31%32%30%32%35%35%35%30%31%30%30"]  # fmt: skip


def octets(text):
    return text if isinstance(text, bytes) else (text if text.endswith("\r\n\r\n") else text + "\r\n").encode()


def mangled():
    """Things that are not envelopes, each by one step away from one."""
    good = envelope()
    head, key, iv, text, tag = good.split(".")
    plain = header()
    x, y = p256_public()["x"], p256_public()["y"]

    def with_header(value):
        value = value if isinstance(value, str) else compact(value)
        return ".".join([b64url(value.encode()), key, iv, text, tag])

    def with_epk(**members):
        return with_header({**plain, "epk": {k: v for k, v in {**plain["epk"], **members}.items() if v is not None}})

    def on_p256(**members):
        return with_header({**plain, "epk": {"crv": "P-256", "kty": "EC", "x": x, "y": y, **members}})

    yield from {
        "nothing": "",
        "a line end": "\r\n",
        "text": "hello",
        "JSON": '{"protected":"","iv":""}',
        "four parts": ".".join([head, iv, text, tag]),
        "six parts": good + ".AAAA",
        "a JWS": ".".join([head, text, tag]),
        "an encrypted key": ".".join([head, "AAAA", iv, text, tag]),
        "no header": ".".join(["", key, iv, text, tag]),
        "no IV": ".".join([head, key, "", text, tag]),
        "no ciphertext": ".".join([head, key, iv, "", tag]),
        "no tag": ".".join([head, key, iv, text, ""]),
        "short tag": ".".join([head, key, iv, text, tag[:-2]]),
        "long tag": ".".join([head, key, iv, text, tag + "AA"]),
        "short IV": ".".join([head, key, iv[:-4], text, tag]),
        "long IV": ".".join([head, key, iv + "AAAA", text, tag]),
        "padding": ".".join([head, key, iv, text, tag + "=="]),
        "white space": good.replace(".", ". ", 1),
        "a line end inside": ".".join([head, key, iv, text[:64] + "\n" + text[64:], tag]),
        "two line ends after it": good + "\n\n",
        "the other alphabet": ".".join([head, key, iv, "+/+/", tag]),
        "stray bits": ".".join([head, key, iv, text, b64url(b"\0" * 16)[:-1] + "B"]),
        "NUL": good + "\0",
        "a length that base64 cannot have": ".".join([head, key, iv, "AAAAA", tag]),
        "kid": with_header({**plain, "kid": "1"}),
        "zip": with_header({**plain, "zip": "DEF"}),
        "crit": with_header({**plain, "crit": ["exp"]}),
        "apu": with_header({**plain, "apu": "QQ"}),
        "unknown member": with_header({**plain, "x-y": 1}),
        "no cty": with_header({k: v for k, v in plain.items() if k != "cty"}),
        "other cty": with_header({**plain, "cty": "jwt"}),
        "alg dir": with_header({**plain, "alg": "dir"}),
        "alg RSA": with_header({**plain, "alg": "RSA-OAEP"}),
        "alg with key wrap": with_header({**plain, "alg": "ECDH-ES+A128KW"}),
        "alg number": with_header({**plain, "alg": 1}),
        "alg null": with_header({**plain, "alg": None}),
        "enc CBC": with_header({**plain, "enc": "A128CBC-HS256"}),
        "no epk": with_header({k: v for k, v in plain.items() if k != "epk"}),
        "epk a string": with_header({**plain, "epk": "x"}),
        "epk with a private part": with_epk(d="AAAA"),
        "epk cut": with_epk(x=plain["epk"]["x"][:-1]),
        "epk long": with_epk(x=plain["epk"]["x"] + "AA"),
        "epk without x": with_epk(x=None),
        "epk all zero": with_epk(x=b64url(b"\0" * 32)),
        "epk of order 1": with_epk(x=b64url(b"\1" + b"\0" * 31)),
        "epk of order 8": with_epk(
            x=b64url(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
        ),
        "epk p": with_epk(x=b64url(bytes.fromhex("ed" + "ff" * 30 + "7f"))),
        "epk of X448": with_epk(crv="X448"),
        "epk of Ed25519": with_epk(crv="Ed25519"),
        "epk kty EC": with_epk(kty="EC"),
        "P-256 off the curve": on_p256(y=b64url(b"\1" * 32)),
        "P-256 at infinity": on_p256(x=b64url(b"\0" * 32), y=b64url(b"\0" * 32)),
        "P-256 beyond p": on_p256(x=b64url(b"\xff" * 32)),
        "P-256 without y": on_p256(y=""),
        "P-384": on_p256(crv="P-384"),
        "secp256k1": on_p256(crv="secp256k1"),
        "header not an object": with_header("[]"),
        "header cut": with_header(compact(plain)[:-1]),
        "header with more text after it": with_header(compact(plain) + "{}"),
        "member twice": with_header(compact(plain)[:-1] + ',"alg":"ECDH-ES"}'),
        "header with a NUL": with_header(compact(plain).replace("passport", "passport\\u0000")),
        "header not UTF-8": ".".join([b64url(b'{"alg":"\xff"}'), key, iv, text, tag]),
        "deep header": with_header('{"epk":' + "[" * 200 + "]" * 200 + "}"),
        "huge number": with_header(compact(plain)[:-1] + ',"n":1e400}'),
    }.items()
