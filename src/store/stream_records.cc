#include "store/stream_records.h"

#include "base/crc32.h"
#include "base/log.h"

namespace drover::store {
namespace {

constexpr std::string_view kStreamMagic = "drvstrm1";
constexpr size_t kFileHeadBytes = 16;
constexpr size_t kHeadBytes = 8;               // of a record: length and checksum
constexpr size_t kFixedBytes = 1 + 8 + 4 + 8;  // of a body, without id and text
constexpr size_t kIdBytesMax = 255;
/// Pieces closer to each other are read in one go, up to so much at once.
constexpr uint64_t kGapMax = 4096;
constexpr uint64_t kSpanMax = 256u << 10;

template <typename T>
void put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T get(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

}  // namespace

void append_stream_head(std::string& out, WallTime begun) {
  out += kStreamMagic;
  put<uint64_t>(out, static_cast<uint64_t>(unix_millis(begun)));
}

size_t append_stream_record(std::string& out, const StreamChunk& chunk) {
  const std::string& id = chunk.key.session.str();
  DROVER_ASSERT(id.size() <= kIdBytesMax);
  const size_t begin = out.size();
  put<uint32_t>(out, static_cast<uint32_t>(kFixedBytes + id.size() + chunk.text.size()));
  put<uint32_t>(out, 0);  // the checksum, below
  put<uint8_t>(out, static_cast<uint8_t>(id.size()));
  out += id;
  put<uint64_t>(out, chunk.key.sequence);
  put<uint32_t>(out, chunk.key.attempt);
  put<uint64_t>(out, chunk.offset);
  const size_t text = out.size();
  out += chunk.text;
  std::string sum;
  put<uint32_t>(sum, crc32(std::string_view(out).substr(begin + kHeadBytes)));
  out.replace(begin + 4, 4, sum);
  return text;
}

StreamFileContents read_stream_file(std::string_view bytes) {
  StreamFileContents out;
  if (bytes.size() < kFileHeadBytes || !bytes.starts_with(kStreamMagic)) return out;
  out.begun =
      wall_from_unix_millis(static_cast<int64_t>(get<uint64_t>(bytes.substr(kStreamMagic.size()))));
  size_t good = kFileHeadBytes;
  while (bytes.size() - good >= kHeadBytes) {
    const size_t size = get<uint32_t>(bytes.substr(good));
    if (size < kFixedBytes || size > bytes.size() - good - kHeadBytes) break;
    const std::string_view body = bytes.substr(good + kHeadBytes, size);
    if (crc32(body) != get<uint32_t>(bytes.substr(good + 4))) break;
    const size_t id = static_cast<unsigned char>(body[0]);
    if (kFixedBytes + id > size) break;
    StreamRecord record;
    record.key.session = SessionId(std::string(body.substr(1, id)));
    record.key.sequence = get<uint64_t>(body.substr(1 + id));
    record.key.attempt = get<uint32_t>(body.substr(9 + id));
    record.offset = get<uint64_t>(body.substr(13 + id));
    record.position = good + kHeadBytes + kFixedBytes + id;
    record.bytes = size - kFixedBytes - id;
    out.records.push_back(std::move(record));
    good += kHeadBytes + size;
  }
  out.good = good;
  return out;
}

Result<std::string> StreamFile::load() {
  TRY(file_, disk_.open(path_, Disk::Mode::kRead));
  TRY(uint64_t size, file_->size());
  return file_->read_at(0, size);
}

Result<void> StreamFile::write_at(uint64_t position, std::string_view bytes) {
  if (file_ == nullptr) {
    TRY(file_, disk_.open(path_, Disk::Mode::kCreate));
  }
  return file_->write_at(position, bytes);
}

Result<void> StreamFile::read(const std::vector<StreamPiece>& pieces, std::string& out) const {
  for (size_t first = 0; first < pieces.size();) {
    const uint64_t begin = pieces[first].position;
    uint64_t end = begin + pieces[first].bytes;
    size_t next = first + 1;
    while (next < pieces.size() && pieces[next].position - end <= kGapMax &&
           pieces[next].position + pieces[next].bytes - begin <= kSpanMax) {
      end = pieces[next].position + pieces[next].bytes;
      ++next;
    }
    TRY(std::string span, file_->read_at(begin, end - begin));
    if (span.size() != end - begin) return fail(Code::kDataLoss, path_ + " became shorter");
    for (; first < next; ++first) {
      out.append(span, pieces[first].position - begin, pieces[first].bytes);
    }
  }
  return {};
}

void StreamFile::remove() {
  auto removed = disk_.remove(path_);
  if (!removed && removed.error().code != Code::kNotFound) {
    LOG_WARN("{}", removed.error().to_string());
  }
}

}  // namespace drover::store
