// The answering half of an HTTP/1.1 connection: heads, framing, and few writes.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "base/decimal.h"
#include "base/limits/http.h"
#include "base/text_copy.h"
#include "http/buffers.h"
#include "http/http1_connection.h"

namespace drover::http {
namespace {

/// What a chunk's size and the stream's end take at most.
constexpr size_t kChunkFraming = 32;
/// What stands in a head beside the fields that the handler set, at most: the status, the date, the
/// framing, the connection, the end.
constexpr size_t kOwnLinesMax = 256;

/// Framing belongs to the connection, whatever the handler set.
bool is_framing(std::string_view name) {
  return iequals_lower(name, "content-length") || iequals_lower(name, "transfer-encoding") ||
         iequals_lower(name, "connection") || iequals_lower(name, "keep-alive") ||
         iequals_lower(name, "upgrade");
}

/// Those of all such names.
constexpr uint32_t kFramingMarks =
    Headers::mark_of("upgrade") | Headers::mark_of("connection") | Headers::mark_of("keep-alive") |
    Headers::mark_of("content-length") | Headers::mark_of("transfer-encoding");

void append_chunk_size(std::string& out, size_t size) {
  std::array<char, 16> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  out.append(digits.data(), end.ptr);
  out += "\r\n";
}

char* put_status_line(char* to, int status) {
  if (status == 200) return copy_text(to, "HTTP/1.1 200 OK\r\n");
  to = copy_text(copy_text(to, "HTTP/1.1 "), Decimal(status).view());
  return copy_text(copy_text(copy_text(to, " "), reason_phrase(status)), "\r\n");
}

Result<void> check_head(const ResponseHead& head) {
  const Headers& headers = head.headers;
  const size_t index = headers.first_unsound();
  if (index == headers.size()) return {};
  return fail(Code::kInvalidArgument, "the answer's header " +
                                          to_lower(headers.at(index).first.substr(0, 64)) +
                                          " holds what no header may hold");
}

/// Room for a head.
size_t head_size_max(const ResponseHead& head) { return head.headers.lines_size() + kOwnLinesMax; }

}  // namespace

/// Whether the connection can carry another request after this answer.
void Http1Connection::decide_keep_alive(bool may_skip_body) {
  if (core_.stopping || draining_) keep_alive_ = false;
  if (!keep_alive_ || body_.done()) return;
  if (may_skip_body) {
    // What has arrived already is skipped; nothing is waited for.
    while (!body_.done() && !in_.empty()) {
      Result<BodyDecoder::Step> step = body_.next(in_.pending());
      if (!step) break;
      in_.consume(step->used);
    }
    if (body_.done()) progress_.wake_all();
  }
  if (!body_buffered()) keep_alive_ = false;
}

/// Room for so much more.
void Http1Connection::begin_output(size_t bytes) {
  if (out_.empty() && out_.capacity() < core_.spare_output.capacity()) {
    out_.swap(core_.spare_output);
    out_.clear();
  }
  out_.reserve(out_.size() + bytes);
}

/// A connection that waits holds no memory for output.
void Http1Connection::end_output() {
  out_.clear();
  if (out_.capacity() <= kOutputKeptMax) core_.spare_output.swap(out_);
  out_ = std::string();
}

/// Any other answer takes its place.
void Http1Connection::drop_prepared() {
  if (!out_.empty()) end_output();
  prepared_ = false;
}

char* Http1Connection::put_head(char* to, const ResponseHead& head, std::string_view framing) {
  to = put_status_line(to, head.status);
  to = head.headers.put_lines(to, &is_framing, kFramingMarks);
  if (!head.headers.has("date")) to = copy_text(to, core_.date_line());
  to = copy_text(to, framing);
  if (!keep_alive_) return copy_text(to, "Connection: close\r\n");
  if (parser_.version_minor() == 0) return copy_text(to, "Connection: keep-alive\r\n");
  return to;
}

/// Sends what goes without waiting and takes it off `data`.
Result<void> Http1Connection::send_now(const Context& ctx, std::string_view& data) {
  if (gone_) return fail(Code::kCancelled, "the client has left");
  Result<size_t> n = size_t{0};
  if (Result<void> alive = ctx.check(); alive) {
    n = stream_->try_write(data);
  } else {
    n = fail(std::move(alive).error());
  }
  if (!n) {
    client_left();
    stream_->close();
    return fail(std::move(n).error());
  }
  data.remove_prefix(*n);
  return {};
}

Task<Result<void>> Http1Connection::send(Context ctx, std::string_view data) {
  CO_TRY_VOID(send_now(ctx, data));
  if (data.empty()) co_return Result<void>();
  Context bounded = ctx.with_timeout(limits::kHttpWriteTimeout);
  Result<void> written = co_await stream_->write(bounded, data);
  if (!written) {
    // A part may be out already: nothing sensible can follow on this connection.
    client_left();
    stream_->close();
  }
  co_return written;
}

/// flush() as far as nothing is waited for; true if that was all.
Result<bool> Http1Connection::flush_now(const Context& ctx) {
  std::string_view rest = out_;
  TRY_VOID(send_now(ctx, rest));
  out_.erase(0, out_.size() - rest.size());
  if (!out_.empty()) return false;
  end_output();
  return true;
}

/// The same for a message that stands in the output of all; what is left of it stands in out_
/// afterwards.
Result<bool> Http1Connection::send_output(const Context& ctx, std::string_view message) {
  TRY_VOID(send_now(ctx, message));
  if (!message.empty()) out_.assign(message);
  if (core_.output.size() > kOutputKeptMax) core_.output = std::string();
  return message.empty();
}

Task<Result<void>> Http1Connection::flush(Context ctx) {
  CO_TRY(bool done, flush_now(ctx));
  if (done) co_return Result<void>();
  Result<void> sent = co_await send(std::move(ctx), out_);
  end_output();
  co_return sent;
}

std::string_view Http1Connection::body_sent(const ResponseHead& head, std::string_view body) const {
  return head.is_bare() || is_head_ ? std::string_view() : body;
}

char* Http1Connection::put_answer(char* to, const ResponseHead& head, size_t body_size) {
  to = put_head(to, head, {});
  if (!head.is_bare()) to = put_field(to, "Content-Length", Decimal(body_size).view());
  return copy_text(to, "\r\n");
}

/// Sends the head, and with it the body if that is short: then it is taken off `body`. Put together
/// at the last moment in what the answer before left from: it is written to lines that the first
/// cache has, and the kernel reads it there.
Result<bool> Http1Connection::send_answer(const Context& ctx, const ResponseHead& head,
                                          size_t body_size, std::string_view& body) {
  std::string_view together;
  if (body.size() <= kCoalesceMax) together = std::exchange(body, std::string_view());
  std::string& output = core_.output;
  const size_t room = head_size_max(head) + together.size();
  if (output.size() < room) output.resize(room);
  const char* end = copy_text(put_answer(output.data(), head, body_size), together);
  return send_output(ctx, std::string_view(output.data(), end));
}

Task<Result<void>> Http1Connection::respond(Context ctx, ResponseHead head, std::string body) {
  if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
  CO_TRY_VOID(check_head(head));
  decide_keep_alive(true);
  drop_prepared();
  answer_ = Answer::kDone;
  co_await core_.answering.enter(core_.loop);
  std::string_view rest = body_sent(head, body);
  CO_TRY(bool done, send_answer(ctx, head, body.size(), rest));
  if (!done) CO_TRY_VOID(co_await flush(ctx));
  if (!rest.empty()) CO_TRY_VOID(co_await send(ctx, rest));
  co_return Result<void>();
}

void Http1Connection::prepare(ResponseHead head, std::string body) {
  if (answer_ != Answer::kNone) return;
  drop_prepared();
  const std::string_view sent = body_sent(head, body);
  if (sent.size() > kCoalesceMax || !check_head(head)) {
    ServerResponse::prepare(std::move(head), std::move(body));
    return;
  }
  decide_keep_alive(true);
  begin_output(head_size_max(head) + sent.size());
  out_.resize(head_size_max(head));
  const char* end = put_answer(out_.data(), head, body.size());
  out_.resize(static_cast<size_t>(end - out_.data()));
  out_ += sent;
  prepared_ = true;
}

void Http1Connection::tell_prepared() {
  if (!prepared_ || answer_ != Answer::kNone) return;
  answer_ = Answer::kDone;
  Result<bool> done = flush_now(scope_.context());
  (void)done;  // respond_prepared() sees what is left, and that the client is gone
}

Task<Result<void>> Http1Connection::respond_prepared(Context ctx) {
  if (!std::exchange(prepared_, false)) {
    if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
    co_return co_await ServerResponse::respond_prepared(std::move(ctx));
  }
  answer_ = Answer::kDone;
  if (out_.empty()) co_return Result<void>();  // it was told whole
  CO_TRY(bool done, flush_now(ctx));
  if (!done) CO_TRY_VOID(co_await flush(ctx));
  co_return Result<void>();
}

void Http1Connection::put_chunk(std::string_view data) {
  begin_output(data.size() + kChunkFraming);
  append_chunk_size(out_, data.size());
  out_ += data;
  out_ += "\r\n";
}

Task<Result<void>> Http1Connection::start(Context ctx, ResponseHead head, std::string_view first) {
  if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
  decide_keep_alive(false);
  Result<std::optional<uint64_t>> read = content_length(head.headers);
  if (!read) co_return fail(Code::kInvalidArgument, "the answer's " + read.error().message);
  const std::optional<uint64_t> length = *read;
  std::string framing;
  if (is_head_ || head.is_bare()) {
    framing_ = Framing::kNone;
    if (is_head_ && !length) framing = "Transfer-Encoding: chunked\r\n";
  } else if (length) {
    framing_ = Framing::kLength;
  } else if (parser_.version_minor() == 0) {
    framing_ = Framing::kUntilClose;
    keep_alive_ = false;
  } else {
    framing_ = Framing::kChunked;
    framing = "Transfer-Encoding: chunked\r\n";
  }
  if (length) {
    answer_left_ = *length;
    if (!head.is_bare()) framing = "Content-Length: " + std::to_string(*length) + "\r\n";
  }
  drop_prepared();
  CO_TRY_VOID(check_head(head));
  begin_output(head_size_max(head) + std::min(first.size(), kCoalesceMax) + kChunkFraming);
  out_.resize(head_size_max(head));
  const char* end = copy_text(put_head(out_.data(), head, framing), "\r\n");
  out_.resize(static_cast<size_t>(end - out_.data()));
  answer_ = Answer::kStreaming;
  bool together = framing_ == Framing::kChunked && !first.empty() && first.size() <= kCoalesceMax;
  if (together) put_chunk(first);
  CO_TRY(bool done, flush_now(ctx));
  if (!done) CO_TRY_VOID(co_await flush(ctx));
  if (together || first.empty()) co_return Result<void>();
  co_return co_await write(std::move(ctx), first);
}

Task<Result<void>> Http1Connection::write(Context ctx, std::string_view data) {
  if (answer_ != Answer::kStreaming) {
    co_return fail(Code::kFailedPrecondition, "the answer is not open for writing");
  }
  if (data.empty() || framing_ == Framing::kNone) co_return Result<void>();
  if (framing_ == Framing::kLength) {
    if (data.size() > answer_left_) {
      abort();
      co_return fail(Code::kInternal, "the answer is longer than its Content-Length");
    }
    answer_left_ -= data.size();
  }
  if (framing_ != Framing::kChunked) co_return co_await send(std::move(ctx), data);
  if (data.size() <= kCoalesceMax) {
    put_chunk(data);
    CO_TRY(bool done, flush_now(ctx));
    if (done) co_return Result<void>();
    co_return co_await flush(std::move(ctx));
  }
  append_chunk_size(out_, data.size());
  CO_TRY_VOID(co_await flush(ctx));
  CO_TRY_VOID(co_await send(ctx, data));
  co_return co_await send(ctx, "\r\n");
}

Task<Result<void>> Http1Connection::finish(Context ctx, std::string_view last) {
  bool together = framing_ == Framing::kChunked && last.size() <= kCoalesceMax;
  if (!last.empty() && !together) CO_TRY_VOID(co_await write(ctx, last));
  if (answer_ != Answer::kStreaming) {
    co_return fail(Code::kFailedPrecondition, "the answer is not open for writing");
  }
  if (framing_ == Framing::kLength && answer_left_ != 0) {
    abort();
    co_return fail(Code::kInternal, "the answer is shorter than its Content-Length");
  }
  answer_ = Answer::kDone;
  if (framing_ != Framing::kChunked) co_return Result<void>();
  if (together && !last.empty()) put_chunk(last);
  out_ += "0\r\n\r\n";
  CO_TRY(bool done, flush_now(ctx));
  if (done) co_return Result<void>();
  co_return co_await flush(std::move(ctx));
}

void Http1Connection::abort() {
  if (answer_ == Answer::kDone || answer_ == Answer::kAborted) return;
  answer_ = Answer::kAborted;
  gone_ = true;
  keep_alive_ = false;
  stream_->reset();
}

}  // namespace drover::http
