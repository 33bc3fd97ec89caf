#pragma once
// The scenarios of the wall as data: what each upstream does, what the client asks and how it
// behaves, and what it must see. They know nothing of the gateway in between: a scenario is a model
// name ("wall-" and its own), which the gateway under test maps to the scenario's upstreams, in
// order. A new one is an entry in one of the tables (scenarios_*.cc).
//
// Values; the tables are made once and live as long as the process.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/wall/script.h"

namespace drover::sim::wall {

/// A request as it reached an upstream.
struct Request {
  std::string path;
  std::string key;  // of "Authorization: Bearer"
  std::string body;
  bool stream = false;
  int number = 1;  // which one of this upstream
  WallTime now;
};

using Play = Script (*)(const Request& request);

enum class Place : uint8_t {
  kHere,     // plays its scripts
  kRefused,  // nobody listens at its port
  kNoName,   // its host's name does not resolve
  kNoTls,    // "https", where plain HTTP is spoken
};

struct Upstream {
  std::string_view name;  // "first", "second"
  Place place = Place::kHere;
  Play play = nullptr;
  /// The keys (accounts) that the gateway has for it, in order.
  std::vector<std::string_view> keys = {"wall-key"};
};

enum class Conduct : uint8_t {
  kReads,
  kSlow,    // after the first text nothing is read for kSlowPause
  kLeaves,  // after the first text
};
inline constexpr Duration kSlowPause = 2s;

/// How an answer ended, as its client sees it.
enum class End : uint8_t {
  kWhole,    // finish reason and end mark, or a whole JSON body
  kError,    // an error status, or an error event inside the stream
  kBroken,   // the connection broke off inside the body
  kSilent,   // an orderly end without end mark or error: taken for a whole answer by many
  kNothing,  // no answer at all within the client's patience
  kLeft,     // the client itself left
};
std::string_view end_name(End end);

/// What the client of one call saw.
struct Seen {
  End end = End::kNothing;
  int status = 0;  // 0: no head came
  std::string error_type;
  std::string error_code;
  std::string message;  // of the error
  std::string text;     // all content, joined
  std::string tool_arguments;
  std::string finish_reason;
  int events = 0;
  Duration first_text{};
  Duration took{};
};

/// What an upstream saw, over all calls of its scenario.
struct Traffic {
  int requests = 0;
  int64_t bytes = 0;              // sent
  int open = 0;                   // connections that play a script now
  int left = 0;                   // connections that the peer ended before the script did
  std::vector<std::string> keys;  // of each request
  /// Sent until a slow client read on; see Expect::ahead_bytes_max.
  int64_t bytes_at_pause_end = 0;
};

struct Expect {
  /// kWhole or kError; kLeft for a client that leaves.
  End end = End::kWhole;
  /// All of the text; of an error, what came before it.
  std::string_view text;
  /// Allowed statuses of an error that is not inside a stream; empty: any of 400 and above.
  std::vector<int> statuses;
  /// Part of the error's code, if one is expected.
  std::string_view code;
  Duration at_least{};
  Duration within = 8s;
  /// Requests that an upstream may see over all calls, in the order of the upstreams.
  struct Requests {
    int least = 0;
    int most = 0;
  };
  std::vector<Requests> requests;
  std::string_view tool_arguments;
  std::string_view finish_reason;  // empty: any
  /// Above 0: the text is `text` again and again, this long.
  size_t text_bytes_min = 0;
  size_t text_bytes_max = 0;
  /// Bytes that the first upstream may get rid of in all; 0: no limit.
  int64_t bytes_max = 0;
  /// The same until a slow client reads on.
  int64_t ahead_bytes_max = 0;
};

struct Scenario {
  std::string_view name;
  std::string_view story;  // what the upstreams do
  std::string_view right;  // what the client must see
  std::vector<Upstream> upstreams;
  Expect expect;
  bool stream = true;
  Conduct conduct = Conduct::kReads;
  std::optional<int64_t> max_tokens = std::nullopt;
  int calls = 1;  // one after another; each is held to what is expected
  Duration between_calls{};

  /// What the client asks for.
  std::string model() const { return "wall-" + std::string(name); }
};

/// All of them, in the order of docs/faults.md.
const std::vector<Scenario>& scenarios();
/// nullptr if there is none of that name.
const Scenario* find_scenario(std::string_view name);

// One function a table.
void add_connections(std::vector<Scenario>& out);
void add_streams(std::vector<Scenario>& out);
void add_refusals(std::vector<Scenario>& out);
void add_answers(std::vector<Scenario>& out);
void add_clients(std::vector<Scenario>& out);

/// What a good first and a good second upstream say; different, so that a mix would show.
inline constexpr std::string_view kFirst = "The wall stands, and nobody noticed.";
inline constexpr std::string_view kSecond = "Another place answers in its stead.";
Script first_answers(const Request& request);
Script second_answers(const Request& request);

}  // namespace drover::sim::wall
