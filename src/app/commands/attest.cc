// drover attest verify FILE: does this document prove what it should?

#include <cstdio>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/evidence_trust.h"
#include "app/files.h"
#include "app/output.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

Result<std::string> read_document(const std::string& path) {
  if (path != "-") return read_small_file(path);
  return read_input(path);
}

Result<attest::Trust> trust_of(const Arguments& a) {
  attest::Trust out;
  for (const std::string& root : a.all("root")) {
    TRY(crypto::Digest pinned, read_root(root, read_small_file));
    out.roots.push_back(pinned);
  }
  for (const std::string& pcr : a.all("pcr")) TRY_VOID(add_pcr(pcr, out));
  out.any_measurement = a.has("any-pcr");
  out.allow_debug = a.has("allow-debug");
  if (a.has("issuer-keys")) {
    TRY(out.issuer_keys, read_issuer_keys(a.get("issuer-keys"), read_small_file));
  }
  if (a.has("issuer")) out.issuer = a.get("issuer");
  out.hardware = a.all("hardware");
  out.drivers = a.all("driver");
  return out;
}

Result<attest::Expectations> expectations(const Arguments& a) {
  attest::Expectations out;
  if (!a.has("kind")) {
    return fail(Code::kInvalidArgument,
                "say which kind of evidence it should be: --kind " + attest::kind_names());
  }
  TRY(out.kind, attest::parse_kind(a.get("kind")));
  SystemClock clock;
  out.now = clock.wall();
  if (a.has("at")) {
    TRY(out.now, parse_rfc3339(a.get("at")));
  }
  TRY(out.max_age, parse_duration(a.get("max-age")));
  if (a.has("nonce")) {
    TRY(std::string nonce, from_hex(a.get("nonce")));
    out.nonce = std::move(nonce);
  }
  if (a.has("connection-key")) {
    TRY(out.connection_key, read_connection_key(a.get("connection-key"), read_small_file));
  }
  TRY(out.trust, trust_of(a));
  if (out.kind == attest::Kind::kNvidiaCc && out.trust.issuer_keys.empty()) {
    return fail(Code::kInvalidArgument,
                "NVIDIA's keys must be pinned: --issuer-keys FILE, a JSON Web Key Set "
                "(NVIDIA publishes its own at "
                "https://nras.attestation.nvidia.com/.well-known/jwks.json)");
  }
  return out;
}

void print_claims(const attest::Claims& claims, WallTime now) {
  std::printf("verified: %s evidence of %s\n", std::string(attest::kind_name(claims.kind)).c_str(),
              printable(claims.subject).c_str());
  Table table({"CLAIM", "VALUE"});
  table.add({"made", short_time(format_rfc3339(claims.issued_at)) + " UTC, " +
                         format_duration(std::max(now - claims.issued_at, Duration(0))) +
                         " before the time of the check"});
  table.add({"vouched for until", short_time(format_rfc3339(claims.expires_at)) + " UTC"});
  table.add({"debug mode", claims.debug ? "YES: proves nothing" : "no"});
  table.add({"our nonce", claims.for_nonce ? "yes" : "not checked (--nonce)"});
  table.add({"our connection", claims.bound ? "yes" : "not checked (--connection-key)"});
  for (const auto& [name, value] : claims.facts) table.add({name, one_line(value, 128)});
  table.add({"document SHA-256", claims.document.hex()});
  table.print();
}

int run_verify(const Arguments& a) {
  auto expected = expectations(a);
  if (!expected) return complain(usage_error(expected.error().message).value());
  auto text = read_document(a.get("FILE"));
  if (!text) return complain(usage_error(text.error().message).value());
  auto claims = attest::verify(evidence_document(expected->kind, *std::move(text)), *expected);
  if (a.has("json")) {
    Json out = Json::object().set("verified", claims.has_value());
    if (claims) {
      out.set("claims", claims->to_json());
    } else {
      out.set("reason", claims.error().reason).set("message", claims.error().message);
    }
    print_json(out);
  } else if (claims) {
    print_claims(*claims, expected->now);
  } else {
    std::fprintf(stderr, "refused (%s): %s\n", claims.error().reason.c_str(),
                 printable(claims.error().message).c_str());
  }
  return claims ? kExitOk : kExitFailed;
}

}  // namespace

Command attest_verify_command() {
  Command c;
  c.name = "attest verify";
  c.summary = "Check a document that proves what an endpoint runs";
  c.details =
      "Kinds: aws-nitro (an enclave's attestation document, CBOR or base64 of it) and nvidia-cc\n"
      "(the answer of NVIDIA's Remote Attestation Service, a detached EAT in JSON).\n"
      "Prints what the document says, or the reason why it is refused. Exit code 0: it proves "
      "what\n"
      "was asked; 1: it does not; 2: the call was wrong. What is not asked is not checked, and "
      "the\n"
      "output says so: without --nonce an old document of the same hour passes.\n"
      "Examples:\n"
      "  drover attest verify doc.b64 --kind aws-nitro --pcr 0=4f5d… --nonce 9a31…\n"
      "  drover attest verify doc.b64 --kind aws-nitro --any-pcr --at 2024-09-07T14:40:00Z\n"
      "  drover attest verify eat.json --kind nvidia-cc --issuer-keys jwks.json --hardware GH100";
  c.positionals = {{"FILE", "the document; - for standard input", true, false}};
  c.flags = {
      {"--kind", "KIND", "aws-nitro or nvidia-cc", ""},
      {"--nonce", "HEX", "the nonce that was sent", ""},
      {"--connection-key", "KEY", "SHA-256 of the connection's public key, or its certificate", ""},
      {"--max-age", "TIME", "how old it may be", "10m"},
      {"--at", "TIME", "check as of this time (RFC 3339) instead of now", ""},
      {"--root", "ROOT", "aws-nitro: trust this root (SHA-256 or file) instead of AWS's", "", true},
      {"--pcr", "N=HEX", "aws-nitro: this value is allowed in this register", "", true},
      {"--any-pcr", "", "aws-nitro: any enclave will do (to look at a document)", ""},
      {"--issuer-keys", "FILE", "nvidia-cc: the issuer's keys (JSON Web Key Set)", ""},
      {"--issuer", "URL", "nvidia-cc: who must have issued it, if not NVIDIA", ""},
      {"--hardware", "NAME", "nvidia-cc: how the hardware's name may begin", "", true},
      {"--driver", "VERSION", "nvidia-cc: an allowed driver version", "", true},
      {"--allow-debug", "", "do not refuse a debug mode (it proves nothing)", ""},
      {"--json", "", "print JSON", ""},
  };
  c.run = run_verify;
  return c;
}

}  // namespace drover::app
