"""Tests of check_coroutines.py: each rule on a sample that breaks it and on its neighbours."""

import unittest

from check_coroutines import MESSAGES, check_text


def kinds(text):
    """The kinds of fault in a function body (or, with a brace at column 0, in a whole file)."""
    names = {message: kind for kind, message in MESSAGES.items()}
    return [names[message] for _, message in check_text(text)]


def in_body(text):
    return kinds("Task<void> f(Context ctx, int x) {\n" + text + "\n}\n")


class Braces(unittest.TestCase):
    def test_bad(self):
        for text in ("co_await send(ctx, Request{1, 2});",
                     "auto r = co_await send(ctx, {});",
                     "auto r = co_await send(ctx, Request{.a = 1});",
                     "CO_TRY(auto r, co_await send(std::vector<int>{1}));",
                     "if (co_await send(Request{1})) { go(); }",
                     "while (!(co_await send({}))) go();",
                     "co_return co_await send(Request{1});",
                     "for (int i = 0; i < 3; ++i) co_await send(Request{i});",
                     "if (x) { if (y) { co_await send(Request{1}); } }"):
            self.assertEqual(in_body(text), ["brace"], text)

    def test_good(self):
        for text in ("Request request{1, 2};\n co_await send(ctx, std::move(request));",
                     "co_await send(ctx);\n Request r = {1}; go(Request{1});",
                     "if (co_await send()) { go(Request{1}); } else { go({}); }",
                     "for (auto x : {1, 2}) { co_await send(x); }",
                     "switch (co_await kind()) { case 1: { go({}); } break; default: go(); }",
                     "try { co_await send(); } catch (...) { go({}); }",
                     "do { co_await send(); } while (go({}));",
                     "co_return Request{1};",
                     "co_await send(\"{\"); // {}\n co_await send('{'); /* { */",
                     "co_await send(R\"x({\"a\": {}})x\");"):
            self.assertEqual(in_body(text), [], text)

    def test_lambda_bodies_are_read_for_themselves(self):
        self.assertEqual(in_body("co_await run([](int a) -> Task<int> { co_return a; }(1));"), [])
        self.assertEqual(
            in_body("spawn([](int a) -> Task<void> { co_await send(Request{a}); }(1));"), ["brace"])


class Lambdas(unittest.TestCase):
    def test_capture_beside_await(self):
        for text in ("co_await each([&](int a) { go(a); });", "co_await each([x] { go(x); });",
                     "co_await each([=]() mutable { go(x); });",
                     "auto r = co_await each([this](auto&& a) { return a; });"):
            self.assertEqual(in_body(text), ["capture"], text)
        for text in ("auto f = [&](int a) { go(a); };\n co_await each(f);",
                     "co_await each([](int a) { go(a); });",
                     "co_await send(a[x], b[0][1]);", "co_await send(a[b[0]]);"):
            self.assertEqual(in_body(text), [], text)

    def test_coroutine_that_captures(self):
        for text in ("auto f = [x]() -> Task<void> { co_await send(x); };",
                     "spawn([&]() -> Task<int> { co_return 1; });",
                     "auto f = [this] { CO_TRY(auto a, get()); go(a); };",
                     "return [x = std::move(x)](int a) mutable -> Task<int> { co_return a; };"):
            self.assertEqual(in_body(text), ["lambda"], text)
        for text in ("auto f = [](int a) -> Task<void> { co_await send(a); };",
                     "auto f = [x] { return [](int a) -> Task<int> { co_return a; }(x); };",
                     "auto f = [&](int a) -> Task<int> { return make(a); };"):
            self.assertEqual(in_body(text), [], text)

    def test_template_lambda(self):
        self.assertEqual(in_body("auto f = []<typename T>(T a) -> Task<T> { co_return a; };"), [])
        self.assertEqual(in_body("auto f = [&]<class T>(T a) -> Task<T> { co_return a; };"),
                         ["lambda"])


class Others(unittest.TestCase):
    def test_structured_binding(self):
        for text in ("auto [a, b] = co_await both();", "auto& [a, b] = co_await both();",
                     "const auto& [a, b] = co_await both();",
                     "if (auto [a, b] = co_await both(); a) go();"):
            self.assertEqual(in_body(text), ["binding"], text)
        for text in ("auto pair = co_await both();\n auto [a, b] = pair;",
                     "for (auto& [a, b] : map) { co_await send(a); }",
                     "for (auto& [a, b] : map) co_await send(a);"):
            self.assertEqual(in_body(text), [], text)

    def test_rvalue_parameters(self):
        self.assertEqual(kinds("Task<void> f(Request&& r) { co_await send(r); }"), ["rvalue"])
        self.assertEqual(kinds("auto f(Request&& r) -> Task<void> { co_await send(r); }"),
                         ["rvalue"])
        self.assertEqual(kinds("Task<void> f(Request r) { co_await send(r); }"), [])
        self.assertEqual(kinds("Task<void> f(Request&& r) { return send(r); }"), [])
        self.assertEqual(kinds("bool f(bool a) { return a && g(); }"), [])

    def test_lock_across_suspension(self):
        self.assertEqual(in_body("std::lock_guard lock(m);\n co_await send();"), ["lock"])
        self.assertEqual(in_body("std::unique_lock<std::mutex> l(m);\n if (x) { co_await go(); }"),
                         ["lock"])
        self.assertEqual(in_body("{ std::lock_guard lock(m); go(); }\n co_await send();"), [])

    def test_whole_files(self):
        text = """
        #pragma once
        #define CALL(x) \\
          co_await f({x})
        namespace drover::net {
        enum class Kind : uint8_t { kA, kB };
        struct Options { int a{1}; std::vector<int> b = {1, 2}; };
        template <typename T> class Box : public Base<T> {
         public:
          Box() : a_(1), b_{2} { go({}); }
          [[nodiscard]] Task<int> get(Context ctx) const override {
            CO_TRY(auto a, co_await read(ctx));
            Options options{a};
            co_return options.a;
          }
          auto late() -> Task<std::string> { co_return co_await f({}); }
         private:
          std::map<int, int> b_{};
        };
        struct Awaitable {
          auto operator co_await() && noexcept { return Awaiter{this}; }
        };
        constexpr int kTable[] = {1, 2, 3};
        }
        """
        found = check_text(text)
        self.assertEqual([line for line, _ in found], [16], found)

    def test_lines(self):
        found = check_text("Task<void> f() {\n  go();\n  co_await a(b,\n    C{1});\n}\n")
        self.assertEqual(found, [(4, MESSAGES["brace"])])


if __name__ == "__main__":
    unittest.main()
