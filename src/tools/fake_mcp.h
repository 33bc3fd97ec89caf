#pragma once
// For tests only: tool servers in memory. A FakeSpawner starts processes whose lines a function
// answers; a FakeHttp is an HTTP client whose requests a function answers. Loop thread only.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/sync.h"
#include "base/json.h"
#include "http/client.h"
#include "net/process.h"

namespace drover::tools {

/// One run of a fake process: what the script sees of it.
struct FakeRun {
  int generation = 1;
  std::deque<std::string> output;
  bool ended = false;
  std::vector<Json> heard;
  async::WaitQueue readable;
  void say(const std::string& line) {
    output.push_back(line + "\n");
    readable.wake_all();
  }
  void result(const Json& request, Json value) {
    Json out = Json::object();
    out.set("jsonrpc", "2.0").set("id", *request.find("id")).set("result", std::move(value));
    say(out.dump());
  }
  void error(const Json& request, int64_t code, std::string message = "no") {
    Json inner = Json::object();
    inner.set("code", code).set("message", std::move(message));
    Json out = Json::object();
    out.set("jsonrpc", "2.0").set("id", *request.find("id")).set("error", std::move(inner));
    say(out.dump());
  }
  void die() {
    ended = true;
    readable.wake_all();
  }
};

using FakeScript = std::function<void(FakeRun&, const Json&)>;

class FakeProcess final : public net::Process, public net::Stream {
 public:
  FakeProcess(std::shared_ptr<FakeRun> run, FakeScript script, std::string words)
      : run_(std::move(run)), script_(std::move(script)), words_(std::move(words)) {}

  net::Stream& stdio() override { return *this; }
  std::string stderr_tail() const override { return words_; }
  int pid() const override { return 1; }
  async::Task<Result<net::ExitStatus>> wait(async::Context ctx) override {
    net::ExitStatus status;
    status.code = 7;
    co_return status;
  }
  async::Task<void> stop(async::Context ctx, Duration grace) override {
    run_->die();
    co_return;
  }
  async::Task<Result<size_t>> read(async::Context ctx, std::span<char> buffer) override {
    std::shared_ptr<FakeRun> run = run_;
    while (run->output.empty() && !run->ended) {
      async::Wake wake = co_await run->readable.wait(ctx);
      if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
    if (run->output.empty()) co_return size_t{0};
    std::string& front = run->output.front();
    size_t n = std::min(buffer.size(), front.size());
    std::copy_n(front.data(), n, buffer.data());
    front.erase(0, n);
    if (front.empty()) run->output.pop_front();
    co_return n;
  }
  async::Task<Result<void>> write(async::Context ctx, std::string_view data) override {
    if (run_->ended) co_return fail(Code::kUnavailable, "broken pipe", Retry::kOtherTarget);
    auto message = Json::parse(data);
    if (message) {
      run_->heard.push_back(*message);
      script_(*run_, *message);
    }
    co_return Result<void>();
  }
  async::Task<Result<void>> shutdown_write(async::Context ctx) override {
    co_return Result<void>();
  }
  void close() override {}
  const net::Endpoint& remote() const override { return remote_; }

 private:
  std::shared_ptr<FakeRun> run_;
  FakeScript script_;
  std::string words_;
  net::Endpoint remote_;
};

class FakeSpawner final : public net::ProcessSpawner {
 public:
  explicit FakeSpawner(FakeScript script) : script_(std::move(script)) {}
  Result<std::unique_ptr<net::Process>> spawn(net::ProcessOptions options) override {
    ++spawned;
    if (fails) return fail(Code::kNotFound, "no such program");
    run = std::make_shared<FakeRun>();
    run->generation = spawned;
    return std::unique_ptr<net::Process>(std::make_unique<FakeProcess>(run, script_, stderr_words));
  }
  int spawned = 0;
  bool fails = false;
  std::string stderr_words;
  std::shared_ptr<FakeRun> run;  // the newest

 private:
  FakeScript script_;
};

/// A body that the test goes on with: what a server says when it likes.
struct FakeFeed {
  std::deque<std::string> parts;
  bool ended = false;
  bool dropped = false;  // nobody reads it any more
  async::WaitQueue filled;
  void say(std::string part) {
    parts.push_back(std::move(part));
    filled.wake_all();
  }
  void end() {
    ended = true;
    filled.wake_all();
  }
};

struct FakeAnswer {
  int status = 200;
  http::Headers headers;
  std::string body;
  bool hangs = false;  // never answers
  bool open = false;   // the body has no end
  std::shared_ptr<FakeFeed> feed;
  static FakeAnswer json(std::string body, int status = 200) {
    FakeAnswer out;
    out.status = status;
    out.headers.add("Content-Type", "application/json; charset=utf-8");
    out.body = std::move(body);
    return out;
  }
  static FakeAnswer events(std::string body) {
    FakeAnswer out;
    out.headers.add("content-type", "text/event-stream");
    out.body = std::move(body);
    return out;
  }
  static FakeAnswer stream(std::shared_ptr<FakeFeed> feed) {
    FakeAnswer out = events("");
    out.feed = std::move(feed);
    return out;
  }
  static FakeAnswer plain(int status) {
    FakeAnswer out;
    out.status = status;
    return out;
  }
};

class FakeResponse final : public http::ClientResponse {
 public:
  explicit FakeResponse(FakeAnswer answer) : answer_(std::move(answer)) {
    head_.status = answer_.status;
    head_.headers = answer_.headers;
  }
  ~FakeResponse() override {
    if (answer_.feed) answer_.feed->dropped = true;
  }
  const http::ResponseHead& head() const override { return head_; }
  const http::ClientTiming& timing() const override { return timing_; }
  async::Task<Result<std::string_view>> read_some(async::Context ctx) override {
    std::shared_ptr<FakeFeed> feed = answer_.feed;
    while (feed && feed->parts.empty() && !feed->ended) {
      async::Wake wake = co_await feed->filled.wait(ctx);
      if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
    }
    if (feed && !feed->parts.empty()) {
      part_ = std::move(feed->parts.front());
      feed->parts.pop_front();
      co_return std::string_view(part_);
    }
    if (!read_ && !answer_.body.empty()) {
      read_ = true;
      co_return std::string_view(answer_.body);
    }
    if (answer_.open) {
      async::Wake wake = co_await never_.wait(ctx);
      co_return fail(async::wake_error(wake, ctx));
    }
    co_return std::string_view();
  }
  async::Task<Result<std::string>> read_all(async::Context ctx, size_t max_bytes) override {
    co_return answer_.body;
  }
  void abort() override {}

 private:
  FakeAnswer answer_;
  http::ResponseHead head_;
  http::ClientTiming timing_;
  bool read_ = false;
  std::string part_;
  async::WaitQueue never_;
};

class FakeHttp final : public http::Client {
 public:
  using Script = std::function<FakeAnswer(const http::ClientRequest&, const Json& body)>;
  explicit FakeHttp(Script script) : script_(std::move(script)) {}
  async::Task<Result<std::unique_ptr<http::ClientResponse>>> send_to(
      async::Context ctx, const http::RequestTarget& target,
      const http::RequestCall& call) override {
    http::ClientRequest request;
    static_cast<http::RequestTarget&>(request) = target;
    static_cast<http::RequestCall&>(request) = call;
    for (http::RequestCall::Field& field : request.more_headers) {
      if (!field.name.empty()) request.headers.add(std::string(field.name), field.value);
      field = {};
    }
    request.body = std::string(call.content());
    requests.push_back(request);
    Json body = Json::parse(request.body).value_or(Json());
    FakeAnswer answer = script_(request, body);
    if (answer.hangs) {
      async::Wake wake = co_await never_.wait(ctx);
      co_return fail(async::wake_error(wake, ctx));
    }
    co_return std::unique_ptr<http::ClientResponse>(
        std::make_unique<FakeResponse>(std::move(answer)));
  }
  void clear_idle() override {}
  size_t idle_connections() const override { return 0; }
  std::vector<http::ClientRequest> requests;

 private:
  Script script_;
  async::WaitQueue never_;
};

}  // namespace drover::tools
