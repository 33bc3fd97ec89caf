#include "base/yaml.h"

#include <yaml-cpp/yaml.h>

#include <cctype>
#include <optional>

#include "base/limits.h"

namespace drover {

class YamlReader {
 public:
  explicit YamlReader(YamlDocument& document) : document_(document) {}

  Result<Json> read(const YAML::Node& node, const std::string& path, int depth) {
    int line = node.Mark().line + 1;
    document_.lines_[path] = line;
    if (depth > limits::kJsonDepthMax) return bad(line, "nested too deeply");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return sequence(node, path, depth);
      case YAML::NodeType::Map:
        return map(node, path, depth);
      default:
        return Json();
    }
  }

 private:
  static tl::unexpected<Error> bad(int line, const std::string& why) {
    return fail(Code::kInvalidArgument, "line " + std::to_string(line) + ": " + why);
  }

  static Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return Json(text);  // quoted
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
      return Json();
    }
    if (text == "true" || text == "True" || text == "TRUE") return Json(true);
    if (text == "false" || text == "False" || text == "FALSE") return Json(false);
    bool numeric = text.find_first_not_of("0123456789+-.eE") == std::string::npos;
    if (numeric) {
      auto number = Json::parse(text);
      if (number && number->is_number()) return std::move(*number);
    }
    return Json(text);
  }

  Result<Json> sequence(const YAML::Node& node, const std::string& path, int depth) {
    Json out = Json::array();
    size_t index = 0;
    for (const YAML::Node& item : node) {
      TRY(Json value, read(item, path + "[" + std::to_string(index++) + "]", depth + 1));
      out.push(std::move(value));
    }
    return out;
  }

  Result<Json> map(const YAML::Node& node, const std::string& path, int depth) {
    Json out = Json::object();
    for (const auto& member : node) {
      int line = member.first.Mark().line + 1;
      if (!member.first.IsScalar()) return bad(line, "a key must be plain text");
      const std::string& key = member.first.Scalar();
      if (out.find(key) != nullptr) return bad(line, "'" + key + "' stands here twice");
      std::string child = path.empty() ? key : path + "." + key;
      TRY(Json value, read(member.second, child, depth + 1));
      if (document_.lines_[child] == 0) document_.lines_[child] = line;
      out.set(key, std::move(value));
    }
    return out;
  }

  YamlDocument& document_;
};

namespace {

// Aliases are found in the text: yaml-cpp expands them without a bound.
std::optional<int> alias_line(std::string_view text) {
  int line = 1;
  bool at_value = true;
  char quote = 0;
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\n') {
      ++line;
      comment = false;
      at_value = true;
      continue;
    }
    if (comment) continue;
    if (quote != 0) {
      if (c == '\\' && quote == '"')
        ++i;
      else if (c == quote)
        quote = 0;
      continue;
    }
    if (c == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n' || text[i - 1] == '\t')) {
      comment = true;
    } else if (at_value && (c == '"' || c == '\'')) {
      quote = c;
    } else if (at_value && c == '*' && i + 1 < text.size() &&
               std::isalnum(static_cast<unsigned char>(text[i + 1]))) {
      return line;
    }
    if (c == ':' || c == '-' || c == '[' || c == ',' || c == '{')
      at_value = true;
    else if (c != ' ' && c != '\t')
      at_value = false;
  }
  return std::nullopt;
}

}  // namespace

Result<YamlDocument> YamlDocument::parse(std::string_view text) {
  if (text.size() > limits::kConfigBytesMax) {
    return fail(Code::kInvalidArgument, "line 1: the file is larger than " +
                                            std::to_string(limits::kConfigBytesMax) + " bytes");
  }
  if (auto line = alias_line(text)) {
    return fail(Code::kInvalidArgument,
                "line " + std::to_string(*line) + ": YAML aliases (*name) are not supported");
  }
  YamlDocument document;
  try {
    YAML::Node root = YAML::Load(std::string(text));
    TRY(document.root_, YamlReader(document).read(root, "", 0));
  } catch (const YAML::Exception& e) {
    return fail(Code::kInvalidArgument, "line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
  return document;
}

int YamlDocument::line(std::string_view path) const {
  for (;;) {
    auto it = lines_.find(path);
    if (it != lines_.end() && it->second > 0) return it->second;
    if (path.empty()) return 1;
    size_t cut = path.find_last_of(".[");
    path = cut == std::string_view::npos ? std::string_view() : path.substr(0, cut);
  }
}

}  // namespace drover
