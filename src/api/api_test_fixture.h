#pragma once
// The API as a client meets it: a real server and router over the simulated network, with the real
// road to imposters of providers. Virtual time, seeded.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/json_route.h"
#include "api/router.h"
#include "http/client.h"
#include "http/server.h"
#include "road/road_test_fixture.h"
#include "tools/tool_set.h"

namespace drover::api {

/// No agent of these tests has tools.
class NoTools final : public tools::ToolSet {
 public:
  Task<Result<std::vector<tools::BoundTool>>> list(Context ctx,
                                                   std::vector<std::string> servers) override {
    co_return std::vector<tools::BoundTool>();
  }
  Task<Result<tools::ToolOutcome>> call(Context ctx, tools::ToolInvocation invocation) override {
    co_return fail(Code::kNotFound, "no tools");
  }
};

struct Reply {
  int status = 0;
  http::Headers headers;
  std::string body;
  /// The parts of the body as they came, and when after the request was sent.
  struct Part {
    Duration at{};
    std::string bytes;
  };
  std::vector<Part> parts;
  Duration head_at{};
  Error error;  // why there is no whole answer; its message is empty if there is one

  Json json() const { return Json::parse(body).value_or(Json()); }
  /// The member of "error", empty if there is none.
  std::string error_member(std::string_view name) const {
    Json whole = json();
    const Json* error_json = whole.find("error");
    if (error_json == nullptr) return {};
    return error_json->get_text(name);
  }
  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or(""));
  }
};

class ApiFixture : public road::RoadFixture {
 protected:
  static constexpr const char* kHost = "drover.test";

  ApiFixture() : caller_(http::make_client(loop_, network_.dialer())) {
    add_key("k-all", "ten_a",
            {identity::Scope::kCall, identity::Scope::kSessions, identity::Scope::kAdmin});
    add_key("k-call", "ten_a", {identity::Scope::kCall});
    add_key("k-sessions", "ten_a", {identity::Scope::kSessions});
    add_key("k-other", "ten_b",
            {identity::Scope::kCall, identity::Scope::kSessions, identity::Scope::kAdmin});
    add_key("k-operator", "ten_default",
            {identity::Scope::kCall, identity::Scope::kSessions, identity::Scope::kAdmin});
    router_ = std::make_unique<Router>(
        [this](std::string_view key, const net::Endpoint& remote) { return find(key); }, random_,
        loop_);
  }
  ~ApiFixture() override { stop_serving(); }

  void add_key(std::string key, std::string tenant, std::vector<identity::Scope> scopes) {
    identity::Principal who;
    who.tenant = TenantId(std::move(tenant));
    who.name = key;
    who.scopes = std::move(scopes);
    principals_[std::move(key)] = std::move(who);
  }
  Result<identity::Principal> find(std::string_view key) const {
    auto it = principals_.find(std::string(key));
    if (it != principals_.end()) return it->second;
    Error error(Code::kUnauthenticated, key.empty() ? "no key was sent" : "this key is not known");
    return fail(std::move(error).with_reason("invalid_api_key"));
  }

  /// To be called once the routes are in the router.
  void serve() {
    net::Endpoint at;
    at.ip = kHost;
    at.port = 80;
    Router* router = router_.get();
    http::Handler handler = [router](Context ctx, http::ServerRequest& request,
                                     http::ServerResponse& response) {
      return router->handle(std::move(ctx), request, response);
    };
    server_ = std::make_unique<http::Server>(
        loop_, std::move(*network_.listen(at, net::TlsServerOptions())), std::move(handler));
    server_->start();
  }
  void stop_serving() {
    if (server_ == nullptr) return;
    caller_->clear_idle();
    loop_.run_task(server_->stop(Context(loop_), 1s));
    server_.reset();
    loop_.run_for(1ms);
  }

  static http::ClientRequest request(std::string method, std::string target, std::string body = "",
                                     std::string key = "k-all") {
    http::ClientRequest out;
    out.method = std::move(method);
    out.url.scheme = "http";
    out.url.host = kHost;
    out.url.port = 80;
    out.url.target = std::move(target);
    if (!key.empty()) out.headers.add("Authorization", "Bearer " + key);
    out.body = std::move(body);
    return out;
  }
  Reply call(http::ClientRequest asked) {
    return loop_.run_task(exchange(Context(loop_), caller_.get(), std::move(asked)));
  }
  Reply call(std::string method, std::string target, std::string body = "",
             std::string key = "k-all") {
    return call(request(std::move(method), std::move(target), std::move(body), std::move(key)));
  }

  static Task<Reply> exchange(Context ctx, http::Client* client, http::ClientRequest asked) {
    Reply out;
    MonoTime begun = ctx.loop().mono();
    auto sent = co_await client->send(ctx, asked);
    if (!sent) {
      out.error = std::move(sent).error();
      co_return out;
    }
    std::unique_ptr<http::ClientResponse> response = std::move(*sent);
    out.status = response->head().status;
    out.headers = response->head().headers;
    out.head_at = ctx.loop().mono() - begun;
    for (;;) {
      auto read = co_await response->read_some(ctx);
      if (!read) {
        out.error = std::move(read).error();
        co_return out;
      }
      if (read->empty()) co_return out;
      Reply::Part part;
      part.at = ctx.loop().mono() - begun;
      part.bytes = std::string(*read);
      out.body += part.bytes;
      out.parts.push_back(std::move(part));
    }
  }

  std::map<std::string, identity::Principal> principals_;
  std::unique_ptr<http::Client> caller_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace drover::api
