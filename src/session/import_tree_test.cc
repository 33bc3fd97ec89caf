// Imports: what a journal says of its place in a tree is a claim.

#include "session/import_test_fixture.h"

namespace drover::session {
namespace {

namespace kind = contract::kind;

/// The same journal with other ids of its children, as one makes it who can count hashes.
Events renamed(World& w, const Events& events, const SessionId& child, const SessionId& to) {
  State state;
  state.id = events.front().session;
  Batch batch(state, w.loop, w.random);
  for (const contract::Event& event : events) {
    Json payload = *Json::parse(event.payload);
    if (payload.get_string("child") == child.str()) payload.set("child", to.str());
    Draft draft = system_draft(event.kind, std::move(payload), event.causation, event.attempt);
    EXPECT_TRUE(batch.add(std::move(draft)));
  }
  return batch.take();
}

TEST(Import, NobodyGetsIntoAnotherTenantsTree) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  const SessionId theirs = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  const store::SessionRow before = w.row(theirs);
  const SessionId id = new_id(w);
  const Events events = claims(w, id, "ten_b", below(theirs, theirs));
  auto taken = take_in(w, somebody_else(), events);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->detached, "its parent is not here");
  EXPECT_EQ(taken->claimed_root, theirs);
  EXPECT_EQ(taken->claimed_parent, theirs);
  const store::SessionRow row = w.row(id);
  EXPECT_EQ(row.root, id);
  EXPECT_TRUE(row.parent.empty());
  EXPECT_EQ(row.depth, 0u);
  auto tree = w.loop.run_task(w.store.journal().tree(w.ctx, theirs));
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->sessions, 1);
  EXPECT_EQ(tree->spent.tokens, before.spent.tokens);
  // Nor when it does something: what it is told of and tells, and whose limits it raises.
  auto posted = w.loop.run_task(
      w.manager->post_message(w.ctx, somebody_else(), id, Message::of_text(Role::kUser, "go on")));
  ASSERT_TRUE(posted) << posted.error().message;
  w.loop.run_for(10s);
  ExtensionDecision more;
  more.budget = "tree";
  more.tokens = 5;
  ASSERT_TRUE(w.loop.run_task(w.manager->decide_extension(w.ctx, somebody_else(), id, more)));
  ASSERT_TRUE(w.loop.run_task(w.manager->cancel(w.ctx, somebody_else(), id, "")));
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(theirs).last_sequence, before.last_sequence);
  EXPECT_EQ(w.row(theirs).spent.tokens, before.spent.tokens);
  EXPECT_EQ(w.row(id).pending, 0u);
  auto all = w.loop.run_task(w.manager->events(w.ctx, somebody_else(), id, 1, 1000));
  ASSERT_TRUE(all);
  EXPECT_EQ(exported(Events(all->begin(), all->begin() + 2)), exported(events));
}

TEST(Import, APoolCountsNoRowOfAnotherTenant) {
  World w;
  State top;
  top.id = top.root = new_id(w);
  top.tenant = TenantId("ten_a");
  top.spawns = 1;
  for (std::string tenant : {"ten_a", "ten_b"}) {
    const SessionId id = new_id(w);
    Events events = claims(w, id, tenant, below(top.id, top.id));
    store::SessionRow row;
    row.id = id;
    row.tenant = TenantId(tenant);
    row.root = row.parent = top.id;
    row.spent.tokens = 900;
    ASSERT_TRUE(w.loop.run_task(w.store.journal().append(w.ctx, row, 0, std::move(events))));
  }
  TreePools pools(&w.store.journal());
  auto pool = w.loop.run_task(pools.open(w.ctx, &top));
  ASSERT_TRUE(pool) << pool.error().message;
  EXPECT_EQ((*pool)->used().tokens, 900);
}

TEST(Import, AKillOfATreeTakesNobodyWithItWhoOnlySaysToBelongToIt) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  const SessionId top = w.create(kAgent, "Hi");
  w.loop.run_for(10s);
  const SessionId id = new_id(w);
  ASSERT_TRUE(take_in(w, somebody_else(), claims(w, id, "ten_b", below(top, top))));
  KillTarget target;
  target.kind = KillTarget::Kind::kTree;
  target.what = top.str();
  auto report = w.loop.run_task(w.manager->kill(w.ctx, w.who, target, ""));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->stopped.size(), 1u);
  w.loop.run_for(10s);
  EXPECT_EQ(w.row(id).status, "waiting");
}

TEST(Import, ARootAloneIsNoPlace) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  const SessionId top = w.create(kAgent, "Hi");
  const SessionId unknown = new_id(w);
  for (const SessionId& root : {top, unknown}) {
    const SessionId id = new_id(w);
    Json place = Json::object().set("root", root.str()).set("depth", int64_t{3});
    auto taken = take_in(w, w.who, claims(w, id, "ten_a", std::move(place)));
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->detached, "it names no parent");
    EXPECT_EQ(w.row(id).root, id);
    EXPECT_EQ(w.row(id).depth, 0u);
  }
}

TEST(Import, NobodyIsAChildWhomItsParentDidNotSpawn) {
  Tree w;
  const SessionId top = w.create(kParent, "go");
  w.loop.run_for(60s);
  const uint64_t spawn = w.last(top, kind::kChildSpawned).sequence;
  for (uint64_t sequence : {spawn, uint64_t{1}, uint64_t{0}, uint64_t{1000}}) {
    const SessionId id = new_id(w);
    auto taken = take_in(w, w.who, claims(w, id, "ten_a", below(top, top, sequence)));
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->detached, "its parent's journal does not say that it spawned it");
    EXPECT_EQ(w.row(id).root, id);
  }
}

TEST(Import, AParentMayBeNobodyOrItself) {
  World w;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  const SessionId a = new_id(w), b = new_id(w), c = new_id(w);
  ASSERT_TRUE(take_in(w, w.who, claims(w, a, "ten_a", below(b, b))));
  ASSERT_TRUE(take_in(w, w.who, claims(w, b, "ten_a", below(a, a))));
  ASSERT_TRUE(take_in(w, w.who, claims(w, c, "ten_a", below(c, c))));
  for (const SessionId& id : {a, b, c}) {
    EXPECT_EQ(w.row(id).root, id);
    EXPECT_TRUE(w.row(id).parent.empty());
    ASSERT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, id, Message::of_text(Role::kUser, "go on"))));
  }
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(a).last_sequence, w.state(b).last_sequence);
}

/// Three levels, one child each.
struct Deep : Tree {
  SessionId top, mid, leaf;

  Deep() : Tree(R"({"name":"worker","instructions":"lead","models":["m"],"builtins":["spawn"]})") {
    spawn = R"({"tasks":[{"agent":"worker","message":"deeper"}]})";
    top = create(kParent, "go");
    loop.run_for(120s);
    mid = child_of(*this, top);
    leaf = child_of(*this, mid);
    EXPECT_FALSE(leaf.empty());
  }
};

TEST(Import, ATreeIsImportedFromTheTopDownwards) {
  Deep w;
  World other;
  for (const SessionId& id : {w.top, w.mid, w.leaf}) {
    auto taken = take_in(other, other.who, w.events(id));
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->detached, "");
    const store::SessionRow was = w.row(id);
    const store::SessionRow row = other.row(id);
    EXPECT_EQ(row.root, was.root);
    EXPECT_EQ(row.parent, was.parent);
    EXPECT_EQ(row.depth, was.depth);
    EXPECT_EQ(row.spent, was.spent);
    EXPECT_EQ(exported(other.events(id)), exported(w.events(id)));
  }
  auto there = w.loop.run_task(w.store.journal().tree(w.ctx, w.top));
  auto here = other.loop.run_task(other.store.journal().tree(other.ctx, w.top));
  ASSERT_TRUE(there && here);
  EXPECT_EQ(here->spent, there->spent);
  EXPECT_EQ(here->sessions, 3);
}

TEST(Import, WithoutWhatIsAboveItATreeBeginsThere) {
  Deep w;
  World other;
  auto taken = take_in(other, other.who, w.events(w.mid));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->detached, "its parent is not here");
  taken = take_in(other, other.who, w.events(w.leaf));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->detached, "") << "its own parent is here";
  const store::SessionRow leaf = other.row(w.leaf);
  EXPECT_EQ(leaf.root, w.mid);
  EXPECT_EQ(leaf.parent, w.mid);
  EXPECT_EQ(leaf.depth, 1u);
  const State folded = other.state(w.leaf);
  EXPECT_EQ(folded.root, w.mid);
  EXPECT_EQ(folded.depth, 1);
  // The top that comes too late takes nobody back.
  ASSERT_TRUE(take_in(other, other.who, w.events(w.top)));
  EXPECT_EQ(other.row(w.mid).root, w.mid);
  EXPECT_EQ(exported(other.events(w.mid)), exported(w.events(w.mid)));
}

/// A parent that waits for its only child, and whose process ends.
Events waiting_parent(Tree& w, SessionId* child) {
  w.spawn = R"({"tasks":[{"agent":"worker","message":"one"}]})";
  auto inner = w.road.answer;
  w.road.answer = [&w, inner](const contract::ChatRequest& r) -> Result<Message> {
    w.road.think = 1h;  // the child thinks for long
    return inner(r);
  };
  const SessionId id = w.create(kParent, "go");
  w.loop.run_for(60s);
  *child = child_of(w, id);
  EXPECT_EQ(w.state(id).reason, "children");
  return w.events(id);
}

TEST(Import, ACallThatWasUnderWayIsReserved) {
  Tree there;
  SessionId child;
  const Events top = waiting_parent(there, &child);
  World w;
  ASSERT_TRUE(take_in(w, w.who, top));
  auto taken = take_in(w, w.who, there.events(child));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->detached, "");
  const store::SessionRow row = w.row(child);
  EXPECT_GT(row.reserved.tokens, 0);
  EXPECT_EQ(row.reserved, there.row(child).reserved);
}

TEST(Import, AJournalThatNamesAStrangerAsItsChildLearnsNothingOfIt) {
  for (bool ended : {true, false}) {
    Tree there;
    SessionId child;
    const Events events = waiting_parent(there, &child);
    World w;
    w.who = somebody_else();
    new_id(w);  // another than there
    w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("secret"); };
    const SessionId theirs =
        w.create(ended ? R"({"name":"a","models":["m"],"end_after_answer":true})" : kAgent, "Hi");
    w.loop.run_for(10s);
    const uint64_t last = w.state(theirs).last_sequence;
    const SessionId id = events.front().session;
    const identity::Principal thief = identity::Principal::system(TenantId("ten_a"));
    auto taken = take_in(w, thief, renamed(w, events, child, theirs));
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, thief, id, Message::of_text(Role::kUser, "go on"))));
    w.loop.run_for(10s);
    auto learnt = w.loop.run_task(w.manager->events(w.ctx, thief, id, 1, 1000));
    ASSERT_TRUE(learnt);
    std::string told;
    for (const contract::Event& e : *learnt) told += e.kind == kind::kChildEnded ? e.payload : "";
    EXPECT_NE(told.find(R"("reason":"failed")"), std::string::npos) << told;
    EXPECT_EQ(told.find("secret"), std::string::npos) << told;
    EXPECT_EQ(w.state(theirs).last_sequence, last);
    // It is still its owner's to talk to.
    if (ended) continue;
    EXPECT_TRUE(w.loop.run_task(
        w.manager->post_message(w.ctx, w.who, theirs, Message::of_text(Role::kUser, "And?"))));
  }
}

TEST(Import, ItStopsNobodyEither) {
  Tree there;
  there.spawn = R"({"tasks":[{"agent":"worker","message":"one"},)"
                R"({"agent":"worker","message":"two"}],"wait":"any"})";
  const SessionId id = there.create(kParent, "go");
  there.loop.run_for(60s);
  // Up to the first end: the other child is open, and its result is not needed.
  Events events;
  std::set<std::string> open;
  for (contract::Event& e : there.events(id)) {
    std::string child = Json::parse(e.payload)->get_text("child");
    const bool end = e.kind == kind::kChildEnded;
    if (e.kind == kind::kChildSpawned) open.insert(child);
    if (end) open.erase(child);
    events.push_back(std::move(e));
    if (end) break;
  }
  ASSERT_EQ(open.size(), 1u);
  World w;
  w.who = somebody_else();
  new_id(w);  // another than there
  w.road.think = 1h;
  w.road.answer = [](const contract::ChatRequest&) -> Result<Message> { return say("ok"); };
  const SessionId theirs = w.create(kAgent, "Hi");
  w.loop.run_for(1s);
  const uint64_t last = w.state(theirs).last_sequence;
  ASSERT_EQ(w.state(theirs).status, Status::kRunning);
  const identity::Principal thief = identity::Principal::system(TenantId("ten_a"));
  auto taken = take_in(w, thief, renamed(w, events, SessionId(*open.begin()), theirs));
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_TRUE(w.loop.run_task(
      w.manager->post_message(w.ctx, thief, id, Message::of_text(Role::kUser, "go on"))));
  w.loop.run_for(10s);
  EXPECT_EQ(w.state(theirs).last_sequence, last);
  EXPECT_EQ(w.state(theirs).status, Status::kRunning);
}

}  // namespace
}  // namespace drover::session
