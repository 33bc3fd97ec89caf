#pragma once
// The gateway over a road with imposters, asked by a client.

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "api/api_test_fixture.h"
#include "api/gateway.h"

namespace drover::api {

/// One agent, of slow calls that may be continued.
class PatientAgent final : public session::AgentSource {
 public:
  Result<session::AgentSpec> resolve(const TenantId&, std::string_view name) const override {
    if (name != "patient") return fail(Code::kNotFound, "there is only 'patient'");
    return session::AgentSpec::from_json(*Json::parse(
        R"({"name":"patient","models":["m"],"service_class":"slow","continue_cut":true})"));
  }
};

class GatewayTest : public ApiFixture {
 protected:
  GatewayTest() {
    GatewayServices services;
    services.agents = &agents_;
    services.road = road_.get();
    services.clock = &loop_;
    services.check_class = [this](const contract::DataClass& data) -> Result<void> {
      TRY_VOID(policy_.get()->resolve(data));
      return {};
    };
    add_gateway_routes(*router_, services);
    serve();
  }
  ~GatewayTest() override { stop_serving(); }

  Reply chat(bool stream, std::string key = "k-call") {
    return call("POST", "/v1/chat/completions", request_body(stream), std::move(key));
  }
  /// The same with headers more, on behalf of the agent or not.
  Reply chat_as(bool agent, bool stream,
                std::initializer_list<std::pair<const char*, const char*>> headers,
                std::string body = "") {
    if (body.empty()) body = request_body(stream);
    http::ClientRequest asked = request("POST", "/v1/chat/completions", std::move(body), "k-call");
    if (agent) asked.headers.add("x-drover-agent", "patient");
    for (const auto& [name, value] : headers) asked.headers.add(name, value);
    return call(std::move(asked));
  }
  static Task<void> keep_reply(Context ctx, http::Client* client, http::ClientRequest asked,
                               Reply* out) {
    Reply reply = co_await exchange(std::move(ctx), client, std::move(asked));
    *out = std::move(reply);
  }
  /// The data lines of a stream.
  static std::vector<std::string> data_of(const std::string& body) {
    std::vector<std::string> out;
    size_t at = 0;
    while ((at = body.find("data: ", at)) != std::string::npos) {
      size_t end = body.find("\n\n", at);
      if (end == std::string::npos) break;
      out.push_back(body.substr(at + 6, end - at - 6));
      at = end;
    }
    return out;
  }

 private:
  PatientAgent agents_;
};

}  // namespace drover::api
