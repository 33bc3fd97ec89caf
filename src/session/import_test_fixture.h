#pragma once
// What tests of imports share: journals made by hand, with claims that need not be true.

#include "session/batch.h"
#include "session/tree_test_fixture.h"

namespace drover::session {

using Events = std::vector<contract::Event>;

inline identity::Principal somebody_else() {
  return identity::Principal::system(TenantId("ten_b"));
}

inline Result<Imported> take_in(World& w, const identity::Principal& who, Events events) {
  return w.loop.run_task(w.manager->import(w.ctx, who, std::move(events)));
}

inline std::string exported(const Events& events) {
  std::string out;
  for (const contract::Event& e : events) out += contract::encode_event(e) + "\n";
  return out;
}

/// A journal, made by hand, of a session that used 900 tokens; `place`: what it says of its tree.
inline Events claims(World& w, const SessionId& id, const std::string& tenant, Json place) {
  State state;
  state.id = id;
  Batch batch(state, w.loop, w.random);
  auto agent = AgentSpec::from_json(*Json::parse(kAgent));
  Json started = std::move(place);
  started.set("agent", agent->to_json()).set("tenant", tenant);
  EXPECT_TRUE(batch.add(system_draft(contract::kind::kSessionStarted, std::move(started))));
  Json settled = Json::object().set("reservation", "r").set("tokens", int64_t{900});
  EXPECT_TRUE(batch.add(system_draft(contract::kind::kBudgetSettled, std::move(settled))));
  return batch.take();
}

inline SessionId new_id(World& w) { return SessionId::make(w.loop.wall(), w.random); }

inline Json below(const SessionId& root, const SessionId& parent, uint64_t sequence = 1) {
  Json place = Json::object().set("root", root.str()).set("depth", int64_t{1});
  return place.set("parent", parent.str()).set("parent_sequence", sequence);
}

}  // namespace drover::session
