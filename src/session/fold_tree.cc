// Children.

#include <algorithm>

#include "session/folding.h"

namespace drover::session::folding {
namespace {

/// What the model is told of its children, in the order of the tasks.
std::string results_text(const ChildGroup& group) {
  Json out = Json::array();
  for (const ChildTask& task : group.tasks) {
    Json one = Json::object();
    if (!task.child.empty()) one.set("session", task.child.str());
    if (!task.agent.empty()) one.set("agent", task.agent);
    one.set("status", task.ended ? task.reason : "not finished");
    if (task.ended) one.set("result", task.result);
    out.push(std::move(one));
  }
  return out.dump();
}

ChildTask* find_task(State& state, const SessionId& child, ChildGroup** group) {
  for (ChildGroup& g : state.groups) {
    for (ChildTask& task : g.tasks) {
      if (task.child != child) continue;
      *group = &g;
      return &task;
    }
  }
  return nullptr;
}

/// Forgets groups that are satisfied and whose children have all ended.
void drop_settled(State& state) {
  std::erase_if(state.groups, [](const ChildGroup& group) {
    return group.resolved &&
           std::all_of(group.tasks.begin(), group.tasks.end(),
                       [](const ChildTask& t) { return t.ended || t.sequence == 0; });
  });
}

}  // namespace

void add_group(State& state, ChildGroup group) {
  for (ChildTask& task : group.tasks) task.index = state.tasks_total++;
  state.groups.push_back(std::move(group));
}

Result<void> on_child_spawned(State& state, const Event& event, const Json& payload) {
  auto wanted = index(payload, "index");
  for (ChildGroup& group : state.groups) {
    for (ChildTask& task : group.tasks) {
      if (!wanted || task.index != *wanted) continue;
      if (task.sequence != 0) return broken(event, "the child was already spawned");
      task.sequence = event.sequence;
      task.child = SessionId(payload.get_text("child"));
      if (const Json* spec = payload.find("spec")) task.spec = *spec;
      if (payload.find("budget") != nullptr) task.budget = SubtaskBudget::of(payload);
      ++state.spawns;
      return {};
    }
  }
  return broken(event, "no such task");
}

Result<void> on_child_ended(State& state, const Event& event, const Json& payload) {
  ChildGroup* group = nullptr;
  ChildTask* task = find_task(state, SessionId(payload.get_text("child")), &group);
  if (task == nullptr) return broken(event, "no such child");
  if (task->ended) return broken(event, "the child has already ended");
  task->ended = true;
  task->spec = Json();
  task->reason = payload.get_text("reason");
  task->result = payload.get_text("result");
  if (task->reason == "refused") --state.spawns;
  // A child that was refused is no result: it counts only once nothing else can come.
  size_t ended = 0, results = 0;
  for (const ChildTask& t : group->tasks) {
    ended += t.ended ? 1 : 0;
    results += t.ended && t.reason != "refused" ? 1 : 0;
  }
  if (!group->resolved && (results >= group->needed || ended == group->tasks.size())) {
    group->resolved = true;
    answer(state, group->call_index, results_text(*group), false);
  }
  drop_settled(state);
  return {};
}

}  // namespace drover::session::folding
