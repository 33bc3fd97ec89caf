#include "identity/keys.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/limits/identity.h"
#include "crypto/api_key.h"
#include "crypto/hash_chain.h"

namespace drover::identity {
namespace {

constexpr std::string_view kKeysCollection = "keys";
constexpr size_t kLabelBytesMax = 200;

Json key_json(const KeyInfo& info, const std::string& hash) {
  Json scopes = Json::array();
  for (Scope scope : info.scopes) scopes.push(scope_name(scope));
  Json out = Json::object();
  out.set("hash", hash).set("tenant", info.tenant.str()).set("label", info.label);
  out.set("scopes", std::move(scopes)).set("created", format_rfc3339(info.created));
  if (info.revoked) out.set("revoked", format_rfc3339(*info.revoked));
  if (!info.budgets.is_null()) out.set("budgets", info.budgets);
  return out;
}

Result<KeyInfo> read_key(const std::string& id, const Json& json) {
  KeyInfo out;
  TRY(out.id, KeyId::parse(id));
  TRY(out.tenant, TenantId::parse(json.get_string("tenant").value_or("")));
  out.label = json.get_text("label");
  TRY(out.created, parse_rfc3339(json.get_string("created").value_or("")));
  if (auto revoked = json.get_string("revoked")) {
    TRY(out.revoked, parse_rfc3339(*revoked));
  }
  if (const Json* budgets = json.find("budgets")) out.budgets = *budgets;
  const Json* scopes = json.find("scopes");
  if (scopes == nullptr || scopes->array_items() == nullptr) {
    return fail(Code::kDataLoss, "the stored key " + id + " has no scopes");
  }
  for (const Json& item : *scopes->array_items()) {
    TRY(Scope scope, parse_scope(item.string() == nullptr ? "" : *item.string()));
    out.scopes.push_back(scope);
  }
  return out;
}

Result<void> check_new(const std::string& label, const std::vector<Scope>& scopes) {
  if (label.empty() || label.size() > kLabelBytesMax || !is_utf8(label)) {
    return fail(Code::kInvalidArgument, "a key's label has 1 to 200 bytes of UTF-8");
  }
  if (scopes.empty()) {
    return fail(Code::kInvalidArgument, "a key needs a scope: call, sessions or admin");
  }
  return {};
}

}  // namespace

size_t Keys::DigestHash::operator()(const crypto::Digest& digest) const {
  // Any eight bytes of a SHA-256 spread evenly.
  size_t out = 0;
  std::memcpy(&out, digest.bytes.data(), sizeof(out));
  return out;
}

Keys::Verified& Keys::verified_slot(std::string_view key) {
  // A key ends in a checksum of random digits, which spreads as well as a hash of all of it.
  uint64_t end = 0;
  if (key.size() >= sizeof end) std::memcpy(&end, key.data() + key.size() - sizeof end, sizeof end);
  return verified_[((end * 0x9e3779b97f4a7c15) >> 32) % limits::kVerifiedKeysMax];
}

void Keys::forget_verified() {
  for (Verified& slot : verified_) slot = Verified();
}

void Keys::remember(Entry entry) {
  Result<crypto::Digest> digest = crypto::parse_digest(entry.hash);
  if (digest && entry.info.revoked) by_hash_.erase(*digest);
  if (digest && !entry.info.revoked) {
    Principal principal;
    principal.tenant = entry.info.tenant;
    principal.key = entry.info.id;
    principal.name = entry.info.label;
    principal.scopes = entry.info.scopes;
    principal.gate = gate_;
    entry.principal = std::move(principal);
    by_hash_[*digest] = entry.principal;
  }
  const KeyId id = entry.info.id;
  keys_[id] = std::move(entry);
}

Task<Result<void>> Keys::save(Context ctx, Entry entry) {
  Json json = key_json(entry.info, entry.hash);
  CO_TRY_VOID(co_await documents_.put(ctx, std::string(kKeysCollection), entry.info.id.str(),
                                      std::move(json)));
  forget_verified();
  remember(std::move(entry));
  co_return Result<void>();
}

Task<Result<void>> Keys::load(Context ctx) {
  CO_TRY(auto stored, co_await documents_.list(ctx, std::string(kKeysCollection)));
  keys_.clear();
  by_hash_.clear();
  forget_verified();
  for (const auto& [id, json] : stored) {
    Entry entry;
    CO_TRY(entry.info, read_key(id, json));
    entry.hash = json.get_text("hash");
    CO_TRY(crypto::Digest digest, crypto::parse_digest(entry.hash));
    entry.info.fingerprint = digest.hex().substr(0, 12);
    remember(std::move(entry));
  }
  co_return Result<void>();
}

Task<Result<NewKey>> Keys::create(Context ctx, TenantId tenant, std::string label,
                                  std::vector<Scope> scopes, Json budgets) {
  CO_TRY_VOID(check_new(label, scopes));
  if (keys_.size() >= limits::kKeysMax) {
    co_return fail(Code::kResourceExhausted, "there are " + std::to_string(limits::kKeysMax) +
                                                 " keys, the most that one server knows");
  }
  NewKey out;
  out.key = crypto::make_api_key(random_);
  out.info.id = KeyId::make(ctx.loop().wall(), random_);
  out.info.tenant = std::move(tenant);
  out.info.label = std::move(label);
  out.info.scopes = std::move(scopes);
  out.info.created = ctx.loop().wall();
  out.info.budgets = std::move(budgets);
  out.info.fingerprint = crypto::api_key_fingerprint(out.key.reveal());
  Entry entry;
  entry.info = out.info;
  entry.hash = crypto::hash_api_key(out.key.reveal());
  CO_TRY_VOID(co_await save(ctx, std::move(entry)));
  co_return out;
}

Task<Result<std::optional<NewKey>>> Keys::ensure_admin(Context ctx) {
  for (const auto& [id, entry] : keys_) {
    if (entry.info.tenant == default_tenant() && entry.principal->has(Scope::kAdmin)) {
      co_return std::optional<NewKey>();
    }
  }
  std::vector<Scope> all = Principal::system(default_tenant()).scopes;
  CO_TRY(NewKey made, co_await create(ctx, default_tenant(), "first admin", std::move(all)));
  co_return std::optional<NewKey>(std::move(made));
}

Task<Result<void>> Keys::revoke(Context ctx, TenantId tenant, KeyId id) {
  CO_TRY(async::Semaphore::Permit changing, co_await changing_.acquire(ctx));
  auto it = keys_.find(id);
  if (it == keys_.end() || it->second.info.tenant != tenant) {
    co_return fail(Code::kNotFound, "no key " + id.str());
  }
  if (it->second.info.revoked) co_return Result<void>();
  Entry entry = it->second;
  entry.info.revoked = ctx.loop().wall();
  entry.principal = PrincipalRef();
  co_return co_await save(ctx, std::move(entry));
}

Task<Result<void>> Keys::set_budgets(Context ctx, TenantId tenant, KeyId id, Json budgets) {
  CO_TRY(async::Semaphore::Permit changing, co_await changing_.acquire(ctx));
  auto it = keys_.find(id);
  if (it == keys_.end() || it->second.info.tenant != tenant) {
    co_return fail(Code::kNotFound, "no key " + id.str());
  }
  Entry entry = it->second;
  entry.info.budgets = std::move(budgets);
  co_return co_await save(ctx, std::move(entry));
}

Result<PrincipalRef> Keys::authenticate(std::string_view key, std::string_view remote,
                                        MonoTime now) {
  if (!key.empty()) {
    Verified& slot = verified_slot(key);
    // Not by time: how much of a guess is right must not show.
    if (equal_constant_time(slot.key.reveal(), key)) return slot.principal;
    auto it = by_hash_.find(crypto::sha256(key));
    if (it != by_hash_.end()) {
      slot = Verified{Secret(key), it->second};
      return it->second;
    }
  }
  Error error(Code::kUnauthenticated, "no API key: send Authorization: Bearer drv_…");
  if (!key.empty()) {
    error.message = "this API key is not known or was revoked";
    Result<void> form = crypto::check_api_key_form(key);
    if (!form) error = form.error();
  }
  const Duration wait = failures_.count(remote, now);
  if (wait > Duration::zero()) {
    error = Error(Code::kResourceExhausted, "too many failed authentications from this address",
                  Retry::kAfter);
    error.retry_after = wait;
  }
  return fail(std::move(error));
}

std::vector<KeyInfo> Keys::list(const std::optional<TenantId>& tenant) const {
  std::vector<KeyInfo> out;
  for (const auto& [id, entry] : keys_) {
    if (!tenant || entry.info.tenant == *tenant) out.push_back(entry.info);
  }
  std::sort(out.begin(), out.end(), [](const KeyInfo& a, const KeyInfo& b) { return a.id > b.id; });
  return out;
}

Result<KeyInfo> Keys::find(const KeyId& id) const {
  auto it = keys_.find(id);
  if (it == keys_.end()) return fail(Code::kNotFound, "no key " + id.str());
  return it->second.info;
}

}  // namespace drover::identity
