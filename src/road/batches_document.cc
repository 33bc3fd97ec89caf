// What a start needs of the batches that were under way: one document each, without any content.

#include "base/log.h"
#include "road/batches_run.h"

namespace drover::road {

using async::Context;
using async::Task;

namespace {

Json call_json(const BatchCall& c) {
  Json out = Json::object().set("key", c.key).set("tenant", c.tenant).set("api_key", c.api_key);
  out.set("agent", c.agent).set("session", c.session).set("tree", c.tree);
  out.set("input_tokens", c.most.input_tokens).set("output_tokens", c.most.output_tokens);
  return out.set("money", c.most.money.usd()).set("known", c.most.known);
}

BatchCall call_of(const Json& json) {
  BatchCall c;
  c.key = json.get_text("key");
  c.tenant = json.get_text("tenant");
  c.api_key = json.get_text("api_key");
  c.agent = json.get_text("agent");
  c.session = json.get_text("session");
  c.tree = json.get_text("tree");
  c.most.input_tokens = json.get_int("input_tokens").value_or(0);
  c.most.output_tokens = json.get_int("output_tokens").value_or(0);
  c.most.money = Money::parse_usd(json.get_text("money")).value_or(Money());
  c.most.known = json.get_bool("known").value_or(false);
  return c;
}

}  // namespace

Task<Result<void>> Batches::write(Context ctx, RunPtr run) {
  Json items = Json::array();
  // Calls of one batch were mostly placed alike.
  Json placements = Json::array();
  std::map<std::string_view, int64_t> known;
  for (const ItemPtr& item : run->items) {
    auto [it, added] = known.try_emplace(item->call.placed, known.size());
    if (added) placements.push(item->call.placed);
    items.push(call_json(item->call).set("placed", it->second));
  }
  const bool open = run->state == Run::State::kOpen;
  const bool ended = run->state == Run::State::kEnded;
  Json json = Json::object();
  json.set("endpoint", run->endpoint).set("made", format_rfc3339(run->made));
  json.set("within_s", run->within.count() / 1'000'000'000);
  json.set("state", ended ? "ended" : open ? "open" : "sending");
  json.set("id", run->id).set("input_file", run->input_file);
  json.set("output_file", run->output_file).set("error_file", run->error_file);
  json.set("items", std::move(items)).set("placements", std::move(placements));
  std::string name = run->token;
  co_return co_await p_.documents->put(ctx, kBatchesCollection, std::move(name), std::move(json));
}

Batches::RunPtr Batches::run_of(const Json& json, std::string token) {
  auto run = std::make_shared<Run>();
  run->token = std::move(token);
  run->endpoint = json.get_text("endpoint");
  run->made = parse_rfc3339(json.get_text("made")).value_or(p_.loop->wall());
  run->within = std::chrono::seconds(json.get_int("within_s").value_or(0));
  const std::string state = json.get_text("state");
  run->state = state == "open"    ? Run::State::kOpen
               : state == "ended" ? Run::State::kEnded
                                  : Run::State::kSending;
  run->restarted = true;
  run->may_have_file = run->state == Run::State::kSending;
  run->id = json.get_text("id");
  run->input_file = json.get_text("input_file");
  run->output_file = json.get_text("output_file");
  run->error_file = json.get_text("error_file");
  const Json* list = json.find("items");
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  const Json* told = json.find("placements");
  const Json::Array* placements = told == nullptr ? nullptr : told->array_items();
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    auto item = std::make_shared<Item>();
    item->call = call_of((*items)[i]);
    const int64_t placed = (*items)[i].get_int("placed").value_or(-1);
    if (placements != nullptr && placed >= 0 && placed < static_cast<int64_t>(placements->size())) {
      const std::string* text = (*placements)[static_cast<size_t>(placed)].string();
      if (text != nullptr) item->call.placed = *text;
    }
    item->call.endpoint = run->endpoint;
    item->run = run.get();
    run->items.push_back(std::move(item));
  }
  return run;
}

Task<Result<void>> Batches::load(Context ctx) {
  CO_TRY(auto documents, co_await p_.documents->list(ctx, kBatchesCollection));
  for (const auto& [token, json] : documents) {
    RunPtr run = run_of(json, token);
    if (run->state != Run::State::kEnded) {
      for (const ItemPtr& item : run->items) items_[item->call.key] = item;
    }
    loaded_.push_back(std::move(run));
  }
  co_return Result<void>();
}

Task<Result<std::set<std::string>>> Batches::settled_lines(Context ctx) {
  std::set<std::string> out;
  if (p_.books == nullptr || loaded_.empty()) co_return out;
  CO_TRY(auto calls, co_await p_.books->calls(ctx));
  for (const LedgerCall& call : calls) {
    if (call.settled) out.insert(call.record.call_key);
  }
  co_return out;
}

Task<Result<void>> Batches::start(Context ctx) {
  CO_TRY(auto settled, co_await settled_lines(ctx));
  std::vector<RunPtr> runs = std::move(loaded_);
  loaded_.clear();
  for (RunPtr& run : runs) {
    for (const ItemPtr& item : run->items) item->settled = settled.contains(item->call.line());
    if (run->state != Run::State::kEnded) {
      Result<void> held = co_await reserve(ctx, run);
      if (!held) LOG_WARN("a batch goes on without a reservation: {}", held.error().message);
    }
    ++runs_;
    scope_.spawn(drive(scope_.context(), run));
  }
  co_return Result<void>();
}

}  // namespace drover::road
