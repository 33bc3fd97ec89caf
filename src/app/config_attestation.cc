#include "app/config_attestation.h"

#include <algorithm>
#include <vector>

#include "app/config_deadlines.h"
#include "app/evidence_trust.h"
#include "http/message.h"

namespace drover::app {
namespace {

/// Text, or a number as it was written (YAML takes hex digits without letters for one).
std::optional<std::string> as_text(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (value->string() != nullptr) return *value->string();
  if (value->is_number()) return value->raw_number()->text;
  return std::nullopt;
}

/// A member that may be absent; what is no text is told, and the default does not stand in for it.
std::optional<std::string> text_member(const Json& section, const char* name, const std::string& at,
                                       const TellFault& fault) {
  const Json* value = section.find(name);
  auto text = as_text(value);
  if (!text && value != nullptr && !value->is_null()) {
    fault(at + "." + name, std::string(name) + " must be a text", "");
  }
  return text;
}

/// One text or a list of them; nullopt for anything else.
std::optional<std::vector<std::string>> as_texts(const Json* value) {
  std::vector<std::string> out;
  if (value == nullptr || value->is_null()) return out;
  if (auto one = as_text(value)) return std::vector<std::string>{*one};
  const Json::Array* items = value->array_items();
  if (items == nullptr) return std::nullopt;
  for (const Json& item : *items) {
    auto text = as_text(&item);
    if (!text) return std::nullopt;
    out.push_back(std::move(*text));
  }
  return out;
}

}  // namespace

void AttestationReader::names(const Json& section, const std::string& at) const {
  static const std::vector<std::string> kKnown = {
      "kind", "url", "max_age", "pcrs", "roots", "issuer_keys", "issuer", "hardware", "drivers"};
  for (const Json::Member& m : *section.members()) {
    if (std::find(kKnown.begin(), kKnown.end(), m.first) != kKnown.end()) continue;
    std::string list;
    for (const std::string& name : kKnown) list += (list.empty() ? "" : ", ") + name;
    fault(at + "." + m.first, "unknown setting '" + m.first + "'", "known here: " + list);
  }
}

void AttestationReader::pcrs(const Json& section, const std::string& at,
                             attest::Trust& trust) const {
  const Json* pcrs = section.find("pcrs");
  if (pcrs == nullptr || pcrs->members() == nullptr || pcrs->members()->empty()) {
    fault(at, "aws-nitro needs 'pcrs': else any enclave of anybody would do",
          "such as pcrs: {0: [HEX]}, as `nitro-cli build-enclave` prints it");
    return;
  }
  for (const Json::Member& m : *pcrs->members()) {
    const std::string where = at + ".pcrs." + m.first;
    auto values = as_texts(&m.second);
    if (!values || values->empty()) {
      fault(where, "a register has one value or a list of values", "in hex");
      continue;
    }
    for (const std::string& value : *values) {
      if (auto added = add_pcr(m.first, value, trust); !added) {
        fault(where, added.error().message, "");
      }
    }
  }
  auto roots = as_texts(section.find("roots"));
  if (!roots) fault(at + ".roots", "roots must be a list of files or SHA-256 digests", "");
  for (const std::string& root : roots.value_or(std::vector<std::string>())) {
    auto pinned = read_root(root, [this](const std::string& p) { return read_file(path(p)); });
    if (pinned) {
      trust.roots.push_back(*pinned);
    } else {
      fault(at + ".roots", pinned.error().message, "");
    }
  }
}

void AttestationReader::nvidia(const Json& section, const std::string& at,
                               attest::Trust& trust) const {
  auto file = as_text(section.find("issuer_keys"));
  if (!file) {
    fault(at, "nvidia-cc needs 'issuer_keys': a file with the issuer's JSON Web Key Set",
          "NVIDIA publishes its own at "
          "https://nras.attestation.nvidia.com/.well-known/jwks.json");
  } else {
    auto keys = read_issuer_keys(path(*file), read_file);
    if (keys) {
      trust.issuer_keys = std::move(*keys);
    } else {
      fault(at + ".issuer_keys", keys.error().message, "");
    }
  }
  if (auto issuer = text_member(section, "issuer", at, fault)) trust.issuer = *issuer;
  auto hardware = as_texts(section.find("hardware"));
  auto drivers = as_texts(section.find("drivers"));
  if (!hardware || !drivers) fault(at, "hardware and drivers must be lists of texts", "");
  trust.hardware = hardware.value_or(std::vector<std::string>());
  trust.drivers = drivers.value_or(std::vector<std::string>());
}

std::optional<AttestedEndpoint> AttestationReader::read(const Json& section, const std::string& at,
                                                        const catalog::Endpoint& endpoint) const {
  bool good = true;
  AttestationReader counting = *this;
  counting.fault = [&](const std::string& where, std::string message, std::string remedy) {
    good = false;
    fault(where, std::move(message), std::move(remedy));
  };
  if (section.members() == nullptr) {
    counting.fault(at, "attestation must be a mapping of names to values", "");
    return std::nullopt;
  }
  counting.names(section, at);
  AttestedEndpoint out;
  out.endpoint = endpoint.id;
  out.ca_file = endpoint.ca_file;
  auto base = http::Url::parse(endpoint.base_url);
  if (!base || !base->is_tls()) {
    counting.fault(at, "an attested endpoint needs a base_url with https",
                   "its evidence is bound to the key of the connection");
  } else {
    out.origin = base->origin();
  }
  out.url = as_text(section.find("url")).value_or("");
  auto url = http::Url::parse(out.url);
  if (!url || !url->is_tls()) {
    counting.fault(at + ".url", "'url' must be an https URL that answers with evidence",
                   "such as https://enclave.example/attestation");
  }
  if (auto age = text_member(section, "max_age", at, counting.fault)) {
    auto parsed = parse_duration(*age);
    if (parsed && *parsed > Duration(0)) {
      out.max_age = *parsed;
    } else {
      counting.fault(at + ".max_age", "'" + *age + "' is not a length of time", "such as 10m");
    }
  }
  auto kind = attest::parse_kind(as_text(section.find("kind")).value_or(""));
  if (!kind) {
    counting.fault(at + ".kind", kind.error().message, "");
    return std::nullopt;
  }
  out.kind = *kind;
  if (out.kind == attest::Kind::kAwsNitro) {
    counting.pcrs(section, at, out.trust);
  } else {
    counting.nvidia(section, at, out.trust);
  }
  if (!good) return std::nullopt;
  return out;
}

}  // namespace drover::app
