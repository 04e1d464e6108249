# SPDX-License-Identifier: MIT
"""Compares each answer with cps/openapi.yaml, and counts the statuses that were seen."""
import os
import urllib.parse

import jsonschema
import yaml
from harness import HOME

PATH = os.path.join(HOME, "cps", "openapi.yaml")
METHODS = ("get", "put", "post", "delete")
ALWAYS = {"date", "content-type", "content-length", "connection"}  # of HTTP itself


class Mismatch(AssertionError):
    pass


def is_of(part, segment):
    """{x} stands for any segment that is there, {x}* for one that ends with an asterisk."""
    if not part.startswith("{"):
        return part == segment
    return bool(segment) and (not part.endswith("*") or (len(segment) > 1 and segment.endswith("*")))


class Description:
    def __init__(self):
        with open(PATH) as file:
            self.document = yaml.safe_load(file)
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.seen = set()

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def operations(self):
        """{(method, path): operation}"""
        return {(method, path): item[method] for path, item in self.document["paths"].items() for method in METHODS
                if method in item}  # fmt: skip

    def documented(self):
        """{(operationId, status)}"""
        return {(operation["operationId"], int(status)) for operation in self.operations().values()
                for status in operation["responses"]}  # fmt: skip

    def find(self, target):
        """The template that a request's target is of, or None."""
        segments = urllib.parse.urlsplit(target).path.rstrip("/").split("/")
        for path in self.document["paths"]:
            parts = path.split("/")
            if len(parts) == len(segments) and all(
                is_of(part, segment) for part, segment in zip(parts[1:], segments[1:])
            ):
                return path
        return None

    def expected(self, method, target):
        """(operationId or None, {status: response})"""
        path = self.find(target)
        operation = path and self.document["paths"][path].get(method.lower().replace("head", "get"))
        if operation:
            return operation["operationId"], operation["responses"]
        responses = self.document["components"]["responses"]
        if path:
            return None, {"405": responses["methodNotAllowed"]}
        return None, {"404": {"description": "no such path", "content": responses["methodNotAllowed"]["content"]}}

    def validate(self, value, schema, what):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        for error in validator.iter_errors(value):
            raise Mismatch(f"{what}: {error.message[:300]}")

    def check(self, method, target, answer):
        """Holds one answer against the description; returns it."""
        name, responses = self.expected(method, target)
        what = f"{method} {target[:80]}: {answer}"
        if str(answer.status) not in responses:
            raise Mismatch(f"status {answer.status} is not documented: {what}")
        response = self.resolve(responses[str(answer.status)])
        self.check_fields(response.get("headers", {}), answer, what)
        self.check_body(method, response.get("content", {}), answer, what)
        if name:
            self.seen.add((name, answer.status))
        return answer

    def check_fields(self, headers, answer, what):
        documented = {name.lower(): self.resolve(header) for name, header in headers.items()}
        for name, header in documented.items():
            if header.get("required") and answer.get(name) is None:
                raise Mismatch(f"{name} is missing: {what}")
        for name, value in answer.fields:
            if name.lower() in documented:
                self.validate(value, documented[name.lower()]["schema"], f"{name} of {what}")
            elif name.lower() not in ALWAYS:
                raise Mismatch(f"the field {name} is not documented: {what}")

    def check_body(self, method, content, answer, what):
        if not content:
            if answer.type is not None or answer.body:
                raise Mismatch(f"no body is documented: {what}")
            return
        if answer.type not in content:
            raise Mismatch(f"the media type is not documented: {what}")
        if method != "HEAD":
            value = answer.json() if "json" in answer.type else answer.body.decode()
            self.validate(value, content[answer.type]["schema"], what)
