#pragma once
// The wire form of OpenAI's and Azure's batches, as pure functions: the lines of an input file, the
// batch object, the lines of its output and error files. The requests and answers in the lines are
// the chat dialect's own. Sources: OpenAI's API reference (Batch), Azure's "How to use batch
// deployments".

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/dialect.h"

namespace drover::dialect {

enum class BatchState : uint8_t {
  kOpen,       // validating, in_progress, finalizing, cancelling: ask again later
  kCompleted,  // all lines were run, some may have failed
  kExpired,    // what was done by then is in the output
  kCancelled,  // likewise
  kFailed,     // the input was refused; nothing was run
};

struct BatchStatus {
  std::string id;
  BatchState state = BatchState::kOpen;
  std::string word;  // the provider's own
  std::string input_file, output_file, error_file;
  /// Ours, from its metadata; "" if it has none.
  std::string key;
  /// Of one that failed: what is wrong with the input.
  std::string fault;
  int64_t total = 0, completed = 0, failed = 0;
};

/// The member of a batch's metadata that holds our key.
inline constexpr std::string_view kBatchKeyName = "drover_batch";

/// Appends a line of an input file; `body` is an encoded request.
void append_batch_line(std::string& out, std::string_view custom_id, std::string_view url,
                       std::string_view body);
/// The body of POST /batches.
std::string encode_batch_order(std::string_view input_file, std::string_view url,
                               std::string_view key);
/// kDataLoss, reason "malformed_response", for what is no batch.
Result<BatchStatus> read_batch(const Json& json);

/// A line of an output or error file.
struct BatchLine {
  std::string custom_id;
  std::string request_id;  // the provider's
  Result<ChatResponse> answer = fail(Code::kInternal, "no answer was read");
};
/// An answer that cannot be read, or an error, is in `answer`; a line that names no request is the
/// Error.
Result<BatchLine> read_batch_line(std::string_view line, const Dialect& dialect);

struct BatchLines {
  std::vector<BatchLine> lines;
  size_t unreadable = 0;  // lines that name no request
};
/// A whole file.
BatchLines read_batch_lines(std::string_view file, const Dialect& dialect);

}  // namespace drover::dialect
