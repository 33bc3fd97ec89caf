#include "app/tool_servers.h"

#include <cstdlib>

namespace drover::app {

Result<std::vector<tools::ToolServer>> resolve_tool_servers(const Config& config,
                                                            const ReadFile& read_file) {
  std::vector<tools::ToolServer> out = config.tools;
  for (tools::ToolServer& server : out) {
    for (auto* values : {&server.environment, &server.headers}) {
      for (auto& [name, value] : *values) {
        // A program may be told by a variable that holds nothing; a header says who asks.
        auto secret = values == &server.headers ? resolve_secret(value, read_file)
                                                : resolve_reference(value, read_file);
        if (!secret) {
          Error error = std::move(secret).error();
          error.message = "tool server '" + server.name + "', " + name + ": " + error.message;
          return fail(std::move(error));
        }
        value = std::move(*secret);
      }
    }
    for (const char* name : {"PATH", "HOME", "LANG"}) {
      const char* value = std::getenv(name);
      if (value != nullptr) server.environment.emplace(name, value);
    }
  }
  return out;
}

}  // namespace drover::app
