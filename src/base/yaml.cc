#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <sstream>
#include <vector>

#include "base/limits/config.h"
#include "base/limits/json.h"
#include "base/yaml_flow.h"

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
  static Failure bad(int line, const std::string& why) {
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
      document_.lines_[child] = line;  // its value may begin further down
      out.set(key, std::move(value));
    }
    return out;
  }

  YamlDocument& document_;
};

namespace {

struct Alias {
  int line = 0;
  std::string name;
};

/// Looks for the first alias among the parser's events, in which none is expanded: a few of them
/// can stand for more than any memory holds.
class AliasFinder final : public YAML::EventHandler {
 public:
  const std::optional<Alias>& found() const { return found_; }

  void OnAnchor(const YAML::Mark&, const std::string& name) override { names_.push_back(name); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (found_) return;
    found_.emplace();
    found_->line = mark.line + 1;
    if (anchor >= 1 && anchor <= names_.size()) found_->name = names_[anchor - 1];
  }
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  std::vector<std::string> names_;  // of anchors, in the order of their numbers
  std::optional<Alias> found_;
};

/// Throws what the parser throws.
std::optional<Alias> find_alias(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  AliasFinder finder;
  parser.HandleNextDocument(finder);
  return finder.found();
}

/// "; line 3 is indented by a tab, …", of the first such line: the parser's own words do not say
/// it.
std::string about_tabs(std::string_view text) {
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    const std::string_view one = text.substr(0, end);
    const size_t first = one.find_first_not_of(' ');
    if (first != std::string_view::npos && one[first] == '\t') {
      return "; line " + std::to_string(line) +
             " is indented by a tab, and YAML is indented by spaces alone";
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return {};
}

}  // namespace

Result<YamlDocument> YamlDocument::parse(std::string_view text) {
  if (text.size() > limits::kConfigBytesMax) {
    return fail(Code::kInvalidArgument, "line 1: the file is larger than " +
                                            std::to_string(limits::kConfigBytesMax) + " bytes");
  }
  YamlDocument document;
  try {
    const std::string whole(text);
    if (auto alias = find_alias(whole)) {
      return fail(Code::kInvalidArgument,
                  "line " + std::to_string(alias->line) + ": the alias *" + alias->name +
                      " is refused, since aliases can make a small file grow without bound: write "
                      "out here what &" +
                      alias->name +
                      " stands for (`yq 'explode(.)' FILE` does it for a whole file)");
    }
    YAML::Node root = YAML::Load(whole);
    TRY(document.root_, YamlReader(document).read(root, "", 0));
  } catch (const YAML::Exception& e) {
    const int line = e.mark.line + 1;
    return fail(Code::kInvalidArgument, "line " + std::to_string(line) + ": " + e.msg +
                                            about_open_flow(text, line) + about_tabs(text));
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
