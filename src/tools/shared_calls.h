#pragma once
// Identical calls under way share one. The first of a key begins the work in a scope of its own, so
// that it goes on when its caller gives up and others still wait; when nobody waits any more it is
// cancelled. Each caller's deadline ends his own waiting, not the work.
//
// What may share a key is the caller's to say (governed_client.cc). stop() must have ended before
// it goes. Loop thread only. Bounded by the calls under way.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "async/scope.h"
#include "async/sync.h"
#include "tools/tool_set.h"

namespace drover::tools {

using CallWork = std::function<Task<Result<ToolOutcome>>(Context, ToolInvocation)>;

class SharedCalls {
 public:
  Task<Result<ToolOutcome>> call(Context ctx, std::string key, ToolInvocation invocation,
                                 CallWork work);
  Task<void> stop();

 private:
  struct Flight {
    explicit Flight(const Context& parent) : source(parent) {}
    async::CancelSource source;
    async::OneShot<Result<ToolOutcome>> answer;
    CallReport report;
    size_t waiting = 0;
  };
  using FlightPtr = std::shared_ptr<Flight>;

  static Task<void> run(SharedCalls* self, Context ctx, FlightPtr flight, std::string key,
                        ToolInvocation invocation, CallWork work);
  void drop(const std::string& key, const FlightPtr& flight);

  std::map<std::string, FlightPtr> flights_;
  std::unique_ptr<async::Scope> scope_;
};

}  // namespace drover::tools
