#include "identity/tenants.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/near_word.h"

namespace drover::identity {
namespace {

constexpr std::string_view kTenantsCollection = "tenants";
constexpr size_t kNameBytesMax = 200;

Result<Tenant> read_tenant(const std::string& id, const Json& json) {
  Tenant out;
  TRY(out.id, TenantId::parse(id));
  out.name = json.get_text("name");
  TRY(out.created, parse_rfc3339(json.get_string("created").value_or("")));
  return out;
}

}  // namespace

const TenantId& default_tenant() {
  static const TenantId id("ten_default");
  return id;
}

Task<Result<void>> Tenants::save(Context ctx, Tenant tenant) {
  Json json = Json::object();
  json.set("name", tenant.name).set("created", format_rfc3339(tenant.created));
  CO_TRY_VOID(co_await documents_.put(ctx, std::string(kTenantsCollection), tenant.id.str(), json));
  const TenantId id = tenant.id;
  tenants_[id] = std::move(tenant);
  co_return Result<void>();
}

Task<Result<void>> Tenants::load(Context ctx) {
  CO_TRY(auto stored, co_await documents_.list(ctx, std::string(kTenantsCollection)));
  tenants_.clear();
  for (const auto& [id, json] : stored) {
    CO_TRY(Tenant tenant, read_tenant(id, json));
    const TenantId key = tenant.id;
    tenants_[key] = std::move(tenant);
  }
  if (tenants_.count(default_tenant()) > 0) co_return Result<void>();
  Tenant first;
  first.id = default_tenant();
  first.name = "default";
  first.created = ctx.loop().wall();
  co_return co_await save(ctx, std::move(first));
}

Task<Result<Tenant>> Tenants::create(Context ctx, std::string name) {
  if (name.empty() || name.size() > kNameBytesMax || !is_utf8(name)) {
    co_return fail(Code::kInvalidArgument, "a tenant's name has 1 to 200 bytes of UTF-8");
  }
  if (find(name)) co_return fail(Code::kAlreadyExists, "there is a tenant '" + name + "'");
  Tenant tenant;
  tenant.id = TenantId::make(ctx.loop().wall(), random_);
  tenant.name = std::move(name);
  tenant.created = ctx.loop().wall();
  CO_TRY_VOID(co_await save(ctx, tenant));
  co_return tenant;
}

Result<Tenant> Tenants::find(std::string_view id_or_name) const {
  for (const auto& [id, tenant] : tenants_) {
    if (id.str() == id_or_name || tenant.name == id_or_name) return tenant;
  }
  std::vector<std::string_view> names;
  for (const auto& [id, tenant] : tenants_) names.push_back(tenant.name);
  const std::string_view near = near_word(id_or_name, names);
  return fail(Code::kNotFound,
              "no tenant '" + std::string(id_or_name.substr(0, 80)) + "'" +
                  (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?"));
}

std::vector<Tenant> Tenants::list() const {
  std::vector<Tenant> out;
  for (const auto& [id, tenant] : tenants_) out.push_back(tenant);
  std::sort(out.begin(), out.end(),
            [](const Tenant& a, const Tenant& b) { return a.created < b.created; });
  return out;
}

}  // namespace drover::identity
