#pragma once
// The parts of drover.yaml about time and tries: `deadlines`, of the whole and of an endpoint,
// `retries` and `hedging`. Pure: faults go to the caller, who knows the file and its lines.

#include <functional>
#include <string>

#include "base/json.h"
#include "catalog/endpoint.h"
#include "road/road.h"

namespace drover::app {

/// Where it is in the document ("endpoints[2].deadlines.connect"), what is wrong, what to write.
using TellFault =
    std::function<void(const std::string& at, std::string message, std::string remedy)>;

// How settings are read, here and in sections of a like kind.
using SettingNames = std::initializer_list<std::string_view>;
/// A mapping with no other names; each of them is told. False: there is nothing to read.
bool known_settings(const Json& object, const std::string& at, SettingNames names,
                    const TellFault& fault);
/// nullopt where it is absent or null; what is no text is told.
std::optional<std::string> text_setting(const Json& object, const std::string& at, const char* name,
                                        const TellFault& fault);
/// Above 0, at most a day.
std::optional<Duration> time_setting(const Json& object, const std::string& at, const char* name,
                                     const TellFault& fault);
/// From 0 to `most`.
std::optional<double> amount_setting(const Json& object, const std::string& at, const char* name,
                                     double most, const TellFault& fault);

/// `object` is the value of `deadlines` at `at`. An endpoint's: total is an attempt's.
catalog::Deadlines read_endpoint_deadlines(const Json& object, const std::string& at,
                                           const TellFault& fault);

/// What `deadlines` at the top says of attempts; of calls as a whole it goes into `settings`.
catalog::Deadlines read_deadlines(const Json& object, const TellFault& fault,
                                  road::Settings& settings);
void read_retries(const Json& object, const TellFault& fault, road::Settings& settings);
void read_hedging(const Json& object, const TellFault& fault, road::Settings& settings);

/// Fills what the endpoint does not say itself.
void inherit(const catalog::Deadlines& from, catalog::Deadlines& into);

}  // namespace drover::app
