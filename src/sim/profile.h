#pragma once
// What is special about one cloud, apart from its dialect: its paths, how it checks who calls, its
// response headers, and the exact form of errors that its gateway (not its model) makes. One file
// each: profile_aws.cc, profile_azure.cc, profile_openai.cc (OpenAI, CoreWeave and any vLLM).
//
// Loop thread only. A profile keeps no request; it may keep keys derived from credentials.
// Sources: PROTOCOLS sections 1, 5, 6, 7 and the official SDKs that tests/e2e/sim-sdks runs.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dialect/dialect.h"
#include "http/message.h"
#include "sim/cloud_options.h"
#include "sim/quota.h"

namespace drover::sim {

/// A whole answer.
struct Answer {
  int status = 200;
  http::Headers headers;
  std::string body;
};

/// A call of a model.
struct ModelCall {
  const dialect::Dialect* dialect = nullptr;
  /// From the path, where the cloud has it there.
  std::string model;
  /// Whether the path decides it; otherwise the body does.
  std::optional<bool> stream;
  std::string caller;
};

/// A call of the files and batches of sim/batch.h.
struct BatchCall {
  std::string path;      // behind the cloud's prefix: "files", "batches/batch_…/cancel"
  std::string endpoint;  // what its batches call the path of chat completions
  std::string caller;
};

using Route = std::variant<Answer, ModelCall, BatchCall>;

/// What arrived, whole.
struct Arrived {
  const http::RequestHead& head;
  std::string_view body;
  std::string_view region;
  WallTime now;
};

/// What a complete or streamed answer to a model call is accompanied by.
struct CallFacts {
  std::string request_id;
  std::string_view region;
  std::string_view model;
  const QuotaState* quota = nullptr;
  int64_t took_ms = 0;
};

class Profile {
 public:
  virtual ~Profile() = default;
  /// Checks who calls, then says what is called.
  virtual Route route(const Arrived& arrived) = 0;
  /// The dialect of errors outside a model call.
  virtual const dialect::Dialect& dialect() const = 0;
  virtual void add_headers(const CallFacts& facts, http::Headers& headers) const = 0;
  /// A failure of a model call: of the request, of the model, or made by a fault.
  virtual Answer error(const Error& error, const dialect::Dialect& dialect) const;
  /// No such model or deployment.
  virtual Answer no_model(std::string_view model, const dialect::Dialect& dialect) const = 0;
  /// 429. `form` is how the wait is told: "seconds", "date", "ms", "none", or "" for the cloud's
  /// own.
  virtual Answer throttled(const QuotaState& quota, std::string_view form, WallTime now,
                           const dialect::Dialect& dialect) const = 0;
  /// The service tier of a call that asks for `asked` (empty: for none), as the cloud names it when
  /// it has room there. Empty: it has no tiers, or tells of none that was not asked for. Nothing:
  /// it does not know such a tier.
  virtual std::optional<std::string> tier_of(std::string_view asked) const;
  /// The content filter's refusal of a prompt, where the cloud has one.
  virtual std::optional<Answer> filter_prompt(const contract::ChatRequest&) const {
    return std::nullopt;
  }
  virtual std::string make_request_id(Random& random) const = 0;
  virtual std::string make_response_id(Random& random) const = 0;
};

std::unique_ptr<Profile> make_aws_profile(const SimCloudOptions& options);
std::unique_ptr<Profile> make_azure_profile(const SimCloudOptions& options);
std::unique_ptr<Profile> make_openai_profile(const SimCloudOptions& options);
std::unique_ptr<Profile> make_profile(const SimCloudOptions& options);

Answer json_answer(int status, const Json& body);
/// "550e8400-e29b-41d4-a716-446655440000".
std::string make_uuid(Random& random);
/// n letters and digits.
std::string make_token(Random& random, size_t n);
/// Adds Retry-After in one of its forms.
void add_retry_after(std::string_view form, Duration wait, WallTime now, http::Headers& headers);
/// Of a path that belongs to files and batches, what is behind the prefix; else empty.
std::string_view batch_path(std::string_view path, std::string_view prefix);
/// The token of "Authorization: Bearer …"; empty if there is none.
std::string_view bearer_of(const http::RequestHead& head);

}  // namespace drover::sim
