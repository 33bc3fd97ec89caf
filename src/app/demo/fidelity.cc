#include "app/demo/fidelity.h"

#include <cstdio>
#include <filesystem>
#include <set>

#include "app/files.h"
#include "app/progress.h"
#include "sim/recorded_model.h"

namespace drover::app {
namespace {

using contract::Message;
using sim::CloudKind;

constexpr std::string_view kModelName = "recorded";
constexpr Duration kTurnTimeout = 120s;

/// The ways a call can take, each a model of its own, so that a ladder orders them.
struct Way {
  std::string model;
  CloudKind cloud;
  std::string dialect;
};

std::vector<Way> ways_for(const std::string& via) {
  Way aws{"via-aws", CloudKind::kAws, ""};
  Way azure{"via-azure", CloudKind::kAzure, ""};
  Way coreweave{"via-coreweave", CloudKind::kCoreWeave, ""};
  if (via == "converse") return {aws};
  if (via == "azure") return {azure};
  if (via == "openai") {
    Way aws_openai{"via-aws-openai", CloudKind::kAws, "openai"};
    return {coreweave, aws_openai};
  }
  return {aws, azure, coreweave};
}

size_t count_answers(const sim::Recording& recording) {
  size_t n = 0;
  for (const Message& m : recording.messages) n += m.role == contract::Role::kAssistant ? 1 : 0;
  return n;
}

/// A model call that failed and is not tried again by itself.
bool refused_for_good(const contract::Event& event) {
  if (event.kind != contract::kind::kModelResult) return false;
  auto payload = Json::parse(event.payload);
  const Json* error = payload ? payload->find("error") : nullptr;
  return error != nullptr && error->get_string("retry") == "never";
}

class Run {
 public:
  Run(net::AsioLoop& loop, FidelityOptions options) : loop_(loop), options_(std::move(options)) {}

  Result<FidelityReport> run() {
    TRY(recordings_, sim::load_recordings(options_.file));
    if (options_.sessions_max > 0 && recordings_.size() > options_.sessions_max) {
      recordings_.resize(options_.sessions_max);
    }
    for (const sim::Recording& r : recordings_) answers_total_ += count_answers(r);
    TRY_VOID(set_up());
    Context ctx(loop_);
    TRY(size_t taken_up, loop_.run_task(runtime_->start(ctx)));
    report_.resumed = taken_up;
    MonoTime start = loop_.mono();
    loop_.run_task(run_all(ctx));
    report_.took = loop_.mono() - start;
    loop_.run_task(judge_all(ctx));
    loop_.run_task(runtime_->stop(ctx));
    loop_.run_task(clouds_->stop(ctx));
    clouds_.reset();
    runtime_.reset();
    if (temporary_) std::filesystem::remove_all(data_);
    if (!failure_.message.empty()) return fail(failure_);
    return std::move(report_);
  }

 private:
  Result<void> set_up() {
    data_ = options_.data;
    if (data_.empty()) {
      temporary_ = true;
      TRY(data_, make_temporary_folder("drover-demo"));
    }
    runtime_ = std::make_unique<Runtime>(loop_, RuntimeOptions());
    sim::SimCloudsOptions clouds;
    clouds.source = std::make_shared<sim::RecordedModel>(
        recordings_, options_.via == "mixed" ? sim::RecordedModel::Arguments::kAsJson
                                             : sim::RecordedModel::Arguments::kByteForByte);
    clouds.extra_models = {std::string(kModelName)};
    clouds_ = std::make_unique<DemoClouds>(loop_, runtime_->network(), clouds);
    TRY_VOID(clouds_->start());
    runtime_->add_secrets(clouds_->secrets());
    Config config;
    config.data = data_;
    ways_ = ways_for(options_.via);
    for (const Way& way : ways_) {
      DemoEndpoint wanted;
      wanted.cloud = way.cloud;
      wanted.model = way.model;
      wanted.upstream_model = std::string(kModelName);
      wanted.dialect = way.dialect;
      for (catalog::Endpoint& e : clouds_->endpoints(wanted)) {
        config.endpoints.push_back(std::move(e));
      }
    }
    config.tools.push_back(
        own_tool_server("recorded-tools", {"mcp-replay", std::filesystem::absolute(options_.file),
                                           "--log", data_ + "/tool-calls.jsonl"}));
    return runtime_->open(std::move(config));
  }

  session::AgentSpec agent_for(size_t index, const sim::Recording& recording) const {
    session::AgentSpec spec;
    spec.name = "recorded";
    spec.version = "1";
    if (recording.messages.front().role == contract::Role::kSystem) {
      spec.instructions = recording.messages.front().text();
    }
    for (size_t i = 0; i < ways_.size(); ++i) {
      spec.models.push_back(ways_[(index + i) % ways_.size()].model);
    }
    spec.tools = {"recorded-tools"};
    spec.steps_max = static_cast<int64_t>(count_answers(recording));
    spec.at_limit = session::AgentSpec::AtLimit::kEnd;
    spec.stream = options_.stream;
    return spec;
  }

  Task<void> run_all(Context ctx) {
    co_await find_known(ctx);
    async::Semaphore places(options_.concurrency);
    async::Scope scope(ctx);
    progress_.begin("sessions", recordings_.size(), !options_.quiet);
    for (size_t i = 0; i < recordings_.size(); ++i) {
      auto permit = co_await places.acquire(ctx);
      if (!permit) break;
      scope.spawn(run_one(scope.context(), i, std::move(*permit)));
    }
    co_await scope.join();
    progress_.end();
  }

  /// Sessions of an earlier run in this folder, by recording.
  Task<void> find_known(Context ctx) {
    store::SessionFilter filter;
    filter.agent = "recorded";
    filter.limit = 1000;
    for (;;) {
      auto rows = co_await runtime_->sessions().list(ctx, who_, filter);
      if (!rows || rows->empty()) break;
      for (const store::SessionRow& row : *rows) {
        auto state = co_await runtime_->sessions().state(ctx, who_, row.id);
        if (!state) continue;
        auto name = state->labels.get_string("recording");
        if (name) ids_[std::string(*name)] = row.id;
      }
      if (rows->size() < filter.limit) break;
      filter.before = rows->back().id;
    }
  }

  Task<void> run_one(Context ctx, size_t index, async::Semaphore::Permit permit) {
    const sim::Recording& recording = recordings_[index];
    auto done = co_await play(ctx, index);
    if (!done && failure_.message.empty()) {
      failure_ = done.error();
      failure_.note("while running session " + recording.name());
    }
    progress_.step();
  }

  Task<Result<void>> play(Context ctx, size_t index) {
    const sim::Recording& recording = recordings_[index];
    session::SessionManager& sessions = runtime_->sessions();
    auto known = ids_.find(recording.name());
    if (known == ids_.end()) {
      session::NewSession spec;
      spec.agent = agent_for(index, recording);
      spec.labels.set("recording", recording.name());
      CO_TRY(SessionId made, co_await sessions.create(ctx, who_, std::move(spec)));
      known = ids_.emplace(recording.name(), made).first;
    }
    SessionId id = known->second;
    session::State state;
    state.id = id;
    for (;;) {
      Context turn = ctx.with_timeout(kTurnTimeout);
      auto events = co_await sessions.follow(turn, who_, id, state.last_sequence + 1, 256);
      if (!events) {
        Error error = std::move(events).error();
        error.note("the session's last word was: " + std::string(status_name(state.status)) + " " +
                   state.reason + " at event " + std::to_string(state.last_sequence));
        co_return fail(std::move(error));
      }
      for (const contract::Event& event : *events) {
        CO_TRY_VOID(session::fold(state, event));
        if (event.kind == contract::kind::kModelResult) on_answer();
        if (refused_for_good(event)) co_return Result<void>();  // the comparison will tell
      }
      if (events->empty() || state.status == session::Status::kEnded) co_return Result<void>();
      if (state.status != session::Status::kWaiting || state.model_due) continue;
      if (state.reason != "message") continue;  // a failed model call is tried again
      size_t next = state.messages.size();
      if (next >= recording.messages.size()) co_return Result<void>();
      const Message& message = recording.messages[next];
      if (message.role != contract::Role::kUser) co_return Result<void>();
      if (state.last_sequence <= posted_at_[id]) continue;
      CO_TRY(uint64_t sequence, co_await sessions.post_message(turn, who_, id, message));
      posted_at_[id] = sequence;
    }
  }

  /// At half of all answers the first cloud goes down, with calls in flight.
  void on_answer() {
    ++answers_;
    if (!options_.fail || outage_ || answers_ < answers_total_ / 2) return;
    outage_ = true;
    const Way& way = ways_.front();
    sim::SimCloud& cloud = clouds_->cloud(way.cloud);
    std::string region;
    if (ways_.size() == 1 || options_.via == "openai") region = cloud.places().front().region;
    if (options_.via == "openai") region.clear();
    cloud.set_outage(true, region);
    progress_.note(cloud_title(way.cloud) + (region.empty() ? "" : " " + region) +
                   " goes down with calls in flight");
  }

  Task<void> judge_all(Context ctx) {
    report_.sessions = recordings_.size();
    report_.fail_wanted = options_.fail;
    for (const sim::Recording& recording : recordings_) {
      std::vector<contract::Event> all;
      auto known = ids_.find(recording.name());
      while (known != ids_.end()) {
        auto events =
            co_await runtime_->sessions().events(ctx, who_, known->second, all.size() + 1, 512);
        if (!events || events->empty()) break;
        for (contract::Event& e : *events) all.push_back(std::move(e));
      }
      SessionVerdict verdict = compare_session(recording, all);
      report_.identical += verdict.identical ? 1 : 0;
      report_.failovers += verdict.failovers;
      report_.lost += verdict.lost;
      report_.duplicated += verdict.duplicated;
      report_.repeated += verdict.repeated;
      report_.steps += verdict.steps;
      if (!verdict.identical) {
        report_.differences.push_back(recording.name() + ": " + verdict.difference);
      }
    }
  }

  net::AsioLoop& loop_;
  FidelityOptions options_;
  std::vector<sim::Recording> recordings_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<DemoClouds> clouds_;
  std::vector<Way> ways_;
  std::map<std::string, SessionId> ids_;
  std::map<SessionId, uint64_t> posted_at_;
  identity::Principal who_ = identity::Principal::system(default_tenant());
  Progress progress_;
  FidelityReport report_;
  Error failure_;
  std::string data_;
  bool temporary_ = false;
  bool outage_ = false;
  size_t answers_ = 0;
  size_t answers_total_ = 0;
};

}  // namespace

Result<FidelityReport> run_fidelity(net::AsioLoop& loop, FidelityOptions options) {
  return Run(loop, std::move(options)).run();
}

}  // namespace drover::app
