"""Tests of check_routes.py: a route that one of the two sides lacks is found, however it is written."""

import tempfile
import unittest
from pathlib import Path

import check_routes

CONTRACT = """openapi: 3.1.0
paths:
  # Comments and what stands deeper are not read.
  /v1/a:
    parameters: [{name: x}]
    get:
      summary: 'x'
      description: |
        get:
    post:
      summary: y
  /v1/a/{name}:
    delete:
      summary: z
components:
  schemas:
    get:
      type: object
"""
SOURCE = """
  add_json<Services>(router, "GET", "/v1/a", services, list);
  router.add("POST", "/v1/a", [services](Context ctx, Exchange& e) { return f(ctx, e); });
  json("DELETE", "/v1/a/{id}", remove, 200);
"""


def routes(text, path="src/api/a.cc"):
    found, faults = check_routes.routes_of_source(path, text)
    return [f"{method} {pattern}" for _, method, pattern in found], [line for line, _ in faults]


def faults(source, contract=CONTRACT, path="src/api/a.cc"):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in ((path, source), ("contract/openapi.yaml", contract)):
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text(text)
        return check_routes.check_tree(root)[1]


class Sources(unittest.TestCase):
    def test_each_way_to_register_is_seen(self):
        for text in ('router.add("GET", "/x", handler);', 'router->add_call("GET", "/x", h);',
                     'r.add_open("GET",\n           "/x", h);', 'json("GET", "/x", f, 200);',
                     'add_json<S, Json>(router, "GET", "/x", s, f);',
                     'add_json(router, "GET", "/x", s, f);'):
            self.assertEqual(routes(text), (["GET /x"], []), text)

    def test_what_cannot_be_read_is_refused(self):
        for text in ('\nrouter.add(kGet, kPath, h);', '\nrouter.add("GET", kPath, h);',
                     '\nadd_json<S>(router, "GET", base + "/x", s, f);', '\njson("GET", kPath, f);',
                     '\nrouter.add("GET", "/x" "/y", h);', '\nr.add_open(method, "/x", h);'):
            self.assertEqual(routes(text), ([], [2]), text)

    def test_what_registers_nothing_passes(self):
        for text in ('router.add(std::move(method), std::move(pattern), h);', 'headers.add("a", b);',
                     'void Router::add_call(std::string method, std::string pattern) {}',
                     'void add_json(Router& router, std::string method) {}',
                     '// router.add("GET", "/x", h);', 'if (route.method == "GET" && open) {}'):
            self.assertEqual(routes(text), ([], []), text)

    def test_elsewhere_only_what_registers_counts(self):
        self.assertEqual(routes('client.call("GET", "/x");', "src/app/a.cc"), ([], []))
        self.assertEqual(routes('router.add("GET", "/x", h);', "src/app/a.cc"), (["GET /x"], []))


class Trees(unittest.TestCase):
    def test_both_sides_agree(self):
        self.assertEqual(faults(SOURCE), [])

    def test_a_route_that_the_contract_lacks(self):
        found = faults(SOURCE + 'router.add("PUT", "/v1/a", h);\n')
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("src/api/a.cc:5: PUT /v1/a is not in contract/openapi"))
        self.assertEqual(len(faults(SOURCE, CONTRACT.replace("/v1/a/{name}", "/v1/a/name"))), 2)
        self.assertEqual(len(faults(SOURCE, "paths:\n")), 3)

    def test_a_route_that_nothing_registers(self):
        found = faults(SOURCE, CONTRACT.replace("    delete:", "    put:\n    delete:"))
        self.assertEqual(found, ["contract/openapi.yaml:13: nothing in src registers PUT /v1/a/{name}"])

    def test_a_contract_that_is_not_understood(self):
        for old, new in (("    delete:", "    'delete':"), ("    delete:", "    remove:"),
                         ("  /v1/a:", "  v1/a:"), ("  /v1/a/{name}:", "  /v1/a:")):
            self.assertTrue(any("contract/openapi.yaml:" in fault
                                for fault in faults(SOURCE, CONTRACT.replace(old, new))), new)

    def test_tests_and_simulators_register_nothing_of_ours(self):
        for path in ("src/api/a_test.cc", "src/sim/a.cc"):
            self.assertEqual(len(faults(SOURCE, path=path)), 3, path)


if __name__ == "__main__":
    unittest.main()
