#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures a C source tree, this one or another project's: tests/tools/tree-metrics.py [--list] [TREE [FOLDER ...]]

TREE is the path of a checkout (this tree by default), the FOLDERs are the parts of it that count (all by default; for this
tree common, cps and client). Folders with tests, examples, benchmarks or other projects' code do not count. Prints:
  - .c and .h files in the largest folder
  - lines per function: median, 90th percentile and maximum, from the line of the name to the closing brace
  - static functions whose names are one word (no underscore, no inner capital letter)
  - names of static functions that occur in several files
  - functions of 25 lines or more that contain a comment
  - lines of the README
--list also prints each static function with a one-word name, each shared name, and each long function without comment.

Functions come from universal-ctags (package universal-ctags); a brace scanner finds the end where ctags has none.
"""
import argparse
import collections
import json
import pathlib
import re
import statistics
import subprocess
import sys

LONG = 25
OURS = ["common", "cps", "client"]
SKIPPED = re.compile(r"(^|/)(tests?|tests-\w+|fuzz|bench\w*|examples?|build|third-party|vendor|deps|contrib/\w+|openbsd-compat"
                     r"|compat|\.git)(/|$)")
NOISE = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""", re.S)
ONE_WORD = re.compile(r"[a-z0-9]+|[A-Z0-9]+")


def source_files(tree, folders):
    """Returns the paths, relative to the tree, of the .c and .h files that count."""
    found = []
    for top in folders or ["."]:
        for path in sorted((tree / top).rglob("*.[ch]")):
            name = str(path.relative_to(tree))
            if not SKIPPED.search(str(pathlib.PurePath(name).parent)):
                found.append(name)
    return sorted(set(found))


def blank(text):
    """Returns the text with comments, strings and characters replaced by spaces; line breaks stay."""
    return NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def closing_line(lines, start):
    """Returns the number of the line with the brace that closes the function that begins at line start (from 1)."""
    depth, opened = 0, False
    for number in range(start, len(lines) + 1):
        for char in lines[number - 1]:
            if char == "{":
                depth, opened = depth + 1, True
            elif char == "}":
                depth -= 1
        if opened and depth <= 0:
            return number
    return len(lines)


class Function:
    """A function: where it is, its length in lines, whether it is static, and whether its body has a comment."""

    def __init__(self, tag, text, blanked):
        self.name, self.path, self.line = tag["name"], tag["path"], tag["line"]
        self.static = bool(tag.get("file"))
        end = tag.get("end") or closing_line(blanked, self.line)
        self.lines = end - self.line + 1
        body = "\n".join(text[self.line - 1:end])
        self.commented = bool(re.search(r"/\*|(^|\s)//", body))


def functions(tree, names):
    """Returns the functions that are defined in the .c files."""
    sources = [name for name in names if name.endswith(".c")]
    tags = subprocess.run(["ctags", "--output-format=json", "--languages=C", "--c-kinds=f", "--fields=+nef", "-L", "-"],
                          cwd=tree, input="\n".join(sources), text=True, capture_output=True, check=True).stdout
    found, texts = [], {}
    for line in tags.splitlines():
        tag = json.loads(line)
        if tag.get("_type") != "tag":
            continue
        if tag["path"] not in texts:
            text = (tree / tag["path"]).read_text(errors="replace")
            texts[tag["path"]] = (text.split("\n"), blank(text).split("\n"))
        found.append(Function(tag, *texts[tag["path"]]))
    return found


def share(part, whole):
    return f"{part} of {whole}" + (f" ({100 * part / whole:.1f}%)" if whole else "")


def print_list(title, found):
    for function in sorted(found, key=lambda f: (f.path, f.line)):
        print(f"{title}: {function.path}:{function.line}: {function.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("tree", nargs="?")
    parser.add_argument("folders", nargs="*")
    args = parser.parse_args()
    tree = pathlib.Path(args.tree or pathlib.Path(__file__).parent.parent.parent).resolve()
    folders = args.folders or ([] if args.tree else OURS)

    names = source_files(tree, folders)
    if not names:
        sys.exit(f"{tree}: no .c or .h file found; name the checkout of a C project")
    in_folder = collections.Counter(str(pathlib.PurePath(name).parent) for name in names)
    largest, count = in_folder.most_common(1)[0]
    found = functions(tree, names)
    if not found:
        sys.exit(f"{tree}: ctags found no function in {len(names)} files")
    lengths = sorted(f.lines for f in found)
    static = [f for f in found if f.static]
    one_word = [f for f in static if ONE_WORD.fullmatch(f.name)]
    places = collections.defaultdict(set)
    for function in static:
        places[function.name].add(function.path)
    shared = {name for name, paths in places.items() if len(paths) > 1}
    long = [f for f in found if f.lines >= LONG]
    bare = [f for f in long if not f.commented]
    readme = next(iter(sorted(tree.glob("README*"))), None)

    print(f"files in the largest folder: {count} ({largest})")
    print(f"function lines, median / p90 / max: {statistics.median_low(lengths)} / "
          f"{lengths[int(0.9 * (len(lengths) - 1))]} / {lengths[-1]} ({len(lengths)} functions)")
    print(f"static functions named with one word: {share(len(one_word), len(static))}")
    print(f"static names in several files: {share(len(shared), len(places))}")
    print(f"functions of {LONG}+ lines with a comment: {share(len(long) - len(bare), len(long))}")
    print(f"README lines: {len(readme.read_text(errors='replace').splitlines()) if readme else 'no README'}")
    if args.list:
        print_list("one word", one_word)
        print_list("shared", [f for f in static if f.name in shared])
        print_list("no comment", bare)


if __name__ == "__main__":
    main()
