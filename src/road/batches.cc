#include "road/batches.h"

#include "base/bytes.h"
#include "base/log.h"
#include "road/batches_run.h"

namespace drover::road {

using async::Context;
using async::Task;
using dialect::BatchStatus;

Batches::Batches(Context ctx, BatchesParts parts) : p_(std::move(parts)), scope_(ctx) {
  if (p_.metrics == nullptr) return;
  counted_ =
      &p_.metrics->counter("drover_batch_calls_total",
                           "Model calls that were given to a batch, by outcome.", {"outcome"});
}
Batches::~Batches() = default;

Task<void> Batches::close() {
  scope_.cancel("stopping");
  co_await scope_.join();
}

bool Batches::has_room() const {
  return runs_ < limits::kBatchesMax && bytes_ < limits::kBatchesBytesMax;
}

size_t Batches::waiting() const {
  return static_cast<size_t>(std::count_if(items_.begin(), items_.end(),
                                           [](const auto& entry) { return entry.second->open(); }));
}

bool Batches::goes_on(std::string_view call_key) const {
  constexpr std::string_view kSuffix = "/batch";
  if (!call_key.ends_with(kSuffix)) return false;
  call_key.remove_suffix(kSuffix.size());
  return items_.contains(call_key);
}

void Batches::count(const char* outcome) {
  if (counted_ != nullptr) counted_->with({outcome}).add(1);
}

BatchState Batches::state_of(const Item& item) const {
  BatchState out;
  out.what = item.what;
  out.endpoint = item.call.endpoint;
  out.placed = item.call.placed;
  if (item.run != nullptr) {
    out.batch = item.run->id;
    out.since = item.run->made;
    out.until = item.run->given_up();
  }
  out.error = item.error;
  if (item.what != BatchState::What::kAnswered) return out;
  out.response = item.response;
  out.cost = item.cost;
  out.cost_known = item.cost_known;
  return out;
}

std::optional<BatchState> Batches::ask(std::string_view key) {
  auto found = items_.find(key);
  if (found == items_.end()) return std::nullopt;
  Item& item = *found->second;
  if (!item.open()) {
    item.told = true;
    if (item.run != nullptr) item.run->told = p_.loop->mono();
  }
  return state_of(item);
}

void Batches::forget(std::string_view key) {
  auto found = items_.find(key);
  if (found != items_.end() && !found->second->open()) items_.erase(found);
}

void Batches::leave(std::string_view session) {
  const std::string begin = std::string(session) + "/";
  for (auto it = items_.lower_bound(begin); it != items_.end(); ++it) {
    if (!it->first.starts_with(begin)) break;
    Item& item = *it->second;
    item.left = item.told = true;
    if (item.run != nullptr && item.run->all(&Item::left)) item.run->stirred.wake_all();
  }
}

Result<Batches::Target> Batches::target_of(Run& run) const {
  Target out;
  out.catalog = p_.catalog->get();
  out.endpoint = out.catalog->find(run.endpoint);
  // One that was configured away is asked as it was.
  if (out.endpoint == nullptr && run.catalog != nullptr) {
    out.catalog = run.catalog;
    out.endpoint = out.catalog->find(run.endpoint);
  }
  if (out.endpoint == nullptr) return fail(batch_lost("its endpoint is configured no more"));
  run.catalog = out.catalog;
  out.client = p_.client(*out.endpoint);
  if (out.client == nullptr) return fail(batch_lost("its provider has no batches"));
  return out;
}

Result<BatchCall> Batches::prepare(const catalog::Endpoint& endpoint, ModelCall& call) {
  providers::BatchClient* client = p_.client(endpoint);
  if (client == nullptr) return fail(batch_lost("its provider has no batches"));
  BatchCall out;
  TRY(out.body, client->encode(endpoint, call.prompt));
  out.key = call.idempotency_key.view();
  out.tenant = call.principal->tenant.str();
  out.api_key = call.principal->key.str();
  const Party& party = *call.party;
  out.agent = party.agent;
  out.session = party.session;
  out.tree = party.tree;
  out.endpoint = endpoint.id;
  out.data_class = call.data_class->text();
  if (call.batch_within) out.within = *call.batch_within;
  out.most = ask_for(endpoint, call.prompt, p_.loop->wall(), "batch", "", true);
  // At the plain price it would keep others out who pay half.
  const catalog::Price& price = endpoint.price_at(p_.loop->wall());
  out.most.money = price.most(out.most.input_tokens, out.most.output_tokens, "batch");
  return out;
}

Batches::RunPtr Batches::collecting(const BatchCall& call) {
  const std::string shared = call.endpoint + '\n' + call.tenant + '\n' + call.data_class + '\n' +
                             std::to_string(call.within.count());
  RunPtr& slot = collecting_[shared];
  if (slot == nullptr) {
    slot = std::make_shared<Run>();
    slot->token = to_hex(p_.random->bytes(12));
    slot->endpoint = call.endpoint;
    slot->made = p_.loop->wall();
    slot->within = call.within;
    ++runs_;
    scope_.spawn(drive(scope_.context(), slot));
  }
  return slot;
}

void Batches::take_out(Run& run, const ItemPtr& item) {
  item->run = nullptr;
  run.bytes -= item->call.body.size();
  bytes_ -= item->call.body.size();
  std::erase(run.items, item);
}

Task<BatchState> Batches::add(Context ctx, BatchCall call) {
  RunPtr run = collecting(call);
  auto item = std::make_shared<Item>();
  item->call = std::move(call);
  item->run = run.get();
  items_[item->call.key] = item;
  run->bytes += item->call.body.size();
  bytes_ += item->call.body.size();
  run->items.push_back(item);
  if (run->items.size() >= limits::kBatchLinesMax || run->bytes >= limits::kBatchBytesMax) {
    std::erase_if(collecting_, [&](const auto& entry) { return entry.second == run; });
    run->full.wake_all();
  }
  while (item->open() && run->state != Run::State::kOpen) {
    async::Wake wake = co_await run->accepted.wait(ctx);
    if (wake == async::Wake::kWoken || !item->open()) continue;
    // The caller left. What was sent is settled when it comes; what was not is not sent.
    if (run->state == Run::State::kCollecting) {
      take_out(*run, item);
      items_.erase(item->call.key);
    }
    BatchState left = state_of(*item);
    left.what = BatchState::What::kFailed;
    left.error = async::wake_error(wake, ctx);
    co_return left;
  }
  if (!item->open()) item->told = true;
  co_return state_of(*item);
}

Task<void> Batches::drive(Context ctx, RunPtr run) {
  if (run->state == Run::State::kCollecting) {
    Context window = ctx.with_timeout(limits::kBatchCollect);
    async::Wake woken = co_await run->full.wait(window);
    (void)woken;
    std::erase_if(collecting_, [&](const auto& entry) { return entry.second == run; });
  }
  const bool ended = run->state == Run::State::kEnded;
  const bool any = !run->items.empty() && !ended && !ctx.cancelled();
  Result<void> done;
  if (any) done = co_await send(ctx, run);
  if (any && done && !run->items.empty()) {
    Result<BatchStatus> status = co_await follow(ctx, run);
    if (status) {
      done = co_await take_answers(ctx, run, std::move(*status));
    } else {
      done = fail(std::move(status).error());
    }
  }
  // Where the process ends, the document says how it goes on.
  if (any && !ctx.cancelled()) {
    if (!done) {
      LOG_WARN("a batch of {} calls at {} came to nothing: {}", run->items.size(), run->endpoint,
               done.error().to_string());
      run->unsure = run->unsure || run->state == Run::State::kOpen;
      fail_open(*run, done.error());
    }
    wake(*run);
    co_await keep_answers(ctx, run);
  }
  if ((any || ended) && !ctx.cancelled()) co_await clear_away(ctx, run);
  bytes_ -= run->bytes;
  run->bytes = 0;
  --runs_;
}

}  // namespace drover::road
