// The key that journals are signed with, and where the signatures lie: both in the data folder.

#include "app/runtime.h"
#include "store/files.h"

namespace drover::app {
namespace {

constexpr const char* kKeyName = "/signing.pem";
constexpr size_t kKeyBytesMax = 16 << 10;

Error with_path(Error error, const std::string& path) {
  error.message = path + ": " + error.message;
  return error;
}

}  // namespace

Result<void> Runtime::open_signer() {
  const std::string path = config_.data + kKeyName;
  std::optional<crypto::SigningKey> key;
  if (store::path_exists(path)) {
    TRY(std::string text, store::read_file(path, kKeyBytesMax));
    auto read = crypto::SigningKey::from_pem(text);
    if (read && read->algorithm() != crypto::SignatureAlgorithm::kEs256) {
      read = fail(Code::kInvalidArgument, "the key must be on P-256");
    }
    if (!read) return fail(with_path(std::move(read).error(), path));
    key = std::move(*read);
  } else if (options_.recover) {
    key = crypto::SigningKey::generate(crypto::SignatureAlgorithm::kEs256, random_);
    TRY_VOID(store::write_file(path, key->pem()));
  } else {
    return {};  // whoever only looks at a folder signs nothing in it
  }
  signing_key_ = key->public_key().fingerprint().hex();
  const std::string folder = config_.data + "/signatures";
  TRY(auto files, store::SignatureFiles::open(disk_, folder, std::move(*key)));
  signer_ = std::make_unique<store::BatchSigner>(std::move(files), blocking_, root_);
  metrics_.gauge_of("drover_heads_to_sign", "Journals whose last event is not signed yet.",
                    [this] { return static_cast<double>(signer_->waiting()); });
  return {};
}

}  // namespace drover::app
