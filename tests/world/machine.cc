#include "world/machine.h"

namespace drover::world {

Result<void> Machine::open(async::Loop& loop) {
  if (locked_ && plant_ != Plant::kMissingFence) {
    return fail(Code::kFailedPrecondition, "the data folder is in use by another process");
  }
  TRY_VOID(open_store(loop));
  locked_ = true;
  return {};
}

void Machine::end_process() {
  locked_ = false;
  process_ended();
}

void Machine::cut_power() {
  locked_ = false;
  power_gone();
}

}  // namespace drover::world
