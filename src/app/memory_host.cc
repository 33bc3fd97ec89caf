#include "app/memory_host.h"

#include "memory/memory_tools.h"

namespace drover::app {
namespace {

class Host final : public session::MemoryHost {
 public:
  explicit Host(memory::Memory& memory) : tools_(memory) {}

  std::vector<contract::ToolDefinition> definitions() const override {
    return memory::tool_definitions();
  }
  bool offers(std::string_view tool) const override { return memory::is_memory_tool(tool); }
  bool writes(std::string_view tool) const override {
    return tool == "memory_write" || tool == "memory_delete";
  }

  async::Task<Result<session::MemoryOutcome>> call(async::Context ctx, TenantId tenant,
                                                   std::string name_space, SessionId session,
                                                   contract::ToolCall call) override {
    memory::Scope scope;
    scope.tenant = std::move(tenant);
    scope.name_space = std::move(name_space);
    scope.source = std::move(session);
    CO_TRY(auto done, co_await tools_.execute(ctx, std::move(scope), std::move(call.name),
                                              std::move(call.arguments)));
    session::MemoryOutcome out;
    out.content = std::move(done.content);
    out.is_error = done.is_error;
    out.event_kind = std::move(done.event_kind);
    out.event_payload = std::move(done.event_payload);
    co_return out;
  }

 private:
  memory::MemoryTools tools_;
};

}  // namespace

std::unique_ptr<session::MemoryHost> make_memory_host(memory::Memory& memory) {
  return std::make_unique<Host>(memory);
}

}  // namespace drover::app
