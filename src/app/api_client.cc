#include "app/api_client.h"

#include "app/api_client_errors.h"
#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::app {
namespace {

constexpr Duration kCallTimeout = 60s;
constexpr Duration kStopTime = 5s;

struct Answer {
  int status = 0;
  std::string body;
};

Task<Result<Answer>> exchange(Context ctx, http::Client* client, http::ClientRequest request) {
  Context bounded = ctx.with_timeout(kCallTimeout);
  CO_TRY(auto response, co_await client->send(bounded, request));
  Answer out;
  out.status = response->head().status;
  CO_TRY(out.body, co_await response->read_all(bounded, limits::kHttpAnswerBytesMax));
  co_return out;
}

}  // namespace

std::string url_part(std::string_view text) { return percent_encode(text); }

ApiClient::ApiClient() : blocking_("blocking", 1), root_(loop_) {
  network_ = net::make_asio_network(loop_, blocking_);
  client_ = http::make_client(loop_, network_->dialer());
}

ApiClient::~ApiClient() {
  client_->clear_idle();
  if (serving_ != nullptr) loop_.run_task(serving_->stop(root_, kStopTime));
  if (runtime_ != nullptr) loop_.run_task(runtime_->stop(runtime_->context()));
}

Result<http::ClientRequest> ApiClient::request(std::string method, std::string target) const {
  http::ClientRequest out;
  auto url = http::Url::parse(url_ + target);
  if (!url) return usage_error("not a server's address: " + url_);
  out.method = std::move(method);
  out.url = std::move(*url);
  out.policy.allow_private = true;  // the person named the server
  if (!key_.empty()) out.headers.add("authorization", "Bearer " + key_);
  return out;
}

Result<bool> ApiClient::answers() {
  std::string key = std::exchange(key_, "");  // /healthz needs none: whoever listens gets none
  auto asked = request("GET", "/healthz");
  key_ = std::move(key);
  if (!asked) return fail(std::move(asked).error());
  auto answer = loop_.run_task(exchange(root_, client_.get(), std::move(*asked)));
  if (!answer) return fail(unreachable(url_, answer.error()));
  return answer->status == 200;
}

Result<std::string> ApiClient::fetch(std::string method, std::string target, std::string accept,
                                     std::string body, std::string type) {
  TRY(auto asked, request(std::move(method), std::move(target)));
  asked.headers.add("accept", std::move(accept));
  if (!type.empty()) asked.headers.add("content-type", std::move(type));
  asked.body = std::move(body);
  auto answer = loop_.run_task(exchange(root_, client_.get(), std::move(asked)));
  if (!answer) {
    const Error& error = answer.error();
    if (error.reason == "connect") return fail(unreachable(url_, error));
    return fail(error);
  }
  if (answer->status >= 300) return fail(answer_error_of(answer->status, answer->body));
  return std::move(answer->body);
}

Result<std::string> ApiClient::fetch_url(const std::string& url) {
  http::ClientRequest asked;
  asked.method = "GET";
  TRY(asked.url, http::Url::parse(url));
  asked.policy.allow_private = true;  // the person named it
  auto answer = loop_.run_task(exchange(root_, client_.get(), std::move(asked)));
  if (!answer) return fail(unreachable(url, answer.error()));
  if (answer->status >= 300) {
    return fail(Code::kUnavailable, url + " answers " + std::to_string(answer->status));
  }
  return std::move(answer->body);
}

Result<Json> ApiClient::call(std::string method, std::string target, std::optional<Json> body) {
  TRY(std::string text, fetch(std::move(method), std::move(target), "application/json",
                              body ? body->dump() : "", body ? "application/json" : ""));
  return Json::parse(text);
}

}  // namespace drover::app
