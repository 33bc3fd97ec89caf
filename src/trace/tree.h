#pragma once
// The tree of one trace or session, made from its spans: who called whom, where the time went by
// cause, tokens and money of each node and of all below it. As text for `drover trace`, as JSON for
// the pages. Pure.
//
// Where spans come from elsewhere nothing is trusted: a span whose parent is missing is a root, one
// that is its own ancestor too; deeper than kTraceDepthMax the tree goes on flat.

#include <map>
#include <string>
#include <vector>

#include "base/money.h"
#include "store/spans.h"

namespace drover::trace {

inline constexpr int kTraceDepthMax = 64;

struct TraceTokens {
  int64_t input = 0;
  int64_t output = 0;
  int64_t cache_read = 0;
  int64_t cache_write = 0;
  int64_t reasoning = 0;
  bool estimated = false;
  bool any() const { return input != 0 || output != 0; }
  TraceTokens& operator+=(const TraceTokens& other);
};

struct TraceNode {
  store::SpanRow span;
  std::vector<TraceNode> children;  // by start
  /// This span's own and everything below it.
  TraceTokens tokens;
  Money cost;
  /// By cause ("model", "network", "tool" …): the span's own account if it has one, otherwise the
  /// sum of its children's.
  std::map<std::string, Duration> latency;
  /// What it may cost or wait for: "slow, flex"; "" where it is as every call.
  std::string service;
  /// How it came about: "needs vision", "batch of 6, 2 tries"; mostly "".
  std::string notes;
};

struct TraceTree {
  std::vector<TraceNode> roots;  // by start
  size_t spans = 0;
};

TraceTree build_tree(std::vector<store::SpanRow> spans);
std::string render_text(const TraceTree& tree);
Json render_json(const TraceTree& tree);

}  // namespace drover::trace
