#pragma once
// The prices that endpoints without one of their own are billed at: the tables that drover.yaml
// names, then the one that is built in (catalog/prices.yaml). Blocking (reads files); at a load.

#include "app/config_parts.h"
#include "app/config_policy.h"
#include "catalog/price_book.h"

namespace drover::app {

/// The text of catalog/prices.yaml, as it was built in.
std::string_view built_in_prices();
/// `prices:` of drover.yaml, a file or a list of them, read and applied to the endpoints. What is
/// to be known of the prices that these have goes into the notes.
void read_prices(const Json& root, const ConfigPath& in_folder, const ReadFile& read_file,
                 const AddFault& fault, Config& out);

}  // namespace drover::app
