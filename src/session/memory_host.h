#pragma once
// The agent's memory tools over src/memory, as sessions know them.

#include <memory>

#include "memory/memory.h"
#include "session/services.h"

namespace drover::session {

/// `memory` must outlive it.
std::unique_ptr<MemoryHost> make_memory_host(memory::Memory& memory);

}  // namespace drover::session
