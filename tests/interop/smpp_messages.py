# SPDX-License-Identifier: MIT
"""The messages that tests of SMPP send through Kannel, as an application words them."""
from smpp_parts import SECONDS, until

ORIG = "12155551212"
LONG = "".join(f"{n:03}: all of this is one message. " for n in range(13))[:400]
# 67 UTF-16 units fit in a part: the first ends within the pair of a face, the last octets are a pair too
LONG_UNICODE = "Ж" * 66 + "😀" + "Ю" * 64 + "🙂🙃" + "и это конец 😀"


class Message:
    """`sent` is what Kannel's sendsms is told; `body` the text, or the octets, that the message then has; `parts` how
    many segments that makes; `split`: one of them ends within a character."""

    def __init__(self, name, body, parts=1, split=False, udh=b"", **sent):
        self.name, self.body, self.parts, self.split, self.udh = name, body, parts, split, udh
        if isinstance(body, str):
            self.sent = {"text": body, "charset": "UTF-8", **sent}
        else:
            self.sent = {"text": body, "coding": 1, "udh": udh}


MESSAGES = [
    Message("short", "Running late. 5 min"),
    Message("GSM specials", "@ £ $ _ ¥ Δ Ω { } [ ] ~ € ^ \\ | èéùìòÇØøÅåÆæßÉ ¤ ¡ ¿ ÄÖÑÜ§ äöñüà\r\nnext line", coding=0),
    Message("Cyrillic and emoji", "Привет, как дела? 😀", coding=2),
    Message("400 characters", LONG, parts=3, coding=0),
    Message("long, faces across parts", LONG_UNICODE, parts=3, split=True, coding=2),
    Message("binary with UDH", bytes(range(0, 256, 3)) + b"\0\xff", udh=b"\x06\x05\x04\x0b\x84\x23\xf0"),
    Message("receipt requested", "Please confirm", **{"dlr-mask": 3}),
]
SEGMENTS = sum(message.parts for message in MESSAGES)


def dest(message):
    return str(12155551300 + MESSAGES.index(message))


def send_all(kannel):
    """At once, each to a number of its own."""
    for message in MESSAGES:
        report = f"{kannel.sink.url}/receipt?type=%d&dest=%p&text=%A"
        asks = {"dlr-url": report} if "dlr-mask" in message.sent else {}
        kannel.send(**{"from": "+" + ORIG, "to": "+" + dest(message), **message.sent, **asks})


def arrived(smsc):
    """Returns the PDUs that the SMSC received, as soon as there is one for each segment."""
    pdus = until(lambda: len(smsc.messages()) >= SEGMENTS and smsc.messages(), SECONDS, f"{SEGMENTS} segments arrive")
    assert len(pdus) == SEGMENTS, f"{len(pdus)} segments arrive, not {SEGMENTS}"
    return [pdu for pdu, _ in pdus]
