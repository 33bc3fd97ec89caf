#include "cloud/profile.h"

#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/limits/cloud.h"

namespace drover::cloud {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Cuts " # comment" and " ; comment" off a value. Without the space it is part of the value.
std::string_view without_comment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && is_blank(value[i - 1])) {
      return value.substr(0, i);
    }
  }
  return value;
}

std::string_view unquoted(std::string_view name) {
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.back() == name.front()) {
    return name.substr(1, name.size() - 2);
  }
  return name;
}

class Reader {
 public:
  explicit Reader(ProfileFile kind) : kind_(kind) {}

  Result<void> line(std::string_view raw) {
    ++number_;
    const std::string_view text = trim(raw);
    if (text.empty() || text.front() == '#' || text.front() == ';') return {};
    if (is_blank(raw.front())) return nested();
    if (text.front() == '[') return section(text);
    return setting(text);
  }

  Profiles take() {
    // "[profile default]" wins as a whole: "[default]" is then not looked at.
    if (prefixed_default_) profiles_["default"] = std::move(*prefixed_default_);
    return std::move(profiles_);
  }

 private:
  Failure bad(std::string_view what) const {
    return fail(Code::kInvalidArgument,
                "AWS profile file, line " + std::to_string(number_) + ": " + std::string(what));
  }

  Result<void> section(std::string_view text) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("a section without its ]");
    const std::string_view after = trim(text.substr(end + 1));
    if (!after.empty() && after.front() != '#' && after.front() != ';') {
      return bad("text after the ] of a section");
    }
    std::string_view name = trim(text.substr(1, end - 1));
    if (name.empty()) return bad("a section without a name");
    in_section_ = true;
    has_setting_ = false;
    current_ = nullptr;
    if (kind_ == ProfileFile::kConfig && name != "default") {
      const size_t space = name.find_first_of(" \t");
      if (name.substr(0, space) != "profile" || space == std::string_view::npos) {
        return {};  // of another kind: skipped
      }
      name = unquoted(trim(name.substr(space)));
      if (name == "default") {
        if (!prefixed_default_) prefixed_default_.emplace();
        current_ = &*prefixed_default_;
        return {};
      }
    }
    current_ = &profiles_[std::string(name)];
    return {};
  }

  Result<void> setting(std::string_view text) {
    if (!in_section_) return bad("a setting before the first section");
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return bad("neither a section nor key = value");
    const std::string key = to_lower(trim(text.substr(0, equals)));
    if (key.empty()) return bad("a setting without a key");
    has_setting_ = true;
    // The value keeps its leading blank here, so that "key = # x" is an empty value.
    const std::string_view value = trim(without_comment(text.substr(equals + 1)));
    if (current_) (*current_)[key] = Secret(value);
    return {};
  }

  Result<void> nested() const {
    if (!has_setting_) return bad("an indented line that belongs to no setting");
    return {};
  }

  const ProfileFile kind_;
  Profiles profiles_;
  std::optional<Profile> prefixed_default_;
  Profile* current_ = nullptr;  // null in sections of another kind; map nodes do not move
  bool in_section_ = false;
  bool has_setting_ = false;
  int number_ = 0;
};

}  // namespace

Result<Profiles> parse_profiles(std::string_view text, ProfileFile kind) {
  if (text.size() > limits::kProfileBytesMax) {
    return fail(Code::kResourceExhausted, "AWS profile file: larger than allowed");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Reader reader(kind);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    TRY_VOID(reader.line(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return reader.take();
}

void merge_profiles(Profiles& base, Profiles over) {
  for (auto& [name, settings] : over) {
    Profile& into = base[name];
    for (auto& [key, value] : settings) into[key] = std::move(value);
  }
}

}  // namespace drover::cloud
