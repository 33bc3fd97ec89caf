#include "async/stage.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "async/scope.h"
#include "async/sim_loop.h"

namespace drover::async {
namespace {

struct Road {
  Stage first;
  Stage second;
  std::string log;
};

Task<void> walk(Context ctx, Road* road, char name) {
  road->log += name;
  co_await road->first.enter(ctx.loop());
  road->log += name;
  co_await road->second.enter(ctx.loop());
  road->log += name;
}

Task<void> walk_together(Context ctx, Road* road) {
  Scope scope(ctx);
  for (char name : std::string("abc")) scope.spawn(walk(scope.context(), road, name));
  co_await scope.join();
}

TEST(Stage, ThoseWhoCameTogetherGoOnTogether) {
  SimLoop loop;
  Context ctx(loop);
  Road road;
  loop.run_task(walk_together(ctx, &road));
  EXPECT_EQ(road.log, "abcabcabc");
}

Task<void> walk_in_rounds(Context ctx, Road* road) {
  Scope scope(ctx);
  scope.spawn(walk(scope.context(), road, 'a'));
  // While `a` goes on from the stage, another comes to it.
  co_await road->first.enter(ctx.loop());
  scope.spawn(walk(scope.context(), road, 'b'));
  co_await scope.join();
}

TEST(Stage, WhoComesLaterGoesInTheNextRound) {
  SimLoop loop;
  Context ctx(loop);
  Road road;
  loop.run_task(walk_in_rounds(ctx, &road));
  EXPECT_EQ(road.log.size(), 6u);
  EXPECT_EQ(road.log.substr(0, 3), "aab");
}

Task<void> walk_and_end_it(Context ctx, std::unique_ptr<Stage>* stage) {
  co_await (*stage)->enter(ctx.loop());
  stage->reset();
}

TEST(Stage, TheLastOneMayEndIt) {
  SimLoop loop;
  Context ctx(loop);
  auto stage = std::make_unique<Stage>();
  loop.run_task(walk_and_end_it(ctx, &stage));
  EXPECT_EQ(stage, nullptr);
}

}  // namespace
}  // namespace drover::async
