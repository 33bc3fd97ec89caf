// How a batch is handed over to its provider, once.

#include "base/log.h"
#include "road/batches_run.h"

namespace drover::road {

using async::Context;
using async::Task;
using dialect::BatchStatus;

Task<Result<void>> Batches::send(Context ctx, RunPtr run) {
  if (run->state == Run::State::kOpen) co_return Result<void>();
  if (!run->restarted) co_return co_await hand_over(ctx, run);
  CO_TRY(bool found, co_await recover(ctx, run));
  if (found) co_return Result<void>();
  // Its requests are gone with the process: whoever wants them makes them anew.
  co_return fail(batch_lost("it had not been handed over when the process ended"));
}

Task<Result<bool>> Batches::reserve_one(Context ctx, ItemPtr item, Target target) {
  const BatchCall& call = item->call;
  const std::string line = call.line();
  Result<bool> held = false;
  for (int tries = 0; held && !*held && tries < limits::kBatchTriesMax; ++tries) {
    if (tries > 0) CO_TRY_VOID(co_await p_.accounts->wait(ctx));
    Caller who;
    who.tenant = call.tenant;
    who.key = call.api_key;
    who.agent = call.agent;
    who.session = call.session;
    who.tree = call.tree;
    Ask most = call.most;
    most.call_key = line;
    held = p_.accounts->reserve(who, *target.endpoint, most, item->hold);
  }
  if (held && !*held) co_return fail(batch_lost("its reservation could not be made durable"));
  co_return held;
}

Task<Result<void>> Batches::reserve(Context ctx, RunPtr run) {
  if (p_.accounts == nullptr) co_return Result<void>();
  CO_TRY(Target target, target_of(*run));
  std::vector<ItemPtr> items = run->items;
  for (const ItemPtr& item : items) {
    if (item->settled || item->hold.held()) continue;
    Result<bool> held = co_await reserve_one(ctx, item, target);
    // One that is with its provider already is booked whatever the budgets say today.
    if (held || run->restarted) continue;
    item->error = held.error();
    item->what = BatchState::What::kFailed;
    take_out(*run, item);
    items_.erase(item->call.key);
    count("refused");
  }
  co_return Result<void>();
}

Task<Result<void>> Batches::find_file(Context ctx, RunPtr run, Target target) {
  CO_TRY(run->input_file, co_await target.client->find_file(ctx, *target.endpoint, run->token));
  co_return Result<void>();
}

Task<Result<void>> Batches::upload(Context ctx, RunPtr run, Target target) {
  // It may be there, and the answer lost.
  if (run->may_have_file) CO_TRY_VOID(co_await find_file(ctx, run, target));
  if (!run->input_file.empty()) co_return co_await write(ctx, run);
  run->may_have_file = true;
  std::vector<providers::BatchItem> lines;
  for (const ItemPtr& item : run->items) {
    lines.push_back(providers::BatchItem{item->call.line(), item->call.body});
  }
  CO_TRY(run->input_file,
         co_await target.client->upload(ctx, *target.endpoint, run->token, std::move(lines)));
  co_return co_await write(ctx, run);
}

/// All calls of a run are one tenant's, of one class.
Task<Result<void>> Batches::check_rules(Context ctx, RunPtr run) {
  if (!p_.allowed) co_return Result<void>();
  const BatchCall& call = run->items.front()->call;
  const bool may = co_await p_.allowed(ctx, run->endpoint, call.tenant, call.data_class);
  if (may) co_return Result<void>();
  co_return fail(batch_lost("the rules keep its data from '" + run->endpoint + "' now"));
}

Task<Result<void>> Batches::hand_over(Context ctx, RunPtr run) {
  CO_TRY(Target target, target_of(*run));
  run->state = Run::State::kSending;
  CO_TRY_VOID(co_await write(ctx, run));
  CO_TRY_VOID(co_await reserve(ctx, run));
  run->accepted.wake_all();  // those whose budget refused it
  if (run->items.empty()) co_return Result<void>();
  Error last;
  bool ordered = false;  // it may have been accepted, and the answer lost
  for (int tries = 0; tries < limits::kBatchTriesMax; ++tries) {
    if (tries > 0) {
      const Duration pause = std::max<Duration>(last.retry_after.value_or(Duration::zero()),
                                                limits::kBatchTryPause * (int64_t{1} << tries));
      CO_TRY_VOID(co_await async::sleep_for(ctx, spread(pause, *p_.random)));
    }
    if (run->input_file.empty()) {
      CO_TRY_VOID(co_await check_rules(ctx, run));
      Result<void> uploaded = co_await upload(ctx, run, target);
      if (!uploaded) {
        last = uploaded.error();
        if (last.retry == Retry::kNever) break;
        continue;
      }
    }
    if (ordered) {
      auto found = co_await target.client->find(ctx, *target.endpoint, run->token);
      if (!found) continue;
      if (*found) {
        co_await accepted(ctx, run, std::move(**found));
        co_return Result<void>();
      }
    }
    ordered = true;
    Result<BatchStatus> made =
        co_await target.client->create(ctx, *target.endpoint, run->input_file, run->token);
    if (made) {
      co_await accepted(ctx, run, std::move(*made));
      co_return Result<void>();
    }
    last = made.error();
    if (last.retry == Retry::kNever) co_return fail(std::move(last));
  }
  if (ordered) {
    CO_TRY(bool found, co_await recover(ctx, run));
    if (found) co_return Result<void>();
  }
  co_return fail(std::move(last));
}

/// Whether the provider has it. Until it says so nothing is sent once more, which might be done
/// twice.
Task<Result<bool>> Batches::recover(Context ctx, RunPtr run) {
  Duration pause = limits::kBatchLookFirst;
  for (int absent = 0;;) {
    Result<std::optional<BatchStatus>> found = fail(batch_lost("nobody said whether it was taken"));
    Result<Target> target = target_of(*run);
    if (target) found = co_await target->client->find(ctx, *target->endpoint, run->token);
    if (found && *found) {
      co_await accepted(ctx, run, std::move(**found));
      co_return true;
    }
    // Twice: what was sent just before the process ended may still be under way.
    if (found && ++absent >= 2) break;
    if (!found && p_.loop->wall() >= run->given_up()) {
      run->unsure = true;
      co_return fail(std::move(found).error());
    }
    CO_TRY_VOID(co_await async::sleep_for(ctx, spread(pause, *p_.random)));
    if (!found) pause = std::min<Duration>(pause * 2, limits::kBatchLookMost);
  }
  co_return false;
}

Task<void> Batches::accepted(Context ctx, RunPtr run, BatchStatus status) {
  run->id = std::move(status.id);
  run->input_file = std::move(status.input_file);
  run->state = Run::State::kOpen;
  bytes_ -= run->bytes;
  run->bytes = 0;
  for (const ItemPtr& item : run->items) item->call.body = std::string();
  // Where this cannot be written, the batch is found by its key at the next start.
  Result<void> written = co_await write(ctx, run);
  if (!written) LOG_WARN("a batch was not written down: {}", written.error().to_string());
  run->accepted.wake_all();
}

}  // namespace drover::road
