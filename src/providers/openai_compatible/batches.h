#pragma once
// The batches of OpenAI, and of Azure OpenAI by the same form. Whose they are, a provider says: it
// makes a call (URL, credentials) of a path behind its files and batches.

#include <functional>

#include "providers/batch_client.h"

namespace drover::providers {

/// A call about batches, without method and body.
struct BatchCall {
  http::RequestTarget target;
  CallSecrets secrets;
  /// Called when the provider refuses the credentials.
  std::function<void()> refused;
};

/// What a provider does for its batches.
class BatchAccess {
 public:
  virtual ~BatchAccess() = default;
  /// A call of "files/…" or "batches/…" with URL and credentials.
  virtual Task<Result<BatchCall>> open(Context ctx, const catalog::Endpoint& endpoint,
                                       std::string path) = 0;
  /// What a batch calls the path of chat completions.
  virtual std::string_view url() const = 0;
  /// The model's name in a line.
  virtual const std::string& model(const catalog::Endpoint& endpoint) const = 0;
  virtual const dialect::Dialect& dialect() const = 0;
};

class OpenAiBatches final : public BatchClient {
 public:
  /// `access`, `client` and `random` outlive it.
  OpenAiBatches(BatchAccess& access, http::Client* client, Random* random)
      : access_(access), client_(client), random_(random) {}
  Result<std::string> encode(const catalog::Endpoint& endpoint, Prompt& prompt) override;
  Task<Result<std::string>> upload(Context ctx, const catalog::Endpoint& endpoint, std::string key,
                                   std::vector<BatchItem> items) override;
  Task<Result<dialect::BatchStatus>> create(Context ctx, const catalog::Endpoint& endpoint,
                                            std::string file, std::string key) override;
  Task<Result<dialect::BatchStatus>> look(Context ctx, const catalog::Endpoint& endpoint,
                                          std::string id) override;
  Task<Result<std::optional<dialect::BatchStatus>>> find(Context ctx,
                                                         const catalog::Endpoint& endpoint,
                                                         std::string key) override;
  Task<Result<std::string>> find_file(Context ctx, const catalog::Endpoint& endpoint,
                                      std::string key) override;
  Task<Result<dialect::BatchLines>> read(Context ctx, const catalog::Endpoint& endpoint,
                                         std::string file) override;
  Task<Result<void>> cancel(Context ctx, const catalog::Endpoint& endpoint,
                            std::string id) override;
  Task<Result<void>> remove(Context ctx, const catalog::Endpoint& endpoint,
                            std::string file) override;

 private:
  struct Wish {
    std::string method = "GET";
    std::string path;
    std::string content_type;
    std::string body;
  };
  /// The whole body of a good answer.
  Task<Result<std::string>> send(Context ctx, const catalog::Endpoint& endpoint, Wish wish);
  Task<Result<dialect::BatchStatus>> batch(Context ctx, const catalog::Endpoint& endpoint,
                                           Wish wish);
  /// A list's items, newest first, page by page, until one is the one.
  Task<Result<std::optional<Json>>> search(Context ctx, const catalog::Endpoint& endpoint,
                                           std::string path,
                                           std::function<bool(const Json&)> is_it);

  BatchAccess& access_;
  http::Client* client_;
  Random* random_;
};

}  // namespace drover::providers
