#pragma once
// One attempt on the wire, the same for every provider: send, tell errors apart, read the answer or
// the stream, and know a cut one from a finished one. A provider prepares a WireCall (URL, headers,
// authentication, dialect) and hands it here. What the calls of an endpoint have in common is its
// target, which they may share.
//
// What can go wrong, besides what the dialect's classify_error says:
//   unavailable/cut               the stream ended before the dialect's own end
//   deadline_exceeded/first_token, between_tokens, headers, connect, answer   other target next
//   deadline_exceeded/total, cancelled                                 the caller's own; no retry
//   unavailable/wrong_content_type, redirect                           not an answer of this API
//   resource_exhausted/answer_too_large                                limits::kHttpAnswerBytesMax
// Secrets named in WireCall::secrets never stand in an error, even if the provider quotes them.
// Loop thread only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/decimal.h"
#include "base/limits/http.h"
#include "base/memory_pool.h"
#include "dialect/dialect.h"
#include "providers/credentials.h"
#include "providers/provider.h"

namespace drover::providers {

/// Prepared, where several calls share it.
using TargetPtr = LocalPtr<const http::RequestTarget>;

struct WireCall : Pooled {
  TargetPtr target;
  http::RequestCall request;
  const dialect::Dialect* dialect = nullptr;
  bool stream = false;
  /// The body is the caller's own OpenAI bytes, and so may the answer be.
  bool passthrough = false;
  std::optional<Decimal> attempt;  // its number, where that is sent
  std::vector<std::string> dropped;
  CallSecrets secrets;
  /// Whom to tell when the provider refuses what this source gave. Null, or they outlive the call.
  Credentials* credentials = nullptr;
  const std::string* source = nullptr;
};
/// On the heap: what waits for an answer holds it all the while.
using WireCallPtr = std::unique_ptr<WireCall>;

/// The body for an endpoint: spliced where prompt and dialect both speak OpenAI, encoded otherwise.
Result<void> put_body(WireCall& call, Prompt& prompt, std::string_view upstream_model, bool stream,
                      std::string_view tier);

/// `prompt`, `client` and `sink` outlive the task.
Task<Attempted> run_attempt(Context ctx, http::Client* client, WireCallPtr call,
                            const Prompt& prompt, Sink* sink, AttemptTimeouts timeouts);

/// An attempt that failed before anything was sent.
tl::unexpected<AttemptError> attempt_failed(Error error);
/// The same as a task.
Task<Attempted> failed_attempt(Error error);

/// True for the dialects whose requests and answers are OpenAI's bytes.
bool speaks_openai(const dialect::Dialect& dialect);

}  // namespace drover::providers
