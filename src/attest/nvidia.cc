#include "attest/nvidia.h"

#include <algorithm>

#include "base/bytes.h"

namespace drover::attest {
namespace {

Failure not_nvidia(std::string what) {
  return fail(Error(Code::kInvalidArgument, "not an NVIDIA detached EAT: " + std::move(what))
                  .with_reason("format"));
}

Result<crypto::Jwt> read_token(const Json& text, const std::string& name) {
  if (text.string() == nullptr) return not_nvidia(name + " is not a text");
  auto token = crypto::parse_jwt(*text.string());
  if (!token) return not_nvidia(name + ": " + token.error().message);
  return token;
}

/// The digest that the overall token gives for a device; empty if it is of another form.
std::string bound_digest(const Json& submod) {
  const Json::Array* pair = submod.array_items();
  if (pair == nullptr || pair->size() != 2 || (*pair)[0] != Json("DIGEST")) return {};
  const Json::Array* digest = (*pair)[1].array_items();
  if (digest == nullptr || digest->size() != 2 || (*digest)[0] != Json("SHA-256")) return {};
  return (*digest)[1].string() == nullptr ? "" : *(*digest)[1].string();
}

/// Seconds since 1970 (RFC 7519 NumericDate) within what a WallTime holds.
Result<WallTime> time_claim(const crypto::Jwt& token, std::string_view claim,
                            const std::string& name) {
  const auto seconds = token.claims.get_int(claim);
  if (!seconds || *seconds <= 0 || *seconds > 9'000'000'000) {
    return not_nvidia(name + " has no time \"" + std::string(claim) + "\"");
  }
  return wall_from_unix_nanos(*seconds * 1'000'000'000);
}

struct Times {
  WallTime issued_at;
  WallTime expires_at;
};

Result<Times> check_times(const crypto::Jwt& token, const std::string& name,
                          const Expectations& expected) {
  Times out;
  TRY(out.issued_at, time_claim(token, "iat", name));
  TRY(out.expires_at, time_claim(token, "exp", name));
  TRY(WallTime from, time_claim(token, "nbf", name));
  if (from > expected.now + limits::kEvidenceSkewMax) {
    return fail(refusal("not_yet_valid", name + " is valid from " + format_rfc3339(from) +
                                             ", which is after " + format_rfc3339(expected.now) +
                                             ": one of the two clocks is wrong"));
  }
  if (expected.now >= out.expires_at) {
    return fail(refusal("expired", name + " has expired at " + format_rfc3339(out.expires_at) +
                                       "; it is " + format_rfc3339(expected.now)));
  }
  TRY_VOID(check_age(out.issued_at, expected));
  return out;
}

Result<void> check_nonce(const crypto::Jwt& token, const std::string& name,
                         const Expectations& expected) {
  if (!expected.nonce) {
    if (!expected.connection_key) return {};
    return fail(refusal("binding", "without a nonce nothing binds the document to a connection"));
  }
  const std::string wanted = expected.connection_key
                                 ? bound_nonce(*expected.nonce, *expected.connection_key).hex()
                                 : to_hex(*expected.nonce);
  const auto found = token.claims.get_string("eat_nonce");
  if (!found || !equal_constant_time(*found, wanted)) {
    return fail(refusal("nonce", found ? name + " was made for another nonce or connection"
                                       : name + " has no nonce"));
  }
  return {};
}

Result<void> check_verdicts(const Json& claims, const std::string& name, bool allow_debug) {
  auto dbgstat = claims.get_string("dbgstat");
  if (!allow_debug && dbgstat != "disabled") {
    return fail(refusal("debug", name + " is not known to have debugging disabled (dbgstat)"));
  }
  if (!iequals(claims.get_string("measres").value_or(""), "success")) {
    return fail(refusal("measurement", name + " does not have the measurements that its firmware "
                                              "and driver should have (measres)"));
  }
  if (claims.get_bool("secboot") != true) {
    return fail(refusal("verdict", name + " was not booted securely (secboot)"));
  }
  for (const auto& [claim, value] : *claims.members()) {
    if (value.boolean() == false) {
      return fail(refusal("verdict", name + " fails the check " + claim));
    }
    const auto status = value.get_string("x-nvidia-cert-status");
    if (!claim.ends_with("-cert-chain") && !status) continue;
    const auto ocsp = value.get_string("x-nvidia-cert-ocsp-status");
    if (status != "valid" || ocsp != "good") {
      return fail(refusal("verdict",
                          name + " has a certificate chain that is not valid and good: " + claim +
                              " is " + std::string(status.value_or("unknown")) + ", " +
                              std::string(ocsp.value_or("unknown"))));
    }
  }
  return {};
}

Result<void> check_allowed(const Json& claims, const std::string& name, const Trust& trust) {
  const std::string hardware(claims.get_string("hwmodel").value_or(""));
  auto begins = [&](const std::string& allowed) { return hardware.starts_with(allowed); };
  if (!trust.hardware.empty() &&
      std::none_of(trust.hardware.begin(), trust.hardware.end(), begins)) {
    return fail(
        refusal("measurement", name + " is hardware \"" + hardware + "\", which is not allowed"));
  }
  const std::string driver(claims.get_string("x-nvidia-gpu-driver-version").value_or(""));
  if (!trust.drivers.empty() &&
      std::find(trust.drivers.begin(), trust.drivers.end(), driver) == trust.drivers.end()) {
    return fail(
        refusal("measurement", name + " runs driver \"" + driver + "\", which is not allowed"));
  }
  return {};
}

/// What is true of every token: its signature, who issued it, when, and for which nonce.
Result<Times> check_token(const crypto::Jwt& token, const std::string& name,
                          const Expectations& expected) {
  if (auto good = crypto::verify_jwt(token, expected.trust.issuer_keys); !good) {
    return fail(std::move(good.error()).note(name));
  }
  const auto issuer = token.claims.get_string("iss");
  if (issuer != std::string_view(expected.trust.issuer)) {
    return fail(refusal("issuer", name + " is issued by \"" + std::string(issuer.value_or("")) +
                                      "\", expected is \"" + expected.trust.issuer + "\""));
  }
  TRY(Times times, check_times(token, name, expected));
  return times;
}

void add_facts(Claims& out, const std::string& name, const Json& claims) {
  constexpr std::pair<std::string_view, std::string_view> kFacts[] = {
      {"hwmodel", "hwmodel"},
      {"ueid", "ueid"},
      {"driver", "x-nvidia-gpu-driver-version"},
      {"vbios", "x-nvidia-gpu-vbios-version"},
      {"bios", "x-nvidia-switch-bios-version"},
      {"warning", "x-nvidia-attestation-warning"},
  };
  for (const auto& [fact, claim] : kFacts) {
    if (auto value = claims.get_string(claim)) {
      out.facts.emplace_back(name + "." + std::string(fact), std::string(*value));
    }
  }
  if (!out.subject.empty()) out.subject += ' ';
  out.subject += claims.get_string("ueid").value_or(name);
}

}  // namespace

Result<DetachedEat> parse_detached_eat(std::string_view text) {
  auto json = Json::parse(text);
  if (!json) return not_nvidia(json.error().message);
  const Json::Array* parts = json->array_items();
  if (parts == nullptr || parts->size() != 2) return not_nvidia("it is not a list of two");
  const Json::Array* overall = (*parts)[0].array_items();
  const Json::Object* devices = (*parts)[1].members();
  if (overall == nullptr || overall->size() != 2 || (*overall)[0] != Json("JWT")) {
    return not_nvidia("its first part is not [\"JWT\", token]");
  }
  if (devices == nullptr || devices->empty() || devices->size() > limits::kEvidenceDevicesMax) {
    return not_nvidia("its second part is not an object of 1 to " +
                      std::to_string(limits::kEvidenceDevicesMax) + " device tokens");
  }
  DetachedEat out;
  TRY(out.overall, read_token((*overall)[1], "the overall token"));
  for (const auto& [name, token] : *devices) {
    TRY(crypto::Jwt device, read_token(token, name));
    if (!out.devices.emplace(name, std::move(device)).second) {
      return not_nvidia("it has two tokens named " + name);
    }
    out.digests.emplace(name, crypto::sha256_hex(*token.string()));
  }
  return out;
}

Result<void> check_digests(const DetachedEat& eat) {
  const Json* submods = eat.overall.claims.find("submods");
  if (submods == nullptr || submods->members() == nullptr) {
    return fail(refusal("digest", "the overall token binds no device tokens (submods)"));
  }
  for (const auto& [name, submod] : *submods->members()) {
    if (!eat.digests.contains(name)) {
      return fail(refusal("digest", "the token of " + name +
                                        ", which the overall token binds, is "
                                        "missing"));
    }
  }
  for (const auto& [name, found] : eat.digests) {
    const Json* submod = submods->find(name);
    if (submod == nullptr) {
      return fail(refusal("digest", "the overall token does not bind the token of " + name));
    }
    const std::string bound = bound_digest(*submod);
    if (!iequals(bound, found)) {
      return fail(refusal("digest", "the token of " + name + " has the SHA-256 " + found +
                                        "; the overall token binds \"" + bound + "\""));
    }
  }
  return {};
}

Result<Claims> verify_nvidia(std::string_view document, const Expectations& expected) {
  TRY(DetachedEat eat, parse_detached_eat(document));
  TRY_VOID(check_digests(eat));
  const std::string overall = "the overall token";
  Claims out;
  TRY(Times times, check_token(eat.overall, overall, expected));
  out.issued_at = times.issued_at;
  out.expires_at = times.expires_at;
  if (eat.overall.claims.get_bool("x-nvidia-overall-att-result") != true) {
    return fail(refusal("verdict", "the issuer's overall result is not \"true\""));
  }
  for (const auto& [name, token] : eat.devices) {
    TRY(Times device, check_token(token, name, expected));
    out.issued_at = std::min(out.issued_at, device.issued_at);
    out.expires_at = std::min(out.expires_at, device.expires_at);
    TRY_VOID(check_verdicts(token.claims, name, expected.trust.allow_debug));
    TRY_VOID(check_allowed(token.claims, name, expected.trust));
    out.debug = out.debug || token.claims.get_string("dbgstat") != "disabled";
    add_facts(out, name, token.claims);
  }
  TRY_VOID(check_nonce(eat.overall, overall, expected));
  for (const auto& [name, token] : eat.devices) TRY_VOID(check_nonce(token, name, expected));
  out.for_nonce = expected.nonce.has_value();
  out.bound = expected.connection_key.has_value();
  return out;
}

}  // namespace drover::attest
