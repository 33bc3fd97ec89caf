#include "api/standing.h"

#include "road/downgrade.h"

namespace drover::api {

void add_standing(http::Headers& headers, const session::Standing* standing) {
  if (standing == nullptr || standing->level == 0) return;
  headers.add(std::string(road::kDowngradeHeader),
              road::downgrade_text(standing->level, standing->what, standing->why));
}

}  // namespace drover::api
