#pragma once
// Memory as tools of an agent: memory_write, memory_read, memory_search, memory_list,
// memory_delete. Definitions with JSON Schemas for the model, and the execution of a call: JSON
// arguments in, text for the model out, with the kind and payload of the journal event that records
// it. No model is ever called here, so a write takes milliseconds.
//
// What the model did wrong (bad arguments, no such key, a lost compare-and-set) is an outcome with
// is_error, told in words it can act on; what failed in the store is an Error. Loop thread only.

#include <string>
#include <string_view>
#include <vector>

#include "contract/chat.h"
#include "memory/memory.h"

namespace drover::memory {

struct ToolOutcome {
  std::string content;  // what the model is told
  bool is_error = false;
  /// contract::kind::kMemoryRead or kMemoryWrite, and the event's payload: operation, namespace,
  /// key or query, version, and how many records were found.
  std::string event_kind;
  Json event_payload;
  /// Of what was read: the join of the records' own, as text.
  std::string data_class;
};

/// In a fixed order and fixed bytes: they stand in the prefix of each prompt.
const std::vector<contract::ToolDefinition>& tool_definitions();
bool is_memory_tool(std::string_view name);

class MemoryTools {
 public:
  /// Must outlive it.
  explicit MemoryTools(Memory& memory) : memory_(memory) {}
  /// `arguments` is the JSON text of the call; empty means {}. kNotFound if there is no such tool.
  Task<Result<ToolOutcome>> execute(Context ctx, Scope scope, std::string name,
                                    std::string arguments);

 private:
  Task<Result<ToolOutcome>> write(Context ctx, Scope scope, Json arguments);
  Task<Result<ToolOutcome>> read(Context ctx, Scope scope, Json arguments);
  Task<Result<ToolOutcome>> search(Context ctx, Scope scope, Json arguments);
  Task<Result<ToolOutcome>> list(Context ctx, Scope scope, Json arguments);
  Task<Result<ToolOutcome>> remove(Context ctx, Scope scope, Json arguments);
  Memory& memory_;
};

}  // namespace drover::memory
