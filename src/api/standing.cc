#include "api/standing.h"

namespace drover::api {
namespace {

void add(http::Headers& headers, int64_t level, const std::string& what, const std::string& why) {
  if (level == 0) return;
  headers.add(road::kDowngradeHeader, road::downgrade_text(level, what, why));
}

}  // namespace

void add_downgrade(http::Headers& headers, const road::Downgraded& down) {
  if (down.level == 0) return;
  add(headers, static_cast<int64_t>(down.level), down.rung.text(), down.why);
}

void add_standing(http::Headers& headers, const session::Standing* standing) {
  if (standing != nullptr) add(headers, standing->level, standing->what, standing->why);
}

}  // namespace drover::api
