#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace drover {
namespace {

std::vector<Json> one_of_each_type() {
  std::vector<Json> out = {Json(), Json(true), Json(false), Json(-7), Json("short")};
  out.push_back(Json(std::string(100, 'l')));
  out.push_back(Json::array().push(1).push("two"));
  out.push_back(Json::object().set("a", 1).set("b", Json::array().push(nullptr)));
  return out;
}

TEST(JsonValue, IsCopiedMovedAndAssignedWhateverWasThere) {
  const std::vector<Json> values = one_of_each_type();
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      ASSERT_EQ(values[i] == values[j], i == j) << i << " " << j;
      Json copied = values[i];
      copied = values[j];
      EXPECT_EQ(copied, values[j]);
      Json from = values[j];
      Json moved = values[i];
      moved = std::move(from);
      EXPECT_EQ(moved, values[j]);
      EXPECT_EQ(from.type_name(), values[j].type_name());
      Json taken = std::move(moved);
      EXPECT_EQ(taken, values[j]);
    }
    Json same = values[i];
    Json& alias = same;
    same = alias;
    EXPECT_EQ(same, values[i]);
    same = std::move(alias);
    EXPECT_EQ(same, values[i]);
  }
}

TEST(JsonValue, BecomesAPartOfItself) {
  for (const Json& value : one_of_each_type()) {
    Json tree = Json::object().set("a", Json::array().push(0).push(value));
    tree = std::move((*tree.find("a")->array_items())[1]);
    EXPECT_EQ(tree, value);
    Json copy = Json::object().set("a", Json::array().push(0).push(value));
    copy = (*copy.find("a")->array_items())[1];
    EXPECT_EQ(copy, value);
  }
}

TEST(JsonValue, FindsNamesOfEveryLength) {
  for (size_t size = 0; size <= 80; ++size) {
    const std::string name(size, 'n');
    Json object = Json::object().set(name + "n", 0).set("", 0).set(name, 1).set(name + "m", 2);
    EXPECT_EQ(object.get_int(name), 1) << size;
    EXPECT_EQ(object.get_int(name + "m"), 2) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string other = name;
      other[at] = 'N';
      EXPECT_EQ(object.find(other), nullptr) << size << " " << at;
    }
  }
}

TEST(JsonValue, MembersStayInTheirOrderHoweverMany) {
  Json object;
  std::string want = "{";
  for (int i = 0; i < 40; ++i) {
    const std::string name = "name-" + std::to_string(i);
    object.set(name, i);
    want += (i == 0 ? "\"" : ",\"") + name + "\":" + std::to_string(i);
    EXPECT_EQ(object.dump(), want + "}");
  }
  EXPECT_EQ(Json::parse(want + "}").value(), object);
}

}  // namespace
}  // namespace drover
