#!/usr/bin/env python3
"""Checks that coroutines keep to the subset of C++20 that g++ 12 compiles correctly.

g++ 12 destroys some temporaries of a suspended expression twice. So, in this project:
  1. a statement with co_await has no braced initialiser and no capturing lambda in it;
  2. no structured binding of what was awaited;
  3. a lambda that is a coroutine captures nothing (its captures die with the lambda object);
  4. a coroutine takes nothing by && (the temporary is gone after the first suspension);
  5. no lock is held across a suspension.
This reads tokens, not C++: a statement is what stands between `;` and braces, and a lambda's body
is looked at for itself. `check_coroutines.py ROOT` checks another tree.
"""

import re
import sys

import tree_check
from check_layers import without_comments

TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|::|->|&&|\[\[|[^\s\w]")
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)
SUSPENDS = {"co_await", "co_yield"}
COROUTINE = SUSPENDS | {"co_return", "CO_TRY", "CO_TRY_VOID"}
LOCKS = {"lock_guard", "unique_lock", "scoped_lock", "shared_lock"}
KEYWORDS_BEFORE_LAMBDA = {"return", "co_return", "co_await", "co_yield", "case", "else", "do"}
CLASS_LIKE = {"struct", "class", "union", "enum", "namespace", "extern", "concept"}
BLOCK_AFTER = {")", "else", "do", "try", "{", "}", ";", ":", "const", "noexcept", "override",
               "final", "mutable"}

MESSAGES = {
    "brace": "braced initialiser in a statement with co_await: name the value first, then move it in",
    "capture": "capturing lambda in a statement with co_await: name it first",
    "binding": "structured binding of an awaited value: name the value, then take it apart",
    "lambda": "a lambda that is a coroutine must capture nothing: pass what it needs as parameters",
    "rvalue": "a coroutine takes a parameter by &&: take it by value",
    "lock": "a lock is held across a suspension: close its block before co_await",
}


class Body:
    """One function's or lambda's body: whether it is a coroutine."""

    def __init__(self):
        self.coroutine = False


class Statement:
    def __init__(self):
        self.tokens = []
        self.suspends = None  # the line of its co_await
        self.binding = None
        self.lock = False
        self.marks = []  # (kind, line): faults if the statement suspends


class Checker:
    def __init__(self, text):
        text = without_comments(text)
        text = PREPROCESSOR.sub(lambda m: "\n" * m.group(0).count("\n"), text)
        self.tokens, self.lines, self.faults = [], [], []
        line, at = 1, 0
        for match in TOKEN.finditer(text):
            line += text.count("\n", at, match.start())
            at = match.start()
            self.tokens.append(match.group(0))
            self.lines.append(line)

    def check(self):
        self.block(0, None, False)
        return sorted(set(self.faults), key=lambda fault: fault[0])

    def fault(self, kind, line):
        self.faults.append((line, MESSAGES[kind]))

    def token(self, i):
        return self.tokens[i] if 0 <= i < len(self.tokens) else ""

    def closing(self, i):
        """The index of the bracket that closes the one at i."""
        depth = 0
        while i < len(self.tokens):
            if self.tokens[i] in ("(", "[", "{", "[["):
                depth += 2 if self.tokens[i] == "[[" else 1
            elif self.tokens[i] in (")", "]", "}"):
                depth -= 1
                if depth == 0:
                    return i
            i += 1
        return len(self.tokens)

    def block(self, i, body, locked):
        """Statements from i to the closing brace; body is None in a namespace or class."""
        while i < len(self.tokens) and self.token(i) != "}":
            i, locked = self.statement(i, body, locked)
        return i

    def statement(self, i, body, locked):
        """One statement, or the head of one and the block that follows it. Returns (next, locked)."""
        st = Statement()
        while i < len(self.tokens):
            token = self.tokens[i]
            if token == "}":
                break
            if token == ";":
                i += 1
                break
            if token == "{":
                if self.opens_block(i, st, body):
                    self.close(st, locked)
                    return self.nested(i, st, body, locked), locked
                st.marks.append(("brace", self.lines[i]))
                i = self.expression(i + 1, "}", st, body)
                continue
            i = self.piece(i, st, body)
        self.close(st, locked)
        return i, locked or st.lock

    def nested(self, i, st, body, locked):
        """The block that opens at i: part of the body it stands in, a new function, or a scope."""
        if body is not None and not self.is_class(st):
            end = self.block(i + 1, body, locked)
        elif "(" in st.tokens and not self.is_class(st):
            function = Body()
            end = self.block(i + 1, function, False)
            if function.coroutine and self.takes_rvalue(st.tokens):
                self.fault("rvalue", self.lines[i])
        else:
            end = self.block(i + 1, None, False)
        return end + 1

    @staticmethod
    def is_class(st):
        head = [t for t in st.tokens if t not in ("inline", "typedef", "template", "static")]
        if "template" in st.tokens and "(" not in st.tokens:
            return any(t in CLASS_LIKE for t in head)
        return bool(head) and head[0] in CLASS_LIKE and ("(" not in head or head[0] != "enum")

    def opens_block(self, i, st, body):
        if not st.tokens or self.is_class(st) and "=" not in st.tokens:
            return True
        before = self.token(i - 1)
        if before in BLOCK_AFTER:
            return True
        return body is None and "(" in st.tokens and ("->" in st.tokens or "requires" in st.tokens)

    def piece(self, i, st, body):
        """One token of a statement, or one bracket or lambda in it as a whole."""
        token = self.tokens[i]
        if token == "(" or token == "[" and not self.opens_lambda(i):
            binds = token == "[" and "auto" in (self.token(i - 1), self.token(i - 2))
            if binds and self.token(self.closing(i) + 1) != ":":  # a range-for takes items apart
                st.binding = self.lines[i]
            st.tokens.append(token)
            i = self.expression(i + 1, ")" if token == "(" else "]", st, body)
            return i
        if token == "[":
            return self.lambda_(i, st, body)
        if token == "[[":
            return self.closing(i) + 1
        if token in SUSPENDS and self.token(i - 1) != "operator":
            st.suspends = self.lines[i]
        if token in COROUTINE and self.token(i - 1) != "operator" and body is not None:
            body.coroutine = True
        if token in LOCKS:
            st.lock = True
        st.tokens.append(token)
        return i + 1

    def expression(self, i, close, st, body):
        """What stands between brackets, up to and with the closing one."""
        while i < len(self.tokens):
            token = self.tokens[i]
            if token == close:
                st.tokens.append(token)
                return i + 1
            if token == "{":
                st.marks.append(("brace", self.lines[i]))
                i = self.expression(i + 1, "}", st, body)
            else:
                i = self.piece(i, st, body)
        return i

    def opens_lambda(self, i):
        before = self.token(i - 1)
        if before in KEYWORDS_BEFORE_LAMBDA:
            return True
        if re.match(r"\w", before) or before in (")", "]"):
            return False
        if before in ("&", "&&") and self.token(i - 2) == "auto":
            return False
        after = self.token(self.closing(i) + 1)
        return after in ("(", "{", "<", "mutable", "->", "noexcept")

    def lambda_(self, i, st, body):
        line, end = self.lines[i], self.closing(i)
        captures = end > i + 1
        j = end + 1
        if self.token(j) == "<":  # template parameters: up to the parameter list
            while j < len(self.tokens) and self.token(j) != "(":
                j += 1
        parameters = []
        while j < len(self.tokens) and self.token(j) != "{":
            if self.token(j) == "(":
                close = self.closing(j)
                parameters += self.tokens[j:close + 1]
                j = close
            j += 1
        if captures:
            st.marks.append(("capture", line))
        inner = Body()
        j = self.block(j + 1, inner, False)
        if inner.coroutine and captures:
            self.fault("lambda", line)
        if inner.coroutine and "&&" in parameters:
            self.fault("rvalue", line)
        st.tokens.append("lambda")
        return j + 1

    @staticmethod
    def takes_rvalue(head):
        """True when && stands in the parameter list (not in a requires clause before it)."""
        depth = 0
        for token in head:
            depth += (token == "(") - (token == ")")
            if token == "&&" and depth > 0 and "requires" not in head:
                return True
        return False

    def close(self, st, locked):
        if not st.suspends:
            return
        for kind, line in st.marks:
            self.fault(kind, line)
        if st.binding:
            self.fault("binding", st.binding)
        if locked:
            self.fault("lock", st.suspends)


def check_text(text):
    return Checker(text).check()


def check_tree(root):
    """How many files there are, and the faults."""
    count, faults = 0, []
    for folder in ("src", "tests", "bench", "examples"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".cc", ".h") and "node_modules" not in file.parts:
                count += 1
                text = file.read_text(encoding="utf-8", errors="replace")
                faults += [f"{file.relative_to(root)}:{line}: {what}"
                           for line, what in check_text(text)]
    return count, faults


if __name__ == "__main__":
    sys.exit(tree_check.main(check_tree, "files"))
