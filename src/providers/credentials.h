#pragma once
// Reads the secret that a CredentialRef names: "env:NAME", "file:PATH", or none. ("aws:…" is the
// aws provider's own.) A failure names the variable or the file, never a value.
// Secrets read from files are kept for kReadAgainAfter, so that the loop rarely touches the disk
// and a rotated file is seen soon; refused() forgets one at once. Loop thread only.

#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "base/assert.h"
#include "base/local_ptr.h"
#include "base/secret.h"
#include "providers/provider.h"

namespace drover::providers {

/// A secret as its holders share it; the same one means that it has not changed.
using SecretPtr = LocalPtr<const Secret>;

/// The secrets that one call is made with, and no text that comes of it may show: a key, or the two
/// parts of one.
class CallSecrets {
 public:
  static constexpr size_t kMost = 2;
  /// Nothing for an empty one.
  void add(SecretPtr secret) {
    if (secret->empty()) return;
    DROVER_ASSERT(count_ < kMost);
    secrets_[count_++] = std::move(secret);
  }
  std::span<const SecretPtr> all() const { return {secrets_.data(), count_}; }

 private:
  std::array<SecretPtr, kMost> secrets_;
  size_t count_ = 0;
};

class Credentials {
 public:
  static constexpr Duration kReadAgainAfter = 30s;
  explicit Credentials(const ProviderEnvironment& environment) : environment_(&environment) {}

  /// Never null; an empty one for an endpoint without credentials. The same one as long as the
  /// secret is the same, however often it is read.
  Result<SecretPtr> get(const Context& ctx, const std::string& source);
  /// The provider refused it: read it anew next time.
  void refused(const std::string& source) { cached_.erase(source); }

 private:
  struct Entry {
    SecretPtr secret;
    MonoTime read;
  };
  Result<Secret> read(const std::string& source) const;
  const ProviderEnvironment* environment_;
  const SecretPtr none_ = SecretPtr::make();
  std::map<std::string, Entry> cached_;
};

/// Checks the form of a reference at load: kInvalidArgument names what is allowed.
Result<void> check_credential_source(const std::string& source, bool aws_allowed);

}  // namespace drover::providers
