#include "app/api_client.h"

#include <cstdio>
#include <cstdlib>

#include "app/files.h"
#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::app {
namespace {

constexpr Duration kCallTimeout = 60s;
/// Above the server's keep-alive comments, so that silence means a dead connection.
constexpr Duration kSilenceMax = 45s;
constexpr Duration kReconnectPause = 300ms;
constexpr int kReconnectsMax = 30;
constexpr Duration kStopTime = 5s;
constexpr std::string_view kUsage = "usage";
constexpr std::string_view kUnreachable = "unreachable";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Error unreachable(const std::string& url, const Error& why) {
  Error error(Code::kUnavailable,
              "no server answers at " + url + " (" + why.message +
                  "): start one with `drover serve`, name another with --url or DROVER_URL, or "
                  "work on its data folder with --data DIR");
  error.reason = kUnreachable;
  return error;
}

Error no_key(const std::string& url) {
  Error error(Code::kUnauthenticated,
              "no key for the server at " + url +
                  ": export DROVER_KEY=<key>. The first start of `drover serve` printed an admin "
                  "key; with it, `drover key create --scopes sessions,call` makes others");
  error.reason = kUsage;
  return error;
}

Error not_drover() { return Error(Code::kUnavailable, "it is not Drover"); }

/// A server that is named is asked without reading the file.
Error unread_config(Error error, bool folder_named) {
  if (folder_named) return error;
  error.message +=
      "; a server that runs on is asked without this file where --url or DROVER_URL names it";
  return error;
}

/// The server's error as ours. A refused key says where keys come from.
Error answer_error_of(int status, std::string_view body) {
  auto parsed = Json::parse(body);
  std::string message;
  if (parsed) {
    const Json* text = parsed->at("error", "message");
    if (text != nullptr && text->string() != nullptr) message = *text->string();
  }
  if (message.empty()) message = "the server answered " + std::to_string(status);
  if (status == 401) message += " (the key is in --key or DROVER_KEY)";
  Code code = status == 401   ? Code::kUnauthenticated
              : status == 403 ? Code::kPermissionDenied
              : status == 404 ? Code::kNotFound
              : status == 409 ? Code::kAborted
              : status < 500  ? Code::kInvalidArgument
              : status == 500 ? Code::kInternal
                              : Code::kUnavailable;
  return Error(code, std::move(message));
}

/// What a stream's `error` event says: it ends here, and coming again does not help.
Error stream_error(std::string_view data) { return answer_error_of(500, std::string(data)); }

struct Answer {
  int status = 0;
  std::string body;
};

Task<Result<Answer>> exchange(Context ctx, http::Client* client, http::ClientRequest request) {
  Context bounded = ctx.with_timeout(kCallTimeout);
  CO_TRY(auto response, co_await client->send(bounded, std::move(request)));
  Answer out;
  out.status = response->head().status;
  CO_TRY(out.body, co_await response->read_all(bounded, limits::kHttpAnswerBytesMax));
  co_return out;
}

/// What a live stream came to: its end, a callback that had enough, or the error.
struct Followed {
  bool enough = false;
  uint64_t last = 0;
};
using OnEvent = std::function<bool(const Json& event, std::string_view line)>;

Result<bool> hand_over(http::SseParser& parser, const OnEvent& on_event, Followed& out) {
  for (;;) {
    TRY(const http::SseEvent* event, parser.next());
    if (event == nullptr) return true;
    if (event->event == "error") return fail(stream_error(event->data));
    TRY(Json parsed, Json::parse(event->data));
    out.last = static_cast<uint64_t>(parsed.get_int("sequence").value_or(0));
    if (on_event(parsed, event->data)) continue;
    out.enough = true;
    return false;
  }
}

Task<Result<void>> read_events(Context ctx, http::Client* client, http::ClientRequest request,
                               const OnEvent* on_event, Followed* out) {
  CO_TRY(auto response, co_await client->send(ctx, std::move(request)));
  if (response->head().status != 200) {
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    co_return fail(answer_error_of(response->head().status, body));
  }
  http::SseParser parser;
  for (;;) {
    Context bounded = ctx.with_timeout(kSilenceMax);
    CO_TRY(std::string_view part, co_await response->read_some(bounded));
    if (part.empty()) co_return parser.finish();
    parser.feed(part);
    CO_TRY(bool more, hand_over(parser, *on_event, *out));
    if (!more) co_return Result<void>();
  }
}

/// How far a client of live output is.
struct Heard {
  std::string last;     // the last event's id
  bool over = false;    // the session has ended
  bool enough = false;  // the listener wants no more
};

Result<bool> hand_over_live(http::SseParser& parser, const OnLive& on_live, Heard& out) {
  for (;;) {
    TRY(const http::SseEvent* event, parser.next());
    if (event == nullptr) return true;
    if (event->event == "error") return fail(stream_error(event->data));
    TRY(Json data, Json::parse(event->data));
    out.last = std::string(event->last_id);
    if (event->event == "ended") out.over = true;
    out.enough = !on_live(event->event, event->last_id, data);
    if (out.enough) return false;
  }
}

Task<Result<void>> read_live(Context ctx, http::Client* client, http::ClientRequest request,
                             const OnLive* on_live, Heard* out) {
  CO_TRY(auto response, co_await client->send(ctx, std::move(request)));
  if (response->head().status == 204) out->over = true;
  if (out->over) co_return Result<void>();
  if (response->head().status != 200) {
    CO_TRY(std::string body, co_await response->read_all(ctx, limits::kHttpAnswerBytesMax));
    co_return fail(answer_error_of(response->head().status, body));
  }
  http::SseParser parser;
  for (;;) {
    Context bounded = ctx.with_timeout(kSilenceMax);
    CO_TRY(std::string_view part, co_await response->read_some(bounded));
    if (part.empty()) co_return parser.finish();
    parser.feed(part);
    CO_TRY(bool more, hand_over_live(parser, *on_live, *out));
    if (!more) co_return Result<void>();
  }
}

/// Whether a connection that ended so is taken up again.
bool broke(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kDataLoss;
}

}  // namespace

int exit_code(const Error& error) {
  if (error.reason == kUsage) return kExitUsage;
  if (error.reason == kUnreachable) return kExitUnreachable;
  return kExitFailed;
}

int complain(const Error& error) {
  std::fprintf(stderr, "drover: %s\n", error.message.c_str());
  for (const std::string& note : error.notes) std::fprintf(stderr, "  while %s\n", note.c_str());
  return exit_code(error);
}

tl::unexpected<Error> usage_error(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason(std::string(kUsage)));
}

std::string url_part(std::string_view text) { return percent_encode(text); }

std::vector<Flag> client_flags(std::vector<Flag> own) {
  own.push_back({"--url", "URL", "the server (or DROVER_URL; or as drover.yaml says)", ""});
  own.push_back(
      {"--key", "KEY", "its key; better in DROVER_KEY, where other users cannot see it", ""});
  own.push_back({"--config", "FILE", "the configuration, if not ./drover.yaml", ""});
  own.push_back({"--data", "DIR", "work on this data folder, whatever DROVER_URL says", ""});
  own.push_back({"--as", "TENANT", "with --data: as this tenant, if not the operator's own", ""});
  own.push_back({"--json", "", "print JSON, for scripts", ""});
  return own;
}

Result<Config> client_config(const Arguments& arguments) {
  std::string path = arguments.get("config");
  if (path.empty() && file_exists("drover.yaml")) path = "drover.yaml";
  ConfigOutcome outcome;
  if (!path.empty()) outcome = read_config(path, read_small_file);
  if (!outcome.faults.empty()) {
    return usage_error(outcome.faults.front().to_string() +
                       (outcome.faults.size() > 1 ? " (and more: `drover config check`)" : ""));
  }
  if (arguments.has("data")) outcome.config.data = arguments.get("data");
  return std::move(outcome.config);
}

Result<std::string> named_server(const Arguments& arguments) {
  const bool folder = arguments.has("data");
  if (folder && arguments.has("url")) {
    return usage_error("--url names a server and --data a folder: say one of them");
  }
  // What is said at the command goes before what the surroundings say.
  if (folder) return std::string();
  std::string url = arguments.has("url") ? arguments.get("url") : environment("DROVER_URL");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Reach reach_of(const Surroundings& around, Need need) {
  if (!around.folder_named && around.server_answers) {
    return around.key ? Reach::kServer : Reach::kNoKey;
  }
  if (around.folder_there || need != Need::kRead) return Reach::kFolder;
  return around.folder_named ? Reach::kNoFolder : Reach::kNoServer;
}

ApiClient::ApiClient() : blocking_(1), root_(loop_) {
  network_ = net::make_asio_network(loop_, blocking_);
  client_ = http::make_client(loop_, network_->dialer());
}

ApiClient::~ApiClient() {
  client_->clear_idle();
  if (serving_ != nullptr) loop_.run_task(serving_->stop(root_, kStopTime));
  if (runtime_ != nullptr) loop_.run_task(runtime_->stop(runtime_->context()));
}

Result<std::unique_ptr<ApiClient>> ApiClient::connect(const Arguments& arguments, Need need) {
  TRY(std::string url, named_server(arguments));
  std::string key = arguments.has("key") ? arguments.get("key") : environment("DROVER_KEY");
  std::unique_ptr<ApiClient> out(new ApiClient());
  out->key_ = key;
  if (!url.empty()) {
    out->url_ = url;
    TRY(bool there, out->answers());
    if (!there) return fail(unreachable(url, not_drover()));
    if (key.empty()) return fail(no_key(url));
    return out;
  }
  Surroundings around;
  around.folder_named = arguments.has("data");
  auto config = client_config(arguments);
  if (!config) return fail(unread_config(std::move(config).error(), around.folder_named));
  out->url_ = config->url();
  around.folder_there = file_exists(config->data + "/drover.db");
  around.key = !key.empty();
  auto there = around.folder_named ? Result<bool>(false) : out->answers();
  around.server_answers = there && *there;
  switch (reach_of(around, need)) {
    case Reach::kServer:
      return out;
    case Reach::kNoKey: {
      Error error = no_key(out->url_);
      error.message += ". To work on a folder that it does not serve, name that with --data DIR";
      return fail(std::move(error));
    }
    case Reach::kNoFolder:
      return usage_error("there is no data folder " + config->data + ": name another with --data");
    case Reach::kNoServer:
      if (there) return fail(unreachable(out->url_, not_drover()));
      return fail(std::move(there).error());
    case Reach::kFolder:
      break;
  }
  const std::string server = out->url_;
  const std::string folder = config->data;
  TRY_VOID(out->open_folder(std::move(*config), need, arguments.get("as")));
  if (!around.folder_named) {
    std::fprintf(stderr, "drover: no server answers at %s: working on the data folder %s itself\n",
                 server.c_str(), folder.c_str());
  }
  return out;
}

Result<void> ApiClient::open_folder(Config config, Need need, const std::string& tenant) {
  const std::string server = config.url();
  configure_log(LogLevel::kError, LogFormat::kText);
  // A server of our own: reachable from here alone, by a key that only this process knows.
  config.listen_host = "127.0.0.1";
  config.listen_port = 0;
  config.tls_cert.clear();
  config.tls_key.clear();
  // Looking at a folder needs none of the secrets that these name.
  if (need != Need::kRun) config.tools.clear();
  if (need != Need::kRun) config.attested.clear();
  if (need != Need::kRun && need != Need::kBooks) config.endpoints.clear();
  RuntimeOptions options;
  options.recover = false;
  options.skip_unknown_parties = need != Need::kRun;
  runtime_ = std::make_unique<Runtime>(loop_, options);
  std::string folder = config.data;
  auto opened = runtime_->open(std::move(config));
  if (!opened) {
    Error error = std::move(opened).error();
    runtime_.reset();
    if (error.message.find("is in use by another drover") != std::string::npos) {
      error.message = error.message.substr(0, error.message.rfind(": stop it")) +
                      ": talk to it with `export DROVER_KEY=<key>`" +
                      " (its first start printed an admin key; it is expected at " + server +
                      ", or set DROVER_URL), or stop it first";
      error.reason = kUsage;
    }
    return fail(std::move(error));
  }
  TRY_VOID(loop_.run_task(runtime_->start(runtime_->context())));
  auto serving = std::make_unique<Serving>(*runtime_);
  key_ = to_hex(random_.bytes(32));
  TenantId as = default_tenant();
  if (!tenant.empty()) {
    TRY(identity::Tenant found, runtime_->tenants().find(tenant));
    as = found.id;
  }
  serving->accept(key_, identity::Principal::system(std::move(as)));
  TRY_VOID(serving->start());
  serving_ = std::move(serving);
  url_ = "http://" + serving_->local().to_string();
  return {};
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

Task<Result<void>> ApiClient::listen(Context ctx, std::string session, uint64_t from,
                                     const OnLive* on_live) {
  Heard heard;
  int failures = 0;
  for (;;) {
    CO_TRY(auto asked, request("GET", "/v1/sessions/" + url_part(session) +
                                          "/stream?from=" + std::to_string(from)));
    asked.headers.add("accept", "text/event-stream");
    if (!heard.last.empty()) asked.headers.add("last-event-id", heard.last);
    const std::string before = heard.last;
    auto done = co_await read_live(ctx, client_.get(), std::move(asked), on_live, &heard);
    if (heard.over || heard.enough) co_return Result<void>();
    if (heard.last != before) failures = 0;
    // A stream that ends before its session does is one of a server that is stopping.
    if ((!done && !broke(done.error())) || ++failures > kReconnectsMax) {
      if (!done) co_return done;
      co_return fail(unreachable(url_, Error(Code::kUnavailable, "it ends each connection")));
    }
    CO_TRY_VOID(co_await async::sleep_for(ctx, kReconnectPause));
  }
}

Result<void> ApiClient::follow_live(const std::string& session, uint64_t from,
                                    const OnLive& on_live) {
  return loop_.run_task(listen(root_, session, from, &on_live));
}

Result<void> ApiClient::follow(const std::string& session, uint64_t from, const OnEvent& on_event,
                               const OnLive* on_live) {
  if (on_live == nullptr) return follow_events(session, from, on_event);
  async::Scope beside(root_);
  beside.spawn(listen_quietly(beside.context(), session, from, on_live));
  Result<void> done = follow_events(session, from, on_event);
  beside.cancel("the turn is over");
  loop_.run_task(beside.join());
  return done;
}

/// Beside the events live output is a comfort: without it the answer comes all the same.
Task<void> ApiClient::listen_quietly(Context ctx, std::string session, uint64_t from,
                                     const OnLive* on_live) {
  auto done = co_await listen(ctx, std::move(session), from, on_live);
  (void)done;
}

Result<void> ApiClient::follow_events(const std::string& session, uint64_t from,
                                      const OnEvent& on_event) {
  Followed followed;
  followed.last = from == 0 ? 0 : from - 1;
  int failures = 0;
  for (;;) {
    TRY(auto asked, request("GET", "/v1/sessions/" + url_part(session) + "/events"));
    asked.headers.add("accept", "text/event-stream");
    asked.headers.add("last-event-id", std::to_string(followed.last));
    const uint64_t before = followed.last;
    auto done =
        loop_.run_task(read_events(root_, client_.get(), std::move(asked), &on_event, &followed));
    if (done || followed.enough) return {};
    if (followed.last != before) failures = 0;
    if (!broke(done.error()) || ++failures > kReconnectsMax) return fail(std::move(done).error());
    TRY_VOID(loop_.run_task(async::sleep_for(root_, kReconnectPause)));
  }
}

}  // namespace drover::app
