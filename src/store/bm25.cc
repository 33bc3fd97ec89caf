#include "store/bm25.h"

#include <algorithm>
#include <cmath>

#include "base/limits/memory.h"

namespace drover::store {
namespace {

constexpr double kK1 = 1.2;
constexpr double kB = 0.75;

// Base letters of U+00C0 to U+017F (Latin-1 Supplement and Latin Extended-A), lower case, as
// unicode61 takes them; '\0' where the letter has none, ' ' where the character is no letter.
constexpr std::string_view kBase(
    "aaaaaa\0ceeeeiiii"
    "\0nooooo \0uuuuy\0\0"
    "aaaaaa\0ceeeeiiii"
    "\0nooooo \0uuuuy\0y"
    "aaaaaaccccccccdd"
    "\0\0eeeeeeeeeegggg"
    "gggghh\0\0iiiiiiii"
    "i\0\0\0jjkk\0llllll\0"
    "\0\0\0nnnnnn\0\0\0oooo"
    "oo\0\0rrrrrrssssss"
    "sstttt\0\0uuuuuuuu"
    "uuuuwwyyyzzzzzzs",
    192);

/// Decodes one character (the text was checked or is passed through byte by byte).
uint32_t decode(std::string_view text, size_t& i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const size_t extra = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  if (extra == 0 || i + extra >= text.size()) return byte(i++);
  uint32_t c = lead & (0x3F >> extra);
  for (size_t k = 1; k <= extra; ++k) c = c << 6 | (byte(i + k) & 0x3Fu);
  i += extra + 1;
  return c;
}

bool parts_words(uint32_t c) {
  if (c < 0x80) {
    return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
  if (c < 0xC0) return c != 0xAA && c != 0xB2 && c != 0xB3 && c != 0xB5 && c != 0xB9 && c != 0xBA;
  return c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x3004);
}

/// Lower case of the letters that have no base: the rest of those ranges, Greek and Cyrillic.
uint32_t lower(uint32_t c) {
  if (c >= 0xC0 && c <= 0xDE) return c + 32;
  if (c == 0x13F || c == 0x141) return c + 1;
  if (c >= 0x100 && c < 0x180 && c != 0x138) return c | 1;
  if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F)) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

void append_folded(std::string& word, uint32_t c, std::string_view source) {
  if (c < 0x80) {
    word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return;
  }
  if (c >= 0x300 && c <= 0x36F) return;  // a combining mark
  const char base = c >= 0xC0 && c < 0x180 ? kBase[c - 0xC0] : '\0';
  const uint32_t small = lower(c);
  if (base != '\0') {
    word += base;
  } else if (small != c && small < 0x800) {
    word += static_cast<char>(0xC0 | small >> 6);
    word += static_cast<char>(0x80 | (small & 0x3F));
  } else {
    word += source;
  }
}

}  // namespace

std::vector<std::string> fold_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (size_t i = 0; i < text.size();) {
    const size_t start = i;
    const uint32_t c = decode(text, i);
    if (!parts_words(c)) {
      append_folded(word, c, text.substr(start, i - start));
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

std::vector<std::string> query_words(std::string_view query) {
  std::vector<std::string> out;
  for (std::string& word : fold_words(query)) {
    if (out.size() == limits::kMemorySearchWordsMax) break;
    if (std::find(out.begin(), out.end(), word) == out.end()) out.push_back(std::move(word));
  }
  return out;
}

void Bm25::add(int64_t id, int64_t length, const std::vector<uint32_t>& counts) {
  candidates_.push_back(Candidate{id, length});
  for (size_t w = 0; w < words_; ++w) {
    counts_.push_back(counts[w]);
    if (counts[w] > 0) ++holding_[w];
  }
}

std::vector<std::pair<int64_t, double>> Bm25::best(size_t limit) const {
  const double documents = static_cast<double>(std::max<int64_t>(documents_, 1));
  const double average = std::max(1.0, static_cast<double>(tokens_) / documents);
  std::vector<double> weight(words_);
  for (size_t w = 0; w < words_; ++w) {
    const double n = static_cast<double>(holding_[w]);
    weight[w] = std::log(1.0 + std::max(0.0, documents - n + 0.5) / (n + 0.5));
  }
  std::vector<std::pair<int64_t, double>> out;
  out.reserve(candidates_.size());
  for (size_t c = 0; c < candidates_.size(); ++c) {
    const double length = static_cast<double>(candidates_[c].length);
    double score = 0;
    for (size_t w = 0; w < words_; ++w) {
      const double f = counts_[c * words_ + w];
      score += weight[w] * f * (kK1 + 1) / (f + kK1 * (1 - kB + kB * length / average));
    }
    out.emplace_back(candidates_[c].id, score);
  }
  const auto better = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  const size_t keep = std::min(limit, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(keep), out.end(),
                    better);
  out.resize(keep);
  return out;
}

}  // namespace drover::store
