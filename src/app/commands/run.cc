// drover run AGENT: a session with an agent, in a conversation on a terminal or for one message.

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <sstream>

#include "app/api_client.h"
#include "app/commands.h"
#include "app/files.h"
#include "app/live_text.h"
#include "app/output.h"
#include "app/session_text.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

constexpr size_t kToolTextShown = 200;

/// What a turn came to.
struct Turn {
  std::string answer;
  std::string error;
  std::string waits_for;   // "message", "limit", "model", "planner", "budget", …
  std::string over;        // whose budget stopped it: "account", "tree", …
  std::string end_reason;  // set if the session has ended
  bool ended() const { return !end_reason.empty(); }
  bool ok() const { return ended() ? end_reason == "completed" : waits_for == "message"; }
};

/// Prints a session as it goes on, and remembers where it is.
class Conversation {
 public:
  Conversation(ApiClient& client, const Arguments& arguments, bool interactive)
      : client_(client), interactive_(interactive) {
    events_ = arguments.has("stream-events");
    live_ = !events_ && !arguments.has("json") && (interactive || arguments.has("stream"));
    // Alone on a terminal everything is shown; a script gets the answer and nothing else.
    chatty_ = !events_ && !arguments.has("json") && (interactive || isatty(STDERR_FILENO) != 0);
    out_ = interactive ? stdout : stderr;
  }

  Result<void> begin(Json agent, const std::string& message) {
    Json body = Json::object().set("agent", std::move(agent));
    if (!message.empty()) body.set("message", message);
    TRY(Json session, client_.call("POST", "/v1/sessions", std::move(body)));
    id_ = member(session, "id");
    if (chatty_) std::fprintf(out_, "%s\n", dim(id_).c_str());
    return {};
  }
  void take_up(std::string id) { id_ = std::move(id); }

  Result<void> say(const std::string& message) {
    TRY(Json done, client_.call("POST", "/v1/sessions/" + url_part(id_) + "/messages",
                                Json::object().set("content", message)));
    next_ = static_cast<uint64_t>(done.get_int("sequence").value_or(1));
    return {};
  }

  /// Follows the turn that is under way until the session waits or has ended.
  Result<Turn> turn() {
    Turn out;
    const OnLive on_live = [&](std::string_view name, std::string_view id, const Json& data) {
      text_.take(name, id, data);
      return true;
    };
    auto on_event = [&](const Json& event, std::string_view line) {
      next_ = static_cast<uint64_t>(event.get_int("sequence").value_or(0)) + 1;
      return take(event, line, out);
    };
    TRY_VOID(client_.follow(id_, next_, on_event, live_ ? &on_live : nullptr));
    return out;
  }
  /// Answers are printed while they come.
  bool live() const { return live_; }
  const std::string& id() const { return id_; }

 private:
  bool take(const Json& event, std::string_view line, Turn& out) {
    static const Json kNothing = Json::object();
    const std::string kind = member(event, "kind");
    const Json* found = event.find("payload");
    const Json& payload = found == nullptr ? kNothing : *found;
    if (events_) {
      std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
      std::fflush(stdout);
    }
    if (kind == "model.result") {
      take_result(static_cast<uint64_t>(event.get_int("causation").value_or(0)), payload, out);
    } else if (kind == "plan") {
      take_plan(payload, out);
    } else if (kind == "tool.result") {
      note("  ← ", member(payload, "name") + ": " + member(payload, "content"));
    } else if (kind == "failover") {
      note("  ! ", "taken over: " + event_summary(event));
    } else if (kind == "budget.exceeded") {
      out.over = member(payload, "scope");
      // The server's own say it in the call's error.
      if (out.over != "account") out.error = event_summary(event);
    } else if (kind == "wait.started") {
      out.waits_for = member(payload, "for");
    } else if (kind == "session.ended") {
      out.end_reason = member(payload, "reason");
      if (out.end_reason.empty()) out.end_reason = "ended";
    }
    return out.waits_for.empty() && !out.ended();
  }

  /// A planner that may not see the data, say, is not asked again by itself.
  static void take_plan(const Json& payload, Turn& out) {
    const Json* error = payload.find("error");
    if (error == nullptr || member(*error, "retry") != "never") return;
    out.error = member(*error, "message");
    out.waits_for = "planner";
  }

  void take_result(uint64_t call, const Json& payload, Turn& out) {
    // What comes after the last answer of a turn is silence: the session waits without an event.
    if (const Json* error = payload.find("error")) {
      out.error = member(*error, "message");
      // What a budget stopped says next what it waits for.
      if (!stopped_by_budget(*error)) out.waits_for = "model";
    }
    const Json* message = payload.find("message");
    if (message == nullptr) return;
    std::string text = message_text(*message);
    std::string calls = tool_calls_text(*message);
    if (calls.empty()) {
      out.answer = text;
      out.waits_for = "message";
    }
    if (live_) {
      text_.finish(call, text);
    } else if (!calls.empty() && !text.empty()) {
      note("", text);
    }
    if (!calls.empty()) note("  → ", calls);
    if (interactive_ && !live_ && calls.empty() && !events_) {
      std::printf("%s\n", printable(text).c_str());
    }
    std::fflush(stdout);
  }

  void note(const char* mark, const std::string& text) {
    if (!chatty_) return;
    std::fprintf(out_, "%s\n", dim(mark + one_line(text, kToolTextShown)).c_str());
    std::fflush(out_);
  }

  ApiClient& client_;
  bool interactive_;
  bool events_ = false;
  bool chatty_ = false;
  bool live_ = false;
  LiveText text_;
  std::FILE* out_ = stdout;
  std::string id_;
  uint64_t next_ = 1;
};

/// The agent as the server takes it: a description from a file, or the name of a configured one.
/// One from a file streams where its answers are shown while they come.
Result<Json> agent_of(const std::string& given, bool live) {
  if (given.empty()) return usage_error("name an agent's file, or --session to go on with one");
  const bool looks_like_file = given.find('/') != std::string::npos || given.ends_with(".yaml") ||
                               given.ends_with(".yml") || given.ends_with(".json");
  if (!looks_like_file && !file_exists(given)) return Json(given);
  auto spec = read_agent_file(given, read_small_file);
  if (!spec) return usage_error(std::move(spec).error().message);
  spec->stream = spec->stream || live;
  return spec->to_json();
}

void explain(const Turn& turn, const std::string& id) {
  if (turn.waits_for == "limit") {
    std::fprintf(stderr, "drover: paused: the agent's limit of steps is reached (%s)\n",
                 id.c_str());
  } else if (turn.waits_for == "model") {
    std::fprintf(stderr, "drover: no model answered: %s (%s goes on with the next message)\n",
                 printable(turn.error).c_str(), id.c_str());
  } else if (turn.waits_for == "planner") {
    std::fprintf(stderr, "drover: its planner gave no plan: %s (%s waits)\n",
                 printable(turn.error).c_str(), id.c_str());
  } else if (turn.waits_for == "budget") {
    const char* how = turn.over == "account" ? "extend` tries again" : "budget` raises it";
    std::fprintf(stderr, "drover: paused: %s (%s waits; `drover session %s)\n",
                 printable(turn.error).c_str(), id.c_str(), how);
  } else if (turn.waits_for == "approval") {
    std::fprintf(stderr, "drover: %s waits for a person's word: `drover approvals`\n", id.c_str());
  } else if (turn.ended() && !turn.ok()) {
    std::fprintf(stderr, "drover: the session ended: %s%s\n", printable(turn.end_reason).c_str(),
                 turn.error.empty() ? "" : (": " + printable(turn.error)).c_str());
  }
}

/// Reads a line; false at the end of the input.
bool ask(std::string& line) {
  const char* prompt = colours_wanted() ? "\x1b[1m> \x1b[0m" : "> ";
  std::printf("%s", prompt);
  std::fflush(stdout);
  while (std::getline(std::cin, line)) {
    if (!trim(line).empty()) return true;
    std::printf("%s", prompt);
    std::fflush(stdout);
  }
  std::printf("\n");
  return false;
}

int converse(Conversation& talk, const Arguments& a, Json agent) {
  std::string line;
  bool begun = a.has("session");
  std::printf("%s\n", dim("Say something; an empty line is nothing, Ctrl-D ends.").c_str());
  while (ask(line)) {
    auto said = begun ? talk.say(line) : talk.begin(agent, line);
    if (!said) return complain(said.error());
    begun = true;
    auto turn = talk.turn();
    if (!turn) return complain(turn.error());
    explain(*turn, talk.id());
    if (turn->ended()) return turn->ok() ? kExitOk : kExitFailed;
  }
  if (begun) std::printf("go on with: drover run --session %s\n", talk.id().c_str());
  return kExitOk;
}

int answer_once(ApiClient& client, Conversation& talk, const Arguments& a, Json agent,
                const std::string& message) {
  auto said = a.has("session") ? talk.say(message) : talk.begin(std::move(agent), message);
  if (!said) return complain(said.error());
  auto turn = talk.turn();
  if (!turn) return complain(turn.error());
  explain(*turn, talk.id());
  if (a.has("json")) {
    auto session = client.call("GET", "/v1/sessions/" + url_part(talk.id()));
    if (!session) return complain(session.error());
    session->erase("messages");
    session->set("answer", turn->answer);
    if (!turn->error.empty()) session->set("error", turn->error);
    print_json(*session);
  } else if (!a.has("stream-events") && !talk.live() && turn->ok()) {
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    std::printf("%s\n", (terminal ? printable(turn->answer) : turn->answer).c_str());
  }
  return turn->ok() ? kExitOk : kExitFailed;
}

int run_agent(const Arguments& a) {
  Json agent;
  const bool interactive = !a.has("message") && isatty(STDIN_FILENO) != 0;
  if (!a.has("session")) {
    auto read = agent_of(a.get("AGENT"), interactive || a.has("stream"));
    if (!read) return complain(read.error());
    agent = std::move(*read);
  }
  std::string message = a.get("message");
  if (!a.has("message") && !interactive) {
    std::ostringstream text;
    text << std::cin.rdbuf();
    message = std::string(trim(text.view()));
  }
  if (!interactive && message.empty()) {
    return complain(usage_error("no message: give --message TEXT, or pipe it in").value());
  }
  auto client = ApiClient::connect(a, Need::kRun);
  if (!client) return complain(client.error());
  Conversation talk(**client, a, interactive);
  if (a.has("session")) talk.take_up(a.get("session"));
  if (interactive) return converse(talk, a, std::move(agent));
  return answer_once(**client, talk, a, std::move(agent), message);
}

}  // namespace

Command run_command() {
  return client_command(
      "run", "Run an agent: talk to it, or give it one message",
      "AGENT is a file, or the name of an agent in drover.yaml. Uses the server if there is one\n"
      "(DROVER_URL, DROVER_KEY), otherwise runs in this process over ./drover.yaml's endpoints.\n"
      "An agent's file:\n\n"
      "  name: helper\n"
      "  instructions: You answer in one sentence.\n"
      "  models: [gpt-4o]          # the ladder, first choice first\n"
      "  tools: [orders]           # tool servers that drover.yaml names\n\n"
      "Examples:\n"
      "  drover run helper.yaml                            a conversation\n"
      "  drover run helper.yaml --message 'Hello'          the answer alone\n"
      "  drover run helper.yaml --stream --message 'Hello' the answer while it comes\n"
      "  drover run --session ses_01KAR… --message 'And?'  goes on\n"
      "Exit code 0 if it answered, 1 if not.",
      {{"AGENT", "the agent's file, or its name in drover.yaml", false, false}},
      {{"--message", "TEXT", "say this, print the answer, and leave", ""},
       {"--session", "SESSION", "go on with this session", ""},
       {"--stream", "", "print the answer while it comes", ""},
       {"--stream-events", "", "print each event as a line of JSON", ""}},
      run_agent);
}

}  // namespace drover::app
