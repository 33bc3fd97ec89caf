#pragma once
// Places: the regions of clouds as facts, each with its source and date, so that an endpoint in
// drover.yaml need only name its provider and region. The starter catalog (/catalog/places) is part
// of the program; an operator adds files of the same form, which win fact by fact.
//
//   source: https://…                # of every fact below that states no other
//   date: 2026-11-20
//   facts: {operator: …}             # of every place in the file
//   places:
//     - id: aws/eu-central-1
//       providers: [aws-bedrock]     # names in the provider table
//       region: eu-central-1
//       facts: {country: de, zone: de, retention: {value: none, source: …, date: …}}
//
// Values, any thread. Errors (kInvalidArgument) name the file, the line, the place and
// the fact.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/facts.h"

namespace drover::catalog {

struct Place {
  std::string id;
  std::vector<std::string> providers;
  std::string region;
  Facts facts;
  bool operator==(const Place&) const = default;
};

/// What is wrong with a word of a file, by those who know which there are; "": nothing.
struct PlaceChecks {
  std::function<std::string(const Fact& fact)> fact = nullptr;
  std::function<std::string(const std::string& provider)> provider = nullptr;
};

class Places {
 public:
  /// Those that come with the program.
  static const Places& starter();
  /// The error is the first fault; `faults`, if given, gets all of them.
  static Result<Places> parse(std::string_view yaml, const std::string& file,
                              std::vector<std::string>* faults = nullptr,
                              const PlaceChecks& checks = {});

  /// nullptr if there is none.
  const Place* find(std::string_view provider, std::string_view region) const;
  const Place* find(std::string_view id) const;
  /// By id. Places of the same id are merged: the others' providers, region and facts win, and what
  /// they leave out stays.
  void merge(const Places& others);
  const std::map<std::string, Place, std::less<>>& all() const { return places_; }

 private:
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace drover::catalog
