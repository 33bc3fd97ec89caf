#pragma once
// Documents and blobs in memory: the reference forms. Loop thread only.

#include <map>

#include "base/random.h"
#include "base/secret.h"
#include "store/blobs.h"
#include "store/documents.h"
#include "store/memory/memory_disk.h"

namespace drover::store {

class MemoryDocuments : public Documents {
 public:
  explicit MemoryDocuments(MemoryDisk& disk) : disk_(disk) {}
  Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                         Json value) override;
  Task<Result<std::optional<Json>>> get(Context ctx, std::string collection,
                                        std::string name) override;
  Task<Result<bool>> remove(Context ctx, std::string collection, std::string name) override;
  Task<Result<std::vector<std::pair<std::string, Json>>>> list(Context ctx,
                                                               std::string collection) override;

 private:
  using Key = std::pair<std::string, std::string>;
  void set(const Key& key, const std::optional<Json>& value);
  MemoryDisk& disk_;
  std::map<Key, Json> documents_;
};

class MemoryBlobs final : public Blobs {
 public:
  MemoryBlobs(MemoryDisk& disk, Random& random) : disk_(disk), random_(random) {}
  Task<Result<std::string>> put(Context ctx, SessionId session, std::string bytes) override;
  Task<Result<std::string>> get(Context ctx, SessionId session, std::string ref) override;
  Task<Result<void>> remove_all(Context ctx, SessionId session) override;

 private:
  struct Session {
    Secret key;
    std::map<std::string, std::string> blobs;
  };
  MemoryDisk& disk_;
  Random& random_;
  std::map<SessionId, Session> sessions_;
};

}  // namespace drover::store
