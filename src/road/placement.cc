#include "road/placement.h"

#include <algorithm>

namespace drover::road {
namespace {

std::string cooling(const catalog::Verdict& verdict) {
  std::string out = "cooling down";
  if (verdict.wait > Duration::zero()) out += " for " + format_duration(verdict.wait);
  return out + ": " + verdict.reason;
}

}  // namespace

Placement place(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
                const std::vector<std::string>& ladder) {
  Placement out;
  const catalog::Endpoint* least_bad = nullptr;
  Duration least_wait = Duration::max();
  for (size_t i = 0; i < ladder.size(); ++i) {
    const std::string& model = ladder[i];
    if (std::find(ladder.begin(), ladder.begin() + static_cast<ptrdiff_t>(i), model) !=
        ladder.begin() + static_cast<ptrdiff_t>(i)) {
      continue;
    }
    const std::vector<const catalog::Endpoint*>& serving = catalog->serving(model);
    if (serving.empty()) {
      out.rejected.push_back(Rejection{model, "no endpoint serves this model"});
      continue;
    }
    for (const catalog::Endpoint* endpoint : serving) {
      catalog::Verdict verdict = health.check(*endpoint);
      if (verdict.usable()) {
        out.endpoints.push_back(endpoint);
      } else {
        out.rejected.push_back(Rejection{endpoint->id, cooling(verdict)});
        if (verdict.wait < least_wait) {
          least_wait = verdict.wait;
          least_bad = endpoint;
        }
      }
    }
  }
  if (out.endpoints.empty() && least_bad != nullptr) {
    out.endpoints.push_back(least_bad);
    std::erase_if(out.rejected, [&](const Rejection& r) { return r.endpoint == least_bad->id; });
  }
  out.catalog = std::move(catalog);
  return out;
}

Error no_endpoint(const std::vector<std::string>& ladder, const Placement& placement) {
  if (ladder.empty()) return Error(Code::kInvalidArgument, "no model was named");
  std::string names;
  for (const std::string& model : ladder) {
    if (names.size() > 200) break;
    names += (names.empty() ? "'" : ", '") + model.substr(0, 100) + "'";
  }
  Error out(Code::kNotFound, "the model " + names + " does not exist here");
  out.reason = "model_not_found";
  return out;
}

}  // namespace drover::road
