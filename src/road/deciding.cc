#include "road/deciding.h"

namespace drover::road {
namespace {

/// After a reload; more are asked as calls come.
constexpr size_t kAskedAgainMax = 64;

std::string key_of(const policy::Question& question) {
  return std::to_string(question.epoch) + '\n' + question.key;
}

}  // namespace

std::shared_ptr<async::OneShot<bool>> Deciding::begin(const policy::Ask& ask) {
  policy::Question question = placer_.decisions().question(ask);
  std::shared_ptr<Done>& slot = making_[key_of(question)];
  if (slot != nullptr) return slot;
  std::shared_ptr<Done> done = slot = std::make_shared<Done>();
  if (before_.size() < kAskedAgainMax) before_.push_back(question.ask);
  scope_.spawn(decide(std::move(question), done));
  return done;
}

Task<void> Deciding::decide(policy::Question question, std::shared_ptr<Done> done) {
  auto shared = std::make_shared<const policy::Question>(std::move(question));
  auto work = [shared] { return policy::judge(*shared); };
  policy::Verdicts verdicts =
      co_await async::run_blocking(scope_.context(), *executor_, std::move(work));
  ++made_;
  making_.erase(key_of(*shared));
  const bool taken = placer_.decisions().take(*shared, std::move(verdicts));
  done->set(taken);
}

Task<Result<void>> Deciding::prepare(Context ctx, policy::Ask ask) {
  while (!ready(ask)) {
    std::shared_ptr<Done> done = begin(ask);
    auto taken = co_await done->take(ctx);
    if (!taken) co_return fail(std::move(taken).error());
  }
  co_return Result<void>();
}

Task<void> Deciding::decide_all(Context ctx, std::vector<policy::Ask> asks) {
  for (policy::Ask& ask : asks) {
    auto done = co_await prepare(ctx, std::move(ask));
    if (!done) co_return;
  }
}

void Deciding::warm() {
  policy::Decisions& decisions = placer_.decisions();
  if (executor_ == nullptr || decisions.epoch() == warm_epoch_) return;
  warm_epoch_ = decisions.epoch();
  std::vector<policy::Ask> asks = std::exchange(before_, {});
  if (!decisions.slow()) return;
  // Where rules look at tenants it is not known who will ask.
  if (!decisions.policy().by_tenant()) {
    asks.push_back(placer_.ask("", contract::DataClass()));
    for (const auto& [name, data] : decisions.policy().classes()) {
      if (asks.size() < 2 * kAskedAgainMax) asks.push_back(placer_.ask("", data));
    }
  }
  scope_.spawn(decide_all(scope_.context(), std::move(asks)));
}

Task<void> Deciding::stop() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

}  // namespace drover::road
