#include <gtest/gtest.h>

#include "async/sync.h"
#include "base/limits/http.h"
#include "http/http2_test_client.h"
#include "http/server.h"

namespace drover::http {
namespace {

using async::SimLoop;

struct State {
  int calls = 0;
  int cancelled = 0;
  std::string authority;
  async::WaitQueue go;  // lets /gated continue
  size_t read = 0;
  std::string big = std::string(1 << 20, 'z');
  Result<void> last;
};

Task<void> handle(State* state, Context ctx, ServerRequest& request, ServerResponse& response) {
  ++state->calls;
  state->authority = request.head().authority;
  std::string path(request.head().path());
  ResponseHead head;
  head.headers.add("X-Case", "Kept");
  head.headers.add("Connection", "close");
  if (path == "/hang") {
    Result<void> slept = co_await async::sleep_for(ctx, 1000s);
    if (!slept && slept.error().code == Code::kCancelled) ++state->cancelled;
    co_return;
  }
  if (path == "/silent") co_return;
  if (path == "/big") {
    state->last = co_await response.respond(ctx, std::move(head), state->big);
    co_return;
  }
  if (path == "/stream" || path == "/cut") {
    state->last = co_await response.start(ctx, std::move(head), "part;");
    if (state->last) state->last = co_await response.write(ctx, "part;");
    if (path == "/cut") {
      response.abort();
      co_return;
    }
    if (state->last) state->last = co_await response.finish(ctx, "part;");
    co_return;
  }
  if (path == "/noread") {
    state->last = co_await response.respond(ctx, std::move(head), "early");
    co_return;
  }
  if (path == "/gated") {
    for (;;) {
      async::Wake wake = co_await state->go.wait(ctx);
      if (wake != async::Wake::kWoken) co_return;
      Result<std::string_view> part = co_await request.read_some(ctx);
      if (!part) co_return;
      if (part->empty()) break;
      state->read += part->size();
    }
    state->last = co_await response.respond(ctx, std::move(head), std::to_string(state->read));
    co_return;
  }
  Result<std::string> body = co_await request.read_all(ctx, 3'000'000);
  if (!body) co_return;
  std::string text = request.head().method + " " + request.head().target + " " + *body;
  state->last = co_await response.respond(ctx, std::move(head), std::move(text));
}

class Http2Test : public testing::Test {
 protected:
  void SetUp() override {
    hub_ = std::make_shared<MemoryHub>();
    State* state = &state_;
    Handler handler = [state](Context ctx, ServerRequest& request, ServerResponse& response) {
      return handle(state, std::move(ctx), request, response);
    };
    server_ =
        std::make_unique<Server>(loop_, std::make_unique<MemoryListener>(hub_), std::move(handler));
    server_->start();
  }
  void TearDown() override {
    loop_.run_task(server_->stop(Context(loop_), 1s));
    EXPECT_EQ(server_->open_connections(), 0u);
    EXPECT_EQ(server_->in_flight(), 0u);
    server_.reset();
    loop_.run(100'000);
  }

  SimLoop loop_;
  State state_;
  std::shared_ptr<MemoryHub> hub_;
  std::unique_ptr<Server> server_;
};

TEST_F(Http2Test, AnswersByPriorKnowledge) {
  H2Client c(loop_, hub_->connect());
  std::string body = "hello";
  int32_t a = c.request("GET", "/x?y=1");
  int32_t b = c.request("POST", "/x", &body);
  int32_t h = c.request("HEAD", "/x");
  c.pump();
  EXPECT_EQ(c.answers[a].body, "GET /x?y=1 ");
  EXPECT_EQ(c.answers[a].headers[":status"], "200");
  EXPECT_EQ(c.answers[a].headers["x-case"], "Kept");
  EXPECT_EQ(c.answers[a].headers["content-length"], "11");
  EXPECT_EQ(c.answers[a].headers.count("connection"), 0u);
  EXPECT_EQ(c.answers[b].body, "POST /x hello");
  EXPECT_EQ(c.answers[h].body, "");
  EXPECT_EQ(c.answers[h].headers["content-length"], "8");
  for (int32_t id : {a, b, h}) {
    EXPECT_TRUE(c.answers[id].closed);
    EXPECT_EQ(c.answers[id].error, 0u);
  }
  EXPECT_EQ(state_.authority, "auth.example");
  EXPECT_EQ(server_->in_flight(), 0u);
}

TEST_F(Http2Test, TheFirstBytesMayComeOneByOne) {
  H2Client c(loop_, hub_->connect());
  c.stream().out()->read_max = 1;
  int32_t a = c.request("GET", "/x");
  c.pump();
  EXPECT_EQ(c.answers[a].body, "GET /x ");
}

TEST_F(Http2Test, StreamsAndCuts) {
  H2Client c(loop_, hub_->connect());
  int32_t a = c.request("GET", "/stream");
  int32_t b = c.request("GET", "/cut");
  int32_t s = c.request("GET", "/silent");
  c.pump();
  EXPECT_EQ(c.answers[a].body, "part;part;part;");
  EXPECT_TRUE(c.answers[a].ended);
  EXPECT_FALSE(c.answers[b].ended) << "a cut answer has no proper end";
  EXPECT_EQ(c.answers[b].error, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(c.answers[s].headers[":status"], "500");
}

TEST_F(Http2Test, LargeAnswersWaitForTheClientsWindow) {
  H2Client c(loop_, hub_->connect(), false);
  int32_t a = c.request("GET", "/big");
  c.pump();
  EXPECT_EQ(c.answers[a].body.size(), 65535u);
  EXPECT_EQ(server_->in_flight(), 1u);
  while (!c.answers[a].ended) {
    size_t before = c.answers[a].body.size();
    nghttp2_session_consume(c.session, a, 65535);
    c.pump();
    ASSERT_GT(c.answers[a].body.size(), before);
  }
  EXPECT_EQ(c.answers[a].body, state_.big);
  EXPECT_TRUE(state_.last.has_value());
}

TEST_F(Http2Test, AStalledClientIsGivenUp) {
  H2Client c(loop_, hub_->connect(), false);
  int32_t a = c.request("GET", "/big");
  c.pump();
  loop_.run_for(limits::kHttpWriteTimeout + 1s);
  c.pump();
  EXPECT_EQ(server_->in_flight(), 0u);
  EXPECT_EQ(c.answers[a].error, static_cast<uint32_t>(NGHTTP2_CANCEL));
}

TEST_F(Http2Test, UploadsArePacedByTheHandler) {
  H2Client c(loop_, hub_->connect());
  std::string body(1 << 20, 'u');
  int32_t a = c.request("POST", "/gated", &body);
  c.pump();
  EXPECT_EQ(c.uploaded[a], 256u << 10) << "one window and no more until somebody reads";
  for (int i = 0; i < 1000 && !c.answers[a].closed; ++i) {
    state_.go.wake_one();
    c.pump();
  }
  EXPECT_EQ(c.answers[a].body, std::to_string(body.size()));
}

TEST_F(Http2Test, ManyUploadsKeepTheConnectionsWindowOpen) {
  H2Client c(loop_, hub_->connect());
  std::string body(2 << 20, 'u');
  // More than the connection's window in all, most of it unread by the handler.
  for (int i = 0; i < 6; ++i) {
    int32_t a = c.request("POST", i % 2 == 0 ? "/noread" : "/x", &body);
    c.pump();
    EXPECT_TRUE(c.answers[a].closed);
    EXPECT_EQ(c.answers[a].headers[":status"], "200");
    EXPECT_EQ(c.answers[a].error, 0u);
  }
}

TEST_F(Http2Test, AnEarlyAnswerIsNotFollowedByAResetWhileTheClientSends) {
  H2Client c(loop_, hub_->connect());
  std::string body(20 << 20, 'u');
  int32_t a = c.request("POST", "/noread", &body);
  c.pump();
  EXPECT_EQ(c.answers[a].body, "early");
  EXPECT_TRUE(c.answers[a].closed);
  EXPECT_EQ(c.answers[a].error, 0u);
  EXPECT_EQ(c.uploaded[a], body.size()) << "taken in and thrown away";
  EXPECT_EQ(server_->in_flight(), 0u);
}

TEST_F(Http2Test, AClientThatFallsSilentBehindItsAnswerIsTold) {
  H2Client c(loop_, hub_->connect());
  c.hold_end = true;
  std::string body(1'000, 'u');
  int32_t a = c.request("POST", "/noread", &body);
  c.pump();
  EXPECT_TRUE(c.answers[a].ended);
  EXPECT_FALSE(c.answers[a].closed);
  EXPECT_EQ(server_->in_flight(), 0u) << "a stop need not wait for it";
  loop_.run_for(limits::kHttpLingerSilence + 1ms);
  c.pump();
  EXPECT_TRUE(c.answers[a].closed) << "by a reset without blame";
  EXPECT_EQ(c.answers[a].error, 0u);
}

TEST_F(Http2Test, ARequestThatIsResetCancelsItsHandlerOnly) {
  H2Client c(loop_, hub_->connect());
  int32_t a = c.request("GET", "/hang");
  int32_t b = c.request("GET", "/hang");
  c.pump();
  EXPECT_EQ(server_->in_flight(), 2u);
  nghttp2_submit_rst_stream(c.session, 0, a, NGHTTP2_CANCEL);
  c.pump();
  EXPECT_EQ(server_->in_flight(), 1u);
  EXPECT_EQ(state_.cancelled, 1);
  c.stream().close();
  loop_.run_for(Duration(0));
  EXPECT_EQ(server_->in_flight(), 0u);
  EXPECT_EQ(state_.cancelled, 2);
  (void)b;
}

TEST_F(Http2Test, RapidResetsEndTheConnection) {
  H2Client c(loop_, hub_->connect());
  c.pump();
  for (int i = 0; i < 2000 && !c.goaway; ++i) {
    int32_t a = c.request("GET", "/hang");
    nghttp2_session_mem_recv(c.session, nullptr, 0);
    const uint8_t* data = nullptr;
    ssize_t n = nghttp2_session_mem_send(c.session, &data);
    if (n <= 0) break;
    c.raw(std::string_view(reinterpret_cast<const char*>(data), static_cast<size_t>(n)));
    nghttp2_submit_rst_stream(c.session, 0, a, NGHTTP2_CANCEL);
    c.pump();
  }
  EXPECT_TRUE(c.goaway);
  EXPECT_LT(state_.calls, 700);
  EXPECT_EQ(server_->in_flight(), 0u);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(Http2Test, PingAndSettingsFloodsAreBounded) {
  H2Client c(loop_, hub_->connect());
  c.pump();
  c.stream().in()->capacity = 0;  // the client reads nothing
  std::string ping("\x00\x00\x08\x06\x00\x00\x00\x00\x00", 9);
  ping += "12345678";
  std::string flood;
  for (int i = 0; i < 5'000; ++i) flood += ping;
  c.raw(flood);
  loop_.run_for(limits::kHttpWriteTimeout + limits::kHttpLingerSilence + 1s);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(Http2Test, LimitsStreamsAndHeaders) {
  H2Client c(loop_, hub_->connect());
  c.pump();
  EXPECT_EQ(nghttp2_session_get_remote_settings(c.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
            limits::kHttp2StreamsMax);
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 150; ++i) many.emplace_back("x-" + std::to_string(i), "v");
  int32_t a = c.request("GET", "/x", nullptr, many);
  int32_t b = c.request("CONNECT", "/x");
  int32_t ok = c.request("GET", "/x");
  c.pump();
  EXPECT_EQ(c.answers[a].headers[":status"], "431");
  EXPECT_EQ(c.answers[ok].headers[":status"], "200");
  EXPECT_NE(c.answers[b].headers[":status"], "200");
}

TEST_F(Http2Test, GarbageEndsTheConnection) {
  {
    H2Client c(loop_, hub_->connect());
    c.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage garbage");
    loop_.run_for(3s);
    EXPECT_EQ(server_->open_connections(), 0u);
  }
  {
    H2Client c(loop_, hub_->connect());
    c.raw("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    loop_.run_for(3s);
    EXPECT_TRUE(c.stream().in()->bytes.starts_with("HTTP/1.1 400")) << c.stream().in()->bytes;
    EXPECT_EQ(server_->open_connections(), 0u);
  }
}

TEST_F(Http2Test, IdleConnectionsGetAGoaway) {
  H2Client c(loop_, hub_->connect());
  int32_t a = c.request("GET", "/x");
  c.pump();
  EXPECT_TRUE(c.answers[a].closed);
  loop_.run_for(limits::kHttpIdleTimeout + 1s);
  c.pump();
  EXPECT_TRUE(c.goaway);
  EXPECT_EQ(c.goaway_error, 0u);
  EXPECT_EQ(server_->open_connections(), 0u);
}

TEST_F(Http2Test, StopFinishesWhatIsInFlight) {
  H2Client c(loop_, hub_->connect());
  std::string body = "abc";
  int32_t a = c.request("POST", "/gated", &body);
  c.pump();
  EXPECT_EQ(server_->in_flight(), 1u);
  auto stop = [](Server* server, SimLoop* loop, bool* done) -> Task<void> {
    size_t cut = co_await server->stop(Context(*loop), 10s);
    EXPECT_EQ(cut, 0u);
    *done = true;
  };
  bool done = false;
  async::detail::start_detached(stop(server_.get(), &loop_, &done));
  c.pump();
  EXPECT_TRUE(c.goaway);
  EXPECT_FALSE(done);
  state_.go.wake_one();
  c.pump();
  state_.go.wake_one();
  c.pump();
  EXPECT_EQ(c.answers[a].body, "3");
  EXPECT_TRUE(done);
}

TEST_F(Http2Test, ABodyThatStallsIsAnswered408) {
  H2Client c(loop_, hub_->connect());
  c.hold_end = true;
  std::string body = "abc";
  int32_t a = c.request("POST", "/x", &body);
  c.pump();
  loop_.run_for(31s);
  c.pump();
  EXPECT_EQ(c.answers[a].headers[":status"], "408");
  EXPECT_TRUE(c.answers[a].ended);
  loop_.run_for(limits::kHttpLingerSilence);
  c.pump();
  EXPECT_TRUE(c.answers[a].closed);
}

}  // namespace
}  // namespace drover::http
