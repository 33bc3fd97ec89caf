// The request body of an HTTP/1.1 connection: read by the handler, at the handler's pace.
#include <algorithm>

#include "http/http1_connection.h"

namespace drover::http {

/// Remembers what to answer if the handler does not, and gives the connection up.
Failure Http1Connection::body_failed(int status, Code code, std::string reason,
                                     std::string message) {
  fail_status_ = status;
  keep_alive_ = false;
  return fail(Error(code, std::move(message)).with_reason(std::move(reason)));
}

Task<Result<size_t>> Http1Connection::read_body_bytes(Context ctx, std::span<char> room) {
  if (gone_) co_return fail(Code::kCancelled, "the client has left");
  if (fail_status_ != 0) co_return fail(Code::kFailedPrecondition, "the body has failed before");
  if (answer_ == Answer::kDone || answer_ == Answer::kAborted) {
    co_return fail(Code::kFailedPrecondition, "the request is answered already");
  }
  if (send_continue_) {
    send_continue_ = false;
    CO_TRY_VOID(co_await send(ctx, "HTTP/1.1 100 Continue\r\n\r\n"));
  }
  Context bounded = ctx.with_timeout(core_.options.read_timeout);
  Result<size_t> n = co_await stream_->read(bounded, room);
  if (n && *n > 0) co_return n;
  if (!n && n.error().code == Code::kDeadlineExceeded && ctx.remaining() > Duration::zero()) {
    co_return body_failed(408, Code::kDeadlineExceeded, "body_timeout",
                          "the request's body did not arrive in time");
  }
  if (!n && (ctx.cancelled() || n.error().code == Code::kDeadlineExceeded)) {
    co_return fail(n.error());  // the handler's own context
  }
  client_left();
  co_return fail(Code::kCancelled, "the client left before its request was complete");
}

Task<Result<std::string_view>> Http1Connection::read_some(Context ctx) {
  while (!body_.done()) {
    Result<BodyDecoder::Step> step = body_.next(in_.pending());
    if (!step) {
      co_return body_failed(400, Code::kInvalidArgument, "protocol", step.error().message);
    }
    in_.consume(step->used);
    body_bytes_ += step->data.size();
    if (body_bytes_ > core_.options.body_bytes_max) {
      co_return body_failed(413, Code::kResourceExhausted, "body_too_large",
                            "the request's body is too large");
    }
    if (body_.done()) progress_.wake_all();
    if (!step->data.empty()) {
      view_lent_ = true;
      co_return step->data;
    }
    if (body_.done()) break;
    size_t room =
        body_.remaining() > InputBuffer::kSmall ? InputBuffer::kLarge / 2 : InputBuffer::kSmall / 2;
    std::span<char> tail = in_.make_room(room);
    Result<size_t> n = co_await read_body_bytes(ctx, tail);
    if (!n) co_return fail(std::move(n).error());
    in_.commit(*n);
  }
  co_return std::string_view();
}

Task<Result<std::string>> Http1Connection::read_all(Context ctx, size_t max_bytes) {
  max_bytes = std::min(max_bytes, core_.options.body_bytes_max);
  std::string out;
  if (body_.has_length()) {
    uint64_t total = body_.remaining();
    if (total > max_bytes) {
      co_return body_failed(
          413, Code::kResourceExhausted, "body_too_large",
          "the request's body is larger than " + std::to_string(max_bytes) + " bytes");
    }
    // Memory follows what arrived, not what was announced.
    out.reserve(static_cast<size_t>(std::min<uint64_t>(total, InputBuffer::kLarge)) + 1);
    size_t buffered = static_cast<size_t>(std::min<uint64_t>(total, in_.size()));
    out.append(in_.pending().substr(0, buffered));
    in_.consume(buffered);
    body_.advance(buffered);
    size_t have = out.size();
    while (!body_.done()) {
      // The rest goes from the stream straight into the string. A byte more than that is asked for:
      // where it does not come, nothing else is there, and no read has to find that out.
      if (have == out.size()) {
        uint64_t more =
            std::min<uint64_t>(body_.remaining() + 1, std::max<size_t>(have, InputBuffer::kLarge));
        out.resize(have + static_cast<size_t>(more));
      }
      std::span<char> room(out.data() + have, out.size() - have);
      Result<size_t> n = co_await read_body_bytes(ctx, room);
      if (!n) co_return fail(std::move(n).error());
      const auto part = static_cast<size_t>(std::min<uint64_t>(*n, body_.remaining()));
      have += part;
      body_.advance(part);
      if (part < *n) {
        // The next request has begun.
        in_.make_room(1).front() = out[have];
        in_.commit(1);
      }
    }
    out.resize(have);
    progress_.wake_all();
    co_return out;
  }
  while (!body_.done()) {
    Result<std::string_view> part = co_await read_some(ctx);
    if (!part) co_return fail(std::move(part).error());
    if (out.size() + part->size() > max_bytes) {
      co_return body_failed(
          413, Code::kResourceExhausted, "body_too_large",
          "the request's body is larger than " + std::to_string(max_bytes) + " bytes");
    }
    out.append(*part);
  }
  co_return out;
}

std::optional<std::string> Http1Connection::take_buffered(size_t max_bytes) {
  const uint64_t rest = body_.remaining();
  const bool whole = body_.has_length() && rest <= in_.size();
  if (!whole || rest > std::min(max_bytes, core_.options.body_bytes_max)) return std::nullopt;
  if (gone_ || fail_status_ != 0 || answer_ != Answer::kNone) return std::nullopt;
  const auto bytes = static_cast<size_t>(rest);
  std::optional<std::string> out(std::in_place, in_.pending().substr(0, bytes));
  in_.consume(bytes);
  body_.advance(bytes);
  progress_.wake_all();
  return out;
}

}  // namespace drover::http
