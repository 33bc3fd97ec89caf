#include "trace/tree.h"

#include <algorithm>
#include <tuple>

#include "trace/genai.h"

namespace drover::trace {
namespace {

int64_t count(const Json& attributes, std::string_view key) {
  return attributes.get_int(key).value_or(0);
}

class Builder {
 public:
  explicit Builder(std::vector<store::SpanRow> spans) : spans_(std::move(spans)) {
    std::sort(spans_.begin(), spans_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.start, a.context.span_id) < std::tie(b.start, b.context.span_id);
    });
    for (size_t i = 0; i < spans_.size(); ++i) by_id_.emplace(spans_[i].context.span_id, i);
    for (size_t i = 0; i < spans_.size(); ++i) {
      if (is_root(i)) {
        roots_.push_back(i);
      } else {
        children_[by_id_.at(spans_[i].parent_span_id)].push_back(i);
      }
    }
    taken_.resize(spans_.size(), false);
  }

  TraceTree build() {
    TraceTree out;
    out.spans = spans_.size();
    for (size_t i : roots_) out.roots.push_back(node(i, 0));
    // Whatever is left hangs in a ring of parents, or too deep.
    for (size_t i = 0; i < spans_.size(); ++i) {
      if (!taken_[i]) out.roots.push_back(node(i, 0));
    }
    return out;
  }

 private:
  bool is_root(size_t i) const {
    if (spans_[i].is_root()) return true;
    auto it = by_id_.find(spans_[i].parent_span_id);
    return it == by_id_.end() || it->second == i;
  }

  TraceNode node(size_t index, int depth) {
    taken_[index] = true;
    TraceNode out;
    out.span = std::move(spans_[index]);
    for (size_t child : children_[index]) {
      // Too deep: left for build(), which makes it a root of its own.
      if (taken_[child] || depth + 1 >= kTraceDepthMax) continue;
      out.children.push_back(node(child, depth + 1));
    }
    account(out);
    return out;
  }

  static void account(TraceNode& node) {
    const Json a = node.span.attributes.json();
    node.tokens.input = count(a, genai::kInputTokens);
    node.tokens.output = count(a, genai::kOutputTokens);
    node.tokens.cache_read = count(a, genai::kCacheReadTokens);
    node.tokens.cache_write = count(a, genai::kCacheWriteTokens);
    node.tokens.reasoning = count(a, genai::kReasoningTokens);
    node.tokens.estimated = a.get_bool(own::kUsageEstimated).value_or(false);
    if (auto cost = a.get_string(own::kCost)) {
      Result<Money> money = Money::parse_usd(*cost);
      if (money) node.cost = *money;
    }
    if (const Json::Object* members = a.members()) {
      for (const auto& [key, value] : *members) {
        if (!key.starts_with(own::kLatencyPrefix)) continue;
        node.latency[key.substr(own::kLatencyPrefix.size())] +=
            Duration(value.integer().value_or(0));
      }
    }
    for (std::string_view key : {own::kServiceClass, own::kServiceTier}) {
      std::string_view word = a.get_string(key).value_or("");
      if (word.empty() || word == "default") continue;
      node.service += (node.service.empty() ? "" : ", ") + std::string(word);
    }
    if (auto needs = a.get_string(own::kNeeds)) node.notes = "needs " + std::string(*needs);
    auto note = [&node](const std::string& text) {
      node.notes += (node.notes.empty() ? "" : ", ") + text;
    };
    if (a.get_bool(own::kToolCoalesced).value_or(false)) note("coalesced");
    if (int64_t n = count(a, own::kToolBatch); n > 0) note("batch of " + std::to_string(n));
    if (int64_t n = count(a, own::kToolTries); n > 1) note(std::to_string(n) + " tries");
    bool own_account = !node.latency.empty();
    for (const TraceNode& child : node.children) {
      node.tokens += child.tokens;
      node.cost += child.cost;
      if (own_account) continue;
      for (const auto& [cause, took] : child.latency) node.latency[cause] += took;
    }
  }

  std::vector<store::SpanRow> spans_;
  std::map<std::array<uint8_t, 8>, size_t> by_id_;
  std::map<size_t, std::vector<size_t>> children_;
  std::vector<size_t> roots_;
  std::vector<bool> taken_;
};

std::string describe(const TraceNode& node) {
  std::string out = node.span.name + "  " + format_duration(node.span.duration);
  std::string parts;
  for (const auto& [cause, took] : node.latency) {
    if (took <= Duration::zero()) continue;
    parts += (parts.empty() ? "" : ", ") + cause + ' ' + format_duration(took);
  }
  if (!parts.empty()) out += "  [" + parts + "]";
  if (!node.service.empty()) out += "  (" + node.service + ")";
  if (!node.notes.empty()) out += "  (" + node.notes + ")";
  if (node.tokens.any()) {
    out += "  " + std::to_string(node.tokens.input) + " in";
    if (node.tokens.cache_read > 0)
      out += " (" + std::to_string(node.tokens.cache_read) + " cached)";
    out += " + " + std::to_string(node.tokens.output) + " out";
    if (node.tokens.estimated) out += ", estimated";
  }
  if (!node.cost.is_zero()) out += "  " + node.cost.pretty();
  if (node.span.error) {
    const Json attributes = node.span.attributes.json();
    std::string type(attributes.get_string(genai::kErrorType).value_or("error"));
    out += "  FAILED: " + type;
  }
  return out;
}

constexpr size_t kPlacementShown = 240;

/// Where a step might go, and what was left out and why; "" for a span that placed nothing. The
/// JSON form has all of it.
std::string placement_of(const TraceNode& node) {
  const Json a = node.span.attributes.json();
  auto placed = a.get_string(own::kPlacement);
  if (!placed) return "";
  std::string out = placed->empty() ? "placed nowhere" : "placed at " + std::string(*placed);
  if (auto rejected = a.get_string(own::kPlacementRejected)) {
    out += "; not " + std::string(*rejected);
  }
  if (out.size() <= kPlacementShown) return out;
  size_t end = kPlacementShown;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

void render(const TraceNode& node, const std::string& indent, bool root, bool last,
            std::string& out) {
  out += indent;
  if (!root) out += last ? "└─ " : "├─ ";
  out += describe(node) + '\n';
  std::string below = indent + (root ? "" : last ? "   " : "│  ");
  const std::string beside = below + (node.children.empty() ? "   " : "│  ") + "* ";
  if (std::string placed = placement_of(node); !placed.empty()) out += beside + placed + '\n';
  if (const Json::Array* events = node.span.events.array_items()) {
    for (const Json& event : *events) {
      out += beside + std::string(event.get_string("name").value_or("event"));
      const Json* attributes = event.find("attributes");
      if (attributes != nullptr && attributes->is_object()) {
        for (const auto& [key, value] : *attributes->members()) {
          out += ' ' + key + '=' + (value.is_string() ? *value.string() : value.dump());
        }
      }
      out += '\n';
    }
  }
  for (size_t i = 0; i < node.children.size(); ++i) {
    render(node.children[i], below, false, i + 1 == node.children.size(), out);
  }
}

Json to_json(const TraceNode& node) {
  Json out = Json::object();
  out.set("name", node.span.name).set("kind", node.span.span_kind);
  out.set("trace_id", node.span.context.trace_id_hex());
  out.set("span_id", node.span.context.span_id_hex());
  out.set("start", format_rfc3339(node.span.start));
  out.set("duration_ns", static_cast<int64_t>(node.span.duration.count()));
  out.set("error", node.span.error);
  Json latency = Json::object();
  for (const auto& [cause, took] : node.latency)
    latency.set(cause, static_cast<int64_t>(took.count()));
  out.set("latency_ns", std::move(latency));
  Json tokens = Json::object();
  tokens.set("input", node.tokens.input).set("output", node.tokens.output);
  tokens.set("cache_read", node.tokens.cache_read).set("cache_write", node.tokens.cache_write);
  tokens.set("reasoning", node.tokens.reasoning).set("estimated", node.tokens.estimated);
  out.set("tokens", std::move(tokens));
  out.set("cost_usd", node.cost.usd());
  out.set("attributes", node.span.attributes.json());
  out.set("events", node.span.events.is_array() ? node.span.events : Json::array());
  Json children = Json::array();
  for (const TraceNode& child : node.children) children.push(to_json(child));
  out.set("children", std::move(children));
  return out;
}

}  // namespace

TraceTokens& TraceTokens::operator+=(const TraceTokens& other) {
  input += other.input;
  output += other.output;
  cache_read += other.cache_read;
  cache_write += other.cache_write;
  reasoning += other.reasoning;
  estimated = estimated || other.estimated;
  return *this;
}

TraceTree build_tree(std::vector<store::SpanRow> spans) {
  return Builder(std::move(spans)).build();
}

std::string render_text(const TraceTree& tree) {
  std::string out;
  for (const TraceNode& root : tree.roots) render(root, "", true, true, out);
  return out;
}

Json render_json(const TraceTree& tree) {
  Json roots = Json::array();
  for (const TraceNode& root : tree.roots) roots.push(to_json(root));
  Json out = Json::object();
  out.set("spans", static_cast<int64_t>(tree.spans)).set("roots", std::move(roots));
  return out;
}

}  // namespace drover::trace
