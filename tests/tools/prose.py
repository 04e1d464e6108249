# SPDX-License-Identifier: MIT
"""The text of a source tree that a person reads: comments, strings and documents. For tests/tools/language.py and
tests/tools/draw-lines.py.

A passage is a run of neighbouring text: one comment, one string (neighbouring C literals are one string), one paragraph
of a document. passages(path, text) returns a list of passages; each is a list of (line number, words) pairs.
"""
import ast
import io
import os
import pathlib
import re
import subprocess
import tokenize

C_FILES = {".c", ".h"}
HASH_COMMENTS = {".sh", ".bash", ".cmake", ".yml", ".conf", ".service", ".socket", ".lua", ".jq", ".cfg"}
WHOLE = {".md", ".scd", ".yaml"}
COMMENT_LINE = {".lua": "--", ".scd": ";"}

C_TOKEN = re.compile(
    r"""(?P<block>/\*.*?\*/)|(?P<line>//[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<char>'(?:[^'\\\n]|\\.)*')"""
    r"""|(?P<include>^[ \t]*\#[ \t]*include[^\n]*)|(?P<other>[^\s"'/\#]+|\S)""", re.S | re.M)
SPACE_ESCAPE = re.compile(r"\\[nrt]")
ESCAPE = re.compile(r"\\(.)")


def files(root):
    """Returns the paths below root that belong to the project and hold text for people, in order: what git knows or
    would add; without git, every file. Corpora, built files and licences are left out."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        names = subprocess.check_output(
            ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"], text=True).splitlines()
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    return sorted(n for n in set(names) if kind(n) and (root / n).is_file() and not skipped(n))


def skipped(name):
    return re.search(r"(^|/)(corpus|build|node_modules)/|(^|/)tests/tools/language[^/]*$", name) is not None


def kind(name):
    """Returns how a file is read: "c", "python", "hash" (comments after # or --), "whole", or None for other files."""
    path = pathlib.PurePath(name)
    if path.name == "CMakeLists.txt":
        return "hash"
    if path.suffix in C_FILES:
        return "c"
    if path.suffix == ".py":
        return "python"
    if path.suffix in HASH_COMMENTS:
        return "hash"
    return "whole" if path.suffix in WHOLE else None


def passages(name, text):
    return {"c": c_passages, "python": python_passages, "hash": hash_passages, "whole": whole_passages}[kind(name)](
        name, text)


def c_passages(_, text):
    """Comments and string literals. Line comments on neighbouring lines are one comment."""
    found, strings, line, at = [], None, 1, 0
    for match in C_TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        what = match.lastgroup
        if what == "string":
            words = ESCAPE.sub(r"\1", SPACE_ESCAPE.sub(" ", match.group()[1:-1]))
            if strings is None:
                strings = []
                found.append(strings)
            strings.append((line, words))
            continue
        if what == "block":
            found.append([(line + n, re.sub(r"^\s*(/\*+|\*(?!/))\s?|\s*\*/$", "", words))
                          for n, words in enumerate(match.group().split("\n"))])
        elif what == "line":
            previous = found[-1] if found else None
            if previous and previous[-1][0] == line - 1 and previous is not strings:
                previous.append((line, match.group()[2:]))
            else:
                found.append([(line, match.group()[2:])])
        elif re.fullmatch(r"PR[Ia-zX0-9]+", match.group()):
            continue  # part of a format between two literals
        if what not in ("block", "line"):
            strings = None
    return found


def python_passages(_, text):
    """Comments and every string constant, docstrings included."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and not token.string.startswith("#!"):
                row = token.start[0]
                if found and found[-1][-1][0] == row - 1 and not text.split("\n")[row - 1][:token.start[1]].strip():
                    found[-1].append((row, token.string[1:].strip()))
                else:
                    found.append([(row, token.string[1:].strip())])
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and hasattr(node, "lineno"):
                found.append([(min(node.lineno + n, node.end_lineno), words.strip())
                              for n, words in enumerate(node.value.split("\n"))])
    except (SyntaxError, tokenize.TokenError):
        return hash_passages("x.sh", text)
    return found


def hash_passages(name, text):
    """Comments that run from a sign to the end of the line."""
    sign = COMMENT_LINE.get(os.path.splitext(name)[1], "#")
    found = []
    start = re.compile(r"(?:^|\s)" + re.escape(sign) + r"+(?!!)\s?(.*)$")
    for number, line in enumerate(text.split("\n"), 1):
        match = start.search(line)
        if not match:
            continue
        if found and found[-1][-1][0] == number - 1:
            found[-1].append((number, match.group(1)))
        else:
            found.append([(number, match.group(1))])
    return found


def whole_passages(_, text):
    """Paragraphs, that is, lines up to an empty one."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if found and found[-1][-1][0] == number - 1:
            found[-1].append((number, line))
        else:
            found.append([(number, line)])
    return found
