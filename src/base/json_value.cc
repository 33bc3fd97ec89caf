// How a Json is copied, moved, destroyed and compared: by its type.
#include <memory>
#include <new>

#include "base/json.h"

namespace drover {

Json::Json(const Json& other) : type_(other.type_) {
  switch (type_) {
    case Type::kNull:
    case Type::kBool:
      flag_ = other.flag_;
      break;
    case Type::kNumber:
      new (&number_) Number(other.number_);
      break;
    case Type::kString:
      new (&string_) std::string(other.string_);
      break;
    case Type::kArray:
      new (&array_) Array(other.array_);
      break;
    case Type::kObject:
      new (&object_) Object(other.object_);
  }
}

void Json::take(Json&& other) noexcept {
  type_ = other.type_;
  switch (type_) {
    case Type::kNull:
    case Type::kBool:
      break;
    case Type::kNumber:
      new (&number_) Number(std::move(other.number_));
      break;
    case Type::kString:
      new (&string_) std::string(std::move(other.string_));
      break;
    case Type::kArray:
      new (&array_) Array(std::move(other.array_));
      break;
    case Type::kObject:
      new (&object_) Object(std::move(other.object_));
  }
}

void Json::destroy() noexcept {
  switch (type_) {
    case Type::kNull:
    case Type::kBool:
      break;
    case Type::kNumber:
      number_.~Number();
      break;
    case Type::kString:
      std::destroy_at(&string_);
      break;
    case Type::kArray:
      array_.~Array();
      break;
    case Type::kObject:
      object_.~Object();
  }
}

Json& Json::operator=(const Json& other) {
  if (this != &other) *this = Json(other);
  return *this;
}

Json& Json::operator=(Json&& other) noexcept {
  if (this == &other) return *this;
  // What was here goes last: `other` may be a part of it.
  Json before(std::move(*this));
  if (!is_plain()) destroy();
  if (other.is_plain()) {
    type_ = other.type_;
    flag_ = other.flag_;
  } else {
    take(std::move(other));
  }
  return *this;
}

bool Json::operator==(const Json& other) const {
  if (type_ != other.type_) return false;
  switch (type_) {
    case Type::kNull:
    case Type::kBool:
      return flag_ == other.flag_;
    case Type::kNumber:
      return number_ == other.number_;
    case Type::kString:
      return string_ == other.string_;
    case Type::kArray:
      return array_ == other.array_;
    case Type::kObject:
      return object_ == other.object_;
  }
  return false;
}

}  // namespace drover
