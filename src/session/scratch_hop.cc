#include "session/scratch_hop.h"

#include "base/log.h"
#include "session/tree.h"

namespace drover::session {
namespace {

Result<memory::ScratchOwner> owner_of(const ModelTask& task) {
  memory::ScratchOwner out;
  out.session = task.session;
  out.tenant = task.tenant;
  TRY(out.name_space,
      memory_namespace(task.agent.memory_namespace, task.labels, task.agent.name, task.session));
  return out;
}

}  // namespace

Result<std::string> memory_namespace(const std::string& pattern, const Json& labels,
                                     const std::string& agent, const SessionId& session) {
  memory::NamespaceParts parts;
  parts.user = labels.get_text("user");
  parts.agent = agent;
  parts.session = session.str();
  return memory::namespace_for(pattern, parts);
}

std::string scratch_store_name(const std::string& journalled) {
  return journalled.empty() ? road::kOwnStore : journalled;
}

bool has_scratch(const Services& services, const std::string& memory_namespace) {
  return services.scratch != nullptr && memory::per_session(memory_namespace);
}

Task<std::optional<road::ScratchAt>> scratch_before(Context ctx, Services services,
                                                    const ModelTask* task) {
  auto owner = owner_of(*task);
  if (!owner) co_return std::nullopt;
  road::ScratchAt out;
  out.store = scratch_store_name(task->scratch_store);
  co_await settle_scratch(ctx, services, task->session, out.store);
  auto size = co_await services.scratch->size(ctx, std::move(*owner), out.store);
  out.data_class.names = {"unreadable"};  // it may go nowhere
  if (!size) co_return out;
  out.bytes = size->bytes;
  if (auto data = contract::DataClass::parse(size->data_class)) out.data_class = std::move(*data);
  co_return out;
}

Task<Json> scratch_after(Context ctx, Services services, const ModelTask* task,
                         road::ScratchAt before, road::ScratchPlace place) {
  if (place.why.empty()) co_return Json();  // there is no choice
  Json out = Json::object();
  if (place.store.empty() || place.store == before.store) {
    co_return out.set("store", before.store).set("reason", place.why);
  }
  auto owner = owner_of(*task);
  if (!owner) co_return Json();
  trace::Span span(ctx, services.spans, *services.random, "scratch move");
  span.set_tenant(task->tenant);
  span.set_session(task->session.str());
  span.set("drover.scratch.from", before.store);
  span.set("drover.scratch.to", place.store);
  span.set("drover.scratch.reason", place.why);
  const MonoTime began = services.loop->mono();
  Context below = ctx.with_span(span.id());
  std::string asked = contract::join_texts(task->data_class, before.data_class.text());
  auto moved = co_await services.scratch->move(below, std::move(*owner), before.store, place.store,
                                               std::move(asked));
  const Duration took = services.loop->mono() - began;
  if (!moved) {
    span.fail(moved.error());
    span.end();
    out.set("store", before.store).set("reason", place.why);
    co_return out.set("error",
                      "it could not be moved to " + place.store + ": " + moved.error().message);
  }
  span.set("drover.scratch.bytes", static_cast<int64_t>(moved->bytes));
  span.set("drover.scratch.records", static_cast<int64_t>(moved->records));
  span.end();
  services.road->scratch_moved(before.store, place.store, moved->bytes, took);
  out.set("store", place.store).set("reason", place.why).set("from", before.store);
  out.set("records", moved->records).set("bytes", moved->bytes);
  co_return out.set("took_us", took.count() / 1000);
}

Task<void> settle_scratch(Context ctx, Services services, SessionId session, std::string store) {
  if (services.scratch == nullptr || !services.scratch->unsettled(session)) co_return;
  Context finish = ctx.detached();
  auto settled = co_await services.scratch->settle(finish, session, std::move(store));
  if (settled) co_return;
  LOG_WARN("session {}: scratch data that was left behind is still there: {}", session.str(),
           settled.error().to_string());
}

Task<void> settle_all_scratch(Context ctx, Services services) {
  if (services.scratch == nullptr) co_return;
  for (const SessionId& session : services.scratch->unsettled()) {
    auto state = co_await load_state(ctx, services.journal, session);
    std::string live;
    if (state) {
      live = scratch_store_name(state->scratch_store);
    } else if (state.error().code != Code::kNotFound) {
      LOG_WARN("session {}: {}", session.str(), state.error().to_string());
      continue;
    }
    co_await settle_scratch(ctx, services, session, std::move(live));
  }
}

}  // namespace drover::session
