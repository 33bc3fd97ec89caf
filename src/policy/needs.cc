#include "policy/needs.h"

#include <algorithm>

#include "attest/evidence.h"
#include "base/bytes.h"

namespace drover::policy {
namespace {

constexpr Duration kEvidenceAge = 1h;
constexpr std::string_view kCpu = "cpu";
/// Stands for what two sides that name different hardware have in common.
constexpr std::string_view kNone = "none";
constexpr int64_t kContextMax = 1'000'000'000;

Failure bad_needs(std::string message) {
  return fail(Code::kInvalidArgument, "needs: " + std::move(message));
}

Result<std::vector<std::string>> words_of(const Json& value) {
  std::vector<std::string> out;
  if (const std::string* one = value.string()) out.push_back(*one);
  const Json::Array* items = value.array_items();
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const std::string* word = (*items)[i].string();
    out.push_back(word == nullptr ? std::string() : *word);
  }
  bool good = !out.empty() && std::all_of(out.begin(), out.end(), [](const std::string& word) {
    return contract::is_class_word(word);
  });
  if (!good) return bad_needs("'hardware' must be a word, such as h200 or cpu, or a list of them");
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<EvidenceNeed> one_evidence(const Json& value) {
  EvidenceNeed out;
  out.max_age = kEvidenceAge;
  out.rule = "needs";
  if (const std::string* kind = value.string()) {
    out.kind = *kind;
  } else if (value.is_object()) {
    for (const Json::Member& m : *value.members()) {
      if (m.first != "kind" && m.first != "max_age") {
        return bad_needs("'attested' has no '" + m.first + "' (there are: kind, max_age)");
      }
    }
    out.kind = value.get_string("kind").value_or("");
    if (const Json* age = value.find("max_age")) {
      if (age->string() == nullptr) return bad_needs("'max_age' must be a time, such as 1h");
      auto read = parse_duration(*age->string());
      if (!read) return bad_needs("'max_age': " + read.error().message);
      out.max_age = *read;
    }
  }
  if (out.kind.empty() || out.max_age <= Duration::zero()) {
    return bad_needs(
        "'attested' must be a kind of evidence, such as aws-nitro, or {kind, max_age}");
  }
  if (auto known = attest::parse_kind(out.kind); !known) {
    return bad_needs("'attested': " + known.error().message);
  }
  return out;
}

/// Of one kind the fresher counts.
void add_evidence(const EvidenceNeed& need, std::vector<EvidenceNeed>& out) {
  auto at = std::lower_bound(
      out.begin(), out.end(), need.kind,
      [](const EvidenceNeed& e, const std::string& kind) { return e.kind < kind; });
  if (at == out.end() || at->kind != need.kind) {
    out.insert(at, need);
  } else {
    at->max_age = std::min(at->max_age, need.max_age);
  }
}

Result<std::vector<EvidenceNeed>> evidence_of(const Json& value) {
  std::vector<EvidenceNeed> out;
  const Json::Array* items = value.array_items();
  if (items != nullptr && items->empty()) return bad_needs("'attested' must name a kind");
  for (size_t i = 0; i < (items == nullptr ? 1 : items->size()); ++i) {
    TRY(EvidenceNeed need, one_evidence(items == nullptr ? value : (*items)[i]));
    add_evidence(need, out);
  }
  return out;
}

Json evidence_json(const std::vector<EvidenceNeed>& evidence) {
  Json out = Json::array();
  for (const EvidenceNeed& need : evidence) {
    Json one = Json::object().set("kind", need.kind);
    out.push(one.set("max_age", std::to_string(need.max_age.count() / 1'000'000) + "ms"));
  }
  // As it was written while there was one kind only.
  if (evidence.size() == 1) {
    Json one = out.array_items()->front();
    return one;
  }
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool serves(const std::vector<std::string>& wanted, const std::vector<std::string>& hardware) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
    // Beside an accelerator there is always a CPU; who asks for one wants nothing else.
    return has(hardware, word) && (word != kCpu || hardware.size() == 1);
  });
}

}  // namespace

Result<Needs> Needs::from_json(const Json& json) {
  if (!json.is_object()) return bad_needs("must be an object, such as {vision: true}");
  Needs out;
  for (const Json::Member& m : *json.members()) {
    if (m.second.is_null()) continue;
    if (m.first == "vision") {
      if (!m.second.boolean()) return bad_needs("'vision' must be true or false");
      out.vision = *m.second.boolean();
    } else if (m.first == "context_tokens") {
      auto n = m.second.integer();
      if (!n || *n < 1 || *n > kContextMax) {
        return bad_needs("'context_tokens' must be a whole number of at least 1");
      }
      out.context_tokens = *n;
    } else if (m.first == "hardware") {
      TRY(out.hardware, words_of(m.second));
    } else if (m.first == "attested") {
      TRY(out.evidence, evidence_of(m.second));
    } else {
      return bad_needs("there is no '" + m.first +
                       "' (there are: vision, context_tokens, hardware, attested)");
    }
  }
  return out;
}

Json Needs::to_json() const {
  Json out = Json::object();
  if (vision) out.set("vision", true);
  if (context_tokens > 0) out.set("context_tokens", context_tokens);
  if (!hardware.empty()) {
    Json list = Json::array();
    for (const std::string& word : hardware) list.push(word);
    out.set("hardware", std::move(list));
  }
  if (!evidence.empty()) out.set("attested", evidence_json(evidence));
  return out;
}

std::string Needs::text() const {
  std::string out;
  auto add = [&out](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
  if (vision) add("vision");
  if (context_tokens > 0) add("a context of " + std::to_string(context_tokens) + " tokens");
  if (!hardware.empty()) add("hardware " + joined(hardware, " or "));
  for (const EvidenceNeed& need : evidence) {
    add("evidence " + need.kind + " at most " + format_duration(need.max_age) + " old");
  }
  if (holds_images && !vision) add("vision (it holds images)");
  if (input_tokens > 0)
    add("room for at least " + std::to_string(input_tokens) + " tokens of input");
  return out;
}

Needs Needs::join(const Needs& a, const Needs& b) {
  Needs out = a;
  out.vision = a.vision || b.vision;
  out.context_tokens = std::max(a.context_tokens, b.context_tokens);
  out.holds_images = a.holds_images || b.holds_images;
  out.input_tokens = std::max(a.input_tokens, b.input_tokens);
  if (a.hardware.empty()) {
    out.hardware = b.hardware;
  } else if (!b.hardware.empty()) {
    std::erase_if(out.hardware, [&](const std::string& word) { return !has(b.hardware, word); });
    if (out.hardware.empty()) out.hardware.emplace_back(kNone);
  }
  for (const EvidenceNeed& need : b.evidence) add_evidence(need, out.evidence);
  return out;
}

std::optional<std::string> Needs::lacks(const Thing& thing) const {
  const Traits& t = thing.traits;
  auto known = [](int64_t value) {
    return value == Traits::kUnknown ? std::string("not stated") : std::to_string(value);
  };
  if (vision && t.vision != 1) {
    return "the step needs vision; its vision is " +
           std::string(t.vision == 0 ? "false" : "not stated");
  }
  if (holds_images && t.vision == 0) return "the request holds images; its vision is false";
  if (context_tokens > 0 && t.context_window < context_tokens) {
    return "the step needs a context of " + std::to_string(context_tokens) +
           " tokens; its window is " + known(t.context_window);
  }
  if (t.context_window != Traits::kUnknown && t.context_window < input_tokens) {
    return "the request is longer than its window of " + known(t.context_window) + " tokens";
  }
  if (!hardware.empty() && !serves(hardware, t.hardware)) {
    return "the step needs hardware " + joined(hardware, " or ") + "; " +
           what_it("has", t.hardware);
  }
  for (const EvidenceNeed& need : evidence) {
    if (has(t.attestation, need.kind)) continue;
    return "the step needs evidence of kind " + need.kind + "; " +
           what_it("can give", t.attestation);
  }
  return std::nullopt;
}

void Needs::append_key(std::string& out) const {
  if (empty()) return;
  out += '\7';
  out += static_cast<char>(1 + (vision ? 1 : 0) + (holds_images ? 2 : 0));
  out.append(reinterpret_cast<const char*>(&context_tokens), sizeof context_tokens);
  out.append(reinterpret_cast<const char*>(&input_tokens), sizeof input_tokens);
  for (const std::string& word : hardware) (out += '\1') += word;
  for (const EvidenceNeed& need : evidence) {
    (out += '\2') += need.kind;
    int64_t age = need.max_age.count();
    out += '\3';
    out.append(reinterpret_cast<const char*>(&age), sizeof age);
  }
}

}  // namespace drover::policy
