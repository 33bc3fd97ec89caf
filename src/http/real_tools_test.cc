// The server and the client over real sockets, against real tools: curl (HTTP/1.1 and HTTP/2) and
// Python's http.client and http.server. A tool that is not installed is skipped with a message.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <thread>

#include "async/worker_pool.h"
#include "http/client.h"
#include "http/server.h"
#include "net/asio_loop.h"

namespace drover::http {
namespace {

Task<void> echo(Context ctx, ServerRequest& request, ServerResponse& response) {
  ResponseHead head;
  head.headers.add("Content-Type", "text/plain");
  if (request.head().path() == "/stream") {
    Result<void> ok = co_await response.start(ctx, std::move(head));
    for (int i = 0; i < 200 && ok; ++i) {
      std::string part(static_cast<size_t>(i) * 100, static_cast<char>('a' + i % 26));
      ok = co_await response.write(ctx, part);
    }
    if (ok) ok = co_await response.finish(ctx);
    co_return;
  }
  if (request.head().path() == "/cut") {
    Result<void> ok = co_await response.start(ctx, std::move(head));
    if (ok) ok = co_await response.write(ctx, "part");
    response.abort();
    co_return;
  }
  Result<std::string> body = co_await request.read_all(ctx, 16u << 20);
  if (!body) co_return;
  std::string answer = request.head().method + " " + request.head().target + " " +
                       std::to_string(request.head().version_major) + "\n" + *body;
  Result<void> ok = co_await response.respond(ctx, std::move(head), std::move(answer));
  (void)ok;
}

struct Output {
  int code = -1;
  std::string text;
};

/// Runs a command with its output; bounded by timeout(1).
Output run(const std::string& command) {
  Output out;
  FILE* pipe = popen(("timeout 20 " + command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> buffer;
  while (size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) out.text.append(buffer.data(), n);
  int status = pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

bool have(const std::string& tool) { return run("sh -c 'command -v " + tool + "'").code == 0; }

/// The server on a loop of its own thread.
class RealTools : public testing::Test {
 public:
  // Public: the lambdas that make tasks reach in.
  void SetUp() override {
    network_ = net::make_asio_network(loop_, pool_);
    net::Endpoint any;
    any.ip = "127.0.0.1";
    auto listener = network_->listen(any, net::TlsServerOptions());
    ASSERT_TRUE(listener.has_value()) << listener.error().to_string();
    server_ = std::make_unique<Server>(loop_, std::move(*listener), echo);
    port_ = std::to_string(server_->local().port);
    url_ = "http://127.0.0.1:" + port_;
    server_->start();
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    on_loop([](RealTools* self) -> Task<void> {
      size_t cut = co_await self->server_->stop(Context(self->loop_), 2s);
      EXPECT_EQ(cut, 0u);
    });
    loop_.stop();
    thread_.join();
    server_.reset();
  }
  /// Runs a task on the loop and waits for it.
  void on_loop(Task<void> (*make)(RealTools*)) {
    std::atomic<bool> done = false;
    loop_.post([this, make, &done] { async::detail::start_detached(mark(make(this), &done)); });
    for (int i = 0; i < 2'000 && !done; ++i) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(done);
  }
  static Task<void> mark(Task<void> task, std::atomic<bool>* done) {
    co_await std::move(task);
    *done = true;
  }

  net::AsioLoop loop_;
  async::WorkerPool pool_{"blocking", 1};
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<Server> server_;
  std::string port_;
  std::string url_;
  std::thread thread_;
};

size_t stream_size() {
  size_t total = 0;
  for (size_t i = 0; i < 200; ++i) total += i * 100;
  return total;
}

TEST_F(RealTools, Curl) {
  if (!have("curl")) GTEST_SKIP() << "curl is not installed";
  std::vector<std::string> forms = {"--http1.1"};
  if (run("curl --version").text.find("HTTP2") != std::string::npos) {
    forms.push_back("--http2-prior-knowledge");
  }
  std::string file = testing::TempDir() + "http_real_tools_" + port_;
  std::string big(3 << 20, 'q');
  std::ofstream(file) << big;
  for (const std::string& form : forms) {
    std::string curl = "curl -sS " + form + " ";
    std::string version = form == "--http1.1" ? "1" : "2";
    EXPECT_EQ(run(curl + "'" + url_ + "/a?b=%20'").text, "GET /a?b=%20 " + version + "\n");
    EXPECT_EQ(run(curl + "-d hello " + url_ + "/p").text, "POST /p " + version + "\nhello");
    // Expect: 100-continue and a large upload; chunked too.
    EXPECT_EQ(run(curl + "--data-binary @" + file + " " + url_ + "/p").text.size(),
              std::string("POST /p 1\n").size() + big.size());
    EXPECT_EQ(run(curl + "-T - " + url_ + "/p < " + file).text.size(),
              std::string("PUT /p 1\n").size() + big.size());
    EXPECT_EQ(run(curl + url_ + "/stream").text.size(), stream_size());
    EXPECT_NE(run(curl + url_ + "/cut").code, 0) << "a cut answer is an error for curl";
    EXPECT_EQ(run(curl + "-I " + url_ + "/h -o /dev/null -w '%{http_code}'").text, "200");
    // Several on one connection; curl 7.88 cannot do that by prior knowledge (its issue 10634).
    if (version == "2") continue;
    Output many = run(curl + url_ + "/1 " + url_ + "/2 " + url_ + "/3 -w '%{num_connects};'");
    EXPECT_NE(many.text.find("GET /3 "), std::string::npos) << many.text;
    EXPECT_NE(many.text.find("0;"), std::string::npos) << many.text;
  }
  std::remove(file.c_str());
}

TEST_F(RealTools, PythonClient) {
  if (!have("python3")) GTEST_SKIP() << "python3 is not installed";
  std::string script =
      "import http.client\n"
      "c = http.client.HTTPConnection('127.0.0.1', " +
      port_ +
      ", timeout=10)\n"
      "for i in range(3):\n"
      "    c.request('POST', '/p', body=b'x' * i * 100000)\n"
      "    r = c.getresponse()\n"
      "    b = r.read()\n"
      "    assert r.status == 200 and len(b) == 10 + i * 100000, (r.status, len(b))\n"
      "c.request('GET', '/stream')\n"
      "assert len(c.getresponse().read()) == " +
      std::to_string(stream_size()) +
      "\n"
      "def parts():\n"
      "    for i in range(50): yield b'y' * 1000\n"
      "c.request('POST', '/p', body=parts(), encode_chunked=True)\n"
      "assert len(c.getresponse().read()) == 10 + 50000\n"
      "c.request('GET', '/cut')\n"
      "try:\n"
      "    c.getresponse().read()\n"
      "    raise SystemExit('a cut answer was taken for whole')\n"
      "except (http.client.IncompleteRead, ConnectionResetError): pass\n"
      "print('fine')\n";
  std::string file = testing::TempDir() + "http_client_" + port_ + ".py";
  std::ofstream(file) << script;
  EXPECT_EQ(run("python3 " + file).text, "fine\n");
  std::remove(file.c_str());
}

TEST_F(RealTools, NodeHttp2) {
  std::string node = DROVER_SOURCE_DIR "/build/node/bin/node";
  if (!std::ifstream(node)) node = "node";
  if (!have(node)) GTEST_SKIP() << "no Node, which comes from npm, is installed";
  std::string script =
      "const http2 = require('http2');\n"
      "const c = http2.connect('" +
      url_ +
      "');\n"
      "const call = (path, body) => new Promise((ok, bad) => {\n"
      "  const r = c.request({':method': body ? 'POST' : 'GET', ':path': path});\n"
      "  let n = 0; r.on('data', d => n += d.length);\n"
      "  r.on('end', () => ok(n)); r.on('error', e => ok(e.code)); r.end(body);\n"
      "});\n"
      "(async () => {\n"
      "  const all = [];\n"
      "  for (let i = 0; i < 100; i++) all.push(call('/p', Buffer.alloc(i * 500 + 1)));\n"
      "  const sizes = await Promise.all(all);\n"
      "  sizes.forEach((n, i) => { if (n !== 10 + i * 500 + 1) throw new Error(i + ': ' + n); "
      "});\n"
      "  const n = await call('/stream');\n"
      "  if (n !== " +
      std::to_string(stream_size()) +
      ") throw new Error('stream ' + n);\n"
      "  const cut = await call('/cut');\n"
      "  if (cut !== 'ERR_HTTP2_STREAM_ERROR') throw new Error('cut ' + cut);\n"
      "  console.log('fine'); c.close();\n"
      "})().catch(e => { console.log(e); process.exit(1); });\n";
  std::string file = testing::TempDir() + "http2_client_" + port_ + ".js";
  std::ofstream(file) << script;
  EXPECT_EQ(run(node + " " + file).text, "fine\n");
  std::remove(file.c_str());
}

TEST_F(RealTools, OurClient) {
  on_loop([](RealTools* self) -> Task<void> {
    std::unique_ptr<Client> client = make_client(self->loop_, self->network_->dialer());
    for (int i = 0; i < 20; ++i) {
      ClientRequest request;
      request.url = *Url::parse(self->url_ + (i % 2 == 0 ? "/stream" : "/p"));
      request.policy.allow_private = true;
      request.body = std::string(static_cast<size_t>(i) * 50'000, 'b');
      Result<std::unique_ptr<ClientResponse>> response =
          co_await client->send(Context(self->loop_), request);
      EXPECT_TRUE(response.has_value()) << (response ? "" : response.error().to_string());
      if (!response) co_return;
      EXPECT_EQ((*response)->head().status, 200);
      Result<std::string> body = co_await (*response)->read_all(Context(self->loop_), 16u << 20);
      EXPECT_TRUE(body.has_value()) << (body ? "" : body.error().to_string());
      if (!body) co_return;
      EXPECT_EQ(body->size(), i % 2 == 0 ? stream_size() : 10 + static_cast<size_t>(i) * 50'000);
    }
    ClientRequest request;
    request.url = *Url::parse(self->url_ + "/cut");
    request.policy.allow_private = true;
    Result<std::unique_ptr<ClientResponse>> response =
        co_await client->send(Context(self->loop_), request);
    // The reset may overtake the head.
    if (response) {
      Result<std::string> body = co_await (*response)->read_all(Context(self->loop_), 100);
      EXPECT_FALSE(body.has_value());
    }
    ClientRequest refused;
    refused.url = *Url::parse("http://127.0.0.1:1/");
    Result<std::unique_ptr<ClientResponse>> none =
        co_await client->send(Context(self->loop_), refused);
    EXPECT_FALSE(none.has_value());
    if (!none) EXPECT_EQ(none.error().code, Code::kPermissionDenied);
    response = fail(Code::kCancelled, "done");
    client.reset();
  });
}

TEST_F(RealTools, OurClientToPythonServer) {
  if (!have("python3")) GTEST_SKIP() << "python3 is not installed";
  // http.server speaks HTTP/1.0 until the connection's end.
  std::string file = testing::TempDir() + "http_server_" + port_ + ".py";
  std::string port_file = file + ".port";
  std::ofstream(file) << "import http.server, sys\n"
                         "class H(http.server.BaseHTTPRequestHandler):\n"
                         "    def do_POST(self):\n"
                         "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
                         "        self.send_response(201); self.send_header('X-A', 'b')\n"
                         "        self.end_headers(); self.wfile.write(body)\n"
                         "    def log_message(self, *a): pass\n"
                         "s = http.server.HTTPServer(('127.0.0.1', 0), H)\n"
                         "open('" +
                             port_file +
                             "', 'w').write(str(s.server_port) + '\\n')\n"
                             "for i in range(3): s.handle_request()\n";
  std::thread python([&file] { run("python3 " + file); });
  static std::string url;
  url.clear();
  for (int i = 0; i < 500 && url.empty(); ++i) {
    std::string port;
    if (std::getline(std::ifstream(port_file), port)) url = "http://127.0.0.1:" + port + "/x";
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_FALSE(url.empty());
  on_loop([](RealTools* self) -> Task<void> {
    std::unique_ptr<Client> client = make_client(self->loop_, self->network_->dialer());
    for (int i = 0; i < 3; ++i) {
      ClientRequest request;
      request.url = *Url::parse(url);
      request.policy.allow_private = true;
      request.body = std::string(100'000, 'b');
      Result<std::unique_ptr<ClientResponse>> response =
          co_await client->send(Context(self->loop_), request);
      EXPECT_TRUE(response.has_value()) << (response ? "" : response.error().to_string());
      if (!response) co_return;
      EXPECT_EQ((*response)->head().status, 201);
      Result<std::string> body = co_await (*response)->read_all(Context(self->loop_), 16u << 20);
      EXPECT_EQ(body ? body->size() : 0, 100'000u);
    }
  });
  python.join();
  std::remove(file.c_str());
  std::remove(port_file.c_str());
}

}  // namespace
}  // namespace drover::http
