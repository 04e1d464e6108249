# SPDX-License-Identifier: MIT
"""Finds idioms that readers have to decode, in comments, strings and documents: tests/language.sh describes its use.

The words are in tests/tools/language.txt, the ordinary uses that pass in tests/tools/language-allow.txt.
"""
import argparse
import collections
import pathlib
import re
import sys
import tempfile

import prose

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent


def rows(name):
    """Returns the rows of a word list, each a list of its columns; comments and empty lines are left out."""
    lines = (HERE / name).read_text().splitlines()
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


class Words:
    """The word list and the allow list, compiled."""

    def __init__(self):
        self.idioms = [(self.compiled(row[0]), row[1], row[2]) for row in rows("language.txt")]
        self.allowed = [(self.compiled(row[0]), row[1]) for row in rows("language-allow.txt")]
        self.any = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _, _ in self.idioms), re.I)

    @staticmethod
    def compiled(pattern):
        return re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.I)

    def find(self, text):
        """Returns (position, found words, what to write instead) for each idiom in the text, in order."""
        if not self.any.search(text):
            return []
        free = [match.span() for pattern, _ in self.allowed for match in pattern.finditer(text)]
        found = {}
        for pattern, instead, _ in self.idioms:
            for match in pattern.finditer(text):
                if not any(start <= match.start() and match.end() <= end for start, end in free):
                    found.setdefault(match.start(), (match.start(), match.group(), instead))
        return [found[at] for at in sorted(found)]


def join(passage):
    """Returns a passage's words as one text, and the line number for each position in it."""
    text, lines = "", []
    for number, words in passage:
        words = re.sub(r"\s+", " ", words.strip()) + " "
        text += words
        lines += [number] * len(words)
    return text, lines


def check_file(words, root, name):
    """Returns (line, found words, what to write instead) for each idiom in one file."""
    found = set()
    for passage in prose.passages(name, (root / name).read_text(errors="replace")):
        text, lines = join(passage)
        found.update((lines[at], idiom, instead) for at, idiom, instead in words.find(text))
    return sorted(found)


def folder(name):
    """Returns the folder that a finding counts for: two levels, which is how the tree is divided."""
    return "/".join(pathlib.PurePath(name).parts[:-1][:2]) or "."


def report(words, root, names, count):
    """Prints the findings, or with count their number for each folder; returns their number."""
    folders = collections.Counter()
    for name in names:
        for line, idiom, instead in check_file(words, root, name):
            folders[folder(name)] += 1
            if not count:
                print(f'{name}:{line}: "{idiom}": write: {instead}')
    if count:
        for where, number in sorted(folders.items()):
            print(f"{number:6} {where}")
    total = sum(folders.values())
    print(f"{total} idioms")
    return total


PLANTS = {
    "string.c": 'static const char *text = "%s";\n',
    "split.c": None,  # the example in two neighbouring literals
    "comment.h": "/* %s */\n",
    "comment.py": "# %s\n",
    "doc.py": '"""%s"""\n',
    "comment.sh": "true # %s\n",
    "document.md": "%s\n",
    "wrapped.md": None,  # the example broken at a line's end
    "manual.scd": "%s\n",
    "api.yaml": "description: %s\n",
    "sample.conf": "# %s\n",
    "unit.service": "# %s\n",
}


def planted(name, example):
    first, _, rest = example.partition(" ")
    if name == "split.c":
        return f'static const char *text = "{first}"\n    " {rest}";\n'
    if name == "wrapped.md":
        return f"{first}\n{rest}\n"
    return PLANTS[name] % example


def self_test(words):
    """Plants each idiom and each allowed use in every kind of file; returns the number of wrong answers."""
    wrong = 0
    cases = [(example, True) for _, _, example in words.idioms] + [(example, False) for _, example in words.allowed]
    with tempfile.TemporaryDirectory() as folder_name:
        root = pathlib.Path(folder_name)
        for example, bad in cases:
            for name in PLANTS:
                (root / name).write_text(planted(name, example))
                if bool(check_file(words, root, name)) != bad:
                    print(f'{name}: "{example}" {"not found" if bad else "found, and it is an ordinary use"}')
                    wrong += 1
        (root / "code.c").write_text("int behind = so_many; /* no idiom */\n")
        wrong += len(check_file(words, root, "code.c"))
        if prose.files(root) != sorted([*PLANTS, "code.c"]):
            print("not every kind of file is looked at")
            wrong += 1
    print(f"self-test: {len(cases)} examples in {len(PLANTS)} kinds of text, {wrong} wrong")
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="tests/language.sh")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("paths", nargs="*")
    args = parser.parse_args()
    words = Words()
    if args.self_test:
        return 1 if self_test(words) else 0
    names = prose.files(ROOT)
    if args.paths:
        chosen = tuple(path.rstrip("/") for path in args.paths)
        names = [n for n in names if any(n == path or n.startswith(path + "/") for path in chosen)]
    found = report(words, ROOT, names, args.count)
    return 0 if args.count or not found else 1


if __name__ == "__main__":
    sys.exit(main())
