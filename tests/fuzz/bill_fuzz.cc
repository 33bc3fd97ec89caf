// Any bytes as a provider's bill: what was read is written as JSON Lines and read again as the same
// rows.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/json.h"
#include "trace/bill.h"

namespace {

using drover::Json;
using drover::trace::BillRow;

std::string lines_of(const std::vector<BillRow>& rows) {
  std::string out;
  for (const BillRow& row : rows) {
    Json line = Json::object();
    if (!row.request_id.empty()) line.set("request_id", row.request_id);
    if (!row.call_key.empty()) line.set("idempotency_key", row.call_key);
    if (row.at) line.set("time", drover::format_rfc3339(*row.at));
    if (!row.tier.empty()) line.set("service_tier", row.tier);
    if (row.cost) line.set("cost_usd", row.cost->usd());
    line.set("usage", drover::contract::to_json(row.usage));
    out += line.dump() + "\n";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto rows = drover::trace::read_bill(text);
  if (!rows || rows->empty()) return 0;
  const std::string written = lines_of(*rows);
  auto again = drover::trace::read_bill(written);
  // Texts that are not UTF-8 have no JSON.
  if (!again) return 0;
  if (again->size() != rows->size()) __builtin_trap();
  for (size_t i = 0; i < rows->size(); ++i) {
    if ((*again)[i].usage != (*rows)[i].usage || (*again)[i].cost != (*rows)[i].cost ||
        (*again)[i].tier != drover::trim((*rows)[i].tier)) {
      __builtin_trap();
    }
  }
  return 0;
}
