// drover session verify SESSION: is its journal what the server once wrote and signed?

#include <cerrno>
#include <cstdio>
#include <sstream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/key_fingerprint.h"
#include "app/output.h"
#include "contract/event.h"
#include "session/batch.h"
#include "store/signatures.h"

namespace drover::app {
namespace {

Result<std::vector<contract::Event>> events_of(const std::string& text) {
  std::vector<contract::Event> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    TRY(auto event, contract::decode_event(line));
    out.push_back(std::move(event));
  }
  if (out.empty()) return fail(Code::kInvalidArgument, "there is no event to verify");
  return out;
}

Failure broken(std::string why) { return fail(Code::kDataLoss, std::move(why)); }

/// Of a purged session one event is left, and the chain before it is gone.
bool is_purged(const std::vector<contract::Event>& events) {
  return events.front().kind == contract::kind::kPurge && events.front().sequence > 1;
}

Result<void> check(const SessionId& id, const std::vector<contract::Event>& events,
                   const store::HeadProof& proof, const std::string& expected_key) {
  if (!is_purged(events)) TRY_VOID(session::verify_chain(id, events));
  TRY_VOID(proof.verify());
  if (!expected_key.empty() && proof.fingerprint() != expected_key) {
    return broken("it was signed by another key than " + expected_key + ": by " +
                  proof.fingerprint());
  }
  if (proof.head.session != id) return broken("the signature is another session's");
  const uint64_t first = events.front().sequence;
  const uint64_t sequence = proof.head.sequence;
  if (sequence < first || sequence > events.back().sequence) {
    return broken("the signature is of event " + std::to_string(sequence) + ", which is not here");
  }
  const contract::Event& event = events[sequence - first];
  if (event.session != id || event.hash != proof.head.hash) {
    return broken("event " + std::to_string(sequence) + " is not the one that was signed");
  }
  return {};
}

Result<store::HeadProof> fetch_proof(ApiClient& client, const std::string& path, uint64_t last) {
  TRY(Json json, client.call("GET", path + "/signature?sequence=" + std::to_string(last)));
  return store::HeadProof::from_json(json);
}

void say(const std::vector<contract::Event>& events, const store::HeadProof& proof) {
  const uint64_t sequence = proof.head.sequence;
  const uint64_t later = events.back().sequence - sequence;
  if (is_purged(events)) {
    std::printf("its purge, event %llu, was", static_cast<unsigned long long>(sequence));
  } else {
    std::printf("events 1 to %llu are whole and were", static_cast<unsigned long long>(sequence));
  }
  std::printf(" signed at %s by the key %s\n", printable(proof.facts.time).c_str(),
              proof.fingerprint().c_str());
  if (later > 0) {
    std::printf("the last %llu follow in the chain and are not signed yet\n",
                static_cast<unsigned long long>(later));
  }
}

int run(const Arguments& a) {
  auto id = SessionId::parse(a.get("SESSION"));
  if (!id) return complain(usage_error(id.error().message).value());
  std::string expected_key;
  if (a.has("fingerprint")) {
    auto key = read_fingerprint(a.get("fingerprint"));
    if (!key) return complain(usage_error(key.error().message).value());
    expected_key = std::move(*key);
  }
  const std::string path = "/v1/sessions/" + url_part(id->str());
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  auto text = a.has("export") ? read_input(a.get("export"))
                              : (*client)->fetch("GET", path + "/export", "application/jsonl");
  if (!text) return complain(text.error());
  auto events = events_of(*text);
  if (!events) return complain(events.error());
  auto proof = fetch_proof(**client, path, events->back().sequence);
  if (!proof) return complain(proof.error());
  auto checked = check(*id, *events, *proof, expected_key);
  if (!checked) return complain(checked.error());
  say(*events, *proof);
  return kExitOk;
}

}  // namespace

Command session_verify_command() {
  return client_command(
      "session verify", "Check that a journal is what the server wrote: hash chain and signature",
      "With --export the events come from a file that was exported earlier, also of a session\n"
      "that was purged since. Compare the key with the one that the server's log names at each\n"
      "start, or give it with --fingerprint. Exit code 1 if something was changed.\n"
      "Examples:\n"
      "  drover session verify ses_01KAR…\n"
      "  drover session verify ses_01KAR… --export case-7.jsonl --fingerprint \"$FINGERPRINT\"",
      {{"SESSION", "the session's id (ses_…)", true, false}},
      {{"--export", "FILE", "verify this export instead of the journal", ""},
       {"--fingerprint", "HEX", "SHA-256 of the key that must have signed, 64 digits", ""}},
      run);
}

}  // namespace drover::app
