#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Circles of calls between source files, as a build's object files have them: tests/tools/circles.py BUILD_DIR

Two files form a circle if each needs a function or variable of the other, directly or through further files. Prints each
circle with the symbols that tie it, then "N circles". Exit status 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

# The object files that are linked together in each program. Every file is part of at least one.
PROGRAMS = {
    "cpsd": ["cps/CMakeFiles/cpsd_core.dir", "cps/CMakeFiles/cpsd.dir", "common/CMakeFiles/stircommon.dir",
             "common/CMakeFiles/stirnet.dir"],
    "cps-smpp": ["client/CMakeFiles/cps_objects.dir", "client/CMakeFiles/sidecar_core.dir",
                 "client/CMakeFiles/cps-smpp.dir", "common/CMakeFiles/stircommon.dir",
                 "common/CMakeFiles/stirnet.dir"],
    "cpsctl": ["client/CMakeFiles/cpsctl.dir"],
    "cps-esme": ["client/CMakeFiles/peers.dir"],
}


def symbols(build, folders):
    """Returns which file defines each symbol, and which symbols each file needs. Leftovers of files that are no longer
    in the tree are passed over."""
    defined, needed = {}, {}
    for folder in folders:
        for obj in sorted((build / folder).rglob("*.o")):
            inner = obj.relative_to(build / folder)
            source = f"{folder.split('/')[0]}/{str(inner)[:-2]}"
            if not pathlib.Path(source).exists():
                continue
            for line in subprocess.check_output(["nm", str(obj)], text=True).splitlines():
                kind, name = line.split()[-2:]
                if kind in "TDBRC":
                    defined[name] = source
                elif kind == "U":
                    needed.setdefault(source, set()).add(name)
    return defined, needed


def strongly_connected(graph):
    """Tarjan's algorithm; only components of two or more."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def main():
    build = pathlib.Path(sys.argv[1])
    sys.setrecursionlimit(10000)
    seen = set()
    for folders in PROGRAMS.values():
        defined, needed = symbols(build, folders)
        graph = {file: {defined[s] for s in names if defined.get(s, file) != file} for file, names in needed.items()}
        for circle in strongly_connected(graph):
            if tuple(circle) in seen:
                continue
            seen.add(tuple(circle))
            print(f"{len(circle)} files:")
            for file in circle:
                for other in sorted(graph[file] & set(circle)):
                    names = sorted(s for s in needed[file] if defined.get(s) == other)
                    print(f"    {file} -> {other}: {' '.join(names)}")
    print(f"{len(seen)} circles")
    return len(seen) > 0


if __name__ == "__main__":
    sys.exit(main())
