"""Tests of check_layers.py: what must be refused is, and what may pass does."""

import tempfile
import unittest
from pathlib import Path

import check_layers


def faults(path, text):
    return [message for _, message in check_layers.check_file(path, text)]


class Layers(unittest.TestCase):
    def test_table_is_whole_and_in_order(self):
        self.assertEqual(list(check_layers.MAY_INCLUDE), check_layers.LAYERS)
        for name, allowed in check_layers.MAY_INCLUDE.items():
            if name != "app":
                below = set(check_layers.LAYERS[:check_layers.LAYERS.index(name)])
                self.assertLessEqual(allowed, below, name)

    def test_upwards_is_refused(self):
        for path, target in (("src/base/a.h", "async/task.h"), ("src/road/a.cc", "session/fold.h"),
                             ("src/dialect/a.cc", "http/client.h"), ("src/net/a.h", "app/x.h"),
                             ("src/policy/a.cc", "store/journal.h"),
                             ("src/session/a.cc", "sim/cloud.h")):
            self.assertEqual(len(faults(path, f'#include "{target}"\n')), 1, (path, target))

    def test_allowed_passes(self):
        for path, target in (("src/http/a.cc", "net/stream.h"), ("src/road/a.cc", "tools/mcp.h"),
                             ("src/base/a.cc", "base/b.h"), ("src/app/main.cc", "sim/cloud.h"),
                             ("src/road/a_test.cc", "sim/cloud.h"),
                             ("src/dialect/a_test.cc", "async/task.h"),
                             ("src/base/a.cc", "vector"), ("tests/fuzz/a.cc", "http/parser.h")):
            self.assertEqual(faults(path, f'#include "{target}"\n'), [], (path, target))

    def test_a_test_may_not_look_up_either(self):
        self.assertEqual(len(faults("src/net/a_test.cc", '#include "road/road.h"\n')), 1)

    def test_relative_and_unknown_folders(self):
        self.assertEqual(len(faults("src/base/a.cc", '#include "../net/x.h"\n')), 1)
        self.assertEqual(len(faults("src/misc/a.cc", "")), 1)
        self.assertEqual(len(faults("src/a.cc", "")), 1)

    def test_libraries(self):
        self.assertEqual(len(faults("src/road/a.cc", "#include <sys/epoll.h>\n")), 1)
        self.assertEqual(faults("src/net/a.cc", "#include <sys/epoll.h>\n"), [])
        self.assertEqual(len(faults("src/dialect/a.cc", "#include <simdjson.h>\n")), 1)
        self.assertEqual(len(faults("src/store/a.cc", "#include <sqlite3.h>\n")), 1)
        self.assertEqual(faults("src/store/sqlite/a.cc", "#include <sqlite3.h>\n"), [])
        self.assertEqual(len(faults("src/http/a.cc", "#include <gtest/gtest.h>\n")), 1)
        self.assertEqual(faults("src/net/tls_context.cc", "#include <openssl/ssl.h>\n"), [])

    def test_time_and_chance(self):
        bad = "auto t = std::chrono::steady_clock::now();\n"
        self.assertEqual(len(faults("src/road/a.cc", bad)), 1)
        self.assertEqual(faults("src/base/time.cc", bad), [])
        self.assertEqual(faults("src/road/a_test.cc", bad), [])
        self.assertEqual(len(faults("src/road/a_test.cc", "std::mt19937 g(1);\n")), 1)
        self.assertEqual(len(faults("src/road/a.cc", "int x = rand();\n")), 1)
        self.assertEqual(faults("src/road/a.cc", "// std::rand() is for\nf.rand(); grand();\n"), [])
        self.assertEqual(faults("src/road/a.cc", 'log("steady_clock::now");\n'), [])

    def test_lines_are_right(self):
        found = list(check_layers.check_file("src/base/a.cc", "/* a\n b */\n\nint x = rand();\n"))
        self.assertEqual([line for line, _ in found], [4])

    def test_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "src/base").mkdir(parents=True)
            (root / "src/base/a.cc").write_text('#include "road/road.h"\n')
            (root / "src/base/b.cc").write_text('#include "base/a.h"\n')
            count, found = check_layers.check_tree(root)
            self.assertEqual(count, 2)
            self.assertEqual(len(found), 1)
            self.assertTrue(found[0].startswith("src/base/a.cc:1: base must not include"))


if __name__ == "__main__":
    unittest.main()
