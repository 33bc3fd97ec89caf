#pragma once
// Tenants: whose things are whose. The default tenant always exists and is the operator's own.
// Kept in the documents collection "tenants". Loop thread only.

#include <map>
#include <vector>

#include "async/context.h"
#include "async/task.h"
#include "base/ids.h"
#include "base/random.h"
#include "store/documents.h"

namespace drover::identity {

using async::Context;
using async::Task;

/// "ten_default".
const TenantId& default_tenant();

struct Tenant {
  TenantId id;
  std::string name;  // for people; unique
  WallTime created;
};

class Tenants {
 public:
  /// Both must outlive it.
  Tenants(store::Documents& documents, Random& random) : documents_(documents), random_(random) {}
  /// Reads what is stored and makes the default tenant if it is missing. Call before all else.
  Task<Result<void>> load(Context ctx);
  /// kAlreadyExists for a name in use, kInvalidArgument for one that is empty or too long.
  Task<Result<Tenant>> create(Context ctx, std::string name);
  /// By id or by name; kNotFound, whose message may name another tenant: for the operator alone.
  Result<Tenant> find(std::string_view id_or_name) const;
  /// By time of making.
  std::vector<Tenant> list() const;

 private:
  Task<Result<void>> save(Context ctx, Tenant tenant);
  store::Documents& documents_;
  Random& random_;
  std::map<TenantId, Tenant> tenants_;
};

}  // namespace drover::identity
