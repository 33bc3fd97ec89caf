#pragma once
// Routes requests to handlers: a table of method and path pattern ("/v1/sessions/{id}/events"),
// with authentication before every handler that does not say it is open. Failures become OpenAI's
// error shape, the one SDKs know: {"error":{"message","type","param","code"}}.
//
// Loop thread only; the table is made once, before the server starts.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/rare.h"
#include "http/server.h"
#include "identity/principal.h"

namespace drover::api {

using async::Context;
using async::Task;

/// One request on its way through a handler.
struct Exchange {
  http::ServerRequest& request;
  http::ServerResponse& response;
  /// That of a CallId.
  IdText<CallTag> request_id;
  /// One of its headers says what is to be done with it (request_headers.h).
  bool steered = false;
  identity::PrincipalRef principal = {};
  /// Values of {name} parts, percent-decoded, by name.
  std::vector<std::pair<std::string, std::string>> params = {};
  /// The methods there are, where none of them is the one asked for.
  Rare<std::string> allow = {};
  /// Sent with the answer, if it is an error (a success has its own).
  Rare<http::Headers> headers = {};

  const std::string& param(std::string_view name) const;
};

/// Finds the principal of a presented key; kUnauthenticated if there is none.
using Authenticate = std::function<Result<identity::PrincipalRef>(std::string_view key,
                                                                  const net::Endpoint& remote)>;

/// May take the context by value.
using RouteHandler = std::function<Task<void>(Context&& ctx, Exchange& exchange)>;

class Router {
 public:
  Router(Authenticate authenticate, Random& random, Clock& clock)
      : authenticate_(std::move(authenticate)), random_(random), clock_(clock) {}

  void add(std::string method, std::string pattern, RouteHandler handler);
  /// The same for model calls, which are no management of anything: rules for verbs are not asked.
  void add_call(std::string method, std::string pattern, RouteHandler handler);
  /// A route that needs no key (health).
  void add_open(std::string method, std::string pattern, RouteHandler handler);

  /// The route that was added last reads X-Drover-Data-Class. Others that take something refuse it:
  /// what it says of that would be passed over.
  void reads_data_class() { routes_.back().reads_data_class = true; }

  /// For http::Server. The request keeps the exchange.
  Task<void> handle(Context&& ctx, http::ServerRequest& request, http::ServerResponse& response);

 private:
  struct Route {
    std::string method;
    std::vector<std::string> parts;
    RouteHandler handler;
    bool fixed = false;  // it has no {name} parts
    bool open = false;
    bool manages = true;
    bool reads_data_class = false;
  };
  /// An order that mostly needs no look at the texts.
  struct ShorterFirst {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    }
  };
  /// A path that only routes without {name} parts have, and those routes.
  struct FixedPath {
    std::string path;
    std::vector<const Route*> routes;
  };
  /// nullptr: it is none of those.
  const FixedPath* find_fixed(std::string_view path) const;
  const Route* match(const http::RequestHead& head, Exchange& exchange) const;
  /// Whether the path's route is for the method too; else that is noted in `allow`.
  static bool takes(const Route& route, const http::RequestHead& head, Exchange& exchange);
  /// The handler's work, or the refusal.
  Task<void> serve(Context&& ctx, Exchange& exchange) const;
  void add_fixed(const std::string& path, const Route* route);
  static Task<void> serve_asking(Context ctx, Exchange& exchange, const Route* route);

  Authenticate authenticate_;
  Random& random_;
  Clock& clock_;
  std::deque<Route> routes_;
  /// By the path's size, which few share: found without taking the path apart.
  std::vector<std::vector<FixedPath>> by_path_;
  /// The routes that any other path may be one of, by its second part (nearly all begin alike), in
  /// the order in which they were added; and those for any other second part.
  std::map<std::string, std::vector<const Route*>, ShorterFirst> by_second_;
  std::vector<const Route*> for_any_;
};

/// Answers with status, body and headers of OpenAI's dialect (dialect::openai().encode_error),
/// which has the one table of what an error is towards a client.
Task<void> respond_error(Context ctx, Exchange& exchange, Error error);
Task<void> respond_json(Context ctx, Exchange& exchange, int status, Json body);

/// Reads and parses a JSON body; an empty one is an empty object.
Task<Result<Json>> read_json(Context ctx, Exchange& exchange);

}  // namespace drover::api
