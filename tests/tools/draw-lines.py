#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws random lines that a person reads: tests/tools/draw-lines.py --seed N [--count 300] [TREE]

Prints file:line and the text, one draw a line, in the order drawn. It draws from strings with at least three words in C
(errors, logs, help), comments of C, Python, scripts and configuration, docstrings, and documents; code, other strings,
tables of figures and examples are left out. Each passage (a comment, a string, a paragraph) is one draw whatever its
length, and appears once; long ones are printed up to 400 characters. The same seed and tree give the same lines.
"""
import argparse
import pathlib
import random
import re

import prose

WIDTH = 400
WORDS = 3
WORD = re.compile(r"[A-Za-z][a-z]+")


def readable(name, text):
    """True for text made of words: not for names, code, headings of one word or rows of figures."""
    letters = sum(c.isalpha() or c == " " for c in text)
    if len(WORD.findall(text)) < WORDS or letters < 0.6 * len(text):
        return False
    return not (prose.kind(name) == "whole" and re.match(r"\s{4}|```|\$ ", text))


def paragraphs(name, passage):
    """A comment or document is divided where a line is empty, so that each draw is about one matter."""
    part = []
    for number, words in passage:
        if words.strip(" *"):
            part.append((number, words))
        elif part:
            yield part
            part = []
    if part:
        yield part


def candidates(root):
    """Returns "file:line: text" for everything that may be drawn, in order, without repeats."""
    found = {}
    for name in prose.files(root):
        for passage in prose.passages(name, (root / name).read_text(errors="replace")):
            for part in paragraphs(name, passage):
                text = re.sub(r"\s+", " ", " ".join(words for _, words in part)).strip()
                if readable(name, text):
                    found.setdefault(text, f"{name}:{part[0][0]}: {text[:WIDTH]}")
    return sorted(found.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("tree", nargs="?", default=pathlib.Path(__file__).parent.parent.parent)
    args = parser.parse_args()
    lines = candidates(pathlib.Path(args.tree).resolve())
    for line in random.Random(args.seed).sample(lines, min(args.count, len(lines))):
        print(line)


if __name__ == "__main__":
    main()
