// The wall's own parts: its table, its scripts, the requests that it reads, and its upstreams over
// the simulated network.

#include <gtest/gtest.h>

#include <set>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/json.h"
#include "net/sim_net.h"
#include "sim/wall/upstreams.h"

namespace drover::sim::wall {
namespace {

TEST(Wall, EveryScenarioIsWellFormed) {
  std::set<std::string_view> names;
  for (const Scenario& s : scenarios()) {
    EXPECT_TRUE(names.insert(s.name).second) << s.name;
    EXPECT_FALSE(s.story.empty() || s.right.empty()) << s.name;
    ASSERT_FALSE(s.upstreams.empty()) << s.name;
    EXPECT_LE(s.expect.requests.size(), s.upstreams.size() + 1) << s.name;
    for (const Upstream& u : s.upstreams) {
      EXPECT_EQ(u.play == nullptr, u.place != Place::kHere) << s.name;
      EXPECT_FALSE(u.keys.empty()) << s.name;
    }
    EXPECT_EQ(find_scenario(s.name), &s);
  }
  EXPECT_GE(names.size(), 24u);
  EXPECT_EQ(find_scenario("nonsense"), nullptr);
}

TEST(Wall, AWholeAnswerIsWhole) {
  std::string stream = whole_answer(true, "a b").bytes();
  EXPECT_NE(stream.find(R"({"content":"a "})"), std::string::npos) << stream;
  EXPECT_NE(stream.find("data: [DONE]"), std::string::npos);
  EXPECT_TRUE(stream.ends_with("0\r\n\r\n"));
  std::string body = whole_answer(false, "a b").bytes();
  EXPECT_NE(body.find("content-length: "), std::string::npos);
  EXPECT_TRUE(Json::parse(body.substr(body.find("\r\n\r\n") + 4)));
}

TEST(Wall, ReadsRequestsInParts) {
  std::string bytes =
      "POST /500/first/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer  k1 \r\n"
      "Content-Length: 15\r\n\r\n{\"stream\":true}";
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(read_request(std::string_view(bytes).substr(0, n))) << n;
  }
  std::optional<Request> request = read_request(bytes);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/500/first/v1/chat/completions");
  EXPECT_EQ(request->key, "k1");
  EXPECT_TRUE(request->stream);
  std::optional<Request> chunked_request = read_request(
      "POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"model\":\r\n4\r\n\"m\"}\r\n"
      "0\r\n\r\n");
  ASSERT_TRUE(chunked_request);
  EXPECT_EQ(chunked_request->body, R"({"model":"m"})");
}

Task<std::string> exchange(Context ctx, net::SimNetwork* net, uint16_t port, std::string path) {
  net::DialTarget target;
  target.host = "127.0.0.1";
  target.port = port;
  target.policy.allow_private = true;
  auto stream = co_await net->dialer().dial(ctx, std::move(target));
  if (!stream) co_return "refused";
  std::string request = "POST " + path + " HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
  auto written = co_await (*stream)->write(ctx, request);
  (void)written;
  std::string out;
  std::vector<char> part(4096);
  while (true) {
    std::span<char> room(part);
    auto n = co_await (*stream)->read(ctx, room);
    if (!n) co_return out + "<reset>";
    if (*n == 0) co_return out;
    out.append(part.data(), *n);
  }
}

TEST(Wall, UpstreamsPlayWhatThePathSays) {
  async::SimLoop loop;
  net::SimNetwork net(loop, 1);
  Upstreams upstreams(loop, net);
  ASSERT_TRUE(upstreams.start(0));
  Context ctx(loop);
  auto ask = [&](std::string path) {
    return loop.run_task(exchange(ctx, &net, upstreams.port(), std::move(path)));
  };
  const Scenario& cut = *find_scenario("cut-mid-stream");
  EXPECT_EQ(base_url(80, cut, cut.upstreams[0]), "http://127.0.0.1:80/cut-mid-stream/first/v1");
  std::string answer = ask("/cut-mid-stream/first/v1/chat/completions");
  EXPECT_NE(answer.find("stands, "), std::string::npos) << answer;
  EXPECT_TRUE(answer.ends_with("<reset>")) << answer;
  EXPECT_EQ(upstreams.traffic(cut, cut.upstreams[0]).requests, 1);
  EXPECT_EQ(upstreams.traffic(cut, cut.upstreams[1]).requests, 0);
  EXPECT_EQ(upstreams.traffic(cut, cut.upstreams[0]).open, 0);
  EXPECT_TRUE(ask("/cut-mid-stream/second/v1/x").find(std::string(kSecond.substr(0, 8))) !=
              std::string::npos);
  EXPECT_TRUE(ask("/nonsense/first/v1").starts_with("HTTP/1.1 404"));
  loop.run_task(upstreams.stop());
}

}  // namespace
}  // namespace drover::sim::wall
