#pragma once
// Which known word was meant by one that is not known: for "did you mean", where commands, settings
// and members of JSON bodies are mistyped.
//
// Pure function, any thread. Words longer than kNearWordMax are near to none.

#include <cstddef>
#include <string_view>
#include <vector>

namespace drover {

constexpr size_t kNearWordMax = 64;

/// The nearest of the words: two letters added, taken away or exchanged at most; or one of which it
/// is the beginning, or that it begins with. "" if none is near.
std::string_view near_word(std::string_view word, const std::vector<std::string_view>& known);
/// The same whatever the case: of names that people write in either, such as regions.
std::string_view near_name(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace drover
