// What is refused before it is used: endpoints and agents that name what is not there, data that
// may not be held.

#include <algorithm>

#include "app/runtime.h"

namespace drover::app {
namespace {

/// What to say behind "there is no such model".
std::string models_there_are(const std::vector<std::string>& models) {
  constexpr size_t kNamesShown = 8;
  if (models.empty()) {
    return ": no endpoint is configured (`drover serve --help` shows a first drover.yaml)";
  }
  std::string out;
  for (size_t i = 0; i < models.size() && i < kNamesShown; ++i) {
    out += (out.empty() ? "; there are: " : ", ") + models[i];
  }
  return out + (models.size() > kNamesShown ? ", …" : "");
}

}  // namespace

Result<void> check_endpoint(const providers::ProviderTable& table, const catalog::Endpoint& e) {
  if (const providers::Provider* provider = table.find(e.provider)) return provider->check(e);
  std::string known;
  for (const std::string& name : table.names()) known += (known.empty() ? "" : ", ") + name;
  return fail(Code::kInvalidArgument, "endpoint '" + e.id + "': there is no provider '" +
                                          e.provider + "' (there are: " + known + ")");
}

Result<void> Runtime::check_endpoints(const Config& config) const {
  for (const catalog::Endpoint& e : config.endpoints) TRY_VOID(check_endpoint(*providers_, e));
  return {};
}

Result<void> Runtime::check_agent(const session::AgentSpec& agent) const {
  std::vector<std::string> models = road_->models();
  for (const std::string& model : agent.all_models()) {
    if (std::find(models.begin(), models.end(), model) == models.end()) {
      return fail(Code::kInvalidArgument,
                  "no endpoint offers model '" + model + "'" + models_there_are(models));
    }
  }
  for (const std::string& tool : agent.tools) {
    bool there = std::any_of(config_.tools.begin(), config_.tools.end(),
                             [&](const tools::ToolServer& t) { return t.name == tool; });
    if (!there) return fail(Code::kInvalidArgument, "no tool server is named '" + tool + "'");
  }
  return {};
}

Task<Result<std::string>> Runtime::check_data(Context ctx, TenantId tenant,
                                              std::string data_class) {
  CO_TRY(std::string resolved, effects_->guard().resolve(data_class));
  CO_TRY_VOID(co_await may_hold(ctx, std::move(tenant), road::kOwnStore, resolved));
  co_return resolved;
}

Task<Result<void>> Runtime::may_hold(Context ctx, TenantId tenant, std::string store,
                                     std::string data_class) {
  constexpr policy::ThingKind kStore = policy::ThingKind::kStore;
  road::Guard& guard = effects_->guard();
  if (store.empty()) store = road::kOwnStore;
  co_await guard.prepare(ctx, kStore, store, tenant, data_class);
  co_return guard.check(kStore, store, tenant, data_class);
}

}  // namespace drover::app
