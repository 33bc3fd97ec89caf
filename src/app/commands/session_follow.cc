// drover session follow: the live output of a session, on a terminal or as JSON.

#include <cstdio>
#include <cstdlib>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/live_text.h"
#include "app/output.h"
#include "app/session_text.h"

namespace drover::app {
namespace {

/// Prints live output; false when it has seen enough.
class Follower {
 public:
  explicit Follower(const Arguments& arguments)
      : json_(arguments.has("json")), until_waiting_(arguments.has("until-waiting")) {}

  bool take(std::string_view name, std::string_view id, const Json& data) {
    if (json_) {
      Json line = Json::object().set("event", name).set("id", id).set("data", data);
      std::printf("%s\n", line.dump().c_str());
    } else {
      show(name, id, data);
    }
    std::fflush(stdout);
    return !(until_waiting_ && name == "waiting");
  }

 private:
  void show(std::string_view name, std::string_view id, const Json& data) {
    if (name == "delta" || name == "reset") {
      call_ = std::strtoull(std::string(id).c_str(), nullptr, 10);
      text_.take(name, id, data);
    } else if (name == "message") {
      // Ids of a message name its own event; the call is the one whose text came last. What a
      // planner says has no call.
      const Json* message = data.find("message");
      const uint64_t own = std::strtoull(std::string(id).c_str(), nullptr, 10);
      if (message != nullptr) text_.finish(call_ != 0 ? call_ : own, message_text(*message));
      call_ = 0;
    } else if (name == "tool_call") {
      note("→ " + member(data, "name") + "(" + member(data, "arguments") + ")");
    } else if (name == "waiting") {
      note("waits for: " + member(data, "for"));
    } else if (name == "ended") {
      note("ended: " + member(data, "reason"));
    }
  }
  void note(const std::string& text) { std::printf("%s\n", dim(one_line(text, 200)).c_str()); }

  bool json_;
  bool until_waiting_;
  LiveText text_;
  uint64_t call_ = 0;
};

int run_session_follow(const Arguments& a) {
  auto client = ApiClient::connect(a, Need::kRead);
  if (!client) return complain(client.error());
  Follower follower(a);
  const uint64_t from = std::strtoull(a.get("from").c_str(), nullptr, 10);
  auto done = (*client)->follow_live(
      a.get("SESSION"), from, [&](std::string_view name, std::string_view id, const Json& data) {
        return follower.take(name, id, data);
      });
  return done ? kExitOk : complain(done.error());
}

}  // namespace

Command session_follow_command() {
  return client_command(
      "session follow", "Show what a session says while it says it",
      "Text comes as the model streams it (agents with `parameters: {stream: true}`), otherwise "
      "an\n"
      "answer at a time. A connection or a server that breaks off is taken up again where it "
      "broke.\n"
      "Examples:\n"
      "  drover session follow ses_01KAR…                    until it ends\n"
      "  drover session follow ses_01KAR… --until-waiting --json",
      {{"SESSION", "the session's id (ses_…)", true, false}},
      {{"--from", "N", "begin at this sequence of its journal", "1"},
       {"--until-waiting", "", "leave when the session waits", ""}},
      run_session_follow);
}

}  // namespace drover::app
