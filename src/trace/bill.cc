#include "trace/bill.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/json.h"
#include "base/limits/money.h"

namespace drover::trace {
namespace {

using BilledUsage = contract::Usage;
struct TokenField {
  std::string_view name;
  std::optional<int64_t> BilledUsage::* member;
};
constexpr TokenField kTokens[] = {
    {"input_tokens", &BilledUsage::input_tokens},
    {"output_tokens", &BilledUsage::output_tokens},
    {"cache_read_tokens", &BilledUsage::cache_read_tokens},
    {"cache_write_tokens", &BilledUsage::cache_write_tokens},
    {"cache_write_1h_tokens", &BilledUsage::cache_write_1h_tokens},
    {"reasoning_tokens", &BilledUsage::reasoning_tokens},
    {"audio_input_tokens", &BilledUsage::audio_input_tokens},
    {"audio_output_tokens", &BilledUsage::audio_output_tokens},
    {"image_input_tokens", &BilledUsage::image_input_tokens},
};

/// Names of columns that mean the same.
std::string_view canonical(std::string_view name) {
  if (name == "call" || name == "call_key") return "idempotency_key";
  if (name == "at" || name == "timestamp") return "time";
  if (name == "cost") return "cost_usd";
  if (name == "service_tier") return "tier";
  return name;
}

Result<void> set_field(BillRow& row, std::string_view column, std::string_view value) {
  const std::string_view name = canonical(column);
  if (value.empty()) return {};
  if (name == "request_id") row.request_id = value;
  if (name == "idempotency_key") row.call_key = value;
  if (name == "provider") row.provider = value;
  if (name == "endpoint") row.endpoint = value;
  if (name == "region") row.region = value;
  if (name == "model") row.model = value;
  if (name == "tier") row.tier = value;
  if (name == "time") {
    Result<WallTime> at = parse_rfc3339(value);
    if (!at) return fail(Code::kInvalidArgument, "'time' is not RFC 3339");
    row.at = *at;
  }
  if (name == "cost_usd") {
    Result<Money> cost = Money::parse_usd(value);
    if (!cost || *cost < Money()) {
      return fail(Code::kInvalidArgument,
                  "'" + std::string(column) + "' is not an amount of money");
    }
    row.cost = *cost;
  }
  for (const TokenField& f : kTokens) {
    if (name != f.name) continue;
    int64_t n = -1;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
    const bool whole = error == std::errc() && end == value.data() + value.size();
    if (!whole || n < 0 || n > INT64_MAX / 1024) {
      return fail(Code::kInvalidArgument, "'" + std::string(name) + "' is not a number of tokens");
    }
    row.usage.*f.member = n;
  }
  return {};
}

Result<void> finish_row(const BillRow& row) {
  if (row.usage.known() || row.cost) return {};
  return fail(Code::kInvalidArgument, "it has neither tokens nor a cost");
}

Failure at_row(size_t number, Error error) {
  error.message = "row " + std::to_string(number) + " of the bill: " + error.message;
  return fail(std::move(error));
}

Failure too_long() {
  return fail(Code::kInvalidArgument, "the bill has more than " +
                                          std::to_string(limits::kBillRowsMax) +
                                          " rows: import it in parts");
}

// --- CSV (RFC 4180) ---

/// Takes one line of cells off `text`; a quoted cell may hold line ends.
Result<std::vector<std::string>> take_cells(std::string_view& text) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        cells.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cells.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && cells.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      cells.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      cells.back() += c;
    }
    if (cells.size() > 1'000) return fail(Code::kInvalidArgument, "it has more than 1000 columns");
  }
  if (quoted) return fail(Code::kInvalidArgument, "a quoted cell has no end");
  text.remove_prefix(std::min(text.size(), i + 1));
  return cells;
}

/// Sums by the day and model are of no call in particular: each estimate would look unbilled.
Result<void> check_by_call(const std::vector<BillRow>& rows) {
  const bool any = std::any_of(rows.begin(), rows.end(), [](const BillRow& row) {
    return !row.request_id.empty() || !row.call_key.empty();
  });
  if (any || rows.empty()) return {};
  return fail(Code::kInvalidArgument,
              "no row of the bill has a request_id (the provider's id of the call) or an "
              "idempotency_key (ours), so none can be held against a call: take the provider's "
              "list of single calls, and compare a bill of sums with what `drover cost --by "
              "day,provider,model` says");
}

/// Without columns that say what was billed there is no row, and every call would be unbilled.
Result<void> check_head(const std::vector<std::string>& head) {
  for (const std::string& column : head) {
    const std::string_view name = canonical(column);
    if (name == "cost_usd") return {};
    for (const TokenField& f : kTokens) {
      if (name == f.name) return {};
    }
  }
  return fail(Code::kInvalidArgument,
              "the bill's first line names neither input_tokens nor another column of tokens, nor "
              "cost_usd: name the columns as `drover cost import --help` has them");
}

Result<std::vector<BillRow>> read_csv(std::string_view text) {
  TRY(std::vector<std::string> head, take_cells(text));
  for (std::string& name : head) name = to_lower(trim(name));
  TRY_VOID(check_head(head));
  std::vector<BillRow> out;
  for (size_t number = 2; !text.empty(); ++number) {
    auto cells = take_cells(text);
    if (!cells) return at_row(number, std::move(cells).error());
    if (cells->size() == 1 && trim(cells->front()).empty()) continue;
    if (out.size() >= limits::kBillRowsMax) return too_long();
    BillRow row;
    for (size_t i = 0; i < std::min(cells->size(), head.size()); ++i) {
      Result<void> set = set_field(row, head[i], trim((*cells)[i]));
      if (!set) return at_row(number, std::move(set).error());
    }
    Result<void> whole = finish_row(row);
    if (!whole) return at_row(number, std::move(whole).error());
    out.push_back(std::move(row));
  }
  return out;
}

// --- JSON ---

Result<void> take_members(const Json& object, BillRow& row) {
  for (const auto& [name, value] : *object.members()) {
    if (value.is_object() && (name == "billed" || name == "usage")) {
      TRY_VOID(take_members(value, row));
    } else if (const std::string* text = value.string()) {
      TRY_VOID(set_field(row, name, *text));
    } else if (const Json::Number* number = value.raw_number()) {
      TRY_VOID(set_field(row, name, number->text));
    }
  }
  return {};
}

Result<void> take_row(const Json& item, std::vector<BillRow>& out) {
  const size_t number = out.size() + 1;
  if (out.size() >= limits::kBillRowsMax) return too_long();
  BillRow row;
  Result<void> taken = item.is_object()
                           ? take_members(item, row)
                           : Result<void>(fail(Code::kInvalidArgument, "it is no object"));
  if (taken) taken = finish_row(row);
  if (!taken) return at_row(number, std::move(taken).error());
  out.push_back(std::move(row));
  return {};
}

const Json::Array* list_in(const Json& document) {
  if (document.array_items() != nullptr) return document.array_items();
  for (std::string_view name : {"log", "calls", "rows", "data"}) {
    const Json* list = document.find(name);
    if (list != nullptr && list->array_items() != nullptr) return list->array_items();
  }
  return nullptr;
}

Result<std::vector<BillRow>> read_json(std::string_view text) {
  std::vector<BillRow> out;
  Result<Json> whole = Json::parse(text);
  if (whole) {
    const Json::Array* list = list_in(*whole);
    if (list == nullptr) {
      TRY_VOID(take_row(*whole, out));
      return out;
    }
    for (const Json& item : *list) TRY_VOID(take_row(item, out));
    return out;
  }
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty()) continue;
    Result<Json> item = Json::parse(line);
    if (!item) return at_row(out.size() + 1, std::move(item).error());
    TRY_VOID(take_row(*item, out));
  }
  return out;
}

}  // namespace

Result<std::vector<BillRow>> read_bill(std::string_view text) {
  if (text.size() > limits::kBillBytesMax) {
    return fail(Code::kInvalidArgument, "the bill is larger than " +
                                            std::to_string(limits::kBillBytesMax >> 20) +
                                            " MB: import it in parts");
  }
  text = trim(text);
  if (text.empty()) return fail(Code::kInvalidArgument, "the bill is empty");
  const bool json = text.front() == '{' || text.front() == '[';
  TRY(std::vector<BillRow> rows, json ? read_json(text) : read_csv(text));
  TRY_VOID(check_by_call(rows));
  return rows;
}

std::string write_bill(const std::vector<BillRow>& rows) {
  std::string out;
  for (const BillRow& row : rows) {
    Json line = Json::object();
    const std::pair<const char*, const std::string*> texts[] = {
        {"request_id", &row.request_id}, {"idempotency_key", &row.call_key},
        {"provider", &row.provider},     {"endpoint", &row.endpoint},
        {"region", &row.region},         {"model", &row.model},
        {"service_tier", &row.tier},
    };
    for (const auto& [name, text] : texts) {
      if (!text->empty()) line.set(name, *text);
    }
    if (row.at) line.set("time", format_rfc3339(*row.at));
    if (row.cost) line.set("cost_usd", row.cost->usd());
    line.set("usage", contract::to_json(row.usage));
    line.dump_to(out);
    out += '\n';
  }
  return out;
}

}  // namespace drover::trace
