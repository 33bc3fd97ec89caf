#pragma once
// A provider's batches: requests that may wait for hours, handed over together and answered
// together at a lower price. One call here is one request on the wire; what to do about a failed
// one is the road's to say (road/batches.h).
//
// OpenAI and Azure: a file of lines is uploaded, a batch made of it, looked at until it has ended,
// and its output and error files read. Both files are data at rest at the provider until remove().
// Another provider's form is another implementation of BatchClient beside its provider.
//
// Errors are those of an attempt (attempt.h); no secret stands in them. Loop thread only; the
// endpoint outlives each task.

#include <optional>
#include <string>
#include <vector>

#include "dialect/openai_batch.h"
#include "providers/attempt.h"

namespace drover::providers {

/// One request of a batch, encoded.
struct BatchItem {
  std::string custom_id;
  std::string body;
};

class BatchClient {
 public:
  virtual ~BatchClient() = default;
  /// The request's body as a line of a batch at this endpoint has it.
  virtual Result<std::string> encode(const catalog::Endpoint& endpoint, Prompt& prompt) = 0;
  /// Uploads the requests; the file's id. `key` stands in its name.
  virtual Task<Result<std::string>> upload(Context ctx, const catalog::Endpoint& endpoint,
                                           std::string key, std::vector<BatchItem> items) = 0;
  /// Makes a batch of the file, under our key.
  virtual Task<Result<dialect::BatchStatus>> create(Context ctx, const catalog::Endpoint& endpoint,
                                                    std::string file, std::string key) = 0;
  virtual Task<Result<dialect::BatchStatus>> look(Context ctx, const catalog::Endpoint& endpoint,
                                                  std::string id) = 0;
  /// The batch under our key, among the newest 500; nothing: there is none.
  virtual Task<Result<std::optional<dialect::BatchStatus>>> find(Context ctx,
                                                                 const catalog::Endpoint& endpoint,
                                                                 std::string key) = 0;
  /// The file that was uploaded under our key, among the newest; "" if there is none.
  virtual Task<Result<std::string>> find_file(Context ctx, const catalog::Endpoint& endpoint,
                                              std::string key) = 0;
  /// The lines of an output or error file.
  virtual Task<Result<dialect::BatchLines>> read(Context ctx, const catalog::Endpoint& endpoint,
                                                 std::string file) = 0;
  virtual Task<Result<void>> cancel(Context ctx, const catalog::Endpoint& endpoint,
                                    std::string id) = 0;
  /// Removes a file; one that is gone already is no error.
  virtual Task<Result<void>> remove(Context ctx, const catalog::Endpoint& endpoint,
                                    std::string file) = 0;
};

}  // namespace drover::providers
