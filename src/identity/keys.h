#pragma once
// API keys: made, shown once, stored as hashes (crypto/api_key.h) in the documents collection
// "keys", found again by hash in memory: one look-up and no allocation per request, and no hashing
// for keys that were verified lately.
//
//   Keys keys(documents, random);
//   co_await keys.load(ctx);
//   auto first = co_await keys.ensure_admin(ctx);   // the key to print once, on a first start
//   auto who = keys.authenticate(presented, remote_ip, clock.mono());
//
// Failed attempts are counted per remote address; past limits::kAuthFailuresMax they are answered
// with kResourceExhausted and a time to wait. A right key always passes, so nobody can lock others
// out. Who may create, list and revoke is for the caller to authorise(). Loop thread only.

#include <optional>
#include <unordered_map>

#include "async/sync.h"
#include "base/json.h"
#include "base/limits/identity.h"
#include "base/secret.h"
#include "crypto/sha256.h"
#include "identity/auth_failures.h"
#include "identity/principal.h"
#include "identity/tenants.h"

namespace drover::identity {

/// What is known of a key; nothing in it helps to guess the key.
struct KeyInfo {
  KeyId id;
  TenantId tenant;
  std::string label;
  std::vector<Scope> scopes;
  WallTime created;
  std::optional<WallTime> revoked;
  std::string fingerprint;  // 12 hex digits of the hash
  /// What it may use: a list of budgets (road/budget.h), which is for others to read. Null: none.
  Json budgets;
};

struct NewKey {
  KeyInfo info;
  Secret key;  // shown once, kept nowhere
};

class Keys {
 public:
  /// All must outlive it; `random` must be the kernel's. The gate is that of all principals.
  Keys(store::Documents& documents, Random& random, const Gate* gate = nullptr)
      : documents_(documents), random_(random), gate_(gate) {}

  /// Reads the stored keys. Call before all else.
  Task<Result<void>> load(Context ctx);
  Task<Result<NewKey>> create(Context ctx, TenantId tenant, std::string label,
                              std::vector<Scope> scopes, Json budgets = Json());
  /// Replaces its budgets; kNotFound if the tenant has no such key.
  Task<Result<void>> set_budgets(Context ctx, TenantId tenant, KeyId id, Json budgets);
  /// An admin key for the default tenant if no key that is in force has the admin scope there.
  Task<Result<std::optional<NewKey>>> ensure_admin(Context ctx);
  /// From now on the key is refused. kNotFound if the tenant has no such key; fine if it was
  /// revoked.
  Task<Result<void>> revoke(Context ctx, TenantId tenant, KeyId id);

  /// The principal of a presented key. kUnauthenticated for none, a malformed, an unknown or a
  /// revoked one (the message tells a typo from a wrong key, nothing more). It stays what it was
  /// when the key changes.
  Result<PrincipalRef> authenticate(std::string_view key, std::string_view remote, MonoTime now);
  /// Newest first; nullopt: of every tenant.
  std::vector<KeyInfo> list(const std::optional<TenantId>& tenant) const;
  Result<KeyInfo> find(const KeyId& id) const;
  /// Addresses that failed lately, for metrics.
  const AuthFailures& failures() const { return failures_; }

 private:
  struct Entry {
    KeyInfo info;
    std::string hash;        // hex
    PrincipalRef principal;  // nobody once it is revoked
  };
  struct DigestHash {
    size_t operator()(const crypto::Digest& digest) const;
  };
  Task<Result<void>> save(Context ctx, Entry entry);
  void remember(Entry entry);

  store::Documents& documents_;
  Random& random_;
  /// One change of a key at a time, from what it was to what is stored: a change of its budgets
  /// under way must not bring back what was revoked meanwhile.
  async::Semaphore changing_{1};
  const Gate* gate_;
  std::unordered_map<KeyId, Entry> keys_;
  // Only keys in force.
  std::unordered_map<crypto::Digest, PrincipalRef, DigestHash> by_hash_;
  /// Keys that were right lately, by their last characters, so that a busy key is not digested
  /// for each request. A later key takes the slot of an earlier one; every change of a key empties
  /// all of them, so that a revoked one is refused at once.
  struct Verified {
    Secret key;
    PrincipalRef principal;
  };
  Verified& verified_slot(std::string_view key);
  void forget_verified();
  std::vector<Verified> verified_{limits::kVerifiedKeysMax};
  AuthFailures failures_;
};

}  // namespace drover::identity
