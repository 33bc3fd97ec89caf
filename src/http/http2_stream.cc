#include "http/http2_stream.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/http.h"

namespace drover::http {
namespace {

/// Fields that belong to a connection, which HTTP/2 does not have (RFC 9113 section 8.2.2).
bool is_connection_field(std::string_view lower) {
  return lower == "connection" || lower == "keep-alive" || lower == "transfer-encoding" ||
         lower == "upgrade" || lower == "proxy-connection";
}

nghttp2_nv make_nv(std::string_view name, std::string_view value) {
  nghttp2_nv nv;
  nv.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
  nv.namelen = name.size();
  nv.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
  nv.valuelen = value.size();
  nv.flags = NGHTTP2_NV_FLAG_NONE;
  return nv;
}

/// What cannot be read does not come so far: nghttp2 refuses it.
bool announces_more_than(size_t bytes, const Headers& headers) {
  Result<std::optional<uint64_t>> length = content_length(headers);
  return length && length->value_or(0) > bytes;
}

}  // namespace

Http2Stream::Http2Stream(Http2Connection& connection, int32_t id)
    : connection_(connection), id_(id), cancel_(connection.scope_.context()) {
  head_.version_major = 2;
  head_.target.clear();
}

void Http2Stream::add_header(std::string_view name, std::string_view value) {
  header_bytes_ += name.size() + value.size() + 32;
  if (header_bytes_ > connection_.core_.options.header_bytes_max ||
      head_.headers.size() >= limits::kHttpHeaderCountMax) {
    refusal_ = 431;
    return;
  }
  if (name == ":method") {
    head_.method = value;
    if (value == "CONNECT") refusal_ = 501;
  } else if (name == ":path") {
    head_.target = value;
    for (unsigned char c : value) {
      if (c <= 0x20 || c >= 0x7f || c == '#') refusal_ = 400;
    }
  } else if (name == ":authority") {
    head_.authority = value;
  } else if (name.starts_with(':')) {
    return;
  } else {
    if (name == "host" && head_.authority.empty()) head_.authority = value;
    head_.headers.add(name, value);
  }
}

void Http2Stream::take_data(std::string_view data) {
  if (discarding_) {
    discarded_ += data.size();
    nghttp2_session_consume(connection_.session_, id_, data.size());
  } else {
    in_.append(data);
  }
  readable_.wake_all();
}

void Http2Stream::end_input() {
  in_ended_ = true;
  readable_.wake_all();
}

void Http2Stream::on_closed() {
  closed_ = true;
  if (!end_sent_) cancel_.cancel("the client has left");
  readable_.wake_all();
  writable_.wake_all();
}

void Http2Stream::reset(uint32_t code) {
  if (answer_ != Answer::kDone) answer_ = Answer::kAborted;
  if (closed_ || reset_ || connection_.gone_) return;
  reset_ = true;
  nghttp2_submit_rst_stream(connection_.session_, NGHTTP2_FLAG_NONE, id_, code);
  connection_.kick();
}

void Http2Stream::discard_input() {
  discarding_ = true;
  if (in_.empty() || connection_.gone_) return;
  if (closed_) {
    nghttp2_session_consume_connection(connection_.session_, in_.size());
  } else {
    nghttp2_session_consume(connection_.session_, id_, in_.size());
  }
  in_.clear();
}

Failure Http2Stream::body_failed(int status, Code code, std::string reason, std::string message) {
  fail_status_ = status;
  return fail(Error(code, std::move(message)).with_reason(std::move(reason)));
}

Task<Result<std::string_view>> Http2Stream::read_some(Context ctx) {
  while (in_.empty()) {
    if (in_ended_) co_return std::string_view();
    if (closed_ || connection_.gone_) co_return fail(Code::kCancelled, "the client has left");
    Context bounded = ctx.with_timeout(connection_.core_.options.read_timeout);
    async::Wake wake = co_await readable_.wait(bounded);
    if (wake == async::Wake::kWoken) continue;
    if (wake == async::Wake::kDeadline && ctx.remaining() > Duration::zero()) {
      co_return body_failed(408, Code::kDeadlineExceeded, "body_timeout",
                            "the request's body did not arrive in time");
    }
    co_return fail(async::wake_error(wake, ctx));
  }
  view_.clear();
  view_.swap(in_);
  body_bytes_ += view_.size();
  if (!closed_) {
    nghttp2_session_consume(connection_.session_, id_, view_.size());
  } else if (!connection_.gone_) {
    nghttp2_session_consume_connection(connection_.session_, view_.size());
  }
  connection_.kick();
  if (body_bytes_ > connection_.core_.options.body_bytes_max) {
    co_return body_failed(413, Code::kResourceExhausted, "body_too_large",
                          "the request's body is too large");
  }
  co_return std::string_view(view_);
}

Task<Result<std::string>> Http2Stream::read_all(Context ctx, size_t max_bytes) {
  std::string out;
  if (announces_more_than(max_bytes, head_.headers)) {
    co_return body_failed(
        413, Code::kResourceExhausted, "body_too_large",
        "the request's body is larger than " + std::to_string(max_bytes) + " bytes");
  }
  for (;;) {
    Result<std::string_view> part = co_await read_some(ctx);
    if (!part) co_return fail(std::move(part).error());
    if (part->empty()) co_return out;
    if (out.size() + part->size() > max_bytes) {
      co_return body_failed(
          413, Code::kResourceExhausted, "body_too_large",
          "the request's body is larger than " + std::to_string(max_bytes) + " bytes");
    }
    out.append(*part);
  }
}

Result<void> Http2Stream::submit(const ResponseHead& head, const std::string* content_length,
                                 bool with_body) {
  if (closed_ || connection_.gone_) return fail(Code::kCancelled, "the client has left");
  TRY_VOID(head.headers.check());
  static const std::string kStatusName = ":status";
  static const std::string kLengthName = "content-length";
  static const std::string kDateName = "date";
  std::string status = std::to_string(head.status);
  const Headers::Range fields = head.headers.fields();
  std::vector<std::string> names;
  names.reserve(fields.size());
  std::vector<nghttp2_nv> nva;
  nva.reserve(fields.size() + 3);
  nva.push_back(make_nv(kStatusName, status));
  bool has_date = false;
  for (const Headers::View& field : fields) {
    std::string lower = to_lower(field.first);
    if (is_connection_field(lower) || (content_length != nullptr && lower == kLengthName)) continue;
    has_date = has_date || lower == kDateName;
    names.push_back(std::move(lower));
    nva.push_back(make_nv(names.back(), field.second));
  }
  if (!has_date) nva.push_back(make_nv(kDateName, connection_.core_.date()));
  if (content_length != nullptr) nva.push_back(make_nv(kLengthName, *content_length));
  nghttp2_data_provider provider;
  provider.source.ptr = this;
  provider.read_callback = [](nghttp2_session*, int32_t, uint8_t*, size_t length, uint32_t* flags,
                              nghttp2_data_source* source, void*) -> ssize_t {
    Http2Stream* me = static_cast<Http2Stream*>(source->ptr);
    size_t n = std::min(length, me->pending_.size());
    if (n == 0 && !me->end_) return NGHTTP2_ERR_DEFERRED;
    if (n > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (me->end_ && n == me->pending_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  };
  int done = nghttp2_submit_response(connection_.session_, id_, nva.data(), nva.size(),
                                     with_body ? &provider : nullptr);
  if (done != 0) return fail(Code::kInternal, nghttp2_strerror(done));
  connection_.kick();
  return {};
}

/// Until what is pending (and the end, if it was reached) is in a write to the socket.
Task<Result<void>> Http2Stream::wait_sent(Context ctx) {
  while (!all_sent()) {
    if (closed_ || connection_.gone_) {
      pending_ = {};
      co_return fail(Code::kCancelled, "the client has left");
    }
    Context bounded = ctx.with_timeout(limits::kHttpWriteTimeout);
    async::Wake wake = co_await writable_.wait(bounded);
    if (wake == async::Wake::kWoken || all_sent()) continue;
    pending_ = {};  // the caller's memory goes with the caller
    reset(NGHTTP2_CANCEL);
    co_return fail(async::wake_error(wake, bounded));
  }
  co_return Result<void>();
}

Task<Result<void>> Http2Stream::respond(Context ctx, ResponseHead head, std::string body) {
  if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
  bool bare = head.is_bare();
  std::string length = std::to_string(body.size());
  bool with_body = !bare && head_.method != "HEAD" && !body.empty();
  end_ = true;
  if (with_body) pending_ = body;
  Result<void> submitted = submit(head, bare ? nullptr : &length, with_body);
  if (!submitted) {
    pending_ = {};
    end_ = false;
    co_return submitted;
  }
  answer_ = Answer::kDone;
  co_return co_await wait_sent(std::move(ctx));
}

Task<Result<void>> Http2Stream::start(Context ctx, ResponseHead head, std::string_view first) {
  if (answer_ != Answer::kNone) co_return fail(Code::kFailedPrecondition, "answered already");
  bool bare = head.is_bare();
  bool with_body = !bare && head_.method != "HEAD";
  CO_TRY_VOID(submit(head, nullptr, with_body));
  answer_ = Answer::kStreaming;
  end_ = !with_body;
  if (!with_body || first.empty()) co_return Result<void>();
  co_return co_await write(std::move(ctx), first);
}

Task<Result<void>> Http2Stream::write(Context ctx, std::string_view data) {
  if (answer_ != Answer::kStreaming) {
    co_return fail(Code::kFailedPrecondition, "the answer is not open for writing");
  }
  if (closed_ || connection_.gone_) co_return fail(Code::kCancelled, "the client has left");
  if (data.empty() || end_) co_return Result<void>();
  pending_ = data;
  nghttp2_session_resume_data(connection_.session_, id_);
  connection_.kick();
  co_return co_await wait_sent(std::move(ctx));
}

Task<Result<void>> Http2Stream::finish(Context ctx, std::string_view last) {
  if (answer_ != Answer::kStreaming) {
    co_return fail(Code::kFailedPrecondition, "the answer is not open for writing");
  }
  if (closed_ || connection_.gone_) co_return fail(Code::kCancelled, "the client has left");
  answer_ = Answer::kDone;
  if (!end_) {
    pending_ = last;
    end_ = true;
    nghttp2_session_resume_data(connection_.session_, id_);
    connection_.kick();
  }
  co_return co_await wait_sent(std::move(ctx));
}

}  // namespace drover::http
