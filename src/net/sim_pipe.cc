#include "net/sim_pipe.h"

#include <algorithm>

namespace drover::net {
namespace {

using async::Wake;

Error reset_error(std::string_view what) {
  return Error(Code::kUnavailable, std::string(what) + ": the peer closed the connection",
               Retry::kOtherTarget)
      .with_reason("reset");
}

Error pipe_closed_error() { return Error(Code::kCancelled, "the stream was closed"); }

}  // namespace

Task<Result<size_t>> SimPipe::read(std::shared_ptr<SimPipe> pipe, Context ctx,
                                   std::span<char> buffer) {
  if (buffer.empty()) co_return fail(Code::kInvalidArgument, "read into an empty buffer");
  CO_TRY_VOID(ctx.check());
  for (;;) {
    if (pipe->reader_closed_) co_return fail(pipe_closed_error());
    if (size_t n = pipe->deliver(buffer); n > 0) co_return n;
    if (pipe->segments_.empty() || pipe->stalled_) {
      if (pipe->reset_at_ && pipe->due(*pipe->reset_at_))
        co_return fail(reset_error("read failed"));
      if (pipe->end_at_ && pipe->due(*pipe->end_at_)) co_return size_t{0};
    }
    Wake wake = co_await pipe->readers_.wait(ctx);
    if (pipe->reader_closed_) co_return fail(pipe_closed_error());
    if (wake != Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
  }
}

size_t SimPipe::deliver(std::span<char> buffer) {
  size_t n = 0;
  while (n < buffer.size() && !segments_.empty() && due(segments_.front().at)) {
    Segment& s = segments_.front();
    size_t part = std::min(buffer.size() - n, s.bytes.size() - s.taken);
    std::copy_n(s.bytes.data() + s.taken, part, buffer.data() + n);
    s.taken += part;
    n += part;
    if (s.taken == s.bytes.size()) segments_.pop_front();
  }
  held_ -= n;
  if (n > 0) writers_.wake_all();
  return n;
}

std::optional<Error> SimPipe::writer_error() const {
  if (writer_closed_) return pipe_closed_error();
  if (finished_) return Error(Code::kFailedPrecondition, "write after the end of the stream");
  if (reset_at_ || end_at_ || reader_closed_) return reset_error("write failed");
  return std::nullopt;
}

Task<Result<void>> SimPipe::write(std::shared_ptr<SimPipe> pipe, Context ctx,
                                  std::string_view data) {
  CO_TRY_VOID(ctx.check());
  while (!data.empty()) {
    if (auto error = pipe->writer_error()) co_return fail(std::move(*error));
    if (pipe->held_ < pipe->link_.window) {
      data.remove_prefix(pipe->send(data));
      continue;
    }
    Wake wake = co_await pipe->writers_.wait(ctx);
    if (wake != Wake::kWoken && !pipe->writer_error()) co_return fail(async::wake_error(wake, ctx));
  }
  co_return Result<void>();
}

MonoTime SimPipe::arrival(size_t bytes) {
  MonoTime start = std::max(loop_->mono(), wire_free_at_);
  if (link_.bytes_per_second > 0) {
    double seconds = static_cast<double>(bytes) / static_cast<double>(link_.bytes_per_second);
    start += Duration(static_cast<int64_t>(seconds * 1e9));
  }
  wire_free_at_ = start;
  MonoTime at = start + link_.latency;
  if (link_.jitter > Duration::zero()) {
    at +=
        Duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(link_.jitter.count()))));
  }
  last_arrival_ = std::max(last_arrival_, at);  // a stream keeps its order
  return last_arrival_;
}

size_t SimPipe::send(std::string_view data) {
  size_t n = std::min(data.size(), link_.window - held_);
  // Up to the next fault only, which then strikes between two bytes.
  auto next = std::min_element(faults_.begin(), faults_.end(), [](const Fault& a, const Fault& b) {
    return a.after_bytes < b.after_bytes;
  });
  if (next != faults_.end()) {
    if (next->after_bytes <= sent_ && next->kind != Fault::Kind::kCorrupt) {
      Fault fault = *next;
      faults_.erase(next);
      strike(fault);
      return 0;
    }
    if (next->after_bytes > sent_) n = std::min<uint64_t>(n, next->after_bytes - sent_);
  }
  Segment segment;
  segment.bytes.assign(data.data(), n);
  if (next != faults_.end() && next->kind == Fault::Kind::kCorrupt && next->after_bytes <= sent_) {
    segment.bytes[0] = static_cast<char>(segment.bytes[0] ^ 0x01);
    faults_.erase(next);
  }
  held_ += n;
  sent_ += n;
  if (stalled_) return n;  // it fills the window and never arrives
  segment.at = arrival(n);
  MonoTime at = segment.at;
  segments_.push_back(std::move(segment));
  wake_reader_at(at);
  return n;
}

void SimPipe::strike(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kReset:
      reset();
      if (auto other = other_.lock()) other->reset();
      break;
    case Fault::Kind::kCut: {
      end_at_ = std::max(last_arrival_, loop_->mono() + link_.latency);
      wake_reader_at(*end_at_);
      auto other = other_.lock();
      if (other && !other->end_at_) {
        other->end_at_ = end_at_;
        other->wake_reader_at(*end_at_);
        other->writers_.wake_all();
      }
      break;
    }
    case Fault::Kind::kStall:
      stalled_ = true;
      break;
    case Fault::Kind::kDelay:
      wire_free_at_ = std::max(loop_->mono(), wire_free_at_) + fault.delay;
      break;
    default:
      break;
  }
}

void SimPipe::wake_reader_at(MonoTime t) {
  if (t <= loop_->mono()) {
    readers_.wake_all();
    return;
  }
  loop_->call_at(t, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->readers_.wake_all();
  });
}

void SimPipe::finish() {
  if (finished_) return;
  finished_ = true;
  if (end_at_ || reset_at_ || stalled_) return;
  end_at_ = std::max(last_arrival_, loop_->mono() + link_.latency);
  wake_reader_at(*end_at_);
}

void SimPipe::close_reader() {
  reader_closed_ = true;
  segments_.clear();
  held_ = 0;
  readers_.wake_all();
  writers_.wake_all();
}

void SimPipe::close_writer() {
  writer_closed_ = true;
  writers_.wake_all();
}

void SimPipe::reset() {
  if (reset_at_) return;
  reset_at_ = std::max(last_arrival_, loop_->mono() + link_.latency);
  wake_reader_at(*reset_at_);
  writers_.wake_all();
}

void SimPipe::wake() { readers_.wake_all(); }

}  // namespace drover::net
