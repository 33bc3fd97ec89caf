#pragma once
// What the shell of a session needs of the process: handed in by src/app (real) or a test.

#include <string>
#include <vector>

#include "async/loop.h"
#include "base/limits/session.h"
#include "base/random.h"
#include "identity/audit.h"
#include "memory/memory.h"
#include "memory/scratch.h"
#include "road/effects.h"
#include "road/road.h"
#include "session/children.h"
#include "session/live_streams.h"
#include "session/planner.h"
#include "store/batch_signer.h"
#include "store/journal.h"
#include "store/records.h"
#include "store/spans.h"
#include "store/stream_log.h"
#include "tools/tool_set.h"
#include "trace/span.h"

namespace drover::session {

using async::Context;
using async::Task;

/// One memory effect done on behalf of a model's tool call.
struct MemoryOutcome {
  std::string content;  // what the model is told
  bool is_error = false;
  /// contract::kind::kMemoryRead or kMemoryWrite, and the event's payload.
  std::string event_kind;
  Json event_payload;
  std::string data_class;  // of what was read, as text
};

/// The agent's memory as tools. Implemented over src/memory.
class MemoryHost {
 public:
  virtual ~MemoryHost() = default;
  virtual std::vector<contract::ToolDefinition> definitions() const = 0;
  virtual bool offers(std::string_view tool) const = 0;
  /// Whether that tool changes memory.
  virtual bool writes(std::string_view tool) const = 0;
  /// `scope` says whose memory it is, the class of what is written, and what may be read.
  virtual Task<Result<MemoryOutcome>> call(Context ctx, memory::Scope scope,
                                           contract::ToolCall call) = 0;
};

class TreePools;
class WorkQueue;

struct Services {
  async::Loop* loop = nullptr;
  Random* random = nullptr;
  store::Journal* journal = nullptr;
  road::Road* road = nullptr;
  road::Effects* effects = nullptr;  // the road of tools and memory
  tools::ToolSet* tools = nullptr;
  MemoryHost* memory = nullptr;        // may be null: no memory tools
  memory::Scratch* scratch = nullptr;  // may be null: scratch data never moves
  trace::SpanSink* spans = nullptr;    // may be null
  PlannerClient* planner = nullptr;    // may be null: agents with a planner's URL wait
  AgentSource* agents = nullptr;       // may be null: children are of the parent's own agent
  // Set by the manager for its actors.
  Children* children = nullptr;
  TreePools* trees = nullptr;
  WorkQueue* work = nullptr;
  LiveStreams* live = nullptr;  // may be null: nobody can follow an answer while it comes
  // What a purge empties beside the journal; each may be null, or none.
  std::vector<store::Records*> records;
  store::Spans* kept_spans = nullptr;
  store::StreamLog* streams = nullptr;
  identity::Audit* audit = nullptr;      // hears of purges; may be null
  store::BatchSigner* signer = nullptr;  // hears of each commit; may be null: nothing is signed
  // Less in tests.
  size_t sessions_active_max = limits::kSessionsActiveMax;
  size_t work_items_max = limits::kWorkItemsMax;
};

}  // namespace drover::session
