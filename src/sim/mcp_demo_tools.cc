#include "sim/mcp_demo_tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "async/sync.h"
#include "base/bytes.h"

namespace drover::sim {

namespace {

Json text_property(std::string_view description) {
  return Json::object().set("type", "string").set("description", description);
}

McpResult ok(const Json& value) {
  McpResult out;
  out.text = value.dump();
  return out;
}
McpResult error(std::string text) {
  McpResult out;
  out.text = std::move(text);
  out.is_error = true;
  return out;
}

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> out;
  std::string word;
  for (char c : to_lower(text) + " ") {
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
    if (letter) {
      word += c;
    } else if (word.size() > 2) {
      out.insert(std::move(word));
      word.clear();
    } else {
      word.clear();
    }
  }
  return out;
}

}  // namespace

DemoTools::DemoTools(DemoToolsOptions options) : options_(options), random_(options.seed) {
  Json order = Json::object().set("order_id", text_property("such as A-1042"));
  add("lookup_order", "Status, items and total of an order.", {"order_id"}, order,
      &DemoTools::lookup_order);
  Json refund = order;
  refund.set("reason", text_property("why"));
  add("refund_order", "Refunds an order in full. Repeating a refund changes nothing.", {"order_id"},
      refund, &DemoTools::refund_order);
  Json flights = Json::object();
  flights.set("from", text_property("airport or city")).set("to", text_property("airport or city"));
  flights.set("date", text_property("YYYY-MM-DD"));
  add("search_flights", "Flights between two places on a day.", {"from", "to"}, flights,
      &DemoTools::search_flights);
  add("get_weather", "The weather in a city today.", {"city"},
      Json::object().set("city", text_property("the city")), &DemoTools::get_weather);
  add("search_web", "Pages that tell about a topic, the best first.", {"query"},
      Json::object().set("query", text_property("words")), &DemoTools::search_web);
  Json convert = Json::object();
  convert.set("amount", Json::object().set("type", "number"));
  convert.set("from", text_property("EUR, USD, GBP, JPY")).set("to", text_property("the same"));
  add("convert_currency", "An amount in another currency.", {"amount", "from", "to"}, convert,
      &DemoTools::convert_currency);
}

void DemoTools::add(std::string name, std::string description, std::vector<std::string> required,
                    Json properties, Function function) {
  Entry entry;
  entry.tool.name = std::move(name);
  entry.tool.description = std::move(description);
  Json names = Json::array();
  for (std::string& one : required) names.push(std::move(one));
  Json schema = Json::object();
  schema.set("type", "object").set("properties", std::move(properties));
  schema.set("required", std::move(names));
  entry.tool.input_schema = std::move(schema);
  entry.function = function;
  entries_.push_back(std::move(entry));
}

std::vector<McpTool> DemoTools::list() const {
  std::vector<McpTool> out;
  for (const Entry& entry : entries_) out.push_back(entry.tool);
  return out;
}

SeededRandom DemoTools::random_for(std::string_view text) const {
  uint64_t hash = options_.seed;
  for (char c : text) hash = hash * 1'099'511'628'211u + static_cast<unsigned char>(c);
  return SeededRandom(hash);
}

async::Task<Result<McpResult>> DemoTools::call(async::Context ctx, McpCall call) {
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& e) { return e.tool.name == call.name; });
  if (entry == entries_.end()) co_return fail(Code::kNotFound, "no such tool: " + call.name);
  const Json* required = entry->tool.input_schema.find("required");
  for (const Json& name : *required->array_items()) {
    if (call.arguments.find(*name.string()) == nullptr) {
      co_return error("Error: the argument " + *name.string() + " is missing");
    }
  }
  if (options_.latency > 0ns) {
    double factor = 1 + options_.jitter * (2 * random_.unit() - 1);
    Duration d(static_cast<int64_t>(static_cast<double>(options_.latency.count()) * factor));
    CO_TRY_VOID(co_await async::sleep_for(ctx, d));
  }
  if (options_.error_chance > 0 && random_.chance(options_.error_chance)) {
    co_return error("Error: the service behind this tool is busy, try again");
  }
  co_return (this->*entry->function)(call.arguments, call);
}

McpResult DemoTools::lookup_order(const Json& arguments, const McpCall&) {
  std::string id = arguments.get_text("order_id");
  if (id.size() < 3 || id.find('-') == std::string::npos) return error("Error: no order " + id);
  SeededRandom random = random_for("order " + id);
  constexpr const char* kStatus[] = {"delivered", "shipped", "delayed", "being packed"};
  constexpr const char* kItems[] = {"rain jacket",  "trail shoes",  "head torch",
                                    "water filter", "sleeping bag", "camp stove"};
  Json items = Json::array();
  int64_t cents = 0;
  for (uint64_t i = 0, n = 1 + random.below(3); i < n; ++i) {
    int64_t price = 1'490 + static_cast<int64_t>(random.below(180)) * 100;
    cents += price;
    Json item = Json::object();
    item.set("name", kItems[random.below(6)])
        .set("price", fmt::format("{}.{:02}", price / 100, price % 100));
    items.push(std::move(item));
  }
  Json out = Json::object();
  out.set("order_id", id).set("status", kStatus[random.below(4)]);
  out.set("items", std::move(items)).set("currency", "EUR");
  out.set("total", fmt::format("{}.{:02}", cents / 100, cents % 100));
  out.set("refunded", refunds_.contains("order " + id));
  return ok(out);
}

McpResult DemoTools::refund_order(const Json& arguments, const McpCall& call) {
  std::string id = arguments.get_text("order_id");
  // One order is refunded once, whoever asks; a repeat of the same call gets the same answer.
  auto done = refunds_.find("order " + id);
  if (done != refunds_.end()) {
    ++refund_repeats_;
    McpResult out;
    out.text = done->second;
    return out;
  }
  McpResult order = lookup_order(arguments, call);
  if (order.is_error) return order;
  Result<Json> details = Json::parse(order.text);
  if (!details || refunds_.size() >= kDemoRefundsMax) return error("Error: refunds are closed");
  Json out = Json::object();
  out.set("order_id", id).set("refunded", details->get_string("total").value_or("0"));
  out.set("currency", "EUR").set("receipt", "R-" + make_receipt(id));
  refunds_["order " + id] = out.dump();
  return ok(out);
}

std::string DemoTools::make_receipt(std::string_view id) const {
  return fmt::format("{:08X}", random_for("receipt " + std::string(id)).next() >> 32);
}

McpResult DemoTools::search_flights(const Json& arguments, const McpCall&) {
  std::string from = arguments.get_text("from");
  std::string to = arguments.get_text("to");
  if (from == to) return error("Error: from and to are the same place");
  std::string date = arguments.get_text("date");
  SeededRandom random = random_for(from + ">" + to + "@" + date);
  Json flights = Json::array();
  for (uint64_t i = 0, n = 2 + random.below(3); i < n; ++i) {
    uint64_t hour = 6 + i * 4 + random.below(3);
    Json flight = Json::object();
    flight.set("flight", fmt::format("DR{}", 100 + random.below(900)));
    flight.set("departs", fmt::format("{:02}:{:02}", hour, 5 * random.below(12)));
    flight.set("minutes", 60 + 5 * random.below(60)).set("price_eur", 49 + random.below(400));
    flight.set("seats", random.below(9));
    flights.push(std::move(flight));
  }
  Json out = Json::object();
  out.set("from", from).set("to", to).set("date", date).set("flights", std::move(flights));
  return ok(out);
}

McpResult DemoTools::get_weather(const Json& arguments, const McpCall&) {
  std::string city = arguments.get_text("city");
  SeededRandom random = random_for("weather " + to_lower(city));
  constexpr const char* kSky[] = {"clear", "cloudy", "light rain", "heavy rain", "snow", "fog"};
  Json out = Json::object();
  out.set("city", city).set("sky", kSky[random.below(6)]);
  out.set("celsius", static_cast<int64_t>(random.below(32)) - 4).set("wind_kmh", random.below(60));
  return ok(out);
}

McpResult DemoTools::search_web(const Json& arguments, const McpCall&) {
  std::set<std::string> wanted = words_of(arguments.get_text("query"));
  std::vector<std::pair<size_t, size_t>> ranked;  // hits (negated by the sort), page
  const std::vector<DemoPage>& corpus = demo_corpus();
  for (size_t i = 0; i < corpus.size(); ++i) {
    std::set<std::string> title = words_of(corpus[i].title);
    std::set<std::string> text = words_of(corpus[i].text);
    size_t hits = 0;
    for (const std::string& word : wanted) hits += 3 * title.count(word) + text.count(word);
    if (hits > 0) ranked.emplace_back(hits, i);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  Json results = Json::array();
  for (size_t i = 0; i < std::min<size_t>(3, ranked.size()); ++i) {
    Json page = Json::object();
    page.set("title", corpus[ranked[i].second].title).set("text", corpus[ranked[i].second].text);
    results.push(std::move(page));
  }
  Json out = Json::object();
  out.set("query", arguments.get_text("query")).set("results", std::move(results));
  return ok(out);
}

McpResult DemoTools::convert_currency(const Json& arguments, const McpCall&) {
  const std::map<std::string, double> per_euro = {
      {"EUR", 1.0}, {"USD", 1.09}, {"GBP", 0.86}, {"JPY", 163.2}};
  auto from = per_euro.find(arguments.get_text("from"));
  auto to = per_euro.find(arguments.get_text("to"));
  std::optional<double> amount = arguments.get_number("amount");
  if (from == per_euro.end() || to == per_euro.end() || !amount) {
    return error("Error: convert a number between EUR, USD, GBP and JPY");
  }
  double result = *amount / from->second * to->second;
  Json out = Json::object();
  out.set("amount", fmt::format("{:.2f}", result)).set("currency", to->first);
  return ok(out);
}

}  // namespace drover::sim
