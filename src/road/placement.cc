#include "road/placement.h"

#include <algorithm>

#include "base/limits/road.h"

namespace drover::road {
namespace {

std::string cooling(const catalog::Verdict& verdict) {
  std::string out = "cooling down";
  if (verdict.wait > Duration::zero()) out += " for " + format_duration(verdict.wait);
  return out + ": " + verdict.reason;
}

struct Cooling {
  const catalog::Endpoint* endpoint;
  Duration wait;
  size_t place;  // in the ladder's order
};

/// The shortest waits first; of equal ones the ladder's order. More than a call can try is cut off.
std::vector<const catalog::Endpoint*> in_order_of_wait(std::vector<Cooling> cooling) {
  std::sort(cooling.begin(), cooling.end(), [](const Cooling& a, const Cooling& b) {
    return a.wait != b.wait ? a.wait < b.wait : a.place < b.place;
  });
  if (cooling.size() > limits::kAttemptsMax) cooling.resize(limits::kAttemptsMax);
  std::vector<const catalog::Endpoint*> out;
  for (const Cooling& c : cooling) out.push_back(c.endpoint);
  return out;
}

}  // namespace

Places place(std::shared_ptr<const catalog::Catalog> catalog, const catalog::Health& health,
             const std::vector<std::string>& ladder) {
  Places places;
  Placement& out = places.placement;
  std::vector<Cooling> cooling_down;
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
        cooling_down.push_back(Cooling{endpoint, verdict.wait, cooling_down.size()});
      }
    }
  }
  if (!cooling_down.empty()) places.last_resort = in_order_of_wait(std::move(cooling_down));
  if (out.endpoints.empty() && !places.last_resort.empty()) {
    const catalog::Endpoint* least_bad = places.last_resort.front();
    out.endpoints.push_back(least_bad);
    places.last_resort.erase(places.last_resort.begin());
    std::erase_if(out.rejected, [&](const Rejection& r) { return r.endpoint == least_bad->id; });
  }
  out.catalog = std::move(catalog);
  return places;
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
