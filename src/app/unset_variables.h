#pragma once
// Variables of the environment that drover.yaml names (env:NAME) and that are not set, or hold
// nothing where a secret is needed. That is no fault: a file may be checked where its secrets are
// not. But an endpoint without its key answers nothing, and for want of another's `drover serve`
// does not start. Told where a configuration is checked and where it is taken into use. Pure: the
// environment is handed in.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"

namespace drover::app {

/// nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Sentences for people, one for each variable.
std::vector<std::string> unset_variables(const Config& config, const Environment& environment);
/// Whether one is among them for want of which `drover serve` does not start.
bool lacks_to_start(const Config& config, const Environment& environment);

}  // namespace drover::app
