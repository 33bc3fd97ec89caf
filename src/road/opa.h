#pragma once
// An external authoriser over OPA's data API (https://www.openpolicyagent.org/docs/rest-api, "Get a
// document with input"): one question for a tenant, a kind of thing and a data class, about all
// things there are, asked before the first such call and then kept, as what Cedar's rules decide
// is. Calls in between never wait for it.
//
//   POST {url}   {"input": {"tenant": "ten_…", "action": "call_model",
//                           "data": {"class": "residency=de;…", "sensitivity": "confidential", …},
//                           "things": [{"id": "frankfurt", "kind": "model", "zone": "de", …}]}}
//   answer       {"result": ["frankfurt"]}                    the things that are allowed
//                {"result": {"allow": ["frankfurt"], "why": {"virginia": "outside"}}}
//
// Fails closed: no answer within the deadline, another status than 200, more than
// kOpaAnswerBytesMax, no "result" (the document is undefined), a result of another form: nothing is
// allowed, and the denial says so. The first three are no word of its rules: whoever is refused for
// them may come back (policy::Denial). An answer is kept for `keep`; from half of it on it is asked
// for again beside the calls, so that a slow OPA delays nobody and one that is gone denies only
// when the last answer is over. An id that is not one of those asked about counts for nothing.
// A tool or a store that nobody states anything of is known by who uses it: it is asked about with
// those that the last answer is about, which holds until there is another. What has not been asked
// about yet is refused as what nobody could be asked about.
// Actions are call_model, call_tool (workers and planners are tools) and store: whether this
// server's own store ("this server") may hold such data, asked where it comes in from a caller or
// goes into or out of memory.
//
// Verbs (approve, export, kill, …) are asked about in the same form: the action is "manage", the
// things are verbs of kind "verb", and `key`, `name` and `scopes` say who asks. What a key may try
// at all is asked once, about all verbs; of a session each time anew, with `owner`, `session`,
// `agent` and its data, and of a record of memory that is to be purged (`memory`: true).
//
// Without a URL nobody is asked. A reload may set, change and take it away while calls are in
// flight; what was sent before goes on, and who waits is judged anew (road/engine_again.cc).
//
// Owner: the process; stop() before it goes. Loop thread only. Limits: kDecisionsMax answers,
// kOpaAnswerBytesMax, kOpaThingsMax, kOpaJoinedMax.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "async/scope.h"
#include "async/sync.h"
#include "http/client.h"
#include "policy/policy.h"
#include "road/external.h"

namespace drover::road {

struct OpaOptions {
  std::string url;
  std::string token;  // for "Authorization: Bearer"; "": none
  Duration timeout{2s};
  Duration keep{60s};
  std::string ca_file;
};

/// The answer to one question.
struct OpaAnswer {
  std::set<std::string> asked;  // about which things
  std::set<std::string> allowed;
  std::map<std::string, std::string> why;  // not the others
  std::string failure;                     // no answer: why nothing is allowed
  bool unasked = false;                    // of a failure: it could not be asked at all
  MonoTime until;
  MonoTime rests_until{};  // no sooner is it asked about what this answer lacks
};
/// The body of an answer with status 200.
Result<OpaAnswer> read_opa_answer(std::string_view text, std::set<std::string> asked);

/// The answers, as the policy's authoriser; shared with the policies that ask it.
class OpaAnswers final : public policy::Authorizer {
 public:
  OpaAnswers(std::string fingerprint, async::Loop& loop)
      : fingerprint_(std::move(fingerprint)), loop_(loop) {}
  std::optional<policy::Denial> deny(const policy::Ask& ask,
                                     const policy::Thing& thing) const override;
  std::optional<policy::Denial> deny_verb(const policy::VerbAsk& ask) const override;
  bool by_tenant() const override { return true; }
  std::string fingerprint() const override { return fingerprint_; }
  uint64_t generation() const override { return generation_; }

 private:
  friend class Opa;
  std::optional<policy::Denial> denial(const OpaAnswer& answer, const std::string& id) const;
  std::string fingerprint_;
  async::Loop& loop_;
  uint64_t generation_ = 1;
  std::unordered_map<std::string, OpaAnswer> answers_;
};

class Opa final : public ExternalRules {
 public:
  /// The client outlives it.
  Opa(const async::Context& parent, http::Client& client, OpaOptions options = OpaOptions());
  bool active() const override { return !options_.url.empty(); }

  std::shared_ptr<const policy::Authorizer> authorizer() const { return answers_; }
  async::Task<void> prepare(async::Context ctx, policy::Ask ask,
                            std::vector<const policy::Thing*> things) override;
  bool prepared(const policy::Ask& ask, const std::vector<const policy::Thing*>& things) override;
  /// The same about one verb and a session, or (no session) about all of `verbs`.
  async::Task<void> prepare_verbs(async::Context ctx, policy::VerbAsk ask,
                                  std::vector<std::string> verbs);
  /// From now on so; everything is asked anew, since the things and the rules may be others.
  void configure(OpaOptions options);
  async::Task<void> stop();
  uint64_t questions() const { return questions_; }

 private:
  /// One question under way; all who need its answer wait for it.
  struct Asking {
    bool over = false;
    async::WaitQueue done;
  };
  async::Task<Result<OpaAnswer>> fetch(async::Context ctx, std::string body,
                                       std::set<std::string> asked);
  async::Task<void> ask(std::string key, std::string body, std::set<std::string> asked,
                        std::shared_ptr<Asking> asking);
  /// What is asked, made before anything is waited for: the things may go meanwhile.
  struct Question {
    std::string key;
    Json input;                          // but for the things
    std::string kind;                    // of things that others may have asked about; "": of none
    std::map<std::string, Json> things;  // by id
  };
  /// What is at hand about some things: no question is due, one beside the calls, or one to be
  /// waited for.
  enum class Look : uint8_t { kEnough, kOld, kLacking };
  Look look(const std::string& key, const std::set<std::string>& about);
  /// Returns once there is an answer about these, or there will be none for now.
  async::Task<void> answered(async::Context ctx, Question question, std::set<std::string> about);
  void join_held(Question& question);
  void keep(const std::string& key, OpaAnswer answer);

  async::Loop& loop_;
  http::Client& client_;
  OpaOptions options_;
  std::shared_ptr<OpaAnswers> answers_;
  std::unordered_map<std::string, std::shared_ptr<Asking>> asking_;
  std::map<std::string, std::map<std::string, Json>> known_;  // kind, id: as it was asked about
  uint64_t questions_ = 0;
  async::Scope scope_;
};

}  // namespace drover::road
