#include "store/memory/memory_documents.h"

#include "base/limits/store.h"
#include "crypto/hash_chain.h"

namespace drover::store {

void MemoryDocuments::set(const Key& key, const std::optional<Json>& value) {
  if (value) {
    documents_[key] = *value;
  } else {
    documents_.erase(key);
  }
}

Task<Result<void>> MemoryDocuments::put(Context ctx, std::string collection, std::string name,
                                        Json value) {
  CO_TRY_VOID(check_document(collection, name, value.dump().size()));
  CO_TRY_VOID(disk_.admit());
  const Key key(std::move(collection), std::move(name));
  std::optional<Json> before;
  auto it = documents_.find(key);
  if (it != documents_.end()) before = it->second;
  documents_[key] = std::move(value);
  std::function<void()> undo = [this, key, before] { set(key, before); };
  co_return co_await disk_.commit(ctx, std::move(undo));
}

Task<Result<std::optional<Json>>> MemoryDocuments::get(Context ctx, std::string collection,
                                                       std::string name) {
  const Key key(std::move(collection), std::move(name));
  auto it = documents_.find(key);
  std::optional<Json> out;
  if (it != documents_.end()) out = it->second;
  co_return out;
}

Task<Result<bool>> MemoryDocuments::remove(Context ctx, std::string collection, std::string name) {
  CO_TRY_VOID(disk_.admit());
  const Key key(std::move(collection), std::move(name));
  auto it = documents_.find(key);
  if (it == documents_.end()) co_return false;
  std::optional<Json> before = std::move(it->second);
  documents_.erase(it);
  std::function<void()> undo = [this, key, before] { set(key, before); };
  CO_TRY_VOID(co_await disk_.commit(ctx, std::move(undo)));
  co_return true;
}

Task<Result<std::vector<std::pair<std::string, Json>>>> MemoryDocuments::list(
    Context ctx, std::string collection) {
  std::vector<std::pair<std::string, Json>> out;
  const Key first(collection, "");
  for (auto it = documents_.lower_bound(first);
       it != documents_.end() && it->first.first == collection; ++it) {
    out.emplace_back(it->first.second, it->second);
  }
  co_return out;
}

Task<Result<std::string>> MemoryBlobs::put(Context ctx, SessionId session, std::string bytes) {
  if (bytes.size() > limits::kBlobBytesMax) {
    co_return fail(Code::kInvalidArgument,
                   "a blob has at most " + std::to_string(limits::kBlobBytesMax) + " bytes");
  }
  CO_TRY_VOID(disk_.admit());
  Session& own = sessions_[session];
  if (own.key.empty()) own.key = crypto::make_content_key(random_);
  std::string ref = crypto::content_name(own.key, bytes);
  const bool added = own.blobs.emplace(ref, std::move(bytes)).second;
  std::function<void()> undo = [this, session, ref, added] {
    if (added) sessions_[session].blobs.erase(ref);
  };
  CO_TRY_VOID(co_await disk_.commit(ctx, std::move(undo)));
  co_return ref;
}

Task<Result<std::string>> MemoryBlobs::get(Context ctx, SessionId session, std::string ref) {
  auto own = sessions_.find(session);
  if (own != sessions_.end()) {
    auto blob = own->second.blobs.find(ref);
    if (blob != own->second.blobs.end()) co_return blob->second;
  }
  co_return fail(Code::kNotFound, "no blob " + ref + " in " + session.str());
}

Task<Result<void>> MemoryBlobs::remove_all(Context ctx, SessionId session) {
  CO_TRY_VOID(disk_.admit());
  sessions_.erase(session);
  co_return Result<void>();
}

}  // namespace drover::store
