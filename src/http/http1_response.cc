// The answering half of an HTTP/1.1 connection: heads, framing, and few writes.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "base/decimal.h"
#include "base/limits/http.h"
#include "http/buffers.h"
#include "http/http1_connection.h"

namespace drover::http {
namespace {

/// What a chunk's size and the stream's end take at most.
constexpr size_t kChunkFraming = 32;

/// Framing belongs to the connection, whatever the handler set.
bool is_framing(std::string_view name) {
  return (name.size() == 14 && iequals(name, "content-length")) ||
         (name.size() == 17 && iequals(name, "transfer-encoding")) ||
         (name.size() == 10 && (iequals(name, "connection") || iequals(name, "keep-alive"))) ||
         (name.size() == 7 && iequals(name, "upgrade"));
}

void append_chunk_size(std::string& out, size_t size) {
  std::array<char, 16> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  out.append(digits.data(), end.ptr);
  out += "\r\n";
}

void put_status_line(std::string& out, int status) {
  out += "HTTP/1.1 ";
  append_decimal(out, status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
}

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

Result<void> Http1Connection::put_head(const ResponseHead& head, std::string_view framing,
                                       size_t follows) {
  begin_output(kHeadUsual + follows);
  const Headers& headers = head.headers;
  if (const size_t index = headers.first_unsound(); index != headers.size()) {
    return fail(Code::kInvalidArgument, "the answer's header " +
                                            to_lower(headers.at(index).first.substr(0, 64)) +
                                            " holds what no header may hold");
  }
  put_status_line(out_, head.status);
  append_fields(out_, headers, &is_framing);
  if (!headers.has("date")) append_field(out_, "Date", core_.date());
  out_ += framing;
  if (!keep_alive_) {
    out_ += "Connection: close\r\n";
  } else if (parser_.version_minor() == 0) {
    out_ += "Connection: keep-alive\r\n";
  }
  return {};
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

/// The same with a small body behind what stands in out_; what is left of both stands there
/// afterwards. Copied at the last moment into what the answer before left from: the copy is written
/// to lines that the first cache has, and the kernel reads it there.
Result<bool> Http1Connection::flush_now_with(const Context& ctx, std::string_view body) {
  if (body.empty()) return flush_now(ctx);
  std::string& output = core_.output;
  output.assign(out_).append(body);
  std::string_view rest = output;
  TRY_VOID(send_now(ctx, rest));
  const bool done = rest.empty();
  if (done) {
    end_output();
  } else {
    out_.assign(rest);
  }
  if (output.capacity() > kOutputKeptMax) output = std::string();
  return done;
}

Task<Result<void>> Http1Connection::flush(Context ctx) {
  CO_TRY(bool done, flush_now(ctx));
  if (done) co_return Result<void>();
  Result<void> sent = co_await send(std::move(ctx), out_);
  end_output();
  co_return sent;
}

Result<bool> Http1Connection::put_answer(const ResponseHead& head, size_t body_size,
                                         size_t follows) {
  decide_keep_alive(true);
  prepared_ = false;
  bool bare = head.is_bare();
  out_.clear();
  TRY_VOID(put_head(head, {}, follows));
  if (!bare) append_content_length(out_, body_size);
  out_ += "\r\n";
  return !bare && !is_head_ && body_size != 0;
}

Task<Result<void>> Http1Connection::respond(Context ctx, ResponseHead head, std::string body) {
  if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
  CO_TRY(bool with_body, put_answer(head, body.size(), 0));
  answer_ = Answer::kDone;
  co_await core_.answering.enter(core_.loop);
  std::string_view rest = body;
  if (!with_body) rest = std::string_view();
  std::string_view together;
  if (rest.size() <= kCoalesceMax) together = std::exchange(rest, std::string_view());
  CO_TRY(bool done, flush_now_with(ctx, together));
  if (!done) CO_TRY_VOID(co_await flush(ctx));
  if (!rest.empty()) CO_TRY_VOID(co_await send(ctx, rest));
  co_return Result<void>();
}

void Http1Connection::prepare(ResponseHead head, std::string body) {
  if (answer_ != Answer::kNone) return;
  const bool small = body.size() <= kCoalesceMax;
  Result<bool> with_body = put_answer(head, body.size(), small ? body.size() : 0);
  if (with_body && *with_body && small) out_ += body;
  prepared_ = with_body && (!*with_body || small);
  if (!prepared_) ServerResponse::prepare(std::move(head), std::move(body));
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
  prepared_ = false;
  out_.clear();
  CO_TRY_VOID(put_head(head, framing, std::min(first.size(), kCoalesceMax)));
  out_ += "\r\n";
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
