#pragma once
// The real model that `drover demo --engine` talks to: a server at an address that is given, one
// that already listens on this machine, or the engine that scripts/engine.sh installed, which is
// started for the time of the demo, and again if it ends meanwhile.
//
// Belongs to the demo, on the loop's thread; network and client outlive it. What is missing or
// wrong is an error that says what to do, with exit code 2. Limits: a probe takes at most 5 s, a
// start 60 s.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/endpoint.h"
#include "http/client.h"
#include "net/asio_loop.h"

namespace drover::app {

using async::Context;
using async::Task;

struct EngineWish {
  /// "local", an address such as "http://127.0.0.1:8080/v1", or a folder with a program `serve`
  /// that takes a port (build/engine is one).
  std::string where = "local";
  std::string model;        // empty: the first that the server offers
  std::string credentials;  // a reference ("env:NAME"); empty: none
};

class Engine {
 public:
  using Note = std::function<void(const std::string&)>;

  Engine(net::AsioLoop& loop, net::Network& network, http::Client& client, EngineWish wish);

  /// Looks for it, or starts it and waits until it answers.
  Task<Result<void>> find(Context ctx);
  /// Starts an engine of our own again when it ends, until the context does.
  Task<void> watch(Context ctx, Note note);
  /// Ends an engine of our own.
  Task<void> stop(Context ctx);

  const std::string& model() const { return endpoint_.model; }
  /// "Ollama at http://127.0.0.1:11434/v1".
  const std::string& title() const { return title_; }
  const catalog::Endpoint& endpoint() const { return endpoint_; }

 private:
  Task<Result<void>> find_local(Context ctx);
  Task<Result<void>> start(Context ctx, std::string folder);
  Task<Result<void>> use(Context ctx, std::string title, std::string provider, std::string url);
  Task<Result<std::vector<std::string>>> ask_models(Context ctx, std::string url);
  Result<void> spawn();

  net::Network& network_;
  http::Client& client_;
  EngineWish wish_;
  std::unique_ptr<net::ProcessSpawner> spawner_;
  std::unique_ptr<net::Process> process_;
  std::string folder_;
  uint16_t port_ = 0;
  std::string title_;
  catalog::Endpoint endpoint_;
};

/// The address whose "/models" and "/chat/completions" are asked: a bare "http://host:8080" means
/// its "/v1".
std::string engine_url(std::string_view given);
/// The ids in an answer to GET /models.
Result<std::vector<std::string>> offered_models(std::string_view body);
/// The wanted one, or the first that can talk.
Result<std::string> choose_model(const std::vector<std::string>& offered,
                                 const std::string& wanted);

}  // namespace drover::app
