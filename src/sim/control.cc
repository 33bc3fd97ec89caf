// The control API of a simulated cloud, on a port of its own:
//   GET  /_sim/state?log=N    counts, sums, the newest N requests (100), faults waiting, outages
//   POST /_sim/faults         one fault or {"faults": [...]} (fault.h); DELETE: forget all of them
//   POST /_sim/outage         {"on": true, "region": "…"}
//   POST /_sim/quota          {"requests_per_minute", "tokens_per_minute"}
//   POST /_sim/cache          {"clear": true}: forget all prompts
//   POST /_sim/batch          how batches made from now on go: batch.h
//   POST /_sim/tier           {"asked": "flex", "served": "default"}: serve and bill another
//   service
//                             tier than was asked for; without "served": the one asked for again
// What is no member of a request, or of another type, is refused with its name, and so is a region
// that is not here.

#include <charconv>

#include "base/bytes.h"
#include "base/near_word.h"
#include "sim/batch.h"
#include "sim/cloud.h"

namespace drover::sim {

namespace {
constexpr size_t kControlBodyBytesMax = 4u << 20;
}

Json SimCloud::state(size_t log_max) const {
  Json out = Json::object();
  out.set("name", options_.name).set("kind", cloud_kind_name(options_.kind));
  Json regions = Json::array();
  for (const std::unique_ptr<SimSite>& site : sites_) {
    Json one = Json::object();
    one.set("region", site->region).set("url", site->url).set("outage", site->outage);
    if (site->server != nullptr) {
      one.set("connections", static_cast<uint64_t>(site->server->open_connections()));
      one.set("in_flight", static_cast<uint64_t>(site->server->in_flight()));
    }
    one.set("batches", site->batches->to_json());
    regions.push(std::move(one));
  }
  out.set("regions", std::move(regions)).set("misses", misses());
  out.set("faults", faults_.to_json()).set("faults_happened", faults_.happened());
  Json books = ledger_.to_json(log_max);
  for (Json::Member& member : *books.members()) {
    out.set(std::move(member.first), std::move(member.second));
  }
  return out;
}

Result<void> SimCloud::check_region(const std::string& region, bool part_of_name) const {
  std::vector<std::string> known;
  for (const std::unique_ptr<SimSite>& site : sites_) {
    const bool part = site->region.find(region) != std::string::npos;
    if (region.empty() || site->region == region || (part_of_name && part)) return {};
    known.push_back(site->region);
  }
  const std::string_view near = near_word(region, {known.begin(), known.end()});
  return fail(Code::kInvalidArgument,
              "there is no region '" + region + "' here" +
                  (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?") +
                  " (there are: " + joined(known) + ")");
}

Result<Json> SimCloud::control_faults(const Json& body) {
  const Json* list = body.find("faults");
  if (list != nullptr) TRY_VOID(check_members(body, {{"faults", MemberKind::kList}}));
  Json::Array one(1, body);
  const Json::Array* items = list == nullptr ? &one : list->array_items();
  std::vector<Fault> faults;
  for (const Json& item : *items) {
    TRY(Fault fault, Fault::from_json(item));
    TRY_VOID(check_region(fault.region, true));
    faults.push_back(std::move(fault));
  }
  for (Fault& fault : faults) TRY_VOID(faults_.add(std::move(fault)));
  return Json::object().set("faults", faults_.to_json());
}

Result<Json> SimCloud::control_outage(const Json& body) {
  TRY_VOID(check_members(body, {{"on", MemberKind::kFlag}, {"region", MemberKind::kName}}));
  const std::string region = body.get_text("region");
  TRY_VOID(check_region(region, false));
  set_outage(body.get_bool("on").value_or(true), region);
  return Json::object().set("outage", in_outage(""));
}

Result<Json> SimCloud::control_answer(const http::RequestHead& head, std::string_view body) {
  std::string_view path = head.path();
  run_batches();
  if (path == "/_sim/state" && head.method == "GET") {
    size_t log = 100;
    std::string wish = head.query_param("log").value_or("");
    std::from_chars(wish.data(), wish.data() + wish.size(), log);
    return state(log);
  }
  if (path == "/_sim/faults" && head.method == "DELETE") {
    faults_.clear();
    return Json::object().set("faults", Json::array());
  }
  if (head.method != "POST") return fail(Code::kNotFound, "no such control");
  TRY(Json json, Json::parse(body.empty() ? "{}" : body));
  if (path == "/_sim/faults") return control_faults(json);
  if (path == "/_sim/outage") return control_outage(json);
  if (path == "/_sim/quota") {
    TRY_VOID(check_members(json, {{"requests_per_minute", MemberKind::kWhole},
                                  {"tokens_per_minute", MemberKind::kWhole}}));
    QuotaRules rules;
    rules.requests_per_minute = json.get_int("requests_per_minute").value_or(0);
    rules.tokens_per_minute = json.get_int("tokens_per_minute").value_or(0);
    set_quota(rules);
    return Json::object()
        .set("requests_per_minute", rules.requests_per_minute)
        .set("tokens_per_minute", rules.tokens_per_minute);
  }
  if (path == "/_sim/batch") {
    TRY(BatchRules rules, BatchRules::from_json(json));
    set_batches(rules);
    return Json::object().set("takes_ms", rules.takes.count() / 1'000'000);
  }
  if (path == "/_sim/tier") {
    TRY_VOID(check_members(json, {{"asked", MemberKind::kText}, {"served", MemberKind::kText}}));
    set_tier(json.get_text("asked"), json.get_text("served"));
    Json served = Json::object();
    for (const auto& [from, to] : tiers_) served.set(from, to);
    return Json::object().set("served", std::move(served));
  }
  if (path == "/_sim/cache") {
    TRY_VOID(check_members(json, {{"clear", MemberKind::kFlag}}));
    for (std::unique_ptr<SimSite>& site : sites_) site->cache.clear();
    return Json::object().set("cleared", true);
  }
  return fail(Code::kNotFound, "no such control");
}

async::Task<void> SimCloud::control(async::Context ctx, http::ServerRequest& request,
                                    http::ServerResponse& response) {
  Result<std::string> body = co_await request.read_all(ctx, kControlBodyBytesMax);
  if (!body) co_return;
  Result<Json> answer = control_answer(request.head(), *body);
  http::ResponseHead head;
  head.headers.add("content-type", "application/json");
  std::string text;
  if (answer) {
    text = answer->dump();
  } else {
    head.status = answer.error().code == Code::kNotFound ? 404 : 400;
    text = Json::object().set("error", answer.error().message).dump();
  }
  text += "\n";
  Result<void> sent = co_await response.respond(ctx, std::move(head), std::move(text));
  (void)sent;  // who asked has left
}

}  // namespace drover::sim
