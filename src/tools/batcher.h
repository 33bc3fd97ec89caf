#pragma once
// Calls that go together (batch_form.h): the first of a group waits for others, as long as the form
// says or until there are as many as it takes; then they are one call, and its answer is dealt
// back. A call that stays alone is made as it is.
//
// Where the answer cannot be dealt, or the batch was refused before it ran, the calls are made
// singly if they are safe to repeat or cannot have run, and fail clearly otherwise. Where no answer
// was had at all, each call has that error.
//
// One for a server. stop() must have ended before it goes. Loop thread only. Limits:
// limits::kToolBatchMax, kToolBatchWindowMax; what is under way is bounded by the calls' limits.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "tools/batch_form.h"
#include "tools/shared_calls.h"

namespace drover::tools {

class Batcher {
 public:
  /// `group`: calls of one group may go together, if they agree in what the form leaves aside.
  /// `work` makes one call, of either tool.
  Task<Result<ToolOutcome>> call(Context ctx, BatchForm form, bool safe_to_repeat,
                                 std::string group, ToolInvocation invocation, CallWork work);
  Task<void> stop();

 private:
  struct Seat {
    ToolInvocation invocation;
    BatchPart part;
    MonoTime since{};
    MonoTime deadline{};
    bool left = false;
    CallReport report;
    async::OneShot<Result<ToolOutcome>> answer;
  };
  using SeatPtr = std::shared_ptr<Seat>;
  struct Batch {
    explicit Batch(const Context& parent) : source(parent) {}
    async::CancelSource source;
    SpanContext span;
    BatchForm form;
    bool safe_to_repeat = false;
    CallWork work;
    std::vector<SeatPtr> seats;
    size_t present = 0;
    bool closed = false;
    async::WaitQueue full;
  };
  using BatchPtr = std::shared_ptr<Batch>;

  static Task<void> run(Batcher* self, BatchPtr batch, std::string group);
  static Task<void> alone(BatchPtr batch, SeatPtr seat);
  static Task<void> together(Batcher* self, BatchPtr batch, std::vector<SeatPtr> seats);
  static Task<void> singly(BatchPtr batch, std::vector<SeatPtr> seats);
  void close(const std::string& group, const BatchPtr& batch);
  void complain(const BatchForm& form, const Error& error);

  std::map<std::string, BatchPtr> open_;
  std::set<std::string> complained_;  // tools of batches that do not work, said once
  std::unique_ptr<async::Scope> scope_;
};

}  // namespace drover::tools
