#pragma once
// Internal to src/sim/wall: the parts that scenarios are put together from.

#include "sim/wall/scenario.h"

namespace drover::sim::wall {

inline constexpr size_t kMiB = size_t{1} << 20;

inline Upstream first(Play play) {
  Upstream out;
  out.name = "first";
  out.play = play;
  return out;
}
inline Upstream first_at(Place place) {
  Upstream out;
  out.name = "first";
  out.place = place;
  return out;
}
inline Upstream second(Play play = second_answers) {
  Upstream out;
  out.name = "second";
  out.play = play;
  return out;
}

inline Expect::Requests between(int least, int most) {
  Expect::Requests out;
  out.least = least;
  out.most = most;
  return out;
}
/// The second upstream's answer, whole; the first was asked so often.
inline Expect from_second(int least, int most) {
  Expect out;
  out.text = kSecond;
  out.requests = {between(least, most), between(1, 1)};
  return out;
}
inline Expect from_first(int least, int most) {
  Expect out;
  out.text = kFirst;
  out.requests = {between(least, most)};
  return out;
}
/// An explicit error after `text`; the second, if there is one, was not asked.
inline Expect error_after(std::string_view text) {
  Expect out;
  out.end = End::kError;
  out.text = text;
  out.requests = {between(1, 1), between(0, 0)};
  return out;
}
inline Expect refused_with(std::vector<int> statuses, std::string_view code = "") {
  Expect out;
  out.end = End::kError;
  out.statuses = std::move(statuses);
  out.code = code;
  out.requests = {between(1, 1), between(0, 0)};
  return out;
}

}  // namespace drover::sim::wall
