#!/usr/bin/env python3
"""Checks the walls of the source tree: which folder may include which, and which few files may
touch what the rest only reaches through an interface (sockets, clocks, randomness, libraries).

The layer table is the one in ARCHITECTURE.md; a wrong include is an error with the reason and the
remedy. `check_layers.py ROOT` checks another tree (the tests of this script use that).
"""

import re
import sys

import tree_check

# In order of layers; a folder's number is its place. app, the last, may include everything.
LAYERS = ("base async contract net http crypto cloud dialect store trace identity catalog attest "
          "policy providers memory tools road session replay api sim app").split()


def layers(*names):
    """'a-b' is the range of layers from a to b; a plain name is itself."""
    result = set()
    for name in names:
        first, _, last = name.partition("-")
        result.update(LAYERS[LAYERS.index(first):LAYERS.index(last or first) + 1])
    return result


MAY_INCLUDE = {
    "base": set(),
    "async": layers("base"),
    "contract": layers("base"),
    "net": layers("base-async"),
    "http": layers("base-async", "net"),
    "crypto": layers("base"),
    "cloud": layers("base-async", "net-crypto"),
    "dialect": layers("base", "contract"),
    "store": layers("base-cloud"),
    "trace": layers("base-contract", "http", "store"),
    "identity": layers("base-contract", "crypto", "store"),
    "catalog": layers("base-contract", "store"),
    "attest": layers("base", "crypto"),
    "policy": layers("base", "contract", "identity-attest"),
    "providers": layers("base-contract", "http", "cloud", "dialect", "catalog"),
    "memory": layers("base-contract", "store"),
    "tools": layers("base-http"),
    "road": layers("base-tools"),
    "session": layers("base-road"),
    "replay": layers("base-session"),
    "api": layers("base-replay"),
    "sim": layers("base-dialect"),
    "app": set(LAYERS),
}

# Outside the layers: what these folders may include beside the folder itself.
OTHER_FOLDERS = {"tests": set(LAYERS), "bench": set(LAYERS), "examples": set(LAYERS)}

# Library headers and the only files that may include them (patterns over the path in the tree).
LIBRARIES = [
    (r"simdjson", [r"src/base/json\w*\.cc"], "use base/json.h or base/json_scan.h"),
    (r"spdlog/", [r"src/base/log\w*\.cc"], "use base/log.h"),
    (r"yaml-cpp/", [r"src/base/(config|yaml)\w*\.cc"], "use the YAML reader in base/"),
    (r"sqlite3\.h", [r"src/store/sqlite/.*"], "use the interfaces in store/"),
    (r"openssl/", [r"src/crypto/.*", r"src/net/\w*tls\w*\.(cc|h)"], "use crypto/ or net's TLS"),
    (r"cbor\.h|cbor/", [r"src/crypto/cbor\.cc"], "use crypto/cbor.h"),
    (r"CLI/", [r"src/app/.*"], "only commands read the command line"),
    (r"nghttp2/", [r"src/http/.*"], "use http/"),
    (r"llhttp", [r"src/http/.*"], "use http/"),
    (r"(zlib|zstd)\.h", [r"src/(base|http|store)/.*"], "compress in base/, http/ or store/"),
    (r"gtest/|gmock/", [r".*_test\.cc", r".*_test_\w+\.h", r".*_conformance\w*\.(h|cc)",
                        r"tests/.*"], "GoogleTest is for tests"),
    (r"(sys/(socket|epoll|un|eventfd)|netinet/\w+|arpa/inet|netdb)\.h", [r"src/net/.*", r"bench/\w+/\w+\.cc"],
     "sockets live in net/"),
]

# Calls that reach for time, chance or the outside, and the files that may make them.
TIME = [r"src/base/time\.cc", r"src/async/.*", r"src/net/.*", r"bench/.*"]
CALLS = [
    (r"\b(system|steady|high_resolution)_clock::now\b", TIME, "take a Clock (base/time.h)"),
    (r"(?<![\w.>:])(::)?(gettimeofday|clock_gettime)\s*\(", TIME, "take a Clock (base/time.h)"),
    (r"(?<![\w.>:])(std::|::)?time\s*\(\s*(nullptr|NULL|0)\s*\)", TIME, "take a Clock"),
    (r"(?<![\w.>:])(std::|::)?(rand|srand|drand48)\s*\(", [], "take a Random (base/random.h)"),
    (r"\bstd::(random_device|mt19937(_64)?|default_random_engine)\b", [r"src/base/random\.cc", r"bench/\w+/client\.cc"],
     "take a Random (base/random.h)"),
    (r"(?<![\w.>:])(::)?(getrandom|arc4random)\s*\(", [r"src/base/random\.cc"], "take a Random"),
    (r"\bRAND_bytes\b", [r"src/base/random\.cc", r"src/crypto/.*"], "take a Random"),
    (r"\bstd::this_thread::sleep_(for|until)\b|(?<![\w.>:])(::)?(usleep|nanosleep)\s*\(",
     [r"src/base/time\.cc", r"src/net/.*", r".*_test(_\w+)?\.(cc|h)", r"bench/.*", r"tests/.*"],
     "wait by a timer on the loop"),
]
# Tests may read the real clock to bound themselves, but not chance: a failure must repeat.
CLOCKS_ALLOWED_IN_TESTS = {r for r, allowed, _ in CALLS if allowed is TIME}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^\s()\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<!\d)'(?:\\.|[^'\\\n])+'(?!\w)", re.S)


def is_test(path):
    return bool(re.search(r"_test(_\w+)?\.(cc|h)$", path))


def without_comments(text):
    """Comments and strings blanked, line numbers kept."""
    return COMMENT_OR_STRING.sub(lambda m: "\n" * m.group(0).count("\n") or " ", text)


def allowed_layers(path):
    """The layer folders that the file may include, or None when it may include all."""
    parts = path.split("/")
    if parts[0] != "src":
        return OTHER_FOLDERS.get(parts[0], set(LAYERS))
    own = parts[1]
    if own not in MAY_INCLUDE:
        return set()
    allowed = MAY_INCLUDE[own] | {own}
    if is_test(path):
        # A test drives its subject with whatever lies below it, and with the simulators.
        allowed |= set(LAYERS[:LAYERS.index(own) + 1]) | {"sim"}
    return allowed


def check_file(path, text):
    """Yields (line, message) for each wall that the file breaks."""
    parts = path.split("/")
    if parts[0] == "src" and (len(parts) < 3 or parts[1] not in MAY_INCLUDE):
        yield 1, f"not in a layer: src/{parts[1]} is none of {', '.join(LAYERS)}"
        return
    allowed = allowed_layers(path)
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        folder = target.split("/")[0]
        if quote == '"' and ".." in target.split("/"):
            yield number, f'"{target}": name the file from src/ ("layer/file.h"), not by ..'
        elif quote == '"' and "/" in target and folder in MAY_INCLUDE and folder not in allowed:
            own = parts[1]
            names = ", ".join(n for n in LAYERS if n in MAY_INCLUDE.get(own, ())) or "nothing"
            yield number, (f'{own} must not include "{target}": it may include {names}; '
                           "pass what you need in from above, or move the code")
        for pattern, files, remedy in LIBRARIES:
            if re.match(pattern, target):
                if not any(re.fullmatch(f, path) for f in files):
                    yield number, f"<{target}> is not for this file: {remedy}"
                break
    plain = without_comments(text)
    for pattern, files, remedy in CALLS:
        if any(re.fullmatch(f, path) for f in files):
            continue
        if is_test(path) and pattern in CLOCKS_ALLOWED_IN_TESTS:
            continue
        for match in re.finditer(pattern, plain):
            number = plain.count("\n", 0, match.start()) + 1
            yield number, f"{match.group(0).strip()} is not for this file: {remedy}"


def check_tree(root):
    """Returns (number of files, list of messages)."""
    faults, count = [], 0
    for folder in ("src", "tests", "bench", "examples"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".cc", ".h") or not file.is_file():
                continue
            if "node_modules" in file.parts:
                continue
            count += 1
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding="utf-8", errors="replace")
            faults += [f"{path}:{line}: {what}" for line, what in check_file(path, text)]
    return count, faults


if __name__ == "__main__":
    sys.exit(tree_check.main(check_tree, "files"))
