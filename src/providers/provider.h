#pragma once
// A provider turns one endpoint of the catalog into calls on the wire: URL, authentication,
// dialect, framing, error classes. One folder each, one line in table.cc. One call here is one
// attempt: no retry, no failover (that is the road's).
//
// Same dialect in and out copies bytes: a Prompt that came as an OpenAI body goes to an
// OpenAI-like endpoint spliced, not re-encoded, and its answer comes back as bytes.
// Loop thread only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/boxed.h"
#include "base/local_ptr.h"
#include "base/memory_pool.h"
#include "base/rare.h"
#include "catalog/endpoint.h"
#include "contract/chat.h"
#include "dialect/openai_scan.h"
#include "http/client.h"
#include "providers/output_meter.h"

namespace drover::providers {

using async::Context;
using async::Task;

/// What is asked: a neutral request, or a caller's OpenAI body that is decoded only if needed.
/// Belongs to one call; attempts use it one after another.
class Prompt {
 public:
  Prompt() = default;
  static Prompt from_chat(contract::ChatRequest request);
  static Prompt from_openai(std::string&& body, dialect::OpenAiScan&& scan);

  const std::string& model() const;
  bool stream() const;
  bool include_usage() const;
  std::optional<int64_t> max_tokens() const;
  /// How many answers it asks for: 1 to 1000, whatever it says.
  int64_t answers() const;
  /// Of all the answers that it asks for.
  std::optional<int64_t> max_tokens_in_all() const;
  /// The service_tier that the caller states; "" for none.
  const std::string& service_tier() const { return scan_.service_tier; }
  /// The caller's own bytes, if it came as OpenAI.
  const std::string* openai_body() const { return body_.get(); }
  /// The same for a request that may be under way when they are dropped here.
  LocalPtr<const std::string> lend_body() const { return body_; }
  const dialect::OpenAiScan* scan() const { return body_ ? &scan_ : nullptr; }
  /// The neutral form, decoded at the first call. Its model is what the last attempt was sent as.
  Result<const contract::ChatRequest*> chat();
  /// The neutral form as it goes to one endpoint: its model name, streamed or not, usage asked for,
  /// under that service tier unless the caller states one. Changed in place: a long conversation is
  /// not copied for each attempt.
  Result<const contract::ChatRequest*> chat_as(std::string_view upstream_model, bool stream,
                                               std::string_view tier);
  /// Leaves out the oldest turns until it fits (shorten.h); returns how many messages went. From
  /// then on the caller's bytes are not sent as they came.
  Result<int64_t> shorten(int64_t tokens_max);
  /// Asks for one tool call at a time, if there are tools.
  Result<void> make_serial();
  /// Whether it brings images; a caller's body that may is decoded for it.
  bool holds_images();
  /// Bytes that the model will read, roughly; the first call on a neutral prompt counts them.
  int64_t input_bytes() const;
  /// About how many tokens the input is, where no usage says it: bytes of text / 4.
  int64_t estimated_input_tokens() const;
  /// Nobody will ask for the text again; what was counted of it stays.
  void drop_text();

 private:
  Prompt(std::string&& body, dialect::OpenAiScan&& scan)
      : body_(LocalPtr<const std::string>::make(std::move(body))), scan_(std::move(scan)) {}
  void changed();
  LocalPtr<const std::string> body_;
  /// Of the body; of a neutral request, what it says of the same.
  dialect::OpenAiScan scan_;
  std::unique_ptr<contract::ChatRequest> chat_;  // apart: large, and most calls need none
  mutable int64_t input_bytes_ = 0;
};

/// Receives a streamed answer while it arrives. Its tasks are awaited: back-pressure.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Called before each attempt: what an earlier attempt sent that was not visible is void.
  virtual void begin_attempt(const catalog::Endpoint& endpoint) {}
  /// Called instead, where the caller allowed it: what was visible stands, and `endpoint` goes on
  /// from there after the attempt before broke off with `error`.
  virtual void continued(const catalog::Endpoint& endpoint, const Error& error) {}
  /// True if the sink would rather have an OpenAI-like endpoint's server-sent events as bytes.
  virtual bool wants_raw() const { return false; }
  virtual Task<Result<void>> delta(Context ctx, const contract::StreamDelta& delta) = 0;
  /// One whole event's data (without "data: " and line ends) of an OpenAI-like stream, in order;
  /// not the closing "[DONE]", which is the answer's end. A usage chunk that the caller did not ask
  /// for is left out. Taken at once; it may be held back until flush().
  virtual Result<void> raw(std::string_view data, bool visible) {
    return fail(Code::kInternal, "this sink takes no raw events");
  }
  /// No more is here for now: what was held back goes out. Events that came together cost one
  /// write, not one each. What ends the answer may come without it.
  virtual Task<Result<void>> flush(Context ctx) { co_return Result<void>(); }
};

/// Where the time of one attempt went.
struct AttemptTiming {
  Duration connect{};      // zero on a kept connection
  Duration headers{};      // request sent to answer's head: the model's thinking and the network
  Duration first_token{};  // from the start of the attempt to the first visible delta
  Duration total{};
};

struct Answer : Pooled {
  /// Without raw forwarding: complete. With it: everything but the message (id, model, usage …).
  contract::ChatResponse response;
  /// A non-streamed answer's own bytes when prompt and endpoint both speak OpenAI.
  std::optional<std::string> openai_body;
  AttemptTiming timing;
  /// Visible output was handed to the sink.
  bool visible = false;
  /// How much of it, as a stream.
  OutputMeter said;
  /// It went on beyond max_tokens and was ended here, with the finish reason "length".
  bool cut_at_limit = false;
  /// Names of request fields that the endpoint's dialect has no place for.
  std::vector<std::string> dropped;
  /// The answer's x-ratelimit-* headers, as they came.
  Rare<http::Headers> rate_limits;
  /// What the provider says of where it ran: x-ms-region, x-ms-deployment-name and the like.
  Rare<http::Headers> facts;
};

/// How long the parts of an attempt may take.
struct AttemptTimeouts {
  Duration connect_timeout;
  Duration headers_timeout;
  Duration answer_timeout;  // to the head of an answer that is not streamed
  Duration first_token_timeout;
  Duration between_tokens_timeout;
  Duration total_timeout{};  // of the attempt; zero: only the call's
  AttemptTimeouts();
};

struct AttemptOptions : AttemptTimeouts {
  std::string_view idempotency_key;  // sent with each attempt, and outlives it; empty: none
  /// Grows with each attempt under one key.
  int attempt = 1;
  /// Asked for where the caller states none, and looked at before anything is waited for; empty:
  /// none.
  std::string_view service_tier = {};
};

/// A failed attempt: the error, and whether something visible had already gone to the sink (then
/// nobody may fail over silently).
struct AttemptError {
  Error error;
  bool visible = false;
  /// Usage known so far (a cut stream after its usage event).
  contract::Usage usage;
  /// The request went out whole and the provider did not refuse it: it may bill it, whatever came
  /// of the answer. A refusal is a status other than 2xx, or an error that says as much in place of
  /// the answer.
  bool billable = false;
  /// Visible output of a stream.
  OutputMeter said;
  /// Of an answer without visible output: its bytes, as far as they came or were announced. Absent:
  /// nobody knows what it was going to be.
  std::optional<int64_t> body_bytes;
  AttemptTiming timing;
};

/// What an attempt came to.
using Attempted = Boxed<Answer, AttemptError>;

class BatchClient;

class Provider {
 public:
  virtual ~Provider() = default;
  virtual std::string_view name() const = 0;
  /// gen_ai.provider.name: "aws.bedrock", "azure.ai.openai", "openai", …
  virtual std::string_view otel_name() const = 0;
  /// Checks an endpoint's configuration (at load), naming the field and the remedy.
  virtual Result<void> check(const catalog::Endpoint& endpoint) const = 0;
  /// One attempt. With a sink the call is streamed upstream; without, it is not.
  virtual Task<Attempted> call(Context ctx, const catalog::Endpoint& endpoint, Prompt& prompt,
                               Sink* sink, AttemptOptions options) = 0;
  /// Its batches (batch_client.h); null: it has none.
  virtual BatchClient* batches() { return nullptr; }
};

/// What providers need of the process; outlives them.
struct ProviderEnvironment {
  http::Client* client = nullptr;
  Random* random = nullptr;
  /// Reads an environment variable; nullopt if unset.
  std::function<std::optional<std::string>(const std::string&)> getenv;
  /// Reads a small file (secrets, AWS profiles).
  std::function<Result<std::string>(const std::string&)> read_file;
};

/// Where the road gets its providers: the table below, or a test's own.
class Providers {
 public:
  virtual ~Providers() = default;
  /// nullptr if there is none of that name.
  virtual Provider* find(std::string_view name) const = 0;
};

/// All providers, by name. Made once.
class ProviderTable final : public Providers {
 public:
  explicit ProviderTable(ProviderEnvironment environment);
  ~ProviderTable() override;
  Provider* find(std::string_view name) const override;
  std::vector<std::string> names() const;

 private:
  struct Shared;
  struct Named {
    std::string_view name;  // beside it: each call looks for one
    std::unique_ptr<Provider> provider;
  };
  void add(std::unique_ptr<Provider> provider);
  std::unique_ptr<Shared> shared_;
  std::vector<Named> providers_;
};

}  // namespace drover::providers
