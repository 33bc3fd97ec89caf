#include "store/log/log.h"

#include <algorithm>

#include "base/log.h"

namespace drover::store::log {
namespace {

constexpr size_t kFirstRead = 4096;
constexpr Position kNoLimit = UINT64_MAX;

}  // namespace

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(
    Disk& disk, LogOptions options, Random& random,
    const std::function<Result<Position>(const std::string& id)>& known_durable) {
  std::unique_ptr<Log> log(new Log(disk, std::move(options)));
  TRY_VOID(disk.make_folder(log->options_.folder));
  TRY_VOID(log->load());
  if (log->segments_.empty()) {
    TRY_VOID(log->start_new(random));
  } else {
    TRY(Position durable, known_durable(log->id_));
    TRY_VOID(log->find_end(durable));
  }
  return log;
}

Result<void> Log::load() {
  TRY(auto names, disk_.list(options_.folder));
  std::vector<Position> bases;
  for (const std::string& name : names) {
    if (auto base = parse_segment_name(name)) bases.push_back(*base);
  }
  for (size_t i = 0; i < bases.size(); ++i) {
    TRY(SegmentPtr segment, load_segment(bases[i], i + 1 == bases.size()));
    if (segment != nullptr) add(std::move(segment));
  }
  return {};
}

Result<Log::SegmentPtr> Log::load_segment(Position base, bool last) {
  auto segment = std::make_shared<Segment>();
  segment->base = base;
  segment->path = options_.folder + "/" + segment_name(base);
  TRY(segment->file, disk_.open(segment->path, Disk::Mode::kWrite));
  TRY(std::string bytes, segment->file->read_at(0, kSegmentHeadBytes));
  Result<SegmentHead> head = decode_segment_head(bytes);
  if (head) {
    if (head->base != base || (!id_.empty() && head->log_id != id_)) {
      return fail(Code::kDataLoss, segment->path + " does not belong to this journal");
    }
    id_ = head->log_id;
    return segment;
  }
  if (head.error().code != Code::kDataLoss) return fail(std::move(head).error());
  SegmentScanner scanner(*segment->file, base, base + kSegmentHeadBytes, kNoLimit);
  TRY(Found found, scanner.next());
  if (found.what == Found::What::kDamage) {
    TRY(found, scanner.next());
  }
  if (last && found.what != Found::What::kFrame) {
    // Its making was interrupted; nothing was ever written into it.
    segment->file.reset();
    TRY_VOID(disk_.remove(segment->path));
    TRY_VOID(disk_.sync_folder(options_.folder));
    return SegmentPtr();
  }
  Damage damage;
  damage.from = base;
  damage.to = base + kSegmentHeadBytes;
  damage.where = segment->path + ", its head";
  damage_.push_back(std::move(damage));
  return segment;
}

Result<void> Log::start_new(Random& random) {
  id_ = random.bytes(16);
  TRY(SegmentPtr segment, create_segment(0));
  add(std::move(segment));
  end_.store(kSegmentHeadBytes, std::memory_order_release);
  return {};
}

Result<Log::SegmentPtr> Log::create_segment(Position base) {
  auto segment = std::make_shared<Segment>();
  segment->base = base;
  segment->path = options_.folder + "/" + segment_name(base);
  auto file = disk_.open(segment->path, Disk::Mode::kCreate);
  if (!file && file.error().code == Code::kAlreadyExists) {
    // Left over from a try that failed half way.
    TRY_VOID(disk_.remove(segment->path));
    file = disk_.open(segment->path, Disk::Mode::kCreate);
  }
  TRY(segment->file, std::move(file));
  SegmentHead head;
  head.base = base;
  head.log_id = id_;
  TRY_VOID(segment->file->write_at(0, encode_segment_head(head)));
  TRY_VOID(segment->file->sync());
  TRY_VOID(disk_.sync_folder(options_.folder));
  reserved_ = zeroed_ = kSegmentHeadBytes;
  return segment;
}

Result<void> Log::find_end(Position durable_at_least) {
  const SegmentPtr segment = last();
  TRY(const uint64_t file_bytes, segment->file->size());
  Position end = segment->base + kSegmentHeadBytes;
  Position durable = std::max(durable_at_least, end);
  // What is known to be durable is not read again: damage in it shows when it is.
  if (durable <= segment->base + file_bytes) end = durable;
  const Position sound_from = end;
  SegmentScanner scanner(*segment->file, segment->base, end, kNoLimit);
  std::vector<Damage> damaged;
  Position tail = end;
  for (;;) {
    TRY(Found found, scanner.next());
    if (found.what == Found::What::kEnd) break;
    tail = found.end;
    if (found.what == Found::What::kDamage) {
      Damage damage;
      damage.from = found.position;
      damage.to = found.end;
      damage.where = place(found.position);
      damaged.push_back(std::move(damage));
      continue;
    }
    durable = std::max(durable, found.durable);
    end = found.end;
  }
  // Damage behind everything that is known to be durable is a torn write: the log ends before it.
  Position sound_to = sound_from;
  for (Damage& damage : damaged) {
    if (damage.from >= durable) {
      end = std::min(end, damage.from);
      break;
    }
    damage.to = std::min(damage.to, durable);
    sound_to = damage.to;
    damage_.push_back(std::move(damage));
  }
  sound_to = std::max(sound_to, end);
  if (sound_to < durable) {
    Damage lost;
    lost.from = sound_to;
    lost.to = durable;
    lost.where = place(sound_to) + " (missing)";
    damage_.push_back(std::move(lost));
  }
  // What was acknowledged and is gone keeps its positions: later frames stand behind it.
  end = std::max(end, durable);
  if (end < tail) LOG_INFO("the journal's last {} bytes were never finished; cut", tail - end);
  end_.store(end, std::memory_order_release);
  for (const Damage& damage : damage_) {
    LOG_ERROR("the journal is damaged: {} bytes at {}; the rest is readable",
              damage.to - damage.from, damage.where);
  }
  // What a process that was killed had written is read as durable from now on, so it must be: its
  // bytes and the segment's name.
  reserved_ = file_bytes;
  if (reserved_ > end - segment->base) {
    TRY_VOID(segment->file->truncate(end - segment->base));
    reserved_ = end - segment->base;
  }
  zeroed_ = reserved_;
  TRY_VOID(segment->file->sync());
  TRY_VOID(disk_.sync_folder(options_.folder));
  // Bytes that are missing leave a gap that only the next segment can begin behind.
  if (reserved_ < end - segment->base) roll_needed_ = file_failed_ = true;
  return {};
}

Result<void> Log::repair() {
  const SegmentPtr segment = last();
  if (cut_needed_ && !file_failed_) {
    // What a failed write left must not be taken for frames after a crash.
    TRY_VOID(segment->file->truncate(end() - segment->base));
    reserved_ = zeroed_ = end() - segment->base;
  }
  cut_needed_ = false;
  if (!roll_needed_) return {};
  TRY_VOID(begin_segment());
  roll_needed_ = false;
  file_failed_ = false;
  return {};
}

Result<void> Log::begin_segment() {
  const SegmentPtr before = last();
  if (!file_failed_) {
    // Exactly its frames: what comes next begins where it ends.
    reserved_ = end() - before->base;
    TRY_VOID(before->file->truncate(reserved_));
    TRY_VOID(before->file->sync());
  }
  TRY(SegmentPtr segment, create_segment(end()));
  add(std::move(segment));
  end_.store(end() + kSegmentHeadBytes, std::memory_order_release);
  return {};
}

Result<void> Log::reserve(uint64_t bytes) {
  if (bytes <= reserved_) return {};
  const SegmentPtr segment = last();
  const uint64_t ahead =
      std::min(bytes + options_.reserve_bytes, std::max<uint64_t>(bytes, options_.segment_bytes));
  Result<void> done = segment->file->allocate(reserved_, ahead);
  if (done) {
    reserved_ = ahead;
    return {};
  }
  if (done.error().code != Code::kResourceExhausted || ahead == bytes) return done;
  cut_needed_ = true;
  TRY_VOID(repair());
  done = segment->file->allocate(reserved_, bytes);
  if (done) reserved_ = bytes;
  return done;
}

/// Beside a write that ends at `bytes` and its sync. It only makes later ones quicker: a failure
/// is that of a write to come.
void Log::zero_ahead(Segment& segment, uint64_t bytes) {
  if (bytes < zeroed_ || options_.zero_bytes == 0) return;
  const uint64_t to = std::min(bytes + options_.zero_bytes, reserved_);
  if (to <= bytes) return;
  if (zeros_.size() < to - bytes) zeros_.resize(to - bytes);
  if (segment.file->write_at(bytes, std::string_view(zeros_).substr(0, to - bytes))) zeroed_ = to;
}

Result<void> Log::put(std::vector<OutFrame>& frames) {
  TRY_VOID(repair());
  uint64_t total = 0;
  for (const OutFrame& frame : frames) total += frame.bytes->size();
  SegmentPtr segment = last();
  uint64_t offset = end() - segment->base;
  if (offset > kSegmentHeadBytes && offset + total > options_.segment_bytes) {
    // From here on it must be: a segment that is half made would hide what is written here.
    roll_needed_ = true;
    TRY_VOID(repair());
    segment = last();
    offset = kSegmentHeadBytes;
  }
  const Position start = end();
  buffer_.clear();
  for (OutFrame& frame : frames) {
    frame.position = start + buffer_.size();
    place_frame(*frame.bytes, frame.crc, frame.position, static_cast<uint32_t>(buffer_.size()));
    buffer_ += *frame.bytes;
  }
  Result<void> done = reserve(offset + total);
  cut_needed_ = true;
  if (done) done = segment->file->write_at(offset, buffer_);
  if (done) zero_ahead(*segment, offset + total);
  return done;
}

Result<void> Log::finish() {
  const SegmentPtr segment = last();
  if (Result<void> done = segment->file->sync(); !done) {
    roll_needed_ = file_failed_ = true;
    return done;
  }
  cut_needed_ = false;
  const Position to = end() + buffer_.size();
  reserved_ = std::max<uint64_t>(reserved_, to - segment->base);
  syncs_.fetch_add(1, std::memory_order_relaxed);
  end_.store(to, std::memory_order_release);
  return {};
}

Result<void> Log::write(std::vector<OutFrame>& frames) {
  TRY_VOID(put(frames));
  return finish();
}

Result<void> Log::begin(std::vector<OutFrame>& frames) {
  TRY_VOID(put(frames));
  const SegmentPtr segment = last();
  segment->file->begin_sync(end() - segment->base, buffer_.size());
  return {};
}

Result<void> Log::close() {
  std::string mark = encode_mark();
  OutFrame frame;
  frame.bytes = &mark;
  frame.crc = body_crc(mark);
  std::vector<OutFrame> frames(1, frame);
  TRY_VOID(write(frames));
  const SegmentPtr segment = last();
  return segment->file->truncate(end() - segment->base);
}

void Log::add(SegmentPtr segment) {
  std::lock_guard<std::mutex> lock(mutex_);
  segments_.push_back(std::move(segment));
}

Log::SegmentPtr Log::last() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return segments_.back();
}

size_t Log::segments() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return segments_.size();
}

Log::SegmentPtr Log::find(Position position) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto it = std::upper_bound(segments_.begin(), segments_.end(), position,
                             [](Position p, const SegmentPtr& s) { return p < s->base; });
  return it == segments_.begin() ? nullptr : *std::prev(it);
}

Position Log::limit_of(const SegmentPtr& segment) const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const SegmentPtr& other : segments_) {
    if (other->base > segment->base) return other->base;
  }
  return end();
}

std::optional<std::pair<std::string, Position>> Log::file_of(Position position) const {
  const SegmentPtr segment = find(position);
  if (segment == nullptr) return std::nullopt;
  return std::make_pair(segment->path, segment->base);
}

std::string Log::place(Position position) const {
  const SegmentPtr segment = find(position);
  if (segment == nullptr) return "position " + std::to_string(position);
  return segment->path + " at byte " + std::to_string(position - segment->base);
}

Result<InFrame> Log::read(Position position) const {
  const SegmentPtr segment = find(position);
  const auto damaged = [&] {
    return fail(Code::kDataLoss, "the journal is damaged in " + place(position));
  };
  if (segment == nullptr || position >= end()) return damaged();
  const uint64_t offset = position - segment->base;
  TRY(std::string bytes, segment->file->read_at(offset, kFirstRead));
  if (bytes.size() < kFrameHeadBytes) return damaged();
  const std::optional<FrameHead> head = read_head(bytes);
  if (!head || position + kFrameHeadBytes + head->body_bytes > end()) return damaged();
  InFrame frame;
  frame.position = position;
  frame.end = position + kFrameHeadBytes + head->body_bytes;
  if (bytes.size() >= kFrameHeadBytes + head->body_bytes) {
    frame.body = bytes.substr(kFrameHeadBytes, head->body_bytes);
  } else {
    TRY(frame.body, segment->file->read_at(offset + kFrameHeadBytes, head->body_bytes));
  }
  if (!frame_is_sound(*head, frame.body, position)) return damaged();
  return frame;
}

Result<void> Log::scan(Position from, Position to,
                       const std::function<Result<void>(InFrame)>& frame,
                       const std::function<void(Damage)>& damage) const {
  std::vector<SegmentPtr> segments;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    segments = segments_;
  }
  for (const SegmentPtr& segment : segments) {
    const Position limit = std::min(to, limit_of(segment));
    const Position start = std::max(from, segment->base + kSegmentHeadBytes);
    if (start >= limit) continue;
    SegmentScanner scanner(*segment->file, segment->base, start, limit);
    for (;;) {
      TRY(Found found, scanner.next());
      // Zeros before the end of what was durable are damage too.
      const bool at_end = found.what == Found::What::kEnd;
      if (at_end && found.position >= limit) break;
      if (found.what == Found::What::kFrame) {
        InFrame in;
        in.position = found.position;
        in.end = found.end;
        in.body = std::move(found.body);
        TRY_VOID(frame(std::move(in)));
        continue;
      }
      Damage part;
      part.from = found.position;
      part.to = at_end ? limit : found.end;
      part.where = place(found.position);
      if (damage) damage(std::move(part));
      if (at_end) break;
    }
  }
  return {};
}

}  // namespace drover::store::log
