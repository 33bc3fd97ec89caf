#pragma once
// The command line's way to a server. Which one, in this order:
//   1. --url: that server. With --data beside it the two contradict: a usage error;
//   2. --data DIR: that folder, opened in this process by a server of its own on loopback with a
//      key of its own, so that every command works on a stopped server's folder;
//   3. DROVER_URL: that server;
//   4. the server that drover.yaml names (or http://127.0.0.1:7070) if it answers: without its key
//      that is an error, for data must not land in another place than the one that is served;
//   5. otherwise the folder that drover.yaml names, which is said on standard error.
// Keys come from --key or DROVER_KEY and are never printed.
//
// Calls block and are bounded in time. Errors are for people and name the remedy; exit_code() tells
// what they mean for the shell. One thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/cli.h"
#include "app/config.h"
#include "app/runtime.h"
#include "app/serving.h"
#include "http/client.h"
#include "http/sse.h"

namespace drover::app {

/// What a command does to a folder that it has to open itself.
enum class Need : uint8_t {
  kRead,   // looks: the folder must be there
  kWrite,  // makes the folder if there is none
  kBooks,  // the same, and prices calls as the endpoints are configured
  kRun,    // runs sessions: endpoints and tools as configured
};

/// One event of a session's journal, and its line as it came; false: enough.
using OnEvent = std::function<bool(const Json& event, std::string_view line)>;

/// One event of a session's live output: its name, its id, and what is in it; false: enough.
using OnLive = std::function<bool(std::string_view name, std::string_view id, const Json& data)>;

/// A command that asks a server or opens a folder: its own flags, and then those of all clients
/// (--url, --key, --config, --data, --as and --json).
Command client_command(std::string name, std::string summary, std::string details,
                       std::vector<Positional> positionals, std::vector<Flag> own,
                       int (*run)(const Arguments&));

/// The configuration named, or ./drover.yaml, or defaults; faults become the error.
Result<Config> client_config(const Arguments& arguments);

/// The server that is named: by --url, or by DROVER_URL if no folder is (--data); "" if none is.
/// A usage error if both a server and a folder are.
Result<std::string> named_server(const Arguments& arguments);

/// What a command finds that names no server.
struct Surroundings {
  bool folder_named = false;    // by --data
  bool folder_there = false;    // the named one, or drover.yaml's
  bool server_answers = false;  // where drover.yaml says
  bool key = false;             // for it
};

enum class Reach : uint8_t {
  kServer,
  kFolder,
  kNoKey,     // a server answers, and nothing is done beside it unless a folder is named
  kNoFolder,  // the named folder is not there, and the command only looks
  kNoServer,  // nor is there a folder
};

/// 2, 4 and 5 above.
Reach reach_of(const Surroundings& around, Need need);

class ApiClient {
 public:
  static Result<std::unique_ptr<ApiClient>> connect(const Arguments& arguments, Need need);
  ~ApiClient();

  /// A JSON call; an answer of 300 and above is an error with the server's message.
  Result<Json> call(std::string method, std::string target, std::optional<Json> body = {});
  /// The same with bodies as they are.
  Result<std::string> fetch(std::string method, std::string target, std::string accept,
                            std::string body = "", std::string type = "");
  /// What another server answers to a GET, without our key.
  Result<std::string> fetch_url(const std::string& url);
  /// The events of a session from a sequence on, live, until on_event returns false or the session
  /// has ended. Takes a broken connection up again where it broke.
  Result<void> follow(const std::string& session, uint64_t from, const OnEvent& on_event,
                      const OnLive* on_live = nullptr);
  /// Its live output from a sequence on (text while it comes), until it has ended or on_live has
  /// enough. follow() gives it beside the events.
  Result<void> follow_live(const std::string& session, uint64_t from, const OnLive& on_live);

  const std::string& url() const { return url_; }
  /// Talks to a server in this process.
  bool local() const { return serving_ != nullptr; }

 private:
  ApiClient();
  Result<void> open_folder(Config config, Need need, const std::string& tenant);
  Result<bool> answers();
  Result<void> follow_events(const std::string& session, uint64_t from, const OnEvent& on_event);
  Task<Result<void>> listen(Context ctx, std::string session, uint64_t from, const OnLive* on_live);
  Task<void> listen_quietly(Context ctx, std::string session, uint64_t from, const OnLive* on_live);
  Result<http::ClientRequest> request(std::string method, std::string target) const;

  net::AsioLoop loop_;
  async::WorkerPool blocking_;
  SystemRandom random_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Serving> serving_;
  Context root_;
  std::string url_;
  std::string key_;
};

/// Prints "drover: …" to standard error; the exit code for it.
int complain(const Error& error);
int exit_code(const Error& error);
/// An error that ends with kExitUsage.
Failure usage_error(std::string message);
/// A part of a path or a query value.
std::string url_part(std::string_view text);

}  // namespace drover::app
