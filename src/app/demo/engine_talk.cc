#include "app/demo/engine_talk.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "app/cli.h"
#include "app/demo/answer_view.h"
#include "app/files.h"
#include "app/line_reader.h"
#include "app/output.h"
#include "app/runtime.h"
#include "app/session_text.h"
#include "base/bytes.h"

namespace drover::app {
namespace {

constexpr Duration kCleanUpTime = 5s;

/// Such as a model of 135 million parameters can answer; the second only if it heard the first.
const std::vector<std::string>& own_messages() {
  static const std::vector<std::string> kMessages = {"Write one sentence about the sea.",
                                                     "Now one about the mountains.",
                                                     "What is the capital of France?"};
  return kMessages;
}

class EngineTalk {
 public:
  EngineTalk(net::AsioLoop& loop, EngineTalkOptions options)
      : loop_(loop),
        options_(std::move(options)),
        view_(options_.quiet),
        lines_(STDIN_FILENO),
        root_(loop),
        talk_(root_) {}

  Result<EngineTalkReport> run() {
    RuntimeOptions runtime;
    runtime.live = &view_;
    runtime_ = std::make_unique<Runtime>(loop_, runtime);
    engine_ =
        std::make_unique<Engine>(loop_, runtime_->network(), runtime_->client(), options_.engine);
    loop_.on_signal({SIGINT, SIGTERM}, [this](int) { interrupt(); });
    auto done = set_up();
    if (done) done = loop_.run_task(talk(talk_.context()));
    loop_.run_task(clean_up());
    if (!done && !talk_.cancelled()) return fail(std::move(done).error());
    report_.interrupted = interrupted_;
    return std::move(report_);
  }

 private:
  void interrupt() {
    if (talk_.cancelled()) std::_Exit(kExitInterrupted);
    interrupted_ = asking_ || report_.session.empty();
    lines_.stop();
    talk_.cancel("interrupted");
  }

  Result<void> set_up() {
    TRY_VOID(loop_.run_task(engine_->find(talk_.context())));
    Config config;
    config.data = options_.data;
    if (config.data.empty()) {
      TRY(config.data, make_temporary_folder("drover-engine"));
    }
    report_.data = config.data;
    report_.engine = engine_->title();
    report_.model = engine_->model();
    config.endpoints.push_back(engine_->endpoint());
    TRY_VOID(runtime_->open(std::move(config)));
    TRY_VOID(loop_.run_task(runtime_->start(root_)));
    return {};
  }

  session::AgentSpec agent() const {
    session::AgentSpec spec;
    spec.name = "local";
    spec.version = "1";
    spec.instructions = "Answer in one short sentence.";
    spec.models = {engine_->model()};
    spec.output_tokens_max = options_.answer_tokens_max;
    spec.temperature = 0;
    spec.stream = true;
    return spec;
  }

  Task<Result<void>> talk(Context ctx) {
    async::Scope scope(ctx);
    Engine::Note note = [this](const std::string& text) { view_.note(text); };
    scope.spawn(engine_->watch(scope.context(), std::move(note)));
    auto done = co_await converse(ctx);
    scope.cancel("the talk is over");
    co_await scope.join();
    co_return done;
  }

  Task<Result<void>> converse(Context ctx) {
    session::NewSession spec;
    spec.agent = agent();
    CO_TRY(state_.id, co_await runtime_->sessions().create(ctx, who_, std::move(spec)));
    report_.session = state_.id.str();
    view_.plain(report_.model + ", " + report_.engine + "\n" +
                dim("session " + report_.session +
                    (options_.interactive ? "; a line is a message, Ctrl-D ends the talk" : "")) +
                "\n");
    size_t said = 0;
    for (;;) {
      std::optional<std::string> text;
      if (options_.interactive) {
        view_.prompt();
        text = co_await lines_.next(ctx);
        if (text && trim(*text).empty()) continue;
        if (!text) view_.plain("\n");
      } else {
        const auto& all = options_.messages.empty() ? own_messages() : options_.messages;
        if (said < all.size()) text = all[said++];
        if (text) view_.question(*text);
      }
      if (!text) co_return Result<void>();
      CO_TRY_VOID(co_await ask(ctx, std::move(*text)));
      // Without an answer a script has nothing to go on with; a person may say it again.
      bool over = state_.status == session::Status::kEnded;
      if (over || (!report_.turns.back().ok() && !options_.interactive)) co_return Result<void>();
    }
  }

  Task<Result<void>> ask(Context ctx, std::string text) {
    report_.turns.emplace_back();
    EngineTurn& turn = report_.turns.back();
    turn.asked = text;
    asking_ = true;
    contract::Message message = contract::Message::of_text(contract::Role::kUser, std::move(text));
    CO_TRY(uint64_t posted,
           co_await runtime_->sessions().post_message(ctx, who_, state_.id, std::move(message)));
    for (;;) {
      CO_TRY(bool more, co_await go_on(ctx, posted, &turn));
      if (!more) break;
    }
    asking_ = false;
    if (turn.ok()) {
      view_.answered(turn.answer, turn.figures());
    } else {
      view_.note("no answer: " + turn.error);
    }
    co_return Result<void>();
  }

  /// Takes what comes next in the journal; false when the turn is over.
  Task<Result<bool>> go_on(Context ctx, uint64_t posted, EngineTurn* turn) {
    session::SessionManager& sessions = runtime_->sessions();
    CO_TRY(auto events,
           co_await sessions.follow(ctx, who_, state_.id, state_.last_sequence + 1, 256));
    for (const contract::Event& event : events) {
      CO_TRY_VOID(session::fold(state_, event));
      if (event.kind == contract::kind::kModelResult) take(event, *turn);
    }
    report_.trace_id = state_.trace_id;
    if (events.empty() || state_.status == session::Status::kEnded) co_return false;
    bool waits = state_.status == session::Status::kWaiting && !state_.model_due;
    if (!waits || state_.last_sequence <= posted) co_return true;
    if (turn->ok()) co_return false;
    // A call that failed is tried again by itself, for a while: its session then counts as running.
    CO_TRY(auto row, co_await sessions.find(ctx, who_, state_.id));
    bool tried_again = row.status == "running";
    if (tried_again) view_.note(turn->error + "; it is tried again");
    co_return tried_again;
  }

  void take(const contract::Event& event, EngineTurn& turn) {
    auto payload = Json::parse(event.payload);
    if (!payload) return;
    turn.attempts = event.attempt;
    const Json* error = payload->find("error");
    turn.error = error == nullptr ? "" : member(*error, "message");
    const Json* message = payload->find("message");
    if (message == nullptr) return;
    turn.answer = message_text(*message);
    turn.finish_reason = member(*payload, "finish_reason");
    if (const Json* usage = payload->find("usage")) {
      turn.input_tokens = usage->get_int("input_tokens");
      turn.output_tokens = usage->get_int("output_tokens");
      turn.estimated = usage->get_bool("estimated").value_or(false);
    }
    turn.first_token_us = payload->get_int("first_token_us").value_or(0);
    const Json* latency = payload->find("latency_us");
    if (latency == nullptr || latency->members() == nullptr) return;
    for (const Json::Member& part : *latency->members()) {
      turn.took_us += part.second.integer().value_or(0);
    }
  }

  Task<void> clean_up() {
    Context bounded = root_.with_timeout(kCleanUpTime);
    if (interrupted_ && !report_.session.empty()) {
      auto cancelled =
          co_await runtime_->sessions().cancel(bounded, who_, state_.id, "interrupted by a person");
      if (cancelled) view_.note("interrupted: the call is cut, and its session ended");
    }
    co_await runtime_->stop(bounded);
    co_await engine_->stop(bounded);
  }

  net::AsioLoop& loop_;
  EngineTalkOptions options_;
  AnswerView view_;
  LineReader lines_;
  Context root_;
  async::CancelSource talk_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Engine> engine_;
  identity::Principal who_ = identity::Principal::system(default_tenant());
  session::State state_;
  EngineTalkReport report_;
  bool asking_ = false;  // an answer is under way
  bool interrupted_ = false;
};

}  // namespace

Result<EngineTalkReport> run_engine_talk(net::AsioLoop& loop, EngineTalkOptions options) {
  return EngineTalk(loop, std::move(options)).run();
}

}  // namespace drover::app
