#pragma once
// The tools of the world: servers that outlive the nodes, note each call with its key and attempt,
// and answer through a network that loses, doubles, delays and damages. `pay` does its work once
// for a key, as a careful server would; the others do it again each time.
//
// Owned by the world, outlives the nodes. Loop thread only.

#include <map>
#include <memory>
#include <string>

#include "tools/tool_set.h"
#include "world/life.h"

namespace drover::world {

class World;

class ToolServers {
 public:
  explicit ToolServers(World& world) : world_(world) {}

  /// The tools as one node reaches them.
  std::unique_ptr<tools::ToolSet> tools_for(int node, Life& life);

  /// A call arrives and is carried out; the answer is what the caller is sent, if he still is
  /// there.
  tools::ToolOutcome perform(const tools::ToolInvocation& call, bool error);
  /// What is left of the answer when it arrives.
  Result<tools::ToolOutcome> send_back(const tools::ToolInvocation& call,
                                       const tools::ToolOutcome& outcome);
  uint64_t performed() const { return performed_; }

  static const std::vector<std::string>& names();

 private:
  void tell(const tools::ToolInvocation& call, const std::string& content);

  World& world_;
  uint64_t performed_ = 0;
  std::map<std::string, std::string> paid_;     // key → receipt
  std::map<std::string, int> highest_attempt_;  // by key, as a server sees them
};

}  // namespace drover::world
