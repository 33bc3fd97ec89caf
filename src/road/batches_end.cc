// What comes back of a batch: its answers, what they cost, and who is told.

#include "base/log.h"
#include "road/batches_run.h"

namespace drover::road {

using async::Context;
using async::Task;
using dialect::BatchStatus;

Task<Result<BatchStatus>> Batches::follow(Context ctx, RunPtr run) {
  Duration pause = run->restarted ? Duration::zero() : limits::kBatchLookFirst;
  bool cancelled = false;
  for (;;) {
    if (pause > Duration::zero()) {
      Context until = ctx.with_timeout(spread(pause, *p_.random));
      async::Wake woken = co_await run->stirred.wait(until);
      (void)woken;
    }
    CO_TRY_VOID(ctx.check());
    pause = std::clamp<Duration>(pause * 3 / 2, limits::kBatchLookFirst, limits::kBatchLookMost);
    Result<Target> target = target_of(*run);
    Result<BatchStatus> status = fail(Code::kUnavailable, "its endpoint is configured no more");
    if (target) status = co_await target->client->look(ctx, *target->endpoint, run->id);
    if (status && status->state != dialect::BatchState::kOpen) co_return status;
    const bool gone = !status && status.error().code == Code::kNotFound;
    if (gone || p_.loop->wall() >= run->given_up()) {
      run->unsure = true;
      if (gone) co_return status;
      co_return fail(batch_lost("it did not end in its time"));
    }
    if (!target || cancelled || (p_.loop->wall() < run->ends() && !run->all(&Item::left))) continue;
    // What was done by now comes with the cancelled batch. One that has just ended refuses it.
    Result<void> done = co_await target->client->cancel(ctx, *target->endpoint, run->id);
    cancelled = done || done.error().retry == Retry::kNever;
    pause = limits::kBatchLookFirst;
  }
}

Task<Result<void>> Batches::read_file(Context ctx, RunPtr run, Target target, std::string file) {
  Duration pause = limits::kBatchLookFirst;
  for (int tries = 1;; ++tries) {
    auto read = co_await target.client->read(ctx, *target.endpoint, file);
    if (read) {
      for (dialect::BatchLine& line : read->lines) {
        take_line(*run, *target.endpoint, std::move(line));
      }
      run->unsure = run->unsure || read->unreadable > 0;
      co_return Result<void>();
    }
    // They are billed: asked for as long as the provider may have them.
    const bool gone = read.error().code == Code::kNotFound;
    const bool late = p_.loop->wall() >= run->given_up() && tries >= limits::kBatchTriesMax;
    if (gone || late) co_return fail(std::move(read).error());
    CO_TRY_VOID(co_await async::sleep_for(ctx, spread(pause, *p_.random)));
    pause = std::min<Duration>(pause * 2, limits::kBatchLookMost);
  }
}

Task<Result<void>> Batches::take_answers(Context ctx, RunPtr run, BatchStatus status) {
  CO_TRY(Target target, target_of(*run));
  run->output_file = status.output_file;
  run->error_file = status.error_file;
  const std::vector<std::string> files{status.output_file, status.error_file};
  for (const std::string& file : files) {
    if (file.empty()) continue;
    Result<void> read = co_await read_file(ctx, run, target, file);
    if (ctx.cancelled()) co_return read;
    if (read) continue;
    run->unsure = true;
    LOG_WARN("a file of the batch {} was not read: {}", run->id, read.error().to_string());
  }
  std::string why = "the batch " + run->id + " is " + status.word;
  if (!status.fault.empty()) why += " (" + status.fault + ")";
  Error error(Code::kUnavailable, why + " and has no answer to this call", Retry::kSameTarget);
  fail_open(*run, std::move(error).with_reason("batch_" + status.word));
  co_return Result<void>();
}

void Batches::take_line(Run& run, const catalog::Endpoint& endpoint, dialect::BatchLine line) {
  auto found = std::find_if(run.items.begin(), run.items.end(), [&](const ItemPtr& item) {
    return item->call.line() == line.custom_id;
  });
  if (found == run.items.end() || !(*found)->open()) return;
  Item& item = **found;
  if (!line.answer) {
    item.what = BatchState::What::kFailed;
    item.error = std::move(line.answer).error();
    if (p_.accounts != nullptr) p_.accounts->release(item.hold);
    count("error");
    return;
  }
  item.what = BatchState::What::kAnswered;
  item.response = std::move(*line.answer);
  item.response.service_tier = "batch";
  contract::Usage& usage = item.response.usage;
  if (!usage.input_tokens || !usage.output_tokens) {
    // Nobody told: at most, until the bill does.
    usage.estimated = true;
    usage.input_tokens = usage.input_tokens.value_or(item.call.most.input_tokens);
    usage.output_tokens = usage.output_tokens.value_or(item.call.most.output_tokens);
  }
  const catalog::Price& price = endpoint.price_at(p_.loop->wall());
  item.cost_known = price.known;
  item.cost = price.cost(usage, "batch");
  settle(item, endpoint, true);
  count("answered");
}

void Batches::settle(Item& item, const catalog::Endpoint& endpoint, bool ok) {
  if (item.settled || p_.accounts == nullptr) return;
  item.settled = true;
  if (item.hold.held()) {
    Settlement s;
    s.usage = &item.response.usage;
    s.cost = item.cost;
    s.cost_known = item.cost_known;
    s.ok = ok;
    s.request_id = item.response.request_id;
    s.tier = "batch";
    p_.accounts->settle(item.hold, s);
    return;
  }
  // A start whose budgets had no room for what was under way: it is billed all the same.
  if (p_.books == nullptr) return;
  LedgerCall call;
  call.record.at = p_.loop->wall();
  call.record.call_key = item.call.line();
  call.line.tenant = item.call.tenant;
  call.line.key = item.call.api_key;
  call.line.agent = item.call.agent;
  call.line.session = item.call.session;
  call.line.tree = item.call.tree;
  call.line.endpoint = endpoint.id;
  call.line.provider = endpoint.provider;
  call.line.region = endpoint.region;
  call.line.model = endpoint.model;
  trace::BillRow row;
  row.request_id = item.response.request_id;
  Match match;
  match.call = &call;
  match.row = &row;
  match.billed.usage = item.response.usage;
  match.billed.cost = item.cost;
  match.billed.cost_known = item.cost_known;
  match.tier = "batch";
  match.ok = ok;
  p_.books->add_missing(match);
}

void Batches::fail_open(Run& run, const Error& error) {
  Result<Target> target = target_of(run);
  catalog::Endpoint gone;  // one that was configured away has its name alone
  gone.id = run.endpoint;
  const catalog::Endpoint& endpoint = target ? *target->endpoint : gone;
  for (const ItemPtr& item : run.items) {
    if (!item->open()) continue;
    item->what = BatchState::What::kFailed;
    item->error = error;
    if (run.unsure) {
      contract::Usage& usage = item->response.usage;
      usage.estimated = true;
      usage.input_tokens = item->call.most.input_tokens;
      usage.output_tokens = item->call.most.output_tokens;
      item->cost = item->call.most.money;
      item->cost_known = item->call.most.known;
      settle(*item, endpoint, false);
    } else if (p_.accounts != nullptr) {
      p_.accounts->release(item->hold);
    }
    count(run.unsure ? "lost" : "unanswered");
  }
  run.accepted.wake_all();
}

void Batches::wake(const Run& run) {
  std::set<std::string> sessions;
  for (const ItemPtr& item : run.items) {
    const std::string& session = item->call.session;
    if (!item->told && sessions.insert(session).second) p_.wake(session, item->call.tenant);
  }
}

Task<void> Batches::keep_answers(Context ctx, RunPtr run) {
  const MonoTime most = p_.loop->mono() + limits::kBatchAnswersKept;
  Duration again = limits::kBatchToldAgain;
  for (MonoTime next = p_.loop->mono() + again;;) {
    auto slept = co_await async::sleep_for(ctx, limits::kBatchToldAgain);
    if (!slept) co_return;
    const MonoTime now = p_.loop->mono();
    const bool kept = run->told != MonoTime() && now - run->told < limits::kBatchHandedKept;
    const bool all = run->all(&Item::told);
    if ((all && !kept) || now >= most) co_return;
    if (all || now < next) continue;
    wake(*run);
    again *= 2;
    next = now + again;
  }
}

Task<Result<void>> Batches::remove_file(Context ctx, Target target, std::string file) {
  Duration pause = limits::kBatchLookFirst;
  for (int tries = 1;; ++tries) {
    Result<void> removed = co_await target.client->remove(ctx, *target.endpoint, file);
    if (removed || tries >= limits::kBatchRemovesMax) co_return removed;
    CO_TRY_VOID(co_await async::sleep_for(ctx, spread(pause, *p_.random)));
    pause = std::min<Duration>(pause * 2, limits::kBatchLookMost);
  }
}

Task<void> Batches::clear_away(Context ctx, RunPtr run) {
  Result<Target> target = target_of(*run);
  // Without its file, no order that comes late is carried out.
  if (target && run->input_file.empty() && run->may_have_file) {
    Result<void> found = co_await find_file(ctx, run, *target);
    if (!found) LOG_WARN("a batch's file may be left behind: {}", found.error().message);
  }
  const std::vector<std::string> files{run->input_file, run->output_file, run->error_file};
  run->state = Run::State::kEnded;
  Result<void> written = co_await write(ctx, run);
  if (!written) {
    LOG_WARN("a batch was not cleared away: {}", written.error().message);
    co_return;  // the next start does it
  }
  for (const std::string& file : files) {
    if (!target || file.empty()) continue;
    Result<void> removed = co_await remove_file(ctx, *target, file);
    if (ctx.cancelled()) co_return;  // the next start does the rest
    if (removed) continue;
    LOG_WARN("the file {} of a batch was left behind: {}", file, removed.error().message);
  }
  Result<bool> removed = co_await p_.documents->remove(ctx, kBatchesCollection, run->token);
  if (!removed) LOG_WARN("a batch's document was left behind: {}", removed.error().message);
  for (const ItemPtr& item : run->items) {
    auto found = items_.find(item->call.key);
    if (found != items_.end() && found->second == item) items_.erase(found);
  }
}

}  // namespace drover::road
