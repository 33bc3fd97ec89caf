#include "http/client_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::http {
namespace {

constexpr size_t kCoalesceMax = 16u << 10;

tl::unexpected<Error> unavailable(const char* reason, std::string message) {
  return fail(
      Error(Code::kUnavailable, std::move(message), Retry::kOtherTarget).with_reason(reason));
}

bool is_ours(std::string_view name) {
  return (name.size() == 14 && iequals(name, "content-length")) ||
         (name.size() == 17 && iequals(name, "transfer-encoding")) ||
         (name.size() == 10 && iequals(name, "connection"));
}

bool body_expected(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
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

Task<void> ClientConnection::watch(std::shared_ptr<ClientConnection> self) {
  self->watching_ = true;
  Context ctx(self->loop_);
  Result<void> ready = co_await self->stream_->readable(ctx);
  Result<size_t> n = size_t{0};
  if (ready) {
    std::span<char> room = self->in_.make_room(InputBuffer::kSmall / 2);
    std::optional<Result<size_t>> now = self->stream_->try_read(room);
    if (now) {
      n = std::move(*now);
    } else {
      n = co_await self->stream_->read(std::move(ctx), room);
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

Task<Result<void>> ClientConnection::write_request(Context ctx, const ClientRequest& request) {
  answer_begun_ = false;
  answer_complete_ = false;
  keep_alive_ = false;
  out_.clear();
  out_ += request.method;
  out_ += ' ';
  out_ += request.url.target;
  out_ += " HTTP/1.1\r\n";
  if (!request.headers.has("host")) {
    append_field(out_, "Host", request.url.authority());
  }
  for (const Headers::View& field : request.headers.fields()) {
    if (is_ours(field.first)) continue;
    append_field(out_, field.first, field.second);
  }
  if (!request.body.empty() || body_expected(request.method)) {
    std::array<char, 20> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), request.body.size());
    out_ += "Content-Length: ";
    out_.append(digits.data(), end.ptr);
    out_ += "\r\n";
  }
  out_ += "\r\n";
  bool together = request.body.size() <= kCoalesceMax;
  if (together) out_ += request.body;
  CO_TRY_VOID(ctx.check());
  std::string_view rest = out_;
  CO_TRY(size_t sent, stream_->try_write(rest));
  rest.remove_prefix(sent);
  if (rest.empty() && together) co_return Result<void>();
  Context bounded = ctx.with_timeout(limits::kHttpWriteTimeout);
  if (!rest.empty()) CO_TRY_VOID(co_await stream_->write(bounded, rest));
  if (!together) CO_TRY_VOID(co_await stream_->write(bounded, request.body));
  co_return Result<void>();
}

/// More bytes from the stream (or from the watch that is reading it).
Task<Result<size_t>> ClientConnection::fill(Context ctx, size_t room) {
  size_t before = in_.size();
  while (watching_) {
    async::Wake wake = co_await arrived_.wait(ctx);
    if (wake != async::Wake::kWoken && watching_) {
      // The watch still reads into our buffer: this connection is of no further use.
      close();
      co_return fail(async::wake_error(wake, ctx));
    }
  }
  if (in_.size() > before) co_return in_.size() - before;
  if (closed_) co_return fail(Code::kCancelled, "the connection is closed");
  if (ended_) co_return size_t{0};
  if (in_.empty()) {
    // A slow stream holds no buffer between its tokens.
    in_.release();
    CO_TRY_VOID(co_await stream_->readable(ctx));
  }
  std::span<char> tail = in_.make_room(room);
  std::optional<Result<size_t>> n = stream_->try_read(tail);
  if (!n) n = co_await stream_->read(std::move(ctx), tail);
  if (*n) {
    in_.commit(**n);
    ended_ = **n == 0;
  }
  co_return std::move(*n);
}

Task<Result<ResponseHead>> ClientConnection::read_head(Context ctx, bool head_request,
                                                       MonoTime* first_byte) {
  for (int interim = 0; interim <= limits::kHttpInterimMax; ++interim) {
    parser_.reset();
    for (;;) {
      if (!in_.empty()) {
        if (!answer_begun_) *first_byte = loop_.mono();
        answer_begun_ = true;
        HeadParser::Status status = parser_.feed(in_.pending());
        if (status == HeadParser::Status::kDone) break;
        if (status == HeadParser::Status::kTooLarge) {
          co_return unavailable("protocol", "the answer's headers are too large or too many");
        }
        if (status == HeadParser::Status::kMalformed) {
          co_return unavailable(
              "protocol", std::string("the answer is not proper HTTP/1.1: ") + parser_.fault());
        }
      }
      Result<size_t> n = co_await fill(ctx, InputBuffer::kSmall / 2);
      if (!n) co_return fail(std::move(n).error());
      if (*n == 0)
        co_return unavailable("reset", "the server closed the connection before its answer");
    }
    ResponseHead head;
    CO_TRY_VOID(accept_head(in_.pending(), head_request, &head));
    in_.consume(parser_.head_bytes());
    if (head.status >= 200) co_return head;
    if (head.status == 101)
      co_return unavailable("protocol", "the server changed the protocol unasked");
  }
  co_return unavailable("protocol", "the server sent too many interim answers");
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
  for (const HeadParser::Field& field : parser_.fields()) {
    std::string_view name = HeadParser::view(raw, field.name);
    std::string_view value = trim(HeadParser::view(raw, field.value));
    if (name.empty()) return unavailable("protocol", "a header of the answer has no name");
    if (!is_field_value(value)) {
      return unavailable("protocol", "a header of the answer holds a control character");
    }
    out->headers.add(name, value);
  }
  keep_alive_ = parser_.keep_alive();
  if (head_request || out->status < 200 || out->status == 204 || out->status == 304) {
    body_.start_none();
  } else if (parser_.has_transfer_encoding()) {
    if (parser_.has_content_length() ||
        !iequals(out->headers.get_joined("transfer-encoding"), "chunked")) {
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

Task<Result<std::string_view>> ClientConnection::read_some(Context ctx) {
  while (!answer_complete_) {
    if (closed_) co_return fail(Code::kFailedPrecondition, "the answer was given up");
    Result<BodyDecoder::Step> step = body_.next(in_.pending());
    if (!step) {
      close();
      co_return unavailable("protocol", step.error().message);
    }
    in_.consume(step->used);
    // The last part of a declared length is the end: no further read is needed to know it.
    answer_complete_ = body_.done();
    if (!step->data.empty()) co_return step->data;
    if (answer_complete_) break;
    size_t room =
        body_.remaining() > InputBuffer::kSmall ? InputBuffer::kLarge / 2 : InputBuffer::kSmall / 2;
    Result<size_t> n = co_await fill(ctx, room);
    if (!n) {
      close();
      if (n.error().code == Code::kDeadlineExceeded) {
        co_return fail(std::move(n).error().with_reason("body").with_retry(Retry::kOtherTarget));
      }
      if (n.error().code == Code::kCancelled && ctx.cancelled()) co_return fail(n.error());
      co_return unavailable("cut", "the connection broke in the answer's body");
    }
    if (*n > 0) continue;
    close();
    if (!body_.until_close()) {
      co_return unavailable("cut", "the server ended the connection in the answer's body");
    }
    answer_complete_ = true;
  }
  co_return std::string_view();
}

std::optional<std::string> ClientConnection::take_buffered(size_t max_bytes) {
  const uint64_t rest = body_.remaining();
  if (closed_ || !body_.has_length() || rest > in_.size() || rest > max_bytes) return std::nullopt;
  const auto bytes = static_cast<size_t>(rest);
  std::string out(in_.pending().substr(0, bytes));
  in_.consume(bytes);
  body_.advance(bytes);
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
