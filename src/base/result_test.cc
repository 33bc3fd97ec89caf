#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>

namespace drover {
namespace {

struct Base {
  virtual ~Base() = default;
};
struct Derived : Base {};
struct FromText {
  explicit FromText(std::string given) : text(std::move(given)) {}
  std::string text;
};
/// Takes anything, as std::any does.
struct Greedy {
  template <typename T>
  Greedy(T&& given) {}
};

static_assert(sizeof(Result<void>) == sizeof(void*));
static_assert(sizeof(Result<int>) <= 2 * sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<Result<std::string>>);
static_assert(std::is_nothrow_move_constructible_v<Result<void>>);
static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
static_assert(std::is_copy_constructible_v<Result<std::string>>);
static_assert(std::is_convertible_v<const char*, Result<std::string>>);
static_assert(!std::is_convertible_v<std::string, Result<FromText>>);
static_assert(!std::is_convertible_v<Result<int>, Result<std::string>>);
static_assert(!std::is_default_constructible_v<Result<FromText>>);

Result<std::string> text(bool good) {
  if (good) return "a text that is too long to stand in the string itself";
  return fail(Code::kNotFound, "there is none that could stand in the string itself");
}
Result<void> done(bool good) {
  if (good) return {};
  return fail(Code::kAborted, "it was given up");
}
Result<size_t> length(bool good) {
  TRY_VOID(done(true));
  TRY(std::string found, text(good));
  return found.size();
}

TEST(ResultTest, HoldsAValueOrAnError) {
  EXPECT_TRUE(text(true));
  EXPECT_EQ(text(true)->substr(0, 6), "a text");
  EXPECT_EQ(*length(true), text(true)->size());
  ASSERT_FALSE(length(false));
  EXPECT_EQ(length(false).error().code, Code::kNotFound);
  EXPECT_TRUE(done(true));
  EXPECT_EQ(done(false).error().message, "it was given up");
  EXPECT_EQ(text(false).value_or("other"), "other");
  EXPECT_EQ(text(true).value(), *text(true));
  EXPECT_THROW(text(false).value(), tl::bad_expected_access<Error>);
  EXPECT_THROW(done(false).value(), tl::bad_expected_access<Error>);
  EXPECT_EQ(Result<int>(), 0) << "of a number the default is none";
}

TEST(ResultTest, IsCopiedAndMovedFromEitherToEither) {
  for (bool from : {true, false}) {
    for (bool to : {true, false}) {
      const Result<std::string> given = text(from);
      Result<std::string> copy = text(to);
      copy = given;
      Result<std::string> moved = text(to);
      moved = Result<std::string>(copy);
      for (const Result<std::string>& r : {copy, moved, given}) {
        ASSERT_EQ(r.has_value(), from);
        EXPECT_EQ(r.value_or("none"), text(from).value_or("none"));
        EXPECT_EQ(from ? "" : r.error().message, from ? "" : text(false).error().message);
      }
      Result<void> nothing = done(to);
      nothing = done(from);
      EXPECT_EQ(nothing.has_value(), from);
      Result<void> same = nothing;
      EXPECT_EQ(same.has_value(), from);
    }
  }
  Result<std::string> self = text(false);
  Result<std::string>& alias = self;
  self = alias;
  self = std::move(alias);
  EXPECT_EQ(self.error().code, Code::kNotFound);
}

TEST(ResultTest, StaysAnErrorWhereItWasMovedFrom) {
  Result<std::string> r = text(false);
  Result<std::string> other = std::move(r);
  EXPECT_FALSE(r) << "there is no value that could be used";
  EXPECT_EQ(r.error().code, Code::kNotFound);
  Result<void> v = done(false);
  Result<void> after = std::move(v);
  EXPECT_FALSE(v);
  EXPECT_FALSE(after);
}

TEST(ResultTest, IsMadeOfWhatItsValueIsMadeOf) {
  Result<std::unique_ptr<Derived>> derived = std::make_unique<Derived>();
  Result<std::unique_ptr<Base>> base = std::move(derived);
  EXPECT_TRUE(*base);
  Result<std::unique_ptr<Derived>> none = fail(Code::kInternal, "none");
  base = std::move(none);
  EXPECT_EQ(base.error().message, "none");
  Result<std::optional<int>> maybe = Result<int>(7);
  EXPECT_EQ(**maybe, 7);
  maybe = std::nullopt;
  EXPECT_FALSE(maybe->has_value());
  EXPECT_EQ(Result<FromText>(std::string("x"))->text, "x");
  EXPECT_TRUE(Result<Greedy>(5));
  Result<int> number = 5;
  number = fail(Code::kInternal, "none");
  EXPECT_FALSE(number);
  number = 6;
  EXPECT_EQ(*number, 6);
}

}  // namespace
}  // namespace drover
