#pragma once
// Evidence: whether an endpoint has shown, not long ago, that it runs what it says. Who collects
// and verifies it is not known here; without fresh evidence an endpoint does not exist for a call
// whose data needs it. Loop thread only.

#include <string>
#include <string_view>

#include "base/time.h"

namespace drover::policy {

class Evidence {
 public:
  virtual ~Evidence() = default;
  /// Verified evidence of that kind ("aws-nitro", "nvidia-cc"), at most that old.
  virtual bool fresh(std::string_view endpoint, std::string_view kind, Duration max_age) const = 0;
  /// Whether anything at all can be sent there now: an endpoint that is reached only over a key
  /// that it has proved to hold cannot be reached without. All others can.
  virtual bool reachable(std::string_view endpoint) const { return true; }
  /// Why the last document that was asked for was not had or refused; "" when it was taken.
  virtual std::string last_failure(std::string_view endpoint) const { return {}; }
};

}  // namespace drover::policy
