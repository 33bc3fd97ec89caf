#pragma once
// The HTTP server on top of a Runtime: routes, authentication, graceful stop.

#include <memory>

#include "api/router.h"
#include "app/runtime.h"
#include "http/server.h"
#include "net/awake.h"

namespace drover::app {

class Serving {
 public:
  explicit Serving(Runtime& runtime) : runtime_(runtime) {}

  /// Takes the address that the configuration says; port 0 takes any free one. Clients may connect
  /// from then on, and are answered once start() was called.
  Result<void> bind();
  /// Binds if bind() was not called, and answers.
  Result<void> start();
  /// Finishes what is in flight, up to the deadline; returns how many requests were cut.
  Task<size_t> stop(Context ctx, Duration deadline);
  net::Endpoint local() const { return server_->local(); }
  /// A key accepted for this process alone (commands that talk to a server of their own).
  void accept(std::string key, identity::PrincipalRef principal);
  const http::Server& server() const { return *server_; }

 private:
  Result<identity::PrincipalRef> authenticate(std::string_view key, const net::Endpoint& remote);
  void keep_awake();

  Runtime& runtime_;
  std::unique_ptr<api::Router> router_;
  std::unique_ptr<net::AwakeProcessors> awake_;  // null: nobody asked for it, or it cannot be had
  std::unique_ptr<http::Server> server_;
  std::string own_key_;
  identity::PrincipalRef own_principal_;
};

}  // namespace drover::app
