#include "tools/batcher.h"

#include <algorithm>
#include <utility>

#include "base/json_canonical.h"
#include "base/log.h"

namespace drover::tools {
namespace {

/// The server said no before it did anything: there is no such tool, or not with these arguments.
bool cannot_have_run(const Error& error) {
  return error.code == Code::kNotFound || error.code == Code::kUnimplemented ||
         error.code == Code::kInvalidArgument || error.code == Code::kPermissionDenied;
}

}  // namespace

void Batcher::close(const std::string& group, const BatchPtr& batch) {
  batch->closed = true;
  auto it = open_.find(group);
  if (it != open_.end() && it->second == batch) open_.erase(it);
}

void Batcher::complain(const BatchForm& form, const Error& error) {
  if (!complained_.insert(form.tool).second) return;
  LOG_WARN("calls that should go together as '{}' are made singly: {}", form.tool, error.message);
}

Task<Result<ToolOutcome>> Batcher::call(Context ctx, BatchForm form, bool safe_to_repeat,
                                        std::string group, ToolInvocation invocation,
                                        CallWork work) {
  auto part = batch_part(form, invocation);
  if (!part) {
    Task<Result<ToolOutcome>> task = work(ctx, std::move(invocation));
    co_return co_await std::move(task);
  }
  if (scope_ == nullptr) scope_ = std::make_unique<async::Scope>(ctx.detached());
  group += canonical_json(part->rest);
  CallReport* report = invocation.report;
  auto seat = std::make_shared<Seat>();
  seat->invocation = std::move(invocation);
  seat->part = std::move(*part);
  seat->since = ctx.loop().mono();
  seat->deadline = ctx.deadline();
  auto it = open_.find(group);
  BatchPtr batch = it == open_.end() ? nullptr : it->second;
  bool first = batch == nullptr;
  if (first) {
    batch = std::make_shared<Batch>(scope_->context());
    batch->span = ctx.span();
    batch->form = std::move(form);
    batch->safe_to_repeat = safe_to_repeat;
    batch->work = std::move(work);
    open_[group] = batch;
  }
  batch->seats.push_back(seat);
  ++batch->present;
  if (first) {
    scope_->spawn(run(this, batch, group));
  } else if (batch->seats.size() >= batch->form.most) {
    close(group, batch);
    batch->full.wake_all();
  }
  auto done = co_await seat->answer.wait(ctx);
  seat->left = true;
  if (--batch->present == 0 && !seat->answer.ready()) {
    close(group, batch);
    batch->source.cancel("nobody waits for the calls any more");
  }
  if (report != nullptr) *report = seat->report;
  if (!done) co_return fail(std::move(done).error());
  co_return seat->answer.peek();
}

Task<void> Batcher::run(Batcher* self, BatchPtr batch, std::string group) {
  // At least to the end of this turn of the loop, in which a fan-out begins.
  Context brief = batch->source.context().with_timeout(std::max(batch->form.window, Duration(1)));
  async::Wake wake = co_await batch->full.wait(brief);
  (void)wake;
  self->close(group, batch);
  std::vector<SeatPtr> seats;
  MonoTime now = brief.loop().mono();
  for (const SeatPtr& seat : batch->seats) {
    seat->report.waited = now - seat->since;
    if (!seat->left) seats.push_back(seat);
  }
  if (seats.empty()) co_return;
  if (seats.size() == 1) {
    co_await alone(batch, seats.front());
  } else {
    co_await together(self, batch, std::move(seats));
  }
}

Task<void> Batcher::alone(BatchPtr batch, SeatPtr seat) {
  Context ctx = batch->source.context().with_deadline(seat->deadline).with_span(batch->span);
  ToolInvocation invocation = seat->invocation;
  invocation.report = &seat->report;
  Task<Result<ToolOutcome>> task = batch->work(ctx, std::move(invocation));
  auto outcome = co_await std::move(task);
  seat->answer.set(std::move(outcome));
}

Task<void> Batcher::singly(BatchPtr batch, std::vector<SeatPtr> seats) {
  async::Scope scope(batch->source.context());
  for (const SeatPtr& seat : seats) scope.spawn(alone(batch, seat));
  co_await scope.join();
}

Task<void> Batcher::together(Batcher* self, BatchPtr batch, std::vector<SeatPtr> seats) {
  std::vector<ToolInvocation> calls;
  std::vector<BatchPart> parts;
  MonoTime deadline{};
  for (const SeatPtr& seat : seats) {
    calls.push_back(seat->invocation);
    parts.push_back(seat->part);
    deadline = std::max(deadline, seat->deadline);
  }
  CallReport report;
  ToolInvocation invocation = batch_invocation(batch->form, calls, parts);
  invocation.report = &report;
  Context ctx = batch->source.context().with_deadline(deadline).with_span(batch->span);
  Task<Result<ToolOutcome>> task = batch->work(ctx, std::move(invocation));
  auto answer = co_await std::move(task);
  bool not_run = !answer && cannot_have_run(answer.error());
  Result<std::vector<ToolOutcome>> dealt =
      answer ? deal_batch(batch->form, *answer, seats.size())
             : Result<std::vector<ToolOutcome>>(fail(answer.error()));
  if (!dealt && (not_run || (answer && batch->safe_to_repeat))) {
    self->complain(batch->form, dealt.error());
    co_await singly(batch, std::move(seats));
    co_return;
  }
  for (size_t i = 0; i < seats.size(); ++i) {
    seats[i]->report.waited += report.waited;
    seats[i]->report.tries = report.tries;
    seats[i]->report.batch = seats.size();
    if (dealt) {
      seats[i]->answer.set(std::move((*dealt)[i]));
    } else {
      seats[i]->answer.set(fail(dealt.error()));
    }
  }
}

Task<void> Batcher::stop() {
  if (scope_ == nullptr) co_return;
  scope_->cancel("the tool server is let go");
  co_await scope_->join();
}

}  // namespace drover::tools
