#include "world/workers.h"

#include "base/assert.h"
#include "world/client.h"
#include "world/world.h"

namespace drover::world {
namespace {

using session::Leased;
using session::WorkAnswer;
using session::WorkKey;
using session::WorkResult;

constexpr Duration kLease = 10s;

class Worker {
 public:
  Worker(World& world, int number)
      : world_(world), client_(world), name_(fmt::format("worker{}", number)) {}

  Task<void> run(Context ctx) {
    while (!ctx.cancelled()) {
      session::LeaseRequest request;
      request.queues = {kWorkQueue};
      request.worker = name_;
      request.wait = 20s;
      request.lease_time = kLease;
      identity::Principal who = client_.who();
      NodeCall<std::vector<Leased>> lease = [who, request](Context c, session::SessionManager& m) {
        return m.lease(c, who, request);
      };
      auto leased = co_await client_.call<std::vector<Leased>>(ctx, lease);
      if (!leased) {
        auto slept = co_await async::sleep_for(ctx, 300ms);
        if (!slept) co_return;
        continue;
      }
      for (const Leased& one : *leased) co_await work(ctx, one);
    }
  }

 private:
  /// Does one item, and what comes after it in its session.
  Task<void> work(Context ctx, Leased leased) {
    for (;;) {
      WorkKey key = leased.item.key;
      world_.verdict().note("{}: took {}", name_, key.str());
      WorkerFate fate = world_.faults().worker_fate();
      co_await labour(ctx, key, fate.work);
      if (fate.vanishes || ctx.cancelled()) co_return;
      WorkResult result = make_result(leased, fate.gives_back);
      auto answer = co_await post(ctx, key, result);
      if (fate.repeats && answer && !fate.gives_back) co_await repeat(ctx, key, result);
      if (!answer || !answer->next) co_return;
      leased = std::move(*answer->next);
    }
  }

  /// Works, with a heartbeat now and then; who works too long without one loses the lease.
  Task<void> labour(Context ctx, WorkKey key, Duration work) {
    while (work > Duration::zero()) {
      Duration part = std::min<Duration>(work, kLease / 2);
      auto slept = co_await async::sleep_for(ctx, part);
      if (!slept) co_return;
      work -= part;
      if (work == Duration::zero() || work > 25s) continue;  // forgets it when it is busy
      identity::Principal who = client_.who();
      NodeCall<WallTime> beat = [who, key](Context c, session::SessionManager& m) {
        return m.heartbeat(c, who, key, kLease);
      };
      auto kept = co_await client_.call<WallTime>(ctx, beat);
      (void)kept;
    }
  }

  WorkResult make_result(const Leased& leased, bool give_back) {
    WorkResult result;
    result.worker = name_;
    result.next = true;
    result.lease_time = kLease;
    if (give_back) {
      result.body.set("error", Json::object().set("message", "not today"));
      return result;
    }
    if (world_.faults().damage() != nullptr) {
      result.body.set(leased.item.plan ? "plan" : "content", 7);  // nonsense: it is refused
      return result;
    }
    if (leased.item.plan) {
      result.body.set("plan", plan_of(leased.item.body));
      return result;
    }
    tools::ToolInvocation call;
    call.tool = leased.item.body.get_text("name");
    call.idempotency_key = leased.item.body.get_text("idempotency_key");
    call.attempt = static_cast<int>(leased.item.key.attempt);
    result.body.set("content", world_.tool_servers().perform(call, false).content);
    return result;
  }

  /// Answers as the API does: with what was known while the disk wrote, told once that is durable,
  /// whatever becomes of the call afterwards.
  static Task<Result<WorkAnswer>> finish_ahead(Context ctx, session::SessionManager* manager,
                                               identity::Principal who, WorkKey key,
                                               WorkResult result) {
    std::optional<WorkAnswer> known;
    bool told = false;
    session::Ahead<WorkAnswer> ahead = [&known, &told](WorkAnswer answer) -> session::Tell {
      known = std::move(answer);
      return [&told] { told = true; };
    };
    auto answer = co_await manager->finish_work(ctx, who, key, std::move(result), std::move(ahead));
    if (told) co_return std::move(*known);
    DROVER_ASSERT(!answer || !known);
    co_return answer;
  }

  Task<Result<WorkAnswer>> post(Context ctx, WorkKey key, WorkResult result) {
    identity::Principal who = client_.who();
    NodeCall<WorkAnswer> finish = [who, key, result](Context c, session::SessionManager& m) {
      return finish_ahead(c, &m, who, key, result);
    };
    for (int tries = 0; tries < 3; ++tries) {
      auto answer = co_await client_.call<WorkAnswer>(ctx, finish);
      bool known = answer || answer.error().code == Code::kAborted ||
                   answer.error().code == Code::kFailedPrecondition ||
                   answer.error().code == Code::kInvalidArgument;
      if (known || ctx.cancelled()) co_return answer;
      CO_TRY_VOID(co_await async::sleep_for(ctx, 500ms));
    }
    co_return fail(Code::kUnavailable, "nobody takes the result");
  }

  Task<void> repeat(Context ctx, WorkKey key, WorkResult result) {
    result.next = false;
    result.body.set("content", "again");
    auto second = co_await post(ctx, key, std::move(result));
    if (second && second->sequence != 0) {
      world_.verdict().fail("one result", key.str() + " was taken twice from a worker");
    }
  }

  World& world_;
  Client client_;
  std::string name_;
};

}  // namespace

async::Task<void> run_worker(async::Context ctx, World* world, int number) {
  Worker worker(*world, number);
  co_await worker.run(ctx);
}

}  // namespace drover::world
