#include "session/memory_host.h"

#include "memory/memory_tools.h"

namespace drover::session {
namespace {

class Host final : public MemoryHost {
 public:
  explicit Host(memory::Memory& memory) : tools_(memory) {}

  std::vector<contract::ToolDefinition> definitions() const override {
    return memory::tool_definitions();
  }
  bool offers(std::string_view tool) const override { return memory::is_memory_tool(tool); }
  bool writes(std::string_view tool) const override {
    return tool == "memory_write" || tool == "memory_delete";
  }

  async::Task<Result<MemoryOutcome>> call(async::Context ctx, memory::Scope scope,
                                          contract::ToolCall call) override {
    CO_TRY(auto done, co_await tools_.execute(ctx, std::move(scope), std::move(call.name),
                                              std::move(call.arguments)));
    MemoryOutcome out;
    out.content = std::move(done.content);
    out.is_error = done.is_error;
    out.event_kind = std::move(done.event_kind);
    out.event_payload = std::move(done.event_payload);
    out.data_class = std::move(done.data_class);
    co_return out;
  }

 private:
  memory::MemoryTools tools_;
};

}  // namespace

std::unique_ptr<MemoryHost> make_memory_host(memory::Memory& memory) {
  return std::make_unique<Host>(memory);
}

}  // namespace drover::session
