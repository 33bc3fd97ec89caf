#!/usr/bin/env python3
"""Checks that contract/openapi.yaml has each route that the sources register, and no other.

This reads lines, neither C++ nor YAML. A route's method and path stand in the source as two texts
side by side; whatever registers one otherwise is a fault, since nothing here would see that route.
Of the contract it reads what stands at the indentation of paths and methods. How a path's {parts}
are called is each side's own. `check_routes.py ROOT` checks another tree.
"""

import re
import sys

import tree_check
from check_layers import COMMENT_OR_STRING, is_test

CONTRACT = "contract/openapi.yaml"
METHODS = {"get", "head", "post", "put", "patch", "delete", "options", "trace"}
BESIDE_METHODS = {"summary", "description", "parameters", "servers"}

PAIR = re.compile(r'"([A-Z]+)",\s*"(/[^"]*)"\s*[,)]')
METHOD = re.compile(r'"(?:%s)"\s*,' % "|".join(sorted(METHODS)).upper())
REGISTERS = re.compile(r"(?:\brouter_?\s*(?:\.|->)\s*add|(?:\.|->)\s*add_(?:call|open))\s*\(\s*"
                       r"|\badd_json\s*(?:<[^;()]*>)?\s*\(\s*\*?\w+\s*,\s*")
# What json_route.h and its like do with what they were called with.
HANDED_ON = re.compile(r"std::move\(method\),\s*std::move\(pattern\)\s*,")


def shape(method, path):
    """What a request is told apart by, in which both sides must agree."""
    return method.upper() + " " + re.sub(r"\{[^/}]*\}", "{}", path)


def without_comments(text):
    """As in check_layers, but the texts stay."""
    return COMMENT_OR_STRING.sub(
        lambda m: m[0] if not m[0].startswith("/") else "\n" * m[0].count("\n"), text)


def routes_of_source(path, text):
    """The routes that a file registers as (line, method, path), and faults as (line, message)."""
    text = without_comments(text)
    places = {call.end() for call in REGISTERS.finditer(text)}
    if path.startswith("src/api/"):
        # Here a method with a path is a route, by whatever helper it is registered.
        places.update(method.start() for method in METHOD.finditer(text))
    routes, faults = [], []
    for at in sorted(places):
        line, pair = text.count("\n", 0, at) + 1, PAIR.match(text, at)
        if pair:
            routes.append((line, *pair.groups()))
        elif not HANDED_ON.match(text, at):
            faults.append((line, "write a route's method and path side by side as texts: otherwise "
                                 "nobody sees that the contract lacks it"))
    return routes, faults


def routes_of_contract(text):
    """The same of the contract."""
    routes, faults, path, inside, seen = [], [], None, False, set()
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"[^\s#]", line):
            inside = line.rstrip() == "paths:"
        found = inside and re.match(r"(  |    )([^\s#].*)$", line)
        if not found:
            continue
        key = re.match(r"([^\s:]+):(?:\s|$)", found[2])
        key = key[1] if key else found[2]
        if len(found[1]) == 2 and key.startswith("/"):
            path = key
            if path in seen:
                faults.append((number, f"{path} stands here twice, and only one of the two counts"))
            seen.add(path)
        elif len(found[1]) == 4 and key in METHODS and path:
            routes.append((number, key, path))
        elif len(found[1]) == 2 or key not in BESIDE_METHODS:
            faults.append((number, f"neither a path nor a method: '{key}'"))
    return routes, faults


def check_tree(root):
    """Returns (number of routes, list of messages)."""
    faults, registered = [], {}
    for file in sorted((root / "src").rglob("*")):
        path = file.relative_to(root).as_posix()
        # The simulators have the routes of others.
        if file.suffix not in (".cc", ".h") or is_test(path) or path.startswith("src/sim/"):
            continue
        routes, wrong = routes_of_source(path, file.read_text(encoding="utf-8", errors="replace"))
        faults += [f"{path}:{line}: {what}" for line, what in wrong]
        for line, method, pattern in routes:
            registered.setdefault(shape(method, pattern), (f"{path}:{line}", f"{method} {pattern}"))
    promised, wrong = routes_of_contract((root / CONTRACT).read_text(encoding="utf-8"))
    faults += [f"{CONTRACT}:{line}: {what}" for line, what in wrong]
    promised_shapes = {shape(method, path) for _, method, path in promised}
    for key, (place, name) in registered.items():
        if key not in promised_shapes:
            faults.append(f"{place}: {name} is not in {CONTRACT}: say there what it takes and answers")
    for line, method, path in promised:
        if shape(method, path) not in registered:
            faults.append(f"{CONTRACT}:{line}: nothing in src registers {method.upper()} {path}")
    return len(registered), faults


if __name__ == "__main__":
    sys.exit(tree_check.main(check_tree, "routes"))
