#include "crypto/cbor.h"

#include <cbor.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/crypto.h"

namespace drover::crypto {
namespace {

using Kind = CborValue::Kind;

/// What libcbor says of one data item's head.
struct Head {
  Kind kind = Kind::kNull;
  uint64_t number = 0;  // value, length or count
  std::string_view text;
  const char* fault = nullptr;
};

template <Kind K, typename T>
void on_number(void* out, T number) {
  auto* head = static_cast<Head*>(out);
  head->kind = K;
  head->number = number;
}

template <Kind K>
void on_string(void* out, cbor_data data, size_t length) {
  auto* head = static_cast<Head*>(out);
  head->kind = K;
  head->number = length;
  head->text = {reinterpret_cast<const char*>(data), length};
}

template <Kind K>
void on_simple(void* out) {
  static_cast<Head*>(out)->kind = K;
}

void on_indefinite(void* out) { static_cast<Head*>(out)->fault = "an indefinite length"; }
void on_float(void* out, float) { static_cast<Head*>(out)->fault = "a floating-point number"; }
void on_double(void* out, double) { static_cast<Head*>(out)->fault = "a floating-point number"; }
void on_tag(void* out, uint64_t) { static_cast<Head*>(out)->fault = "a tag"; }
void on_bool(void* out, bool on) {
  static_cast<Head*>(out)->kind = on ? Kind::kTrue : Kind::kFalse;
}

cbor_callbacks make_callbacks() {
  cbor_callbacks c{};
  c.uint8 = on_number<Kind::kUnsigned, uint8_t>;
  c.uint16 = on_number<Kind::kUnsigned, uint16_t>;
  c.uint32 = on_number<Kind::kUnsigned, uint32_t>;
  c.uint64 = on_number<Kind::kUnsigned, uint64_t>;
  c.negint8 = on_number<Kind::kNegative, uint8_t>;
  c.negint16 = on_number<Kind::kNegative, uint16_t>;
  c.negint32 = on_number<Kind::kNegative, uint32_t>;
  c.negint64 = on_number<Kind::kNegative, uint64_t>;
  c.byte_string = on_string<Kind::kBytes>;
  c.byte_string_start = on_indefinite;
  c.string = on_string<Kind::kText>;
  c.string_start = on_indefinite;
  c.array_start = on_number<Kind::kArray, size_t>;
  c.indef_array_start = on_indefinite;
  c.map_start = on_number<Kind::kMap, size_t>;
  c.indef_map_start = on_indefinite;
  c.tag = on_tag;
  c.float2 = on_float;
  c.float4 = on_float;
  c.float8 = on_double;
  c.undefined = on_simple<Kind::kUndefined>;
  c.null = on_simple<Kind::kNull>;
  c.boolean = on_bool;
  c.indef_break = on_indefinite;
  return c;
}

/// Bytes of the shortest head for an argument (RFC 8949 section 3).
size_t head_size(uint64_t argument) {
  if (argument < 24) return 1;
  if (argument <= 0xff) return 2;
  if (argument <= 0xffff) return 3;
  return argument <= 0xffff'ffff ? 5 : 9;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Result<CborValue> document() {
    CborValue out;
    TRY_VOID(item(out, 0));
    if (at_ != bytes_.size()) return complain("bytes after its end");
    return out;
  }

 private:
  Failure complain(std::string_view what) const {
    return fail(Code::kInvalidArgument,
                "not CBOR as it must be: " + std::string(what) + " at byte " + std::to_string(at_));
  }

  /// Reads a head (of a string: all of it) and moves on.
  Result<Head> head() {
    static const cbor_callbacks kCallbacks = make_callbacks();
    Head head;
    cbor_decoder_result result = cbor_stream_decode(
        reinterpret_cast<cbor_data>(bytes_.data()) + at_, bytes_.size() - at_, &kCallbacks, &head);
    if (result.status == CBOR_DECODER_NEDATA) return complain("it ends in the middle of an item");
    if (result.status != CBOR_DECODER_FINISHED)
      return complain("an item of a kind that is not read");
    if (head.fault != nullptr) return complain(head.fault);
    if (result.read - head.text.size() != head_size(head.number)) {
      return complain("a number or length that is not in its shortest form");
    }
    at_ += result.read;
    return head;
  }

  Result<void> item(CborValue& out, int depth) {
    if (depth > limits::kCborDepthMax) return complain("too many levels");
    if (++items_ > limits::kCborItemsMax) return complain("too many items");
    TRY(Head read, head());
    out.kind = read.kind;
    out.number = read.number;
    out.text = read.text;
    if (out.kind == Kind::kText && !is_utf8(out.text)) return complain("text that is not UTF-8");
    uint64_t inside = 0;
    if (out.kind == Kind::kArray || out.kind == Kind::kMap) {
      // Each item takes a byte at least, so a longer count is a lie.
      if (out.number > bytes_.size() - at_) return complain("more items promised than there are");
      inside = out.kind == Kind::kMap ? out.number * 2 : out.number;
    }
    for (uint64_t i = 0; i < inside; ++i) TRY_VOID(item(out.items.emplace_back(), depth + 1));
    if (out.kind == Kind::kMap) TRY_VOID(check_keys(out));
    return {};
  }

  Result<void> check_keys(const CborValue& map) const {
    std::vector<std::string> keys;
    keys.reserve(map.items.size() / 2);
    for (size_t i = 0; i < map.items.size(); i += 2) {
      keys.push_back(CborWriter().value(map.items[i]).out());
    }
    std::sort(keys.begin(), keys.end());
    if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
      return complain("a key that stands twice in a map that ends");
    }
    return {};
  }

  std::string_view bytes_;
  size_t at_ = 0;
  size_t items_ = 0;
};

constexpr size_t kHeadBytesMax = 9;

/// Appends what one of libcbor's encoders writes.
template <typename Encoder, typename Value>
void append(std::string& out, Encoder encode, Value value) {
  unsigned char head[kHeadBytesMax];
  out.append(reinterpret_cast<const char*>(head), encode(value, head, sizeof head));
}

}  // namespace

const CborValue* CborValue::find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].kind == Kind::kText && items[i].text == key) return &items[i + 1];
  }
  return nullptr;
}

const CborValue* CborValue::find(int64_t key) const {
  if (kind != Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    int64_t number = 0;
    if (items[i].integer(number) && number == key) return &items[i + 1];
  }
  return nullptr;
}

bool CborValue::integer(int64_t& out) const {
  if (number > static_cast<uint64_t>(INT64_MAX)) return false;
  if (kind == Kind::kUnsigned) {
    out = static_cast<int64_t>(number);
  } else if (kind == Kind::kNegative) {
    out = -1 - static_cast<int64_t>(number);
  } else {
    return false;
  }
  return true;
}

Result<CborValue> parse_cbor(std::string_view bytes) { return Reader(bytes).document(); }

CborWriter& CborWriter::integer(int64_t value) {
  if (value >= 0) return unsigned_integer(static_cast<uint64_t>(value));
  append(out_, cbor_encode_negint, static_cast<uint64_t>(-1 - value));
  return *this;
}
CborWriter& CborWriter::unsigned_integer(uint64_t value) {
  append(out_, cbor_encode_uint, value);
  return *this;
}
CborWriter& CborWriter::bytes(std::string_view value) {
  append(out_, cbor_encode_bytestring_start, value.size());
  out_ += value;
  return *this;
}
CborWriter& CborWriter::text(std::string_view value) {
  append(out_, cbor_encode_string_start, value.size());
  out_ += value;
  return *this;
}
CborWriter& CborWriter::array(size_t n) {
  append(out_, cbor_encode_array_start, n);
  return *this;
}
CborWriter& CborWriter::map(size_t n) {
  append(out_, cbor_encode_map_start, n);
  return *this;
}
CborWriter& CborWriter::null() {
  out_ += '\xf6';
  return *this;
}

CborWriter& CborWriter::value(const CborValue& value) {
  switch (value.kind) {
    case Kind::kUnsigned:
      return unsigned_integer(value.number);
    case Kind::kNegative:
      append(out_, cbor_encode_negint, value.number);
      return *this;
    case Kind::kBytes:
      return bytes(value.text);
    case Kind::kText:
      return text(value.text);
    case Kind::kArray:
      array(value.items.size());
      break;
    case Kind::kMap:
      map(value.items.size() / 2);
      break;
    case Kind::kFalse:
    case Kind::kTrue:
      out_ += value.kind == Kind::kTrue ? '\xf5' : '\xf4';
      return *this;
    case Kind::kNull:
      return null();
    case Kind::kUndefined:
      out_ += '\xf7';
      return *this;
  }
  for (const CborValue& item : value.items) this->value(item);
  return *this;
}

}  // namespace drover::crypto
