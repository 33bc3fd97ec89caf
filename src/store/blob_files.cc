#include "store/blob_files.h"

#include <cstring>

#include "base/limits/store.h"
#include "crypto/hash_chain.h"
#include "crypto/sha256.h"
#include "store/files.h"

namespace drover::store {
namespace {

constexpr std::string_view kKeyName = "key";

bool is_ref(std::string_view ref) {
  return ref.size() == 64 && ref.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::string> BlobFiles::folder(const SessionId& session) const {
  // The id becomes a name in the file system: nothing but the id's own alphabet may pass.
  TRY(SessionId checked, SessionId::parse(session.str()));
  // Spread by hash: ids begin with their time, so their first characters are nearly all alike.
  return root_ + "/" + crypto::sha256_hex(checked.str()).substr(0, 2) + "/" + checked.str();
}

Result<Secret> BlobFiles::key(const std::string& folder) const {
  TRY(std::string bytes, read_file(folder + "/" + std::string(kKeyName), 256));
  Secret out(bytes);
  explicit_bzero(bytes.data(), bytes.size());
  if (out.size() < crypto::kContentKeyBytes) {
    return fail(Code::kDataLoss, "the naming key in " + folder + " is damaged: restore a backup");
  }
  return out;
}

Result<std::string> BlobFiles::put(const SessionId& session, std::string_view bytes,
                                   const Secret& fresh_key) const {
  if (bytes.size() > limits::kBlobBytesMax) {
    return fail(Code::kInvalidArgument, "a blob has " + std::to_string(bytes.size()) +
                                            " bytes, more than the " +
                                            std::to_string(limits::kBlobBytesMax) + " allowed");
  }
  TRY(std::string path, folder(session));
  TRY_VOID(make_folder(path));
  Result<Secret> own = key(path);
  if (!own && own.error().code == Code::kNotFound) {
    TRY_VOID(write_file(path + "/" + std::string(kKeyName), fresh_key.reveal()));
    own = fresh_key;
  }
  TRY(Secret naming, std::move(own));
  const std::string ref = crypto::content_name(naming, bytes);
  const std::string file = path + "/" + ref;
  if (!path_exists(file)) TRY_VOID(write_file(file, bytes));
  return ref;
}

Result<std::string> BlobFiles::get(const SessionId& session, std::string_view ref) const {
  if (!is_ref(ref)) return fail(Code::kInvalidArgument, "not a blob reference");
  TRY(std::string path, folder(session));
  Result<std::string> bytes = read_file(path + "/" + std::string(ref), limits::kBlobBytesMax);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return fail(Code::kNotFound, "no blob " + std::string(ref) + " in " + session.str());
  }
  if (!bytes) return bytes;
  TRY(Secret naming, key(path));
  if (crypto::content_name(naming, *bytes) != ref) {
    return fail(Code::kDataLoss, "blob " + std::string(ref) + " of " + session.str() +
                                     " is damaged: restore it from a backup");
  }
  return bytes;
}

Result<void> BlobFiles::remove_all(const SessionId& session) const {
  TRY(std::string path, folder(session));
  return remove_tree(path);
}

Task<Result<std::string>> FileBlobs::put(Context ctx, SessionId session, std::string bytes) {
  auto work = [this, session, bytes = std::move(bytes), fresh = crypto::make_content_key(random_)] {
    return files_.put(session, bytes, fresh);
  };
  co_return co_await async::run_blocking(ctx, executor_, std::move(work));
}

Task<Result<std::string>> FileBlobs::get(Context ctx, SessionId session, std::string ref) {
  auto work = [this, session, ref] { return files_.get(session, ref); };
  co_return co_await async::run_blocking(ctx, executor_, std::move(work));
}

Task<Result<void>> FileBlobs::remove_all(Context ctx, SessionId session) {
  auto work = [this, session] { return files_.remove_all(session); };
  co_return co_await async::run_blocking(ctx, executor_, std::move(work));
}

}  // namespace drover::store
