#include "http/client_connection.h"

#include <algorithm>
#include <cstring>

#include "base/limits/http.h"
#include "base/text_copy.h"
#include "http/buffers.h"
#include "http/client_head.h"

namespace drover::http {
namespace {

Failure unavailable(const char* reason, std::string message) {
  return fail(
      Error(Code::kUnavailable, std::move(message), Retry::kOtherTarget).with_reason(reason));
}

}  // namespace

ClientConnection::ClientConnection(async::Loop& loop, std::unique_ptr<net::Stream> stream)
    : loop_(loop),
      stream_(std::move(stream)),
      parser_(HeadParser::Kind::kResponse, limits::kHttpHeaderBytesMax) {}

void ClientConnection::close() {
  if (closed_) return;
  closed_ = true;
  stream_->close();
}

void ClientConnection::enter_pool() {
  idle_ = true;
  idle_since_ = loop_.mono();
  in_.release();
}

// One for each idle connection: no more stands in the frame than must.
Task<void> ClientConnection::watch(LocalPtr<ClientConnection> self) {
  self->watching_ = true;
  const Context unbounded(self->loop_);
  Result<void> ready;
  async::WaitQueue* arriving = self->stream_->nothing_to_read();
  if (arriving == nullptr) {
    Task<Result<void>> waiting = self->stream_->readable(unbounded);
    ready = co_await std::move(waiting);
    arriving = self->stream_->nothing_to_read();
  }
  while (arriving != nullptr) {
    co_await arriving->wait(unbounded);
    arriving = self->stream_->nothing_to_read();
  }
  Result<size_t> n = size_t{0};
  if (ready && !self->closed_) {
    std::span<char> room = self->in_.make_room(InputBuffer::kSmall / 2);
    std::optional<Result<size_t>> now = self->stream_->try_read(room);
    if (now) {
      n = std::move(*now);
    } else {
      Task<Result<size_t>> reading = self->stream_->read(unbounded, room);
      n = co_await std::move(reading);
    }
  }
  self->watching_ = false;
  if (n && *n > 0) {
    self->in_.commit(*n);
  } else {
    self->ended_ = true;
  }
  if (self->idle_) {
    // Nobody asked: the peer has ended the connection, or is no HTTP server.
    self->close();
    if (self->on_idle_close_) self->on_idle_close_();
  }
  self->arrived_.wake_all();
}

Result<bool> ClientConnection::begin_request(const RequestTarget& target,
                                             const RequestCall& request, RawBytes* output,
                                             std::string* head, std::string_view* body) {
  answer_begun_ = false;
  answer_complete_ = false;
  keep_alive_ = false;
  *body = request.content();
  // A small body is copied behind the head: both are written to lines that the first cache has from
  // the request before, and the kernel reads them there.
  const std::string_view joined = body->size() <= kSmallBody ? *body : std::string_view();
  put_head(*output, target, request, joined.size());
  const size_t head_size = output->size();
  copy_text(output->extend(joined.size()), joined);
  const std::string_view text = output->view();
  const size_t all = head_size + body->size();
  const Result<size_t> sent =
      text.size() == all ? stream_->try_write(text) : stream_->try_write_both(text, *body);
  if (sent && *sent < all) {
    const size_t of_head = std::min(*sent, head_size);
    head->assign(text.substr(of_head, head_size - of_head));
    body->remove_prefix(*sent - of_head);
  }
  if (output->size() > kOutputKeptMax) *output = RawBytes();
  if (!sent) return fail(sent.error());
  return *sent == all;
}

Task<Result<void>> ClientConnection::write_rest(const Context& ctx, std::string head,
                                                std::string_view body) {
  if (body.size() <= kCoalesceMax) head.append(std::exchange(body, {}));
  Context bounded = ctx.with_timeout(limits::kHttpWriteTimeout);
  if (!head.empty()) CO_TRY_VOID(co_await stream_->write(bounded, head));
  if (!body.empty()) CO_TRY_VOID(co_await stream_->write(bounded, body));
  co_return Result<void>();
}

/// More bytes from the stream, which nobody else reads. The context is the caller's, who waits.
Task<Result<size_t>> ClientConnection::fill(const Context& ctx, size_t room) {
  DROVER_DASSERT(!watching_);
  if (closed_) co_return fail(Code::kCancelled, "the connection is closed");
  if (ended_) co_return size_t{0};
  if (can_wait()) {
    in_.release();
    CO_TRY_VOID(co_await stream_->readable(ctx));
  }
  std::optional<Result<size_t>> n = fill_now(room);
  if (!n) {
    std::span<char> tail = in_.make_room(room);
    n = co_await stream_->read(ctx, tail);
    took(*n);
  }
  co_return std::move(*n);
}

/// The same where nothing has to be waited for.
std::optional<Result<size_t>> ClientConnection::fill_now(size_t room) {
  if (watching_ || closed_ || ended_) return std::nullopt;
  std::optional<Result<size_t>> n = stream_->try_read(in_.make_room(room));
  if (n) took(*n);
  return n;
}

void ClientConnection::took(const Result<size_t>& n) {
  if (!n) return;
  in_.commit(*n);
  ended_ = *n == 0;
}

Result<bool> ClientConnection::begin_head(async::Wake wake, const Context& ctx,
                                          const Asked& asked) {
  if (watching_) {
    // The watch still reads into our buffer: this connection is of no further use.
    DROVER_DASSERT(wake != async::Wake::kWoken);
    close();
    return fail(async::wake_error(wake, ctx));
  }
  interim_ = 0;
  return take_head(asked);
}

Task<Result<void>> ClientConnection::read_head(const Context& ctx, Asked asked) {
  for (;;) {
    Task<Result<size_t>> filling = fill(ctx, InputBuffer::kSmall / 2);
    Result<size_t> n = co_await std::move(filling);
    if (!n) co_return fail(std::move(n).error());
    if (*n == 0)
      co_return unavailable("reset", "the server closed the connection before its answer");
    Result<bool> taken = take_head(asked);
    if (!taken) co_return fail(std::move(taken).error());
    if (*taken) co_return Result<void>();
  }
}

/// Whether the final answer's head is here; it is taken in then. Interim ones are passed over.
Result<bool> ClientConnection::take_head(const Asked& asked) {
  while (!in_.empty()) {
    const bool begins = !std::exchange(answer_begun_, true);
    if (begins) *asked.first_byte = loop_.mono();
    const HeadParser::Status status =
        begins ? parser_.feed_next(in_.pending(), last_head_) : parser_.feed(in_.pending());
    if (status == HeadParser::Status::kNeedMore) return false;
    if (status == HeadParser::Status::kTooLarge) {
      return unavailable("protocol", "the answer's headers are too large or too many");
    }
    if (status == HeadParser::Status::kMalformed) {
      return unavailable("protocol",
                         std::string("the answer is not proper HTTP/1.1: ") + parser_.fault());
    }
    TRY_VOID(accept_head(in_.pending(), asked.head_request, asked.head));
    in_.consume(parser_.head_bytes());
    const int status_code = asked.head->status;
    if (status_code >= 200) return true;
    if (status_code == 101) {
      return unavailable("protocol", "the server changed the protocol unasked");
    }
    if (++interim_ > limits::kHttpInterimMax) {
      return unavailable("protocol", "the server sent too many interim answers");
    }
    parser_.reset();
  }
  return false;
}

Result<void> ClientConnection::accept_head(std::string_view raw, bool head_request,
                                           ResponseHead* out) {
  if (parser_.version_major() != 1 || parser_.version_minor() > 1) {
    return unavailable("protocol", "the answer has an unknown HTTP version");
  }
  out->status = parser_.status();
  if (out->status < 100 || out->status > 599) {
    return unavailable("protocol", "the answer's status is not between 100 and 599");
  }
  out->headers.assign(raw, parser_.fields());
  std::string_view said = out->headers.received();
  if (said.size() > kHeadKeptMax) said = {};
  // Mostly it says what the one before said.
  if (said.size() != last_head_.size() || said.size() != parser_.same()) last_head_ = said;
  keep_alive_ = parser_.keep_alive();
  if (head_request || out->is_bare()) {
    body_.start_none();
  } else if (parser_.has_transfer_encoding()) {
    if (parser_.has_content_length() ||
        !iequals_lower(out->headers.get_joined("transfer-encoding"), "chunked")) {
      return unavailable("protocol", "the answer's transfer coding is not chunked alone");
    }
    body_.start_chunked();
  } else if (parser_.has_content_length()) {
    body_.start_length(parser_.content_length());
  } else {
    body_.start_until_close();
    keep_alive_ = false;
  }
  answer_complete_ = body_.done() && out->status >= 200;
  return {};
}

/// What is here of the body, in one piece: a stream's tokens come in a chunk each, and chunks are
/// moved together where they lie. What precedes a fault is given first.
Result<std::string_view> ClientConnection::take_part() {
  const std::span<char> in = in_.bytes();
  const std::string_view text(in.data(), in.size());
  char* part = in.data();
  size_t size = 0;
  size_t used = 0;
  while (used < text.size() && !body_.done()) {
    const BodyDecoder before = body_;
    Result<BodyDecoder::Step> step = body_.next(text.substr(used));
    if (!step) {
      if (size == 0) return fail(std::move(step).error());
      body_ = before;
      break;
    }
    const std::string_view data = step->data;
    if (size == 0) {
      part = in.data() + used + (step->used - data.size());
    } else if (!data.empty()) {
      std::memmove(part + size, data.data(), data.size());
    }
    size += data.size();
    used += step->used;
  }
  in_.consume(used);
  // The last part of a declared length is the end: no further read is needed to know it.
  answer_complete_ = body_.done();
  return std::string_view(part, size);
}

// Here a slow stream spends its time: what is done between the waits stands apart, for a small
// frame, and while it waits there are no others but that of the wait.
Task<Result<std::string_view>> ClientConnection::read_some(Context ctx) {
  bool waited = false;
  for (;;) {
    if (std::optional<Result<std::string_view>> now = some_now(ctx)) co_return std::move(*now);
    waited = !waited && can_wait();
    if (waited) {
      in_.release();
      Task<Result<void>> more = stream_->readable(ctx);
      Result<void> ready = co_await std::move(more);
      if (!ready) co_return failed_in_body(std::move(ready).error(), ctx);
    } else {
      Task<Result<size_t>> more = fill(ctx, room_for_body());
      Result<void> good = in_body(co_await std::move(more), ctx);
      if (!good) co_return fail(std::move(good).error());
    }
  }
}

/// What can be said without waiting.
std::optional<Result<std::string_view>> ClientConnection::some_now(const Context& ctx) {
  while (!answer_complete_) {
    if (closed_) return fail(Code::kFailedPrecondition, "the answer was given up");
    Result<std::string_view> part = take_part();
    if (!part) {
      close();
      return unavailable("protocol", part.error().message);
    }
    if (!part->empty()) return part;
    if (answer_complete_) break;
    std::optional<Result<size_t>> more = fill_now(room_for_body());
    if (!more) return std::nullopt;
    Result<void> good = in_body(std::move(*more), ctx);
    if (!good) return fail(std::move(good).error());
  }
  return std::string_view();
}

size_t ClientConnection::room_for_body() const {
  const bool large = body_.remaining() > InputBuffer::kSmall;
  return large ? InputBuffer::kLarge / 2 : InputBuffer::kSmall / 2;
}

/// What a read within a body came to: a failure, or that it goes on or is over.
Result<void> ClientConnection::in_body(Result<size_t> n, const Context& ctx) {
  if (!n) return failed_in_body(std::move(n).error(), ctx);
  if (*n > 0) return {};
  close();
  if (!body_.until_close()) {
    return unavailable("cut", "the server ended the connection in the answer's body");
  }
  answer_complete_ = true;
  return {};
}

Failure ClientConnection::failed_in_body(Error error, const Context& ctx) {
  close();
  if (error.code == Code::kDeadlineExceeded) {
    return fail(std::move(error).with_reason("body").with_retry(Retry::kOtherTarget));
  }
  if (error.code == Code::kCancelled && ctx.cancelled()) return fail(std::move(error));
  return unavailable("cut", "the connection broke in the answer's body");
}

std::optional<std::string> ClientConnection::take_buffered(size_t max_bytes) {
  if (closed_ || body_.remaining() > in_.size() || body_.until_close()) return std::nullopt;
  if (body_.has_length() && body_.remaining() <= max_bytes) {
    const auto bytes = static_cast<size_t>(body_.remaining());
    std::string out(in_.pending().substr(0, bytes));
    in_.consume(bytes);
    body_.advance(bytes);
    answer_complete_ = true;
    return out;
  }
  // On a copy: what is not all here, or not in order, is read_some()'s to take.
  BodyDecoder body = body_;
  std::string_view rest = in_.pending();
  std::string out;
  while (!body.done()) {
    Result<BodyDecoder::Step> step = body.next(rest);
    if (!step || step->used == 0 || step->data.size() > max_bytes - out.size()) return std::nullopt;
    rest.remove_prefix(step->used);
    out += step->data;
  }
  in_.consume(in_.size() - rest.size());
  body_ = body;
  answer_complete_ = true;
  return out;
}

Task<Result<std::string>> ClientConnection::read_all(Context ctx, size_t max_bytes) {
  std::string out;
  if (body_.has_length()) {
    if (body_.remaining() > max_bytes) {
      close();
      co_return fail(Error(Code::kResourceExhausted, "the answer is larger than allowed")
                         .with_reason("body_too_large"));
    }
    // Memory follows what arrives, not what was announced.
    out.reserve(static_cast<size_t>(std::min<uint64_t>(body_.remaining(), InputBuffer::kLarge)));
  }
  for (;;) {
    Result<std::string_view> part = co_await read_some(ctx);
    if (!part) co_return fail(std::move(part).error());
    if (part->empty()) co_return out;
    if (out.size() + part->size() > max_bytes) {
      close();
      co_return fail(Error(Code::kResourceExhausted, "the answer is larger than allowed")
                         .with_reason("body_too_large"));
    }
    out.append(*part);
  }
}

}  // namespace drover::http
